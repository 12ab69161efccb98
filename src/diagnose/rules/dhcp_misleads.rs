//! A DHCP server sends phones elsewhere, and this one did not come.

use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::status::Health;

pub(super) const RULE: Rule = Rule {
    code: "dhcp-misleads",
    title: "A DHCP server on the phones' link does not send them here",
    text: "Phones go where option 150, option 66 or next-server of their DHCP server say; some go by 150 only, some by 66 only, so both \
           are needed, with this server's address. Option 150 is four octets for each address: not a text, not a name, and not the \
           octets the wrong way round, as a how-to has them for another program. Where two DHCP servers are on one link the phone \
           takes whichever answers first. `offhook dhcp snippet --for NAME` prints what the server needs; `offhook check` has all \
           that is wrong with it. A phone that has an address keeps what it was told until it boots: power-cycle it.",
    health: Health::Stalled,
    check,
    due: None,
    sources: &["UCM-DHCP", "SEED1"],
};

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    evidence.wanted()?;
    let server = evidence.told.misleading.first()?;
    // Who asks here was not misled.
    if !evidence.contacts.is_empty() || evidence.boot.last.is_some() || evidence.boot.leased.is_some() {
        return None;
    }
    if evidence.on_sccp() {
        return None;
    }
    // One that was never heard may be in its box, and one of which nothing is known may be registered.
    let there = evidence.seen.announced.at().is_some() || evidence.told.asking.is_some();
    let severity = if there && evidence.registrations_known { Severity::Error } else { Severity::Warning };
    let wrong = server.wrong.first()?;
    let summary = format!("the phone did not come, and of the DHCP server {}: {wrong}", server.server);
    let others = evidence
        .told
        .misleading
        .iter()
        .flat_map(|server| server.wrong.iter().map(|wrong| format!("DHCP server {}: {wrong}", server.server)));
    Some(Finding::new(&RULE, severity, summary, server.remedy.clone()).because(others))
}
