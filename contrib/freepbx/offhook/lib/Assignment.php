<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace FreePBX\modules\Offhook;

/**
 * Which extension goes on which button of which phone. Pure: what is in the tables comes in, what should be there
 * comes out, or the sentence why not.
 */
final class Assignment
{
    /** @var string 12 upper-case hex digits */
    public $mac;
    /** @var string catalogue name or `auto` */
    public $model;
    /** @var ?string load; null = as it is */
    public $target;
    /** @var int from 1 */
    public $button;
    /** @var ?int the button that the extension has on this phone now */
    public $from;
    /** @var string what is to be said, or empty */
    public $note = '';

    /**
     * @param ?array $phone the phone with that MAC as it is stored: `model` and `lines`, by button, each with `kind`
     *                      and `extension`; null = there is none
     * @throws Refused with a sentence that says what to do
     */
    public static function decide(Wish $wish, ?array $phone, Models $models): self
    {
        $made = new self();
        $made->mac = MacAddress::parse($wish->mac);
        $lines = $phone['lines'] ?? [];
        $made->from = self::current($wish, $made->mac, $lines);
        $others = $lines;
        unset($others[(int) $made->from]);
        // Lines of its own do not make it a guest: it may have to move from one of them to the button that is asked for.
        $host = $made->from !== null ? null : array_values(array_filter($others, static function ($line) use ($wish) {
            return $line['kind'] === 'line' && (string) $line['extension'] !== $wish->extension;
        }))[0] ?? null;

        $made->model = self::model($wish, $made->mac, $phone, $host, $models);
        $keys = $models->lines($made->model);
        $a = $made->model === Models::AUTO ? 'a phone of this catalogue' : "a {$made->model}";
        if ($others !== [] && max(array_keys($others)) > $keys) {
            $button = max(array_keys($others));
            throw new Refused(sprintf(
                '%s has %s, and phone %s carries %s on button %d; choose the right model, or take that line off first',
                $a, $keys === 1 ? 'one line key' : "$keys line keys", $made->mac, self::named($others[$button]), $button
            ));
        }
        $made->button = self::button($wish, $made, $others, $keys, $a);
        $made->target = self::target($wish, $host !== null);
        if ($host !== null) {
            $made->note = sprintf(
                'phone %s carries %s already, so extension %s is its button %d',
                $made->mac, self::named($host), $wish->extension, $made->button
            );
        }
        return $made;
    }

    /** The button on which the extension is already: the one of the form, else the one that was typed, else any. */
    private static function current(Wish $wish, string $mac, array $lines): ?int
    {
        $own = array_keys(array_filter($lines, static function ($line) use ($wish) {
            return $line['kind'] === 'line' && (string) $line['extension'] === $wish->extension;
        }));
        $before = $wish->before();
        if ($before !== null && $before[0] === $mac && in_array($before[1], $own, true)) {
            return $before[1];
        }
        if ($wish->button !== '') {
            return in_array((int) $wish->button, $own, true) ? (int) $wish->button : null;
        }
        return $own === [] ? null : (int) $own[0];
    }

    /** @param ?array $host a line of another extension, whose phone this one joins; null = it may choose the model */
    private static function model(Wish $wish, string $mac, ?array $phone, ?array $host, Models $models): string
    {
        $model = $models->find($wish->model);
        if ($model === null && $phone !== null && $wish->model === (string) $phone['model']) {
            // A model that a site added to the daemon's catalogue: it stays as it is.
            return $wish->model;
        }
        if ($model === null) {
            throw new Refused(sprintf(
                '"%s" is no model of the catalogue; known are %s, or auto',
                Text::short($wish->model), implode(', ', $models->names())
            ));
        }
        $stored = $phone === null ? Models::AUTO : ($models->find((string) $phone['model']) ?? Models::AUTO);
        if ($wish->model === '') {
            return $stored;
        }
        if ($host === null || $stored === Models::AUTO) {
            return $model;
        }
        if ($model !== Models::AUTO && $model !== $stored) {
            throw new Refused(sprintf(
                'phone %s is a %s for %s, not a %s; choose auto or %s here, or change it there',
                $mac, $stored, self::named($host), $model, $stored
            ));
        }
        return $stored;
    }

    private static function button(Wish $wish, self $made, array $others, int $keys, string $a): int
    {
        if ($wish->button === '') {
            $free = array_diff(range(1, $keys), array_keys($others));
            if ($made->from !== null && $made->from <= $keys) {
                return $made->from;
            }
            if ($free === []) {
                throw new Refused(sprintf(
                    '%s of phone %s taken; take an extension off it, or use another phone',
                    $keys === 1 ? 'the one line key' : "all $keys line keys", $made->mac . ($keys === 1 ? ' is' : ' are')
                ), Refused::TAKEN);
            }
            return (int) reset($free);
        }
        $button = preg_match('/^\d{1,3}\z/', $wish->button) === 1 ? (int) $wish->button : 0;
        if ($button < 1 || $button > $keys) {
            throw new Refused(sprintf(
                $keys === 1
                    ? '%s has %d line key, and "%s" is not the number of it; type 1, or leave the button empty'
                    : '%s has the line keys 1 to %d, and "%s" is none of them; choose one of those, or leave the button empty',
                $a, $keys, Text::short($wish->button)
            ));
        }
        if (isset($others[$button])) {
            throw new Refused(sprintf(
                'button %d of phone %s belongs to %s; choose another, or leave the button empty for the first free one',
                $button, $made->mac, self::named($others[$button])
            ), Refused::TAKEN);
        }
        return $button;
    }

    private static function target(Wish $wish, bool $joins): ?string
    {
        if ($wish->target === null || ($joins && $wish->target === '')) {
            return null;
        }
        if (preg_match('/^[A-Za-z0-9._-]{0,40}\z/', $wish->target) !== 1) {
            throw new Refused(sprintf(
                '"%s" is no name of a firmware load; it reads like SIP42.9-4-2SR3-1S, or leave it empty',
                Text::short($wish->target)
            ));
        }
        return $wish->target;
    }

    private static function named(array $line): string
    {
        $what = ['line' => 'extension', 'speed_dial' => 'the speed dial', 'blf' => 'the BLF', 'service' => 'the service'];
        return ($what[$line['kind']] ?? 'the entry') . ' ' . Text::short((string) $line['extension']);
    }
}
