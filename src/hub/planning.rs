//! Ways: from what is known of a phone and what the store holds to the steps of its conversion, and how people see them.

use jiff::Timestamp;

use super::state::State;
use crate::api;
use crate::catalog::{Family, Model};
use crate::convert::belief::{Belief, Confidence, Runs};
use crate::convert::{Conversion, Failure, Lacks, Step, StepState, Trace, Turn, text};
use crate::domain::{Load, MacAddr, ModelName};
use crate::firmware::archives::{self, Archive};
use crate::firmware::plan::{self, Facts, From, PathStep, Paths, Signs, Stock, Trigger};
use crate::firmware::store::Index;
use crate::fleet::{Desired, Snapshot};

/// What a path is made for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The load to end on; `None` = the phone's own target, its model's, or the newest complete SIP set.
    pub to: Option<String>,
    /// What an administrator says that it runs.
    pub running: Option<String>,
}

/// What the store holds, as a plan wants it.
pub(super) fn stock(index: &Index) -> Vec<Stock> {
    let held = index.sets.values().filter_map(|set| {
        let missing =
            if set.complete { Vec::new() } else { set.missing.iter().chain(&set.problems).cloned().collect() };
        Some(Stock { load: Load::parse(&set.load)?, missing, hardware: set.hardware })
    });
    held.collect()
}

pub(super) fn from(belief: Option<&Belief>) -> From {
    match belief.and_then(Belief::word).map(|(_, word)| &word.runs) {
        Some(Runs::Load(load) | Runs::About(load)) => From::Load(load.clone()),
        Some(Runs::BootLoader) => From::Factory,
        Some(Runs::OldBoot | Runs::UniversalLoader) | None => From::Unknown,
    }
}

/// The way of a phone and whether a step of it cannot be undone.
pub(super) fn planned(
    state: &State,
    snapshot: &Snapshot,
    mac: MacAddr,
    wanted: &Wanted,
    now: Timestamp,
) -> Result<(Conversion, bool), String> {
    let converting = &state.converting;
    let assignment = snapshot.assignment(mac).filter(|assignment| assignment.enabled);
    let assignment =
        assignment.ok_or("it has no extension here, or is disabled: a phone is converted once it is assigned")?;
    let seen = state.seen(mac);
    let desired = snapshot.desired(mac, &seen);
    // 7940 and 7960 run the same loads.
    let known = |d: &Desired| d.model_known || seen.family() == Some(Family::Legacy);
    let desired =
        desired.filter(known).ok_or("its model is not known: state it in the PBX, or let the phone register once")?;
    let model = &*desired.model;
    let stock = stock(&converting.index);
    let configured = converting.settings.as_ref().and_then(|settings| settings.target.get(&model.name));
    let own = wanted.to.as_ref().or(assignment.target_load.as_ref()).or(configured);
    let held: Vec<(Load, bool)> = stock.iter().map(|s| (s.load.clone(), s.missing.is_empty())).collect();
    let belief = converting.beliefs.get(&mac);
    let signs = Signs { universal_loader: belief.and_then(Belief::universal_loader) };
    let facts = Facts { signs, arrived_hardware: None, stock: Some(&stock) };
    let meant = |near: Option<String>| near.map(|name| format!("; did you mean {name}?")).unwrap_or_default();
    let target = plan::default_target(model, own.map(String::as_str), &held).ok_or_else(|| {
        let Some(name) = own else { return nothing_to_run(model) };
        let near = meant(plan::nearest(Paths::builtin(), model, name, &facts));
        format!("{name:?} is no load name; one looks like P0S3-8-12-00 or SIP42.9-4-2SR3-1S{near}")
    })?;
    let from = match &wanted.running {
        Some(running) => running.parse().map_err(|()| format!("{running:?} is no load name"))?,
        None => from(belief),
    };
    let path = plan::plan(Paths::builtin(), model, &from, &target, &facts).map_err(|why| {
        format!("{}; {}{}", why.summary.trim_end_matches('.'), why.remedy.trim_end_matches('.'), meant(why.nearest))
    })?;
    let missing = path.steps.iter().find(|step| step.missing);
    let target_missing = path.steps.last().is_some_and(|step| step.missing);
    // A longest way that may not be its own: it is taken in, and armed on the way that it shows.
    let may_show = from == From::Unknown && wanted.running.is_none() && !target_missing;
    if let Some(step) = missing.filter(|_| !may_show) {
        return Err(format!("the way to {} {}{}", target.name, lacking(step), meant(path.nearest.clone())));
    }
    let lacks = missing.map(|step| Lacks {
        universal_loader: signs.universal_loader,
        load: step.to.clone(),
        archive: archive(&step.to),
    });
    let one_way = path.one_way();
    let steps = path.steps.iter().map(|step| laid(step, &converting.index, now)).collect();
    let conversion = Conversion {
        mac,
        model: model.name.clone(),
        family: model.family,
        from: from.to_string(),
        running: wanted.running.clone(),
        target: target.name,
        steps,
        armed: None,
        started: now,
        accept_one_way: false,
        refused: Vec::new(),
        lacks,
        let_go: None,
        given_up: false,
    };
    Ok((conversion, one_way))
}

