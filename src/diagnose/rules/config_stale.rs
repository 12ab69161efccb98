//! The phone works with a configuration that was changed since.

use jiff::{SignedDuration, Timestamp};

use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::status::Health;

/// Who changes one thing often changes another.
const PATIENCE: SignedDuration = SignedDuration::from_mins(1);

pub(super) const RULE: Rule = Rule {
    code: "config-stale",
    title: "The phone has not read its configuration since it was changed",
    text: "Phones read their configuration as they boot and never by themselves. `offhook phones resync MAC` tells it to; a phone in a call \
           waits until it is over. Where that does not help, `offhook phones restart MAC`, or its power.",
    health: Health::Ok,
    check,
    due: Some(|evidence| changed(evidence)?.checked_add(PATIENCE).ok()),
    sources: &["PBX8851", "AG80"],
};

fn changed(evidence: &Evidence<'_>) -> Option<Timestamp> {
    evidence.boot.signs.changed.filter(|_| !evidence.contacts.is_empty())
}

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    evidence.wanted()?;
    let changed = changed(evidence)?;
    if evidence.now.duration_since(changed) < PATIENCE {
        return None;
    }
    let summary = "the phone has not read its configuration since it was changed".to_owned();
    let remedy = format!("`offhook phones resync {}`", evidence.assignment?.mac);
    Some(Finding::new(&RULE, Severity::Warning, summary, remedy).because([format!("changed at {changed}")]))
}
