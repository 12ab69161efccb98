<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Offhook\Tests;

use Offhook\Host\Page;

require_once __DIR__ . '/HostCase.php';

/** The page "Cisco Phones". */
final class PhonesPageTest extends HostCase
{
    private const PAGE = 'display=offhook';

    private function assigned(string $mac, string $extension, string $model = '7942', int $button = 1): void
    {
        self::rows('insert into offhook_phones (mac, model) values (?, ?) on duplicate key update model = model', [$mac, $model]);
        self::rows('insert into offhook_lines (mac, button, extension) values (?, ?, ?)', [$mac, $button, $extension]);
    }

    public function testEveryPhoneIsShown(): void
    {
        $this->assigned(self::MAC, '1001');
        $this->assigned(self::MAC, '1777', '7942', 2);
        $this->daemon(['GET /api/v1/phones' => [200, [
            self::live(self::MAC, ['summary' => 'Line 2 is not on the PBX.', 'health' => 'needs-hands']),
            self::live('001B54AABB03', ['ownership' => 'seen', 'model' => '7960', 'load' => 'P0S3-8-12-00']),
            self::live('001B54AABB04', ['ownership' => 'adopted', 'lines' => [['button' => 1, 'extension' => '1002', 'label' => '', 'registered' => true]]]),
            self::live('001B54AABB05', ['ownership' => 'ignored']),
        ]]]);
        $html = self::get(self::PAGE);
        foreach (['Line 2 is not on the PBX.', 'Alice Example', 'not in FreePBX', 'P0S3-8-12-00', 'data-mac="001B54AABB03"', 'assigned in offhook', '#c0392b'] as $text) {
            self::assertStringContainsString($text, $html);
        }
        self::assertStringNotContainsString('001B54AABB05', $html);
        self::assertStringNotContainsString('TCP is off', $html);
        self::assertStringNotContainsString('this is bad', $html);
        self::assertSame(['GET /api/v1/phones'], $this->asked());
    }

    public function testTcpOffIsSaidWithItsMenuPath(): void
    {
        $this->assigned(self::MAC, '1001');
        self::rows("insert into offhook_status (mac, health, reason, summary) values (?, 'needs-hands', 'tcp-off', 'x')", [self::MAC]);
        $html = self::get(self::PAGE);
        self::assertStringContainsString('<strong>TCP is off</strong>', $html);
        self::assertStringContainsString('SIP Settings [chan_pjsip], Transports, tcp: Yes', $html);
        self::assertStringContainsString('needs an Asterisk restart', $html);
    }

    public function testTcpThatNobodyAnswersIsSaid(): void
    {
        $this->assigned(self::MAC, '1001');
        self::rows("insert into offhook_status (mac, health, reason, summary) values (?, 'needs-hands', 'tcp-silent', 'x')", [self::MAC]);
        $html = self::get(self::PAGE);
        self::assertStringContainsString('<strong>TCP is on, and nobody answers there</strong>', $html);
        self::assertStringContainsString('needs an Asterisk restart', $html);
        self::assertStringNotContainsString('TCP is off', $html);
        self::assertMatchesRegularExpression('/' . self::MAC . '\s+needs it/', $html);
        $this->assigned(self::OTHER, '1002');
        self::rows("insert into offhook_status (mac, health, reason, summary) values (?, 'needs-hands', 'tcp-silent', 'x')", [self::OTHER]);
        self::assertMatchesRegularExpression('/' . self::OTHER . '\s+need it/', self::get(self::PAGE));
    }

    public function testWithoutTheDaemonThePageWorks(): void
    {
        $this->assigned(self::MAC, '1001');
        self::rows("insert into offhook_status (mac, stage, health, summary, updated) values (?, 'registered', 'ok', 'All is well.', '2026-01-02 03:04:05')", [self::MAC]);
        $html = self::get(self::PAGE);
        foreach (['systemctl start offhook', 'All is well.', 'as of 2026-01-02 03:04:05 UTC'] as $text) {
            self::assertStringContainsString($text, $html);
        }
        $html = self::act('resync', ['offhook_chosen' => [self::MAC, self::OTHER]]);
        self::assertStringContainsString('Nothing was sent to ' . self::MAC . ', ' . self::OTHER . ': the offhook daemon cannot be reached; start it with `systemctl start offhook`', $html);
        self::assertStringNotContainsString('phone ' . self::MAC . ':', $html);
        self::assertSame(1, substr_count($html, 'so what follows is what it last reported'), 'of the table, and not of the order');
    }

