//! Who tries one phone's name after another. A source that does is not answered for a while; many in one network shut the
//! windows of first contact there. One alarm for each network and time, and a bounded memory, whoever knocks.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};

use crate::domain::MacAddr;

/// Within this, names count together.
const WITHIN: SignedDuration = SignedDuration::from_mins(1);

/// Names of other phones, or of nobody, that one source may ask for.
const OF_SOURCE: usize = 5;

/// Likewise for a network.
const OF_NETWORK: usize = 20;

/// How long a source is not answered, and a network has no first contact.
pub const MUTED: SignedDuration = SignedDuration::from_mins(10);

/// Sources and networks that are remembered; the one that came first is forgotten.
const SOURCES: usize = 4_096;
const NETWORKS: usize = 1_024;

/// Log lines on one source, and on all, within [`WITHIN`].
const LINES: u32 = 10;
const ALL_LINES: u32 = 60;

/// Names that were asked for, and until when nothing more is heard.
#[derive(Clone, Debug, Default)]
struct Names {
    asked: Vec<(MacAddr, Timestamp)>,
    until: Option<Timestamp>,
}

impl Names {
    /// One more. Returns whether it was one too many.
    fn note(&mut self, mac: MacAddr, most: usize, now: Timestamp) -> bool {
        self.asked.retain(|(_, at)| now.duration_since(*at).abs() < WITHIN);
        if self.asked.iter().all(|(asked, _)| *asked != mac) {
            self.asked.push((mac, now));
        }
        let tripped = self.asked.len() >= most;
        if tripped {
            self.asked.clear();
            self.until = now.checked_add(MUTED).ok();
        }
        tripped
    }

    fn shut(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| now < until)
    }
}

/// Log lines so far, and since when they are counted.
#[derive(Clone, Copy, Debug, Default)]
struct Lines(u32, Option<Timestamp>);

impl Lines {
    fn one_more(&mut self, most: u32, now: Timestamp) -> bool {
        if self.1.is_none_or(|since| now.duration_since(since).abs() >= WITHIN) {
            *self = Self(0, Some(now));
        }
        self.0 = self.0.saturating_add(1);
        self.0 <= most
    }
}

/// A map that forgets what came first.
#[derive(Debug)]
struct Bounded<K, V> {
    map: HashMap<K, V>,
    order: VecDeque<K>,
    most: usize,
}

impl<K: Copy + Eq + Hash, V: Default> Bounded<K, V> {
    fn new(most: usize) -> Self {
        Self { map: HashMap::new(), order: VecDeque::new(), most }
    }

    fn entry(&mut self, key: K) -> &mut V {
        if !self.map.contains_key(&key) {
            if self.order.len() >= self.most
                && let Some(first) = self.order.pop_front()
            {
                self.map.remove(&first);
            }
            self.order.push_back(key);
        }
        self.map.entry(key).or_default()
    }
}

/// Somebody tries names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// One address does.
    Source(Ipv4Addr),
    /// Several of this network (24 bits) do.
    Network(Ipv4Addr),
}

/// All of them.
#[derive(Debug)]
pub struct Walkers {
    sources: Bounded<Ipv4Addr, (Names, Lines)>,
    networks: Bounded<Ipv4Addr, (Names, Option<Timestamp>)>,
    lines: Lines,
}

impl Default for Walkers {
    fn default() -> Self {
        Self { sources: Bounded::new(SOURCES), networks: Bounded::new(NETWORKS), lines: Lines::default() }
    }
}

/// The network of an address, as far as alarms go.
fn network(ip: Ipv4Addr) -> Ipv4Addr {
    Ipv4Addr::from_bits(ip.to_bits() & 0xffff_ff00)
}

impl Walkers {
    /// An address asks for a file of a phone that it is not, or of nobody. Returns an alarm where there was none of late.
    pub fn note(&mut self, ip: Ipv4Addr, mac: MacAddr, now: Timestamp) -> Option<Alarm> {
        let source = self.sources.entry(ip).0.note(mac, OF_SOURCE, now);
        let (names, alarmed) = self.networks.entry(network(ip));
        let all = !names.shut(now) && names.note(mac, OF_NETWORK, now);
        if !source && !all || alarmed.is_some_and(|until| now < until) {
            return None;
        }
        *alarmed = now.checked_add(MUTED).ok();
        Some(if all { Alarm::Network(network(ip)) } else { Alarm::Source(ip) })
    }

