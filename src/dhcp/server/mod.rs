//! What is answered, and what is not (RFC 2131), as a pure step: a packet and a time in, an [`Outcome`] out.
//!
//! It differs from an ordinary server where phones need it, or where an ordinary one does harm:
//! - in mode `phones` nobody is answered who is no phone by vendor class or assigned MAC;
//! - a boot loader that asks for the address it had before gets it, if it is free and ours, although nobody here remembers
//!   it: unanswered it stalls [R7945];
//! - nobody is refused an address (NAK) unless it is not of his network and the network is ours, or it is known to be
//!   another's; once in five seconds;
//! - a lease is acknowledged when it is on the disk: [`Outcome::Commit`] says what to write, and its answer is sent after.
//!
//! `now` is the clock of leases: it begins as the wall clock and never steps; a step of the wall clock that stays is
//! handed in by [`Server::shift`].

mod answer;
mod commit;
mod found;
mod offers;
mod place;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use dhcproto::v4::MessageType;
use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};

use super::lease::{Lease, Leases};
use super::limit::{Class, Limits};
use super::reply::{Reply, Zone};
use super::squatters::Answerer;
use super::vendor::{Vendor, vendor};
use super::wire::{Op, RELAY, Raw, Refused};
use crate::config::dhcp::{Clients, Subnet};
use crate::domain::MacAddr;
use answer::Asked;
pub use commit::Commit;
use offers::Offers;
use place::place;

/// What the server is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whom it answers.
    pub clients: Clients,
    /// Where it has addresses.
    pub subnets: Vec<Subnet>,
    /// Addresses that are somebody's own.
    pub reservations: BTreeMap<MacAddr, Ipv4Addr>,
    /// Where files are; `None` = at the address of ours that the client is told as the server's.
    pub tftp: Option<Ipv4Addr>,
    /// A time server.
    pub ntp: Option<Ipv4Addr>,
    /// Without one, this host is one.
    pub ntp_here: bool,
    /// Switches may add option 82 to what comes without a relay (DHCP snooping).
    pub trusted_circuit: bool,
    /// The time zone.
    pub zone: Option<Zone>,
}

/// An interface, and the addresses that it has now, each with its prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// The kernel's number of it: another after it was made anew.
    pub index: usize,
    /// Its addresses.
    pub addresses: Vec<Ipv4Net>,
}

/// How a packet came.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// On which interface.
    pub link: &'a Link,
    /// From whom.
    pub source: SocketAddrV4,
    /// To which address it was sent.
    pub destination: Ipv4Addr,
}

/// What is to be done with a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing.
    Drop(Dropped),
    /// Nothing; and another server gives that client this address.
    Overheard {
        /// The address.
        ip: Ipv4Addr,
        /// The client.
        mac: MacAddr,
        /// The server.
        server: Ipv4Addr,
    },
    /// It is answered.
    Send(Reply),
    /// It is refused an address.
    Refuse {
        /// The address.
        ip: Option<Ipv4Addr>,
        /// Whom.
        mac: MacAddr,
        /// It is a phone.
        phone: bool,
        /// The answer.
        reply: Reply,
    },
    /// It is offered an address, unless somebody is found there: then [`Server::taken`], and the packet again.
    Offer {
        /// The address.
        ip: Ipv4Addr,
        /// Whom.
        mac: MacAddr,
        /// It is a phone.
        phone: bool,
        /// The client did not have it before.
        new: bool,
        /// The answer.
        reply: Reply,
    },
    /// Written down first, then answered: [`Server::failed`] says what becomes of it if it cannot be written.
    Commit(Box<Commit>),
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dropped {
    /// It is no packet that is read.
    Malformed(Refused),
    /// It is nobody who is answered.
    NotAPhone,
    /// He asks too often.
    TooOften,
    /// It comes from a network that is not ours, or by a relay that is not this network's.
    NotOurs,
    /// What it asks for is not for us to say.
    Unknown,
    /// There is no address left.
    PoolFull,
}

