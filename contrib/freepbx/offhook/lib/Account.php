<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace FreePBX\modules\Offhook;

/** What the person at the page may do, beyond FreePBX's own check of which pages may be seen. */
final class Account
{
    /**
     * Whether the extension is in the range that this administrator was given. Core's pages hold to it in what they show
     * and save; without a session, as in fwconsole, there is no range.
     */
    public static function mayChange(string $extension): bool
    {
        return !function_exists('checkRange') || checkRange($extension);
    }

    /** Whether all extensions on that phone are in the range; null = a phone that nobody has yet. */
    public static function mayChangePhone(?array $phone): bool
    {
        foreach ($phone['lines'] ?? [] as $line) {
            if ($line['kind'] === 'line' && !self::mayChange((string) $line['extension'])) {
                return false;
            }
        }
        return true;
    }

    /** @throws Refused where they are not */
    public static function permit(string $mac, ?array $phone): void
    {
        if (!self::mayChangePhone($phone)) {
            throw new Refused("phone $mac has an extension outside the range of your account, so nothing was done; leave that phone out");
        }
    }
}
