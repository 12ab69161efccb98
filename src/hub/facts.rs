//! What is told of phones by others than themselves and the PBX's tables: who asks DHCP in vain, which DHCP servers mislead.
//! Bounded: only of phones that are assigned.

use std::collections::HashMap;

use jiff::Timestamp;

use super::Hub;
use super::state::State;
use crate::convert::Conversion;
use crate::dhcp::asked::Asked;
use crate::dhcp::vendor::Vendor;
use crate::diagnose::{Asking, Facts, Misleading};
use crate::domain::MacAddr;
use crate::status::Stage;

#[derive(Default)]
pub(super) struct Told {
    asking: HashMap<MacAddr, Asking>,
    misleading: Vec<Misleading>,
    boot_loaders: HashMap<MacAddr, String>,
}

impl Told {
    /// A phone asked for an address. Returns whether its state is to be looked at again.
    pub(super) fn asked_dhcp(&mut self, asked: &Asked, now: Timestamp) -> bool {
        // Who takes an offer has an address, though it may be ours to say which.
        if asked.address.is_some() || asked.server.is_some() {
            return self.has_address(asked.mac);
        }
        if !matches!(asked.vendor, Vendor::Phone(_)) {
            return false;
        }
        let fresh = Asking { since: now, times: 0, last: now };
        let asking = self.asking.entry(asked.mac).or_insert(fresh);
        if now >= asking.until() {
            *asking = fresh;
        }
        (asking.times, asking.last) = (asking.times.saturating_add(1), now);
        true
    }

    /// It has an address, or asks for files, which takes one. Returns whether it was asking.
    pub(super) fn has_address(&mut self, mac: MacAddr) -> bool {
        self.asking.remove(&mac).is_some()
    }

    /// Its own page names its boot loader.
    pub(super) fn boots_by(&mut self, mac: MacAddr, boot_loader: Option<String>) {
        if let Some(boot_loader) = boot_loader {
            self.boot_loaders.insert(mac, boot_loader);
        }
    }

    /// It is no longer assigned.
    pub(super) fn forget(&mut self, mac: MacAddr) {
        self.asking.remove(&mac);
        self.boot_loaders.remove(&mac);
    }
}

impl Hub {
    /// What is known now of DHCP servers that send phones elsewhere.
    pub fn misleading(&self, servers: Vec<Misleading>, now: Timestamp) {
        let mut state = self.lock();
        let changed = state.told.misleading != servers;
        state.told.misleading = servers;
        drop(state);
        if changed {
            self.judge(self.snapshot().assignments.keys().copied(), now);
        }
    }
}

impl State {
    /// What is told of a phone. `alike`: assigned ones whose MAC differs in a single digit.
    pub(super) fn facts(&self, mac: MacAddr, alike: &[MacAddr], now: Timestamp) -> Facts<'_> {
        let unheard = |mac: &MacAddr| self.directory.get(*mac).is_none_or(|seen| seen.last().is_none());
        let before = self.judged.get(&mac).map(|judged| &judged.status);
        let given_up = self.converting.conversions.get(&mac).is_some_and(Conversion::is_given_up);
        Facts {
            asking: self.told.asking.get(&mac).copied().filter(|asking| now < asking.until()),
            misleading: &self.told.misleading,
            boot_loader: self.told.boot_loaders.get(&mac).map(String::as_str),
            near: alike.iter().copied().find(unheard),
            given_up,
            silent: Some(before.filter(|before| before.stage == Stage::Silent).map_or(now, |before| before.since)),
        }
    }
}
