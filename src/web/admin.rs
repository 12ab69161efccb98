//! The people's side over TCP: health and metrics only, until there is a login.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use jiff::Timestamp;

use crate::hub::Operations;
use crate::status::{Health, Stage, word};
use crate::tftp::exchange::DropReason;

/// `/healthz`, `/readyz`, `/metrics`.
pub fn router(desk: Arc<Operations>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(desk)
}

/// Ready = a roster is there to serve, however old.
async fn ready(State(desk): State<Arc<Operations>>) -> impl IntoResponse {
    if desk.hub().snapshot().ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no roster has been read yet\n")
    }
}

async fn metrics(State(desk): State<Arc<Operations>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text(&desk, Timestamp::now()))
}

/// Prometheus text format, version 0.0.4.
fn text(desk: &Operations, now: Timestamp) -> String {
    let hub = desk.hub();
    let mut out = String::new();
    let snapshot = hub.snapshot();
    let mut gauge = |name: &str, help: &str, value: i64| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "# HELP offhook_{name} {help}\n# TYPE offhook_{name} gauge\noffhook_{name} {value}");
    };
    let age = snapshot.confirmed_at.map_or(-1, |at| now.duration_since(at).as_secs().max(0));
    gauge("pbx_up", "Whether the PBX database answers.", i64::from(snapshot.down.is_none()));
    gauge("roster_age_seconds", "Seconds since the PBX last confirmed the roster; -1 = never.", age);
    gauge("manager_up", "Whether Asterisk's manager interface answers.", i64::from(hub.manager().up));
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    gauge("phones_assigned", "Phones with an assignment.", count(snapshot.assignments.len()));
    gauge("extensions", "Extensions of the PBX.", count(snapshot.roster.as_ref().map_or(0, |r| r.accounts.len())));
    let polls = snapshot.polls;
    let _ = writeln!(
        out,
        "# HELP offhook_pbx_polls_total Looks taken at the PBX.\n# TYPE offhook_pbx_polls_total counter\noffhook_pbx_polls_total {polls}"
    );
    let dropped = crate::log::dropped();
    let _ = writeln!(
        out,
        "# HELP offhook_log_dropped_total Log lines that nobody took.\n# TYPE offhook_log_dropped_total counter\noffhook_log_dropped_total {dropped}"
    );
    let _ = writeln!(
        out,
        "# HELP offhook_tftp_dropped_total Datagrams that got no answer, by reason.\n# TYPE offhook_tftp_dropped_total counter"
    );
    for why in DropReason::ALL {
        let (word, n) = (why.word(), desk.dropped().so_far(why));
        let _ = writeln!(out, "offhook_tftp_dropped_total{{reason=\"{word}\"}} {n}");
    }
    let _ = writeln!(out, "# HELP offhook_phones Assigned phones by stage and health.\n# TYPE offhook_phones gauge");
    let mut counts: std::collections::BTreeMap<(Stage, Health), u64> = std::collections::BTreeMap::new();
    for (stage, health) in hub.stages() {
        *counts.entry((stage, health)).or_default() += 1;
    }
    for ((stage, health), n) in counts {
        let (stage, health) = (word(stage), word(health));
        let _ = writeln!(out, "offhook_phones{{stage=\"{stage}\",health=\"{health}\"}} {n}");
    }
    out
}
