<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Offhook\Host;

/**
 * Every call of FreePBX's that the module may make, and where it was seen: "measured" is a FreePBX 16.0.33 that ran it,
 * anything else a file of framework 16.0.33 or of core 16.0.68 and 17.0.18. What is not here fails the tests, so that the
 * module leans on nothing that nobody has looked at.
 */
final class Allowed
{
    public const CALLS = [
        'FreePBX::Offhook' => 'measured: a module by its name, as FreePBX::Core()',
        'FreePBX::Core' => 'core: functions.inc.php core_devices_add',
        'FreePBX::Database' => 'measured: $freepbx->Database, a PDO (framework: libraries/BMO/Database.class.php)',
        'FreePBX::Notifications' => 'framework: libraries/BMO/Notifications.class.php',
        'component::addprocessfunc' => 'measured',
        'component::addguifunc' => 'measured',
        'component::addguielem' => 'measured',
        'gui_textbox' => 'measured',
        'gui_selectbox' => 'measured',
        'gui_html' => 'measured',
        'gui_label' => 'framework: libraries/components.class.php; core: functions.inc/drivers/Sip.class.php',
        'gui_hidden' => 'framework: libraries/components.class.php; core: core_devices_configpageload adds one to _top',
        'gui_checkbox' => 'framework: libraries/components.class.php',
        'needreload' => 'framework: libraries/utility.functions.php; core: Core.class.php processQuickCreate',
        'checkRange' => 'framework: libraries/legacy.functions.php; core 16 and 17: functions.inc.php core_users_configprocess',
        'freepbx_log' => 'framework: libraries/utility.functions.php',
        'out' => 'framework: libraries/utility.functions.php; used in install and uninstall by its modules',
        'Core::getDevice' => 'core: Core.class.php',
        'Core::delDevice' => 'core: Core.class.php, measured with $edit = true',
        'Core::addDevice' => 'core: Core.class.php changeDeviceTech calls it so, settings by kvArrayifyDeviceValues',
        'Notifications::add_warning' => 'framework: libraries/BMO/Notifications.class.php',
        'Notifications::delete' => 'framework: libraries/BMO/Notifications.class.php',
        'FreePBX_Helpers::setConfig' => 'measured: values in kvstore_<class>; false takes one away (libraries/BMO/DB_Helper.class.php)',
        'FreePBX_Helpers::getAll' => 'framework: libraries/BMO/DB_Helper.class.php',
    ];

    /** @throws \LogicException for a call that nobody has looked at */
    public static function check(string $call): void
    {
        if (!isset(self::CALLS[$call])) {
            throw new \LogicException("the module called $call, which is on no page of the references; see tests/freepbx/host/Allowed.php");
        }
    }
}
