//! A49 to A51: sources that no client has, requests to all, and packets that the kernel judges. Packets are put together
//! by hand, which takes the right to (root has it).

use std::cell::RefCell;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::a::{Ground, on_ground};
use super::rrq;
use crate::support::{Component, free_port, have};

/// A row of this file.
pub(super) struct Row {
    pub(super) id: &'static str,
    input: &'static str,
    play: fn(&Ground<'_>, &Wire<'_>),
}

pub(super) const ROWS: &[Row] = &[
    Row { id: "A49", input: "from port 0, 7, 9, 19, 67, 69", play: from_ports_of_services },
    Row { id: "A49", input: "from broadcast and multicast", play: from_addresses_of_nobody },
    Row { id: "A50", input: "to a broadcast address", play: to_a_broadcast_address },
    Row { id: "A50", input: "to a multicast address", play: to_a_multicast_address },
    Row { id: "A51", input: "in fragments", play: in_fragments },
    Row { id: "A51", input: "the first fragment alone", play: the_first_fragment_alone },
    Row { id: "A51", input: "a wrong checksum", play: a_wrong_checksum },
];

/// A group of no protocol.
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 77, 1);

/// The broadcast address of loopback.
const ALL: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 255);

#[test]
fn a49_to_a51_what_only_the_wire_shows() {
    judge(|_| {});
}

/// Plays the rows; `then` looks at the daemon before it ends.
pub(super) fn judge(then: impl FnOnce(&Ground<'_>)) {
    if !have(&[Component::RawPackets]) {
        return;
    }
    let (all, group) = (SocketAddrV4::new(ALL, free_port()), SocketAddrV4::new(GROUP, free_port()));
    let silent = RefCell::new(Vec::new());
    on_ground("A49 to A51", 6, &format!(", \"{all}\", \"{group}\""), |ground| {
        let SocketAddr::V4(server) = ground.daemon.tftp else { panic!("IPv4") };
        // 255: what is sent is an IP packet with its header.
        let out = raw(255);
        out.set_header_included_v4(true).unwrap();
        let wire = Wire { server, all, group, out, silent: &silent };
        for row in ROWS {
            println!("{} ({})", row.id, row.input);
            (row.play)(ground, &wire);
        }
        then(ground);
    });
    for (what, socket) in silent.into_inner() {
        assert_eq!(came(&socket), None, "{what} is answered");
    }
}

fn raw(protocol: i32) -> Socket {
    Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(protocol))).unwrap()
}

/// A datagram that is there, if any. A raw socket shows what others send to its address, too: that is passed over.
fn came(mut socket: &Socket) -> Option<Vec<u8>> {
    socket.set_nonblocking(true).unwrap();
    let raw = socket.r#type().unwrap() == Type::RAW;
    let mut buffer = [0; 2_048];
    loop {
        let size = socket.read(&mut buffer).ok()?;
        if !raw || buffer[12..16] == Ipv4Addr::LOCALHOST.octets() {
            return Some(buffer[..size].to_vec());
        }
    }
}

/// Packets as they are.
struct Wire<'a> {
    server: SocketAddrV4,
    all: SocketAddrV4,
    group: SocketAddrV4,
    out: Socket,
    /// Sockets that may have got nothing when the daemon has ended.
    silent: &'a RefCell<Vec<(String, Socket)>>,
}

impl Wire<'_> {
    /// Sends a piece of a datagram's bytes, from `offset` on; whether more follow.
    fn send(&self, from: Ipv4Addr, bytes: &[u8], identity: u16, offset: usize, more: bool) {
        let mut packet = vec![0x45, 0, 0, 0];
        packet.extend_from_slice(&identity.to_be_bytes());
        let flags = u16::try_from(offset / 8).unwrap() | if more { 0x2000 } else { 0 };
        packet.extend_from_slice(&flags.to_be_bytes());
        // Hops, UDP; the kernel fills in length and checksum of the header.
        packet.extend_from_slice(&[64, 17, 0, 0]);
        packet.extend_from_slice(&from.octets());
        packet.extend_from_slice(&self.server.ip().octets());
        packet.extend_from_slice(bytes);
        self.out.send_to(&packet, &SocketAddrV4::new(*self.server.ip(), 0).into()).unwrap();
    }

    /// A request that comes from there, whole; all that goes to that address is listened to.
    fn ask(&self, from: SocketAddrV4) -> Socket {
        let back = raw(17);
        back.bind(&SocketAddrV4::new(*from.ip(), 0).into()).unwrap();
        self.send(*from.ip(), &self.datagram(from, 0), 0, 0, false);
        back
    }

    /// A request as a UDP datagram with its checksum, or one that is wrong by `spoilt` (RFC 768).
    fn datagram(&self, from: SocketAddrV4, spoilt: u16) -> Vec<u8> {
        let payload = rrq("other.bin");
        let length = u16::try_from(8 + payload.len()).unwrap().to_be_bytes();
        let ports = [from.port().to_be_bytes(), self.server.port().to_be_bytes()].concat();
        let addresses = [from.ip().octets(), self.server.ip().octets()].concat();
        let summed = [&addresses, &[0, 17][..], &length, &ports, &length, &payload].concat();
        let word = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
        let mut sum: u32 = summed.chunks(2).map(word).sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        let checksum = !u16::try_from(sum).unwrap() ^ spoilt;
        [&ports[..], &length, &checksum.to_be_bytes(), &payload].concat()
    }

    fn stays_silent(&self, what: &str, socket: impl Into<Socket>) {
        self.silent.borrow_mut().push((what.to_owned(), socket.into()));
    }
}

