<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Offhook\Tests;

require_once __DIR__ . '/HostCase.php';

/** Installing, the hooks of module.xml, Quick Create and the Bulk Handler. */
final class HooksTest extends HostCase
{
    private static function phone(string $mac, array $extensions, string $model = '7942'): void
    {
        self::rows('insert into offhook_phones (mac, model) values (?, ?)', [$mac, $model]);
        foreach ($extensions as $button => $extension) {
            self::rows('insert into offhook_lines (mac, button, extension) values (?, ?, ?)', [$mac, $button, $extension]);
        }
    }

    public function testInstallingTwiceAndOverAnOlderShapeKeepsRows(): void
    {
        self::phone(self::MAC, [1 => '1001']);
        \FreePBX::Offhook()->install();
        $columns = 'select table_name, column_name, column_type, is_nullable, column_default, column_key from information_schema.columns ' .
            "where table_schema = database() and table_name like 'offhook\\_%' order by 1, 2";
        $whole = self::rows($columns);
        self::rows('alter table offhook_phones drop column target_load, drop column enabled');
        self::rows('alter table offhook_lines drop column kind');
        self::rows('drop table offhook_status');
        \FreePBX::Offhook()->install();
        self::assertEquals($whole, self::rows($columns));
        self::assertStored([self::MAC . ' 7942'], [self::MAC . ' 1 1001']);
        self::assertEquals([['line', 1]], self::rows('select kind, enabled from offhook_lines natural join offhook_phones'));
    }

    public function testUninstallingLeavesTheTablesAndSaysSo(): void
    {
        self::phone(self::MAC, [1 => '1001']);
        \FreePBX::Offhook()->uninstall();
        self::assertStored([self::MAC . ' 7942'], [self::MAC . ' 1 1001']);
        self::assertStringContainsString('stay, with the MACs in them', implode(\HostLog::$out));
        $xml = simplexml_load_file(OFFHOOK_MODULE . '/module.xml');
        self::assertCount(0, $xml->database, 'tables named in <database> are dropped by ma uninstall');
    }

    public function testEveryHookOfModuleXmlIsAMethod(): void
    {
        $xml = simplexml_load_file(OFFHOOK_MODULE . '/module.xml');
        $methods = $xml->xpath('//hooks//method');
        self::assertCount(9, $methods);
        foreach ($methods as $method) {
            self::assertTrue(method_exists('FreePBX\modules\Offhook', (string) $method), (string) $method);
        }
        self::assertFalse(method_exists('FreePBX\modules\Offhook', 'ajaxRequest'), '127.0.0.1 may call AJAX without a login');
    }

    public function testASaveNeverTouchesAMac(): void
    {
        self::phone(self::MAC, [1 => '1001']);
        \FreePBX::Offhook()->delUser('1001', true);
        \FreePBX::Offhook()->delDevice('1001', true);
        self::assertSame([], \FreePBX::Offhook()->deletedExtensions());
        \FreePBX::Offhook()->postReload();
        self::edit('1001', ['name' => 'Alice']);
        \FreePBX::Offhook()->postReload();
        self::assertStored([self::MAC . ' 7942'], [self::MAC . ' 1 1001']);
        self::assertSame([], \FreePBX::Offhook()->deletedExtensions());
    }

    public function testADeletedExtensionLosesItsLinesWithTheNextApply(): void
    {
        self::phone(self::MAC, [1 => '1001', 2 => '1002']);
        self::phone(self::OTHER, [1 => '1001']);
        \FreePBX::Core()->delete('1001');
        self::assertSame(['1001'], \FreePBX::Offhook()->deletedExtensions());
        self::assertCount(3, self::stored()[1], 'nothing goes before the Apply');
        self::assertStringContainsString('deleted, goes with the next Apply', self::get('display=offhook'));
        \FreePBX::Offhook()->postReload();
        self::assertStored([self::MAC . ' 7942'], [self::MAC . ' 2 1002']);
        self::assertSame([], \FreePBX::Offhook()->deletedExtensions());
    }

    public function testAnExtensionThatIsBackBeforeTheApplyKeepsItsPhone(): void
    {
        self::phone(self::MAC, [1 => '1001']);
        \FreePBX::Core()->delete('1001');
        self::rows("insert into users (extension, name) values ('1001', 'Back')");
        \FreePBX::Offhook()->postReload();
        self::assertStored([self::MAC . ' 7942'], [self::MAC . ' 1 1001']);
        self::assertSame([], \FreePBX::Offhook()->deletedExtensions());
        self::rows("delete from users where extension = '1001'");
        \FreePBX::Offhook()->postReload();
        self::assertCount(1, self::stored()[1], 'the mark of the former delete is gone');
    }

