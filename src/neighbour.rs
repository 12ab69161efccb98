//! The kernel's tables of neighbours and routes: whose hardware address answers for an address on a link of this host. An
//! edge; read for a phone that cannot say who it is, never per packet. By netlink: rtnetlink(7).

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState};
use netlink_packet_route::neighbour_table::{NeighbourTableAttribute, NeighbourTableMessage};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};

use crate::domain::MacAddr;

/// From so many addresses on, a hardware address is that of a router, or of who does as one (proxy ARP, a wireless
/// controller): who is behind it is not known. Two are a phone's that has just moved from one to the other.
const SEVERAL: usize = 3;

/// Whose address that is, where it is on a link of ours and one host answers for it.
pub fn at(ip: Ipv4Addr) -> Option<MacAddr> {
    owner(&entries(), ip)
}

/// Everybody who is known on a link of ours, with nothing said of who answers for several.
pub fn all() -> HashMap<Ipv4Addr, MacAddr> {
    entries().into_iter().collect()
}

fn entries() -> Vec<(Ipv4Addr, MacAddr)> {
    neighbours().unwrap_or_default().iter().filter_map(entry).collect()
}

/// Whether that address is on a link of ours, with no router before it; `None` where no route leads there.
pub fn on_link(ip: Ipv4Addr) -> Option<bool> {
    let mut route = RouteMessage::default();
    route.header.address_family = AddressFamily::Inet;
    route.header.destination_prefix_length = 32;
    route.attributes.push(RouteAttribute::Destination(RouteAddress::Inet(ip)));
    ask(RouteNetlinkMessage::GetRoute(route), 0).ok()?.iter().find_map(|answer| match answer {
        RouteNetlinkMessage::NewRoute(route) => {
            let routed = |attribute: &RouteAttribute| {
                matches!(attribute, RouteAttribute::Gateway(_) | RouteAttribute::Via(_) | RouteAttribute::MultiPath(_))
            };
            Some(route.header.kind == RouteType::Unicast && !route.attributes.iter().any(routed))
        }
        _ => None,
    })
}

/// How full the kernel's table of IPv4 neighbours is. It is one for all networks of a host, containers included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Entries that are there and count: those that somebody set for good do not.
    pub entries: u32,
    /// How many there may be: `net.ipv4.neigh.default.gc_thresh3`.
    pub limit: u32,
}

impl Fill {
    /// More than four fifths (F33): beyond the limit hosts are not reached at all.
    pub fn nearly_full(self) -> bool {
        u64::from(self.entries) * 5 > u64::from(self.limit) * 4
    }
}

/// How full the table is; `None` where the kernel does not say.
pub fn fill() -> Option<Fill> {
    let neighbours = neighbours().ok()?;
    let permanent = neighbours.iter().filter(|answer| {
        matches!(answer, RouteNetlinkMessage::NewNeighbour(entry) if entry.header.state == NeighbourState::Permanent)
    });
    let permanent = u32::try_from(permanent.count()).unwrap_or(u32::MAX);
    let mut tables = NeighbourTableMessage::default();
    tables.header.family = AddressFamily::Inet;
    let answers = ask(RouteNetlinkMessage::GetNeighbourTable(tables), NLM_F_DUMP).ok()?;
    answers.iter().find_map(|answer| {
        let RouteNetlinkMessage::NewNeighbourTable(table) = answer else { return None };
        // The same table comes again for each interface, without these.
        let (mut entries, mut limit) = (None, None);
        for attribute in &table.attributes {
            match attribute {
                NeighbourTableAttribute::Config(config) => entries = Some(config.entries),
                NeighbourTableAttribute::Threshold3(most) => limit = Some(*most),
                _ => {}
            }
        }
        Some(Fill { entries: entries?.saturating_sub(permanent), limit: limit? })
    })
}

/// All entries for IPv4, as the kernel gives them.
fn neighbours() -> io::Result<Vec<RouteNetlinkMessage>> {
    let mut all = NeighbourMessage::default();
    all.header.family = AddressFamily::Inet;
    ask(RouteNetlinkMessage::GetNeighbour(all), NLM_F_DUMP)
}

/// An entry that the kernel holds for true: an address, and who answers there. Neither one that failed, nor one that waits
/// for its answer, nor what needs none.
fn entry(answer: &RouteNetlinkMessage) -> Option<(Ipv4Addr, MacAddr)> {
    let RouteNetlinkMessage::NewNeighbour(entry) = answer else { return None };
    let known = matches!(
        entry.header.state,
        NeighbourState::Reachable
            | NeighbourState::Stale
            | NeighbourState::Delay
            | NeighbourState::Probe
            | NeighbourState::Permanent
    );
    let (mut ip, mut mac) = (None, None);
    for attribute in entry.attributes.iter().filter(|_| known) {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) => ip = Some(*address),
            // Six octets are Ethernet's; other links have longer ones.
            NeighbourAttribute::LinkLayerAddress(octets) => mac = <[u8; 6]>::try_from(octets.as_slice()).ok(),
            _ => {}
        }
    }
    Some((ip?, MacAddr::new(mac?).ok()?))
}

