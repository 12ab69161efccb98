<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Offhook\Tests;

use Offhook\Host\Allowed;
use PHPUnit\Framework\TestCase;

require_once __DIR__ . '/host/start.php';

/** What the module's source may not hold, whoever runs it. */
final class StrictTest extends TestCase
{
    private static function sources(): array
    {
        $found = [];
        foreach (new \RecursiveIteratorIterator(new \RecursiveDirectoryIterator(OFFHOOK_MODULE, \FilesystemIterator::SKIP_DOTS)) as $file) {
            if ($file->getExtension() === 'php') {
                $found[$file->getPathname()] = (string) file_get_contents($file->getPathname());
            }
        }
        self::assertGreaterThan(15, count($found));
        return $found;
    }

    /** Functions that are neither PHP's, nor our own, nor on the list; and services of FreePBX's that are not on it. */
    public function testEveryCallOfTheFrameworkIsOnTheList(): void
    {
        foreach (self::sources() as $path => $source) {
            $tokens = array_values(array_filter(token_get_all($source), static function ($token) {
                return !is_array($token) || !in_array($token[0], [T_WHITESPACE, T_COMMENT, T_DOC_COMMENT], true);
            }));
            foreach ($tokens as $at => $token) {
                // Before PHP 8 a name with a namespace is many tokens.
                for ($from = $at - 1; is_array($tokens[$from] ?? '') && in_array($tokens[$from][0], [T_NS_SEPARATOR], true); $from--) {
                }
                $before = $tokens[$from] ?? '';
                $method = is_array($before) && in_array($before[0], [T_OBJECT_OPERATOR, T_DOUBLE_COLON, T_FUNCTION, T_NEW], true);
                if (!is_array($token) || $token[0] !== T_STRING || ($tokens[$at + 1] ?? '') !== '(' || $method) {
                    continue;
                }
                $name = $token[1];
                $ours = strpos($name, 'offhook_') === 0;
                $php = function_exists($name) && (new \ReflectionFunction($name))->isInternal();
                self::assertTrue($ours || $php || isset(Allowed::CALLS[$name]), "$path calls $name");
            }
            preg_match_all('/\\\\FreePBX::(\w+)|->pbx->(\w+)/', $source, $services);
            foreach (array_filter(array_merge($services[1], $services[2])) as $service) {
                self::assertArrayHasKey("FreePBX::$service", Allowed::CALLS, $path);
            }
            preg_match_all('/new \\\\(gui_\w+)/', $source, $elements);
            foreach ($elements[1] as $element) {
                self::assertArrayHasKey($element, Allowed::CALLS, $path);
            }
        }
    }

    public function testTheHostRefusesWhatIsNotOnTheList(): void
    {
        foreach (['component::addjsfunc', 'FreePBX::Userman', 'Core::addUser', 'gui_password'] as $call) {
            try {
                Allowed::check($call);
                self::fail($call);
            } catch (\LogicException $error) {
                self::assertStringContainsString($call, $error->getMessage());
            }
        }
        $this->expectException(\LogicException::class);
        (new \component())->addoptlist('x');
    }

    public function testStatementsArePreparedAndNothingIsExecutedOrFetchedElsewhere(): void
    {
        foreach (self::sources() as $path => $source) {
            foreach (['->query(', 'exec(', 'shell_exec', 'system(', 'passthru', 'eval(', 'unserialize', 'file_put_contents', 'mysqli', 'ajaxRequest', 'ajaxHandler', '@$', 'md5(', ' rand(', 'mt_rand'] as $word) {
                // Tables::install runs the statements of a file of ours, and curl has a function of that name.
                $allowed = $word === 'exec(' ? substr_count($source, '$database->exec(') + substr_count($source, 'curl_exec(') : 0;
                self::assertSame($allowed, substr_count($source, $word), "$path: $word");
            }
            self::assertStringContainsString('SPDX-License-Identifier: GPL-3.0-or-later', $source, $path);
        }
    }

    /** Whatever a view prints goes through Text::html, or is HTML that did. */
    public function testViewsEscape(): void
    {
        foreach (glob(OFFHOOK_MODULE . '/views/*.php') as $path) {
            $view = (string) file_get_contents($path);
            preg_match_all('/<\?= (.+?) \?>/s', $view, $printed);
            self::assertNotSame([], $printed[1]);
            foreach ($printed[1] as $expression) {
                $without = preg_replace(["/'[^']*'/", '/Text::html\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)/', '/PhonesPage::stateHtml\((?:[^()]|\([^()]*\))*\)/'], '', $expression);
                $without = preg_replace('/^.*?\?|===?|\((?:string)\)|\$\w+(\[[^]]*\])* *(?====|!==)/s', '', $without);
                self::assertStringNotContainsString('$', (string) $without, "$path prints $expression");
            }
        }
    }
}