    /** Whether the phone was told is then not known. */
    public function testADaemonThatBreaksOffIsNotSaidToHaveSentNothing(): void
    {
        $this->daemon(['GET /api/v1/phones' => [200, []], 'POST /api/v1/phones/' . self::MAC . '/reset' => [-1, null]]);
        $html = self::act('reset', ['offhook_chosen' => [self::MAC]]);
        self::assertStringContainsString('broke off before it said whether the phone was told', $html);
        self::assertStringNotContainsString('Nothing was sent', $html);
    }

    public function testNotifyingChosenPhones(): void
    {
        $this->daemon([
            'GET /api/v1/phones' => [200, []],
            'POST /api/v1/phones/' . self::MAC . '/restart' => [200, ['summary' => '001B54AABB01 was told to restart']],
            'POST /api/v1/phones/' . self::OTHER . '/restart' => [409, ['error' => 'no <contact> of 001B54AABB02 is known; restart it by hand']],
        ]);
        $html = self::act('restart', ['offhook_chosen' => ['00:1b:54:aa:bb:01', self::OTHER]]);
        self::assertStringContainsString('001B54AABB01 was told to restart', $html);
        self::assertStringContainsString('No &lt;contact&gt; of 001B54AABB02', $html, 'the phone is named once');
        self::assertContains('POST /api/v1/phones/001B54AABB01/restart', $this->asked());
        self::assertStringContainsString('No phone was chosen', self::act('restart'));
        self::assertStringContainsString('is no MAC address', self::act('restart', ['offhook_chosen' => ['../check']]));
        self::assertStringContainsString('not known', self::act('explode', ['offhook_chosen' => [self::MAC]]));
    }

    public function testAPhoneThatDoesNotAnswerIsNotWaitedFor(): void
    {
        $this->daemon(['GET /api/v1/phones' => [200, []], 'POST /api/v1/phones/' . self::MAC . '/reset' => [0, null]]);
        $since = microtime(true);
        self::assertStringContainsString('has not answered yet', self::act('reset', ['offhook_chosen' => [self::MAC]]));
        self::assertLessThan(4, microtime(true) - $since);
    }

    public function testAdoptingASeenPhone(): void
    {
        $html = self::act('assign', ['offhook_mac' => self::MAC, 'offhook_model' => '7960', 'offhook_extension' => '1001', 'offhook_safe' => 'yes']);
        self::assertStringContainsString('Extension 1001 is on button 1 of phone ' . self::MAC, $html);
        self::assertStored([self::MAC . ' 7960'], [self::MAC . ' 1 1001']);
        self::assertSame(12, strlen(self::setting('1001', 'secret')));
        self::assertSame('no', self::setting('1001', 'force_rport'));
        foreach (['3001', '9999', '', "1001' or '1'='1"] as $extension) {
            self::assertStringContainsString('is no SIP extension', self::act('assign', ['offhook_mac' => self::OTHER, 'offhook_extension' => $extension]));
        }
        self::act('assign', ['offhook_mac' => self::MAC, 'offhook_model' => '', 'offhook_extension' => '1002']);
        self::assertStored([self::MAC . ' 7960'], [self::MAC . ' 1 1001', self::MAC . ' 2 1002']);
        self::assertSame('bobsecret1002', self::setting('1002', 'secret'));
    }

    public function testNewSecretsForManyKeepEverySettingElse(): void
    {
        $this->assigned(self::MAC, '1001', '7960');
        $this->assigned(self::MAC, '1002', '7960', 2);
        $this->assigned(self::OTHER, '1009', '7942');
        $this->assigned(self::OTHER, '2001', '7942', 2);
        $before = $devices = [];
        foreach (['1001', '1002', '1009', '2001'] as $extension) {
            $before[$extension] = self::settings($extension);
            $devices[$extension] = self::rows('select * from devices where id = ?', [$extension]);
        }
        $html = self::act('safe', ['offhook_chosen' => [self::MAC, self::OTHER]]);
        self::assertStringContainsString('New secrets for 1001, 1002, 1009, 2001', $html);
        self::assertSame([['true']], self::rows("select value from admin where variable = 'need_reload'"));
        foreach ($before as $extension => $old) {
            $extension = (string) $extension;
            $new = self::settings($extension);
            self::assertNotSame($old['secret'], $new['secret']);
            $changed = array_keys(array_diff_assoc($new, $old));
            sort($changed);
            self::assertSame($extension[0] === '1' && $extension !== '1009' ? ['force_rport', 'rewrite_contact', 'secret'] : ['secret'], array_values(array_diff($changed, ['remove_existing'])), $extension);
            self::assertSame(array_keys($old), array_keys($new));
            self::assertEquals($devices[$extension], self::rows('select * from devices where id = ?', [$extension]), 'the same row of devices');
        }
        foreach ($before as $extension => $old) {
            self::assertStringNotContainsString(self::setting((string) $extension, 'secret'), $html, 'no secret is shown');
        }
    }

