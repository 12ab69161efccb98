<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Offhook\Tests;

use FreePBX\modules\Offhook\Assignment;
use FreePBX\modules\Offhook\Models;
use FreePBX\modules\Offhook\Refused;
use FreePBX\modules\Offhook\Wish;
use PHPUnit\Framework\TestCase;

require_once __DIR__ . '/host/start.php';

/** The rule of who gets which button, as a table. */
final class AssignmentTest extends TestCase
{
    private const MAC = '001B54AABB01';

    private static function phone(string $model, array $extensions): array
    {
        $lines = [];
        foreach ($extensions as $button => $extension) {
            $kind = strpos($extension, 'blf:') === 0 ? 'blf' : 'line';
            $lines[$button] = ['kind' => $kind, 'extension' => str_replace('blf:', '', $extension)];
        }
        return ['model' => $model, 'lines' => $lines];
    }

    /** @dataProvider cases */
    public function testCase(array $typed, ?array $phone, $wanted): void
    {
        $typed += ['model' => 'auto', 'button' => '', 'target' => '', 'was' => ''];
        try {
            $made = Assignment::decide(new Wish('1001', self::MAC, $typed['model'], $typed['button'], $typed['target'], $typed['was']), $phone, Models::load());
            self::assertSame($wanted, [$made->model, $made->button, $made->from]);
        } catch (Refused $refused) {
            self::assertIsString($wanted, $refused->getMessage());
            self::assertStringContainsString($wanted, $refused->getMessage());
        }
    }

    public static function cases(): array
    {
        $was = self::MAC . '/1';
        return [
            'a new phone' => [['model' => 'CP-7942G'], null, ['7942', 1, null]],
            'a new phone, a button' => [['model' => '7942', 'button' => '2'], null, ['7942', 2, null]],
            'nobody knows the model' => [[], null, ['auto', 1, null]],
            'no such model' => [['model' => '8851'], null, '"8851" is no model'],
            'no such button' => [['model' => '7942', 'button' => '3'], null, 'a 7942 has the line keys 1 to 2'],
            'button 0' => [['model' => '7942', 'button' => '0'], null, 'line keys 1 to 2'],
            'a button in words' => [['model' => '7942', 'button' => 'two'], null, '"two" is none of them'],
            'a button with a line end' => [['model' => '7942', 'button' => "1\n"], null, 'none of them'],
            'auto has as many as the largest' => [['button' => '24'], null, ['auto', 24, null]],
            'more than the largest' => [['button' => '25'], null, 'line keys 1 to 24'],
            'joins, the next free button' => [[], self::phone('7942', [1 => '1002']), ['7942', 2, null]],
            'joins, a gap' => [[], self::phone('7960', [1 => '1002', 3 => '1003']), ['7960', 2, null]],
            'joins with the same model' => [['model' => '7942'], self::phone('7942', [1 => '1002']), ['7942', 2, null]],
            'joins and names the model' => [['model' => '7942'], self::phone('auto', [1 => '1002']), ['7942', 2, null]],
            'joins with another model' => [['model' => '7960'], self::phone('7942', [1 => '1002']), 'is a 7942 for extension 1002, not a 7960'],
            'taken' => [['button' => '1'], self::phone('7942', [1 => '1002']), 'belongs to extension 1002'],
            'taken by a key' => [['button' => '2'], self::phone('7942', [1 => '1002', 2 => 'blf:1003']), 'belongs to the BLF 1003'],
            'full' => [[], self::phone('7942', [1 => '1002', 2 => '1003']), 'all 2 line keys of phone ' . self::MAC . ' are taken'],
            'again' => [['model' => '7942', 'was' => $was], self::phone('7942', [1 => '1001']), ['7942', 1, 1]],
            'moves' => [['model' => '7942', 'button' => '2', 'was' => $was], self::phone('7942', [1 => '1001']), ['7942', 2, 1]],
            'moves onto another' => [['model' => '7942', 'button' => '2', 'was' => $was], self::phone('7942', [1 => '1001', 2 => '1002']), 'belongs to extension 1002'],
            'another model' => [['model' => '7960', 'was' => $was], self::phone('7942', [1 => '1001', 2 => '1002']), ['7960', 1, 1]],
            'a model too small' => [['model' => '7906', 'was' => $was], self::phone('7942', [1 => '1001', 2 => '1002']), 'carries extension 1002 on button 2'],
            'its only extension, another model and button' => [['model' => '7960', 'button' => '3'], self::phone('7942', [1 => '1001']), ['7960', 3, null]],
            'keys are nobody to ask for the model' => [['model' => '7960', 'button' => '3'], self::phone('7942', [2 => 'blf:1003']), ['7960', 3, null]],
            'one key, and too many lines' => [['model' => '7906', 'was' => $was], self::phone('7942', [1 => '1001', 2 => '1002']), 'a 7906 has one line key, and phone'],
            'one key, and no such button' => [['model' => '7906', 'button' => '2'], null, 'a 7906 has 1 line key, and "2" is not the number of it'],
            'one key, and it is taken' => [[], self::phone('7906', [1 => '1002']), 'the one line key of phone ' . self::MAC . ' is taken'],
            'an empty model leaves it' => [['model' => '', 'was' => $was], self::phone('7942', [1 => '1001']), ['7942', 1, 1]],
            "a site's own model stays" => [['model' => '7999', 'was' => $was], self::phone('7999', [1 => '1001']), ['7999', 1, 1]],
            'a line of a form that is out of date' => [['was' => $was], self::phone('7942', [1 => '1002']), ['7942', 2, null]],
            'a good load' => [['target' => 'SIP42.9-4-2SR3-1S'], null, ['auto', 1, null]],
            'a load with a path' => [['target' => '../etc/passwd'], null, 'is no name of a firmware load'],
            'a load that is too long' => [['target' => str_repeat('S', 41)], null, 'is no name of a firmware load'],
        ];
    }
}
