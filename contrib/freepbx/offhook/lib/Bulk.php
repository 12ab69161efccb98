<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace FreePBX\modules\Offhook;

/**
 * Our columns of the Bulk Handler's extensions: offhook_mac, offhook_model, offhook_button. An extension may be on
 * several phones and a CSV has one row for it, so each cell is a list with `;` between, in the same order.
 *
 * Import changes what a row names: an extension is put on those phones and taken off others. A row without a MAC, or a
 * file without the columns, changes nothing.
 */
final class Bulk
{
    /** @var Directory */
    private $directory;
    /** @var Models */
    private $models;

    public function __construct(Directory $directory, Models $models)
    {
        $this->directory = $directory;
        $this->models = $models;
    }

    /** The columns, with what they are for. */
    public static function headers(): array
    {
        return [
            'offhook_mac' => ['description' => 'MAC of the Cisco phone; several with ; between. Empty: as it is'],
            'offhook_model' => ['description' => 'Model of that phone, or auto; in the same order'],
            'offhook_button' => ['description' => 'Line key of that phone; empty: the first free one; in the same order'],
        ];
    }

    /** What can be said without the tables: spelling of MACs, models and buttons. */
    public function validate($rows): array
    {
        foreach (is_array($rows) ? $rows : [] as $row) {
            try {
                foreach ($this->wishes(is_array($row) ? $row : []) as $wish) {
                    Assignment::decide($wish, null, $this->models);
                }
            } catch (Refused $refused) {
                return ['status' => false, 'message' => $this->named($row) . $refused->getMessage()];
            }
        }
        return ['status' => true];
    }

    /** Stores the rows; the first one that is refused is named, and those before it are stored. */
    public function import($rows): array
    {
        foreach (is_array($rows) ? $rows : [] as $row) {
            try {
                $wishes = $this->wishes(is_array($row) ? $row : []);
                $kept = [];
                foreach ($wishes as $wish) {
                    $saved = $this->directory->save($wish);
                    $kept[] = "{$saved->mac}/{$saved->button}";
                }
                foreach ($wishes === [] ? [] : $this->directory->linesOf($wishes[0]->extension) as $line) {
                    $place = $line['mac'] . '/' . $line['button'];
                    if (!in_array($place, $kept, true)) {
                        $this->directory->remove(new Wish($wishes[0]->extension, '', '', '', null, $place));
                    }
                }
            } catch (\Throwable $error) {
                return ['status' => false, 'message' => $this->named($row) . Guard::sentence($error)];
            }
        }
        return ['status' => true];
    }

    /** Every extension that is on a phone. */
    public function export(): array
    {
        $rows = [];
        $assigned = $this->directory->assigned();
        // A row for an extension that is gone would be one that no import takes.
        foreach (array_diff($assigned, $this->directory->gone($assigned)) as $extension) {
            $lines = $this->directory->linesOf($extension);
            $rows[$extension] = [
                'offhook_mac' => implode(';', array_column($lines, 'mac')),
                'offhook_model' => implode(';', array_column($lines, 'model')),
                'offhook_button' => implode(';', array_column($lines, 'button')),
            ];
        }
        return $rows;
    }

    /** @return Wish[] */
    private function wishes(array $row): array
    {
        $row = array_change_key_case($row, CASE_LOWER);
        $extension = Text::of($row, 'extension');
        $cell = static function (string $name) use ($row): array {
            return array_map('trim', explode(';', Text::of($row, $name)));
        };
        list($macs, $models, $buttons) = [$cell('offhook_mac'), $cell('offhook_model'), $cell('offhook_button')];
        $wishes = [];
        foreach ($macs as $at => $mac) {
            if ($mac !== '') {
                $wishes[] = new Wish($extension, $mac, $models[$at] ?? '', $buttons[$at] ?? '', null);
            }
        }
        return $wishes;
    }

    private function named($row): string
    {
        return 'extension ' . Text::short(Text::of(is_array($row) ? array_change_key_case($row, CASE_LOWER) : [], 'extension')) . ': ';
    }
}
