//! Who is logged in. Kept in memory alone and by the hash of what the browser holds: a restart ends all, and who reads the
//! memory or a copy of it has no session.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::key::Digest;

/// A session that is not used ends; an open page that refreshes itself uses it.
pub(super) const IDLE: Duration = Duration::from_mins(30);

/// Whatever is done with it, it ends.
pub(super) const WHOLE: Duration = Duration::from_hours(12);

/// Sessions at once; of more, the one that was not used for longest ends.
const MOST: usize = 32;

struct Session {
    account: Arc<str>,
    /// The browser speaks TLS: its cookie goes nowhere else, and none that came otherwise counts.
    tls: bool,
    began: Instant,
    used: Instant,
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.used) >= IDLE || now.saturating_duration_since(self.began) >= WHOLE
    }
}

/// Those that are open, by the hash of their id.
#[derive(Default)]
pub(super) struct Sessions(HashMap<Digest, Session>);

impl Sessions {
    /// Begins one.
    pub(super) fn begin(&mut self, id: Digest, account: Arc<str>, tls: bool, now: Instant) {
        self.0.retain(|_, session| !session.is_over(now));
        if self.0.len() >= MOST
            && let Some(oldest) = self.0.iter().min_by_key(|(_, session)| session.used).map(|(id, _)| *id)
        {
            self.0.remove(&oldest);
        }
        self.0.insert(id, Session { account, tls, began: now, used: now });
    }

    /// Whose it is, while it is open; it was used.
    pub(super) fn of(&mut self, id: Digest, tls: bool, now: Instant) -> Option<Arc<str>> {
        let session = self.0.get_mut(&id).filter(|session| session.tls == tls && !session.is_over(now))?;
        session.used = now;
        Some(Arc::clone(&session.account))
    }

    /// Ends one.
    pub(super) fn end(&mut self, id: Digest) {
        self.0.remove(&id);
    }

    /// Ends all.
    pub(super) fn end_all(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Digest {
        Digest::of(text)
    }

    /// W10: after half an hour in which it was not used, after twelve in which it was, and when it was ended.
    #[test]
    fn w10_a_session_ends() {
        let (mut sessions, start) = (Sessions::default(), Instant::now());
        let minute = |n| start + Duration::from_mins(n);
        sessions.begin(id("a"), "ada".into(), false, start);
        assert_eq!(sessions.of(id("b"), false, start), None, "an id that somebody made up");
        assert_eq!(sessions.of(id("a"), true, start), None, "a cookie of the other kind");
        assert_eq!(sessions.of(id("a"), false, minute(29)).as_deref(), Some("ada"));
        assert_eq!(sessions.of(id("a"), false, minute(58)).as_deref(), Some("ada"), "it was used in between");
        assert_eq!(sessions.of(id("a"), false, minute(88)), None, "half an hour of nothing");

        sessions.begin(id("c"), "ada".into(), false, start);
        for n in (0..12 * 60).step_by(20) {
            assert!(sessions.of(id("c"), false, minute(n)).is_some(), "minute {n}");
        }
        assert_eq!(sessions.of(id("c"), false, minute(12 * 60)), None);

        for all in [false, true] {
            sessions.begin(id("d"), "ada".into(), false, start);
            sessions.begin(id("e"), "ada".into(), false, start);
            if all {
                sessions.end_all()
            } else {
                sessions.end(id("d"))
            }
            assert_eq!(sessions.of(id("d"), false, start), None);
            assert_eq!(sessions.of(id("e"), false, start).is_some(), !all);
        }
    }

    #[test]
    fn of_too_many_the_one_that_was_not_used_for_longest_ends() {
        let (mut sessions, start) = (Sessions::default(), Instant::now());
        for n in 0..=MOST {
            let now = start + Duration::from_secs(u64::try_from(n).unwrap());
            sessions.begin(id(&n.to_string()), "ada".into(), false, now);
            assert!(sessions.of(id("0"), false, now).is_some(), "the first is used on and on");
        }
        let now = start + Duration::from_mins(1);
        let open = (0..=MOST).filter(|n| sessions.of(id(&n.to_string()), false, now).is_some());
        let all_but_the_second: Vec<usize> = (0..=MOST).filter(|n| *n != 1).collect();
        assert_eq!(open.collect::<Vec<_>>(), all_but_the_second);
    }
}
