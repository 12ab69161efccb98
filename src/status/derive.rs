//! The state of a phone: a pure function of what is wanted, what happened, what the PBX sees, and the time.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Health, PhoneStatus, Stage};
use crate::access::CONCERNS;
use crate::convert::{Conversion, StepState, text};
use crate::diagnose::{Evidence, Finding, REJECTED, diagnose, due};
use crate::domain::{Contact, ContactState, Driver, Line, MacAddr, SipTransport};
use crate::fleet::{Seen, TO_AND_FRO};

/// A phone's state and the findings behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What is published.
    pub status: Arc<PhoneStatus>,
    /// Worst first.
    pub findings: Vec<Finding>,
    /// Line keys and whether each is registered.
    pub lines: Vec<(u8, String, String, bool)>,
    /// The driver that it is to reach over TCP, while it has not registered.
    pub awaits_tcp: Option<Driver>,
    /// When time alone may change this.
    pub due: Option<Timestamp>,
}

/// Judges one phone. `before` is its last published state: `since` is kept while stage, health and reason stay.
pub fn derive(mac: MacAddr, evidence: &Evidence<'_>, seen: &Seen, before: Option<&Arc<PhoneStatus>>) -> Judged {
    let judged_findings = diagnose(evidence);
    let lines = lines(evidence);
    let total = lines.len();
    let registered = lines.iter().filter(|(.., registered)| *registered).count();
    let stage = stage(evidence, total, registered);
    let (health, reason, summary) = health(evidence, stage, &judged_findings, (registered, total));
    let unchanged = before.filter(|b| b.stage == stage && b.health == health && b.reason == reason);
    let status = PhoneStatus {
        mac,
        ip: evidence.contacts.iter().find_map(|contact| contact.ip).or(seen.ip),
        stage,
        health,
        reason,
        summary,
        load: evidence.runs.map(|load| load.name.clone()).or_else(|| seen.load.clone()),
        lines_registered: u16::try_from(registered).unwrap_or(u16::MAX),
        lines_total: u16::try_from(total).unwrap_or(u16::MAX),
        since: unchanged.map_or(evidence.now, |b| b.since),
    };
    Judged {
        // The same value as before, where it says the same: who holds it need not compare.
        status: before.filter(|b| ***b == status).map_or_else(|| Arc::new(status), Arc::clone),
        findings: judged_findings.into_iter().map(|(_, finding)| finding).collect(),
        lines,
        awaits_tcp: awaits_tcp(evidence),
        due: due(evidence)
            .into_iter()
            .chain(parted(evidence))
            .chain(forgotten(evidence))
            .chain(rejected_no_more(evidence))
            .chain(evidence.overdue().filter(|overdue| *overdue > evidence.now))
            .min(),
    }
}

/// When a twin that is not heard any more is none.
fn parted(evidence: &Evidence<'_>) -> Option<Timestamp> {
    evidence.twin.and_then(|(_, at)| at.checked_add(TO_AND_FRO).ok())
}

/// When a denial concerns nobody any more.
fn forgotten(evidence: &Evidence<'_>) -> Option<Timestamp> {
    evidence.denied.and_then(|denied| denied.at.checked_add(CONCERNS).ok())
}

/// When a rejection concerns nobody any more.
fn rejected_no_more(evidence: &Evidence<'_>) -> Option<Timestamp> {
    evidence.rejected().and_then(|rejected| rejected.at.checked_add(REJECTED).ok())
}

/// Whether it may be writing its flash: it downloads and has not registered since.
fn in_flash(evidence: &Evidence<'_>) -> bool {
    evidence.boot.registered.is_none() && evidence.conversion.is_some_and(Conversion::in_flash)
}

