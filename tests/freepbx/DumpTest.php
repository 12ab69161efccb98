<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Offhook\Tests;

require_once __DIR__ . '/HostCase.php';

/**
 * The module on the whole database of a FreePBX; OFFHOOK_FREEPBX_DUMP is its path (.sql.gz).
 *
 * @group dump
 */
final class DumpTest extends HostCase
{
    protected function setUp(): void
    {
        if ((string) getenv('OFFHOOK_FREEPBX_DUMP') === '') {
            self::markTestSkipped('OFFHOOK_FREEPBX_DUMP is not set');
        }
        parent::setUp();
    }

    protected function tables(): string
    {
        return 'compress.zlib://' . getenv('OFFHOOK_FREEPBX_DUMP');
    }

    public function testEveryExtensionCanHaveAPhoneAndKeepsEverythingElse(): void
    {
        self::rows('create table if not exists kvstore_FreePBX_modules_Offhook like kvstore_Sipsettings');
        self::assertCount(75, array_diff(array_column(self::rows('show tables'), 0), ['offhook_phones', 'offhook_lines', 'offhook_status', 'kvstore_FreePBX_modules_Offhook']));
        $extensions = \FreePBX::Offhook()->directory()->extensions();
        self::assertGreaterThan(5, count($extensions));
        $before = $macs = [];
        foreach ($extensions as $extension => $name) {
            $extension = (string) $extension;
            $macs[$extension] = sprintf('001B54%06X', count($macs) + 1);
            $before[$extension] = self::settings($extension);
            $html = self::edit($extension, ['offhook_mac' => $macs[$extension], 'offhook_model' => '7960']);
            self::assertStringContainsString('has a new secret and NAT settings', $html, "$extension $name");
            $after = self::settings($extension);
            self::assertSame(1, preg_match('/^[A-Za-z0-9]{12}\z/', $after['secret']));
            // The host's form has what core's has, but for these two, which core makes itself.
            $own = array_flip(['secret', 'secret_origional', 'force_rport', 'rewrite_contact', 'nat', 'callerid', 'remove_existing']);
            self::assertSame(array_map('trim', array_diff_key($before[$extension], $own)), array_diff_key($after, $own), $extension);
        }
        $once = array_map([self::class, 'settings'], array_map('strval', array_keys($extensions)));
        self::act('safe', ['offhook_chosen' => array_values($macs)]);
        foreach (array_keys($extensions) as $at => $extension) {
            $after = self::settings((string) $extension);
            self::assertNotSame($once[$at]['secret'], $after['secret']);
            self::assertSame(array_diff_key($once[$at], ['secret' => 1]), array_diff_key($after, ['secret' => 1]));
        }
        self::assertCount(count($extensions), \FreePBX::Offhook()->bulkhandlerExport('extensions'));
        self::assertStringContainsString(htmlspecialchars((string) reset($extensions), ENT_QUOTES), self::get('display=offhook'));
        self::assertSame([], \HostLog::$lines);
    }
}
