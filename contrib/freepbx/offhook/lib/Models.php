<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace FreePBX\modules\Offhook;

/** The catalogue as this module needs it: models.json, which is made from the daemon's own (tests/models_json.rs). */
final class Models
{
    /** The model of a phone that nobody has named yet. */
    public const AUTO = 'auto';

    /** @var array[] by name: name, spellings, lines, transport, secret_max */
    private $models;

    /** @param array[] $models entries of models.json */
    private function __construct(array $models)
    {
        $this->models = array_column($models, null, 'name');
    }

    /** The catalogue that came with this module. */
    public static function load(): self
    {
        return new self(json_decode((string) file_get_contents(dirname(__DIR__) . '/models.json'), true) ?: []);
    }

    /** The catalogue's name for what a person wrote (`CP-7960G`); `auto` for nothing; null where there is no such model. */
    public function find(string $text): ?string
    {
        $name = self::normal($text);
        if ($name === '' || $name === 'AUTO') {
            return self::AUTO;
        }
        foreach ($this->models as $model) {
            if (in_array($name, array_map([self::class, 'normal'], array_merge([$model['name']], $model['spellings'])), true)) {
                return (string) $model['name'];
            }
        }
        return null;
    }

    /** Names, in the catalogue's order. */
    public function names(): array
    {
        return array_map('strval', array_keys($this->models));
    }

    /** Line keys of a model; of `auto`, those of the largest. */
    public function lines(string $name): int
    {
        $lines = array_map('intval', array_column($this->models, 'lines', 'name'));
        return $lines[$name] ?? max(array_merge([1], $lines));
    }

    /**
     * The SIP transport, `udp` or `tcp`, that the phone is told to use; null where neither model nor load say.
     *
     * @param ?string $load what the phone runs (`SIP42.9-4-2SR3-1S`), where it is known
     */
    public function transport(string $name, ?string $load): ?string
    {
        $known = $this->models[$name]['transport'] ?? null;
        if ($known === null) {
            return null;
        }
        $major = $load !== null && preg_match('/^[^.\-]+[.\-](\d+)-/', $load, $found) === 1 ? (int) $found[1] : null;
        if ($major === null) {
            return $known['unknown'];
        }
        return $major <= 8 ? $known['8.x'] : $known['9.x'];
    }

    /** `CP-` and a plain `G` are decoration; `-GE` is other hardware. As src/domain/model.rs. */
    private static function normal(string $text): string
    {
        $name = preg_replace('/^CP-/', '', strtoupper(trim($text)));
        $gigabit = preg_replace('/G?-GE\z/', '', $name);
        return $gigabit !== $name ? $gigabit . 'G-GE' : preg_replace('/G\z/', '', $name);
    }
}
