<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace FreePBX\modules;

require_once __DIR__ . '/lib/load.php';

use FreePBX\modules\Offhook\Bulk;
use FreePBX\modules\Offhook\Daemon;
use FreePBX\modules\Offhook\Directory;
use FreePBX\modules\Offhook\Guard;
use FreePBX\modules\Offhook\MacAddress;
use FreePBX\modules\Offhook\Models;
use FreePBX\modules\Offhook\PhoneSecret;
use FreePBX\modules\Offhook\PhonesPage;
use FreePBX\modules\Offhook\Refused;
use FreePBX\modules\Offhook\SafeSettings;
use FreePBX\modules\Offhook\Tables;
use FreePBX\modules\Offhook\Text;
use FreePBX\modules\Offhook\Wish;

/**
 * The module as FreePBX knows it: installing, and the hooks of module.xml. There are no AJAX handlers, since FreePBX
 * lets whoever is on 127.0.0.1 call those without a login.
 */
class Offhook extends \FreePBX_Helpers implements \BMO
{
    /** Extensions that were deleted since the last Apply, in our key-value store. */
    private const DELETED = 'deleted';

    /** @var object */
    private $pbx;
    /** @var ?Directory */
    private $directory;
    /** @var ?Models */
    private $models;
    /** @var ?Daemon */
    private $daemon;

    public function __construct($freepbx = null)
    {
        if ($freepbx === null) {
            throw new \Exception('The module offhook needs FreePBX');
        }
        parent::__construct($freepbx);
        $this->pbx = $freepbx;
    }

    /** Makes the tables, or brings older ones up to date. */
    public function install()
    {
        Tables::install($this->pbx->Database);
    }

    /** Leaves the tables: the MACs are the administrator's work. */
    public function uninstall()
    {
        if (function_exists('out')) {
            out('offhook: the tables offhook_phones, offhook_lines and offhook_status stay, with the MACs in them; drop them by hand if they are not needed any more');
        }
    }

    /** Not used by FreePBX 16 and later, but part of its interface. */
    public function backup()
    {
    }

    /** Likewise. */
    public function restore($backup)
    {
    }

    /** The framework calls this on our own page, and says "this is bad" above it where it is missing. There is nothing to do. */
    public function doConfigPageInit($page)
    {
    }

    public function directory(): Directory
    {
        return $this->directory = $this->directory ?? new Directory($this->pbx->Database, $this->models());
    }

    public function models(): Models
    {
        return $this->models = $this->models ?? Models::load();
    }

    public function daemon(): Daemon
    {
        return $this->daemon = $this->daemon ?? new Daemon();
    }

    public function safeSettings(): SafeSettings
    {
        return new SafeSettings($this->pbx->Core);
    }

    /** The page "Cisco Phones", whole. */
    public function showPage(): string
    {
        return (new PhonesPage($this))->answer($_SERVER['REQUEST_METHOD'] ?? 'GET', $_POST);
    }

    /**
     * A new secret, and the settings that go with it, for one extension.
     *
     * @param string $mac the phone that it is for
     * @throws Refused with the reason
     */
    public function makeSafe(string $extension, string $mac): void
    {
        $transports = [];
        $statuses = $this->directory()->statuses();
        foreach ($this->directory()->linesOf($extension) as $line) {
            $transports[] = $this->models()->transport((string) $line['model'], $statuses[$line['mac']]['load_id'] ?? null);
        }
        // Of several phones on one extension, the one on UDP is the one that cannot bear the default.
        $transport = in_array('udp', $transports, true) ? 'udp' : ($transports[0] ?? null);
        $this->safeSettings()->apply($extension, $transport, PhoneSecret::generate());
        needreload();
    }

    // ---- an extension is deleted ------------------------------------------------------------------------------

    /** Fires at every save as well, then with $edit = true. */
    public function delUser($extension, $edit = false)
    {
        $this->deleted($extension, $edit);
    }

    /** Likewise. */
    public function delDevice($device, $edit = false)
    {
        $this->deleted($device, $edit);
    }

