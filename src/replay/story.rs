//! What is known of a phone, as a script: its assignment and what else is there, the events that are kept of it, and what else
//! the daemon was told. `finds` is what is found of it now.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use jiff::Timestamp;

use super::{Happens, Line, Part, Says, Script, events, facts};
use crate::convert::Belief;
use crate::diagnose::{Evidence, Finding};
use crate::domain::{MacAddr, Problem, SipTransport};
use crate::pbx::roster::Assignment;
use crate::timeline::Row;

/// All that is known of one phone.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Which.
    pub mac: MacAddr,
    /// One sentence: how it is.
    pub title: &'a str,
    /// What rules look at.
    pub evidence: &'a Evidence<'a>,
    /// What is kept of it, oldest first.
    pub rows: &'a [Row],
    /// Other phones with an extension of its own.
    pub sharing: &'a [&'a Assignment],
    /// What is wrong with its rows in the PBX.
    pub problems: &'a [Problem],
    /// What it is believed to run.
    pub belief: Option<&'a Belief>,
    /// `firmware.erased`
    pub erased: &'a BTreeMap<String, String>,
    /// `pbx.transport`
    pub transport: Option<SipTransport>,
    /// What is found of it.
    pub findings: &'a [Finding],
}

/// Something at its time.
pub(super) struct Moment {
    pub(super) at: Timestamp,
    pub(super) what: What,
}

/// What is played, or only read.
pub(super) enum What {
    Happens(Happens),
    Remark(String),
}

impl Moment {
    pub(super) fn new(at: Timestamp, what: Happens) -> Self {
        Self { at, what: What::Happens(what) }
    }
}

impl Told<'_> {
    /// The script. Text that phones sent is in it as they sent it: see [`Script::mask`].
    pub fn script(&self) -> Script {
        let now = self.evidence.now;
        let address = self.address();
        let mut story = events::story(self.rows, address, self.evidence);
        let began = story.moments.iter().map(|moment| moment.at).min();
        let began = began.or(self.evidence.told.silent).map_or(now, |began| began.min(now));
        facts::told(self, began, &mut story.moments);
        let began = story.moments.iter().map(|moment| moment.at).min().map_or(began, |first| first.min(began));
        story.moments.extend(facts::brought(self, began));
        story.moments.sort_by_key(|moment| moment.at);
        let after = |at: Timestamp| Duration::try_from(at.duration_since(began)).unwrap_or_default();
        let mut says: Vec<Says> = facts::given(self, began, story.later).into_iter().map(Says::Given).collect();
        says.extend(story.moments.into_iter().map(|moment| match moment.what {
            What::Happens(what) => Says::Happens(to_the_millisecond(after(moment.at)), what),
            What::Remark(text) => Says::Remark(text),
        }));
        let last = says.iter().rev().find_map(|says| if let Says::Happens(at, _) = says { Some(*at) } else { None });
        let end = to_the_millisecond(after(now)).max(last.unwrap_or_default());
        says.push(Says::Happens(end, Happens::Waits));
        let mut finds: Vec<String> = self.findings.iter().map(|finding| finding.code.clone()).collect();
        finds.sort();
        finds.dedup();
        Script {
            title: if self.title.trim().is_empty() { "A phone".to_owned() } else { self.title.to_owned() },
            answers: Vec::new(),
            about: self.mac,
            address,
            lines: says.into_iter().map(|says| Line { number: 0, part: Part::Both, says }).collect(),
            finds,
        }
    }

    /// Where it is, or last was.
    fn address(&self) -> Option<Ipv4Addr> {
        let events = self.rows.iter().rev().filter_map(|row| row.event.ip);
        self.evidence.seen.ip.into_iter().chain(events).find_map(v4)
    }
}

fn to_the_millisecond(time: Duration) -> Duration {
    Duration::from_millis(time.as_millis().try_into().unwrap_or(u64::MAX))
}

pub(super) fn v4(ip: IpAddr) -> Option<Ipv4Addr> {
    match ip {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    }
}
