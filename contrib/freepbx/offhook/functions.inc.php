<?php
// SPDX-License-Identifier: GPL-3.0-or-later
// What FreePBX calls by name on the Extension page. Each function hands over to lib/Section.php at once.

require_once __DIR__ . '/lib/load.php';

use FreePBX\modules\Offhook\Guard;
use FreePBX\modules\Offhook\Section;
use FreePBX\modules\Offhook\Text;

/** Called on every page before anything else; says which functions are to be called later. */
function offhook_configpageinit($page)
{
    Guard::call('preparing the Extension page', static function () use ($page) {
        global $currentcomponent;
        if ($page !== 'extensions') {
            return;
        }
        offhook_section(true);
        $action = Text::of($_REQUEST, 'action');
        if (in_array($action, ['add', 'edit'], true)) {
            $currentcomponent->addprocessfunc('offhook_configprepare', 1);
            $currentcomponent->addprocessfunc('offhook_configprocess', 9);
        }
        // On the list of extensions `extdisplay` is false, and after "add" too.
        $shown = Text::of($_REQUEST, 'extdisplay') !== '' || Text::of($_REQUEST, 'tech_hardware') !== '';
        if ($shown && $action !== 'del') {
            $currentcomponent->addguifunc('offhook_configpageload', 7);
        }
    });
}

/** Before core saves. */
function offhook_configprepare()
{
    Guard::call('looking at the phone before the save', static function () {
        offhook_section()->prepare();
    });
}

/** After core saved. */
function offhook_configprocess()
{
    Guard::call('storing the phone', static function () {
        $extension = offhook_section()->process();
        if ($extension !== null) {
            \FreePBX::Offhook()->settled($extension);
        }
    });
}

/** Shows the section. */
function offhook_configpageload()
{
    Guard::call('showing the phone', static function () {
        global $currentcomponent;
        offhook_section()->show($currentcomponent, \FreePBX::Offhook()->daemon());
    });
}

/**
 * The one section of this request.
 *
 * @param bool $first whether a request begins
 */
function offhook_section(bool $first = false): Section
{
    static $section = null;
    if ($first || $section === null) {
        $section = new Section(\FreePBX::Offhook()->directory(), \FreePBX::Offhook()->models());
    }
    return $section;
}
