//! The phone took its configuration and does not register.

use jiff::{SignedDuration, Timestamp};

use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::status::Health;
use crate::timeline::Boot;

/// A phone registers within seconds; its own retries of an unanswered REGISTER end after 32 s (RFC 3261, timer F).
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

pub(super) const RULE: Rule = Rule {
    code: "not-registering",
    title: "The phone took its configuration and does not register",
    text: "The phone fetched its configuration and went on, so it has address, user and secret; the PBX has seen no \
           registration since. Look, in this order, at: the finding endpoint-nat (answers go to a port it does not listen \
           on); the findings tcp-off and transport-refused; whether the secret in the PBX is applied (Apply Config); whether the PBX's firewall \
           or fail2ban blocks the phone's address; and `pjsip set logger on` in Asterisk (of an extension on chan_sip, `sip set \
           debug on`): a 401 that is answered by \
           another 401, or by 403, is a wrong secret, silence is a wrong address or port.",
    health: Health::Stalled,
    check,
    due: Some(|evidence| taken(evidence.boot)?.checked_add(PATIENCE).ok()),
    sources: &["TEO", "AIOS"],
};

fn taken(boot: &Boot) -> Option<Timestamp> {
    boot.config_taken.or(boot.config_sent)
}

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    let desired = evidence.desired?;
    let taken = taken(evidence.boot)?;
    let waiting = evidence.now.duration_since(taken);
    if !evidence.registrations_known
        || !evidence.contacts.is_empty()
        || evidence.boot.lost.is_some()
        || evidence.boot.registered.is_some()
        || evidence.rejected().is_some()
        || evidence.converting().is_some()
        || evidence.on_sccp()
        || evidence.speaks_sccp()
        || desired.phone.lines.is_empty()
        || waiting < PATIENCE
    {
        return None;
    }
    let pending = evidence.roster.is_some_and(|roster| roster.apply_pending);
    let remedy = if pending {
        "press Apply Config in FreePBX: it holds changes that are not live yet"
    } else {
        "see `offhook explain not-registering`: endpoint settings, transport, secret, firewall, in that order"
    };
    Some(Finding {
        code: RULE.code.to_owned(),
        severity: Severity::Error,
        summary: "the phone took its configuration over a minute ago and has not registered".to_owned(),
        evidence: vec![format!("configuration taken at {taken}")],
        remedy: remedy.to_owned(),
    })
}
