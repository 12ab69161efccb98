//! What the store has, by name and by set: one immutable value that everybody who asks shares.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::disk::Disk;
use crate::firmware::container::same_name;
use crate::firmware::import::Taken;
use crate::firmware::manifest::{self, BadManifest};
use crate::firmware::set::{self, File, FirmwareSet, SetFile};

/// A name of a blob, as the index file has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Name, as phones ask for it.
    pub name: String,
    /// SHA-256, 64 lower-case hex digits.
    pub sha256: String,
    /// Octets.
    pub size: u64,
    /// Octets of its signed header, where it has one.
    pub header_len: Option<u64>,
    /// What it came in.
    pub archive: String,
    /// When.
    pub added: Timestamp,
}

impl Record {
    pub(super) fn new(file: &Taken, archive: &str, added: Timestamp) -> Self {
        Self {
            name: file.name.clone(),
            sha256: file.sha256.clone(),
            size: file.size,
            header_len: file.header_len,
            archive: archive.to_owned(),
            added,
        }
    }
}

/// What the store has at one moment.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Every name, in the order in which they came.
    pub records: Vec<Record>,
    /// Every set that they begin, complete or not, by load.
    pub sets: BTreeMap<String, FirmwareSet>,
    /// SHA-256 of blobs that are gone or not what they were: in no set.
    pub damaged: BTreeSet<String>,
}

#[cfg(test)]
impl Index {
    /// What these sets come to.
    pub(crate) fn sample(sets: Vec<FirmwareSet>) -> Self {
        let record = |file: &SetFile| Record {
            name: file.name.clone(),
            sha256: file.sha256.clone(),
            size: file.size,
            header_len: None,
            archive: String::new(),
            added: Timestamp::UNIX_EPOCH,
        };
        let records = sets.iter().flat_map(|set| &set.files).map(record).collect();
        let sets = sets.into_iter().map(|set| (set.load.clone(), set)).collect();
        Self { records, sets, ..Self::default() }
    }
}

impl Index {
    /// A set by its load.
    pub fn set(&self, load: &str) -> Option<&FirmwareSet> {
        self.sets.get(load)
    }

    /// The file of this name in a set; without a set, the one of all that has it, if it is one. Term files and others of
    /// one name are told apart by their set alone.
    pub fn file(&self, name: &str, in_set: Option<&str>) -> Option<SetFile> {
        if let Some(load) = in_set {
            return self.set(load)?.file(name).cloned();
        }
        let mut named = self.files_named(name).filter(|record| !self.damaged.contains(&record.sha256));
        let first = named.next()?;
        if named.any(|other| other.sha256 != first.sha256) {
            return None;
        }
        Some(SetFile { name: first.name.clone(), size: first.size, sha256: first.sha256.clone() })
    }

    /// Every file of this name.
    pub fn files_named(&self, name: &str) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(move |record| same_name(&record.name, name))
    }

    /// The loads whose sets hold a file of this name.
    pub(super) fn sets_with(&self, name: &str) -> impl Iterator<Item = &FirmwareSet> {
        self.sets.values().filter(move |set| set.file(name).is_some())
    }

    pub(super) fn sha256_of(&self, name: &str) -> String {
        self.records.iter().find(|record| record.name == name).map(|record| record.sha256.clone()).unwrap_or_default()
    }

    /// The sets that hold one of these blobs.
    pub(super) fn sets_of<'a>(&self, blobs: impl Iterator<Item = &'a str>) -> Vec<FirmwareSet> {
        let blobs: BTreeSet<&str> = blobs.collect();
        let holds = |set: &&FirmwareSet| set.files.iter().any(|file| blobs.contains(file.sha256.as_str()));
        self.sets.values().filter(holds).cloned().collect()
    }

    pub(super) fn build(disk: &Disk, records: Vec<Record>, damaged: BTreeSet<String>) -> Self {
        let sound = records.iter().filter(|record| !damaged.contains(&record.sha256));
        let files: Vec<File> = sound
            .map(|record| File {
                name: record.name.clone(),
                size: record.size,
                sha256: record.sha256.clone(),
                header_len: record.header_len,
                manifest: read_manifest(disk, record),
            })
            .collect();
        let sets = set::sets(&files);
        Self { records, sets, damaged }
    }
}

fn read_manifest(disk: &Disk, record: &Record) -> Option<Result<manifest::Manifest, BadManifest>> {
    if !record.name.to_ascii_lowercase().ends_with(".loads") {
        return None;
    }
    let header = record.header_len.unwrap_or(0);
    if record.size.saturating_sub(header) > manifest::LONGEST as u64 {
        return Some(Err(BadManifest::TooLong));
    }
    // One that cannot be read makes its set incomplete as one that cannot be understood.
    let content = disk.read(&record.sha256).unwrap_or_default();
    let payload = usize::try_from(header).ok().and_then(|from| content.get(from..)).unwrap_or_default();
    Some(manifest::parse(payload))
}
