//! The store's folder. Every file is opened by its SHA-256 and nothing else, and no link is followed.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
#[cfg(test)]
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::index::{Index, Record};
use crate::firmware::container::{HEAD, Head, head, is_legacy, is_load_file};
use crate::firmware::import::{self, ImportError, Taken, limits};
use crate::firmware::set::hex;

/// Longest file of firmware that is read into memory, octets; real ones stay below 64 MiB.
const LONGEST: u64 = 256 << 20;

/// The folder, and the three things in it.
#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    /// Steps until a test's process dies.
    #[cfg(test)]
    pub(super) steps_left: AtomicUsize,
}

/// An archive on its way in; gone with this value.
#[derive(Debug)]
pub struct Spool {
    file: tempfile::NamedTempFile,
    folder: PathBuf,
    name: String,
    len: u64,
    /// Octets for which there was room.
    room: u64,
}

/// Between two looks at how much is free, where a sender does not say how much comes.
const STEP: u64 = 16 << 20;

impl Spool {
    /// The next octets.
    ///
    /// # Errors
    /// Too large, or the disk.
    pub fn push(&mut self, octets: &[u8]) -> Result<(), ImportError> {
        self.len += octets.len() as u64;
        if self.len > limits::IN {
            return Err(ImportError::TooLarge { archive: self.name.clone() });
        }
        if self.len > self.room {
            // As much again as is here is needed to take it apart.
            self.room = self.len.saturating_add(STEP);
            room_in(&self.folder, &self.name, self.room)?;
        }
        self.file.write_all(octets).map_err(|why| import::room_or(&self.name, &why))
    }

    /// Octets so far.
    pub fn octets(&self) -> u64 {
        self.len
    }

    /// The archive, opened for reading alone.
    ///
    /// # Errors
    /// The disk.
    pub fn archive(&self) -> Result<File, ImportError> {
        File::open(self.file.path()).map_err(|why| ImportError::failed(&self.name, &why))
    }
}

fn room_in(folder: &Path, name: &str, needed: u64) -> Result<(), ImportError> {
    let facts = rustix::fs::statvfs(folder).map_err(|why| ImportError::failed(name, &why.into()))?;
    let free = facts.f_bavail.saturating_mul(facts.f_frsize);
    if free < needed {
        let archive = name.to_owned();
        return Err(ImportError::NoRoom { archive, free: free >> 20, needed: (needed >> 20) + 1 });
    }
    Ok(())
}

/// The index file.
#[derive(serde::Serialize, serde::Deserialize)]
struct Written {
    version: u32,
    files: Vec<Record>,
}

