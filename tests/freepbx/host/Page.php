<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Offhook\Host;

/** One request to config.php, in the order that was measured: configpageinit, process functions, GUI functions, page. */
final class Page
{
    /** The body's HTML. A request is given whole, since core reads $_REQUEST and ours $_POST. */
    public static function answer(array $get, array $post, string $method = 'GET'): string
    {
        global $currentcomponent;
        unset($GLOBALS['abort']);
        $_GET = $get;
        $_POST = $post;
        $_REQUEST = array_merge($get, $post);
        $_SERVER['REQUEST_METHOD'] = $method;
        // config.php of the framework does this before anything else: false where there is none.
        $_REQUEST['extdisplay'] = isset($_REQUEST['extdisplay']) && is_string($_REQUEST['extdisplay'])
            ? htmlspecialchars($_REQUEST['extdisplay'], ENT_QUOTES) : false;
        $display = is_string($_REQUEST['display'] ?? null) ? $_REQUEST['display'] : 'index';
        ob_start();
        $currentcomponent = new \component();
        // Where FreePBX has disabled the module, functions.inc.php is not loaded and nothing of this is called.
        if (function_exists('offhook_configpageinit')) {
            offhook_configpageinit($display);
        }
        if ($display === 'extensions') {
            $currentcomponent->addprocessfunc('host_core_process', 5);
        }
        $currentcomponent->processconfigpage();
        $currentcomponent->buildconfigpage();
        if ($display === 'offhook') {
            // As the framework says it on a module's own page.
            if (!method_exists(\FreePBX::Offhook(), 'doConfigPageInit')) {
                echo "Page Offhook doesn't implement doConfigPageInit, this is bad.";
            }
            include OFFHOOK_MODULE . '/page.offhook.php';
        } elseif ($display === 'extensions') {
            echo self::extensions($currentcomponent);
        }
        return (string) ob_get_clean();
    }

    private static function extensions(\component $component): string
    {
        $extension = (string) $_REQUEST['extdisplay'];
        $hardware = is_string($_REQUEST['tech_hardware'] ?? null) ? $_REQUEST['tech_hardware'] : '';
        if ($extension === '' && $hardware === '') {
            $html = '<h1>Extensions</h1><p><a id="add" href="config.php?display=extensions&amp;tech_hardware=pjsip_generic">Add Extension</a></p><ul id="list">';
            foreach (\FreePBX::pdo()->query('select extension, name from users order by extension')->fetchAll(\PDO::FETCH_ASSOC) as $user) {
                $html .= sprintf('<li><a href="config.php?display=extensions&amp;extdisplay=%s">%1$s</a> %s</li>', htmlspecialchars($user['extension']), htmlspecialchars($user['name']));
            }
            return "$html</ul>";
        }
        $device = $extension === '' ? [] : \FreePBX::Core()->getDevice($extension);
        $technology = $extension === '' ? explode('_', $hardware)[0] : ($device['tech'] ?? 'virtual');
        $fields = array_diff_key($device, array_flip(['id', 'tech', 'devicetype', 'user', 'description', 'emergency_cid', 'hint_override', 'account', 'callerid', 'secret_origional']))
            ?: ($technology === 'virtual' ? [] : \HostCore::defaults($technology) + ['secret' => md5('new')]);
        $name = \FreePBX::pdo()->prepare('select name from users where extension = ?');
        $name->execute([$extension]);
        return self::form($component, $extension, $technology, $fields, (string) $name->fetchColumn());
    }

    private static function form(\component $component, string $extension, string $technology, array $fields, string $name): string
    {
        $action = $extension === '' ? 'config.php?display=extensions' : 'config.php?display=extensions&amp;extdisplay=' . htmlspecialchars($extension);
        $html = "<form name=\"frm_extensions\" id=\"frm_extensions\" method=\"post\" action=\"$action\" onsubmit=\"return frm_extensions_onsubmit(this);\">";
        foreach ($component->elements['_top']['_top'] ?? [] as $element) {
            $html .= $element->html;
        }
        $html .= sprintf('<h2>%s</h2>', $extension === '' ? 'Add ' . strtoupper($technology) . ' Extension' : 'Extension: ' . htmlspecialchars($extension));
        $html .= sprintf('<input type="hidden" name="action" value="%s"><input type="hidden" name="extdisplay" value="%s"><input type="hidden" name="tech" value="%s">',
            $extension === '' ? 'add' : 'edit', htmlspecialchars($extension), htmlspecialchars($technology));
        $html .= self::row('User Extension', $extension === '' ? '<input class="form-control" name="extension" id="extension">'
            : '<input type="hidden" name="extension" value="' . htmlspecialchars($extension) . '">' . htmlspecialchars($extension));
        $html .= self::row('Display Name', '<input class="form-control" name="name" id="name" value="' . htmlspecialchars($name) . '">');
        foreach ($fields as $keyword => $value) {
            $html .= sprintf('<input type="hidden" name="devinfo_%s" value="%s">', htmlspecialchars($keyword), htmlspecialchars((string) $value));
        }
        $script = '';
        foreach ($component->elements['general'] ?? [] as $section => $elements) {
            $html .= '<div class="section-title"><h3>' . htmlspecialchars($section) . '</h3></div><div class="section">';
            foreach ($elements as $element) {
                $script .= $element->script;
                $html .= $element->prompt === '' ? "<div class=\"row\"><div class=\"col-md-12\">{$element->html}</div></div>" : self::row($element->prompt, $element->html, $element->help);
            }
            $html .= '</div>';
        }
        $html .= '<p><input type="submit" class="btn btn-default" id="submit" value="Submit"></p></form>';
        return $html . "<script>function warnInvalid(field, text) { document.body.dataset.invalid = text; field.focus(); return false; }\n" .
            "function isEmpty(text) { return text === ''; }\nfunction frm_extensions_onsubmit(theForm) { $script return true; }</script>";
    }

    private static function row(string $label, string $html, string $help = ''): string
    {
        $help = $help === '' ? '' : "<span class=\"help-block\">$help</span>";
        return "<div class=\"row element-container\"><div class=\"col-md-4 control-label\"><label>$label</label></div><div class=\"col-md-8\">$html$help</div></div>";
    }
}
