//! The clock that leases are told by: begins as the wall clock, and does not step with it (F14).

use jiff::{SignedDuration, Timestamp};

/// A step of the wall clock that is believed.
const STEP: SignedDuration = SignedDuration::from_secs(60);

/// How long it has to stay so.
const STAYS: SignedDuration = SignedDuration::from_mins(5);

/// How far it may move meanwhile and be the same step.
const SAME: SignedDuration = SignedDuration::from_secs(5);

/// The clock. It is asked with a time that never goes back, counted from anywhere.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    zero: Timestamp,
    /// How far the wall clock is from here, and since when.
    away: Option<(SignedDuration, SignedDuration)>,
}

impl Clock {
    /// Begins at the wall clock's time, not before that of its earlier life: a host without a battery begins in 1970.
    pub fn new(wall: Timestamp, before: Option<Timestamp>) -> Self {
        Self { zero: before.map_or(wall, |before| before.max(wall)), away: None }
    }

    /// What time it is.
    pub fn now(&self, passed: SignedDuration) -> Timestamp {
        self.zero.checked_add(passed).unwrap_or(Timestamp::MAX)
    }

    /// Looks at the wall clock. Returns by how much leases are to be moved, once a step of it has stayed for five minutes.
    pub fn look(&mut self, wall: Timestamp, passed: SignedDuration) -> Option<SignedDuration> {
        let by = wall.duration_since(self.now(passed));
        if by.abs() <= STEP {
            self.away = None;
            return None;
        }
        match self.away.filter(|(before, _)| (by - *before).abs() <= SAME) {
            None => {
                self.away = Some((by, passed));
                None
            }
            Some((_, since)) if passed - since >= STAYS => {
                self.away = None;
                self.zero = self.zero.checked_add(by).unwrap_or(self.zero);
                Some(by)
            }
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    const fn passed(seconds: i64) -> SignedDuration {
        SignedDuration::from_secs(seconds)
    }

    #[test]
    fn f14_a_step_that_stays_is_followed_and_another_is_not() {
        for by in [-3_600, 3_600, 315_360_000, 1_790_000_000] {
            let mut clock = Clock::new(at(1_000), None);
            assert_eq!(clock.look(at(1_010), passed(10)), None);
            assert_eq!(clock.look(at(1_011 + by), passed(11)), None);
            assert_eq!(clock.now(passed(11)), at(1_011), "it does not step by itself");
            assert_eq!(clock.look(at(1_310 + by), passed(310)), None);
            assert_eq!(clock.look(at(1_311 + by), passed(311)), Some(passed(by)), "{by}");
            assert_eq!(clock.now(passed(311)), at(1_311 + by));
            assert_eq!(clock.look(at(1_312 + by), passed(312)), None);
        }
        // To and fro.
        let mut clock = Clock::new(at(1_000), None);
        for second in 0..1_000 {
            let wall = if second / 200 % 2 == 0 { second } else { second + 3_600 };
            assert_eq!(clock.look(at(1_000 + wall), passed(second)), None);
        }
    }

    #[test]
    fn it_never_goes_back_behind_its_earlier_life() {
        assert_eq!(Clock::new(at(5), Some(at(1_000))).now(passed(1)), at(1_001));
        assert_eq!(Clock::new(at(5_000), Some(at(1_000))).now(passed(1)), at(5_001));
    }
}
