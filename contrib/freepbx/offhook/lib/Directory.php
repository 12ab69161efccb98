<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace FreePBX\modules\Offhook;

/**
 * Phones and their lines in the PBX database: offhook_phones and offhook_lines, which we write, and offhook_status,
 * which the daemon writes. Prepared statements only.
 */
final class Directory
{
    /** What the server says when two transactions stand in each other's way: deadlock, lock wait timeout, duplicate key. */
    private const COLLISIONS = [1213, 1205, 1062];

    /** @var \PDO */
    private $database;
    /** @var Models */
    private $models;

    public function __construct(\PDO $database, Models $models)
    {
        $this->database = $database;
        $this->models = $models;
    }

    /** One phone as it is stored: mac, model, description, target_load, enabled, lines by button; null = there is none. */
    public function phone(string $mac, bool $lock = false): ?array
    {
        $for = $lock ? ' for update' : '';
        $phone = $this->rows("select mac, model, description, target_load, enabled from offhook_phones where mac = ?$for", [$mac]);
        $lines = $this->rows("select button, kind, extension, label from offhook_lines where mac = ? order by button$for", [$mac]);
        if ($phone === [] && $lines === []) {
            return null;
        }
        $found = $phone[0] ?? ['mac' => $mac, 'model' => Models::AUTO, 'description' => null, 'target_load' => null, 'enabled' => 1];
        $found['mac'] = strtoupper((string) $found['mac']);
        $found['lines'] = array_column($lines, null, 'button');
        return $found;
    }

    /** All phones, by MAC, each with its lines and its row of offhook_status (null where there is none). */
    public function phones(): array
    {
        $phones = [];
        foreach ($this->rows('select mac, model, description, target_load, enabled from offhook_phones order by mac') as $row) {
            $row['mac'] = strtoupper((string) $row['mac']);
            $phones[$row['mac']] = $row + ['lines' => [], 'status' => null];
        }
        foreach ($this->rows('select mac, button, kind, extension, label from offhook_lines order by mac, button') as $row) {
            $mac = strtoupper((string) $row['mac']);
            if (isset($phones[$mac])) {
                $phones[$mac]['lines'][(int) $row['button']] = $row;
            }
        }
        foreach ($this->statuses() as $mac => $status) {
            if (isset($phones[$mac])) {
                $phones[$mac]['status'] = $status;
            }
        }
        return $phones;
    }

    /** The lines of an extension: mac, button, label, and model and target_load of the phone; in order of MAC. */
    public function linesOf(string $extension): array
    {
        $lines = $this->rows(
            'select l.mac, l.button, l.label, p.model, p.target_load from offhook_lines l ' .
            "join offhook_phones p on p.mac = l.mac where l.kind = 'line' and l.extension = ? order by l.mac, l.button",
            [$extension]
        );
        foreach ($lines as &$line) {
            $line['mac'] = strtoupper((string) $line['mac']);
        }
        return $lines;
    }

    /** What the daemon last wrote, by MAC; empty where it never did. */
    public function statuses(): array
    {
        try {
            $rows = $this->rows('select mac, ip, stage, health, reason, summary, load_id, lines_registered, lines_total, since, updated from offhook_status');
        } catch (\PDOException $error) {
            return [];
        }
        return array_column($rows, null, 'mac');
    }

    /** Extensions that can be on a phone: number => name. Virtual ones have no device and are not among them. */
    public function extensions(): array
    {
        $rows = $this->rows(
            "select d.id, coalesce(u.name, d.description) as name from devices d left join users u on u.extension = d.user " .
            "where d.tech in ('pjsip', 'sip') order by length(d.id), d.id"
        );
        return array_column($rows, 'name', 'id');
    }

    /** `pjsip`, `sip` and so on; null for what is no device, as a virtual extension. */
    public function technology(string $extension): ?string
    {
        $rows = $this->rows('select tech from devices where id = ?', [$extension]);
        return $rows === [] ? null : strtolower((string) $rows[0]['tech']);
    }

    /** What saving the wish would do. @throws Refused as Assignment::decide */
    public function plan(Wish $wish): Assignment
    {
        return Assignment::decide($wish, $this->phone(MacAddress::parse($wish->mac)), $this->models);
    }

    /** Does it, whole or not at all; whoever saves the same phone at the same moment waits, and the last one wins. */
    public function save(Wish $wish): Assignment
    {
        return $this->atomically(function () use ($wish) {
            return $this->store($wish);
        });
    }

    /**
     * Puts an extension on exactly these places, whole or not at all: a line that only moves on its phone keeps what it
     * has, and those that nothing is wished of go.
     *
     * @param Wish[] $wishes all of that extension, each with a MAC
     */
    public function place(string $extension, array $wishes): void
    {
        $this->atomically(function () use ($extension, $wishes) {
            $lines = $this->linesOf($extension);
            foreach (self::unwanted($wishes, $lines) as $line) {
                $this->takeOff($line['mac'], (int) $line['button'], $extension);
            }
            foreach ($wishes as $wish) {
                $this->store($wish);
            }
        });
    }

