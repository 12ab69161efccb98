//! DHCP: a packet by itself, and the server's core under packets of several clients, a disk that works or does not, time,
//! and its own end. Packets are written and answers read octet by octet here.

mod packet;
mod said;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use offhook::config::dhcp::{Clients, Subnet};
use offhook::dhcp::lease::{Lease, LeaseState};
use offhook::dhcp::reply::Reply;
use offhook::dhcp::server::{Arrival, Commit, Link, Outcome, Server, Settings};
use offhook::dhcp::squatters::Answerer;
use offhook::dhcp::wire::Raw;
use offhook::domain::MacAddr;
pub use packet::packet;
use said::Said;

const OWN: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const RELAY: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 200);
const RESERVED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 105);
/// Whose that is.
const RESERVER: usize = 5;
/// Clients from here on are assigned phones.
const KNOWN: usize = 6;
const CLASSES: [&[u8]; 3] = [b"Cisco Systems, Inc. IP Phone CP-7960G\0", b"Cisco Systems, Inc.", b"MSFT 5.0"];

fn octets(of: usize) -> [u8; 6] {
    [0x00, 0x1b, 0x54, 0xce, 0x00, u8::try_from(of).expect("few clients")]
}

fn subnet(network: &str, first: Ipv4Addr, last: Ipv4Addr, router: Ipv4Addr) -> Subnet {
    Subnet {
        network: network.parse().expect("a network"),
        pool: first..=last,
        router: Some(router),
        dns: vec![[192, 0, 2, 53].into()],
        domain: Some("phones.example".to_owned()),
        lease: Duration::from_hours(1),
        clients: None,
        others: 40,
        relays: Vec::new(),
    }
}

fn settings(first: u8) -> Settings {
    Settings {
        clients: if first & 1 == 0 { Clients::Phones } else { Clients::All },
        subnets: vec![
            subnet("192.0.2.0/24", [192, 0, 2, 100].into(), [192, 0, 2, 107].into(), [192, 0, 2, 103].into()),
            subnet("198.51.100.0/24", [198, 51, 100, 100].into(), [198, 51, 100, 103].into(), RELAY),
        ],
        reservations: BTreeMap::from([(MacAddr::new(octets(RESERVER)).expect("a phone's"), RESERVED)]),
        tftp: None,
        ntp: Some(OWN),
        ntp_here: false,
        trusted_circuit: first & 2 == 0,
        zone: None,
    }
}

/// What a client knows.
#[derive(Clone, Copy, Default)]
struct Client {
    /// What it said last; answers to something earlier are not taken.
    xid: u32,
    offered: Option<Ipv4Addr>,
}

/// A packet to be.
#[derive(Clone, Copy)]
struct Ask {
    of: usize,
    kind: u8,
    /// Vendor class, relay, option 82, lease, size of answers.
    how: u8,
    ciaddr: Option<Ipv4Addr>,
    wish: Option<Ipv4Addr>,
    server: Option<Ipv4Addr>,
}

struct Bench {
    settings: Settings,
    server: Server,
    now: Timestamp,
    xid: u32,
    clients: [Client; 8],
    own: Vec<Ipv4Addr>,
    /// Who uses an address by what he was told, and until when.
    told: HashMap<Ipv4Addr, (usize, Timestamp)>,
    /// Addresses that somebody was found at, by what is on the disk.
    declined: HashMap<Ipv4Addr, Timestamp>,
    /// What waits for the disk, what is being written, what the disk has.
    changes: Vec<Commit>,
    writing: Vec<Commit>,
    failing: bool,
    /// In the order of writing.
    disk: Vec<Lease>,
    /// Offered, and asked for.
    probed: Vec<Ipv4Addr>,
}

