//! The thread of one listener: what came in to the core, what the core says out, and the waiting between.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::super::exchange::{Config, Content, DropReason, Dropped, Event, Id, Meta, On, Ways};
use super::super::packet::ErrorCode;
use super::super::server::Server;
use super::batch::{BATCH, Inbox, Outbox, Received};
use super::sockets::{self, Ready, Sockets, Told};
use super::{Asked, Reply};

/// Answers that are being looked up at once; beyond that a request gets none, and the phone asks again.
const LOOKUPS: usize = 256;

/// Rounds of receiving that timers wait for: what waits on the sockets is older than the time that is up, but a flood
/// must not hold the timers for ever.
const ROUNDS: u32 = 4;

/// Between two log lines on the same trouble.
const COMPLAINT: Duration = Duration::from_mins(1);

/// The way back of answers that came later, and of the word to end.
pub(super) struct Late {
    bell: Arc<OwnedFd>,
    runtime: Handle,
    places: Arc<Semaphore>,
    answers: Sender<Answer>,
    answered: Receiver<Answer>,
    ending: CancellationToken,
}

type Answer = (Id, Option<Content>, OwnedSemaphorePermit);

impl Late {
    pub(super) fn new(bell: Arc<OwnedFd>, runtime: Handle, ending: CancellationToken) -> Self {
        let (answers, answered) = channel();
        Self { bell, runtime, places: Arc::new(Semaphore::new(LOOKUPS)), answers, answered, ending }
    }
}

/// Makes the thread look up.
pub(super) fn ring(bell: &OwnedFd) {
    // It fails only when it was rung so often that it rings anyway.
    let _ = rustix::io::write(bell, &1_u64.to_ne_bytes());
}

/// One listener at work.
pub(super) struct Engine {
    core: Server,
    sockets: Sockets,
    late: Late,
    drain: Duration,
    dropped: Arc<Dropped>,
    deaf: Complaint,
    mute: Complaint,
}

impl Engine {
    pub(super) fn new(config: Config, sockets: Sockets, late: Late, drain: Duration) -> Self {
        let (deaf, mute) = (Complaint::default(), Complaint::default());
        let dropped = Arc::clone(&config.dropped);
        Self { core: Server::new(config), sockets, late, drain, dropped, deaf, mute }
    }

    /// Serves until the end is asked for and what was under way then is over, or the drain is.
    pub(super) fn run(&mut self, answer: &impl Fn(Asked) -> Reply, report: &impl Fn(Event)) -> io::Result<()> {
        let (mut inbox, mut outbox, mut told) = (Inbox::new(), Outbox::new(), Told::new());
        let mut until: Option<Instant> = None;
        let mut rounds = 0;
        loop {
            let now = Instant::now();
            if until.is_some_and(|until| self.core.active() == 0 || now >= until) {
                return Ok(());
            }
            let deadline = [self.core.poll_timeout(), until].into_iter().flatten().min();
            self.sockets.wait(deadline.map(|at| at.saturating_duration_since(now)), &mut told)?;
            let now = Instant::now();
            if until.is_none() && self.late.ending.is_cancelled() {
                self.core.close();
                until = Some(now + self.drain);
            }
            let mut behind = false;
            for what in &told.ready {
                match what {
                    Ready::Bell => self.answered(now),
                    Ready::Socket(on) => behind |= self.receive(now, *on, &mut inbox) == BATCH && *on != On::Listening,
                }
                self.settle(now, &mut outbox, answer, report);
            }
            rounds = if behind { rounds + 1 } else { ROUNDS };
            if rounds >= ROUNDS {
                rounds = 0;
                self.core.handle_timeout(now);
                self.settle(now, &mut outbox, answer, report);
            }
        }
    }

