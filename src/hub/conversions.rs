//! What people and the daemon's own task do with conversions: plan, start, arm, pause, and look.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::Hub;
use super::converting::ITSELF;
use super::planning::{Wanted, another_way, is_replaced, planned, replaced, shown};
use super::state::State;
use crate::api;
use crate::config;
use crate::convert::campaign::Mode;
use crate::convert::{Campaign, Conversion, Step, StepState, Turn};
use crate::diagnose::Lookup;
use crate::domain::{BootEvent, EventKind, MacAddr, ModelName};
use crate::firmware::store::Index;
use crate::fleet::Snapshot;
use crate::status::word;

impl Hub {
    /// `[firmware]`, at the start and after it was read again.
    pub fn firmware_settings(&self, settings: config::Firmware) {
        let converting = &mut self.lock().converting;
        converting.erased = Arc::new(settings.erased.clone());
        converting.settings = Some(settings);
    }

    /// Whether steps that cannot be undone need no word of their own.
    pub fn accepts_one_way(&self) -> bool {
        self.lock().converting.settings.as_ref().is_some_and(|settings| settings.accept_one_way)
    }

    /// What the store holds, as that changes.
    pub fn firmware_index(&self, index: Arc<Index>) {
        let (mut state, snapshot) = self.locked();
        if !Arc::ptr_eq(&state.converting.index, &index) {
            state.converting.lookup = Lookup::new(Arc::clone(&index));
            state.converting.index = index;
            // What is missing may be here now: each phone is judged as time is looked at next.
            state.due.extend(snapshot.assignments.keys().map(|mac| (Timestamp::UNIX_EPOCH, *mac)));
        }
    }

    /// Whether files of that load are not to be taken away: phones are on their way to it, or it is some phone's target.
    pub fn firmware_in_use(&self, load: &str) -> bool {
        let state = self.lock();
        let steps = state.converting.conversions.values().filter(|c| !c.done()).flat_map(|c| &c.steps);
        let mut wanted = steps.filter(|step| !step.verified()).map(|step| step.to.as_str());
        wanted.any(|to| to.eq_ignore_ascii_case(load))
    }

    /// The way of one phone, without starting it.
    ///
    /// # Errors
    /// Why there is none, in one sentence.
    pub fn plan_conversion(&self, mac: MacAddr, wanted: &Wanted, now: Timestamp) -> Result<Conversion, String> {
        let (state, snapshot) = self.locked();
        planned(&state, &snapshot, mac, wanted, now).map(|(conversion, _)| conversion)
    }

    /// Phones that a filter names: all that are assigned, of one model where one is named.
    pub fn convertible(&self, model: Option<&str>) -> Vec<MacAddr> {
        let (state, snapshot) = self.locked();
        let wanted =
            model.and_then(|name| Some(ModelName::new(name)).filter(|name| snapshot.catalog.get(name).is_some()));
        let fits = |mac: MacAddr| {
            model.is_none()
                || snapshot.desired(mac, &state.seen(mac)).is_some_and(|d| Some(&d.model.name) == wanted.as_ref())
        };
        let enabled = snapshot.assignments.values().filter(|assignment| assignment.enabled);
        enabled.map(|assignment| assignment.mac).filter(|mac| fits(*mac)).collect()
    }

    /// Takes planned conversions in and begins a campaign. Phones in the middle of a step keep theirs (nobody gets a new
    /// target mid-flash).
    pub fn start_conversions(
        &self,
        planned: Vec<Conversion>,
        limit: Option<usize>,
        now: Timestamp,
    ) -> BTreeSet<MacAddr> {
        let mut state = self.lock();
        let mut taken = BTreeSet::new();
        for conversion in planned {
            let mac = conversion.mac;
            if state.converting.conversions.get(&mac).is_some_and(Conversion::in_flash) {
                continue;
            }
            taken.insert(mac);
            state.converting.put(conversion);
        }
        state.converting.campaign = Some(Campaign::new(limit, now));
        state.converting.campaign_changed = true;
        let window = state.converting.settings.as_ref().and_then(|s| SignedDuration::try_from(s.os79xx_window).ok());
        state.converting.window = window.and_then(|window| now.checked_add(window).ok()).filter(|until| *until > now);
        drop(state);
        self.turn_over(now);
        taken
    }

