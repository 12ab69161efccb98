//! `/phones/<MAC>/files/<name>`: a file as that phone would get it, its secrets as dots, and what changed in it since the phone
//! last took it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};

use super::visit::{Chrome, Visit};
use super::words::{When, iso, size, when};
use super::{absent, shown};
use crate::api::{Change, DiffLine, FetchState, FileDiff};
use crate::domain::MacAddr;
use crate::hub::Operations;

#[derive(Template)]
#[template(path = "web/file.html")]
struct Page {
    chrome: Chrome,
    mac: String,
    at: String,
    octets: String,
    text: String,
    /// How what the phone last took compares with it; `None` where that is not compared.
    compared: Option<Compared>,
}

struct Compared {
    state: &'static str,
    last: Option<When>,
    since: Option<When>,
    lines: Vec<Line>,
}

struct Line {
    class: &'static str,
    /// Says without a colour what became of it.
    mark: &'static str,
    /// The same for who hears the page.
    word: &'static str,
    was: String,
    is: String,
    text: String,
}

pub(super) async fn page(
    visit: Visit,
    State(desk): State<Arc<Operations>>,
    Path((mac, name)): Path<(String, String)>,
) -> Response {
    let Ok(mac) = mac.parse::<MacAddr>() else {
        return absent(&visit, format!("{mac:?} is no MAC: twelve hexadecimal digits."));
    };
    match desk.rendered(mac, &name, false, &visit.who) {
        Ok(bytes) => {
            let now = Timestamp::now();
            let diff = desk.diff(mac, &name).await.ok();
            shown(&Page {
                chrome: visit.chrome(name, ""),
                mac: mac.to_string(),
                at: iso(now),
                octets: size(u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
                text: String::from_utf8_lossy(&bytes).into_owned(),
                compared: diff.map(|diff| compared(diff, now)),
            })
        }
        Err(why) => absent(&visit, why),
    }
}

/// That a phone fetched a file twice within this says nothing.
const MUCH: SignedDuration = SignedDuration::from_mins(1);

fn compared(diff: FileDiff, now: Timestamp) -> Compared {
    let fetched = diff.fetched;
    let much = |since: &Timestamp| fetched.last.is_some_and(|last| last.duration_since(*since) > MUCH);
    let earlier = fetched.since.filter(much);
    Compared {
        state: match fetched.state {
            FetchState::Never => "never",
            FetchState::Unknown => "unknown",
            FetchState::Same => "same",
            FetchState::Secret => "secret",
            FetchState::Changed => "changed",
        },
        last: fetched.last.map(|last| when(last, now)),
        since: earlier.map(|since| when(since, now)),
        lines: diff.lines.into_iter().map(line).collect(),
    }
}

fn line(line: DiffLine) -> Line {
    let (class, mark, word) = match line.change {
        Change::Same => ("", "", "same"),
        Change::Removed => ("removed", "\u{2212}", "removed"),
        Change::Added => ("added", "+", "added"),
        Change::Skipped => ("skipped", "\u{22ee}", "lines that are the same"),
    };
    let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    Line { class, mark, word, was: number(line.was), is: number(line.is), text: line.text }
}
