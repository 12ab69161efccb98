//! Programs that setup runs, as root or as the owner of a folder.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::Command;

use super::files;

/// Longest time that a program may take: `fwconsole` rebuilds much on a slow box.
const PROGRAM: Duration = Duration::from_mins(3);

/// Most that is read of what a program said, in bytes.
const WORDS: u64 = 1 << 16;

/// Columns that a program is told the terminal has: `fwconsole` breaks its messages in the middle of words otherwise.
const COLUMNS: &str = "400";

/// Runs a program to its end: its exit status counts, and its words are shown only where it failed.
pub(super) async fn program(words: &[String]) -> Result<(), String> {
    output(words, None).await.map(|_| ())
}

/// Runs a program as this user and group, and gives what it printed.
pub(super) async fn output(words: &[String], owner: Option<(u32, u32)>) -> Result<String, String> {
    let ran = ran(words, owner).await?;
    if ran.status.success() {
        return Ok(ran.out);
    }
    Err(format!("`{}` failed, {}: {}", words.join(" "), ran.status, reason(&ran.out, &ran.err)))
}

/// A program's end.
pub(super) struct Ran {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

/// Runs a program as this user and group to its end, whatever that is.
pub(super) async fn ran(words: &[String], owner: Option<(u32, u32)>) -> Result<Ran, String> {
    let shown = words.join(" ");
    let (name, arguments) = words.split_first().ok_or("there is no program to run")?;
    let not_run = |why: std::io::Error| format!("`{shown}` could not be run: {why}");
    // Files, not pipes: what the program leaves running keeps a pipe open.
    let (mut out, mut err) = (tempfile::tempfile().map_err(not_run)?, tempfile::tempfile().map_err(not_run)?);
    let mut command = Command::new(name);
    command.args(arguments).env("COLUMNS", COLUMNS).stdin(Stdio::null()).kill_on_drop(true);
    command.stdout(out.try_clone().map_err(not_run)?).stderr(err.try_clone().map_err(not_run)?);
    if let (Some((user, group)), true) = (owner, files::is_root()) {
        command.uid(user).gid(group).current_dir("/");
    }
    let mut child = command.spawn().map_err(not_run)?;
    let status = match tokio::time::timeout(PROGRAM, child.wait()).await {
        Ok(status) => status.map_err(not_run)?,
        Err(_) => return Err(format!("`{shown}` did not end within {} s", PROGRAM.as_secs())),
    };
    Ok(Ran { status, out: said(&mut out), err: said(&mut err) })
}

/// Why a program failed, by what it printed. An exception in `fwconsole` stands below a line `In FILE line N:`, and the
/// command's usage comes last (Symfony, `Application::renderThrowable`); some of its refusals are on standard output.
fn reason(out: &str, err: &str) -> String {
    let filled = |line: &&str| !line.trim().is_empty();
    let header = |line: &&str| line.starts_with("In ") && line.trim_end().ends_with(':') && line.contains(" line ");
    let thrown = err.lines().skip_while(|line| !header(line)).skip(1).find(filled);
    let last = || err.lines().rfind(filled).or_else(|| out.lines().rfind(filled));
    thrown.or_else(last).unwrap_or("it said nothing").trim().chars().take(200).collect()
}

fn said(file: &mut File) -> String {
    let mut bytes = Vec::new();
    let _ = file.rewind().and_then(|()| file.take(WORDS).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Who may exchange what is on the way to a folder: the first owner who is not root, `None` = root alone. What is
/// changed there is changed as that user, who is not to have root follow a link of theirs.
pub(super) fn owner(folder: &Path) -> Result<Option<(u32, u32)>, String> {
    let mut path = PathBuf::new();
    for part in folder.components() {
        path.push(part);
        let facts =
            fs::symlink_metadata(&path).map_err(|why| format!("{} could not be looked at: {why}", path.display()))?;
        if facts.uid() != 0 {
            return Ok(Some((facts.uid(), facts.gid())));
        }
        let mode = facts.mode();
        if facts.is_symlink() || (mode & 0o022 != 0 && mode & 0o1000 == 0) {
            return Err(format!(
                "{} is a link, or others than its owner may write there, so root changes nothing below it",
                path.display()
            ));
        }
    }
    Ok(None)
}

/// Copies a folder into one that others may write to, as they would do it themselves.
pub(super) async fn copy_folder(from: &Path, to: &Path) -> Result<(), String> {
    as_owner(&["cp".as_ref(), "-RT".as_ref(), from, to], to).await
}

/// Removes a folder the same way.
pub(super) async fn remove_folder(folder: &Path) -> Result<(), String> {
    as_owner(&["rm".as_ref(), "-rf".as_ref(), "--".as_ref(), folder], folder).await
}

async fn as_owner(words: &[&Path], changed: &Path) -> Result<(), String> {
    let words: Vec<String> = words.iter().map(|word| word.display().to_string()).collect();
    let done = match owner(changed.parent().unwrap_or(changed)) {
        Ok(owner) => output(&words, owner).await.map(|_| ()),
        Err(why) => Err(why),
    };
    done.map_err(|why| format!("{why}; by hand, as the owner of FreePBX's files: {}", words.join(" ")))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn what_a_program_leaves_running_is_not_waited_for() {
        let words = |line: &str| ["sh", "-c", line].map(str::to_owned);
        let start = Instant::now();
        let pid = output(&words("sleep 30 & echo $!"), None).await.unwrap();
        let failed = program(&words("echo first >&2; echo last >&2; exit 4")).await.unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(20), "it waited");
        assert!(failed.contains("exit status: 4") && failed.ends_with("last"), "{failed}");
        program(&["kill".to_owned(), pid.trim().to_owned()]).await.unwrap();
    }

    /// As FreePBX 16's `fwconsole` printed it.
    #[test]
    fn the_reason_is_found_in_what_fwconsole_prints() {
        let thrown = "\nIn Firewall.class.php line 604:\n              \n  Sysadmin RPM not up to date, or not a known OS.  \n              \n\n\
                      firewall [-f|--force] [-h|--help] [--] <cmd> [<opt>] [<ids>]...\n\n";
        for (out, err, why) in [
            ("Attempting to add ... ", thrown, "Sysadmin RPM not up to date, or not a known OS."),
            (
                "",
                "\n      \n  Command \"firewall\" is not defined.  \n      \n\n",
                "Command \"firewall\" is not defined.",
            ),
            (
                "The following error(s) occured:\n - Failed to run un-installation scripts\n",
                "",
                "- Failed to run un-installation scripts",
            ),
            ("", "In the end: no\n", "In the end: no"),
            ("", "\n", "it said nothing"),
        ] {
            assert_eq!(reason(out, err), why, "{out:?} {err:?}");
        }
    }

    #[test]
    fn root_changes_nothing_where_others_may_exchange_it() {
        let work = tempfile::tempdir().unwrap();
        let modules = work.path().join("admin/modules");
        fs::create_dir_all(&modules).unwrap();
        if !files::is_root() {
            assert!(owner(&modules).unwrap().is_some());
            return;
        }
        assert_eq!(owner(&modules), Ok(None));
        std::os::unix::fs::chown(work.path().join("admin"), Some(65534), Some(65534)).unwrap();
        assert_eq!(owner(&modules), Ok(Some((65534, 65534))), "who owns a folder above may exchange it");
        let link = work.path().join("link");
        std::os::unix::fs::symlink("/etc", &link).unwrap();
        assert!(owner(&link.join("offhook")).unwrap_err().contains("is a link"));
    }

    #[tokio::test]
    async fn what_the_owner_swaps_in_is_not_followed_as_root() {
        let work = tempfile::tempdir().unwrap();
        let (from, admin) = (work.path().join("from"), work.path().join("admin"));
        let module = admin.join("modules/offhook");
        fs::create_dir_all(from.join("views")).unwrap();
        fs::write(from.join("views/list.php"), "new").unwrap();
        fs::create_dir_all(admin.join("modules")).unwrap();
        fs::create_dir(work.path().join("roots")).unwrap();
        fs::create_dir(work.path().join("roots/offhook")).unwrap();
        if files::is_root() {
            let open = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
            fs::set_permissions(work.path(), open).unwrap();
            for folder in [admin.clone(), admin.join("modules")] {
                std::os::unix::fs::chown(folder, Some(65534), Some(65534)).unwrap();
            }
        }
        copy_folder(&from, &module).await.unwrap();
        let copied = module.join("views/list.php");
        assert_eq!(fs::read_to_string(&copied).unwrap(), "new");
        assert_eq!(fs::metadata(&copied).unwrap().uid(), fs::metadata(admin.join("modules")).unwrap().uid());
        remove_folder(&module).await.unwrap();
        assert!(!module.exists());
        if files::is_root() {
            fs::remove_dir(admin.join("modules")).unwrap();
            std::os::unix::fs::symlink(work.path().join("roots"), admin.join("modules")).unwrap();
            assert!(copy_folder(&from, &module).await.unwrap_err().contains("by hand"));
            assert!(remove_folder(&module).await.unwrap_err().contains("rm -rf"));
            assert!(work.path().join("roots/offhook").is_dir() && !work.path().join("roots/offhook/views").exists());
        }
    }
}
