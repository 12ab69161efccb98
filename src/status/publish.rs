//! Writes what changed, and nothing else; a PBX that is away gets the latest state when it is back.
//!
//! One task per sink. What a sink holds is learnt when it is first reached, so a restart rewrites nothing that is right
//! and takes away what is stale.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::PhoneStatus;
use super::sinks::Sink;
use crate::domain::MacAddr;

/// Pauses between attempts on a sink that fails grow from the first to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Changes are gathered this long before they are written: a boot storm is many changes of few phones.
const GATHER: Duration = Duration::from_millis(100);

/// What has to be written to make a destination agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Rows to write.
    pub write: Vec<PhoneStatus>,
    /// Rows to take away.
    pub remove: Vec<MacAddr>,
}

/// Compares what was published with what is. Pure.
pub fn difference(published: &BTreeMap<MacAddr, PhoneStatus>, latest: &BTreeMap<MacAddr, PhoneStatus>) -> Difference {
    Difference {
        write: latest
            .iter()
            .filter(|(mac, status)| published.get(mac) != Some(status))
            .map(|(_, status)| status.clone())
            .collect(),
        remove: published.keys().filter(|mac| !latest.contains_key(mac)).copied().collect(),
    }
}

/// Keeps one sink up to date until `shutdown`; then writes the last state once more. `health` holds why it is not
/// written, `None` while it is. `restarted` counts up when the destination may have lost what it held.
pub async fn run(
    sink: Sink,
    mut latest: watch::Receiver<Arc<BTreeMap<MacAddr, PhoneStatus>>>,
    mut restarted: watch::Receiver<u64>,
    health: watch::Sender<Option<String>>,
    shutdown: CancellationToken,
) {
    let mut published: Option<BTreeMap<MacAddr, PhoneStatus>> = None;
    let mut failures = 0_u32;
    loop {
        let ending = shutdown.is_cancelled();
        if restarted.has_changed().unwrap_or(false) {
            restarted.mark_unchanged();
            published = None;
        }
        let statuses = Arc::clone(&latest.borrow_and_update());
        let pause = match bring_up_to_date(&sink, &mut published, &statuses).await {
            Ok(()) => {
                failures = 0;
                health.send_if_modified(|why| why.take().is_some());
                None
            }
            Err(why) => {
                failures = failures.saturating_add(1);
                if failures == 1 {
                    tracing::warn!(code = "publish-failed", sink = sink.name(), "{why}");
                }
                health.send_replace(Some(why));
                // What the destination holds is not certain after a failure.
                published = None;
                let full = BACKOFF.0.saturating_mul(1 << (failures - 1).min(6)).min(BACKOFF.1);
                Some(full.mul_f64(rand::random_range(0.5..=1.0)))
            }
        };
        if ending {
            return;
        }
        if let Some(pause) = pause {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = restarted.changed() => {}
                () = shutdown.cancelled() => {}
            }
        } else {
            tokio::select! {
                changed = latest.changed() => if changed.is_err() { return },
                _ = restarted.changed() => published = None,
                () = shutdown.cancelled() => {}
            }
            tokio::time::sleep(GATHER).await;
        }
    }
}

async fn bring_up_to_date(
    sink: &Sink,
    published: &mut Option<BTreeMap<MacAddr, PhoneStatus>>,
    latest: &BTreeMap<MacAddr, PhoneStatus>,
) -> Result<(), String> {
    let held = match published.take() {
        Some(held) => held,
        None => sink.held().await?,
    };
    let difference = difference(&held, latest);
    if difference != Difference::default() {
        sink.write(&difference, &held, Timestamp::now()).await?;
    }
    *published = Some(latest.clone());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{Health, Stage};

    fn status(mac: &str, stage: Stage) -> (MacAddr, PhoneStatus) {
        let mac = mac.parse().unwrap();
        let status = PhoneStatus {
            mac,
            ip: None,
            stage,
            health: Health::Ok,
            reason: "registered".into(),
            summary: String::new(),
            load: None,
            lines_registered: 1,
            lines_total: 1,
            since: Timestamp::UNIX_EPOCH,
        };
        (mac, status)
    }

    #[test]
    fn only_what_changed_is_written() {
        let before = BTreeMap::from([
            status("001B54AABB01", Stage::Silent),
            status("001B54AABB02", Stage::Registered),
            status("001B54AABB03", Stage::Silent),
        ]);
        let after = BTreeMap::from([
            status("001B54AABB01", Stage::Registered),
            status("001B54AABB02", Stage::Registered),
            status("001B54AABB04", Stage::Silent),
        ]);
        let difference = difference(&before, &after);
        let written: Vec<String> = difference.write.iter().map(|status| status.mac.to_string()).collect();
        assert_eq!(written, ["001B54AABB01", "001B54AABB04"]);
        assert_eq!(difference.remove, ["001B54AABB03".parse().unwrap()]);
        assert_eq!(super::difference(&after, &after), Difference::default());
    }
}
