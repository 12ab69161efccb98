<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace FreePBX\modules\Offhook;

/** Makes the tables of tables.sql, and adds the columns that an older shape of them lacks. Nothing is ever dropped. */
final class Tables
{
    /** @throws \PDOException where the database refuses */
    public static function install(\PDO $database): void
    {
        $sql = preg_replace('/^--.*$/m', '', (string) file_get_contents(dirname(__DIR__) . '/tables.sql'));
        foreach (array_filter(array_map('trim', explode(';', $sql))) as $statement) {
            $database->exec($statement);
            self::complete($database, $statement);
        }
    }

    private static function complete(\PDO $database, string $statement): void
    {
        if (preg_match('/^create table if not exists (\w+)/i', $statement, $found) !== 1) {
            return;
        }
        $table = $found[1];
        $there = $database->prepare(
            'select column_name from information_schema.columns where table_schema = database() and table_name = ?'
        );
        $there->execute([$table]);
        $there = array_map('strtolower', $there->fetchAll(\PDO::FETCH_COLUMN));
        preg_match_all('/^    (\w+) (.+?),?$/m', $statement, $columns, PREG_SET_ORDER);
        foreach ($columns as list(, $name, $type)) {
            if ($name !== 'primary' && !in_array($name, $there, true)) {
                $database->exec("alter table $table add column $name $type");
            }
        }
    }
}
