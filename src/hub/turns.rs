//! Whose turn it is, and what the other phones wait for.
//!
//! One reckoning for the round that arms phones and for what people are told, so that both say the same.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::Hub;
use super::planning::from;
use super::state::State;
use crate::convert::{Belief, Campaign, Conversion, Mode, NotReady};
use crate::domain::MacAddr;
use crate::firmware::plan::From;
use crate::status::Stage;

/// How long ago a phone may have been heard to begin (I6).
pub(super) const SEEN_WITHIN: SignedDuration = SignedDuration::from_hours(24);

impl State {
    /// Which of those that have not begun there are two of.
    fn look_for_twins(&mut self, now: Timestamp) {
        let waiting = self.converting.conversions.values().filter(|c| c.waits());
        let twin = |mac: &MacAddr| self.directory.get(*mac).is_some_and(|seen| seen.twin(now).is_some());
        self.converting.twins = waiting.map(|c| c.mac).filter(twin).collect();
    }

    /// Whether a phone can begin as it is now (I6), whatever the campaign says.
    pub(super) fn ready(&self, conversion: &Conversion, now: Timestamp) -> Result<(), NotReady> {
        if conversion.armed.is_none() {
            self.shows_itself(conversion, now)?;
        }
        self.converting.waits(conversion).map_or(Ok(()), Err)
    }

    /// Whether a phone was heard of late, and has shown enough.
    pub(super) fn shows_itself(&self, conversion: &Conversion, now: Timestamp) -> Result<(), NotReady> {
        let seen = self.directory.get(conversion.mac).and_then(|seen| seen.at);
        if conversion.let_go.is_some_and(|at| seen.is_none_or(|seen| seen <= at)) {
            return Err(NotReady::DidNotBoot);
        }
        // One that stays registered says nothing new for days.
        let stage = self.judged.get(&conversion.mac).map(|judged| judged.status.stage);
        let registered = matches!(stage, Some(Stage::Registered | Stage::Partial));
        if !registered && seen.is_none_or(|seen| now.duration_since(seen) >= SEEN_WITHIN) {
            return Err(NotReady::Unheard);
        }
        self.shows_its_way(conversion)
    }

    /// Whether a phone of which too little was known has shown more, or what the longest way takes was brought.
    fn shows_its_way(&self, conversion: &Conversion) -> Result<(), NotReady> {
        let Some(lacks) = &conversion.lacks else { return Ok(()) };
        let belief = self.converting.beliefs.get(&conversion.mac);
        let more = from(belief) != From::Unknown
            || belief.and_then(Belief::universal_loader) != lacks.universal_loader
            || conversion.steps.iter().all(|step| self.converting.whole(&step.to, &[]));
        if more { Ok(()) } else { Err(NotReady::Lacks(lacks.clone())) }
    }
}

impl Hub {
    /// Phones other than these that wait for a campaign that is paused or halted, and why it is: who begins another one sends
    /// them off too.
    pub fn held_back(&self, but: &BTreeSet<MacAddr>) -> Option<(usize, Campaign)> {
        let state = self.lock();
        let campaign = state.converting.campaign.clone();
        let campaign = campaign.filter(|campaign| matches!(campaign.mode, Mode::Paused | Mode::Halted))?;
        let waits = |c: &&Conversion| c.open() && !but.contains(&c.mac);
        let waiting = state.converting.conversions.values().filter(waits).count();
        (waiting > 0).then_some((waiting, campaign))
    }

    /// What every phone waits for is reckoned anew; those of which another thing is to be said are judged, so that lists and
    /// the PBX's table say it.
    pub(super) fn turn_over(&self, now: Timestamp) {
        let mut state = self.lock();
        state.look_for_twins(now);
        state.converting.reckoned = Some(now);
        let converting = &state.converting;
        let turns = match (&converting.campaign, &converting.settings) {
            (Some(campaign), Some(settings)) => {
                let ready = |conversion: &Conversion| state.ready(conversion, now);
                campaign.turns(&converting.conversions, settings.concurrent.into(), ready)
            }
            _ => std::collections::BTreeMap::new(),
        };
        let converting = &mut state.converting;
        let mut said = std::mem::take(&mut converting.touched);
        // Most rounds change nobody's turn.
        if converting.turns != turns {
            said.extend(
                turns.iter().filter(|(mac, turn)| converting.turns.get(mac) != Some(turn)).map(|(mac, _)| *mac),
            );
            said.extend(converting.turns.keys().filter(|mac| !turns.contains_key(mac)));
            converting.turns = turns;
        }
        drop(state);
        self.judge(said, now);
    }
}
