//! What the problems of PBX rows mean, for `offhook explain`.

/// Code, title, text.
pub const CODES: &[(&str, &str, &str)] = &[
    (
        "secret-not-as-typed",
        "Asterisk has another secret than the one that was typed",
        "FreePBX writes the secret as it is into a file in which ; begins a comment (for chan_pjsip), a > right after the = is \
         part of that, and blanks at the ends do not count. So Asterisk has only the part before the ;, without a > at its \
         beginning, trimmed. On chan_sip a ; is kept. Phones are given that part, because only that part registers. Set a \
         new secret of letters and digits.",
    ),
    (
        "secret-not-live",
        "Asterisk has another secret than the database",
        "Asterisk's manager interface was asked and shows another password than the database's. Phones are given Asterisk's. \
         After Apply Config the two agree.",
    ),
    (
        "secret-md5",
        "Asterisk goes by a hash and not by the secret",
        "The extension has md5_cred and a secret. FreePBX then tells chan_pjsip to compare with the hash. Phones are given the \
         secret, and register only if the hash was made of it, of the user and of the realm. Empty md5_cred, and Apply Config.",
    ),
    (
        "secret-md5-only",
        "Only a hash of the secret is known",
        "The extension has md5_cred and no plain secret. A phone needs the secret itself: set a plain one.",
    ),
    (
        "half-written",
        "An extension lacks rows in table sip",
        "A device without sipdriver or account is being saved, or its save broke off. Open the extension and save it again.",
    ),
    (
        "extension-characters",
        "An extension has characters that no phone can carry",
        "Extensions are letters, digits and _ * + . - up to 40 of them.",
    ),
    (
        "value-too-large",
        "A setting of an extension is too large",
        "A cell over 4 KiB is no setting of an extension. Save the extension again.",
    ),
    (
        "bad-port",
        "A port in the PBX's settings is none",
        "A port is a number from 1 to 65535. The setting is not used, and phones are told 5060. Save Asterisk SIP Settings, \
         chan_pjsip, again.",
    ),
    (
        "roster-shrunk",
        "Many phones or extensions are gone from the PBX at once",
        "More than ten, and more than one in five, of the phones or extensions that the PBX named at the last look are not there any \
         more: a restore is under way, a table was emptied, a module was uninstalled. They are served as before. If they stay \
         away for a quarter of an hour, they are believed to be gone. If you meant it, `systemctl reload offhook` takes them \
         away now.",
    ),
    (
        "table-missing",
        "offhook's tables are not in the PBX database",
        "On FreePBX `offhook setup` installs the module, which makes them. Elsewhere run contrib/sql/offhook-mariadb.sql, in the package under /usr/share/offhook/sql, on the PBX database. Until then only phones of `offhook phones add` are served.",
    ),
    (
        "bad-mac",
        "A row names no phone's MAC",
        "A MAC has 12 hex digits in any spelling and is neither multicast nor zero. Correct the row.",
    ),
    (
        "bad-options",
        "The options of a phone cannot be used",
        "Column options of offhook_phones holds JSON whose keys are those of [phones]. The phone is served without them until it is corrected.",
    ),
    (
        "bad-line",
        "A row of offhook_lines cannot be used",
        "button is a number from 1, kind one of line, speed_dial, blf, service. Correct the row.",
    ),
];
