//! Contacts out of manager messages. Pure: what is badly formed is no evidence, never an error.
//!
//! A list counts only when it is whole: half of one would say of the other half that it is unregistered. Fields and
//! refusals as Asterisk sends them: 22.10 (res/res_pjsip/pjsip_configuration.c, res_pjsip_registrar.c) and, for chan_sip,
//! 16.28 (channels/chan_sip.c).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};

use jiff::{SignedDuration, Timestamp};

use super::proto::Message;
use crate::domain::{Contact, ContactState, Driver, Endpoint};

/// Contacts kept per endpoint.
pub const PER_ENDPOINT: usize = 10;

/// Longest URI kept, in characters; pjproject takes 256 octets (PJSIP_MAX_URL_SIZE).
const URI_LIMIT: usize = 512;

/// Longest User-Agent kept, in characters.
const USER_AGENT_LIMIT: usize = 128;

/// Longest time left that is believed: a year.
const MOST_SECONDS: i64 = 366 * 24 * 3_600;

/// What came of asking for a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Everything there is.
    All(Vec<Contact>),
    /// This Asterisk does not have the action.
    Absent,
    /// Our manager user may not ask.
    Denied,
    /// Not whole, or refused for another reason, which is named.
    Broken(String),
}

/// Judges an answer: the response, then all events that came for it. `read` takes a contact out of one event.
pub fn listed(response: &Message, events: &[Message], read: impl Fn(&Message) -> Option<Contact>) -> Listed {
    if response.is_denied() {
        Listed::Denied
    } else if response.is_unknown_action() {
        Listed::Absent
    } else if response.is_success() {
        match whole(events) {
            Ok(items) => Listed::All(at_most_per_endpoint(items.iter().filter_map(read).collect())),
            Err(why) => Listed::Broken(why),
        }
    } else if response.text("Message").trim() == "No Contacts found" {
        Listed::All(Vec::new())
    } else {
        Listed::Broken(response.text("Message").trim().to_owned())
    }
}

/// The events of a list without its end, when as many came as the end says.
///
/// # Errors
/// The list is cut off or does not hold what it says.
pub fn whole(events: &[Message]) -> Result<&[Message], String> {
    let (end, items) = ended(events)?;
    match end.get("ListItems").and_then(|count| count.trim().parse::<usize>().ok()) {
        Some(said) if said != items.len() => Err(format!("the list says {said} items and holds {}", items.len())),
        _ => Ok(items),
    }
}

/// The end of a list and the events before it, however many the end says there are.
///
/// # Errors
/// The list is cut off.
pub fn ended(events: &[Message]) -> Result<(&Message, &[Message]), String> {
    let ends = |end: &Message| end.text("EventList").eq_ignore_ascii_case("complete");
    events.split_last().filter(|(end, _)| ends(end)).ok_or_else(|| "the list has no end".to_owned())
}

/// The first [`PER_ENDPOINT`] contacts of each endpoint, in the order they came.
pub fn at_most_per_endpoint(contacts: Vec<Contact>) -> Vec<Contact> {
    let mut counts: HashMap<Endpoint, usize> = HashMap::new();
    contacts
        .into_iter()
        .filter(|contact| {
            let count = counts.entry(contact.endpoint.clone()).or_default();
            *count += 1;
            *count <= PER_ENDPOINT
        })
        .collect()
}

/// A contact out of `ContactStatusDetail` (chan_pjsip); `None` for another event, and when it is gone or nobody's.
pub fn of_detail(message: &Message, now: Timestamp) -> Option<Contact> {
    let endpoint = message.get("EndpointName").filter(|name| !name.is_empty()).or_else(|| message.get("AOR"))?;
    let fields = ["URI", "UserAgent", "CallID", "RegExpire"];
    message.is_event("ContactStatusDetail").then(|| of_pjsip(message, endpoint, fields, now)).flatten()
}

