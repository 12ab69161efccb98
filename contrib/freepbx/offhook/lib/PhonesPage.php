<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace FreePBX\modules\Offhook;

/**
 * The page "Cisco Phones": what is stored, what the daemon sees, and what can be done about it. Every action is a form
 * POST with a token of the session; a GET changes nothing.
 */
final class PhonesPage
{
    /** Health of the daemon's contract (section 7) and its colour. */
    private const COLOURS = [
        'ok' => '#2e8b57', 'waiting' => '#e0a800', 'stalled' => '#e67e22', 'looping' => '#e67e22',
        'refused' => '#c0392b', 'banned' => '#c0392b', 'needs-hands' => '#c0392b',
    ];
    private const NOTIFY = ['resync', 'restart', 'reset'];

    /** @var \FreePBX\modules\Offhook */
    private $module;
    /** @var array[] kind (`success`, `warning`, `danger`) and sentence */
    private $messages = [];

    public function __construct(\FreePBX\modules\Offhook $module)
    {
        $this->module = $module;
    }

    /** The HTML of the page, after doing what was asked for. */
    public function answer(string $method, array $post): string
    {
        if ($method === 'POST' && isset($post['offhook_action'])) {
            if (hash_equals(self::token(), Text::of($post, 'offhook_token'))) {
                $this->act(Text::of($post, 'offhook_action'), $post);
            } else {
                $this->say('danger', 'This form was of another session, so nothing was done; try again');
            }
        }
        return $this->render();
    }

    /** A coloured dot, the state in words, and the sentence that explains it. */
    public static function stateHtml($health, $stage, $summary): string
    {
        $health = is_string($health) ? $health : '';
        return sprintf(
            '<span style="display:inline-block;width:.8em;height:.8em;border-radius:50%%;background:%s" aria-hidden="true"></span> ' .
            '<strong>%s</strong> %s<br><span>%s</span>',
            self::COLOURS[$health] ?? '#95a5a6', Text::html($health === '' ? 'unknown' : $health), Text::html($stage), Text::html($summary)
        );
    }

    /** This session's token. */
    public static function token(): string
    {
        if (!is_string($_SESSION['offhook_token'] ?? null)) {
            $_SESSION['offhook_token'] = bin2hex(random_bytes(16));
        }
        return $_SESSION['offhook_token'];
    }

    private function act(string $action, array $post): void
    {
        try {
            $macs = array_values(array_unique(array_map([MacAddress::class, 'parse'], Text::listOf($post, 'offhook_chosen'))));
            if ($action === 'assign') {
                $this->assign($post);
            } elseif ($action === 'purge') {
                $this->purge();
            } elseif ($macs === []) {
                $this->say('warning', 'No phone was chosen; tick one or more and press the button again');
            } else {
                array_map([$this, 'permit'], $macs);
                $this->actOn($action, $macs);
            }
        } catch (\Throwable $error) {
            $this->say('danger', Guard::sentence($error));
        }
    }

    private function actOn(string $action, array $macs): void
    {
        if ($action === 'remove') {
            $this->each($macs, function ($mac) {
                return $this->module->directory()->removePhone($mac)
                    ? "phone $mac was taken out"
                    : "phone $mac is not assigned here; where the daemon holds it, use `offhook phones remove $mac`";
            });
        } elseif ($action === 'safe') {
            $this->makeSafe($macs);
        } elseif (in_array($action, self::NOTIFY, true)) {
            $this->each($macs, function ($mac) use ($action) {
                set_time_limit(60);
                $summary = $this->module->daemon()->notify($mac, $action);
                return strpos($summary, $mac) === false ? "$mac, $action: $summary" : $summary;
            });
        } else {
            $this->say('danger', 'This button is not known; reload the page');
        }
    }

    private function assign(array $post): void
    {
        $extension = Text::of($post, 'offhook_extension');
        if (!Account::mayChange($extension) || !in_array($this->module->directory()->technology($extension), ['pjsip', 'sip'], true)) {
            throw new Refused(sprintf('"%s" is no SIP extension of this PBX; choose one from the list', Text::short($extension)));
        }
        $wish = new Wish($extension, Text::of($post, 'offhook_mac'), Text::of($post, 'offhook_model'), Text::of($post, 'offhook_button'), null);
        $mac = MacAddress::parse($wish->mac);
        Account::permit($mac, $this->module->directory()->phone($mac));
        $plan = $this->module->directory()->save($wish);
        $this->module->settled($extension);
        $this->say('success', "extension $extension is on button {$plan->button} of phone {$plan->mac}");
        if (Text::of($post, 'offhook_safe') === 'yes') {
            $this->module->makeSafe($extension, $plan->mac);
            $this->say('success', "extension $extension has a new secret; press Apply Config");
        }
    }

    private function purge(): void
    {
        $gone = $this->module->directory()->gone($this->module->directory()->assigned());
        $count = $this->module->directory()->purge(array_filter($gone, [Account::class, 'mayChange']));
        if ($count === 0) {
            $this->say('success', 'Every extension that is on a phone is in FreePBX, so there was nothing to take off');
            return;
        }
        $this->say('success', $count === 1
            ? '1 line of an extension that FreePBX does not have any more was taken off its phone'
            : "$count lines of extensions that FreePBX does not have any more were taken off their phones");
    }

