<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace FreePBX\modules\Offhook;

/** How the section "Cisco phone" of the Extension page looks: FreePBX's own form elements. */
final class SectionView
{
    private const SECTION = 'Cisco phone';

    /** @var object FreePBX's component of the page */
    private $component;
    /** @var Models */
    private $models;

    public function __construct($component, Models $models)
    {
        $this->component = $component;
        $this->models = $models;
    }

    /**
     * Above the list of extensions, after "add": works without JavaScript.
     *
     * @param bool $saved whether FreePBX saved the extension
     */
    public static function banner(string $extension, string $refusal, string $note, bool $saved): string
    {
        if ($refusal !== '' && !$saved) {
            return self::alert('danger', "The Cisco phone was not stored: $refusal.");
        }
        if ($refusal !== '') {
            $link = sprintf('<a href="config.php?display=extensions&amp;extdisplay=%s">extension %1$s</a>.', Text::html($extension));
            return self::alert('danger', 'The Cisco phone was not stored: ' . $refusal . '. It can be entered again at ', $link);
        }
        return $note === '' ? '' : self::alert('info', "Cisco phone of extension $extension: $note.");
    }

    /** What the last save has to say, above the tabs. */
    public function notices(string $refusal, string $note): void
    {
        if ($refusal !== '') {
            $html = self::alert('danger', "The Cisco phone was not stored: $refusal.");
            $this->component->addguielem('_top', new \gui_html('offhook_refused', $html));
        } elseif ($note !== '') {
            $this->component->addguielem('_top', new \gui_html('offhook_note', self::alert('info', "Cisco phone: $note.")));
        }
    }

    /** In place of the fields. */
    public function trouble(string $sentence): void
    {
        $this->add(new \gui_label('offhook_trouble', self::alert('warning', ucfirst($sentence) . '.')));
    }

    /**
     * The fields.
     *
     * @param array[] $lines the extension's lines; the first one is edited here
     * @param ?Wish   $typed what was typed and refused
     */
    public function fields(array $lines, ?Wish $typed, bool $safe): void
    {
        $line = $lines[0] ?? null;
        $was = $line === null ? '' : $line['mac'] . '/' . $line['button'];
        $stored = (string) ($line['model'] ?? Models::AUTO);
        // One that is not in our catalogue may be a site's own, and an ordinary save leaves it as it is.
        $stored = $this->models->find($stored) ?? $stored;
        $model = $typed === null ? $stored : $this->models->find($typed->model) ?? Models::AUTO;
        $options = [['value' => Models::AUTO, 'text' => 'auto (what the phone says)']];
        foreach (array_diff(array_unique(array_merge($this->models->names(), [$stored])), [Models::AUTO]) as $name) {
            $options[] = ['value' => Text::html($name), 'text' => Text::html($name)];
        }
        $this->component->addguielem('_top', new \gui_hidden(Section::WAS, $was));
        $this->add(new \gui_textbox(
            Section::MAC, $typed->mac ?? $line['mac'] ?? '', 'MAC address',
            'The 12 hexadecimal digits on the back of the phone, in any spelling. Empty: this extension is on no Cisco phone.',
            '!isEmpty() && !/^\s*(sep|sip)?([0-9a-f][\s:.-]*){12}$/i.test(theForm.' . Section::MAC . '.value)',
            'A MAC address has 12 hexadecimal digits', true
        ));
        $this->add(new \gui_selectbox(
            Section::MODEL, $options, Text::html($model), 'Model',
            'Auto will do where the phone has been seen; the lines and the NAT settings it needs depend on it.', false
        ));
        $this->add(new \gui_textbox(
            Section::BUTTON, $typed->button ?? $line['button'] ?? '', 'Button',
            'Which line key of the phone this extension is on, counted from 1. Empty: the first free one.'
        ));
        $this->add(new \gui_textbox(
            Section::TARGET, $typed->target ?? $line['target_load'] ?? '', 'Target load',
            'The firmware that this phone should run, such as SIP42.9-4-2SR3-1S. Empty: what it has.'
        ));
        // Ticked where there is no phone yet. An ordinary save of a phone that works must not change its secret.
        $this->add(new \gui_checkbox(
            Section::SAFE, $typed === null ? $line === null : $safe, 'Secret and NAT settings',
            'FreePBX makes secrets of 32 characters, and these phones take 30 or 31, some only 12. This sets one of 12 letters and digits, and the ' .
            'NAT settings that a phone on UDP needs, in the same save. It does nothing without a MAC address.',
            'yes', ' Set a secret this phone can carry, and the NAT settings it needs' .
            // FreePBX draws a check box as wide as a text field, in the middle of it.
            '<style>#offhook_safe{display:inline-block;width:auto;height:auto;margin:0 .4em 0 0;vertical-align:middle;box-shadow:none}</style>'
        ));
        $others = array_slice($lines, 1);
        if ($others !== []) {
            $where = implode(', ', array_map(static function ($other) {
                return "{$other['mac']} (button {$other['button']})";
            }, $others));
            $this->add(new \gui_label('offhook_others', Text::html("Also on $where. Those are changed under Connectivity, Cisco Phones.")));
        }
    }

    /** What the phone does at this moment, as the daemon says, or as it last wrote. */
    public function state(array $lines, array $statuses, Daemon $daemon): void
    {
        $mac = $lines[0]['mac'];
        $html = '';
        $status = $statuses[$mac] ?? null;
        try {
            $phone = $daemon->phone($mac);
            $html .= PhonesPage::stateHtml($phone['health'] ?? '', $phone['stage'] ?? '', $phone['summary'] ?? '');
            foreach ($daemon->findings($mac) as $finding) {
                $html .= sprintf(
                    '<div class="alert alert-%s"><strong>%s</strong>: %s<br>%s</div>',
                    Text::of($finding, 'severity') === 'error' ? 'danger' : 'warning',
                    Text::html($finding['code'] ?? ''), Text::html($finding['summary'] ?? ''), Text::html(ucfirst(Text::of($finding, 'remedy')))
                );
            }
        } catch (\Throwable $error) {
            $html .= self::alert('warning', ucfirst(Guard::sentence($error)) . '.');
            if ($status !== null) {
                $html .= PhonesPage::stateHtml($status['health'], $status['stage'], $status['summary'])
                    . '<br><small>' . Text::html("as of {$status['updated']} UTC") . '</small>';
            }
        }
        $this->add(new \gui_label('offhook_state', $html));
    }

    private function add($element): void
    {
        $this->component->addguielem(self::SECTION, $element, 5, null, 'general');
    }

    private static function alert(string $kind, string $text, string $html = ''): string
    {
        return sprintf('<div class="alert alert-%s offhook-%1$s" role="alert">%s%s</div>', $kind, Text::html($text), $html);
    }
}
