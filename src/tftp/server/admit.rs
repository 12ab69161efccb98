//! Who may have a transfer, and who gives way to whom.

use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

use ipnet::Ipv4Net;

use super::super::exchange::Meta;
use super::super::pace::share;
use super::super::transfer::Transfer;
use super::{Server, Slot};

/// Ports that no client sends from: answering them would be a reflection or a loop (discard, echo, chargen, DHCP, TFTP).
const SERVICE_PORTS: &[u16] = &[0, 7, 9, 19, 67, 69];

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
    /// gives way: a phone answers within a moment, made-up addresses never do.
    pub(super) fn make_room(&mut self, lane: usize) -> bool {
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
        lanes.sort_by_key(|at| std::cmp::Reverse(self.lanes.get(*at).map(|lane| lane.active)));
        for at in lanes {
            while let Some(id) = self.lanes.get_mut(at).and_then(|lane| lane.silent.pop_front()) {
                if self.slots.get(id.slot).is_some_and(|slot| slot.id == id && slot.is_silent()) {
                    self.end(id.slot, Some("crowded-out"));
                    return true;
                }
            }
        }
        false
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
