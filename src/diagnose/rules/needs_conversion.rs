//! The phone runs SCCP, and nobody started its conversion.

use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::status::Health;

pub(super) const RULE: Rule = Rule {
    code: "needs-conversion",
    title: "The phone runs SCCP and was not told to change",
    text: "The third character of a 7940's or 7960's load says what it speaks: P0S3… is SIP, P003… is SCCP; Java loads begin with SIP or \
           SCCP. With SCCP it registers at a Cisco call manager and never here. `offhook convert plan MAC` shows the steps that are legal \
           from what it runs, each with its rule; `offhook convert start MAC` walks it along them, and no file has to be renamed or \
           edited: OS79XX.TXT is read by old loads only, XMLDefault.cnf.xml is served to every phone. What the steps need is \
           brought with `offhook firmware add ARCHIVE`.",
    health: Health::NeedsHands,
    check,
    due: None,
    sources: &["MATRIXQ", "SEED1", "SEED2"],
};

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    evidence.wanted()?;
    let load = evidence.load().filter(|_| evidence.speaks_sccp())?;
    // Under way, failed (which says more), or wanted.
    if evidence.conversion.is_some() || evidence.told.given_up || evidence.on_sccp() {
        return None;
    }
    let mac = evidence.assignment?.mac;
    let summary = format!("the phone runs {}, which is SCCP, and was not told to change to SIP", load.name);
    let remedy = format!("`offhook convert plan {mac}` shows the steps, `offhook convert start {mac}` takes them");
    Some(Finding::new(&RULE, Severity::Error, summary, remedy))
}
