<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace FreePBX\modules\Offhook;

/** What came in from outside, as text: a value of a request may be absent, an array, or ten thousand characters. */
final class Text
{
    /** The value under that name, trimmed; empty where it is absent or no text. */
    public static function of(array $values, string $name): string
    {
        $value = $values[$name] ?? '';
        return is_string($value) || is_int($value) ? trim((string) $value) : '';
    }

    /** The texts of a list under that name; what is no text is left out. */
    public static function listOf(array $values, string $name): array
    {
        $list = $values[$name] ?? [];
        return is_array($list) ? array_values(array_filter($list, 'is_string')) : [];
    }

    /** Whether it reads as the number of an extension; core's columns hold 20 characters. */
    public static function isExtension(string $text): bool
    {
        return preg_match('/^\d{1,20}\z/', $text) === 1;
    }

    /** For a message: printable, and at most 40 characters. */
    public static function short(string $text): string
    {
        $clean = preg_replace('/[\x00-\x1f\x7f]/u', ' ', $text);
        $clean = is_string($clean) ? $clean : preg_replace('/[^\x20-\x7e]/', '?', $text);
        return mb_strlen($clean, 'UTF-8') > 40 ? mb_substr($clean, 0, 39, 'UTF-8') . '…' : $clean;
    }

    /** For HTML, as text and as the value of an attribute; what is no UTF-8 is replaced. */
    public static function html($text): string
    {
        $text = is_scalar($text) ? (string) $text : '';
        return htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
    }
}
