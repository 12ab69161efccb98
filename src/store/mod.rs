//! The daemon's own database, `offhook.db` in the state folder: the last good roster, our own assignments, the tail of
//! every timeline. One daemon per folder; the folder is 0700 and the file 0600, because the roster holds secrets.
//!
//! What is kept is on the disk before it is acknowledged. A database that cannot be believed is set aside, and the newest
//! sound copy in `snapshots/` takes its place.

mod access;
mod conversions;
mod events;
mod fetched;
mod folder;
mod leases;
mod people;
mod recover;
mod roster;
mod snapshots;
mod sound;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqliteSynchronous};
use tokio::sync::Notify;

use crate::domain::MacAddr;
use crate::pbx::roster::{Assignment, Roster};
pub use conversions::{Kept, ToKeep};
use folder::{inode, lock, private};
pub use leases::{KeptLeases, LeaseWrite};
pub use recover::Damaged;

/// The open database, and the lock on its folder.
#[derive(Debug)]
pub struct Store {
    pool: SqlitePool,
    folder: PathBuf,
    /// Device and number of the file that is open.
    file: Option<(u64, u64)>,
    damaged: Option<Damaged>,
    /// Why the disk is not believed any more: a flush that failed once may have dropped what it should have written, and
    /// the next one would not say so.
    lost: OnceLock<String>,
    /// Why the last write of each [`Kind`] and the last copy failed; `None` after one that did not.
    trouble: Mutex<[Option<String>; 3]>,
    changed: Notify,
    /// Held for its lifetime: the kernel drops the lock when the process ends, however it ends.
    _lock: fs::File,
}

/// What a write is of. A small row that still fits says nothing of a roster that does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The roster: written by itself until it is kept.
    Roster,
    /// Assignments: whoever asked hears of a failure.
    Assignment,
    /// Timelines, when the PBX last confirmed the roster, who may come in: in no copy.
    Passing,
}

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder or its lock file.
    #[error("state folder {path}: {why}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What failed.
        why: io::Error,
    },
    /// Another daemon has it.
    #[error(
        "state folder {0} is in use by another offhook; stop that one first (systemctl stop offhook), or name another server.state_dir"
    )]
    InUse(PathBuf),
    /// SQLite.
    #[error("database {path}: {why}; see that the disk has room, is writable and sound")]
    Open {
        /// The file.
        path: PathBuf,
        /// What failed.
        why: sqlx::Error,
    },
    /// Migrations; also an older program on a newer database.
    #[error("database {path}: {why}; a newer offhook may have used it")]
    Migrate {
        /// The file.
        path: PathBuf,
        /// What failed.
        why: sqlx::migrate::MigrateError,
    },
    /// A read or write.
    #[error("database: {0}")]
    Query(#[from] sqlx::Error),
    /// What was stored cannot be read.
    #[error("database: a stored row cannot be read: {0}")]
    Row(#[from] serde_json::Error),
    /// It was sound at the start.
    #[error("database: damaged while running: {0}; restart offhook, it goes back to the newest sound copy then")]
    Damaged(String),
    /// The name leads elsewhere than to what is open: what is written is gone with the process.
    #[error("database {0} was removed or replaced while running, and nothing is kept; restart offhook")]
    Gone(PathBuf),
    /// A flush failed.
    #[error(
        "database: the disk failed to keep what was written ({0}), so nothing more is kept; see that the disk is sound, then restart offhook"
    )]
    Lost(String),
}

