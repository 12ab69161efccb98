//! The phone runs a load with a known fault.

use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::domain::{Load, Signalling};
use crate::status::Health;

pub(super) const RULE: Rule = Rule {
    code: "faulty-load",
    title: "The phone runs a load with a known fault",
    text: "SIP 7.5 of the 7940 and 7960 (P0S3-07-5-00) shows \"XML Parse Error\" at incoming calls and transfers; 7.4 does not, nor 8.12. SIP \
           loads of theirs before 8.7 can be brought down by a single packet from the network (CVE-2007-4459). P0S3-8-12-00 is the \
           last release and has neither: `offhook convert start MAC --to P0S3-8-12-00`.",
    health: Health::Ok,
    check,
    due: None,
    sources: &["75BUG", "CVE-2007-4459"],
};

/// What is wrong with a load; the first that fits.
fn fault(load: &Load) -> Option<&'static str> {
    let [major, minor, ..] = load.version;
    if load.product != "P0" || load.signalling != Signalling::Sip {
        return None;
    }
    match [major, minor] {
        [7, 5] => Some("it shows \"XML Parse Error\" at incoming calls"),
        version if version < [8, 7] => Some("a single packet can bring it down (CVE-2007-4459)"),
        _ => None,
    }
}

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    evidence.wanted()?;
    let load = evidence.runs.filter(|_| evidence.converting().is_none())?;
    let fault = fault(load)?;
    let summary = format!("the phone runs {}: {fault}", load.name);
    let remedy = format!("`offhook convert start {} --to P0S3-8-12-00`, the last release", evidence.assignment?.mac);
    Some(Finding::new(&RULE, Severity::Warning, summary, remedy))
}
