//! Ports of ours that another program has.

use super::{Facts, bad};
use crate::api::{Check, CheckStatus};
use crate::config::Listen;

/// An address that another program holds.
#[derive(Clone, Debug)]
pub struct Held {
    /// Which.
    pub listen: Listen,
    /// Who holds it, where that is known.
    pub holder: Option<String>,
}

/// What begins the line of an address that another program holds.
pub fn held_at(listen: &Listen) -> String {
    format!("{}: {} is held by ", listen.key, listen.address)
}

/// The name of those lines.
pub const HELD: &str = "port-held";

/// That line.
pub fn port_held(held: &Held) -> Check {
    let holder = held.holder.as_deref().unwrap_or("another program");
    let (nobody, remedy) = match held.listen.key {
        "tftp.listen" => (
            "no phone gets a file over TFTP there",
            "`offhook setup` takes the port over; or stop and disable that program yourself, for example `systemctl stop tftpd-hpa && systemctl disable tftpd-hpa`",
        ),
        "sntp.listen" => (
            "offhook tells nobody the time there",
            "a time server that answers phones is as good: empty sntp.listen then, and phones are told this host all the same; or stop that program",
        ),
        "syslog.listen" => (
            "what phones say is not heard there",
            "give offhook another port, where phones can be told one, or stop that program",
        ),
        "dhcp.interfaces" => (
            "no phone gets an address from this host there",
            "stop that DHCP server, or set dhcp.mode to off and let it tell phones: `offhook dhcp snippet`",
        ),
        _ => ("nobody is served there", "stop that program, or give offhook another port"),
    };
    bad(
        HELD,
        CheckStatus::Failed,
        format!("{}{holder}: {nobody}", held_at(&held.listen)),
        format!("{remedy}; offhook takes it within 30 s once it is free, and at once after `systemctl reload offhook`"),
    )
}

pub(super) fn held(facts: &Facts) -> Vec<Check> {
    facts.held.iter().map(port_held).collect()
}

pub(super) fn port(facts: &Facts) -> Vec<Check> {
    if facts.tftp_port == 69 {
        Vec::new()
    } else {
        vec![bad(
            "tftp-port",
            CheckStatus::Warning,
            format!("TFTP is on port {}; phones know only 69, and options 66 and 150 carry no port", facts.tftp_port),
            "set tftp.listen to port 69",
        )]
    }
}
