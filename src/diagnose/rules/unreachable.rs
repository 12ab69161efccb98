//! The phone registered, and the PBX cannot reach it.

use std::net::IpAddr;

use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::domain::ContactState;
use crate::status::Health;

pub(super) const RULE: Rule = Rule {
    code: "unreachable",
    title: "The phone registered and does not answer any more",
    text: "Asterisk holds its registration and gets no answer to OPTIONS: the phone lost power or network, or the PBX asks at the wrong port \
           (finding endpoint-nat): these phones send from a high port and listen on 5060, so a contact with another port was \
           rewritten on the way. Calls from the phone work then, and calls to it do not.",
    health: Health::Stalled,
    check,
    due: None,
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
    due: None,
    sources: &["AIOS", "TEO"],
};

/// The address that the phone registered with, where that is not the one that it asks from.
fn inner(evidence: &Evidence<'_>) -> Option<(IpAddr, IpAddr)> {
    let asks = evidence.boot.signs.from?;
    evidence.contacts.iter().filter_map(|contact| contact.ip).find(|ip| *ip != asks).map(|ip| (asks, ip))
}

fn lost(evidence: &Evidence<'_>) -> bool {
    let away = |contact: &crate::domain::Contact| contact.state == ContactState::Unreachable;
    evidence.wanted().is_some() && !evidence.contacts.is_empty() && evidence.contacts.iter().all(away)
}

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    if !lost(evidence) || inner(evidence).is_some() {
        return None;
    }
    let contact = evidence.contacts.first()?;
    let summary = "the phone registered, and does not answer the PBX".to_owned();
    let remedy = "see whether it has power and network; if it calls out well, the PBX asks at the wrong port: `offhook explain unreachable`";
    Some(Finding::new(&RULE, Severity::Error, summary, remedy).because([format!("the PBX asks at {}", contact.uri)]))
}

fn nat(evidence: &Evidence<'_>) -> Option<Finding> {
    let (asks, ip) = inner(evidence).filter(|_| lost(evidence))?;
    let summary = format!(
        "the phone asks for its files from {asks} and registers as {ip}, where the PBX cannot reach it: NAT is between"
    );
    let remedy = "let the phone reach the PBX without NAT (a route, a VPN); see `offhook explain behind-nat`";
    Some(Finding::new(&NAT, Severity::Error, summary, remedy))
}
