//! `/check`: all checks with their remedies. They ask servers and fetch files, so that what was found is shown for a while.

use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};

use super::overview::Part;
use super::shown;
use super::visit::{Chrome, Visit};
use super::words::{When, when};
use crate::api::{Check, CheckStatus};
use crate::hub::Operations;

/// What was found is shown so long without being looked at again: by whoever opens the page, and on the overview.
const SHOWN: SignedDuration = SignedDuration::from_secs(30);
const FRESH: SignedDuration = SignedDuration::from_mins(5);

#[derive(Template)]
#[template(path = "web/check.html")]
struct Page {
    chrome: Chrome,
    at: When,
    rows: Vec<Row>,
    headline: String,
}

struct Row {
    class: &'static str,
    status: &'static str,
    name: String,
    summary: String,
    remedy: String,
}

/// What was found last.
#[derive(Default)]
pub(super) struct Checked {
    last: Mutex<Option<(Timestamp, Arc<Vec<Check>>)>>,
    /// One look at a time, whoever asks.
    looking: Arc<tokio::sync::Mutex<()>>,
}

impl Checked {
    fn last(&self) -> Option<(Timestamp, Arc<Vec<Check>>)> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was found since that moment, or is found now.
    async fn since(&self, moment: Timestamp, desk: &Operations) -> (Timestamp, Arc<Vec<Check>>) {
        let _alone = self.looking.lock().await;
        if let Some(last) = self.last().filter(|(at, _)| *at >= moment) {
            return last;
        }
        let checks = Arc::new(desk.check().await);
        let found = (Timestamp::now(), checks);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
        found
    }

    /// Looks again beside the page that is shown, if nobody did for a while.
    pub fn keep_fresh(self: &Arc<Self>, desk: &Arc<Operations>, now: Timestamp) {
        let is_fresh = self.last().is_some_and(|(at, _)| now.duration_since(at) < FRESH);
        if is_fresh || self.looking.try_lock().is_err() {
            return;
        }
        let (checked, desk) = (Arc::clone(self), Arc::clone(desk));
        tokio::spawn(async move { checked.since(now, &desk).await });
    }

    /// For the overview.
    pub fn part(&self, now: Timestamp) -> Part {
        let Some((at, checks)) = self.last() else {
            return Part::of_checks("off", "they run for the first time now".to_owned());
        };
        let ago = when(at, now).ago;
        let (class, words) = match (count(&checks, CheckStatus::Failed), count(&checks, CheckStatus::Warning)) {
            (0, 0) => ("ok", "all is well".to_owned()),
            (0, warnings) => ("warn", format!("{warnings} to look at")),
            (failed, 0) => ("bad", format!("{failed} failed")),
            (failed, warnings) => ("bad", format!("{failed} failed, {warnings} to look at")),
        };
        Part::of_checks(class, format!("{words} ({ago})"))
    }
}

fn count(checks: &[Check], status: CheckStatus) -> usize {
    checks.iter().filter(|check| check.status == status).count()
}

pub(super) async fn page(
    visit: Visit,
    State(desk): State<Arc<Operations>>,
    Extension(checked): Extension<Arc<Checked>>,
) -> Response {
    let now = Timestamp::now();
    let (at, checks) = checked.since(now.saturating_sub(SHOWN).unwrap_or(now), &desk).await;
    let mut sorted: Vec<&Check> = checks.iter().collect();
    sorted.sort_by_key(|check| std::cmp::Reverse(check.status));
    let row = |check: &Check| {
        let (class, status) = match check.status {
            CheckStatus::Ok => ("ok", "ok"),
            CheckStatus::Warning => ("warn", "warning"),
            CheckStatus::Failed => ("bad", "failed"),
        };
        let (name, summary) = (check.name.clone(), check.summary.clone());
        Row { class, status, name, summary, remedy: check.remedy.clone() }
    };
    let headline = match (count(&checks, CheckStatus::Failed), count(&checks, CheckStatus::Warning)) {
        (0, 0) => format!("All {} checks are well.", checks.len()),
        (failed, warnings) => format!("{failed} failed, {warnings} to look at, of {}.", checks.len()),
    };
    shown(&Page {
        chrome: visit.chrome("Check", "/check"),
        at: when(at, Timestamp::now()),
        rows: sorted.into_iter().map(row).collect(),
        headline,
    })
}

pub(super) async fn again(
    visit: Visit,
    State(desk): State<Arc<Operations>>,
    Extension(checked): Extension<Arc<Checked>>,
) -> Response {
    checked.since(Timestamp::now(), &desk).await;
    visit.told("/check", Ok("everything was looked at again".to_owned()))
}
