//! The PBX rejects the phone's registration and says why.

use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::domain::Rejection;
use crate::status::Health;

pub(super) const RULE: Rule = Rule {
    code: "register-rejected",
    title: "The PBX rejects the phone's registration",
    text: "Asterisk says why in its security events, which our manager user reads (read = system,security). A wrong secret: the \
           phone has another than the PBX. Saved changes are live after Apply Config, and the phone reads its file again with \
           `offhook phones resync MAC`; a secret that the phone cannot hold is a finding of its own. An extension that the PBX does \
           not know: it was deleted, or is not applied yet, or the phone holds a configuration of before. An address that is not \
           permitted: the extension's own list (FreePBX: Extension, Advanced, Deny and Permit; in pjsip.conf deny, permit and acl) \
           leaves it out. A phone that is rejected tries again and again, and fail2ban may ban its address for that. The finding \
           goes with the next registration, or an hour after the last rejection. Sources of UDP can be made up: from a network \
           that is not the phones' own, somebody else may be meant.",
    sources: &[],
    health: Health::NeedsHands,
    check,
    due: None,
};

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    let rejected = evidence.rejected()?;
    let (extension, address) = (&rejected.endpoint.name, rejected.address);
    let pending = evidence.roster.is_some_and(|roster| roster.apply_pending);
    let mac = evidence.assignment?.mac;
    let (summary, remedy) = match rejected.why {
        Rejection::Secret => (
            format!("the PBX rejects extension {extension}: the phone's secret is not the PBX's"),
            if pending {
                "press Apply Config in FreePBX: it holds changes that are not live yet".to_owned()
            } else {
                format!(
                    "`offhook phones resync {mac}` makes the phone read its file again; if it stays, give the extension a new secret in the PBX"
                )
            },
        ),
        Rejection::Unknown => (
            format!("the PBX rejects extension {extension}: it knows no such extension"),
            if pending {
                "press Apply Config in FreePBX: it holds changes that are not live yet".to_owned()
            } else {
                format!(
                    "if the phone should have another extension: `offhook phones restart {mac}`; else make {extension} in the PBX"
                )
            },
        ),
        Rejection::Acl => (
            format!("the PBX rejects extension {extension}: its list of addresses does not permit {address}"),
            "permit the phones' network in the extension (FreePBX: Advanced, Deny and Permit), and press Apply Config"
                .to_owned(),
        ),
    };
    Some(Finding {
        code: RULE.code.to_owned(),
        severity: Severity::Error,
        summary,
        evidence: vec![format!("last rejected at {} from {address}", rejected.at)],
        remedy,
    })
}
