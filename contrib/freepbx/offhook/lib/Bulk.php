<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace FreePBX\modules\Offhook;

/**
 * Our columns of the Bulk Handler's extensions: offhook_mac, offhook_model, offhook_button. An extension may be on
 * several phones and a CSV has one row for it, so each cell is a list with `;` between, in the same order.
 *
 * Import changes what a row names: an extension is put on those buttons and taken off others. A row without a MAC, or a
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

    /** What can be said before anything is stored: spelling of MACs, models and buttons. */
    public function validate($rows): array
    {
        foreach (is_array($rows) ? $rows : [] as $row) {
            try {
                foreach ($this->wishes(is_array($row) ? $row : []) as $wish) {
                    // The model alone, for one that only this site has: rows before this one may take the lines off.
                    $mac = MacAddress::parse($wish->mac);
                    $phone = Guard::call('looking at the phone of a row', function () use ($mac) {
                        return $this->directory->phone($mac);
                    });
                    Assignment::decide($wish, $phone === null ? null : ['lines' => []] + $phone, $this->models);
                }
            } catch (Refused $refused) {
                return $this->refusal($row, $refused);
            }
        }
        return ['status' => true];
    }

    /**
     * Stores the rows, each whole or not at all. FreePBX's page sends them one at a time; `fwconsole bulkimport` sends all
     * and shows no answer, so each refusal is in the log as well. The answer names the first one.
     *
     * @param ?callable $stored called with each extension whose phone was stored
     */
    public function import($rows, ?callable $stored = null): array
    {
        $first = null;
        foreach (is_array($rows) ? $rows : [] as $row) {
            try {
                $wishes = $this->wishes(is_array($row) ? $row : []);
                if ($wishes !== []) {
                    $this->directory->place($wishes[0]->extension, $wishes);
                    if ($stored !== null) {
                        $stored($wishes[0]->extension);
                    }
                }
            } catch (Refused $refused) {
                Guard::log('importing ' . $this->named($row) . $refused->getMessage());
                $first = $first ?? $this->refusal($row, $refused);
            } catch (\Throwable $error) {
                // What failed for this row fails for the next one, too.
                return $this->refusal($row, $error);
            }
        }
        return $first ?? ['status' => true];
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

    /** @return Wish[] @throws Refused phones for what is no extension */
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
            if ($mac !== '' && !Text::isExtension($extension)) {
                throw new Refused('the number of an extension has digits only, and 20 at most; correct it');
            }
            if ($mac !== '') {
                $wishes[] = new Wish($extension, $mac, $models[$at] ?? '', $buttons[$at] ?? '', null);
            }
        }
        return $wishes;
    }

    /** The Bulk Handler's page puts the message into its HTML as it is. */
    private function refusal($row, \Throwable $error): array
    {
        $taken = $error instanceof Refused && $error->getCode() === Refused::TAKEN
            ? '. Rows are imported one by one: for two extensions to change places, empty the MAC address of one of them on its Extension page first, then import again'
            : '';
        return ['status' => false, 'message' => Text::html($this->named($row) . Guard::sentence($error) . $taken)];
    }

    private function named($row): string
    {
        return 'extension ' . Text::short(Text::of(is_array($row) ? array_change_key_case($row, CASE_LOWER) : [], 'extension')) . ': ';
    }
}
