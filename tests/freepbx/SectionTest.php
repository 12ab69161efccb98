<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Offhook\Tests;

require_once __DIR__ . '/HostCase.php';

/** The section "Cisco phone" of the Extension page, through whole requests. */
final class SectionTest extends HostCase
{
    public function testAPhoneIsTypedSavedAndShown(): void
    {
        self::assertStringContainsString('id="offhook_safe" value="yes" checked', self::get('display=extensions&extdisplay=1001'));
        $html = self::edit('1001', ['offhook_mac' => '00:1b:54:aa:bb:01', 'offhook_model' => '7960', 'offhook_target_load' => 'P0S3-8-12-00']);
        self::assertStored([self::MAC . ' 7960'], [self::MAC . ' 1 1001']);
        self::assertSame('P0S3-8-12-00', self::rows('select target_load from offhook_phones')[0][0]);
        self::assertStringContainsString('value="' . self::MAC . '"', $html);
        self::assertStringContainsString('has a new secret and NAT settings', $html);
        self::assertStringContainsString('value="' . self::MAC . '/1"', $html);
        self::assertSame([], \HostLog::$lines);
    }

    public function testTheTickWorksInTheSameSaveAndOnlyThere(): void
    {
        $before = self::settings('1001');
        self::edit('1001', ['offhook_mac' => self::MAC, 'offhook_model' => '7960']);
        $after = self::settings('1001');
        self::assertSame(1, preg_match('/^[A-Za-z0-9]{12}\z/', $after['secret']));
        self::assertSame(['no', 'no'], [$after['force_rport'], $after['rewrite_contact']]);
        $others = array_flip(['secret', 'force_rport', 'rewrite_contact', 'secret_origional']);
        self::assertSame(array_diff_key($before, $others), array_diff_key($after, $others));
        // From then on the box is not ticked, and a save changes nothing.
        self::assertStringNotContainsString('id="offhook_safe" value="yes" checked', self::edit('1001', ['name' => 'Alice Changed']));
        self::assertSame($after, array_replace(self::settings('1001'), ['callerid' => $after['callerid']]));
        self::edit('1001', ['offhook_safe' => 'yes']);
        self::assertNotSame($after['secret'], self::setting('1001', 'secret'));
    }

    public function testWithoutAMacTheTickDoesNothing(): void
    {
        $before = self::settings('1001');
        self::edit('1001', ['offhook_safe' => 'yes']);
        self::assertSame(array_diff_key($before, ['secret_origional' => 1]), self::settings('1001'));
        self::assertStored([], []);
    }

    public function testTcpPhonesKeepTheirNatSettings(): void
    {
        self::edit('1001', ['offhook_mac' => self::MAC, 'offhook_model' => '7942']);
        self::assertSame(['yes', 'yes'], [self::setting('1001', 'force_rport'), self::setting('1001', 'rewrite_contact')]);
        self::rows("insert into offhook_status (mac, load_id) values (?, 'SIP42.8-5-2S')", [self::MAC]);
        self::edit('1001', ['offhook_safe' => 'yes']);
        self::assertSame(['no', 'no'], [self::setting('1001', 'force_rport'), self::setting('1001', 'rewrite_contact')]);
    }

    public function testAutoSaysThatNatIsLeft(): void
    {
        $html = self::edit('1001', ['offhook_mac' => self::MAC]);
        self::assertStringContainsString('NAT settings are as they were', $html);
        self::assertSame('yes', self::setting('1001', 'force_rport'));
        self::assertSame(12, strlen(self::setting('1001', 'secret')));
    }

    public function testChanSip(): void
    {
        self::edit('2001', ['offhook_mac' => self::MAC, 'offhook_model' => '7960']);
        self::assertSame('no', self::setting('2001', 'nat'));
        self::assertSame(12, strlen(self::setting('2001', 'secret')));
        self::assertNull(self::setting('2001', 'force_rport'));
    }

    public function testWhenTheDriverChangesTheSecretDoesNotAndThatIsSaid(): void
    {
        $html = self::edit('1001', ['offhook_mac' => self::MAC, 'changesipdriver' => 'yes']);
        self::assertStringContainsString('SIP driver was changed, and the secret was not', $html);
        self::assertSame('alice-secret-1001', self::setting('1001', 'secret'));
    }

