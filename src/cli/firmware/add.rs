//! `offhook firmware add`: opens what the user names, with the user's rights, and streams it to the daemon, which alone
//! touches the store. A folder goes as one tar archive made on the way, so that it counts as a whole or not at all.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Cursor, IsTerminal as _, Read};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use hyper::body::{Body, Frame, SizeHint};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::store;
use crate::cli::Context;
use crate::cli::report::{Failure, line, warn};
use crate::firmware::import::{Imported, limits};

#[derive(Debug, Args)]
pub(in crate::cli) struct Add {
    /// Archives (.zip .tar .tgz .cop .cop.sgn), folders, or single firmware files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Take a file also where the store has another of its name; term files never need it
    #[arg(long)]
    replace: bool,
}

/// Folders in folders that are looked into.
const DEPTH: u32 = 8;

/// Suffixes of archives that lie in a folder: each goes by itself.
const ARCHIVES: &[&str] = &[".zip", ".tar", ".gz", ".tgz", ".cop", ".cop.sgn", ".cop.sha512"];

pub(super) async fn add(asked: &Add, context: &Context) -> Result<(), Failure> {
    if asked.files.iter().any(|path| path == Path::new("-")) {
        return Err(Failure::usage(
            "firmware add takes no standard input, because an archive needs its name: name a file",
        ));
    }
    let client = context.client()?;
    let (mut done, mut failed, mut partly): (Vec<Imported>, usize, usize) = (Vec::new(), 0, 0);
    let (mut parcels, mut tried) = (VecDeque::new(), 0);
    for path in &asked.files {
        match parcels_of(path) {
            Ok(found) => parcels.extend(found),
            Err(why) => {
                (tried, failed) = (tried + 1, failed + 1);
                warn(&format!("{} was not taken in: {why}", path.display()));
            }
        }
    }
    let all = tried + parcels.len();
    while let Some(parcel) = parcels.pop_front() {
        tried += 1;
        let name = percent_encoding::utf8_percent_encode(&parcel.name, percent_encoding::NON_ALPHANUMERIC);
        let path = format!("/api/v1/firmware?name={name}&replace={}", asked.replace);
        let (bar, len, named) = (bar(&parcel, (tried, all), context.out.json()), parcel.len, parcel.name.clone());
        let sending = client.send_body::<Imported>(&path, Streamed { parcel, bar: bar.clone(), sent: 0 });
        let answer = tokio::select! {
            answer = sending => Some(answer),
            _ = tokio::signal::ctrl_c() => None,
        };
        bar.finish_and_clear();
        let Some(answer) = answer else {
            return Err(stopped(&named, bar.position() >= len, parcels.len()));
        };
        match answer {
            Ok(imported) => {
                partly += usize::from(!imported.refused.is_empty());
                if !context.out.json() {
                    show(&imported);
                }
                done.push(imported);
            }
            Err(why) if why.is_unreachable() => return Err(why),
            Err(why) => {
                failed += 1;
                warn(why.sentence());
            }
        }
    }
    if context.out.json() {
        done.sort_by(|a, b| a.archive.cmp(&b.archive));
        context.out.show(&done, |_| String::new());
    }
    if failed == 0 && partly > 0 {
        return Err(Failure::partly(""));
    }
    Failure::of_many(failed, tried)
}

/// Somebody pressed Ctrl-C. `whole`: the daemon has all of that archive, and takes it in whoever waits for it.
fn stopped(name: &str, whole: bool, left: usize) -> Failure {
    let what = if whole { "has arrived and is taken in all the same" } else { "was not taken in" };
    let others = if left == 0 { String::new() } else { format!(", {left} more were not sent") };
    Failure::failed(format!("stopped: {name} {what}{others}; see `offhook firmware list`"))
}

fn show(imported: &Imported) {
    line(&imported.summary);
    for left in &imported.refused {
        warn(&format!("{} in {} was refused: {}", left.name, imported.archive, left.why));
    }
    if !imported.ignored.is_empty() {
        line(&format!("no firmware, left out: {}", imported.ignored.join(", ")));
    }
    imported.notes.iter().for_each(|note| line(note));
    let incomplete: Vec<_> = imported.loads.iter().filter(|set| !set.complete).cloned().collect();
    if !incomplete.is_empty() {
        line(store::text(&incomplete).trim_end());
    }
}

/// `turn`: the number of this archive, and of all.
fn bar(parcel: &Parcel, turn: (usize, usize), json: bool) -> ProgressBar {
    if json || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(parcel.len), ProgressDrawTarget::stderr());
    // A name is cut where there is no room: a line that breaks cannot be drawn over.
    if let Ok(style) = ProgressStyle::with_template("{prefix}[{bar:20}] {bytes}/{total_bytes} {wide_msg}") {
        bar.set_style(style);
    }
    if let (number, all @ 2..) = turn {
        bar.set_prefix(format!("{number}/{all} "));
    }
    bar.set_message(parcel.name.clone());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// One body: its name, its length, its octets.
struct Parcel {
    name: String,
    len: u64,
    from: Box<dyn Read + Send + Sync>,
}

