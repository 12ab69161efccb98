//! Who may have a transfer, and who gives way to whom.

use std::cmp::Reverse;
use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

use ipnet::Ipv4Net;

use super::super::exchange::Meta;
use super::super::pace::share;
use super::super::transfer::Transfer;
use super::{Server, Slot};

/// Ports that no client sends from: answering them would be a reflection or a loop (discard, echo, chargen, DHCP, TFTP).
const SERVICE_PORTS: &[u16] = &[0, 7, 9, 19, 67, 69];

/// Quiet that costs a transfer its place, where there are too many.
const QUIET: Duration = Duration::from_secs(10);

/// A transfer that is going on hears its phone more often than this.
const PAUSE: Duration = Duration::from_millis(50);

impl Server {
    /// Which of the phones' networks it comes from; `None` = nobody that may speak to us.
    pub(super) fn lane(&self, meta: &Meta) -> Option<usize> {
        let ip = *meta.source.ip();
        let nobody = SERVICE_PORTS.contains(&meta.source.port())
            || ip.is_broadcast()
            || ip.is_multicast()
            || ip.is_unspecified()
            || meta.destination.is_broadcast()
            || meta.destination.is_multicast();
        let lane = self.config.networks.iter().position(|net| net.contains(&ip))?;
        // The network's own broadcast address; networks of one or two addresses have none (RFC 3021).
        let everyone = |net: &Ipv4Net| net.prefix_len() < 31 && net.broadcast() == ip;
        (!nobody && !self.config.networks.iter().any(everyone)).then_some(lane)
    }

    /// Whether a transfer more may begin in this network. Where there are too many, the oldest that nobody ever answered
    /// gives way: a phone answers within a moment, made-up addresses never do. Then the one that has been quiet longest,
    /// if that is long: who answers once and is gone holds no place for a minute when others wait.
    pub(super) fn make_room(&mut self, now: Instant, lane: usize) -> bool {
        let most = share(self.config.transfers, self.lanes.len());
        let crowded = self.lanes.get(lane).is_some_and(|lane| lane.active >= most);
        // Who was answered or is gone leaves the queue as it comes to its head, or here.
        if let Some(lane) = self.lanes.get_mut(lane)
            && lane.silent.len() > 2 * most
        {
            let slots = &self.slots;
            lane.silent.retain(|id| slots.get(id.slot).is_some_and(|slot| slot.id == *id && slot.is_silent()));
        }
        if !crowded && self.slots.len() < self.config.transfers {
            return true;
        }
        let mut lanes: Vec<usize> = if crowded { vec![lane] } else { (0..self.lanes.len()).collect() };
        lanes.sort_by_key(|at| Reverse(self.lanes.get(*at).map(|lane| lane.active)));
        for at in lanes.iter().copied() {
            while let Some(id) = self.lanes.get_mut(at).and_then(|lane| lane.silent.pop_front()) {
                if self.slots.get(id.slot).is_some_and(|slot| slot.id == id && slot.is_silent()) {
                    self.end(id.slot, Some("crowded-out"));
                    return true;
                }
            }
        }
        let quiet = |slot: &Slot| slot.transfer.as_ref().map_or(now, Transfer::heard);
        let quietest =
            self.slots.iter().filter(|(_, slot)| lanes.contains(&slot.lane)).min_by_key(|(_, slot)| quiet(slot));
        match quietest {
            Some((at, slot)) if now.saturating_duration_since(quiet(slot)) >= QUIET => {
                self.end(at, Some("crowded-out"));
                true
            }
            _ => false,
        }
    }

    /// Forgets the times of transfers that are gone, of which a flood leaves many behind.
    pub(super) fn prune_timers(&mut self) {
        if self.timers.len() > 4 * self.slots.len() + 1_024 {
            let slots = &self.slots;
            self.timers.retain(|Reverse((at, id))| {
                slots.get(id.slot).is_some_and(|slot| slot.id == *id && slot.armed == Some(*at))
            });
        }
    }

    /// The phone that asks anew, from the same port for another file or from another port for the same one, has given
    /// the older transfer up. One that is going on at another port is another phone's, behind the same address.
    pub(super) fn forget_older(&mut self, now: Instant, source: SocketAddrV4, name: &str) {
        let Some(ports) = self.per_source.get(source.ip()) else { return };
        let silent = |transfer: &Transfer| now.saturating_duration_since(transfer.heard()) >= PAUSE;
        let same = |older: &SocketAddrV4| {
            older.port() == source.port()
                || self.slot(*older).is_some_and(|slot| slot.name == name && slot.transfer.as_ref().is_none_or(silent))
        };
        let older: Vec<_> = ports.iter().map(|port| SocketAddrV4::new(*source.ip(), *port)).filter(same).collect();
        for source in older {
            if let Some(at) = self.by_source.get(&source) {
                self.end(*at, Some("replaced"));
            }
        }
    }
}

