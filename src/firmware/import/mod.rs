//! Taking firmware in: an archive of the vendor or a single file goes through a process of its own that can open nothing,
//! and comes back as frames; what they hold is looked at, hashed and laid aside for the store to keep or drop as a whole.
//!
//! Forms: `.zip`, `.tar`, `.tar.gz`, `.tgz`, `.cop` (a gzip tar), `.cop.sgn` and `.cop.sha512` (the same behind a signed
//! header), archives of these in each other, and single files. Which it is, the content says.

pub mod frames;
pub mod limits;
mod sandbox;
mod tar;
pub mod walk;
mod zip;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::container::{Inspector, is_load_file};
use super::set::{FirmwareSet, hex};
use frames::Frame;
use walk::Walk;

/// The hidden command by which the program becomes the process that takes archives apart.
pub const COMMAND: &str = "firmware-unpack";

/// How an archive is taken apart.
#[derive(Clone, Debug)]
pub enum Unpack {
    /// By this program in a process of its own: [`COMMAND`], then the archive's name.
    Process(PathBuf),
    /// On the spot: the program under test is not this one.
    #[cfg(test)]
    Here,
}

impl Unpack {
    /// By the program that runs, also where its file has been replaced meanwhile.
    pub fn own() -> Self {
        Self::Process("/proc/self/exe".into())
    }

    /// Gives every frame until the last word.
    fn run(
        &self,
        name: &str,
        archive: File,
        each: &mut dyn FnMut(Frame) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        match self {
            Self::Process(program) => run_process(program, name, archive, each),
            #[cfg(test)]
            Self::Here => {
                let (mut pipe, mut archive) = (Vec::new(), archive);
                Walk::new(&mut pipe).run(name, &mut archive).map_err(|why| ImportError::failed(name, &why))?;
                last_word(name, &mut pipe.as_slice(), each)?.ok_or_else(|| ended_early(name, "at once"))
            }
        }
    }
}

fn run_process(
    program: &Path,
    name: &str,
    archive: File,
    each: &mut dyn FnMut(Frame) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let mut child = Command::new(program)
        .args([COMMAND, "--", name])
        .env_clear()
        .current_dir("/")
        .stdin(archive)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|why| ImportError::failed(name, &why))?;
    let outcome = match child.stdout.take() {
        Some(pipe) => last_word(name, &mut BufReader::with_capacity(128 << 10, pipe), each),
        None => Ok(None),
    };
    // Whoever has said the last word has nothing left to do; whoever is not listened to any more is ended.
    if !matches!(outcome, Ok(Some(()))) {
        let _ = child.kill();
    }
    let status = child.wait();
    match outcome? {
        Some(()) => Ok(()),
        None => Err(ended_early(name, &status.map_or_else(|why| why.to_string(), |status| status.to_string()))),
    }
}

fn ended_early(name: &str, how: &str) -> ImportError {
    ImportError::refused(
        name,
        &format!(
            "the process that took it apart ended before it was through ({how}); limits are {} s of CPU and {} MiB",
            limits::CPU,
            limits::MEMORY >> 20
        ),
    )
}

/// Frames up to the last word; `None` where the pipe ends without one.
fn last_word(
    name: &str,
    pipe: &mut impl io::Read,
    each: &mut dyn FnMut(Frame) -> Result<(), ImportError>,
) -> Result<Option<()>, ImportError> {
    // A frame that is cut is an end without the last word, too.
    while let Ok(Some(frame)) = Frame::read(pipe) {
        match frame {
            Frame::Done => return Ok(Some(())),
            Frame::Refused(why) => return Err(ImportError::refused(name, &why)),
            frame => each(frame)?,
        }
    }
    Ok(None)
}

/// What the process does that takes an archive apart: standard input is the archive, standard output the pipe.
pub fn child(name: &str) -> ExitCode {
    let mut out = io::stdout().lock();
    if let Err(why) = sandbox::enter() {
        let _ = Frame::Refused(format!("{why}, and without that nothing is taken apart")).write(&mut out);
        return ExitCode::FAILURE;
    }
    let done = Walk::new(&mut out).run(name, &mut io::stdin().lock());
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Why nothing was taken in. One sentence each.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The archive, or what is in it.
    #[error("{archive} was not taken in: {why}")]
    Refused {
        /// Its name.
        archive: String,
        /// Why.
        why: String,
    },
    /// Larger than anything that is taken.
    #[error("{archive} was not taken in: it is larger than {} MiB, and no firmware archive is", limits::IN >> 20)]
    TooLarge {
        /// Its name.
        archive: String,
    },
    /// The disk.
    #[error(
        "{archive} was not taken in: the disk has {free} MiB free and {needed} MiB are needed; make room, then bring it again"
    )]
    NoRoom {
        /// Its name.
        archive: String,
        /// MiB.
        free: u64,
        /// MiB.
        needed: u64,
    },
    /// A file of the store has that name and other content.
    #[error(
        "{archive} was not taken in: the store has another {name}; if this one is right, `offhook firmware add --replace`"
    )]
    Clash {
        /// Its name.
        archive: String,
        /// The file.
        name: String,
    },
    /// Replacing would pull files away under a phone.
    #[error("{archive} was not taken in: {name} would be replaced, and {why}")]
    InUse {
        /// Its name.
        archive: String,
        /// The file.
        name: String,
        /// Who has use of it, and until when.
        why: String,
    },
    /// The system.
    #[error("{archive} was not taken in: {why}; see the disk of server.state_dir")]
    Failed {
        /// Its name.
        archive: String,
        /// What failed.
        why: String,
    },
}

