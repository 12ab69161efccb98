<?php
// SPDX-License-Identifier: GPL-3.0-or-later
// The host's pages for a browser: php -S 127.0.0.1:PORT tests/freepbx/host/index.php, with OFFHOOK_TEST_MARIADB (socket),
// OFFHOOK_TEST_DATABASE, and OFFHOOK_TEST_DAEMON (socket) in the environment. The style is enough of Bootstrap 3's names to
// judge the pages by.

require_once __DIR__ . '/start.php';

session_start();
FreePBX\modules\Offhook\Daemon::$socket = (string) getenv('OFFHOOK_TEST_DAEMON');
try {
    FreePBX::start((string) getenv('OFFHOOK_TEST_MARIADB'), (string) getenv('OFFHOOK_TEST_DATABASE'));
} catch (PDOException $error) {
    // The framework ends a page itself when its database is down before the page begins.
    die('FreePBX: no database');
}
$body = Offhook\Host\Page::answer($_GET, $_POST, $_SERVER['REQUEST_METHOD']);
if (isset($_GET['quietmode'])) {
    die($body);
}
?><!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>FreePBX stand-in</title><style>
body { font-family: "Open Sans", Helvetica, Arial, sans-serif; font-size: 14px; color: #333; margin: 0 2em 2em; max-width: 1200px; }
.row { display: flex; flex-wrap: wrap; margin-bottom: .5em; } .col-md-4 { width: 30%; } .col-md-8 { width: 68%; } .col-md-12, .col-sm-12 { width: 100%; }
.form-control { height: 34px; padding: 6px 12px; border: 1px solid #ccc; border-radius: 4px; box-sizing: border-box; font-size: 14px; } .col-md-8 > .form-control { width: 100%; }
.help-block { display: block; color: #737373; font-size: 12px; margin-top: 3px; }
.alert { padding: 12px 15px; margin-bottom: 15px; border: 1px solid transparent; border-radius: 4px; }
.alert-danger { color: #a94442; background: #f2dede; border-color: #ebccd1; } .alert-warning { color: #8a6d3b; background: #fcf8e3; border-color: #faebcc; }
.alert-info { color: #31708f; background: #d9edf7; border-color: #bce8f1; } .alert-success { color: #3c763d; background: #dff0d8; border-color: #d6e9c6; }
.btn { padding: 6px 12px; border: 1px solid #ccc; border-radius: 4px; background: #fff; color: #333; text-decoration: none; font-size: 14px; cursor: pointer; } .btn-danger { background: #d9534f; color: #fff; border-color: #d43f3a; }
.table { width: 100%; border-collapse: collapse; } .table th, .table td { text-align: left; padding: 8px; border-top: 1px solid #ddd; } .table-striped tbody tr:nth-child(odd) { background: #f9f9f9; }
.full-border { border: 1px solid #ddd; padding: 1em; } .section-title h3 { border-bottom: 1px solid #ddd; }
</style></head><body><?= $body ?></body></html>