    /** Takes an extension off the phone that the form was opened with; a phone without lines goes. */
    public function remove(Wish $wish): void
    {
        $before = $wish->before();
        if ($before !== null) {
            $this->atomically(function () use ($before, $wish) {
                $this->takeOff($before[0], $before[1], $wish->extension);
            });
        }
    }

    /** Takes a phone away with all its lines. Whether there was one. */
    public function removePhone(string $mac): bool
    {
        return $this->atomically(function () use ($mac) {
            $lines = $this->run('delete from offhook_lines where mac = ?', [$mac]);
            return $this->run('delete from offhook_phones where mac = ?', [$mac]) + $lines > 0;
        });
    }

    /** Those of these extensions that are gone from the PBX: neither user nor device. */
    public function gone(array $extensions): array
    {
        return array_values(array_filter($extensions, function ($extension) {
            return $this->rows(
                'select 1 from (select extension as id from users union select id from devices) there where id = ? limit 1', [$extension]
            ) === [];
        }));
    }

    /** Every extension that has a line, whether the PBX has it or not. */
    public function assigned(): array
    {
        $rows = $this->rows("select distinct extension from offhook_lines where kind = 'line' and extension is not null");
        return array_map('strval', array_column($rows, 'extension'));
    }

    /** Takes these extensions off every phone; phones without lines go. How many lines went. */
    public function purge(array $extensions): int
    {
        return $this->atomically(function () use ($extensions) {
            $count = 0;
            foreach ($extensions as $extension) {
                foreach ($this->linesOf((string) $extension) as $line) {
                    $this->takeOff($line['mac'], (int) $line['button'], (string) $extension);
                    $count++;
                }
            }
            return $count;
        });
    }

    private function store(Wish $wish): Assignment
    {
        $mac = MacAddress::parse($wish->mac);
        $plan = Assignment::decide($wish, $this->phone($mac, true), $this->models);
        $before = $wish->before();
        if ($before !== null && $before[0] !== $mac) {
            $this->takeOff($before[0], $before[1], $wish->extension);
        }
        $this->run(
            'insert into offhook_phones (mac, model, target_load) values (?, ?, ?) on duplicate key update ' .
            'model = values(model), target_load = if(?, values(target_load), target_load)',
            [$mac, $plan->model, $plan->target === '' ? null : $plan->target, $plan->target === null ? 0 : 1]
        );
        if ($plan->from === null) {
            $this->run("insert into offhook_lines (mac, button, kind, extension) values (?, ?, 'line', ?)", [$mac, $plan->button, $wish->extension]);
        } elseif ($plan->from !== $plan->button) {
            $this->run('update offhook_lines set button = ? where mac = ? and button = ?', [$plan->button, $mac, $plan->from]);
        }
        return $plan;
    }

    /**
     * Tells each wish which of the extension's lines it is about, the one on that button or else another on that phone;
     * the lines that are left over.
     */
    private static function unwanted(array $wishes, array $lines): array
    {
        foreach ($wishes as $wish) {
            $wish->was = '';
        }
        foreach ([true, false] as $exactly) {
            foreach ($wishes as $wish) {
                foreach ($wish->was === '' ? $lines : [] as $at => $line) {
                    if ($line['mac'] === MacAddress::parse($wish->mac) && (!$exactly || (int) $line['button'] === (int) $wish->button)) {
                        $wish->was = "{$line['mac']}/{$line['button']}";
                        unset($lines[$at]);
                        break;
                    }
                }
            }
        }
        return $lines;
    }

    private function takeOff(string $mac, int $button, string $extension): void
    {
        $this->run("delete from offhook_lines where mac = ? and button = ? and kind = 'line' and extension = ?", [$mac, $button, $extension]);
        $this->run('delete from offhook_phones where mac = ? and not exists (select 1 from offhook_lines where mac = ?)', [$mac, $mac]);
    }

    /** Runs the work in a transaction, again where another one stood in its way. */
    private function atomically(callable $work)
    {
        for ($attempt = 1;; $attempt++) {
            $this->database->beginTransaction();
            try {
                $done = $work();
                $this->database->commit();
                return $done;
            } catch (\Throwable $error) {
                if ($this->database->inTransaction()) {
                    $this->database->rollBack();
                }
                $collided = $error instanceof \PDOException && in_array((int) ($error->errorInfo[1] ?? 0), self::COLLISIONS, true);
                if (!$collided) {
                    throw $error;
                }
                if ($attempt === 3) {
                    throw new Refused('somebody else saved the same phone at this moment, so nothing was stored here; do the same once more');
                }
            }
        }
    }

    private function rows(string $sql, array $values = []): array
    {
        $statement = $this->database->prepare($sql);
        $statement->execute($values);
        return $statement->fetchAll(\PDO::FETCH_ASSOC);
    }

    private function run(string $sql, array $values): int
    {
        $statement = $this->database->prepare($sql);
        $statement->execute($values);
        return $statement->rowCount();
    }
}
