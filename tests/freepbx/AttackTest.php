<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Offhook\Tests;

use FreePBX\modules\Offhook\Directory;
use FreePBX\modules\Offhook\Models;
use FreePBX\modules\Offhook\Refused;
use FreePBX\modules\Offhook\Wish;
use Offhook\Host\Page;

require_once __DIR__ . '/HostCase.php';

/** What nobody should send, and two who send at once. */
final class AttackTest extends HostCase
{
    private const NASTY = ['"><script>alert(1)</script>', "' or '1'='1", "1001'; drop table offhook_phones; -- ", '${jndi:x}', '../../etc/passwd', "\0", "a\r\nX: y", "\xff\xfe", '%00', '{{7*7}}', '🤖'];

    /** Every field of ours, with everything nasty, as text, far too long, and as an array. */
    public function testEveryFieldOfTheSection(): void
    {
        foreach (['offhook_mac', 'offhook_model', 'offhook_button', 'offhook_target_load', 'offhook_safe', 'offhook_was'] as $field) {
            foreach (array_merge(self::NASTY, [str_repeat('A', 10000), ['x'], [['x']], ['a' => self::MAC]]) as $value) {
                $html = self::edit('1001', [$field => $value, 'name' => 'Alice'] + ['offhook_mac' => self::MAC]);
                self::assertStringContainsString('id="submit"', $html);
                self::assertStringNotContainsString('<script>alert(1)', $html);
                self::assertStringNotContainsString('SQLSTATE', $html);
                self::assertNotSame([], self::rows("select 1 from users where extension = '1001' and name = 'Alice'"));
                list($phones, $lines) = self::stored();
                self::assertLessThanOrEqual(1, count($phones));
                self::assertLessThanOrEqual(1, count($lines));
            }
            self::rows('delete from offhook_lines');
            self::rows('delete from offhook_phones');
        }
        self::assertSame([], array_filter(\HostLog::$lines, static function ($line) {
            return strpos($line, 'Error') !== false;
        }));
    }

    public function testEveryFieldOfThePage(): void
    {
        foreach (['offhook_action', 'offhook_mac', 'offhook_model', 'offhook_button', 'offhook_extension', 'offhook_safe', 'offhook_chosen'] as $field) {
            foreach (array_merge(self::NASTY, [str_repeat('A', 10000), ['x'], [['x']], [self::NASTY[0]]]) as $value) {
                foreach (['assign', 'remove', 'safe', 'purge', 'resync'] as $action) {
                    $html = self::act($action, [$field => $value, 'offhook_extension' => $field === 'offhook_extension' ? $value : '1001']);
                    self::assertStringContainsString('id="offhook-form"', $html);
                    self::assertStringNotContainsString('<script>alert(1)', $html);
                    self::assertStringNotContainsString('SQLSTATE', $html);
                }
            }
        }
        self::assertStored([], []);
    }

    /** A server that cuts what is too long, as FreePBX's own set-up leaves it: nothing of ours may come to that. */
    public function testNothingIsCutWhereTheServerIsNotStrict(): void
    {
        \FreePBX::pdo()->exec("set session sql_mode = ''");
        $long = str_repeat('1', 300);
        foreach ([['extension' => $long], ['extension' => '1001', 'offhook_model' => $long], ['extension' => '1001', 'offhook_button' => $long], ['extension' => '1001', 'offhook_mac' => self::MAC . $long]] as $row) {
            self::assertFalse(\FreePBX::Offhook()->bulkhandlerImport('extensions', [$row + ['offhook_mac' => self::MAC]])['status']);
        }
        self::edit('1001', ['offhook_mac' => self::MAC, 'offhook_target_load' => str_repeat('S', 41)]);
        \FreePBX::Offhook()->processQuickCreate('pjsip', $long, ['offhook_mac' => self::MAC]);
        \FreePBX::Offhook()->delUser($long, false);
        self::assertStored([], []);
        self::assertSame([], \FreePBX::Offhook()->deletedExtensions());
        self::assertSame([], self::rows('select * from notifications'));
        self::edit('1001', ['offhook_mac' => self::MAC, 'offhook_target_load' => str_repeat('S', 40)]);
        self::assertSame([[str_repeat('S', 40)]], self::rows('select target_load from offhook_phones'));
    }

