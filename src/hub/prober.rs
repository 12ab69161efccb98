//! What is to be tried for the phones there are, and the trying: ports that phones wait for, time servers that they are
//! told. An edge: the hub is told what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;
use jiff::Timestamp;

use super::Hub;
use crate::diagnose::{Probed, Tried};
use crate::domain::{Driver, SipTransport};
use crate::probe::{self, Clock};

/// Tries, and tells the hub.
pub struct Prober {
    hub: Arc<Hub>,
    networks: Vec<Ipv4Net>,
    /// Where TFTP listens; phones that are told no registrar are told the address they asked.
    tftp: Ipv4Addr,
}

impl Prober {
    /// For the phones of this hub.
    pub fn new(hub: Arc<Hub>, networks: Vec<Ipv4Net>, tftp: Ipv4Addr) -> Self {
        Self { hub, networks, tftp }
    }

    /// Where phones wait to register over TCP: host and port, by driver.
    pub fn tcp_wanted(&self) -> BTreeMap<Driver, (String, u16)> {
        let drivers = self.hub.awaited_over_tcp();
        if drivers.is_empty() {
            return BTreeMap::new();
        }
        let snapshot = self.hub.snapshot();
        let told = snapshot.settings.server.or(Some(self.tftp).filter(|ip| !ip.is_unspecified()));
        let host = snapshot.settings.sip_host.clone().unwrap_or_else(|| {
            told.or_else(|| probe::own_address(&self.networks)).unwrap_or(Ipv4Addr::LOCALHOST).to_string()
        });
        let port = |driver| snapshot.sip_port(driver, SipTransport::Tcp);
        drivers.into_iter().map(|driver| (driver, (host.clone(), port(driver)))).collect()
    }

    /// Connects to each. Returns whether all answered.
    pub async fn try_tcp(&self, wanted: BTreeMap<Driver, (String, u16)>) -> bool {
        let mut tried = BTreeMap::new();
        for (driver, (host, port)) in wanted {
            let outcome = probe::tcp(&host, port).await;
            tried.insert(driver, Tried { address: format!("{host}:{port}"), outcome });
        }
        let well = tried.values().all(|tried| tried.outcome.is_ok());
        self.hub.tried_tcp(tried, Timestamp::now());
        well
    }

    /// Time servers that phones are told by name or address.
    pub fn clocks_wanted(&self) -> BTreeSet<String> {
        self.hub.snapshot().time_servers()
    }

    /// Asks each for the time. Returns what they said.
    pub async fn ask_clocks(&self, wanted: BTreeSet<String>) -> BTreeMap<String, Clock> {
        let mut asking = tokio::task::JoinSet::new();
        for host in wanted {
            asking.spawn(async move {
                let clock = probe::clock(&host).await;
                (host, clock)
            });
        }
        let mut said = BTreeMap::new();
        while let Some(answer) = asking.join_next().await {
            said.extend(answer.ok());
        }
        self.hub
            .asked_clocks(said.iter().map(|(host, clock)| (host.clone(), clock.usable())).collect(), Timestamp::now());
        said
    }
}

impl Hub {
    /// Ports that phones wait for were tried.
    pub fn tried_tcp(&self, tried: BTreeMap<Driver, Tried>, now: Timestamp) {
        self.probed(|probed| Probed { tcp: tried, ..probed }, now);
    }

    /// Time servers were asked; why each tells no time.
    pub fn asked_clocks(&self, asked: BTreeMap<String, Result<(), String>>, now: Timestamp) {
        self.probed(|probed| Probed { clocks: asked, ..probed }, now);
    }

    fn probed(&self, change: impl FnOnce(Probed) -> Probed, now: Timestamp) {
        let mut state = self.lock();
        let next = change(state.probed.clone());
        let changed = state.probed != next;
        state.probed = next;
        drop(state);
        if changed {
            self.judge(self.snapshot().assignments.keys().copied(), now);
        }
    }
}
