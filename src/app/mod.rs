//! The composition root: opens and binds everything, joins the tasks, ends them in order. The only part that knows
//! everyone.

mod access;
mod banning;
mod converting;
mod dhcp;
mod discovering;
mod faults;
mod fetched;
mod incoming;
mod looking;
mod manager;
mod parts;
mod pbx;
mod place;
mod probing;
mod reload;
mod sntp;
mod stage;
mod syslog;
mod tftp;
mod watching;

use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use ipnet::Ipv4Net;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Notify, mpsc, watch};

use crate::catalog::Catalog;
use crate::config::{Config, Listen};
use crate::domain::MacAddr;
use crate::files::Shelves;
use crate::files::fall_through::FallThrough;
use crate::firmware::{self, import::Unpack};
use crate::fleet::{self, Snapshot};
use crate::hub::{self, Hub, Operations, Prober, Surroundings};
use crate::neighbour;
use crate::pbx::poll::Poll;
use crate::store::{Kept, Store};
use crate::web::{self, Door, Side};
use place::{Place, Waiting};
use stage::{Panics, Stage};

pub use place::{Held, status};
pub use reload::settings;

/// How long transfers under way may take to end once the daemon was told to.
const DRAIN: Duration = Duration::from_secs(20);

/// Callers that may wait to be taken (listen(2)); the kernel's own bound may be lower.
const BACKLOG: i32 = 1_024;

/// Beside `server.socket`: what FreePBX's pages ask on.
const PBX_SOCKET: &str = "pbx.sock";

/// How long the last writes may take after that, each kind.
const WRITING: Duration = Duration::from_secs(5);

/// How often time is looked at, and what changed is handed out.
const TICK: Duration = Duration::from_millis(250);

/// Events that may wait for the store. When it is full, stored tails lose events; phones lose nothing.
const EVENT_QUEUE: usize = 8_192;

/// Where the daemon listens; `None` = nowhere, or another program holds the address.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// TFTP.
    pub tftp: Option<SocketAddrV4>,
    /// HTTP for phones.
    pub http: Option<std::net::SocketAddr>,
    /// HTTP for people.
    pub admin: Option<std::net::SocketAddr>,
    /// The command line's way in.
    pub socket: PathBuf,
}

/// A daemon that serves.
pub struct Running {
    /// Where it listens.
    pub addresses: Addresses,
    /// Its present state.
    pub hub: Arc<Hub>,
    /// What people may do with it.
    pub operations: Arc<Operations>,
    /// Who of them may come in over TCP.
    pub door: Arc<Door>,
    store: Arc<Store>,
    /// The configuration of the start: what needs a restart is as it says there.
    started: Config,
    /// A reload is the admin's word that a sudden loss of phones was meant.
    accept: Arc<Notify>,
    /// Roles whose address another program holds.
    waiting: Waiting,
    /// What phones and people reach, and the poll: ends first.
    edges: Stage,
    /// Writes the status to the PBX: what the edges' end changed, too.
    publishing: Stage,
    /// The manager session, which publishing needs, and the events of all that went before: ends last.
    last: Stage,
    /// Rounds of the tick; see [`Running::progresses`].
    progress: watch::Receiver<u64>,
}

