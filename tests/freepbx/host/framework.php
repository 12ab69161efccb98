<?php
// SPDX-License-Identifier: GPL-3.0-or-later
// A stand-in for FreePBX's framework: only what the module may call (Allowed.php), with the shapes that framework 16.0.33
// has. It is no FreePBX; what it cannot show is whether the real one does the same, which the references' measurements say.

require_once __DIR__ . '/Allowed.php';

use Offhook\Host\Allowed;

define('FPBX_LOG_ERROR', 'ERROR');

interface BMO
{
    public function install();
    public function uninstall();
}

/** Lines that were logged, for tests to look at. */
final class HostLog
{
    public static $lines = [];
    public static $out = [];
}

function freepbx_log($level, $message)
{
    Allowed::check(__FUNCTION__);
    HostLog::$lines[] = $message;
}

/** Whether an extension is in the account's range, where it has one. */
function checkRange($extension)
{
    Allowed::check(__FUNCTION__);
    return HostCore::$range === [] || ($extension >= HostCore::$range[0] && $extension <= HostCore::$range[1]);
}

function out($text)
{
    Allowed::check(__FUNCTION__);
    HostLog::$out[] = $text;
}

function needreload()
{
    Allowed::check(__FUNCTION__);
    FreePBX::pdo()->exec("update admin set value = 'true' where variable = 'need_reload'");
}

/** Values of a module, in kvstore_<class> as in the framework. */
class FreePBX_Helpers
{
    public function __construct($freepbx = null)
    {
    }

    public function setConfig($key = null, $value = false, $id = 'noid')
    {
        Allowed::check(__METHOD__);
        FreePBX::pdo()->prepare('delete from kvstore_FreePBX_modules_Offhook where `key` = ? and id = ?')->execute([$key, $id]);
        if ($value !== false) {
            $insert = FreePBX::pdo()->prepare('insert into kvstore_FreePBX_modules_Offhook (`key`, val, type, id) values (?, ?, NULL, ?)');
            $insert->execute([$key, $value, $id]);
        }
    }

    public function getAll($id = 'noid')
    {
        Allowed::check(__METHOD__);
        $rows = FreePBX::pdo()->prepare('select `key`, val from kvstore_FreePBX_modules_Offhook where id = ?');
        $rows->execute([$id]);
        return $rows->fetchAll(PDO::FETCH_KEY_PAIR);
    }

    public function __call($name, $arguments)
    {
        Allowed::check("FreePBX_Helpers::$name");
    }
}

/** The big module object: modules and services by name. */
final class FreePBX
{
    private static $pdo;
    private static $made = [];

