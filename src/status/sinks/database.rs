//! Writes table `offhook_status` of the PBX database, and no other: inserts, updates and deletes rows by MAC.

use std::future::Future;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::pbx::sources::{PATIENCE, Source};
use crate::status::publish::row::{Difference, Row, Rows, seconds};

/// The table, in the database that the roster is read from.
#[derive(Clone)]
pub struct StatusTable {
    opened: watch::Receiver<Option<Source>>,
}

/// Everything as text, so that both databases are read alike.
const HELD: &str = "select mac, ip, stage, health, reason, summary, load_id, cast(lines_registered as char), \
    cast(lines_total as char), cast(since as char) from offhook_status";
const REPLACE: &str = "replace into offhook_status \
    (mac, ip, stage, health, reason, summary, load_id, lines_registered, lines_total, since, updated) ";
const DELETE: &str = "delete from offhook_status where mac in (";

/// Rows of one statement: a boot storm changes them all, and each statement is a way to the server and back.
const ROWS: usize = 200;

type Text = Option<String>;
type Columns = (String, Text, Text, Text, Text, Text, Text, Text, Text, Text);

impl StatusTable {
    /// In whichever database is open; none is until the PBX was reached once.
    pub fn new(opened: watch::Receiver<Option<Source>>) -> Self {
        Self { opened }
    }

    fn source(&self) -> Result<Source, String> {
        let source = self.opened.borrow().clone();
        source.ok_or_else(|| "offhook_status was not written: the PBX database was not reached yet".to_owned())
    }

    /// The rows that are there. One whose key is no MAC is not ours and stays.
    pub(super) async fn held(&self) -> Result<Rows, String> {
        let source = self.source()?;
        let rows: Vec<Columns> = in_time(async {
            match source {
                Source::MariaDb(pool) => sqlx::query_as(HELD).fetch_all(&pool).await,
                Source::Sqlite(pool) => sqlx::query_as(HELD).fetch_all(&pool).await,
            }
        })
        .await?;
        let row = |columns: Columns| {
            let (mac, ip, stage, health, reason, summary, load, registered, total, since) = columns;
            let row = Row::held([ip, stage, health, reason, summary, load, registered, total, since]);
            mac.parse().ok().map(|mac| (mac, Arc::new(row)))
        };
        Ok(rows.into_iter().filter_map(row).collect())
    }

    /// Writes all or nothing.
    pub(super) async fn write(&self, difference: &Difference, now: Timestamp) -> Result<(), String> {
        let changed: Vec<_> = difference.write.iter().collect();
        /// The same statements for both kinds of pool.
        macro_rules! write {
            ($pool:expr) => {{
                let mut transaction = $pool.begin().await?;
                for rows in changed.chunks(ROWS) {
                    let mut query = sqlx::QueryBuilder::new(REPLACE);
                    query.push_values(rows, |mut values, (mac, row)| {
                        values.push_bind(mac.to_string());
                        for (_, value) in row.fields() {
                            values.push_bind(value.map(str::to_owned));
                        }
                        values.push_bind(seconds(now));
                    });
                    query.build().execute(&mut *transaction).await?;
                }
                for macs in difference.remove.chunks(ROWS) {
                    let mut query = sqlx::QueryBuilder::new(DELETE);
                    let mut list = query.separated(", ");
                    for mac in macs {
                        list.push_bind(mac.to_string());
                    }
                    list.push_unseparated(")");
                    query.build().execute(&mut *transaction).await?;
                }
                transaction.commit().await
            }};
        }
        let source = self.source()?;
        in_time(async {
            match source {
                Source::MariaDb(pool) => write!(pool),
                Source::Sqlite(pool) => write!(pool),
            }
        })
        .await
    }
}

/// A server that is gone without a word must not hold the publisher for ever.
async fn in_time<T>(look: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(outcome) => outcome.map_err(|why| sentence(&why)),
        Err(_) => Err("offhook_status: the PBX database did not answer within 5 s; see that it runs".to_owned()),
    }
}

fn sentence(why: &sqlx::Error) -> String {
    // MariaDB's SQLSTATE for a missing table; SQLite has only words for it.
    let absent = why
        .as_database_error()
        .is_some_and(|error| error.code().as_deref() == Some("42S02") || error.message().starts_with("no such table"));
    if absent {
        "the PBX database has no table offhook_status, so status is not written there: run contrib/sql/offhook-mariadb.sql".to_owned()
    } else {
        format!("offhook_status in the PBX database could not be written: {why}; see contrib/sql/grants.sql")
    }
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

    use super::*;
    use crate::status::Stage;
    use crate::status::publish::row::difference;
    use crate::status::publish::row::tests::status;

    const TABLE: &str = "create table offhook_status (mac char(12) not null primary key, ip varchar(45), stage varchar(16), \
        health varchar(16), reason varchar(40), summary varchar(255), load_id varchar(40), lines_registered smallint, \
        lines_total smallint, since datetime, updated datetime)";

    async fn table(folder: &tempfile::TempDir) -> (StatusTable, SqlitePool) {
        let options = SqliteConnectOptions::new().filename(folder.path().join("pbx.db")).create_if_missing(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        (StatusTable::new(watch::channel(Some(Source::Sqlite(pool.clone()))).1), pool)
    }

    /// What is written is read back as it is wanted, hostile text included: then nothing is left to write.
    #[tokio::test]
    async fn what_is_written_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let (table, pool) = table(&folder).await;
        sqlx::raw_sql(TABLE).execute(&pool).await.unwrap();
        let wanted: Rows = [
            status("001B54AABB01", Stage::Registered, "R&D <1>; '); drop table offhook_status --"),
            status("001B54AABB02", Stage::Silent, &"ü".repeat(400)),
            status("001B54AABB03", Stage::Silent, ""),
        ]
        .iter()
        .map(|(mac, status)| (*mac, Arc::new(Row::of(status))))
        .collect();
        let now = Timestamp::from_second(1_795_243_100).unwrap();
        table.write(&difference(&Rows::new(), &wanted), now).await.unwrap();
        assert_eq!(table.held().await.unwrap(), wanted);
        let updated: Vec<String> =
            sqlx::query_scalar("select distinct updated from offhook_status").fetch_all(&pool).await.unwrap();
        assert_eq!(updated, ["2026-11-21 06:38:20"]);
        // A phone goes; what is no MAC is nobody's business.
        sqlx::raw_sql("insert into offhook_status (mac) values ('note')").execute(&pool).await.unwrap();
        let mut fewer = wanted.clone();
        fewer.pop_first();
        let held = table.held().await.unwrap();
        table.write(&difference(&held, &fewer), now).await.unwrap();
        assert_eq!(table.held().await.unwrap(), fewer);
        let macs: Vec<String> =
            sqlx::query_scalar("select mac from offhook_status order by mac").fetch_all(&pool).await.unwrap();
        assert_eq!(macs, ["001B54AABB02", "001B54AABB03", "note"]);
    }

    #[tokio::test]
    async fn no_table_is_said_in_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let (table, _) = table(&folder).await;
        let why = table.held().await.unwrap_err();
        assert!(why.contains("no table offhook_status") && why.contains("contrib/sql"), "{why}");
    }
}
