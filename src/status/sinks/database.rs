//! Writes table `offhook_status` of the PBX database, and no other: inserts, updates and deletes rows by MAC.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::mysql::MySqlPool;
use sqlx::sqlite::SqlitePool;

use super::{fields, unknown};
use crate::domain::MacAddr;
use crate::status::PhoneStatus;
use crate::status::publish::Difference;

/// The table, on either database.
pub enum StatusTable {
    /// FreePBX's MariaDB.
    MariaDb(MySqlPool),
    /// The same tables in a file.
    Sqlite(SqlitePool),
}

const MACS: &str = "select mac from offhook_status";
const DELETE: &str = "delete from offhook_status where mac = ?";
const REPLACE: &str = "replace into offhook_status \
    (mac, ip, stage, health, reason, summary, load_id, lines_registered, lines_total, since, updated) \
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

impl StatusTable {
    /// The MACs that have a row. Each is written anew once: a row tells less than a state.
    pub(super) async fn held(&self) -> Result<BTreeMap<MacAddr, PhoneStatus>, String> {
        let macs: Result<Vec<String>, sqlx::Error> = match self {
            Self::MariaDb(pool) => sqlx::query_scalar(MACS).fetch_all(pool).await,
            Self::Sqlite(pool) => sqlx::query_scalar(MACS).fetch_all(pool).await,
        };
        let macs = macs.map_err(|why| sentence(&why))?;
        Ok(macs.iter().filter_map(|mac| mac.parse().ok()).map(|mac| (mac, unknown(mac))).collect())
    }

    pub(super) async fn write(&self, difference: &Difference, now: Timestamp) -> Result<(), String> {
        /// The same statements for both kinds of pool.
        macro_rules! write {
            ($pool:expr) => {{
                let mut transaction = $pool.begin().await?;
                for status in &difference.write {
                    let mut query = sqlx::query(REPLACE).bind(status.mac.to_string());
                    for (_, value) in fields(status, now) {
                        query = query.bind(value);
                    }
                    query.execute(&mut *transaction).await?;
                }
                for mac in &difference.remove {
                    sqlx::query(DELETE).bind(mac.to_string()).execute(&mut *transaction).await?;
                }
                transaction.commit().await
            }};
        }
        let written: Result<(), sqlx::Error> = async {
            match self {
                Self::MariaDb(pool) => write!(pool),
                Self::Sqlite(pool) => write!(pool),
            }
        }
        .await;
        written.map_err(|why| sentence(&why))
    }
}

fn sentence(why: &sqlx::Error) -> String {
    let absent = why.as_database_error().is_some_and(|error| {
        let message = error.message();
        message.contains("no such table") || message.contains("doesn't exist")
    });
    if absent {
        "the PBX database has no table offhook_status, so status is not written there: run contrib/sql/offhook-mariadb.sql".to_owned()
    } else {
        format!("offhook_status in the PBX database could not be written: {why}; see contrib/sql/grants.sql")
    }
}
