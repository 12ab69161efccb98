//! Who has which address, and until when.

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};

use super::limit::Class;
use crate::config::dhcp::Subnet;
use crate::domain::{MacAddr, ModelName};

/// What became of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseState {
    /// It is used, until it ends.
    Bound,
    /// Its user gave it back; the next one who had none gets it last.
    Released,
    /// Somebody else sits there: given to nobody until it ends.
    Declined,
}

/// An address and its user. Times are those of the server's own clock, which does not step ([`super::server`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The address.
    pub ip: Ipv4Addr,
    /// Whose; of a declined one, who found it taken.
    pub mac: MacAddr,
    /// When it ends.
    pub ends: Timestamp,
    /// What became of it.
    pub state: LeaseState,
    /// Its user is a phone.
    pub phone: bool,
    /// Which, by its vendor class.
    pub model: Option<ModelName>,
    /// What it calls itself, made printable.
    pub hostname: Option<String>,
}

impl Lease {
    /// Whether it is used at that time.
    pub fn active(&self, now: Timestamp) -> bool {
        self.state == LeaseState::Bound && self.ends > now
    }
}

/// How much of a pool those may keep away from it who only say that an address is taken (F31).
const DECLINED: usize = 4;

/// How long a client has to take up an offer before another of its class may get it, where none is free (T11). A phone
/// that hears an offer takes it at once; the address is called before, for a third of a second.
const UNCONFIRMED: SignedDuration = SignedDuration::from_secs(3);

/// An offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// To whom.
    pub mac: MacAddr,
    /// Who that is.
    pub class: Class,
    /// Since when; asking again makes it no younger.
    pub since: Timestamp,
}

/// The addresses of one subnet.
#[derive(Debug)]
struct Pool {
    subnet: Subnet,
    /// Never given, or forgotten.
    fresh: BTreeSet<Ipv4Addr>,
    /// Given, by their end; some of the first may have ended already.
    given: BTreeSet<(Timestamp, Ipv4Addr)>,
    /// Ended or given back, by their end: the oldest goes first.
    past: BTreeSet<(Timestamp, Ipv4Addr)>,
    /// Offered, and nobody else's meanwhile: in neither of those.
    held: HashMap<Ipv4Addr, Held>,
    /// The same, in the order in which they give way.
    yielding: BTreeSet<(Class, Timestamp, Ipv4Addr)>,
    /// Of those given, how many are no phone's.
    others: usize,
    declined: usize,
    size: usize,
}

/// How full a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Addresses given, those that nobody may have for now included.
    pub used: usize,
    /// All.
    pub size: usize,
}

/// All leases. What is remembered of an address that ended is what its user gets again, as long as nobody else needed it.
#[derive(Debug, Default)]
pub struct Leases {
    by_ip: HashMap<Ipv4Addr, Lease>,
    /// At most one for each subnet.
    by_mac: HashMap<MacAddr, Vec<Ipv4Addr>>,
    pools: Vec<Pool>,
    /// Given to nobody: reserved, the servers' own, routers'.
    kept: BTreeSet<Ipv4Addr>,
    /// Of those, what is kept because this host has it now.
    own: BTreeSet<Ipv4Addr>,
}

impl Leases {
    /// The pools of these subnets, without these addresses, and what is known of them. Of two that a client is said to have in
    /// a network, because the disk failed when it left the one, the later in `known` holds.
    pub fn new(subnets: &[Subnet], kept: BTreeSet<Ipv4Addr>, known: Vec<Lease>, now: Timestamp) -> Self {
        let pool = |subnet: &Subnet| {
            let (first, last) = (subnet.pool.start().to_bits(), subnet.pool.end().to_bits());
            let fresh: BTreeSet<Ipv4Addr> =
                (first..=last).map(Ipv4Addr::from).filter(|ip| !kept.contains(ip)).collect();
            let size = fresh.len();
            let (given, past, held, yielding) = Default::default();
            Pool { subnet: subnet.clone(), fresh, given, past, held, yielding, others: 0, declined: 0, size }
        };
        let pools = subnets.iter().map(pool).collect();
        let mut leases = Self { pools, kept, ..Self::default() };
        for lease in known {
            leases.put(lease);
        }
        leases.tick(now);
        leases
    }

