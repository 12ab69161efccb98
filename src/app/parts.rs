//! The parts of the daemon, each opened or spawned by one function.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
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
use crate::pbx::ami::client::{self, AmiConfig, AmiHandle, AmiUpdate};
use crate::pbx::poll::{self, PbxView, Poll};
use crate::pbx::roster::{LiveSecrets, Roster};
use crate::pbx::sources::Source;
use crate::status::publish;
use crate::status::sinks::{AstDb, Sink, StatusTable};
use crate::store::Store;
use crate::tftp;
use crate::tftp::exchange::Content;
use crate::tftp::io::{Asked, Reply};

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

/// Sockets of TFTP, one listener per address.
pub(super) fn bind_tftp(config: &Config) -> Result<Vec<tftp::io::Listener>, String> {
    let limits =
        tftp::exchange::Config { networks: config.server.phone_networks.clone(), ..tftp::exchange::Config::default() };
    let bind = |address: &SocketAddrV4| {
        tftp::io::bind(*address, limits.clone()).map_err(|why| {
            let remedy = if why.kind() == std::io::ErrorKind::AddrInUse {
                "another TFTP server has it (see `ss -lunp`): stop and disable that one, for example `systemctl disable --now tftpd-hpa`"
            } else {
                "see tftp.listen; ports below 1024 need the right that the unit offhook.service gives"
            };
            format!("TFTP could not listen on {address}: {why}; {remedy}")
        })
    };
    config.tftp.listen.iter().map(bind).collect()
}

/// TFTP: names are asked of the hub, files of others read from the folder, outcomes told to the hub.
pub(super) fn spawn_tftp(
    tasks: &mut Tasks,
    listeners: Vec<tftp::io::Listener>,
    hub: &Arc<Hub>,
    fall_through: Option<&FallThrough>,
    shutdown: &CancellationToken,
) {
    for listener in listeners {
        let (asked, told) = (Arc::clone(hub), Arc::clone(hub));
        let (folder, shutdown) = (fall_through.cloned(), shutdown.clone());
        tasks.spawn(async move {
            let answer = move |request: Asked| reply(&asked, folder.as_ref(), &request);
            let report = move |event| outcome(&told, event);
            listener.run(answer, report, shutdown, DRAIN).await.map_err(|why| format!("TFTP ended: {why}"))
        });
    }
}

fn reply(hub: &Hub, folder: Option<&FallThrough>, request: &Asked) -> Reply {
    match hub.ask(&request.name, *request.source.ip(), request.destination, Transport::Tftp, Timestamp::now()) {
        Answer::Serve(bytes) => Reply::Serve(Content { bytes, text: true }),
        Answer::Refuse(_) => Reply::Absent,
        Answer::FallThrough(name) => match folder.cloned() {
            Some(folder) => Reply::Later(Box::pin(async move {
                let bytes = tokio::task::spawn_blocking(move || folder.read(&name).ok()).await.ok().flatten()?;
                Some(Content { bytes, text: false })
            })),
            None => Reply::Absent,
        },
    }
}

fn outcome(hub: &Hub, event: tftp::exchange::Event) {
    match event {
        tftp::exchange::Event::Completed { name, source, octets, resent, took } => {
            let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            let what = |name| EventKind::FileSent { name, transport: Transport::Tftp, octets, millis, resent };
            hub.delivered(&name, *source.ip(), what, Timestamp::now());
        }
        tftp::exchange::Event::Failed { name, source, reason } => {
            let what = |name| EventKind::FileFailed { name, transport: Transport::Tftp, reason: reason.to_owned() };
            hub.delivered(&name, *source.ip(), what, Timestamp::now());
        }
        tftp::exchange::Event::Requested { .. } => {}
    }
}

/// A manager session and what others need of it.
pub(super) struct Manager {
    /// Sends actions.
    pub(super) handle: AmiHandle,
    /// Passwords as Asterisk has them.
    pub(super) live: watch::Receiver<LiveSecrets>,
    /// Counts logins: Asterisk may have lost what was written.
    pub(super) logins: watch::Receiver<u64>,
}

/// The manager session, where one is configured and its secret can be read.
pub(super) fn spawn_manager(
    tasks: &mut Tasks,
    config: &Config,
    hub: &Arc<Hub>,
    nudge: &Arc<Notify>,
    shutdown: &CancellationToken,
) -> Option<Manager> {
    let ami = config.ami.as_ref()?;
    let secret = match ami_secret(ami) {
        Ok(secret) => secret,
        Err(why) => {
            tracing::warn!(code = "manager-secret", "{why}");
            hub.ami(AmiUpdate::Down { why }, Timestamp::now());
            return None;
        }
    };
    let (handle, commands) = AmiHandle::new();
    let (updates, mut changes) = mpsc::channel(UPDATES);
    let (live_in, live) = watch::channel(None);
    let (logins_in, logins) = watch::channel(0);
    let session = AmiConfig {
        address: ami.address.clone(),
        username: ami.username.clone(),
        secret,
        timing: client::Timing::default(),
    };
    let ending = shutdown.clone();
    tasks.spawn(async move {
        client::run(session, commands, updates, ending).await;
        Ok(())
    });
    let (hub, nudge, asking) = (Arc::clone(hub), Arc::clone(nudge), handle.clone());
    tasks.spawn(async move {
        let mut asked = 0_u64;
        let newest = watch::Sender::new(asked);
        while let Some(update) = changes.recv().await {
            let came_up = matches!(update, AmiUpdate::Up);
            let reloaded = matches!(update, AmiUpdate::Reloaded);
            if matches!(update, AmiUpdate::Down { .. }) {
                // What was live may not be any more; the database's word stands meanwhile.
                live_in.send_replace(None);
            }
            hub.ami(update, Timestamp::now());
            if came_up {
                logins_in.send_modify(|n| *n += 1);
            }
            if came_up || reloaded {
                // Not awaited here: the answer comes through the session that this queue drains. Of two answers the
                // newer counts, whichever comes last.
                asked += 1;
                let (asking, live_in, nudge, newest) =
                    (asking.clone(), live_in.clone(), Arc::clone(&nudge), newest.clone());
                newest.send_replace(asked);
                tokio::spawn(async move {
                    // A manager user that may not ask leaves the database's word standing.
                    let secrets = asking.auths().await.ok().map(Arc::new);
                    if *newest.borrow() == asked {
                        live_in.send_replace(secrets);
                        nudge.notify_one();
                    }
                });
            }
        }
        Ok(())
    });
    Some(Manager { handle, live, logins })
}