fn awaits_tcp(evidence: &Evidence<'_>) -> Option<Driver> {
    let phone = &evidence.desired?.phone;
    let enabled = evidence.assignment.is_none_or(|assignment| assignment.enabled);
    let waits = enabled && phone.transport == SipTransport::Tcp && evidence.contacts.is_empty();
    let account = |line: &Line| Some(evidence.roster?.accounts.get(&line.extension)?.driver);
    phone.lines.iter().find_map(account).filter(|_| waits)
}

/// Button, extension, label, registered: every line that was assigned, left out or not.
fn lines(evidence: &Evidence<'_>) -> Vec<(u8, String, String, bool)> {
    let Some(assignment) = evidence.assignment else { return Vec::new() };
    assignment
        .registering()
        .map(|button| {
            let user = evidence
                .desired
                .and_then(|d| d.phone.lines.iter().find(|line| line.button == button.button))
                .map(|line| line.sip_user.as_str());
            let registered = user.is_some_and(|user| registered(evidence.contacts, user));
            (button.button, button.extension.clone(), button.label.clone(), registered)
        })
        .collect()
}

fn registered(contacts: &[Contact], user: &str) -> bool {
    contacts.iter().any(|contact| contact.endpoint.name == user && contact.state == ContactState::Registered)
}

fn stage(evidence: &Evidence<'_>, total: usize, registered: usize) -> Stage {
    let boot = evidence.boot;
    if in_flash(evidence) {
        Stage::Loading
    } else if total > 0 && registered == total {
        Stage::Registered
    } else if registered > 0 {
        Stage::Partial
    } else if !evidence.contacts.is_empty() || boot.lost.is_some() {
        Stage::Unreachable
    } else if boot.firmware_asked.is_some() && boot.firmware_asked > boot.config_asked {
        Stage::Loading
    } else if boot.config_taken.is_some() {
        Stage::Registering
    } else if boot.config_sent.is_some() {
        Stage::Configured
    } else if boot.last.is_some() {
        Stage::Booting
    } else if boot.leased.is_some() {
        Stage::Leased
    } else {
        Stage::Silent
    }
}

