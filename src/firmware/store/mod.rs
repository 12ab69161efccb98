//! The firmware of the house: files by their SHA-256 in `<state_dir>/firmware/`, and the index of what they are called.
//!
//! ```text
//! firmware/blobs/<sha256>   0600, written aside, flushed, then renamed here: whole or not there
//! firmware/index.json       names of the blobs; replaced as a whole, which is the moment an import counts
//! firmware/tmp/             what is under way; emptied at the start
//! ```
//!
//! A blob that nothing names is the rest of an import that was killed: deleted at the start. An index that cannot be read is
//! made anew from the blobs, which carry their names in their signed headers. What phones get is compared with its SHA-256
//! as it is read.

mod disk;
mod index;

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::ArcSwap;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use super::container::same_name;
use super::import::{self, ImportError, Imported, Lot, Taken, Unpack};
use super::set::{FirmwareSet, SetFile, is_term};
use disk::Disk;
pub use disk::Spool;
pub use index::{Index, Record};

/// Longest name of an archive that is kept and shown, characters.
const NAME: usize = 120;

/// How long a file stays after a phone asked for it: it may come for the rest, or for all of it again (I10).
pub const STAYS: SignedDuration = SignedDuration::from_hours(24);

/// Why those files of a load are not to go; `None` = nobody has use of them.
pub type UseOf<'a> = &'a dyn Fn(&str, &[&SetFile]) -> Option<String>;

/// The store, open.
#[derive(Debug)]
pub struct Store {
    disk: Disk,
    unpack: Unpack,
    index: ArcSwap<Index>,
    /// Held while the index changes: two imports do not undo each other.
    writing: Mutex<()>,
    /// Images that somebody holds: fifty phones share one copy.
    held: Mutex<HashMap<String, Weak<Vec<u8>>>>,
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder.
    #[error("the firmware store {path} cannot be used: {why}")]
    Folder {
        /// Which.
        path: String,
        /// What failed.
        why: std::io::Error,
    },
    /// No such load.
    #[error("the store has no load {0:?}; see `offhook firmware list`")]
    Unknown(String),
    /// I10: files are not pulled away under a phone.
    #[error("{load} was not removed: {why}")]
    InUse {
        /// Which load.
        load: String,
        /// Who has use of it, and until when.
        why: String,
    },
    /// No such blob, or it is not what it was.
    #[error("the stored file {sha256} cannot be used: {why}; bring its archive again")]
    Blob {
        /// Which.
        sha256: String,
        /// Why.
        why: String,
    },
}

/// An image as `Bytes` that keeps its one copy alive.
struct Image(Arc<Vec<u8>>);

impl AsRef<[u8]> for Image {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Store {
    /// Opens the store in a folder, made if absent; what was under way when the last daemon ended is gone.
    ///
    /// # Errors
    /// The folder cannot be made, read or written.
    pub fn open(folder: &Path, unpack: Unpack) -> Result<Self, StoreError> {
        let failed = |why| StoreError::Folder { path: folder.display().to_string(), why };
        let disk = Disk::open(folder).map_err(failed)?;
        let records = match disk.index() {
            Ok(Some(records)) => records,
            Ok(None) if disk.is_empty().map_err(failed)? => Vec::new(),
            outcome => {
                let why = outcome.err().map_or_else(|| "it is gone".to_owned(), |why| why.to_string());
                let records = disk.recover(Timestamp::now()).map_err(failed)?;
                tracing::error!(
                    code = "firmware-index-lost",
                    "the index of the firmware store could not be read ({why}); {} files were named anew by their headers",
                    records.len()
                );
                disk.write_index(&records).map_err(failed)?;
                records
            }
        };
        let index = Index::build(&disk, records, BTreeSet::new());
        disk.sweep(&index).map_err(failed)?;
        let store = Self {
            disk,
            unpack,
            index: ArcSwap::from_pointee(index),
            writing: Mutex::default(),
            held: Mutex::default(),
        };
        store.look();
        Ok(store)
    }

    /// What is here now.
    pub fn index(&self) -> Arc<Index> {
        self.index.load_full()
    }

    /// A place for an archive that is being brought; `size` as far as it is known.
    ///
    /// # Errors
    /// Too large, or no room for it and what comes out of it.
    pub fn spool(&self, name: &str, size: u64) -> Result<Spool, ImportError> {
        self.disk.spool(name, size)
    }