    public function testAHashThatAsteriskWouldTakeInsteadOfTheSecretIsEmptied(): void
    {
        $this->assigned(self::MAC, '1001', '7960');
        self::rows("insert into sip (id, keyword, data, flags) values ('1001', 'md5_cred', '0123456789abcdef0123456789abcdef', 99)");
        self::act('safe', ['offhook_chosen' => [self::MAC]]);
        self::assertSame('', self::setting('1001', 'md5_cred'));
        self::assertSame(12, strlen((string) self::setting('1001', 'secret')));
    }

    public function testAnExtensionThatCoreCannotStoreKeepsWhatItHad(): void
    {
        $this->assigned(self::MAC, '1001', '7960');
        $before = self::settings('1001');
        \HostCore::$failNext = true;
        $html = self::act('safe', ['offhook_chosen' => [self::MAC]]);
        self::assertStringContainsString('keeps the old one', $html);
        self::assertSame($before, self::settings('1001'));
        self::assertStringNotContainsString($before['secret'], $html . implode(\HostLog::$lines));
    }

    public function testRemovingAndTidyingUp(): void
    {
        $this->assigned(self::MAC, '1001');
        $this->assigned(self::OTHER, '1777');
        self::assertStringContainsString('1 line of an extension that FreePBX does not have any more was taken off its phone', self::act('purge'));
        self::assertStringContainsString('there was nothing to take off', self::act('purge'));
        self::assertStored([self::MAC . ' 7942'], [self::MAC . ' 1 1001']);
        self::assertStringContainsString('was taken out', self::act('remove', ['offhook_chosen' => [self::MAC]]));
        self::assertStored([], []);
        self::assertStringContainsString('offhook phones remove', self::act('remove', ['offhook_chosen' => [self::MAC]]));
    }

    /** FreePBX can give an account a range of extensions; core's pages neither show nor save others. */
    public function testAnAccountWithARangeOfExtensionsSeesAndChangesNoOther(): void
    {
        $this->assigned(self::MAC, '1001');
        $this->assigned(self::OTHER, '2001');
        $this->assigned(self::OTHER, '1002', '7942', 2);
        $this->assigned('001B54AABB05', '2777');
        $this->daemon([
            'GET /api/v1/phones' => [200, [self::live('001B54AABB04', ['lines' => [['button' => 1, 'extension' => '2001']]])]],
            'GET /api/v1/phones/001B54AABB04' => [200, self::live('001B54AABB04', ['lines' => [['button' => 1, 'extension' => '2001']]])],
        ]);
        $secret = self::setting('2001', 'secret');
        $before = self::stored();
        \HostCore::$range = ['1000', '1999'];
        $html = self::get(self::PAGE);
        self::assertStringContainsString(self::MAC, $html);
        foreach ([self::OTHER, '001B54AABB04', '001B54AABB05', '2001'] as $hidden) {
            self::assertStringNotContainsString($hidden, $html);
        }
        foreach ([self::OTHER, '001B54AABB04'] as $mac) {
            foreach (['resync', 'restart', 'reset', 'safe', 'remove'] as $action) {
                self::assertStringContainsString('outside the range of your account', self::act($action, ['offhook_chosen' => [self::MAC, $mac]]));
            }
        }
        self::assertStringContainsString('is no SIP extension', self::act('assign', ['offhook_mac' => '001B54AABB06', 'offhook_extension' => '2001', 'offhook_safe' => 'yes']));
        self::assertStringContainsString('outside the range of your account', self::act('assign', ['offhook_mac' => self::OTHER, 'offhook_extension' => '1001']));
        self::assertStringContainsString('nothing to take off', self::act('purge'));
        self::assertSame($before, self::stored());
        self::assertSame($secret, self::setting('2001', 'secret'));
        self::assertStringNotContainsString('POST', implode($this->asked()));
        self::assertStringContainsString('New secret for 1001; press Apply Config.', self::act('safe', ['offhook_chosen' => [self::MAC]]));
    }

