//! Addresses that are offered, and not yet anybody's: kept in memory alone, for a time.

use std::collections::{HashMap, VecDeque};
use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};

use crate::domain::MacAddr;

/// How long an offer is kept for its client.
const OFFERED: SignedDuration = SignedDuration::from_secs(30);

/// What is left of that when it begins anew for a client that asks again.
const RENEWED: SignedDuration = SignedDuration::from_secs(20);

/// Offers at once; beyond that the oldest is let go.
const MOST: usize = 16_384;

#[derive(Clone, Copy, Debug)]
struct Offer {
    ip: Ipv4Addr,
    until: Timestamp,
}

/// All of them, at most one for each client and each address.
#[derive(Debug, Default)]
pub(super) struct Offers {
    by_mac: HashMap<MacAddr, Offer>,
    by_ip: HashMap<Ipv4Addr, MacAddr>,
    /// In the order of their ends; those that were made anew or withdrawn since are still there.
    ends: VecDeque<(Timestamp, MacAddr)>,
}

impl Offers {
    /// What a client is being offered.
    pub(super) fn of(&self, mac: MacAddr) -> Option<Ipv4Addr> {
        self.by_mac.get(&mac).map(|offer| offer.ip)
    }

    /// Offers it, or goes on to; to nobody else.
    pub(super) fn make(&mut self, mac: MacAddr, ip: Ipv4Addr, now: Timestamp) {
        // One that asks again and again makes no queue.
        if self.by_mac.get(&mac).is_none_or(|offer| offer.ip != ip || offer.until.duration_since(now) < RENEWED) {
            let until = now.checked_add(OFFERED).unwrap_or(now);
            self.end(mac);
            self.end_of(ip);
            self.by_ip.insert(ip, mac);
            self.by_mac.insert(mac, Offer { ip, until });
            self.ends.push_back((until, mac));
        }
    }

    /// It is no longer offered.
    pub(super) fn end(&mut self, mac: MacAddr) -> Option<Ipv4Addr> {
        let ip = self.by_mac.remove(&mac)?.ip;
        self.by_ip.remove(&ip);
        Some(ip)
    }

    /// That address is offered to nobody any more.
    pub(super) fn end_of(&mut self, ip: Ipv4Addr) {
        if let Some(mac) = self.by_ip.remove(&ip) {
            self.by_mac.remove(&mac);
        }
    }

    /// The next whose time is up, or for which there is no room.
    pub(super) fn over(&mut self, now: Timestamp) -> Option<Ipv4Addr> {
        while let Some((until, mac)) =
            self.ends.front().copied().filter(|(until, _)| *until <= now || self.ends.len() > MOST)
        {
            self.ends.pop_front();
            // Unless it was made anew since.
            if self.by_mac.get(&mac).is_some_and(|offer| offer.until == until) {
                return self.end(mac);
            }
        }
        None
    }

    /// None is left. Returns what was offered.
    pub(super) fn clear(&mut self) -> Vec<Ipv4Addr> {
        self.ends.clear();
        self.by_ip.clear();
        self.by_mac.drain().map(|(_, offer)| offer.ip).collect()
    }
}
