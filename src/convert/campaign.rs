//! Who may begin: a canary of each model, then ten, then as many at once as allowed; and when nobody may.
//!
//! A campaign is a filter, a limit and a state over the conversions of its phones. Nothing of the waves is stored: how many
//! of a model are through follows from the conversions.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::step::shifted;
use super::{Conversion, Lacks, StepState};
use crate::domain::{MacAddr, ModelName, Window};

/// What a campaign does at present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Phones begin as their turn comes.
    #[default]
    Running,
    /// No further phone begins; those that began finish.
    Paused,
    /// As paused, by the stop rule.
    Halted,
    /// As paused, and those that have not begun are let go.
    Aborted,
}

/// The campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Campaign {
    /// When it was started.
    pub started: Timestamp,
    /// What it does.
    pub mode: Mode,
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub because: String,
    /// Most phones that begin in all; `None` = all of them.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// Phones at once after the canary of their model.
const SECOND_WAVE: usize = 10;

/// Failures in a row that stop a campaign, and the share of all that does (I9).
const IN_A_ROW: usize = 2;
const SHARE: usize = 20;

/// How many phones are how far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Run their target.
    pub through: usize,
    /// Failed a step.
    pub failed: usize,
    /// On their way, or not begun.
    pub open: usize,
}

impl Tally {
    /// Of the states of their conversions.
    pub fn of(states: impl Iterator<Item = StepState>) -> Self {
        let mut tally = Self::default();
        for state in states {
            match state {
                StepState::Verified => tally.through += 1,
                StepState::Failed => tally.failed += 1,
                StepState::Todo | StepState::Offered | StepState::Downloading | StepState::Skipped => tally.open += 1,
            }
        }
        tally
    }
}

impl Campaign {
    /// A new one.
    pub fn new(limit: Option<usize>, now: Timestamp) -> Self {
        Self { started: now, mode: Mode::Running, since: now, because: "it was started".to_owned(), limit }
    }

    /// The clock was put by so much.
    pub fn shift(&mut self, by: SignedDuration) {
        for at in [&mut self.started, &mut self.since] {
            *at = shifted(*at, by);
        }
    }

    /// Goes over into another mode.
    pub fn go(&mut self, mode: Mode, because: impl Into<String>, now: Timestamp) {
        (self.mode, self.since, self.because) = (mode, now, because.into());
    }