    /** @dataProvider refusals */
    public function testARefusalStoresNothingOfOursAndKeepsWhatWasTyped(array $typed, string $message): void
    {
        self::rows("insert into offhook_phones (mac, model) values (?, '7942')", [self::OTHER]);
        self::rows("insert into offhook_lines (mac, button, extension) values (?, 1, '1002')", [self::OTHER]);
        $before = self::stored();
        $html = self::edit('1001', $typed + ['name' => 'Alice Saved']);
        self::assertStringContainsString('The Cisco phone was not stored', $html);
        self::assertStringContainsString($message, $html);
        self::assertStringContainsString('value="' . htmlspecialchars($typed['offhook_mac']) . '"', $html);
        self::assertSame($before, self::stored());
        self::assertSame('alice-secret-1001', self::setting('1001', 'secret'), 'a refused phone changes no secret');
        self::assertSame('Alice Saved', self::rows("select name from users where extension = '1001'")[0][0]);
    }

    public static function refusals(): array
    {
        return [
            [['offhook_mac' => '001B54'], 'is no MAC address'],
            [['offhook_mac' => 'FFFFFFFFFFFF'], 'broadcast'],
            [['offhook_mac' => '01005E000001'], 'multicast'],
            [['offhook_mac' => '000000000000'], 'all-zero'],
            [['offhook_mac' => self::MAC . '00'], 'is no MAC address'],
            [['offhook_mac' => self::MAC, 'offhook_model' => '7942', 'offhook_button' => '9'], 'line keys 1 to 2'],
            [['offhook_mac' => self::OTHER, 'offhook_button' => '1'], 'belongs to extension 1002'],
            [['offhook_mac' => self::MAC, 'offhook_model' => 'zork'], 'is no model of the catalogue'],
            [['offhook_mac' => '"><script>alert(1)</script>'], '&lt;script&gt;'],
        ];
    }

    public function testAMacOfAnotherExtensionIsAnotherButtonOfThatPhone(): void
    {
        self::edit('1002', ['offhook_mac' => self::MAC, 'offhook_model' => '7942']);
        $html = self::edit('1001', ['offhook_mac' => self::MAC]);
        self::assertStored([self::MAC . ' 7942'], [self::MAC . ' 1 1002', self::MAC . ' 2 1001']);
        self::assertStringContainsString('carries extension 1002 already, so extension 1001 is its button 2', $html);
    }

    public function testAReplacedPhoneLeavesNoneBehind(): void
    {
        self::edit('1001', ['offhook_mac' => self::MAC, 'offhook_model' => '7942']);
        self::edit('1001', ['offhook_mac' => self::OTHER]);
        self::assertStored([self::OTHER . ' 7942'], [self::OTHER . ' 1 1001']);
        self::edit('1001', ['offhook_mac' => '']);
        self::assertStored([], []);
    }

    public function testALabelSurvivesAMoveToAnotherButton(): void
    {
        self::edit('1001', ['offhook_mac' => self::MAC, 'offhook_model' => '7942']);
        self::rows("update offhook_lines set label = 'Front desk'");
        self::edit('1001', ['offhook_button' => '2']);
        self::assertSame([[self::MAC, '2', 'Front desk']], array_map(static function ($row) {
            return array_map('strval', $row);
        }, self::rows('select mac, button, label from offhook_lines')));
    }

    public function testASecondPhoneOnAnExtensionIsShownAndLeft(): void
    {
        foreach ([self::MAC, self::OTHER] as $mac) {
            self::rows("insert into offhook_phones (mac, model) values (?, '7942')", [$mac]);
            self::rows("insert into offhook_lines (mac, button, extension) values (?, 1, '1001')", [$mac]);
        }
        $before = self::stored();
        $html = self::edit('1001', ['name' => 'Alice']);
        self::assertStringContainsString('Also on ' . self::OTHER . ' (button 1)', $html);
        self::assertSame($before, self::stored());
    }

    public function testAddingAnExtensionWithAPhone(): void
    {
        $html = self::submit('display=extensions&tech_hardware=pjsip_generic', ['extension' => '1050', 'name' => 'New', 'offhook_mac' => self::MAC, 'offhook_model' => '7960']);
        self::assertStored([self::MAC . ' 7960'], [self::MAC . ' 1 1050']);
        self::assertSame(12, strlen(self::setting('1050', 'secret')));
        self::assertSame('no', self::setting('1050', 'rewrite_contact'));
        self::assertStringContainsString('Cisco phone of extension 1050', $html);
        self::assertStringContainsString('id="list"', $html);
    }

