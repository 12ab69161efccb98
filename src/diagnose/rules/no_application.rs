//! A 7940 or 7960 whose loader looks for a configuration over and over, and no SIP application follows.

use crate::catalog::Family;
use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::status::Health;

/// The loader looks once at each boot.
const HUNTS: u32 = 3;

pub(super) const RULE: Rule = Rule {
    code: "no-application",
    title: "The phone's loader finds its configuration, and no SIP application starts",
    text: "The loader of a 7940 or 7960 runs before each boot: it asks for CTLSEP<MAC>.tlv, SEP<MAC>.cnf.xml and SIP<MAC>.cnf. A SIP \
           application would then ask for its ring list. Where that never comes, the phone has no application (half an upgrade: its \
           screen says \"Protocol Application Invalid\"), or one that speaks SCCP. Its flash takes any load of the loader's \
           generation: `offhook convert start MAC` names one to it and serves the files. Half an upgrade is what comes of a DHCP \
           server without option 150: the new loader has forgotten the server that it was typed in by hand.",
    health: Health::Looping,
    check,
    due: None,
    sources: &["SEED1", "LOG", "FW812"],
};

/// Whether that is what it does.
pub(super) fn hunts(evidence: &Evidence<'_>) -> bool {
    let legacy = evidence.wanted().is_some_and(|desired| desired.model.family == Family::Legacy);
    let boot = evidence.boot;
    legacy && boot.signs.hunts >= HUNTS && boot.config_sent.is_some() && boot.config_taken.is_none()
}

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    let taken = evidence.conversion.is_some_and(|conversion| conversion.open() || conversion.failed().is_some());
    if !hunts(evidence) || taken || !evidence.contacts.is_empty() || evidence.speaks_sccp() {
        return None;
    }
    let times = evidence.boot.signs.hunts;
    let summary =
        format!("the phone's loader looked for its configuration {times} times, and no SIP application started");
    let mac = evidence.assignment?.mac;
    let remedy = format!(
        "`offhook convert start {mac}` gives it a load; its screen says \"Protocol Application Invalid\" where it has none"
    );
    Some(Finding::new(&RULE, Severity::Error, summary, remedy))
}
