//! Many DHCP clients behind one socket of a network of their own. Packets are written and answers read octet by octet here.

use std::collections::HashMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use socket2::{Domain, Protocol, Socket, Type};

use super::dice::Dice;

/// What a phone says that it is.
pub(crate) const CISCO: &[u8] = b"Cisco Systems, Inc. IP Phone CP-7942G\0";

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;

/// A client's hardware address.
pub(crate) type Mac = [u8; 6];

/// An answer.
struct Heard {
    kind: u8,
    mac: Mac,
    ip: Ipv4Addr,
    server: [u8; 4],
}

/// The clients' end of a link.
pub(crate) struct Crowd {
    socket: UdpSocket,
    dice: Dice,
}

impl Crowd {
    /// Moves this thread into the network of a process, and listens there on `v1`, which is up. The thread stays there.
    pub(crate) fn enter(process: u32, seed: u64) -> Self {
        let there = std::fs::File::open(format!("/proc/{process}/ns/net")).unwrap();
        move_into_link_name_space(std::os::fd::AsFd::as_fd(&there), Some(LinkNameSpaceType::Network)).unwrap();
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind_device(Some(b"v1")).unwrap();
        socket.set_broadcast(true).unwrap();
        socket.bind(&std::net::SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 68).into()).unwrap();
        let socket = UdpSocket::from(socket);
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        Self { socket, dice: Dice::new(seed) }
    }

    /// A hardware address that nobody was given: a host's, administered locally.
    pub(crate) fn stranger(&mut self) -> Mac {
        let [.., a, b, c, d] = self.dice.below(1 << 32).to_be_bytes();
        [0x02, 0, a, b, c, d]
    }

    /// Asks for an address in somebody's name, and hears no answer.
    pub(crate) fn discover(&self, mac: Mac, class: Option<&[u8]>) {
        self.say(DISCOVER, mac, class, None);
    }

    fn say(&self, kind: u8, mac: Mac, class: Option<&[u8]>, choice: Option<&Heard>) {
        let mut packet = vec![0; 240];
        packet[..4].copy_from_slice(&[1, 1, 6, 0]);
        packet[4..8].copy_from_slice(&mac[2..]);
        packet[10] = 0x80;
        packet[28..34].copy_from_slice(&mac);
        packet[236..].copy_from_slice(&[99, 130, 83, 99]);
        packet.extend([53, 1, kind]);
        if let Some(heard) = choice {
            packet.extend([&[50, 4][..], &heard.ip.octets(), &[54, 4], &heard.server].concat());
        }
        if let Some(class) = class {
            packet.extend([60, u8::try_from(class.len()).unwrap()]);
            packet.extend(class);
        }
        packet.extend([55, 4, 1, 3, 66, 150, 255]);
        // A full queue is a lost packet, as on a wire.
        let _ = self.socket.send_to(&packet, (Ipv4Addr::BROADCAST, 67));
    }

    fn hear(&self) -> Option<Heard> {
        let mut packet = [0; 1_500];
        let length = self.socket.recv(&mut packet).ok()?;
        let packet = &packet[..length];
        if length < 240 || packet[0] != 2 {
            return None;
        }
        let option = |wanted: u8| {
            let mut at = 240;
            while packet.get(at).is_some_and(|code| *code != 255) {
                let value = &packet[at + 2..at + 2 + usize::from(packet[at + 1])];
                if packet[at] == wanted {
                    return Some(value);
                }
                at += 2 + value.len();
            }
            None
        };
        Some(Heard {
            kind: option(53)?[0],
            mac: packet[28..34].try_into().unwrap(),
            ip: Ipv4Addr::from(<[u8; 4]>::try_from(&packet[16..20]).unwrap()),
            server: option(54)?.try_into().ok()?,
        })
    }

    /// Waits for an offer to one that asks until it is answered.
    pub(crate) fn offered(&self, mac: Mac, class: Option<&[u8]>, patience: Duration) -> Option<Ipv4Addr> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            self.discover(mac, class);
            let silence = Instant::now() + Duration::from_secs(1);
            while Instant::now() < silence {
                if let Some(heard) = self.hear().filter(|heard| heard.mac == mac && heard.kind == OFFER) {
                    return Some(heard.ip);
                }
            }
        }
        None
    }

    /// Brings up phones that ask all at once, and each again after half a second of silence, until all have an address or the
    /// time is up. Returns who has which.
    pub(crate) fn bound(&self, phones: &[Mac], patience: Duration) -> HashMap<Mac, Ipv4Addr> {
        let mut bound = HashMap::new();
        let mut spoke: HashMap<Mac, Option<Instant>> = phones.iter().map(|mac| (*mac, None)).collect();
        let deadline = Instant::now() + patience;
        while bound.len() < phones.len() && Instant::now() < deadline {
            for mac in phones.iter().filter(|mac| !bound.contains_key(*mac)) {
                let spoke = spoke.get_mut(mac).unwrap();
                if spoke.is_none_or(|at| at.elapsed() > Duration::from_millis(500)) {
                    *spoke = Some(Instant::now());
                    self.discover(*mac, Some(CISCO));
                }
            }
            let turn = Instant::now() + Duration::from_millis(50);
            while let Some(heard) = self.hear().filter(|_| Instant::now() < turn) {
                let Some(spoke) = spoke.get_mut(&heard.mac) else { continue };
                *spoke = Some(Instant::now());
                match heard.kind {
                    OFFER => self.say(REQUEST, heard.mac, Some(CISCO), Some(&heard)),
                    ACK => drop(bound.insert(heard.mac, heard.ip)),
                    _ => {}
                }
            }
        }
        bound
    }
}
