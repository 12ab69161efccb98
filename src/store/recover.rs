//! Opening the database: the one that is there, or the newest copy that can be believed. Nothing is thrown away: what is
//! damaged is set aside.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqlitePool;

use super::{StoreError, private, snapshots, sound};

/// A database that was set aside at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// Where it is now; `None` when there was none, though there were copies of it.
    pub aside: Option<PathBuf>,
    /// The copy that took its place; `None` when there was none that is sound.
    pub snapshot: Option<PathBuf>,
}

/// The database of this folder or, where that cannot be believed, the newest copy that can; where none can, a new one.
pub(super) async fn open(state: &Path) -> Result<(SqlitePool, Option<Damaged>), StoreError> {
    let path = state.join(super::FILE);
    let failed = |why| StoreError::Folder { path: state.to_owned(), why };
    let mut copies = snapshots::list(state).map_err(failed)?.into_iter();
    let newest = copies.as_slice().first().map_or(0, |copy| copy.changes);
    let mut why = match fs::metadata(&path) {
        Ok(facts) if facts.len() == 0 => "it is empty".to_owned(),
        Err(why) if why.kind() == io::ErrorKind::NotFound && newest > 0 => "it is gone".to_owned(),
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            // What an earlier one left beside it is not ours.
            set_aside(&path).map_err(failed)?;
            return match open_here(&path).await {
                Ok((pool, _)) => Ok((pool, None)),
                Err(sound::Unsound::Damaged(why)) => Err(StoreError::Damaged(why)),
                Err(sound::Unsound::Other(why)) => Err(why),
            };
        }
        Err(why) => return Err(failed(why)),
        Ok(_) => match open_here(&path).await {
            Ok((pool, changes)) if changes >= newest => return Ok((pool, None)),
            Ok((pool, changes)) => {
                pool.close().await;
                format!("it holds {changes} changes and a copy of it {newest}")
            }
            Err(sound::Unsound::Damaged(why)) => why,
            Err(sound::Unsound::Other(why)) => return Err(why),
        },
    };
    let aside = set_aside(&path).map_err(failed)?;
    loop {
        let copy = copies.next();
        if let Some(copy) = &copy {
            snapshots::restore(copy, &path).map_err(failed)?;
        }
        match (open_here(&path).await, copy) {
            (Ok((pool, _)), copy) => {
                let damaged = Damaged { aside, snapshot: copy.map(|copy| copy.path) };
                tracing::error!(code = "state-damaged", "{}: {why}; {}", path.display(), damaged.outcome());
                return Ok((pool, Some(damaged)));
            }
            (Err(sound::Unsound::Damaged(also)), Some(copy)) => {
                why = format!("{why}; so is {} ({also})", copy.path.display());
                remove(&path).map_err(failed)?;
                fs::rename(&copy.path, copy.path.with_extension("db.damaged")).map_err(failed)?;
            }
            (Err(sound::Unsound::Damaged(why)), None) => return Err(StoreError::Damaged(why)),
            (Err(sound::Unsound::Other(why)), _) => return Err(why),
        }
    }
}

async fn open_here(path: &Path) -> Result<(SqlitePool, i64), sound::Unsound> {
    private(path).map_err(|why| sound::Unsound::Other(StoreError::Folder { path: path.to_owned(), why }))?;
    sound::open(path).await
}

impl Damaged {
    /// What was done about it, as the end of a sentence.
    pub fn outcome(&self) -> String {
        let aside = self.aside.as_ref().map(|aside| format!("the damaged one is {}; ", aside.display()));
        let then = match &self.snapshot {
            Some(copy) => {
                format!(
                    "{} took its place, timelines begin anew, and what was assigned here after that copy is not known",
                    copy.display()
                )
            }
            None => "there is no sound copy, so phones of `offhook phones add` have to be added again".to_owned(),
        };
        aside.unwrap_or_default() + &then
    }
}

/// The files that SQLite keeps beside a database.
const COMPANIONS: [&str; 2] = ["wal", "shm"];

/// Damaged databases that are kept. A disk that damages more takes the place of the last.
const ASIDE: u32 = 9;

/// Renames a database, if it is there, with what belongs to it; says where it is now.
fn set_aside(path: &Path) -> io::Result<Option<PathBuf>> {
    let name = |n: u32| if n == 1 { "db.damaged".to_owned() } else { format!("db.damaged.{n}") };
    let free = |n: &u32| *n == ASIDE || !path.with_extension(name(*n)).exists();
    let name = name((1..=ASIDE).find(free).unwrap_or(ASIDE));
    let there = moved(path, &path.with_extension(&name))?;
    for tail in COMPANIONS {
        moved(&path.with_extension(format!("db-{tail}")), &path.with_extension(format!("{name}-{tail}")))?;
    }
    Ok(there.then(|| path.with_extension(name)))
}

/// Removes a copy that proved no better, with what belongs to it.
fn remove(path: &Path) -> io::Result<()> {
    for tail in COMPANIONS {
        match fs::remove_file(path.with_extension(format!("db-{tail}"))) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => {}
        }
    }
    fs::remove_file(path)
}

fn moved(from: &Path, to: &Path) -> io::Result<bool> {
    match fs::rename(from, to) {
        Ok(()) => Ok(true),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(why) => Err(why),
    }
}