    /// Whether that address is not answered at present.
    pub fn muted(&self, ip: Ipv4Addr, now: Timestamp) -> bool {
        self.sources.map.get(&ip).is_some_and(|(names, _)| names.shut(now))
    }

    /// Whether first contact is shut where that address is.
    pub fn shut(&self, ip: Ipv4Addr, now: Timestamp) -> bool {
        self.networks.map.get(&network(ip)).is_some_and(|(names, _)| names.shut(now))
    }

    /// Whether a line on that address goes to the log: a sample, where there are many.
    pub fn may_log(&mut self, ip: Ipv4Addr, now: Timestamp) -> bool {
        self.sources.entry(ip).1.one_more(LINES, now) && self.lines.one_more(ALL_LINES, now)
    }

    /// The wall clock was put: what lasts, lasts as long.
    pub fn shift(&mut self, by: SignedDuration) {
        let shift = |until: &mut Option<Timestamp>| *until = until.and_then(|at| at.checked_add(by).ok());
        self.sources.map.values_mut().for_each(|(names, _)| shift(&mut names.until));
        for (names, alarmed) in self.networks.map.values_mut() {
            shift(&mut names.until);
            shift(alarmed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn mac(number: u32) -> MacAddr {
        let [a, b, c, d] = number.to_be_bytes();
        MacAddr::new([0, 0x1b, a, b, c, d]).unwrap()
    }

    const IP: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 5);

    #[test]
    fn five_names_mute_a_source_for_ten_minutes() {
        let mut walkers = Walkers::default();
        for n in 0..4 {
            assert_eq!(walkers.note(IP, mac(n), at(i64::from(n))), None);
            assert_eq!(walkers.note(IP, mac(0), at(i64::from(n))), None, "the same name again");
        }
        assert!(!walkers.muted(IP, at(4)));
        assert_eq!(walkers.note(IP, mac(4), at(4)), Some(Alarm::Source(IP)));
        assert!(walkers.muted(IP, at(4)) && walkers.muted(IP, at(603)) && !walkers.muted(IP, at(604)));
        assert!(!walkers.muted(Ipv4Addr::new(10, 1, 0, 6), at(4)));
        // Slow enough, it is a person.
        let mut walkers = Walkers::default();
        (0..100).for_each(|n| assert_eq!(walkers.note(IP, mac(n), at(15 * i64::from(n))), None));
        assert!(!walkers.muted(IP, at(1_500)));
    }

    #[test]
    fn twenty_names_shut_a_network_and_alarm_once() {
        let mut walkers = Walkers::default();
        let mut alarms = Vec::new();
        for n in 0..200_u32 {
            let [.., last] = (n % 40).to_be_bytes();
            alarms.extend(walkers.note(Ipv4Addr::new(10, 1, 0, last), mac(n), at(1)));
        }
        assert_eq!(alarms, [Alarm::Network(Ipv4Addr::new(10, 1, 0, 0))]);
        assert!(walkers.shut(IP, at(1)) && walkers.shut(IP, at(600)) && !walkers.shut(IP, at(601)));
        assert!(!walkers.shut(Ipv4Addr::new(10, 1, 1, 5), at(1)));
        walkers.shift(SignedDuration::from_hours(1));
        assert!(walkers.shut(IP, at(4_200)) && !walkers.shut(IP, at(4_201)));
    }

    /// T26: sources and networks without end.
    #[test]
    fn t26_a_flood_of_sources_is_forgotten() {
        let mut walkers = Walkers::default();
        let mut lines = 0;
        for n in 0..100_000_u32 {
            let ip = Ipv4Addr::from_bits(0x0a00_0000 + n * 256);
            walkers.note(ip, mac(n), at(1));
            lines += u32::from(walkers.may_log(ip, at(1)));
        }
        assert!(walkers.sources.map.len() <= SOURCES && walkers.networks.map.len() <= NETWORKS);
        assert_eq!(walkers.sources.order.len(), walkers.sources.map.len());
        assert_eq!(lines, ALL_LINES);
        assert!(walkers.may_log(IP, at(61)));
    }
}