/// What of a step the store has not, and which archive holds it.
fn lacking(step: &PathStep) -> String {
    let lacks = if step.lacks.is_empty() { "all of it".to_owned() } else { step.lacks.join(", ") };
    let archive = archive(&step.to);
    format!("leads through {}, and the store lacks {lacks}: bring {archive} with `offhook firmware add`", step.to)
}

/// What to bring for a model of which the store has no load.
fn nothing_to_run(model: &Model) -> String {
    let known = archives::all().iter().flat_map(|archive| &archive.loads).filter_map(|load| Load::parse(load));
    let newest = plan::newest(&model.load_family, known);
    let archive = newest.map_or_else(|| "the vendor's archive".to_owned(), |load| archive(&load.name));
    format!("the store holds no complete SIP load for a {}: bring {archive} with `offhook firmware add`", model.name)
}

fn archive(load: &str) -> String {
    archives::holding(load).next().map_or_else(|| "its archive".to_owned(), Archive::sentence)
}

/// A step with the files of its set.
fn laid(step: &PathStep, index: &Index, now: Timestamp) -> Step {
    Step {
        from: step.from.clone(),
        to: step.to.clone(),
        via: step.via.iter().map(|via| (via.file.clone(), via.name.clone())).collect(),
        rule: step.rule.clone(),
        source: step.source.clone(),
        one_way: step.one_way,
        files: index.set(&step.to).map(|set| set.files.clone()).unwrap_or_default(),
        state: StepState::Todo,
        since: now,
        because: "it was planned".to_owned(),
        failure: None,
        trace: Trace::default(),
    }
}

/// Another way around a failed step, each load tried once; `None` = hands are needed.
pub(super) fn another_way(
    state: &State,
    snapshot: &Snapshot,
    mac: MacAddr,
    now: Timestamp,
) -> Option<(Conversion, String)> {
    let conversion = state.converting.conversions.get(&mac)?;
    let failed = conversion.step().filter(|step| step.state == StepState::Failed)?;
    let trigger = match failed.failure? {
        Failure::ImageRefused => Trigger::ImageRejected,
        Failure::ManifestRefused => Trigger::TermLoop,
        Failure::Unheeded => Trigger::NotTaken,
        Failure::TransferStalled | Failure::Silent | Failure::NotBack | Failure::TrustList => return None,
    };
    let model = snapshot.catalog.get(&conversion.model)?;
    let stock = stock(&state.converting.index);
    let signs = Signs { universal_loader: state.converting.beliefs.get(&mac).and_then(Belief::universal_loader) };
    let facts = Facts { signs, arrived_hardware: None, stock: Some(&stock) };
    let paths = Paths::builtin();
    let present = as_path(paths, model, failed, &facts)?;
    let target = Load::parse(&conversion.target)?;
    for step in plan::fallbacks(paths, model, &present, trigger, &facts) {
        if step.missing || step.one_way || conversion.refused.contains(&step.to) {
            continue;
        }
        let onward = Load::parse(&step.to)?;
        let rest = plan::plan(paths, model, &From::Load(onward), &target, &facts).ok()?;
        let refused = |step: &PathStep| step.missing || step.to == failed.to && step.to != conversion.target;
        if rest.steps.iter().any(refused) {
            continue;
        }
        let steps =
            [&step].into_iter().chain(&rest.steps).map(|step| laid(step, &state.converting.index, now)).collect();
        let mut anew = conversion.clone();
        anew.replan(steps, now);
        let sentence = format!("refused {}: tries {} first", failed.to, step.to);
        return Some((anew, sentence));
    }
    None
}