/// A contact out of `ContactList` (chan_pjsip, where the list of `ContactStatusDetail` does not exist).
pub fn of_contact_list(message: &Message, now: Timestamp) -> Option<Contact> {
    // `1001;@4e04…` is the address of record and a hash of the contact.
    let object = message.text("ObjectName").split(";@").next();
    let endpoint = message.get("Endpoint").filter(|name| !name.is_empty()).or(object)?;
    let fields = ["Uri", "UserAgent", "CallId", "ExpirationTime"];
    message.is_event("ContactList").then(|| of_pjsip(message, endpoint, fields, now)).flatten()
}

fn of_pjsip(message: &Message, endpoint: &str, fields: [&str; 4], now: Timestamp) -> Option<Contact> {
    let [uri, user_agent, call_id, expires] = fields.map(|field| message.text(field));
    let state = match message.text("Status").to_ascii_lowercase().as_str() {
        "removed" => return None,
        "unreachable" | "unavailable" => ContactState::Unreachable,
        // Reachable, NonQualified, Unqualified, Unknown, Created, Updated: bound, and not known to be silent.
        _ => ContactState::Registered,
    };
    if endpoint.is_empty() || uri.is_empty() {
        return None;
    }
    let short: String = uri.chars().take(URI_LIMIT).collect();
    Some(Contact {
        endpoint: Endpoint::new(Driver::Pjsip, endpoint),
        ip: if short.len() == uri.len() { host(uri) } else { None },
        uri: short,
        user_agent: user_agent.chars().take(USER_AGENT_LIMIT).collect(),
        call_id: call_id.chars().take(255).collect(),
        state,
        since: now,
        // A contact written in the configuration never ends; Asterisk says 0.
        expires: expires.parse().ok().filter(|at| *at > 0).and_then(|at| Timestamp::from_second(at).ok()),
    })
}

/// A contact out of `PeerEntry` (chan_sip); `None` for another event and for a peer that is not registered.
pub fn of_peer(message: &Message, now: Timestamp) -> Option<Contact> {
    message.is_event("PeerEntry").then(|| of_chan_sip(message, ["IPaddress", "IPport"], now)).flatten()
}

/// A contact out of the answer to `SIPshowpeer`, which has what the list lacks; `None` for a peer that is not registered.
pub fn of_peer_shown(message: &Message, now: Timestamp) -> Option<Contact> {
    let contact = of_chan_sip(message, ["Address-IP", "Address-Port"], now)?;
    // `3604 seconds`: some beyond what the phone was granted, since Asterisk is patient; -1 where it never ends.
    let left = message.text("RegExpire").split(' ').next().and_then(|seconds| seconds.parse().ok());
    let left = left.filter(|seconds| (0..=MOST_SECONDS).contains(seconds)).map(SignedDuration::from_secs);
    Some(Contact {
        user_agent: message.text("SIP-Useragent").chars().take(USER_AGENT_LIMIT).collect(),
        expires: left.and_then(|left| now.checked_add(left).ok()),
        ..contact
    })
}

fn of_chan_sip(message: &Message, fields: [&str; 2], now: Timestamp) -> Option<Contact> {
    let [address, port] = fields.map(|field| message.text(field));
    let name = message.get("ObjectName").filter(|name| !name.is_empty())?;
    // `-none-` in the list, `(null)` by itself (channels/chan_sip.c).
    if address.is_empty() || address.starts_with(['-', '(']) {
        return None;
    }
    // OK, LAGGED, UNKNOWN (not asked yet), Unmonitored: bound, and not known to be silent.
    let unreachable = message.text("Status").starts_with("UNREACHABLE");
    Some(Contact {
        endpoint: Endpoint::new(Driver::ChanSip, name),
        uri: format!("sip:{name}@{address}:{port}").chars().take(URI_LIMIT).collect(),
        ip: address.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        user_agent: String::new(),
        call_id: String::new(),
        state: if unreachable { ContactState::Unreachable } else { ContactState::Registered },
        since: now,
        expires: None,
    })
}

