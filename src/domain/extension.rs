//! Extensions and their passwords.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// A dialable user on the PBX, `^[0-9A-Za-z_*+.-]{1,40}$`.
///
/// The allow-list is ours: the PBX's database is untrusted input, and nothing outside it can be a user part in a SIP
/// URI, a file value and an AMI argument alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Extension(Box<str>);

/// Why a text is not an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an extension has 1 to 40 characters out of letters, digits and _ * + . -")]
pub struct ExtensionError;

impl Extension {
    /// The extension as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Extension {
    type Err = ExtensionError;

    fn from_str(text: &str) -> Result<Self, ExtensionError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_*+.-".contains(&b);
        if (1..=40).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(ExtensionError)
        }
    }
}

impl TryFrom<String> for Extension {
    type Error = ExtensionError;

    fn try_from(text: String) -> Result<Self, ExtensionError> {
        text.parse()
    }
}

impl From<Extension> for String {
    fn from(extension: Extension) -> Self {
        extension.0.into()
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A password. It cannot be printed: `Debug` is redacted and there is no `Display` and no `Serialize`; whoever needs
/// the text says so with [`Secret::expose`], which is easy to search for. The memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text itself: for a rendered file, a login or the daemon's own database, and nothing else.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allow_list_holds() {
        for good in ["1", "1001", "*43", "alice_b.c-d+1"] {
            assert!(good.parse::<Extension>().is_ok(), "{good}");
        }
        let long = "1".repeat(41);
        for bad in ["", " 100", "../../x", "1'; DROP TABLE sip;--", "1\n2", "é", long.as_str()] {
            assert!(bad.parse::<Extension>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_does_not_print() {
        let secret = Secret::new("S3cr3t-CANARY-7f");
        assert!(!format!("{secret:?} {:?}", Some(&secret)).contains("CANARY"));
        assert_eq!(secret.expose(), "S3cr3t-CANARY-7f");
    }
}
