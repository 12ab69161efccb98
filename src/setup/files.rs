//! Files that root reads and writes in folders that others may write to as well: links are never followed, and a file is
//! replaced as a whole, with the owner and mode it had.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::Path;

use rustix::fs::OFlags;

use super::facts::TextFile;

/// A file that is longer is none that setup changes.
const LIMIT: u64 = 1 << 20;

/// Whether this process may give files away.
pub(super) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|facts| facts.uid() == 0)
}

/// The text of a file that is to be changed.
pub(super) fn read(path: &Path) -> TextFile {
    let unusable = |why: &dyn std::fmt::Display| TextFile::Unusable(format!("{} {why}", path.display()));
    let flags = i32::try_from(OFlags::NOFOLLOW.bits() | OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return TextFile::Absent,
        Err(why) if why.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return unusable(&"is a link, and setup follows none as root; put the file itself there");
        }
        Err(why) => return unusable(&format!("could not be read: {why}")),
    };
    match file.metadata() {
        Ok(facts) if facts.is_file() && facts.len() <= LIMIT => {}
        Ok(_) => return unusable(&"is no regular file of at most 1 MiB"),
        Err(why) => return unusable(&format!("could not be looked at: {why}")),
    }
    let mut text = String::new();
    match file.take(LIMIT).read_to_string(&mut text) {
        Ok(_) => TextFile::Text(text),
        Err(why) => unusable(&format!("could not be read: {why}")),
    }
}

/// Owner and mode of a file that is not there yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attributes {
    /// Owner and group; `None` = this process's own.
    pub owner: Option<(u32, u32)>,
    /// Mode.
    pub mode: u32,
}

impl Attributes {
    /// Those of a file that is there.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let facts = fs::symlink_metadata(path).ok()?;
        Some(Self { owner: Some((facts.uid(), facts.gid())), mode: facts.mode() & 0o7777 })
    }
}

/// Replaces a file, or makes it. What was there keeps its owner and mode; a reader sees the old text or the new one.
pub(super) fn replace(path: &Path, text: &str, new: Attributes) -> Result<(), String> {
    let tried = || -> io::Result<()> {
        let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        let attributes = Attributes::of(path).unwrap_or(new);
        let mut file = tempfile::Builder::new().prefix(".offhook-").tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        own(file.as_file(), attributes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    tried().map_err(|why| format!("{} could not be written: {why}", path.display()))
}

/// Gives a file away, as far as this process may.
pub(super) fn own(file: &File, attributes: Attributes) -> io::Result<()> {
    if let (Some((owner, group)), true) = (attributes.owner, is_root()) {
        fchown(file, Some(owner), Some(group))?;
    }
    file.set_permissions(Permissions::from_mode(attributes.mode))
}

/// Removes a file; one that is not there is removed.
pub(super) fn remove(path: &Path) -> Result<(), String> {
    match fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => {
            Err(format!("{} could not be removed: {why}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_its_mode_and_a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manager_custom.conf");
        let new = Attributes { owner: None, mode: 0o640 };
        assert_eq!(read(&path), TextFile::Absent);
        replace(&path, "a", new).unwrap();
        assert_eq!(Attributes::of(&path).unwrap().mode, 0o640);
        fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
        replace(&path, "b", new).unwrap();
        assert_eq!((read(&path), Attributes::of(&path).unwrap().mode), (TextFile::Text("b".into()), 0o664));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(read(&link), TextFile::Unusable(why) if why.contains("is a link")));
        assert!(matches!(read(folder.path()), TextFile::Unusable(_)));
        remove(&path).unwrap();
        remove(&path).unwrap();
    }
}
