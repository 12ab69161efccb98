//! What is found out of phones that they do not say by themselves: who asks, by the link it is on; what it runs, by its own
//! web page.

use std::net::{IpAddr, Ipv4Addr};

use jiff::{SignedDuration, Timestamp};

use super::Hub;
use super::state::State;
use crate::access::rule::Neighbour;
use crate::catalog::Family;
use crate::convert::belief::{Belief, Source};
use crate::convert::web_page::WebPage;
use crate::convert::{Conversion, Sign, StepState};
use crate::domain::{MacAddr, Signalling};
use crate::files::name::FileRequest;
use crate::fleet::Snapshot;
use crate::status::Stage;

/// How long after it was heard a phone is still at its address.
const HEARD: SignedDuration = SignedDuration::from_mins(5);

/// A phone to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Which.
    pub mac: MacAddr,
    /// Where it is now.
    pub ip: Ipv4Addr,
    /// When a step of its conversion was last verified: then a look of before is of no use.
    pub verified: Option<Timestamp>,
}

impl Hub {
    /// The same hub, with that to say whose an address on a link of ours is.
    #[must_use]
    pub fn with_neighbours(self, neighbour: fn(Ipv4Addr) -> Neighbour) -> Self {
        Self { neighbour, ..self }
    }

    /// A phone that was reset has forgotten its configuration and asks for what names nobody: by the link it is known all the
    /// same, where it is on one of ours and somebody assigned it.
    pub(super) fn meet_neighbour(&self, request: &FileRequest, ip: Ipv4Addr, server: Ipv4Addr, now: Timestamp) {
        let nameless =
            matches!(Sign::of(request), Some(Sign::OldBoot | Sign::Term(_) | Sign::Control)) && request.mac().is_none();
        if !nameless || self.lock().directory.at_address(ip.into()).is_some() {
            return;
        }
        let Neighbour::Is(mac) = (self.neighbour)(ip) else { return };
        let (mut state, snapshot) = self.locked();
        if snapshot.assignment(mac).is_some() {
            state.directory.note_neighbour(mac, ip.into(), server, now);
        }
    }

    /// Assigned phones that are there now, and are being converted or run nobody quite knows what, or are denied their
    /// files where they are.
    pub fn to_look_at(&self, now: Timestamp) -> Vec<Look> {
        let (state, snapshot) = self.locked();
        let enabled = snapshot.assignments.values().filter(|assignment| assignment.enabled);
        let looks = |mac| [look(&state, mac, now), look_after(&state, &snapshot, mac, now)];
        enabled.flat_map(|assignment| looks(assignment.mac)).flatten().collect()
    }

    /// A phone's page came, from that address. Returns whether it was the phone's own and said something.
    pub fn page(&self, mac: MacAddr, ip: Ipv4Addr, page: &[u8], now: Timestamp) -> bool {
        let page = WebPage::read(page);
        let Some(runs) = page.runs(mac) else { return false };
        let (mut state, snapshot) = self.locked();
        if snapshot.assignment(mac).is_none() {
            return false;
        }
        // Whoever is there can make that up, and the phone may be off: it is for a person to believe.
        if state.access.says_so_itself(mac, ip, now) {
            state.judge(&snapshot, mac, now);
            return true;
        }
        if state.directory.at_address(ip.into()) != Some(mac) {
            return false;
        }
        state.access.page(ip, mac, now);
        state.told.boots_by(mac, page.boot);
        state.judge(&snapshot, mac, now);
        let said = state.converting.learned(mac, Source::WebPage, runs, now);
        self.converted(&mut state, &snapshot, mac, said, now);
        true
    }
}

fn look(state: &State, mac: MacAddr, now: Timestamp) -> Option<Look> {
    let seen = state.directory.get(mac)?;
    let Some(IpAddr::V4(ip)) = seen.ip else { return None };
    if state.directory.at_address(ip.into()) != Some(mac) {
        return None;
    }
    // What is registered is not heard again until that changes.
    let registered = state.judged.get(&mac).is_some_and(|judged| judged.status.stage == Stage::Registered);
    if !registered && seen.at.is_none_or(|at| now.duration_since(at) > HEARD) {
        return None;
    }
    let conversion = state.converting.conversions.get(&mac);
    // A loader has no web page, and what is being written is not to be disturbed.
    if conversion.is_some_and(Conversion::in_flash) {
        return None;
    }
    let belief = state.converting.beliefs.get(&mac);
    // Neither has the SIP load of a 7940 or 7960 [FW812].
    let sip = belief.and_then(Belief::load).is_some_and(|load| load.signalling == Signalling::Sip);
    if seen.family() == Some(Family::Legacy) && sip {
        return None;
    }
    let steps = conversion.into_iter().flat_map(|conversion| &conversion.steps);
    let verified = steps.filter(|step| step.state == StepState::Verified).map(|step| step.since).max();
    let converting = conversion.is_some_and(|conversion| conversion.armed.is_some() && !conversion.done())
        || verified.is_some_and(|at| now.duration_since(at) < HEARD);
    let certain = belief.and_then(Belief::certain).is_some();
    (converting || !certain).then_some(Look { mac, ip, verified })
}

/// A phone behind a router came back at another address, after its lease had ended: its own page tells people. A 7940 or 7960
/// under SIP has none.
fn look_after(state: &State, snapshot: &Snapshot, mac: MacAddr, now: Timestamp) -> Option<Look> {
    let ip = state.access.moved(mac, now)?;
    let legacy = snapshot.desired(mac, &state.seen(mac)).is_none_or(|desired| desired.model.family == Family::Legacy);
    (!legacy).then_some(Look { mac, ip, verified: None })
}