    /** Extensions that are deleted and not applied yet: their lines go with the next Apply. */
    public function deletedExtensions(): array
    {
        $marked = Guard::call('reading the deleted extensions', function () {
            return $this->getAll(self::DELETED);
        }, []);
        return array_map('strval', array_keys(is_array($marked) ? $marked : []));
    }

    /** After an Apply: what was deleted before it and is still gone loses its lines. No socket is opened here. */
    public function postReload()
    {
        Guard::call('purging deleted extensions', function () {
            $marked = $this->deletedExtensions();
            if ($marked === []) {
                return;
            }
            $this->directory()->purge($this->directory()->gone($marked));
            foreach ($marked as $extension) {
                $this->setConfig($extension, false, self::DELETED);
            }
        });
    }

    private function deleted($extension, $edit): void
    {
        if (!$edit && Text::isExtension((string) $extension)) {
            $this->settled((string) $extension);
            Guard::call('marking a deleted extension', function () use ($extension) {
                $this->setConfig((string) $extension, (string) time(), self::DELETED);
            });
        }
    }

    // ---- Quick Create -----------------------------------------------------------------------------------------

    /** MAC and model on the wizard's first page. */
    public function getQuickCreateDisplay()
    {
        return Guard::call('showing Quick Create', function () {
            $models = $this->models()->names();
            ob_start();
            include __DIR__ . '/views/quick_create.php';
            return [0 => [['html' => (string) ob_get_clean(), 'validate' =>
                'if($("#offhook_mac").val().trim() != "" && !/^\s*(sep|sip)?([0-9a-f][\s:.-]*){12}$/i.test($("#offhook_mac").val())) ' .
                '{warnInvalid($("#offhook_mac"),"A MAC address has 12 hexadecimal digits");return false}']]];
        }, []);
    }

    /** The extension exists when this is called; what is refused is told by a notification, the wizard shows nothing. */
    public function processQuickCreate($technology, $extension, $data)
    {
        $data = is_array($data) ? $data : [];
        $mac = Text::of($data, 'offhook_mac');
        $extension = (string) $extension;
        if ($mac === '' || !Text::isExtension($extension) || !in_array($technology, ['pjsip', 'sip'], true)) {
            return;
        }
        Guard::call('the phone of a quick-created extension', function () use ($extension, $mac, $data) {
            try {
                $wish = new Wish($extension, $mac, Text::of($data, 'offhook_model'), '', null);
                $plan = $this->directory()->save($wish);
                $this->makeSafe($extension, $plan->mac);
                $this->settled($extension);
            } catch (\Throwable $error) {
                $sentence = Guard::sentence($error);
                $this->pbx->Notifications->add_warning(
                    'offhook', self::notice($extension), "Cisco phone of extension $extension: not complete", Text::html("$sentence; open the extension and enter it there."),
                    "config.php?display=extensions&extdisplay=$extension", true, true
                );
            }
        });
    }

    /** The extension has its phone, or is gone: what Quick Create could not do is of no interest any more. */
    public function settled(string $extension): void
    {
        Guard::call('taking a notification away', function () use ($extension) {
            $this->pbx->Notifications->delete('offhook', self::notice($extension));
        });
    }

    /** The notification of an extension; FreePBX's column holds 24 characters. */
    private static function notice(string $extension): string
    {
        return 'QUICK' . substr($extension, 0, 15);
    }

    // ---- Bulk Handler -----------------------------------------------------------------------------------------

    public function bulkhandlerGetHeaders($type)
    {
        return $type === 'extensions' ? Bulk::headers() : null;
    }

    public function bulkhandlerValidate($type, $rows)
    {
        return $type === 'extensions' ? (new Bulk($this->directory(), $this->models()))->validate($rows) : null;
    }

    public function bulkhandlerImport($type, $rows, $replace = true)
    {
        return $type === 'extensions' ? (new Bulk($this->directory(), $this->models()))->import($rows, [$this, 'settled']) : null;
    }

    public function bulkhandlerExport($type)
    {
        return $type === 'extensions' ? (new Bulk($this->directory(), $this->models()))->export() : null;
    }
}
