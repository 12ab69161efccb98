//! Where the PBX's word, the phones' doings and the clock meet: holds the present snapshot and every phone's state.
//!
//! Edges call in with a value and a time; nothing here waits. The snapshot is swapped whole and read without a lock;
//! the rest is behind one lock that is held for microseconds, once per file or event, never per packet.

mod access;
mod adopting;
mod banning;
mod contacts;
mod conversions;
mod converting;
mod converts;
mod counted;
mod counts;
mod dhcp;
mod facts;
mod fetching;
mod firmware;
mod holding;
mod keeping;
mod leasing;
mod live;
mod looking;
mod notify;
mod operations;
mod outlook;
mod planning;
mod previews;
mod prober;
mod rejecting;
mod replays;
mod saying;
mod sighting;
mod state;
mod taken;
mod turns;
mod views;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use crate::access::rule::Neighbour;
use crate::domain::{BootEvent, EventKind, MacAddr, Transport};
use crate::files::name::FileRequest;
use crate::fleet::{self, Settings, Snapshot};
use crate::pbx::poll::PbxView;
use crate::pbx::roster::Assignment;
use crate::status::Statuses;
use crate::timeline::{Change, Row};

pub use counts::{Counts, Lines};
pub use fetching::Taken;
pub use leasing::Had;
pub use live::{Live, Since, Watch};
pub use looking::Look;
pub use operations::{Dhcp, Operations, Surroundings, absent};
pub use outlook::Parts;
pub use planning::Wanted;
pub use prober::Prober;
use state::{State, printable, same_phone, same_site, users};

/// The meeting place.
pub struct Hub {
    snapshot: ArcSwap<Snapshot>,
    state: Mutex<State>,
    statuses: watch::Sender<Statuses>,
    /// What of timelines is to be kept, on its way to the store. Full = dropped there: the ring in memory has it.
    events: mpsc::Sender<Change>,
    /// Whose an address is by the link, for phones that cannot say so.
    neighbour: fn(Ipv4Addr) -> Neighbour,
    /// Whether an address is on a link at all: what the link says of one behind a router is the router.
    on_link: fn(Ipv4Addr) -> bool,
}

/// What is known of the manager session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ami {
    /// False = registration is unknown; what was known last stays shown.
    pub up: bool,
    /// Why not.
    pub why: Option<String>,
    /// Since when it is up.
    pub since: Option<Timestamp>,
    /// Our manager user hears why registrations are rejected.
    pub hears: bool,
}

