//! What happened to each phone, in order: a bounded ring per phone, by boots and with what repeats folded, and what the ring
//! says of the present boot.
//!
//! Pure. Phones that are assigned are always kept; of strangers only the last ones. What is kept in memory is what is kept on
//! the disk: each event that comes in says what to write and what to delete there ([`Change`]).

mod boots;
mod fold;
mod ring;

mod signs;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::domain::{BootEvent, EventKind, MacAddr};
use crate::files::name::{FileRequest, PhoneFile, SharedFile};
pub use boots::{Began, Ended, Run};
pub use fold::{Entry, Numbered};
use ring::Ring;
pub use signs::{Counted, Signs};

/// Events kept per phone, those of a fold counted once.
pub const EVENTS_PER_PHONE: usize = 200;

/// Of them lines that the phone itself wrote.
pub const TALK: usize = 40;

/// Strangers kept at most, and events of each: enough to say what one asks for.
const STRANGERS: usize = 512;
const EVENTS_PER_STRANGER: usize = 50;

/// A request this long after the one before begins another boot: a 7960 that found nothing asks again after 31 s, a
/// flashing loader is silent for up to 65 s.
const BOOT_GAP: SignedDuration = SignedDuration::from_secs(120);

/// How long a phone that registered may be away before somebody is told: it restarts, or its link blinked, or the PBX was
/// reloaded. A 7940 boots and registers within two minutes, and Asterisk asks who registered once a minute (FreePBX's
/// qualify_frequency). Boots that follow each other within this are one attempt to come back.
pub const COMES_BACK: SignedDuration = SignedDuration::from_mins(3);

/// All rings.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    phones: BTreeMap<MacAddr, Ring>,
    strangers: VecDeque<MacAddr>,
    /// The number of the last event.
    last: u64,
}

/// An event as the disk keeps it. A fold is so many rows as it has events, each with how often it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number.
    pub id: u64,
    /// The event, as it was the last time.
    pub event: Arc<BootEvent>,
    /// How often it happened.
    pub times: u32,
    /// When the fold began that it is of.
    pub since: Option<Timestamp>,
    /// Events of that fold.
    pub cycle: usize,
}

impl Row {
    fn of(one: &Numbered, fold: Option<&Entry>) -> Self {
        let (times, since, cycle) = fold.map_or((1, None, 1), |fold| (fold.times, Some(fold.since), fold.events.len()));
        Self { id: one.id, event: Arc::clone(&one.event), times, since, cycle }
    }

    fn all(entry: &Entry) -> impl DoubleEndedIterator<Item = Self> + '_ {
        let fold = Some(entry).filter(|entry| entry.times > 1);
        entry.events.iter().map(move |one| Self::of(one, fold))
    }

    /// What rows of one fold have in common.
    fn round(&self) -> (u32, Option<Timestamp>, usize) {
        (self.times, self.since, self.cycle)
    }
}

/// What an event changes of what is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The event's number.
    pub id: u64,
    /// Rows that are new, or other than they were.
    pub put: Vec<Row>,
    /// Numbers of those that are no more.
    pub gone: Vec<u64>,
}

impl Timeline {
    /// Adds an event of a phone that is assigned, or of a stranger; the stranger seen first is forgotten for a new one. Says
    /// what is to be kept of it, where the phone is assigned.
    pub fn push(&mut self, event: impl Into<Arc<BootEvent>>, assigned: bool) -> Change {
        let event = event.into();
        if !assigned && !self.phones.contains_key(&event.mac) {
            if self.strangers.len() >= STRANGERS
                && let Some(oldest) = self.strangers.pop_front()
            {
                self.phones.remove(&oldest);
            }
            self.strangers.push_back(event.mac);
        } else if assigned && let Some(at) = self.strangers.iter().position(|mac| *mac == event.mac) {
            self.strangers.remove(at);
        }
        // Numbers that grow across lives without anybody keeping the last one.
        self.last = u64::try_from(event.at.as_microsecond()).unwrap_or_default().max(self.last.saturating_add(1));
        let most = if assigned { EVENTS_PER_PHONE } else { EVENTS_PER_STRANGER };
        self.phones.entry(event.mac).or_default().push(self.last, event, most, assigned)
    }

