//! One MAC asks from two addresses in turn: two phones say that they are one.

use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::status::Health;

pub(super) const RULE: Rule = Rule {
    code: "mac-twice",
    title: "Two phones have one MAC",
    text: "Files with this MAC in their name are asked for from two addresses in turn, again and again. Either two devices have \
           one MAC (a board that was cloned, a soft phone, a script with a TFTP client), or one phone has an address of two \
           DHCP servers. What each of them runs cannot be told apart, so no conversion of this MAC begins; one that began is \
           served on. See which device is at each address (the switch's table of MACs, `ip neigh`), and take one away. Ten minutes after the last \
           change the finding goes by itself.",
    health: Health::NeedsHands,
    check,
    due: None,
    sources: &[],
};

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    let (other, at) = evidence.twin?;
    Some(Finding {
        code: RULE.code.to_owned(),
        // Whichever of them is registered works.
        severity: if evidence.contacts.is_empty() { Severity::Error } else { Severity::Warning },
        summary: "two phones ask with this MAC, from two addresses in turn".to_owned(),
        evidence: vec![format!("last changed to and from {other} at {at}")],
        remedy: format!(
            "see which device is at {other} and which at the phone's own address, and take one of them away"
        ),
    })
}