impl Bench {
    fn ask(&mut self, ask: Ask) {
        self.xid += 1;
        self.clients[ask.of].xid = self.xid;
        let relayed = ask.how & 4 != 0;
        let mut packet = vec![0; 240];
        packet[..4].copy_from_slice(&[1, 1, 6, u8::from(relayed)]);
        packet[4..8].copy_from_slice(&self.xid.to_be_bytes());
        packet[12..16].copy_from_slice(&ask.ciaddr.unwrap_or(Ipv4Addr::UNSPECIFIED).octets());
        packet[28..34].copy_from_slice(&octets(ask.of));
        packet[236..].copy_from_slice(&[99, 130, 83, 99]);
        let mut option = |code: u8, value: &[u8]| {
            packet.extend([code, u8::try_from(value.len()).expect("short")]);
            packet.extend(value);
        };
        option(53, &[ask.kind]);
        if let Some(class) = CLASSES.get(usize::from(ask.how & 3)) {
            option(60, class);
        }
        for (code, ip) in [(50, ask.wish), (54, ask.server)] {
            if let Some(ip) = ip {
                option(code, &ip.octets());
            }
        }
        if ask.how & 8 != 0 {
            option(82, &[1, 3, 7, 8, 9]);
        }
        if ask.how & 16 != 0 {
            option(51, &[0, 0, 1, 0]);
        }
        if ask.how & 32 != 0 {
            option(57, &[2, 64]);
        }
        packet.push(255);
        let (source, destination) = if relayed {
            packet[24..28].copy_from_slice(&RELAY.octets());
            (RELAY, OWN)
        } else if ask.how & 64 != 0 && ask.ciaddr.is_some() {
            (ask.ciaddr.unwrap_or(Ipv4Addr::UNSPECIFIED), OWN)
        } else {
            (ask.ciaddr.unwrap_or(Ipv4Addr::UNSPECIFIED), Ipv4Addr::BROADCAST)
        };
        self.deliver(&packet, source, destination);
    }

    fn deliver(&mut self, packet: &[u8], source: Ipv4Addr, destination: Ipv4Addr) {
        let link = Link { name: "eth1".to_owned(), index: 2, addresses: vec!["192.0.2.1/24".parse().expect("a net")] };
        let at = Arrival { link: &link, source: SocketAddrV4::new(source, 68), destination };
        let known = |mac: MacAddr| (KNOWN..8).any(|of| mac.octets() == octets(of));
        match self.server.receive(packet, &at, known, self.now) {
            Outcome::Drop(_) | Outcome::Overheard { .. } => {}
            Outcome::Send(reply) | Outcome::Refuse { reply, .. } => {
                let said = self.said(packet, &reply);
                assert!(said.yiaddr.is_unspecified(), "an address that is neither offered nor written down");
            }
            Outcome::Offer { ip, mac, new, reply, .. } => {
                let said = self.said(packet, &reply);
                assert_eq!((said.kind, said.yiaddr, said.mac), (2, ip, mac.octets()));
                assert!(self.others(ip, said.mac).is_none(), "{ip} is offered, and is somebody's");
                assert!(self.declined.get(&ip).is_none_or(|until| *until <= self.now), "{ip} was declined");
                if let Some(of) = client(said.mac) {
                    self.clients[of].offered = Some(ip);
                }
                if new && !self.probed.contains(&ip) {
                    self.probed.push(ip);
                }
            }
            Outcome::Commit(commit) => {
                if let Some(reply) = &commit.reply {
                    let said = self.said(packet, reply);
                    assert_eq!((said.kind, said.yiaddr, said.mac), (5, commit.lease.ip, commit.lease.mac.octets()));
                    assert!(commit.lease.active(self.now));
                }
                self.changes.push(*commit);
            }
        }
    }

    /// Whose an address is, other than his.
    fn others(&self, ip: Ipv4Addr, mac: [u8; 6]) -> Option<usize> {
        let (of, until) = self.told.get(&ip)?;
        (*until > self.now && octets(*of) != mac).then_some(*of)
    }

    /// What holds of every answer.
    fn said(&self, request: &[u8], reply: &Reply) -> Said {
        let asked = Raw::read(request).expect("what is answered was read");
        let said = Said::read(&reply.bytes);
        let limit = asked.option(57).and_then(|value| value.try_into().ok()).map_or(576, u16::from_be_bytes);
        assert!(
            (300..=usize::from(limit.clamp(576, 1_500)) - 28).contains(&reply.bytes.len()),
            "{}",
            reply.bytes.len()
        );
        assert_eq!((said.xid, said.mac, said.giaddr), (asked.xid, asked.mac, asked.giaddr));
        assert!([2, 5, 6].contains(&said.kind) && said.server == Some(OWN), "{} {:?}", said.kind, said.server);
        let circuit = asked.option(82).filter(|value| !value.is_empty());
        assert_eq!(said.last.as_deref(), circuit, "option 82 comes back, and last");
        assert!(said.leased != said.yiaddr.is_unspecified(), "a lease of an address, and of nothing else");
        if said.leased {
            let pooled = self.settings.subnets.iter().any(|subnet| {
                subnet.pools(said.yiaddr) && subnet.router != Some(said.yiaddr) && said.yiaddr != RESERVED
            });
            let reserved = said.yiaddr == RESERVED && said.mac == octets(RESERVER);
            assert!((pooled || reserved) && !self.own.contains(&said.yiaddr), "{} is given", said.yiaddr);
        }
        said
    }

