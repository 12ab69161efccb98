//! What is known of a phone, as a script that can be played ([`crate::replay`]): what somebody who helps asks for.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Hub, Operations};
use crate::api::{Found, Phone, Support, Written};
use crate::diagnose::Severity;
use crate::domain::{MacAddr, Problem, Secret};
use crate::pbx::roster::Assignment;
use crate::replay::{Mask, Script, Told};
use crate::timeline::Row;

impl Hub {
    /// A phone's timeline as a script, without what is secret; `None` = nobody assigned it, and it was never seen.
    pub fn replay(&self, mac: MacAddr, mask: &Mask, now: Timestamp) -> Option<Script> {
        // Before anybody has to wait for it.
        let alike = self.snapshot().alike(mac);
        let (state, snapshot) = self.locked();
        let seen = state.seen(mac);
        let assignment = snapshot.assignment(mac);
        let judged = state.judged.get(&mac);
        if judged.is_none() && state.directory.get(mac).is_none() {
            return None;
        }
        // Of a stranger nothing is found that it did not do.
        let at = if judged.is_some() { now } else { seen.last().unwrap_or(now) };
        let own = judged.is_none().then(|| state.judgement(&snapshot, mac, &seen, &alike, at));
        let judged = judged.or(own.as_ref())?;
        let rows: Vec<Row> = state.timeline.rows(mac).collect();
        let extensions: Vec<&str> =
            assignment.into_iter().flat_map(Assignment::registering).map(|button| button.extension.as_str()).collect();
        let problems: &[Problem] = snapshot.problems_of.get(&mac).map(Vec::as_slice).unwrap_or_default();
        // Looked for only where somebody says so.
        let shared = problems.iter().any(|problem| problem.code == "assigned-twice");
        let sharing: Vec<&Assignment> = if shared { snapshot.sharing(mac, &extensions).collect() } else { Vec::new() };
        let (nothing, settings) = (BTreeMap::new(), &snapshot.settings);
        let erased = state.converting.settings.as_ref().map_or(&nothing, |settings| &settings.erased);
        let mut script = state.with_evidence(&snapshot, mac, &seen, &alike, at, |evidence| {
            Told {
                mac,
                title: &judged.status.summary,
                evidence,
                rows: &rows,
                sharing: &sharing,
                problems,
                belief: state.converting.beliefs.get(&mac),
                erased,
                transport: settings.transport,
                findings: &judged.findings,
            }
            .script()
        });
        drop(state);
        script.mask(mask);
        Some(script)
    }

    /// What takes secrets of the PBX's and passwords of phones out of text.
    pub fn mask(&self) -> Mask {
        let snapshot = self.snapshot();
        let accounts = snapshot.roster.iter().flat_map(|roster| roster.accounts.values());
        // Where a phone's MAC is a secret too, it stands on its back and on every page.
        let a_mac = |secret: &str| secret.parse().is_ok_and(|mac: MacAddr| snapshot.assignments.contains_key(&mac));
        let secrets = accounts.filter_map(|account| account.secret.as_ref().map(Secret::expose));
        let secrets = secrets.filter(|secret| !a_mac(secret));
        let options = snapshot.assignments.values().map(|phone| &phone.options);
        let options = std::iter::once(&snapshot.settings.options).chain(options);
        let passwords = options.filter_map(|options| options.phone_password.as_deref());
        Mask::of(secrets.chain(passwords))
    }
}

impl Operations {
    /// What a support bundle has of the daemon, with timelines of so many phones at most.
    pub fn support(&self, most: usize, now: Timestamp) -> serde_json::Value {
        let mask = self.hub.mask();
        let phones = self.hub.phones();
        let found = phones.iter().map(|phone| Found { mac: phone.mac, findings: self.hub.findings(phone.mac) });
        let findings: Vec<Found> = found.filter(|found| !found.findings.is_empty()).collect();
        let worst: BTreeMap<MacAddr, Severity> =
            findings.iter().filter_map(|found| Some((found.mac, found.findings.first()?.severity))).collect();
        // Phones that nobody assigned are many where a switch is shared: those that somebody waits for go first.
        let mut order: Vec<&Phone> = phones.iter().collect();
        order.sort_by_key(|phone| {
            (worst.get(&phone.mac).copied().map_or(2, |worst| worst as u8), phone.adopt.is_some())
        });
        let chosen = order.iter().take(most).map(|phone| phone.mac);
        let replays: Vec<Written> = chosen
            .filter_map(|mac| Some(Written { mac, script: self.hub.replay(mac, &mask, now)?.to_string() }))
            .collect();
        let support = Support {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            settings: self.shown_settings(),
            left_out: phones.len().saturating_sub(replays.len()),
            findings,
            conversions: self.hub.conversions(),
            campaign: self.hub.campaign(),
            firmware: self.firmware().index().sets.values().cloned().collect(),
            leases: self.leases(),
            replays,
            phones,
        };
        let mut support = serde_json::to_value(support).unwrap_or_default();
        // Scripts are masked by their fields already: a word of the script's own may be somebody's secret.
        let replays = support.get_mut("replays").map(serde_json::Value::take);
        mask.json(&mut support);
        if let Some((place, replays)) = support.get_mut("replays").zip(replays) {
            *place = replays;
        }
        support
    }
}

/// What the doors of the edges do not let in, for scripts that say it.
#[cfg(test)]
impl Hub {
    /// Something happened to a phone.
    pub(crate) fn happened(&self, event: crate::domain::BootEvent) {
        let (mut state, snapshot) = self.locked();
        self.note(&mut state, &snapshot, event);
    }

    /// The link says that a phone is at an address where nobody was seen yet.
    pub(crate) fn is_there(&self, mac: MacAddr, ip: std::net::Ipv4Addr, server: std::net::Ipv4Addr, now: Timestamp) {
        let (mut state, snapshot) = self.locked();
        if snapshot.assignment(mac).is_some() && state.directory.at_address(ip.into()).is_none() {
            state.directory.note_neighbour(mac, ip.into(), server, now);
        }
    }

    /// Somebody was denied its file.
    pub(crate) fn was_denied(
        &self,
        mac: MacAddr,
        from: std::net::Ipv4Addr,
        why: crate::access::Why,
        name: &str,
        now: Timestamp,
    ) {
        if self.lock().access.deny(mac, from, why, now) {
            let what = crate::domain::EventKind::Denied { name: name.to_owned(), from, why: why.word().to_owned() };
            self.happened(crate::domain::BootEvent { at: now, mac, ip: None, what });
        }
    }
}
