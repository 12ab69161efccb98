<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Offhook\Tests;

use FreePBX\modules\Offhook\MacAddress;
use FreePBX\modules\Offhook\Models;
use FreePBX\modules\Offhook\PhoneSecret;
use FreePBX\modules\Offhook\Refused;
use PHPUnit\Framework\TestCase;

require_once __DIR__ . '/host/start.php';

/** What is typed means here what it means to the daemon; the same file is read by tests/it/module.rs. */
final class SpellingsTest extends TestCase
{
    public static function vectors(string $kind): array
    {
        return json_decode((string) file_get_contents(dirname(__DIR__) . '/data/phone-vectors.json'), true)[$kind];
    }

    public function testMacAddresses(): void
    {
        foreach (self::vectors('mac') as list($typed, $meant)) {
            try {
                $read = MacAddress::parse($typed);
            } catch (Refused $refused) {
                $read = null;
                self::assertLessThan(200, strlen($refused->getMessage()));
            }
            self::assertSame($meant, $read, json_encode($typed));
        }
        foreach (["\xff\xfe", str_repeat('0', 10000), "001B54AABB0\xff"] as $bytes) {
            try {
                MacAddress::parse($bytes);
                self::fail('taken for a MAC: ' . bin2hex(substr($bytes, 0, 20)));
            } catch (Refused $refused) {
                self::assertSame(1, preg_match('//u', $refused->getMessage()), 'a message is UTF-8');
            }
        }
    }

    public function testModels(): void
    {
        $models = Models::load();
        foreach (self::vectors('model') as list($typed, $meant)) {
            self::assertSame($meant, $models->find($typed), json_encode($typed));
        }
        self::assertSame('auto', $models->find(''));
        self::assertSame('auto', $models->find(' AUTO '));
        self::assertSame(24, $models->lines('auto'));
        self::assertSame(2, $models->lines('7942'));
    }

    public function testTransportIsByModelAndLoad(): void
    {
        $models = Models::load();
        foreach ([
            ['7960', null, 'udp'], ['7960', 'P0S3-8-12-00', 'udp'], ['7942', null, 'tcp'], ['7942', 'SIP42.9-4-2SR3-1S', 'tcp'],
            ['7942', 'SIP42.8-5-2S', 'udp'], ['7942', 'garbage', 'tcp'], ['auto', null, null], ['auto', 'SIP42.8-5-2S', null], ['9999', null, null],
        ] as list($model, $load, $transport)) {
            self::assertSame($transport, $models->transport($model, $load), "$model with $load");
        }
    }

    public function testASecretIsSafeAndDoesNotPrintItself(): void
    {
        $seen = [];
        for ($i = 0; $i < 500; $i++) {
            $secret = PhoneSecret::generate();
            $value = $secret->reveal();
            self::assertSame(1, preg_match('/^(?=(?:.*\d){2})(?=(?:.*[A-Za-z]){2})[A-Za-z0-9]{12}\z/', $value));
            $seen[$value] = true;
        }
        self::assertCount(500, $seen);
        ob_start();
        var_dump($secret);
        print_r($secret);
        echo json_encode($secret), serialize($secret);
        self::assertStringNotContainsString($value, (string) ob_get_clean());
        self::assertFalse(method_exists($secret, '__toString'));
    }
}