    /// In one word, for people: that of its mode, or that it is over, where none of its phones is on its way yet.
    pub fn word(&self, tally: &Tally) -> &'static str {
        match self.mode {
            Mode::Running if tally.open == 0 && tally.through + tally.failed > 0 => "over",
            Mode::Running => "running",
            Mode::Paused => "paused",
            Mode::Halted => "halted",
            Mode::Aborted => "aborted",
        }
    }

    /// Why it has to stop, if it has to.
    pub fn halts(&self, all: &BTreeMap<MacAddr, Conversion>) -> Option<String> {
        if self.mode != Mode::Running {
            return None;
        }
        // What was looked at since the campaign went on counts: failures of before are known to whoever resumed it.
        let ended = |conversion: &&Conversion| conversion.steps.iter().any(|step| step.since >= self.since);
        let mut ends: Vec<(Timestamp, bool)> = all
            .values()
            .filter(ended)
            .filter_map(|conversion| {
                let last = conversion.steps.iter().map(|step| step.since).max()?;
                if conversion.failed().is_some() {
                    Some((last, false))
                } else {
                    conversion.done().then_some((last, true))
                }
            })
            .filter(|(at, _)| *at >= self.since)
            .collect();
        ends.sort_unstable();
        let row = ends.iter().rev().take_while(|(_, well)| !well).count();
        let failed = ends.iter().filter(|(_, well)| !well).count();
        if row >= IN_A_ROW {
            Some(format!("{row} phones in a row failed"))
        } else if failed > 1 && failed * SHARE > all.len() {
            Some(format!("{failed} of {} phones failed, more than one in twenty", all.len()))
        } else {
            None
        }
    }

    /// What every phone waits for that has not begun, in order of MAC; those that wait for nothing but a boot are not in
    /// it. One reckoning for who begins and for what the others are told. `concurrent` = `firmware.concurrent`; `ready`: was
    /// seen of late, is not in a call, has a path (I6). A phone in a box is not ready, and keeps no other waiting.
    pub fn turns(
        &self,
        all: &BTreeMap<MacAddr, Conversion>,
        concurrent: usize,
        ready: impl Fn(&Conversion) -> Result<(), NotReady>,
    ) -> BTreeMap<MacAddr, Turn> {
        if self.mode != Mode::Running {
            // Whose turn had come is not offered anything either.
            return all.values().filter(|c| c.waits()).map(|c| (c.mac, Turn::Held(self.mode))).collect();
        }
        let under_way = |c: &&Conversion| c.armed.is_some() && c.open();
        let mut free = concurrent.saturating_sub(all.values().filter(under_way).count());
        // Those of an earlier campaign are not this one's.
        let armed = all.values().filter(|c| c.armed.is_some_and(|at| at >= self.started)).count();
        let mut left = self.limit.map(|limit| limit.saturating_sub(armed));
        let mut waves: BTreeMap<(&ModelName, &str), Wave> = BTreeMap::new();
        // In order of MAC already, so the map is built in one go.
        let mut turns = Vec::new();
        for conversion in all.values().filter(|c| c.waits()) {
            if conversion.armed.is_some() {
                // Its turn has come; what holds everybody holds it, too.
                let held = ready(conversion).err().filter(NotReady::holds);
                turns.extend(held.map(|why| (conversion.mac, Turn::NotReady(why))));
                continue;
            }
            let wave = (&conversion.model, conversion.target.as_str());
            let wave = waves.entry(wave).or_insert_with(|| Wave::of(all, conversion));
            let turn = match (ready(conversion), wave.room, left, free) {
                (Err(why), ..) => Turn::NotReady(why),
                (_, 0, ..) => wave.canary.map_or(Turn::Wave, Turn::Canary),
                (_, _, Some(0), _) => Turn::Limit(self.limit.unwrap_or_default()),
                (.., 0) => Turn::Concurrent(concurrent),
                _ => {
                    (wave.room, free, left) = (wave.room - 1, free - 1, left.map(|left| left - 1));
                    wave.canary = wave.canary.or(Some(conversion.mac)).filter(|_| wave.first);
                    Turn::Begins
                }
            };
            turns.push((conversion.mac, turn));
        }
        turns.into_iter().collect()
    }
}

/// What a phone waits for that has not begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing: it begins.
    Begins,
    /// That the campaign goes on.
    Held(Mode),
    /// It has to show itself first.
    NotReady(NotReady),
    /// The first of its model has to be through.
    Canary(MacAddr),
    /// Likewise those that came after the first.
    Wave,
    /// As many as the campaign may begin have begun.
    Limit(usize),
    /// As many as `firmware.concurrent` allows are under way.
    Concurrent(usize),
}

/// Why a phone cannot begin as it is (I6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotReady {
    /// Nothing was heard of it for a day.
    Unheard,
    /// Another phone says that it is this one.
    Twin,
    /// Its turn had come, it did not boot, and was not heard since.
    DidNotBoot,
    /// Too little is known of what it runs, and the store lacks this for the longest way.
    Lacks(Lacks),
    /// It is in a call.
    InCall,
    /// The hours in which steps may begin are not now (I17).
    Window(Window),
    /// The daemon is being stopped (I16).
    Ending,
}

impl NotReady {
    /// Whether it holds back a phone whose turn had come already.
    pub fn holds(&self) -> bool {
        matches!(self, Self::Twin | Self::InCall | Self::Window(_) | Self::Ending)
    }
}

/// How many more of a model may begin: one until one is through, ten until all of those are, then any number.
struct Wave {
    room: usize,
    /// Nobody is through yet.
    first: bool,
    /// The first, while it is under way.
    canary: Option<MacAddr>,
}

