//! What goes into the server's core and what comes out of it.

use std::any::Any;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ipnet::Ipv4Net;

use super::transfer::Transfer;

/// What bounds the server.
#[derive(Clone, Debug)]
pub struct Config {
    /// Sources outside these get no byte.
    pub networks: Vec<Ipv4Net>,
    /// Transfers at once, in all.
    pub transfers: usize,
    /// Transfers at once, per source address.
    pub per_source: usize,
    /// Largest block size that is agreed to, where the way allows it (see [`Ways`]).
    pub max_block: u16,
    /// Largest window that is agreed to.
    pub max_window: u16,
    /// Where datagrams that get no answer are counted; clones count into the same.
    pub dropped: Arc<Dropped>,
}

/// Why a datagram gets no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// From outside the phones' networks, or from or to an address or a port that no client has.
    Source,
    /// No packet that a client sends there.
    Packet,
    /// Its source asks too often, or for one phone after another.
    Pace,
    /// Too many transfers, in all, of its network or of its source.
    Full,
}

impl DropReason {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Source, Self::Packet, Self::Pace, Self::Full];

    /// The word for it in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Packet => "packet",
            Self::Pace => "pace",
            Self::Full => "full",
        }
    }
}

/// How many datagrams got no answer, by reason.
#[derive(Debug, Default)]
pub struct Dropped([AtomicU64; DropReason::ALL.len()]);

impl Dropped {
    /// One more.
    pub fn count(&self, why: DropReason) {
        if let Some(count) = self.0.get(why as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many so far.
    pub fn so_far(&self, why: DropReason) -> u64 {
        self.0.get(why as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            networks: Vec::new(),
            transfers: 2_048,
            per_source: 8,
            max_block: 65_464,
            max_window: 16,
            dropped: Arc::default(),
        }
    }
}

/// Where a datagram came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Who sent it.
    pub source: SocketAddrV4,
    /// The address of ours that it was sent to.
    pub destination: Ipv4Addr,
    /// On the listening port, or on a transfer socket.
    pub on: On,
}

/// A socket of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum On {
    /// The well-known port.
    Listening,
    /// An ephemeral port; the number is the edge's.
    Transfer(u32),
}

/// What the owner of the sockets knows of the ways to phones. It is asked for a request only.
pub trait Ways {
    /// A transfer socket for what is sent to this phone from the address it asked; not one that `taken` speaks of,
    /// where there is another.
    fn socket(&mut self, meta: &Meta, taken: impl Fn(On) -> bool) -> On;
    /// Octets of the largest IPv4 packet that is not cut up on the way there.
    fn mtu(&mut self, to: Ipv4Addr) -> u16;
}

/// One socket, and Ethernet behind one more header.
impl Ways for On {
    fn socket(&mut self, _: &Meta, _: impl Fn(On) -> bool) -> On {
        *self
    }

    fn mtu(&mut self, _: Ipv4Addr) -> u16 {
        1_460
    }
}

/// Names a request between [`Event::Requested`] and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    pub(super) slot: usize,
    pub(super) serial: u64,
}

/// What the owner has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A phone asks for a file: answer with [`Server::accept`](super::server::Server::accept) or [`Server::reject`](super::server::Server::reject).
    Requested {
        /// To answer with.
        id: Id,
        /// The name, UTF-8 without control characters.
        name: String,
        /// Who asks.
        source: SocketAddrV4,
        /// Which address of ours was asked.
        destination: Ipv4Addr,
    },
    /// The last block was acknowledged.
    Completed {
        /// The name as asked.
        name: String,
        /// Who has it now.
        source: SocketAddrV4,
        /// Octets of the file.
        octets: u64,
        /// Packets sent again.
        resent: u64,
        /// From acceptance to the last ACK.
        took: Duration,
        /// What came with the file.
        receipt: Option<Receipt>,
    },
    /// The transfer ended early.
    Failed {
        /// The name as asked.
        name: String,
        /// Who asked.
        source: SocketAddrV4,
        /// `no-answer`, `unconfirmed` (all sent, only the last ACK is missing), `peer-error`, `replaced`, `refused`,
        /// `unanswered` (by the owner, in time), `crowded-out` (never answered or quiet for long, and others needed the place), `bad-name`
        /// (control characters or no UTF-8; the name is escaped).
        reason: &'static str,
        /// With `peer-error`: what the phone said, escaped, of at most 64 octets.
        said: Option<String>,
        /// Octets that were acknowledged, and of the whole file, where something was sent.
        got: Option<(u64, u64)>,
    },
}

impl Event {
    /// It ended early, for that reason.
    pub(super) fn failed(
        name: String,
        source: SocketAddrV4,
        reason: &'static str,
        transfer: Option<&Transfer>,
    ) -> Self {
        Self::Failed { name, source, reason, said: None, got: transfer.map(Transfer::got) }
    }
}

/// A datagram to send: the bytes are in the buffer that was given to [`Server::poll_transmit`](super::server::Server::poll_transmit).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// To whom.
    pub to: SocketAddrV4,
    /// From which socket, and so from which address and port of ours.
    pub on: On,
}

/// A file to send.
#[derive(Clone, Debug)]
pub struct Content {
    /// Its octets.
    pub bytes: Bytes,
    /// Whether it is text, which netascii translates; anything else is refused in that mode.
    pub text: bool,
    /// What its owner wants back once all of it was acknowledged.
    pub receipt: Option<Receipt>,
}

/// A thing of the owner's that goes with a file and comes back when it was delivered; with a transfer that ends otherwise it is
/// dropped. Nobody here looks into it.
#[derive(Clone, Debug)]
pub struct Receipt(Arc<dyn Any + Send + Sync>);

impl Receipt {
    /// For this.
    pub fn of(thing: Arc<impl Any + Send + Sync>) -> Self {
        Self(thing)
    }

    /// What it is for, if that is such a thing.
    pub fn take<T: Any + Send + Sync>(self) -> Option<Arc<T>> {
        self.0.downcast().ok()
    }
}

/// Those for the same thing are the same.
impl PartialEq for Receipt {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Receipt {}
