//! Boots: what began each, how it ended, what happened in between.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use super::BOOT_GAP;
use super::fold::Entry;
use crate::domain::{BootEvent, DhcpStep, EventKind};
use crate::files::name::{FileRequest, PhoneFile, SharedFile};

/// A phone that was told to read its files again, restart or reset does so within this, or the word was not heard.
const OBEYS: SignedDuration = SignedDuration::from_secs(60);

/// What began a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Began {
    /// It asked for an address.
    Address,
    /// It asked for a file.
    Request,
    /// Likewise, shortly after it was told to.
    Told,
}

/// How a boot ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A line registered, first at that time.
    Registered(Timestamp),
    /// The phone began another, without having registered.
    Restarted(Timestamp),
    /// Nothing was heard of it any more, and no line had registered.
    Silent(Timestamp),
    /// It goes on.
    Open,
}

/// A boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// When it began, and with what; `None` = its beginning is not kept, or happened before anything was heard.
    pub began: Option<(Timestamp, Began)>,
    /// How it ended.
    pub ended: Ended,
    /// What happened, in order.
    pub entries: Vec<Entry>,
}

/// What says whether the next event begins a boot.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    /// The last word of the phone itself.
    last: Option<Timestamp>,
    /// It asked for a file since the boot began.
    asked: bool,
    /// A line registered since.
    registered: bool,
    /// When it was told to boot or to read its files.
    told: Option<Timestamp>,
}

impl Heard {
    /// The last word of the phone itself.
    pub(super) fn last(&self) -> Option<Timestamp> {
        self.last
    }

    /// It went on as before until then.
    pub(super) fn went_on(&mut self, until: impl FnOnce(Timestamp) -> Timestamp) {
        self.last = self.last.map(until);
    }

    /// Takes an event in; says whether it begins a boot.
    pub(super) fn hear(&mut self, event: &BootEvent) -> Option<Began> {
        let at = event.at;
        let quiet = self.last.is_none_or(|last| at.duration_since(last) > BOOT_GAP);
        let began = match &event.what {
            EventKind::Told { .. } => {
                self.told = Some(at);
                return None;
            }
            kind if of_the_phone(kind) => match kind {
                kind if asks_for_address(kind) => (quiet || self.asked || self.registered).then_some(Began::Address),
                EventKind::FileAsked { name, .. } => {
                    let boots = is_of_a_boot(name);
                    // A phone that works asks for a ring list now and then.
                    let anew = if self.registered { boots } else { quiet };
                    let told = self.told.is_some_and(|told| at.duration_since(told) <= OBEYS);
                    anew.then_some(if told { Began::Told } else { Began::Request })
                }
                _ => None,
            },
            _ => return None,
        };
        if began.is_some() {
            *self = Self::default();
        }
        self.last = Some(at);
        self.asked |= matches!(event.what, EventKind::FileAsked { .. });
        self.registered |= matches!(event.what, EventKind::Registered { .. });
        began
    }
}

fn of_the_phone(kind: &EventKind) -> bool {
    match kind {
        EventKind::FileAsked { .. }
        | EventKind::FileSent { .. }
        | EventKind::FileFailed { .. }
        | EventKind::Registered { .. }
        | EventKind::Rejected { .. }
        | EventKind::Leased { .. }
        | EventKind::Dhcp { .. } => true,
        EventKind::Unregistered { .. }
        | EventKind::Unreachable { .. }
        | EventKind::Banned { .. }
        | EventKind::Syslog { .. }
        | EventKind::Denied { .. }
        | EventKind::Sighted { .. }
        | EventKind::Told { .. }
        | EventKind::Firmware { .. }
        | EventKind::Assigned { .. }
        | EventKind::Admin { .. } => false,
    }
}

fn asks_for_address(kind: &EventKind) -> bool {
    match kind {
        EventKind::Leased { .. } => true,
        EventKind::Dhcp { step, .. } => matches!(step, DhcpStep::Offered | DhcpStep::Refused | DhcpStep::Elsewhere),
        _ => false,
    }
}

/// What phones ask for when they boot, and no phone that works.
fn is_of_a_boot(name: &str) -> bool {
    match FileRequest::parse(name) {
        FileRequest::Phone(
            PhoneFile::SipCnf
            | PhoneFile::SepXml
            | PhoneFile::SepXmlSigned
            | PhoneFile::Ctl
            | PhoneFile::Itl
            | PhoneFile::Mgcp,
            _,
        )
        | FileRequest::Firmware(_) => true,
        FileRequest::Shared(shared) => {
            matches!(shared, SharedFile::SipDefault | SharedFile::XmlDefault | SharedFile::Os79xx)
        }
        FileRequest::Other(_) => false,
    }
}

/// Entries by boots, oldest first.
pub(super) fn group(entries: VecDeque<Entry>, now: Timestamp) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for entry in entries {
        match runs.last_mut() {
            Some(run) if entry.begins().is_none() => run.entries.push(entry),
            _ => {
                let began = entry.begins().map(|began| (entry.since, began));
                runs.push(Run { began, ended: Ended::Open, entries: vec![entry] });
            }
        }
    }
    let mut next = None;
    for run in runs.iter_mut().rev() {
        run.ended = ended(run, next, now);
        next = run.began.map(|(at, _)| at);
    }
    runs
}