    /// Takes in what an earlier life kept, in its order. Says what is to be kept otherwise.
    pub fn recall(&mut self, rows: Vec<Row>) -> Change {
        let mut phones: BTreeMap<MacAddr, Vec<Row>> = BTreeMap::new();
        for row in rows {
            self.last = self.last.max(row.id);
            phones.entry(row.event.mac).or_default().push(row);
        }
        let mut change = Change::default();
        for (mac, rows) in phones {
            let of_one = self.phones.entry(mac).or_default().recall(&rows, EVENTS_PER_PHONE);
            change.put.extend(of_one.put);
            change.gone.extend(of_one.gone);
        }
        change
    }

    /// The events of a phone, oldest first; those of a fold as they were the last time.
    pub fn of(&self, mac: MacAddr) -> impl DoubleEndedIterator<Item = &BootEvent> + Clone {
        self.phones.get(&mac).into_iter().flat_map(Ring::events).map(|one| &*one.event)
    }

    /// Likewise, with what each stands for.
    pub fn rows(&self, mac: MacAddr) -> impl DoubleEndedIterator<Item = Row> + '_ {
        self.phones.get(&mac).into_iter().flat_map(Ring::rows)
    }

    /// The boots of a phone, oldest first, with what repeats folded.
    pub fn boots(&self, mac: MacAddr, now: Timestamp) -> Vec<Run> {
        self.phones.get(&mac).map(|ring| ring.boots(now)).unwrap_or_default()
    }

    /// The file that a phone asked for last.
    pub fn asked(&self, mac: MacAddr) -> Option<(&str, Timestamp)> {
        self.of(mac).rev().find_map(|event| match &event.what {
            EventKind::FileAsked { name, .. } => Some((name.as_str(), event.at)),
            _ => None,
        })
    }

    /// The registration of a line, as it was last told; `None` = it ended, or none is kept.
    pub fn registration(&self, mac: MacAddr, line: &str) -> Option<Registration<'_>> {
        let mut last = None;
        for event in self.of(mac).rev() {
            match &event.what {
                EventKind::Unregistered { extension } if extension == line => return last,
                EventKind::Unreachable { extension } if extension == line => {
                    last.get_or_insert(Registration { reachable: false, uri: None, call: None });
                }
                EventKind::Registered { extension, uri, call, .. } if extension == line => {
                    let reachable = last.is_none();
                    return Some(Registration { reachable, uri: Some(uri), call: call.as_deref() });
                }
                _ => {}
            }
        }
        last
    }

    /// What the present boot of a phone has come to; `None` when nothing was heard of it.
    pub fn boot(&self, mac: MacAddr) -> Option<&Boot> {
        self.phones.get(&mac).map(|ring| &ring.boot)
    }
}

/// A line's registration, as a timeline has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration<'a> {
    /// It answered when it was last told of.
    pub reachable: bool,
    /// Contact URI, where that is kept.
    pub uri: Option<&'a str>,
    /// The digest of its Call-ID, likewise.
    pub call: Option<&'a str>,
}

