//! Tokens: what a program shows instead of logging in (RFC 6750). Shown to its maker once; here is its hash.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::key::Digest;
use crate::api;

/// Tokens there may be.
const MOST: usize = 64;

/// When it was used last is written so often at most: it is for people, who ask whether anybody still needs it.
const NOTED: SignedDuration = SignedDuration::from_hours(1);

/// Those that are known, by the hash of what is shown.
#[derive(Default)]
pub(super) struct Tokens(HashMap<Digest, api::Token>);

/// A token that counts.
pub(super) struct Shown {
    pub(super) name: Arc<str>,
    pub(super) read_only: bool,
    /// That it was used is worth a write.
    pub(super) note: bool,
}

impl Tokens {
    /// Those that were kept.
    pub(super) fn new(kept: impl IntoIterator<Item = (Digest, api::Token)>) -> Self {
        Self(kept.into_iter().collect())
    }

    /// Whether one of that name can be made.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn has_room_for(&self, name: &str) -> Result<(), String> {
        if self.0.values().any(|token| token.name == name) {
            return Err(format!(
                "there is a token {name} already; remove it first (offhook admin tokens remove {name}), or take another name"
            ));
        }
        if self.0.len() >= MOST {
            return Err(format!(
                "there are {MOST} tokens already; remove one that nobody uses (offhook admin tokens list)"
            ));
        }
        Ok(())
    }

    pub(super) fn add(&mut self, digest: Digest, token: api::Token) {
        self.0.insert(digest, token);
    }

    /// Takes one away. Returns whether there was one.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|_, token| token.name != name);
        self.0.len() < before
    }

    /// All, by name.
    pub(super) fn list(&self) -> Vec<api::Token> {
        let mut all: Vec<api::Token> = self.0.values().cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Which it is, while it counts.
    pub(super) fn of(&mut self, shown: Digest, now: Timestamp) -> Option<Shown> {
        let token = self.0.get_mut(&shown).filter(|token| token.expires.is_none_or(|end| now < end))?;
        let note = token.used.is_none_or(|used| now.duration_since(used).abs() >= NOTED);
        if note {
            token.used = Some(now);
        }
        Some(Shown { name: token.name.as_str().into(), read_only: token.read_only, note })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(name: &str, expires: Option<Timestamp>) -> api::Token {
        api::Token { name: name.into(), read_only: true, since: Timestamp::UNIX_EPOCH, expires, used: None }
    }

    #[test]
    fn a_token_counts_until_it_expires_or_is_removed() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let (long, short) = (Digest::of("long"), Digest::of("short"));
        let mut tokens = Tokens::new([(long, token("long", None)), (short, token("short", Some(at(60))))]);
        assert!(tokens.of(Digest::of("other"), at(0)).is_none());
        assert!(tokens.of(short, at(59)).is_some());
        assert!(tokens.of(short, at(60)).is_none(), "to the second");
        assert!(tokens.of(long, at(1 << 32)).is_some());
        assert!(tokens.has_room_for("long").is_err());
        assert!(tokens.remove("long") && !tokens.remove("long"));
        assert!(tokens.of(long, at(0)).is_none() && tokens.has_room_for("long").is_ok());
        for n in 1..MOST {
            let name = n.to_string();
            tokens.has_room_for(&name).unwrap();
            tokens.add(Digest::of(&name), token(&name, None));
        }
        assert!(tokens.has_room_for("one more").unwrap_err().contains("64"));
        assert!(tokens.list().is_sorted_by_key(|token| token.name.clone()));
    }

    #[test]
    fn that_it_was_used_is_written_once_an_hour() {
        let at = |minute: i64| Timestamp::from_second(1_800_000_000 + minute * 60).unwrap();
        let digest = Digest::of("it");
        let mut tokens = Tokens::new([(digest, token("it", None))]);
        let noted: Vec<i64> =
            (0..130).filter(|minute| tokens.of(digest, at(*minute)).is_some_and(|shown| shown.note)).collect();
        assert_eq!(noted, [0, 60, 120]);
        // A clock that steps back does not stop it for years.
        assert!(tokens.of(digest, at(-100_000)).is_some_and(|shown| shown.note));
        assert_eq!(tokens.list()[0].used, Some(at(-100_000)));
    }
}
