//! `/live`: what happens, as it happens: the last events of all phones or of one, and with a script those that follow.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;

use super::shown;
use super::visit::{Chrome, Visit};
use super::words::{Row, SORTS, Sort, sort};
use crate::domain::MacAddr;
use crate::hub::Operations;

/// Events that are shown.
const EVENTS: usize = 200;

#[derive(Template)]
#[template(path = "web/live.html")]
struct Page {
    chrome: Chrome,
    mac: String,
    /// What was typed is no MAC.
    mac_is_none: bool,
    kind: String,
    sorts: &'static [Sort],
    rows: Vec<Row>,
}

pub(super) async fn page(
    visit: Visit,
    State(desk): State<Arc<Operations>>,
    query: Result<Query<BTreeMap<String, String>>, QueryRejection>,
) -> Response {
    let query = query.map(|Query(pairs)| pairs).unwrap_or_default();
    let of = |key: &str| query.get(key).map(|text| text.trim().to_owned()).unwrap_or_default();
    let (typed, kind) = (of("mac"), of("kind"));
    let mac: Option<MacAddr> = typed.parse().ok();
    let kind = SORTS.iter().map(|sort| sort.key).find(|key| *key == kind).unwrap_or_default();
    let wanted = |event: &str| kind.is_empty() || sort(event).key == kind;
    let rows = desk.hub().last_events(mac, EVENTS, wanted).into_iter().map(Row::from).collect();
    shown(&Page {
        chrome: visit.chrome("Live", "/live"),
        mac_is_none: !typed.is_empty() && mac.is_none(),
        mac: mac.map_or(typed, |mac| mac.to_string()),
        kind: kind.to_owned(),
        sorts: SORTS,
        rows,
    })
}