    /// What is known of an address.
    pub fn at(&self, ip: Ipv4Addr) -> Option<&Lease> {
        self.by_ip.get(&ip)
    }

    /// The address that a client has or had in a network.
    pub fn of(&self, mac: MacAddr, subnet: &Subnet) -> Option<&Lease> {
        let ips = self.by_mac.get(&mac)?;
        ips.iter().filter(|ip| subnet.network.contains(*ip)).find_map(|ip| self.by_ip.get(ip))
    }

    /// Whether a client has an address here, or had.
    pub fn is_client(&self, mac: MacAddr) -> bool {
        self.by_mac.contains_key(&mac)
    }

    /// Whether a client with a lease said that it is a phone when it got it.
    pub fn is_phone(&self, mac: MacAddr) -> bool {
        let ips = self.by_mac.get(&mac);
        ips.into_iter().flatten().any(|ip| self.by_ip.get(ip).is_some_and(|lease| lease.phone))
    }

    /// All, in no order.
    pub fn all(&self) -> impl Iterator<Item = &Lease> {
        self.by_ip.values()
    }

    /// Time passes: what ended may go to others.
    pub fn tick(&mut self, now: Timestamp) {
        let Self { by_ip, pools, kept, .. } = self;
        for pool in pools {
            while let Some((ends, ip)) = pool.given.first().copied().filter(|(ends, _)| *ends <= now) {
                pool.given.remove(&(ends, ip));
                // One that is reserved, or was taken out of the pool since, is nobody's because somebody's time is up.
                if pool.subnet.pools(ip) && !kept.contains(&ip) {
                    pool.past.insert((ends, ip));
                }
                if let Some(lease) = by_ip.get(&ip) {
                    pool.count(lease, false);
                }
            }
        }
    }

    /// Writes down a lease in place of what was known of its address. Returns the address that its client left for it.
    pub fn put(&mut self, lease: Lease) -> Option<Ipv4Addr> {
        self.forget(lease.ip);
        let other = |ip: &&Ipv4Addr| {
            self.pools.iter().any(|p| p.subnet.network.contains(*ip) && p.subnet.network.contains(&lease.ip))
        };
        // A client has one address in a network: what it had before is free for others, and not its own any more.
        let left = self.by_mac.get(&lease.mac).and_then(|ips| ips.iter().find(other).copied());
        let left = left.filter(|_| lease.state == LeaseState::Bound);
        left.map(|left| self.forget(left));
        if lease.state != LeaseState::Declined {
            self.by_mac.entry(lease.mac).or_default().push(lease.ip);
        }
        if let Some(pool) = self.pools.iter_mut().find(|pool| pool.subnet.network.contains(&lease.ip)) {
            pool.fresh.remove(&lease.ip);
            pool.unhold(lease.ip);
            if lease.state == LeaseState::Released {
                if pool.subnet.pools(lease.ip) && !self.kept.contains(&lease.ip) {
                    pool.past.insert((lease.ends, lease.ip));
                }
            } else {
                pool.given.insert((lease.ends, lease.ip));
                pool.count(&lease, true);
            }
        }
        self.by_ip.insert(lease.ip, lease);
        left
    }

    /// It is as it was, unless its client has another in that network by now.
    pub fn put_back(&mut self, lease: Lease) {
        let pool = self.pools.iter().find(|pool| pool.subnet.network.contains(&lease.ip));
        let nobodys = lease.state == LeaseState::Declined;
        if nobodys || pool.is_none_or(|pool| self.of(lease.mac, &pool.subnet).is_none()) {
            self.put(lease);
        }
    }

    /// Nothing is known of an address any more. Returns what was.
    pub fn forget(&mut self, ip: Ipv4Addr) -> Option<Lease> {
        let lease = self.by_ip.remove(&ip)?;
        if let Some(ips) = self.by_mac.get_mut(&lease.mac) {
            ips.retain(|other| *other != ip);
            if ips.is_empty() {
                self.by_mac.remove(&lease.mac);
            }
        }
        if let Some(pool) = self.pools.iter_mut().find(|pool| pool.subnet.network.contains(&ip)) {
            pool.past.remove(&(lease.ends, ip));
            if pool.given.remove(&(lease.ends, ip)) {
                pool.count(&lease, false);
            }
            if pool.subnet.pools(ip) && !self.kept.contains(&ip) && !pool.held.contains_key(&ip) {
                pool.fresh.insert(ip);
            }
        }
        Some(lease)
    }