impl Hub {
    /// A hub with this snapshot, our own assignments, and the timeline of an earlier life.
    pub fn new(
        snapshot: Snapshot,
        own: Vec<Assignment>,
        past: Vec<Row>,
        events: mpsc::Sender<Change>,
        now: Timestamp,
    ) -> Self {
        let mut state = State { own, ..State::default() };
        for row in &past {
            state.recall(&row.event, &snapshot);
        }
        state.stream.recall(&past);
        let folded = state.timeline.recall(past);
        // What another version kept.
        if folded != Change::default() {
            let _ = events.try_send(folded);
        }
        let hub = Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            state: Mutex::new(state),
            statuses: watch::Sender::new(Statuses::default()),
            events,
            neighbour: |_| Neighbour::Unknown,
            on_link: |_| false,
        };
        hub.install(now, true, |_, _| {});
        hub
    }

    /// The present snapshot.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Statuses as they change, at most a few times a second.
    pub fn statuses(&self) -> watch::Receiver<Statuses> {
        self.statuses.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change below leaves the state whole at each step, so a poisoned lock is as good as any.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state and the snapshot that it belongs to: snapshots are swapped under the lock only.
    fn locked(&self) -> (MutexGuard<'_, State>, Arc<Snapshot>) {
        let state = self.lock();
        (state, self.snapshot())
    }

    /// A file was delivered, or was not.
    pub fn delivered(&self, name: &str, ip: Ipv4Addr, what: impl FnOnce(String) -> EventKind, now: Timestamp) {
        let (mut state, snapshot) = self.locked();
        let what = what(printable(name));
        state.counts.delivered(&what);
        let mac = FileRequest::parse(name).mac().or_else(|| state.directory.at_address(ip.into()));
        if let Some(mac) = mac {
            if matches!(what, EventKind::FileSent { .. }) {
                state.access.fetched(mac, ip);
            }
            let said = state.converting.delivered(mac, &what, now);
            self.note(&mut state, &snapshot, BootEvent { at: now, mac, ip: Some(ip.into()), what });
            self.converted(&mut state, &snapshot, mac, said, now);
        }
    }

    /// A file of the fall-through folder was asked for and is not there.
    pub fn absent(&self, name: &str, ip: Ipv4Addr, transport: Transport, now: Timestamp) {
        let what =
            |name| EventKind::FileFailed { name, transport, reason: "not-found".to_owned(), said: None, got: None };
        self.delivered(name, ip, what, now);
    }

    /// Notes what became of a phone's conversion.
    fn converted(&self, state: &mut State, snapshot: &Snapshot, mac: MacAddr, said: Option<String>, at: Timestamp) {
        if let Some(what) = said {
            tracing::info!(code = "conversion", %mac, "phone {mac} {what}");
            let ip = state.directory.get(mac).and_then(|seen| seen.ip);
            self.note(state, snapshot, BootEvent { at, mac, ip, what: EventKind::Firmware { what } });
        }
    }

    fn note(&self, state: &mut State, snapshot: &Snapshot, event: BootEvent) {
        let (mac, at) = (event.mac, event.at);
        Self::note_access(state, &event);
        state.rejections.heard(&event);
        self.remember(state, snapshot, event);
        state.judge(snapshot, mac, at);
    }

    /// The PBX source has something to say. Returns whether the roster changed.
    pub fn pbx(&self, view: &PbxView, now: Timestamp) -> bool {
        let before = self.snapshot();
        let changed = match (&before.roster, &view.roster) {
            (Some(old), Some(new)) => !Arc::ptr_eq(old, new) && old != new,
            (old, new) => old.is_some() != new.is_some(),
        };
        if changed {
            self.install(now, false, |snapshot, _| snapshot.roster.clone_from(&view.roster));
        }
        let _state = self.lock();
        let mut snapshot = Snapshot::clone(&self.snapshot());
        if snapshot.confirmed_at != view.confirmed_at || snapshot.down != view.down || snapshot.polls != view.polls {
            snapshot.confirmed_at = view.confirmed_at;
            snapshot.down.clone_from(&view.down);
            snapshot.polls = view.polls;
            self.snapshot.store(Arc::new(snapshot));
        }
        changed
    }

    /// The configuration was read again.
    pub fn settings(&self, settings: Settings, now: Timestamp) {
        self.install(now, false, |snapshot, _| snapshot.settings = Arc::new(settings));
    }

    /// Our own assignments changed.
    pub fn own(&self, own: Vec<Assignment>, now: Timestamp) {
        self.install(now, false, |_, state| state.own = own);
    }

    /// Swaps in the next snapshot and judges the phones whose lot it changes. Everything is swapped under one lock;
    /// phones are judged one by one, so that none waits for all. That the daemon begins, or a year does, is `quiet`:
    /// nothing happened to a phone.
    fn install(&self, now: Timestamp, quiet: bool, change: impl FnOnce(&mut Snapshot, &mut State)) {
        let (mut state, before) = self.locked();
        let mut changed = Snapshot::clone(&before);
        change(&mut changed, &mut state);
        let next = Arc::new(changed.next(&state.own));
        self.snapshot.store(Arc::clone(&next));
        state.users = users(&next);
        state.dirty = true;
        let asked = |state: &State, mac| state.timeline.boot(mac).and_then(|boot| boot.config_asked);
        let asked_before: HashMap<_, _> = next.assignments.keys().map(|mac| (*mac, asked(&state, *mac))).collect();
        for mac in before.assignments.keys().filter(|mac| next.assignment(**mac).is_none()) {
            state.forget(*mac);
            state.access.forget(*mac);
            state.rejections.forget(*mac);
            state.told.forget(*mac);
            state.fetching.forget(*mac);
        }
        drop(state);
        let site_changed = !same_site(&before, &next);
        for mac in next.assignments.keys().copied() {
            let had = before.assignment(mac).is_some();
            if site_changed || !had || !same_phone(&before, &next, mac) {
                let assigned = if quiet { None } else { self.assigned(&before, &next, mac) };
                let (mut state, snapshot) = self.locked();
                // Who asked meanwhile has the new file.
                let has_it = had && asked_before.get(&mac) != Some(&asked(&state, mac));
                if let Some(what) = assigned.filter(|_| !has_it) {
                    self.remember(&mut state, &snapshot, BootEvent { at: now, mac, ip: None, what });
                }
                state.meet(&snapshot, mac, now);
                state.judge(&snapshot, mac, now);
            }
        }
    }

    /// Judges phones one by one, so that none waits for all.
    fn judge(&self, macs: impl IntoIterator<Item = MacAddr>, now: Timestamp) {
        for mac in macs {
            let (mut state, snapshot) = self.locked();
            state.judge(&snapshot, mac, now);
        }
    }

    /// The wall clock was put: what was to be looked at by the old one is looked at now.
    pub fn clock_stepped(&self, now: Timestamp, by: jiff::SignedDuration) {
        let mut state = self.lock();
        state.converting.clock_stepped(by);
        state.access.clock_stepped(now, by);
        drop(state);
        self.judge(self.snapshot().assignments.keys().copied(), now);
    }

    /// Time passed: phones whose moment has come are judged again, and what changed is handed out.
    pub fn tick(&self, now: Timestamp) {
        let year = fleet::year(now);
        if self.snapshot().year != year {
            self.install(now, true, |snapshot, _| snapshot.year = year);
        }
        self.forget_strangers(now);
        let due = self.lock().take_due(now);
        self.judge(due, now);
        self.hand_out();
    }

    /// Hands out statuses that changed; none before the first roster and the first list of registrations, because till
    /// then "no phones" and "not registered" would be lies.
    pub fn hand_out(&self) {
        let mut state = self.lock();
        if self.snapshot().ready() && !state.awaited && std::mem::take(&mut state.dirty) {
            let statuses = state.judged.iter().map(|(mac, judged)| (*mac, Arc::clone(&judged.status))).collect();
            self.statuses.send_replace(Arc::new(statuses));
        }
    }
}

#[cfg(test)]
mod tests;
