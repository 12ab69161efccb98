//! `/metrics`: what an administrator graphs and is woken by, in Prometheus' text format 0.0.4. `docs/metrics.md` says what each
//! means. Labels are words of this program and of its configuration, never of the network: their number is bounded.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use jiff::Timestamp;

use crate::hub::Operations;
use crate::status::{Health, Stage, word};
use crate::syslog::gate::Fate;
use crate::tftp::exchange::DropReason;

/// Whose HTTP requests.
#[derive(Clone, Copy, Debug)]
pub enum Side {
    /// Phones', over TCP.
    Phones,
    /// People's, over TCP.
    People,
    /// The command line's and the PBX's, on the sockets.
    Socket,
}

const SIDES: [&str; 3] = ["phones", "people", "socket"];
const CLASSES: usize = 5;

/// How many HTTP requests were answered, by side and class of the status.
#[derive(Debug, Default)]
pub struct Answers([[AtomicU64; CLASSES]; SIDES.len()]);

impl Answers {
    fn count(&self, side: Side, status: u16) {
        let class = usize::from(status / 100).checked_sub(1);
        let count = class.and_then(|class| self.0.get(side as usize)?.get(class));
        if let Some(count) = count {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Counts the answers of a router.
pub fn counted(router: Router, side: Side, answers: &Arc<Answers>) -> Router {
    let answers = Arc::clone(answers);
    router.layer(middleware::map_response(move |response: Response| {
        answers.count(side, response.status().as_u16());
        std::future::ready(response)
    }))
}

pub(super) async fn metrics(State(desk): State<Arc<Operations>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text(&desk, Timestamp::now()))
}

/// A text that grows by families, each named and explained once.
#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP offhook_{name} {help}\n# TYPE offhook_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.0, "offhook_{name}");
        for (at, (label, word)) in labels.iter().enumerate() {
            let open = if at == 0 { '{' } else { ',' };
            let word = word.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{open}{label}=\"{word}\"");
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "counter", help);
        self.sample(name, &[], value);
    }
}