impl ImportError {
    pub(super) fn refused(archive: &str, why: &str) -> Self {
        Self::Refused { archive: archive.to_owned(), why: why.to_owned() }
    }

    pub(super) fn failed(archive: &str, why: &io::Error) -> Self {
        Self::Failed { archive: archive.to_owned(), why: why.to_string() }
    }
}

/// A file of an archive that is not taken, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Left {
    /// Name.
    pub name: String,
    /// The end of a sentence.
    pub why: String,
}

/// What came of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Imported {
    /// The archive's name.
    pub archive: String,
    /// Files that are new in the store.
    pub added: Vec<String>,
    /// Files that it had, octet by octet.
    pub known: Vec<String>,
    /// Files that are no firmware, though their name says so.
    pub refused: Vec<Left>,
    /// Entries that are no firmware by their name; never published.
    pub ignored: Vec<String>,
    /// What else is to be known.
    pub notes: Vec<String>,
    /// The sets that its files belong to, as they are now.
    pub loads: Vec<FirmwareSet>,
    /// One sentence.
    pub summary: String,
}

/// A file laid aside, sound as far as can be told.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) size: u64,
    pub(super) sha256: String,
    pub(super) header_len: Option<u64>,
}

/// Everything that came out of an archive, in a folder of its own.
#[derive(Debug, Default)]
pub(super) struct Lot {
    pub(super) files: Vec<Taken>,
    pub(super) refused: Vec<Left>,
    pub(super) ignored: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// Takes an archive apart into a folder. Nothing of it is kept where this fails; the folder is the caller's to remove.
pub(super) fn lay_aside(unpack: &Unpack, name: &str, archive: File, folder: &Path) -> Result<Lot, ImportError> {
    let mut lot = Lot::default();
    let mut open: Option<Open> = None;
    let (mut octets, mut entries) = (0, 0);
    let desync = || ImportError::refused(name, "the process that took it apart spoke out of turn");
    unpack.run(name, archive, &mut |frame| {
        match (frame, open.take()) {
            (Frame::Begin(file), None) if is_load_file(&file) => {
                entries += 1;
                if entries > limits::ENTRIES {
                    return Err(desync());
                }
                let path = folder.join(entries.to_string());
                open = Some(Open::new(file, path).map_err(|why| room_or(name, &why))?);
            }
            (Frame::Data(data), Some(mut file)) => {
                octets += data.len() as u64;
                if octets > limits::OUT {
                    return Err(desync());
                }
                file.push(&data).map_err(|why| room_or(name, &why))?;
                open = Some(file);
            }
            (Frame::End, Some(file)) => match file.end().map_err(|why| room_or(name, &why))? {
                Ok(file) => keep(&mut lot, file).map_err(|why| ImportError::refused(name, &why))?,
                Err(left) => lot.refused.push(left),
            },
            (Frame::Ignored(entry), None) => lot.ignored.push(entry.chars().take(limits::NAME).collect()),
            (Frame::Note(text), None) => lot.notes.push(text),
            _ => return Err(desync()),
        }
        Ok(())
    })?;
    if open.is_some() { Err(desync()) } else { Ok(lot) }
}

/// Z12: a name twice with other bytes, or in another case, says that it is not one release.
fn keep(lot: &mut Lot, file: Taken) -> Result<(), String> {
    match lot.files.iter().find(|other| other.name.eq_ignore_ascii_case(&file.name)) {
        Some(other) if other.name != file.name => {
            Err(format!("it holds {} and {}, which differ in case alone", other.name, file.name))
        }
        Some(other) if other.sha256 != file.sha256 => {
            Err(format!("it holds {} twice, with different content: bring its archives one by one", file.name))
        }
        Some(_) => Ok(()),
        None => {
            lot.files.push(file);
            Ok(())
        }
    }
}

/// A disk that is full is no fault of the archive.
pub(super) fn room_or(archive: &str, why: &io::Error) -> ImportError {
    if matches!(why.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        ImportError::NoRoom { archive: archive.to_owned(), free: 0, needed: 1 }
    } else {
        ImportError::failed(archive, why)
    }
}

/// A file on its way.
struct Open {
    name: String,
    path: PathBuf,
    file: File,
    sum: Sha256,
    inspector: Inspector,
}

impl Open {
    fn new(name: String, path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { name, path, file, sum: Sha256::new(), inspector: Inspector::default() })
    }

    fn push(&mut self, data: &[u8]) -> io::Result<()> {
        self.sum.update(data);
        self.inspector.push(data);
        self.file.write_all(data)
    }

    fn end(self) -> io::Result<Result<Taken, Left>> {
        let Self { name, path, file, sum, inspector } = self;
        Ok(match inspector.finish(&name) {
            Ok(sound) => {
                file.sync_all()?;
                let header_len = sound.container.map(|container| container.header_len as u64);
                Ok(Taken { name, path, size: sound.len, sha256: hex(&sum.finalize()), header_len })
            }
            Err(why) => {
                fs::remove_file(path)?;
                Err(Left { name, why: why.to_string() })
            }
        })
    }
}

/// SHA-256 of a file as it is on the disk.
pub(super) fn digest(file: &mut File) -> io::Result<String> {
    let (mut sum, mut buffer) = (Sha256::new(), vec![0; 128 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&sum.finalize())),
            n => sum.update(buffer.get(..n).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests;
