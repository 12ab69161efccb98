//! How often a client is listened to. Phones whose MAC is assigned are always.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::domain::MacAddr;

/// Packets of one client in [`WINDOW`] that are looked at (B40).
const EACH: u8 = 6;

/// Packets in [`WINDOW`] of all who are no phones (T11).
const OTHERS: u32 = 250;

/// After this it is counted anew.
const WINDOW: SignedDuration = SignedDuration::from_secs(5);

/// Clients counted at once; whoever comes beyond that is not counted by himself.
const CLIENTS: usize = 16_384;

/// Who is who.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Neither of the others.
    Other,
    /// Its vendor class is a phone's.
    Phone,
    /// Its MAC is assigned.
    Known,
}

/// Counts of the window.
#[derive(Debug)]
pub struct Limits {
    since: Timestamp,
    each: HashMap<MacAddr, (u8, bool)>,
    others: u32,
}

impl Limits {
    /// None yet.
    pub fn new(now: Timestamp) -> Self {
        Self { since: now, each: HashMap::new(), others: 0 }
    }

    /// Whether a packet is looked at.
    pub fn admits(&mut self, mac: MacAddr, class: Class, now: Timestamp) -> bool {
        self.turn(now);
        if class == Class::Other {
            self.others = self.others.saturating_add(1);
            if self.others > OTHERS {
                return false;
            }
        }
        match self.each(mac) {
            Some((count, _)) => {
                *count = count.saturating_add(1);
                class == Class::Known || *count <= EACH
            }
            None => class >= Class::Phone,
        }
    }

    /// Whether a client may be refused its address again (T14).
    pub fn may_refuse(&mut self, mac: MacAddr, now: Timestamp) -> bool {
        self.turn(now);
        self.each(mac).is_some_and(|(_, refused)| !std::mem::replace(refused, true))
    }

    fn turn(&mut self, now: Timestamp) {
        if now.duration_since(self.since).abs() >= WINDOW {
            (self.since, self.others) = (now, 0);
            self.each.clear();
        }
    }

    fn each(&mut self, mac: MacAddr) -> Option<&mut (u8, bool)> {
        if self.each.len() >= CLIENTS && !self.each.contains_key(&mac) {
            return None;
        }
        Some(self.each.entry(mac).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn mac(n: u32) -> MacAddr {
        let [_, a, b, c] = n.to_be_bytes();
        MacAddr::new([0, 0x1b, 0x54, a, b, c]).unwrap()
    }

    #[test]
    fn b40_each_client_and_t11_all_strangers() {
        let mut limits = Limits::new(at(0));
        let admitted = |limits: &mut Limits, class| (0..100).filter(|_| limits.admits(mac(1), class, at(1))).count();
        assert_eq!(admitted(&mut limits, Class::Phone), 6);
        assert_eq!(admitted(&mut limits, Class::Known), 100);
        assert!(limits.admits(mac(1), Class::Phone, at(5)), "a new window");
        let strangers = (0..10_000).filter(|n| limits.admits(mac(2 + n), Class::Other, at(6))).count();
        assert_eq!(strangers, 250);
        assert!(limits.admits(mac(90_000), Class::Phone, at(6)), "phones are not kept out by them");
        let flood = (0..100_000).filter(|n| limits.admits(mac(100_000 + n), Class::Phone, at(7))).count();
        assert_eq!(flood, 100_000);
        assert_eq!(limits.each.len(), CLIENTS);
        assert!(limits.admits(mac(500_000), Class::Known, at(7)));
    }

    #[test]
    fn t14_refused_once() {
        let mut limits = Limits::new(at(0));
        assert!(limits.may_refuse(mac(1), at(1)) && !limits.may_refuse(mac(1), at(4)));
        assert!(limits.may_refuse(mac(2), at(4)) && limits.may_refuse(mac(1), at(6)));
    }
}