    /// Addresses that this host has now. They are given to nobody, and whose one is keeps it until its end; one that it has
    /// no more is the pool's again. Returns those that it did not have before.
    pub fn own(&mut self, now: BTreeSet<Ipv4Addr>) -> Vec<Ipv4Addr> {
        if now == self.own {
            return Vec::new();
        }
        let (gone, new): (Vec<_>, Vec<_>) =
            (self.own.difference(&now).copied().collect(), now.difference(&self.own).copied().collect());
        self.own = now;
        gone.into_iter().for_each(|ip| self.give_back(ip));
        // One that is kept anyway does not become the pool's when the host loses it.
        for ip in &new {
            if !self.keep(*ip) {
                self.own.remove(ip);
            }
        }
        new
    }

    /// Returns whether it is kept because of this.
    fn keep(&mut self, ip: Ipv4Addr) -> bool {
        let Some(pool) = self.pools.iter_mut().find(|pool| pool.subnet.pools(ip)) else { return true };
        if !self.kept.insert(ip) {
            return false;
        }
        pool.fresh.remove(&ip);
        pool.unhold(ip);
        if let Some(lease) = self.by_ip.get(&ip) {
            pool.past.remove(&(lease.ends, ip));
        }
        pool.size = pool.size.saturating_sub(1);
        true
    }

    fn give_back(&mut self, ip: Ipv4Addr) {
        let Some(pool) = self.pools.iter_mut().find(|pool| pool.subnet.pools(ip)) else { return };
        if !self.kept.remove(&ip) {
            return;
        }
        pool.size = pool.size.saturating_add(1);
        match self.by_ip.get(&ip).map(|lease| (lease.ends, ip)) {
            None => drop(pool.fresh.insert(ip)),
            Some(at) if pool.given.contains(&at) => {}
            Some(at) => drop(pool.past.insert(at)),
        }
    }

    /// An address that is free is offered: nobody else gets it until it is let go or written down.
    pub fn hold(&mut self, ip: Ipv4Addr, held: Held) {
        let ends = self.by_ip.get(&ip).map(|lease| lease.ends);
        if let Some(pool) = self.pools.iter_mut().find(|pool| pool.subnet.pools(ip)) {
            let was_past = ends.is_some_and(|ends| pool.past.remove(&(ends, ip)));
            if pool.fresh.remove(&ip) || was_past {
                pool.held.insert(ip, held);
                pool.yielding.insert((held.class, held.since, ip));
            }
        }
    }

    /// It was not taken.
    pub fn let_go(&mut self, ip: Ipv4Addr) {
        let ends = self.by_ip.get(&ip).map(|lease| lease.ends);
        let Some(pool) = self.pools.iter_mut().find(|pool| pool.subnet.pools(ip)) else { return };
        if pool.unhold(ip) {
            match ends {
                Some(ends) => pool.past.insert((ends, ip)),
                None => pool.fresh.insert(ip),
            };
        }
    }

    /// The offer that gives way to a client of that class where none is free: one of a lower class, else of its own, and the
    /// oldest, if it was not taken up in time (T11). And whose it is.
    pub fn yielding(&self, subnet: &Subnet, class: Class, now: Timestamp) -> Option<(Ipv4Addr, MacAddr)> {
        let pool = self.pool(subnet)?;
        let (theirs, since, ip) = pool.yielding.first().copied()?;
        let unconfirmed = theirs == class && now.duration_since(since) >= UNCONFIRMED;
        (theirs < class || unconfirmed).then_some((ip, pool.held.get(&ip)?.mac))
    }

    /// An address for somebody who has none there: one that nobody had, else the one that ended first. `None` = there is
    /// none for such a client (F32).
    pub fn free(&self, subnet: &Subnet, phone: bool) -> Option<Ipv4Addr> {
        let pool = self.pool(subnet)?;
        let offered = || pool.yielding.iter().take_while(|(class, ..)| *class < Class::Phone).count();
        if !phone
            && pool.others.saturating_add(offered()).saturating_mul(100)
                >= pool.size.saturating_mul(usize::from(subnet.others))
        {
            return None;
        }
        pool.fresh.first().copied().or_else(|| pool.past.first().map(|(_, ip)| *ip))
    }