    private function permit(string $mac): void
    {
        $phone = $this->module->directory()->phone($mac);
        try {
            $phone = $phone ?? self::heldByDaemon($this->module->daemon()->phone($mac));
        } catch (Refused $refused) {
            // The daemon does not know it, or is down: what is wanted of the phone ends there, too.
            return;
        }
        Account::permit($mac, $phone);
    }

    private function makeSafe(array $macs): void
    {
        $done = [];
        foreach ($macs as $mac) {
            foreach ($this->module->directory()->phone($mac)['lines'] ?? [] as $line) {
                $extension = (string) $line['extension'];
                if ($line['kind'] !== 'line' || isset($done[$extension])) {
                    continue;
                }
                // Core takes about a tenth of a second for each.
                set_time_limit(60);
                try {
                    $this->module->makeSafe($extension, $mac);
                    $done[$extension] = true;
                } catch (\Throwable $error) {
                    $this->say('danger', Guard::sentence($error));
                }
            }
        }
        if ($done !== []) {
            $many = count($done) > 1;
            $this->say('success', ($many ? 'New secrets for ' : 'New secret for ') . implode(', ', array_keys($done)) . '; press Apply Config'
                . ($many ? ', once for all of them' : '') . '. A phone that runs registers again when it has fetched its file');
        } else {
            $this->say('warning', 'No extension of the chosen phones got a new secret');
        }
    }

    private function each(array $macs, callable $work): void
    {
        foreach ($macs as $at => $mac) {
            try {
                $this->say('success', (string) $work($mac));
            } catch (\Throwable $error) {
                if ($error instanceof Refused && $error->getCode() === Refused::UNREACHABLE) {
                    $this->say('danger', 'nothing was sent to ' . implode(', ', array_slice($macs, $at)) . ': ' . $error->getMessage());
                    return;
                }
                $sentence = Guard::sentence($error);
                // The daemon's own sentences name the phone.
                $this->say('danger', strpos($sentence, $mac) === false ? "phone $mac: $sentence" : $sentence);
            }
        }
    }

    private function say(string $kind, string $sentence): void
    {
        $this->messages[] = [$kind, ucfirst($sentence) . '.'];
    }

    private function render(): string
    {
        $phones = $seen = $extensions = $checks = [];
        try {
            $phones = $this->module->directory()->phones();
            $extensions = $this->module->directory()->extensions();
        } catch (\Throwable $error) {
            $this->say('danger', Guard::sentence($error));
        }
        try {
            $live = array_column($this->module->daemon()->phones(), null, 'mac');
            foreach ($phones as $mac => $phone) {
                $phones[$mac]['live'] = $live[$mac] ?? null;
            }
            // `foreign` and `ignored` ones are left alone: somebody said so.
            foreach (array_diff_key($live, $phones) as $mac => $phone) {
                if (($phone['ownership'] ?? '') === 'adopted') {
                    $phones[$mac] = self::heldByDaemon($phone);
                } elseif (($phone['ownership'] ?? '') === 'seen') {
                    $seen[] = $phone;
                }
            }
            ksort($phones);
            $checks = isset($_GET['offhook_check']) ? $this->module->daemon()->check() : [];
        } catch (\Throwable $error) {
            $this->say('warning', Guard::sentence($error));
        }
        $phones = array_filter($phones, [Account::class, 'mayChangePhone']);
        $extensions = array_filter($extensions, static function ($number) {
            return Account::mayChange((string) $number);
        }, ARRAY_FILTER_USE_KEY);
        $deleted = $this->module->deletedExtensions();
        $tcpOff = $this->reason($phones, 'tcp-off');
        $tcpSilent = $this->reason($phones, 'tcp-silent');
        $models = $this->module->models()->names();
        $messages = $this->messages;
        $token = self::token();
        ob_start();
        include dirname(__DIR__) . '/views/phones.php';
        return (string) ob_get_clean();
    }

    /** A phone that the daemon was given by its own means, in the shape of ours. */
    private static function heldByDaemon(array $phone): array
    {
        $lines = [];
        foreach (is_array($phone['lines'] ?? null) ? $phone['lines'] : [] as $line) {
            $lines[(int) ($line['button'] ?? 0)] = ['kind' => 'line', 'extension' => Text::of($line, 'extension')];
        }
        return [
            'model' => Text::of($phone, 'model'), 'description' => 'assigned in offhook', 'enabled' => 1,
            'target_load' => Text::of($phone, 'target_load'), 'lines' => $lines, 'status' => null, 'live' => $phone,
        ];
    }

    /** MACs of the phones whose finding this is. */
    private function reason(array $phones, string $reason): array
    {
        return array_keys(array_filter($phones, static function ($phone) use ($reason) {
            return ($phone['live']['reason'] ?? $phone['status']['reason'] ?? '') === $reason;
        }));
    }
}
