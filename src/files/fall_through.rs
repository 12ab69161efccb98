//! The fall-through folder: files of other vendors' phones, and firmware an admin already has there.
//!
//! An edge: reads files. The kernel keeps the look-up inside the folder (`openat2`, `RESOLVE_BENEATH`, no symlinks), so
//! `..`, absolute names and links lead nowhere.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

use super::name::FileRequest;

/// The largest file that is served from the folder: twice the largest image of a 79xx.
const LIMIT: u64 = 64 << 20;

/// Names told at most.
const NAMED: usize = 50;

/// Entries looked at when a name has to be found whatever its case.
const ENTRIES: usize = 10_000;

/// A folder, opened anew for each look: it may appear, vanish or be mounted at any time. Clones share what they read.
#[derive(Clone, Debug)]
pub struct FallThrough {
    folder: PathBuf,
    reads: Arc<Reads>,
}

impl FallThrough {
    /// The folder; it need not exist.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), reads: Arc::default() }
    }

    /// The file of that name. Firmware names are found whatever their case: real manifests disagree with the files
    /// they list.
    ///
    /// # Errors
    /// Whatever the kernel says; a name that leads out of the folder, through a link or to no regular file is an error.
    pub fn read(&self, name: &str) -> io::Result<Bytes> {
        match self.open(name) {
            Err(why)
                if why.kind() == io::ErrorKind::NotFound
                    && matches!(FileRequest::parse(name), FileRequest::Firmware(_)) =>
            {
                self.contents(&self.same_but_for_case(name).ok_or(why)?)
            }
            Err(why) => Err(why),
            Ok(file) => self.reads.whole(&file),
        }
    }

    /// Names in the folder that we make ourselves, or refuse, and therefore never serve from it.
    pub fn shadowed(&self) -> Vec<String> {
        let mut names: Vec<String> = self.names().filter(|name| FileRequest::parse(name).is_ours()).collect();
        names.sort();
        names.truncate(NAMED);
        names
    }

    /// Links in the folder: they are never followed, wherever they lead.
    pub fn links(&self) -> Vec<String> {
        let is_link = |name: &String| self.folder.join(name).is_symlink();
        let mut names: Vec<String> = self.names().filter(is_link).collect();
        names.sort();
        names.truncate(NAMED);
        names
    }

    fn contents(&self, name: &str) -> io::Result<Bytes> {
        self.reads.whole(&self.open(name)?)
    }

    fn open(&self, name: &str) -> io::Result<File> {
        let folder = File::open(&self.folder)?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        Ok(File::from(openat2(&folder, name, flags, Mode::empty(), within)?))
    }

    fn same_but_for_case(&self, name: &str) -> Option<String> {
        self.names().find(|entry| entry.eq_ignore_ascii_case(name))
    }

    fn names(&self) -> impl Iterator<Item = String> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten();
        entries.take(ENTRIES).filter_map(|entry| entry.ok()?.file_name().into_string().ok())
    }
}

/// Files that are being sent now, by device and inode: two hundred phones that fetch one image hold it once.
#[derive(Debug, Default)]
struct Reads(Mutex<HashMap<Inode, Arc<Mutex<Held>>>>);

/// Device and number.
type Inode = (u64, u64);

/// One file as it was read last, while somebody holds it.
#[derive(Debug, Default)]
struct Held {
    /// Size and time of change, seconds and nanoseconds.
    mark: (u64, i64, i64),
    bytes: Weak<Vec<u8>>,
}