    public function testABadMacOfANewExtensionDoesNotVanishSilently(): void
    {
        $html = self::submit('display=extensions&tech_hardware=pjsip_generic', ['extension' => '1050', 'name' => 'New', 'offhook_mac' => '12']);
        self::assertStored([], []);
        self::assertSame([['pjsip']], self::rows("select tech from devices where id = '1050'"));
        self::assertStringContainsString('The Cisco phone was not stored', $html);
        self::assertStringContainsString('extdisplay=1050', $html);
        self::assertSame(md5('new'), self::setting('1050', 'secret'));
    }

    public function testWhereCoreDoesNotSaveNeitherDoWe(): void
    {
        $html = self::submit('display=extensions&tech_hardware=pjsip_generic', ['extension' => '1001', 'name' => 'Twice', 'offhook_mac' => self::MAC]);
        self::assertStored([], []);
        self::assertStringContainsString('FreePBX did not save extension 1001', $html);
        // The list of extensions has no such button.
        self::assertStringContainsString('correct what it names and add the extension again', $html);
        self::assertStringNotContainsString('press Submit', $html);
        self::assertStringNotContainsString('It can be entered again', $html);
        self::assertSame('alice-secret-1001', self::setting('1001', 'secret'));
    }

    public function testListsAndVirtualExtensionsHaveNoSection(): void
    {
        foreach (['display=extensions', 'display=extensions&extdisplay=3001', 'display=extensions&tech_hardware=virtual', 'display=index', 'display=extensions&extdisplay=1001&action=del'] as $page) {
            self::assertStringNotContainsString('offhook_mac', self::get($page), $page);
        }
        self::assertStringContainsString('offhook_mac', self::get('display=extensions&tech_hardware=sip_generic'));
        self::edit('3001', ['offhook_mac' => self::MAC]);
        self::assertStored([], []);
    }

    /** FreePBX can give an account a range of extensions, and hides the page of any other. */
    public function testAnExtensionOutsideTheRangeOfTheAccountHasNoSection(): void
    {
        self::edit('2001', ['offhook_mac' => self::MAC]);
        $before = self::stored();
        \HostCore::$range = ['1000', '1999'];
        $html = self::get('display=extensions&extdisplay=2001');
        self::assertStringNotContainsString(self::MAC, $html);
        // Core looks at `extension` and saves `extdisplay`.
        foreach (['2001', '1001'] as $extension) {
            $html = self::edit('2001', ['extension' => $extension, 'offhook_mac' => self::OTHER, 'offhook_was' => self::MAC . '/1', 'offhook_model' => '7942']);
            self::assertStringNotContainsString(self::MAC, $html);
        }
        $html = self::edit('1001', ['offhook_mac' => self::MAC, 'offhook_target_load' => 'SIP42.8-5-2S', 'offhook_button' => '1']);
        self::assertStringContainsString('has an extension outside the range of your account', $html);
        self::assertStringNotContainsString('2001', $html);
        self::assertSame($before, self::stored());
        self::assertSame([[null]], self::rows('select target_load from offhook_phones'));
        self::edit('1001', ['offhook_mac' => self::OTHER]);
        self::assertCount(2, self::stored()[1]);
    }

    /** Its extension is on a phone with others: what concerns that extension alone is saved without a word, the phone is not changed. */
    public function testAnAccountWithARangeSavesItsExtensionOnASharedPhone(): void
    {
        self::edit('2001', ['offhook_mac' => self::MAC, 'offhook_model' => '7942', 'offhook_target_load' => 'SIP42.8-5-2S']);
        self::edit('1001', ['offhook_mac' => self::MAC]);
        $before = self::stored();
        \HostCore::$range = ['1000', '1999'];
        self::assertStringNotContainsString('was not stored', self::edit('1001', ['name' => 'Alice', 'offhook_safe' => 'yes']));
        self::assertSame(12, strlen((string) self::setting('1001', 'secret')));
        foreach ([['offhook_model' => '7960'], ['offhook_target_load' => ''], ['offhook_button' => '']] as $change) {
            self::assertStringContainsString('outside the range of your account', self::edit('1001', $change));
        }
        self::assertSame($before, self::stored());
        self::edit('1001', ['offhook_mac' => '']);
        self::assertStored([self::MAC . ' 7942'], [self::MAC . ' 1 2001']);
    }

