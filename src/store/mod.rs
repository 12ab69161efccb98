//! The daemon's own database, `offhook.db` in the state folder: the last good roster, our own assignments, the tail of
//! every timeline. One daemon per folder; the folder is 0700 and the file 0600, because the roster holds secrets.

mod roster;

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sqlx::Connection as _;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::domain::{BootEvent, MacAddr};
use crate::pbx::roster::{Assignment, Roster};
use crate::timeline::EVENTS_PER_PHONE;

/// The open database, and the lock on its folder.
#[derive(Debug)]
pub struct Store {
    pool: SqlitePool,
    /// Where the database was put that could not be used.
    damaged: Option<PathBuf>,
    /// Held for its lifetime: the kernel drops the lock when the process ends, however it ends.
    _lock: fs::File,
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
    #[error(
        "database {path}: {why}; move the file away to start with an empty one: phones and secrets are read again from the PBX"
    )]
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
}

impl Store {
    /// Locks the folder, opens the database in it (made if absent) and brings it up to date. A damaged one is set aside:
    /// phones are served from the PBX whatever became of it.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        let lock = lock(folder)?;
        let path = folder.join("offhook.db");
        let damaged =
            set_aside_if_damaged(&path).await.map_err(|why| StoreError::Folder { path: path.clone(), why })?;
        private(&path).map_err(|why| StoreError::Folder { path: path.clone(), why })?;
        let open = SqlitePoolOptions::new().max_connections(2).connect_with(options(&path)).await;
        let pool = open.map_err(|why| StoreError::Open { path: path.clone(), why })?;
        sqlx::migrate!("src/store/migrations").run(&pool).await.map_err(|why| StoreError::Migrate { path, why })?;
        Ok(Self { pool, damaged, _lock: lock })
    }

    /// Where a database was put at the start that was damaged; what was only in there is not known any more.
    pub fn damaged(&self) -> Option<&Path> {
        self.damaged.as_deref()
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
        sqlx::query(
            "insert into roster (id, confirmed_at, body) values (1, ?, ?) \
             on conflict (id) do update set confirmed_at = excluded.confirmed_at, body = excluded.body",
        )
        .bind(confirmed_at.to_string())
        .bind(body)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The PBX confirmed the roster that is kept.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn confirm_roster(&self, confirmed_at: Timestamp) -> Result<(), StoreError> {
        let confirm = sqlx::query("update roster set confirmed_at = ? where id = 1");
        confirm.bind(confirmed_at.to_string()).execute(&self.pool).await?;
        Ok(())
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
        sqlx::query(
            "insert into assignment (mac, body) values (?, ?) on conflict (mac) do update set body = excluded.body",
        )
        .bind(assignment.mac.to_string())
        .bind(serde_json::to_string(assignment)?)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Removes one; false when there was none.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn drop_assignment(&self, mac: MacAddr) -> Result<bool, StoreError> {
        let done =
            sqlx::query("delete from assignment where mac = ?").bind(mac.to_string()).execute(&self.pool).await?;
        Ok(done.rows_affected() > 0)
    }

    /// The tails of all timelines, oldest first.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn events(&self) -> Result<Vec<BootEvent>, StoreError> {
        let rows: Vec<(String,)> = sqlx::query_as("select body from event order by id").fetch_all(&self.pool).await?;
        Ok(rows.iter().filter_map(|(body,)| serde_json::from_str(body).ok()).collect())
    }

    /// Deletes the timelines of these phones.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn forget(&self, macs: &[MacAddr]) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        for mac in macs {
            sqlx::query("delete from event where mac = ?").bind(mac.to_string()).execute(&mut *transaction).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Appends events and trims each phone's tail.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn append(&self, events: &[BootEvent]) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        for event in events {
            sqlx::query("insert into event (mac, at, body) values (?, ?, ?)")
                .bind(event.mac.to_string())
                .bind(event.at.to_string())
                .bind(serde_json::to_string(event)?)
                .execute(&mut *transaction)
                .await?;
        }
        let mut macs: Vec<MacAddr> = events.iter().map(|event| event.mac).collect();
        macs.sort_unstable();
        macs.dedup();
        let keep = i64::try_from(EVENTS_PER_PHONE).unwrap_or(i64::MAX);
        for mac in macs {
            sqlx::query(
                "delete from event where mac = ?1 and id <= (select id from event where mac = ?1 order by id desc limit 1 offset ?2)",
            )
            .bind(mac.to_string())
            .bind(keep)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Closes the database; the lock goes with the value.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

fn lock(folder: &Path) -> Result<fs::File, StoreError> {
    let failed = |why| StoreError::Folder { path: folder.to_owned(), why };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    let path = folder.join("lock");
    let file =
        fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(StoreError::InUse(folder.to_owned())),
        Err(fs::TryLockError::Error(why)) => Err(failed(why)),
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
}

/// Renames a database that is there and cannot be used; says where it is now.
async fn set_aside_if_damaged(path: &Path) -> io::Result<Option<PathBuf>> {
    let why = match fs::metadata(path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(why),
        Ok(facts) if facts.len() == 0 => "it is empty".to_owned(),
        Ok(_) => match unsound(path).await {
            Some(why) => why,
            None => return Ok(None),
        },
    };
    let aside = path.with_extension("db.damaged");
    fs::rename(path, &aside)?;
    for tail in ["db-wal", "db-shm"] {
        // They belong to the other; most often there are none.
        let _ = fs::remove_file(path.with_extension(tail));
    }
    tracing::error!(
        code = "state-damaged",
        "{} is damaged ({why}) and was set aside as {}; phones of `offhook phones add` have to be added again",
        path.display(),
        aside.display()
    );
    Ok(Some(aside))
}

/// Why SQLite finds the file damaged: its codes 11 and 26, or what its check says. Any other trouble is another's to tell.
async fn unsound(path: &Path) -> Option<String> {
    let look = async {
        let mut connection = SqliteConnection::connect_with(&options(path)).await?;
        let said: String = sqlx::query_scalar("pragma quick_check(1)").fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok::<_, sqlx::Error>(said)
    };
    match look.await {
        Ok(said) => (said != "ok").then_some(said),
        Err(why) => {
            let code = why.as_database_error().and_then(|error| error.code().map(std::borrow::Cow::into_owned));
            matches!(code.as_deref(), Some("11" | "26")).then(|| why.to_string())
        }
    }
}

/// Makes the file, readable by its owner alone, before SQLite would make it by the process's mask.
fn private(path: &Path) -> io::Result<()> {
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