fn ended(run: &Run, next: Option<Timestamp>, now: Timestamp) -> Ended {
    let registered = |entry: &Entry| {
        let first = entry.events.iter().find(|one| matches!(one.event.what, EventKind::Registered { .. }))?;
        Some(if entry.times == 1 { first.event.at } else { entry.since })
    };
    if let Some(at) = run.entries.iter().find_map(registered) {
        return Ended::Registered(at);
    }
    let own = |entry: &&Entry| entry.events.iter().any(|one| of_the_phone(&one.event.what));
    // Where the phone itself said nothing there is no boot that could end.
    let Some(last) = run.entries.iter().rev().find(own).map(Entry::last) else { return Ended::Open };
    let silent = next.unwrap_or(now).duration_since(last) > BOOT_GAP;
    match next {
        _ if silent => Ended::Silent(last),
        Some(next) => Ended::Restarted(next),
        None => Ended::Open,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::domain::{MacAddr, Transport};
    use crate::timeline::Timeline;

    const MAC: &str = "001B54AABB01";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn asks(name: &str) -> EventKind {
        EventKind::FileAsked { name: name.into(), transport: Transport::Tftp, refused: None }
    }

    fn registers() -> EventKind {
        EventKind::Registered { extension: "1".into(), uri: "u".into(), user_agent: "a".into(), call: None }
    }

    fn dhcp(step: DhcpStep) -> EventKind {
        EventKind::Dhcp { step, address: Some(Ipv4Addr::new(10, 0, 0, 9)), server: None }
    }

    fn leased() -> EventKind {
        EventKind::Leased { address: Ipv4Addr::new(10, 0, 0, 9) }
    }

    fn told() -> EventKind {
        EventKind::Told { what: "told to restart".into() }
    }

    /// When and how a boot began, how it ended, and when.
    type Shown = (Option<(i64, Began)>, &'static str, i64);

    /// By seconds; looked at after 10,000.
    fn boots(events: &[(i64, EventKind)]) -> Vec<Shown> {
        let mac: MacAddr = MAC.parse().unwrap();
        let mut timeline = Timeline::default();
        for (second, what) in events {
            timeline.push(BootEvent { at: at(*second), mac, ip: None, what: what.clone() }, true);
        }
        let second = |at: Timestamp| at.as_second() - 1_700_000_000;
        let one = |run: &Run| {
            let (word, end) = match run.ended {
                Ended::Registered(at) => ("registered", second(at)),
                Ended::Restarted(at) => ("restarted", second(at)),
                Ended::Silent(at) => ("silent", second(at)),
                Ended::Open => ("open", 0),
            };
            (run.began.map(|(at, began)| (second(at), began)), word, end)
        };
        timeline.boots(mac, at(10_000)).iter().map(one).collect()
    }

    #[test]
    fn what_begins_a_boot_and_how_it_ends() {
        use Began::{Address, Request, Told};
        let sip = "SIP001B54AABB01.cnf";
        let table = [
            ("nothing", vec![], vec![]),
            (
                "an address, files, a registration",
                vec![
                    (0, dhcp(DhcpStep::Offered)),
                    (1, leased()),
                    (3, asks("SIPDefault.cnf")),
                    (4, asks(sip)),
                    (9, registers()),
                ],
                vec![(Some((0, Address)), "registered", 9)],
            ),
            (
                "a ring list of a phone that works",
                vec![(0, asks(sip)), (5, registers()), (3_600, asks("RINGLIST.DAT"))],
                vec![(Some((0, Request)), "registered", 5)],
            ),
            (
                "pulled and plugged within a minute",
                vec![
                    (0, asks(sip)),
                    (5, registers()),
                    (40, asks("SIPDefault.cnf")),
                    (41, asks(sip)),
                    (50, registers()),
                ],
                vec![(Some((0, Request)), "registered", 5), (Some((40, Request)), "registered", 50)],
            ),
            (
                "an address between requests",
                vec![(0, leased()), (2, asks(sip)), (30, leased()), (32, asks(sip))],
                vec![(Some((0, Address)), "restarted", 30), (Some((30, Address)), "silent", 32)],
            ),
            (
                "silence",
                vec![(0, asks(sip)), (400, asks(sip)), (9_990, asks(sip))],
                vec![
                    (Some((0, Request)), "silent", 0),
                    (Some((400, Request)), "silent", 400),
                    (Some((9_990, Request)), "open", 0),
                ],
            ),
            (
                "it was told to",
                vec![(0, asks(sip)), (5, registers()), (90, told()), (92, asks(sip)), (95, registers())],
                vec![(Some((0, Request)), "registered", 5), (Some((92, Told)), "registered", 95)],
            ),
            (
                "a word long ago",
                vec![(0, told()), (900, asks(sip))],
                vec![(None, "open", 0), (Some((900, Request)), "silent", 900)],
            ),
            (
                "an address from elsewhere, declined and asked for again, is one boot",
                vec![
                    (0, dhcp(DhcpStep::Elsewhere)),
                    (1, dhcp(DhcpStep::Declined)),
                    (12, dhcp(DhcpStep::Elsewhere)),
                    (15, asks(sip)),
                ],
                vec![(Some((0, Address)), "silent", 15)],
            ),
            (
                "what others did or announced begins nothing",
                vec![
                    (0, EventKind::Sighted { what: "x".into() }),
                    (1, EventKind::Admin { who: "root".into(), what: "assigned it".into() }),
                    (2, EventKind::Denied { name: sip.into(), from: Ipv4Addr::LOCALHOST, why: "unproven".into() }),
                ],
                vec![(None, "open", 0)],
            ),
        ];
        for (what, events, expected) in table {
            assert_eq!(boots(&events), expected, "{what}");
        }
    }

    #[test]
    fn a_loop_of_a_boot_is_one_entry_and_keeps_its_beginning() {
        let events: Vec<_> = (0..400)
            .map(|n| (n * 5, asks(if n % 2 == 0 { "CTLSEP001B54AABB01.tlv" } else { "SEP001B54AABB01.cnf.xml" })))
            .collect();
        assert_eq!(boots(&events), [(Some((0, Began::Request)), "silent", 1_995)]);
    }
}