    /// Pauses, resumes or aborts.
    ///
    /// # Errors
    /// There is nothing to pause, in one sentence.
    pub fn steer_conversions(&self, mode: Mode, because: &str, now: Timestamp) -> Result<String, String> {
        let mut state = self.lock();
        let converting = &mut state.converting;
        let Some(campaign) = &mut converting.campaign else {
            return Err("no conversion was started yet; see `offhook convert plan`".to_owned());
        };
        let failed: Vec<MacAddr> =
            converting.conversions.values().filter(|c| c.failed().is_some() && !c.given_up).map(|c| c.mac).collect();
        if campaign.mode == mode && (mode != Mode::Aborted || failed.is_empty()) {
            return Err(format!("conversion is {} already: {}", word(mode), campaign.because));
        }
        if campaign.mode == Mode::Aborted && mode != Mode::Aborted {
            return Err("conversion was aborted; start it anew with `offhook convert start`".to_owned());
        }
        campaign.go(mode, because, now);
        converting.campaign_changed = true;
        let mut let_go = 0;
        if mode == Mode::Aborted {
            let idle: Vec<MacAddr> =
                converting.conversions.values().filter(|c| !c.done() && !c.begun()).map(|c| c.mac).collect();
            idle.iter().for_each(|mac| converting.drop(*mac));
            let given_up: Vec<MacAddr> = failed.into_iter().filter(|mac| converting.give_up(*mac)).collect();
            let_go = idle.len() + given_up.len();
        }
        let busy = converting.conversions.values().filter(|c| c.begun() && c.open()).count();
        let finish = match busy {
            0 => "no phone is under way".to_owned(),
            1 => "one phone is under way and finishes its step".to_owned(),
            n => format!("{n} phones are under way and finish their step"),
        };
        drop(state);
        self.turn_over(now);
        Ok(match mode {
            Mode::Running => "conversion goes on".to_owned(),
            Mode::Aborted if let_go == 1 => format!("conversion is aborted: one phone is let go, {finish}"),
            Mode::Aborted => format!("conversion is aborted: {let_go} phones are let go, {finish}"),
            _ => format!("conversion is paused: no further phone begins, {finish}"),
        })
    }

    /// All conversions, by MAC.
    pub fn conversions(&self) -> Vec<api::Conversion> {
        let state = self.lock();
        let converting = &state.converting;
        let shown = |conversion: &Conversion| {
            let mac = conversion.mac;
            let mut shown = shown(conversion, converting.beliefs.get(&mac), converting.turns.get(&mac));
            converting.say_that_calls_are_unknown(conversion, &mut shown.next);
            shown
        };
        converting.conversions.values().filter(|c| !c.is_given_up()).map(shown).collect()
    }

    /// The campaign.
    pub fn campaign(&self) -> Option<Campaign> {
        self.lock().converting.campaign.clone()
    }

    /// Time passed: what it changed goes into the timelines, failed steps find another way, and the stop rule is looked at.
    pub fn tick_conversions(&self, now: Timestamp) {
        let (mut state, snapshot) = self.locked();
        if state.converting.jumped(now) {
            drop(state);
            self.turn_over(now);
            return;
        }
        self.review(&mut state, &snapshot, now);
        for (mac, what) in state.converting.tick(now) {
            self.converted(&mut state, &snapshot, mac, Some(what), now);
        }
        let failed: Vec<MacAddr> = state.converting.failed_anew();
        for mac in failed {
            let way = another_way(&state, &snapshot, mac, now);
            let said = match way {
                Some((conversion, sentence)) => {
                    state.converting.put(conversion);
                    Some(sentence)
                }
                None => state.converting.conversions.get(&mac).map(|c| format!("needs hands: {}", c.next(None))),
            };
            state.converting.looked_at(mac);
            self.converted(&mut state, &snapshot, mac, said, now);
        }
        let converting = &mut state.converting;
        if let Some(campaign) = &mut converting.campaign
            && let Some(why) = campaign.halts(&converting.conversions)
        {
            tracing::error!(
                code = "conversion-halted",
                "{why}: no further phone begins; see `offhook convert status`, then `offhook convert resume`"
            );
            converting.audit.push((now, ITSELF.to_owned(), format!("halted conversion: {why}")));
            campaign.go(Mode::Halted, why, now);
            converting.campaign_changed = true;
        }
        let due = state.converting.turns_are_due(now);
        drop(state);
        if due {
            self.turn_over(now);
        }
    }

