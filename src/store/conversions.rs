//! Conversions in the database. A row is kept before what follows from it is offered to a phone.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::SqliteConnection;

use super::{Kind, Store, StoreError};
use crate::api::Audited;
use crate::convert::{Belief, Campaign, Conversion};
use crate::domain::MacAddr;
use crate::firmware::store::STAYS;

/// All of it, as it was kept.
#[derive(Debug, Default)]
pub struct Kept {
    /// By phone.
    pub conversions: BTreeMap<MacAddr, Conversion>,
    /// By phone.
    pub beliefs: BTreeMap<MacAddr, Belief>,
    /// The campaign, if one was ever started.
    pub campaign: Option<Campaign>,
    /// By SHA-256 of a file of firmware, when a phone last asked for it.
    pub taken: BTreeMap<String, Timestamp>,
    /// Rows that cannot be read: of these phones nothing is known.
    pub unreadable: Vec<String>,
}

/// What to keep: `None` = the row goes.
#[derive(Debug, Default)]
pub struct ToKeep {
    /// By phone.
    pub conversions: BTreeMap<MacAddr, Option<Conversion>>,
    /// By phone.
    pub beliefs: BTreeMap<MacAddr, Option<Belief>>,
    /// The campaign, where it changed.
    pub campaign: Option<Campaign>,
    /// Files of firmware that phones asked for, by SHA-256, and when.
    pub taken: BTreeMap<String, Timestamp>,
    /// Who did what, to be remembered.
    pub audit: Vec<(Timestamp, String, String)>,
}

/// Entries of the audit log that are kept.
const AUDITED: u32 = 10_000;

impl Store {
    /// Everything that was kept of conversions.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn conversions(&self) -> Result<Kept, StoreError> {
        let mut kept = Kept::default();
        kept.conversions = self.rows("select mac, body from conversion", &mut kept.unreadable).await?;
        kept.beliefs = self.rows("select mac, body from belief", &mut kept.unreadable).await?;
        let taken: Vec<(String, i64)> = sqlx::query_as("select sha256, at from taken").fetch_all(&self.pool).await?;
        let moment = |(sha256, at): (String, i64)| Some((sha256, Timestamp::from_second(at).ok()?));
        kept.taken = taken.into_iter().filter_map(moment).collect();
        let campaign: Option<(String,)> =
            sqlx::query_as("select body from campaign where id = 1").fetch_optional(&self.pool).await?;
        if let Some((body,)) = campaign {
            match serde_json::from_str(&body) {
                Ok(campaign) => kept.campaign = Some(campaign),
                Err(why) => kept.unreadable.push(format!("the campaign: {why}")),
            }
        }
        Ok(kept)
    }

    async fn rows<T: DeserializeOwned>(
        &self,
        query: &'static str,
        unreadable: &mut Vec<String>,
    ) -> Result<BTreeMap<MacAddr, T>, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(query).fetch_all(&self.pool).await?;
        let mut read = BTreeMap::new();
        for (mac, body) in rows {
            match (mac.parse(), serde_json::from_str(&body)) {
                (Ok(mac), Ok(row)) => drop(read.insert(mac, row)),
                (_, Err(why)) => unreadable.push(format!("{mac}: {why}")),
                (Err(why), _) => unreadable.push(format!("{mac:?}: {why}")),
            }
        }
        Ok(read)
    }

    /// Keeps what changed, all of it or nothing.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn keep_conversions(&self, keep: &ToKeep) -> Result<(), StoreError> {
        self.write(Kind::Assignment, async |connection| {
            for (mac, row) in &keep.conversions {
                let query = "insert into conversion (mac, body) values (?, ?) on conflict (mac) do update set body = excluded.body";
                put(connection, query, "delete from conversion where mac = ?", *mac, row.as_ref()).await?;
            }
            for (mac, row) in &keep.beliefs {
                let query = "insert into belief (mac, body) values (?, ?) on conflict (mac) do update set body = excluded.body";
                put(connection, query, "delete from belief where mac = ?", *mac, row.as_ref()).await?;
            }
            if let Some(campaign) = &keep.campaign {
                let query = "insert into campaign (id, body) values (1, ?) on conflict (id) do update set body = excluded.body";
                sqlx::query(query).bind(serde_json::to_string(campaign)?).execute(&mut *connection).await?;
            }
            for (sha256, at) in &keep.taken {
                let query = "insert into taken (sha256, at) values (?, ?) on conflict (sha256) do update set at = excluded.at";
                sqlx::query(query).bind(sha256).bind(at.as_second()).execute(&mut *connection).await?;
            }
            if let Some(last) = keep.taken.values().max() {
                let trim = sqlx::query("delete from taken where at <= ?");
                trim.bind(last.as_second().saturating_sub(STAYS.as_secs())).execute(&mut *connection).await?;
            }
            for (at, who, what) in &keep.audit {
                let query = sqlx::query("insert into audit (at, who, what) values (?, ?, ?)");
                query.bind(at.to_string()).bind(who).bind(what).execute(&mut *connection).await?;
            }
            if !keep.audit.is_empty() {
                let trim = sqlx::query("delete from audit where id <= (select max(id) from audit) - ?");
                trim.bind(AUDITED).execute(connection).await?;
            }
            Ok(())
        })
        .await
    }

    /// The audit log, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn audit(&self) -> Result<Vec<Audited>, StoreError> {
        let rows: Vec<(String, String, String)> =
            sqlx::query_as("select at, who, what from audit order by id").fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(|(at, who, what)| Audited { at, who, what }).collect())
    }
}

async fn put<T: Serialize>(
    connection: &mut SqliteConnection,
    keep: &'static str,
    delete: &'static str,
    mac: MacAddr,
    row: Option<&T>,
) -> Result<(), StoreError> {
    let query = match row {
        Some(row) => sqlx::query(keep).bind(mac.to_string()).bind(serde_json::to_string(row)?),
        None => sqlx::query(delete).bind(mac.to_string()),
    };
    query.execute(connection).await?;
    Ok(())
}
