//! Which phones' addresses fail2ban blocks, by its log.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::Ipv4Net;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::watch;

use super::faults;
use super::stage::Stage;
use crate::config::Config;
use crate::fail2ban::log::Log;
use crate::fail2ban::{Line, read};
use crate::hub::Hub;

/// How often it is looked whether the log has grown.
const ROUND: Duration = Duration::from_secs(2);

/// Rounds that a start of fail2ban's is given: what it blocks again follows it jail by jail, and is one word with it.
const SETTLES: u32 = 4;

/// The task, where a log is named. Returns why it is not read, as that changes.
pub(super) fn spawn(stage: &mut Stage, config: &Config, hub: &Arc<Hub>) -> watch::Receiver<Option<String>> {
    let (health, seen) = watch::channel(None);
    let Some(path) = config.pbx.fail2ban_log.clone() else { return seen };
    let (health, hub, ending) = (Arc::new(health), Arc::clone(hub), stage.ending());
    let networks = config.server.phone_networks.clone();
    stage.keep("the reading of fail2ban's log", move || {
        let reading = Reading { hub: Arc::clone(&hub), networks: networks.clone(), health: Arc::clone(&health) };
        let (path, ending) = (path.clone(), ending.clone());
        async move {
            tokio::select! {
                () = reading.run(path) => {}
                () = ending.cancelled() => {}
            }
            Ok(())
        }
    });
    seen
}

struct Reading {
    hub: Arc<Hub>,
    networks: Vec<Ipv4Net>,
    health: Arc<watch::Sender<Option<String>>>,
}

impl Reading {
    async fn run(self, path: PathBuf) {
        let mut log = Log::new(path);
        let (mut held, mut rounds) = (Vec::new(), 0);
        let of_a_phone = |line: &Line| match line {
            Line::Says(word) => self.networks.iter().any(|network| network.contains(&word.ip)),
            Line::Starts => true,
        };
        loop {
            faults::strike("banning");
            // A disk may take its time, and phones wait for none.
            let round = tokio::task::spawn_blocking(move || {
                let lines = log.lines();
                (log, lines)
            });
            let Ok((kept, lines)) = round.await else { return };
            log = kept;
            let why = match lines {
                Ok((lines, first)) => {
                    // Whoever puts the zone puts it for the log, too.
                    let zone = TimeZone::system();
                    held.extend(lines.iter().filter_map(|line| read(line, &zone)).filter(of_a_phone));
                    if !first && rounds < SETTLES && held.contains(&Line::Starts) {
                        rounds += 1;
                    } else {
                        self.hub.banned(held.drain(..), first, Timestamp::now());
                        rounds = 0;
                    }
                    None
                }
                Err(why) => Some(format!("{}: {why}", log.path().display())),
            };
            self.health.send_if_modified(|before| {
                let changed = *before != why;
                *before = why;
                changed
            });
            tokio::time::sleep(ROUND).await;
        }
    }
}
