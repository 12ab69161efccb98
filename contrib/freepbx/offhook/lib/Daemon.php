<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace FreePBX\modules\Offhook;

/**
 * The offhook daemon, over its unix socket for the PBX. One request takes two seconds at most, all questions of one
 * page together four, and all orders twenty: a daemon that hangs may not hang FreePBX. Only the checks take longer, since
 * they try ports and servers, and they are asked when somebody presses for them. Never asked in a hook of Apply.
 */
final class Daemon
{
    /** Where it listens. */
    public static $socket = '/run/offhook/pbx.sock';

    private const SECONDS_EACH = 2.0;
    private const SECONDS_CHECK = 12.0;
    private const SECONDS_ALL = ['GET' => 4.0, 'POST' => 20.0];
    /** More than any answer of ours; in octets. */
    private const LONGEST = 16 * 1024 * 1024;

    /** @var float[] seconds spent so far, by method */
    private $spent = ['GET' => 0.0, 'POST' => 0.0];

    /** @throws Refused not reachable, or no answer of the daemon's */
    public function phones(): array
    {
        return self::objects($this->ask('GET', 'phones'));
    }

    /** @throws Refused as phones(), and for a phone it does not know */
    public function phone(string $mac): array
    {
        return $this->ask('GET', "phones/$mac");
    }

    /** What is wrong with a phone: code, severity, summary, evidence, remedy. @throws Refused as phone() */
    public function findings(string $mac): array
    {
        return self::objects($this->ask('GET', "phones/$mac/findings"));
    }

    /** What `offhook check` says. @throws Refused as phones() */
    public function check(): array
    {
        return self::objects($this->ask('GET', 'check', self::SECONDS_CHECK));
    }

    /** Makes a phone read its files again, restart, or reset: what was done, in a sentence. @throws Refused as phone() */
    public function notify(string $mac, string $verb): string
    {
        return Text::of($this->ask('POST', "phones/$mac/$verb"), 'summary');
    }

    private function ask(string $method, string $path, ?float $seconds = null): array
    {
        $left = $seconds ?? min(self::SECONDS_EACH, self::SECONDS_ALL[$method] - $this->spent[$method]);
        if ($left <= 0) {
            throw new Refused($method === 'POST'
                ? 'the phones before it took too long, so it was not told; choose fewer at once'
                : 'offhook answers too slowly; see `systemctl status offhook` and `journalctl -u offhook`');
        }
        if (!function_exists('curl_init')) {
            throw new Refused('PHP has no curl, so offhook cannot be asked; install php-curl');
        }
        $body = '';
        $curl = curl_init('http://offhook/api/v1/' . $path);
        curl_setopt_array($curl, [
            CURLOPT_UNIX_SOCKET_PATH => self::$socket,
            CURLOPT_CUSTOMREQUEST => $method,
            CURLOPT_TIMEOUT_MS => (int) ceil($left * 1000),
            CURLOPT_NOSIGNAL => true,
            CURLOPT_FOLLOWLOCATION => false,
            CURLOPT_PROTOCOLS => CURLPROTO_HTTP,
            CURLOPT_WRITEFUNCTION => static function ($curl, string $part) use (&$body): int {
                $body .= $part;
                return strlen($body) > self::LONGEST ? -1 : strlen($part);
            },
        ]);
        $since = microtime(true);
        $done = curl_exec($curl);
        $this->spent[$method] += microtime(true) - $since;
        $status = (int) curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        $number = curl_errno($curl);
        if ($done === false && $number === CURLE_OPERATION_TIMEDOUT && $method === 'POST') {
            // The daemon goes on by itself: a phone may take eight seconds to answer.
            return ['summary' => 'the phone has not answered yet, and offhook goes on waiting; what came of it is in `offhook phones timeline`'];
        }
        if ($done === false && $number === CURLE_OPERATION_TIMEDOUT) {
            throw new Refused('offhook did not answer in time; see `systemctl status offhook` and `journalctl -u offhook`');
        }
        if ($done === false && $method === 'POST') {
            throw $number === CURLE_COULDNT_CONNECT
                ? new Refused('the offhook daemon cannot be reached; start it with `systemctl start offhook`', Refused::UNREACHABLE)
                : new Refused('offhook broke off before it said whether the phone was told; see `journalctl -u offhook`');
        }
        if ($done === false) {
            throw new Refused('the offhook daemon cannot be reached, so what follows is what it last reported; start it with `systemctl start offhook`');
        }
        $answer = json_decode($body, true, 64);
        if (!is_array($answer)) {
            throw new Refused('the answer of the offhook daemon cannot be read; module and daemon should be of the same version');
        }
        if ($status !== 200) {
            $error = Text::of($answer, 'error');
            throw new Refused($error !== '' ? $error : "the offhook daemon refused with status $status; see `journalctl -u offhook`");
        }
        return $answer;
    }

    private static function objects(array $list): array
    {
        return array_values(array_filter($list, 'is_array'));
    }
}