    /// What became of those that are under way: a phone that is nobody's any more, or another model, is not sent on; an
    /// aborted campaign lets go who has finished its step; a set that is not whole any more pauses all (I1, I4, I11).
    fn review(&self, state: &mut State, snapshot: &Snapshot, now: Timestamp) {
        let Some((mode, since)) = state.converting.campaign.as_ref().map(|c| (c.mode, c.since)) else { return };
        // What may be writing its flash keeps its files, whatever the PBX says of it meanwhile.
        let idle = |c: &&Conversion| !c.done() && !c.writing() && (c.armed.is_some() || mode == Mode::Aborted);
        let idle: Vec<Conversion> = state.converting.conversions.values().filter(idle).cloned().collect();
        for mut conversion in idle {
            let mac = conversion.mac;
            let enabled = snapshot.assignment(mac).is_some_and(|assignment| assignment.enabled);
            let what = if mode == Mode::Aborted && !conversion.begun() {
                state.converting.drop(mac);
                "is let go: conversion was aborted".to_owned()
            } else if !snapshot.ready() {
                continue;
            } else if is_replaced(state, snapshot, &conversion) {
                replaced(state, snapshot, &conversion, now)
            } else if conversion.begun() || conversion.failed().is_some() {
                continue;
            } else if !enabled {
                state.converting.drop(mac);
                "is not converted: it has no extension here any more, or is disabled".to_owned()
            } else if state.converting.waits(&conversion).is_some() {
                state.converting.held.insert(mac, now);
                continue;
            } else if conversion.overdue(state.converting.held.get(&mac).map_or(since, |held| since.max(*held)), now) {
                (conversion.armed, conversion.let_go) = (None, Some(now));
                state.converting.put(conversion);
                "did not boot within 30 minutes: others go before it until it is power-cycled".to_owned()
            } else {
                continue;
            };
            self.converted(state, snapshot, mac, Some(what), now);
        }
        let converting = &mut state.converting;
        let open = converting.conversions.values().filter(|c| c.failed().is_none() && c.lacks.is_none());
        let mut due = open.filter_map(Conversion::step);
        let broken = due.find(|step| !converting.whole(&step.to, &step.files)).map(|step| step.to.clone());
        if let (Mode::Running, Some(load)) = (mode, broken) {
            let why = format!(
                "the store does not hold all of {load} any more: bring its archive with `offhook firmware add`, then `offhook convert resume`"
            );
            tracing::error!(code = "conversion-paused", "{why}");
            converting.audit.push((now, ITSELF.to_owned(), format!("paused conversion: {why}")));
            if let Some(campaign) = &mut converting.campaign {
                campaign.go(Mode::Paused, why, now);
                converting.campaign_changed = true;
            }
        }
    }

    /// Phones whose turn it is, and those whose way is to be made anew since they showed what they run: each with the loads of
    /// its way, which are to be looked at before it is armed.
    pub fn may_begin(&self, now: Timestamp) -> Vec<(MacAddr, Vec<String>)> {
        let (state, _) = self.locked();
        let converting = &state.converting;
        if converting.campaign.as_ref().is_none_or(|campaign| campaign.mode != Mode::Running) {
            return Vec::new();
        }
        // Whose turn it is was reckoned; who is in a call may be known since.
        let ready = |mac: &MacAddr| converting.conversions.get(mac).is_some_and(|c| state.ready(c, now).is_ok());
        let begins = converting.turns.iter().filter(|(_, turn)| **turn == Turn::Begins).map(|(mac, _)| *mac);
        let mut begin: Vec<MacAddr> = begins.filter(ready).collect();
        begin.extend(&converting.showed);
        let loads = |mac: &MacAddr| -> Vec<String> {
            let steps = converting.conversions.get(mac).into_iter().flat_map(|c| &c.steps);
            steps.map(|step| step.to.clone()).collect()
        };
        begin.into_iter().map(|mac| (mac, loads(&mac))).collect()
    }