    /// Takes what waits on a socket; how many.
    fn receive(&mut self, now: Instant, on: On, inbox: &mut Inbox) -> usize {
        let Some((socket, own)) = self.sockets.get(on) else { return 0 };
        let (core, sockets, dropped) = (&mut self.core, &mut self.sockets, &self.dropped);
        let take = |datagram: Received<'_>| {
            let (destination, reached) = datagram.destination.unwrap_or((own, own));
            // To a broadcast address of one of the host's networks (RFC 1123 section 4.2.3.5): only the kernel knows those.
            if destination != reached {
                return dropped.count(DropReason::Source);
            }
            let meta = Meta { source: datagram.source, destination, on };
            core.handle_datagram(now, meta, Way { sockets: &mut *sockets, reached }, datagram.bytes);
        };
        match inbox.receive(socket, on == On::Listening, take) {
            Ok(taken) => taken,
            // It concerns one datagram, and the next round meets what follows.
            Err(why) => {
                self.deaf.log(now, "receive", &why);
                0
            }
        }
    }

    /// Events to their owner, datagrams to the kernel, until nothing is left.
    fn settle(&mut self, now: Instant, outbox: &mut Outbox, answer: &impl Fn(Asked) -> Reply, report: &impl Fn(Event)) {
        while let Some(event) = self.core.poll_event() {
            match event {
                Event::Requested { id, name, source, destination } => {
                    self.decide(now, id, answer(Asked { name, source, destination }));
                }
                other => report(other),
            }
        }
        let mut current = On::Listening;
        while let Some(transmit) = self.core.poll_transmit(now, &mut outbox.packet) {
            if outbox.is_full() || transmit.on != current {
                self.send(now, current, outbox);
            }
            current = transmit.on;
            outbox.push(transmit.to);
        }
        self.send(now, current, outbox);
    }

    fn send(&mut self, now: Instant, on: On, outbox: &mut Outbox) {
        let Some((socket, _)) = self.sockets.get(on) else { return outbox.clear() };
        let mute = &mut self.mute;
        // A phone that cannot be reached concerns nobody else; its timer tries again.
        outbox.send(now, socket, |why| mute.log(now, "send", &why));
    }

    fn decide(&mut self, now: Instant, id: Id, reply: Reply) {
        match reply {
            Reply::Serve(content) => self.core.accept(now, id, content),
            Reply::Absent => self.core.reject(id, ErrorCode::NotFound),
            Reply::Silence => self.core.forget(id, DropReason::Pace),
            Reply::Later(look) => {
                let Ok(place) = Arc::clone(&self.late.places).try_acquire_owned() else {
                    return self.core.forget(id, DropReason::Full);
                };
                let (answers, bell) = (self.late.answers.clone(), Arc::clone(&self.late.bell));
                self.late.runtime.spawn(async move {
                    let content = look.await;
                    // The thread may have ended; then nobody waits for the file.
                    let _ = answers.send((id, content, place));
                    ring(&bell);
                });
            }
        }
    }

    /// Somebody rang: answers that came later, or the word to end.
    fn answered(&mut self, now: Instant) {
        // Quiet again before looking, or a ring between the two would be lost.
        let _ = rustix::io::read(&self.late.bell, &mut [0_u8; 8]);
        while let Ok((id, content, _place)) = self.late.answered.try_recv() {
            match content {
                Some(content) => self.core.accept(now, id, content),
                None => self.core.reject(id, ErrorCode::NotFound),
            }
        }
    }
}

/// From an address of ours.
struct Way<'a> {
    sockets: &'a mut Sockets,
    reached: Ipv4Addr,
}

impl Ways for Way<'_> {
    fn socket(&mut self, _: &Meta, taken: impl Fn(On) -> bool) -> On {
        self.sockets.pick(self.reached, taken)
    }

    fn mtu(&mut self, to: Ipv4Addr) -> u16 {
        sockets::mtu(to)
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
                "TFTP could not {what}: {why}; a firewall, an interface that is down or a full send buffer does this"
            );
            (self.times, self.logged) = (0, Some(now));
        }
    }
}
