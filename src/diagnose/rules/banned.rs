//! The PBX's host blocks the phone's address.

use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::domain::ContactState;
use crate::status::Health;

pub(super) const RULE: Rule = Rule {
    code: "banned",
    title: "fail2ban blocks the phone's address",
    text: "fail2ban reads Asterisk's log and blocks addresses from which registrations fail again and again; then nothing that \
           the phone sends arrives, and it shows \"Registering\" or its clock and no line. Mostly it has an old secret, because \
           it could not fetch its new file, or two devices register one extension with different secrets: see the findings \
           beside this one and mend that first, else the address is blocked again. Then take the block away with \
           `fail2ban-client set JAIL unbanip ADDRESS`, as root; and see that the phones' networks are in `ignoreip` of \
           /etc/fail2ban/jail.local (in FreePBX: Admin, System Admin, Intrusion Detection, or the Firewall's own whitelist). \
           What blocks is read from fail2ban's log (pbx.fail2ban_log); a block that somebody took away by `iptables` alone is \
           still shown until fail2ban says so.",
    sources: &["F2B"],
    health: Health::Banned,
    check,
    due: None,
};

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    let (ip, ban) = evidence.banned?;
    // A jail may be of another port than the phone's.
    let answers = evidence.contacts.iter().any(|contact| contact.state == ContactState::Registered);
    Some(Finding {
        code: RULE.code.to_owned(),
        severity: if answers { Severity::Warning } else { Severity::Error },
        summary: format!("fail2ban blocks the phone's address {ip} (jail {})", ban.jail),
        evidence: vec![format!("blocked since {}", ban.since)],
        remedy: format!(
            "see that the phone has the secret of its extension (`offhook phones restart` once it is reached), then: \
             fail2ban-client set {} unbanip {ip}",
            ban.jail
        ),
    })
}
