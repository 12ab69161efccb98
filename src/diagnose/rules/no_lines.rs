//! A phone is assigned and has no extension.

use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::status::Health;

pub(super) const RULE: Rule = Rule {
    code: "no-lines",
    title: "A phone is assigned without an extension",
    text: "Its MAC has a row in offhook_phones and none in offhook_lines: give it an extension there. Its file then has no line, and its \
           screen says \"Unprovisioned\". The settings of a line cannot be typed on the phone: they are greyed out because they come \
           from its file.",
    health: Health::NeedsHands,
    check,
    due: None,
    sources: &["SEED1", "PB7945"],
};

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    let assignment = evidence.assignment.filter(|assignment| assignment.enabled)?;
    if assignment.registering().next().is_some() {
        return None;
    }
    let summary = "no extension is assigned to this phone".to_owned();
    Some(Finding::new(&RULE, Severity::Error, summary, "give it one in the PBX; nothing is typed on the phone"))
}
