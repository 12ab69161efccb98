//! Browsers from which somebody got in before. Such a one has a turn of its own at the login: whoever tries passwords from many
//! addresses takes the turns of the name, and not this one's. It opens nothing; who takes it away has one more turn to guess.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::key::Digest;

/// Those that are known at once; of more, the one that was not used for longest is forgotten.
const MOST: usize = 16;

/// One that is not used is forgotten after so long, here and there.
pub(super) const KEPT: SignedDuration = SignedDuration::from_hours(180 * 24);

/// Those that are known, by the hash of what they show, and when each was used.
#[derive(Default)]
pub(super) struct Browsers(HashMap<Digest, Timestamp>);

impl Browsers {
    /// What was kept.
    pub(super) fn new(kept: impl IntoIterator<Item = (Digest, Timestamp)>) -> Self {
        Self(kept.into_iter().collect())
    }

    /// The one of these that is known.
    pub(super) fn known(&self, shown: impl IntoIterator<Item = Digest>, now: Timestamp) -> Option<Digest> {
        let counts = |used: &Timestamp| now.duration_since(*used) < KEPT;
        shown.into_iter().find(|browser| self.0.get(browser).is_some_and(counts))
    }

    /// Somebody got in from one that showed `former` and shows this from now on; those that are forgotten for it.
    pub(super) fn used(&mut self, browser: Digest, former: Option<Digest>, now: Timestamp) -> Vec<Digest> {
        self.0.insert(browser, now);
        let old = self.0.iter().filter(|(_, used)| now.duration_since(**used) >= KEPT).map(|(digest, _)| *digest);
        let mut gone: Vec<Digest> = former.into_iter().chain(old).collect();
        for digest in &gone {
            self.0.remove(digest);
        }
        while self.0.len() > MOST
            && let Some(oldest) = self.0.iter().min_by_key(|(_, used)| **used).map(|(digest, _)| *digest)
        {
            self.0.remove(&oldest);
            gone.push(oldest);
        }
        gone
    }

    /// Forgets all.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_used_are_known_and_not_too_many() {
        let start: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        let id = |n: usize| Digest::of(&n.to_string());
        let later = |n: usize| start + SignedDuration::from_secs(i64::try_from(n).unwrap());
        let mut browsers = Browsers::new([(id(0), start)]);
        assert!(browsers.known([id(9), id(0)], start) == Some(id(0)) && browsers.known([id(9)], start).is_none());
        for n in 1..MOST {
            assert!(browsers.used(id(n), None, later(n)).is_empty());
        }
        browsers.used(id(0), None, later(MOST));
        assert!(browsers.used(id(MOST), None, later(MOST + 1)) == [id(1)]);
        assert!(browsers.known([id(0)], later(MOST)).is_some() && browsers.known([id(1)], later(MOST)).is_none());
        let long = start + KEPT + SignedDuration::from_secs(5);
        assert!(browsers.known([id(2)], long).is_none() && browsers.known([id(9)], long).is_some());
        let gone = browsers.used(id(99), Some(id(9)), long);
        assert!(
            gone.contains(&id(9)) && browsers.known([id(9)], long).is_none(),
            "one that showed something else before"
        );
        assert!(browsers.known([id(99)], long).is_some());
        browsers.forget();
        assert!(browsers.known([id(0)], start).is_none());
    }
}