impl Dropped {
    /// The word for it in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::NotAPhone => "not-a-phone",
            Self::TooOften => "too-often",
            Self::NotOurs => "not-ours",
            Self::Unknown => "unknown",
            Self::PoolFull => "pool-full",
        }
    }
}

/// What people are to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A pool is nearly full, or full.
    Filling(Ipv4Net, usize),
    /// A switch adds option 82 on this link, and that is not allowed for.
    Circuit(String),
    /// Somebody who has no lease of ours sits at an address.
    Taken(Ipv4Addr, MacAddr),
    /// Somebody answers for all addresses, so that it says nothing of any.
    Everywhere(Answerer),
    /// A client identifies itself with the MAC of an assigned phone that it is not.
    Pretends(MacAddr, MacAddr),
}

/// The server.
#[derive(Debug)]
pub struct Server {
    settings: Arc<Settings>,
    leases: Leases,
    /// As clients were told and, unless a disk fails, the disk has them: what a write that failed goes back to.
    on_disk: HashMap<Ipv4Addr, Lease>,
    /// The last change of each address that is on its way to the disk, and the last of all.
    on_the_way: HashMap<Ipv4Addr, u64>,
    serial: u64,
    offers: Offers,
    limits: Limits,
    levels: BTreeMap<Ipv4Net, usize>,
    notices: Vec<Notice>,
}

impl Server {
    /// A server with these leases, in the order in which they were written. `own` = addresses of this host.
    pub fn new(settings: Settings, own: &[Ipv4Addr], known: Vec<Lease>, now: Timestamp) -> Self {
        let mut kept: BTreeSet<Ipv4Addr> = settings.reservations.values().copied().collect();
        kept.extend(settings.subnets.iter().filter_map(|subnet| subnet.router));
        kept.extend(settings.subnets.iter().flat_map(|subnet| subnet.dns.iter().chain(&subnet.relays)));
        kept.extend(settings.tftp.into_iter().chain(settings.ntp));
        let mut server = Self {
            on_disk: known.iter().map(|lease| (lease.ip, lease.clone())).collect(),
            leases: Leases::new(&settings.subnets, kept, known, now),
            settings: Arc::new(settings),
            on_the_way: HashMap::new(),
            serial: 0,
            offers: Offers::default(),
            limits: Limits::new(now),
            levels: BTreeMap::new(),
            notices: Vec::new(),
        };
        server.own(own.iter().copied());
        server
    }

    /// What it is to do.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// All leases.
    pub fn leases(&self) -> &Leases {
        &self.leases
    }