/// Opens the store, binds every socket, starts every task. Returns once phones are served.
///
/// # Errors
/// One sentence: what could not be opened or bound, why, and what to do.
pub async fn start(config: Config) -> Result<Running, String> {
    // Sockets first: they need rights that nothing else needs.
    let dropped = Arc::default();
    let limits = tftp::limits(&config, &dropped);
    let listens = config.listens();
    let waiting = Waiting::default();
    let tftp = tftp::bind_all(&listens, &waiting, &limits)?;
    let http = waiting.bind_all(&listens, "http.listen", listen)?;
    let admin = waiting.bind_all(&listens, "admin.listen", listen)?;
    let time = waiting.bind_all(&listens, "sntp.listen", crate::sntp::io::bind)?;
    let syslog = waiting.bind_all(&listens, "syslog.listen", crate::syslog::io::bind)?;
    let first = |bound: &[(Place, Option<TcpListener>)]| {
        bound.iter().find_map(|(_, listener)| listener.as_ref()?.local_addr().ok())
    };
    let addresses = Addresses {
        tftp: tftp.iter().find_map(|(_, listener)| Some(listener.as_ref()?.local_addr())),
        http: first(&http),
        admin: first(&admin),
        socket: config.server.socket.clone(),
    };
    let tftp_address = addresses
        .tftp
        .or_else(|| tftp.first().map(|(place, _)| place.listen.address))
        .ok_or("TFTP listens nowhere: set tftp.listen")?;
    for Listen { key, address, .. } in hub::absent(&listens) {
        tracing::warn!(
            code = "address-absent",
            key,
            "{key} names {}, which this host does not have; who asks there is served once it does",
            address.ip()
        );
    }
    let store = Arc::new(Store::open(&config.server.state_dir).await.map_err(|why| why.to_string())?);
    let firmware = firmware::store::Store::open(&config.server.state_dir.join("firmware"), Unpack::own());
    let firmware = Arc::new(firmware.map_err(|why| why.to_string())?);
    let socket = bind_socket(&config.server.socket, web::Members::Own).await?;
    let pbx_socket = bind_socket(&config.server.socket.with_file_name(PBX_SOCKET), web::Members::Asterisk).await?;

    let now = Timestamp::now();
    let known = store.roster().await.unwrap_or_else(|why| {
        tracing::error!(code = "roster-unreadable", "{why}; phones are served once the PBX has been read");
        None
    });
    let known = known.map(|(roster, at)| (Arc::new(roster), at));
    let own = store.assignments().await.map_err(|why| why.to_string())?;
    let past = parts::past(&store, &own, known.as_ref().map(|(roster, _)| &**roster), now).await;
    let ntp_here = reload::time_here(&config).await;
    let settings = Arc::new(settings(&config, ntp_here));
    let mut first = Snapshot::empty(settings, Arc::new(Catalog::builtin()), fleet::year(now));
    if let Some((roster, at)) = &known {
        first.roster = Some(Arc::clone(roster));
        first.confirmed_at = Some(*at);
    }
    let (events_in, events_out) = mpsc::channel(EVENT_QUEUE);
    let hub = Arc::new(
        Hub::new(first, own, past, events_in, now)
            .with_neighbours(neighbour::at)
            .with_links(|ip| neighbour::on_link(ip) == Some(true)),
    );
    hub.access_settings(config.access);
    hub.firmware_settings(config.firmware.clone());
    hub.firmware_index(firmware.index());
    let kept = store.conversions().await.unwrap_or_else(|why| {
        tracing::error!(code = "conversions-unreadable", "{why}; no phone is under way, start conversion anew");
        Kept::default()
    });
    for row in &kept.unreadable {
        tracing::error!(code = "conversions-unreadable", "{row}; this phone's conversion is forgotten");
    }
    hub.recall_conversions(kept, now);
    hub.recall_access(parts::access(&store).await, now);
    let seal_key = fetched::key(&store).await;
    hub.hold_conversions(now, &TimeZone::system());

    let panics = Panics::default();
    let (mut edges, mut publishing, mut last) = (Stage::new(&panics), Stage::new(&panics), Stage::new(&panics));
    let (nudge, accept) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let fall_through = config.tftp.fall_through.as_deref().map(FallThrough::new);
    let shelves = Shelves { fall_through: fall_through.clone(), firmware: Some(Arc::clone(&firmware)) };

    if config.ami.is_some() {
        hub.await_manager();
    }
    let manager = manager::spawn(&mut last, &config, &hub, &nudge);
    let (opened_in, opened) = watch::channel(None);
    let asking = manager.as_ref().map(|manager| manager.handle.clone());
    let prober = Prober::new(Arc::clone(&hub), config.server.phone_networks.clone(), *tftp_address.ip());
    let prober = Arc::new(prober);
    probing::spawn(&mut edges, &prober, manager.as_ref().map(|manager| manager.logins.clone()));
    let sinks = pbx::spawn_publishing(&mut publishing, &config, &hub, &opened, manager.as_ref());
    let poll = Poll {
        open: pbx::open(&config),
        opened: opened_in,
        interval: config.pbx.poll_interval,
        last_good: known,
        nudge,
        accept: Arc::clone(&accept),
        live: manager.map_or_else(|| watch::channel(None).1, |manager| manager.live),
    };
    pbx::spawn_poll(&mut edges, poll, &hub, &store);
    parts::spawn_events(&mut last, events_out, &store);
    parts::spawn_snapshots(&mut last, &store);
    let progress = parts::spawn_tick(&mut edges, &hub);
    tftp::spawn(&mut edges, tftp, &limits, &hub, &shelves);
    sntp::spawn(&mut edges, time, &config.server.phone_networks);
    let (said, answers) = (Arc::default(), Arc::<web::Answers>::default());
    syslog::spawn(&mut edges, syslog, &config.server.phone_networks, &said, &hub);

    let rivals = watching::spawn(&mut edges, &config, &hub);
    let leases = dhcp::spawn(&mut edges, &config, ntp_here, &rivals, &hub, &store).await;
    let discovery = discovering::spawn(&mut edges, &config, &rivals, &hub);
    let fail2ban = banning::spawn(&mut edges, &config, &hub);
    let operations = Arc::new(Operations::new(
        Arc::clone(&hub),
        Arc::clone(&store),
        prober,
        Surroundings {
            notes: ArcSwap::from_pointee(config.notes.clone()),
            restart: ArcSwap::default(),
            settings: ArcSwap::from_pointee(config.shown.clone()),
            tftp: tftp_address,
            http: addresses.http,
            held: waiting.held(),
            dropped,
            said,
            answers: Arc::clone(&answers),
            networks: config.server.phone_networks.clone(),
            firmware: Arc::clone(&firmware),
            fall_through: fall_through.clone(),
            ami: asking,
            listens,
            leases,
            dhcp: hub::Dhcp { watch: rivals, config: config.dhcp.clone(), server: config.server.clone() },
            sinks,
            discovery,
            seal_key: seal_key.clone(),
            fail2ban,
        },
    ));
    converting::spawn(&mut edges, &hub, &store, &firmware, &operations);
    looking::spawn(&mut edges, &config, &hub);
    access::spawn(&mut edges, &hub, &store);
    fetched::spawn(&mut edges, seal_key.as_ref(), &hub, &store);
    incoming::spawn(&mut edges, &operations, &config.server.state_dir);
    for (place, bound) in http {
        let router = faults::in_requests("http", web::phone_router(Arc::clone(&hub), shelves.clone()));
        let router = web::counted(router, Side::Phones, &answers);
        let (networks, ending) = (config.server.phone_networks.clone(), edges.ending());
        edges.spawn(async move {
            let Some(listener) = place.take(bound, listen, &ending).await? else { return Ok(()) };
            let admit = |ip| networks.iter().any(|net: &Ipv4Net| net.contains(&ip));
            let serve = web::serve(listener, admit, router, web::Limits::default(), ending);
            serve.await.map_err(|why| format!("HTTP for phones ended: {why}"))
        });
    }
    let door = Door::open(Arc::clone(&hub), Arc::clone(&store), &config.server.state_dir, &config.admin_hosts);
    let door = Arc::new(door.await.map_err(|why| why.to_string())?);
    for (place, bound) in admin {
        let router = faults::in_requests("admin", web::people_router(Arc::clone(&operations), &door));
        let router = web::counted(router, Side::People, &answers);
        let ending = edges.ending();
        edges.spawn(async move {
            let Some(listener) = place.take(bound, listen, &ending).await? else { return Ok(()) };
            let serve = web::serve(listener, |_| true, router, web::Limits::people(), ending);
            serve.await.map_err(|why| format!("HTTP for people ended: {why}"))
        });
    }
    let sockets = [
        (socket, web::socket_router(Arc::clone(&operations), Arc::clone(&door))),
        (pbx_socket, web::pbx_router(Arc::clone(&operations))),
    ];
    for (socket, router) in sockets {
        let (router, ending) = (web::counted(router, Side::Socket, &answers), edges.ending());
        edges.spawn(async move {
            let serve = web::serve_unix(socket, router, web::Limits::default(), ending);
            serve.await.map_err(|why| format!("the socket ended: {why}"))
        });
    }
    Ok(Running {
        addresses,
        hub,
        operations,
        door,
        store,
        started: config,
        accept,
        waiting,
        edges,
        publishing,
        last,
        progress,
    })
}

