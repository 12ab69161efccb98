<?php
// SPDX-License-Identifier: GPL-3.0-or-later
// The page "Cisco Phones" under Connectivity.

if (!defined('FREEPBX_IS_AUTH')) {
    die('No direct script access allowed');
}
try {
    echo \FreePBX::Offhook()->showPage();
} catch (\Throwable $error) {
    echo '<div class="alert alert-danger">The page cannot be shown; see the FreePBX log, and run `fwconsole ma install offhook` if the module was just replaced.</div>';
}
