//! How often a source may ask for files, and how the transfers there may be are shared out among the networks.
//!
//! Both have a fixed size whoever asks: a flood of made-up addresses finds no memory to fill.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::exchange::Id;

/// A source may ask so often in the long run: twenty times a second. A phone that boots asks for a dozen files.
const STEP: Duration = Duration::from_millis(50);

/// What it may ask at once on top.
const BURST: u32 = 60;

/// Places for sources. Two that fall into one share its pace; which do is not known outside this process.
const PLACES: usize = 1 << 14;

/// When each source may ask again without using up its burst (the generic cell rate algorithm, ITU-T I.371).
pub(super) struct Pace {
    /// Nanoseconds since `began`.
    due: Vec<u64>,
    began: Option<Instant>,
    hasher: RandomState,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { due: vec![0; PLACES], began: None, hasher: RandomState::new() }
    }

    /// Whether this source may ask now; if so, it has. This host itself may at any pace.
    pub(super) fn allows(&mut self, now: Instant, source: Ipv4Addr) -> bool {
        if source.is_loopback() {
            return true;
        }
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let now = nanos(now.saturating_duration_since(*self.began.get_or_insert(now)));
        let place = usize::try_from(self.hasher.hash_one(source) % PLACES as u64).unwrap_or_default();
        let Some(due) = self.due.get_mut(place) else { return true };
        let next = now.max(*due).saturating_add(nanos(STEP));
        let allowed = next.saturating_sub(now) <= nanos(STEP * BURST);
        if allowed {
            *due = next;
        }
        allowed
    }
}

/// The transfers of one of the phones' networks.
#[derive(Default)]
pub(super) struct Lane {
    /// How many there are.
    pub(super) active: usize,
    /// Those that were not answered when they began, oldest first; some have been since, or are gone.
    pub(super) silent: VecDeque<Id>,
}

/// How many transfers one of so many networks may have: a flood in one leaves room for the others.
pub(super) fn share(transfers: usize, networks: usize) -> usize {
    if networks > 1 { transfers / 4 * 3 } else { transfers }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 60);

    #[test]
    fn a_boot_is_never_held_up_and_a_flood_is() {
        let (mut pace, mut now) = (Pace::new(), Instant::now());
        assert_eq!((0..200).filter(|_| pace.allows(now, PHONE)).count(), 60);
        now += Duration::from_secs(1);
        assert_eq!((0..200).filter(|_| pace.allows(now, PHONE)).count(), 20);
        now += Duration::from_hours(1);
        assert_eq!((0..200).filter(|_| pace.allows(now, PHONE)).count(), 60);
        assert_eq!((0..200).filter(|_| pace.allows(now, Ipv4Addr::LOCALHOST)).count(), 200);
    }

    /// A phone that asks twice a second, for ever, beside a flood of others.
    #[test]
    fn sources_do_not_hold_up_each_other() {
        let (mut pace, mut now) = (Pace::new(), Instant::now());
        let mut refused = 0;
        for second in 0..200_u32 {
            for other in 0..200 {
                pace.allows(now, Ipv4Addr::from(0x0A01_0000 + second % 7 * 1_000 + other));
            }
            refused += u32::from(!pace.allows(now, PHONE));
            now += Duration::from_millis(500);
        }
        assert_eq!(refused, 0);
    }

    #[test]
    fn one_network_may_have_all_and_two_must_share() {
        assert_eq!((share(2_048, 1), share(2_048, 2), share(2_048, 9)), (2_048, 1_536, 1_536));
    }
}
