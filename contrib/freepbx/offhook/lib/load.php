<?php
// SPDX-License-Identifier: GPL-3.0-or-later
// Everything below lib/, whoever comes first: the class, or functions.inc.php.

foreach (['Refused', 'Text', 'Account', 'MacAddress', 'Models', 'PhoneSecret', 'Wish', 'Assignment', 'Tables', 'Directory',
    'Daemon', 'SafeSettings', 'Guard', 'Section', 'SectionView', 'Bulk', 'PhonesPage'] as $class) {
    require_once __DIR__ . '/' . $class . '.php';
}
