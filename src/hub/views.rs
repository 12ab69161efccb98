//! What people and other parts see of the hub: reads, and nothing else.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Ami, Hub};
use crate::api;
use crate::diagnose::Finding;
use crate::domain::{Driver, MacAddr};
use crate::files::name::FileRequest;
use crate::files::{Answer, Asker, Unknown, resolve};
use crate::fleet::Desired;
use crate::pbx::roster::Assignment;
use crate::status::{Health, Judged, Stage};
use crate::timeline::Row;

impl Hub {
    /// What is known of the manager session.
    pub fn manager(&self) -> Ami {
        self.lock().ami.clone()
    }

    /// All phones, assigned ones and strangers, by MAC. Each is looked at by itself, so that no phone's request waits for
    /// all.
    pub fn phones(&self) -> Vec<api::Phone> {
        let state = self.lock();
        let macs: BTreeSet<MacAddr> =
            state.judged.keys().copied().chain(state.directory.iter().map(|(mac, _)| mac)).collect();
        drop(state);
        macs.into_iter().filter_map(|mac| self.phone(mac)).collect()
    }

    /// Whether phones are assigned and none was ever heard, assigned or not.
    pub fn unheard(&self) -> bool {
        let (state, snapshot) = self.locked();
        !snapshot.assignments.is_empty() && state.directory.iter().all(|(_, seen)| seen.ip.is_none())
    }

    /// Stage and health of every assigned phone.
    pub fn stages(&self) -> Vec<(Stage, Health)> {
        self.lock().judged.values().map(|judged| (judged.status.stage, judged.status.health)).collect()
    }

    /// Drivers that a phone is to reach over TCP and has not.
    pub fn awaited_over_tcp(&self) -> BTreeSet<Driver> {
        self.lock().judged.values().filter_map(|judged| judged.awaits_tcp).collect()
    }

    /// Ports that phones wait for and somebody answers on.
    pub fn found_over_tcp(&self) -> Vec<String> {
        let state = self.lock();
        state.probed.tcp.values().filter(|tried| tried.outcome.is_ok()).map(|tried| tried.address.clone()).collect()
    }

    /// One phone, if it is assigned or was seen.
    pub fn phone(&self, mac: MacAddr) -> Option<api::Phone> {
        // Before anybody has to wait for it.
        let alike = self.snapshot().alike(mac);
        let (state, snapshot) = self.locked();
        match state.judged.get(&mac) {
            Some(judged) => Some(state.shown(&snapshot, judged)),
            None => state.directory.get(mac).map(|seen| state.stranger(&snapshot, mac, seen, &alike)),
        }
    }

    /// The timeline of a phone, oldest first.
    pub fn timeline(&self, mac: MacAddr) -> Vec<api::Event> {
        let rows: Vec<Row> = self.lock().timeline.rows(mac).collect();
        rows.iter().map(api::Event::from).collect()
    }

    /// The same by boots, with what repeats folded.
    pub fn boots(&self, mac: MacAddr, now: Timestamp) -> Vec<api::Boot> {
        let boots = self.lock().timeline.boots(mac, now);
        boots.iter().map(api::Boot::from).collect()
    }

    /// The findings of a phone, worst first.
    pub fn findings(&self, mac: MacAddr) -> Vec<Finding> {
        let alike = self.snapshot().alike(mac);
        let (state, snapshot) = self.locked();
        match state.judged.get(&mac) {
            Some(judged) => judged.findings.clone(),
            None => state
                .directory
                .get(mac)
                .map(|seen| {
                    let at = seen.last().unwrap_or(Timestamp::UNIX_EPOCH);
                    state.judgement(&snapshot, mac, seen, &alike, at).findings
                })
                .unwrap_or_default(),
        }
    }

    /// Findings of all assigned phones.
    pub fn all_findings(&self) -> Vec<(MacAddr, Finding)> {
        let state = self.lock();
        state.judged.iter().flat_map(|(mac, judged)| judged.findings.iter().map(|f| (*mac, f.clone()))).collect()
    }

    /// Assigned phones of which that is found.
    pub fn of_which(&self, code: &str) -> BTreeSet<MacAddr> {
        if code.is_empty() {
            return BTreeSet::new();
        }
        let state = self.lock();
        let found = |judged: &Judged| judged.findings.iter().any(|finding| finding.code == code);
        state.judged.iter().filter(|(_, judged)| found(judged)).map(|(mac, _)| *mac).collect()
    }

    /// What that phone would get, secrets in it, without noting that anybody asked.
    /// `server` is the address a phone never seen would be told.
    pub fn preview(&self, mac: MacAddr, name: &str, server: Ipv4Addr) -> Answer {
        let snapshot = self.snapshot();
        let state = self.lock();
        let (seen, index) = (state.seen(mac), Arc::clone(&state.converting.index));
        drop(state);
        let server = seen.server.unwrap_or(server);
        let desired = snapshot.desired(mac, &seen);
        let unknown = Unknown::default();
        let (phone, firmware, unknown) = (desired.as_ref(), &*index, &unknown);
        let asker = Asker { server, phone, seen: &seen, firmware, unknown, denied: None };
        resolve(&FileRequest::parse(name), &snapshot, &asker)
    }

    /// The phone as it should be.
    pub fn desired(&self, mac: MacAddr) -> Option<Desired> {
        let seen = self.lock().seen(mac);
        self.snapshot().desired(mac, &seen)
    }

    /// Our own assignments.
    pub fn own_assignments(&self) -> Vec<Assignment> {
        self.lock().own.clone()
    }
}