    public function testAFailingHookIsOneLineInTheLogAndNoException(): void
    {
        self::rows('drop table kvstore_FreePBX_modules_Offhook');
        self::rows('drop table offhook_lines');
        $module = \FreePBX::Offhook();
        $module->delUser('1001', false);
        $module->delDevice('1001', false);
        $module->delUser(null, false);
        $module->delUser(['1001'][0] . str_repeat('1', 10000), false);
        $module->postReload();
        $module->processQuickCreate('pjsip', '1001', ['offhook_mac' => self::MAC]);
        $module->processQuickCreate('pjsip', '1001', null);
        self::assertFalse($module->bulkhandlerImport('extensions', [['extension' => '1001', 'offhook_mac' => self::MAC]])['status']);
        self::assertGreaterThanOrEqual(4, count(\HostLog::$lines));
        foreach (\HostLog::$lines as $line) {
            self::assertStringStartsWith('offhook: ', $line);
            self::assertStringNotContainsString("\n", $line);
        }
    }

    public function testQuickCreateMakesThePhoneAndItsSecret(): void
    {
        $pages = \FreePBX::Offhook()->getQuickCreateDisplay();
        self::assertStringContainsString('name="offhook_mac"', $pages[0][0]['html']);
        self::assertStringContainsString('>7941G-GE<', $pages[0][0]['html']);
        $answer = \FreePBX::Core()->quickCreate('pjsip', '1060', ['name' => 'Quick', 'offhook_mac' => self::MAC, 'offhook_model' => '7960']);
        self::assertSame(['status' => true], $answer);
        self::assertStored([self::MAC . ' 7960'], [self::MAC . ' 1 1060']);
        self::assertSame(12, strlen(self::setting('1060', 'secret')));
        self::assertSame('no', self::setting('1060', 'force_rport'));
        self::assertSame([], self::rows('select * from notifications'));
        \FreePBX::Core()->quickCreate('pjsip', '1061', ['name' => 'Plain', 'offhook_mac' => '']);
        self::assertSame(md5('1061'), self::setting('1061', 'secret'));
    }

    public function testWhatQuickCreateCannotDoIsNotified(): void
    {
        \FreePBX::Core()->quickCreate('pjsip', '1060', ['name' => 'Quick', 'offhook_mac' => '12<b>']);
        self::assertStored([], []);
        self::assertSame(md5('1060'), self::setting('1060', 'secret'));
        list($text, $more, $link) = self::rows('select display_text, extended_text, link from notifications')[0];
        self::assertStringContainsString('extension 1060', $text);
        self::assertStringContainsString('12&lt;b&gt;', $more);
        self::assertStringContainsString('extdisplay=1060', $link);
    }

    /** @dataProvider repairs */
    public function testTheNotificationGoesWhenTheExtensionIsPutRight(callable $repair, int $left): void
    {
        \FreePBX::Core()->quickCreate('pjsip', '1060', ['name' => 'Quick', 'offhook_mac' => '12']);
        \FreePBX::Core()->quickCreate('pjsip', '1061', ['name' => 'Other', 'offhook_mac' => '12']);
        self::assertCount(2, self::rows('select id from notifications'));
        $repair();
        self::assertCount($left, self::rows("select id from notifications where id = 'QUICK1060'"));
        self::assertCount(1, self::rows("select id from notifications where id = 'QUICK1061'"), 'the one of another extension stays');
    }

    public static function repairs(): array
    {
        $bulk = static function (array $row) {
            return static function () use ($row) {
                \FreePBX::Offhook()->bulkhandlerImport('extensions', [['extension' => '1060'] + $row]);
            };
        };
        $edit = static function (array $fields) {
            return static function () use ($fields) {
                self::edit('1060', $fields);
            };
        };
        return [
            'saved with a phone' => [$edit(['offhook_mac' => self::MAC]), 0],
            'saved without one' => [$edit(['name' => 'Other']), 1],
            'refused again' => [$edit(['offhook_mac' => '12']), 1],
            'adopted' => [static function () {
                self::act('assign', ['offhook_mac' => self::MAC, 'offhook_extension' => '1060']);
            }, 0],
            'imported' => [$bulk(['offhook_mac' => self::MAC]), 0],
            'imported without a phone' => [$bulk(['offhook_mac' => '']), 1],
            'deleted' => [static function () {
                \FreePBX::Core()->delete('1060');
            }, 0],
        ];
    }

