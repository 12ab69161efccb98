//! What is known of a phone besides its events, as a script has it: what is there, and what others told at their times.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use jiff::Timestamp;

use super::given::SECRET;
use super::story::{Moment, Told, What, v4};
use super::{Differs, Flag, Given, Happens, Phone, Set};
use crate::convert::belief::Runs;
use crate::convert::{Belief, Conversion, Source};
use crate::domain::{ContactState, Driver, EventKind, LineKind, PhoneOptions};
use crate::firmware::set::FirmwareSet;
use crate::pbx::roster::{Account, Assignment, Roster};

/// Questions for an address that are written: enough that they show.
const QUESTIONS: u32 = 8;

/// Sets that are written at most.
const SETS: usize = 16;

/// What is there before anything happens.
pub(super) fn given(told: &Told<'_>, began: Timestamp, later: bool) -> Vec<Given> {
    let evidence = told.evidence;
    let mut given = Vec::new();
    let Some(roster) = evidence.roster else { return vec![Given::NoPbx] };
    if !evidence.registrations_known {
        given.push(Given::NoManager);
    }
    // Where somebody answers, the tables are not all there is.
    let answers = |driver| evidence.probed.tcp.get(&driver).is_some_and(|tried| tried.outcome.is_ok());
    let ports = |driver| roster.registrar.of(driver);
    let off = |driver| ports(driver).tcp.is_none() && ports(driver).udp.is_some() && !answers(driver);
    let drivers: BTreeSet<Driver> = accounts(evidence.assignment, roster).map(|account| account.driver).collect();
    if drivers.iter().any(|driver| off(*driver)) {
        given.push(Given::NoTcp);
    }
    if evidence.probed.tcp.iter().any(|(driver, tried)| drivers.contains(driver) && tried.outcome.is_err()) {
        given.push(Given::TcpSilent);
    }
    if !evidence.ntp_here {
        given.push(Given::NoClock);
    }
    let silent = evidence.probed.clocks.iter().filter(|(_, said)| said.is_err()).map(|(host, _)| host);
    let asked = evidence.desired.and_then(|desired| desired.phone.options.ntp.as_ref());
    given.extend(silent.filter(|host| asked == Some(host)).cloned().map(Given::ClockSilent));
    given.extend(told.transport.map(Given::Transport));
    given.extend(evidence.desired.iter().flat_map(|desired| options(&desired.phone.options)));
    let sharing = told.sharing.iter().copied();
    for assignment in evidence.assignment.into_iter().chain(sharing.clone()) {
        let own = assignment.mac == told.mac;
        let codes = told.problems.iter().filter(|_| own).map(|problem| problem.code.clone());
        // That an extension is on several phones follows.
        let problems = codes.filter(|code| told.sharing.is_empty() || code != "assigned-twice").collect();
        given.push(Given::Phone(Phone { problems, later: own && later, ..phone(assignment) }));
    }
    let mut named = BTreeSet::new();
    for assignment in evidence.assignment.into_iter().chain(sharing) {
        for button in assignment.registering().filter(|button| named.insert(button.extension.as_str())) {
            given.extend(differs(told, roster, &button.extension).map(Given::Extension));
        }
    }
    let sets = sets(told);
    given.extend(sets.iter().filter(|set| added(told, set) <= began).map(|set| Given::Firmware(written(set))));
    let asked = asked_names(told);
    let erased =
        told.erased.iter().filter(|(term, _)| asked.contains(&format!("{}.default.loads", term.to_lowercase())));
    given.extend(erased.map(|(term, load)| Given::Erased(term.clone(), load.clone())));
    let words = told.belief.into_iter().flat_map(Belief::words);
    let seen = |source| matches!(source, Source::Images | Source::Admin);
    let runs = words.filter(|(source, _)| seen(*source) && converted(told, began).is_none());
    given.extend(runs.filter_map(|(_, word)| match &word.runs {
        Runs::Load(load) => Some(Given::Runs(load.name.clone())),
        _ => None,
    }));
    given
}

fn accounts<'a>(assignment: Option<&'a Assignment>, roster: &'a Roster) -> impl Iterator<Item = &'a Account> {
    let buttons = assignment.into_iter().flat_map(Assignment::registering);
    buttons.filter_map(|button| roster.accounts.get(&button.extension.parse().ok()?))
}

/// The keys of `[phones]` that a phone's file is made of; never its password.
fn options(options: &PhoneOptions) -> Vec<Given> {
    let options = PhoneOptions { phone_password: None, ..options.clone() };
    let Ok(serde_json::Value::Object(keys)) = serde_json::to_value(options) else { return Vec::new() };
    let value = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        serde_json::Value::Array(all) => all.iter().filter_map(serde_json::Value::as_str).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    keys.into_iter().map(|(key, said)| Given::Option(key, value(said))).collect()
}

