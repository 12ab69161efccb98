//! `/`: how many phones are how, what needs hands first, phones that nobody assigned, and the list of all.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::Timestamp;

use super::check::Checked;
use super::find::Sought;
use super::lot::Lot;
use super::shown;
use super::visit::{Chrome, Visit};
use super::words::{When, explained, when};
use crate::api;
use crate::config::dhcp::Clients;
use crate::diagnose::explanation;
use crate::fleet::Snapshot;
use crate::hub::{Hub, Operations, Parts};
use crate::status::{PhoneStatus, Statuses};

/// Phones on one page of the list.
const ROWS: usize = 50;
/// Things that need hands which are told in full, and phones that are named for each.
const GROUPS: usize = 6;
const NAMED: usize = 6;
/// Phones that nobody assigned, the last heard ones.
const STRANGERS: usize = 20;
/// What the checks are called among the parts.
const CHECKS: &str = "Checks";
/// Extensions without a phone that are proposed.
const PROPOSED: usize = 100;

#[derive(Template)]
#[template(path = "web/overview.html")]
struct Overview {
    chrome: Chrome,
    headline: String,
    total: usize,
    lots: Vec<Count>,
    parts: Vec<Part>,
    groups: Vec<Group>,
    more_groups: usize,
    strangers: Vec<Stranger>,
    more_strangers: usize,
    free: Vec<Free>,
    models: Vec<String>,
    sought: Sought,
    found: usize,
    rows: Vec<Row>,
    pages: usize,
    before: Option<String>,
    after: Option<String>,
}

/// How many phones are so, and which part of the bar that is, in thousandths.
struct Count {
    key: String,
    name: &'static str,
    phones: usize,
    x: usize,
    width: usize,
    chosen: bool,
}

/// A part of the daemon.
pub(super) struct Part {
    name: &'static str,
    /// `ok`, `warn`, `bad`, `off`.
    class: &'static str,
    state: String,
    link: Option<&'static str>,
}

/// Phones with the same trouble.
struct Group {
    class: String,
    code: String,
    explained: Option<String>,
    title: String,
    summary: String,
    remedy: String,
    count: usize,
    macs: Vec<String>,
    all: String,
}

/// A phone that nobody assigned.
struct Stranger {
    mac: String,
    model: String,
    load: String,
    ip: String,
    vlan: String,
    asked: String,
    since: When,
}

/// An extension that no phone has.
pub(super) struct Free {
    pub extension: String,
    pub name: String,
}

struct Row {
    mac: String,
    model: String,
    lines: String,
    class: String,
    state: String,
    stage: String,
    registered: String,
    ip: String,
    summary: String,
    since: When,
}

pub(super) async fn page(
    visit: Visit,
    State(desk): State<Arc<Operations>>,
    Extension(checked): Extension<Arc<Checked>>,
    query: Result<Query<BTreeMap<String, String>>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let now = Timestamp::now();
    let (hub, snapshot) = (desk.hub(), desk.hub().snapshot());
    let statuses = hub.handed_out();
    let sought = Sought::new(&query.map(|Query(pairs)| pairs).unwrap_or_default());
    let of_which = hub.of_which(&sought.reason);
    let found = sought.find(statuses.values().map(|status| &**status), &of_which, &snapshot);
    let pages = found.len().div_ceil(ROWS).max(1);
    let sought = Sought { page: sought.page.min(pages), ..sought };
    let here = found.iter().skip((sought.page - 1) * ROWS).take(ROWS);
    let rows = here.filter_map(|mac| hub.phone(*mac)).map(|phone| row(&phone, now)).collect();
    let mut groups = groups(hub, &statuses);
    let more_groups = groups.len().saturating_sub(GROUPS);
    groups.truncate(GROUPS);
    let strangers = hub.strangers();
    let lots = lots(&statuses, &sought);
    checked.keep_fresh(&desk, now);
    shown(&Overview {
        headline: headline(&snapshot, &lots, statuses.len()),
        total: statuses.len(),
        lots,
        parts: parts(&desk, &snapshot, &checked, now),
        groups,
        more_groups,
        more_strangers: strangers.len().saturating_sub(STRANGERS),
        strangers: strangers.iter().take(STRANGERS).map(|phone| stranger(phone, now)).collect(),
        free: free(&snapshot),
        models: models(&snapshot),
        before: (sought.page > 1).then(|| sought.page(sought.page - 1)),
        after: (sought.page < pages).then(|| sought.page(sought.page + 1)),
        found: found.len(),
        rows,
        pages,
        chrome: visit.chrome("Phones", "/"),
        sought,
    })
}

