//! The phone is told to use TCP and the PBX does not listen there: FreePBX's default.

use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::domain::{Driver, SipTransport};
use crate::status::Health;

pub(super) const RULE: Rule = Rule {
    code: "tcp-off",
    title: "The phone needs SIP over TCP and the PBX has TCP off",
    text: "Cisco's 9.x SIP firmware sends its REGISTER over UDP from a port that closes at once, so calls to the phone \
           fail; over TCP it works. A fresh FreePBX has TCP off for both drivers. For chan_pjsip switch it on under Settings, Asterisk SIP \
           Settings, SIP Settings [chan_pjsip], Transports, tcp: Yes; press Submit and Apply Config, then restart \
           Asterisk (core restart now): a reload alone does not open the port. For an extension on chan_sip it is under SIP \
           Legacy Settings [chan_sip], Enable TCP: Yes (tcpenable=yes), and Apply Config opens the port. A phone on 8.x firmware can be given UDP with \
           transport_8x, and pbx.transport = \"udp\" makes every phone use UDP at your word.",
    health: Health::NeedsHands,
    check,
    due: None,
    sources: &["AIOS", "UCM-SEP"],
};

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    let phone = &evidence.desired?.phone;
    let roster = evidence.roster?;
    if phone.transport != SipTransport::Tcp || !evidence.contacts.is_empty() {
        return None;
    }
    // A PBX that names no port at all says nothing about TCP; and where somebody answers, the tables are not all there is.
    let answers = |driver| evidence.probed.tcp.get(&driver).is_some_and(|tried| tried.outcome.is_ok());
    let off = |driver| {
        let ports = Some(roster.registrar.of(driver)).filter(|ports| ports.tcp.is_none() && !answers(driver))?;
        ports.udp
    };
    let (line, driver, port) = phone.lines.iter().find_map(|line| {
        let driver = roster.accounts.get(&line.extension)?.driver;
        Some((line, driver, off(driver)?))
    })?;
    let (name, remedy) = match driver {
        Driver::Pjsip => (
            "chan_pjsip",
            "in FreePBX: Settings, Asterisk SIP Settings, SIP Settings [chan_pjsip], tcp: Yes, Apply Config, then restart Asterisk",
        ),
        Driver::ChanSip => (
            "chan_sip",
            "in FreePBX: Settings, Asterisk SIP Settings, SIP Legacy Settings [chan_sip], Enable TCP: Yes, Apply Config",
        ),
    };
    Some(Finding {
        code: RULE.code.to_owned(),
        severity: Severity::Error,
        summary: format!("extension {} is to register over TCP, and {name}'s TCP transport is off", line.extension),
        evidence: vec![format!("{name} listens on UDP {port} only")],
        remedy: remedy.to_owned(),
    })
}
