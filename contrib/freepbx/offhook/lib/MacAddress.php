<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace FreePBX\modules\Offhook;

/**
 * Hardware addresses, by the daemon's own rules (src/domain/mac.rs): read in any spelling, kept as 12 upper-case hex
 * digits. tests/data/phone-vectors.json is run by both, so that the rules are one.
 */
final class MacAddress
{
    /**
     * Reads `00:1b:54:aa:bb:01`, `001b.54aa.bb01`, `SEP001B54AABB01` and the like.
     *
     * @throws Refused what is no phone's address
     */
    public static function parse(string $text): string
    {
        // The same white space as Rust knows, and the byte order mark that spreadsheets put first.
        $digits = preg_replace('/^[\x09-\x0d\x{85}\p{Z}\x{feff}]+|[\x09-\x0d\x{85}\p{Z}\x{feff}]+$/u', '', $text);
        $digits = preg_replace('/^(sep|sip)/i', '', is_string($digits) ? $digits : '?');
        $digits = strtoupper(str_replace([':', '-', '.', ' '], '', $digits));
        if (preg_match('/^[0-9A-F]{12}\z/', $digits) !== 1) {
            throw new Refused(sprintf(
                '"%s" is no MAC address: it has 12 hexadecimal digits (label on the back of the phone); correct it',
                Text::short($text)
            ));
        }
        if ($digits === '000000000000') {
            throw new Refused('the all-zero MAC address belongs to no phone; type the one on the back of the phone');
        }
        if ((hexdec($digits[1]) & 1) === 1) {
            throw new Refused(sprintf(
                '%s is a multicast or broadcast address and belongs to no phone; type the one on the back of the phone',
                $digits
            ));
        }
        return $digits;
    }
}