    fn tell(&mut self, lease: &Lease, reply: &Reply) {
        let said = Said::read(&reply.bytes);
        assert!(self.others(lease.ip, said.mac).is_none(), "{} has two users", lease.ip);
        if let Some(of) = client(said.mac).filter(|of| self.clients[*of].xid == said.xid) {
            self.told.insert(lease.ip, (of, lease.ends));
        }
    }

    /// What the disk was given is on it, or is not; as the daemon's edge does it.
    fn written(&mut self, well: bool) {
        if well && std::mem::replace(&mut self.failing, !well) {
            let active = self.server.again(|lease| lease.active(self.now));
            self.changes.extend(active);
        }
        self.failing = !well;
        for commit in std::mem::take(&mut self.writing) {
            let lease = commit.lease.clone();
            let reply = if well {
                self.disk.retain(|row| row.ip != lease.ip && Some(row.ip) != commit.left);
                self.disk.push(lease.clone());
                self.declined.remove(&lease.ip);
                if lease.state == LeaseState::Declined {
                    self.declined.insert(lease.ip, lease.ends);
                }
                let holds = self.server.wrote(&commit);
                commit.reply.filter(|_| holds)
            } else {
                self.server.failed(commit, self.now)
            };
            if let Some(reply) = reply {
                self.tell(&lease, &reply);
            }
        }
    }

    /// Killed, and started again with what the disk has. What was said while nothing could be written is not known.
    fn restart(&mut self) {
        (self.changes, self.writing, self.failing) = (Vec::new(), Vec::new(), false);
        self.probed.clear();
        let disk = &self.disk;
        let row = |ip: &Ipv4Addr| disk.iter().find(|lease| lease.ip == *ip);
        self.told.retain(|ip, (of, until)| {
            let kept = row(ip).filter(|lease| lease.mac.octets() == octets(*of));
            *until = kept.map_or(*until, |lease| lease.ends.min(*until));
            kept.is_some_and(|lease| lease.state == LeaseState::Bound)
        });
        self.declined.retain(|ip, until| {
            let kept = row(ip).filter(|lease| lease.state == LeaseState::Declined);
            *until = kept.map_or(*until, |lease| lease.ends.min(*until));
            kept.is_some()
        });
        self.server = Server::new(self.settings.clone(), &self.own, disk.clone(), self.now);
    }

    /// The wall clock was put.
    fn put(&mut self, by: SignedDuration) {
        self.now += by;
        self.told.values_mut().for_each(|(_, until)| *until += by);
        self.declined.values_mut().for_each(|until| *until += by);
        self.server.shift(by, self.now);
        self.changes.extend(self.server.again(|_| true));
    }

    fn check(&mut self) {
        assert!(self.server.notices().len() <= 64);
        let mut seen = HashSet::new();
        for lease in self.server.leases().all() {
            let subnet = self.settings.subnets.iter().find(|subnet| subnet.network.contains(&lease.ip));
            let subnet = subnet.expect("a lease is in a network of ours");
            let twice = lease.state == LeaseState::Bound && !seen.insert((subnet.network, lease.mac));
            assert!(!twice, "{} has two addresses", lease.mac);
            let usage = self.server.leases().usage(subnet);
            assert!(usage.used <= usage.size, "{usage:?}");
        }
    }
}

fn client(mac: [u8; 6]) -> Option<usize> {
    (0..8).find(|of| octets(*of) == mac)
}

