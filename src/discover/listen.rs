//! A packet socket that hears CDP and LLDP on one interface, and nothing else: the kernel hands over frames of these two kinds
//! alone. An edge; needs CAP_NET_RAW (packet(7)).

use std::io;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::libc;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::{LinkAddr, SetSockOpt as _, bind, sockopt};
use rustix::net::RecvFlags;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UnixDatagram;

/// An address of a group: six octets, in the room that packet(7) has for any link's.
type Group = [u8; 8];

/// Frames with a length in place of an EtherType (linux/if_ether.h), and where CDP is sent to. Switches that speak it pass
/// none of it on.
const CDP: (u16, Group) = (0x0004, [0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc, 0, 0]);

/// The EtherType of LLDP, and where it is sent to. No bridge passes it on (IEEE 802.1AB).
const LLDP: (u16, Group) = (super::LLDP, [0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e, 0, 0]);

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

/// Both kinds of frames of one interface.
#[derive(Debug)]
pub struct Listener {
    cdp: UnixDatagram,
    lldp: UnixDatagram,
}

impl Listener {
    /// Listens on the interface of that name.
    ///
    /// # Errors
    /// Why not.
    pub fn open(interface: &str) -> Result<Self, NotHeard> {
        let address = link(interface)?.ok_or(NotHeard::Absent)?;
        Ok(Self { cdp: open(&address, CDP)?, lldp: open(&address, LLDP)? })
    }

    /// The next frame, as long as the interface is there; the rest of one longer than [`FRAME`] is cut off, which makes it a
    /// bad one.
    ///
    /// # Errors
    /// The interface went away, or down.
    pub async fn next(&self) -> io::Result<Vec<u8>> {
        let (mut cdp, mut lldp) = ([0; FRAME], [0; FRAME]);
        let frame = tokio::select! {
            length = receive(&self.cdp, &mut cdp) => cdp.get(..length?),
            length = receive(&self.lldp, &mut lldp) => lldp.get(..length?),
        };
        Ok(frame.unwrap_or_default().to_vec())
    }
}

/// The next datagram, or the error that is the only word of an interface that went away.
async fn receive(socket: &UnixDatagram, buffer: &mut [u8]) -> io::Result<usize> {
    let mut receive = || Ok(rustix::net::recv(socket, &mut *buffer, RecvFlags::empty())?.0);
    socket.async_io(Interest::READABLE | Interest::ERROR, &mut receive).await
}

/// A packet socket for one kind of frames. It is read as any socket of datagrams is: recv(2) asks for no family.
fn open(address: &LinkAddr, (kind, group): (u16, Group)) -> io::Result<UnixDatagram> {
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(i32::from(kind.to_be()))))?;
    socket.set_nonblocking(true)?;
    // The address says no protocol, which leaves that of the socket.
    bind(socket.as_raw_fd(), address)?;
    join(&socket, address, group)?;
    UnixDatagram::from_std(socket.into())
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
