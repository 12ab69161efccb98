//! A phone's configuration was denied: nothing shows that it is the phone who asks, or it is another device.

use crate::access::Why;
use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::status::Health;

pub(super) const UNPROVEN: Rule = Rule {
    code: "unproven",
    title: "Nothing shows that it is the phone who asks for its configuration",
    text: "A configuration holds the phone's secret, so only the phone gets it. Who is at an address is known by our own DHCP \
           lease, by DHCP that was overheard, by the link (the phone is on one of this server's), by a registration from \
           there, or because it was there before. Behind a router, with none of these, a phone is served from its first \
           request until it registered, access.first_contact at most, and only at one address. If it is the phone that \
           asks: `offhook phones approve MAC --address IP`. Its address is under Settings, Network Configuration. docs/access.md \
           says which network gives which evidence, and what to do for good.",
    health: Health::NeedsHands,
    check: unproven,
    due: None,
    sources: &[],
};

pub(super) const FOREIGN: Rule = Rule {
    code: "foreign-request",
    title: "Another device asks for a phone's configuration",
    text: "The address that asks belongs to another MAC, by our own DHCP lease, by DHCP that was overheard or by the link. It gets \
           \"file not found\", as for a file that is not there. It may be a person with a TFTP client, or a phone whose address \
           is wrong in the DHCP server. The phone itself is served. The log's lines (code config-denied) name each try; an hour \
           after the last one the finding goes by itself.",
    health: Health::Ok,
    check: foreign,
    due: None,
    sources: &[],
};

fn unproven(evidence: &Evidence<'_>) -> Option<Finding> {
    let (denied, mac) = (evidence.denied?, evidence.assignment?.mac);
    let because = match denied.why {
        Why::Foreign(_) | Why::Silent => return None,
        Why::Unproven => "it registered before, from another address, or has a lease of another".to_owned(),
        Why::Late => {
            "its first contact lasted as long as access.first_contact and ended without a registration".to_owned()
        }
        Why::Contested(first) => format!("{first} asks for the same files, and only one of the two can be the phone"),
        Why::Shut => {
            "somebody in that network asks for one phone after another, so nobody new is served there".to_owned()
        }
    };
    let ip = denied.ip;
    let mut shown = vec![because, format!("last denied at {}", denied.at)];
    if denied.page {
        shown.push(format!("a web page at {ip} says that it is this phone; whoever is there can write one"));
    }
    Some(Finding {
        code: UNPROVEN.code.to_owned(),
        severity: if evidence.contacts.is_empty() { Severity::Error } else { Severity::Warning },
        summary: format!(
            "a device at {ip} asks for this phone's configuration, and nothing shows that it is the phone"
        ),
        evidence: shown,
        remedy: format!(
            "if the phone is at {ip}: `offhook phones approve {mac} --address {ip}`; if not, see which device is there"
        ),
    })
}

fn foreign(evidence: &Evidence<'_>) -> Option<Finding> {
    let denied = evidence.denied?;
    let Why::Foreign(other) = denied.why else { return None };
    let is = other.map_or_else(|| "another device".to_owned(), |mac| format!("{mac}, another device,"));
    let ip = denied.ip;
    Some(Finding {
        code: FOREIGN.code.to_owned(),
        severity: Severity::Warning,
        summary: format!("{is} at {ip} asked for this phone's configuration and did not get it"),
        evidence: vec![format!("last denied at {}", denied.at)],
        remedy: format!(
            "see which device is at {ip} and who uses it; if it is this phone, its DHCP server or the MAC is wrong"
        ),
    })
}