    public function testBulkExportAndImportLoseNothing(): void
    {
        self::phone(self::MAC, [1 => '1001', 2 => '1002', 3 => '1001'], '7960');
        self::phone(self::OTHER, [1 => '1001'], '7942');
        self::rows("update offhook_lines set label = 'Desk' where button = 2");
        $stored = self::stored();
        $module = \FreePBX::Offhook();
        $rows = $module->bulkhandlerExport('extensions');
        self::assertSame(['offhook_mac' => self::MAC . ';' . self::MAC . ';' . self::OTHER, 'offhook_model' => '7960;7960;7942', 'offhook_button' => '1;3;1'], $rows['1001']);
        self::assertSame(['1001', '1002'], array_map('strval', array_keys($rows)));
        self::assertSame(array_keys($module->bulkhandlerGetHeaders('extensions')), array_keys($rows['1001']));
        $file = [];
        foreach ($rows as $extension => $row) {
            $file[] = ['extension' => (string) $extension, 'name' => 'x'] + $row;
        }
        self::assertSame(['status' => true], $module->bulkhandlerValidate('extensions', $file));
        self::assertSame(['status' => true], $module->bulkhandlerImport('extensions', $file));
        self::assertSame($stored, self::stored());
        self::assertSame([['Desk']], self::rows('select label from offhook_lines where button = 2'));
        self::rows('delete from offhook_lines');
        self::rows('delete from offhook_phones');
        $module->bulkhandlerImport('extensions', $file);
        self::assertSame($stored, self::stored());
    }

    public function testBulkImportMovesAndLeavesAlone(): void
    {
        self::phone(self::MAC, [1 => '1001'], '7942');
        $module = \FreePBX::Offhook();
        foreach ([['extension' => '1001'], ['extension' => '1001', 'offhook_mac' => ''], ['extension' => '1001', 'offhook_mac' => [], 'offhook_model' => '7960']] as $row) {
            self::assertSame(['status' => true], $module->bulkhandlerImport('extensions', [$row]));
            self::assertStored([self::MAC . ' 7942'], [self::MAC . ' 1 1001']);
        }
        $module->bulkhandlerImport('extensions', [['extension' => '1001', 'OFFHOOK_MAC' => '00-1b-54-aa-bb-02', 'offhook_model' => 'CP-7960G']]);
        self::assertStored([self::OTHER . ' 7960'], [self::OTHER . ' 1 1001']);
        self::assertNull($module->bulkhandlerImport('dids', [['extension' => '1001', 'offhook_mac' => self::MAC]]));
        self::assertNull($module->bulkhandlerExport('dids'));
        self::assertNull($module->bulkhandlerGetHeaders('dids'));
    }

    public function testARowMovesALineOnItsPhoneAndTheLineKeepsWhatItHas(): void
    {
        self::phone(self::MAC, [1 => '1001'], '7942');
        self::rows("update offhook_lines set label = 'Desk'");
        self::rows("update offhook_phones set description = 'Hall'");
        $module = \FreePBX::Offhook();
        $row = ['extension' => '1001', 'offhook_mac' => self::MAC, 'offhook_model' => '7960', 'offhook_button' => '3'];
        self::assertSame(['status' => true], $module->bulkhandlerImport('extensions', [$row]));
        self::assertStored([self::MAC . ' 7960'], [self::MAC . ' 3 1001']);
        // Back, to a smaller model, with a second line and without it again.
        $module->bulkhandlerImport('extensions', [['offhook_mac' => self::MAC . ';' . self::MAC, 'offhook_model' => '7960;7960', 'offhook_button' => '5;3'] + $row]);
        self::assertStored([self::MAC . ' 7960'], [self::MAC . ' 3 1001', self::MAC . ' 5 1001']);
        $row = ['offhook_model' => '7942', 'offhook_button' => '1'] + $row;
        self::assertSame(['status' => true], $module->bulkhandlerImport('extensions', [$row]));
        self::assertStored([self::MAC . ' 7942'], [self::MAC . ' 1 1001']);
        self::assertSame([['Desk', 'Hall']], self::rows('select label, description from offhook_lines natural join offhook_phones'));
    }

    public function testARowIsStoredWholeOrNotAtAll(): void
    {
        self::phone(self::MAC, [1 => '1001'], '7942');
        self::phone(self::OTHER, [1 => '1002'], '7906');
        $before = self::stored();
        $row = ['extension' => '1001', 'offhook_mac' => '001B54AABB03;' . self::OTHER];
        self::assertFalse(\FreePBX::Offhook()->bulkhandlerImport('extensions', [$row])['status']);
        self::assertSame($before, self::stored());
    }

