//! Whether somebody sits at an address that is to be offered (RFC 2131 section 2.2): it is called, and answers by itself or
//! by the link's word. Needs no right that the daemon does not have: the kernel sends the ARP request.

use std::collections::{HashMap, HashSet};
use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use super::Ready;
use crate::dhcp::squatters::{Answerer, Answerers, Verdict};
use crate::domain::MacAddr;
use crate::neighbour;

/// How long an answer is waited for. A host on the same network answers in a millisecond.
const PATIENCE: Duration = Duration::from_millis(300);

/// Addresses asked for at once. Offers beyond that go out unasked: a storm of phones is not to wait for its own end. Each that
/// nobody answers for stays in the kernel's table of neighbours for three seconds (arp(7)), which with ten rounds in that
/// time makes 320, where a host that nobody tuned has room for 1,024.
const AT_ONCE: usize = 32;

/// How long what the link knows counts as what it knew before an address was asked for.
const RECENT: Duration = Duration::from_millis(50);

/// ICMP echo (RFC 792); the kernel fills in the checksum and the identifier (icmp(7)).
const ECHO: [u8; 8] = [8, 0, 0, 0, 0, 0, 0, 1];

/// An offer that waits for an answer which nobody should give.
struct Asked {
    offer: Ready,
    mac: MacAddr,
    until: Instant,
}

/// Addresses that are asked for.
pub(super) struct Probes {
    socket: Option<Socket>,
    pings: bool,
    asked: HashMap<Ipv4Addr, Asked>,
    /// Those that the link knew already, at that time: it may be remembering a host that has gone.
    stale: HashSet<Ipv4Addr>,
    looked: Option<Instant>,
    answerers: Answerers,
}

/// What came of it.
pub(super) enum Probed {
    /// Nobody is there.
    Free(Ready),
    /// Somebody is: where, who, and whose the offer is.
    Taken(Ready, Ipv4Addr, Answerer, MacAddr),
    /// This one answers for all, as is seen now: nobody is there, nor at those that were taken for somebody's before.
    ForAll(Ready, Answerer, Vec<Ipv4Addr>),
}

impl Probes {
    pub(super) fn new(wanted: bool) -> Self {
        let open = |protocol| -> io::Result<Socket> {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(protocol))?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        // Who may ping is a setting of the host (net.ipv4.ping_group_range); a datagram makes the link speak as well.
        let ping = wanted.then(|| open(Protocol::ICMPV4).ok()).flatten();
        let pings = ping.is_some();
        let socket = ping.or_else(|| wanted.then(|| open(Protocol::UDP).ok()).flatten());
        let (asked, stale) = (HashMap::new(), HashSet::new());
        Self { socket, pings, asked, stale, looked: None, answerers: Answerers::default() }
    }

    pub(super) fn any(&self) -> bool {
        !self.asked.is_empty()
    }

    /// Asks for an address, and keeps the offer until it is clear; gives it back where it cannot be asked for.
    pub(super) fn ask(&mut self, ip: Ipv4Addr, mac: MacAddr, offer: Ready, now: Instant) -> Option<Ready> {
        if let Some(asked) = self.asked.get_mut(&ip) {
            // The client asks again while it waits, or another got the offer.
            (asked.offer, asked.mac) = (offer, mac);
            return None;
        }
        let Some(socket) = self.socket.as_ref().filter(|_| self.asked.len() < AT_ONCE) else { return Some(offer) };
        // Where nothing can be sent this is reached for each offer, and the table is long then.
        if !self.any() && self.looked.is_none_or(|looked| now.duration_since(looked) > RECENT) {
            (self.stale, self.looked) = (neighbour::all().into_keys().collect(), Some(now));
        }
        let sent = if self.pings {
            socket.send_to(&ECHO, &SocketAddrV4::new(ip, 0).into())
        } else {
            socket.send_to(&[], &SocketAddrV4::new(ip, neighbour::DISCARD).into())
        };
        if sent.is_err() {
            return Some(offer);
        }
        self.asked.insert(ip, Asked { offer, mac, until: now + PATIENCE });
        None
    }

    /// What is known by now. `client`: whether somebody is or was a client of ours, who may have left that address just now.
    pub(super) fn look(&mut self, client: impl Fn(MacAddr) -> bool, now: Instant) -> Vec<Probed> {
        let mut all = Vec::new();
        // In this order: who answered on the link is in its table by then.
        let mut answered: HashSet<Ipv4Addr> = self.answers().collect();
        let table = if self.any() { neighbour::all() } else { HashMap::new() };
        answered.extend(table.keys().filter(|ip| !self.stale.contains(ip)));
        // Who was there a moment ago needs no answer.
        let there = |ip: &&Ipv4Addr| table.get(*ip).is_some_and(|known| known.reachable && !client(known.mac));
        answered.extend(self.asked.keys().filter(there));
        for ip in answered {
            let Some(asked) = self.asked.remove(&ip) else { continue };
            let who = match table.get(&ip) {
                // It is there already: an address that we forgot.
                Some(known) if known.mac == asked.mac => {
                    all.push(Probed::Free(asked.offer));
                    continue;
                }
                Some(known) => Answerer::Host(known.mac),
                None => Answerer::Behind(*asked.offer.reply.to.ip()),
            };
            all.push(match self.answerers.answered(who, ip, now) {
                Verdict::Taken => Probed::Taken(asked.offer, ip, who, asked.mac),
                Verdict::ForAll(None) => Probed::Free(asked.offer),
                Verdict::ForAll(Some(freed)) => Probed::ForAll(asked.offer, who, freed),
            });
        }
        let quiet: Vec<Ipv4Addr> =
            self.asked.iter().filter(|(_, asked)| asked.until <= now).map(|(ip, _)| *ip).collect();
        // Whom the link learned of meanwhile may be gone when his address is asked for.
        self.stale.extend(table.into_keys().filter(|ip| !self.asked.contains_key(ip)));
        for asked in quiet.into_iter().filter_map(|ip| self.asked.remove(&ip)) {
            self.answerers.quiet(*asked.offer.reply.to.ip());
            all.push(Probed::Free(asked.offer));
        }
        all
    }

    /// Who answered a ping.
    fn answers(&self) -> impl Iterator<Item = Ipv4Addr> {
        let socket = self.socket.as_ref().filter(|_| self.pings);
        std::iter::from_fn(move || {
            let mut answer = [MaybeUninit::uninit(); 64];
            let (_, from) = socket?.recv_from(&mut answer).ok()?;
            Some(*from.as_socket_ipv4()?.ip())
        })
        .take(AT_ONCE)
    }
}
