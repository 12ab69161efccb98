//! The phone asks for a signed configuration: it holds the trust list of another call manager.

use crate::convert::Failure;
use crate::convert::text::trust_list;
use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::status::Health;

pub(super) const RULE: Rule = Rule {
    code: "trust-list",
    title: "The phone holds a trust list and wants signed files",
    text: concat!(
        "A phone that once lived on a Cisco call manager keeps its certificate trust list (CTL or ITL). With one \
           installed it asks for SEP<MAC>.cnf.xml.sgn and rejects what is not signed by that call manager. Nobody but \
           that call manager can sign for it. Erase the list on the phone: ",
        trust_list!(),
        ". A factory reset takes the application too: only where a whole set for its term file is here (firmware.erased)."
    ),
    health: Health::NeedsHands,
    check,
    due: None,
    sources: &["PBX8851", "IT8851"],
};

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    let failed = || {
        let conversion = evidence.conversion.filter(|conversion| conversion.failed() == Some(Failure::TrustList))?;
        conversion.step().map(|step| step.since)
    };
    let at = evidence.boot.signed_asked.or_else(failed)?;
    if !evidence.contacts.is_empty() || evidence.boot.config_taken.is_some() {
        return None;
    }
    Some(Finding {
        code: RULE.code.to_owned(),
        severity: Severity::Error,
        summary: "the phone asks for a signed configuration: it holds a trust list of its former call manager"
            .to_owned(),
        evidence: vec![format!("asked for a .sgn file at {at}")],
        remedy: concat!("on the phone: ", trust_list!()).to_owned(),
    })
}
