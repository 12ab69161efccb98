//! The phone is told no time server, or one that tells no time.

use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::status::Health;

pub(super) const RULE: Rule = Rule {
    code: "no-clock",
    title: "The phone has nobody to ask for the time",
    text: "These phones have no clock that runs without power and take the time from the time server in their file (SNTP, UDP \
           123). Without an answer a 7940 or 7960 shows W900, and any phone the wrong time, or none, in its display and in its lists \
           of calls; calls work. phones.ntp names the server; with auto phones are told this host where something answers here. \
           Install chrony here and let the phones ask it (allow, in chrony.conf), or name a server that answers, or set \
           sntp.listen: then offhook tells phones what this host's own clock says. offhook asks it from here: \
           a phone in another network may have another way there.",
    health: Health::Ok,
    check,
    due: None,
    sources: &["FW812", "UCM-SEP"],
};

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    let summary = match &evidence.desired?.phone.options.ntp {
        Some(host) => match evidence.probed.clocks.get(host)? {
            Ok(()) => return None,
            Err(why) => format!("this phone is told to ask {host} for the time, and {why}"),
        },
        None if evidence.ntp_here => return None,
        None => {
            "this phone is told no time server, because phones.ntp is auto and nothing on this host answers 123/udp"
                .to_owned()
        }
    };
    Some(Finding {
        code: RULE.code.to_owned(),
        severity: Severity::Warning,
        summary,
        evidence: Vec::new(),
        remedy: "set phones.ntp to a time server that answers, let chrony on this host answer the phones (allow), or set sntp.listen"
            .to_owned(),
    })
}
