//! A small file system, which a test can fill.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{run, text};

/// A small file system of the test's own; unmounted with the value.
pub(crate) struct Small {
    place: PathBuf,
}

impl Small {
    /// `None`, said by name, where this process may not mount.
    pub(crate) fn mount(place: &Path, options: &str) -> Option<Self> {
        fs::create_dir_all(place).unwrap();
        let mounted = run(Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(place));
        if !mounted.status.success() {
            let why = format!("a tmpfs cannot be mounted here ({})", text(&mounted.stderr).trim());
            assert!(std::env::var("CI").as_deref() != Ok("true"), "CI=true and {why}");
            println!("SKIPPED: {why}");
            return None;
        }
        Some(Self { place: place.to_owned() })
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily: a daemon that a failed test leaves may still be ending.
        let _ = run(Command::new("umount").arg("-l").arg(&self.place));
    }
}
