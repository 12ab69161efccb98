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
    mut restarted: Option<watch::Receiver<u64>>,
    health: watch::Sender<Option<String>>,
    shutdown: CancellationToken,
) {
    let mut published: Option<BTreeMap<MacAddr, PhoneStatus>> = None;
    let mut failures = 0_u32;
    loop {
        let ending = shutdown.is_cancelled();
        if let Some(restarted) = restarted.as_mut().filter(|restarted| restarted.has_changed().unwrap_or(false)) {
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
                () = changed(&mut restarted) => {}
                () = shutdown.cancelled() => {}
            }
        } else {
            tokio::select! {
                more = latest.changed() => if more.is_err() { return },
                () = changed(&mut restarted) => published = None,
                () = shutdown.cancelled() => {}
            }
            tokio::time::sleep(GATHER).await;
        }
    }
}

/// Waits until the destination may have lost what it held; for ever where nobody will say so.
async fn changed(restarted: &mut Option<watch::Receiver<u64>>) {
    let told = match restarted {
        Some(receiver) => receiver.changed().await.is_ok(),
        None => false,
    };
    if !told {
        std::future::pending().await
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

    /// A table that counts its writes, and a publisher on it.
    #[tokio::test]
    async fn a_destination_is_written_once_per_change_and_learnt_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let options =
            sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("pbx.db")).create_if_missing(true);
        let pool = sqlx::sqlite::SqlitePool::connect_with(options).await.unwrap();
        sqlx::raw_sql(include_str!("../../contrib/sql/demo-sqlite.sql")).execute(&pool).await.unwrap();
        sqlx::raw_sql(
            "create table writes (mac text); \
             create trigger count_writes after insert on offhook_status begin insert into writes values (new.mac); end; \
             insert into offhook_status (mac, stage) values ('001B54AABBFF', 'stale');",
        )
        .execute(&pool)
        .await
        .unwrap();
        let writes =
            async || -> Vec<String> { sqlx::query_scalar("select mac from writes").fetch_all(&pool).await.unwrap() };
        let rows = async |wanted: usize, stage: &str| {
            let mut pause = tokio::time::interval(Duration::from_millis(10));
            loop {
                pause.tick().await;
                let macs: Vec<String> = sqlx::query_scalar("select mac from offhook_status where stage = ?")
                    .bind(stage)
                    .fetch_all(&pool)
                    .await
                    .unwrap();
                if macs.len() == wanted {
                    return macs;
                }
            }
        };
        let statuses = Arc::new(BTreeMap::from([
            status("001B54AABB01", Stage::Silent),
            status("001B54AABB02", Stage::Registered),
        ]));
        let (latest, receiver) = watch::channel(statuses);
        let (health, healthy) = watch::channel(None);
        let shutdown = CancellationToken::new();
        let sink = Sink::Table(crate::status::sinks::StatusTable::Sqlite(pool.clone()));
        let task = tokio::spawn(run(sink, receiver, None, health, shutdown.clone()));
        assert_eq!(rows(1, "silent").await, ["001B54AABB01"], "the stale row is gone");
        rows(1, "registered").await;
        // The same again, then one change: one more write.
        latest.send_modify(|_| {});
        latest.send_modify(|all| {
            let (mac, changed) = status("001B54AABB01", Stage::Registered);
            Arc::make_mut(all).insert(mac, changed);
        });
        rows(2, "registered").await;
        shutdown.cancel();
        task.await.unwrap();
        let written = writes().await;
        assert_eq!(written.len(), 4, "001B54AABBFF by hand, two phones, one change: {written:?}");
        assert_eq!(*healthy.borrow(), None);
    }

    #[tokio::test]
    async fn a_missing_table_is_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let options =
            sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("pbx.db")).create_if_missing(true);
        let pool = sqlx::sqlite::SqlitePool::connect_with(options).await.unwrap();
        let (_latest, receiver) = watch::channel(Arc::new(BTreeMap::from([status("001B54AABB01", Stage::Silent)])));
        let (health, mut healthy) = watch::channel(None);
        let shutdown = CancellationToken::new();
        let sink = Sink::Table(crate::status::sinks::StatusTable::Sqlite(pool));
        let task = tokio::spawn(run(sink, receiver, None, health, shutdown.clone()));
        let why = healthy.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        assert!(why.contains("offhook_status") && why.contains("sql"), "{why}");
        shutdown.cancel();
        task.await.unwrap();
    }
}
