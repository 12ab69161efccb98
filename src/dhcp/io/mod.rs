//! The edge: interfaces, the store, and time around [`Server`].

mod handle;
mod keep;
mod probe;
mod say;
mod socket;

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::lease::LeaseState;
use super::link;
use super::reply::Reply;
use super::server::{Arrival, Dropped, Outcome, Server, Settings};
use super::watch::Watch;
use crate::domain::{DhcpStep, MacAddr};
use crate::hub::Hub;
use crate::probe::own_addresses;
use crate::store::Store;
pub use handle::{Handle, Tallies};
use keep::{Change, Writing, written};
use probe::{Probed, Probes};
use say::{refused, say, sentence};
use socket::{Port, links, readable};

/// How often interfaces and clocks are looked at (F17).
const ROUND: Duration = Duration::from_secs(1);

/// How often it is looked whether an address answers.
const PROBING: Duration = Duration::from_millis(50);

/// Packets taken from one interface before another has its turn.
const AT_ONCE: usize = 64;

/// Longer than any packet that is read; what is cut off here is refused for its length.
const BUFFER: usize = 2_048;

/// An answer, and the interface that it goes out on.
struct Ready {
    link: String,
    reply: Reply,
    /// The phone that is offered an address by it, which is told once it goes out.
    offered: Option<(MacAddr, Ipv4Addr)>,
}

/// Where it serves.
pub struct Place {
    /// `dhcp.interfaces`.
    pub interfaces: Vec<String>,
    /// What is known of other servers there.
    pub rivals: Arc<Watch>,
    /// It serves although there is one (T12).
    pub beside: bool,
    /// An address is called before it is offered.
    pub probe: bool,
}

/// The server, its interfaces, its disk.
pub struct Edge {
    handle: Handle,
    hub: Arc<Hub>,
    store: Arc<Store>,
    place: Place,
    ports: Vec<Port>,
    probes: Probes,
    changes: Vec<Change>,
    writing: Option<Writing>,
    failing: bool,
    dropped: BTreeMap<Dropped, u64>,
    last: usize,
}

impl Edge {
    /// What was kept is read; nothing is bound yet.
    pub async fn new(settings: Settings, place: Place, hub: &Arc<Hub>, store: &Arc<Store>) -> Self {
        let kept = store.leases().await.unwrap_or_else(|why| {
            tracing::error!(code = "leases-unreadable", "{why}; phones get their address again as they ask for it");
            crate::store::KeptLeases::default()
        });
        if kept.unreadable > 0 {
            tracing::error!(
                code = "leases-unreadable",
                "{} leases cannot be read; those phones get their address again as they ask for it",
                kept.unreadable
            );
        }
        let clock = Clock::new(Timestamp::now(), kept.clock);
        let own: Vec<_> = own_addresses().collect();
        let now = clock.now(SignedDuration::ZERO);
        let wall = Timestamp::now();
        for lease in kept.leases.iter().filter(|lease| lease.active(now)) {
            hub.leased(lease.ip, lease.mac, wall.checked_add(lease.ends.duration_since(now)).unwrap_or(lease.ends));
        }
        let server = Server::new(settings, &own, kept.leases, now);
        let handle = Handle {
            server: Arc::new(Mutex::new(server)),
            clock: Arc::new(Mutex::new(clock)),
            started: Instant::now(),
            waiting: Arc::default(),
            tallies: Arc::default(),
        };
        Self {
            handle,
            hub: Arc::clone(hub),
            store: Arc::clone(store),
            ports: Vec::new(),
            probes: Probes::new(place.probe),
            place,
            changes: Vec::new(),
            writing: None,
            failing: false,
            dropped: BTreeMap::new(),
            last: 0,
        }
    }

