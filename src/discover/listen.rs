//! Packet sockets that hear CDP, LLDP and questions to DHCP servers on one interface, and nothing else: the kernel hands over
//! frames of these kinds alone. An edge; needs CAP_NET_RAW (packet(7)).
//!
//! Port 67 is not taken for it: a DHCP server that starts on this host later would not get it.

use std::io;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::libc;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::{LinkAddr, SetSockOpt as _, bind, sockopt};
use rustix::net::RecvFlags;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tokio::io::Interest;
use tokio::net::UnixDatagram;

/// An address of a group: six octets, in the room that packet(7) has for any link's.
type Group = [u8; 8];

/// Frames with a length in place of an EtherType (linux/if_ether.h), and where CDP is sent to. Switches that speak it pass
/// none of it on.
const CDP: (u16, Group) = (0x0004, [0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc, 0, 0]);

/// The EtherType of LLDP, and where it is sent to. No bridge passes it on (IEEE 802.1AB).
const LLDP: (u16, Group) = (super::LLDP, [0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e, 0, 0]);

/// The EtherType of IPv4.
const IPV4: u16 = 0x0800;

/// Of frames with IPv4, those that a client sends to DHCP servers: no VLAN's, whose addresses are others; UDP; whole; to port
/// 67. For each step its code, where it goes if so and if not, and its operand (linux/filter.h). What gets through is read
/// by [`crate::dhcp::asked`].
const QUESTIONS: [(u16, u8, u8, u32); 11] = [
    // The tag that the kernel took off: SKF_AD_VLAN_TAG_PRESENT.
    (0x30, 0, 0, 0xffff_f030),
    (0x15, 0, 8, 0),
    // The protocol.
    (0x30, 0, 0, 23),
    (0x15, 0, 6, 17),
    // Flags and offset of pieces.
    (0x28, 0, 0, 20),
    (0x45, 4, 0, 0x3fff),
    // The port, behind a header of any length.
    (0xb1, 0, 0, 14),
    (0x48, 0, 0, 16),
    (0x15, 0, 1, 67),
    (0x06, 0, 0, 0xffff),
    (0x06, 0, 0, 0),
];

/// Datagrams that came before the filter was in place, at most: more than the kernel holds for us.
const BEFORE: usize = 4_096;

/// Longest frame that is read whole.
const FRAME: usize = 2_048;

/// Joins a group of the link: the interface lets its frames in, and it is left when the socket is closed.
#[derive(Clone, Copy, Debug)]
struct AddMembership;

nix::setsockopt_impl!(
    AddMembership,
    libc::SOL_PACKET,
    libc::PACKET_ADD_MEMBERSHIP,
    libc::packet_mreq,
    sockopt::SetStruct<'_, libc::packet_mreq>
);

/// Why an interface is not listened on.
#[derive(Debug)]
pub enum NotHeard {
    /// It is not there, or not up: it may come.
    Absent,
    /// We may not.
    Refused,
    /// Something else.
    Failed(io::Error),
}

impl From<io::Error> for NotHeard {
    fn from(why: io::Error) -> Self {
        match Errno::from_raw(why.raw_os_error().unwrap_or_default()) {
            Errno::ENODEV | Errno::ENXIO | Errno::ENETDOWN => Self::Absent,
            // The unit refuses the family where it is not asked for.
            Errno::EPERM | Errno::EACCES | Errno::EAFNOSUPPORT => Self::Refused,
            _ => Self::Failed(why),
        }
    }
}

/// A frame of one of the kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// CDP or LLDP.
    Announces(Vec<u8>),
    /// A question to DHCP servers.
    Asks(Vec<u8>),
}

/// All kinds of frames of one interface.
#[derive(Debug)]
pub struct Listener {
    cdp: UnixDatagram,
    lldp: UnixDatagram,
    asks: UnixDatagram,
}

impl Listener {
    /// Listens on the interface of that name, to what DHCP servers are asked there, too.
    ///
    /// # Errors
    /// Why not.
    pub fn open(interface: &str) -> Result<Self, NotHeard> {
        let address = link(interface)?.ok_or(NotHeard::Absent)?;
        let announces = |(kind, group)| {
            let socket = open(&address, kind)?;
            join(&socket, &address, group)?;
            UnixDatagram::from_std(socket.into())
        };
        Ok(Self { cdp: announces(CDP)?, lldp: announces(LLDP)?, asks: questions(&address)? })
    }

    /// The next frame, as long as the interface is there; the rest of one longer than [`FRAME`] is cut off, which makes it a
    /// bad one.
    ///
    /// # Errors
    /// The interface went away, or down.
    pub async fn next(&self) -> io::Result<Frame> {
        let (mut cdp, mut lldp, mut asks) = ([0; FRAME], [0; FRAME], [0; FRAME]);
        let octets = |frame: Option<&[u8]>| frame.unwrap_or_default().to_vec();
        tokio::select! {
            length = receive(&self.cdp, &mut cdp) => Ok(Frame::Announces(octets(cdp.get(..length?)))),
            length = receive(&self.lldp, &mut lldp) => Ok(Frame::Announces(octets(lldp.get(..length?)))),
            length = receive(&self.asks, &mut asks) => Ok(Frame::Asks(octets(asks.get(..length?)))),
        }
    }
}

/// A packet socket for what clients ask of DHCP servers.
fn questions(address: &LinkAddr) -> io::Result<UnixDatagram> {
    let socket = open(address, IPV4)?;
    socket.attach_filter(&QUESTIONS.map(|(code, so, not, operand)| SockFilter::new(code, so, not, operand)))?;
    // What came from anywhere until now.
    let none = |_: &usize| rustix::net::recv(&socket, &mut [0; 1][..], RecvFlags::empty()).is_err();
    let _ = (0..BEFORE).find(none);
    UnixDatagram::from_std(socket.into())
}

/// The next datagram, or the error that is the only word of an interface that went away.
async fn receive(socket: &UnixDatagram, buffer: &mut [u8]) -> io::Result<usize> {
    let mut receive = || Ok(rustix::net::recv(socket, &mut *buffer, RecvFlags::empty())?.0);
    socket.async_io(Interest::READABLE | Interest::ERROR, &mut receive).await
}

/// A packet socket for one kind of frames. It is read as any socket of datagrams is: recv(2) asks for no family.
fn open(address: &LinkAddr, kind: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(i32::from(kind.to_be()))))?;
    socket.set_nonblocking(true)?;
    // The address says no protocol, which leaves that of the socket.
    bind(socket.as_raw_fd(), address)?;
    Ok(socket)
}

/// The link-layer address of an interface that is there and up.
fn link(interface: &str) -> io::Result<Option<LinkAddr>> {
    let up = |flags: InterfaceFlags| flags.contains(InterfaceFlags::IFF_UP);
    let mut addresses = getifaddrs()?.filter(|entry| entry.interface_name == interface && up(entry.flags));
    Ok(addresses.find_map(|entry| entry.address?.as_link_addr().copied()))
}

fn join(socket: &Socket, address: &LinkAddr, group: Group) -> io::Result<()> {
    let mr_ifindex = i32::try_from(address.ifindex()).map_err(io::Error::other)?;
    let mr_type = u16::try_from(libc::PACKET_MR_MULTICAST).map_err(io::Error::other)?;
    let membership = libc::packet_mreq { mr_ifindex, mr_type, mr_alen: 6, mr_address: group };
    Ok(AddMembership.set(socket, &membership)?)
}
