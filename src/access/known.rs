//! What is known of who is at which address: leases, overheard DHCP, pages, pins. Keyed by address, since a phone that hops
//! from the data to the voice VLAN has two, and both are right.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};

use super::rule::Says;
use crate::domain::MacAddr;

/// How long overheard DHCP counts: the usual lease.
const OVERHEARD: SignedDuration = SignedDuration::from_hours(24);

/// How long a phone is believed to be where its own page was read.
const PAGE: SignedDuration = SignedDuration::from_hours(1);

/// How long a pin holds after it was last confirmed.
pub const PINNED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A pin is confirmed this seldom: each time is a write.
const CONFIRMED: SignedDuration = SignedDuration::from_hours(1);

/// Pins of one phone at most: the one confirmed longest ago goes.
const PINS: usize = 4;

/// Leases at most: a network of 16 bits. The one that ends first goes.
const LEASES: usize = 65_536;

/// Overheard addresses at most: the one of a stranger heard longest ago goes.
const HEARD: usize = 8_192;

/// Addresses at which one phone is overheard at most: anybody can say so in its name, and a phone has two.
const HEARD_OF_ONE: usize = 4;

/// Between two looks for what is too old.
const LOOK: SignedDuration = SignedDuration::from_mins(1);

/// A device that was heard at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Heard {
    mac: MacAddr,
    at: Timestamp,
    assigned: bool,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Known {
    leases: HashMap<Ipv4Addr, (MacAddr, Timestamp)>,
    overheard: HashMap<Ipv4Addr, Heard>,
    looked: Option<Timestamp>,
    pages: BTreeMap<MacAddr, (Ipv4Addr, Timestamp)>,
    pins: BTreeMap<Ipv4Addr, BTreeMap<MacAddr, Timestamp>>,
    /// Pins that changed since they were kept.
    pub(super) unkept_pins: BTreeSet<(Ipv4Addr, MacAddr)>,
    /// Overheard addresses of phones that changed since they were kept.
    pub(super) unkept_overheard: BTreeSet<Ipv4Addr>,
}

fn says(found: Option<MacAddr>, mac: MacAddr) -> Says {
    found.map_or(Says::Nothing, |found| if found == mac { Says::This } else { Says::Other })
}

/// All but the latest of these addresses.
fn beyond(all: impl Iterator<Item = (Timestamp, Ipv4Addr)>, most: usize) -> Vec<Ipv4Addr> {
    let mut all: Vec<_> = all.collect();
    all.sort_unstable();
    all.truncate(all.len().saturating_sub(most));
    all.into_iter().map(|(_, ip)| ip).collect()
}

impl Known {
    /// We leased that address.
    pub fn leased(&mut self, ip: Ipv4Addr, mac: MacAddr, until: Timestamp) {
        if self.leases.len() >= LEASES
            && !self.leases.contains_key(&ip)
            && let Some(first) = self.leases.iter().min_by_key(|(_, (_, until))| *until).map(|(ip, _)| *ip)
        {
            self.leases.remove(&first);
        }
        self.leases.insert(ip, (mac, until));
        // Newer than what others gave there before.
        self.unhear(ip, mac);
        self.is_at(ip, mac);
    }

    /// What was overheard of others at that address is over.
    pub fn unhear(&mut self, ip: Ipv4Addr, mac: MacAddr) {
        if let Some(heard) = self.overheard.get(&ip).copied().filter(|heard| heard.mac != mac) {
            self.overheard.remove(&ip);
            if heard.assigned {
                self.unkept_overheard.insert(ip);
            }
        }
    }

    /// That lease ended.
    pub fn lease_ended(&mut self, ip: Ipv4Addr, mac: MacAddr) {
        if self.leases.get(&ip).is_some_and(|(owner, _)| *owner == mac) {
            self.leases.remove(&ip);
        }
    }

    /// DHCP of another server gave, or renewed, that address.
    pub fn overheard(&mut self, ip: Ipv4Addr, mac: MacAddr, assigned: bool, now: Timestamp) {
        // Anybody can say so; a lease of ours is our own word.
        if self.leases.get(&ip).is_some_and(|(_, until)| *until > now) {
            return;
        }
        if !self.overheard.contains_key(&ip) && self.overheard.len() >= HEARD && !self.make_room(assigned, now) {
            return;
        }
        let before = self.overheard.insert(ip, Heard { mac, at: now, assigned });
        let same = |before: Heard| before.mac == mac && now.duration_since(before.at) < CONFIRMED;
        if (assigned || before.is_some_and(|before| before.assigned)) && !before.is_some_and(same) {
            self.unkept_overheard.insert(ip);
        }
        if assigned {
            self.trim(mac);
        }
        self.is_at(ip, mac);
    }