/// Health, reason and one sentence: the worst finding where there is one, else what the stage says.
fn health(
    evidence: &Evidence<'_>,
    stage: Stage,
    findings: &[(Health, Finding)],
    (registered, total): (usize, usize),
) -> (Health, String, String) {
    let say = |health: Health, reason: &str, summary: String| (health, reason.to_owned(), summary);
    if evidence.assignment.is_none() {
        let does = if evidence.boot.last.is_some() { "asks for files" } else { "announces itself" };
        return say(
            Health::NeedsHands,
            "not-assigned",
            format!("this phone {does}, and nobody assigned an extension to it: add its MAC in the PBX"),
        );
    }
    if evidence.assignment.is_some_and(|assignment| !assignment.enabled) {
        return say(Health::Ok, "disabled", "this phone is disabled in the PBX".to_owned());
    }
    if total == 0 {
        return say(
            Health::NeedsHands,
            "no-lines",
            "no extension is assigned to this phone: give it one in the PBX".to_owned(),
        );
    }
    // Before whatever else is wrong with it: a phone without power in this moment may never come back.
    if let Some(conversion) = evidence.conversion.filter(|_| in_flash(evidence)) {
        let load = conversion.step().map_or(conversion.target.as_str(), |step| step.to.as_str());
        let share = conversion.percent().map_or_else(String::new, |percent| format!(" {percent} %,"));
        return say(Health::Waiting, "loading", format!("downloads {load}:{share} never cut its power now"));
    }
    // What would keep a SIP phone from working is nothing to it.
    if evidence.contacts.is_empty() && evidence.on_sccp() {
        let summary = "runs SCCP, as it was told to: it registers at its call manager, not here".to_owned();
        return say(Health::Ok, "runs-sccp", summary);
    }
    let worst = findings
        .iter()
        .find(|(health, finding)| *health != Health::Ok && finding.severity == crate::diagnose::Severity::Error);
    if let Some((health, finding)) = worst {
        return (
            *health,
            finding.code.clone(),
            format!("{}: {}", finding.summary.trim_end_matches('.'), finding.remedy),
        );
    }
    if let Some(conversion) = evidence.converting().filter(|_| !matches!(stage, Stage::Registered | Stage::Partial)) {
        let done = conversion.steps.iter().filter(|step| step.state == StepState::Verified).count();
        let summary = format!("step {} of {}: {}", done + 1, conversion.steps.len(), conversion.next(evidence.turn));
        return say(Health::Waiting, "converting", summary);
    }
    let no_word = !evidence.registrations_known;
    match stage {
        Stage::Registered => {
            let failed = evidence.conversion.and_then(|conversion| Some((conversion.failed()?, &conversion.target)));
            let but = failed.map_or_else(String::new, |(failure, target)| {
                format!(", and not converted to {target}; see `offhook explain {}`", failure.code())
            });
            say(Health::Ok, "registered", format!("registered, {registered} of {total} lines{but}"))
        }
        Stage::Partial => say(Health::Waiting, "some-lines", format!("{registered} of {total} lines are registered")),
        Stage::Unreachable if evidence.contacts.is_empty() && no_word => say(
            Health::Waiting,
            "registration-unknown",
            "its registration ended; whether it is back is unknown while Asterisk's manager interface is away"
                .to_owned(),
        ),
        Stage::Unreachable if !evidence.stays_away() && evidence.contacts.is_empty() => say(
            Health::Waiting,
            "registration-ended",
            "its registration ended: it may be restarting, and is given three minutes to come back".to_owned(),
        ),
        Stage::Unreachable if !evidence.stays_away() => say(
            Health::Waiting,
            "unreachable",
            "registered, but it does not answer: it may be restarting, and is given three minutes to come back"
                .to_owned(),
        ),
        Stage::Unreachable if evidence.contacts.is_empty() => say(
            Health::Stalled,
            "registration-ended",
            "its registration ended and it has not come back: see whether it has power and network".to_owned(),
        ),
        Stage::Unreachable => say(
            Health::Stalled,
            "unreachable",
            "registered, but it does not answer: it lost power or network, or listens elsewhere".to_owned(),
        ),
        _ if no_word && evidence.boot.config_sent.is_some() => say(
            Health::Waiting,
            "registration-unknown",
            "it has its configuration; whether it registered is unknown while Asterisk's manager interface is away"
                .to_owned(),
        ),
        Stage::Registering => {
            say(Health::Waiting, "registering", "it has taken its configuration and should register now".to_owned())
        }
        Stage::Configured => say(Health::Waiting, "configured", "it has fetched its configuration".to_owned()),
        Stage::Loading => say(Health::Waiting, "loading", "it asks for firmware".to_owned()),
        Stage::Leased => say(
            Health::Waiting,
            "leased",
            format!(
                "it has an address from us and should ask for its first file now; if it does not, Alternate TFTP is on ({})",
                text::network_settings(evidence.family())
            ),
        ),
        Stage::Booting => {
            let refused = evidence.boot.config_refused.as_deref().filter(|code| *code != "other-family");
            match refused {
                // It is assigned by now.
                Some("not-assigned") => say(
                    Health::Waiting,
                    "booting",
                    "it asked for its files before it was assigned: power-cycle it, unless it asks again by itself (a 7940 or 7960 does within 31 s)".to_owned(),
                ),
                Some(code) => say(Health::Waiting, code, format!("its configuration was not served ({code})")),
                None => say(Health::Waiting, "booting", "it asks for its first files".to_owned()),
            }
        }
        Stage::Silent => say(
            Health::Waiting,
            "not-seen",
            format!(
                "nothing heard of it yet: plug it in; if it stays silent, it gets no option 150, or Alternate TFTP is on ({})",
                text::network_settings(evidence.family())
            ),
        ),
    }
}

#[cfg(test)]
mod tests;
