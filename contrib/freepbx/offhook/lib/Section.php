<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace FreePBX\modules\Offhook;

/**
 * The section "Cisco phone" of the Extension page: what happens when it is saved. How it looks is SectionView's.
 *
 * FreePBX calls, in one request: configpageinit, process functions in order (ours 1, core's 5, ours 9), then the GUI
 * functions. Core deletes and inserts in between, so ours decides before, and stores after.
 */
final class Section
{
    /** Names of our fields. None begins with `devinfo_`, which core would store as a SIP setting. */
    public const MAC = 'offhook_mac';
    public const MODEL = 'offhook_model';
    public const BUTTON = 'offhook_button';
    public const TARGET = 'offhook_target_load';
    public const SAFE = 'offhook_safe';
    public const WAS = 'offhook_was';

    /** @var Directory */
    private $directory;
    /** @var Models */
    private $models;
    /** @var ?Wish what this request asks for; null = it says nothing of a phone */
    private $wish;
    /** @var string why it was refused; empty = it was not */
    private $refusal = '';
    /** @var string what was done that is worth a word */
    private $note = '';
    /** @var ?PhoneSecret the secret that core was given in this request */
    private $secret;

    public function __construct(Directory $directory, Models $models)
    {
        $this->directory = $directory;
        $this->models = $models;
    }

    /** Before core saves: decides, and where it was asked for puts a safe secret into what core will save. */
    public function prepare(): void
    {
        $this->wish = $this->wished();
        if ($this->wish === null || $this->wish->mac === '') {
            return;
        }
        try {
            $mac = MacAddress::parse($this->wish->mac);
            $phone = $this->directory->phone($mac);
            if (!$this->leavesAsItIs($mac, $phone)) {
                Account::permit($mac, $phone);
            }
            $plan = $this->directory->plan($this->wish);
            $this->note = $plan->note;
            if (Text::of($_POST, self::SAFE) === 'yes') {
                $this->makeSafe($plan);
            }
        } catch (\Throwable $error) {
            $this->refusal = Guard::sentence($error);
        }
    }

    /** After core saved: stores our rows, or says why not. The extension that has a phone now; null where none was stored. */
    public function process(): ?string
    {
        if ($this->wish === null) {
            return null;
        }
        $adding = Text::of($_REQUEST, 'action') === 'add';
        $saved = false;
        try {
            $saved = ($GLOBALS['abort'] ?? false) !== true && $this->directory->technology($this->wish->extension) !== null;
            if (!$saved && $this->wish->mac !== '') {
                throw new Refused(sprintf(
                    'FreePBX did not save extension %s, so its phone was not stored either; correct what it names and %s',
                    $this->wish->extension, $adding ? 'add the extension again' : 'press Submit again'
                ));
            }
            if ($saved && $this->refusal === '') {
                $this->store($this->wish);
            }
        } catch (\Throwable $error) {
            $this->refusal = Guard::sentence($error);
        }
        // After "add" FreePBX shows the list of extensions, on which nothing else of ours appears.
        if ($adding) {
            echo SectionView::banner($this->wish->extension, $this->refusal, $this->note, $saved);
        }
        return $this->refusal === '' && $this->wish->mac !== '' ? $this->wish->extension : null;
    }

    /** Shows the section. */
    public function show($component, Daemon $daemon): void
    {
        $extension = Text::of($_REQUEST, 'extdisplay');
        $technology = $extension === ''
            ? explode('_', Text::of($_REQUEST, 'tech_hardware'))[0]
            : Guard::call('reading the technology', function () use ($extension) {
                return $this->directory->technology($extension);
            }, 'pjsip');
        if (!in_array($technology, ['pjsip', 'sip'], true) || ($extension !== '' && !Account::mayChange($extension))) {
            return;
        }
        $view = new SectionView($component, $this->models);
        try {
            $lines = $extension === '' ? [] : $this->directory->linesOf($extension);
            $statuses = $lines === [] ? [] : $this->directory->statuses();
        } catch (\Throwable $error) {
            $view->trouble(Guard::sentence($error));
            return;
        }
        $typed = $this->refusal === '' ? null : $this->wish;
        $view->notices($this->refusal, $this->note);
        $view->fields($lines, $typed, $typed !== null && Text::of($_POST, self::SAFE) === 'yes');
        if ($lines !== []) {
            $view->state($lines, $statuses, $daemon);
        }
    }

    /** What was typed; null where the request has no section of ours, or is no save of a SIP extension. */
    private function wished(): ?Wish
    {
        $action = Text::of($_REQUEST, 'action');
        $technology = strtolower(Text::of($_REQUEST, 'tech'));
        $extension = Text::of($_REQUEST, $action === 'edit' ? 'extdisplay' : 'extension');
        $ours = isset($_POST[self::MAC]) && in_array($technology, ['pjsip', 'sip'], true);
        if (!$ours || !in_array($action, ['add', 'edit'], true) || !Text::isExtension($extension) || !Account::mayChange($extension)) {
            return null;
        }
        return new Wish(
            $extension,
            Text::of($_POST, self::MAC),
            Text::of($_POST, self::MODEL),
            Text::of($_POST, self::BUTTON),
            Text::of($_POST, self::TARGET),
            $action === 'edit' ? Text::of($_POST, self::WAS) : ''
        );
    }

    /** Whether the phone would be what it was: an ordinary save of an extension that shares a phone with others. */
    private function leavesAsItIs(string $mac, ?array $phone): bool
    {
        return $phone !== null && $this->wish->before() === [$mac, (int) $this->wish->button]
            && $this->wish->target === (string) $phone['target_load']
            && ($this->models->find($this->wish->model) ?? $this->wish->model) === ($this->models->find((string) $phone['model']) ?? (string) $phone['model']);
    }

    private function makeSafe(Assignment $plan): void
    {
        if (isset($_REQUEST['changesipdriver'])) {
            // Core then takes the device from its tables and not from the request.
            $this->say('the SIP driver was changed, and the secret was not; tick the box again and press Submit');
            return;
        }
        $technology = strtolower(Text::of($_REQUEST, 'tech'));
        $load = $this->directory->statuses()[$plan->mac]['load_id'] ?? null;
        $transport = $this->models->transport($plan->model, $load);
        $this->secret = PhoneSecret::generate();
        SafeSettings::intoRequest($technology, $transport, $this->secret);
        $this->say('the extension has a new secret' . ($transport === 'udp' ? ' and NAT settings for this phone' : '') . '; press Apply Config');
        if ($transport === null) {
            $this->say('the NAT settings are as they were, since they depend on the model; choose it and tick the box again');
        }
    }

    private function store(Wish $wish): void
    {
        if ($wish->mac !== '') {
            $this->directory->save($wish);
        } else {
            $this->directory->remove($wish);
        }
    }

    private function say(string $sentence): void
    {
        $this->note .= ($this->note === '' ? '' : '; ') . $sentence;
    }
}
