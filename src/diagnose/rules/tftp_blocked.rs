//! The phone's requests arrive here, and our answers do not arrive there.

use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::status::Health;

/// Five requests go out from one port of a 7940 or 7960, 4 s apart [LOG]; the fourth repetition shows that it heard nothing.
const REPEATED: u32 = 5;

/// Transfers without a single word of the phone.
const UNANSWERED: u32 = 3;

pub(super) const RULE: Rule = Rule {
    code: "tftp-blocked",
    title: "The phone asks, and our answers do not reach it",
    text: "A request goes to UDP port 69; the answer comes from a port above 1023, as TFTP has it (RFC 1350), and what the phone says \
           to it goes there. A firewall that knows port 69 only lets the request in and nothing else: on this host, on a router \
           between, on the computer that a server was moved to. The phone asks for the same file every few seconds, and no \
           transfer is acknowledged. Allow UDP between this host and the phones' networks, or load the connection helper \
           (nf_conntrack_tftp). NAT between the two breaks TFTP the same way. `offhook setup --firewall` opens this host's.",
    health: Health::Stalled,
    check,
    due: None,
    sources: &["LOG", "FWISSUES", "SEED1"],
};

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    evidence.wanted()?;
    let signs = &evidence.boot.signs;
    if signs.delivered || !evidence.contacts.is_empty() {
        return None;
    }
    let repeated = signs.repeated.as_ref().filter(|repeated| repeated.times >= REPEATED);
    let summary = match repeated {
        Some(asked) => {
            format!("the phone asked for {} {} times in a row: our answers do not reach it", asked.name, asked.times)
        }
        None if signs.unanswered >= UNANSWERED => {
            format!("{} files were sent to the phone and none was acknowledged", signs.unanswered)
        }
        None => return None,
    };
    let remedy = "allow UDP between this host and the phone, ports above 1023 included (here: `offhook setup --firewall`), and see \
                  that no NAT stands between";
    Some(
        Finding::new(&RULE, Severity::Error, summary, remedy)
            .because(signs.from.map(|(ip, _)| format!("it asks from {ip}"))),
    )
}
