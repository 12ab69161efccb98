//! The parts of the daemon, each opened or spawned by one function.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{DRAIN, TICK};
use crate::config::{Ami, AmiSecret, Config, PbxSource};
use crate::domain::{BootEvent, EventKind, Secret, Transport};
use crate::files::Answer;
use crate::files::fall_through::FallThrough;
use crate::hub::Hub;
use crate::pbx::ami::client::{self, AmiHandle, AmiUpdate};
use crate::pbx::poll::{self, PbxView};
use crate::pbx::roster::Roster;
use crate::store::Store;
use crate::tftp;

/// Tasks of the daemon; one that ends with a sentence ends the daemon.
type Tasks = JoinSet<Result<(), String>>;

/// The year that daylight saving rules are computed for.
pub(super) fn year(now: Timestamp) -> i16 {
    now.to_zoned(jiff::tz::TimeZone::UTC).year()
}

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

/// Keeps what happened: batches of events into the store. Ends when the hub is gone and all is written.
pub(super) fn spawn_events(tasks: &mut Tasks, mut events: mpsc::Receiver<BootEvent>, store: &Arc<Store>, shutdown: &CancellationToken) {
    let (store, shutdown) = (Arc::clone(store), shutdown.clone());
    tasks.spawn(async move {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                n = events.recv_many(&mut batch, 500) => if n == 0 { return Ok(()) },
                () = shutdown.cancelled() => {
                    events.close();
                    while events.recv_many(&mut batch, 500).await > 0 {}
                }
            }
            if let Err(why) = store.append(&batch).await {
                tracing::error!(code = "events-not-kept", "{why}; timelines in memory are whole, their tails on disk are not");
            }
            batch.clear();
        }
    });
}

/// Time passes, and what changed is handed out.
pub(super) fn spawn_tick(tasks: &mut Tasks, hub: &Arc<Hub>, shutdown: &CancellationToken) {
    let (hub, shutdown) = (Arc::clone(hub), shutdown.clone());
    tasks.spawn(async move {
        let mut every = tokio::time::interval(TICK);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                _ = every.tick() => hub.tick(Timestamp::now()),
                () = shutdown.cancelled() => return Ok(()),
            }
        }
    });
}