/// Whether another phone is in the place of one that is on its way: another model, which runs other loads.
pub(super) fn is_replaced(state: &State, snapshot: &Snapshot, conversion: &Conversion) -> bool {
    let desired = snapshot.desired(conversion.mac, &state.seen(conversion.mac)).filter(|desired| desired.model_known);
    let loads = |name: &ModelName| snapshot.catalog.get(name).map(|model| &model.load_family);
    desired.is_some_and(|desired| loads(&desired.model.name) != loads(&conversion.model))
}

/// Another phone is in the place of one that was on its way: nothing that was known of that one holds, nor where it was
/// sent. Returns what becomes of it.
pub(super) fn replaced(state: &mut State, snapshot: &Snapshot, before: &Conversion, now: Timestamp) -> String {
    let mac = before.mac;
    state.converting.beliefs.remove(&mac);
    state.converting.unkept_beliefs.insert(mac);
    state.converting.heard.insert(mac, now);
    match planned(state, snapshot, mac, &Wanted::default(), now) {
        Ok((anew, one_way)) if !anew.done() && !before.is_given_up() && (before.accept_one_way || !one_way) => {
            let (started, accept_one_way) = (before.started, before.accept_one_way);
            state.converting.put(Conversion { started, accept_one_way, ..anew });
            "is another model now: its way is made anew".to_owned()
        }
        Ok(_) => {
            state.converting.drop(mac);
            "is not converted: it is another model now; start it with `offhook convert start`".to_owned()
        }
        Err(why) => {
            state.converting.drop(mac);
            format!("is not converted: it is another model now, and {why}")
        }
    }
}

/// A step of a conversion as the planner knows it.
fn as_path(paths: &Paths, model: &Model, step: &Step, facts: &Facts<'_>) -> Option<PathStep> {
    let (from, to) = (step.from.parse().ok()?, Load::parse(&step.to)?);
    let path = plan::plan(paths, model, &from, &to, facts).ok()?;
    path.steps.into_iter().find(|planned| planned.to == step.to)
}

/// What people see of a conversion.
pub(super) fn shown(conversion: &Conversion, belief: Option<&Belief>, turn: Option<&Turn>) -> api::Conversion {
    let step = conversion.step();
    let last = conversion.steps.last();
    let state = step.or(last).map_or(StepState::Verified, |step| step.state);
    api::Conversion {
        mac: conversion.mac,
        model: conversion.model.to_string(),
        from: conversion.from.clone(),
        target: conversion.target.clone(),
        state,
        percent: conversion.percent(),
        reason: conversion.failed().map(|failure| failure.code().to_owned()),
        summary: conversion.failed().map(|failure| text::failure(failure).to_owned()),
        one_way: conversion.steps.iter().any(|step| step.one_way),
        armed: conversion.armed.is_some(),
        because: step.or(last).map(|step| step.because.clone()).unwrap_or_default(),
        next: conversion.next(turn),
        since: step.or(last).map_or(conversion.started, |step| step.since),
        runs: belief.map(Belief::sentence).unwrap_or_default(),
        confidence: belief.map_or(Confidence::None, Belief::confidence),
        steps: conversion
            .steps
            .iter()
            .map(|step| api::ConversionStep {
                from: step.from.clone(),
                to: step.to.clone(),
                via: step.via.iter().map(|(file, _)| file.clone()).collect(),
                rule: step.rule.clone(),
                source: step.source.clone(),
                one_way: step.one_way,
                state: step.state,
                since: step.since,
                because: step.because.clone(),
            })
            .collect(),
        warning: conversion.lacks.as_ref().map(text::warning),
        refused: None,
    }
}

/// A map of what a phone cannot do, for people.
pub(super) fn refused(mac: MacAddr, why: String, now: Timestamp) -> api::Conversion {
    api::Conversion {
        mac,
        model: String::new(),
        from: String::new(),
        target: String::new(),
        state: StepState::Skipped,
        percent: None,
        reason: None,
        summary: None,
        one_way: false,
        armed: false,
        because: String::new(),
        next: String::new(),
        since: now,
        runs: String::new(),
        confidence: Confidence::None,
        steps: Vec::new(),
        warning: None,
        refused: Some(why),
    }
}
