//! An extension on chan_sip that refuses the transport its phone uses.

use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::domain::SipTransport;
use crate::status::Health;

pub(super) const RULE: Rule = Rule {
    code: "transport-refused",
    title: "The extension does not take the transport that its phone uses",
    text: "An extension on chan_sip has a list of transports, and chan_sip answers 403 to a phone that registers over another \
           one. 7940 and 7960 speak UDP only; phones on 9.x firmware are told to use TCP. Set, on the extension's Advanced tab, \
           Transport: All - UDP Primary, which is FreePBX's default, and Apply Config; by hand, transport=udp,tcp in the \
           peer.",
    health: Health::NeedsHands,
    check,
    due: None,
};

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    let phone = &evidence.desired?.phone;
    let roster = evidence.roster?;
    let refused = |line: &&crate::domain::Line| {
        roster.accounts.get(&line.extension).is_some_and(|account| !account.transports.allow(phone.transport))
    };
    let lines: Vec<&str> = phone.lines.iter().filter(refused).map(|line| line.extension.as_str()).collect();
    let first = lines.first()?;
    let transport = match phone.transport {
        SipTransport::Udp => "UDP",
        SipTransport::Tcp => "TCP",
    };
    Some(Finding {
        code: RULE.code.to_owned(),
        severity: if evidence.contacts.is_empty() { Severity::Error } else { Severity::Warning },
        summary: format!("this phone registers over {transport}, and extension {first} on chan_sip does not take that"),
        evidence: lines.iter().map(|extension| format!("extension {extension}: transport lacks {transport}")).collect(),
        remedy:
            "in FreePBX, on the extension's Advanced tab: Transport: All - UDP Primary (transport); then Apply Config"
                .to_owned(),
    })
}
