//! The phone is told to use TCP and the PBX does not listen there: FreePBX's default.

use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::domain::SipTransport;
use crate::pbx::roster::Driver;
use crate::status::Health;

pub(super) const RULE: Rule = Rule {
    code: "tcp-off",
    title: "The phone needs SIP over TCP and the PBX has TCP off",
    text: "Cisco's 9.x SIP firmware sends its REGISTER over UDP from a port that closes at once, so calls to the phone \
           fail; over TCP it works. A fresh FreePBX has TCP off for chan_pjsip. Switch it on under Settings, Asterisk SIP \
           Settings, SIP Settings [chan_pjsip], Transports, tcp: Yes; press Submit and Apply Config, then restart \
           Asterisk (core restart now): a reload alone does not open the port. A phone on 8.x firmware can be given UDP with \
           transport_8x, and pbx.transport = \"udp\" makes every phone use UDP at your word.",
    health: Health::NeedsHands,
    check,
    due: None,
};

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    let phone = &evidence.desired?.phone;
    let roster = evidence.roster?;
    if phone.transport != SipTransport::Tcp || !evidence.contacts.is_empty() {
        return None;
    }
    let pjsip =
        |line: &&crate::domain::Line| roster.accounts.get(&line.extension).is_some_and(|a| a.driver == Driver::Pjsip);
    let line = phone.lines.iter().find(pjsip)?;
    // A PBX that names no port at all says nothing about TCP.
    if roster.registrar.pjsip.tcp.is_some() || roster.registrar.pjsip.udp.is_none() {
        return None;
    }
    Some(Finding {
        code: RULE.code.to_owned(),
        severity: Severity::Error,
        summary: format!("extension {} is to register over TCP, and chan_pjsip's TCP transport is off", line.extension),
        evidence: roster.registrar.pjsip.udp.iter().map(|port| format!("chan_pjsip listens on UDP {port} only")).collect(),
        remedy: "in FreePBX: Settings, Asterisk SIP Settings, SIP Settings [chan_pjsip], tcp: Yes, Apply Config, then restart Asterisk".to_owned(),
    })
}
