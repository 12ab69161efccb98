//! The edge of the TFTP server: sockets, clock, and the question to its owner what a name means.
//!
//! Each address listened on is one thread with one core of the protocol ([`engine`]): a block must not wait for a turn
//! among the daemon's tasks. It has the socket of the well-known port, where requests come in, and for each address of
//! the host that is asked a few on ephemeral ports, which its transfers share ([`sockets`]). A transfer picks one of
//! these at random (RFC 1350 section 4); it is told apart by both addresses and both ports, and phones take a new port for
//! each file.
//! What waits is received at once, and answered at once ([`batch`]): a block costs two system calls at most, a window
//! of blocks one to send, and a thousand phones no more sockets than one.

mod batch;
mod engine;
mod sockets;

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::exchange::{Config, Content, Event};
use engine::{Engine, Late};
use sockets::Sockets;

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
    /// No word at all.
    Silence,
    /// It takes a look on a disk; `None` = no such file.
    Later(Pin<Box<dyn Future<Output = Option<Content>> + Send>>),
}

/// Bound sockets of one listening address.
pub struct Listener {
    sockets: Sockets,
    config: Config,
    /// Rung by whoever wants the thread to look up.
    bell: Arc<OwnedFd>,
}

/// Binds one address.
///
/// # Errors
/// What the kernel says.
pub fn bind(address: SocketAddrV4, config: Config) -> io::Result<Listener> {
    let bell = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
    Ok(Listener { sockets: Sockets::open(address, &bell)?, config, bell })
}

impl Listener {
    /// Where it listens, with the port that the kernel chose for port 0.
    pub fn local_addr(&self) -> SocketAddrV4 {
        self.sockets.address()
    }

    /// Serves until `shutdown`, then lets what is under way end, at most `drain` long. Needs a tokio runtime, for
    /// answers that come later.
    ///
    /// # Errors
    /// The thread cannot be started, or the kernel refuses it its sockets.
    ///
    /// # Panics
    /// Where the thread did, once its sockets are closed.
    pub async fn run(
        self,
        answer: impl Fn(Asked) -> Reply + Send + 'static,
        report: impl Fn(Event) + Send + 'static,
        shutdown: CancellationToken,
        drain: Duration,
    ) -> io::Result<()> {
        // Tells the thread to end also when this future is dropped; it does after the drain.
        let ending = Ending { token: shutdown.child_token(), bell: Arc::clone(&self.bell) };
        let late = Late::new(self.bell, Handle::current(), ending.token.clone());
        let (told, mut ended) = oneshot::channel();
        let engine = Engine::new(self.config, self.sockets, late, drain);
        let thread = thread::Builder::new().name("tftp".into()).spawn(move || {
            // Dropped after the engine.
            let told = told;
            let mut engine = engine;
            let outcome = engine.run(&answer, &report);
            drop(engine);
            // Nobody listens when the task was cut; the thread ends all the same.
            let _ = told.send(outcome);
        })?;
        let outcome = tokio::select! {
            outcome = &mut ended => outcome,
            () = shutdown.cancelled() => {
                engine::ring(&ending.bell);
                ended.await
            }
        };
        match (outcome, thread) {
            (Ok(outcome), _) => outcome,
            (Err(_), thread) => match thread.join() {
                Ok(()) => Err(io::Error::other("its thread ended without a word")),
                Err(panic) => std::panic::resume_unwind(panic),
            },
        }
    }
}

/// Tells the thread to end.
struct Ending {
    token: CancellationToken,
    bell: Arc<OwnedFd>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.token.cancel();
        engine::ring(&self.bell);
    }
}

#[cfg(test)]
mod tests;
