//! Contacts out of manager messages. Pure: what is badly formed is no evidence, never an error.

use std::net::{IpAddr, Ipv4Addr};

use jiff::Timestamp;

use super::proto::Message;
use crate::domain::{Contact, ContactState};

/// Contacts kept per endpoint.
pub const PER_ENDPOINT: usize = 10;

/// A contact out of `ContactStatusDetail` (chan_pjsip); `None` when it is gone or belongs to nobody.
pub fn of_detail(message: &Message, now: Timestamp) -> Option<Contact> {
    let state = match message.text("Status").to_ascii_lowercase().as_str() {
        "removed" => return None,
        "unreachable" | "unavailable" => ContactState::Unreachable,
        // Reachable, NonQualified, Unqualified, Unknown, Created, Updated: bound, and not known to be silent.
        _ => ContactState::Registered,
    };
    let endpoint = message.get("EndpointName").filter(|name| !name.is_empty()).or_else(|| message.get("AOR"))?;
    let uri = message.text("URI");
    if endpoint.is_empty() || uri.is_empty() || uri.len() > 512 {
        return None;
    }
    Some(Contact {
        endpoint: endpoint.to_owned(),
        uri: uri.to_owned(),
        ip: host(uri),
        user_agent: message.text("UserAgent").chars().take(128).collect(),
        call_id: message.text("CallID").chars().take(255).collect(),
        state,
        since: now,
        expires: message.get("RegExpire").and_then(|at| at.parse().ok()).and_then(|at| Timestamp::from_second(at).ok()),
    })
}

/// A contact out of `PeerEntry` (chan_sip); `None` for a peer that is not registered.
pub fn of_peer(message: &Message, now: Timestamp) -> Option<Contact> {
    let ip: Ipv4Addr = message.text("IPaddress").parse().ok()?;
    let name = message.get("ObjectName").filter(|name| !name.is_empty())?;
    let status = message.text("Status");
    let unreachable = status.starts_with("UNREACHABLE");
    Some(Contact {
        endpoint: name.to_owned(),
        uri: format!("sip:{name}@{ip}:{}", message.text("IPport")),
        ip: Some(ip.into()),
        user_agent: String::new(),
        call_id: String::new(),
        state: if unreachable { ContactState::Unreachable } else { ContactState::Registered },
        since: now,
        expires: None,
    })
}

/// The host of a SIP URI, where it is an IPv4 address (RFC 3261 section 19.1.1).
fn host(uri: &str) -> Option<IpAddr> {
    let rest = uri.strip_prefix("sip:").or_else(|| uri.strip_prefix("sips:"))?;
    let rest = rest.split([';', '?', '>']).next()?;
    let host = match rest.split_once('@') {
        Some((_, host)) if !host.contains('@') => host,
        Some(_) => return None,
        None => rest,
    };
    let address = match host.split_once(':') {
        Some((address, port)) => port.parse::<u16>().ok().map(|_| address)?,
        None => host,
    };
    address.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// N7: URIs, well formed or not.
    #[test]
    fn n7_hosts_of_uris() {
        for (uri, ip) in [
            ("sip:1001@127.0.1.60:5060", Some("127.0.1.60")),
            ("sip:1001@10.0.0.5:5060;transport=tcp", Some("10.0.0.5")),
            ("sip:10.0.0.5", Some("10.0.0.5")),
            ("sip:100@[::1]:99999", None),
            ("sip:1001@10.0.0.5:99999", None),
            ("sip:a@b@c", None),
            ("sip:1001@phone.example", None),
            ("", None),
        ] {
            assert_eq!(host(uri), ip.map(|ip| ip.parse().unwrap()), "{uri}");
        }
    }
}
