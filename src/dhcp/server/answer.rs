//! The answer to each kind of message (RFC 2131 section 4.3).

use std::net::Ipv4Addr;
use std::time::Duration;

use dhcproto::v4::MessageType;
use jiff::{SignedDuration, Timestamp};

use super::place::Here;
use super::{Commit, Dropped, Notice, Outcome, Server};
use crate::config::dhcp::{SHORTEST_LEASE, Subnet};
use crate::dhcp::lease::{Held, Lease, LeaseState};
use crate::dhcp::limit::Class;
use crate::dhcp::reply::{Told, reply};
use crate::dhcp::wire::Raw;
use crate::domain::{MacAddr, ModelName, printable};

/// Longest name of a client that is kept, in octets (RFC 1035 section 2.3.4).
const HOSTNAME: usize = 63;

/// Parts of a pool at which somebody is told, in percent (F32).
const LEVELS: [usize; 3] = [80, 95, 100];

/// A packet that is read on.
pub(super) struct Asked<'a> {
    pub(super) raw: &'a Raw,
    pub(super) mac: MacAddr,
    pub(super) class: Class,
    pub(super) model: Option<ModelName>,
    /// Who we are to it, and the networks of its link that it is served from.
    pub(super) here: Here<'a>,
    pub(super) source: Ipv4Addr,
    /// It was not sent to us alone.
    pub(super) everybody: bool,
    pub(super) now: Timestamp,
}

impl Server {
    pub(super) fn discover(&mut self, asked: &Asked<'_>) -> Outcome {
        let wish = asked.raw.address(50);
        let choice = self.choose(asked, wish).or_else(|| self.take_over(asked));
        for subnet in &asked.here.subnets {
            self.watch_level(subnet);
        }
        let Some((subnet, ip)) = choice else { return Outcome::Drop(Dropped::PoolFull) };
        let new = self.leases.at(ip).is_none_or(|lease| lease.mac != asked.mac || !lease.active(asked.now));
        if self.offers.of(asked.mac) != Some(ip) {
            self.withdraw(asked.mac);
        }
        self.leases.hold(ip, Held { mac: asked.mac, class: asked.class, since: asked.now });
        self.offers.make(asked.mac, ip, asked.now);
        let told = self.told(asked, subnet, Some(lease_time(asked.raw, subnet)));
        let phone = asked.class >= Class::Phone;
        Outcome::Offer { ip, mac: asked.mac, phone, new, reply: reply(asked.raw, MessageType::Offer, ip, &told) }
    }

