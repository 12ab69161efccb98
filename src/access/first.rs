//! First contact of one phone: see the parent module for the rule.

use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A first address that had no file by then, and is not heard any more, makes way for another: a single datagram may say
/// that it comes from anywhere.
const UNFETCHED: SignedDuration = SignedDuration::from_mins(1);

/// Who asked in a phone's name from elsewhere within this before or after its boot may be who waited for that boot.
const STRANGE: SignedDuration = SignedDuration::from_hours(1);

/// Strangers are noted this seldom: each time is a write.
const NOTED: SignedDuration = SignedDuration::from_mins(10);

/// Where a phone's first contact stands. A phone that never asked has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Window {
    /// It lasts.
    Open {
        /// Since its first request, or the last step of its conversion.
        since: Timestamp,
        /// For whom.
        at: Ipv4Addr,
        /// When that address last asked.
        heard: Timestamp,
        /// Whether a file went there, and so somebody is there.
        #[serde(default = "yes")]
        fetched: bool,
    },
    /// It lasted as long as it may.
    Late,
    /// Two addresses asked.
    Contested {
        /// The one it was open for.
        first: Ipv4Addr,
    },
    /// The phone registered.
    Succeeded,
}

/// What was kept before that was noted.
fn yes() -> bool {
    true
}

/// First contact of a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstContact {
    /// Where it stands.
    pub window: Window,
    /// When a boot of it was last caused or seen.
    pub rebooted: Option<Timestamp>,
    /// Where it was last served, or known to be: not where others asked in its name.
    #[serde(default)]
    pub served: Option<Ipv4Addr>,
    /// When somebody elsewhere last asked in its name, and was not served.
    #[serde(default)]
    pub strange: Option<Timestamp>,
}

impl FirstContact {
    /// It opens now.
    pub fn opened(at: Ipv4Addr, now: Timestamp) -> Self {
        let window = Window::Open { since: now, at, heard: now, fetched: false };
        Self { window, rebooted: None, served: Some(at), strange: None }
    }

    /// Somebody of whom nothing is known asks for the phone's files. Returns whether it is open for that address.
    pub fn asks(&mut self, ip: Ipv4Addr, limit: SignedDuration, now: Timestamp) -> bool {
        let open = self.opens(ip, limit, now);
        if open {
            self.served = Some(ip);
        } else if self.served != Some(ip)
            && self.strange.is_none_or(|strange| now.duration_since(strange).abs() >= NOTED)
        {
            self.strange = Some(now);
        }
        open
    }

    fn opens(&mut self, ip: Ipv4Addr, limit: SignedDuration, now: Timestamp) -> bool {
        let Window::Open { since, at, heard, fetched } = self.window else { return false };
        let alone = self.strange.is_none_or(|strange| now.duration_since(strange).abs() >= STRANGE);
        let moved = alone && self.rebooted.is_some_and(|rebooted| rebooted >= heard);
        let gone = !fetched && now.duration_since(heard) >= UNFETCHED;
        if now.duration_since(since) >= limit {
            self.window = Window::Late;
        } else if ip == at || moved || gone {
            // One that never fetched anything does not hold its place by asking again.
            let heard = if ip == at && !fetched { heard } else { now };
            self.window = Window::Open { since, at: ip, heard, fetched: fetched && ip == at };
            return true;
        } else if fetched {
            self.window = Window::Contested { first: at };
        }
        false
    }

    /// A file of the phone's name went there, whole.
    pub fn fetched(&mut self, ip: Ipv4Addr) {
        if let Window::Open { at, fetched, .. } = &mut self.window {
            *fetched |= *at == ip;
        }
    }

    /// The phone itself is there: it needs no window, and whoever else asks is not it.
    pub fn is_at(&mut self, ip: Ipv4Addr, now: Timestamp) {
        self.served = Some(ip);
        if let Window::Open { at, heard, .. } = &mut self.window {
            (*at, *heard) = (ip, now);
        }
    }

    /// A boot of the phone was caused or seen.
    pub fn rebooted(&mut self, now: Timestamp) {
        self.rebooted = Some(now);
    }

    /// Its conversion came a step further: it boots, and has its full time anew, where it was last
    /// served; `last` = where it was last heard, for what was kept before that was noted.
    pub fn stepped(&mut self, last: Ipv4Addr, now: Timestamp) {
        self.rebooted(now);
        self.window = match self.window {
            Window::Contested { .. } => self.window,
            Window::Open { at, heard, fetched, .. } => Window::Open { since: now, at, heard, fetched },
            Window::Late | Window::Succeeded => {
                Window::Open { since: now, at: self.served.unwrap_or(last), heard: now, fetched: true }
            }
        };
    }

