//! Hardware addresses: read in any spelling, printed one way (12 upper-case hex digits).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A phone's hardware address: six octets, unicast, not all zero.
///
/// Reads `00:1b:54:aa:bb:01`, `001b.54aa.bb01`, `00-1B-54-AA-BB-01`, `001B54AABB01` and `SEP001B54AABB01`; prints
/// `001B54AABB01`, the form that Cisco phones use in file names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddr([u8; 6]);

impl JsonSchema for MacAddr {
    fn schema_name() -> Cow<'static, str> {
        "MacAddr".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Unicast: the last bit of the first octet is 0. And not all of them.
        json_schema!({
            "type": "string",
            "description": "A phone's hardware address: 12 hexadecimal digits",
            "pattern": "^(?!0+$)[0-9A-Fa-f][02468ACEace][0-9A-Fa-f]{10}$",
        })
    }
}

/// Why a text is not the hardware address of a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MacError {
    /// Not 12 hexadecimal digits once separators are taken away.
    #[error("a MAC address has 12 hexadecimal digits")]
    NotHex,
    /// The group bit is set: a multicast or broadcast address belongs to no phone.
    #[error("a multicast or broadcast address belongs to no phone")]
    Multicast,
    /// All zero.
    #[error("the all-zero address belongs to no phone")]
    Zero,
}

impl MacAddr {
    /// The address made of these octets, in transmission order.
    ///
    /// # Errors
    /// Multicast, broadcast and all-zero addresses are refused.
    pub fn new(octets: [u8; 6]) -> Result<Self, MacError> {
        let [first, ..] = octets;
        if octets == [0; 6] {
            Err(MacError::Zero)
        } else if first & 1 == 1 {
            Err(MacError::Multicast)
        } else {
            Ok(Self(octets))
        }
    }

    /// The six octets, in transmission order.
    pub fn octets(self) -> [u8; 6] {
        self.0
    }

    /// Reads exactly 12 hex digits, no separators: the form in file names.
    ///
    /// # Errors
    /// As [`MacAddr::new`], and [`MacError::NotHex`].
    pub fn from_hex(digits: &str) -> Result<Self, MacError> {
        let mut octets = [0_u8; 6];
        let bytes = digits.as_bytes();
        if bytes.len() != 12 {
            return Err(MacError::NotHex);
        }
        for (octet, pair) in octets.iter_mut().zip(bytes.chunks_exact(2)) {
            *octet = pair.iter().try_fold(0_u8, |sum, digit| {
                let value =
                    char::from(*digit).to_digit(16).and_then(|d| u8::try_from(d).ok()).ok_or(MacError::NotHex)?;
                Ok((sum << 4) | value)
            })?;
        }
        Self::new(octets)
    }
}

impl FromStr for MacAddr {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, MacError> {
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        let text = match text.get(..3) {
            Some(prefix) if prefix.eq_ignore_ascii_case("SEP") || prefix.eq_ignore_ascii_case("SIP") => {
                text.get(3..).unwrap_or_default()
            }
            _ => text,
        };
        let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-' | '.' | ' ')).collect();
        Self::from_hex(&digits)
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02X}"))
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for MacAddr {
    type Error = MacError;

    fn try_from(text: String) -> Result<Self, MacError> {
        text.parse()
    }
}

impl From<MacAddr> for String {
    fn from(mac: MacAddr) -> Self {
        mac.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_prints_one_way() {
        for text in [
            "00:1b:54:aa:bb:01",
            "00-1B-54-AA-BB-01",
            "001b.54aa.bb01",
            "001B54AABB01",
            " 001b54aabb01\n",
            "\u{feff}00:1B:54:AA:BB:01",
            "SEP001B54AABB01",
            "sip001b54aabb01",
        ] {
            assert_eq!(text.parse::<MacAddr>().unwrap().to_string(), "001B54AABB01", "{text:?}");
        }
    }

    #[test]
    fn what_is_no_phone_is_refused() {
        for (text, why) in [
            ("", MacError::NotHex),
            ("001B54AABB0", MacError::NotHex),
            ("001B54AABB011", MacError::NotHex),
            ("GG1B54AABB01", MacError::NotHex),
            ("+01B54AABB01", MacError::NotHex),
            ("éé1B54AABB01", MacError::NotHex),
            ("000000000000", MacError::Zero),
            ("FFFFFFFFFFFF", MacError::Multicast),
            ("01005E000001", MacError::Multicast),
        ] {
            assert_eq!(text.parse::<MacAddr>(), Err(why), "{text:?}");
        }
    }
}
