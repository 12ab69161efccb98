//! The edge of the TFTP server: sockets, clock, and the question to its owner what a name means.
//!
//! Each address listened on is one task with one core, the socket of the well-known port, where requests come in, and
//! a few on ephemeral ports that its transfers share. A transfer picks one of these at random, so that its port is not
//! known beforehand (RFC 1350 section 4) and a late packet of the one before, from the same port of the phone, is
//! hardly ever taken for its own; it is told apart by both addresses and both ports. A block costs one receive (many at
//! once, where they wait) and one send, a thousand phones cost no more sockets than one, and none is opened once the
//! daemon runs: running out of file descriptors ends nothing here. Answers leave from the address that was asked, also
//! on a host with many (`IP_PKTINFO`, through `quinn-udp`).

use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use quinn_udp::{RecvMeta, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::exchange::{Config, Content, Event, Id, Meta, On, Transmit};
use super::packet::ErrorCode;
use super::server::Server;

/// A datagram that could be ours fits; a longer one is cut and then no packet.
const BUFFER: usize = 2_048;

/// Datagrams taken at once, where so many wait.
const BATCH: usize = 32;

/// Rounds of receiving before what is due is sent: a flood must not starve transfers.
const ROUNDS: usize = 4;

/// Answers that are being looked up at once; beyond that a request is told that there is no such file.
const LOOKUPS: usize = 256;

/// Sockets that transfers share.
const POOL: u32 = 16;

/// Between two log lines on the same trouble.
const COMPLAINT: Duration = Duration::from_mins(1);

/// What the kernel may hold for us while we are elsewhere, in octets.
const RECEIVE_BUFFER: usize = 4 << 20;

/// A request, for its owner.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The name as the phone spelled it; no control characters, at most 128 octets.
    pub name: String,
    /// Who asks.
    pub source: SocketAddrV4,
    /// Which address of ours was asked.
    pub destination: Ipv4Addr,
}

/// What its owner says to a request.
pub enum Reply {
    /// This file.
    Serve(Content),
    /// No such file.
    Absent,
    /// It takes a look on a disk; `None` = no such file.
    Later(Pin<Box<dyn Future<Output = Option<Content>> + Send>>),
}

type Endpoint = (UdpSocket, UdpSocketState);

/// Bound sockets of one listening address.
pub struct Listener {
    well_known: Endpoint,
    /// `POOL` of them, in the order of `On::Transfer`.
    transfers: Vec<Endpoint>,
    address: SocketAddrV4,
    config: Config,
}

/// Binds one address. Needs a tokio runtime.
///
/// # Errors
/// What the kernel says.
pub fn bind(address: SocketAddrV4, config: Config) -> io::Result<Listener> {
    let well_known = open(address)?;
    let transfers = (0..POOL).map(|_| open(SocketAddrV4::new(*address.ip(), 0))).collect::<io::Result<_>>()?;
    let address = match well_known.0.local_addr()? {
        SocketAddr::V4(address) => address,
        SocketAddr::V6(_) => address,
    };
    Ok(Listener { well_known, transfers, address, config })
}

fn open(address: SocketAddrV4) -> io::Result<Endpoint> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    // As much as the system allows; less is no failure.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.bind(&address.into())?;
    let state = UdpSocketState::new((&socket).into())?;
    socket.set_nonblocking(true)?;
    Ok((UdpSocket::from_std(socket.into())?, state))
}

impl Listener {
    /// Where it listens, with the port that the kernel chose for port 0.
    pub fn local_addr(&self) -> SocketAddrV4 {
        self.address
    }

