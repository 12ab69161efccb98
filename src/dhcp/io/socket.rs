//! Sockets on port 67, one for each interface: what comes in on another is not seen, and what goes out goes out there.

use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::AsRawFd as _;
use std::task::Poll;

use nix::libc;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::super::link;
use super::super::reply::Reply;
use super::super::server::Link;
use crate::config::DHCP;

/// What the kernel may hold for us while we are elsewhere, in octets: the DISCOVERs of some thousand phones.
const KERNEL_BUFFER: usize = 4 << 20;

/// Of these, the interfaces of these names that are up and have an address.
pub(super) fn links(all: &[link::Link], names: &[String]) -> Vec<Link> {
    let serves = |link: &&link::Link| names.contains(&link.name) && link.up && !link.addresses.is_empty();
    let link =
        |link: &link::Link| Link { name: link.name.clone(), index: link.index, addresses: link.addresses.clone() };
    all.iter().filter(serves).map(link).collect()
}

/// An interface that is served.
pub(super) struct Port {
    pub(super) link: Link,
    socket: UdpSocket,
}

impl Port {
    /// Binds.
    pub(super) fn open(link: Link) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        let _ = socket.set_recv_buffer_size(KERNEL_BUFFER);
        socket.bind_device(Some(link.name.as_bytes()))?;
        setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        socket.set_broadcast(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&DHCP.into())?;
        Ok(Self { link, socket: UdpSocket::from_std(socket.into())? })
    }

    pub(super) fn send(&self, reply: &Reply) -> io::Result<()> {
        self.socket.try_send_to(&reply.bytes, SocketAddr::V4(reply.to)).map(|_| ())
    }

    /// Takes one packet that waits: who sent it, to which address, and how long it is. `None` = none waits.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<(SocketAddrV4, Ipv4Addr, usize)>> {
        let received = self.socket.try_io(Interest::READABLE, || {
            let mut told = nix::cmsg_space!(libc::in_pktinfo);
            let mut parts = [IoSliceMut::new(buffer)];
            let flags = MsgFlags::MSG_DONTWAIT;
            let message = recvmsg::<SockaddrIn>(self.socket.as_raw_fd(), &mut parts, Some(&mut told), flags)?;
            let to = message.cmsgs()?.find_map(|one| match one {
                ControlMessageOwned::Ipv4PacketInfo(info) => Some(Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr))),
                _ => None,
            });
            let from = message.address.map(|from| SocketAddrV4::new(from.ip(), from.port()));
            let unknown = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
            Ok((from.unwrap_or(unknown), to.unwrap_or(Ipv4Addr::UNSPECIFIED), message.bytes))
        });
        match received {
            Ok(packet) => Ok(Some(packet)),
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(why) => Err(why),
        }
    }
}

/// The next of these that has something to read. Begins behind the one before, so that none waits for another.
pub(super) async fn readable(ports: &[Port], after: usize) -> usize {
    std::future::poll_fn(|context| {
        let count = ports.len();
        for step in 1..=count {
            let at = after.wrapping_add(step).checked_rem(count).unwrap_or_default();
            // One that fails says so when it is read.
            if ports.get(at).is_some_and(|port| port.socket.poll_recv_ready(context).is_ready()) {
                return Poll::Ready(at);
            }
        }
        Poll::Pending
    })
    .await
}
