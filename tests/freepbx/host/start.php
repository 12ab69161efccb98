<?php
// SPDX-License-Identifier: GPL-3.0-or-later
// Loads the stand-ins and the module. OFFHOOK_TEST_MODULE names another folder of the module's files.

error_reporting(E_ALL);
define('FREEPBX_IS_AUTH', true);
define('OFFHOOK_MODULE', getenv('OFFHOOK_TEST_MODULE') ?: dirname(__DIR__, 3) . '/contrib/freepbx/offhook');
require_once __DIR__ . '/framework.php';
require_once __DIR__ . '/core.php';
require_once __DIR__ . '/Page.php';
require_once OFFHOOK_MODULE . '/Offhook.class.php';
require_once OFFHOOK_MODULE . '/functions.inc.php';