    /// For other parts.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Serves until told to end; what was taken up is written before it does.
    pub async fn serve(&mut self, ending: &CancellationToken) {
        let mut round = tokio::time::interval(ROUND);
        round.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut probing = tokio::time::interval(PROBING);
        probing.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                at = readable(&self.ports, self.last) => self.receive(at),
                (changes, outcome) = written(&mut self.writing) => self.kept(changes, &outcome),
                _ = round.tick() => self.round(),
                _ = probing.tick(), if self.probes.any() => self.look(),
                () = ending.cancelled() => break,
            }
            self.write();
        }
        while self.writing.is_some() {
            let (changes, outcome) = written(&mut self.writing).await;
            self.kept(changes, &outcome);
            self.write();
        }
    }

    fn receive(&mut self, at: usize) {
        self.last = at;
        let Some(port) = self.ports.get(at) else { return };
        let (now, hub) = (self.handle.now(), &self.hub);
        let mut outcomes = Vec::new();
        let mut failed = None;
        {
            let mut server = self.handle.lock();
            let snapshot = hub.snapshot();
            let known = |mac| snapshot.assignment(mac).is_some();
            let mut buffer = [0; BUFFER];
            for _ in 0..AT_ONCE {
                let (source, destination, length) = match port.receive(&mut buffer) {
                    Ok(Some(received)) => received,
                    Ok(None) => break,
                    Err(why) => {
                        failed = Some(why);
                        break;
                    }
                };
                let arrival = Arrival { link: &port.link, source, destination };
                let packet = buffer.get(..length).unwrap_or_default();
                match server.receive(packet, &arrival, known, now) {
                    Outcome::Drop(why) => {
                        let count = self.dropped.entry(why).or_default();
                        *count = count.saturating_add(1);
                    }
                    outcome => outcomes.push(outcome),
                }
            }
        }
        let link = port.link.name.clone();
        if let Some(why) = failed {
            self.lose(&link, &why);
        }
        for outcome in outcomes {
            self.carry_out(&link, outcome);
        }
    }

    fn carry_out(&mut self, link: &str, outcome: Outcome) {
        match outcome {
            Outcome::Drop(_) => {}
            Outcome::Overheard { ip, mac, server } => {
                self.hub.overheard(ip, mac, Timestamp::now());
                self.hub.dhcp_said(mac, DhcpStep::Elsewhere, Some(ip), Some(server), Timestamp::now());
                self.place.rivals.chosen(link, server);
            }
            Outcome::Send(reply) => self.send(&Ready { link: link.to_owned(), reply, offered: None }),
            Outcome::Refuse { ip, mac, phone, reply } => {
                self.send(&Ready { link: link.to_owned(), reply, offered: None });
                if phone {
                    self.hub.dhcp_said(mac, DhcpStep::Refused, ip, None, Timestamp::now());
                }
            }
            Outcome::Offer { ip, mac, phone, new, reply } => {
                let offer = Ready { link: link.to_owned(), reply, offered: phone.then_some((mac, ip)) };
                let ready = if new { self.probes.ask(ip, mac, offer, Instant::now()) } else { Some(offer) };
                if let Some(ready) = ready {
                    self.send(&ready);
                }
            }
            Outcome::Commit(commit) => {
                let step = match commit.lease.state {
                    LeaseState::Declined => Some(DhcpStep::Declined),
                    LeaseState::Released => Some(DhcpStep::Released),
                    LeaseState::Bound => None,
                };
                if let Some(step) = step {
                    self.hub.dhcp_said(commit.lease.mac, step, Some(commit.lease.ip), None, Timestamp::now());
                }
                self.change(link, *commit);
            }
        }
    }

    fn send(&mut self, ready: &Ready) {
        let Some(port) = self.ports.iter().find(|port| port.link.name == ready.link) else { return };
        match port.send(&ready.reply) {
            Ok(()) => {
                self.handle.count(|tallies| tallies.sent.entry(ready.reply.word()).or_default(), 1);
                if let Some((mac, ip)) = ready.offered {
                    self.hub.dhcp_said(mac, DhcpStep::Offered, Some(ip), None, Timestamp::now());
                }
            }
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
            Err(why) => tracing::debug!(link = ready.link, to = %ready.reply.to, "an answer could not be sent: {why}"),
        }
    }

    /// Once a second: interfaces that came, went or changed (F17), time, and what people are to hear.
    fn round(&mut self) {
        let everywhere = link::all();
        let links = links(&everywhere, &self.place.interfaces);
        let refused = |name: &str| refused(&self.place.rivals.serving(name, self.place.beside));
        let now_refused: BTreeMap<String, String> =
            self.place.interfaces.iter().filter_map(|name| Some((name.clone(), refused(name)?))).collect();
        self.ports.retain(|port| links.contains(&port.link) && !now_refused.contains_key(&port.link.name));
        for name in self.place.interfaces.clone() {
            if self.ports.iter().any(|port| port.link.name == name) {
                continue;
            }
            let link = links.iter().find(|link| link.name == name);
            let opened = match (link, now_refused.get(&name)) {
                (None, _) => Err("it is not there, not up, nothing is plugged in, or it has no address".to_owned()),
                (Some(_), Some(why)) => Err(why.clone()),
                (Some(link), None) => Port::open(link.clone()).map_err(|why| sentence(&why)),
            };
            match opened {
                Err(why) => self.wait_for(&name, why),
                Ok(port) => {
                    self.handle.waiting().remove(&name);
                    tracing::info!(code = "dhcp-serves", interface = name, "DHCP is served on {name}");
                    self.ports.push(port);
                }
            }
        }
        let wall = Timestamp::now();
        let passed = self.handle.passed();
        // What is on its way to the disk has the times of before: a step waits for it.
        let quiet = self.writing.is_none() && self.changes.is_empty();
        let look = || self.handle.clock.lock().unwrap_or_else(PoisonError::into_inner).look(wall, passed);
        let stepped = quiet.then(look).flatten();
        let now = self.handle.now();
        let mut server = self.handle.lock();
        server.own(everywhere.iter().flat_map(|link| &link.addresses).map(Ipv4Net::addr));
        server.tick(now);
        let mut all = Vec::new();
        if let Some(by) = stepped {
            server.shift(by, now);
            all = server.again(|_| true);
        }
        let notices = server.notices();
        drop(server);
        self.changes.extend(all.into_iter().map(|commit| (String::new(), commit)));
        notices.iter().for_each(say);
        for (why, count) in std::mem::take(&mut self.dropped) {
            self.handle.count(|tallies| tallies.dropped.entry(why.word()).or_default(), count);
            tracing::debug!(count, "DHCP packets were not answered: {why:?}");
        }
    }

    fn wait_for(&mut self, name: &str, why: String) {
        // Said once.
        if self.handle.serves(name).err().as_ref() != Some(&why) {
            tracing::warn!(
                code = "dhcp-waits",
                interface = name,
                "DHCP is not served on {name}: {why}; it is looked at every second"
            );
            self.handle.waiting().insert(name.to_owned(), why);
        }
    }

    /// An interface cannot be read any more; it is opened again within a second, if it is still there.
    fn lose(&mut self, name: &str, why: &io::Error) {
        tracing::debug!(interface = name, "nothing can be read from it: {why}");
        self.ports.retain(|port| port.link.name != name);
    }

    fn look(&mut self) {
        let handle = self.handle.clone();
        let all = self.probes.look(|mac| handle.lock().leases().is_client(mac), Instant::now());
        for probed in all {
            match probed {
                Probed::Free(ready) => self.send(&ready),
                Probed::ForAll(ready, who, freed) => {
                    let now = self.handle.now();
                    let commits = self.handle.lock().answers_for_all(who, &freed, now);
                    commits.into_iter().for_each(|commit| self.change("", commit));
                    self.send(&ready);
                }
                Probed::Taken(ready, ip, who, client) => {
                    let now = self.handle.now();
                    let Some(commit) = self.handle.lock().taken(ip, who, client, now) else { continue };
                    // So many are kept back already that this one is not: its client looks for himself who is there.
                    if commit.lease.ends <= now {
                        self.send(&ready);
                    }
                    self.change("", commit);
                }
            }
        }
    }
}
