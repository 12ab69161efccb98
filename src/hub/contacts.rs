//! What the manager session says of registrations, and what of that happened: what is said for the first time in this life of
//! the daemon is compared with what an earlier life told.

use std::collections::HashMap;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::state::{State, is_phone, own_contact, printable};
use super::{Ami, Hub, state};
use crate::domain::{BootEvent, Contact, ContactState, Endpoint, EventKind, MacAddr};
use crate::firmware::set::hex;
use crate::fleet::Snapshot;
use crate::pbx::ami::client::AmiUpdate;

/// Characters of the digest of a Call-ID that are kept: who has it can send nothing in its name, and no two are alike by chance.
const DIGEST: usize = 16;

impl Hub {
    /// The manager session has something to say.
    pub fn ami(&self, update: AmiUpdate, now: Timestamp) {
        match update {
            AmiUpdate::Up => {
                let ami = &mut self.lock().ami;
                (ami.up, ami.why, ami.since) = (true, None, Some(now));
            }
            AmiUpdate::Down { why } => {
                self.lock().ami = Ami { why: Some(why), ..Ami::default() };
                self.registrations_known(false, now);
            }
            AmiUpdate::Contacts(contacts) => {
                let state = self.lock();
                let lines = state.users.keys().filter(|_| !state.met);
                let mut by_endpoint: HashMap<Endpoint, Vec<Contact>> =
                    state.contacts.keys().chain(lines).map(|endpoint| (endpoint.clone(), Vec::new())).collect();
                drop(state);
                for contact in contacts {
                    by_endpoint.entry(contact.endpoint.clone()).or_default().push(contact);
                }
                for (endpoint, contacts) in by_endpoint {
                    self.contacts(&endpoint, &contacts, now);
                }
                self.lock().met = true;
                self.registrations_known(true, now);
            }
            AmiUpdate::Endpoint { endpoint, contacts, at } => self.contacts(&endpoint, &contacts, at),
            AmiUpdate::Reloaded => {}
            AmiUpdate::Hears => self.lock().ami.hears = true,
            AmiUpdate::Rejected(rejected) => self.rejected(rejected),
        }
    }

    /// Whether a line of a phone registers as this.
    pub fn is_phones(&self, endpoint: &Endpoint) -> bool {
        self.lock().users.contains_key(endpoint)
    }

    /// A manager session is wanted: nothing is handed out before its first word, lest a restart calls every phone
    /// unregistered.
    pub fn await_manager(&self) {
        self.lock().awaited = true;
    }

    fn registrations_known(&self, known: bool, now: Timestamp) {
        let mut state = self.lock();
        state.awaited = false;
        let changed = std::mem::replace(&mut state.listed, known) != known;
        drop(state);
        if changed {
            self.judge(self.snapshot().assignments.keys().copied(), now);
        }
    }

    /// The contacts of one endpoint, complete.
    fn contacts(&self, endpoint: &Endpoint, contacts: &[Contact], now: Timestamp) {
        let (mut guard, snapshot) = self.locked();
        let (state, snapshot) = (&mut *guard, &*snapshot);
        let before = state.contacts.get(endpoint).cloned().unwrap_or_default();
        if before == contacts && state.met {
            return;
        }
        let macs = state.users.get(endpoint).cloned().unwrap_or_default();
        let then: Vec<(MacAddr, Option<Was>)> =
            macs.iter().map(|mac| (*mac, Was::of(state, snapshot, *mac, endpoint, &before))).collect();
        if contacts.is_empty() {
            state.contacts.remove(endpoint);
        } else {
            state.contacts.insert(endpoint.clone(), contacts.to_vec());
        }
        for (mac, was) in then {
            let after = own_contact(state, snapshot, mac, endpoint, contacts);
            if let Some(contact) = &after {
                let sole = macs.len() == 1 && is_phone(snapshot, contact);
                state.saw_contact(snapshot, mac, contact.ip.filter(|_| sole), &contact.user_agent, now);
                // chan_sip tells the agent a moment later.
                let registered = contact.state == ContactState::Registered && !contact.user_agent.is_empty();
                Self::registered_from(state, mac, contact.ip.filter(|_| registered && sole), now);
            }
            let agent = after.as_ref().map(|contact| contact.user_agent.clone());
            let Some(what) = happened(was, after, &endpoint.name) else {
                state.judge(snapshot, mac, now);
                continue;
            };
            let ip = state.directory.get(mac).and_then(|seen| seen.ip);
            let registered = matches!(what, EventKind::Registered { .. });
            self.note(state, snapshot, BootEvent { at: now, mac, ip, what });
            if let Some(desired) = snapshot.desired(mac, &state.seen(mac)).filter(|_| registered) {
                let version = agent.as_deref().and_then(state::load);
                let said = state.converting.registered(mac, &desired.model, version.as_deref(), now);
                self.converted(state, snapshot, mac, said, now);
            }
        }
    }
}

/// A line's registration, as it was known before.
struct Was {
    reachable: bool,
    /// As which contact; `None` = that is not kept.
    uri: Option<String>,
    /// By which call; `None` = nobody told.
    call: Option<String>,
}

impl Was {
    fn of(state: &State, snapshot: &Snapshot, mac: MacAddr, endpoint: &Endpoint, before: &[Contact]) -> Option<Self> {
        if let Some(contact) = own_contact(state, snapshot, mac, endpoint, before) {
            return Some(Self {
                reachable: contact.state == ContactState::Registered,
                uri: None,
                call: Some(call(&contact).unwrap_or_default()),
            });
        }
        let told = state.timeline.registration(mac, &endpoint.name).filter(|_| !state.met)?;
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Some(Self { reachable: told.reachable, uri: owned(told.uri), call: owned(told.call) })
    }

    /// Whether this is another registration: a phone that restarted binds the same URI by another call.
    fn differs(&self, contact: &Contact) -> bool {
        match &self.call {
            Some(before) => *before != call(contact).unwrap_or_default(),
            None => self.uri.as_ref().is_some_and(|uri| *uri != printable(&contact.uri)),
        }
    }
}

/// What happened to a line, if anything did.
fn happened(was: Option<Was>, after: Option<Contact>, extension: &str) -> Option<EventKind> {
    let extension = extension.to_owned();
    let Some(contact) = after else { return was.map(|_| EventKind::Unregistered { extension }) };
    if contact.state != ContactState::Registered {
        let news = was.is_none_or(|was| was.reachable);
        return news.then_some(EventKind::Unreachable { extension });
    }
    let same = was.is_some_and(|was| was.reachable && !was.differs(&contact));
    (!same).then(|| EventKind::Registered {
        extension,
        uri: printable(&contact.uri),
        user_agent: printable(&contact.user_agent),
        call: call(&contact),
    })
}

/// A digest of its Call-ID, where the driver tells it: that itself is what a NOTIFY has to name, and in no timeline.
fn call(contact: &Contact) -> Option<String> {
    let digest = || hex(&Sha256::digest(contact.call_id.as_bytes())).chars().take(DIGEST).collect();
    (!contact.call_id.is_empty()).then(digest)
}
