//! What of it is kept over a restart: of phones alone, nothing of strangers.

use std::net::Ipv4Addr;

use jiff::Timestamp;

use super::Access;
use super::first::FirstContact;
use super::known::PINNED;
use crate::domain::MacAddr;

/// What is kept over a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Address, phone, when it was last confirmed.
    pub pins: Vec<(Ipv4Addr, MacAddr, Timestamp)>,
    /// Address, phone, when it was heard.
    pub overheard: Vec<(Ipv4Addr, MacAddr, Timestamp)>,
    /// First contacts.
    pub first: Vec<(MacAddr, FirstContact)>,
}

/// What to keep: `None` = the row goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToKeep {
    /// By address and phone.
    pub pins: Vec<(Ipv4Addr, MacAddr, Option<Timestamp>)>,
    /// By address.
    pub overheard: Vec<(Ipv4Addr, Option<(MacAddr, Timestamp)>)>,
    /// By phone.
    pub first: Vec<(MacAddr, Option<FirstContact>)>,
}

impl Access {
    /// What was kept in an earlier life.
    pub fn recall(&mut self, kept: Kept, now: Timestamp) {
        let fresh: Vec<_> = kept.pins.into_iter().filter(|(.., at)| now.duration_since(*at) < PINNED).collect();
        self.known.recall(&fresh, &kept.overheard);
        self.first.extend(kept.first);
    }

    /// What changed since it was last kept.
    pub fn to_keep(&mut self) -> Option<ToKeep> {
        let (pins, heard) = (&mut self.known.unkept_pins, &mut self.known.unkept_overheard);
        let (pins, heard) = (std::mem::take(pins), std::mem::take(heard));
        let keep = ToKeep {
            pins: pins.into_iter().map(|(ip, mac)| (ip, mac, self.known.pinned(ip, mac))).collect(),
            overheard: heard.into_iter().map(|ip| (ip, self.known.phone_heard(ip))).collect(),
            first: std::mem::take(&mut self.unkept_first)
                .into_iter()
                .map(|mac| (mac, self.first.get(&mac).copied()))
                .collect(),
        };
        let empty = keep.pins.is_empty() && keep.overheard.is_empty() && keep.first.is_empty();
        (!empty).then_some(keep)
    }

    /// It was not kept, and is to be.
    pub fn not_kept(&mut self, keep: &ToKeep) {
        self.known.unkept_pins.extend(keep.pins.iter().map(|(ip, mac, _)| (*ip, *mac)));
        self.known.unkept_overheard.extend(keep.overheard.iter().map(|(ip, _)| *ip));
        self.unkept_first.extend(keep.first.iter().map(|(mac, _)| *mac));
    }
}