    /// Takes an archive or a single file in: all of it, or nothing.
    ///
    /// # Errors
    /// See [`ImportError`]; the store is as it was.
    pub fn import(&self, name: &str, archive: File, replace: bool, use_of: UseOf<'_>) -> Result<Imported, ImportError> {
        let name = &crate::domain::printable(name.as_bytes(), NAME);
        let failed = |why| ImportError::failed(name, &why);
        let size = archive.metadata().map_err(failed)?.len();
        self.disk.room_for(name, size)?;
        let aside = self.disk.aside().map_err(failed)?;
        let lot = import::lay_aside(&self.unpack, name, archive, aside.path())?;
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = self.commit(name, lot, replace, use_of);
        if self.disk.died() {
            // A process that was killed tidies nothing up.
            let _ = aside.keep();
        }
        outcome
    }

    fn commit(&self, name: &str, lot: Lot, replace: bool, use_of: UseOf<'_>) -> Result<Imported, ImportError> {
        let before = self.index();
        let Lot { files, refused, ignored, notes } = lot;
        if files.is_empty() {
            return Err(ImportError::refused(name, &nothing(&refused, &ignored)));
        }
        let (mut records, mut added, mut known, mut gone) =
            (before.records.clone(), Vec::new(), Vec::new(), Vec::new());
        for file in &files {
            let mut named = before.records.iter().filter(|record| same_name(&record.name, &file.name));
            if named.clone().any(|record| record.sha256 == file.sha256) {
                // Brought again, it is good again.
                known.push(file.clone());
                continue;
            }
            if let Some(other) = named.next().filter(|_| !is_term(&file.name)) {
                let (archive, other) = (name.to_owned(), other.name.clone());
                if !replace && !before.damaged.contains(&before.sha256_of(&other)) {
                    return Err(ImportError::Clash { archive, name: other });
                }
                let going: Vec<&SetFile> = before.sets_with(&other).filter_map(|set| set.file(&other)).collect();
                let used = before.sets_with(&other).find_map(|set| use_of(&set.load, &going));
                if let Some(why) = used {
                    return Err(ImportError::InUse { archive, name: other, why });
                }
                records.retain(|record| record.name != other);
                gone.push(other);
            }
            records.push(Record::new(file, name, Timestamp::now()));
            added.push(file.clone());
        }
        let kept = |file: &Taken| self.disk.keep(file);
        let failed = |why: std::io::Error| ImportError::failed(name, &why);
        added.iter().chain(&known).try_for_each(kept).map_err(failed)?;
        self.disk.flush().map_err(failed)?;
        self.disk.write_index(&records).map_err(failed)?;
        let fresh: BTreeSet<&String> = files.iter().map(|file| &file.sha256).collect();
        let damaged = before.damaged.iter().filter(|sha256| !fresh.contains(sha256)).cloned().collect();
        let index = Index::build(&self.disk, records, damaged);
        let loads = index.sets_of(files.iter().map(|file| file.sha256.as_str()));
        let names = |files: &[Taken]| files.iter().map(|file| file.name.clone()).collect::<Vec<_>>();
        let imported = Imported {
            archive: name.to_owned(),
            summary: summary(name, added.len(), known.len(), refused.len(), &loads),
            added: names(&added),
            known: names(&known),
            refused,
            ignored,
            notes,
            loads,
        };
        self.publish(index);
        Ok(imported)
    }

    /// The new index counts; blobs that nothing names any more go.
    fn publish(&self, index: Index) {
        if let Err(why) = self.disk.sweep(&index) {
            tracing::warn!(
                code = "firmware-rest",
                "files of the firmware store that nothing names could not go: {why}"
            );
        }
        self.index.store(Arc::new(index));
    }

    /// The content of a stored file; all who hold it share one copy.
    ///
    /// # Errors
    /// It is not there, or not what it was: its sets are incomplete from now on.
    pub fn read(&self, sha256: &str) -> Result<Bytes, StoreError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(image) = held.get(sha256).and_then(Weak::upgrade) {
            return Ok(Bytes::from_owner(Image(image)));
        }
        let content = self.disk.read(sha256).map_err(|why| {
            self.damaged(&[sha256.to_owned()]);
            StoreError::Blob { sha256: sha256.to_owned(), why }
        })?;
        let image = Arc::new(content);
        held.retain(|_, image| image.strong_count() > 0);
        held.insert(sha256.to_owned(), Arc::downgrade(&image));
        Ok(Bytes::from_owner(Image(image)))
    }