    /// The wall clock was put, to `now`: nothing is of the time to come.
    pub fn shift(&mut self, by: SignedDuration, now: Timestamp) {
        let shift = |at: &mut Timestamp| *at = at.checked_add(by).unwrap_or(now).min(now);
        self.rebooted.as_mut().map(shift);
        self.strange.as_mut().map(shift);
        if let Window::Open { since, heard, .. } = &mut self.window {
            shift(since);
            shift(heard);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 5);
    const B: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 6);
    const LIMIT: SignedDuration = SignedDuration::from_mins(30);

    /// Somebody who asked in the phone's name, and was denied, is not where it goes on.
    #[test]
    fn a_step_opens_where_the_phone_was_served() {
        let mut first = opened();
        first.window = Window::Succeeded;
        assert!(!first.asks(B, LIMIT, at(2)));
        first.stepped(B, at(3));
        assert!(first.asks(A, LIMIT, at(4)));
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + 60 * minute).unwrap()
    }

    fn opened() -> FirstContact {
        FirstContact::opened(A, at(0))
    }

    #[test]
    fn it_lasts_for_its_address_and_its_time() {
        let mut first = opened();
        assert!(first.asks(A, LIMIT, at(1)) && first.asks(A, LIMIT, at(29)));
        assert!(!first.asks(A, LIMIT, at(30)));
        assert_eq!(first.window, Window::Late);
        assert!(!first.asks(A, LIMIT, at(31)) && !opened().asks(A, SignedDuration::ZERO, at(0)));
    }

    /// A datagram that says it comes from the phone, or from elsewhere, shuts nobody out.
    #[test]
    fn one_datagram_decides_nothing() {
        let mut first = opened();
        assert!(!first.asks(B, LIMIT, at(0)), "it may be fetching yet");
        assert!(first.asks(A, LIMIT, at(0)), "and goes on");
        assert!(first.asks(B, LIMIT, at(1)), "nobody was there");
        first.fetched(A);
        assert!(!first.asks(A, LIMIT, at(1)) && first.asks(B, LIMIT, at(1)));
        first.fetched(B);
        assert!(!first.asks(A, LIMIT, at(9)));
        assert_eq!(first.window, Window::Contested { first: B });
    }

    /// Somebody who asks all the time is the first after the phone's boot.
    #[test]
    fn who_waits_for_a_boot_does_not_move_it() {
        let mut first = opened();
        first.fetched(A);
        first.window = Window::Succeeded;
        assert!(!first.asks(B, LIMIT, at(10)));
        first.stepped(A, at(15));
        assert!(!first.asks(B, LIMIT, at(16)));
        let mut first = opened();
        first.fetched(A);
        first.window = Window::Succeeded;
        assert!(!first.asks(B, LIMIT, at(10)));
        first.stepped(A, at(75));
        assert!(first.asks(B, LIMIT, at(76)), "that was long before");
    }

    #[test]
    fn a_second_address_shuts_it_for_both() {
        let mut first = opened();
        first.fetched(A);
        assert!(!first.asks(B, LIMIT, at(1)));
        assert_eq!(first.window, Window::Contested { first: A });
        assert!(!first.asks(A, LIMIT, at(2)));
        first.stepped(A, at(3));
        assert!(!first.asks(A, LIMIT, at(4)), "that is a person's to end");
    }

    #[test]
    fn the_phone_s_own_move_does_not() {
        let mut first = opened();
        assert!(first.asks(A, LIMIT, at(1)));
        first.fetched(A);
        first.rebooted(at(2));
        assert!(first.asks(B, LIMIT, at(3)));
        first.fetched(B);
        assert!(!first.asks(A, LIMIT, at(4)), "the old address speaks again, and nobody booted since");
        // Who was heard after the boot is there.
        let mut first = opened();
        first.fetched(A);
        first.rebooted(at(2));
        assert!(first.asks(A, LIMIT, at(3)));
        assert!(!first.asks(B, LIMIT, at(4)));
    }

    #[test]
    fn a_step_of_the_conversion_begins_it_anew() {
        let mut first = opened();
        assert!(!first.asks(A, LIMIT, at(40)));
        first.stepped(A, at(50));
        assert!(first.asks(B, LIMIT, at(79)), "it came back from another address");
        assert!(!first.asks(B, LIMIT, at(80)));
        first.window = Window::Succeeded;
        assert!(!first.asks(B, LIMIT, at(81)));
        first.stepped(B, at(90));
        assert!(first.asks(B, LIMIT, at(91)));
    }

    #[test]
    fn the_clock_may_step() {
        let (mut first, hour) = (opened(), SignedDuration::from_hours(1));
        first.rebooted(at(1));
        let mut early = first;
        early.shift(hour + hour, at(61));
        assert_eq!(
            (early.rebooted, early.asks(A, LIMIT, at(90))),
            (Some(at(61)), true),
            "nothing is of the time to come"
        );
        first.shift(hour, at(62));
        assert!(first.asks(A, LIMIT, at(60 + 29)) && !first.asks(A, LIMIT, at(60 + 30)));
        assert_eq!(first.rebooted, Some(at(61)));
    }
}