    /// The address that a client is offered, and its network: what is reserved for it, what it was just offered, what it has;
    /// what it had or asks for, where that is free; else the first that is free.
    fn choose<'a>(&self, asked: &Asked<'a>, wish: Option<Ipv4Addr>) -> Option<(&'a Subnet, Ipv4Addr)> {
        let network = |ip: Ipv4Addr| Some((asked.here.network(ip)?, ip));
        let others = |ip: &Ipv4Addr| self.leases.at(*ip).is_some_and(|l| l.mac != asked.mac && l.active(asked.now));
        let declined =
            |ip: &Ipv4Addr| self.leases.at(*ip).is_some_and(|l| l.state == LeaseState::Declined && l.ends > asked.now);
        let reserved = self.settings.reservations.get(&asked.mac).copied();
        if let Some(choice) = reserved.filter(|ip| !others(ip) && !declined(ip)).and_then(network) {
            return Some(choice);
        }
        // What was its own when it was offered may have become another's since.
        let offered = self.offers.of(asked.mac).filter(|ip| !others(ip) && !declined(ip));
        if let Some(choice) = offered.and_then(network) {
            return Some(choice);
        }
        let had = || asked.here.subnets.iter().filter_map(|subnet| self.leases.of(asked.mac, subnet));
        let has = had().find(|lease| lease.active(asked.now) && !self.leases.is_kept(lease.ip));
        if let Some(choice) = has.and_then(|lease| network(lease.ip)) {
            return Some(choice);
        }
        let phone = asked.class >= Class::Phone;
        let again = had().map(|lease| lease.ip).chain(wish).filter_map(network);
        let first = asked.here.subnets.iter().filter_map(|subnet| Some((*subnet, self.leases.free(subnet, phone)?)));
        let free = |(subnet, ip): &(&Subnet, Ipv4Addr)| {
            self.leases.is_free(subnet, *ip) && self.leases.free(subnet, phone).is_some()
        };
        again.chain(first).find(free)
    }

    /// Where there is none left, what another was offered and did not take.
    fn take_over<'a>(&mut self, asked: &Asked<'a>) -> Option<(&'a Subnet, Ipv4Addr)> {
        let yields = |subnet: &&'a Subnet| Some((*subnet, self.leases.yielding(subnet, asked.class, asked.now)?));
        let (subnet, (ip, mac)) = asked.here.subnets.iter().find_map(yields)?;
        self.withdraw(mac);
        Some((subnet, ip))
    }

    pub(super) fn request(&mut self, asked: &Asked<'_>) -> Outcome {
        let (raw, mac) = (asked.raw, asked.mac);
        let wish = raw.address(50);
        match (raw.address(54), wish, raw.ciaddr) {
            // SELECTING; another server's choice does not come here
            (Some(_), Some(ip), _) => match self.may_have(asked, ip) {
                Some(subnet) => self.ack(asked, subnet, ip, true),
                None => self.nak(asked),
            },
            // INIT-REBOOT
            (None, Some(ip), ciaddr) if ciaddr.is_unspecified() => {
                if let Some(subnet) = self.may_have(asked, ip) {
                    return self.ack(asked, subnet, ip, true);
                }
                let outside = asked.here.is_outside(ip);
                let others = self.leases.is_kept(ip)
                    || self.leases.at(ip).is_some_and(|lease| lease.mac != mac && lease.active(asked.now));
                if outside || others { self.nak(asked) } else { Outcome::Drop(Dropped::Unknown) }
            }
            // RENEWING, REBINDING
            (None, None, ciaddr) if !ciaddr.is_unspecified() => match self.may_have(asked, ciaddr) {
                Some(subnet) => self.ack(asked, subnet, ciaddr, false),
                // It moved, and asks everybody.
                None if asked.here.is_outside(ciaddr) => self.nak(asked),
                None => Outcome::Drop(Dropped::Unknown),
            },
            _ => Outcome::Drop(Dropped::Unknown),
        }
    }

    /// The network in which a client may have this address: it has it, was offered it, or nobody has it and the client is
    /// a phone or was offered none (a restart forgets offers). Who is not on the link has to have it: a packet to us alone
    /// can be sent from anywhere, in anybody's name.
    fn may_have<'a>(&self, asked: &Asked<'a>, ip: Ipv4Addr) -> Option<&'a Subnet> {
        let subnet = asked.here.network(ip)?;
        let taken = |lease: &Lease| match lease.state {
            LeaseState::Bound => lease.mac != asked.mac,
            LeaseState::Declined => true,
            LeaseState::Released => false,
        };
        let others = self.leases.at(ip).is_some_and(|lease| lease.ends > asked.now && taken(lease));
        let reservation = self.settings.reservations.get(&asked.mac) == Some(&ip);
        if others || (self.leases.is_kept(ip) && !reservation) {
            return None;
        }
        let reserved =
            reservation && self.leases.at(ip).is_none_or(|lease| lease.mac == asked.mac || lease.ends <= asked.now);
        let offered = self.offers.of(asked.mac) == Some(ip);
        let has = self.leases.at(ip).is_some_and(|lease| lease.mac == asked.mac && lease.active(asked.now));
        let phone = asked.class >= Class::Phone;
        let free = || {
            asked.everybody && self.leases.is_free(subnet, ip) && (phone || self.leases.free(subnet, false).is_some())
        };
        (reserved || offered || has || free()).then_some(subnet)
    }

    fn ack(&mut self, asked: &Asked<'_>, subnet: &Subnet, ip: Ipv4Addr, taken: bool) -> Outcome {
        let time = lease_time(asked.raw, subnet);
        let before = self.leases.at(ip).cloned();
        let had = before.as_ref().filter(|before| before.mac == asked.mac);
        let ends = SignedDuration::try_from(time).ok().and_then(|time| asked.now.checked_add(time).ok());
        let ends = ends.unwrap_or(asked.now);
        // It may not hear a shorter time: what it was told before holds.
        let promised = had.filter(|had| had.state == LeaseState::Bound).map_or(ends, |had| had.ends);
        let lease = Lease {
            ip,
            mac: asked.mac,
            ends: ends.max(promised),
            state: LeaseState::Bound,
            phone: asked.class >= Class::Phone,
            model: asked.model.clone().or_else(|| had?.model.clone()),
            hostname: asked.raw.option(12).map(hostname).filter(|name| !name.is_empty()),
        };
        self.withdraw(asked.mac);
        let commit = self.put(lease);
        let told = self.told(asked, subnet, Some(time));
        let reply = reply(asked.raw, MessageType::Ack, ip, &told);
        self.watch_level(subnet);
        Outcome::Commit(Box::new(Commit { reply: Some(reply), taken, ..commit }))
    }

    fn nak(&mut self, asked: &Asked<'_>) -> Outcome {
        if !self.limits.may_refuse(asked.mac, asked.now) {
            return Outcome::Drop(Dropped::TooOften);
        }
        let server = asked.here.server(asked.here.subnets.first().copied());
        let told = Told { server: Some(server), ..Told::default() };
        let ip = asked.raw.address(50).or_else(|| Some(asked.raw.ciaddr).filter(|ip| !ip.is_unspecified()));
        let reply = reply(asked.raw, MessageType::Nak, Ipv4Addr::UNSPECIFIED, &told);
        Outcome::Refuse { ip, mac: asked.mac, phone: asked.class >= Class::Phone, reply }
    }

    pub(super) fn decline(&mut self, asked: &Asked<'_>) -> Outcome {
        let ip = asked.raw.address(50);
        let place = ip.and_then(|ip| Some((ip, asked.here.network(ip)?)));
        let Some((ip, subnet)) = place else { return Outcome::Drop(Dropped::Unknown) };
        let offered = self.offers.of(asked.mac) == Some(ip);
        let has = self.leases.at(ip).is_some_and(|lease| lease.mac == asked.mac && lease.active(asked.now));
        if !offered && !has {
            return Outcome::Drop(Dropped::Unknown);
        }
        if offered {
            self.withdraw(asked.mac);
        }
        self.notice(Notice::Taken(ip, asked.mac));
        match self.quarantine(subnet, ip, asked.mac, asked.now) {
            Some(commit) => Outcome::Commit(Box::new(commit)),
            None => Outcome::Drop(Dropped::PoolFull),
        }
    }

    pub(super) fn release(&mut self, asked: &Asked<'_>) -> Outcome {
        let ip = asked.raw.ciaddr;
        let own = |lease: &&Lease| lease.mac == asked.mac && lease.active(asked.now);
        let Some(before) = self.leases.at(ip).filter(own).filter(|_| asked.source == ip).cloned() else {
            return Outcome::Drop(Dropped::Unknown);
        };
        let lease = Lease { state: LeaseState::Released, ends: asked.now, ..before };
        Outcome::Commit(Box::new(self.put(lease)))
    }

    pub(super) fn inform(&mut self, asked: &Asked<'_>) -> Outcome {
        let Some(subnet) = asked.here.network(asked.raw.ciaddr) else { return Outcome::Drop(Dropped::Unknown) };
        let told = self.told(asked, subnet, None);
        Outcome::Send(reply(asked.raw, MessageType::Ack, Ipv4Addr::UNSPECIFIED, &told))
    }

    fn told(&self, asked: &Asked<'_>, subnet: &Subnet, lease: Option<Duration>) -> Told {
        let own = asked.here.own(subnet);
        let tftp =
            self.settings.tftp.or(Some(own)).filter(|_| asked.class >= Class::Phone || asks_for_files(asked.raw));
        Told {
            server: Some(asked.here.server(Some(subnet))),
            lease,
            network: Some(subnet.network),
            tftp,
            router: subnet.router,
            dns: subnet.dns.clone(),
            domain: subnet.domain.clone(),
            ntp: self.settings.ntp.or(Some(own).filter(|_| self.settings.ntp_here)),
            zone: self.settings.zone.clone().map(|zone| (zone, asked.now)),
        }
    }

    fn watch_level(&mut self, subnet: &Subnet) {
        let usage = self.leases.usage(subnet);
        let percent = usage.used.saturating_mul(100).checked_div(usage.size).unwrap_or(100);
        let level = LEVELS.into_iter().rfind(|level| percent >= *level).unwrap_or(0);
        let before = self.levels.insert(subnet.network, level).unwrap_or(0);
        if level > before {
            self.notice(Notice::Filling(subnet.network, level));
        }
    }
}

fn asks_for_files(raw: &Raw) -> bool {
    raw.option(55).is_some_and(|asked| asked.contains(&150) || asked.contains(&66))
}

/// What a client wishes, within what there is.
fn lease_time(raw: &Raw, subnet: &Subnet) -> Duration {
    let wish = raw.option(51).and_then(|value| Some(u32::from_be_bytes(value.try_into().ok()?)));
    wish.map_or(subnet.lease, |wish| Duration::from_secs(wish.into()).clamp(SHORTEST_LEASE, subnet.lease))
}

/// A name as it may be shown anywhere (T25); never told to anybody (B21).
fn hostname(value: &[u8]) -> String {
    printable(value.trim_ascii_end(), HOSTNAME)
}