/// All there is.
fn text(desk: &Operations, now: Timestamp) -> String {
    let mut text = Text::default();
    text.family("build_info", "gauge", "This program; always 1.");
    text.sample("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    pbx(&mut text, desk, now);
    phones(&mut text, desk);
    files(&mut text, desk);
    dhcp(&mut text, desk);
    firmware(&mut text, desk);
    own(&mut text, desk);
    text.0
}

fn pbx(text: &mut Text, desk: &Operations, now: Timestamp) {
    let (hub, snapshot) = (desk.hub(), desk.hub().snapshot());
    text.gauge("pbx_up", "Whether the PBX database answers.", i32::from(snapshot.down.is_none()));
    let age = snapshot.confirmed_at.map_or(-1, |at| now.duration_since(at).as_secs().max(0));
    text.gauge("roster_age_seconds", "Seconds since the PBX last confirmed the roster; -1 = never.", age);
    text.counter("pbx_polls_total", "Looks taken at the PBX.", snapshot.polls);
    let pending = snapshot.roster.as_ref().is_some_and(|roster| roster.apply_pending);
    text.gauge("pbx_apply_pending", "Whether the PBX holds changes that are not live.", i32::from(pending));
    let extensions = snapshot.roster.as_ref().map_or(0, |roster| roster.accounts.len());
    text.gauge("extensions", "Extensions of the PBX.", extensions);
    let manager = hub.manager();
    text.gauge("manager_up", "Whether Asterisk's manager interface answers.", i32::from(manager.up));
    let help = "Whether the manager user hears why registrations are rejected.";
    text.gauge("manager_hears_rejections", help, i32::from(manager.hears));
    text.family("sink_up", "gauge", "Whether the status is written to this destination.");
    for (name, trouble) in desk.sinks() {
        text.sample("sink_up", &[("sink", &name)], i32::from(trouble.is_none()));
    }
}

fn phones(text: &mut Text, desk: &Operations) {
    let hub = desk.hub();
    text.gauge("phones_assigned", "Phones with an assignment.", hub.snapshot().assignments.len());
    text.family("phones", "gauge", "Assigned phones by stage and health.");
    let mut counts: BTreeMap<(Stage, Health), u64> = BTreeMap::new();
    for at in hub.stages() {
        *counts.entry(at).or_default() += 1;
    }
    for ((stage, health), count) in counts {
        text.sample("phones", &[("stage", &word(stage)), ("health", &word(health))], count);
    }
    let lines = hub.lines();
    text.gauge("lines", "Lines of assigned phones.", lines.all);
    text.gauge("lines_registered", "Lines of assigned phones that are registered.", lines.registered);
    text.gauge("lines_unreachable", "Registrations of phones that do not answer.", lines.unreachable);
    text.family("findings", "gauge", "Findings of assigned phones by code.");
    for (code, count) in hub.finding_counts() {
        // Only what `explain` knows is a word of ours.
        if crate::diagnose::explanation(&code).is_some() {
            text.sample("findings", &[("code", &code)], count);
        }
    }
    text.family("events_total", "counter", "Events of phones by kind.");
    for (kind, count) in hub.counts().events {
        text.sample("events_total", &[("kind", kind)], count);
    }
    text.family("syslog_lines_total", "counter", "Lines of syslog by what became of them.");
    for fate in Fate::ALL {
        text.sample("syslog_lines_total", &[("fate", fate.word())], desk.said().so_far(fate));
    }
}

fn files(text: &mut Text, desk: &Operations) {
    let counts = desk.hub().counts();
    text.family("file_requests_total", "counter", "Requests for files by answer.");
    for ((transport, answer), count) in counts.requests {
        text.sample("file_requests_total", &[("transport", transport), ("answer", answer)], count);
    }
    text.family("file_transfers_total", "counter", "Files on their way by how that ended.");
    for ((transport, outcome), count) in counts.transfers {
        text.sample("file_transfers_total", &[("transport", transport), ("outcome", outcome)], count);
    }
    text.family("file_sent_bytes_total", "counter", "Octets of files that were sent whole.");
    for (transport, octets) in counts.octets {
        text.sample("file_sent_bytes_total", &[("transport", transport)], octets);
    }
    text.family("tftp_dropped_total", "counter", "Datagrams that got no answer, by reason.");
    for why in DropReason::ALL {
        text.sample("tftp_dropped_total", &[("reason", why.word())], desk.dropped().so_far(why));
    }
    text.family("http_answers_total", "counter", "HTTP requests by side and class of the answer.");
    for (side, classes) in SIDES.iter().zip(&desk.answers().0) {
        for (class, count) in (1..).zip(classes) {
            let class = format!("{class}xx");
            text.sample("http_answers_total", &[("side", side), ("status", &class)], count.load(Ordering::Relaxed));
        }
    }
}

fn dhcp(text: &mut Text, desk: &Operations) {
    let (pools, tallies) = desk.dhcp_counts();
    text.family("dhcp_pool_addresses", "gauge", "Addresses of a pool.");
    for (network, usage) in &pools {
        text.sample("dhcp_pool_addresses", &[("network", network)], usage.size);
    }
    text.family("dhcp_pool_addresses_used", "gauge", "Addresses of a pool that are given or kept back.");
    for (network, usage) in &pools {
        text.sample("dhcp_pool_addresses_used", &[("network", network)], usage.used);
    }
    text.family("dhcp_sent_total", "counter", "DHCP messages sent by type.");
    for (message, count) in tallies.sent {
        text.sample("dhcp_sent_total", &[("message", message)], count);
    }
    text.family("dhcp_dropped_total", "counter", "DHCP packets without an answer, by reason.");
    for (why, count) in tallies.dropped {
        text.sample("dhcp_dropped_total", &[("reason", why)], count);
    }
}

fn firmware(text: &mut Text, desk: &Operations) {
    let index = desk.firmware().index();
    let whole = index.sets.values().filter(|set| set.complete).count();
    text.family("firmware_sets", "gauge", "Loads in the store.");
    text.sample("firmware_sets", &[("complete", "true")], whole);
    text.sample("firmware_sets", &[("complete", "false")], index.sets.len() - whole);
    text.gauge("firmware_files_damaged", "Files of the store that are gone or damaged.", index.damaged.len());
    text.family("conversions", "gauge", "Conversions by the state of their present step.");
    for (state, count) in desk.hub().conversion_counts() {
        text.sample("conversions", &[("state", &state)], count);
    }
}

fn own(text: &mut Text, desk: &Operations) {
    text.gauge("store_up", "Whether the daemon's own database takes what is written.", i32::from(!desk.store_fails()));
    text.gauge("listen_held", "Addresses of ours that another program holds.", desk.held());
    text.counter("log_dropped_total", "Log lines that nobody took.", crate::log::dropped());
}
