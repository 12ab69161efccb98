//! Whether a database can be believed: SQLite finds no damage, the schema is ours, and every row that matters is what
//! was written. SQLite itself does not notice a flipped bit within a value; digests do.

use std::fmt::Write as _;
use std::path::Path;

use md5::{Digest as _, Md5};
use sqlx::migrate::{Migrate as _, MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions};

use super::{StoreError, options, roster};
use crate::pbx::roster::Assignment;

/// The schema.
static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations");

/// Brings a database up to date. `run` itself cannot be called where the future changes threads: its `Acquire` is not
/// general enough for the compiler, which is what `run_direct` is there for.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), MigrateError> {
    MIGRATIONS.run_direct(None, connection, false).await
}

/// Why a database is not used.
pub(super) enum Unsound {
    /// What is in it cannot be believed; in a few words.
    Damaged(String),
    /// Something else is in the way; the file may be as good as ever.
    Other(StoreError),
}

/// The primary result code of SQLite (sqlite.org/rescode.html), where it was SQLite that failed.
pub(super) fn code(why: &sqlx::Error) -> Option<u32> {
    let code: u32 = why.as_database_error()?.code()?.parse().ok()?;
    Some(code)
}

/// ERROR, CORRUPT, SCHEMA, CONSTRAINT, MISMATCH, FORMAT and NOTADB: at the start our statements fail so on a damaged
/// file alone. A disk that is full, read-only or failing says otherwise.
fn is_damage(why: &sqlx::Error) -> bool {
    let by_code = code(why).is_some_and(|code| matches!(code & 0xff, 1 | 11 | 17 | 19 | 20 | 24 | 26));
    by_code || matches!(why, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::RowNotFound)
}

/// Opens the database, makes it if absent, brings it up to date and looks whether it can be believed. Returns how many
/// changes it has seen, too.
pub(super) async fn open(path: &Path) -> Result<(SqlitePool, i64), Unsound> {
    let failed = |why: sqlx::Error| {
        if is_damage(&why) {
            Unsound::Damaged(why.to_string())
        } else {
            Unsound::Other(StoreError::Open { path: path.to_owned(), why })
        }
    };
    let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options(path)).await.map_err(failed)?;
    match look(&pool, path).await {
        Ok(changes) => Ok((pool, changes)),
        Err(why) => {
            pool.close().await;
            Err(match why {
                Unsound::Other(StoreError::Query(why)) => failed(why),
                other => other,
            })
        }
    }
}

async fn look(pool: &SqlitePool, path: &Path) -> Result<i64, Unsound> {
    let mut connection = pool.acquire().await.map_err(|why| Unsound::Other(why.into()))?;
    let said: String = sqlx::query_scalar("pragma quick_check(1)")
        .fetch_one(&mut *connection)
        .await
        .map_err(|why| Unsound::Other(why.into()))?;
    if said != "ok" {
        return Err(Unsound::Damaged(said));
    }
    if let Err(why) = migrate(&mut connection).await {
        return Err(unmigrated(why, &mut connection, path).await);
    }
    verify(&mut connection).await
}

/// A schema that a newer offhook made is no damage; one that lacks steps of ours, or has others in their place, is.
async fn unmigrated(why: MigrateError, connection: &mut SqliteConnection, path: &Path) -> Unsound {
    let damaged = match &why {
        MigrateError::VersionMissing(_) => {
            let applied = connection.list_applied_migrations(&MIGRATIONS.table_name).await.unwrap_or_default();
            !MIGRATIONS.iter().all(|ours| applied.iter().any(|theirs| theirs.version == ours.version))
        }
        MigrateError::VersionMismatch(_) | MigrateError::Dirty(_) => true,
        MigrateError::Execute(why) | MigrateError::ExecuteMigration(why, _) => is_damage(why),
        _ => false,
    };
    if damaged {
        Unsound::Damaged(why.to_string())
    } else {
        Unsound::Other(StoreError::Migrate { path: path.to_owned(), why })
    }
}

/// Reads all that is not kept anywhere else. Returns how many changes there were.
pub(super) async fn verify(connection: &mut SqliteConnection) -> Result<i64, Unsound> {
    let query = |why: sqlx::Error| Unsound::Other(why.into());
    let kept: Vec<(String, Option<String>)> =
        sqlx::query_as("select body, digest from roster").fetch_all(&mut *connection).await.map_err(query)?;
    for (body, kept) in kept {
        if kept.is_some_and(|kept| kept != digest(&[&body])) || roster::read(&body).is_err() {
            return Err(Unsound::Damaged("the roster is not what was kept".to_owned()));
        }
    }
    let kept: Vec<(String, String, Option<String>)> =
        sqlx::query_as("select mac, body, digest from assignment").fetch_all(&mut *connection).await.map_err(query)?;
    for (mac, body, kept) in kept {
        let read: Result<Assignment, _> = serde_json::from_str(&body);
        if kept.is_some_and(|kept| kept != digest(&[&mac, &body])) || read.is_err() {
            return Err(Unsound::Damaged("an assignment is not what was kept".to_owned()));
        }
    }
    sqlx::query_scalar("select count from change where id = 1").fetch_one(connection).await.map_err(query)
}

/// What tells a row from its damaged self. It guards against accidents, not against people.
pub(super) fn digest(parts: &[&str]) -> String {
    let mut hash = Md5::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// How a copy is written: everything is on the disk when it is closed, and it has no companions.
pub(super) fn whole_file(path: &Path) -> SqliteConnectOptions {
    options(path).journal_mode(SqliteJournalMode::Delete)
}
