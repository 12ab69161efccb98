//! The phone registered, and the PBX cannot reach it.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::domain::Contact;
use crate::status::Health;

/// From its last request for a file to its registration a phone takes seconds, with all of its lines a minute or two. One that
/// registers later may have moved meanwhile.
const REGISTERS: SignedDuration = SignedDuration::from_mins(5);

pub(super) const RULE: Rule = Rule {
    code: "unreachable",
    title: "The phone registered and does not answer any more",
    text: "Asterisk holds its registration and gets no answer to OPTIONS: the phone lost power or network, or the PBX asks at the wrong port \
           (finding endpoint-nat): these phones send from a high port and listen on 5060, so a contact with another port was \
           rewritten on the way. Calls from the phone work then, and calls to it do not. A phone that restarts is away for a minute or \
           two: it is told of after three.",
    health: Health::Stalled,
    check,
    due: Some(overdue),
    sources: &["AIOS", "TEO"],
};

pub(super) const NAT: Rule = Rule {
    code: "behind-nat",
    title: "The phone is behind NAT and the PBX asks it at its inner address",
    text: "It asks for its files from one address and registers with another: a router between translates addresses, and Asterisk \
           cannot reach the inner one. Put the PBX, or a VPN, into the phone's network; or let Asterisk answer to where the \
           registration came from (rewrite_contact=yes), which a Java phone on TCP takes and a 7940, a 7960 or any phone on UDP does not: \
           those listen on port 5060 only. TFTP through NAT works where the router knows TFTP.",
    health: Health::Stalled,
    check: nat,
    due: Some(overdue),
    sources: &["AIOS", "TEO"],
};

/// Where the phone asked for files and registered: its contact, and the address that it asked from, which is another.
struct Apart<'a> {
    contact: &'a Contact,
    registered: IpAddr,
    asked: IpAddr,
    /// It was in both places at one time.
    at_once: bool,
}

/// A contact of a phone by its User-Agent: the same extension may be registered on a computer.
fn apart<'a>(evidence: &Evidence<'a>) -> Option<Apart<'a>> {
    let (asked, at) = evidence.boot.signs.from?;
    evidence.contacts.iter().filter(|contact| contact.is_cisco()).find_map(|contact| {
        let registered = contact.ip.filter(|ip| *ip != asked)?;
        // The event tells of the time before a restart of the daemon, the contact of that before it was reached again.
        let since = evidence.boot.registered.map_or(contact.since, |registered| registered.min(contact.since));
        // A registration of before it last asked for its configuration tells nothing of where it is now.
        let config = evidence.boot.config_asked.filter(|_| evidence.boot.registered.is_none());
        let of_now = config.is_none_or(|config| since >= config);
        Some(Apart { contact, registered, asked, at_once: of_now && since.duration_since(at) <= REGISTERS })
    })
}

fn overdue(evidence: &Evidence<'_>) -> Option<Timestamp> {
    evidence.overdue()
}

fn lost(evidence: &Evidence<'_>) -> bool {
    evidence.wanted().is_some() && !evidence.contacts.is_empty() && evidence.stays_away()
}

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    let apart = apart(evidence);
    if !lost(evidence) || apart.as_ref().is_some_and(|apart| apart.at_once) {
        return None;
    }
    let contact = apart.as_ref().map(|apart| apart.contact).or_else(|| evidence.contacts.first())?;
    let summary = "the phone registered, and does not answer the PBX".to_owned();
    let remedy = "see whether it has power and network; if it calls out well, the PBX asks at the wrong port: `offhook explain unreachable`";
    let perhaps = apart.as_ref().map(|Apart { asked, .. }| {
        format!("it last asked for files from {asked}: where it did not move since, NAT is between (`offhook explain behind-nat`)")
    });
    let facts = [Some(format!("the PBX asks at {}", contact.uri)), perhaps];
    Some(Finding::new(&RULE, Severity::Error, summary, remedy).because(facts.into_iter().flatten()))
}

fn nat(evidence: &Evidence<'_>) -> Option<Finding> {
    let Apart { registered, asked, .. } = apart(evidence).filter(|apart| apart.at_once && lost(evidence))?;
    let summary = format!(
        "the phone asks for its files from {asked} and registers as {registered}, where the PBX cannot reach it: NAT is between"
    );
    let remedy = "let the phone reach the PBX without NAT (a route, a VPN); see `offhook explain behind-nat`";
    Some(Finding::new(&NAT, Severity::Error, summary, remedy))
}