impl Disk {
    /// Makes what is absent, and drops what was under way.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let disk = Self {
            folder: folder.to_owned(),
            #[cfg(test)]
            steps_left: AtomicUsize::new(usize::MAX),
        };
        let _ = fs::remove_dir_all(disk.tmp());
        for folder in [disk.folder.clone(), disk.blobs(), disk.tmp()] {
            DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
            fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
        }
        // Names, too: an import is not to outlive the folder that it is in.
        for folder in disk.folder.ancestors().take(2).filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder)?.sync_all()?;
        }
        Ok(disk)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn blobs(&self) -> PathBuf {
        self.folder.join("blobs")
    }

    fn tmp(&self) -> PathBuf {
        self.folder.join("tmp")
    }

    fn index_file(&self) -> PathBuf {
        self.folder.join("index.json")
    }

    /// Where a blob is; nothing for what is no SHA-256.
    fn blob(&self, sha256: &str) -> io::Result<PathBuf> {
        let plain = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        if plain { Ok(self.blobs().join(sha256)) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    /// In tests: the process is killed here.
    #[cfg_attr(not(test), allow(clippy::unnecessary_wraps, reason = "it fails in tests alone"))]
    fn step(&self) -> io::Result<()> {
        #[cfg(test)]
        if self.steps_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
            return Err(io::Error::other("killed by the test"));
        }
        let _ = self;
        Ok(())
    }

    /// In tests: whether the process is dead.
    pub(super) fn died(&self) -> bool {
        #[cfg(test)]
        let dead = self.steps_left.load(Ordering::Relaxed) == 0;
        #[cfg(not(test))]
        let (dead, _) = (false, self);
        dead
    }

    /// A folder of one import's own; gone with the value.
    pub(super) fn aside(&self) -> io::Result<TempDir> {
        tempfile::tempdir_in(self.tmp())
    }

    pub(super) fn spool(&self, name: &str, size: u64) -> Result<Spool, ImportError> {
        self.room_for(name, size)?;
        let file = tempfile::NamedTempFile::new_in(self.tmp()).map_err(|why| ImportError::failed(name, &why))?;
        Ok(Spool { file, folder: self.folder.clone(), name: name.to_owned(), len: 0, room: size })
    }

    /// Z19: before anything is written, twice as much has to be free.
    pub(super) fn room_for(&self, name: &str, size: u64) -> Result<(), ImportError> {
        if size > limits::IN {
            return Err(ImportError::TooLarge { archive: name.to_owned() });
        }
        room_in(&self.folder, name, size.saturating_mul(2))
    }

    /// Puts a file laid aside where it belongs; its content is on the disk already.
    pub(super) fn keep(&self, file: &Taken) -> io::Result<()> {
        self.step()?;
        fs::rename(&file.path, self.blob(&file.sha256)?)
    }

    /// The names of the blobs are on the disk.
    pub(super) fn flush(&self) -> io::Result<()> {
        self.step()?;
        File::open(self.blobs())?.sync_all()
    }

    /// Replaces the index: from here on it counts.
    pub(super) fn write_index(&self, records: &[Record]) -> io::Result<()> {
        self.step()?;
        let written = Written { version: 1, files: records.to_vec() };
        let new = self.tmp().join("index.json");
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&serde_json::to_vec_pretty(&written)?)?;
        file.sync_all()?;
        self.step()?;
        fs::rename(new, self.index_file())?;
        self.step()?;
        File::open(&self.folder)?.sync_all()
    }

    /// The index as written; `None` where there is none.
    pub(super) fn index(&self) -> io::Result<Option<Vec<Record>>> {
        let text = match fs::read(self.index_file()) {
            Ok(text) => text,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(why),
        };
        let written: Written = serde_json::from_slice(&text)?;
        if written.version != 1 {
            return Err(io::Error::other("it is of a newer offhook"));
        }
        Ok(Some(written.files))
    }

    pub(super) fn is_empty(&self) -> io::Result<bool> {
        Ok(fs::read_dir(self.blobs())?.next().is_none())
    }

    fn open_blob(&self, sha256: &str) -> io::Result<File> {
        let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
        OpenOptions::new().read(true).custom_flags(flags).open(self.blob(sha256)?)
    }

    /// Whether a blob is there with its size.
    pub(super) fn is_there(&self, sha256: &str, size: u64) -> bool {
        let facts = self.blob(sha256).and_then(fs::symlink_metadata);
        facts.is_ok_and(|facts| facts.is_file() && facts.len() == size)
    }

    /// A blob's content, compared with its SHA-256.
    pub(super) fn read(&self, sha256: &str) -> Result<Vec<u8>, String> {
        let read = || {
            let file = self.open_blob(sha256)?;
            let mut content = Vec::new();
            file.take(LONGEST).read_to_end(&mut content)?;
            Ok::<_, io::Error>(content)
        };
        let content = read().map_err(|why| why.to_string())?;
        if hex(&Sha256::digest(&content)) == sha256 { Ok(content) } else { Err("it is damaged".to_owned()) }
    }

    /// A blob's SHA-256 as it is on the disk.
    pub(super) fn digest(&self, sha256: &str) -> io::Result<String> {
        import::digest(&mut self.open_blob(sha256)?)
    }

    /// Deletes blobs that the index does not name.
    pub(super) fn sweep(&self, index: &Index) -> io::Result<()> {
        for entry in fs::read_dir(self.blobs())? {
            let entry = entry?;
            let name = entry.file_name();
            if !index.records.iter().any(|record| name == record.sha256.as_str()) {
                self.step()?;
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Names every sound blob by what it says of itself. What says nothing is put into `lost/`, and is not lost.
    pub(super) fn recover(&self, now: Timestamp) -> io::Result<Vec<Record>> {
        let mut records = Vec::new();
        for entry in fs::read_dir(self.blobs())? {
            let entry = entry?;
            let sha256 = entry.file_name().to_string_lossy().into_owned();
            if let Some((name, size, header_len)) = self.read(&sha256).ok().and_then(|content| named(&content)) {
                let archive = "(found in the store)".to_owned();
                records.push(Record { name, sha256, size, header_len, archive, added: now });
            } else {
                let lost = self.folder.join("lost");
                DirBuilder::new().recursive(true).mode(0o700).create(&lost)?;
                fs::rename(entry.path(), lost.join(&sha256))?;
            }
        }
        records.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(records)
    }
}

/// What a file says it is called: in its signed header, or for an unsigned image of a 7940 at 0x20 [FW812].
fn named(content: &[u8]) -> Option<(String, u64, Option<u64>)> {
    let size = content.len() as u64;
    if let Head::Signed(container) = head(content.get(..HEAD).unwrap_or(content)) {
        return is_load_file(&container.name).then_some((container.name, size, Some(container.header_len as u64)));
    }
    let image = content.get(0x20..0x40)?.split(|byte| *byte == 0).next()?;
    let name = format!("{}.bin", std::str::from_utf8(image).ok()?);
    (is_legacy(&name) && is_load_file(&name)).then_some((name, size, None))
}
