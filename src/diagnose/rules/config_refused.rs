//! The phone takes its configuration again and again and never goes on from there: it refuses it.

use crate::catalog::Family;
use crate::convert::text::trust_list;
use crate::diagnose::{Evidence, Finding, REFUSES, Rule, Severity};
use crate::status::Health;

pub(super) const RULE: Rule = Rule {
    code: "config-refused",
    title: "The phone refuses its configuration file",
    text: "A phone that accepts its configuration goes on to its ring list or dial template and registers. This one \
           fetched the whole file several times and never went on. A Java phone does so when it rejects the XML as a \
           whole, or when it still holds a trust list (ITL or CTL) of its former life and wants the file signed: erase \
           the trust list in the phone's security settings. A factory reset takes its application too: only where a whole set \
           for its term file is here (firmware.erased). A 7940 or 7960 does so when no line in \
           the file is valid; its status menu shows W310, W320 or W362.",
    health: Health::Refused,
    check,
    due: None,
    sources: &["HIP", "IT8851", "FW812"],
};

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    let desired = evidence.desired?;
    let times = evidence.boot.config_sent_times;
    // A phone that is told another load reads its configuration at each of its boots.
    if times < REFUSES
        || evidence.converting().is_some()
        || !evidence.contacts.is_empty()
        || evidence.speaks_sccp()
        || super::no_application::hunts(evidence)
        || desired.phone.lines.is_empty()
    {
        return None;
    }
    let remedy = match desired.model.family {
        Family::Java if evidence.boot.signed_asked.is_some() => {
            concat!("erase the trust list (", trust_list!(), "); then `offhook explain config-refused`")
        }
        Family::Java => "read Settings, Status, Status Messages on the phone; then `offhook explain config-refused`",
        Family::Legacy => {
            "read Settings, Status on the phone: W310, W320 or W362 name the file; then `offhook explain config-refused`"
        }
    };
    Some(Finding {
        code: RULE.code.to_owned(),
        severity: Severity::Error,
        summary: format!("the phone fetched its configuration {times} times and did not accept it"),
        evidence: evidence.boot.config_sent.iter().map(|at| format!("last delivered whole at {at}")).collect(),
        remedy: remedy.to_owned(),
    })
}
