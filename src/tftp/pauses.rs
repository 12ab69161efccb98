//! Answers that a source gets once in a while only: the refusal of a write, and the word that a packet belongs to no
//! transfer. Bounded: where too many sources are remembered, a new one gets no such answer.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::packet::ErrorCode;

/// Sources remembered.
const SOURCES: usize = 1_024;

/// Between two refused writes.
const WRITE: Duration = Duration::from_secs(10);

/// Between two words on packets of no transfer.
const STRAY: Duration = Duration::from_secs(1);

/// Who got which answer, and when.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    told: HashMap<(Ipv4Addr, bool), Instant>,
    /// When remembered sources were last looked through, so that a flood of new ones does not make each packet do so.
    swept: Option<Instant>,
}

impl Pauses {
    /// Whether this source may be told this now; if so, it is remembered that it was.
    pub(super) fn may_tell(&mut self, now: Instant, source: Ipv4Addr, code: ErrorCode) -> bool {
        let key = (source, code == ErrorCode::AccessViolation);
        if self.told.get(&key).is_some_and(|at| now.saturating_duration_since(*at) < pause(key.1)) {
            return false;
        }
        if self.told.len() >= SOURCES && self.swept.is_none_or(|at| now.saturating_duration_since(at) >= STRAY) {
            self.swept = Some(now);
            self.told.retain(|(_, write), at| now.saturating_duration_since(*at) < pause(*write));
        }
        if self.told.len() >= SOURCES && !self.told.contains_key(&key) {
            return false;
        }
        self.told.insert(key, now);
        true
    }
}

fn pause(write: bool) -> Duration {
    if write { WRITE } else { STRAY }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_comes_back() {
        let (mut pauses, now) = (Pauses::default(), Instant::now());
        let told = |pauses: &mut Pauses, now| {
            (0..5_000_u32).filter(|n| pauses.may_tell(now, Ipv4Addr::from(*n), ErrorCode::UnknownTid)).count()
        };
        assert_eq!(told(&mut pauses, now), SOURCES);
        assert_eq!(told(&mut pauses, now + Duration::from_millis(500)), 0);
        assert_eq!(told(&mut pauses, now + Duration::from_secs(2)), SOURCES);
        assert!(pauses.told.len() <= SOURCES);
    }

    #[test]
    fn the_two_answers_have_pauses_of_their_own() {
        let (mut pauses, now, source) = (Pauses::default(), Instant::now(), Ipv4Addr::LOCALHOST);
        let rows = [
            (0, ErrorCode::AccessViolation, true),
            (0, ErrorCode::UnknownTid, true),
            (1_500, ErrorCode::UnknownTid, true),
            (1_500, ErrorCode::AccessViolation, false),
            (10_000, ErrorCode::AccessViolation, true),
        ];
        for (millis, code, expected) in rows {
            assert_eq!(
                pauses.may_tell(now + Duration::from_millis(millis), source, code),
                expected,
                "{millis} {code:?}"
            );
        }
    }
}
