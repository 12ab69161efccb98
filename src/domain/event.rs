//! Timed facts about phones: what was asked, what was sent, what the PBX saw.

use std::net::{IpAddr, Ipv4Addr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::MacAddr;

/// How a file travelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TFTP (RFC 1350).
    Tftp,
    /// HTTP on the phone side (port 6970).
    Http,
}

impl Transport {
    /// Its name, as it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tftp => "tftp",
            Self::Http => "http",
        }
    }
}

/// How far a transfer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Got {
    /// Octets that the phone acknowledged.
    pub octets: u64,
    /// Octets of the file.
    pub of: u64,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum EventKind {
    /// The phone asked for a file, and got an answer at once: `served` or not.
    FileAsked {
        /// Name as the phone spelled it, escaped and cut.
        name: String,
        /// Carried by.
        transport: Transport,
        /// `None` when it is being sent; else why not, as a code (`not-found`, `not-ours`).
        refused: Option<String>,
    },
    /// The last block was acknowledged.
    FileSent {
        /// Name as asked.
        name: String,
        /// Carried by.
        transport: Transport,
        /// Octets of the file.
        octets: u64,
        /// Milliseconds from request to last acknowledgement.
        millis: u64,
        /// Datagrams sent again.
        resent: u64,
    },
    /// The transfer ended early.
    FileFailed {
        /// Name as asked.
        name: String,
        /// Carried by.
        transport: Transport,
        /// One word: `no-answer`, `unconfirmed` (all sent, only the last ACK is missing), `peer-error`, `replaced` (the
        /// phone asked anew), `refused`, `unanswered` (by us, in time), `not-found` (not in the fall-through folder).
        reason: String,
        /// With `peer-error`: the phone's own words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        said: Option<String>,
        /// How much of it the phone has, where something was sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        got: Option<Got>,
    },
    /// A line registered, or its contact became reachable again.
    Registered {
        /// Extension.
        extension: String,
        /// Contact URI.
        uri: String,
        /// User-Agent, if the PBX told.
        user_agent: String,
        /// A digest of the REGISTER's Call-ID, if the PBX told that: whether a registration is the same is seen by it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<String>,
    },
    /// A line's contact is gone.
    Unregistered {
        /// Extension.
        extension: String,
    },
    /// The PBX rejected it.
    Rejected {
        /// As which extension.
        extension: String,
        /// `wrong-secret`, `unknown-extension`, `address-not-permitted`.
        why: String,
        /// From where.
        address: IpAddr,
    },
    /// A line's contact stopped answering.
    Unreachable {
        /// Extension.
        extension: String,
    },
    /// fail2ban blocks its address, or does no more.
    Banned {
        /// Which jail.
        jail: String,
        /// Whether it does.
        banned: bool,
    },
    /// Our DHCP server gave it an address that it did not have, or after it had booted.
    Leased {
        /// The address.
        address: Ipv4Addr,
    },
    /// DHCP said something of its address, and gave it none of ours.
    Dhcp {
        /// What.
        step: DhcpStep,
        /// Of which address, where one was named.
        address: Option<Ipv4Addr>,
        /// By which server, where it was not ours.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        server: Option<Ipv4Addr>,
    },
    /// Somebody asked for its file and was denied it, who is not known to be the phone.
    Denied {
        /// Name as asked.
        name: String,
        /// From where.
        from: Ipv4Addr,
        /// Why, one word.
        why: String,
    },
    /// What it announces on its link changed.
    Sighted {
        /// One sentence.
        what: String,
    },
    /// What it wrote to our syslog receiver. Whoever has its address could.
    Syslog {
        /// As RFC 5424 names it: `error`, `notice`.
        severity: String,
        /// Printable, cut.
        text: String,
    },
    /// It was told to read its files again, to restart or to reset.
    Told {
        /// One sentence.
        what: String,
    },
    /// Its conversion came a step further, or did not.
    Firmware {
        /// One sentence.
        what: String,
    },
    /// The PBX's desire for this phone changed: bound, changed, removed.
    Assigned {
        /// One sentence.
        what: String,
        /// What the phone's own file says is the same as before.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        same_file: bool,
    },
    /// Somebody did something with it.
    Admin {
        /// Who, as in the audit log.
        who: String,
        /// What, in the past tense.
        what: String,
    },
}

impl EventKind {
    /// The word for it, everywhere.
    pub fn word(&self) -> &'static str {
        match self {
            Self::FileAsked { .. } => "file-asked",
            Self::FileSent { .. } => "file-sent",
            Self::FileFailed { .. } => "file-failed",
            Self::Registered { .. } => "registered",
            Self::Unregistered { .. } => "unregistered",
            Self::Unreachable { .. } => "unreachable",
            Self::Rejected { .. } => "rejected",
            Self::Banned { .. } => "banned",
            Self::Syslog { .. } => "syslog",
            Self::Leased { .. } => "leased",
            Self::Dhcp { .. } => "dhcp",
            Self::Denied { .. } => "denied",
            Self::Sighted { .. } => "sighted",
            Self::Told { .. } => "told",
            Self::Firmware { .. } => "firmware",
            Self::Assigned { .. } => "assigned",
            Self::Admin { .. } => "admin",
        }
    }
}

/// What DHCP said of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DhcpStep {
    /// Our server offered it.
    Offered,
    /// Our server refused it, and the phone begins anew.
    Refused,
    /// The phone says that somebody else has it.
    Declined,
    /// The phone gave it back.
    Released,
    /// The phone took it from another server.
    Elsewhere,
}

/// One timed fact about one phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootEvent {
    /// When, wall clock.
    pub at: Timestamp,
    /// Which phone.
    pub mac: MacAddr,
    /// Address the phone had, where one was seen.
    pub ip: Option<IpAddr>,
    /// What.
    #[serde(flatten)]
    pub what: EventKind,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The word is the tag under which the event is kept.
    #[test]
    fn words_are_tags() {
        let text = String::new;
        let (address, transport) = (Ipv4Addr::LOCALHOST, Transport::Tftp);
        for what in [
            EventKind::FileAsked { name: text(), transport, refused: None },
            EventKind::FileSent { name: text(), transport, octets: 0, millis: 0, resent: 0 },
            EventKind::FileFailed { name: text(), transport, reason: text(), said: None, got: None },
            EventKind::Registered { extension: text(), uri: text(), user_agent: text(), call: None },
            EventKind::Rejected { extension: text(), why: text(), address: address.into() },
            EventKind::Syslog { severity: text(), text: text() },
            EventKind::Leased { address },
        ] {
            assert_eq!(serde_json::to_value(&what).unwrap()["kind"], what.word());
        }
        assert_eq!(serde_json::to_value(Transport::Http).unwrap(), Transport::Http.word());
    }
}
