//! `firmware.conversion = "adopted"`: phones that have an extension are converted without anybody's word.

use jiff::{SignedDuration, Timestamp};

use super::Hub;
use super::planning::{Wanted, planned};
use super::state::State;
use super::turns::SEEN_WITHIN;
use crate::config;
use crate::convert::audit::made_of;
use crate::convert::belief::{Belief, Runs};
use crate::convert::{Campaign, Conversion, Mode};
use crate::domain::{Load, MacAddr, Signalling};
use crate::fleet::Snapshot;

/// Phones that are looked at in one round: a way costs up to a millisecond of the lock that requests take.
const AT_ONCE: usize = 16;

/// How long a phone has to show what it runs, by its registration and by its web page, before it is taken for one of which
/// nobody knows.
const SETTLES: SignedDuration = SignedDuration::from_mins(2);

/// Who starts those, in the audit log.
const WHO: &str = "firmware.conversion";

impl Hub {
    /// Takes in the conversions of phones that are due one, a few phones a round. Whoever aborted a campaign has the last
    /// word until somebody starts another; one that is paused, halted or limited stays as it is.
    pub fn adopt_conversions(&self, now: Timestamp) {
        let adopted = self.next_few().into_iter().filter(|mac| self.adopt(*mac, now)).count();
        if adopted > 0 {
            self.turn_over(now);
        }
    }

    fn next_few(&self) -> Vec<MacAddr> {
        let (mut state, snapshot) = self.locked();
        let converting = &mut state.converting;
        let adopted = converting.settings.as_ref().is_some_and(|s| s.conversion == config::Conversion::Adopted);
        let aborted = converting.campaign.as_ref().is_some_and(|campaign| campaign.mode == Mode::Aborted);
        if !adopted || aborted || !snapshot.ready() {
            return Vec::new();
        }
        let after = converting.considered;
        let enabled = snapshot.assignments.values().filter(|assignment| assignment.enabled).map(|a| a.mac);
        let few: Vec<MacAddr> = enabled.filter(|mac| Some(*mac) > after).take(AT_ONCE).collect();
        converting.considered = few.last().copied().filter(|_| few.len() == AT_ONCE);
        few
    }

    /// Whether it is adopted.
    fn adopt(&self, mac: MacAddr, now: Timestamp) -> bool {
        let (mut state, snapshot) = self.locked();
        let Some(conversion) = due(&state, &snapshot, mac, now) else { return false };
        let way = format!("{}: {mac} {} -> {}", made_of(&conversion.steps), conversion.from, conversion.target);
        let said = format!("is to be converted to {}: firmware.conversion is adopted", conversion.target);
        let converting = &mut state.converting;
        converting.put(conversion);
        if converting.campaign.is_none() {
            let mut campaign = Campaign::new(None, now);
            campaign.go(Mode::Running, "firmware.conversion is adopted", now);
            converting.campaign = Some(campaign);
            converting.campaign_changed = true;
        }
        converting.did(WHO, format!("started conversion {way}"), now);
        self.converted(&mut state, &snapshot, mac, Some(said), now);
        true
    }
}

/// The conversion that a phone is due, if it is due one.
fn due(state: &State, snapshot: &Snapshot, mac: MacAddr, now: Timestamp) -> Option<Conversion> {
    let converting = &state.converting;
    let settings = converting.settings.as_ref()?;
    if now.duration_since(state.directory.get(mac)?.at?) > SEEN_WITHIN {
        return None;
    }
    let before = converting.conversions.get(&mac);
    // One that failed is a person's to start again.
    if before.is_some_and(|before| !before.done()) {
        return None;
    }
    let belief = converting.beliefs.get(&mac);
    let reset = belief.and_then(Belief::word).is_some_and(|(_, word)| word.runs == Runs::BootLoader);
    // Not its last boot: one that boots again and again would never get there.
    let settled = converting.heard.get(&mac).is_none_or(|heard| now.duration_since(*heard) >= SETTLES);
    if !reset && !settled && belief.and_then(Belief::certain).is_none() {
        return None;
    }
    let (conversion, one_way) = planned(state, snapshot, mac, &Wanted::default(), now).ok()?;
    let stated = snapshot.assignment(mac).is_some_and(|assignment| assignment.target_load.is_some())
        || settings.target.contains_key(&conversion.model);
    let again = !reset && before.is_some_and(|before| before.target == conversion.target);
    // Who went back to SCCP did so at somebody's word.
    let target = before.and_then(|before| Load::parse(&before.target));
    let sent_back = !reset && !stated && target.is_some_and(|target| target.signalling == Signalling::Sccp);
    let nothing = conversion.steps.is_empty() || conversion.lacks.is_some();
    if nothing || again || sent_back || (one_way && !settings.accept_one_way) {
        return None;
    }
    // The newest of the store may be older than what runs: nobody asked for that.
    let newer = |runs: &Load| {
        runs.signalling == Signalling::Sip
            && Load::parse(&conversion.target).is_some_and(|target| runs.version > target.version)
    };
    if !stated && belief.and_then(Belief::load).is_some_and(newer) {
        return None;
    }
    Some(Conversion { accept_one_way: settings.accept_one_way, ..conversion })
}
