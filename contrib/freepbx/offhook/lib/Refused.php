<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace FreePBX\modules\Offhook;

/** What was asked for is refused; the message is one sentence for the person who asked, and holds no secret. */
final class Refused extends \RuntimeException
{
    /** Codes, for whoever has more to say than the sentence: the place is somebody else's; the daemon was not reached. */
    public const TAKEN = 1;
    public const UNREACHABLE = 2;
}