/// The first block comes; then the transfer is ended.
fn is_answered(what: &str, socket: &UdpSocket) {
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut buffer = [0; 1_024];
    let (size, server) = socket.recv_from(&mut buffer).unwrap_or_else(|why| panic!("{what}: {why}"));
    assert_eq!((size, &buffer[..4]), (516, &[0, 3, 0, 1][..]), "{what}");
    socket.send_to(b"\0\x05\0\0\0", server).unwrap();
}

fn from_ports_of_services(ground: &Ground<'_>, wire: &Wire<'_>) {
    for port in [0, 7, 9, 19, 67, 69] {
        let what = format!("A49: a request from port {port}");
        let from = SocketAddrV4::new(ground.address(), port);
        ground.is_dropped(&what, "source", || wire.stays_silent(&what, wire.ask(from)));
    }
    // A packet made in the same way, from a port that a client has, is one.
    let (socket, from) = client(ground);
    wire.ask(from);
    is_answered("A49: a request from a client's port", &socket);
}

/// Over loopback the kernel brings such a packet to the daemon, which takes it from nobody. One of 127.0.0.0/8 from another
/// interface the kernel does not take.
fn from_addresses_of_nobody(ground: &Ground<'_>, wire: &Wire<'_>) {
    for source in [ALL, GROUP, Ipv4Addr::BROADCAST] {
        let what = format!("A49: a request from {source}");
        let from = SocketAddrV4::new(source, 50_000);
        ground.is_dropped(&what, "source", || wire.stays_silent(&what, wire.ask(from)));
    }
}

/// A client's socket that may send to all.
fn client(ground: &Ground<'_>) -> (UdpSocket, SocketAddrV4) {
    let socket = UdpSocket::bind((ground.address(), 0)).unwrap();
    socket.set_broadcast(true).unwrap();
    let SocketAddr::V4(from) = socket.local_addr().unwrap() else { panic!("IPv4") };
    (socket, from)
}

fn to_a_broadcast_address(ground: &Ground<'_>, wire: &Wire<'_>) {
    let (socket, _) = client(ground);
    let what = format!("A50: a request to {ALL}");
    ground.is_dropped(&what, "source", || assert!(socket.send_to(&rrq("other.bin"), wire.all).is_ok()));
    wire.stays_silent(&what, socket);
}

fn to_a_multicast_address(ground: &Ground<'_>, wire: &Wire<'_>) {
    let (socket, from) = client(ground);
    // Somebody on this host is a member of the group, so that the kernel delivers.
    let member = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    member.join_multicast_v4(&GROUP, &Ipv4Addr::LOCALHOST).unwrap();
    let socket = Socket::from(socket);
    socket.set_multicast_if_v4(from.ip()).unwrap();
    let what = format!("A50: a request to {GROUP}");
    let to = wire.group.into();
    ground.is_dropped(&what, "source", || assert!(socket.send_to(&rrq("other.bin"), &to).is_ok()));
    wire.stays_silent(&what, socket);
}

fn in_fragments(ground: &Ground<'_>, wire: &Wire<'_>) {
    let (socket, from) = client(ground);
    let datagram = wire.datagram(from, 0);
    let (first, rest) = datagram.split_at(16);
    wire.send(*from.ip(), rest, 0xa51, 16, false);
    wire.send(*from.ip(), first, 0xa51, 0, true);
    is_answered("A51: a request in fragments", &socket);
}

fn the_first_fragment_alone(ground: &Ground<'_>, wire: &Wire<'_>) {
    let (socket, from) = client(ground);
    wire.send(*from.ip(), &wire.datagram(from, 0)[..24], 0xa52, 0, true);
    wire.stays_silent("A51: the first fragment alone", socket);
}

fn a_wrong_checksum(ground: &Ground<'_>, wire: &Wire<'_>) {
    let (socket, from) = client(ground);
    wire.send(*from.ip(), &wire.datagram(from, 1), 0, 0, false);
    wire.stays_silent("A51: a request with a wrong checksum", socket);
    let (right, from) = client(ground);
    wire.send(*from.ip(), &wire.datagram(from, 0), 0, 0, false);
    is_answered("A51: the same with the right one", &right);
}