    /// It is this phone's turn. The way is made anew by what is known now; where there is none the conversion fails.
    pub fn arm(&self, mac: MacAddr, now: Timestamp) {
        let (mut state, snapshot) = self.locked();
        let showed = state.converting.showed.remove(&mac);
        let Some(conversion) = state.converting.conversions.get(&mac).cloned() else { return };
        // Meanwhile it may have begun.
        if showed && !conversion.untouched() {
            return;
        }
        if is_replaced(&state, &snapshot, &conversion) {
            let what = replaced(&mut state, &snapshot, &conversion, now);
            self.converted(&mut state, &snapshot, mac, Some(what), now);
            return;
        }
        // What was said holds until the phone has shown something since.
        let shown = conversion.steps.iter().any(Step::verified);
        let running = conversion.running.clone().filter(|_| !shown);
        let wanted = Wanted { to: Some(conversion.target.clone()), running };
        let what = match planned(&state, &snapshot, mac, &wanted, now) {
            Ok((anew, _)) if anew.lacks.is_some() => {
                // What it showed since the way was made does not tell yet.
                state.converting.put(Conversion { lacks: anew.lacks, steps: anew.steps, armed: None, ..conversion });
                return;
            }
            Ok((anew, true)) if !conversion.accept_one_way => {
                state.converting.drop(mac);
                format!(
                    "is not converted: the way to {} cannot be undone from here; start it anew and say that you mean it (--accept-one-way)",
                    anew.target
                )
            }
            Ok((mut anew, _)) => {
                anew.armed = Some(now);
                (anew.started, anew.refused) = (conversion.started, conversion.refused);
                anew.accept_one_way = conversion.accept_one_way;
                let what = anew.step().map_or_else(
                    || format!("runs {} already", anew.target),
                    |step| format!("its turn to take {}: {}", step.to, anew.next(None)),
                );
                state.converting.put(anew);
                state.converting.turns.remove(&mac);
                what
            }
            Err(why) => {
                state.converting.drop(mac);
                format!("is not converted: {why}")
            }
        };
        self.converted(&mut state, &snapshot, mac, Some(what), now);
    }

    /// Phones that wait for a word to boot: armed, kept, offered a load, and nothing of it was asked for yet.
    pub fn to_be_told(&self) -> Vec<MacAddr> {
        let state = self.lock();
        let converting = &state.converting;
        let waits = |c: &&Conversion| {
            c.step().is_some_and(|step| step.state == StepState::Todo)
                && !converting.unkept.contains(&c.mac)
                && converting.offer(c.mac).is_some()
        };
        converting.conversions.values().filter(waits).map(|c| c.mac).collect()
    }

    /// Somebody did something with a phone: it stands in the audit log, and in its timeline.
    pub fn did(&self, who: &str, mac: MacAddr, what: &str, now: Timestamp) {
        let (mut state, snapshot) = self.locked();
        state.converting.did(who, format!("{what}, phone {mac}"), now);
        let what = EventKind::Admin { who: who.to_owned(), what: what.to_owned() };
        self.note(&mut state, &snapshot, BootEvent { at: now, mac, ip: None, what });
    }

    /// Somebody began its conversion: the audit log names all phones of it at once.
    pub(super) fn began(&self, who: &str, mac: MacAddr, way: &str, now: Timestamp) {
        let (mut state, snapshot) = self.locked();
        let what = EventKind::Admin { who: who.to_owned(), what: format!("started its conversion: {way}") };
        self.note(&mut state, &snapshot, BootEvent { at: now, mac, ip: None, what });
    }

    /// Somebody did something.
    pub fn audit(&self, who: &str, what: impl Into<String>, now: Timestamp) {
        self.lock().converting.did(who, what.into(), now);
    }
}
