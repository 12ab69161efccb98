//! Listens to what phones announce on their links. An interface that is not there, or goes away, is waited for (F17); where
//! the daemon may not listen it says so once and does everything else.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::faults;
use super::stage::Stage;
use crate::config::Config;
use crate::discover::listen::{Listener, NotHeard};
use crate::discover::read;
use crate::hub::Hub;

/// Between two looks for an interface.
const RETRY: Duration = Duration::from_secs(2);

/// Most frames of an interface that are read within [`WINDOW`]: a switch's phones that come up at once are fewer, and a flood
/// stays in the kernel, which drops it.
const MOST: u32 = 500;
const WINDOW: Duration = Duration::from_secs(1);

/// Why an interface is not listened on, as that changes; `None` = it is.
type Health = watch::Sender<Option<String>>;

/// A task for each interface. Returns their names, and how each is.
pub(super) fn spawn(
    stage: &mut Stage,
    config: &Config,
    hub: &Arc<Hub>,
) -> Vec<(String, watch::Receiver<Option<String>>)> {
    let mut all = Vec::new();
    for interface in &config.discovery {
        let (health, seen) = watch::channel(Some("nobody looked for it yet".to_owned()));
        all.push((interface.clone(), seen));
        let (hub, ending, interface) = (Arc::clone(hub), stage.ending(), interface.clone());
        let health = Arc::new(health);
        stage.keep("the listening to phones' announcements", move || {
            let (hub, ending, interface, health) =
                (Arc::clone(&hub), ending.clone(), interface.clone(), Arc::clone(&health));
            async move {
                tokio::select! {
                    () = listen(&interface, &hub, &health) => {}
                    () = ending.cancelled() => {}
                }
                Ok(())
            }
        });
    }
    all
}

/// Ends where it is not permitted: that does not change without a restart.
async fn listen(interface: &str, hub: &Hub, health: &Health) {
    loop {
        match Listener::open(interface) {
            Ok(listener) => {
                if put(health, None) {
                    tracing::info!(code = "discovery", interface, "listening to CDP and LLDP on {interface}");
                }
                let Err(why) = hear(&listener, hub).await;
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

async fn hear(listener: &Listener, hub: &Hub) -> Result<std::convert::Infallible, io::Error> {
    let (mut since, mut frames) = (Instant::now(), 0);
    loop {
        let frame = listener.next().await?;
        faults::strike("discovering");
        if since.elapsed() >= WINDOW {
            (since, frames) = (Instant::now(), 0);
        }
        frames += 1;
        if frames > MOST {
            sleep_until(since + WINDOW).await;
        }
        match read(&frame) {
            Ok(said) => hub.announced(said, Timestamp::now()),
            Err(why) => tracing::trace!("a frame {why}"),
        }
    }
}