    /// A phone keeps the addresses at which it was heard last.
    fn trim(&mut self, mac: MacAddr) {
        let of_it = self.overheard.iter().filter(|(_, heard)| heard.mac == mac);
        for ip in beyond(of_it.map(|(ip, heard)| (heard.at, *ip)), HEARD_OF_ONE) {
            self.overheard.remove(&ip);
            self.unkept_overheard.insert(ip);
        }
    }

    /// Whether there is room for one more; only a phone makes a stranger give way.
    fn make_room(&mut self, assigned: bool, now: Timestamp) -> bool {
        if self.looked.is_none_or(|looked| now.duration_since(looked).abs() >= LOOK) {
            self.looked = Some(now);
            self.overheard.retain(|_, heard| now.duration_since(heard.at) < OVERHEARD);
        }
        if self.overheard.len() >= HEARD && assigned {
            let oldest = self.overheard.iter().min_by_key(|(_, heard)| (heard.assigned, heard.at));
            if let Some(ip) = oldest.map(|(ip, _)| *ip) {
                self.overheard.remove(&ip);
            }
        }
        self.overheard.len() < HEARD
    }

    /// The phone's own web page was read there.
    pub fn page(&mut self, ip: Ipv4Addr, mac: MacAddr, now: Timestamp) {
        self.pages.insert(mac, (ip, now));
    }

    /// E1 to E3 say that this device is at that address: what was pinned there for others is over.
    pub fn is_at(&mut self, ip: Ipv4Addr, mac: MacAddr) {
        let Some(pins) = self.pins.get_mut(&ip) else { return };
        let over = pins.keys().copied().filter(|other| *other != mac);
        self.unkept_pins.extend(over.map(|other| (ip, other)));
        pins.retain(|other, _| *other == mac);
        if pins.is_empty() {
            self.pins.remove(&ip);
        }
    }

    /// That phone is, or was approved, at that address.
    pub fn pin(&mut self, ip: Ipv4Addr, mac: MacAddr, now: Timestamp) {
        let pins = self.pins.entry(ip).or_default();
        let before = pins.get(&mac).copied();
        if before.is_some_and(|at| now.duration_since(at).abs() < CONFIRMED) {
            return;
        }
        pins.insert(mac, now);
        self.unkept_pins.insert((ip, mac));
        if before.is_none() {
            let own = self.pins.iter().filter_map(|(ip, pins)| Some((*pins.get(&mac)?, *ip)));
            for ip in beyond(own, PINS) {
                self.unpin(ip, mac);
            }
        }
    }

    fn unpin(&mut self, ip: Ipv4Addr, mac: MacAddr) {
        if let Some(pins) = self.pins.get_mut(&ip) {
            pins.remove(&mac);
            self.unkept_pins.insert((ip, mac));
            if pins.is_empty() {
                self.pins.remove(&ip);
            }
        }
    }

    /// The phone is assigned no more.
    pub fn forget(&mut self, mac: MacAddr) {
        let pinned: Vec<Ipv4Addr> =
            self.pins.iter().filter(|(_, pins)| pins.contains_key(&mac)).map(|(ip, _)| *ip).collect();
        pinned.into_iter().for_each(|ip| self.unpin(ip, mac));
        self.pages.remove(&mac);
    }

    /// Who has that address by our lease.
    pub fn lease(&self, ip: Ipv4Addr, now: Timestamp) -> Option<MacAddr> {
        self.leases.get(&ip).filter(|(_, until)| *until > now).map(|(mac, _)| *mac)
    }

    /// Whether we leased it another address: there it is, and not here.
    pub fn leased_elsewhere(&self, ip: Ipv4Addr, mac: MacAddr, now: Timestamp) -> bool {
        self.leases.iter().any(|(at, (owner, until))| *owner == mac && *at != ip && *until > now)
    }

