<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace FreePBX\modules\Offhook;

/**
 * A SIP secret that every phone of the catalogue can carry. It does not print itself: not by echo, not by var_dump,
 * not by json_encode, not by serialize.
 */
final class PhoneSecret implements \JsonSerializable
{
    /** Characters; two phones on 9.4(2) failed above 12 (docs/models.md). */
    public const LENGTH = 12;

    private const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

    /** @var string */
    private $value;

    private function __construct(string $value)
    {
        $this->value = $value;
    }

    /** A new one, about 71 bits, letters and digits; both kinds at least twice, as FreePBX asks of a strong secret. */
    public static function generate(): self
    {
        do {
            $value = '';
            for ($at = 0; $at < self::LENGTH; $at++) {
                $value .= self::ALPHABET[random_int(0, strlen(self::ALPHABET) - 1)];
            }
            $digits = preg_match_all('/\d/', $value);
        } while ($digits < 2 || $digits > self::LENGTH - 2);
        return new self($value);
    }

    /** The value, for whoever stores it. */
    public function reveal(): string
    {
        return $this->value;
    }

    /** What var_dump shows. */
    public function __debugInfo(): array
    {
        return ['value' => '***'];
    }

    /** What json_encode shows. */
    #[\ReturnTypeWillChange]
    public function jsonSerialize()
    {
        return '***';
    }

    /** What serialize keeps: nothing. */
    public function __serialize(): array
    {
        return [];
    }
}
