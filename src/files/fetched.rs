//! What a phone last took whole, beside what it would get now. Pure.
//!
//! Of what was sent two things are kept: the text as people see it, and a seal over the true octets. The seal tells that
//! only a secret changed; it is made with a key of this host's, since a bare digest of a file with a short secret in it is as
//! good as the secret.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;
use similar::{ChangeTag, TextDiff};

use super::Rendering;
use crate::api::{Change, DiffLine, FetchState};
use crate::domain::MacAddr;

/// Lines shown around each that differs.
const AROUND: usize = 3;

/// What seals are made with.
#[derive(Clone)]
pub struct SealKey([u8; 32]);

impl From<[u8; 32]> for SealKey {
    fn from(octets: [u8; 32]) -> Self {
        Self(octets)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey")
    }
}

/// Of what octets it is nobody can tell without the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal([u8; 32]);

impl Seal {
    /// As it is kept.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// From what was kept.
    pub fn read(octets: &[u8]) -> Option<Self> {
        octets.try_into().ok().map(Self)
    }
}

impl SealKey {
    /// Over the octets that a phone got under that name: the same for two phones say nothing of each other.
    pub fn seal(&self, mac: MacAddr, name: &str, octets: &[u8]) -> Option<Seal> {
        // A key of any length will do (RFC 2104), so there is one.
        let mut hmac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        for part in [&mac.octets()[..], name.as_bytes(), b"\0", octets] {
            hmac.update(part);
        }
        Some(Seal(hmac.finalize().into_bytes().into()))
    }
}

/// What is kept of a file that a phone took.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept {
    /// Whose.
    pub mac: MacAddr,
    /// The name that the phone asks for it by.
    pub name: String,
    /// When it first took it as it is.
    pub at: Timestamp,
    /// Over what was sent.
    pub seal: Seal,
    /// What people see of it.
    pub text: String,
}

impl Kept {
    /// What is to be kept of this one, which its phone took then; `None` where it is of no phone, or of a moment.
    pub fn of(key: &SealKey, taken: &Rendering, at: Timestamp) -> Option<Self> {
        let (mac, name) = (taken.phone()?, taken.name()?);
        let text = String::from_utf8_lossy(&taken.masked().ok()?).into_owned();
        Some(Self { seal: key.seal(mac, &name, taken.bytes())?, mac, name, at, text })
    }
}

/// How what is kept of a file compares with what its phone would get now; the lines where those differ.
pub fn compare(key: &SealKey, kept: &Kept, now: &Rendering) -> (FetchState, Vec<DiffLine>) {
    let Ok(shown) = now.masked() else { return (FetchState::Unknown, Vec::new()) };
    if key.seal(kept.mac, &kept.name, now.bytes()) == Some(kept.seal) {
        return (FetchState::Same, Vec::new());
    }
    let lines = difference(&kept.text, &String::from_utf8_lossy(&shown));
    (if lines.is_empty() { FetchState::Secret } else { FetchState::Changed }, lines)
}

/// Lines that differ, with some around them; nothing where none does.
fn difference(was: &str, is: &str) -> Vec<DiffLine> {
    let diff = TextDiff::from_lines(was, is);
    let mut lines: Vec<DiffLine> = Vec::new();
    for group in diff.grouped_ops(AROUND) {
        let changes: Vec<_> = group.iter().flat_map(|part| diff.iter_changes(part)).collect();
        let from_top =
            changes.first().is_some_and(|first| first.old_index() == Some(0) || first.new_index() == Some(0));
        if !from_top || !lines.is_empty() {
            lines.push(DiffLine { change: Change::Skipped, was: None, is: None, text: String::new() });
        }
        lines.extend(changes.into_iter().map(|change| DiffLine {
            change: match change.tag() {
                ChangeTag::Equal => Change::Same,
                ChangeTag::Delete => Change::Removed,
                ChangeTag::Insert => Change::Added,
            },
            was: change.old_index().and_then(number),
            is: change.new_index().and_then(number),
            text: change.value().trim_end_matches(['\r', '\n']).to_owned(),
        }));
    }
    lines
}

/// As people count.
fn number(index: usize) -> Option<u32> {
    u32::try_from(index).ok()?.checked_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(was: &str, is: &str) -> Vec<String> {
        let line = |line: DiffLine| {
            let mark = match line.change {
                Change::Same => ' ',
                Change::Removed => '-',
                Change::Added => '+',
                Change::Skipped => '.',
            };
            let count = |line: Option<u32>| line.map(|line| line.to_string()).unwrap_or_default();
            format!("{mark}{}/{} {}", count(line.was), count(line.is), line.text)
        };
        difference(was, is).into_iter().map(line).collect()
    }

    #[test]
    fn what_differs_is_shown_with_what_is_around_it() {
        let file = |word: &str| {
            (1..=20).fold(String::new(), |text, n| text + &format!("{n}{}\r\n", if n == 10 { word } else { "" }))
        };
        assert_eq!(shown(&file("a"), &file("a")), [""; 0]);
        let (was, is) = (file("a"), file("b"));
        assert_eq!(
            shown(&was, &is),
            ["./ ", " 7/7 7", " 8/8 8", " 9/9 9", "-10/ 10a", "+/10 10b", " 11/11 11", " 12/12 12", " 13/13 13"]
        );
        // At the top nothing was passed over; of nothing all is new.
        assert_eq!(shown("a\nb\n", "b\n"), ["-1/ a", " 2/1 b"]);
        assert_eq!(shown("", "x\n"), ["+/1 x"]);
        assert_eq!(shown("x", ""), ["-1/ x"]);
        // Markup is a line as any other, whatever it says.
        assert_eq!(shown("a\n", "<script>alert(1)</script>\n"), ["-1/ a", "+/1 <script>alert(1)</script>"]);
    }

    #[test]
    fn a_seal_is_of_one_phone_one_name_and_one_key() {
        let (ada, bob): (MacAddr, MacAddr) = ("001B54AABB01".parse().unwrap(), "001B54AABB02".parse().unwrap());
        let key = SealKey::from([7; 32]);
        let seal = key.seal(ada, "f", b"secret").unwrap();
        assert_eq!(key.seal(ada, "f", b"secret"), Some(seal));
        assert_eq!(Seal::read(seal.octets()), Some(seal));
        for other in [
            key.seal(ada, "f", b"Secret"),
            key.seal(ada, "fs", b"ecret"),
            key.seal(bob, "f", b"secret"),
            SealKey::from([8; 32]).seal(ada, "f", b"secret"),
        ] {
            assert_ne!(other.unwrap(), seal);
        }
        assert!(Seal::read(b"short").is_none() && format!("{key:?}") == "SealKey");
        // RFC 4231, test case 2: the construction is HMAC-SHA-256, whatever it is fed.
        let mut hmac = Hmac::<Sha256>::new_from_slice(b"Jefe").unwrap();
        hmac.update(b"what do ya want for nothing?");
        assert_eq!(hmac.finalize().into_bytes()[..4], [0x5b, 0xdc, 0xc1, 0x46]);
    }
}
