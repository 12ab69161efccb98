//! The unix sockets: the command line's, and that of the PBX's own pages.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use tokio::net::{UnixListener, UnixStream};

/// Who may use a socket besides root and its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Members {
    /// The daemon's own group.
    Own,
    /// The group that the PBX and its pages run as; the daemon's own where there is no such group, or where it is no
    /// member.
    Asterisk,
}

/// Who runs Asterisk, and FreePBX's web server (AMPASTERISKWEBGROUP).
const ASTERISK: &str = "asterisk";

/// Binds a socket: owner and group may use it. One that is left over from a killed daemon is replaced;
/// one that answers is not.
///
/// # Errors
/// The folder or socket cannot be made, or another daemon answers on it.
pub async fn bind(path: &Path, members: Members) -> io::Result<UnixListener> {
    if UnixStream::connect(path).await.is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another offhook answers on it"));
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match std::fs::symlink_metadata(path) {
        Ok(left_over) if left_over.file_type().is_socket() => std::fs::remove_file(path)?,
        Ok(_) => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something else than a socket has that name"));
        }
        Err(why) if why.kind() == io::ErrorKind::NotFound => {}
        Err(why) => return Err(why),
    }
    let listener = UnixListener::bind(path)?;
    if members == Members::Asterisk
        && let Some(group) = nix::unistd::Group::from_name(ASTERISK).ok().flatten()
        && let Err(why) = std::os::unix::fs::chown(path, None, Some(group.gid.as_raw()))
    {
        tracing::warn!(
            code = "pbx-socket-closed",
            "{} could not be given to group {ASTERISK}: {why}; FreePBX's pages cannot ask offhook until its user is in that group: adduser offhook {ASTERISK}, then systemctl restart offhook",
            path.display()
        );
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}
