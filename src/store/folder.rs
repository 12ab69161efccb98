//! The state folder: ours alone (0700), locked by one daemon, its files 0600.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::{FILE, StoreError};

/// Makes the folder if absent and locks it for as long as the file is held.
pub(super) fn lock(folder: &Path) -> Result<fs::File, StoreError> {
    let failed = |why| StoreError::Folder { path: folder.to_owned(), why };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    if fs::metadata(folder).map_err(failed)?.permissions().mode() & 0o077 != 0 {
        if !is_ours(folder).map_err(failed)? {
            return Err(failed(io::Error::other(
                "it holds what is not offhook's and others may enter it; name a folder of its own in server.state_dir, or chmod 0700 it",
            )));
        }
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    }
    let path = folder.join("lock");
    let file =
        fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(StoreError::InUse(folder.to_owned())),
        Err(fs::TryLockError::Error(why)) => Err(failed(why)),
    }
}

/// Which file the database's name leads to.
pub(super) fn inode(folder: &Path) -> Option<(u64, u64)> {
    fs::metadata(folder.join(FILE)).ok().map(|facts| (facts.dev(), facts.ino()))
}

/// Whether an offhook was here, or nobody.
fn is_ours(folder: &Path) -> io::Result<bool> {
    Ok(folder.join("lock").exists() || folder.join(FILE).exists() || fs::read_dir(folder)?.next().is_none())
}

/// Makes the file, readable by its owner alone, before SQLite would make it by the process's mask.
pub(super) fn private(path: &Path) -> io::Result<()> {
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))
}
