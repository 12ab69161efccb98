//! Small parts of the daemon: time passing, events on their way to the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::stage::Stage;
use super::{TICK, faults};
use crate::access;
use crate::domain::MacAddr;
use crate::hub::Hub;
use crate::pbx::roster::{Assignment, Roster};
use crate::store::Store;
use crate::timeline::{Change, Row};

/// How long the timeline of a phone that is assigned no more is kept.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The timelines of an earlier life, without those of phones that are long gone: they are deleted. None of it may keep
/// phones from being served.
pub(super) async fn past(store: &Store, own: &[Assignment], roster: Option<&Roster>, now: Timestamp) -> Vec<Row> {
    let unread = |why| tracing::error!(code = "events-unreadable", "{why}; timelines begin anew");
    let mut past = store.events().await.map_err(unread).unwrap_or_default();
    let Some(roster) = roster else { return past };
    let assigned = |mac: MacAddr| roster.assignments.contains_key(&mac) || own.iter().any(|own| own.mac == mac);
    let mut gone: BTreeMap<MacAddr, Timestamp> = BTreeMap::new();
    for event in past.iter().map(|row| &row.event).filter(|event| !assigned(event.mac)) {
        gone.insert(event.mac, event.at);
    }
    gone.retain(|_, last| now.duration_since(*last) > REMEMBERED);
    if !gone.is_empty() {
        let macs: Vec<MacAddr> = gone.keys().copied().collect();
        if let Err(why) = store.forget(&macs).await {
            tracing::error!(code = "events-not-kept", "{why}; timelines of phones that are long gone stay on disk");
        }
        past.retain(|row| !gone.contains_key(&row.event.mac));
    }
    past
}

/// Who was at which address. It keeps no phone from being served: what cannot be read is proven anew.
pub(super) async fn access(store: &Store) -> access::Kept {
    store.access().await.unwrap_or_else(|why| {
        tracing::error!(code = "access-unreadable", "{why}; phones show anew who they are");
        access::Kept::default()
    })
}

/// Events are gathered this long before they are stored: a boot storm is many, and its files come first.
const GATHER: Duration = Duration::from_millis(250);

/// Keeps what happened: batches of events into the store. At its end everything that waits is written.
pub(super) fn spawn_events(stage: &mut Stage, events: mpsc::Receiver<Change>, store: &Arc<Store>) {
    let (store, events, ending) = (Arc::clone(store), Arc::new(Mutex::new(events)), stage.ending());
    stage.keep("the keeping of events", move || {
        let (store, events, ending) = (Arc::clone(&store), Arc::clone(&events), ending.clone());
        async move {
            keep_events(&mut *events.lock().await, &store, &ending).await;
            Ok(())
        }
    });
}

async fn keep_events(events: &mut mpsc::Receiver<Change>, store: &Store, ending: &CancellationToken) {
    let mut batch = Vec::new();
    let (mut open, mut failing) = (true, false);
    loop {
        tokio::select! {
            n = events.recv_many(&mut batch, 1_000) => if n == 0 { return },
            // Closed, the queue still gives what is in it.
            () = ending.cancelled(), if open => { events.close(); open = false; continue; }
        }
        if open && batch.len() < 1_000 {
            tokio::select! {
                () = tokio::time::sleep(GATHER) => {}
                () = ending.cancelled() => {}
            }
            // What came meanwhile; nothing is waited for.
            while batch.len() < 1_000
                && let Ok(event) = events.try_recv()
            {
                batch.push(event);
            }
        }
        faults::strike("events");
        let outcome = store.append(&batch).await;
        if let (Err(why), false) = (&outcome, failing) {
            tracing::error!(
                code = "events-not-kept",
                "{why}; timelines in memory are whole, their tails on disk are not"
            );
        }
        failing = outcome.is_err();
        batch.clear();
    }
}

/// Between two copies of the store: a thousand phones added one by one do not make a thousand.
const COPY_PAUSE: Duration = Duration::from_mins(1);

