//! What the PBX says about a phone's registration.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// SIP channel driver of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// chan_pjsip.
    Pjsip,
    /// chan_sip, in Asterisk up to 20.
    ChanSip,
}

/// What a phone registers as: an endpoint of chan_pjsip or a peer of chan_sip. Each driver has names of its own, and an
/// extension that was moved may be known to both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Whose it is.
    pub driver: Driver,
    /// Its name: the `sip_user` of a line.
    pub name: String,
}

impl Endpoint {
    /// An endpoint of that driver.
    pub fn new(driver: Driver, name: impl Into<String>) -> Self {
        Self { driver, name: name.into() }
    }
}

/// State of a contact, as chan_pjsip's ContactStatus and chan_sip's PeerStatus say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactState {
    /// Bound, and answering (or not asked: without qualify a contact that is bound counts as registered).
    Registered,
    /// Bound, but not answering OPTIONS.
    Unreachable,
}

/// One contact bound to an address of record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// What it is bound to.
    pub endpoint: Endpoint,
    /// Contact URI, as registered; of chan_sip, the peer's address as one.
    pub uri: String,
    /// Host of the URI, where it is an address.
    pub ip: Option<IpAddr>,
    /// `User-Agent` of the REGISTER; Cisco phones name model and load there.
    pub user_agent: String,
    /// Call-ID of the REGISTER; what a NOTIFY to the phone must name. Empty on chan_sip, which does not tell it.
    pub call_id: String,
    /// Bound, reachable or not.
    pub state: ContactState,
    /// Since when we have seen it so.
    pub since: Timestamp,
    /// When the binding ends, if the PBX says.
    pub expires: Option<Timestamp>,
}

impl Contact {
    /// Whether its User-Agent is one of Cisco's phones: loads of a 7940 or 7960 before 8.0 call themselves CSCO, others Cisco-CP
    /// and the model.
    pub fn is_cisco(&self) -> bool {
        let agent = self.user_agent.trim();
        let begins = |with: &&str| agent.get(..with.len()).is_some_and(|first| first.eq_ignore_ascii_case(with));
        ["cisco", "csco/"].iter().any(begins)
    }
}

/// Why the PBX rejects a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Its secret is wrong.
    Secret,
    /// There is no such extension.
    Unknown,
    /// The extension's own list does not permit its address.
    Acl,
}

impl Rejection {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Secret, Self::Unknown, Self::Acl];

    /// The word for it in events.
    pub fn word(self) -> &'static str {
        match self {
            Self::Secret => "wrong-secret",
            Self::Unknown => "unknown-extension",
            Self::Acl => "address-not-permitted",
        }
    }
}

/// A registration that the PBX rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// As whom.
    pub endpoint: Endpoint,
    /// Why.
    pub why: Rejection,
    /// From where; the source of a datagram can be made up.
    pub address: IpAddr,
    /// When.
    pub at: Timestamp,
}
