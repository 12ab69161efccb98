//! A configuration file of any content: taken, or refused with at least one reason.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

/// A file of this thread's own, in memory where there is a folder for that; private, as a file with passwords must be.
fn file_of(data: &[u8]) -> PathBuf {
    thread_local! {
        static FOLDER: tempfile::TempDir = {
            let memory = std::path::Path::new("/dev/shm");
            let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
            folder.expect("a folder")
        };
    }
    let path = FOLDER.with(|folder| folder.path().join("offhook.toml"));
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).expect("a file");
    file.write_all(data).expect("room");
    path
}

/// The bytes are the file.
pub fn file(data: &[u8]) {
    let path = file_of(data);
    match offhook::config::load(&path, &BTreeMap::new()) {
        Ok(config) => assert!(!config.tftp.listen.is_empty() || !config.server.state_dir.as_os_str().is_empty()),
        Err(why) => {
            assert!(!why.problems.is_empty(), "a refusal has a reason");
            for problem in &why.problems {
                assert!(!problem.to_string().trim().is_empty());
            }
        }
    }
}
