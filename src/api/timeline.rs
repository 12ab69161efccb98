//! What happened to a phone: events one by one, and the same by boots with what repeats folded.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{BootEvent, DhcpStep, EventKind, MacAddr};
use crate::timeline::{self, Began, Ended, Row};

/// One event of a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Its number: who has it is told what came after it.
    #[serde(default)]
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// Which phone.
    pub mac: MacAddr,
    /// Kebab-case kind.
    pub kind: String,
    /// One sentence.
    pub summary: String,
    /// Details by kind; `times` and `since` where it happened more than once and stands for all of them.
    pub data: serde_json::Value,
}

/// A boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Boot {
    /// When it began; `None` = what began it is not kept, or was not heard.
    pub began: Option<Timestamp>,
    /// What began it: `address`, `request`, `told`.
    pub because: Option<String>,
    /// How it ended: `registered`, `restarted`, `silent`, `open`.
    pub ended: String,
    /// When; `None` = it goes on.
    pub at: Option<Timestamp>,
    /// One sentence.
    pub summary: String,
    /// What happened.
    pub entries: Vec<Entry>,
}

/// What happened once, or again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// When first.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
    /// How often.
    pub times: u32,
    /// One sentence.
    pub summary: String,
    /// The events, as they were the last time; several are a cycle.
    pub events: Vec<Event>,
}

impl Event {
    /// That event under its number.
    pub fn new(id: u64, event: &BootEvent) -> Self {
        let kind = event.what.word().to_owned();
        let mut data = serde_json::to_value(&event.what).unwrap_or_default();
        if let Some(map) = data.as_object_mut() {
            map.remove("kind");
            // For the daemon alone.
            map.remove("call");
            if let Some(ip) = event.ip {
                map.insert("ip".to_owned(), ip.to_string().into());
            }
        }
        Self { id, at: event.at, mac: event.mac, kind, summary: summary(&event.what), data }
    }
}

impl From<&Row> for Event {
    fn from(row: &Row) -> Self {
        let mut event = Self::new(row.id, &row.event);
        if let (Some(map), Some(since)) = (event.data.as_object_mut(), row.since) {
            map.insert("times".to_owned(), row.times.into());
            map.insert("since".to_owned(), since.to_string().into());
        }
        event
    }
}

impl From<&timeline::Entry> for Entry {
    fn from(entry: &timeline::Entry) -> Self {
        let events: Vec<Event> = entry.events.iter().map(|one| Event::new(one.id, &one.event)).collect();
        let mut said: Vec<&str> = events.iter().take(SAID).map(|event| event.summary.as_str()).collect();
        let more = format!("{} more", events.len().saturating_sub(SAID));
        if events.len() > SAID {
            said.push(&more);
        }
        let mut summary = said.join("; then ");
        if entry.times > 1 {
            summary += &format!(", {} times in {}", entry.times, span(entry.last().duration_since(entry.since)));
        }
        Self { first: entry.since, last: entry.last(), times: entry.times, summary, events }
    }
}

/// Events of a cycle that are said one by one.
const SAID: usize = 3;

impl From<&timeline::Run> for Boot {
    fn from(run: &timeline::Run) -> Self {
        let (because, began) = match run.began.map(|(_, began)| began) {
            Some(Began::Address) => (Some("address"), "asked for an address"),
            Some(Began::Request) => (Some("request"), "asked for its files"),
            Some(Began::Told) => (Some("told"), "read its files again, as it was told to"),
            None => (None, "how this began is not known"),
        };
        let since = run.began.map(|(at, _)| at);
        let after = |at: Timestamp| {
            since.map_or_else(String::new, |since| format!(" after {}", span(at.duration_since(since))))
        };
        let (ended, at, end) = match run.ended {
            Ended::Registered(at) => ("registered", Some(at), format!("registered{}", after(at))),
            Ended::Restarted(at) => ("restarted", Some(at), format!("began anew{}, not registered", after(at))),
            Ended::Silent(at) => ("silent", Some(at), format!("silent{}, not registered", after(at))),
            Ended::Open => ("open", None, "not registered yet".to_owned()),
        };
        // What nobody saw begin, and what nothing was heard of, is no boot.
        let summary = match run.ended {
            Ended::Open if since.is_none() => "before its first boot".to_owned(),
            _ => format!("{began}; {end}"),
        };
        Self {
            began: since,
            because: because.map(str::to_owned),
            ended: ended.to_owned(),
            at,
            summary,
            entries: run.entries.iter().map(Entry::from).collect(),
        }
    }
}