fn phone(assignment: &Assignment) -> Phone {
    let mut lines = BTreeMap::new();
    for button in assignment.registering() {
        lines.insert(button.button, button.extension.clone());
    }
    let last = lines.keys().next_back().copied().unwrap_or_default();
    let others = assignment.buttons.iter().filter(|button| button.kind != LineKind::Line).count();
    // A button 0 is none; it stands where no phone has one either.
    let none = lines.remove(&0);
    Phone {
        model: assignment.model.as_ref().map(ToString::to_string),
        lines: (1..=last).map(|button| lines.remove(&button).unwrap_or_default()).chain(none).collect(),
        keys: others.try_into().unwrap_or(u8::MAX),
        target: assignment.target_load.clone(),
        disabled: !assignment.enabled,
        ..Phone::of(assignment.mac)
    }
}

/// An extension, where it is not the plain one.
fn differs(told: &Told<'_>, roster: &Roster, extension: &str) -> Option<Differs> {
    let mut differs = Differs::plain(extension.to_owned());
    let plain = differs.clone();
    let left_out = told.evidence.desired.into_iter().flat_map(|desired| &desired.phone.left_out);
    let mut problem = left_out.filter(|line| line.extension == extension).map(|line| line.problem.code.clone());
    let Some(account) = extension.parse().ok().and_then(|extension| roster.accounts.get(&extension)) else {
        differs.flags.push(Flag::Absent);
        differs.problems.extend(problem.find(|code| code != "extension-missing"));
        return Some(differs);
    };
    differs.user = Some(account.sip_user.clone()).filter(|user| user != extension);
    differs.auth = Some(account.auth_user.clone()).filter(|auth| *auth != account.sip_user);
    differs.contacts = account.max_contacts;
    differs.settings = account.settings.clone();
    differs.problems = account.problems.iter().map(|problem| problem.code.clone()).collect();
    differs.only = match (account.transports.udp, account.transports.tcp) {
        (true, false) => Some(crate::domain::SipTransport::Udp),
        (false, true) => Some(crate::domain::SipTransport::Tcp),
        _ => None,
    };
    let flags = [
        (Flag::Nat, account.nat.force_rport || account.nat.rewrite_contact),
        (Flag::ChanSip, account.driver == Driver::ChanSip),
        (Flag::NoSecret, account.secret.is_none()),
        (Flag::OddSecret, problem.any(|code| code == "secret-characters")),
    ];
    differs.flags = flags.into_iter().filter(|(_, is)| *is).map(|(flag, _)| flag).collect();
    differs.secret = account.secret.as_ref().map_or(SECRET, |secret| secret.expose().chars().count());
    (differs != plain).then_some(differs)
}

/// Names that it asked for, in lower case.
fn asked_names(told: &Told<'_>) -> BTreeSet<String> {
    let name = |kind: &EventKind| match kind {
        EventKind::FileAsked { name, .. } => Some(name.to_lowercase()),
        _ => None,
    };
    told.rows.iter().filter_map(|row| name(&row.event.what)).collect()
}

/// Sets that its files, its target or its conversion touch.
fn sets<'a>(told: &Told<'a>) -> Vec<&'a FirmwareSet> {
    let evidence = told.evidence;
    let asked = asked_names(told);
    let mut loads: BTreeSet<&str> =
        evidence.assignment.and_then(|phone| phone.target_load.as_deref()).into_iter().collect();
    loads.extend(evidence.conversion.into_iter().flat_map(|way| way.steps.iter().map(|step| step.to.as_str())));
    loads.extend(evidence.runs.map(|runs| runs.name.as_str()));
    let touches = |set: &&FirmwareSet| {
        let mut names = set.files.iter().map(|file| &file.name).chain(&set.missing);
        names.any(|name| asked.contains(&name.to_lowercase()))
            || loads.iter().any(|load| set.load.eq_ignore_ascii_case(load))
    };
    evidence.firmware.index().sets.values().filter(touches).take(SETS).collect()
}

/// When the last of its files came.
fn added(told: &Told<'_>, set: &FirmwareSet) -> Timestamp {
    let of = |sha256: &String| set.files.iter().any(|file| file.sha256 == *sha256);
    let records = told.evidence.firmware.index().records.iter().filter(|record| of(&record.sha256));
    records.map(|record| record.added).max().unwrap_or(Timestamp::UNIX_EPOCH)
}

fn written(set: &FirmwareSet) -> Set {
    let damaged = || vec!["(damaged)".to_owned()];
    let lacks = if set.complete {
        Vec::new()
    } else if set.missing.is_empty() {
        damaged()
    } else {
        set.missing.clone()
    };
    Set { load: set.load.clone(), files: set.files.iter().map(|file| file.name.clone()).collect(), lacks }
}

/// Firmware that came in the course of the script.
pub(super) fn brought(told: &Told<'_>, began: Timestamp) -> Vec<Moment> {
    let late = sets(told).into_iter().map(|set| (added(told, set), set)).filter(|(at, _)| *at > began);
    late.map(|(at, set)| Moment::new(at, Happens::Brings(written(set)))).collect()
}

/// Its conversion, where it goes on or went on in the course of the script.
fn converted<'a>(told: &Told<'a>, began: Timestamp) -> Option<&'a Conversion> {
    told.evidence.conversion.filter(|conversion| !conversion.done() || conversion.started >= began)
}