/// What the present boot of a phone has come to. Follows from its events, one at a time; never stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Boot {
    /// First request of this boot.
    pub began: Option<Timestamp>,
    /// When it last got an address from us.
    pub leased: Option<Timestamp>,
    /// Last thing heard.
    pub last: Option<Timestamp>,
    /// When the configuration was last asked for.
    pub config_asked: Option<Timestamp>,
    /// When a configuration was last delivered whole.
    pub config_sent: Option<Timestamp>,
    /// Configurations delivered since the phone last showed that it took one.
    pub config_sent_times: u32,
    /// When the phone asked for what only a phone that took its configuration asks for.
    pub config_taken: Option<Timestamp>,
    /// Why the last request for a configuration was refused, if it was.
    pub config_refused: Option<String>,
    /// When it last asked for a part of a firmware set.
    pub firmware_asked: Option<Timestamp>,
    /// The part of a firmware set that it last asked for, if it was not there.
    pub firmware_missing: Option<(Timestamp, String)>,
    /// When it asked for a signed configuration: it holds a trust list of its former life.
    pub signed_asked: Option<Timestamp>,
    /// When a line last registered, with the configuration of this boot.
    pub registered: Option<Timestamp>,
    /// When a registration made in this boot ended.
    pub lost: Option<Timestamp>,
    /// When a line that the PBX reached last stopped answering, or ended. Until one registers, whatever the phone asks for.
    pub away: Option<Timestamp>,
    /// The first and the last of its requests for the configuration, since it last registered, that came less than
    /// [`COMES_BACK`] one after the other: many are a phone that boots again and again.
    pub comes: Option<(Timestamp, Timestamp)>,
    /// Lines that the PBX reaches.
    pub reached: BTreeSet<String>,
    /// What the events since it last worked come to.
    pub signs: Signs,
}

impl Boot {
    fn see(&mut self, event: &BootEvent) {
        match &event.what {
            EventKind::FileAsked { name, refused, .. } => {
                if self.last.is_none_or(|last| event.at.duration_since(last) > BOOT_GAP) {
                    // What a phone was seen to reject stays in mind across its reboots: that is the loop.
                    let times = self.config_sent_times;
                    // So does that it is registered: a ring list is asked for by phones that work.
                    let Self { registered, lost, away, comes, leased, .. } = *self;
                    let reached = std::mem::take(&mut self.reached);
                    let began = Some(event.at);
                    let signs = std::mem::take(&mut self.signs).next_boot();
                    let config_sent_times = times;
                    *self = Self {
                        began,
                        leased,
                        config_sent_times,
                        registered,
                        lost,
                        away,
                        comes,
                        reached,
                        signs,
                        ..Self::default()
                    };
                }
                self.last = Some(event.at);
                self.asked(event.at, &FileRequest::parse(name), refused.as_deref());
                if refused.as_deref() == Some("not-found") && firmware(name) {
                    self.firmware_missing = Some((event.at, name.clone()));
                }
            }
            EventKind::FileSent { name, .. } => {
                self.last = Some(event.at);
                if firmware(name) {
                    self.firmware_missing = None;
                }
                if configures(&FileRequest::parse(name)) {
                    self.config_sent = Some(event.at);
                    self.config_sent_times = self.config_sent_times.saturating_add(1);
                }
            }
            EventKind::Registered { extension, .. } => {
                self.last = Some(event.at);
                self.reached.insert(extension.clone());
                self.took_it(event.at);
                (self.registered, self.lost, self.away, self.comes) = (Some(event.at), None, None, None);
            }
            EventKind::Unregistered { extension } => {
                self.last = Some(event.at);
                self.goes(extension, event.at);
                // The end of an earlier boot's registration says nothing of this one.
                self.lost = self.registered.map(|_| event.at);
            }
            EventKind::FileFailed { name, reason, .. } => {
                self.last = Some(event.at);
                if reason == "not-found" && firmware(name) {
                    self.firmware_missing = Some((event.at, name.clone()));
                }
            }
            EventKind::Unreachable { extension } => {
                self.last = Some(event.at);
                self.goes(extension, event.at);
            }
            EventKind::Rejected { .. } => self.last = Some(event.at),
            EventKind::Leased { .. } => self.leased = Some(event.at),
            EventKind::Banned { .. }
            | EventKind::Told { .. }
            | EventKind::Syslog { .. }
            | EventKind::Assigned { .. }
            | EventKind::Firmware { .. }
            | EventKind::Dhcp { .. }
            | EventKind::Denied { .. }
            | EventKind::Admin { .. }
            | EventKind::Sighted { .. } => {}
        }
        self.signs.see(event);
    }

