//! Small parts of the daemon: time passing, events on their way to the store, what this host answers.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::TICK;
use super::stage::Stage;
use crate::domain::{BootEvent, MacAddr};
use crate::hub::Hub;
use crate::pbx::roster::{Assignment, Roster};
use crate::store::Store;

/// Whether something on this host answers time queries (SNTP, RFC 4330): then phones can be told to ask here.
pub(super) async fn answers_time() -> bool {
    let ask = || -> std::io::Result<bool> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(300)))?;
        socket.connect((Ipv4Addr::LOCALHOST, 123))?;
        // Leap 0, version 4, mode 3 (client); the rest may be zero.
        let mut packet = [0_u8; 48];
        packet[0] = 0x23;
        socket.send(&packet)?;
        // Mode 4 is a server's answer.
        Ok(socket.recv(&mut packet)? >= 48 && packet[0] & 7 == 4)
    };
    tokio::task::spawn_blocking(move || ask().unwrap_or(false)).await.unwrap_or(false)
}

/// How long the timeline of a phone that is assigned no more is kept.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The timelines of an earlier life, without those of phones that are long gone: they are deleted. None of it may keep
/// phones from being served.
pub(super) async fn past(store: &Store, own: &[Assignment], roster: Option<&Roster>, now: Timestamp) -> Vec<BootEvent> {
    let unread = |why| tracing::error!(code = "events-unreadable", "{why}; timelines begin anew");
    let mut past = store.events().await.map_err(unread).unwrap_or_default();
    let Some(roster) = roster else { return past };
    let assigned = |mac: MacAddr| roster.assignments.contains_key(&mac) || own.iter().any(|own| own.mac == mac);
    let mut gone: BTreeMap<MacAddr, Timestamp> = BTreeMap::new();
    for event in past.iter().filter(|event| !assigned(event.mac)) {
        gone.insert(event.mac, event.at);
    }
    gone.retain(|_, last| now.duration_since(*last) > REMEMBERED);
    if !gone.is_empty() {
        let macs: Vec<MacAddr> = gone.keys().copied().collect();
        if let Err(why) = store.forget(&macs).await {
            tracing::error!(code = "events-not-kept", "{why}; timelines of phones that are long gone stay on disk");
        }
        past.retain(|event| !gone.contains_key(&event.mac));
    }
    past
}

/// Events are gathered this long before they are stored: a boot storm is many, and its files come first.
const GATHER: Duration = Duration::from_millis(250);

/// Keeps what happened: batches of events into the store. At its end everything that waits is written.
pub(super) fn spawn_events(stage: &mut Stage, mut events: mpsc::Receiver<BootEvent>, store: &Arc<Store>) {
    let (store, ending) = (Arc::clone(store), stage.ending());
    stage.spawn(async move {
        let mut batch = Vec::new();
        let mut open = true;
        loop {
            tokio::select! {
                n = events.recv_many(&mut batch, 1_000) => if n == 0 { return Ok(()) },
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
            if let Err(why) = store.append(&batch).await {
                tracing::error!(
                    code = "events-not-kept",
                    "{why}; timelines in memory are whole, their tails on disk are not"
                );
            }
            batch.clear();
        }
    });
}

/// Time passes, and what changed is handed out.
pub(super) fn spawn_tick(stage: &mut Stage, hub: &Arc<Hub>) {
    let (hub, ending) = (Arc::clone(hub), stage.ending());
    stage.spawn(async move {
        let mut every = tokio::time::interval(TICK);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                _ = every.tick() => hub.tick(Timestamp::now()),
                () = ending.cancelled() => return Ok(()),
            }
        }
    });
}