/// Updates of the session that may wait; beyond that the session waits, and with it Asterisk.
const UPDATES: usize = 256;

fn ami_secret(ami: &Ami) -> Result<Secret, String> {
    match &ami.secret {
        AmiSecret::Inline(secret) => Ok(secret.clone()),
        AmiSecret::File(path) => {
            let text = std::fs::read_to_string(path).map_err(|why| {
                format!("the manager secret {} could not be read: {why}; write the secret of [{}] in manager_custom.conf into it, mode 0640, group offhook", path.display(), ami.username)
            })?;
            let text = text.strip_suffix('\n').unwrap_or(&text);
            let text = text.strip_suffix('\r').unwrap_or(text);
            if text.is_empty() {
                Err(format!("the manager secret {} is empty; write the secret into it", path.display()))
            } else {
                Ok(Secret::new(text))
            }
        }
    }
}

/// The PBX's database; it is not asked yet.
pub(super) fn open_source(config: &Config) -> Result<Source, String> {
    match &config.pbx.source {
        PbxSource::FreePbx(url) => {
            Source::freepbx(url.as_ref().map(|url| url.0.expose())).map_err(|why| why.to_string())
        }
        PbxSource::Sqlite(path) => Ok(Source::sqlite(path)),
    }
}

/// Destinations of the status. Returns each one's name and health.
pub(super) fn spawn_publishing(
    tasks: &mut Tasks,
    config: &Config,
    hub: &Arc<Hub>,
    source: Option<&Source>,
    manager: Option<&Manager>,
    shutdown: &CancellationToken,
) -> Vec<(String, watch::Receiver<Option<String>>)> {
    let mut sinks = Vec::new();
    if let (true, Some(source)) = (config.publish.database, source) {
        let table = match source {
            Source::MariaDb(pool) => StatusTable::MariaDb(pool.clone()),
            Source::Sqlite(pool) => StatusTable::Sqlite(pool.clone()),
        };
        sinks.push((Sink::Table(table), None));
    }
    if let (true, Some(manager)) = (config.publish.astdb, manager) {
        sinks.push((Sink::AstDb(AstDb::new(manager.handle.clone())), Some(manager.logins.clone())));
    }
    let mut healths = Vec::new();
    for (sink, restarted) in sinks {
        let (health_in, health) = watch::channel(None);
        healths.push((sink.name().to_owned(), health));
        let (mut statuses, shutdown) = (hub.statuses(), shutdown.clone());
        tasks.spawn(async move {
            // Before the first word there is nothing to publish, and nothing that is stale.
            tokio::select! {
                first = statuses.changed() => if first.is_err() { return Ok(()) },
                () = shutdown.cancelled() => return Ok(()),
            }
            publish::run(sink, statuses, restarted, health_in, shutdown).await;
            Ok(())
        });
    }
    healths
}

/// The poll, and what follows from what it sees: the hub is told, a changed roster is kept.
pub(super) fn spawn_poll(
    tasks: &mut Tasks,
    source: Source,
    poll: Poll,
    hub: &Arc<Hub>,
    store: &Arc<Store>,
    shutdown: &CancellationToken,
) {
    let (views_in, mut views) = watch::channel(PbxView::default());
    let ending = shutdown.clone();
    tasks.spawn(async move {
        poll::run(source, poll, views_in, ending).await;
        Ok(())
    });
    let (hub, store) = (Arc::clone(hub), Arc::clone(store));
    tasks.spawn(async move {
        let mut kept = None;
        let mut written: Option<Timestamp> = None;
        while views.changed().await.is_ok() {
            let view = views.borrow_and_update().clone();
            let changed = hub.pbx(&view, Timestamp::now());
            if let (Some(roster), Some(at)) = (&view.roster, view.confirmed_at) {
                let stale = written.is_none_or(|written| at.duration_since(written).as_secs() >= 60);
                if changed || stale {
                    keep(&store, roster, at).await;
                    written = Some(at);
                }
            }
            kept = view.roster.zip(view.confirmed_at).or(kept);
        }
        // The age of the roster, as of the end.
        if let Some((roster, at)) = kept {
            keep(&store, &roster, at).await;
        }
        Ok(())
    });
}

async fn keep(store: &Store, roster: &Roster, at: Timestamp) {
    if let Err(why) = store.keep_roster(roster, at).await {
        tracing::error!(
            code = "roster-not-kept",
            "{why}; phones are served from memory, and a restart would go back to an older roster"
        );
    }
}

/// Keeps what happened: batches of events into the store. Ends when the hub is gone and all is written.
pub(super) fn spawn_events(
    tasks: &mut Tasks,
    mut events: mpsc::Receiver<BootEvent>,
    store: &Arc<Store>,
    shutdown: &CancellationToken,
) {
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
