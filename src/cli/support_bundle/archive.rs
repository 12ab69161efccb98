//! The archive: written beside its place and moved there once it is whole, readable for its owner alone. A tar as POSIX has it
//! (ustar): a header of 512 octets, the file, zeros to the next 512.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::cli::report::Failure;
use crate::replay::Mask;

/// Where it goes.
pub(super) enum Target {
    Output,
    File { new: NamedTempFile, path: PathBuf, force: bool },
}

impl Target {
    /// Refuses before anything is gathered what cannot be written in the end.
    pub(super) fn of(path: &Path, force: bool) -> Result<Self, Failure> {
        let not = |why: String| Failure::failed(format!("{} was not written: {why}", path.display()));
        if path == Path::new("-") {
            if io::stdout().is_terminal() {
                return Err(Failure::usage(
                    "an archive is not written to a terminal; name a file, or send it on with |",
                ));
            }
            return Ok(Self::Output);
        }
        if path.is_dir() {
            return Err(not("it is a folder; name a file in it".to_owned()));
        }
        if path.symlink_metadata().is_ok() && !force {
            return Err(not("it is there already; name another file, or replace it with --force".to_owned()));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let new = tempfile::Builder::new().prefix(".offhook-support-").tempfile_in(folder);
        let new = new.map_err(|why| not(format!("{why}; is there such a folder, and may you write to it?")))?;
        Ok(Self::File { new, path: path.to_owned(), force })
    }
}

/// An archive that is being written.
pub(super) struct Archive {
    out: Sink,
    target: Target,
    folder: String,
    at: u64,
    mask: Mask,
}

enum Sink {
    Plain(BufWriter<Box<dyn Write>>),
    Compressed(GzEncoder<BufWriter<Box<dyn Write>>>),
}

impl Archive {
    pub(super) fn new(target: Target, host: &str, now: Timestamp, mask: Mask) -> Result<Self, Failure> {
        let (out, compressed): (Box<dyn Write>, bool) = match &target {
            Target::Output => (Box::new(io::stdout()), false),
            Target::File { new, path, .. } => {
                let file = new.as_file().try_clone().map_err(|why| unwritten(path, &why))?;
                let ends = path.extension().and_then(|ends| ends.to_str()).unwrap_or_default().to_ascii_lowercase();
                (Box::new(file), matches!(ends.as_str(), "gz" | "tgz"))
            }
        };
        let out = BufWriter::new(out);
        let sink =
            if compressed { Sink::Compressed(GzEncoder::new(out, Compression::default())) } else { Sink::Plain(out) };
        let folder = format!("offhook-support-{host}-{}", now.strftime("%Y%m%dT%H%M%SZ"));
        let at = now.as_second().try_into().unwrap_or_default();
        Ok(Self { out: sink, target, folder, at, mask })
    }

    /// Adds a file.
    pub(super) fn add(&mut self, name: &str, content: &[u8]) -> Result<(), Failure> {
        let mut text = String::from_utf8_lossy(content).into_owned();
        self.mask.text(&mut text);
        let header = header(&self.folder, name, text.len(), self.at);
        let zeros = vec![0; text.len().next_multiple_of(BLOCK) - text.len()];
        let parts = [header.as_slice(), text.as_bytes(), &zeros];
        parts.iter().try_for_each(|part| self.out.write_all(part)).map_err(|why| self.unwritten(&why))
    }

    /// Adds a value as JSON.
    pub(super) fn json(&mut self, name: &str, value: &impl Serialize) -> Result<(), Failure> {
        let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
        text.push('\n');
        self.add(name, text.as_bytes())
    }

    /// The end: it is whole, and in its place.
    /// Returns how many octets it has; `None` = they went to standard output.
    pub(super) fn finish(self) -> Result<Option<u64>, Failure> {
        let Self { mut out, target, .. } = self;
        let path = match &target {
            Target::Output => Path::new("-"),
            Target::File { path, .. } => path,
        };
        let flushed = out.write_all(&[0; 2 * BLOCK]).and_then(|()| match out {
            Sink::Plain(mut out) => out.flush(),
            Sink::Compressed(out) => out.finish()?.flush(),
        });
        if let Err(why) = flushed {
            return Err(unwritten(path, &why));
        }
        let Target::File { new, path, force } = target else { return Ok(None) };
        new.as_file().sync_all().map_err(|why| unwritten(&path, &why))?;
        let kept = if force { new.persist(&path) } else { new.persist_noclobber(&path) };
        let file = kept.map_err(|why| unwritten(&path, &why.error))?;
        Ok(file.metadata().ok().map(|metadata| metadata.len()))
    }

    fn unwritten(&self, why: &io::Error) -> Failure {
        match &self.target {
            Target::Output => unwritten(Path::new("-"), why),
            Target::File { path, .. } => unwritten(path, why),
        }
    }
}

/// Of what a tar is made.
const BLOCK: usize = 512;

/// The header of a file in a folder. Both names are shorter than their fields.
fn header(folder: &str, name: &str, size: usize, at: u64) -> Vec<u8> {
    let mut header = Vec::with_capacity(BLOCK);
    let mut field = |text: &str, width: usize| {
        header.extend(text.bytes().chain(std::iter::repeat(0)).take(width));
    };
    field(name, 100);
    // Mode, owner, group, size, time, and blanks in place of the sum.
    for number in ["0000600", "0000000", "0000000"] {
        field(number, 8);
    }
    field(&format!("{size:011o}"), 12);
    field(&format!("{at:011o}"), 12);
    field("        0", 9);
    field("", 100);
    field("ustar", 6);
    field("00", 2);
    field("", 32 + 32 + 8 + 8);
    field(folder, 155);
    field("", 12);
    let sum: u32 = header.iter().map(|octet| u32::from(*octet)).sum();
    if let Some(place) = header.get_mut(148..156) {
        place.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    header
}

/// What was begun is gone with the value that stood for it.
fn unwritten(path: &Path, why: &io::Error) -> Failure {
    if path != Path::new("-") {
        let path = path.display();
        return Failure::failed(format!("{path} was not written: {why}; nothing is left of it there"));
    }
    // Who reads may leave.
    if why.kind() == io::ErrorKind::BrokenPipe {
        return Failure::silent();
    }
    Failure::failed(format!("the bundle could not be written to standard output: {why}"))
}

impl Write for Sink {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(octets),
            Self::Compressed(out) => out.write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Compressed(out) => out.flush(),
        }
    }
}
