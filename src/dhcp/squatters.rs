//! Who answers at addresses that are to be offered: somebody who sits there, or one that answers for all of them, whoever has
//! them (proxy ARP, a captive portal, a firewall). What such a one says is nothing. Pure.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::domain::MacAddr;

/// From so many addresses on it is no squatter: as in this host's own table ([`crate::neighbour`]), two are a host's that has
/// just moved from one to the other.
const SEVERAL: usize = 3;

/// Behind a relay all who answer look the same, and a pool may have been laid over a row of hosts with fixed addresses.
const IN_A_ROW: usize = 8;

/// So long each answer counts, as long as an address is given to nobody for it.
const HOLDS: Duration = Duration::from_hours(24);

/// Answerers at most: whoever makes up hardware addresses fills no memory. The one heard longest ago goes.
const MOST: usize = 64;

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answerer {
    /// A host on the link.
    Host(MacAddr),
    /// Somebody behind this relay.
    Behind(Ipv4Addr),
}

/// What that says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Somebody sits there.
    Taken,
    /// Nothing: it answers for all. These addresses were taken for somebody's because of it; they come once.
    ForAll(Option<Vec<Ipv4Addr>>),
}

#[derive(Debug)]
struct Answers {
    /// The addresses, and when it last answered there.
    at: BTreeMap<Ipv4Addr, Instant>,
    last: Instant,
    told: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Answerers {
    all: BTreeMap<Answerer, Answers>,
}

impl Answerers {
    /// It answered at an address that nobody should have.
    pub fn answered(&mut self, who: Answerer, at: Ipv4Addr, now: Instant) -> Verdict {
        if !self.all.contains_key(&who) {
            self.all.retain(|_, answers| now.saturating_duration_since(answers.last) < HOLDS);
            if self.all.len() >= MOST
                && let Some(oldest) = self.all.iter().min_by_key(|(_, answers)| answers.last).map(|(who, _)| *who)
            {
                self.all.remove(&oldest);
            }
        }
        let most = if matches!(who, Answerer::Host(_)) { SEVERAL } else { IN_A_ROW };
        let answers = self.all.entry(who).or_insert_with(|| Answers { at: BTreeMap::new(), last: now, told: false });
        answers.last = now;
        answers.at.retain(|_, last| now.saturating_duration_since(*last) < HOLDS);
        if answers.at.len() < most || answers.at.contains_key(&at) {
            answers.at.insert(at, now);
        }
        if answers.at.len() < most {
            answers.told = false;
            return Verdict::Taken;
        }
        let first = !std::mem::replace(&mut answers.told, true);
        Verdict::ForAll(first.then(|| answers.at.keys().copied().filter(|other| *other != at).collect()))
    }

    /// Nobody answered behind that relay, so nobody answers for all there. Of a host on the link that says nothing: who
    /// answers for others takes his time (proxy_delay, arp(7)).
    pub fn quiet(&mut self, relay: Ipv4Addr) {
        self.all.remove(&Answerer::Behind(relay));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(192, 0, 2, last)
    }

    fn host(last: u8) -> Answerer {
        Answerer::Host(MacAddr::new([2, 0, 0, 0, 1, last]).unwrap())
    }

    #[test]
    fn three_addresses_of_one_host_are_nobody_s() {
        let (mut answerers, now) = (Answerers::default(), Instant::now());
        let freed = Verdict::ForAll(Some(vec![ip(1), ip(2)]));
        for (who, at, verdict) in [
            (host(1), 1, Verdict::Taken),
            (host(1), 1, Verdict::Taken),
            (host(2), 2, Verdict::Taken),
            (host(3), 3, Verdict::Taken),
            (host(1), 2, Verdict::Taken),
            (host(1), 9, freed),
            (host(1), 4, Verdict::ForAll(None)),
            (host(1), 1, Verdict::ForAll(None)),
            (host(2), 5, Verdict::Taken),
        ] {
            assert_eq!(answerers.answered(who, ip(at), now), verdict, "{who:?} at {at}");
        }
    }

    #[test]
    fn behind_a_relay_eight_in_a_row() {
        let (mut answerers, now) = (Answerers::default(), Instant::now());
        let there = Answerer::Behind(ip(254));
        for at in 1..=7 {
            assert_eq!(answerers.answered(there, ip(at), now), Verdict::Taken);
        }
        answerers.quiet(ip(253));
        answerers.quiet(ip(254));
        for at in 11..=17 {
            assert_eq!(answerers.answered(there, ip(at), now), Verdict::Taken, "one was quiet");
        }
        assert_eq!(answerers.answered(there, ip(18), now), Verdict::ForAll(Some((11..=17).map(ip).collect())));
    }

    /// A host that is found here and there in weeks sits there.
    #[test]
    fn each_answer_holds_for_a_day() {
        let (mut answerers, now) = (Answerers::default(), Instant::now());
        let week = HOLDS * 7;
        for (weeks, at) in (0..).zip(1..=9) {
            assert_eq!(answerers.answered(host(1), ip(at), now + week * weeks), Verdict::Taken, "{at}");
        }
        let later = now + week * 20;
        assert_eq!([1, 2].map(|at| answerers.answered(host(1), ip(at), later)), [Verdict::Taken, Verdict::Taken]);
        assert_eq!(answerers.answered(host(1), ip(3), later), Verdict::ForAll(Some(vec![ip(1), ip(2)])));
        assert_eq!(answerers.answered(host(1), ip(3), later + HOLDS), Verdict::Taken, "it answers for all no more");
    }

    #[test]
    fn what_is_a_day_old_is_forgotten_and_made_up_ones_fill_no_memory() {
        let (mut answerers, now) = (Answerers::default(), Instant::now());
        for last in 0..=255 {
            answerers.answered(host(last), ip(1), now + Duration::from_secs(last.into()));
        }
        assert_eq!(answerers.all.len(), MOST);
        assert!(answerers.all.contains_key(&host(255)));
        answerers.answered(host(1), ip(1), now + HOLDS + Duration::from_secs(256));
        assert_eq!(answerers.all.len(), 1);
    }
}
