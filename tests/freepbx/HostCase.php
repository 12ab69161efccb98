<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Offhook\Tests;

use FreePBX\modules\Offhook\Daemon;
use Offhook\Host\Page;
use PHPUnit\Framework\TestCase;

require_once __DIR__ . '/host/start.php';

/** A test on the host with a database of its own: FreePBX's tables of a real save, and ours. */
abstract class HostCase extends TestCase
{
    protected const MAC = '001B54AABB01';
    protected const OTHER = '001B54AABB02';

    /** @var ?resource the stand-in for the daemon */
    private $daemon;
    /** @var string */
    private $folder = '';
    /** @var string */
    private $database;

    protected function setUp(): void
    {
        $socket = (string) getenv('OFFHOOK_TEST_MARIADB');
        if ($socket === '') {
            self::fail('OFFHOOK_TEST_MARIADB names no socket; run this by `cargo nextest run module`');
        }
        $this->database = 'offhook_' . getmypid();
        $server = new \PDO("mysql:unix_socket=$socket;charset=utf8mb4", 'root', '', [\PDO::ATTR_ERRMODE => \PDO::ERRMODE_EXCEPTION]);
        $server->exec("drop database if exists {$this->database}");
        $server->exec("create database {$this->database} character set utf8mb4");
        \FreePBX::start($socket, $this->database);
        \FreePBX::pdo()->exec((string) file_get_contents($this->tables()));
        // The statements of the file are one result each; the connection is only free when all were taken.
        \FreePBX::start($socket, $this->database);
        \FreePBX::Offhook()->install();
        \HostLog::$lines = \HostLog::$out = \HostCore::$range = [];
        \HostCore::$failNext = false;
        $_SESSION = [];
        Daemon::$socket = '/nonexistent/offhook.sock';
    }

    protected function tearDown(): void
    {
        if ($this->daemon !== null) {
            proc_terminate($this->daemon);
            proc_close($this->daemon);
            $this->daemon = null;
        }
        if ($this->folder !== '') {
            array_map('unlink', glob("{$this->folder}/*"));
            rmdir($this->folder);
        }
        \FreePBX::pdo()->exec("drop database if exists {$this->database}");
    }

    /** The tables to begin with. */
    protected function tables(): string
    {
        return __DIR__ . '/data/freepbx16.sql';
    }

    /** Rows of a query, as lists. */
    protected static function rows(string $sql, array $values = []): array
    {
        $statement = \FreePBX::pdo()->prepare($sql);
        $statement->execute($values);
        return $statement->columnCount() > 0 ? $statement->fetchAll(\PDO::FETCH_NUM) : [];
    }

    /** `mac button extension` of every line, and `mac model` of every phone. */
    protected static function stored(): array
    {
        return [
            array_map('implode', array_fill(0, count($phones = self::rows('select mac, model from offhook_phones order by mac')), ' '), $phones),
            array_map('implode', array_fill(0, count($lines = self::rows('select mac, button, extension from offhook_lines order by mac, button')), ' '), $lines),
        ];
    }

    protected static function assertStored(array $phones, array $lines): void
    {
        self::assertSame([$phones, $lines], self::stored());
    }

    /** A setting of an extension in core's table. */
    protected static function setting(string $extension, string $keyword): ?string
    {
        return self::rows('select data from sip where id = ? and keyword = ?', [$extension, $keyword])[0][0] ?? null;
    }

    /** Every setting of an extension. */
    protected static function settings(string $extension): array
    {
        return array_column(self::rows('select keyword, data from sip where id = ? order by keyword', [$extension]), 1, 0);
    }

    protected static function get(string $query): string
    {
        parse_str($query, $get);
        return Page::answer($get, []);
    }

    /** What the browser would send from the form of that page, with some fields filled in otherwise. */
    protected static function submit(string $query, array $fields = [], string $form = 'frm_extensions'): string
    {
        parse_str($query, $get);
        $document = new \DOMDocument();
        @$document->loadHTML('<?xml encoding="utf-8">' . self::get($query));
        $path = new \DOMXPath($document);
        $post = [];
        foreach ($path->query("//form[@id='$form']//input | //form[@id='$form']//select/option[@selected]") as $element) {
            $name = $element->nodeName === 'option' ? $element->parentNode->getAttribute('name') : $element->getAttribute('name');
            $off = $element->getAttribute('type') === 'checkbox' && !$element->hasAttribute('checked');
            if ($name !== '' && !$off) {
                $post[$name] = $element->getAttribute('value');
            }
        }
        $post = array_filter(array_merge($post, $fields), static function ($value) {
            return $value !== null;
        });
        return Page::answer(array_diff_key($get, ['tech_hardware' => 1]), $post, 'POST');
    }

    /** Submits the page of an extension that exists. */
    protected static function edit(string $extension, array $fields): string
    {
        return self::submit("display=extensions&extdisplay=$extension", $fields);
    }

    /** Presses a button of the page "Cisco Phones", with the token of the session. */
    protected static function act(string $action, array $fields = []): string
    {
        $token = ['offhook_token' => \FreePBX\modules\Offhook\PhonesPage::token()];
        return Page::answer(['display' => 'offhook'], $fields + $token + ['offhook_action' => $action], 'POST');
    }

    /** Starts a stand-in for the daemon with these answers, or changes those of the one that runs. */
    protected function daemon(array $answers): void
    {
        if ($this->folder === '') {
            $this->folder = sys_get_temp_dir() . '/offhook-host-' . getmypid() . '-' . bin2hex(random_bytes(4));
            mkdir($this->folder);
        }
        file_put_contents("{$this->folder}/answers", json_encode($answers));
        if ($this->daemon !== null) {
            return;
        }
        Daemon::$socket = "{$this->folder}/sock";
        $php = json_decode((string) getenv('OFFHOOK_TEST_PHP')) ?: [PHP_BINARY];
        $this->daemon = proc_open(array_merge($php, [__DIR__ . '/host/daemon.php', Daemon::$socket, "{$this->folder}/answers"]), [], $pipes);
        for ($deadline = microtime(true) + 10; !@stream_socket_client('unix://' . Daemon::$socket); usleep(10000)) {
            self::assertLessThan($deadline, microtime(true), 'the stand-in for the daemon did not start');
        }
    }

    /** What the daemon was asked, `GET /api/v1/…`, the connections that asked nothing left out. */
    protected function asked(): array
    {
        return array_values(array_filter(array_map('trim', file("{$this->folder}/answers.log") ?: [])));
    }

    /** A phone as the daemon's API shows it. */
    protected static function live(string $mac, array $with = []): array
    {
        return $with + ['mac' => $mac, 'model' => '7942', 'ownership' => 'adopted', 'stage' => 'registered', 'health' => 'ok', 'reason' => 'registered',
            'summary' => 'All lines are registered.', 'ip' => '127.0.0.9', 'load' => 'SIP42.9-4-2SR3-1S', 'target_load' => null, 'lines' => [], 'since' => '2026-01-01T00:00:00Z'];
    }
}
