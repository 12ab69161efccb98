//! Who is at which address, in the database: what a restart must not forget. Lost with it, phones prove themselves anew.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::{Kind, Store, StoreError};
use crate::access::known::PINNED;
use crate::access::{Kept, ToKeep};
use crate::domain::MacAddr;

type Row = (String, String, i64);

impl Store {
    /// Everything that was kept of it. A row that cannot be read is no evidence.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn access(&self) -> Result<Kept, StoreError> {
        let pins: Vec<Row> = sqlx::query_as("select ip, mac, at from pin").fetch_all(&self.pool).await?;
        let overheard: Vec<Row> = sqlx::query_as("select ip, mac, at from overheard").fetch_all(&self.pool).await?;
        let first: Vec<(String, String)> =
            sqlx::query_as("select mac, body from first_contact").fetch_all(&self.pool).await?;
        let first = first.iter().filter_map(|(mac, body)| Some((mac.parse().ok()?, serde_json::from_str(body).ok()?)));
        Ok(Kept {
            pins: pins.iter().filter_map(read).collect(),
            overheard: overheard.iter().filter_map(read).collect(),
            first: first.collect(),
        })
    }

    /// Keeps what changed, all of it or nothing.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn keep_access(&self, keep: &ToKeep, now: Timestamp) -> Result<(), StoreError> {
        self.write(Kind::Passing, async |connection| {
            for (ip, mac, at) in &keep.pins {
                let query = match at {
                    Some(at) => sqlx::query(
                        "insert into pin (ip, mac, at) values (?, ?, ?) on conflict (ip, mac) do update set at = excluded.at",
                    )
                    .bind(ip.to_string())
                    .bind(mac.to_string())
                    .bind(at.as_second()),
                    None => sqlx::query("delete from pin where ip = ? and mac = ?")
                        .bind(ip.to_string())
                        .bind(mac.to_string()),
                };
                query.execute(&mut *connection).await?;
            }
            for (ip, heard) in &keep.overheard {
                let query = match heard {
                    Some((mac, at)) => sqlx::query(
                        "insert into overheard (ip, mac, at) values (?, ?, ?) \
                         on conflict (ip) do update set mac = excluded.mac, at = excluded.at",
                    )
                    .bind(ip.to_string())
                    .bind(mac.to_string())
                    .bind(at.as_second()),
                    None => sqlx::query("delete from overheard where ip = ?").bind(ip.to_string()),
                };
                query.execute(&mut *connection).await?;
            }
            for (mac, first) in &keep.first {
                let query = match first {
                    Some(first) => sqlx::query(
                        "insert into first_contact (mac, body) values (?, ?) on conflict (mac) do update set body = excluded.body",
                    )
                    .bind(mac.to_string())
                    .bind(serde_json::to_string(first)?),
                    None => sqlx::query("delete from first_contact where mac = ?").bind(mac.to_string()),
                };
                query.execute(&mut *connection).await?;
            }
            trim(connection, now).await
        })
        .await
    }
}

/// What counts no more, goes.
async fn trim(connection: &mut SqliteConnection, now: Timestamp) -> Result<(), StoreError> {
    let oldest = now.as_second().saturating_sub(PINNED.as_secs());
    sqlx::query("delete from pin where at < ?").bind(oldest).execute(&mut *connection).await?;
    sqlx::query("delete from overheard where at < ?").bind(oldest).execute(connection).await?;
    Ok(())
}

fn read((ip, mac, at): &Row) -> Option<(Ipv4Addr, MacAddr, Timestamp)> {
    Some((ip.parse().ok()?, mac.parse().ok()?, Timestamp::from_second(*at).ok()?))
}
