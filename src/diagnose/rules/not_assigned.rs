//! A phone that nobody assigned asks for its configuration.

use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::status::Health;

pub(super) const RULE: Rule = Rule {
    code: "not-assigned",
    title: "A phone asks for files and nobody assigned an extension to it",
    text: "Its MAC is in no row of offhook_phones, and `offhook phones add` did not name it. Its screen says \"Unprovisioned\", or it goes \
           on asking. Add the MAC in the PBX, on the extension it is to have; the phone picks its file up by itself: a 7940 or 7960 asks \
           again every 31 seconds. Nothing is typed on the phone: address, user and secret come from its file. \
           Where the MAC in the PBX has a slip, the finding names the one that it may be meant for.",
    health: Health::NeedsHands,
    check,
    due: None,
    sources: &["LOG", "FW812", "PB7945"],
};

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    // Before the PBX was read nobody is assigned.
    if evidence.assignment.is_some() || evidence.roster.is_none() {
        return None;
    }
    let does = if evidence.boot.last.is_some() { "asks for files" } else { "announces itself" };
    let (summary, remedy) = match evidence.told.near {
        Some(near) => (
            format!(
                "this phone {does}, and nobody assigned an extension to it; {near}, which differs in one digit, was never heard"
            ),
            format!("compare the label of the phone with {near} in the PBX: one of its digits may be a slip"),
        ),
        None => (
            format!("this phone {does}, and nobody assigned an extension to it"),
            "add its MAC in the PBX, on the extension that it is to have, or `offhook phones adopt` it".to_owned(),
        ),
    };
    Some(Finding::new(&RULE, Severity::Error, summary, remedy))
}