impl Slot {
    /// Nobody has answered it yet.
    fn is_silent(&self) -> bool {
        self.transfer.as_ref().is_none_or(|transfer| !transfer.answered())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use bytes::Bytes;

    use super::super::super::exchange::{Config, Content, Event, On, Ways};
    use super::*;

    /// Two sockets; the first that is free.
    struct Two;

    impl Ways for Two {
        fn socket(&mut self, _: &Meta, taken: impl Fn(On) -> bool) -> On {
            [On::Transfer(0), On::Transfer(1)].into_iter().find(|on| !taken(*on)).unwrap()
        }

        fn mtu(&mut self, _: Ipv4Addr) -> u16 {
            1_500
        }
    }

    struct Bench {
        server: Server,
        now: Instant,
    }

    impl Bench {
        fn new(transfers: usize) -> Self {
            let config = Config { networks: vec!["127.0.0.0/8".parse().unwrap()], transfers, ..Config::default() };
            Self { server: Server::new(config), now: Instant::now() }
        }

        /// Feeds a datagram; where what is sent leaves from, and the first octets of it.
        fn feed(&mut self, source: SocketAddrV4, on: On, bytes: &[u8]) -> Vec<(On, Vec<u8>)> {
            self.server.handle_datagram(self.now, Meta { source, destination: Ipv4Addr::LOCALHOST, on }, Two, bytes);
            while let Some(event) = self.server.poll_event() {
                if let Event::Requested { id, .. } = event {
                    let bytes = Bytes::from_static(&[7; 512 * 3]);
                    self.server.accept(self.now, id, Content { bytes, text: true, receipt: None });
                }
            }
            let (mut sent, mut out) = (Vec::new(), Vec::new());
            while let Some(transmit) = self.server.poll_transmit(self.now, &mut out) {
                sent.push((transmit.on, out.iter().copied().take(4).collect()));
            }
            sent
        }

        /// Asks and acknowledges the first block.
        fn begin(&mut self, source: SocketAddrV4) -> bool {
            let sent = self.feed(source, On::Listening, b"\0\x01f\0octet\0");
            sent.first().is_some_and(|(on, _)| !self.feed(source, *on, &[0, 4, 0, 1]).is_empty())
        }
    }

    fn phone(n: u8) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::new(127, 0, 1, n), 50_000)
    }

    /// F21: who answered once and is gone makes room for a phone that waits, the quietest first; who is going on does not.
    #[test]
    fn f21_those_who_went_quiet_give_way() {
        let mut bench = Bench::new(10);
        for n in 0..10 {
            assert!(bench.begin(phone(n)));
            bench.now += Duration::from_millis(100);
        }
        assert!(!bench.begin(phone(10)), "all are going on");
        bench.now += Duration::from_secs(9);
        assert!(bench.begin(phone(11)), "the first has been quiet for so long");
        assert!(!bench.begin(phone(12)), "the others have not");
        bench.now += Duration::from_secs(1);
        // The second goes on, so that the third is the quietest now.
        assert!(!bench.feed(phone(1), On::Transfer(0), &[0, 4, 0, 2]).is_empty());
        assert!(bench.begin(phone(13)));
        assert!(!bench.feed(phone(1), On::Transfer(0), &[0, 4, 0, 3]).is_empty());
        assert!(bench.feed(phone(2), On::Transfer(0), &[0, 4, 0, 2]).is_empty());
    }

    /// RFC 1350 section 4: a late ACK of the transfer before, from the same port of the phone, acknowledges nothing of
    /// the next, which runs on another socket.
    #[test]
    fn a_late_packet_is_of_the_transfer_before() {
        let mut bench = Bench::new(10);
        let ask = |name: &str| format!("\0\x01{name}\0octet\0").into_bytes();
        let first = bench.feed(phone(1), On::Listening, &ask("a"));
        assert_eq!(first, [(On::Transfer(0), vec![0, 3, 0, 1])]);
        // Another file before the first is through, and a third once the second is.
        for (name, before, now) in [("b", On::Transfer(0), On::Transfer(1)), ("c", On::Transfer(1), On::Transfer(0))] {
            bench.server.ended.retain(|(_, on)| *on == before);
            assert_eq!(bench.feed(phone(1), On::Listening, &ask(name)), [(now, vec![0, 3, 0, 1])], "{name}");
            assert!(bench.feed(phone(1), before, &[0, 4, 0, 1]).is_empty(), "{name}");
            for block in 1..=3 {
                assert_eq!(bench.feed(phone(1), now, &[0, 4, 0, block]), [(now, vec![0, 3, 0, block + 1])], "{name}");
            }
            assert!(bench.feed(phone(1), now, &[0, 4, 0, 4]).is_empty(), "{name}");
        }
    }
}