    /** For an account that may not see the page, FreePBX calls the functions with another name in its place. */
    public function testAnAccountThatMayNotSeeThePageCannotPostToIt(): void
    {
        foreach (['noaccess', 'noauth', 'badrefer'] as $page) {
            $_POST = ['display' => 'extensions', 'action' => 'edit', 'extdisplay' => '1001', 'tech' => 'pjsip', 'offhook_mac' => self::MAC, 'offhook_safe' => 'yes'];
            $_REQUEST = $_POST;
            $GLOBALS['currentcomponent'] = new \component();
            offhook_configpageinit($page);
            $GLOBALS['currentcomponent']->processconfigpage();
            $GLOBALS['currentcomponent']->buildconfigpage();
            self::assertSame([], $GLOBALS['currentcomponent']->elements);
            self::assertArrayNotHasKey('devinfo_secret', $_REQUEST);
        }
        self::assertStored([], []);
    }

    public function testAFormWithoutOurFieldsChangesNothing(): void
    {
        self::edit('1001', ['offhook_mac' => self::MAC]);
        $before = self::stored();
        self::edit('1001', ['offhook_mac' => null, 'offhook_was' => null, 'offhook_model' => null]);
        self::assertSame($before, self::stored());
    }

    public function testStateAndFindingsAreShown(): void
    {
        self::edit('1001', ['offhook_mac' => self::MAC, 'offhook_model' => '7942']);
        $this->daemon([
            'GET /api/v1/phones/' . self::MAC => [200, self::live(self::MAC, ['health' => 'needs-hands', 'summary' => '<b>TCP</b> is off.'])],
            'GET /api/v1/phones/' . self::MAC . '/findings' => [200, [['code' => 'tcp-off', 'severity' => 'error', 'summary' => 's<u>m', 'evidence' => [], 'remedy' => 'switch it on & restart']]],
        ]);
        $html = self::get('display=extensions&extdisplay=1001');
        foreach (['needs-hands', '&lt;b&gt;TCP&lt;/b&gt; is off.', '<strong>tcp-off</strong>', 's&lt;u&gt;m', 'Switch it on &amp; restart'] as $text) {
            self::assertStringContainsString($text, $html);
        }
    }

    public function testWithoutTheDaemonTheLastStateIsShown(): void
    {
        self::edit('1001', ['offhook_mac' => self::MAC]);
        self::rows("insert into offhook_status (mac, stage, health, reason, summary, updated) values (?, 'registered', 'ok', 'registered', 'All is well.', '2026-01-02 03:04:05')", [self::MAC]);
        $html = self::get('display=extensions&extdisplay=1001');
        self::assertStringContainsString('systemctl start offhook', $html);
        self::assertStringContainsString('All is well.', $html);
        self::assertStringContainsString('as of 2026-01-02 03:04:05 UTC', $html);
    }

    public function testADaemonThatHangsCostsFourSecondsAtMost(): void
    {
        self::edit('1001', ['offhook_mac' => self::MAC]);
        $this->daemon(['GET /api/v1/phones/' . self::MAC => [0, null]]);
        $since = microtime(true);
        $html = self::get('display=extensions&extdisplay=1001');
        self::assertLessThan(4.5, microtime(true) - $since);
        self::assertStringContainsString('did not answer in time', ucfirst($html));
    }

    /** Files replaced by newer ones and `ma install` not run yet: FreePBX disables the module, its class hooks still fire. */
    public function testTablesOfAnOlderShapeBreakNothing(): void
    {
        self::edit('1001', ['offhook_mac' => self::MAC]);
        self::rows('alter table offhook_phones drop column target_load');
        self::rows('alter table offhook_lines drop column label');
        self::assertStringContainsString('ma install offhook', self::get('display=extensions&extdisplay=1001'));
        self::assertStringContainsString('ma install offhook', self::get('display=offhook'));
        $module = \FreePBX::Offhook();
        $module->delUser('1001', true);
        $module->delUser('1001', false);
        $module->postReload();
        $module->processQuickCreate('pjsip', '1001', ['offhook_mac' => self::OTHER]);
        self::assertStored([self::MAC . ' auto'], [self::MAC . ' 1 1001']);
        $module->install();
        self::assertStringContainsString(self::MAC, self::get('display=offhook'));
    }

    public function testMissingTablesAreSaidAndBreakNothing(): void
    {
        self::rows('drop table offhook_lines');
        self::assertStringContainsString('ma install offhook', self::get('display=extensions&extdisplay=1001'));
        $html = self::edit('1001', ['offhook_mac' => self::MAC, 'name' => 'Alice Saved']);
        self::assertStringContainsString('id="submit"', $html);
        self::assertSame('Alice Saved', self::rows("select name from users where extension = '1001'")[0][0]);
        self::assertNotSame([], \HostLog::$lines);
    }
}