    fn asked(&mut self, at: Timestamp, request: &FileRequest, refused: Option<&str>) {
        match request {
            request if configures(request) => {
                self.config_asked = Some(at);
                let chain = self.comes.filter(|(_, last)| at.duration_since(*last) < COMES_BACK);
                self.comes = Some((chain.map_or(at, |(first, _)| first), at));
                (self.registered, self.lost) = (None, None);
                self.config_refused = refused.map(str::to_owned);
            }
            FileRequest::Phone(PhoneFile::SepXmlSigned, _) => self.signed_asked = Some(at),
            FileRequest::Firmware(_) => self.firmware_asked = Some(at),
            // Ring list, dial template, locale: asked for after the configuration was accepted, by both families.
            FileRequest::Shared(SharedFile::DialPlan | SharedFile::RingList) if self.config_sent.is_some() => {
                self.took_it(at);
            }
            _ => {}
        }
    }

    /// A line is not reached any more.
    fn goes(&mut self, line: &str, at: Timestamp) {
        let was = self.reached.remove(line);
        self.away = self.away.filter(|_| !was).or(Some(at));
    }

    fn took_it(&mut self, at: Timestamp) {
        self.config_taken = Some(at);
        self.config_sent_times = 0;
        self.firmware_missing = None;
        self.signs.accepted();
    }
}

fn is_talk(event: &BootEvent) -> bool {
    matches!(event.what, EventKind::Syslog { .. })
}

/// A part of a set; also one whose name ends with the blank of a bad line.
fn firmware(name: &str) -> bool {
    matches!(FileRequest::parse(name.trim_end()), FileRequest::Firmware(_))
}

