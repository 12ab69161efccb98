//! The kernel's tables of neighbours and routes: whose hardware address answers for an address on a link of this host. An
//! edge; read for a phone that cannot say who it is, never per packet. By netlink: rtnetlink(7).

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState};
use netlink_packet_route::neighbour_table::{NeighbourTableAttribute, NeighbourTableMessage};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use tokio::net::UdpSocket;

use crate::access::rule::Neighbour;
use crate::domain::MacAddr;

/// From so many addresses on, a hardware address is that of a router, or of who does as one (proxy ARP, a wireless
/// controller): who is behind it is not known. Two are a phone's that has just moved from one to the other.
const SEVERAL: usize = 3;

/// What nobody listens on (RFC 863): a datagram to it makes the kernel look for the host.
pub const DISCARD: u16 = 9;

/// Between two looks whether a host answered, in milliseconds: 200 in all. On the same network it does within one.
const LOOKS: [u64; 6] = [1, 4, 15, 30, 50, 100];

/// A host on a link of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its hardware address.
    pub mac: MacAddr,
    /// It was there within the last half minute or so (base_reachable_time, arp(7)); else the table may be remembering one
    /// that has gone.
    pub reachable: bool,
}

/// Who is at that address, as the kernel knows it.
pub fn at(ip: Ipv4Addr) -> Neighbour {
    let Ok(answers) = neighbours() else { return Neighbour::Unknown };
    let macs = answers.iter().filter_map(entry).map(|(ip, host)| (ip, host.map(|host| host.mac)));
    owner(&macs.collect::<Vec<_>>(), gateways, ip)
}

/// The routers that this host sends to.
fn gateways() -> Vec<Ipv4Addr> {
    let mut all = RouteMessage::default();
    all.header.address_family = AddressFamily::Inet;
    let answers = ask(RouteNetlinkMessage::GetRoute(all), NLM_F_DUMP).unwrap_or_default();
    let routes = answers.into_iter().filter_map(|answer| match answer {
        RouteNetlinkMessage::NewRoute(route) => Some(route.attributes),
        _ => None,
    });
    let gateway = |attribute| match attribute {
        RouteAttribute::Gateway(RouteAddress::Inet(ip)) => Some(ip),
        _ => None,
    };
    routes.flatten().filter_map(gateway).collect()
}

/// Has the kernel find out who is at that address. Returns once it is known, or nobody answered for 200 ms.
pub async fn resolve(ip: Ipv4Addr) {
    let Ok(socket) = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await else { return };
    // What cannot be sent is not answered.
    let _ = socket.send_to(&[], (ip, DISCARD)).await;
    for wait in LOOKS {
        tokio::time::sleep(Duration::from_millis(wait)).await;
        if matches!(at(ip), Neighbour::Is(_) | Neighbour::Several(_)) {
            return;
        }
    }
}

/// Everybody who is known on a link of ours, with nothing said of who answers for several.
pub fn all() -> HashMap<Ipv4Addr, Host> {
    let answers = neighbours().unwrap_or_default();
    answers.iter().filter_map(entry).filter_map(|(ip, host)| Some((ip, host?))).collect()
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

/// An entry that says something: an address, and who answers there; `None` = nobody does, or did so far. Neither one that
/// needs no answer, nor one of another kind of link.
fn entry(answer: &RouteNetlinkMessage) -> Option<(Ipv4Addr, Option<Host>)> {
    let RouteNetlinkMessage::NewNeighbour(entry) = answer else { return None };
    let known = match entry.header.state {
        NeighbourState::Reachable
        | NeighbourState::Stale
        | NeighbourState::Delay
        | NeighbourState::Probe
        | NeighbourState::Permanent => true,
        NeighbourState::Incomplete | NeighbourState::Failed => false,
        _ => return None,
    };
    let (mut ip, mut mac) = (None, None);
    for attribute in &entry.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) => ip = Some(*address),
            // Six octets are Ethernet's; other links have longer ones.
            NeighbourAttribute::LinkLayerAddress(octets) => mac = <[u8; 6]>::try_from(octets.as_slice()).ok(),
            _ => {}
        }
    }
    let reachable = entry.header.state == NeighbourState::Reachable;
    let host = if known { Some(Host { mac: MacAddr::new(mac?).ok()?, reachable }) } else { None };
    Some((ip?, host))
}

/// Who is there, where two links do not say two things and it is neither a router nor one of several behind one.
fn owner(entries: &[(Ipv4Addr, Option<MacAddr>)], gateways: impl FnOnce() -> Vec<Ipv4Addr>, ip: Ipv4Addr) -> Neighbour {
    let here = || entries.iter().filter(|(at, _)| *at == ip).map(|(_, mac)| *mac);
    let mut owners = here().flatten();
    let Some(mac) = owners.next() else {
        return if here().next().is_some() { Neighbour::Unresolved } else { Neighbour::Unknown };
    };
    let contested = owners.any(|other| other != mac);
    let others = || entries.iter().filter(|(_, owner)| *owner == Some(mac)).map(|(at, _)| at);
    let router = || {
        let gateways = gateways();
        others().any(|at| gateways.contains(at))
    };
    if contested || router() {
        Neighbour::Several(None)
    } else if others().count() >= SEVERAL {
        Neighbour::Several(Some(mac))
    } else {
        Neighbour::Is(mac)
    }
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
        let table: Vec<_> = [
            (5, Some(5)),
            // A phone's address before and after it moved.
            (7, Some(7)),
            (8, Some(7)),
            (10, Some(1)),
            (11, Some(1)),
            (12, Some(1)),
            // Two links, two hosts.
            (14, Some(14)),
            (14, Some(15)),
            (16, Some(16)),
            (16, Some(16)),
            (18, None),
            // Nobody on one link, and somebody on the other.
            (20, None),
            (20, Some(20)),
            // A router of ours, and who is behind it.
            (30, Some(30)),
            (31, Some(30)),
        ]
        .map(|(address, owner)| (ip(address), owner.map(mac)))
        .into();
        let is = |last| Neighbour::Is(mac(last));
        for (address, expected) in [
            (5, is(5)),
            (7, is(7)),
            (8, is(7)),
            (10, Neighbour::Several(Some(mac(1)))),
            (12, Neighbour::Several(Some(mac(1)))),
            (14, Neighbour::Several(None)),
            (16, is(16)),
            (18, Neighbour::Unresolved),
            (20, is(20)),
            (30, Neighbour::Several(None)),
            (31, Neighbour::Several(None)),
            (99, Neighbour::Unknown),
        ] {
            assert_eq!(owner(&table, || vec![ip(30)], ip(address)), expected, "10.1.0.{address}");
        }
        assert_eq!(owner(&[], Vec::new, ip(5)), Neighbour::Unknown);
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
            let reachable = state == NeighbourState::Reachable;
            assert_eq!(entry_of(state, &octets), Some((ip(5), Some(Host { mac: mac(5), reachable }))), "{state}");
        }
        for state in [NeighbourState::Failed, NeighbourState::Incomplete] {
            assert_eq!(entry_of(state, &octets), Some((ip(5), None)), "{state}");
        }
        for state in [NeighbourState::Noarp, NeighbourState::None] {
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
        assert_eq!(at(Ipv4Addr::LOCALHOST), Neighbour::Unknown);
        assert_eq!(on_link(Ipv4Addr::LOCALHOST), Some(false));
        let fill = fill().unwrap();
        assert!(fill.limit >= 1, "{fill:?}");
    }
}