/// Names of all models.
pub(super) fn models(snapshot: &Snapshot) -> Vec<String> {
    snapshot.catalog.models().map(|model| model.name.to_string()).collect()
}

fn lots(statuses: &Statuses, sought: &Sought) -> Vec<Count> {
    let mut counts: BTreeMap<Lot, usize> = BTreeMap::new();
    statuses.values().for_each(|status| *counts.entry(Lot::of_status(status)).or_default() += 1);
    let (total, mut x, mut so_far) = (statuses.len().max(1), 0, 0);
    let count = |lot: Lot| {
        let count = counts.get(&lot).copied().unwrap_or(0);
        so_far += count;
        let (from, to) = (x, so_far * 1_000 / total);
        x = to;
        let chosen = sought.state == lot.key();
        Count { key: lot.key(), name: lot.name(), phones: count, x: from, width: to - from, chosen }
    };
    Lot::ALL.into_iter().map(count).collect()
}

fn headline(snapshot: &Snapshot, lots: &[Count], total: usize) -> String {
    if !snapshot.ready() {
        return "The PBX has not been read yet: which phones there are is not known.".to_owned();
    }
    let of = |lot: Lot| lots.iter().find(|count| count.key == lot.key()).map_or(0, |count| count.phones);
    let trouble: usize = Lot::ALL.into_iter().filter(|lot| lot.is_trouble()).map(of).sum();
    match (total, of(Lot::Registered), trouble) {
        (0, ..) => "No phone is assigned yet.".to_owned(),
        (1, 1, 0) => "The one phone is registered.".to_owned(),
        (total, registered, 0) if registered == total => format!("All {total} phones are registered."),
        (total, registered, 0) => format!("{registered} of {total} phones are registered; none needs hands."),
        (total, registered, 1) => format!("{registered} of {total} phones are registered; one needs a look."),
        (total, registered, trouble) => {
            format!("{registered} of {total} phones are registered; {trouble} need a look.")
        }
    }
}

/// What needs hands, the same thing once: the worst first, then what most phones have.
fn groups(hub: &Hub, statuses: &Statuses) -> Vec<Group> {
    let mut by_reason: BTreeMap<(Lot, &str), Vec<&PhoneStatus>> = BTreeMap::new();
    for status in statuses.values().filter(|status| Lot::of_status(status).is_trouble()) {
        by_reason.entry((Lot::of_status(status), &status.reason)).or_default().push(status);
    }
    let mut groups: Vec<_> = by_reason.into_iter().collect();
    groups.sort_by_key(|((lot, _), phones)| (*lot, std::cmp::Reverse(phones.len())));
    // Their findings are looked at one by one: those that are told.
    let told = |(at, ((lot, code), phones)): (usize, ((Lot, &str), Vec<&PhoneStatus>))| {
        let first = phones.first()?;
        let findings = if at < GROUPS { hub.findings(first.mac) } else { Vec::new() };
        let finding = findings.into_iter().find(|finding| finding.code == code);
        let (summary, remedy) =
            finding.map_or_else(|| (first.summary.clone(), String::new()), |finding| (finding.summary, finding.remedy));
        Some(Group {
            class: lot.key(),
            code: code.to_owned(),
            explained: explained(code),
            title: explanation(code).map_or_else(|| lot.name().to_owned(), |(title, _)| title.to_owned()),
            summary,
            remedy,
            count: phones.len(),
            macs: phones.iter().take(NAMED).map(|phone| phone.mac.to_string()).collect(),
            all: Sought { reason: code.to_owned(), state: lot.key(), ..Sought::default() }.page(1),
        })
    };
    groups.into_iter().enumerate().filter_map(told).collect()
}

fn stranger(phone: &api::Phone, now: Timestamp) -> Stranger {
    let vlan = phone.announced.as_ref().and_then(|announced| announced.vlan);
    Stranger {
        mac: phone.mac.to_string(),
        model: phone.model.clone(),
        load: phone.load.clone().unwrap_or_default(),
        ip: phone.ip.map(|ip| ip.to_string()).unwrap_or_default(),
        vlan: vlan.map(|vlan| vlan.to_string()).unwrap_or_default(),
        asked: phone.asked.clone().unwrap_or_default(),
        since: when(phone.since, now),
    }
}

