//! Addresses where somebody was found who has no lease of ours.

use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};

use super::{Commit, Notice, Server};
use crate::config::dhcp::Subnet;
use crate::dhcp::lease::{Lease, LeaseState};
use crate::dhcp::squatters::Answerer;
use crate::domain::MacAddr;

/// How long an address is given to nobody after somebody was found there (F31).
const QUARANTINE: SignedDuration = SignedDuration::from_hours(24);

impl Server {
    /// Somebody was found at an address that was to be offered to this client: it is given to nobody for a day, or stays his
    /// whose it was. Returns what to write.
    pub fn taken(&mut self, ip: Ipv4Addr, who: Answerer, client: MacAddr, now: Timestamp) -> Option<Commit> {
        let subnet = self.settings.subnets.iter().find(|subnet| subnet.network.contains(&ip))?.clone();
        // Meanwhile a client showed that it is its own, or said that it is taken.
        if self.leases.at(ip).is_some_and(|lease| lease.state != LeaseState::Released && lease.ends > now) {
            return None;
        }
        self.offers.end_of(ip);
        self.leases.let_go(ip);
        // Its own phone is there still: a clock that was wrong at our start ended its lease, or we were away for longer.
        // Behind a relay nobody knows who it is that answered.
        let own = |lease: &&Lease| lease.state == LeaseState::Bound && who == Answerer::Host(lease.mac);
        if let Some(lease) = self.leases.at(ip).filter(own) {
            let ends = now.checked_add(SignedDuration::try_from(subnet.lease).ok()?).ok()?;
            let lease = Lease { ends, ..lease.clone() };
            return Some(self.put(lease));
        }
        let by = if let Answerer::Host(mac) = who { mac } else { client };
        self.notice(Notice::Taken(ip, by));
        self.quarantine(&subnet, ip, by, now)
    }

    /// Somebody answers for all addresses, whoever has them; these were taken for somebody's because of that. Returns what
    /// to write.
    pub fn answers_for_all(&mut self, who: Answerer, freed: &[Ipv4Addr], now: Timestamp) -> Vec<Commit> {
        self.notice(Notice::Everywhere(who));
        // Not one that somebody else was found at since.
        let found = |lease: &&Lease| !matches!(who, Answerer::Host(mac) if mac != lease.mac);
        let declined = |lease: &&Lease| lease.state == LeaseState::Declined && lease.ends > now;
        let of = |ip: &Ipv4Addr| self.leases.at(*ip).filter(declined).filter(found).cloned();
        let declined: Vec<Lease> = freed.iter().filter_map(of).collect();
        let commits = declined.into_iter().map(|lease| self.put(Lease { ends: now, ..lease })).collect();
        self.leases.tick(now);
        commits
    }

    /// So many are kept from everybody, and no more: whoever says of every address that it is taken does not empty the pool.
    pub(super) fn quarantine(&mut self, subnet: &Subnet, ip: Ipv4Addr, by: MacAddr, now: Timestamp) -> Option<Commit> {
        let ends = if self.leases.may_decline(subnet) { now.checked_add(QUARANTINE).ok()? } else { now };
        // Beyond that it goes to the end of the queue, and not to its finder again.
        let state = LeaseState::Declined;
        let lease = Lease { ip, mac: by, ends, state, phone: false, model: None, hostname: None };
        Some(self.put(lease))
    }
}
