//! What our DHCP server says of phones.

use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};

use super::Hub;
use crate::domain::{BootEvent, EventKind, MacAddr, ModelName};

/// A phone that gets the address again that it has, within this, renews it, which is nothing to tell.
const RENEWS: SignedDuration = SignedDuration::from_mins(2);

impl Hub {
    /// A phone has an address of ours. `model` = by its vendor class.
    pub fn has_address(&self, mac: MacAddr, ip: Ipv4Addr, model: Option<ModelName>, now: Timestamp) {
        let (mut state, snapshot) = self.locked();
        let assigned = snapshot.assignment(mac).is_some();
        state.told.has_address(mac);
        let moved = state.directory.note_lease(mac, ip.into(), model, now, |_| assigned);
        let silent = state.timeline.boot(mac).is_none_or(|boot| {
            let heard = [boot.last, boot.leased].into_iter().flatten().max();
            heard.is_none_or(|heard| now.duration_since(heard) > RENEWS && boot.registered.is_none())
        });
        if moved || silent {
            let what = EventKind::Leased { address: ip };
            self.note(&mut state, &snapshot, BootEvent { at: now, mac, ip: Some(ip.into()), what });
        }
    }
}