/// Since when each contact is known, by endpoint and URI; outlives a connection, since a cut says nothing of phones.
#[derive(Debug, Default)]
pub struct Known {
    since: BTreeMap<Endpoint, BTreeMap<String, Timestamp>>,
}

impl Known {
    /// These are all contacts there are: dates them, forgets others.
    pub fn all(&mut self, contacts: Vec<Contact>) -> Vec<Contact> {
        let there: BTreeSet<&Endpoint> = contacts.iter().map(|contact| &contact.endpoint).collect();
        self.since.retain(|endpoint, _| there.contains(endpoint));
        let mut by_endpoint: BTreeMap<Endpoint, Vec<Contact>> = BTreeMap::new();
        for contact in contacts {
            by_endpoint.entry(contact.endpoint.clone()).or_default().push(contact);
        }
        by_endpoint.into_iter().flat_map(|(endpoint, contacts)| self.of(&endpoint, contacts)).collect()
    }

    /// These are all contacts of one endpoint: dates them, forgets its others.
    pub fn of(&mut self, endpoint: &Endpoint, mut contacts: Vec<Contact>) -> Vec<Contact> {
        let before = self.since.remove(endpoint).unwrap_or_default();
        for contact in &mut contacts {
            contact.since = before.get(&contact.uri).copied().unwrap_or(contact.since);
        }
        if !contacts.is_empty() {
            let now = contacts.iter().map(|contact| (contact.uri.clone(), contact.since)).collect();
            self.since.insert(endpoint.clone(), now);
        }
        contacts
    }
}

