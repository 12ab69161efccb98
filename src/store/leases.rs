//! Leases: on the disk before their client hears of them (RFC 2131 section 3.1).

use std::collections::HashMap;
use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Kind, Store, StoreError};
use crate::dhcp::lease::{Lease, LeaseState};
use crate::domain::{MacAddr, ModelName};

/// What is kept of leases.
#[derive(Debug, Default)]
pub struct KeptLeases {
    /// Rows that can be read, in the order in which they were written last.
    pub leases: Vec<Lease>,
    /// How many cannot.
    pub unreadable: usize,
    /// Where the clock of leases was when the last one was written.
    pub clock: Option<Timestamp>,
}

/// A row.
#[derive(Serialize, Deserialize, sqlx::FromRow)]
struct Row {
    ip: String,
    mac: String,
    ends: i64,
    state: String,
    phone: bool,
    model: Option<String>,
    hostname: Option<String>,
}

/// What becomes of a row.
#[derive(Clone, Debug)]
pub enum LeaseWrite {
    /// As it is now.
    Put(Lease),
    /// Its client left it.
    Drop(Ipv4Addr),
}

impl LeaseWrite {
    fn ip(&self) -> Ipv4Addr {
        match self {
            Self::Put(lease) => lease.ip,
            Self::Drop(ip) => *ip,
        }
    }
}

const STATES: [(LeaseState, &str); 3] =
    [(LeaseState::Bound, "bound"), (LeaseState::Released, "released"), (LeaseState::Declined, "declined")];

impl Row {
    fn of(lease: &Lease) -> Self {
        let state = STATES.iter().find(|(state, _)| *state == lease.state).map_or("bound", |(_, name)| *name);
        Self {
            ip: lease.ip.to_string(),
            mac: lease.mac.to_string(),
            ends: lease.ends.as_millisecond(),
            state: state.to_owned(),
            phone: lease.phone,
            model: lease.model.as_ref().map(ToString::to_string),
            hostname: lease.hostname.clone(),
        }
    }

    fn read(self) -> Option<Lease> {
        Some(Lease {
            ip: self.ip.parse().ok()?,
            mac: self.mac.parse::<MacAddr>().ok()?,
            ends: Timestamp::from_millisecond(self.ends).ok()?,
            state: STATES.iter().find(|(_, name)| *name == self.state).map(|(state, _)| *state)?,
            phone: self.phone,
            model: self.model.as_deref().map(ModelName::new),
            hostname: self.hostname,
        })
    }
}

impl Store {
    /// All leases, and the clock that their ends are told by.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn leases(&self) -> Result<KeptLeases, StoreError> {
        let rows: Vec<Row> =
            sqlx::query_as("select ip, mac, ends, state, phone, model, hostname from lease order by rowid")
                .fetch_all(&self.pool)
                .await?;
        let count = rows.len();
        let leases: Vec<Lease> = rows.into_iter().filter_map(Row::read).collect();
        let clock: Option<(i64,)> = sqlx::query_as("select at from lease_clock").fetch_optional(&self.pool).await?;
        let clock = clock.and_then(|(at,)| Timestamp::from_millisecond(at).ok());
        Ok(KeptLeases { unreadable: count.saturating_sub(leases.len()), leases, clock })
    }

    /// Writes what changed, all of it or nothing.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn keep_leases(&self, writes: &[LeaseWrite], clock: Timestamp) -> Result<(), StoreError> {
        // The last word on an address counts.
        let last: HashMap<Ipv4Addr, usize> = writes.iter().enumerate().map(|(at, write)| (write.ip(), at)).collect();
        let is_last = |(at, write): &(usize, &LeaseWrite)| last.get(&write.ip()) == Some(at);
        let (mut gone, mut rows) = (Vec::new(), Vec::new());
        for (_, write) in writes.iter().enumerate().filter(is_last) {
            match write {
                LeaseWrite::Put(lease) => rows.push(Row::of(lease)),
                LeaseWrite::Drop(ip) => gone.push(ip.to_string()),
            }
        }
        let rows = serde_json::to_string(&rows)?;
        let gone = if gone.is_empty() { None } else { Some(serde_json::to_string(&gone)?) };
        // One statement for all: each is a way to the database's thread and back.
        self.write(Kind::Passing, async |connection| {
            if let Some(gone) = gone {
                let delete = sqlx::query("delete from lease where ip in (select value from json_each(?))");
                delete.bind(gone).execute(&mut *connection).await?;
            }
            sqlx::query(
                // A row that is replaced is the last one.
                "insert or replace into lease (ip, mac, ends, state, phone, model, hostname) \
                 select value ->> 'ip', value ->> 'mac', value ->> 'ends', value ->> 'state', value ->> 'phone', \
                 value ->> 'model', value ->> 'hostname' from json_each(?) order by key",
            )
            .bind(rows)
            .execute(&mut *connection)
            .await?;
            sqlx::query(
                "insert into lease_clock (id, at) values (1, ?) on conflict (id) do update set at = excluded.at",
            )
            .bind(clock.as_millisecond())
            .execute(&mut *connection)
            .await?;
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(last: u8, state: LeaseState) -> Lease {
        Lease {
            ip: [192, 0, 2, last].into(),
            mac: MacAddr::new([0, 0x1b, 0x54, 0, 0, last]).unwrap(),
            ends: Timestamp::from_millisecond(1_000 * i64::from(last)).unwrap(),
            state,
            phone: last.is_multiple_of(2),
            model: (last == 1).then(|| ModelName::new("7960")),
            hostname: (last == 2).then(|| "SEP\\x1b\"".to_owned()),
        }
    }

    #[tokio::test]
    async fn what_was_written_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let clock = |second| Timestamp::from_second(second).unwrap();
        let all = [lease(1, LeaseState::Bound), lease(2, LeaseState::Released), lease(3, LeaseState::Declined)];
        let store = Store::open(folder.path()).await.unwrap();
        assert_eq!(store.leases().await.unwrap().clock, None);
        store.keep_leases(&all.clone().map(LeaseWrite::Put), clock(7)).await.unwrap();
        store.close().await;
        drop(store);
        let store = Store::open(folder.path()).await.unwrap();
        let kept = store.leases().await.unwrap();
        assert_eq!((kept.leases.as_slice(), kept.unreadable, kept.clock), (all.as_slice(), 0, Some(clock(7))));
        // The last word counts.
        let later = Lease { ends: clock(9), ..all[1].clone() };
        let writes = [LeaseWrite::Drop(later.ip), LeaseWrite::Put(later.clone()), LeaseWrite::Drop(all[0].ip)];
        store.keep_leases(&writes, clock(8)).await.unwrap();
        let kept = store.leases().await.unwrap();
        assert_eq!(
            kept.leases.iter().map(|lease| lease.ip).collect::<Vec<_>>(),
            [[192, 0, 2, 3], [192, 0, 2, 2]].map(Ipv4Addr::from)
        );
        assert_eq!(kept.leases.last(), Some(&later));
        // What was written last comes last.
        store.keep_leases(&all.clone().map(LeaseWrite::Put), clock(9)).await.unwrap();
        let again = [LeaseWrite::Put(all[2].clone()), LeaseWrite::Put(all[0].clone())];
        store.keep_leases(&again, clock(10)).await.unwrap();
        let [first, second, third] = all;
        assert_eq!(store.leases().await.unwrap().leases, [second, third, first]);
        sqlx::query("update lease set mac = 'x'").execute(&store.pool).await.unwrap();
        assert_eq!(store.leases().await.unwrap().unreadable, 3);
    }
}
