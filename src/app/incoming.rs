//! The drop folder, `firmware-drop/` in the state folder: what is laid there is taken in once it grows no more, and what came
//! of it stands in `<name>.result` beside it. Nothing that somebody laid there is deleted.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use tokio::sync::Mutex;

use super::stage::Stage;
use crate::hub::Operations;

/// In the state folder.
const FOLDER: &str = "firmware-drop";

/// Between two looks, at the folder and at whether the store's files are there.
const LOOK: Duration = Duration::from_secs(1);

/// A file that has not changed for so long has arrived.
const QUIET: Duration = Duration::from_secs(2);

/// Ending of what came of a file.
const RESULT: &str = ".result";

/// What a file was like at a look: octets, seconds and nanoseconds of its last change.
type Shape = (u64, i64, i64);

/// Files that were seen, and since when they are as they are.
type Seen = BTreeMap<PathBuf, (Shape, Instant)>;

/// Looks as long as the stage lasts.
pub(super) fn spawn(stage: &mut Stage, desk: &Arc<Operations>, state_dir: &Path) {
    let folder = state_dir.join(FOLDER);
    let (desk, ending, seen) = (Arc::clone(desk), stage.ending(), Arc::new(Mutex::new(Seen::new())));
    stage.keep("the firmware folder", move || {
        let (desk, ending, seen, folder) = (Arc::clone(&desk), ending.clone(), Arc::clone(&seen), folder.clone());
        async move {
            let mut every = tokio::time::interval(LOOK);
            every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = every.tick() => {}
                    () = ending.cancelled() => return Ok(()),
                }
                let (desk, folder) = (Arc::clone(&desk), folder.clone());
                let mut seen = Arc::clone(&seen).lock_owned().await;
                let look = move || {
                    desk.firmware().look();
                    // A folder that cannot be read has nothing in it for us.
                    let _ = take_in(&desk, &folder, &mut seen);
                };
                let _ = tokio::task::spawn_blocking(look).await;
            }
        }
    });
}

fn take_in(desk: &Operations, folder: &Path, seen: &mut Seen) -> io::Result<()> {
    // Not the folder above it: who took that away wants to be told of it.
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(why) if why.kind() != io::ErrorKind::AlreadyExists => return Err(why),
        _ => {}
    }
    let now = Instant::now();
    let mut found = Seen::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let facts = entry.metadata()?;
        if !facts.is_file() || name.ends_with(RESULT) || name.starts_with('.') {
            continue;
        }
        let shape = (facts.len(), facts.mtime(), facts.mtime_nsec());
        let since = seen.get(&entry.path()).filter(|(before, _)| *before == shape).map_or(now, |(_, since)| *since);
        found.insert(entry.path(), (shape, since));
        let result = folder.join(format!("{name}{RESULT}"));
        if now.duration_since(since) < QUIET || is_of(&result, shape) {
            continue;
        }
        let sentence = open(&entry.path()).map_err(|why| format!("{name} was not taken in: {why}")).and_then(|file| {
            desk.add_firmware(&name, file, false, "the folder incoming")
                .map(|imported| {
                    let left = imported.refused.iter().map(|left| format!("\n{}: {}", left.name, left.why));
                    imported.summary.clone() + &left.collect::<String>()
                })
                .map_err(|why| why.to_string())
        });
        let (Ok(sentence) | Err(sentence)) = sentence;
        if let Err(why) = write(&result, &sentence, shape) {
            tracing::warn!(code = "firmware-result", "what came of {name} could not be written beside it: {why}");
        }
    }
    *seen = found;
    Ok(())
}

/// No link is followed out of the folder.
fn open(path: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// The line by which a result says which file it is of.
fn mark((octets, seconds, nanos): Shape) -> String {
    format!("(of {octets} octets, changed at {seconds}.{nanos:09})")
}

fn is_of(result: &Path, shape: Shape) -> bool {
    fs::read_to_string(result).is_ok_and(|text| text.trim_end().ends_with(&mark(shape)))
}

fn write(result: &Path, sentence: &str, shape: Shape) -> io::Result<()> {
    let folder = result.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".result").tempfile_in(folder)?;
    writeln!(file, "{sentence}\n{}", mark(shape))?;
    file.persist(result).map_err(|why| why.error)?;
    Ok(())
}