impl Store {
    /// Locks the folder, opens the database in it (made if absent) and brings it up to date. A damaged one is set aside,
    /// and the newest sound copy takes its place.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        let lock = lock(folder)?;
        let (pool, damaged) = recover::open(folder).await?;
        // Names, too: a journal of SQLite's that a power cut brings back would undo what came after it.
        let flush = || fs::File::open(folder)?.sync_all();
        flush().map_err(|why| StoreError::Folder { path: folder.to_owned(), why })?;
        Ok(Self {
            pool,
            file: inode(folder),
            folder: folder.to_owned(),
            damaged,
            lost: OnceLock::new(),
            trouble: Mutex::default(),
            changed: Notify::new(),
            _lock: lock,
        })
    }

    /// What was found damaged at the start.
    pub fn damaged(&self) -> Option<&Damaged> {
        self.damaged.as_ref()
    }

    /// Why nothing is kept, or no copy is made, at present; `None` while all is well.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).iter().flatten().next().cloned()
    }

    /// Waits until something was kept of which there is no copy yet.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Copies what is kept nowhere else, unless nothing changed since the last copy.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn snapshot(&self, now: Timestamp) -> Result<(), StoreError> {
        let outcome = snapshots::take(&self.pool, &self.folder, now).await;
        let [_, _, trouble] = &mut *self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        *trouble = outcome.as_ref().err().map(ToString::to_string);
        outcome
    }

    /// Writes in one transaction, unless the disk was caught losing what was written.
    async fn write<T>(
        &self,
        kind: Kind,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let Some(why) = self.lost.get() {
            return Err(StoreError::Lost(why.clone()));
        }
        let outcome = self.noted(kind, self.transact(kind, work).await);
        if kind != Kind::Passing && outcome.is_ok() {
            self.changed.notify_one();
        }
        outcome
    }

    async fn transact<T>(
        &self,
        kind: Kind,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let outcome = async {
            let mut transaction = connection.begin().await?;
            let done = work(&mut transaction).await?;
            if kind != Kind::Passing {
                sqlx::query("update change set count = count + 1 where id = 1").execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
            if inode(&self.folder) != self.file {
                return Err(StoreError::Gone(self.folder.join(FILE)));
            }
            Ok(done)
        };
        let outcome = outcome.await;
        if outcome.is_err() {
            // SQLite ends a transaction by itself when a commit fails, and sqlx goes on counting it: what comes next on this
            // connection would be a part of a transaction that nobody commits, and everybody else would wait for it.
            connection.close_on_drop();
        }
        outcome
    }

    fn noted<T>(&self, kind: Kind, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        let outcome = outcome.map_err(|why| match why {
            StoreError::Query(why) if sound::code(&why).is_some_and(|code| FLUSHES.contains(&code)) => {
                StoreError::Lost(self.lost.get_or_init(|| why.to_string()).clone())
            }
            why => why,
        });
        let [roster, rows, _] = &mut *self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let trouble = outcome.as_ref().err().map(ToString::to_string);
        match (kind, &trouble) {
            // The largest of all: with it there is room for the rest.
            (Kind::Roster, None) => (*roster, *rows) = (None, None),
            (Kind::Roster, Some(_)) => *roster = trouble,
            (Kind::Assignment | Kind::Passing, _) => *rows = trouble,
        }
        outcome
    }

    /// The last good roster and when the PBX last confirmed it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn roster(&self) -> Result<Option<(Roster, Timestamp)>, StoreError> {
        let row: Option<(String, String)> =
            sqlx::query_as("select confirmed_at, body from roster where id = 1").fetch_optional(&self.pool).await?;
        let Some((at, body)) = row else { return Ok(None) };
        let at = at.parse().unwrap_or(Timestamp::UNIX_EPOCH);
        Ok(Some((roster::read(&body)?, at)))
    }

    /// Keeps the roster.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn keep_roster(&self, roster: &Roster, confirmed_at: Timestamp) -> Result<(), StoreError> {
        let body = roster::write(roster)?;
        self.write(Kind::Roster, async |connection| {
            sqlx::query(
                "insert into roster (id, confirmed_at, body, digest) values (1, ?, ?, ?) on conflict (id) do update \
                 set confirmed_at = excluded.confirmed_at, body = excluded.body, digest = excluded.digest",
            )
            .bind(confirmed_at.to_string())
            .bind(&body)
            .bind(sound::digest(&[&body]))
            .execute(connection)
            .await?;
            Ok(())
        })
        .await
    }

    /// The PBX confirmed the roster that is kept.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn confirm_roster(&self, confirmed_at: Timestamp) -> Result<(), StoreError> {
        self.write(Kind::Passing, async |connection| {
            let confirm = sqlx::query("update roster set confirmed_at = ? where id = 1");
            confirm.bind(confirmed_at.to_string()).execute(connection).await?;
            Ok(())
        })
        .await
    }

    /// Our own assignments.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn assignments(&self) -> Result<Vec<Assignment>, StoreError> {
        let rows: Vec<(String,)> =
            sqlx::query_as("select body from assignment order by mac").fetch_all(&self.pool).await?;
        rows.iter().map(|(body,)| Ok(serde_json::from_str(body)?)).collect()
    }

    /// Adds or replaces one.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn keep_assignment(&self, assignment: &Assignment) -> Result<(), StoreError> {
        let (mac, body) = (assignment.mac.to_string(), serde_json::to_string(assignment)?);
        self.write(Kind::Assignment, async |connection| {
            sqlx::query(
                "insert into assignment (mac, body, digest) values (?, ?, ?) \
                 on conflict (mac) do update set body = excluded.body, digest = excluded.digest",
            )
            .bind(&mac)
            .bind(&body)
            .bind(sound::digest(&[&mac, &body]))
            .execute(connection)
            .await?;
            Ok(())
        })
        .await
    }

    /// Removes one; false when there was none.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn drop_assignment(&self, mac: MacAddr) -> Result<bool, StoreError> {
        self.write(Kind::Assignment, async |connection| {
            let delete = sqlx::query("delete from assignment where mac = ?").bind(mac.to_string());
            Ok(delete.execute(connection).await?.rows_affected() > 0)
        })
        .await
    }

    /// Closes the database; the lock goes with the value.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Its name in the folder.
const FILE: &str = "offhook.db";

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
}

/// SQLITE_IOERR_FSYNC and SQLITE_IOERR_DIR_FSYNC (sqlite.org/rescode.html).
const FLUSHES: [u32; 2] = [1_034, 1_290];

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
