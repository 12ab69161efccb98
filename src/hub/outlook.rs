//! What the pages show beside single phones: the daemon's own parts, phones that nobody assigned, the last events of all
//! phones, and the load that each model is to run. Reads, and nothing else.

use std::collections::{BTreeSet, BinaryHeap};
use std::iter::Peekable;
use std::net::SocketAddrV4;
use std::sync::Arc;

use jiff::Timestamp;

use super::planning::stock;
use super::{Hub, Operations};
use crate::api;
use crate::catalog::Model;
use crate::config::{self, Shown};
use crate::domain::{Load, MacAddr};
use crate::firmware::plan::{self, Stock};
use crate::status::Statuses;
use crate::timeline::Row;

/// How the daemon's own parts are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Where TFTP answers.
    pub tftp: SocketAddrV4,
    /// Addresses of ours that another program holds, each with the key that names it.
    pub held: Vec<String>,
    /// Whom the DHCP server answers; `None` = there is none.
    pub dhcp: Option<config::dhcp::Clients>,
    /// Addresses that it has given.
    pub leases: usize,
    /// Where the manager interface is configured.
    pub manager_wanted: bool,
}

impl Operations {
    /// How the daemon's own parts are.
    pub fn parts(&self) -> Parts {
        let held = self.around.held.borrow();
        Parts {
            tftp: self.around.tftp,
            held: held.iter().map(|listen| format!("{} {}", listen.key, listen.address)).collect(),
            dhcp: self.around.dhcp.config.mode,
            leases: self.leases().len(),
            manager_wanted: self.around.ami.is_some(),
        }
    }

    /// The configuration in force, and the sections that were changed since and take a restart.
    pub fn settings(&self) -> (Arc<Vec<Shown>>, Arc<Vec<&'static str>>) {
        (self.around.settings.load_full(), self.around.restart.load_full())
    }

    /// The same, as programs read it.
    pub fn shown_settings(&self) -> api::Settings {
        let (keys, restart) = self.settings();
        let restart = restart.iter().map(|section| (*section).to_owned()).collect();
        api::Settings { keys: keys.iter().map(api::Setting::from).collect(), restart }
    }

    /// The configuration was read again: what takes a restart stays as it was.
    pub fn set_settings(&self, new: Vec<Shown>) {
        let restart = self.around.restart.load();
        let takes_restart = |shown: &&Shown| restart.contains(&shown.section());
        let before = self.around.settings.load();
        let kept = before.iter().filter(takes_restart).cloned();
        let mut now: Vec<Shown> = new.into_iter().filter(|shown| !takes_restart(&shown)).chain(kept).collect();
        now.sort_by(|a, b| a.key.cmp(&b.key));
        self.around.settings.store(Arc::new(now));
    }
}

impl Hub {
    /// Statuses as they were last handed out: a few times a second at most, and none before the first roster.
    pub fn handed_out(&self) -> Statuses {
        self.statuses.borrow().clone()
    }

    /// Phones that nobody assigned, the one heard last first.
    pub fn strangers(&self) -> Vec<api::Phone> {
        let (state, snapshot) = self.locked();
        let strangers = state.directory.iter().filter(|(mac, _)| !state.judged.contains_key(mac));
        let mut strangers: Vec<(MacAddr, _)> = strangers.map(|(mac, seen)| (mac, seen.last())).collect();
        drop((state, snapshot));
        strangers.sort_by_key(|(_, last)| std::cmp::Reverse(*last));
        strangers.into_iter().filter_map(|(mac, _)| self.phone(mac)).collect()
    }

    /// The last events that are wanted, of all phones, newest first: `mac` = of this phone alone.
    pub fn last_events(&self, mac: Option<MacAddr>, count: usize, wanted: impl Fn(&str) -> bool) -> Vec<api::Event> {
        let state = self.lock();
        let macs: BTreeSet<MacAddr> = match mac {
            Some(mac) => BTreeSet::from([mac]),
            None => state.judged.keys().copied().chain(state.directory.iter().map(|(mac, _)| mac)).collect(),
        };
        let mut rings: Vec<_> = macs.iter().map(|mac| state.timeline.rows(*mac).rev().peekable()).collect();
        let head = |(at, ring): (usize, &mut Peekable<_>)| Some((head_of(ring)?, at));
        let mut newest: BinaryHeap<(Timestamp, usize)> = rings.iter_mut().enumerate().filter_map(head).collect();
        let mut events = Vec::new();
        for _ in 0..LOOKED_AT {
            let Some((_, at)) = newest.pop().filter(|_| events.len() < count) else { break };
            let Some(ring) = rings.get_mut(at) else { continue };
            events.extend(ring.next().as_ref().map(api::Event::from).filter(|event| wanted(&event.kind)));
            newest.extend(head_of(ring).map(|moment| (moment, at)));
        }
        events
    }

    /// What the store holds, as a plan wants it, and the load that each of these models is to run by it.
    pub fn targets<'a>(&self, models: impl Iterator<Item = &'a Model>) -> (Vec<Stock>, Vec<Option<Load>>) {
        let state = self.lock();
        let stock = stock(&state.converting.index);
        let held: Vec<(Load, bool)> = stock.iter().map(|s| (s.load.clone(), s.missing.is_empty())).collect();
        let settings = state.converting.settings.as_ref();
        let target = |model: &Model| {
            let configured = settings.and_then(|settings| settings.target.get(&model.name));
            plan::default_target(model, configured.map(String::as_str), &held)
        };
        let targets = models.map(target).collect();
        (stock, targets)
    }
}

/// Events that a search goes through at most: who looks for one kind among all phones does not hold up their requests.
const LOOKED_AT: usize = 4_000;

fn head_of(ring: &mut Peekable<impl Iterator<Item = Row>>) -> Option<Timestamp> {
    ring.peek().map(|row| row.event.at)
}