    /** @param string $socket of the MariaDB that holds the tables */
    public static function start(string $socket, string $database): void
    {
        self::$made = [];
        self::$pdo = new PDO("mysql:unix_socket=$socket;dbname=$database;charset=utf8mb4", 'root', '', [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
    }

    public static function pdo(): PDO
    {
        return self::$pdo;
    }

    public static function replace(string $name, $with): void
    {
        self::$made[$name] = $with;
    }

    public static function __callStatic($name, $arguments)
    {
        Allowed::check("FreePBX::$name");
        return self::service($name);
    }

    public function __get($name)
    {
        Allowed::check("FreePBX::$name");
        return self::service($name);
    }

    private static function service(string $name)
    {
        if ($name === 'Database') {
            return self::$made[$name] ?? self::$pdo;
        }
        if (!isset(self::$made[$name])) {
            $classes = ['Offhook' => 'FreePBX\modules\Offhook', 'Core' => 'HostCore', 'Notifications' => 'HostNotifications'];
            $class = $classes[$name];
            self::$made[$name] = new $class(new self());
        }
        return self::$made[$name];
    }
}

final class HostNotifications
{
    public function __construct($freepbx)
    {
    }

    public function add_warning($module, $id, $text, $extended = '', $link = '', $reset = false, $candelete = false)
    {
        Allowed::check('Notifications::add_warning');
        $add = FreePBX::pdo()->prepare('replace into notifications (module, id, level, display_text, extended_text, link, reset, candelete) values (?, ?, 500, ?, ?, ?, ?, ?)');
        $add->execute([$module, $id, $text, $extended, $link, (int) $reset, (int) $candelete]);
    }

    public function delete($module, $id)
    {
        Allowed::check('Notifications::delete');
        FreePBX::pdo()->prepare('delete from notifications where module = ? and id = ?')->execute([$module, $id]);
    }

    public function __call($name, $arguments)
    {
        Allowed::check("Notifications::$name");
    }
}

/** The component of a page, as libraries/components.class.php has it: functions by order, elements by section. */
final class component
{
    public $elements = [];
    private $process = [];
    private $gui = [];

    public function addprocessfunc($function, $order = 5)
    {
        Allowed::check(__METHOD__);
        $this->process[$order][] = $this->known($function, $order);
    }

    public function addguifunc($function, $order = 5)
    {
        Allowed::check(__METHOD__);
        $this->gui[$order][] = $this->known($function, $order);
    }

    public function addguielem($section, $element, $order = 5, $placement = null, $category = 'other', $mode = 'basic')
    {
        Allowed::check(__METHOD__);
        $this->elements[$section === '_top' ? '_top' : $category][$section][] = $element;
    }

    public function processconfigpage()
    {
        $this->run($this->process);
    }

    public function buildconfigpage()
    {
        $this->run($this->gui);
    }

    public function __call($name, $arguments)
    {
        Allowed::check("component::$name");
    }

    private function known($function, $order)
    {
        if ($order < 0 || $order > 9 || !function_exists($function)) {
            throw new LogicException("$function with order $order");
        }
        return $function;
    }

    private function run(array $functions)
    {
        ksort($functions);
        foreach (array_merge([], ...$functions) as $function) {
            $function('extensions');
        }
    }
}

/** Form elements: the same arguments and HTML as the framework's, which escapes the value of a text box and nothing else. */
abstract class host_element
{
    public $name;
    public $html = '';
    public $prompt = '';
    public $help = '';
    public $script = '';

    protected function __construct($name, $prompt = '', $help = '')
    {
        Allowed::check(static::class);
        $this->name = $name;
        $this->prompt = $prompt;
        $this->help = $help;
    }
}

final class gui_textbox extends host_element
{
    public function __construct($name, $value = '', $prompt = '', $help = '', $invalid = '', $message = '', $empty = true, $max = 0)
    {
        parent::__construct($name, $prompt, $help);
        $this->html = "<input type=\"text\" name=\"$name\" class=\"form-control \" id=\"$name\" size=\"35\" value=\"" . htmlspecialchars($value) . '">';
        if ($invalid !== '') {
            $test = str_replace('()', "(theForm.$name.value)", $invalid);
            $this->script = 'defaultEmptyOK = ' . ($empty ? 'true' : 'false') . "; if ($test) { return warnInvalid(theForm.$name, \"$message\"); }\n";
        }
    }
}

final class gui_selectbox extends host_element
{
    public function __construct($name, $values = [], $current = '', $prompt = '', $help = '', $empty = true)
    {
        parent::__construct($name, $prompt, $help);
        $this->html = "<select name=\"$name\" class=\"form-control\" id=\"$name\">" . ($empty ? '<option value="">&nbsp;</option>' : '');
        foreach ($values as $item) {
            $selected = (string) $current === (string) $item['value'] ? ' selected' : '';
            $this->html .= "<option value=\"{$item['value']}\"$selected>{$item['text']}</option>";
        }
        $this->html .= '</select>';
    }
}

final class gui_checkbox extends host_element
{
    public function __construct($name, $checked = false, $prompt = '', $help = '', $value = 'on', $after = '')
    {
        parent::__construct($name, $prompt, $help);
        $this->html = "<input type=\"checkbox\" name=\"$name\" id=\"$name\" value=\"$value\" " . ($checked ? 'checked' : '') . "/>$after";
    }
}

final class gui_hidden extends host_element
{
    public function __construct($name, $value = '')
    {
        parent::__construct($name);
        $this->html = "<input type=\"hidden\" name=\"$name\" id=\"$name\" value=\"" . htmlentities($value) . '">';
    }
}

final class gui_html extends host_element
{
    public function __construct($name, $html)
    {
        parent::__construct($name);
        $this->html = $html;
    }
}

final class gui_label extends host_element
{
    public function __construct($name, $text)
    {
        parent::__construct($name);
        $this->html = "<span id=\"$name\" class=\"\">$text</span>";
    }
}