fn configures(request: &FileRequest) -> bool {
    matches!(request, FileRequest::Phone(PhoneFile::SipCnf | PhoneFile::SepXml, _))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Transport;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn boot_of(events: &[BootEvent]) -> Boot {
        let mut boot = Boot::default();
        events.iter().for_each(|event| boot.see(event));
        boot
    }

    fn asked(second: i64, name: &str) -> BootEvent {
        let what = EventKind::FileAsked { name: name.into(), transport: Transport::Tftp, refused: None };
        BootEvent { at: at(second), mac: "001B54AABB01".parse().unwrap(), ip: None, what }
    }

    fn sent(second: i64, name: &str) -> BootEvent {
        let what =
            EventKind::FileSent { name: name.into(), transport: Transport::Tftp, octets: 1, millis: 1, resent: 0 };
        BootEvent { what, ..asked(second, name) }
    }

    #[test]
    fn a_boot_that_goes_well() {
        let name = "SIP001B54AABB01.cnf";
        let events = [asked(0, "SIPDefault.cnf"), asked(1, name), sent(2, name), asked(3, "RINGLIST.DAT")];
        let boot = boot_of(&events);
        assert_eq!((boot.began, boot.config_sent, boot.config_taken), (Some(at(0)), Some(at(2)), Some(at(3))));
        assert_eq!(boot.config_sent_times, 0);
    }

    #[test]
    fn a_phone_that_rejects_its_file_again_and_again() {
        let name = "SEP001B54AABB01.cnf.xml";
        let events: Vec<_> = (0..4).flat_map(|n| [asked(n * 15, name), sent(n * 15 + 1, name)]).collect();
        let boot = boot_of(&events);
        assert_eq!(boot.config_sent_times, 4);
        assert_eq!(boot.config_taken, None);
        assert_eq!(boot.began, Some(at(0)));
    }

    #[test]
    fn silence_begins_another_boot() {
        let name = "SEP001B54AABB01.cnf.xml";
        let events = [asked(0, name), sent(1, name), asked(500, "CTLSEP001B54AABB01.tlv")];
        let boot = boot_of(&events);
        assert_eq!((boot.began, boot.config_sent), (Some(at(500)), None));
    }

    #[test]
    fn a_registration_that_ends_is_lost_unless_the_phone_began_anew() {
        let name = "SIP001B54AABB01.cnf";
        let event = |second, what| BootEvent { at: at(second), what, ..asked(second, name) };
        let registered = |second| {
            let (extension, uri, user_agent) = ("1".into(), "u".into(), "a".into());
            let what = EventKind::Registered { extension, uri, user_agent, call: None };
            event(second, what)
        };
        let ended = |second| event(second, EventKind::Unregistered { extension: "1".into() });
        for (events, lost) in [
            (vec![asked(0, name), registered(2), ended(5_000)], Some(at(5_000))),
            (vec![asked(0, name), registered(2), ended(5_000), registered(6_000)], None),
            (vec![asked(0, name), registered(2), ended(5_000), asked(5_010, name)], None),
            (vec![registered(0), asked(100, name), ended(140)], None),
            (vec![registered(0), asked(9_000, "RINGLIST.DAT"), ended(9_900)], Some(at(9_900))),
        ] {
            assert_eq!(boot_of(&events).lost, lost, "{events:?}");
        }
    }

    #[test]
    fn a_phone_is_away_since_its_last_line_went() {
        let event = |second, what| BootEvent { what, ..asked(second, "") };
        let comes = |second, line: &str| {
            let (extension, uri, user_agent) = (line.into(), "u".into(), "a".into());
            event(second, EventKind::Registered { extension, uri, user_agent, call: None })
        };
        let silent = |second, line: &str| event(second, EventKind::Unreachable { extension: line.into() });
        let ended = |second, line: &str| event(second, EventKind::Unregistered { extension: line.into() });
        for (events, away) in [
            (vec![comes(0, "1"), silent(5, "1"), ended(9, "1")], Some(at(5))),
            (vec![comes(0, "1"), comes(0, "2"), ended(5, "2")], Some(at(5))),
            (vec![comes(0, "1"), comes(0, "2"), ended(5, "2"), silent(9_000, "1")], Some(at(9_000))),
            (vec![comes(0, "1"), comes(0, "2"), silent(5, "2"), silent(6, "1"), comes(7, "2")], None),
            (vec![comes(0, "1"), silent(5, "1"), asked(500, "SIP001B54AABB01.cnf")], Some(at(5))),
            (vec![silent(5, "1"), silent(6, "2")], Some(at(5))),
        ] {
            assert_eq!(boot_of(&events).away, away, "{events:?}");
        }
    }

    #[test]
    fn a_ring_is_bounded_and_keeps_how_a_long_boot_began() {
        let mut timeline = Timeline::default();
        let mut kept = BTreeMap::new();
        for n in 0..1_000 {
            keep(&mut kept, timeline.push(asked(n, &format!("x{n}")), true));
        }
        let mac = "001B54AABB01".parse().unwrap();
        let names: Vec<_> = timeline.of(mac).map(|event| event.at.as_second() - 1_700_000_000).collect();
        assert_eq!(names.len(), EVENTS_PER_PHONE);
        assert_eq!((&names[..3], &names[198..]), (&[0, 1, 2][..], &[998, 999][..]));
        assert_eq!(kept.into_values().collect::<Vec<_>>(), timeline.rows(mac).collect::<Vec<_>>());
    }

    #[test]
    fn of_many_boots_the_oldest_goes_first() {
        let mut timeline = Timeline::default();
        for n in 0..100 {
            for (second, name) in [(0, "SIPDefault.cnf"), (1, "SIP001B54AABB01.cnf"), (2, "a"), (3, "b")] {
                timeline.push(asked(n * 1_000 + second, &format!("{name}{}", if second < 2 { "" } else { "x" })), true);
            }
        }
        let mac = "001B54AABB01".parse().unwrap();
        let boots = timeline.boots(mac, at(99_010));
        assert_eq!(boots.len(), EVENTS_PER_PHONE / 4);
        assert!(boots.iter().all(|boot| boot.entries.len() == 4 && boot.began.is_some()));
    }

    /// What the disk has after so many changes.
    fn keep(disk: &mut BTreeMap<u64, Row>, change: Change) {
        for row in change.put {
            disk.insert(row.id, row);
        }
        for id in change.gone {
            disk.remove(&id);
        }
    }

    /// A phone that asks ten thousand times keeps how its boot began, in memory, on the disk and after a restart.
    #[test]
    fn a_flood_pushes_nothing_out() {
        let mac: MacAddr = "001B54AABB01".parse().unwrap();
        let (mut timeline, mut disk) = (Timeline::default(), BTreeMap::new());
        let first = [asked(0, "SIPDefault.cnf"), sent(1, "SIPDefault.cnf"), asked(2, "OS79XX.TXT")];
        for event in first
            .iter()
            .cloned()
            .chain((0..10_000).map(|n| asked(3 + n, ["CTLSEP001B54AABB01.tlv", "x"][usize::try_from(n % 2).unwrap()])))
        {
            keep(&mut disk, timeline.push(event, true));
        }
        let boots = timeline.boots(mac, at(10_010));
        assert_eq!(boots.len(), 1);
        let entries: Vec<_> = boots[0].entries.iter().map(|entry| (entry.events.len(), entry.times)).collect();
        assert_eq!(entries, [(1, 1), (1, 1), (1, 1), (2, 5_000)]);
        assert!(timeline.of(mac).count() < 50);
        assert!(timeline.of(mac).zip(&first).all(|(kept, first)| kept == first));
        let mut again = Timeline::default();
        let change = again.recall(disk.values().cloned().collect());
        assert_eq!(change, Change::default(), "what is read back is kept as it is");
        assert_eq!(again.boots(mac, at(10_010)), boots);
        assert_eq!(again.rows(mac).collect::<Vec<_>>(), disk.into_values().collect::<Vec<_>>());
        assert_eq!(again.boot(mac).unwrap().last, timeline.boot(mac).unwrap().last);
        // And it goes on where it was.
        again.push(asked(10_003, "CTLSEP001B54AABB01.tlv"), true);
        again.push(asked(10_004, "x"), true);
        assert_eq!(again.boots(mac, at(10_010))[0].entries.last().unwrap().times, 5_001);
    }

    /// What repeats for half an hour, at a pace that is no silence, is the same boot after a restart; what a phone that works asks
    /// for each hour is after a restart what it was before.
    #[test]
    fn a_long_fold_that_is_read_back_begins_no_boot() {
        let mac: MacAddr = "001B54AABB01".parse().unwrap();
        let config = "SIP001B54AABB01.cnf";
        let registered = || {
            let (extension, uri, user_agent) = ("1".into(), "u".into(), "a".into());
            BootEvent { what: EventKind::Registered { extension, uri, user_agent, call: None }, ..asked(3, "") }
        };
        let begin = vec![asked(0, config), sent(1, config)];
        let works = [begin.clone(), vec![asked(2, "RINGLIST.DAT"), registered()]].concat();
        let talk = |second| {
            let what = EventKind::Syslog { severity: "debug".into(), text: "x".into() };
            BootEvent { what, ..asked(second, "") }
        };
        for (what, begin, repeated) in [
            ("a loader that hunts", begin.clone(), (1..90).map(|n| asked(n * 31, "x")).collect::<Vec<_>>()),
            (
                "two that take turns",
                begin.clone(),
                (1..90).map(|n| asked(n * 31, if n % 2 == 0 { "x" } else { "y" })).collect(),
            ),
            ("a ring list each hour", works.clone(), (1..90).map(|n| asked(n * 3_600, "RINGLIST.DAT")).collect()),
            ("lines of its log", works, (1..90).map(|n| talk(n * 100)).collect()),
        ] {
            let (mut timeline, mut disk) = (Timeline::default(), BTreeMap::new());
            for event in begin.into_iter().chain(repeated) {
                keep(&mut disk, timeline.push(event, true));
            }
            let mut again = Timeline::default();
            again.recall(disk.into_values().collect());
            let facts = |timeline: &Timeline| {
                let boot = timeline.boot(mac).unwrap();
                (boot.began, boot.config_asked, boot.config_sent, boot.config_taken, boot.registered, boot.last)
            };
            assert_eq!(facts(&again), facts(&timeline), "{what}");
            for timeline in [&mut timeline, &mut again] {
                let last = timeline.of(mac).next_back().unwrap().at;
                timeline.push(BootEvent { at: last + SignedDuration::from_secs(31), ..asked(0, "z") }, true);
            }
            let now = at(400_000);
            assert_eq!(again.boots(mac, now), timeline.boots(mac, now), "{what}");
        }
    }

    /// An older version kept the last two hundred as they were.
    #[test]
    fn what_was_kept_unfolded_is_folded() {
        let mac: MacAddr = "001B54AABB01".parse().unwrap();
        let row = |id: u64| Row {
            id,
            event: Arc::new(asked(i64::try_from(id).unwrap(), "x")),
            times: 1,
            since: None,
            cycle: 1,
        };
        let mut disk: BTreeMap<u64, Row> = (1..=200).map(|id| (id, row(id))).collect();
        let mut timeline = Timeline::default();
        let change = timeline.recall(disk.values().cloned().collect());
        keep(&mut disk, change);
        assert_eq!(timeline.boots(mac, at(300))[0].entries.iter().map(|entry| entry.times).collect::<Vec<_>>(), [200]);
        assert_eq!(disk.into_values().collect::<Vec<_>>(), timeline.rows(mac).collect::<Vec<_>>());
        assert!(timeline.push(asked(201, "x"), true).id > 1_700_000_201_000_000 - 1);
    }

    /// Several tasks tell of events, and one of them a moment later than it happened.
    #[test]
    fn events_stand_in_the_order_of_their_times() {
        let seconds = |events: &[i64]| {
            let mut timeline = Timeline::default();
            for second in events {
                timeline.push(asked(*second, &second.to_string()), true);
            }
            let of = timeline.of("001B54AABB01".parse().unwrap()).map(|event| event.at.as_second() - 1_700_000_000);
            of.collect::<Vec<_>>()
        };
        assert_eq!(seconds(&[1, 2, 4, 3, 5]), [1, 2, 3, 4, 5]);
        assert_eq!(seconds(&[2, 1]), [1, 2]);
        // The clock was put back: what happened after that stands after it.
        assert_eq!(seconds(&[100, 101, 10, 11]), [100, 101, 10, 11]);
    }

    #[test]
    fn an_adopted_phone_takes_what_it_did_before_to_the_disk() {
        let mut timeline = Timeline::default();
        assert_eq!(timeline.push(asked(0, "a"), false).put, []);
        timeline.push(asked(1, "b"), false);
        assert_eq!(timeline.push(asked(2, "c"), true).put.len(), 3);
        assert_eq!(timeline.push(asked(3, "d"), true).put.len(), 1);
    }

    #[test]
    fn what_a_phone_says_pushes_out_nothing_that_it_did() {
        let mut timeline = Timeline::default();
        timeline.push(asked(0, "x"), true);
        for n in 1..1_000 {
            let what = EventKind::Syslog { severity: "debug".into(), text: n.to_string() };
            timeline.push(BootEvent { what, ..asked(n, "x") }, true);
        }
        let kept: Vec<_> = timeline.of("001B54AABB01".parse().unwrap()).collect();
        assert_eq!((kept.len(), kept[0].at, kept[1].at), (TALK + 1, at(0), at(1_000 - 40)));
    }

    #[test]
    fn strangers_are_bounded_and_push_no_assigned_phone_out() {
        let mut timeline = Timeline::default();
        timeline.push(asked(0, "x"), true);
        for n in 0..5_000_u32 {
            let [_, a, b, c] = n.to_be_bytes();
            let mac = MacAddr::new([0, 0x1c, 0x54, a, b, c]).unwrap();
            timeline.push(BootEvent { mac, ..asked(1, "x") }, false);
        }
        assert_eq!(timeline.of("001B54AABB01".parse().unwrap()).count(), 1);
        assert_eq!(timeline.phones.len(), STRANGERS + 1);
    }
}
