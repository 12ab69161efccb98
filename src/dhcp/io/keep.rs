//! Leases on their way to the disk. Those that come while others are being written are written together, next: so many as a
//! disk takes in one go, however slow it is. An answer waits for nothing else.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Edge, Ready};
use crate::dhcp::server::Commit;
use crate::hub::Had;
use crate::store::LeaseWrite;

/// Changes that may wait for the disk; a client whose change finds no room asks again.
const WAITING: usize = 16_384;

/// A change on its way to the disk, and the interface of its answer.
pub(super) type Change = (String, Commit);

pub(super) type Writing = Pin<Box<dyn Future<Output = (Vec<Change>, Result<(), String>)> + Send>>;

impl Edge {
    pub(super) fn change(&mut self, link: &str, commit: Commit) {
        if self.changes.len() < WAITING {
            self.changes.push((link.to_owned(), commit));
        } else {
            let now = self.handle.now();
            let reply = self.handle.lock().failed(commit, now);
            if let Some(reply) = reply {
                self.send(&Ready { link: link.to_owned(), reply, offered: None });
            }
        }
    }

    /// Begins to write what waits, unless the disk is busy with what came before.
    pub(super) fn write(&mut self) {
        if self.writing.is_some() || self.changes.is_empty() {
            return;
        }
        let (changes, store, clock) = (std::mem::take(&mut self.changes), Arc::clone(&self.store), self.handle.now());
        self.writing = Some(Box::pin(async move {
            let mut writes = Vec::with_capacity(changes.len());
            for (_, commit) in &changes {
                writes.extend(commit.left.map(LeaseWrite::Drop));
                writes.push(LeaseWrite::Put(commit.lease.clone()));
            }
            let outcome = store.keep_leases(&writes, clock).await.map_err(|why| why.to_string());
            (changes, outcome)
        }));
    }

    pub(super) fn kept(&mut self, changes: Vec<Change>, outcome: &Result<(), String>) {
        let now = self.handle.now();
        if let Err(why) = outcome
            && !self.failing
        {
            tracing::error!(
                code = "leases-not-kept",
                "{why}; phones that have an address keep it, and no other gets one until this is mended: see that the disk of \
                 server.state_dir has room and is writable"
            );
        }
        if self.failing && outcome.is_ok() {
            tracing::info!(code = "leases-kept", "leases are kept again; everybody gets an address");
            // What was acknowledged meanwhile is not on it yet.
            let active = self.handle.lock().again(|lease| lease.active(now));
            self.changes.extend(active.into_iter().map(|commit| (String::new(), commit)));
        }
        self.failing = outcome.is_err();
        for (link, commit) in changes {
            let reply = if outcome.is_ok() {
                let holds = self.handle.lock().wrote(&commit);
                if holds {
                    self.note(&commit, now);
                }
                commit.reply.filter(|_| holds)
            } else {
                let told = commit.clone();
                let reply = self.handle.lock().failed(commit, now);
                if reply.is_some() {
                    self.note(&told, now);
                }
                reply
            };
            if let Some(reply) = reply {
                self.send(&Ready { link, reply, offered: None });
            }
        }
    }

    /// The rest of the daemon hears of it.
    fn note(&self, commit: &Commit, now: Timestamp) {
        let (lease, wall) = (&commit.lease, Timestamp::now());
        if let Some(left) = commit.left {
            self.hub.lease_ended(left, lease.mac);
        }
        if !lease.active(now) {
            self.hub.lease_ended(lease.ip, lease.mac);
            return;
        }
        self.hub.leased(lease.ip, lease.mac, wall.checked_add(lease.ends.duration_since(now)).unwrap_or(lease.ends));
        if lease.phone {
            let had = if commit.taken { Had::Taken } else { Had::Renewed };
            self.hub.has_address(lease.mac, lease.ip, had, lease.model.clone(), wall);
        }
    }
}

/// What was written, once it is.
pub(super) async fn written(writing: &mut Option<Writing>) -> (Vec<Change>, Result<(), String>) {
    match writing {
        Some(future) => {
            let outcome = future.await;
            *writing = None;
            outcome
        }
        None => std::future::pending().await,
    }
}