/// What a path stands for: a file, or a folder's archives each by itself and its single files together.
fn parcels_of(path: &Path) -> Result<Vec<Parcel>, String> {
    let facts = fs::metadata(path).map_err(|why| why.to_string())?;
    let name =
        |path: &Path| path.file_name().map_or_else(|| "folder".to_owned(), |name| name.to_string_lossy().into_owned());
    let open = |path: &Path| {
        let file = File::open(path).map_err(|why| format!("{}: {why}", path.display()))?;
        let len = file.metadata().map_err(|why| why.to_string())?.len();
        if len > limits::IN {
            return Err(format!(
                "{} is larger than {} MiB, and no firmware archive is",
                path.display(),
                limits::IN >> 20
            ));
        }
        Ok::<_, String>(Parcel { name: name(path), len, from: Box::new(file.take(len)) })
    };
    if facts.is_file() {
        return Ok(vec![open(path)?]);
    }
    if !facts.is_dir() {
        return Err("it is neither a file nor a folder".to_owned());
    }
    let mut files = Vec::new();
    list(path, DEPTH, &mut files)?;
    let is_archive = |path: &Path| {
        let name = name(path).to_ascii_lowercase();
        ARCHIVES.iter().any(|end| name.ends_with(end))
    };
    let (archives, single): (Vec<PathBuf>, Vec<PathBuf>) = files.into_iter().partition(|path| is_archive(path));
    let mut parcels = archives.iter().map(|path| open(path)).collect::<Result<Vec<_>, _>>()?;
    if !single.is_empty() {
        let opened = single.iter().map(|path| open(path)).collect::<Result<Vec<_>, _>>()?;
        parcels.push(tar_of(&name(&path.canonicalize().unwrap_or_else(|_| path.to_owned())), opened));
    }
    if parcels.is_empty() { Err("nothing is in that folder".to_owned()) } else { Ok(parcels) }
}

/// Regular files below a folder; links are not followed.
fn list(folder: &Path, depth: u32, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let failed = |why: io::Error| format!("{}: {why}", folder.display());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() && depth > 0 {
            list(&entry.path(), depth - 1, files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
        if files.len() as u64 > limits::ENTRIES {
            return Err(format!("more than {} files are in it", limits::ENTRIES));
        }
    }
    files.sort();
    Ok(())
}

/// The files as one tar archive, made as it is read. A name that has no room in a header is none of firmware, and stays.
fn tar_of(name: &str, files: Vec<Parcel>) -> Parcel {
    let mut all: Box<dyn Read + Send + Sync> = Box::new(io::empty());
    let mut len = 0;
    for Parcel { name, len: size, from } in files {
        let Some(header) = tar_header(&name, size) else { continue };
        let padding = size.next_multiple_of(512) - size;
        len += 512 + size + padding;
        all = Box::new(all.chain(Cursor::new(header)).chain(from).chain(io::repeat(0).take(padding)));
    }
    let all = Box::new(all.chain(io::repeat(0).take(1_024)));
    Parcel { name: format!("{name}.tar"), len: len + 1_024, from: all }
}

/// ustar(5). Nothing for a name that has no room.
fn tar_header(name: &str, size: u64) -> Option<Vec<u8>> {
    if name.len() > 99 {
        return None;
    }
    let mut header = vec![0; 512];
    let mut put = |at: usize, bytes: &[u8]| {
        header.iter_mut().skip(at).zip(bytes).for_each(|(into, byte)| *into = *byte);
    };
    put(0, name.as_bytes());
    put(100, b"0000600\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
    let sum = format!("{sum:06o}\0 ");
    header.iter_mut().skip(148).zip(sum.bytes()).for_each(|(into, byte)| *into = byte);
    Some(header)
}

/// A parcel as the body of a request, octets as they are read.
struct Streamed {
    parcel: Parcel,
    bar: ProgressBar,
    sent: u64,
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let mut piece = vec![0; 64 << 10];
        Poll::Ready(match self.parcel.from.read(&mut piece) {
            Ok(0) => None,
            Ok(n) => {
                piece.truncate(n);
                self.sent += n as u64;
                self.bar.set_position(self.sent);
                if self.sent >= self.parcel.len {
                    // What comes now is the daemon's, and takes seconds where the archive is large.
                    self.bar.set_message(format!("unpacking {}", self.parcel.name));
                }
                Some(Ok(Frame::data(piece.into())))
            }
            Err(why) => Some(Err(why)),
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.parcel.len.saturating_sub(self.sent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_its_archives_and_one_tar_of_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        fs::write(folder.path().join("a.sbn"), [1; 700]).unwrap();
        fs::write(folder.path().join("sub/b.loads"), b"b").unwrap();
        fs::write(folder.path().join("sub/c.zip"), b"PK").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link.sbn")).unwrap();
        let mut parcels = parcels_of(folder.path()).unwrap();
        assert_eq!(parcels.len(), 2);
        assert_eq!(parcels[0].name, "c.zip");
        let mut tar = Vec::new();
        parcels[1].from.read_to_end(&mut tar).unwrap();
        assert_eq!(tar.len() as u64, parcels[1].len);
        assert!(crate::firmware::container::is_tar(&tar[..512]));
        let mut frames = Vec::new();
        crate::firmware::import::walk::Walk::new(&mut frames).run("f.tar", &mut tar.as_slice()).unwrap();
        let text = String::from_utf8_lossy(&frames).into_owned();
        assert!(text.contains("a.sbn") && text.contains("b.loads") && !text.contains("link"), "{text}");
        assert!(frames.ends_with(b"Z\0\0\0\0"), "the last word is that all was well");
    }
}
