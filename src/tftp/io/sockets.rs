//! The sockets of one listening address, and which of them have something to read.
//!
//! Transfer sockets are bound to the address that was asked: the kernel answers from there without being told with each
//! datagram, and drops what is meant for another. A listener on one address opens them all when it is bound; one on all
//! addresses does so for those that the host has, and for others when they are first asked.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use nix::sys::socket::{getsockopt, setsockopt, sockopt};
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};
use socket2::{Domain, Protocol, Socket, Type};

use super::super::exchange::On;

/// Sockets that the transfers of one address share: two, so that a phone's next transfer meets no late packet of the one
/// before; more would leave fewer packets to a system call.
const SHARED: usize = 2;

/// Addresses with transfer sockets of their own; further ones share those that are bound to none.
const ADDRESSES: usize = 64;

/// What the kernel may hold for us while we are elsewhere, each way, in octets.
const KERNEL_BUFFER: usize = 4 << 20;

/// MTU of Ethernet (RFC 894).
const ETHERNET: u16 = 1_500;

/// Sockets told of at once.
const READY: usize = 64;

/// A place of the poll set that is no transfer socket.
const LISTENING: u64 = u64::MAX;
const BELL: u64 = u64::MAX - 1;

/// What has something to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ready {
    /// A socket.
    Socket(On),
    /// Somebody rang.
    Bell,
}

struct Transfers {
    socket: Socket,
    address: Ipv4Addr,
}

/// All sockets of a listener.
pub(super) struct Sockets {
    poll: OwnedFd,
    listening: Socket,
    address: SocketAddrV4,
    /// In the order of `On::Transfer`; those of one address stand together, `SHARED` of them.
    transfers: Vec<Transfers>,
}

/// Room for what a wait tells.
pub(super) struct Told {
    events: Vec<epoll::Event>,
    /// In the order in which it is to be looked at.
    pub(super) ready: Vec<Ready>,
}

impl Told {
    pub(super) fn new() -> Self {
        Self { events: Vec::with_capacity(READY), ready: Vec::with_capacity(READY) }
    }
}

impl Sockets {
    /// Binds.
    pub(super) fn open(address: SocketAddrV4, bell: &OwnedFd) -> io::Result<Self> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let listening = bound(address, true)?;
        watch(&poll, &listening, LISTENING)?;
        watch(&poll, bell, BELL)?;
        let address = match listening.local_addr()?.as_socket() {
            Some(SocketAddr::V4(address)) => address,
            _ => address,
        };
        let mut sockets = Self { poll, listening, address, transfers: Vec::new() };
        sockets.add(*address.ip())?;
        if address.ip().is_unspecified() {
            for own in own_addresses() {
                sockets.add(own)?;
            }
        }
        Ok(sockets)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddrV4 {
        self.address
    }

    fn add(&mut self, address: Ipv4Addr) -> io::Result<usize> {
        let first = self.transfers.len();
        let open = |number: usize| {
            let socket = bound(SocketAddrV4::new(address, 0), false)?;
            watch(&self.poll, &socket, number as u64)?;
            Ok(Transfers { socket, address })
        };
        // All of them or none: a socket that is closed leaves the poll set by itself.
        let opened = (first..first + SHARED).map(open).collect::<io::Result<Vec<_>>>()?;
        self.transfers.extend(opened);
        Ok(first)
    }

    /// A socket for a transfer that leaves from this address of ours, by chance; not one of those that are taken, where
    /// there is another.
    pub(super) fn pick(&mut self, address: Ipv4Addr, taken: impl Fn(On) -> bool) -> On {
        let chance = rand::random_range(0..SHARED);
        let known = self.transfers.chunks(SHARED).position(|group| group.iter().any(|one| one.address == address));
        let first = match known {
            Some(group) => group * SHARED,
            // The first ones are bound as the listener is.
            None if self.transfers.len() >= ADDRESSES * SHARED => 0,
            None => self.add(address).unwrap_or(0),
        };
        let on = |at: usize| On::Transfer(u32::try_from(first + (chance + at) % SHARED).unwrap_or(0));
        (0..SHARED).map(on).find(|on| !taken(*on)).unwrap_or_else(|| on(0))
    }

    /// The socket's descriptor, and the address it is bound to.
    pub(super) fn get(&self, on: On) -> Option<(RawFd, Ipv4Addr)> {
        match on {
            On::Listening => Some((self.listening.as_raw_fd(), *self.address.ip())),
            On::Transfer(number) => {
                let one = self.transfers.get(usize::try_from(number).ok()?)?;
                Some((one.socket.as_raw_fd(), one.address))
            }
        }
    }

    /// Waits until something can be read, at most so long.
    pub(super) fn wait(&self, limit: Option<Duration>, told: &mut Told) -> io::Result<()> {
        told.ready.clear();
        told.events.clear();
        // Milliseconds, upwards: a time that is up by a part of one would come back at once, again and again.
        let limit = limit.map(|limit| {
            let millis = limit.as_micros().div_ceil(1_000);
            Timespec {
                tv_sec: i64::try_from(millis / 1_000).unwrap_or(i64::MAX),
                tv_nsec: i64::try_from(millis % 1_000 * 1_000_000).unwrap_or_default(),
            }
        });
        match epoll::wait(&self.poll, rustix::buffer::spare_capacity(&mut told.events), limit.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(why) => return Err(why.into()),
        }
        // Transfers first: what is under way ends before more begins.
        let mut listening = false;
        for event in &told.events {
            match event.data.u64() {
                LISTENING => listening = true,
                BELL => told.ready.push(Ready::Bell),
                number => told.ready.push(Ready::Socket(On::Transfer(u32::try_from(number).unwrap_or(u32::MAX)))),
            }
        }
        if listening {
            told.ready.push(Ready::Socket(On::Listening));
        }
        Ok(())
    }
}

fn watch(poll: &OwnedFd, source: impl AsFd, place: u64) -> io::Result<()> {
    Ok(epoll::add(poll, source, EventData::new_u64(place), EventFlags::IN)?)
}

/// `told` = each datagram says where it was sent; asked for before the first can come.
fn bound(address: SocketAddrV4, told: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    // As much as the system allows; less is no failure.
    let _ = socket.set_recv_buffer_size(KERNEL_BUFFER);
    let _ = socket.set_send_buffer_size(KERNEL_BUFFER);
    if told {
        setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
    }
    // An address that the host does not have yet: it serves once it is there.
    socket.set_freebind_v4(true)?;
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The MTU of the way to this address, as far as the kernel knows it; Ethernet's where it does not.
pub(super) fn mtu(to: Ipv4Addr) -> u16 {
    let asked = || -> io::Result<i32> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        // Sends nothing; the port does not matter.
        socket.connect(&SocketAddrV4::new(to, 9).into())?;
        Ok(getsockopt(&socket, sockopt::IpMtu)?)
    };
    asked().map_or(ETHERNET, |mtu| u16::try_from(mtu).unwrap_or(u16::MAX))
}

fn own_addresses() -> Vec<Ipv4Addr> {
    let mut own: Vec<Ipv4Addr> = crate::probe::own_addresses().collect();
    own.sort_unstable();
    own.dedup();
    own.truncate(ADDRESSES - 1);
    own
}
