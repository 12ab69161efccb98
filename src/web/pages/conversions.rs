//! `/conversions`: where every phone is on its way, and what comes next.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::Timestamp;

use super::overview::models;
use super::shown;
use super::visit::{Chrome, Visit};
use super::words::{When, explained, when};
use crate::api::{Conversion, ConversionStep};
use crate::convert::{Mode, StepState, Tally};
use crate::hub::Operations;
use crate::status::word;

/// Phones on one page of the board.
const ROWS: usize = 100;

#[derive(Template)]
#[template(path = "web/conversions.html")]
struct Page {
    chrome: Chrome,
    campaign: Option<CampaignView>,
    rides: Vec<Ride>,
    total: usize,
    at: usize,
    pages: usize,
    models: Vec<String>,
}

struct CampaignView {
    mode: &'static str,
    because: String,
    since: When,
    limit: Option<usize>,
    through: usize,
    failed: usize,
    open: usize,
    percent: usize,
    can_pause: bool,
    can_resume: bool,
    can_abort: bool,
}

/// A phone on its way.
pub(super) struct Ride {
    pub mac: String,
    pub model: String,
    pub from: String,
    pub target: String,
    pub class: &'static str,
    pub state: String,
    /// Of the whole way.
    pub percent: usize,
    /// Steps that are done, and all.
    pub done: usize,
    pub all: usize,
    pub next: String,
    pub because: String,
    pub since: When,
    pub one_way: bool,
    pub runs: String,
    pub failure: Option<Failure>,
    pub steps: Vec<StepView>,
}

pub(super) struct Failure {
    pub code: String,
    pub explained: Option<String>,
    pub summary: String,
}

pub(super) struct StepView {
    pub to: String,
    pub class: &'static str,
    pub state: String,
    pub percent: usize,
    pub one_way: bool,
    pub because: String,
}

pub(super) async fn page(
    visit: Visit,
    State(desk): State<Arc<Operations>>,
    query: Result<Query<BTreeMap<String, String>>, QueryRejection>,
) -> Response {
    let now = Timestamp::now();
    let mut conversions = desk.hub().conversions();
    // Who fails or is under way before those that wait, and those that are through last.
    conversions.sort_by_key(|conversion| (rank(conversion), conversion.mac));
    let pages = conversions.len().div_ceil(ROWS).max(1);
    let at = query.ok().and_then(|Query(pairs)| pairs.get("page")?.parse().ok()).unwrap_or(1).clamp(1, pages);
    let here = conversions.iter().skip((at - 1) * ROWS).take(ROWS);
    shown(&Page {
        campaign: campaign(&desk, &conversions, now),
        rides: here.map(|conversion| ride(conversion, now)).collect(),
        total: conversions.len(),
        at,
        pages,
        models: models(&desk.hub().snapshot()),
        chrome: visit.chrome("Conversions", "/conversions"),
    })
}

fn rank(conversion: &Conversion) -> u8 {
    match conversion.state {
        StepState::Failed => 0,
        StepState::Downloading => 1,
        StepState::Offered => 2,
        StepState::Todo | StepState::Skipped => 3,
        StepState::Verified => 4,
    }
}

fn campaign(desk: &Operations, all: &[Conversion], now: Timestamp) -> Option<CampaignView> {
    let campaign = desk.hub().campaign()?;
    let tally = Tally::of(all.iter().map(|conversion| conversion.state));
    let Tally { through, failed, open } = tally;
    let aborted = campaign.mode == Mode::Aborted;
    Some(CampaignView {
        mode: campaign.word(&tally),
        because: campaign.because,
        since: when(campaign.since, now),
        limit: campaign.limit,
        through,
        failed,
        open,
        percent: all.iter().map(share).sum::<usize>() / all.len().max(1),
        can_pause: campaign.mode == Mode::Running && open > 0,
        can_resume: matches!(campaign.mode, Mode::Paused | Mode::Halted),
        can_abort: failed > 0 || !aborted && open > 0,
    })
}

/// How much of its way a phone has behind it, in per cent. Steps count alike: which of them takes how long nobody knows.
fn share(conversion: &Conversion) -> usize {
    let done = |step: &ConversionStep| matches!(step.state, StepState::Verified | StepState::Skipped);
    let steps = conversion.steps.len();
    let through = conversion.steps.iter().filter(|step| done(step)).count();
    if steps == 0 || through == steps {
        return 100;
    }
    (through * 100 + usize::from(conversion.percent.unwrap_or(0))) / steps
}

/// A conversion as it is shown.
pub(super) fn ride(conversion: &Conversion, now: Timestamp) -> Ride {
    let waits = !conversion.armed && conversion.state == StepState::Todo;
    let percent = conversion.percent.map(usize::from);
    let share_of = |step: &ConversionStep| match step.state {
        StepState::Verified | StepState::Skipped => 100,
        StepState::Downloading => percent.unwrap_or(0),
        StepState::Todo | StepState::Offered | StepState::Failed => 0,
    };
    let step = |step: &ConversionStep| StepView {
        to: step.to.clone(),
        class: class(step.state),
        state: word(step.state),
        percent: share_of(step),
        one_way: step.one_way,
        because: step.because.clone(),
    };
    let failure = conversion.reason.as_ref().map(|code| Failure {
        code: code.clone(),
        explained: explained(code),
        summary: conversion.summary.clone().unwrap_or_default(),
    });
    Ride {
        mac: conversion.mac.to_string(),
        model: conversion.model.clone(),
        from: conversion.from.clone(),
        target: conversion.target.clone(),
        class: class(conversion.state),
        state: if waits { "waits".to_owned() } else { word(conversion.state) },
        percent: share(conversion),
        done: conversion.steps.iter().filter(|step| step.state == StepState::Verified).count(),
        all: conversion.steps.len(),
        next: conversion.next.clone(),
        because: conversion.because.clone(),
        since: when(conversion.since, now),
        one_way: conversion.one_way,
        runs: conversion.runs.clone(),
        failure,
        steps: conversion.steps.iter().map(step).collect(),
    }
}

fn class(state: StepState) -> &'static str {
    match state {
        StepState::Todo | StepState::Skipped => "silent",
        StepState::Offered | StepState::Downloading => "on-its-way",
        StepState::Verified => "registered",
        StepState::Failed => "needs-hands",
    }
}
