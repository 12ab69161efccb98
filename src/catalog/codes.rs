//! The problem codes of catalogue and rendering: one-line title and a paragraph for `offhook explain CODE`.

/// Code, title, text.
pub const CODES: &[(&str, &str, &str)] = &[
    (
        "secret-too-long",
        "The phone cannot hold a secret this long",
        "FreePBX makes secrets of 32 characters. A 7940 or 7960 takes at most 31 and refuses a longer value whole, \
         keeping the old one; Java phones are documented for 30. The line is left out, because a cut secret can never \
         register. Set a secret of 12 letters and digits for the extension and apply the change.",
    ),
    (
        "secret-long-for-firmware",
        "The secret is longer than some loads can use",
        "Java phones are documented for 30 characters, but two reports with 9.4(2)SR3 saw registrations fail above 12. \
         The line is served as it is. If it does not register, set a secret of 12 letters and digits.",
    ),
    (
        "secret-characters",
        "The phone's file cannot carry a character of the secret",
        "The format of 7940 and 7960 has no way to write a double quote or a backslash; both formats take printable \
         ASCII only, and may lose blanks at the ends. A secret is never altered, so the line is left out until the \
         extension has another one.",
    ),
    (
        "secret-empty",
        "The extension has no secret",
        "Without a secret the phone cannot answer the PBX's challenge. The line is left out. Set a secret in the PBX.",
    ),
    (
        "number-too-long",
        "The SIP user name does not fit",
        "The user part of the address is empty or longer than the phone takes (31 on 7940 and 7960, 30 documented on \
         Java phones). The line is left out; use a shorter extension.",
    ),
    (
        "number-characters",
        "The SIP user name has characters that phones cannot dial or show",
        "Letters, digits and _ * + . - are taken. Anything else could change the meaning of the phone's file or of a \
         SIP address, so the line is left out.",
    ),
    (
        "number-dash",
        "A dash in the SIP user name upsets old loads",
        "7940 and 7960 with loads before 8.12 were seen to show \"XML Parse Error\" and restart when the user name \
         holds a dash. The line is served. Use digits, or load 8.12.",
    ),
    (
        "auth-name-too-long",
        "The digest user name does not fit",
        "The name for authentication is empty or longer than the phone takes (51 on 7940 and 7960, 30 documented on \
         Java phones). The line is left out.",
    ),
    (
        "auth-name-characters",
        "The phone's file cannot carry a character of the digest user name",
        "Printable ASCII is taken; on 7940 and 7960 without double quotes and backslashes. The line is left out.",
    ),
    (
        "reserved-word",
        "The value is the phone's word for \"not set\"",
        "A 7940 or 7960 reads UNPROVISIONED as an absent value, quoted or not. The line is left out; choose another \
         value in the PBX.",
    ),
    (
        "port-unusable",
        "The extension has no SIP port",
        "The port of the SIP driver is 0, so a phone could not reach its registrar. The line is left out. Set the port in \
         the PBX, or `pbx.sip_port`.",
    ),
    (
        "port-not-shared",
        "The phone's lines live on different SIP ports",
        "A Java phone with a 9.x load sends all lines to the port of its call manager entry, which is the port of the \
         first line. Lines of another SIP driver will not register. Put all lines of the phone on one driver.",
    ),
    (
        "phone-password-unusable",
        "The phone password does not fit",
        "`phones.phone_password` is empty, too long or has characters that the phone's file cannot carry. The files \
         are made without it and the phone keeps the password it has.",
    ),
    (
        "voicemail-unusable",
        "The number of the messages key does not fit",
        "It must be a number that the phone can dial: letters, digits and * # + _ . -. The key is left without one.",
    ),
    (
        "ntp-unusable",
        "The time server does not fit",
        "`phones.ntp` must be an address or a host name that fits the phone. Without it the phone is told no server.",
    ),
    (
        "emergency-unusable",
        "An emergency number is not a plain number",
        "Each entry of `phones.emergency` is digits only: other characters are patterns in the phone's dial plan and \
         could send other calls at once. The entry is left out of the dial plan.",
    ),
    (
        "time-zone-unknown",
        "The time zone is not an IANA name",
        "`phones.time_zone` is no name of the IANA time zone database, such as Europe/Berlin. The phone is told no zone \
         and keeps the one it has.",
    ),
    (
        "time-zone-inexact",
        "The phone knows no zone that fits exactly",
        "These phones know a short list of zones. Where none has the zone's offset and daylight saving rule, the \
         nearest is used, and the clock on the display is wrong by the difference that the finding states.",
    ),
    (
        "language-unknown",
        "The language has no locale on these phones",
        "`phones.language` names a language for which no locale folder is known. The phone's menus stay in English.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_kebab_case_and_told_once() {
        for (at, (code, title, text)) in CODES.iter().enumerate() {
            assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{code}");
            assert!(!CODES[..at].iter().any(|(other, ..)| other == code), "{code} twice");
            assert!(!title.ends_with('.') && text.ends_with('.'), "{code}");
        }
    }
}
