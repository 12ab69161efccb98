//! Why the PBX rejects a phone's registration, as Asterisk's security events say. Kept of assigned phones alone: whoever else
//! tries secrets costs nothing here.

use std::collections::HashMap;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use super::Hub;
use super::state::State;
use crate::domain::{BootEvent, Driver, EventKind, MacAddr, Rejected, Rejection};
use crate::fleet::Snapshot;

/// A phone that is rejected for the same reason within this is no news.
const ANEW: SignedDuration = SignedDuration::from_mins(10);

/// The last rejection of each phone, and when that was last told.
#[derive(Debug, Default)]
pub(super) struct Rejections(HashMap<MacAddr, (Rejected, Timestamp)>);

impl Rejections {
    /// The last one of a phone.
    pub(super) fn of(&self, mac: MacAddr) -> Option<&Rejected> {
        self.0.get(&mac).map(|(rejected, _)| rejected)
    }

    /// Whether that is news.
    fn note(&mut self, mac: MacAddr, rejected: Rejected) -> bool {
        let before = self.0.get(&mac);
        let told = before.filter(|(before, told)| {
            let same =
                (&before.endpoint, before.why, before.address) == (&rejected.endpoint, rejected.why, rejected.address);
            // By the clock of the wall, which may be put back.
            same && rejected.at.duration_since(*told).abs() < ANEW
        });
        let told = told.map(|(_, told)| *told);
        let at = rejected.at;
        self.0.insert(mac, (rejected, told.unwrap_or(at)));
        told.is_none()
    }

    /// A phone registered.
    pub(super) fn heard(&mut self, event: &BootEvent) {
        if let EventKind::Registered { extension, .. } = &event.what
            && self.of(event.mac).is_some_and(|rejected| rejected.endpoint.name == *extension)
        {
            self.forget(event.mac);
        }
    }

    /// A phone is no longer assigned.
    pub(super) fn forget(&mut self, mac: MacAddr) {
        self.0.remove(&mac);
    }
}

impl Hub {
    /// Whether an assigned phone was last seen at that address.
    pub fn is_at(&self, ip: IpAddr) -> bool {
        let (state, snapshot) = self.locked();
        state.directory.at_address(ip).is_some_and(|mac| snapshot.assignment(mac).is_some())
    }

    /// The PBX rejected a registration from the address of a phone.
    pub(super) fn rejected(&self, rejected: Rejected) {
        let (mut state, snapshot) = self.locked();
        let Some(mac) = whose(&state, &snapshot, &rejected) else { return };
        let Rejected { endpoint, why, address, at } = rejected;
        // chan_sip says the same of a peer that it does not know.
        let known = || snapshot.roster.as_ref()?.accounts.get(&endpoint.name.parse().ok()?).map(|_| ());
        let missing = endpoint.driver == Driver::ChanSip && why == Rejection::Secret && known().is_none();
        let why = if missing { Rejection::Unknown } else { why };
        let extension = endpoint.name.clone();
        if state.rejections.note(mac, Rejected { endpoint, why, address, at }) {
            tracing::info!(
                code = "register-rejected", %mac, extension, %address,
                "the PBX rejects phone {mac} as {extension}: {}", why.word()
            );
            let what = EventKind::Rejected { extension, why: why.word().to_owned(), address };
            self.note(&mut state, &snapshot, BootEvent { at, mac, ip: Some(address), what });
        } else {
            state.judge(&snapshot, mac, at);
        }
    }
}

/// The phone at that address: of several behind one the one that has the extension.
fn whose(state: &State, snapshot: &Snapshot, rejected: &Rejected) -> Option<MacAddr> {
    let there = |mac: &MacAddr| state.directory.get(*mac).is_some_and(|seen| seen.ip == Some(rejected.address));
    let with_line = state.users.get(&rejected.endpoint).and_then(|macs| macs.iter().copied().find(there));
    let mac = with_line.or_else(|| state.directory.at_address(rejected.address))?;
    snapshot.assignment(mac).map(|_| mac)
}