/// The host of a SIP URI, where it is an IPv4 address (RFC 3261 section 19.1.1).
fn host(uri: &str) -> Option<IpAddr> {
    let (scheme, rest) = uri.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("sip") && !scheme.eq_ignore_ascii_case("sips") {
        return None;
    }
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
    use crate::pbx::ami::proto::{Decoder, Item};

    fn messages(text: &str) -> Vec<Message> {
        let mut decoder = Decoder::default();
        decoder.push(b"Asterisk Call Manager/11.0.0\r\n");
        decoder.push(text.as_bytes());
        std::iter::from_fn(|| decoder.poll().unwrap())
            .filter_map(|item| match item {
                Item::Message(message) => Some(message),
                Item::Banner(_) => None,
            })
            .collect()
    }

    fn detail(endpoint: &str, uri: &str, status: &str) -> String {
        format!(
            "Event: ContactStatusDetail\r\nAOR: {endpoint}\r\nURI: {uri}\r\nUserAgent: Cisco-CP7960G/8.0\r\nRegExpire: 1795243027\r\n\
             CallID: 1-27148@127.0.0.1\r\nStatus: {status}\r\nEndpointName: {endpoint}\r\n\r\n"
        )
    }

    fn contact(endpoint: &str, uri: &str, second: i64) -> Contact {
        let since = Timestamp::from_second(second).unwrap();
        Contact { since, ..of_detail(&messages(&detail(endpoint, uri, "Reachable"))[0], since).unwrap() }
    }

    /// N7: URIs, well formed or not.
    #[test]
    fn n7_hosts_of_uris() {
        for (uri, ip) in [
            ("sip:1001@127.0.1.60:5060", Some("127.0.1.60")),
            ("sip:1001@10.0.0.5:5060;transport=tcp", Some("10.0.0.5")),
            ("SIP:1001@10.0.0.5", Some("10.0.0.5")),
            ("sips:1001:x@10.0.0.5?a=b", Some("10.0.0.5")),
            ("sip:10.0.0.5", Some("10.0.0.5")),
            ("sip:100@[::1]:99999", None),
            ("sip:1001@10.0.0.5:99999", None),
            ("sip:1001@10.0.0.05", None),
            ("sip:a@b@c", None),
            ("sip:1001@phone.example", None),
            ("tel:10.0.0.5", None),
            ("", None),
        ] {
            assert_eq!(host(uri), ip.map(|ip| ip.parse().unwrap()), "{uri}");
        }
    }

    /// N7: a URI without end still is a registration, but no evidence of an address.
    #[test]
    fn n7_a_uri_of_four_kilobytes() {
        let long = format!("sip:1001@10.0.0.5;x={}", "y".repeat(4_096));
        let contact = of_detail(&messages(&detail("1001", &long, "Reachable"))[0], Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!((contact.uri.len(), contact.ip), (URI_LIMIT, None));
    }

    #[test]
    fn every_status_has_its_meaning() {
        for (status, state) in [
            ("Reachable", Some(ContactState::Registered)),
            ("NonQualified", Some(ContactState::Registered)),
            ("Unqualified", Some(ContactState::Registered)),
            ("Unknown", Some(ContactState::Registered)),
            ("Created", Some(ContactState::Registered)),
            ("Updated", Some(ContactState::Registered)),
            ("Unreachable", Some(ContactState::Unreachable)),
            ("Removed", None),
        ] {
            let message = &messages(&detail("1001", "sip:1001@10.0.0.5", status))[0];
            let found = of_detail(message, Timestamp::UNIX_EPOCH);
            assert_eq!(found.map(|contact| contact.state), state, "{status}");
        }
    }

    /// Both lists of chan_pjsip, as Asterisk 22.10.1 sent them for one phone, tell the same.
    #[test]
    fn both_lists_of_pjsip_tell_the_same() {
        let list = "Event: ContactList\r\nObjectType: contact\r\nObjectName: 1001;@4e04150754cd34fff82247ef8b858ab7\r\n\
            CallId: 1-27148@127.0.0.1\r\nEndpoint: 1001\r\nUri: sip:1001@127.0.0.1:53238\r\nUserAgent: Cisco-CP7960G/8.0\r\n\
            ExpirationTime: 1795243027\r\nStatus: Reachable\r\n\r\n";
        let detail = detail("1001", "sip:1001@127.0.0.1:53238", "Reachable");
        let now = Timestamp::UNIX_EPOCH;
        let contact = of_detail(&messages(&detail)[0], now).unwrap();
        assert_eq!(contact.expires, Timestamp::from_second(1_795_243_027).ok());
        assert_eq!(contact.call_id, "1-27148@127.0.0.1");
        assert_eq!(of_contact_list(&messages(list)[0], now), Some(contact));
        assert_eq!(of_detail(&messages(list)[0], now), None, "another event");
    }

    /// As Asterisk 16.28 sent them, in the list and by themselves.
    #[test]
    fn peers_of_chan_sip() {
        let now = Timestamp::from_second(1_000).unwrap();
        for (address, status, expected) in [
            ("10.0.0.5", "OK (12 ms)", Some((ContactState::Registered, true))),
            ("10.0.0.5", "LAGGED (2500 ms)", Some((ContactState::Registered, true))),
            ("10.0.0.5", "UNKNOWN", Some((ContactState::Registered, true))),
            ("10.0.0.5", "Unmonitored", Some((ContactState::Registered, true))),
            ("10.0.0.5", "UNREACHABLE", Some((ContactState::Unreachable, true))),
            ("2001:db8::5", "OK (12 ms)", Some((ContactState::Registered, false))),
            ("-none-", "UNKNOWN", None),
            ("(null)", "UNKNOWN", None),
            ("", "Unmonitored", None),
        ] {
            let entry = format!(
                "Event: PeerEntry\r\nChanneltype: SIP\r\nObjectName: 2001\r\nIPaddress: {address}\r\nIPport: 5060\r\nStatus: {status}\r\n\r\n"
            );
            let shown = format!(
                "Response: Success\r\nChanneltype: SIP\r\nObjectName: 2001\r\nRegExpire: 3604 seconds\r\nAddress-IP: {address}\r\n\
                 Address-Port: 5060\r\nStatus: {status}\r\nSIP-Useragent: Cisco-CP7960G/8.0\r\nReg-Contact: sip:2001@10.0.0.5:5060\r\n\r\n"
            );
            let (entry, shown) = (of_peer(&messages(&entry)[0], now), of_peer_shown(&messages(&shown)[0], now));
            let facts = |contact: &Contact| (contact.state, contact.ip.is_some());
            assert_eq!(entry.as_ref().map(facts), expected, "{address} {status}");
            let described = entry.map(|entry| Contact {
                user_agent: "Cisco-CP7960G/8.0".into(),
                expires: Timestamp::from_second(4_604).ok(),
                ..entry
            });
            assert_eq!(shown, described, "by itself it tells more, and nothing else");
        }
    }

    /// C17: what stands where a peer's host should. Only an IPv4 address is one; of anything else the peer is registered
    /// still, and nothing is said of where. The port goes nowhere but into the text of the URI.
    #[test]
    fn c17_hosts_that_are_none() {
        let now = Timestamp::UNIX_EPOCH;
        let long = "1".repeat(4_096);
        for (address, port, ip) in [
            ("10.0.0.5", "5060", Some("10.0.0.5")),
            ("10.0.0.5", "0", Some("10.0.0.5")),
            ("10.0.0.5", "65536", Some("10.0.0.5")),
            ("10.0.0.5", "5060#evil.com", Some("10.0.0.5")),
            ("evil.com#", "5060", None),
            ("evil.com#10.0.0.5", "5060", None),
            ("10.0.0.5#evil.com", "5060", None),
            ("10.0.0.5:5070", "5060", None),
            ("10.0.0.5 ", "5060", None),
            ("10.0.0.05", "5060", None),
            ("10.0.0.256", "5060", None),
            ("10.5", "5060", None),
            ("0x0a000005", "5060", None),
            ("::1", "5060", None),
            ("[::1]", "5060", None),
            ("::ffff:10.0.0.5", "5060", None),
            ("fe80::1%eth0", "5060", None),
            ("dynamic", "5060", None),
            ("10.0.0.5\u{1b}[2J", "5060", None),
            ("\u{202e}5.0.0.01", "5060", None),
            (long.as_str(), "5060", None),
        ] {
            let fields = |of_address: &str, of_port: &str| {
                format!("ObjectName: 2001\r\n{of_address}: {address}\r\n{of_port}: {port}\r\nStatus: OK (1 ms)\r\n\r\n")
            };
            let listed = format!("Event: PeerEntry\r\n{}", fields("IPaddress", "IPport"));
            let shown = format!("Response: Success\r\n{}", fields("Address-IP", "Address-Port"));
            for contact in [of_peer(&messages(&listed)[0], now), of_peer_shown(&messages(&shown)[0], now)] {
                let contact = contact.unwrap_or_else(|| panic!("{address:?}: it is registered"));
                assert_eq!(contact.ip, ip.map(|ip| ip.parse().unwrap()), "{address:?}:{port:?}");
                assert_eq!((contact.endpoint.name.as_str(), contact.state), ("2001", ContactState::Registered));
                assert!(contact.uri.chars().count() <= URI_LIMIT, "{address:?}");
            }
        }
        // A peer whose name is none of ours is a peer of that name, not of another.
        let named =
            "Event: PeerEntry\r\nObjectName: 2001\u{1b}[2J@evil.com#\r\nIPaddress: 10.0.0.5\r\nIPport: 5060\r\n\r\n";
        let contact = of_peer(&messages(named)[0], now).unwrap();
        assert_eq!(contact.endpoint, Endpoint::new(Driver::ChanSip, "2001\u{1b}[2J@evil.com#"));
    }

    /// N7: what a peer's time left may be, and what not.
    #[test]
    fn n7_odd_peers() {
        for left in ["-1 seconds", "", "soon", "99999999999999999999 seconds", "9223372036854775807 seconds"] {
            let shown =
                format!("Response: Success\r\nObjectName: 2001\r\nRegExpire: {left}\r\nAddress-IP: 10.0.0.5\r\n\r\n");
            let contact = of_peer_shown(&messages(&shown)[0], Timestamp::MAX).unwrap();
            assert_eq!(contact.expires, None, "{left}");
        }
        assert_eq!(
            of_peer_shown(&messages("Response: Success\r\nAddress-IP: 10.0.0.5\r\n\r\n")[0], Timestamp::MAX),
            None
        );
    }

    /// N8: more contacts than a phone could have; N10: a list that is not what it says; N11: a class that is missing.
    #[test]
    fn answers_to_lists() {
        let now = Timestamp::UNIX_EPOCH;
        let start = "Response: Success\r\nEventList: start\r\n\r\n";
        let end =
            |n: usize| format!("Event: ContactStatusDetailComplete\r\nEventList: Complete\r\nListItems: {n}\r\n\r\n");
        let details = |n: usize| -> String {
            (0..n).map(|i| detail("1001", &format!("sip:1001@10.0.0.{i}"), "Reachable")).collect()
        };
        let judge = |text: &str| {
            let all = messages(text);
            match listed(&all[0], &all[1..], |event| of_detail(event, now)) {
                Listed::All(contacts) => format!("{} contacts", contacts.len()),
                other => format!("{other:?}"),
            }
        };
        for (case, text, expected) in [
            ("empty", format!("{start}{}", end(0)), "0 contacts"),
            ("two", format!("{start}{}{}", details(2), end(2)), "2 contacts"),
            ("N8", format!("{start}{}{}", details(12), end(12)), "10 contacts"),
            ("N10", format!("{start}{}{}", details(3), end(4)), "Broken(\"the list says 4 items and holds 3\")"),
            ("cut", format!("{start}{}", details(3)), "Broken(\"the list has no end\")"),
            ("N11", "Response: Error\r\nMessage: Permission denied\r\n\r\n".to_owned(), "Denied"),
            (
                "no chan_sip",
                "Response: Error\r\nMessage: Invalid/unknown command: SIPpeers. Use Action: ListCommands to show available commands.\r\n\r\n".to_owned(),
                "Absent",
            ),
            ("none", "Response: Error\r\nMessage: No Contacts found\r\n\r\n\r\n".to_owned(), "0 contacts"),
            ("other", "Response: Error\r\nMessage: Busy\r\n\r\n".to_owned(), "Broken(\"Busy\")"),
        ] {
            assert_eq!(judge(&text), expected, "{case}");
        }
    }

    #[test]
    fn what_persists_keeps_its_date() {
        let mut known = Known::default();
        let uri = ["sip:1001@10.0.0.1", "sip:1001@10.0.0.2"];
        known.all(vec![contact("1001", uri[0], 100), contact("1002", "sip:1002@10.0.0.3", 100)]);
        let of = |contacts: &[Contact]| contacts.iter().map(|c| c.since.as_second()).collect::<Vec<_>>();
        let endpoint = |name: &str| Endpoint::new(Driver::Pjsip, name);
        let moved = known.of(&endpoint("1001"), vec![contact("1001", uri[0], 200), contact("1001", uri[1], 200)]);
        assert_eq!(of(&moved), [100, 200]);
        // Gone and back is new.
        known.of(&endpoint("1001"), vec![contact("1001", uri[1], 300)]);
        assert_eq!(of(&known.of(&endpoint("1001"), vec![contact("1001", uri[0], 400)])), [400]);
        // A list in full forgets endpoints that it does not name.
        known.all(vec![contact("1001", uri[0], 500)]);
        assert_eq!(of(&known.of(&endpoint("1002"), vec![contact("1002", "sip:1002@10.0.0.3", 600)])), [600]);
    }
}