    /** FreePBX's page sends one row at a time, so that nobody knows whether the other extension goes away. */
    public function testExtensionsThatChangePlacesAreToldHow(): void
    {
        self::phone(self::MAC, [1 => '1001'], '7906');
        self::phone(self::OTHER, [1 => '1002'], '7906');
        $before = self::stored();
        $module = \FreePBX::Offhook();
        $rows = [['extension' => '1001', 'offhook_mac' => self::OTHER, 'offhook_button' => '1'], ['extension' => '1002', 'offhook_mac' => self::MAC]];
        foreach ($rows as $row) {
            $answer = $module->bulkhandlerImport('extensions', [$row]);
            self::assertFalse($answer['status']);
            self::assertStringContainsString('for two extensions to change places, empty the MAC address of one of them on its Extension page first, then import again', $answer['message']);
        }
        self::assertSame($before, self::stored());
        // And that way works.
        self::edit('1002', ['offhook_mac' => '']);
        self::assertSame(['status' => true], $module->bulkhandlerImport('extensions', $rows));
        self::assertStored([self::MAC . ' auto', self::OTHER . ' auto'], [self::MAC . ' 1 1002', self::OTHER . ' 1 1001']);
    }

    /** `fwconsole bulkimport` sends all rows at once and does not print what we answer. */
    public function testARefusedRowIsLoggedAndStopsNoOther(): void
    {
        self::phone(self::MAC, [1 => '1002'], '7906');
        $rows = [['extension' => '1001', 'offhook_mac' => self::MAC], ['extension' => '1009', 'offhook_mac' => self::OTHER]];
        $answer = \FreePBX::Offhook()->bulkhandlerImport('extensions', $rows);
        self::assertStringStartsWith('extension 1001: ', $answer['message']);
        self::assertStored([self::MAC . ' 7906', self::OTHER . ' auto'], [self::MAC . ' 1 1002', self::OTHER . ' 1 1009']);
        self::assertCount(1, \HostLog::$lines);
        self::assertStringContainsString('importing extension 1001: the one line key', \HostLog::$lines[0]);
    }

    /** Its page sets the answer as HTML. */
    public function testAnAnswerToTheBulkHandlerIsEscaped(): void
    {
        $html = '<img src=x onerror=alert(1)>';
        $module = \FreePBX::Offhook();
        foreach ([['offhook_mac' => $html], ['offhook_mac' => self::MAC, 'offhook_model' => $html], ['offhook_mac' => self::MAC, 'offhook_button' => $html], ['extension' => $html, 'offhook_mac' => self::MAC]] as $row) {
            foreach ([$module->bulkhandlerValidate('extensions', [$row + ['extension' => '1001']]), $module->bulkhandlerImport('extensions', [$row + ['extension' => '1001']])] as $answer) {
                self::assertFalse($answer['status']);
                self::assertStringNotContainsString('<', $answer['message']);
            }
        }
    }

    public function testAModelThatOnlyThisSiteHasComesBackFromItsExport(): void
    {
        self::phone(self::MAC, [1 => '1001'], '7999');
        $module = \FreePBX::Offhook();
        $row = ['extension' => '1001'] + $module->bulkhandlerExport('extensions')['1001'];
        self::assertSame(['status' => true], $module->bulkhandlerValidate('extensions', [$row]));
        self::assertSame(['status' => true], $module->bulkhandlerImport('extensions', [$row]));
        self::assertStored([self::MAC . ' 7999'], [self::MAC . ' 1 1001']);
    }

    public function testABadRowOfAFileIsNamed(): void
    {
        $module = \FreePBX::Offhook();
        foreach ([['offhook_mac' => 'zork'], ['offhook_mac' => self::MAC, 'offhook_model' => '8851'], ['offhook_mac' => self::MAC, 'offhook_button' => '99']] as $row) {
            foreach ([$module->bulkhandlerValidate('extensions', [['extension' => '1001'] + $row]), $module->bulkhandlerImport('extensions', [['extension' => '1001'] + $row])] as $answer) {
                self::assertFalse($answer['status']);
                self::assertStringStartsWith('extension 1001: ', $answer['message']);
            }
        }
        foreach ([null, 'text', [null], ['text'], [[['deep']]]] as $rows) {
            self::assertSame(['status' => true], $module->bulkhandlerValidate('extensions', $rows));
            self::assertSame(['status' => true], $module->bulkhandlerImport('extensions', $rows));
        }
        self::assertStored([], []);
    }
}