async fn bind_socket(path: &Path, members: web::Members) -> Result<UnixListener, String> {
    let bound = web::bind_socket(path, members).await;
    bound.map_err(|why| format!("the socket {} could not be made: {why}; see server.socket", path.display()))
}

/// An address that the host does not have yet is listened on all the same.
fn listen(address: SocketAddrV4) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.set_freebind_v4(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

impl Running {
    /// Takes a new configuration over as far as that needs no restart. Returns what needs one.
    pub async fn reload(&self, new: Config) -> Vec<&'static str> {
        // Where the time is told changes with a restart only, and a time server that starts anew is not taken from all phones.
        let time_here = self.hub.snapshot().settings.ntp_here || reload::time_here(&self.started).await;
        self.hub.settings(settings(&new, time_here), Timestamp::now());
        self.hub.firmware_settings(new.firmware.clone());
        self.hub.access_settings(new.access);
        self.operations.set_notes(new.notes.clone());
        let restart = reload::needs_restart(&self.started, &new);
        self.operations.set_restart(&restart);
        self.operations.set_settings(new.shown);
        self.accept.notify_one();
        self.waiting.try_again();
        restart
    }

    /// Addresses of ours that another program holds, as that changes.
    pub fn held(&self) -> watch::Receiver<Held> {
        self.waiting.held()
    }

    /// Whether time passed in the daemon since the last call: the tick had its turn, and with it the lock that every
    /// request takes. A daemon that hangs is not to say that it lives.
    pub fn progresses(&mut self) -> bool {
        let moved = self.progress.has_changed().unwrap_or(false);
        self.progress.mark_unchanged();
        moved
    }

    /// Told to end, no step begins any more; these phones are in the middle of the images of one (I16).
    pub fn last_images(&self) -> Vec<MacAddr> {
        self.hub.end_conversions();
        self.hub.in_images(Timestamp::now())
    }

    /// Waits until a part ends that should not; says which.
    pub async fn broken(&mut self) -> String {
        tokio::select! {
            why = self.edges.broken() => why,
            why = self.publishing.broken() => why,
            why = self.last.broken() => why,
        }
    }

    /// Ends: no new requests, transfers under way get 20 s, then the last state and the last events are written.
    pub async fn stop(mut self) {
        self.hub.end_live();
        if !self.edges.end(DRAIN + WRITING).await {
            tracing::warn!(code = "drain-cut", "some transfers did not end in time and were cut");
        }
        self.hub.hand_out();
        if !self.publishing.end(WRITING).await {
            tracing::warn!(
                code = "publish-cut",
                "the PBX took the last state not in time; it gets it after the next start"
            );
        }
        if !self.last.end(WRITING).await {
            tracing::warn!(code = "events-cut", "the last events could not be kept in time");
        }
        let _ = std::fs::remove_file(&self.addresses.socket);
        let _ = std::fs::remove_file(self.addresses.socket.with_file_name(PBX_SOCKET));
        self.store.close().await;
    }
}
