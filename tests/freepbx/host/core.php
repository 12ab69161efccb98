<?php
// SPDX-License-Identifier: GPL-3.0-or-later
// A stand-in for FreePBX's module core: what a save of an extension does to the tables, in the order that was measured
// (delete and insert again, one statement at a time), and the hooks it fires on the way. Written from the measurements
// and from what core 16.0.68 and 17.0.18 read of the request; no code of theirs is in it.

use Offhook\Host\Allowed;

final class HostCore
{
    /** Keywords of a new pjsip or sip extension that matter here, as getDefaultDeviceSettings of the drivers has them. */
    private const DEFAULTS = [
        'pjsip' => ['sipdriver' => 'chan_pjsip', 'dtmfmode' => 'rfc4733', 'transport' => '', 'max_contacts' => '1', 'force_rport' => 'yes',
            'rewrite_contact' => 'yes', 'rtp_symmetric' => 'yes', 'direct_media' => 'yes', 'context' => 'from-internal'],
        'sip' => ['sipdriver' => 'chan_sip', 'dtmfmode' => 'rfc2833', 'nat' => 'yes', 'host' => 'dynamic', 'port' => '5060', 'context' => 'from-internal'],
    ];

    /** Set by a test: addDevice fails once. */
    public static $failNext = false;
    /** The lowest and the highest extension that the account at the page may change; [] = all of them. */
    public static $range = [];

    public function __construct($freepbx)
    {
    }

    public function getDevice($id)
    {
        Allowed::check('Core::getDevice');
        $device = self::rows('select * from devices where id = ?', [$id])[0] ?? null;
        if ($device === null) {
            return [];
        }
        return array_merge($device, array_column(self::rows('select keyword, data from sip where id = ? order by flags', [$id]), 'data', 'keyword'));
    }

    public function delDevice($id, $edit = false)
    {
        Allowed::check('Core::delDevice');
        self::rows('delete from devices where id = ?', [$id]);
        self::rows('delete from sip where id = ?', [$id]);
        FreePBX::Offhook()->delDevice($id, $edit);
        return true;
    }

    public function addDevice($id, $technology, $settings = [], $edit = false)
    {
        Allowed::check('Core::addDevice');
        if ($this->getDevice($id) !== []) {
            throw new Exception('This device id is already in use');
        }
        if (self::$failNext) {
            self::$failNext = false;
            throw new Exception('made to fail');
        }
        if ($technology === 'pjsip' && ($settings['max_contacts']['value'] ?? '1') == 1) {
            $settings['remove_existing']['value'] = 'yes';
        }
        self::rows('insert into devices (id, tech, dial, devicetype, user, description, emergency_cid, hint_override) values (?, ?, ?, ?, ?, ?, ?, ?)', [
            $id, $technology, $settings['dial']['value'], $settings['devicetype']['value'], $settings['user']['value'],
            $settings['description']['value'], trim($settings['emergency_cid']['value']), $settings['hint_override']['value'] ?? null,
        ]);
        foreach (['devicetype', 'user', 'description', 'emergency_cid', 'hint_override', 'changecdriver'] as $own) {
            unset($settings[$own]);
        }
        foreach ($settings as $keyword => $setting) {
            self::rows('insert into sip (id, keyword, data, flags) values (?, ?, ?, ?)', [$id, $keyword, $setting['value'], $setting['flag'] ?? 0]);
        }
        return true;
    }

    public function __call($name, $arguments)
    {
        Allowed::check("Core::$name");
    }

    /** Order 5 of a save: users first, then devices. Reads the request as core does: every devinfo_*. */
    public static function process(): void
    {
        $action = $_REQUEST['action'] ?? '';
        if (!in_array($action, ['add', 'edit'], true)) {
            return;
        }
        if (!checkRange($_REQUEST['extension'] ?? '')) {
            echo "<script>javascript:alert('Warning! Extension is not allowed for your account.');</script>";
            $GLOBALS['abort'] = true;
            return;
        }
        $extension = (string) ($action === 'edit' ? $_REQUEST['extdisplay'] : $_REQUEST['extension']);
        $there = self::rows('select 1 from users where extension = ?', [$extension]) !== [];
        if ($action === 'add' && $there) {
            echo "<script>javascript:alert('This user/extension is already in use');</script>";
            $GLOBALS['abort'] = true;
            return;
        }
        FreePBX::pdo()->exec("update admin set value = 'true' where variable = 'need_reload'");
        self::rows('delete from users where extension = ?', [$extension]);
        if ($action === 'edit') {
            FreePBX::Offhook()->delUser($extension, true);
        }
        $name = strtr((string) ($_REQUEST['name'] ?? ''), ['<' => '(', '>' => ')']);
        self::rows("insert into users (extension, name, voicemail) values (?, ?, 'novm')", [$extension, $name]);
        $technology = (string) $_REQUEST['tech'];
        if ($technology === 'virtual') {
            return;
        }
        $core = FreePBX::Core();
        if ($action === 'edit') {
            $core->delDevice($extension, true);
        }
        $settings = ['devicetype' => 'fixed', 'user' => $extension, 'description' => $name, 'emergency_cid' => '', 'dial' => strtoupper($technology) . "/$extension"];
        foreach ($_REQUEST as $field => $value) {
            if (strpos($field, 'devinfo_') === 0) {
                $settings[substr($field, 8)] = trim($value);
            }
        }
        $settings += ['account' => $extension, 'callerid' => "$name <$extension>"];
        $flag = 2;
        $core->addDevice($extension, $technology, array_map(static function ($value) use (&$flag) {
            return ['value' => $value, 'flag' => $flag++];
        }, $settings), $action === 'edit');
    }

    /** Quick Create, as its AJAX command does it. */
    public function quickCreate(string $technology, string $extension, array $data): array
    {
        $settings = self::DEFAULTS[$technology] + ['secret' => md5($extension), 'devicetype' => 'fixed', 'user' => $extension,
            'description' => $data['name'], 'emergency_cid' => '', 'dial' => strtoupper($technology) . "/$extension", 'account' => $extension];
        $flag = 2;
        $this->addDevice($extension, $technology, array_map(static function ($value) use (&$flag) {
            return ['value' => $value, 'flag' => $flag++];
        }, $settings));
        self::rows("insert into users (extension, name, voicemail) values (?, ?, 'novm')", [$extension, $data['name']]);
        FreePBX::Offhook()->processQuickCreate($technology, $extension, $data);
        needreload();
        return ['status' => true];
    }

    /** The list page's delete, as its AJAX command does it. */
    public function delete(string $extension): void
    {
        $this->delDevice($extension);
        self::rows('delete from users where extension = ?', [$extension]);
        FreePBX::Offhook()->delUser($extension, false);
        needreload();
    }

    /** The fields that core's own form has, for a new extension. */
    public static function defaults(string $technology): array
    {
        return self::DEFAULTS[$technology];
    }

    private static function rows(string $sql, array $values): array
    {
        $statement = FreePBX::pdo()->prepare($sql);
        $statement->execute($values);
        return $statement->columnCount() > 0 ? $statement->fetchAll(PDO::FETCH_ASSOC) : [];
    }
}

function host_core_process()
{
    HostCore::process();
}
