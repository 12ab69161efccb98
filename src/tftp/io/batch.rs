//! Many datagrams with one system call: recvmmsg(2) and sendmmsg(2), and for blocks of one window to one phone UDP's
//! segmentation offload (udp(7), `UDP_SEGMENT`), which is left aside where the kernel or a driver refuses it.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg, sendmsg,
};

/// Datagrams taken or sent at once.
pub(super) const BATCH: usize = 32;

/// A datagram that could be ours fits; of a longer one the rest is lost, and a request of that length is none.
const BUFFER: usize = 2_048;

/// Octets that one offloaded send may carry: what an IPv4 datagram has room for.
const SEGMENTED: usize = 60_000;

/// How long windows are sent datagram by datagram after the kernel refused to cut one: it may have been one phone's way.
const WITHOUT: Duration = Duration::from_mins(1);

/// A datagram that came in.
pub(super) struct Received<'a> {
    pub(super) source: SocketAddrV4,
    /// In the IPv4 header, and the address of ours that it reached; `None` where the socket has only one.
    pub(super) destination: Option<(Ipv4Addr, Ipv4Addr)>,
    pub(super) bytes: &'a [u8],
}

/// Buffers for receiving.
pub(super) struct Inbox {
    buffer: Vec<u8>,
    headers: MultiHeaders<SockaddrIn>,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self { buffer: vec![0; BUFFER * BATCH], headers: MultiHeaders::preallocate(BATCH, None) }
    }

    /// Takes what waits, `BATCH` at most. `told` = the socket says with each datagram where it was sent.
    pub(super) fn receive(
        &mut self,
        socket: RawFd,
        told: bool,
        mut take: impl FnMut(Received<'_>),
    ) -> io::Result<usize> {
        // The kernel writes lengths of what it told into the headers; those for the next time must be fresh.
        let mut fresh = told.then(|| MultiHeaders::preallocate(BATCH, Some(nix::cmsg_space!(libc::in_pktinfo))));
        let headers = fresh.as_mut().unwrap_or(&mut self.headers);
        let mut parts = self.buffer.chunks_mut(BUFFER);
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
            std::array::from_fn(|_| [IoSliceMut::new(parts.next().unwrap_or_default())]);
        let received = match recvmmsg(socket, headers, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None) {
            Ok(received) => received,
            Err(Errno::EAGAIN) => return Ok(0),
            Err(why) => return Err(why.into()),
        };
        let mut taken = 0;
        for message in received {
            taken += 1;
            let Some(source) = message.address else { continue };
            let destination = message.cmsgs().into_iter().flatten().find_map(|one| match one {
                ControlMessageOwned::Ipv4PacketInfo(info) => Some((address(info.ipi_addr), address(info.ipi_spec_dst))),
                _ => None,
            });
            // An empty datagram has no piece.
            let bytes = message.iovs().next().unwrap_or_default();
            take(Received { source: SocketAddrV4::new(source.ip(), source.port()), destination, bytes });
        }
        Ok(taken)
    }
}

fn address(raw: libc::in_addr) -> Ipv4Addr {
    Ipv4Addr::from(u32::from_be(raw.s_addr))
}

