//! What other parts see of the server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

use crate::api;
use crate::dhcp::clock::Clock;
use crate::dhcp::lease::{Lease, Usage};
use crate::dhcp::server::Server;

/// What other parts see of it.
#[derive(Clone)]
pub struct Handle {
    pub(super) server: Arc<Mutex<Server>>,
    pub(super) clock: Arc<Mutex<Clock>>,
    pub(super) started: Instant,
    /// Interfaces that are not served, and why.
    pub(super) waiting: Arc<Mutex<BTreeMap<String, String>>>,
    pub(super) tallies: Arc<Mutex<Tallies>>,
}

/// What was done so far.
#[derive(Clone, Debug, Default)]
pub struct Tallies {
    /// Messages sent, by type.
    pub sent: BTreeMap<&'static str, u64>,
    /// Packets without an answer, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
}

impl Handle {
    pub(super) fn lock(&self) -> MutexGuard<'_, Server> {
        // Every change leaves the tables whole at each step, so a poisoned lock is as good as any.
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn passed(&self) -> SignedDuration {
        SignedDuration::try_from(self.started.elapsed()).unwrap_or(SignedDuration::MAX)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner).now(self.passed())
    }

    pub(super) fn waiting(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether addresses are served on that interface.
    ///
    /// # Errors
    /// Why not, as the end of a sentence.
    pub fn serves(&self, interface: &str) -> Result<(), String> {
        self.waiting().get(interface).cloned().map_or(Ok(()), Err)
    }

    pub(super) fn count(&self, which: impl FnOnce(&mut Tallies) -> &mut u64, more: u64) {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let count = which(&mut tallies);
        *count = count.saturating_add(more);
    }

    /// What was done so far.
    pub fn tallies(&self) -> Tallies {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How full each pool is, by network.
    pub fn pools(&self) -> Vec<(String, Usage)> {
        let server = self.lock();
        let subnets = &server.settings().subnets;
        subnets.iter().map(|subnet| (subnet.network.to_string(), server.leases().usage(subnet))).collect()
    }

    /// The leases that are used now, by address; their ends by the wall clock.
    pub fn leases(&self) -> Vec<api::Lease> {
        let (now, wall) = (self.now(), Timestamp::now());
        let expires = |lease: &Lease| {
            let ends = wall.checked_add(lease.ends.duration_since(now)).unwrap_or(lease.ends);
            ends.round(jiff::Unit::Second).unwrap_or(ends)
        };
        let server = self.lock();
        let used = server.leases().all().filter(|lease| lease.active(now));
        let shown = used.map(|lease| api::Lease {
            ip: lease.ip,
            mac: lease.mac,
            expires: expires(lease),
            model: lease.model.as_ref().map(ToString::to_string),
            hostname: lease.hostname.clone(),
        });
        let mut all: Vec<api::Lease> = shown.collect();
        all.sort_unstable_by_key(|lease| lease.ip);
        all
    }
}
