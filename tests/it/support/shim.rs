//! What stands before the C library of a daemon under test: flushes that fail, power cuts, a wall clock that is put. In C
//! (`shim.c`), compiled by the test, because the loader takes nothing else.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{Component, in_repository, succeed};

/// What it takes.
pub(crate) const COMPILER: Component = Component::Program("cc");

/// A compiled shim and the numbers that it obeys.
pub(crate) struct Shim {
    folder: TempDir,
    control: File,
}

impl Shim {
    /// Compiles it; nothing fails yet and the clock is right.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("ohf").tempdir_in("/tmp").unwrap();
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(folder.path().join("shim.so"));
        succeed(compile.arg(in_repository("tests/it/support/shim.c")).arg("-pthread"));
        let name = folder.path().join("control");
        let control = OpenOptions::new().read(true).write(true).create_new(true).open(name).unwrap();
        control.set_len(40).unwrap();
        fs::create_dir(folder.path().join("durable")).unwrap();
        Self { folder, control }
    }

    /// Puts it before a command; files of `watched` are its business.
    pub(crate) fn before(&self, command: &mut Command, watched: &Path) {
        command
            .env("LD_PRELOAD", self.folder.path().join("shim.so"))
            .env("SHIM_CONTROL", self.folder.path().join("control"))
            .env("SHIM_FOLDER", watched);
    }

    /// The same, and keeps in [`Shim::durable`] what a power cut would leave of those files.
    pub(crate) fn before_and_keep(&self, command: &mut Command, watched: &Path) {
        self.before(command, watched);
        command.env("SHIM_DURABLE", self.durable());
    }

    /// What was flushed.
    pub(crate) fn durable(&self) -> PathBuf {
        self.folder.path().join("durable")
    }

    fn put(&self, place: u64, number: i64) {
        self.control.write_all_at(&number.to_ne_bytes(), place * 8).unwrap();
    }

    /// Puts the wall clock so many seconds ahead of the right time.
    pub(crate) fn clock(&self, ahead: i64) {
        self.put(0, ahead);
    }

    /// Flushes so far.
    pub(crate) fn flushes(&self) -> i64 {
        let mut number = [0; 8];
        self.control.read_exact_at(&mut number, 8).unwrap();
        i64::from_ne_bytes(number)
    }

    /// Lets `count` flushes fail with EIO, from the `nth` from now on (1 = the next).
    pub(crate) fn fail(&self, nth: i64, count: i64) {
        self.put(3, count);
        self.put(2, self.flushes() + nth);
    }

    /// Whether writes to watched files fail as on a file system that turned read-only.
    pub(crate) fn read_only(&self, on: bool) {
        self.put(4, on.into());
    }
}
