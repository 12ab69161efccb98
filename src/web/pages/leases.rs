//! `/leases`: the addresses that our DHCP server has given.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::Timestamp;

use super::shown;
use super::visit::{Chrome, Visit};
use super::words::{When, when};
use crate::hub::Operations;

/// Leases on one page; who looks for another types a part of it.
const ROWS: usize = 200;

#[derive(Template)]
#[template(path = "web/leases.html")]
struct Page {
    chrome: Chrome,
    serves: bool,
    q: String,
    total: usize,
    found: usize,
    rows: Vec<Row>,
}

struct Row {
    ip: String,
    mac: String,
    /// It is a phone that has a page.
    known: bool,
    model: String,
    hostname: String,
    expires: When,
}

pub(super) async fn page(
    visit: Visit,
    State(desk): State<Arc<Operations>>,
    query: Result<Query<BTreeMap<String, String>>, QueryRejection>,
) -> Response {
    let now = Timestamp::now();
    let q = query.ok().and_then(|Query(mut pairs)| pairs.remove("q")).unwrap_or_default().trim().to_lowercase();
    let mut leases = desk.leases();
    leases.sort_by_key(|lease| lease.ip);
    let total = leases.len();
    leases.retain(|lease| {
        let (model, hostname) = (lease.model.as_deref(), lease.hostname.as_deref());
        let text = format!("{} {} {} {}", lease.ip, lease.mac, model.unwrap_or_default(), hostname.unwrap_or_default());
        text.to_lowercase().contains(&q)
    });
    let rows = leases.iter().take(ROWS).map(|lease| Row {
        ip: lease.ip.to_string(),
        mac: lease.mac.to_string(),
        known: desk.hub().phone(lease.mac).is_some(),
        model: lease.model.clone().unwrap_or_default(),
        hostname: lease.hostname.clone().unwrap_or_default(),
        expires: when(lease.expires, now),
    });
    shown(&Page {
        rows: rows.collect(),
        chrome: visit.chrome("Leases", "/leases"),
        serves: desk.parts().dhcp.is_some(),
        q,
        total,
        found: leases.len(),
    })
}
