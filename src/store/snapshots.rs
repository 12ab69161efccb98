//! Copies of what is kept nowhere else (roster, assignments), for the day the database is found damaged: the last three
//! and one of each of the last seven days that had any. Timelines are not in them.
//!
//! A copy is named by the count of changes it holds, not by the clock alone, so that a clock that steps mixes nothing up.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Connection as _, Row as _};

use super::sound::{Unsound, migrate, verify, whole_file};
use super::{StoreError, private};

/// Newest copies kept whatever their day.
const LAST: usize = 3;

/// Days of which one copy is kept beyond those.
const DAYS: usize = 7;

/// A copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) path: PathBuf,
    /// Changes that it holds.
    pub(super) changes: i64,
    day: String,
}

/// `offhook-000000000042-20260102.db`
fn parse(path: PathBuf) -> Option<Snapshot> {
    let name = path.file_name()?.to_str()?.strip_prefix("offhook-")?.strip_suffix(".db")?;
    let (changes, day) = name.split_once('-')?;
    let (changes, day) = (changes.parse().ok()?, day.to_owned());
    Some(Snapshot { path, changes, day })
}

fn folder_of(state: &Path) -> PathBuf {
    state.join("snapshots")
}

/// All there are, newest first.
pub(super) fn list(state: &Path) -> io::Result<Vec<Snapshot>> {
    let entries = match fs::read_dir(folder_of(state)) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        found.extend(parse(entry?.path()));
    }
    found.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.changes));
    Ok(found)
}

/// Makes one, unless nothing changed since the newest, and removes those that are not needed any more.
pub(super) async fn take(pool: &SqlitePool, state: &Path, now: Timestamp) -> Result<(), StoreError> {
    let failed = |why| StoreError::Folder { path: folder_of(state), why };
    let mut transaction = pool.begin().await?;
    let changes = match verify(&mut transaction).await {
        Ok(changes) => changes,
        Err(Unsound::Damaged(why)) => return Err(StoreError::Damaged(why)),
        Err(Unsound::Other(why)) => return Err(why),
    };
    let before = list(state).map_err(failed)?;
    if changes == 0 || before.first().is_some_and(|newest| newest.changes >= changes) {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder_of(state)).map_err(failed)?;
    let new = folder_of(state).join("new.db");
    // Of a copy that was cut off.
    let _ = fs::remove_file(&new);
    private(&new).map_err(failed)?;
    let mut copy = SqliteConnection::connect_with(&whole_file(&new)).await?;
    let copied = fill(&mut copy, &mut transaction).await;
    copy.close().await?;
    copied?;
    drop(transaction);
    let day = now.strftime("%Y%m%d").to_string();
    let name = folder_of(state).join(format!("offhook-{changes:012}-{day}.db"));
    put(&new, &name).map_err(failed)?;
    let all = list(state).map_err(failed)?;
    for old in superfluous(&all) {
        fs::remove_file(&old.path).map_err(failed)?;
    }
    Ok(())
}

async fn fill(copy: &mut SqliteConnection, from: &mut SqliteConnection) -> Result<(), StoreError> {
    let unmade = |why| StoreError::Migrate { path: PathBuf::from("snapshots"), why };
    migrate(copy).await.map_err(unmade)?;
    let mut transaction = copy.begin().await?;
    for row in sqlx::query("select confirmed_at, body, digest from roster").fetch_all(&mut *from).await? {
        sqlx::query("insert into roster (id, confirmed_at, body, digest) values (1, ?, ?, ?)")
            .bind(row.get::<String, _>(0))
            .bind(row.get::<String, _>(1))
            .bind(row.get::<Option<String>, _>(2))
            .execute(&mut *transaction)
            .await?;
    }
    for row in sqlx::query("select mac, body, digest from assignment").fetch_all(&mut *from).await? {
        sqlx::query("insert into assignment (mac, body, digest) values (?, ?, ?)")
            .bind(row.get::<String, _>(0))
            .bind(row.get::<String, _>(1))
            .bind(row.get::<Option<String>, _>(2))
            .execute(&mut *transaction)
            .await?;
    }
    let changes: i64 = sqlx::query_scalar("select count from change where id = 1").fetch_one(from).await?;
    sqlx::query("update change set count = ? where id = 1").bind(changes).execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

/// Those that are neither among the last nor the newest of one of the last days.
fn superfluous(newest_first: &[Snapshot]) -> Vec<&Snapshot> {
    let mut days: Vec<&str> = Vec::new();
    let mut out = Vec::new();
    for (at, snapshot) in newest_first.iter().enumerate() {
        let another_day = !days.contains(&snapshot.day.as_str());
        if another_day {
            days.push(&snapshot.day);
        }
        if at >= LAST && (!another_day || days.len() > DAYS) {
            out.push(snapshot);
        }
    }
    out
}

/// Copies one into the place of the database.
pub(super) fn restore(snapshot: &Snapshot, database: &Path) -> io::Result<()> {
    let new = database.with_extension("db.new");
    let _ = fs::remove_file(&new);
    private(&new)?;
    fs::copy(&snapshot.path, &new)?;
    put(&new, database)
}

/// Renames a file that is whole into its place, so that a power cut leaves either nothing there or all of it.
fn put(new: &Path, place: &Path) -> io::Result<()> {
    fs::File::open(new)?.sync_all()?;
    fs::rename(new, place)?;
    match place.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_and_one_of_each_day_are_kept() {
        let snapshot = |(changes, day): (i64, u32)| {
            parse(PathBuf::from(format!("/x/offhook-{changes:012}-202601{day:02}.db"))).unwrap()
        };
        let check = |all: Vec<(i64, u32)>, expected: &[i64]| {
            let all: Vec<Snapshot> = all.into_iter().map(snapshot).collect();
            let gone: Vec<i64> = superfluous(&all).into_iter().map(|old| old.changes).collect();
            assert_eq!(gone, expected);
        };
        check(vec![], &[]);
        check(vec![(9, 3), (8, 3), (7, 3)], &[]);
        check(vec![(9, 3), (8, 3), (7, 3), (6, 3), (5, 2), (4, 2)], &[6, 4]);
        check((1..=12).rev().map(|n| (n, u32::try_from(n).unwrap())).collect(), &[5, 4, 3, 2, 1]);
        // A clock that steps to and fro.
        check(vec![(9, 1), (8, 28), (7, 1), (6, 28), (5, 1)], &[6, 5]);
        for name in ["new.db", "offhook-1.db", "offhook-x-20260101.db", "offhook.db"] {
            assert_eq!(parse(PathBuf::from(name)), None, "{name}");
        }
    }
}