    public function testNothingIsDoneWithoutTheTokenOrByAGet(): void
    {
        $this->assigned(self::MAC, '1001');
        $before = self::stored();
        $wish = ['offhook_action' => 'remove', 'offhook_chosen' => [self::MAC]];
        foreach ([[], ['offhook_token' => ''], ['offhook_token' => 'x'], ['offhook_token' => ['x']], ['offhook_token' => str_repeat('0', 10000)]] as $token) {
            self::assertStringContainsString('another session', Page::answer(['display' => 'offhook'], $wish + $token, 'POST'));
        }
        $token = ['offhook_token' => \FreePBX\modules\Offhook\PhonesPage::token()];
        Page::answer(['display' => 'offhook'] + $wish + $token, [], 'GET');
        Page::answer(['display' => 'offhook'], $wish + $token, 'GET');
        self::assertSame($before, self::stored());
    }

    public function testTheInstallationIsChecked(): void
    {
        $this->daemon([
            'GET /api/v1/phones' => [200, []],
            'GET /api/v1/check' => [200, [['name' => 'ami', 'status' => 'failed', 'summary' => 'no <login>', 'remedy' => 'see the manual']]],
        ]);
        self::assertStringContainsString('no &lt;login&gt;', self::get('display=offhook&offhook_check=1'));
        self::assertStringNotContainsString('offhook-checks', self::get(self::PAGE));
    }

    /** @dataProvider wrongAnswers */
    public function testWhateverTheDaemonSaysThePageStands($status, $body): void
    {
        $this->assigned(self::MAC, '1001');
        $this->daemon(['GET /api/v1/phones' => [$status, $body]]);
        $html = self::get(self::PAGE);
        self::assertStringContainsString(self::MAC, $html);
        self::assertStringContainsString('id="offhook-form"', $html);
        self::assertStringNotContainsString('<i>', $html);
    }

    public static function wrongAnswers(): array
    {
        return [
            [200, 'not json'], [200, '"text"'], [200, 'null'], [500, ['error' => 'a <i>bad</i> day']], [500, 'oops'], [200, []], [204, ''],
            [200, [1, 'two', null, [], ['mac' => null], ['mac' => ['x']], ['mac' => '<i>', 'ownership' => 'seen', 'model' => ['<i>'], 'load' => ['<i>']]]],
            [200, [['mac' => self::MAC, 'health' => ['x'], 'stage' => 5, 'summary' => '<i>', 'ip' => ['<i>'], 'load' => '<i>', 'reason' => ['tcp-off']]]],
            [200, [['mac' => '001B54AABB09', 'ownership' => 'adopted', 'lines' => 'none', 'model' => 7]]],
            [200, [['mac' => '001B54AABB09', 'ownership' => 'adopted', 'lines' => [1, ['button' => 'x', 'extension' => ['<i>']]]]]],
        ];
    }

    public function testWhenTheDatabaseIsGoneTheSentenceHoldsNoSecretAndNoTrace(): void
    {
        $dead = new class extends \PDO {
            public function __construct()
            {
            }

            #[\ReturnTypeWillChange]
            public function prepare($sql, $options = [])
            {
                throw new \PDOException("SQLSTATE[HY000] [2002] freepbxuser@localhost CANARY-password");
            }
        };
        \FreePBX::start(getenv('OFFHOOK_TEST_MARIADB'), 'mysql');
        \FreePBX::replace('Database', $dead);
        $html = self::get(self::PAGE) . implode(\HostLog::$lines);
        self::assertStringContainsString('The PBX database does not answer', $html);
        foreach (['CANARY', 'SQLSTATE', 'freepbxuser', '.php:', 'Stack'] as $word) {
            self::assertStringNotContainsString($word, self::get(self::PAGE));
        }
        self::assertStringNotContainsString('CANARY', $html);
        \FreePBX::start(getenv('OFFHOOK_TEST_MARIADB'), 'offhook_' . getmypid());
    }
}
