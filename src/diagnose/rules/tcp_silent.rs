//! The PBX says that it listens on TCP, or says nothing, and nobody answers there.

use crate::diagnose::{Evidence, Finding, Rule, Severity, Unanswered};
use crate::domain::{Driver, SipTransport};
use crate::status::Health;

pub(super) const RULE: Rule = Rule {
    code: "tcp-silent",
    title: "The phone needs SIP over TCP, and nobody answers on that port",
    text: "offhook connected to the registrar's TCP port as a phone does, and nobody took the connection. Where the port is \
           refused though the PBX's tables have TCP on, Asterisk has not opened it: press Apply Config, and where that does not \
           open it, restart Asterisk (fwconsole restart, or core restart now), which ends calls. A transport whose address or \
           port was changed is opened by a restart alone. Where nothing comes back at all, a firewall drops it or \
           pbx.sip_host names another machine. offhook tries again by itself, every ten seconds while a phone waits for it.",
    health: Health::NeedsHands,
    check,
    due: None,
    sources: &[],
};

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    let phone = &evidence.desired?.phone;
    let roster = evidence.roster?;
    if phone.transport != SipTransport::Tcp || !evidence.contacts.is_empty() {
        return None;
    }
    let (line, driver, tried, why) = phone.lines.iter().find_map(|line| {
        let driver = roster.accounts.get(&line.extension)?.driver;
        let tried = evidence.probed.tcp.get(&driver)?;
        Some((line, driver, tried, tried.outcome.as_ref().err()?))
    })?;
    let listeners = roster.registrar.of(driver);
    if listeners.tcp.is_none() && listeners.udp.is_some() {
        // Off in the tables: that is another finding, with another remedy.
        return None;
    }
    let restart = "restart Asterisk (fwconsole restart): Apply Config alone did not open the port";
    let (said, remedy) = match (why, driver) {
        (Unanswered::Unreached(why), _) => (
            why.clone(),
            "see pbx.sip_host, and that no firewall between this host and the registrar drops it".to_owned(),
        ),
        (Unanswered::Refused, _) if !evidence.registrations_known => (
            "the connection is refused".to_owned(),
            format!("see that Asterisk runs (`systemctl status asterisk`, `fwconsole start`); if it does, {restart}"),
        ),
        (Unanswered::Refused, _) if roster.apply_pending => (
            "the connection is refused".to_owned(),
            "press Apply Config in FreePBX; if nobody answers then either, restart Asterisk (fwconsole restart)"
                .to_owned(),
        ),
        (Unanswered::Refused, Driver::Pjsip) => ("the connection is refused".to_owned(), restart.to_owned()),
        (Unanswered::Refused, Driver::ChanSip) => (
            "the connection is refused".to_owned(),
            "press Apply Config in FreePBX; see that chan_sip is loaded (`module show like chan_sip`)".to_owned(),
        ),
    };
    let tables = match listeners.tcp {
        Some(port) => format!("the PBX's tables have TCP on, port {port}"),
        None => "the PBX's tables name no port".to_owned(),
    };
    Some(Finding {
        code: RULE.code.to_owned(),
        severity: Severity::Error,
        summary: format!(
            "extension {} is to register over TCP, and nobody answers at {}: {said}",
            line.extension, tried.address
        ),
        evidence: vec![tables],
        remedy,
    })
}
