//! How much is kept of whom: a phone that talks without end, and whoever makes up sources, cost a bounded table and keep no
//! other phone's line out.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};

use super::{Line, parse};

/// After this it is counted anew, and what was not kept is said.
const WINDOW: SignedDuration = SignedDuration::from_mins(1);

/// Lines of one phone that are kept in [`WINDOW`].
const EACH: u32 = 20;

/// Lines of all that are kept in [`WINDOW`].
const ALL: u32 = 6_000;

/// Addresses that are looked up in [`WINDOW`], and so remembered, with those at which a phone is known.
const SOURCES: usize = 16_384;

/// Windows for which a phone keeps its place that says nothing: a day. Nobody who makes up sources then keeps it out.
const SILENT: u16 = 24 * 60;

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is in a timeline.
    Kept,
    /// Its phone said the same just before, or says too much.
    Folded,
    /// From outside the phones' networks.
    Source,
    /// No phone is known at its address.
    Unknown,
    /// Too many lines, or too many addresses, in all.
    Full,
    /// It holds nothing.
    Empty,
}

impl Fate {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 6] = [Self::Kept, Self::Folded, Self::Source, Self::Unknown, Self::Full, Self::Empty];

    /// The word for it in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Folded => "folded",
            Self::Source => "source",
            Self::Unknown => "unknown",
            Self::Full => "full",
            Self::Empty => "empty",
        }
    }
}

/// How many datagrams had which fate.
#[derive(Debug, Default)]
pub struct Fates([AtomicU64; Fate::ALL.len()]);

