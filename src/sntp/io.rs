//! The edge of the time server: one socket for each address listened on, and the host's clock.
//!
//! An answer leaves from the address that was asked: phones compare, and a host may have several.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddrV4;
use std::os::fd::{AsRawFd, RawFd};

use ipnet::Ipv4Net;
use jiff::Timestamp;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, sendmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use super::{Clock, PACKET, admits, answer};

/// A bound address.
#[derive(Debug)]
pub struct Listener {
    socket: UdpSocket,
}

/// Binds one address, also one that the host does not have yet.
///
/// # Errors
/// What the kernel says.
pub fn bind(address: SocketAddrV4) -> io::Result<Listener> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_freebind_v4(true)?;
    setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
    socket.bind(&address.into())?;
    Ok(Listener { socket: UdpSocket::from_std(socket.into())? })
}

impl Listener {
    /// Answers these networks until `ending`.
    ///
    /// # Errors
    /// The kernel takes the socket away.
    pub async fn run(self, networks: Vec<Ipv4Net>, ending: CancellationToken) -> io::Result<()> {
        let fd = self.socket.as_raw_fd();
        loop {
            let asked = tokio::select! {
                asked = self.socket.async_io(Interest::READABLE, || receive(fd)) => asked?,
                () = ending.cancelled() => return Ok(()),
            };
            let now = Timestamp::now();
            let admitted = asked.filter(|asked| admits(&networks, asked.source));
            let Some(asked) = admitted else { continue };
            if let Some(packet) = answer(&asked.question, Clock::at(now), now, Timestamp::now()) {
                // What does not leave is lost as on a wire: the phone asks again.
                let _ = send(fd, &packet, &asked);
            }
        }
    }
}

/// A datagram that came in.
struct Asked {
    question: [u8; PACKET],
    source: SocketAddrV4,
    /// The address of ours that it reached, as the kernel takes it for the answer.
    reached: libc::in_pktinfo,
}

/// Takes one; `None` = it cannot be a question.
fn receive(fd: RawFd) -> io::Result<Option<Asked>> {
    let mut question = [0; PACKET];
    let mut parts = [IoSliceMut::new(&mut question)];
    let mut told = nix::cmsg_space!(libc::in_pktinfo);
    let received = recvmsg::<SockaddrIn>(fd, &mut parts, Some(&mut told), MsgFlags::empty());
    let message = match received {
        Ok(message) => message,
        // An error that an earlier answer met on its way.
        Err(Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH) => return Ok(None),
        Err(why) => return Err(why.into()),
    };
    let reached = message.cmsgs()?.find_map(|one| match one {
        ControlMessageOwned::Ipv4PacketInfo(info) => Some(info),
        _ => None,
    });
    let whole = message.bytes == PACKET;
    Ok(message.address.zip(reached).filter(|_| whole).map(|(source, reached)| Asked {
        question,
        source: SocketAddrV4::new(source.ip(), source.port()),
        reached,
    }))
}

fn send(fd: RawFd, packet: &[u8], asked: &Asked) -> nix::Result<usize> {
    // The way back is the kernel's to choose; only the source is ours.
    let from = libc::in_pktinfo { ipi_ifindex: 0, ..asked.reached };
    let to = SockaddrIn::from(asked.source);
    sendmsg(fd, &[IoSlice::new(packet)], &[ControlMessage::Ipv4PacketInfo(&from)], MsgFlags::MSG_DONTWAIT, Some(&to))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    /// Asked on each of the addresses that it listens on, it answers from there, and nobody outside of the networks.
    #[tokio::test]
    async fn an_answer_comes_from_where_it_was_asked() {
        let listener = bind("0.0.0.0:0".parse().unwrap()).unwrap();
        let port = listener.socket.local_addr().unwrap().port();
        let ending = CancellationToken::new();
        let serving = tokio::spawn(listener.run(vec!["127.0.0.0/30".parse().unwrap()], ending.clone()));
        let question = [&[0x23][..], &[0; PACKET - 1]].concat();
        for asked in [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 7, 9)] {
            let phone = UdpSocket::bind("127.0.0.2:0").await.unwrap();
            phone.connect((asked, port)).await.unwrap();
            // Not a question, then one: the first is passed over.
            phone.send(&question[..PACKET - 1]).await.unwrap();
            phone.send(&question).await.unwrap();
            let mut packet = [0; 128];
            let octets = tokio::time::timeout(Duration::from_secs(10), phone.recv(&mut packet)).await.unwrap().unwrap();
            assert_eq!((octets, packet[0] & 7), (PACKET, 4));
        }
        let stranger = UdpSocket::bind("127.0.9.1:0").await.unwrap();
        let phone = UdpSocket::bind("127.0.0.2:0").await.unwrap();
        stranger.send_to(&question, (Ipv4Addr::LOCALHOST, port)).await.unwrap();
        phone.send_to(&question, (Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let mut packet = [0; 128];
        tokio::time::timeout(Duration::from_secs(10), phone.recv(&mut packet)).await.unwrap().unwrap();
        // The one that asked later has its answer.
        assert!(stranger.try_recv(&mut packet).is_err());
        ending.cancel();
        serving.await.unwrap().unwrap();
    }
}
