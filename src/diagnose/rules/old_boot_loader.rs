//! A boot loader that was seen to ignore the time server of the configuration.

use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::status::Health;

/// By a report from one site with two kinds of it [SEED1].
const IGNORES_NTP: &str = "tnp11.3-0-1-23.bin";

pub(super) const RULE: Rule = Rule {
    code: "old-boot-loader",
    title: "The phone has a boot loader that was seen to ignore the time server",
    text: "Of one site it is reported that 7911 with the boot loader tnp11.3-0-1-23 take no time server from their file under SIP11.8-5-4S, \
           while those with tnp11.3-0-1-31 do. No way to change a boot loader by itself is known; a later load may bring one. The \
           time of day is all that suffers. Where it matters, try the newest load of the family.",
    health: Health::Ok,
    check,
    due: None,
    sources: &["SEED1"],
};

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    evidence.wanted()?;
    let boot_loader = evidence.told.boot_loader.filter(|loader| loader.eq_ignore_ascii_case(IGNORES_NTP))?;
    let summary =
        format!("the phone's boot loader is {boot_loader}, of which it is reported that it ignores the time server");
    let remedy = "see whether its clock is right; if not, try the newest load of its family";
    Some(Finding::new(&RULE, Severity::Warning, summary, remedy).because(["its web page says so".to_owned()]))
}