    /// Serves until `shutdown`, then lets what is under way end, at most `drain` long.
    ///
    /// # Errors
    /// A socket that fails for good.
    pub async fn run(
        self,
        answer: impl Fn(Asked) -> Reply + Send,
        report: impl Fn(Event) + Send,
        shutdown: CancellationToken,
        drain: Duration,
    ) -> io::Result<()> {
        let (late_in, mut late) = mpsc::channel::<(Id, Option<Content>)>(LOOKUPS);
        let mut engine = Engine {
            core: Server::new(self.config.clone()),
            address: *self.address.ip(),
            buffer: vec![0; BUFFER * BATCH],
            metas: vec![RecvMeta::default(); BATCH],
            out: Vec::with_capacity(BUFFER),
            pending: None,
            lookups: Arc::new(tokio::sync::Semaphore::new(LOOKUPS)),
            late: late_in,
            deaf: Complaint::default(),
            mute: Complaint::default(),
        };
        let mut until: Option<tokio::time::Instant> = None;
        loop {
            engine.settle(&self, &answer, &report);
            if until.is_some() && engine.core.active() == 0 {
                return Ok(());
            }
            let timer = async {
                match engine.core.poll_timeout() {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            let writable = async {
                match engine.pending.and_then(|transmit| self.socket(transmit.on)) {
                    Some((socket, _)) => socket.writable().await,
                    None => std::future::pending().await,
                }
            };
            let overdue = async {
                match until {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                ready = self.readable() => { ready?; engine.receive(&self); }
                Some((id, content)) = late.recv() => engine.answered(id, content),
                // What waits on the sockets is older than the time that is up: after a pause of this process the ACKs
                // are there, and nobody has been silent.
                () = timer => { engine.receive(&self); engine.core.handle_timeout(Instant::now()); }
                ready = writable => ready?,
                () = shutdown.cancelled(), if until.is_none() => {
                    engine.core.close();
                    until = Some(tokio::time::Instant::now() + drain);
                }
                () = overdue => return Ok(()),
            }
        }
    }

    fn socket(&self, on: On) -> Option<&Endpoint> {
        match on {
            On::Listening => Some(&self.well_known),
            On::Transfer(number) => self.transfers.get(usize::try_from(number).ok()?),
        }
    }

    /// Until something waits on any of the sockets.
    async fn readable(&self) -> io::Result<()> {
        let poll = |context: &mut std::task::Context<'_>| {
            for (socket, _) in self.transfers.iter().chain([&self.well_known]) {
                if let Poll::Ready(ready) = socket.poll_recv_ready(context) {
                    return Poll::Ready(ready);
                }
            }
            Poll::Pending
        };
        std::future::poll_fn(poll).await
    }
}

struct Engine {
    core: Server,
    address: Ipv4Addr,
    /// `BATCH` buffers of `BUFFER` octets.
    buffer: Vec<u8>,
    metas: Vec<RecvMeta>,
    out: Vec<u8>,
    /// A datagram that the kernel had no room for; its bytes are in `out`.
    pending: Option<Transmit>,
    lookups: Arc<tokio::sync::Semaphore>,
    late: mpsc::Sender<(Id, Option<Content>)>,
    deaf: Complaint,
    mute: Complaint,
}

impl Engine {
    /// Takes what waits on the sockets, within bounds; transfers first.
    fn receive(&mut self, listener: &Listener) {
        for number in 0..POOL {
            self.receive_on(listener, On::Transfer(number));
        }
        self.receive_on(listener, On::Listening);
    }

    fn receive_on(&mut self, listener: &Listener, on: On) {
        let Some((socket, state)) = listener.socket(on) else { return };
        for _ in 0..ROUNDS {
            let taken = {
                let mut parts = self.buffer.chunks_mut(BUFFER);
                let mut slices: [IoSliceMut<'_>; BATCH] =
                    std::array::from_fn(|_| IoSliceMut::new(parts.next().unwrap_or_default()));
                socket.try_io(Interest::READABLE, || state.recv(socket.into(), &mut slices, &mut self.metas))
            };
            let now = Instant::now();
            let taken = match taken {
                Ok(taken) => taken,
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => return,
                // It concerns one datagram, and the next round meets what follows.
                Err(why) => return self.deaf.log(now, "receive", &why),
            };
            for (meta, buffer) in self.metas.iter().zip(self.buffer.chunks(BUFFER)).take(taken) {
                let SocketAddr::V4(source) = meta.addr else { continue };
                let destination = match meta.dst_ip {
                    Some(IpAddr::V4(ip)) => ip,
                    _ => self.address,
                };
                let bytes = buffer.get(..meta.len).unwrap_or_default();
                for datagram in bytes.chunks(meta.stride.max(1)) {
                    let next = On::Transfer(rand::random_range(0..POOL));
                    self.core.handle_datagram(now, Meta { source, destination, on }, next, datagram);
                }
            }
            if taken < BATCH {
                return;
            }
        }
    }

    /// Events to their owner, datagrams to the kernel, until nothing is left or the kernel has no room.
    fn settle(&mut self, listener: &Listener, answer: &impl Fn(Asked) -> Reply, report: &impl Fn(Event)) {
        if let Some(transmit) = self.pending.take()
            && !self.send(listener, transmit)
        {
            return;
        }
        loop {
            while let Some(event) = self.core.poll_event() {
                match event {
                    Event::Requested { id, name, source, destination } => {
                        self.decide(id, answer(Asked { name, source, destination }));
                    }
                    other => report(other),
                }
            }
            let Some(transmit) = self.core.poll_transmit(Instant::now(), &mut self.out) else { return };
            if !self.send(listener, transmit) {
                return;
            }
        }
    }

    fn decide(&mut self, id: Id, reply: Reply) {
        match reply {
            Reply::Serve(content) => self.core.accept(Instant::now(), id, content),
            Reply::Absent => self.core.reject(id, ErrorCode::NotFound),
            Reply::Later(look) => {
                let Ok(permit) = Arc::clone(&self.lookups).try_acquire_owned() else {
                    self.core.reject(id, ErrorCode::NotFound);
                    return;
                };
                let late = self.late.clone();
                tokio::spawn(async move {
                    let content = look.await;
                    // The loop may have ended; then nobody waits for the file.
                    let _ = late.send((id, content)).await;
                    drop(permit);
                });
            }
        }
    }

    fn answered(&mut self, id: Id, content: Option<Content>) {
        match content {
            Some(content) => self.core.accept(Instant::now(), id, content),
            None => self.core.reject(id, ErrorCode::NotFound),
        }
    }

    /// False when the kernel has no room: the datagram is kept.
    fn send(&mut self, listener: &Listener, transmit: Transmit) -> bool {
        let Some((socket, state)) = listener.socket(transmit.on) else { return true };
        let datagram = quinn_udp::Transmit {
            destination: SocketAddr::V4(transmit.to),
            ecn: None,
            contents: &self.out,
            segment_size: None,
            src_ip: (!transmit.from.is_unspecified()).then_some(IpAddr::V4(transmit.from)),
        };
        match socket.try_io(Interest::WRITABLE, || state.try_send(socket.into(), &datagram)) {
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => {
                self.pending = Some(transmit);
                false
            }
            // A host or network that cannot be reached concerns this phone alone; its timer tries again.
            Err(why) => {
                self.mute.log(Instant::now(), "send", &why);
                true
            }
            Ok(()) => true,
        }
    }
}

/// Trouble with the sockets, logged once in a while with how often it came.
#[derive(Default)]
struct Complaint {
    times: u64,
    logged: Option<Instant>,
}

impl Complaint {
    fn log(&mut self, now: Instant, what: &str, why: &io::Error) {
        self.times = self.times.saturating_add(1);
        if self.logged.is_none_or(|at| now.saturating_duration_since(at) >= COMPLAINT) {
            tracing::warn!(
                times = self.times,
                "TFTP could not {what}: {why}; a firewall or an interface that is down does this"
            );
            (self.times, self.logged) = (0, Some(now));
        }
    }
}

#[cfg(test)]
mod tests;
