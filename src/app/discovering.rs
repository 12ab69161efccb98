//! Listens to what phones announce on their links, and to what clients ask of DHCP servers there. An interface that is not
//! there, or goes away, is waited for (F17); where the daemon may not listen it says so once and does everything else.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ipnet::Ipv4Net;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::faults;
use super::stage::Stage;
use crate::config::Config;
use crate::dhcp::asked::{self, Asked};
use crate::dhcp::link::Link;
use crate::dhcp::watch::Watch;
use crate::discover::listen::{Frame, Listener, NotHeard};
use crate::discover::read;
use crate::hub::Hub;

/// Between two looks for an interface.
const RETRY: Duration = Duration::from_secs(2);

/// Most frames of an interface that are read within [`WINDOW`]: a switch's phones that come up at once are fewer, and a flood
/// stays in the kernel, which drops it.
const MOST: u32 = 500;
const WINDOW: Duration = Duration::from_secs(1);

/// An interface, and who is to hear of what is asked there.
struct Place {
    interface: String,
    /// Our own server serves there, or would.
    serves: bool,
    /// Where other servers are watched, they are asked for once somebody chooses one.
    rivals: Option<Arc<Watch>>,
    hub: Arc<Hub>,
}

/// Why an interface is not listened on, as that changes; `None` = it is.
type Health = watch::Sender<Option<String>>;

/// A task for each interface. Returns their names, and how each is.
pub(super) fn spawn(
    stage: &mut Stage,
    config: &Config,
    rivals: &Arc<Watch>,
    hub: &Arc<Hub>,
) -> Vec<(String, watch::Receiver<Option<String>>)> {
    let mut all = Vec::new();
    for interface in &config.discovery {
        let (health, seen) = watch::channel(Some("nobody looked for it yet".to_owned()));
        all.push((interface.clone(), seen));
        let watched = config.dhcp.interfaces.contains(interface);
        let place = Arc::new(Place {
            interface: interface.clone(),
            serves: config.dhcp.mode.is_some() && watched,
            rivals: watched.then(|| Arc::clone(rivals)),
            hub: Arc::clone(hub),
        });
        let (ending, health) = (stage.ending(), Arc::new(health));
        stage.keep("the listening to phones' announcements", move || {
            let (place, ending, health) = (Arc::clone(&place), ending.clone(), Arc::clone(&health));
            async move {
                tokio::select! {
                    () = listen(&place, &health) => {}
                    () = ending.cancelled() => {}
                }
                Ok(())
            }
        });
    }
    all
}

/// Ends where it is not permitted: that does not change without a restart.
async fn listen(place: &Place, health: &Health) {
    let interface = place.interface.as_str();
    loop {
        match Listener::open(interface) {
            Ok(listener) => {
                if put(health, None) {
                    tracing::info!(
                        code = "discovery",
                        interface,
                        "listening to CDP, LLDP and what DHCP servers are asked on {interface}"
                    );
                }
                let Err(why) = hear(&listener, place).await;
                tracing::debug!(interface, "{interface}: {why}");
            }
            Err(NotHeard::Refused) => {
                let why = format!(
                    "CDP and LLDP on {interface} cannot be heard: the daemon has no CAP_NET_RAW; copy \
                     discovery.conf of the package's examples into /etc/systemd/system/offhook.service.d and restart, or \
                     empty discovery.interfaces (docs/discovery.md)"
                );
                tracing::warn!(code = "discovery-refused", interface, "{why}");
                put(health, Some(why));
                return;
            }
            Err(NotHeard::Absent) => wait(interface, health, "it is not there, or down"),
            Err(NotHeard::Failed(why)) => wait(interface, health, &why.to_string()),
        }
        sleep(RETRY).await;
    }
}

fn wait(interface: &str, health: &Health, why: &str) {
    let why = format!("CDP and LLDP on {interface} are not heard: {why}; it is listened on once it is there");
    if put(health, Some(why.clone())) {
        tracing::warn!(code = "discovery-waits", interface, "{why}");
    }
}

/// Returns whether that is news.
fn put(health: &Health, why: Option<String>) -> bool {
    health.send_if_modified(|before| {
        let news = *before != why;
        *before = why;
        news
    })
}

async fn hear(listener: &Listener, place: &Place) -> Result<std::convert::Infallible, io::Error> {
    let (mut since, mut frames) = (Instant::now(), 0);
    // The link's networks, as they were within the last window.
    let mut networks: Option<Vec<Ipv4Net>> = None;
    loop {
        let frame = listener.next().await?;
        faults::strike("discovering");
        if since.elapsed() >= WINDOW {
            (since, frames, networks) = (Instant::now(), 0, None);
        }
        frames += 1;
        if frames > MOST {
            sleep_until(since + WINDOW).await;
        }
        match frame {
            Frame::Announces(frame) => match read(&frame) {
                Ok(said) => place.hub.announced(said, Timestamp::now()),
                Err(why) => tracing::trace!("a frame {why}"),
            },
            Frame::Asks(frame) => {
                if let Some(asked) = asked::read(&frame) {
                    let addresses = || Link::named(&place.interface).map(|link| link.addresses).unwrap_or_default();
                    place.asks(asked, networks.get_or_insert_with(addresses));
                }
            }
        }
    }
}

impl Place {
    /// Somebody asked DHCP servers something. `networks`: those of the link, with this host's addresses.
    fn asks(&self, mut asked: Asked, networks: &[Ipv4Net]) {
        let server = asked.server.filter(|server| networks.iter().all(|own| own.addr() != *server));
        // Who takes an offer of ours has what our own server says that he has.
        if self.serves && asked.server.is_some() && server.is_none() {
            asked.address = None;
        }
        if let Some((rivals, server)) = self.rivals.as_ref().zip(server) {
            rivals.chosen(&self.interface, server);
        }
        self.hub.asked_dhcp(asked, networks, Timestamp::now());
    }
}