/// Copies of the store: one after what changed, and one of each day that had changes.
pub(super) fn spawn_snapshots(stage: &mut Stage, store: &Arc<Store>) {
    let (store, ending) = (Arc::clone(store), stage.ending());
    stage.keep("the copying of the state", move || {
        let (store, ending) = (Arc::clone(&store), ending.clone());
        async move {
            let mut failing = false;
            loop {
                let outcome = store.snapshot(Timestamp::now()).await;
                if let (Err(why), false) = (&outcome, failing) {
                    tracing::error!(code = "state-not-copied", "{why}; the copies made before stay");
                }
                failing = outcome.is_err();
                if ending.is_cancelled() {
                    return Ok(());
                }
                tokio::select! {
                    () = tokio::time::sleep(COPY_PAUSE) => {}
                    () = ending.cancelled() => continue,
                }
                tokio::select! {
                    () = store.changed() => {}
                    // What failed is tried again.
                    () = tokio::time::sleep(COPY_PAUSE), if failing => {}
                    () = ending.cancelled() => {}
                }
            }
        }
    });
}

/// Wall-clock steps up to this long are the clock being put right.
const STEP: SignedDuration = SignedDuration::from_secs(60);

/// The wall clock beside one that never steps.
struct Clocks {
    wall: Timestamp,
    steady: Instant,
}

impl Clocks {
    fn now() -> Self {
        Self { wall: Timestamp::now(), steady: Instant::now() }
    }

    /// How far the wall clock was put since `before`, where that is far.
    fn step_since(&self, before: &Self) -> Option<SignedDuration> {
        let passed = self.steady.saturating_duration_since(before.steady);
        let step = self.wall.duration_since(before.wall).checked_sub(SignedDuration::try_from(passed).ok()?)?;
        (step.abs() > STEP).then_some(step)
    }
}

/// Time passes, and what changed is handed out. Returns what counts the rounds.
pub(super) fn spawn_tick(stage: &mut Stage, hub: &Arc<Hub>) -> watch::Receiver<u64> {
    let (hub, ending) = (Arc::clone(hub), stage.ending());
    let (round, rounds) = watch::channel(0);
    stage.keep("the clock", move || {
        let (hub, ending, round) = (Arc::clone(&hub), ending.clone(), round.clone());
        async move {
            tick(&hub, &ending, &round).await;
            Ok(())
        }
    });
    rounds
}

async fn tick(hub: &Hub, ending: &CancellationToken, round: &watch::Sender<u64>) {
    let mut every = tokio::time::interval(TICK);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut before = Clocks::now();
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = ending.cancelled() => return,
        }
        faults::strike("tick");
        let now = Clocks::now();
        if let Some(step) = now.step_since(&before) {
            tracing::warn!(
                code = "clock-stepped",
                seconds = step.as_secs(),
                "the clock was put by {} s; times before and after do not compare, what phones get is the same",
                step.as_secs()
            );
            hub.clock_stepped(now.wall, step);
        }
        hub.tick(now.wall);
        before = now;
        round.send_modify(|n| *n += 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F14: which steps are steps.
    #[test]
    fn f14_steps_of_the_clock() {
        let before = Clocks::now();
        let hour = SignedDuration::from_hours(1);
        for (wall, passed, expected) in [
            (SignedDuration::from_secs(1), 1, None),
            (SignedDuration::from_secs(30), 1, None),
            (hour, 3_600, None),
            (hour, 0, Some(hour)),
            (-hour, 0, Some(-hour)),
            (SignedDuration::from_secs(1), 3_601, Some(-hour)),
            (hour * 24 * 3_650, 0, Some(hour * 24 * 3_650)),
        ] {
            let now = Clocks { wall: before.wall + wall, steady: before.steady + Duration::from_secs(passed) };
            assert_eq!(now.step_since(&before), expected, "{wall} {passed}");
        }
    }
}
