//! What holds a step back, whatever the campaign says: a call that is up (I6), the hours in which nothing may begin (I17), a
//! daemon that is being stopped (I16).

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::converting::Converting;
use super::{Hub, Operations};
use crate::convert::{Conversion, Mode, NotReady};
use crate::domain::MacAddr;
use crate::notify::{device, is_of};

/// Who is in a call, by Asterisk's word.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Calls {
    /// Those are.
    busy: BTreeSet<MacAddr>,
    /// Why nobody knows.
    unknown: Option<String>,
}

/// Between two images a phone writes its flash, for a minute or two. One that says nothing for longer than this is not in
/// the middle of anything that a server could help with.
const WRITES: SignedDuration = SignedDuration::from_mins(5);

/// A step that is not begun, of a phone that is not through and needs no hands.
fn is_waiting(conversion: &Conversion) -> bool {
    !conversion.begun() && !conversion.done() && conversion.failed().is_none()
}

impl Converting {
    /// Why a step that is not begun does not begin now, whoever's turn it is.
    pub(super) fn waits(&self, conversion: &Conversion) -> Option<NotReady> {
        if !is_waiting(conversion) {
            return None;
        }
        let in_call = || self.calls.busy.contains(&conversion.mac).then_some(NotReady::InCall);
        self.held.clone().or_else(in_call)
    }

    /// Tells people of a phone that nobody knows whether it is in a call.
    pub(super) fn say_that_calls_are_unknown(&self, conversion: &Conversion, next: &mut String) {
        if let Some(why) = self.calls.unknown.as_ref().filter(|_| is_waiting(conversion)) {
            *next += &format!("; whether it is in a call is not known ({why})");
        }
    }
}

impl Hub {
    /// Looks whether steps may begin at this time of day, which `zone` says.
    pub fn hold_conversions(&self, now: Timestamp, zone: &TimeZone) {
        let converting = &mut self.lock().converting;
        let window = converting.settings.as_ref().and_then(|settings| settings.window);
        converting.held = if converting.ending {
            Some(NotReady::Ending)
        } else {
            window.filter(|window| !window.open(now, zone)).map(NotReady::Window)
        };
    }

    /// The daemon is to end: no step begins any more.
    pub fn end_conversions(&self, now: Timestamp, zone: &TimeZone) {
        self.lock().converting.ending = true;
        self.hold_conversions(now, zone);
    }

    /// Whether a step would begin now if its phone is in no call.
    pub fn calls_matter(&self, now: Timestamp) -> bool {
        let state = self.lock();
        let converting = &state.converting;
        let running = converting.campaign.as_ref().filter(|campaign| campaign.mode == Mode::Running);
        let (Some(campaign), Some(settings), None) = (running, &converting.settings, &converting.held) else {
            return false;
        };
        let armed = |conversion: &Conversion| conversion.armed.is_some() && is_waiting(conversion);
        let ready = |conversion: &Conversion| state.shows_itself(conversion, now);
        converting.conversions.values().any(armed)
            || !campaign.may_begin(&converting.conversions, settings.concurrent.into(), ready).is_empty()
    }

    /// The channels that Asterisk has, and the state of each, or why they are not known.
    pub fn calls(&self, channels: Result<BTreeMap<String, String>, String>) {
        let mut state = self.lock();
        let calls = match channels {
            Err(why) => Calls { busy: BTreeSet::new(), unknown: Some(why) },
            Ok(channels) => {
                let mut busy = BTreeSet::new();
                for (endpoint, macs) in state.users.iter().filter(|_| !channels.is_empty()) {
                    let device = device(endpoint.driver, &endpoint.name);
                    if channels.keys().any(|channel| is_of(channel, &device)) {
                        busy.extend(macs);
                    }
                }
                Calls { busy, unknown: None }
            }
        };
        state.converting.calls = calls;
    }

    /// Phones in the middle of images: without the rest of them some show no more than a lamp.
    pub fn in_images(&self, now: Timestamp) -> Vec<MacAddr> {
        let state = self.lock();
        let lately = |at: Timestamp| now.duration_since(at) < WRITES;
        let all = state.converting.conversions.values();
        all.filter(|conversion| conversion.takes_images_since().is_some_and(lately)).map(|c| c.mac).collect()
    }
}

impl Operations {
    /// Asks Asterisk who is in a call.
    pub async fn look_for_calls(&self) {
        let channels = match &self.around.ami {
            Some(asking) => asking.channels().await.map_err(|why| why.to_string()),
            None => Err("[ami] is off".to_owned()),
        };
        self.hub.calls(channels);
    }
}