    public function testOddRequests(): void
    {
        foreach ([[], ['display' => ['x']], ['display' => 'extensions', 'extdisplay' => ['x']], ['display' => 'extensions', 'extdisplay' => "1001'"],
            ['display' => 'extensions', 'tech_hardware' => ['x']], ['display' => 'extensions', 'action' => ['edit'], 'extdisplay' => '1001'], ['display' => 'offhook', 'offhook_check' => ['x']]] as $get) {
            self::assertIsString(Page::answer($get, []));
            self::assertIsString(Page::answer($get, ['offhook_mac' => self::MAC, 'offhook_action' => ['x']], 'POST'));
        }
        self::assertStored([], []);
    }

    public function testRowsThatOthersWroteAreEscaped(): void
    {
        $html = '<i onmouseover=x>"\'';
        self::rows('update users set name = ?', [$html]);
        self::rows('insert into offhook_phones (mac, model, description, target_load) values (?, ?, ?, ?)', [self::MAC, '<i>model', $html, $html]);
        self::rows('insert into offhook_lines (mac, button, extension, label) values (?, 1, ?, ?)', [self::MAC, '1001', $html]);
        self::rows("insert into offhook_lines (mac, button, kind, extension) values (?, 2, '<i>', ?)", [self::MAC, $html]);
        self::rows("insert into offhook_status (mac, ip, stage, health, reason, summary, load_id) values (?, '<i>', '<i>', '<i>', '<i>', ?, ?)", [self::MAC, $html, $html]);
        self::rows("insert into offhook_phones (mac, model) values ('<i>', '7942')");
        self::rows("insert into offhook_phones (mac, model) values ('001b54aabb07', '7942')");
        $page = self::get('display=offhook') . self::get('display=extensions&extdisplay=1001');
        self::assertStringContainsString('&lt;i', $page);
        self::assertSame(0, preg_match('/<i[ >]/i', $page));
        self::assertStringContainsString('001B54AABB07', $page);
        // And a save leaves the model, which no catalogue of ours has, as it is.
        self::edit('1001', ['name' => 'Alice', 'offhook_target_load' => '']);
        self::assertSame([['<i>model']], self::rows('select model from offhook_phones where mac = ?', [self::MAC]));
    }

    /** Two administrators save at once, in two connections: the second waits, and no row is half. */
    public function testTwoAtOnce(): void
    {
        $socket = getenv('OFFHOOK_TEST_MARIADB');
        $open = static function () use ($socket) {
            $pdo = new \PDO("mysql:unix_socket=$socket;dbname=offhook_" . getmypid() . ';charset=utf8mb4', 'root', '', [\PDO::ATTR_ERRMODE => \PDO::ERRMODE_EXCEPTION]);
            $pdo->exec('set innodb_lock_wait_timeout = 1');
            return $pdo;
        };
        list($one, $two) = [$open(), $open()];
        $directory = new Directory($two, Models::load());
        $directory->save(new Wish('1001', self::MAC, '7942', '', ''));
        $one->beginTransaction();
        $one->query("select * from offhook_lines where mac = '" . self::MAC . "' for update")->fetchAll();
        try {
            // The model alone, of which the number of keys depends: it waits for whoever changes the lines.
            $directory->save(new Wish('1001', self::MAC, '7960', '', '', self::MAC . '/1'));
            self::fail('it was stored under a lock of somebody else');
        } catch (Refused $refused) {
            self::assertStringContainsString('somebody else saved the same phone', $refused->getMessage());
        }
        self::assertFalse($two->inTransaction());
        self::assertStored([self::MAC . ' 7942'], [self::MAC . ' 1 1001']);
        $one->commit();
        $directory->save(new Wish('1001', self::MAC, '7960', '2', '', self::MAC . '/1'));
        self::assertStored([self::MAC . ' 7960'], [self::MAC . ' 2 1001']);
    }

    public function testAWriteThatFailsHalfWayLeavesNoHalf(): void
    {
        $directory = \FreePBX::Offhook()->directory();
        $directory->save(new Wish('1001', self::MAC, '7942', '', ''));
        $before = self::stored();
        self::rows("create trigger broken before insert on offhook_lines for each row signal sqlstate '45000'");
        try {
            $directory->save(new Wish('1001', self::OTHER, '7960', '', '', self::MAC . '/1'));
            self::fail('the trigger did not fire');
        } catch (\PDOException $error) {
            self::assertSame($before, self::stored());
        }
    }
}