/// Datagrams on their way out, all of one socket.
pub(super) struct Outbox {
    /// Where the next one is written.
    pub(super) packet: Vec<u8>,
    packets: Vec<Vec<u8>>,
    to: Vec<Option<SockaddrIn>>,
    filled: usize,
    headers: MultiHeaders<SockaddrIn>,
    /// When windows are left to the kernel to cut again, after it refused.
    whole_again: Option<Instant>,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self {
            packet: Vec::with_capacity(BUFFER),
            packets: (0..BATCH).map(|_| Vec::with_capacity(BUFFER)).collect(),
            to: vec![None; BATCH],
            filled: 0,
            headers: MultiHeaders::preallocate(BATCH, None),
            whole_again: None,
        }
    }

    /// Takes the packet that was written, for this phone.
    pub(super) fn push(&mut self, to: SocketAddrV4) {
        if let (Some(packet), Some(place)) = (self.packets.get_mut(self.filled), self.to.get_mut(self.filled)) {
            std::mem::swap(packet, &mut self.packet);
            *place = Some(SockaddrIn::from(to));
            self.filled += 1;
        }
    }

    /// Throws away what was pushed.
    pub(super) fn clear(&mut self) {
        self.filled = 0;
    }

    /// Whether it must be sent before another is pushed.
    pub(super) fn is_full(&self) -> bool {
        self.filled == BATCH
    }

    /// Sends all. Each failure is told with `failed`, and concerns that packet only: the timer of its transfer sends it
    /// again. Where the kernel has no room, what is left is lost, as on a wire.
    pub(super) fn send(&mut self, now: Instant, socket: RawFd, mut failed: impl FnMut(io::Error)) {
        let count = std::mem::take(&mut self.filled);
        let segments = self.whole_again.is_none_or(|at| now >= at);
        let mut at = 0;
        while at < count {
            let run = if segments { self.run(at, count) } else { 1 };
            if run > 1 {
                match self.send_window(socket, at, run) {
                    Ok(()) => {
                        at += run;
                        continue;
                    }
                    // An interface, a driver or a way that cannot segment; these packets go one by one.
                    Err(Errno::EIO | Errno::EINVAL | Errno::EMSGSIZE | Errno::EOPNOTSUPP | Errno::ENOPROTOOPT) => {
                        self.whole_again = Some(now + WITHOUT);
                    }
                    // The phone cannot be reached, or there is no room: told by each packet.
                    Err(_) => {}
                }
            }
            let end = match run {
                1 if segments => self.singles(at, count),
                1 => count,
                run => at + run,
            };
            while at < end {
                match self.send_each(socket, at, end) {
                    Ok(sent) => at += sent.max(1),
                    Err(Errno::EAGAIN) => return failed(Errno::EAGAIN.into()),
                    Err(why) => {
                        failed(why.into());
                        at += 1;
                    }
                }
            }
        }
    }

    /// How many packets from there on go to one phone and are of one length; the last may be shorter.
    fn run(&self, at: usize, count: usize) -> usize {
        let (Some(first), Some(to)) = (self.packets.get(at), self.to.get(at)) else { return 1 };
        let mut total = first.len();
        let mut run = 1;
        for next in at + 1..count {
            let (Some(packet), true) = (self.packets.get(next), self.to.get(next) == Some(to)) else { break };
            total += packet.len();
            if packet.len() > first.len() || total > SEGMENTED {
                break;
            }
            run += 1;
            if packet.len() < first.len() {
                break;
            }
        }
        run
    }

    /// Where the packets end that begin no run.
    fn singles(&self, at: usize, count: usize) -> usize {
        (at + 1..count).find(|next| self.run(*next, count) > 1).unwrap_or(count)
    }

    fn send_window(&self, socket: RawFd, at: usize, run: usize) -> Result<(), Errno> {
        let packets = self.packets.get(at..at + run).unwrap_or_default();
        let Some(size) = packets.first().and_then(|first| u16::try_from(first.len()).ok()) else { return Ok(()) };
        let mut slices = [IoSlice::new(&[]); BATCH];
        for (slice, packet) in slices.iter_mut().zip(packets) {
            *slice = IoSlice::new(packet);
        }
        let slices = slices.get(..packets.len()).unwrap_or_default();
        let to = self.to.get(at).and_then(Option::as_ref);
        sendmsg(socket, slices, &[ControlMessage::UdpGsoSegments(&size)], MsgFlags::MSG_DONTWAIT, to).map(drop)
    }

    fn send_each(&mut self, socket: RawFd, at: usize, end: usize) -> Result<usize, Errno> {
        let mut slices = [[IoSlice::new(&[])]; BATCH];
        let packets = self.packets.get(at..end).unwrap_or_default();
        for (slice, packet) in slices.iter_mut().zip(packets) {
            *slice = [IoSlice::new(packet)];
        }
        let slices = slices.get(..packets.len()).unwrap_or_default();
        let to = self.to.get(at..end).unwrap_or_default();
        let none: [ControlMessage<'_>; 0] = [];
        let sent = sendmmsg(socket, &mut self.headers, slices, to, none, MsgFlags::MSG_DONTWAIT)?;
        Ok(sent.count())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, UdpSocket};
    use std::os::fd::AsRawFd as _;

    use super::*;

    fn pushed(outbox: &mut Outbox, to: SocketAddr, packets: &[&[u8]]) {
        let SocketAddr::V4(to) = to else { panic!("{to}") };
        for packet in packets {
            outbox.packet.clear();
            outbox.packet.extend_from_slice(packet);
            outbox.push(to);
        }
    }

    fn received(socket: &UdpSocket) -> Vec<Vec<u8>> {
        socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 64];
        std::iter::from_fn(|| socket.recv(&mut buffer).ok().map(|size| buffer[..size].to_vec())).collect()
    }

    /// Windows of two phones and single packets between them: each arrives as it was, in its order, by the kernel's
    /// cutting and without it.
    #[test]
    fn every_packet_arrives_as_it_was() {
        let (ours, one, two) = (local(), local(), local());
        let mut outbox = Outbox::new();
        let now = Instant::now();
        for again in [None, Some(now + WITHOUT)] {
            outbox.whole_again = again;
            pushed(&mut outbox, one.local_addr().unwrap(), &[b"aaaa", b"bbbb", b"cc"]);
            pushed(&mut outbox, two.local_addr().unwrap(), &[b"single"]);
            pushed(&mut outbox, one.local_addr().unwrap(), &[b"d", b"eeee", b"ffff"]);
            outbox.send(now, ours.as_raw_fd(), |why| panic!("{why}"));
            assert_eq!(received(&one), [&b"aaaa"[..], b"bbbb", b"cc", b"d", b"eeee", b"ffff"]);
            assert_eq!(received(&two), [b"single"]);
            assert_eq!(outbox.whole_again, again, "loopback cuts windows");
        }
    }

    /// A phone that cannot be reached is told of, packet by packet, and costs no other its packets or the kernel's help.
    #[test]
    fn a_phone_that_is_away_is_its_own_trouble() {
        let (ours, one) = (local(), local());
        let mut outbox = Outbox::new();
        // Without the right to broadcast the kernel refuses it: EACCES.
        let away: SocketAddr = "127.255.255.255:9".parse().unwrap();
        pushed(&mut outbox, away, &[b"aaaa", b"bbbb"]);
        pushed(&mut outbox, one.local_addr().unwrap(), &[b"cccc", b"dddd"]);
        let mut failures = 0;
        outbox.send(Instant::now(), ours.as_raw_fd(), |_| failures += 1);
        assert_eq!(failures, 2);
        assert_eq!(received(&one), [b"cccc", b"dddd"]);
        assert_eq!(outbox.whole_again, None);
    }

    fn local() -> UdpSocket {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
    }
}
