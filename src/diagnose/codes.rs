//! What the codes mean that no rule and no other part explains itself.

/// Code, title, text.
pub(super) const CODES: &[(&str, &str, &str)] = &[
    (
        "runs-sccp",
        "A phone runs SCCP because somebody wanted that",
        "`offhook convert start MAC --to` sent it there. It registers at a call manager (or chan_sccp), which this program does \
         not see. `offhook convert start MAC` brings it to SIP again.",
    ),
    (
        "extension-missing",
        "A line's extension is not on the PBX",
        "The assignment names an extension that the PBX does not have (any more). A phone whose lines are all gone gets no \
         file; what is in its flash stays there until it is reset, and the PBX refuses it. Add the extension, or take the MAC off \
         it. An extension that was just added is there after Apply Config.",
    ),
    (
        "disabled",
        "A phone is switched off in the PBX",
        "Column enabled of offhook_phones is 0: the phone gets no configuration.",
    ),
    (
        "assigned-twice",
        "Two assignments claim the same phone or the same extension",
        "A MAC is assigned twice, by two rows that spell it differently or in the PBX and by `offhook phones add`: remove one; \
         until then the PBX's, or the first row, is used. Or an extension is on more phones than the PBX takes contacts for \
         it: each phone's registration replaces the other's. Give each phone its own extension, or raise Max Contacts of \
         the extension (Advanced tab) to the number of its phones; chan_sip has no such setting.",
    ),
    (
        "no-such-button",
        "An extension is on a button the phone does not have",
        "Models differ: `offhook models list` says how many line keys each has. The other lines of the phone are served. Move \
         the extension to a key that the phone has; if it has that key, the model in offhook_phones is the wrong one.",
    ),
    (
        "unknown-model",
        "The model is not in the catalogue",
        "See `offhook models list` for those that are, or set the model to auto: the phone shows its kind by what it asks for.",
    ),
    (
        "button-not-built",
        "A button is of a kind that is not rendered yet",
        "Buttons of kind speed_dial, blf and service are read and left out of the phone's file; lines work.",
    ),
    (
        "no-roster",
        "The PBX was never read",
        "Until the PBX's database has been read once, no phone is told anything. `offhook check` says why it cannot be read.",
    ),
    (
        "no-secret",
        "An extension has no secret",
        "Set a secret in the PBX and press Apply Config; `offhook phones secret MAC` prints one that every phone can carry.",
    ),
    (
        "other-family",
        "A phone asked for a file of the other family",
        "A 7940 or 7960 reads SIP<MAC>.cnf, all others SEP<MAC>.cnf.xml. Phones probe for both; only the one they can use is served. \
         If a phone gets stuck on this, the model in offhook_phones is the wrong one: set it right, or to auto.",
    ),
    (
        "not-rendered",
        "A file could not be made",
        "A value does not fit the file's format. `offhook check` names the value.",
    ),
    (
        "not-found",
        "No file by that name",
        "Phones ask for many files that need not exist; \"file not found\" is the right answer to those.",
    ),
    (
        "muted",
        "Who asks for one phone after another gets no answer",
        "It asked for the files of five phones that it is not, within a minute. Ten minutes later it is answered again.",
    ),
    ("registered", "All lines are registered", "Nothing to do."),
    (
        "some-lines",
        "Some lines are registered",
        "The others may follow within a minute; `offhook explain MAC` names those that cannot.",
    ),
    (
        "registration-ended",
        "The phone was registered, and its registration ended",
        "It was not renewed in time, or the phone took it back: it lost power or network, or it restarts at this moment. One that \
         restarts is back within three minutes; until then its health is waiting. If it has power and network, restart it; if it \
         comes back for its files, they are served as ever.",
    ),
    (
        "registration-unknown",
        "Asterisk's manager interface is away",
        "The phone has its configuration. Whether it registered cannot be known until the manager interface answers; `offhook check` says \
         why it does not.",
    ),
    (
        "registering",
        "The phone took its configuration and should register now",
        "Nothing to do but wait a few seconds.",
    ),
    ("configured", "The phone fetched its configuration", "Nothing to do but wait a few seconds."),
    ("booting", "The phone asks for its first files", "Nothing to do but wait a few seconds."),
    (
        "converting",
        "The phone is on its way to another load",
        "Where it is and what comes next, `offhook convert status` says of every phone. A phone that is registered is told to boot \
         as its turn comes; one that is not is to be power-cycled, but never while it downloads.",
    ),
    ("loading", "The phone asks for firmware", "Nothing to do but wait; never cut its power now."),
    (
        "apply-pending",
        "The PBX holds saved changes that are not live",
        "Press Apply Config in FreePBX. Until then Asterisk has the old settings, and phones keep theirs.",
    ),
];