impl Fates {
    /// How many so far.
    pub fn so_far(&self, fate: Fate) -> u64 {
        self.0.get(fate as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    fn count(&self, fate: Fate) {
        if let Some(count) = self.0.get(fate as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// One address in this window.
#[derive(Debug, Default)]
struct Source {
    /// A phone is there.
    known: bool,
    /// That was looked up in this window.
    looked: bool,
    /// Windows since it said something.
    silent: u16,
    kept: u32,
    folded: u32,
    last: Option<Line>,
}

/// Who said how much in this window.
#[derive(Debug)]
pub struct Gate {
    networks: Vec<Ipv4Net>,
    fates: Arc<Fates>,
    since: Timestamp,
    sources: HashMap<Ipv4Addr, Source>,
    kept: u32,
}

impl Gate {
    /// Of these networks; counted into `fates`.
    pub fn new(networks: Vec<Ipv4Net>, fates: Arc<Fates>, now: Timestamp) -> Self {
        Self { networks, fates, since: now, sources: HashMap::new(), kept: 0 }
    }

    /// What is to be kept of a datagram. `is_phone` is asked once for each address in a window.
    pub fn take(&mut self, ip: Ipv4Addr, datagram: &[u8], is_phone: impl FnOnce(Ipv4Addr) -> bool) -> Option<Line> {
        let outcome = self.judge(ip, datagram, is_phone);
        self.fates.count(outcome.as_ref().err().copied().unwrap_or(Fate::Kept));
        outcome.ok()
    }

    fn judge(&mut self, ip: Ipv4Addr, datagram: &[u8], is_phone: impl FnOnce(Ipv4Addr) -> bool) -> Result<Line, Fate> {
        if !self.networks.iter().any(|net| net.contains(&ip)) {
            return Err(Fate::Source);
        }
        if !self.sources.contains_key(&ip) && self.sources.len() >= SOURCES {
            return Err(Fate::Full);
        }
        let source = self.sources.entry(ip).or_default();
        if !std::mem::replace(&mut source.looked, true) {
            (source.known, source.silent) = (is_phone(ip), 0);
        }
        if !source.known {
            return Err(Fate::Unknown);
        }
        if source.kept >= EACH {
            source.folded = source.folded.saturating_add(1);
            return Err(Fate::Folded);
        }
        let line = parse(datagram);
        if line.text.is_empty() {
            return Err(Fate::Empty);
        }
        if source.last.as_ref() == Some(&line) {
            source.folded = source.folded.saturating_add(1);
            return Err(Fate::Folded);
        }
        if self.kept >= ALL {
            return Err(Fate::Full);
        }
        self.kept += 1;
        source.kept += 1;
        source.last = Some(line.clone());
        Ok(line)
    }

    /// Begins another window where one is over: who said more than was kept, in place of that.
    pub fn turn(&mut self, now: Timestamp) -> Vec<(Ipv4Addr, Line)> {
        // By the clock of the wall, which may be put back.
        if now.duration_since(self.since).abs() < WINDOW {
            return Vec::new();
        }
        (self.since, self.kept) = (now, 0);
        self.sources.retain(|_, source| source.known && source.silent < SILENT);
        let turned = self.sources.iter_mut().map(|(ip, source)| {
            let silent = source.silent.saturating_add(1);
            let folded = std::mem::replace(source, Source { known: true, silent, ..Source::default() }).folded;
            (*ip, folded)
        });
        turned.filter(|(_, folded)| *folded > 0).map(|(ip, folded)| (ip, Line::rest(folded))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn gate() -> (Gate, Arc<Fates>) {
        let fates = Arc::new(Fates::default());
        (Gate::new(vec!["10.0.0.0/8".parse().unwrap()], Arc::clone(&fates), at(0)), fates)
    }

    const PHONE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);

    #[test]
    fn what_is_said_again_is_said_once_and_counted() {
        let (mut gate, _) = gate();
        let mut said = |text: &[u8]| gate.take(PHONE, text, |_| true).map(|line| line.text);
        assert_eq!(said(b"<13>a").as_deref(), Some("a"));
        assert_eq!(said(b"<13>a"), None);
        assert_eq!(said(b"<13>b").as_deref(), Some("b"));
        assert_eq!(said(b"<12>b").as_deref(), Some("b"), "of another severity");
        assert_eq!(said(b"<13> \n"), None);
        assert_eq!(gate.turn(at(59)), []);
        assert_eq!(gate.turn(at(60)), [(PHONE, Line::rest(1))]);
        assert_eq!(gate.turn(at(600)), []);
    }

    #[test]
    fn a_phone_that_talks_without_end_is_cut_and_others_are_not() {
        let (mut gate, fates) = gate();
        let kept = (0..1_000).filter(|n| gate.take(PHONE, format!("line {n}").as_bytes(), |_| true).is_some()).count();
        assert_eq!(kept, EACH as usize);
        assert!(gate.take(Ipv4Addr::new(10, 0, 0, 6), b"a", |_| true).is_some());
        assert_eq!(gate.turn(at(-60)), [(PHONE, Line::rest(1_000 - EACH))], "the clock was put back");
        assert!(gate.take(PHONE, b"a", |_| true).is_some(), "a new window");
        assert_eq!((fates.so_far(Fate::Kept), fates.so_far(Fate::Folded)), (22, 980));
    }

    #[test]
    fn a_flood_of_made_up_sources_is_bounded_and_a_phone_that_is_known_is_heard() {
        let (mut gate, fates) = gate();
        assert!(gate.take(PHONE, b"a", |_| true).is_some());
        let mut looked = 0;
        for n in 0..100_000_u32 {
            let ip = Ipv4Addr::from(0x0a01_0000 + n);
            let is_phone = |_| {
                looked += 1;
                false
            };
            assert_eq!(gate.take(ip, b"a", is_phone), None);
            assert_eq!(gate.take(ip, b"b", |_| panic!("it was looked up")), None);
            if n > 20_000 {
                break;
            }
        }
        assert_eq!(looked, SOURCES - 1);
        assert_eq!(gate.sources.len(), SOURCES);
        assert!(gate.take(PHONE, b"b", |_| true).is_some());
        assert_eq!(gate.take(Ipv4Addr::new(192, 0, 2, 1), b"a", |_| true), None);
        assert_eq!(fates.so_far(Fate::Source), 1);
        assert!(fates.so_far(Fate::Unknown) > 0 && fates.so_far(Fate::Full) > 0);
    }

    /// In the next window, too, whoever is quicker; but not one that is gone.
    #[test]
    fn a_phone_that_is_known_keeps_its_place() {
        let (mut gate, _) = gate();
        let made_up = |n: u32| Ipv4Addr::from(0x0a01_0000 + n);
        assert!(gate.take(PHONE, b"a", |_| true).is_some());
        for window in 1..5 {
            gate.turn(at(window * 60));
            for n in 0..20_000 {
                gate.take(made_up(n), b"a", |_| false);
            }
            assert_eq!(gate.sources.len(), SOURCES);
            assert!(gate.take(PHONE, b"a", |_| true).is_some(), "{window}");
        }
        gate.turn(at(300));
        assert_eq!(gate.sources.len(), 1, "of others nothing is remembered");
        assert_eq!(gate.take(PHONE, b"a", |_| false), None, "it is looked up in each window");
        assert!(gate.turn(at(360)).is_empty() && gate.sources.is_empty());
        assert!(gate.take(PHONE, b"a", |_| true).is_some());
        (0..=i64::from(SILENT)).for_each(|window| drop(gate.turn(at(420 + window * 60))));
        assert!(gate.sources.is_empty(), "nobody spoke there for a day");
    }

    #[test]
    fn all_phones_together_are_bounded() {
        let (mut gate, fates) = gate();
        for n in 0..1_000_u32 {
            let ip = Ipv4Addr::from(0x0a01_0000 + n);
            for text in ["a", "b", "c", "d", "e", "f", "g"] {
                gate.take(ip, text.as_bytes(), |_| true);
            }
        }
        assert_eq!(fates.so_far(Fate::Kept), u64::from(ALL));
        assert_eq!(fates.so_far(Fate::Full), 7_000 - u64::from(ALL));
    }
}