    /// Whether an address is given to nobody but by reservation.
    pub fn is_kept(&self, ip: Ipv4Addr) -> bool {
        self.kept.contains(&ip) || self.own.contains(&ip)
    }

    /// Whether an address of this pool is nobody's, and is not being offered.
    pub fn is_free(&self, subnet: &Subnet, ip: Ipv4Addr) -> bool {
        let ends = self.by_ip.get(&ip).map(|lease| lease.ends);
        self.pool(subnet).is_some_and(|pool| match ends {
            Some(ends) => pool.past.contains(&(ends, ip)),
            None => pool.fresh.contains(&ip),
        })
    }

    /// Whether one more address may be kept from everybody (F31).
    pub fn may_decline(&self, subnet: &Subnet) -> bool {
        self.pool(subnet).is_some_and(|pool| (pool.declined + 1).saturating_mul(DECLINED) <= pool.size)
    }

    /// How full a pool is.
    pub fn usage(&self, subnet: &Subnet) -> Usage {
        self.pool(subnet).map_or(Usage { used: 0, size: 0 }, |pool| Usage {
            used: pool.size.saturating_sub(pool.fresh.len() + pool.past.len()),
            size: pool.size,
        })
    }

    /// The clock was put: everything ends that much later or earlier.
    pub fn shift(&mut self, by: SignedDuration, now: Timestamp) {
        let all: Vec<Lease> = self.by_ip.values().cloned().collect();
        for mut lease in all {
            lease.ends = lease.ends.checked_add(by).unwrap_or(lease.ends);
            self.put(lease);
        }
        self.tick(now);
    }

    fn pool(&self, subnet: &Subnet) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.subnet.network == subnet.network)
    }
}

impl Pool {
    /// Returns whether it was offered.
    fn unhold(&mut self, ip: Ipv4Addr) -> bool {
        let held = self.held.remove(&ip);
        held.is_some_and(|held| self.yielding.remove(&(held.class, held.since, ip)))
    }

