//! What holds a step back, whatever the campaign says: a call that is up (I6), the hours in which nothing may begin (I17), a
//! daemon that is being stopped (I16).

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::converting::Converting;
use super::{Hub, Operations};
use crate::convert::{Conversion, Mode, NotReady, Turn};
use crate::domain::MacAddr;
use crate::notify::{device, device_of};

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

impl Converting {
    /// Why a step that is not begun does not begin now, whoever's turn it is.
    pub(super) fn waits(&self, conversion: &Conversion) -> Option<NotReady> {
        let call = || self.calls.busy.contains(&conversion.mac).then_some(NotReady::InCall);
        conversion.waits().then(|| self.waits_for_its_time(conversion).or_else(call)).flatten()
    }

    fn waits_for_its_time(&self, conversion: &Conversion) -> Option<NotReady> {
        if self.ending {
            return Some(NotReady::Ending);
        }
        // Two that take images in each other's name spoil both.
        if self.twins.contains(&conversion.mac) {
            return Some(NotReady::Twin);
        }
        self.shut.filter(|_| !conversion.tries_again()).map(NotReady::Window)
    }

    /// Tells people of a phone that nobody knows whether it is in a call.
    pub(super) fn say_that_calls_are_unknown(&self, conversion: &Conversion, next: &mut String) {
        if let Some(why) = self.calls.unknown.as_ref().filter(|_| conversion.waits()) {
            *next += &format!("; whether it is in a call is not known ({why})");
        }
    }
}

impl Hub {
    /// Looks whether steps may begin at this time of day, which `zone` says.
    pub fn hold_conversions(&self, now: Timestamp, zone: &TimeZone) {
        let converting = &mut self.lock().converting;
        let window = converting.settings.as_ref().and_then(|settings| settings.window);
        converting.shut = window.filter(|window| !window.open(now, zone));
    }

    /// The daemon is to end: no step begins any more.
    pub fn end_conversions(&self) {
        self.lock().converting.ending = true;
    }

    /// Whether a step would begin now if its phone is in no call.
    pub fn calls_matter(&self) -> bool {
        let state = self.lock();
        let converting = &state.converting;
        let running = converting.campaign.as_ref().is_some_and(|campaign| campaign.mode == Mode::Running);
        let armed = |c: &Conversion| c.armed.is_some() && c.waits() && converting.waits_for_its_time(c).is_none();
        let begins = |turn: &Turn| matches!(turn, Turn::Begins | Turn::NotReady(NotReady::InCall));
        running && (converting.turns.values().any(begins) || converting.conversions.values().any(armed))
    }

    /// The channels that Asterisk has, and the state of each, or why they are not known.
    pub fn calls(&self, channels: Result<BTreeMap<String, String>, String>) {
        let (channels, unknown) = match channels {
            Ok(channels) => (channels, None),
            Err(why) => (BTreeMap::new(), Some(why)),
        };
        let devices: HashSet<String> =
            channels.keys().filter_map(|channel| device_of(channel)).map(str::to_ascii_lowercase).collect();
        let mut state = self.lock();
        let mut busy = BTreeSet::new();
        for (endpoint, macs) in state.users.iter().filter(|_| !devices.is_empty()) {
            if devices.contains(&device(endpoint.driver, &endpoint.name).to_ascii_lowercase()) {
                busy.extend(macs);
            }
        }
        state.converting.calls = Calls { busy, unknown };
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
