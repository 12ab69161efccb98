//! What the PBX says about a phone's registration.

use std::net::IpAddr;

use jiff::Timestamp;

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
    /// Endpoint (chan_pjsip) or peer (chan_sip): the `sip_user` of a line.
    pub endpoint: String,
    /// Contact URI, as registered.
    pub uri: String,
    /// Host of the URI, where it is an address.
    pub ip: Option<IpAddr>,
    /// `User-Agent` of the REGISTER; Cisco phones name model and load there.
    pub user_agent: String,
    /// Call-ID of the REGISTER; what a NOTIFY to the phone must name.
    pub call_id: String,
    /// Bound, reachable or not.
    pub state: ContactState,
    /// Since when we have seen it so.
    pub since: Timestamp,
    /// When the binding ends, if the PBX says.
    pub expires: Option<Timestamp>,
}