    /// What people are to hear since the last call.
    pub fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// A packet came. `known` = whether a MAC is an assigned phone's.
    pub fn receive(
        &mut self,
        packet: &[u8],
        at: &Arrival<'_>,
        known: impl Fn(MacAddr) -> bool,
        now: Timestamp,
    ) -> Outcome {
        let raw = match Raw::read(packet) {
            Ok(raw) if raw.op == Op::Request => raw,
            Ok(_) => return Outcome::Drop(Dropped::Malformed(Refused::Op)),
            Err(why) => return Outcome::Drop(Dropped::Malformed(why)),
        };
        let Ok(mac) = MacAddr::new(raw.mac) else { return Outcome::Drop(Dropped::Malformed(Refused::Address)) };
        if raw.option(61).is_some_and(|id| id.len() >= 255) {
            return Outcome::Drop(Dropped::Malformed(Refused::Option));
        }
        self.tick(now);
        let settings = Arc::clone(&self.settings);
        if raw.giaddr.is_unspecified() && raw.option(RELAY).is_some() && !settings.trusted_circuit {
            self.notice(Notice::Circuit(at.link.name.clone()));
            return Outcome::Drop(Dropped::NotOurs);
        }
        let said = vendor(raw.option(60));
        let class = match &said {
            _ if known(mac) => Class::Known,
            Vendor::Phone(_) => Class::Phone,
            // Clients say what they are when they ask for an address, and not all when they give it back.
            Vendor::Silent if self.leases.is_phone(mac) => Class::Phone,
            Vendor::Other | Vendor::Silent => Class::Other,
        };
        let Some(mut here) = place(&settings, &raw, at) else { return Outcome::Drop(Dropped::NotOurs) };
        let serves = |subnet: &&Subnet| match subnet.clients.unwrap_or(settings.clients) {
            Clients::All => true,
            Clients::Phones => class >= Class::Phone,
        };
        here.subnets.retain(serves);
        // What a client says to another server is said to all, whoever it is: it chose that one's offer.
        if let Some(server) = raw.address(54).filter(|server| !here.is_ours(*server))
            && raw.message == u8::from(MessageType::Request)
        {
            self.withdraw(mac);
            let on_link = raw.giaddr.is_unspecified() && raw.ciaddr.is_unspecified() && at.destination.is_broadcast();
            let ours = |ip: &Ipv4Addr| !here.is_outside(*ip);
            let ip = raw.address(50).filter(|ip| on_link && !server.is_unspecified() && ours(ip));
            let heard = ip.filter(|_| self.limits.admits(mac, class, now));
            return heard.map_or(Outcome::Drop(Dropped::Unknown), |ip| Outcome::Overheard { ip, mac, server });
        }
        if here.subnets.is_empty() {
            return Outcome::Drop(Dropped::NotAPhone);
        }
        if !self.limits.admits(mac, class, now) {
            return Outcome::Drop(Dropped::TooOften);
        }
        if let Some([1, id @ ..]) = raw.option(61)
            && let Some(other) = id.try_into().ok().and_then(|id| MacAddr::new(id).ok())
            && other != mac
            && known(other)
        {
            self.notice(Notice::Pretends(mac, other));
        }
        let model = if let Vendor::Phone(model) = said { model } else { None };
        let source = *at.source.ip();
        let everybody = at.destination.is_broadcast() || !raw.giaddr.is_unspecified();
        let asked = Asked { raw: &raw, mac, class, model, here, source, everybody, now };
        match MessageType::from(raw.message) {
            MessageType::Discover => self.discover(&asked),
            MessageType::Request => self.request(&asked),
            MessageType::Decline => self.decline(&asked),
            MessageType::Release => self.release(&asked),
            MessageType::Inform => self.inform(&asked),
            _ => Outcome::Drop(Dropped::Unknown),
        }
    }

    /// Addresses that this host has now: they are given to nobody. One that it has no more is the pool's again.
    pub fn own(&mut self, own: impl IntoIterator<Item = Ipv4Addr>) {
        for ip in self.leases.own(own.into_iter().collect()) {
            self.offers.end_of(ip);
        }
    }

    /// The wall clock was put, and stayed so: leases end that much later or earlier. They are all to be written.
    pub fn shift(&mut self, by: SignedDuration, now: Timestamp) {
        self.leases.shift(by, now);
        for lease in self.on_disk.values_mut() {
            lease.ends = lease.ends.checked_add(by).unwrap_or(lease.ends);
        }
        self.limits = Limits::new(now);
        self.offers.clear().into_iter().for_each(|ip| self.leases.let_go(ip));
    }

    /// Time passes: offers and leases end.
    pub fn tick(&mut self, now: Timestamp) {
        self.leases.tick(now);
        while let Some(ip) = self.offers.over(now) {
            self.leases.let_go(ip);
        }
    }

    /// What a client was offered is free again.
    fn withdraw(&mut self, mac: MacAddr) {
        if let Some(ip) = self.offers.end(mac) {
            self.leases.let_go(ip);
        }
    }

    fn notice(&mut self, notice: Notice) {
        // Whoever floods us is told of once.
        if self.notices.len() < 64 && !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
    }
}

#[cfg(test)]
mod tests;
