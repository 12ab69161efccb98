//! The load that the phone is to run is not here.

use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::status::Health;

pub(super) const RULE: Rule = Rule {
    code: "load-unknown",
    title: "The load that the phone is to run is not in the store",
    text: "Its target (column target_load of offhook_phones) names a load of which no whole set is here: a slip in the name, or firmware \
           that was not brought yet. A load is named without .loads or .bin: P0S3-8-12-00, SIP42.9-4-2SR3-1S. `offhook firmware list` shows \
           what is here, `offhook firmware add ARCHIVE` brings more; `offhook convert plan MAC` names the archive that is missing.",
    health: Health::Ok,
    check,
    due: None,
    sources: &["README-809", "SEED2"],
};

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    evidence.wanted()?;
    let target = evidence.assignment?.target_load.as_deref()?;
    let load = evidence.firmware.load(target);
    if load.here
        || evidence.conversion.is_some_and(|conversion| !conversion.done())
        || evidence.runs.is_some_and(|runs| runs.name == target)
    {
        return None;
    }
    let meant = load.meant.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    let summary = format!("the phone is to run {target}, and no whole set of that load is here{meant}");
    let remedy = "correct the phone's target_load, or bring the archive (`offhook firmware add`)";
    Some(Finding::new(&RULE, Severity::Warning, summary, remedy))
}
