//! What DHCP says of phones.

use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};

use super::Hub;
use crate::domain::{BootEvent, DhcpStep, EventKind, MacAddr, ModelName};

/// A phone that takes the address that it has, within this, is in the middle of a boot that is told already.
const SAME_BOOT: SignedDuration = SignedDuration::from_mins(2);

/// One word of a phone that is heard at two places, by the server and on the link, is one within this.
const ONE_WORD: SignedDuration = SignedDuration::from_secs(2);

/// How a phone came to the address that it has of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Had {
    /// It took it, after an offer or as the one that it had before: it boots (RFC 2131: SELECTING, INIT-REBOOT).
    Taken,
    /// It goes on using it (RENEWING, REBINDING), or its lease was written once more: that is nothing to tell.
    Renewed,
}

impl Hub {
    /// DHCP said something of an address and this phone, which got none of ours by it. Of who was never heard of as a phone,
    /// an offer alone says that it is one.
    pub fn dhcp_said(
        &self,
        mac: MacAddr,
        step: DhcpStep,
        address: Option<Ipv4Addr>,
        server: Option<Ipv4Addr>,
        now: Timestamp,
    ) {
        let (mut state, snapshot) = self.locked();
        let known = || snapshot.assignment(mac).is_some() || state.directory.get(mac).is_some();
        if !matches!(step, DhcpStep::Offered | DhcpStep::Refused) && !known() {
            return;
        }
        let what = EventKind::Dhcp { step, address, server };
        let heard = |event: &BootEvent| now.duration_since(event.at).abs() <= ONE_WORD && event.what == what;
        if step == DhcpStep::Elsewhere && state.timeline.of(mac).rev().take(4).any(heard) {
            return;
        }
        self.note(&mut state, &snapshot, BootEvent { at: now, mac, ip: None, what });
    }

    /// A phone has an address of ours. `model` = by its vendor class.
    pub fn has_address(&self, mac: MacAddr, ip: Ipv4Addr, had: Had, model: Option<ModelName>, now: Timestamp) {
        let (mut state, snapshot) = self.locked();
        let assigned = snapshot.assignment(mac).is_some();
        state.told.has_address(mac);
        let moved = state.directory.note_lease(mac, ip.into(), model, now, |_| assigned);
        let silent = state.timeline.boot(mac).is_none_or(|boot| {
            let heard = [boot.last, boot.leased].into_iter().flatten().max();
            heard.is_none_or(|heard| now.duration_since(heard) > SAME_BOOT && boot.registered.is_none())
        });
        if had == Had::Taken && (moved || silent) {
            let what = EventKind::Leased { address: ip };
            self.note(&mut state, &snapshot, BootEvent { at: now, mac, ip: Some(ip.into()), what });
        } else if moved {
            state.judge(&snapshot, mac, now);
        }
    }
}