    fn count(&mut self, lease: &Lease, more: bool) {
        let counter = match lease.state {
            LeaseState::Declined => &mut self.declined,
            LeaseState::Bound if !lease.phone => &mut self.others,
            LeaseState::Bound | LeaseState::Released => return,
        };
        *counter = if more { counter.saturating_add(1) } else { counter.saturating_sub(1) };
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn subnet(others: u8) -> Subnet {
        Subnet {
            network: "192.0.2.0/24".parse().unwrap(),
            pool: [192, 0, 2, 10].into()..=[192, 0, 2, 19].into(),
            router: None,
            dns: Vec::new(),
            domain: None,
            lease: Duration::from_hours(1),
            clients: None,
            others,
            relays: Vec::new(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn ip(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(192, 0, 2, last)
    }

    fn mac(last: u8) -> MacAddr {
        MacAddr::new([0, 0x1b, 0x54, 0, 0, last]).unwrap()
    }

    fn lease(last: u8, of: u8, ends: i64, phone: bool) -> Lease {
        let state = LeaseState::Bound;
        Lease { ip: ip(last), mac: mac(of), ends: at(ends), state, phone, model: None, hostname: None }
    }

    fn held(of: u8, class: Class, since: i64) -> Held {
        Held { mac: mac(of), class, since: at(since) }
    }

    fn leases(others: u8) -> (Subnet, Leases) {
        let subnet = subnet(others);
        let leases = Leases::new(std::slice::from_ref(&subnet), BTreeSet::from([ip(10)]), Vec::new(), at(0));
        (subnet, leases)
    }

    #[test]
    fn new_addresses_first_then_the_one_that_ended_first() {
        let (subnet, mut leases) = leases(100);
        assert_eq!(leases.free(&subnet, true), Some(ip(11)), "10 is kept");
        for last in 11..=19 {
            leases.put(lease(last, last, 100 + i64::from(last % 3) * 10 + i64::from(last), true));
        }
        assert_eq!(leases.free(&subnet, true), None, "F32: it is full, and nobody loses his");
        assert_eq!(leases.usage(&subnet), Usage { used: 9, size: 9 });
        leases.tick(at(115));
        // 12 and 15 ended at 112 and 115.
        assert_eq!(leases.free(&subnet, true), Some(ip(12)));
        leases.hold(ip(12), held(1, Class::Phone, 115));
        assert_eq!(leases.free(&subnet, true), Some(ip(15)));
        assert!(!leases.is_free(&subnet, ip(12)));
        leases.let_go(ip(12));
        assert!(
            leases.is_free(&subnet, ip(12)) && !leases.is_free(&subnet, ip(13)) && !leases.is_free(&subnet, ip(10))
        );
        assert_eq!(leases.of(mac(12), &subnet).map(|lease| lease.ip), Some(ip(12)), "it gets it again");
    }

    #[test]
    fn one_address_for_each_client_and_network() {
        let (subnet, mut leases) = leases(100);
        leases.put(lease(11, 1, 100, true));
        leases.put(lease(12, 1, 100, true));
        assert_eq!((leases.at(ip(11)), leases.of(mac(1), &subnet).map(|lease| lease.ip)), (None, Some(ip(12))));
        // Somebody else gets it after its end.
        leases.tick(at(101));
        leases.put(lease(12, 2, 200, true));
        assert_eq!(leases.of(mac(1), &subnet), None);
        assert_eq!(leases.all().count(), 1);
        leases.put(Lease { state: LeaseState::Released, ends: at(150), ..lease(12, 2, 200, true) });
        assert!(leases.is_free(&subnet, ip(12)));
        assert_eq!(leases.usage(&subnet).used, 0);
    }

    /// What ended and is not of the pool is nobody's: a reserved address, and one that the pool had before.
    #[test]
    fn what_is_not_of_the_pool_is_not_given() {
        let (subnet, mut leases) = leases(100);
        leases.put(lease(10, 1, 100, true));
        leases.put(lease(50, 2, 100, true));
        for last in 11..=19 {
            leases.put(lease(last, last, 900, true));
        }
        leases.tick(at(100));
        assert_eq!(leases.free(&subnet, true), None);
        assert!(!leases.is_free(&subnet, ip(10)) && !leases.is_free(&subnet, ip(50)));
        leases.put(Lease { state: LeaseState::Released, ..lease(10, 1, 100, true) });
        assert_eq!(leases.free(&subnet, true), None);
    }

    /// T11: those who are no phones have their part.
    #[test]
    fn others_have_their_part() {
        let (subnet, mut leases) = leases(25);
        for last in 11..14 {
            assert!(leases.free(&subnet, false).is_some(), "{last}");
            leases.put(lease(last, last, 100, false));
        }
        assert_eq!(leases.free(&subnet, false), None);
        assert!(leases.free(&subnet, true).is_some());
        leases.tick(at(100));
        assert!(leases.free(&subnet, false).is_some());
    }

    #[test]
    fn f31_at_most_a_quarter_is_declined() {
        let (subnet, mut leases) = leases(100);
        let declined = |last: u8| Lease { state: LeaseState::Declined, ..lease(last, 1, 100, true) };
        let mut count = 0;
        for last in 11..=19 {
            if leases.may_decline(&subnet) {
                leases.put(declined(last));
                count += 1;
            }
        }
        assert_eq!(count, 2);
        assert!(!leases.is_free(&subnet, ip(11)));
        assert_eq!(leases.of(mac(1), &subnet), None, "it is not whose it was found by");
        leases.tick(at(100));
        assert!(leases.is_free(&subnet, ip(11)) && leases.may_decline(&subnet));
    }

    /// T11: of what is offered, strangers' give way first, then the oldest of those who do not take theirs.
    #[test]
    fn t11_offers_give_way() {
        let (subnet, mut leases) = leases(100);
        for last in 11..=19 {
            let class = if last < 14 { Class::Known } else { Class::Phone };
            leases.hold(ip(last), held(last, class, 30 - i64::from(last)));
        }
        let yields = |leases: &Leases, class, now| leases.yielding(&subnet, class, at(now)).map(|(_, mac)| mac);
        assert_eq!(yields(&leases, Class::Other, 900), None);
        assert_eq!((yields(&leases, Class::Phone, 13), yields(&leases, Class::Phone, 14)), (None, Some(mac(19))));
        assert_eq!(yields(&leases, Class::Known, 11), Some(mac(19)), "of a lower class at once");
        for last in 14..=19 {
            leases.put(lease(last, last, 900, true));
        }
        assert_eq!(
            yields(&leases, Class::Phone, 900),
            None,
            "neither what is taken, nor what a higher class was offered"
        );
        assert_eq!((yields(&leases, Class::Known, 19), yields(&leases, Class::Known, 20)), (None, Some(mac(13))));
        leases.let_go(ip(13));
        assert_eq!(yields(&leases, Class::Known, 21), Some(mac(12)));
    }

    /// An address that this host loses is the pool's again; a reserved one is not.
    #[test]
    fn own_addresses_follow() {
        let (subnet, mut leases) = leases(100);
        leases.put(lease(12, 2, 100, true));
        leases.own([10, 11, 12].map(ip).into());
        assert_eq!((leases.free(&subnet, true), leases.usage(&subnet).size), (Some(ip(13)), 7));
        leases.tick(at(100));
        assert!(!leases.is_free(&subnet, ip(12)), "it ended, and is this host's");
        leases.own([ip(11)].into());
        assert!(leases.is_free(&subnet, ip(12)) && !leases.is_free(&subnet, ip(11)));
        leases.own(BTreeSet::new());
        assert_eq!((leases.free(&subnet, true), leases.usage(&subnet)), (Some(ip(11)), Usage { used: 0, size: 9 }));
        assert!(leases.is_kept(ip(10)) && !leases.is_free(&subnet, ip(10)));
    }

    /// Whatever is written, an address is in one place, and the counts are those of what is there.
    #[test]
    fn the_books_balance() {
        let (_, mut leases) = leases(50);
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        for step in 0..20_000_i64 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let pick = |shift: u32, n: u64| u8::try_from((state >> shift) % n).unwrap();
            let of = pick(8, 12);
            let mut next = lease(10 + pick(3, 10), of, step + i64::from(pick(20, 50)), of % 2 == 0);
            next.state = [LeaseState::Bound, LeaseState::Released, LeaseState::Declined][usize::from(pick(30, 3))];
            match pick(40, 8) {
                0 => drop(leases.forget(next.ip)),
                2 => leases.hold(next.ip, held(of, Class::Phone, step)),
                4 => drop(leases.own((11..=13).filter(|last| (of >> (last - 11)) & 1 == 1).map(ip).collect())),
                3 => leases.let_go(next.ip),
                1 => leases.shift(SignedDuration::from_secs(i64::from(of) - 6), at(step)),
                _ => drop(leases.put(next)),
            }
            leases.tick(at(step));
            let pool = &leases.pools[0];
            let places = (10..=19).map(ip).filter(|ip| {
                let ends = leases.by_ip.get(ip).map(|lease| (lease.ends, *ip));
                let sets = [pool.fresh.contains(ip), pool.held.contains_key(ip)];
                let ended = [&pool.given, &pool.past].map(|set| ends.is_some_and(|at| set.contains(&at)));
                let count = sets.into_iter().chain(ended).filter(|is| *is).count();
                assert!(count <= 1, "{step}: {ip} is in {count} places");
                let offered = pool.held.get(ip).map(|held| (held.class, held.since, *ip));
                assert_eq!(offered.is_some_and(|one| pool.yielding.contains(&one)), offered.is_some(), "{step}");
                count == 1
            });
            let kept = |place: &Ipv4Addr| leases.kept.contains(place);
            assert_eq!(places.filter(|place| !kept(place)).count() + leases.kept.len(), 10, "{step}");
            assert_eq!((pool.held.len(), pool.size + leases.kept.len()), (pool.yielding.len(), 10), "{step}");
            let given = |lease: &&Lease| pool.given.contains(&(lease.ends, lease.ip));
            let others = leases.all().filter(given).filter(|l| l.state == LeaseState::Bound && !l.phone).count();
            let declined = leases.all().filter(given).filter(|l| l.state == LeaseState::Declined).count();
            assert_eq!((pool.others, pool.declined), (others, declined), "{step}");
            let owned: usize = leases.by_mac.values().map(Vec::len).sum();
            assert_eq!(owned, leases.all().filter(|lease| lease.state != LeaseState::Declined).count(), "{step}");
        }
    }
}