/// What others than itself told of it.
pub(super) fn told(told: &Told<'_>, began: Timestamp, moments: &mut Vec<Moment>) {
    let evidence = told.evidence;
    let mut more = Vec::new();
    for server in evidence.told.misleading {
        let wrong = server.wrong.first().cloned().unwrap_or_default();
        more.push(Moment::new(began, Happens::Misled(server.server, wrong)));
    }
    if let Some(asking) = evidence.told.asking {
        let gaps = i32::try_from(asking.times.saturating_sub(1)).unwrap_or(i32::MAX).max(1);
        let pace = asking.last.duration_since(asking.since) / gaps;
        for back in (0..asking.times.min(QUESTIONS)).rev() {
            let at = asking.last.checked_sub(pace * i32::try_from(back).unwrap_or_default());
            more.push(Moment::new(at.unwrap_or(asking.last), Happens::Discovers));
        }
    }
    let announced = &evidence.seen.announced;
    if let Some(at) = announced.at() {
        let sighted = |row: &crate::timeline::Row| matches!(row.event.what, EventKind::Sighted { .. });
        let news = told.rows.iter().rev().find(|row| sighted(row)).map(|row| row.event.at);
        let (model, load) = (announced.model().map(|model| model.to_string()), announced.load().map(str::to_owned));
        more.push(Moment::new(news.unwrap_or(at), Happens::Announces { model, load, vlan: announced.vlan() }));
    }
    if let Some(way) = converted(told, began) {
        let from = Some(way.from.clone()).filter(|from| from != "unknown");
        let (at, to) = (way.started.max(began), way.target.clone());
        more.push(Moment::new(at, Happens::Converts { to, from, held: true }));
        more.extend(way.armed.map(|armed| Moment::new(armed.max(at), Happens::Begins)));
    }
    if let Some(rejected) = evidence.rejected {
        let told = moments
            .iter()
            .any(|moment| matches!(moment.what, What::Happens(Happens::Rejects { .. })) && moment.at >= rejected.at);
        let at = v4(rejected.address).filter(|ip| evidence.seen.ip.and_then(v4) != Some(*ip));
        if !told {
            let extension = rejected.endpoint.name.clone();
            more.push(Moment::new(rejected.at, Happens::Rejects { extension, why: rejected.why, at }));
        }
    }
    page(told, moments, &mut more);
    registrations(told, began, moments, &mut more);
    for moment in &mut more {
        moment.at = moment.at.min(evidence.now);
    }
    moments.extend(more);
}

/// What its own page says: of a phone that was seen where it is.
fn page(told: &Told<'_>, moments: &[Moment], more: &mut Vec<Moment>) {
    let asks = |moment: &&Moment| {
        matches!(&moment.what, What::Happens(Happens::Asks { from: None, .. } | Happens::Gets(_) | Happens::Loses(..)))
    };
    let boot = told.evidence.told.boot_loader.map(str::to_owned);
    let said = told.belief.and_then(|belief| {
        let (_, word) = belief.words().find(|(source, _)| *source == Source::WebPage)?;
        match &word.runs {
            Runs::Load(load) | Runs::About(load) => Some((word.at, load.name.clone())),
            _ => None,
        }
    });
    let (Some(first), Some((at, load))) = (moments.iter().find(asks), said) else { return };
    more.push(Moment::new(at.max(first.at), Happens::Page { load, boot }));
}

/// Registrations that the events do not tell, or tell otherwise.
fn registrations(told: &Told<'_>, began: Timestamp, moments: &[Moment], more: &mut Vec<Moment>) {
    let mut known: BTreeMap<&str, ContactState> = BTreeMap::new();
    for moment in moments {
        match &moment.what {
            What::Happens(Happens::Registers { extension, .. }) => {
                known.insert(extension, ContactState::Registered);
            }
            What::Happens(Happens::Unreachable(extension)) => {
                known.insert(extension, ContactState::Unreachable);
            }
            What::Happens(Happens::Gone(extension)) => {
                known.remove(extension.as_str());
            }
            _ => {}
        }
    }
    let last = moments.last().map_or(began, |moment| moment.at);
    for contact in told.evidence.contacts {
        let before = known.get(contact.endpoint.name.as_str()).copied();
        let extension = contact.endpoint.name.clone();
        if before.is_none() || (before != Some(contact.state) && contact.state == ContactState::Registered) {
            let own = told.evidence.seen.ip.and_then(v4);
            let at: Option<Ipv4Addr> = contact.ip.and_then(v4).filter(|ip| Some(*ip) != own);
            let when = contact.since.max(if before.is_none() { began } else { last });
            let (extension, agent) = (extension.clone(), contact.user_agent.clone());
            more.push(Moment::new(when, Happens::Registers { extension, at, agent }));
        }
        if before != Some(contact.state) && contact.state == ContactState::Unreachable {
            more.push(Moment::new(contact.since.max(last), Happens::Unreachable(extension)));
        }
    }
}