/// Whose that address is, where two links do not say two things and it is not one of several behind a router.
fn owner(entries: &[(Ipv4Addr, MacAddr)], ip: Ipv4Addr) -> Option<MacAddr> {
    let mut owners = entries.iter().filter(|(at, _)| *at == ip).map(|(_, mac)| *mac);
    let mac = owners.next()?;
    let contested = owners.any(|other| other != mac);
    let several = entries.iter().filter(|(_, owner)| *owner == mac).count() >= SEVERAL;
    (!contested && !several).then_some(mac)
}

/// Room for what the kernel puts into one datagram (32 KiB of a dump).
const ANSWER: usize = 64 * 1024;

/// Asks the kernel. Returns all of its answer.
fn ask(question: RouteNetlinkMessage, flags: u16) -> io::Result<Vec<RouteNetlinkMessage>> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | flags;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(question));
    message.finalize();
    let mut octets = vec![0; message.buffer_len()];
    message.serialize(&mut octets);
    socket.send(&octets, 0)?;
    let mut answers = Vec::new();
    // The kernel ends a dump by a word of its own; it answers to each read at once.
    loop {
        let mut datagram = Vec::with_capacity(ANSWER);
        socket.recv(&mut datagram, 0)?;
        let mut rest = datagram.as_slice();
        while !rest.is_empty() {
            let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest).map_err(io::Error::other)?;
            match message.payload {
                NetlinkPayload::InnerMessage(answer) => answers.push(answer),
                NetlinkPayload::Error(why) if why.code.is_some() => return Err(why.to_io()),
                _ => return Ok(answers),
            }
            // Messages begin at multiples of four; one that says no length is the last.
            let length =
                usize::try_from(message.header.length).ok().and_then(|length| length.checked_next_multiple_of(4));
            rest = length.filter(|length| *length > 0).and_then(|length| rest.get(length..)).unwrap_or_default();
        }
        if flags & NLM_F_DUMP == 0 {
            return Ok(answers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mac(last: u8) -> MacAddr {
        MacAddr::new([0x00, 0x1b, 0x54, 0xaa, 0xbb, last]).unwrap()
    }

    fn ip(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 1, 0, last)
    }

    #[test]
    fn who_answers_for_an_address() {
        let table: Vec<_> = [(5, 5), (7, 7), (8, 7), (10, 1), (11, 1), (12, 1), (14, 14), (14, 15), (16, 16), (16, 16)]
            .map(|(address, owner)| (ip(address), mac(owner)))
            .into();
        for (address, expected) in [
            (5, Some(5)),
            // A phone's address before and after it moved.
            (7, Some(7)),
            (8, Some(7)),
            (10, None),
            (12, None),
            // Two links, two hosts.
            (14, None),
            (16, Some(16)),
            (99, None),
        ] {
            assert_eq!(owner(&table, ip(address)), expected.map(mac), "10.1.0.{address}");
        }
        assert_eq!(owner(&[], ip(5)), None);
    }

    #[test]
    fn what_the_kernel_holds_for_true() {
        let entry_of = |state, octets: &[u8]| {
            let mut message = NeighbourMessage::default();
            message.header.family = AddressFamily::Inet;
            message.header.state = state;
            message.attributes = vec![
                NeighbourAttribute::Destination(NeighbourAddress::Inet(ip(5))),
                NeighbourAttribute::LinkLayerAddress(octets.to_vec()),
            ];
            entry(&RouteNetlinkMessage::NewNeighbour(message))
        };
        let octets = mac(5).octets();
        for state in [
            NeighbourState::Reachable,
            NeighbourState::Stale,
            NeighbourState::Delay,
            NeighbourState::Probe,
            NeighbourState::Permanent,
        ] {
            assert_eq!(entry_of(state, &octets), Some((ip(5), mac(5))), "{state}");
        }
        for state in [NeighbourState::Failed, NeighbourState::Incomplete, NeighbourState::Noarp, NeighbourState::None] {
            assert_eq!(entry_of(state, &octets), None, "{state}");
        }
        // No address of Ethernet, and none at all.
        assert_eq!(entry_of(NeighbourState::Reachable, &[7; 20]), None);
        assert_eq!(entry_of(NeighbourState::Reachable, &[0; 6]), None);
    }

    /// F33.
    #[test]
    fn f33_a_table_that_is_nearly_full() {
        for (entries, limit, nearly) in [(0, 0, false), (819, 1_024, false), (820, 1_024, true), (u32::MAX, 1, true)] {
            assert_eq!(Fill { entries, limit }.nearly_full(), nearly, "{entries} of {limit}");
        }
    }

    /// Loopback has no hardware addresses, and is this host's own.
    #[test]
    fn the_tables_of_this_host() {
        assert_eq!(at(Ipv4Addr::LOCALHOST), None);
        assert_eq!(on_link(Ipv4Addr::LOCALHOST), Some(false));
        let fill = fill().unwrap();
        assert!(fill.limit >= 1, "{fill:?}");
    }
}
