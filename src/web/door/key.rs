//! What opens the door and is too long to guess: 256 random bits, which whoever has them shows, and of which we keep the hash.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The SHA-256 of what was shown. As what is hashed has 256 bits of chance in it, neither a salt nor slowness adds to that, and
/// how long a comparison takes tells nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    /// Of what was shown.
    pub(super) fn of(shown: &str) -> Self {
        Self(Sha256::digest(shown.as_bytes()).into())
    }

    /// As it is kept.
    pub(super) fn text(self) -> String {
        hex(&self.0)
    }

    /// From what was kept.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut octets = [0; 32];
        if text.len() != 2 * octets.len() {
            return None;
        }
        for (octet, pair) in octets.iter_mut().zip(text.as_bytes().chunks(2)) {
            *octet = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(octets))
    }
}

/// What the forms of a session's pages say, so that who has only its cookie sent cannot say it. It tells nothing of the id.
pub(super) fn of_forms(id: &str) -> String {
    let mut text = Digest::of(&format!("forms of {id}")).text();
    text.truncate(32);
    text
}

/// A new one, as 64 hexadecimal digits.
pub(super) fn fresh() -> String {
    hex(&rand::random::<[u8; 32]>())
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again_and_opens_nothing() {
        let (one, other) = (fresh(), fresh());
        assert!(one != other && one.len() == 64);
        let kept = Digest::of(&one).text();
        assert!(Digest::read(&kept) == Some(Digest::of(&one)) && kept != one);
        let forms = of_forms(&one);
        assert!(forms == of_forms(&one) && forms != of_forms(&other) && forms.len() == 32 && !one.contains(&forms));
        assert!(!kept.contains(&forms), "what is kept tells it not");
        for broken in ["", "00", &kept[1..], &kept.replace(&kept[..1], "x"), &"ü".repeat(32)] {
            assert!(Digest::read(broken).is_none(), "{broken}");
        }
        // FIPS 180-2, B.1.
        assert_eq!(Digest::of("abc").text(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
