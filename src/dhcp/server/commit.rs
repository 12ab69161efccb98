//! Changes of leases on their way to the disk, and what becomes of those that do not get there (F4).

use std::net::Ipv4Addr;

use jiff::Timestamp;

use super::Server;
use crate::dhcp::lease::{Lease, LeaseState};
use crate::dhcp::reply::Reply;

/// A change of a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// As it is from now on.
    pub lease: Lease,
    /// The address that its client left for it.
    pub left: Option<Ipv4Addr>,
    /// The answer, sent when that is written.
    pub reply: Option<Reply>,
    /// Its client takes the address, as one does that boots; one that has it and goes on using it renews it.
    pub taken: bool,
    /// Changes in their order.
    pub(super) serial: u64,
}

impl Server {
    /// Writes down a lease, and has it written.
    pub(super) fn put(&mut self, lease: Lease) -> Commit {
        let left = self.leases.put(lease.clone());
        Commit { left, ..self.commit(lease) }
    }

    pub(super) fn commit(&mut self, lease: Lease) -> Commit {
        self.serial = self.serial.wrapping_add(1);
        self.on_the_way.insert(lease.ip, self.serial);
        Commit { lease, left: None, reply: None, taken: false, serial: self.serial }
    }

    /// Leases as they are, to be written again.
    pub fn again(&mut self, which: impl Fn(&Lease) -> bool) -> Vec<Commit> {
        let all: Vec<Lease> = self.leases.all().filter(|lease| which(lease)).cloned().collect();
        all.into_iter().map(|lease| self.commit(lease)).collect()
    }

    /// Whether no later change of its address is on its way to the disk.
    fn is_last(&mut self, commit: &Commit) -> bool {
        let last = self.on_the_way.get(&commit.lease.ip) == Some(&commit.serial);
        if last {
            self.on_the_way.remove(&commit.lease.ip);
        }
        last
    }

    /// What was to be written is on the disk. Returns whether the address is its client's still, who may have gone to another
    /// while it waited for the disk.
    #[must_use]
    pub fn wrote(&mut self, commit: &Commit) -> bool {
        self.is_last(commit);
        if let Some(left) = commit.left {
            self.on_disk.remove(&left);
        }
        self.on_disk.insert(commit.lease.ip, commit.lease.clone());
        self.leases.at(commit.lease.ip).is_some_and(|lease| lease.mac == commit.lease.mac)
    }

    /// What was to be written could not be. A client that goes on using what it has may (F4): its answer is returned.
    /// Everything else is as the disk has it, unless a later change of the same address is on its way there.
    pub fn failed(&mut self, commit: Commit, now: Timestamp) -> Option<Reply> {
        let (ip, last) = (commit.lease.ip, self.is_last(&commit));
        let kept = self.on_disk.get(&ip).cloned();
        let goes_on = kept.as_ref().is_some_and(|kept| kept.mac == commit.lease.mac && kept.active(now));
        if goes_on && commit.lease.state == LeaseState::Bound {
            // It is told so, and counts on it: the next one that fails goes on from here.
            self.on_disk.insert(ip, commit.lease);
            return commit.reply;
        }
        if last && self.leases.at(ip) == Some(&commit.lease) {
            self.leases.forget(ip);
            let left = commit.left.filter(|left| self.leases.at(*left).is_none());
            for kept in kept.into_iter().chain(left.and_then(|left| self.on_disk.get(&left).cloned())) {
                self.leases.put_back(kept);
            }
            self.leases.tick(now);
        }
        None
    }
}
