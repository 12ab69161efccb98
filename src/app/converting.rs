//! Conversions in the daemon: keeps what changed, lets phones begin whose turn it is, tells them to boot.
//!
//! One round after another, each in this order: what the store holds, what time changed, what is to be kept, who begins.
//! A phone is armed in one round, kept in the next, told after that: what it is offered was on the disk before.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::faults;
use super::stage::Stage;
use crate::domain::MacAddr;
use crate::firmware::store::Store as Firmware;
use crate::hub::{Hub, Operations};
use crate::notify::Verb;
use crate::store::Store;

/// Between two rounds: a file that is taken out of the store is not named any more within a second (I1).
const ROUND: Duration = Duration::from_millis(500);

/// A set that was hashed longer ago than this is hashed again before a phone is sent to it (I1).
const SOUND: SignedDuration = SignedDuration::from_hours(24);

/// Between two words to one phone: it may be in a call, or boot by itself.
const AGAIN: Duration = Duration::from_mins(5);

/// Between two looks at who is in a call.
const CALLS: Duration = Duration::from_secs(2);

/// The task.
pub(super) fn spawn(
    stage: &mut Stage,
    hub: &Arc<Hub>,
    store: &Arc<Store>,
    firmware: &Arc<Firmware>,
    operations: &Arc<Operations>,
) {
    let (hub, store, firmware) = (Arc::clone(hub), Arc::clone(store), Arc::clone(firmware));
    let (operations, ending) = (Arc::clone(operations), stage.ending());
    stage.keep("conversions", move || {
        let rounds = Rounds {
            hub: Arc::clone(&hub),
            store: Arc::clone(&store),
            firmware: Arc::clone(&firmware),
            operations: Arc::clone(&operations),
            sound: HashMap::new(),
            told: HashMap::new(),
            failing: false,
            calls: Calls::default(),
        };
        let ending = ending.clone();
        async move {
            rounds.run(&ending).await;
            Ok(())
        }
    });
}

struct Rounds {
    hub: Arc<Hub>,
    store: Arc<Store>,
    firmware: Arc<Firmware>,
    operations: Arc<Operations>,
    /// When each set was last hashed and found whole.
    sound: HashMap<String, Timestamp>,
    /// When each phone was last told to boot, for its present step.
    told: HashMap<MacAddr, Instant>,
    /// The last try to keep something failed.
    failing: bool,
    calls: Calls,
}

/// Looks at who is in a call: beside the rounds, since Asterisk may take long to answer.
#[derive(Default)]
struct Calls {
    looking: Option<JoinHandle<()>>,
    /// When the last one ended.
    looked: Option<Instant>,
}

impl Calls {
    /// Whether what is known is news. One that took long is news when it ends, or none would ever be.
    fn known(&mut self, look: impl FnOnce() -> JoinHandle<()>) -> bool {
        match &self.looking {
            Some(looking) if !looking.is_finished() => return false,
            Some(_) => (self.looking, self.looked) = (None, Some(Instant::now())),
            None => {}
        }
        if self.looked.is_some_and(|at| at.elapsed() < CALLS) {
            return true;
        }
        self.looking = Some(look());
        false
    }

    fn under_way(&self) -> bool {
        self.looking.as_ref().is_some_and(|looking| !looking.is_finished())
    }
}

impl Rounds {
    async fn run(mut self, ending: &CancellationToken) {
        let mut every = tokio::time::interval(ROUND);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                _ = every.tick() => {}
                () = ending.cancelled() => break,
            }
            faults::strike("converting");
            self.round().await;
        }
        // What the last transfers changed.
        self.keep().await;
    }

    async fn round(&mut self) {
        let firmware = Arc::clone(&self.firmware);
        if let Ok(index) = tokio::task::spawn_blocking(move || {
            firmware.look();
            firmware.index()
        })
        .await
        {
            self.hub.firmware_index(index);
        }
        self.hub.hold_conversions(Timestamp::now(), &TimeZone::system());
        self.hub.tick_conversions(Timestamp::now());
        self.hub.adopt_conversions(Timestamp::now());
        self.keep().await;
        self.begin().await;
        self.tell();
    }

    /// Writes what changed; what cannot be written is not offered.
    async fn keep(&mut self) {
        let Some(keep) = self.hub.to_keep() else { return };
        match self.store.keep_conversions(&keep).await {
            Ok(()) => {
                self.failing = false;
                self.hub.kept(&keep);
            }
            Err(why) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(
                        code = "conversion-not-kept",
                        "{why}; no phone is offered a further step until it is"
                    );
                }
                self.hub.not_kept(keep);
            }
        }
    }

    /// Whether who is in a call is known, as far as it can be and matters (I6).
    fn knows_calls(&mut self) -> bool {
        if !self.calls.under_way() && !self.hub.calls_matter() {
            // What was heard last grows old: nobody is to read it as news.
            if self.calls.looking.take().is_some() || self.calls.looked.take().is_some() {
                self.calls = Calls::default();
                self.hub.calls(Ok(BTreeMap::new()));
            }
            return true;
        }
        let operations = Arc::clone(&self.operations);
        self.calls.known(|| tokio::spawn(async move { operations.look_for_calls().await }))
    }

    async fn begin(&mut self) {
        if !self.knows_calls() {
            return;
        }
        for (mac, loads) in self.hub.may_begin(Timestamp::now()) {
            for load in loads {
                let now = Timestamp::now();
                if self.sound.get(&load).is_some_and(|at| now.duration_since(*at) < SOUND) {
                    continue;
                }
                let (firmware, name) = (Arc::clone(&self.firmware), load.clone());
                let verified = tokio::task::spawn_blocking(move || firmware.verify(Some(&name))).await;
                // What was found is in the index; the way is made anew by it, and refused where it is not whole.
                if matches!(verified, Ok(Ok(_))) {
                    self.sound.insert(load, now);
                }
                self.hub.firmware_index(self.firmware.index());
            }
            self.hub.arm(mac, Timestamp::now());
            self.told.remove(&mac);
        }
    }

    /// A phone that is registered is told to boot, unless it is in a call; the others come by themselves or are
    /// power-cycled.
    fn tell(&mut self) {
        let now = Instant::now();
        for mac in self.hub.to_be_told() {
            if self.told.get(&mac).is_some_and(|at| now.duration_since(*at) < AGAIN) {
                continue;
            }
            self.told.insert(mac, now);
            let operations = Arc::clone(&self.operations);
            // What came of it is in the phone's timeline.
            tokio::spawn(async move { operations.notify(mac, Verb::Reset).await.is_ok() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An Asterisk that takes longer to answer than what it says stays news keeps nobody from beginning for ever.
    #[tokio::test]
    async fn a_slow_answer_is_one() {
        let mut calls = Calls::default();
        let before = Instant::now().checked_sub(CALLS * 2).unwrap();
        calls.looked = Some(before);
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let look = || {
            tokio::spawn(async {
                let _ = ended.await;
            })
        };
        assert!(!calls.known(look) && calls.under_way());
        end.send(()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while calls.under_way() && Instant::now() < deadline {
            tokio::task::yield_now().await;
        }
        assert!(calls.known(|| unreachable!("what was heard just now is news")));
    }
}