    /// Who was overheard to have it.
    pub fn heard(&self, ip: Ipv4Addr, now: Timestamp) -> Option<MacAddr> {
        self.overheard.get(&ip).filter(|heard| now.duration_since(heard.at) < OVERHEARD).map(|heard| heard.mac)
    }

    /// E1 for a phone.
    pub fn says_lease(&self, ip: Ipv4Addr, mac: MacAddr, now: Timestamp) -> Says {
        says(self.lease(ip, now), mac)
    }

    /// E2 for a phone.
    pub fn says_overheard(&self, ip: Ipv4Addr, mac: MacAddr, now: Timestamp) -> Says {
        says(self.heard(ip, now), mac)
    }

    /// E3 for a phone.
    pub fn says_neighbour(neighbour: Option<MacAddr>, mac: MacAddr) -> Says {
        says(neighbour, mac)
    }

    /// Whether its page was read there of late.
    pub fn page_read(&self, ip: Ipv4Addr, mac: MacAddr, now: Timestamp) -> bool {
        self.pages.get(&mac).is_some_and(|(at, when)| *at == ip && now.duration_since(*when) < PAGE)
    }

    /// E5 for a phone.
    pub fn says_pin(&self, ip: Ipv4Addr, mac: MacAddr, now: Timestamp) -> Says {
        let Some(pins) = self.pins.get(&ip) else { return Says::Nothing };
        match pins.get(&mac) {
            Some(at) if now.duration_since(*at) < PINNED => Says::This,
            Some(_) => Says::Nothing,
            None => Says::Other,
        }
    }

    /// The wall clock was put, to `now`: what is so old, is as old; nothing is of the time to come. Leases are told by their
    /// server.
    pub fn shift(&mut self, by: SignedDuration, now: Timestamp) {
        let shift = |at: &mut Timestamp| *at = at.checked_add(by).unwrap_or(now).min(now);
        for (ip, pins) in &mut self.pins {
            pins.values_mut().for_each(shift);
            self.unkept_pins.extend(pins.keys().map(|mac| (*ip, *mac)));
        }
        for (ip, heard) in &mut self.overheard {
            shift(&mut heard.at);
            if heard.assigned {
                self.unkept_overheard.insert(*ip);
            }
        }
        self.pages.values_mut().for_each(|(_, at)| shift(at));
    }

    /// What was kept in an earlier life.
    pub fn recall(&mut self, pins: &[(Ipv4Addr, MacAddr, Timestamp)], overheard: &[(Ipv4Addr, MacAddr, Timestamp)]) {
        for (ip, mac, at) in pins {
            self.pins.entry(*ip).or_default().insert(*mac, *at);
        }
        for (ip, mac, at) in overheard.iter().take(HEARD) {
            self.overheard.insert(*ip, Heard { mac: *mac, at: *at, assigned: true });
        }
    }

    /// When that pin was last confirmed.
    pub fn pinned(&self, ip: Ipv4Addr, mac: MacAddr) -> Option<Timestamp> {
        self.pins.get(&ip)?.get(&mac).copied()
    }