/// The server's core: each command is a byte, with what it needs behind it.
pub fn server(data: &[u8]) {
    let mut rest = data.iter().copied();
    let mut next = move || rest.next();
    let Some(first) = next() else { return };
    let settings = settings(first);
    let now = Timestamp::from_second(1_000_000_000).expect("a time");
    let own = vec![OWN];
    let mut bench = Bench {
        server: Server::new(settings.clone(), &own, Vec::new(), now),
        settings,
        now,
        xid: 0,
        clients: [Client::default(); 8],
        own,
        told: HashMap::new(),
        declined: HashMap::new(),
        changes: Vec::new(),
        writing: Vec::new(),
        failing: false,
        disk: Vec::new(),
        probed: Vec::new(),
    };
    while let (Some(command), Some(argument)) = (next(), next()) {
        let of = usize::from(command >> 4) % 8;
        let ask = Ask { of, kind: 1, how: argument, ciaddr: None, wish: None, server: None };
        let somewhere = |place: u8| {
            let last = 100 + place % 9;
            if place & 128 == 0 { Ipv4Addr::new(192, 0, 2, last) } else { Ipv4Addr::new(198, 51, 100, last) }
        };
        let mut has = bench.told.iter().filter(|(_, (who, until))| *who == of && *until > bench.now);
        let has = has.next().map(|(ip, _)| *ip);
        match command % 16 {
            0 => bench.ask(ask),
            1 => bench.ask(Ask { wish: next().map(somewhere), ..ask }),
            // Who asks for an address like this uses none.
            2 => {
                if let Some(wish) = bench.clients[of].offered {
                    bench.told.retain(|ip, (who, _)| *who != of || *ip == wish);
                    bench.ask(Ask { kind: 3, wish: Some(wish), server: Some(OWN), ..ask });
                }
            }
            3 => {
                if let Some(wish) = next().map(somewhere) {
                    bench.told.retain(|ip, (who, _)| *who != of || *ip == wish);
                    bench.ask(Ask { kind: 3, wish: Some(wish), ..ask });
                }
            }
            4 if has.is_some() => bench.ask(Ask { kind: 3, ciaddr: has, ..ask }),
            5 => {
                if let Some(ip) = has.or(bench.clients[of].offered.take()) {
                    bench.told.retain(|_, (who, _)| *who != of);
                    bench.ask(Ask { kind: 4, wish: Some(ip), server: Some(OWN), ..ask });
                }
            }
            6 if has.is_some() => {
                bench.told.retain(|_, (who, _)| *who != of);
                bench.ask(Ask { kind: 7, ciaddr: has, server: Some(OWN), ..ask });
            }
            7 => bench.ask(Ask { kind: 8, ciaddr: has.or(Some(somewhere(argument))), ..ask }),
            // Another server's offer is taken.
            8 => {
                bench.told.retain(|_, (who, _)| *who != of);
                bench.ask(Ask { kind: 3, wish: Some(somewhere(argument)), server: Some(OTHER), ..ask });
            }
            9 | 10 => {
                let unit = if command % 16 == 9 { 1 } else { 60 };
                bench.now += SignedDuration::from_secs(i64::from(argument) * unit);
                bench.probed.clear();
                bench.server.own(bench.own.clone());
                bench.server.tick(bench.now);
            }
            11 if bench.writing.is_empty() => bench.writing = std::mem::take(&mut bench.changes),
            11 => bench.written(argument % 4 != 0),
            12 => {
                if let Some(ip) = bench.probed.pop() {
                    let by = MacAddr::new(octets(99)).expect("a host's");
                    let who = if argument & 1 == 0 { Answerer::Host(by) } else { Answerer::Behind(OTHER) };
                    let taken = bench.server.taken(ip, who, by, bench.now);
                    bench.changes.extend(taken);
                }
            }
            // As the daemon does it: what is on its way has the times of one clock.
            13 if bench.changes.is_empty() && bench.writing.is_empty() => {
                bench.put(SignedDuration::from_secs(i64::from(argument) * 60 - 7_200));
            }
            14 if argument & 1 == 0 => bench.restart(),
            14 => {
                let ip = somewhere(argument >> 1);
                if let Some(at) = bench.own.iter().skip(1).position(|own| *own == ip) {
                    bench.own.remove(at + 1);
                } else if ip != RESERVED && ip != OWN {
                    bench.own.push(ip);
                    bench.told.remove(&ip);
                }
                bench.server.own(bench.own.clone());
            }
            // Whatever a stranger sends, in nobody's name of these.
            15 => {
                let length = usize::from(argument) * 4;
                let mut packet: Vec<u8> = std::iter::from_fn(&mut next).take(length).collect();
                if let Some(mac) = packet.get_mut(28..34) {
                    mac.copy_from_slice(&octets(50));
                }
                let (source, destination) = [
                    (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST),
                    (RELAY, OWN),
                    (somewhere(argument), OWN),
                    (OTHER, Ipv4Addr::BROADCAST),
                ][of % 4];
                bench.deliver(&packet, source, destination);
            }
            _ => {}
        }
        bench.check();
    }
}