/// A time as people say it.
fn span(time: SignedDuration) -> String {
    match time.as_secs() {
        0 => "less than a second".to_owned(),
        seconds @ ..=119 => format!("{seconds} s"),
        seconds @ ..=7_199 => format!("{} min", seconds / 60),
        seconds @ ..=172_799 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

fn summary(what: &EventKind) -> String {
    match what {
        EventKind::FileAsked { name, refused: None, .. } => format!("asks for {name}"),
        EventKind::FileAsked { name, refused: Some(why), .. } => format!("asks for {name}: not served ({why})"),
        EventKind::FileSent { name, octets, millis, resent, .. } => {
            let again = if *resent == 0 { String::new() } else { format!(", {resent} datagrams sent again") };
            format!("has {name}, {octets} octets in {millis} ms{again}")
        }
        EventKind::FileFailed { name, reason, said, got, .. } => {
            let said = said.as_ref().map(|said| format!(": \"{said}\"")).unwrap_or_default();
            let got = got.map(|got| format!("; it has {} of {} octets", got.octets, got.of)).unwrap_or_default();
            format!("{name} was not delivered ({reason}{said}{got})")
        }
        EventKind::Registered { extension, uri, .. } => format!("extension {extension} registered as {uri}"),
        EventKind::Unregistered { extension } => format!("extension {extension} is not registered any more"),
        EventKind::Unreachable { extension } => format!("extension {extension} does not answer"),
        EventKind::Banned { jail, banned: true } => format!("its address is blocked by fail2ban ({jail})"),
        EventKind::Banned { jail, banned: false } => format!("its address is blocked by fail2ban no more ({jail})"),
        EventKind::Rejected { extension, why, address } => {
            format!("was rejected by the PBX as {extension} from {address} ({why})")
        }
        EventKind::Syslog { severity, text } => format!("says ({severity}): {text}"),
        EventKind::Leased { address } => format!("has the address {address}"),
        EventKind::Dhcp { step, address, server } => dhcp(*step, address.map(|ip| ip.to_string()), *server),
        EventKind::Denied { name, from, why } => {
            format!("{from} asks for {name} in its name, and is denied it ({why})")
        }
        EventKind::Admin { who, what } => format!("{who} {what}"),
        EventKind::Told { what }
        | EventKind::Assigned { what, .. }
        | EventKind::Firmware { what }
        | EventKind::Sighted { what } => what.clone(),
    }
}

fn dhcp(step: DhcpStep, address: Option<String>, server: Option<std::net::Ipv4Addr>) -> String {
    let address = address.unwrap_or_else(|| "an address".to_owned());
    match (step, server) {
        (DhcpStep::Offered, _) => format!("is offered the address {address}"),
        (DhcpStep::Refused, _) => format!("is refused the address {address}, and asks for another"),
        (DhcpStep::Declined, _) => format!("says that somebody else has the address {address}"),
        (DhcpStep::Released, _) => format!("gives the address {address} back"),
        (DhcpStep::Elsewhere, Some(server)) => format!("takes the address {address} from DHCP server {server}"),
        (DhcpStep::Elsewhere, None) => format!("takes the address {address} from another DHCP server"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{Got, Transport};
    use crate::timeline::Timeline;

    const MAC: &str = "001B54AABB01";

    fn event(second: i64, what: EventKind) -> BootEvent {
        let at = Timestamp::from_second(1_700_000_000 + second).unwrap();
        BootEvent { at, mac: MAC.parse().unwrap(), ip: None, what }
    }

    fn asks(name: &str, refused: Option<&str>) -> EventKind {
        EventKind::FileAsked { name: name.into(), transport: Transport::Tftp, refused: refused.map(str::to_owned) }
    }

    /// One of each kind, and the word under which all others know it.
    fn each() -> Vec<(&'static str, EventKind)> {
        let (name, transport, got) = ("x".to_owned(), Transport::Http, Some(Got { octets: 1, of: 2 }));
        let ip = std::net::Ipv4Addr::new(10, 1, 2, 3);
        let (extension, what) = ("1001".to_owned(), "w".to_owned());
        vec![
            ("file-asked", asks("x", None)),
            ("file-sent", EventKind::FileSent { name: name.clone(), transport, octets: 1, millis: 2, resent: 3 }),
            (
                "file-failed",
                EventKind::FileFailed { name: name.clone(), transport, reason: "r".into(), said: None, got },
            ),
            (
                "registered",
                EventKind::Registered {
                    extension: extension.clone(),
                    uri: "u".into(),
                    user_agent: "a".into(),
                    call: Some("c".into()),
                },
            ),
            ("unregistered", EventKind::Unregistered { extension: extension.clone() }),
            ("unreachable", EventKind::Unreachable { extension: extension.clone() }),
            ("rejected", EventKind::Rejected { extension, why: "wrong-secret".into(), address: ip.into() }),
            ("banned", EventKind::Banned { jail: "asterisk".into(), banned: true }),
            ("syslog", EventKind::Syslog { severity: "error".into(), text: "t".into() }),
            ("leased", EventKind::Leased { address: ip }),
            ("dhcp", EventKind::Dhcp { step: DhcpStep::Elsewhere, address: Some(ip), server: Some(ip) }),
            ("denied", EventKind::Denied { name, from: ip, why: "foreign".into() }),
            ("sighted", EventKind::Sighted { what: what.clone() }),
            ("told", EventKind::Told { what: what.clone() }),
            ("firmware", EventKind::Firmware { what: what.clone() }),
            ("assigned", EventKind::Assigned { what: what.clone(), same_file: false }),
            ("admin", EventKind::Admin { who: "root".into(), what }),
        ]
    }

    #[test]
    fn each_kind_has_one_word_a_sentence_and_is_read_back() {
        for (word, kind) in each() {
            let event = event(0, kind);
            let shown = Event::new(7, &event);
            assert_eq!((shown.kind.as_str(), shown.id), (word, 7));
            assert!(!shown.summary.is_empty() && shown.data.get("kind").is_none(), "{shown:?}");
            let stored = serde_json::to_value(&event).unwrap();
            assert_eq!(stored["kind"], word);
            assert_eq!(serde_json::from_value::<BootEvent>(stored).unwrap(), event);
        }
    }

    #[test]
    fn how_far_a_transfer_came_is_told() {
        let failed = |said: Option<&str>, got| EventKind::FileFailed {
            name: "x".to_owned(),
            transport: Transport::Tftp,
            reason: "peer-error".to_owned(),
            said: said.map(str::to_owned),
            got,
        };
        let got = Some(Got { octets: 512, of: 9_000 });
        for (kind, expected) in [
            (failed(None, None), "x was not delivered (peer-error)"),
            (failed(None, got), "x was not delivered (peer-error; it has 512 of 9000 octets)"),
            (failed(Some("full"), got), "x was not delivered (peer-error: \"full\"; it has 512 of 9000 octets)"),
        ] {
            assert_eq!(summary(&kind), expected);
        }
        // As it was kept before that was known.
        let before = r#"{"kind":"file-failed","name":"x","transport":"tftp","reason":"no-answer"}"#;
        assert!(matches!(serde_json::from_str(before), Ok(EventKind::FileFailed { got: None, .. })));
    }

    #[test]
    fn a_boot_in_sentences() {
        let mut timeline = Timeline::default();
        let mac = MAC.parse().unwrap();
        timeline.push(event(0, EventKind::Leased { address: std::net::Ipv4Addr::new(10, 1, 2, 3) }), true);
        for n in 0..14 {
            timeline.push(event(2 + n * 13, asks("CTLSEP001B54AABB01.tlv", Some("not-found"))), true);
        }
        let now = event(200, asks("", None)).at;
        let boots: Vec<Boot> = timeline.boots(mac, now).iter().map(Boot::from).collect();
        let [boot] = boots.as_slice() else { panic!("{boots:?}") };
        assert_eq!(boot.summary, "asked for an address; not registered yet");
        let said: Vec<_> = boot.entries.iter().map(|entry| entry.summary.as_str()).collect();
        assert_eq!(
            said,
            ["has the address 10.1.2.3", "asks for CTLSEP001B54AABB01.tlv: not served (not-found), 14 times in 2 min"]
        );
        timeline.push(
            event(
                210,
                EventKind::Registered { extension: "1".into(), uri: "u".into(), user_agent: "a".into(), call: None },
            ),
            true,
        );
        let boots: Vec<Boot> = timeline.boots(mac, now).iter().map(Boot::from).collect();
        assert_eq!(boots[0].summary, "asked for an address; registered after 3 min");
    }

    #[test]
    fn a_cycle_in_a_sentence_and_its_events_in_the_list() {
        let mut timeline = Timeline::default();
        let mac = MAC.parse().unwrap();
        for (n, name) in (0..).zip(["a", "b", "c", "d"].iter().cycle().take(400)) {
            timeline.push(event(n, asks(name, None)), true);
        }
        let now = event(400, asks("", None)).at;
        let boots: Vec<Boot> = timeline.boots(mac, now).iter().map(Boot::from).collect();
        let said: Vec<_> = boots[0].entries.iter().map(|entry| entry.summary.as_str()).collect();
        assert_eq!(said, ["asks for a; then asks for b; then asks for c; then 1 more, 100 times in 6 min"]);
        let rows: Vec<Row> = timeline.rows(mac).collect();
        let first = Event::from(&rows[0]);
        assert_eq!(
            (first.data["times"].as_u64(), first.data["since"].as_str()),
            (Some(90), Some("2023-11-14T22:13:20Z"))
        );
        assert!(Arc::ptr_eq(&rows[0].event, &timeline.rows(mac).next().unwrap().event));
        assert!(Event::from(rows.last().unwrap()).data.get("times").is_none());
    }
}
