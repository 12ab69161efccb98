//! Writes what changed, and nothing else; a PBX that is away gets the latest state when it is back.
//!
//! One task per sink. What a sink holds is learnt when it is first reached, so a restart rewrites nothing that is right
//! and takes away what is stale.

pub mod row;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::sinks::Sink;
use super::{PhoneStatus, Statuses};
use crate::domain::{MacAddr, backoff};
use row::{Difference, Row, Rows, difference};

/// Pauses between attempts on a sink that fails grow from the first to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Changes are gathered this long before they are written: a boot storm is many changes of each phone, and its files
/// come first.
const GATHER: Duration = Duration::from_millis(250);

/// Keeps one sink up to date until `shutdown`; then writes the last state once more. `health` holds why it is not
/// written, `None` while it is. `restarted` changes when the destination may have lost what it held.
pub async fn run<T>(
    sink: Sink,
    mut latest: watch::Receiver<Statuses>,
    mut restarted: watch::Receiver<T>,
    health: watch::Sender<Option<String>>,
    shutdown: CancellationToken,
) {
    let mut published: Option<(Statuses, Rows)> = None;
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
                Some(backoff(BACKOFF, failures, rand::random()))
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
                () = recheck(&sink) => published = None,
                () = shutdown.cancelled() => {}
            }
            tokio::time::sleep(GATHER).await;
        }
    }
}

/// How often a table is read back: a row or the whole table may be gone without any word of it.
const RECHECK: Duration = Duration::from_mins(1);

async fn recheck(sink: &Sink) {
    match sink {
        Sink::Table(_) => tokio::time::sleep(RECHECK).await,
        // Some thousand keys are no question for every minute, and nobody but us touches them.
        Sink::AstDb(_) => std::future::pending().await,
    }
}

/// Waits until the destination may have lost what it held; for ever where nobody will say so.
async fn changed<T>(restarted: &mut watch::Receiver<T>) {
    if restarted.changed().await.is_err() {
        std::future::pending().await
    }
}

