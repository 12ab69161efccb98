//! Endpoint settings that send answers and calls to a port on which a Cisco phone does not listen.

use std::collections::BTreeSet;

use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::domain::{Driver, SipTransport};
use crate::status::Health;

pub(super) const RULE: Rule = Rule {
    code: "endpoint-nat",
    title: "force_rport or rewrite_contact, or chan_sip's nat, is on for a phone that cannot bear it",
    text: "These phones send from a high port, put 5060 into Via and Contact, and listen only on 5060. With \
           force_rport=yes Asterisk answers to the port the request came from: the phone never hears it and never \
           registers. With rewrite_contact=yes the phone registers, and calls to it go to a port that is closed. FreePBX has \
           both on by default. For the extensions of such phones set, on the extension's Advanced tab, Force rport: No and Rewrite \
           Contact: No, and Apply Config; by hand, force_rport=no and rewrite_contact=no in the endpoint. An extension on \
           chan_sip has one setting for both, NAT Mode: No; by hand, nat=no in the peer. A phone on TCP may keep rewrite_contact=yes.",
    health: Health::NeedsHands,
    check,
    due: None,
};

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    let phone = &evidence.desired?.phone;
    let roster = evidence.roster?;
    if phone.transport != SipTransport::Udp {
        return None;
    }
    let mut wrong = Vec::new();
    for line in &phone.lines {
        let Some(account) = roster.accounts.get(&line.extension) else { continue };
        let flags = [("force_rport", account.nat.force_rport), ("rewrite_contact", account.nat.rewrite_contact)];
        let on: Vec<_> = flags.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
        if !on.is_empty() {
            let settings = match account.driver {
                Driver::Pjsip => format!("{} = yes", on.join(" and ")),
                Driver::ChanSip => "nat has force_rport".to_owned(),
            };
            wrong.push((account.driver, format!("extension {}: {settings}", line.extension)));
        }
    }
    let first = wrong.first()?.1.clone();
    let drivers: BTreeSet<Driver> = wrong.iter().map(|(driver, _)| *driver).collect();
    let settings = drivers.iter().map(|driver| match driver {
        Driver::Pjsip => "Force rport: No, Rewrite Contact: No",
        Driver::ChanSip => "NAT Mode: No",
    });
    let settings = settings.collect::<Vec<_>>().join("; on chan_sip, ");
    let remedy = format!("in FreePBX, on the extension's Advanced tab: {settings}; then Apply Config");
    Some(Finding {
        code: RULE.code.to_owned(),
        severity: if evidence.contacts.is_empty() { Severity::Error } else { Severity::Warning },
        summary: format!("{first}; this phone listens on 5060 only and needs that off"),
        remedy,
        evidence: wrong.into_iter().map(|(_, line)| line).collect(),
    })
}
