<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace FreePBX\modules\Offhook;

/** Nothing of ours may break a page, a save or an Apply: whatever is thrown ends here, as one line of FreePBX's log. */
final class Guard
{
    /**
     * What the work gives, or `$else` where it failed.
     *
     * @param string $doing what was tried, for the log
     */
    public static function call(string $doing, callable $work, $else = null)
    {
        try {
            return $work();
        } catch (Refused $refused) {
            self::log("$doing: " . $refused->getMessage());
        } catch (\Throwable $error) {
            self::log("$doing: " . self::describe($error));
        }
        return $else;
    }

    /** One line for the log. */
    public static function log(string $line): void
    {
        $line = 'offhook: ' . preg_replace('/\s+/', ' ', $line);
        if (function_exists('freepbx_log') && defined('FPBX_LOG_ERROR')) {
            freepbx_log(FPBX_LOG_ERROR, $line);
        } else {
            error_log($line);
        }
    }

    /** For people: the sentence of a refusal; for anything else one that names no host, account, statement or value. */
    public static function sentence(\Throwable $error): string
    {
        if ($error instanceof Refused) {
            return $error->getMessage();
        }
        self::log(self::describe($error));
        if (!$error instanceof \PDOException) {
            return 'this did not work for a reason that is in the FreePBX log; nothing of offhook was stored';
        }
        if (in_array((int) ($error->errorInfo[1] ?? 0), [1146, 1054], true)) {
            return 'the tables of offhook are missing or of an older version; run `fwconsole ma install offhook`';
        }
        return 'the PBX database does not answer as it should, so nothing was read or stored; see the FreePBX log and `systemctl status mariadb`';
    }

    /** Kind, number and place; the message only of PHP's own errors, since that of others may quote what was typed. */
    private static function describe(\Throwable $error): string
    {
        if ($error instanceof \Error) {
            return sprintf('%s in %s:%d', $error->getMessage(), basename($error->getFile()), $error->getLine());
        }
        $number = $error instanceof \PDOException ? ($error->errorInfo[1] ?? $error->getCode()) : $error->getCode();
        return sprintf('%s %s in %s:%d', get_class($error), $number, basename($error->getFile()), $error->getLine());
    }
}