async fn bring_up_to_date(
    sink: &Sink,
    published: &mut Option<(Statuses, Rows)>,
    latest: &Statuses,
) -> Result<(), String> {
    let (before, held) = match published.take() {
        Some(published) => published,
        None => (Statuses::default(), sink.held().await?),
    };
    let row = |mac: &MacAddr, status: &Arc<PhoneStatus>| {
        let same = before.get(mac).is_some_and(|before| Arc::ptr_eq(before, status));
        held.get(mac).filter(|_| same).map_or_else(|| Arc::new(Row::of(status)), Arc::clone)
    };
    let wanted: Rows = latest.iter().map(|(mac, status)| (*mac, row(mac, status))).collect();
    let difference = difference(&held, &wanted);
    if difference != Difference::default() {
        sink.write(&difference, &held, Timestamp::now()).await?;
    }
    *published = Some((Arc::clone(latest), wanted));
    Ok(())
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

    use super::row::tests::status;
    use super::*;
    use crate::pbx::sources::Source;
    use crate::status::Stage;
    use crate::status::sinks::StatusTable;

    /// The table, and one that counts what is written to it.
    const TABLES: &str = "create table offhook_status (mac text primary key, ip text, stage text, health text, reason text, \
        summary text, load_id text, lines_registered smallint, lines_total smallint, since datetime, updated datetime); \
        create table writes (mac text); \
        create trigger count_writes after insert on offhook_status begin insert into writes values (new.mac); end;";

    /// A publisher on a table of its own.
    struct Bench {
        pool: SqlitePool,
        latest: watch::Sender<Statuses>,
        opened: watch::Sender<Option<Source>>,
        _folder: tempfile::TempDir,
    }

    impl Bench {
        async fn new(statuses: &[(&str, Stage)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let options = SqliteConnectOptions::new().filename(folder.path().join("pbx.db")).create_if_missing(true);
            let pool = SqlitePool::connect_with(options).await.unwrap();
            let opened = watch::Sender::new(Some(Source::Sqlite(pool.clone())));
            Self { pool, latest: watch::Sender::new(all(statuses)), opened, _folder: folder }
        }

        async fn sql(&self, sql: &'static str) {
            sqlx::raw_sql(sql).execute(&self.pool).await.unwrap();
        }

        /// Publishes until `done` of the health; what is due is written once more at the end.
        async fn publish(&self, done: impl AsyncFnOnce(watch::Receiver<Option<String>>)) {
            let (health, healthy) = watch::channel(Some("not begun".to_owned()));
            let shutdown = CancellationToken::new();
            let (opened, restarted) = (self.opened.subscribe(), self.opened.subscribe());
            let sink = Sink::Table(StatusTable::new(opened));
            let task = tokio::spawn(run(sink, self.latest.subscribe(), restarted, health, shutdown.clone()));
            done(healthy).await;
            shutdown.cancel();
            task.await.unwrap();
        }

        async fn rows(&self) -> Vec<(String, String)> {
            sqlx::query_as("select mac, stage from offhook_status order by mac").fetch_all(&self.pool).await.unwrap()
        }

        async fn writes(&self) -> Vec<String> {
            sqlx::query_scalar("select mac from writes order by rowid").fetch_all(&self.pool).await.unwrap()
        }
    }

    fn all(statuses: &[(&str, Stage)]) -> Statuses {
        Arc::new(
            statuses.iter().map(|(mac, stage)| status(mac, *stage, "")).map(|(mac, s)| (mac, Arc::new(s))).collect(),
        )
    }

    async fn well(mut health: watch::Receiver<Option<String>>) {
        health.wait_for(Option::is_none).await.unwrap();
    }

    const ONE: &str = "001B54AABB01";
    const TWO: &str = "001B54AABB02";

    /// What is there is learnt: stale rows go, rows that are right are not written again, by this run or the next.
    #[tokio::test]
    async fn a_restart_rewrites_nothing_that_is_right() {
        let bench = Bench::new(&[(ONE, Stage::Silent), (TWO, Stage::Registered)]).await;
        bench.sql(TABLES).await;
        bench.sql("insert into offhook_status (mac, stage) values ('001B54AABBFF', 'stale')").await;
        bench.sql("delete from writes").await;
        bench.publish(well).await;
        assert_eq!(bench.rows().await, [(ONE.into(), "silent".into()), (TWO.into(), "registered".into())]);
        assert_eq!(bench.writes().await, [ONE, TWO]);
        bench.publish(well).await;
        assert_eq!(bench.writes().await.len(), 2, "nothing changed");
        bench.latest.send_replace(all(&[(ONE, Stage::Registered), (TWO, Stage::Registered)]));
        bench.publish(well).await;
        assert_eq!(bench.writes().await, [ONE, TWO, ONE]);
        bench.latest.send_replace(all(&[(TWO, Stage::Registered)]));
        bench.publish(well).await;
        assert_eq!(bench.rows().await, [(TWO.into(), "registered".into())]);
    }

    /// A database that was away may have come back from a backup.
    #[tokio::test]
    async fn rows_that_an_outage_took_are_written_again() {
        let bench = Bench::new(&[(ONE, Stage::Registered)]).await;
        bench.sql(TABLES).await;
        bench
            .publish(async |health| {
                well(health).await;
                bench.sql("delete from offhook_status").await;
                bench.opened.send_modify(|_| {});
            })
            .await;
        assert_eq!(bench.rows().await, [(ONE.into(), "registered".into())]);
    }

    /// A destination that is not there is named in one sentence; when it comes, only the newest state is written.
    #[tokio::test]
    async fn after_an_outage_only_the_newest_is_written() {
        let bench = Bench::new(&[(ONE, Stage::Silent)]).await;
        bench
            .publish(async |mut health| {
                let missing =
                    |why: &Option<String>| why.as_ref().is_some_and(|why| why.contains("no table offhook_status"));
                health.wait_for(missing).await.unwrap();
                bench.latest.send_replace(all(&[(ONE, Stage::Booting)]));
                bench.latest.send_replace(all(&[(ONE, Stage::Registered)]));
                bench.sql(TABLES).await;
                well(health).await;
            })
            .await;
        assert_eq!(bench.rows().await, [(ONE.into(), "registered".into())]);
        assert_eq!(bench.writes().await, [ONE]);
    }
}
