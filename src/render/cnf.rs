//! Values of a `.cnf` file: what cannot be written safely is refused, never altered.
//!
//! The grammar is that of the 8.12 parser [FW812]: an unquoted value ends at a blank, `#` or `;`; a quoted one at the
//! same quote; a backslash inside quotes is read oddly. Templates take these types only.

use std::fmt;

use bytes::Bytes;

use super::RenderError;

/// The phone reads the file into 8192 octets with terminators; larger gives `W210 ... Buffer Full` [FW812].
const MAX_OCTETS: usize = 8000;

/// A value between double quotes; may be empty.
pub(super) struct Quoted(String);

impl Quoted {
    /// Printable ASCII without `"` and backslash, without blanks at the ends, at most `max` characters.
    pub(super) fn new(key: &str, value: &str, max: usize) -> Result<Self, RenderError> {
        let carried = |b: u8| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\';
        if value.len() <= max && value.trim() == value && value.bytes().all(carried) {
            Ok(Self(value.to_owned()))
        } else {
            // The value stays out of the message: it may be a secret.
            Err(RenderError(format!(
                "{key}: a value of {} octets cannot be carried (at most {max}, printable ASCII without \" and \\)",
                value.len()
            )))
        }
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// The whole file, if the phone can read it. It ends with a line end, which templates lose.
pub(super) fn whole(name: &str, mut text: String) -> Result<Bytes, RenderError> {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    if text.len() > MAX_OCTETS {
        return Err(RenderError(format!("{name} would have {} octets; the phone reads {MAX_OCTETS}", text.len())));
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_end_the_value_is_refused() {
        for good in ["", "a b", "it's", "#;:=", "R+D (1)"] {
            assert_eq!(Quoted::new("k", good, 31).unwrap().to_string(), format!("\"{good}\""));
        }
        for bad in [
            "a\"b",
            "a\\",
            "a\nb",
            "a\rb",
            "a\tb",
            "\u{1a}",
            "\0",
            "\u{e9}",
            " a",
            "a ",
            "12345678901234567890123456789012",
        ] {
            assert!(Quoted::new("k", bad, 31).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_file_that_is_too_long_says_so() {
        let made = |octets: usize| whole("SIPDefault.cnf", "x".repeat(octets));
        assert!(made(MAX_OCTETS - 1).is_ok_and(|file| file.len() == MAX_OCTETS && MAX_OCTETS < 8_192));
        let error = made(MAX_OCTETS).unwrap_err().to_string();
        assert!(error.starts_with("SIPDefault.cnf would have") && error.contains("octets"), "{error}");
    }

    #[test]
    fn a_refusal_does_not_tell_the_value() {
        let error = Quoted::new("line1_password", "S3cr3t\"CANARY", 31).map(|_| ()).unwrap_err();
        assert!(!error.to_string().contains("CANARY"));
    }

    #[test]
    fn a_file_that_the_phone_cannot_read_is_not_made() {
        assert!(whole("f", "x".repeat(7999)).is_ok());
        assert!(whole("f", "x".repeat(8000)).is_err());
    }
}