    /// Which phone was overheard there, and when.
    pub fn phone_heard(&self, ip: Ipv4Addr) -> Option<(MacAddr, Timestamp)> {
        self.overheard.get(&ip).filter(|heard| heard.assigned).map(|heard| (heard.mac, heard.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 5);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn mac(number: u32) -> MacAddr {
        let [a, b, c, d] = number.to_be_bytes();
        MacAddr::new([0, 0x1b, a, b, c, d]).unwrap()
    }

    #[test]
    fn each_holds_as_long_as_it_may() {
        let mut known = Known::default();
        known.overheard(IP, mac(9), true, at(0));
        known.leased(IP, mac(1), at(100));
        assert_eq!(known.heard(IP, at(0)), None, "our lease is newer");
        known.overheard(IP, mac(2), true, at(1));
        assert_eq!(known.heard(IP, at(1)), None, "anybody can say so");
        assert_eq!((known.lease(IP, at(99)), known.lease(IP, at(100))), (Some(mac(1)), None));
        known.lease_ended(IP, mac(9));
        assert_eq!(known.lease(IP, at(0)), Some(mac(1)), "that was another's");
        known.lease_ended(IP, mac(1));
        assert_eq!(known.lease(IP, at(0)), None);
        known.overheard(IP, mac(2), true, at(0));
        known.page(IP, mac(3), at(0));
        known.pin(IP, mac(2), at(0));
        assert_eq!(known.says_overheard(IP, mac(2), at(86_399)), Says::This);
        assert_eq!(known.says_overheard(IP, mac(1), at(86_399)), Says::Other);
        assert_eq!(known.says_overheard(IP, mac(2), at(86_400)), Says::Nothing);
        assert!(known.page_read(IP, mac(3), at(3_599)) && !known.page_read(IP, mac(3), at(3_600)));
        let days = |n: i64| at(n * 86_400);
        assert_eq!(known.says_pin(IP, mac(2), days(29)), Says::This);
        assert_eq!(known.says_pin(IP, mac(2), days(30)), Says::Nothing);
        known.pin(IP, mac(2), days(29));
        assert_eq!(known.says_pin(IP, mac(2), days(58)), Says::This);
    }

    #[test]
    fn a_pin_is_over_when_another_is_there() {
        for other in [
            (|known: &mut Known| known.leased(IP, mac(2), at(100))) as fn(&mut Known),
            |known| known.overheard(IP, mac(2), false, at(1)),
            |known| known.is_at(IP, mac(2)),
        ] {
            let mut known = Known::default();
            known.pin(IP, mac(1), at(0));
            known.pin(IP, mac(2), at(0));
            other(&mut known);
            assert_eq!(known.says_pin(IP, mac(1), at(1)), Says::Other);
            assert_eq!(known.says_pin(IP, mac(2), at(1)), Says::This);
            assert!(known.unkept_pins.contains(&(IP, mac(1))));
        }
    }

    #[test]
    fn a_phone_has_a_few_pins_and_strangers_have_none() {
        let mut known = Known::default();
        let ip = |n: u32| Ipv4Addr::from_bits(0x0a00_0000 + n);
        for n in 0..20 {
            known.pin(ip(n), mac(1), at(i64::from(n)));
        }
        assert_eq!(known.pins.len(), PINS);
        assert_eq!(known.says_pin(ip(19), mac(1), at(20)), Says::This);
        known.forget(mac(1));
        assert!(known.pins.is_empty());
        for n in 0..20_000 {
            known.overheard(ip(n), mac(n), false, at(0));
        }
        assert_eq!(known.overheard.len(), HEARD);
        assert!(known.unkept_overheard.is_empty(), "nothing of strangers is kept");
        known.overheard(ip(30_000), mac(1), true, at(0));
        assert_eq!(known.heard(ip(30_000), at(0)), Some(mac(1)), "a phone finds room");
        for n in 0..70_000 {
            known.leased(ip(n), mac(n), at(100));
        }
        assert_eq!(known.leases.len(), LEASES);
        known.leased(Ipv4Addr::new(10, 9, 0, 1), mac(1), at(200));
        assert_eq!(known.lease(Ipv4Addr::new(10, 9, 0, 1), at(0)), Some(mac(1)), "a new one finds room");
    }

    #[test]
    fn a_phone_is_overheard_at_a_few_addresses() {
        let mut known = Known::default();
        let ip = |n: u32| Ipv4Addr::from_bits(0x0a00_0000 + n);
        for n in 0..100 {
            known.overheard(ip(n), mac(1), true, at(i64::from(n)));
        }
        assert_eq!(known.overheard.len(), HEARD_OF_ONE);
        assert_eq!((known.heard(ip(99), at(99)), known.heard(ip(0), at(99))), (Some(mac(1)), None));
        assert!(known.unkept_overheard.contains(&ip(0)), "its row goes");
    }

    /// A host without a clock of its own: the time servers are reached, and years have passed.
    #[test]
    fn the_clock_may_step() {
        let (mut known, years) = (Known::default(), SignedDuration::from_hours(24 * 3_650));
        known.pin(IP, mac(1), at(0));
        known.overheard(IP, mac(1), true, at(0));
        let now = at(10) + years;
        known.shift(years, now);
        assert_eq!(known.pinned(IP, mac(1)), Some(at(0) + years));
        assert_eq!((known.says_pin(IP, mac(1), now), known.says_overheard(IP, mac(1), now)), (Says::This, Says::This));
        known.shift(years, now);
        assert_eq!(known.pinned(IP, mac(1)), Some(now), "nothing is of the time to come");
    }
}
