//! One line of the phone registered, and another did not.

use jiff::{SignedDuration, Timestamp};

use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::status::Health;
use crate::timeline::COMES_BACK;

/// Lines register one after another, within seconds.
const PATIENCE: SignedDuration = SignedDuration::from_secs(90);

pub(super) const RULE: Rule = Rule {
    code: "line-missing",
    title: "One line of the phone registered and another did not",
    text: "The phone, the network and the registrar work, so it is this extension: its secret was changed and not applied (Apply \
           Config), it is on another driver or port, another phone holds its only place (Max Contacts), or the PBX refuses it. `pjsip \
           show endpoint EXT` and `pjsip set logger on` in Asterisk show which.",
    health: Health::Stalled,
    check,
    due: Some(due),
    sources: &["AIOS"],
};

fn since(evidence: &Evidence<'_>) -> Option<Timestamp> {
    evidence.boot.registered.filter(|_| evidence.registrations_known)
}

/// A line that was there comes back with a phone that restarts.
fn due(evidence: &Evidence<'_>) -> Option<Timestamp> {
    let registers = since(evidence)?.checked_add(PATIENCE).ok();
    registers.max(evidence.boot.lost.and_then(|lost| lost.checked_add(COMES_BACK).ok()))
}

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    let desired = evidence.wanted()?;
    let since = since(evidence)?;
    let there = |user: &str| evidence.contacts.iter().any(|contact| contact.endpoint.name == user);
    let (some, missing): (Vec<_>, Vec<_>) = desired.phone.lines.iter().partition(|line| there(&line.sip_user));
    let early = due(evidence).is_some_and(|due| evidence.now < due);
    if some.is_empty() || missing.is_empty() || early || evidence.overdue().is_some() {
        return None;
    }
    let named: Vec<String> = missing.iter().map(|line| line.extension.to_string()).collect();
    let summary = format!("the phone registered, but not with extension {}", named.join(", "));
    let remedy = "press Apply Config; see that the extension is on the same driver and that no other phone holds its only contact";
    Some(Finding::new(&RULE, Severity::Error, summary, remedy).because([format!("other lines registered by {since}")]))
}