fn row(phone: &api::Phone, now: Timestamp) -> Row {
    let registered = phone.lines.iter().filter(|line| line.registered).count();
    let lot = Lot::of_words(&phone.stage, &phone.health, &phone.reason);
    Row {
        mac: phone.mac.to_string(),
        model: phone.model.clone(),
        lines: phone.lines.iter().map(|line| line.extension.as_str()).collect::<Vec<_>>().join(", "),
        class: lot.key(),
        state: lot.name().to_owned(),
        stage: phone.stage.clone(),
        registered: format!("{registered}/{}", phone.lines.len()),
        ip: phone.ip.map(|ip| ip.to_string()).unwrap_or_default(),
        summary: phone.summary.clone(),
        since: when(phone.since, now),
    }
}

/// Extensions that no phone has, as many as a person goes through.
pub(super) fn free(snapshot: &Snapshot) -> Vec<Free> {
    let buttons = snapshot.assignments.values().flat_map(|assignment| &assignment.buttons);
    let taken: std::collections::BTreeSet<&str> = buttons.map(|button| button.extension.as_str()).collect();
    let accounts = snapshot.roster.iter().flat_map(|roster| &roster.accounts);
    let free = accounts.map(|(extension, account)| (extension.to_string(), &account.name));
    let free = free.filter(|(extension, _)| !taken.contains(extension.as_str()));
    free.map(|(extension, name)| Free { extension, name: name.clone() }).take(PROPOSED).collect()
}

/// How the daemon's parts are, in one line each.
fn parts(desk: &Operations, snapshot: &Snapshot, checked: &Checked, now: Timestamp) -> Vec<Part> {
    let Parts { tftp, held, dhcp, leases, manager_wanted } = desk.parts();
    let part = |name, class, state: String| Part { name, class, state, link: None };
    let read =
        snapshot.confirmed_at.map_or_else(|| "never read".to_owned(), |at| format!("read {}", when(at, now).ago));
    let pbx = match (&snapshot.down, snapshot.ready()) {
        (Some(why), _) => part("PBX", "bad", format!("does not answer: {why}; {read}")),
        (None, false) => part("PBX", "warn", "not read yet".to_owned()),
        (None, true) => {
            let extensions = snapshot.roster.as_ref().map_or(0, |roster| roster.accounts.len());
            let pending = snapshot.roster.as_ref().is_some_and(|roster| roster.apply_pending);
            let class = if pending { "warn" } else { "ok" };
            let pending = if pending { "; saved changes wait for Apply Config" } else { "" };
            part("PBX", class, format!("{extensions} extensions{pending}"))
        }
    };
    let manager = desk.hub().manager();
    let manager = match (manager_wanted, manager.up) {
        (false, _) => part("Manager", "off", "not configured: who is registered is not known".to_owned()),
        (true, true) => part("Manager", "ok", "connected".to_owned()),
        (true, false) => {
            let why = manager.why.unwrap_or_else(|| "not connected yet".to_owned());
            part("Manager", "bad", format!("away: {why}; who is registered is as it was"))
        }
    };
    let held = held.into_iter().find(|held| held.starts_with("tftp"));
    let tftp = match held {
        Some(held) => part("TFTP", "bad", format!("another program holds {held}")),
        None => part("TFTP", "ok", format!("answers on {tftp}")),
    };
    let dhcp = match dhcp {
        None => part("DHCP", "off", "off: addresses come from elsewhere".to_owned()),
        Some(clients) => {
            let whom = if clients == Clients::Phones { "phones" } else { "all" };
            Part { link: Some("/leases"), ..part("DHCP", "ok", format!("serves {whom}, {leases} leases")) }
        }
    };
    vec![pbx, manager, tftp, dhcp, checked.part(now)]
}

impl Part {
    fn word(&self) -> &'static str {
        match self.class {
            "bad" if self.name == CHECKS => "failed",
            "bad" => "down",
            "warn" => "look",
            word => word,
        }
    }

    /// Of the checks.
    pub fn of_checks(class: &'static str, state: String) -> Self {
        Self { name: CHECKS, class, state, link: Some("/check") }
    }
}