impl Reads {
    /// All of a file. Who asks while another reads the same one waits for that.
    fn whole(&self, file: &File) -> io::Result<Bytes> {
        let facts = file.metadata()?;
        if !facts.is_file() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no regular file"));
        }
        if facts.len() > LIMIT {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 64 MiB"));
        }
        let held = {
            let mut all = lock(&self.0);
            all.retain(|_, held| Arc::strong_count(held) > 1 || lock(held).bytes.strong_count() > 0);
            Arc::clone(all.entry((facts.dev(), facts.ino())).or_default())
        };
        let mut held = lock(&held);
        let mark = (facts.len(), facts.mtime(), facts.mtime_nsec());
        if let Some(bytes) = held.bytes.upgrade().filter(|_| held.mark == mark) {
            return Ok(Bytes::from_owner(Shared(bytes)));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(facts.len()).unwrap_or(0));
        file.take(LIMIT).read_to_end(&mut bytes)?;
        let bytes = Arc::new(bytes);
        *held = Held { mark, bytes: Arc::downgrade(&bytes) };
        Ok(Bytes::from_owner(Shared(bytes)))
    }
}

/// Lets [`Bytes`] hold a vector that others hold, too.
struct Shared(Arc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Whoever held the lock left nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("tftpboot");
        std::fs::create_dir_all(root.join("sub")).unwrap();
        std::fs::write(folder.path().join("secret"), "outside").unwrap();
        std::fs::write(root.join("spa504g.cfg"), "cfg").unwrap();
        std::fs::write(root.join("sub/y.cfg"), "sub").unwrap();
        std::fs::write(root.join("jar11sip.8-2-1.sbn"), "jar").unwrap();
        for ours in ["OS79XX.TXT", "RINGLIST.DAT", "CTLSEP001B54AABB01.tlv"] {
            std::fs::write(root.join(ours), "P003").unwrap();
        }
        std::os::unix::fs::symlink("../secret", root.join("link.cfg")).unwrap();
        std::os::unix::fs::symlink("spa504g.cfg", root.join("inner.cfg")).unwrap();
        folder
    }

    #[test]
    fn files_inside_are_read() {
        let folder = folder();
        let fall_through = FallThrough::new(&folder.path().join("tftpboot"));
        for (name, bytes) in [("spa504g.cfg", "cfg"), ("sub/y.cfg", "sub"), ("Jar11sip.8-2-1.sbn", "jar")] {
            assert_eq!(fall_through.read(name).unwrap(), bytes, "{name}");
        }
        assert_eq!(fall_through.shadowed(), ["CTLSEP001B54AABB01.tlv", "OS79XX.TXT", "RINGLIST.DAT"]);
    }

    #[test]
    fn a_file_is_held_once_while_it_is_sent_and_read_again_when_it_changed() {
        let folder = folder();
        let path = folder.path().join("tftpboot/spa504g.cfg");
        let fall_through = FallThrough::new(&folder.path().join("tftpboot"));
        let first = fall_through.read("spa504g.cfg").unwrap();
        let second = fall_through.clone().read("spa504g.cfg").unwrap();
        assert_eq!(first.as_ptr(), second.as_ptr());
        std::fs::write(&path, "longer").unwrap();
        let third = fall_through.read("spa504g.cfg").unwrap();
        assert_eq!((first, third), (Bytes::from("cfg"), Bytes::from("longer")));
        drop(second);
        fall_through.read("sub/y.cfg").unwrap();
        assert_eq!(lock(&fall_through.reads.0).len(), 1, "what nobody holds is forgotten");
    }

    /// Rows A14 to A18 of the bad-input catalogue, and T6.
    #[test]
    fn nothing_outside_is_reached() {
        let folder = folder();
        let fall_through = FallThrough::new(&folder.path().join("tftpboot"));
        for name in [
            "../secret",
            "/etc/passwd",
            "sub/../../secret",
            "link.cfg",
            "inner.cfg",
            "sub",
            ".",
            "..",
            "",
            "..\\secret",
            "Spa504g.cfg",
            "a\0b",
        ] {
            assert!(fall_through.read(name).is_err(), "{name:?}");
        }
        assert!(FallThrough::new(Path::new("/nonexistent")).read("x").is_err());
        assert_eq!(fall_through.links(), ["inner.cfg", "link.cfg"]);
    }
}
