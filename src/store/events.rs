//! The tails of all timelines, as they are in memory: rows come, change and go as the timeline says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Kind, Store, StoreError};
use crate::domain::{BootEvent, MacAddr};
use crate::timeline::{Change, EVENTS_PER_PHONE, Row};

/// An event as it stands in its row; without a fold as versions before folds wrote it.
#[derive(Serialize, Deserialize)]
struct Body {
    #[serde(flatten)]
    event: BootEvent,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fold: Option<Fold>,
}

/// The fold that it is of.
#[derive(Serialize, Deserialize)]
struct Fold {
    times: u32,
    since: Timestamp,
    cycle: usize,
}

impl Body {
    fn of(row: &Row) -> Self {
        let fold = row.since.map(|since| Fold { times: row.times, since, cycle: row.cycle });
        Self { event: BootEvent::clone(&row.event), fold }
    }

    fn row(self, id: i64) -> Row {
        let (times, since, cycle) = self.fold.map_or((1, None, 1), |fold| (fold.times, Some(fold.since), fold.cycle));
        Row { id: u64::try_from(id).unwrap_or_default(), event: Arc::new(self.event), times, since, cycle }
    }
}

impl Store {
    /// The tails of all timelines, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn events(&self) -> Result<Vec<Row>, StoreError> {
        let rows: Vec<(i64, String)> =
            sqlx::query_as("select id, body from event order by id").fetch_all(&self.pool).await?;
        Ok(rows.iter().filter_map(|(id, body)| Some(serde_json::from_str::<Body>(body).ok()?.row(*id))).collect())
    }

    /// Deletes the timelines of these phones.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn forget(&self, macs: &[MacAddr]) -> Result<(), StoreError> {
        self.write(Kind::Passing, async |connection| {
            for mac in macs {
                sqlx::query("delete from event where mac = ?").bind(mac.to_string()).execute(&mut *connection).await?;
            }
            Ok(())
        })
        .await
    }

    /// Carries out changes in their order. What of them was lost on the way leaves no phone with more than its tail.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn append(&self, changes: &[Change]) -> Result<(), StoreError> {
        // What comes and goes within a batch is not written at all: of a flood little is.
        let mut put: BTreeMap<u64, &Row> = BTreeMap::new();
        let mut gone: BTreeSet<u64> = BTreeSet::new();
        for change in changes {
            put.extend(change.put.iter().map(|row| (row.id, row)));
            for id in &change.gone {
                put.remove(id);
                gone.insert(*id);
            }
        }
        let macs: BTreeSet<MacAddr> = put.values().map(|row| row.event.mac).collect();
        let keep = i64::try_from(EVENTS_PER_PHONE).unwrap_or(i64::MAX);
        let row = |row: &&Row| {
            let event = &row.event;
            let body = serde_json::to_string(&Body::of(row))?;
            Ok((i64::try_from(row.id).unwrap_or(i64::MAX), event.mac.to_string(), event.at.to_string(), body))
        };
        let rows = serde_json::to_string(&put.values().map(row).collect::<Result<Vec<_>, serde_json::Error>>()?)?;
        let (macs, gone) = (serde_json::to_string(&macs)?, serde_json::to_string(&gone)?);
        // One statement for all: each is a way to the database's thread and back.
        self.write(Kind::Passing, async |connection| {
            sqlx::query("delete from event where id in (select value from json_each(?))")
                .bind(gone)
                .execute(&mut *connection)
                .await?;
            sqlx::query(
                "insert or replace into event (id, mac, at, body) \
                 select value ->> 0, value ->> 1, value ->> 2, value ->> 3 from json_each(?)",
            )
            .bind(rows)
            .execute(&mut *connection)
            .await?;
            sqlx::query(
                "delete from event where id in (select old.id from json_each(?1) as phone join event as old on old.mac = phone.value \
                 where old.id <= (select id from event where mac = phone.value order by id desc limit 1 offset ?2))",
            )
            .bind(macs)
            .bind(keep)
            .execute(&mut *connection)
            .await?;
            Ok(())
        })
        .await
    }
}
