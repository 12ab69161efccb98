//! The phone asks for an address again and again and gets none.

use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::status::Health;

/// A boot takes one question or two.
const TIMES: u32 = 5;

pub(super) const RULE: Rule = Rule {
    code: "no-address",
    title: "The phone asks for an address and gets none",
    text: "It broadcasts DHCPDISCOVER again and again; its screen says \"Configuring IP\" and its address is 0.0.0.0. No server answers \
           it, or the answer does not reach it: no DHCP server in its VLAN and no relay, a pool that is used up, a server that \
           does not know its client class, two servers that contradict each other, a firewall on the server (UDP 67 and 68), or a \
           server that answers a phone's request for its old address with silence. `offhook dhcp listen` asks as a phone asks and \
           shows who answers. Where offhook is to serve addresses: dhcp.mode, with the phone's network as a subnet.",
    health: Health::Stalled,
    check,
    due: Some(|evidence| evidence.told.asking.map(|asking| asking.until())),
    sources: &["SEED1", "R7945"],
};

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    evidence.wanted()?;
    let asking = evidence.told.asking.filter(|asking| asking.times >= TIMES)?;
    if !evidence.contacts.is_empty() || evidence.boot.leased.is_some_and(|leased| leased > asking.since) {
        return None;
    }
    let summary = format!("the phone asked for an address {} times and got none", asking.times);
    let remedy = "see which DHCP server answers in its VLAN (`offhook dhcp listen`): one is needed, with a free address and no \
                  firewall before it";
    let facts = [format!("first heard at {}, last at {}", asking.since, asking.last)];
    Some(Finding::new(&RULE, Severity::Error, summary, remedy).because(facts))
}