impl Wave {
    /// Those that went to another target prove nothing of this one; nor does one that runs it already.
    fn of(all: &BTreeMap<MacAddr, Conversion>, next: &Conversion) -> Self {
        let proof = |c: &&Conversion| c.steps.iter().any(|s| s.state == StepState::Verified);
        let like = |c: &&Conversion| c.model == next.model && c.target == next.target && c.armed.is_some();
        let of_model = || all.values().filter(like);
        let through = of_model().filter(|c| c.done() && proof(c)).count();
        // One that failed proves nothing; the stop rule looks after those.
        let begun = || of_model().filter(|c| c.failed().is_none() && (!c.done() || proof(c)));
        let most = match through {
            0 => 1,
            n if n <= SECOND_WAVE => 1 + SECOND_WAVE,
            _ => usize::MAX,
        };
        let canary = begun().next().map(|c| c.mac).filter(|_| through == 0);
        Self { room: most.saturating_sub(begun().count()), first: through == 0, canary }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Family;
    use crate::convert::{Failure, Step, Trace};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn it_is_over_where_nobody_is_on_the_way() {
        let mut campaign = Campaign::new(None, at(0));
        let tally = |open, through| Tally { through, failed: 0, open };
        let words = [(0, 0), (1, 39), (0, 40)].map(|(open, through)| campaign.word(&tally(open, through)));
        assert_eq!(words, ["running", "running", "over"]);
        campaign.go(Mode::Halted, "two in a row failed", at(1));
        assert_eq!(campaign.word(&tally(0, 40)), "halted");
    }

    /// Phones 0..n of one model, none begun.
    fn phones(n: u32, model: &str) -> BTreeMap<MacAddr, Conversion> {
        let phone = |n: u32| {
            let mac: MacAddr = format!("001B54{n:06X}").parse().unwrap();
            let step = Step {
                from: "SCCP42.8-5-2S".to_owned(),
                to: "SIP42.9-4-2SR3-1S".to_owned(),
                via: Vec::new(),
                rule: String::new(),
                source: String::new(),
                one_way: false,
                files: Vec::new(),
                state: StepState::Todo,
                since: at(0),
                because: String::new(),
                failure: None,
                trace: Trace::default(),
            };
            let conversion = Conversion {
                mac,
                model: ModelName::new(model),
                family: Family::Java,
                from: step.from.clone(),
                running: None,
                target: step.to.clone(),
                steps: vec![step],
                armed: None,
                started: at(0),
                accept_one_way: false,
                refused: Vec::new(),
                lacks: None,
                let_go: None,
                given_up: false,
            };
            (mac, conversion)
        };
        (0..n).map(phone).collect()
    }

    fn may_begin(
        campaign: &Campaign,
        all: &BTreeMap<MacAddr, Conversion>,
        concurrent: usize,
        ready: impl Fn(&Conversion) -> Result<(), NotReady>,
    ) -> Vec<MacAddr> {
        let turns = campaign.turns(all, concurrent, ready);
        turns.into_iter().filter(|(_, turn)| *turn == Turn::Begins).map(|(mac, _)| mac).collect()
    }

    fn begin(campaign: &Campaign, all: &mut BTreeMap<MacAddr, Conversion>, concurrent: usize) -> usize {
        let macs = may_begin(campaign, all, concurrent, |_| Ok(()));
        for mac in &macs {
            all.get_mut(mac).unwrap().armed = Some(at(1));
        }
        macs.len()
    }

    fn end(all: &mut BTreeMap<MacAddr, Conversion>, well: bool, second: i64) {
        let under_way = |c: &&mut Conversion| c.armed.is_some() && c.open();
        let conversion = all.values_mut().find(under_way).expect("one is under way");
        let step = conversion.steps.first_mut().unwrap();
        (step.state, step.since) = (if well { StepState::Verified } else { StepState::Failed }, at(second));
        step.failure = (!well).then_some(Failure::NotBack);
    }

    /// I7: a canary of each model, then ten, then the rest. I8: never more at once than allowed.
    #[test]
    fn i7_i8_canary_then_waves() {
        let campaign = Campaign::new(None, at(0));
        let mut all = phones(60, "7942");
        assert_eq!(begin(&campaign, &mut all, 30), 1, "the canary alone");
        assert_eq!(begin(&campaign, &mut all, 30), 0, "nobody moves while it is stuck");
        end(&mut all, true, 2);
        assert_eq!(begin(&campaign, &mut all, 30), 10);
        for second in 3..13 {
            assert_eq!(begin(&campaign, &mut all, 30), 0, "the second wave goes through whole");
            end(&mut all, true, second);
        }
        assert_eq!(begin(&campaign, &mut all, 30), 30);
        end(&mut all, true, 20);
        assert_eq!(begin(&campaign, &mut all, 30), 1, "the queue moves up");
    }

    #[test]
    fn each_model_has_a_canary_of_its_own() {
        let campaign = Campaign::new(None, at(0));
        let mut all = phones(5, "7942");
        let others: Vec<MacAddr> = all.keys().copied().skip(3).collect();
        for mac in others {
            all.get_mut(&mac).unwrap().model = ModelName::new("7965");
        }
        assert_eq!(begin(&campaign, &mut all, 10), 2);
    }

    /// What went well last year, to another load, is no canary; and its phones are not of this campaign's limit.
    #[test]
    fn i7_a_new_target_has_a_canary_of_its_own() {
        let mut all = phones(30, "7942");
        for conversion in all.values_mut().take(20) {
            conversion.armed = Some(at(1));
            conversion.target = "SIP42.8-5-4S".to_owned();
        }
        for second in 2..22 {
            end(&mut all, true, second);
        }
        let mut campaign = Campaign::new(Some(2), at(100));
        assert_eq!(may_begin(&campaign, &all, 10, |_| Ok(())).len(), 1, "the canary, and the limit is not used up");
        campaign.limit = None;
        assert_eq!(may_begin(&campaign, &all, 10, |_| Ok(())).len(), 1);
    }

    /// I6: a phone that is not ready keeps nobody waiting.
    #[test]
    fn i6_a_phone_in_a_box_is_no_canary() {
        let campaign = Campaign::new(None, at(0));
        let all = phones(3, "7942");
        let boxed = *all.keys().next().unwrap();
        let begins = may_begin(&campaign, &all, 10, |c| if c.mac == boxed { Err(NotReady::Unheard) } else { Ok(()) });
        assert_eq!(begins, [*all.keys().nth(1).unwrap()]);
    }

    /// I9: two failures in a row stop it, and so do more than one in twenty.
    #[test]
    fn i9_the_stop_rule() {
        let campaign = Campaign::new(None, at(0));
        let mut all = phones(60, "7942");
        for conversion in all.values_mut() {
            conversion.armed = Some(at(1));
        }
        end(&mut all, false, 2);
        assert_eq!(campaign.halts(&all), None, "one failure is none");
        end(&mut all, true, 3);
        end(&mut all, false, 4);
        assert_eq!(campaign.halts(&all), None);
        end(&mut all, false, 5);
        assert!(campaign.halts(&all).unwrap().contains("2 phones in a row"));

        let mut all = phones(60, "7942");
        for conversion in all.values_mut() {
            conversion.armed = Some(at(1));
        }
        for round in 0..4 {
            end(&mut all, false, 2 + 2 * round);
            end(&mut all, true, 3 + 2 * round);
        }
        assert!(campaign.halts(&all).unwrap().contains("4 of 60"));
        // Who goes on after that has seen them.
        let mut campaign = campaign;
        campaign.go(Mode::Running, "it was resumed", at(100));
        assert_eq!(campaign.halts(&all), None);
    }

    /// I11, and `--limit`.
    #[test]
    fn i11_nobody_begins_while_it_is_paused() {
        let mut campaign = Campaign::new(Some(1), at(0));
        let mut all = phones(3, "7942");
        for mode in [Mode::Paused, Mode::Halted, Mode::Aborted] {
            campaign.go(mode, "", at(1));
            assert_eq!(begin(&campaign, &mut all, 10), 0, "{mode:?}");
        }
        campaign.go(Mode::Running, "", at(2));
        assert_eq!(begin(&campaign, &mut all, 10), 1);
        end(&mut all, true, 3);
        assert_eq!(begin(&campaign, &mut all, 10), 0, "the limit is reached");
    }
}
