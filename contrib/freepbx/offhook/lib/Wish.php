<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace FreePBX\modules\Offhook;

/** What a person typed about one extension on one phone, as typed. */
final class Wish
{
    /** @var string the extension's number */
    public $extension;
    /** @var string MAC in any spelling; empty = no phone */
    public $mac;
    /** @var string model in any spelling; empty = as it is; `auto` = what the phone says */
    public $model;
    /** @var string button number; empty = the one it has, else the first free one */
    public $button;
    /** @var string firmware load that the phone should run; empty = as it is; null = not asked */
    public $target;
    /** @var string `MAC/button` that the form was opened with; empty = the extension had no phone */
    public $was;

    public function __construct(string $extension, string $mac, string $model, string $button, ?string $target, string $was = '')
    {
        $this->extension = $extension;
        $this->mac = $mac;
        $this->model = $model;
        $this->button = $button;
        $this->target = $target;
        $this->was = $was;
    }

    /** MAC and button of `was`; null where there was none. */
    public function before(): ?array
    {
        return preg_match('#^([0-9A-F]{12})/(\d{1,3})\z#', $this->was, $found) === 1 ? [$found[1], (int) $found[2]] : null;
    }
}
