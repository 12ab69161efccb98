<?php
// SPDX-License-Identifier: GPL-3.0-or-later
// A stand-in for the daemon's socket for the PBX: php daemon.php SOCKET ANSWERS. ANSWERS is a JSON file, read at each
// request: {"GET /api/v1/phones": [200, [...]], ...}; what is not in it is 404; a status of 0 is never answered, and at one of
// -1 the connection ends. Every request is added to ANSWERS.log. The real one is tested with the daemon.

list(, $socket, $answers) = $argv;
$server = stream_socket_server("unix://$socket", $number, $why) ?: die("$why\n");
$unanswered = [];
while (($client = @stream_socket_accept($server, -1)) !== false) {
    $head = '';
    while (($line = fgets($client)) !== false && trim($line) !== '') {
        $head .= $line;
    }
    $asked = implode(' ', array_slice(explode(' ', strtok($head, "\r\n") ?: ''), 0, 2));
    file_put_contents("$answers.log", "$asked\n", FILE_APPEND);
    list($status, $body) = json_decode((string) file_get_contents($answers), true)[$asked] ?? [404, ['error' => "no $asked here"]];
    if ($status === 0) {
        $unanswered[] = $client;
        continue;
    }
    if ($status === -1) {
        fclose($client);
        continue;
    }
    $body = is_string($body) ? $body : json_encode($body);
    // A client that only looked whether somebody is here has gone.
    @fwrite($client, "HTTP/1.1 $status X\r\nContent-Type: application/json\r\nContent-Length: " . strlen($body) . "\r\nConnection: close\r\n\r\n$body");
    fclose($client);
}
