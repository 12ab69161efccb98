//! Asks phones for their own web page, where that would tell what they run: few at once, and each seldom.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::Ipv4Net;
use jiff::Timestamp;
use tokio::net::lookup_host;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::faults;
use super::stage::Stage;
use crate::config::{Config, PbxSource};
use crate::convert::web_page::Hosts;
use crate::domain::MacAddr;
use crate::hub::{Hub, Look};
use crate::pbx::sources::freepbx_access;
use crate::probe;

/// How often it is looked whom to ask.
const ROUND: Duration = Duration::from_secs(1);

/// Between two looks at one phone, unless a step was verified meanwhile.
const AGAIN: Duration = Duration::from_mins(10);

/// Phones that are asked at once.
const AT_ONCE: usize = 4;

/// Where phones have their page.
const PORT: u16 = 80;

/// The task.
pub(super) fn spawn(stage: &mut Stage, config: &Config, hub: &Arc<Hub>) {
    let (hub, ending) = (Arc::clone(hub), stage.ending());
    let (phones, pbx) = (config.server.phone_networks.clone(), pbx(config));
    stage.keep("the reading of phones' web pages", move || {
        let looking =
            Looking { hub: Arc::clone(&hub), phones: phones.clone(), pbx: pbx.clone(), looked: Looked::default() };
        let ending = ending.clone();
        async move {
            looking.run(&ending).await;
            Ok(())
        }
    });
}

/// Hosts of the PBX, as the configuration and FreePBX's own name them.
fn pbx(config: &Config) -> Vec<String> {
    let manager = config.ami.as_ref().map(|ami| ami.address.clone());
    let manager = manager.map(|address| address.rsplit_once(':').map_or(address.clone(), |(host, _)| host.to_owned()));
    let database = match &config.pbx.source {
        PbxSource::FreePbx(Some(url)) => {
            Url::parse(url.0.expose()).ok().and_then(|url| url.host_str().map(str::to_owned))
        }
        PbxSource::FreePbx(None) => freepbx_access().ok().map(|access| access.host),
        PbxSource::Sqlite(_) => None,
    };
    manager.into_iter().chain(database).collect()
}

struct Looking {
    hub: Arc<Hub>,
    phones: Vec<Ipv4Net>,
    pbx: Vec<String>,
    looked: Looked,
}

/// When each phone was last asked, and which step of it had been verified by then.
#[derive(Default)]
struct Looked(HashMap<(MacAddr, Ipv4Addr), (Instant, Option<Timestamp>)>);

impl Looking {
    async fn run(mut self, ending: &CancellationToken) {
        loop {
            faults::strike("looking");
            tokio::select! {
                () = self.round() => {}
                () = ending.cancelled() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(ROUND) => {}
                () = ending.cancelled() => return,
            }
        }
    }

    async fn round(&mut self) {
        let due = self.looked.due(self.hub.to_look_at(Timestamp::now()), Instant::now());
        if due.is_empty() {
            return;
        }
        let hosts = Hosts {
            phones: self.phones.clone(),
            ours: probe::own_addresses().collect(),
            pbx: addresses(self.pbx.iter().cloned().chain(self.hub.snapshot().settings.sip_host.clone())).await,
        };
        let mut asking = JoinSet::new();
        for look in due.into_iter().filter(|look| hosts.may_be_asked(look.ip)) {
            let hub = Arc::clone(&self.hub);
            asking.spawn(async move {
                match probe::device_information(look.ip, PORT).await {
                    Ok(page) if hub.page(look.mac, look.ip, &page, Timestamp::now()) => {}
                    Ok(_) => {
                        tracing::debug!(mac = %look.mac, "the web page at {} does not say what the phone runs", look.ip)
                    }
                    Err(why) => tracing::debug!(mac = %look.mac, "no web page came from {}: {why}", look.ip),
                }
            });
        }
        asking.join_all().await;
    }
}

impl Looked {
    /// Those whose turn it is, a few; from now on they were looked at.
    fn due(&mut self, looks: Vec<Look>, now: Instant) -> Vec<Look> {
        self.0.retain(|_, (at, _)| now.duration_since(*at) < AGAIN);
        let anew = |look: &Look| self.0.get(&(look.mac, look.ip)).is_none_or(|(_, verified)| look.verified > *verified);
        let due: Vec<Look> = looks.into_iter().filter(anew).take(AT_ONCE).collect();
        self.0.extend(due.iter().map(|look| ((look.mac, look.ip), (now, look.verified))));
        due
    }
}

/// What those hosts are called in numbers. One that has no address has none that could be asked by mistake.
async fn addresses(hosts: impl Iterator<Item = String>) -> Vec<Ipv4Addr> {
    let mut all = Vec::new();
    for host in hosts {
        if let Ok(Ok(found)) = timeout(ROUND, lookup_host((host.as_str(), PORT))).await {
            all.extend(found.filter_map(|address| match address {
                SocketAddr::V4(address) => Some(*address.ip()),
                SocketAddr::V6(_) => None,
            }));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(n: u8, verified: Option<i64>) -> Look {
        Look {
            mac: MacAddr::new([0, 0x1b, 0x54, 0, 0, n]).unwrap(),
            ip: Ipv4Addr::new(10, 1, 0, n),
            verified: verified.map(|second| Timestamp::from_second(second).unwrap()),
        }
    }

    #[tokio::test]
    async fn few_at_once_each_seldom_and_again_after_a_step() {
        let mut looked = Looked::default();
        let all = |verified| (1..=6).map(|n| look(n, verified)).collect::<Vec<_>>();
        let now = Instant::now();
        assert_eq!(looked.due(all(None), now), all(None)[..4]);
        assert_eq!(looked.due(all(None), now), all(None)[4..]);
        assert_eq!(looked.due(all(None), now + AGAIN / 2), []);
        assert_eq!(looked.due(vec![look(1, Some(5))], now + AGAIN / 2), [look(1, Some(5))]);
        assert_eq!(looked.due(vec![look(1, Some(5))], now + AGAIN), [], "once");
        assert_eq!(looked.due(vec![look(2, None)], now + AGAIN), [look(2, None)]);
        assert_eq!(
            addresses(["10.1.2.3".to_owned(), "no host\u{0}".to_owned()].into_iter()).await,
            [Ipv4Addr::new(10, 1, 2, 3)]
        );
    }
}