    /// Reads every file of a load from the disk again, or of all loads, and compares. Returns the sets as they are then.
    ///
    /// # Errors
    /// No such load.
    pub fn verify(&self, load: Option<&str>) -> Result<Vec<FirmwareSet>, StoreError> {
        let index = self.index();
        let looked_at: Vec<&str> = match load {
            Some(load) => {
                let set = index.sets.get(load).ok_or_else(|| StoreError::Unknown(load.to_owned()))?;
                // What is damaged is in no set; it may have been put right.
                let damaged = index.damaged.iter().map(String::as_str);
                set.files.iter().map(|file| file.sha256.as_str()).chain(damaged).collect()
            }
            None => index.records.iter().map(|record| record.sha256.as_str()).collect(),
        };
        let (mut bad, mut good) = (Vec::new(), Vec::new());
        for sha256 in looked_at.into_iter().collect::<BTreeSet<_>>() {
            if self.disk.digest(sha256).is_ok_and(|found| found == sha256) {
                good.push(sha256.to_owned());
            } else {
                bad.push(sha256.to_owned());
            }
        }
        self.mark(&bad, &good);
        let index = self.index();
        Ok(match load {
            Some(load) => index.sets.get(load).cloned().into_iter().collect(),
            None => index.sets.values().cloned().collect(),
        })
    }

    /// Looks whether every file is there and has its size; cheap enough for every second.
    pub fn look(&self) {
        let index = self.index();
        let missing = |record: &&Record| !self.disk.is_there(&record.sha256, record.size);
        let bad: Vec<String> = index.records.iter().filter(missing).map(|record| record.sha256.clone()).collect();
        self.damaged(&bad);
    }

    fn damaged(&self, bad: &[String]) {
        self.mark(bad, &[]);
    }

    /// Takes notice of what is damaged and what is not; sets are judged anew where that changes anything.
    fn mark(&self, bad: &[String], good: &[String]) {
        let judged = |index: &Index| {
            let mut damaged = index.damaged.clone();
            damaged.retain(|sha256| !good.contains(sha256));
            damaged.extend(bad.iter().cloned());
            damaged
        };
        let index = self.index();
        if judged(&index) == index.damaged {
            return;
        }
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let index = self.index();
        let damaged = judged(&index);
        for sha256 in damaged.difference(&index.damaged) {
            let name = index.records.iter().find(|record| record.sha256 == *sha256).map_or("?", |record| &record.name);
            tracing::error!(
                code = "firmware-damaged",
                file = name,
                "the stored {name} is gone or damaged: loads with it are not offered until its archive is brought again"
            );
        }
        self.index.store(Arc::new(Index::build(&self.disk, index.records.clone(), damaged)));
    }

    /// Removes a load: its names, and what no other load is made of.
    ///
    /// # Errors
    /// No such load, `use_of` says why its files stay, or the disk fails.
    pub fn remove(&self, load: &str, use_of: UseOf<'_>) -> Result<FirmwareSet, StoreError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let index = self.index();
        let set = index.sets.get(load).ok_or_else(|| StoreError::Unknown(load.to_owned()))?;
        let others = index.sets.values().filter(|other| other.load != load);
        let elsewhere: BTreeSet<_> = others.flat_map(|other| &other.files).collect();
        let going: Vec<&SetFile> = set.files.iter().filter(|file| !elsewhere.contains(file)).collect();
        let go = |record: &Record| going.iter().any(|file| file.name == record.name && file.sha256 == record.sha256);
        if let Some(why) = use_of(load, &going) {
            return Err(StoreError::InUse { load: load.to_owned(), why });
        }
        let records: Vec<Record> = index.records.iter().filter(|record| !go(record)).cloned().collect();
        self.disk
            .write_index(&records)
            .map_err(|why| StoreError::Folder { path: self.disk.folder().display().to_string(), why })?;
        self.publish(Index::build(&self.disk, records, index.damaged.clone()));
        Ok(set.clone())
    }
}

fn nothing(refused: &[import::Left], ignored: &[String]) -> String {
    match (refused.first(), ignored.len()) {
        (Some(left), _) if refused.len() == 1 => format!("{}: {}", left.name, left.why),
        (Some(left), _) => {
            format!("none of its {} firmware files is sound; {}: {}", refused.len(), left.name, left.why)
        }
        (None, 0) => "nothing is in it".to_owned(),
        (None, n) => format!("no firmware file is among its {n} entries"),
    }
}

fn summary(name: &str, added: usize, known: usize, refused: usize, loads: &[FirmwareSet]) -> String {
    let mut text = match (added, known) {
        (0, known) => format!("{name}: nothing new, the store had its {known} files"),
        (added, 0) => format!("{name}: {added} files taken in"),
        (added, known) => format!("{name}: {added} files taken in, {known} were there"),
    };
    if refused > 0 {
        text += &format!(", {refused} refused");
    }
    for set in loads {
        text += &match (set.complete, set.missing.len()) {
            (true, _) => format!("; {} is complete", set.load),
            (false, 0) => format!("; {} is not sound", set.load),
            (false, n) => format!("; {} lacks {n} files", set.load),
        };
    }
    text
}

#[cfg(test)]
mod tests;
