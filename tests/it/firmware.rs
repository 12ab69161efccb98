//! The firmware store as its users meet it: archives made by the system's own programs, brought by the command line, the
//! socket and the drop folder; and the process that takes them apart, watched from outside.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use offhook::simulate::firmware::{File as Made, signed};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::daemon::{Daemon, Site, offhook};
use crate::support::dice::Dice;
use crate::support::firmware::{lay, made, pack, sign, sip812, sip812_app};
use crate::support::pbx::Pbx;
use crate::support::shim::{COMPILER, Shim};
use crate::support::small::Small;
use crate::support::{Component, amount, have, run, succeed, text, wait_for};

const ZIP: Component = Component::Program("zip");
const TAR: Component = Component::Program("tar");

/// A load as `firmware list` gives it.
fn load(daemon: &Daemon<'_>, name: &str) -> Value {
    let loads = daemon.json(&["firmware", "list"]);
    let loads = loads.as_array().expect("a list is an array at the top level");
    loads.iter().find(|load| load["load"] == name).cloned().unwrap_or(Value::Null)
}

fn add(daemon: &Daemon<'_>, path: &Path) -> (Option<i32>, String) {
    let output = daemon.cli(&["firmware", "add", path.to_str().unwrap()]);
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

/// Files of the store's folder, by the folder they are in.
fn stored(site: &Site, folder: &str) -> usize {
    fs::read_dir(site.state().join("firmware").join(folder)).map_or(0, Iterator::count)
}

#[test]
fn every_form_of_the_vendors_archives_makes_the_set() {
    if !have(&[ZIP, TAR]) {
        return;
    }
    let (pbx, work) = (Pbx::tables(), TempDir::new().unwrap());
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let (files, flat) = (sip812(), work.path().join("flat"));
    lay(&flat.join("P0S3-8-12-00"), &files);
    lay(&flat, &[Made { name: "OS79XX.TXT".to_owned(), bytes: b"P0S3-8-12-00".to_vec() }]);
    let inner = work.path().join("inner/usr/local/cm/tftp");
    fs::create_dir_all(&inner).unwrap();
    pack(&flat, &inner.join("phone.tar"));
    let at = |name: &str| work.path().join(name);
    for name in ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.cop"] {
        pack(&flat, &at(name));
    }
    pack(&work.path().join("inner"), &at("nested.cop"));
    sign(&at("a.cop"), &at("a.cop.sgn"));
    sign(&at("a.cop"), &at("a.cop.sha512"));
    sign(&at("nested.cop"), &at("nested.cop.sgn"));
    for name in ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.cop", "a.cop.sgn", "a.cop.sha512", "nested.cop.sgn", "flat"]
    {
        let (code, said) = add(&daemon, &at(name));
        assert_eq!(code, Some(0), "{name}: {said}");
        assert!(said.contains("P0S3-8-12-00 is complete"), "{name}: {said}");
        assert!(said.contains("OS79XX.TXT"), "{name}: what was left out is told: {said}");
        let set = load(&daemon, "P0S3-8-12-00");
        assert_eq!((set["complete"].as_bool(), set["missing"].as_array().map(Vec::len)), (Some(true), Some(0)));
        assert_eq!((set["family"].as_str(), set["protocol"].as_str()), (Some("P0"), Some("sip")));
        assert_eq!(set["build"], "PAS30830");
        let names: Vec<_> = set["files"].as_array().unwrap().iter().map(|file| file["name"].clone()).collect();
        assert_eq!(names, ["P0S3-8-12-00.loads", "P003-8-12-00.sbn", "P0S3-8-12-00.sb2", "P003-8-12-00.bin"], "{name}");
        assert_eq!(daemon.cli(&["firmware", "check", "P0S3-8-12-00"]).status.code(), Some(0));
        let removed = daemon.cli(&["firmware", "remove", "P0S3-8-12-00"]);
        assert!(removed.status.success(), "{}", text(&removed.stderr));
        assert_eq!((load(&daemon, "P0S3-8-12-00"), stored(&site, "blobs"), stored(&site, "tmp")), (Value::Null, 0, 0));
    }
    // Single files, several at once.
    let paths: Vec<_> = files.iter().map(|file| flat.join("P0S3-8-12-00").join(&file.name)).collect();
    let mut command = vec!["firmware", "add"];
    command.extend(paths.iter().map(|path| path.to_str().unwrap()));
    let output = daemon.cli(&command);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(load(&daemon, "P0S3-8-12-00")["complete"], true);
    daemon.stop();
}

#[test]
fn two_releases_and_protocols_of_a_family_keep_their_term_files() {
    if !have(&[ZIP]) {
        return;
    }
    let (pbx, work) = (Pbx::tables(), TempDir::new().unwrap());
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let sets = [("SIP45.8-5-2S", Value::Null), ("SIP45.9-4-2SR3-1S", 15.into()), ("SCCP45.9-4-2SR3-1S", 15.into())];
    for (name, _) in &sets {
        let folder = work.path().join(name);
        lay(&folder, &made(name, 3_000));
        let archive = work.path().join(format!("{name}.zip"));
        pack(&folder, &archive);
        let (code, said) = add(&daemon, &archive);
        assert_eq!(code, Some(0), "{said}");
    }
    let mut seen = std::collections::BTreeSet::new();
    for (name, hardware) in sets {
        let set = load(&daemon, name);
        assert_eq!(set["complete"], true, "{set}");
        assert_eq!(set["term"], serde_json::json!(["term45.default.loads", "term65.default.loads"]));
        assert_eq!(set["hardware"], hardware);
        let files = set["files"].as_array().unwrap();
        assert_eq!(files.len(), 8, "{set}");
        let term = files.iter().find(|file| file["name"] == "term45.default.loads").unwrap();
        seen.insert(term["sha256"].as_str().unwrap().to_owned());
    }
    assert_eq!(seen.len(), 3, "each set has its own");
    // It is as it was after a restart.
    let before = daemon.json(&["firmware", "list"]);
    daemon.stop();
    let daemon = site.serve();
    assert_eq!(daemon.json(&["firmware", "list"]), before);
    daemon.stop();
}

#[test]
fn what_is_missing_is_named_with_the_archive_that_holds_it() {
    let (pbx, work) = (Pbx::tables(), TempDir::new().unwrap());
    let site = Site::new(&pbx);
    let daemon = site.serve();
    lay(work.path(), &sip812()[2..3]);
    let (code, said) = add(&daemon, &work.path().join("P0S3-8-12-00.loads"));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("P0S3-8-12-00 lacks P003-8-12-00.sbn, P0S3-8-12-00.sb2"), "{said}");
    assert!(said.contains("P0S3-8-12-00.zip"), "{said}");
    assert_eq!(daemon.cli(&["firmware", "check"]).status.code(), Some(1));
    let checks = daemon.json(&["check"]).to_string();
    assert!(checks.contains("load P0S3-8-12-00 is not complete and is not offered"), "{checks}");
    daemon.stop();
}

/// Z13, Z16, Z17 and a name that is an option, as the command line says them.
#[test]
fn z13_z16_z17_refusals_are_one_sentence_and_change_nothing() {
    let (pbx, work) = (Pbx::tables(), TempDir::new().unwrap());
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let at = |name: &str| work.path().join(name);
    lay(work.path(), &sip812());
    fs::write(at("login.zip"), "<!DOCTYPE html><title>Log in</title>").unwrap();
    fs::write(at("setup.exe"), b"MZ\x90\0").unwrap();
    fs::write(at("zeros.sbn"), vec![0; 5_000]).unwrap();
    fs::write(at("renamed.sb2"), sip812_app().bytes).unwrap();
    for (name, words) in [
        ("login.zip", "a web page"),
        ("setup.exe", "not an archive that offhook reads"),
        ("zeros.sbn", "nothing but zeros"),
        ("renamed.sb2", "renamed"),
        ("absent.zip", "No such file"),
    ] {
        let (code, said) = add(&daemon, &at(name));
        assert_eq!(code, Some(1), "{name}: {said}");
        assert!(said.starts_with("offhook: ") && said.contains(name) && said.contains(words), "{name}: {said}");
        assert_eq!((said.lines().count(), stored(&site, "blobs")), (1, 0), "{name}: {said}");
    }
    assert_eq!(add(&daemon, &at("P0S3-8-12-00.sb2")).0, Some(0));
    fs::write(at("P0S3-8-12-00.sb2"), signed("P0S3-8-12-00.sb2", b"another").bytes).unwrap();
    let (code, said) = add(&daemon, &at("P0S3-8-12-00.sb2"));
    assert!(code == Some(1) && said.contains("--replace"), "{said}");
    let replaced = daemon.cli(&["firmware", "add", "--replace", at("P0S3-8-12-00.sb2").to_str().unwrap()]);
    assert!(replaced.status.success(), "{}", text(&replaced.stderr));
    let unknown = daemon.cli(&["firmware", "remove", "../../etc"]);
    assert!(text(&unknown.stderr).contains("has no load"), "{}", text(&unknown.stderr));
    daemon.stop();
}

/// A load that is a phone's target stays, and so do its files.
#[test]
fn a_load_that_a_phone_is_to_run_is_neither_removed_nor_replaced() {
    let (pbx, work) = (Pbx::tables(), TempDir::new().unwrap());
    pbx.add_extension("1001", "Ada", "CANARY1001");
    pbx.add_phone("00087D0B0001", "7960", &["1001"]);
    pbx.database.execute("UPDATE offhook_phones SET target_load = 'P0S3-8-12-00'");
    let site = Site::new(&pbx);
    let daemon = site.serve();
    daemon.wait_for_phone("00087D0B0001", "given its target", |phone| phone["target_load"] == "P0S3-8-12-00");
    lay(work.path(), &sip812());
    assert_eq!(add(&daemon, work.path()).0, Some(0));
    let refused = daemon.cli(&["firmware", "remove", "P0S3-8-12-00"]);
    assert!(
        refused.status.code() == Some(1) && text(&refused.stderr).contains("on their way"),
        "{}",
        text(&refused.stderr)
    );
    let app = work.path().join("P0S3-8-12-00.sb2");
    fs::write(&app, signed("P0S3-8-12-00.sb2", b"another").bytes).unwrap();
    let refused = daemon.cli(&["firmware", "add", "--replace", app.to_str().unwrap()]);
    assert!(
        refused.status.code() == Some(1) && text(&refused.stderr).contains("would be replaced"),
        "{}",
        text(&refused.stderr)
    );
    assert_eq!(load(&daemon, "P0S3-8-12-00")["complete"], true);
    pbx.database.execute("UPDATE offhook_phones SET target_load = NULL");
    wait_for("the load to be removed", || {
        let removed = daemon.cli(&["firmware", "remove", "P0S3-8-12-00"]);
        if removed.status.success() { Ok(()) } else { Err(text(&removed.stderr)) }
    });
    daemon.stop();
}

/// A request over the socket whose body is not yet sent.
fn begin(site: &Site, name: &str, len: usize) -> UnixStream {
    let mut stream = UnixStream::connect(site.folder().join("api.sock")).unwrap();
    let head = format!("POST /api/v1/firmware?name={name} HTTP/1.1\r\nHost: offhook\r\nContent-Length: {len}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// Z18: the sender leaves half-way, and the daemon is killed half-way: nothing stays, and the next one succeeds.
#[test]
fn z18_half_an_upload_leaves_nothing() {
    let (pbx, work) = (Pbx::tables(), TempDir::new().unwrap());
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let file = &sip812_app();
    let half = &file.bytes[..file.bytes.len() / 2];
    let mut stream = begin(&site, &file.name, file.bytes.len());
    stream.write_all(half).unwrap();
    wait_for("the upload to be on the disk", || if stored(&site, "tmp") == 1 { Ok(()) } else { Err(String::new()) });
    drop(stream);
    wait_for("the rest to be gone", || match stored(&site, "tmp") {
        0 => Ok(()),
        n => Err(format!("{n} files")),
    });
    let mut stream = begin(&site, &file.name, file.bytes.len());
    stream.write_all(half).unwrap();
    wait_for("the upload to be on the disk", || if stored(&site, "tmp") == 1 { Ok(()) } else { Err(String::new()) });
    daemon.signal("KILL");
    drop(daemon);
    let daemon = site.serve();
    assert_eq!((stored(&site, "tmp"), stored(&site, "blobs")), (0, 0));
    lay(work.path(), std::slice::from_ref(file));
    assert_eq!(add(&daemon, &work.path().join(&file.name)).0, Some(0));
    daemon.stop();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// Power cut: of every file only what was flushed is left, and an import that was acknowledged is. A disk that refuses to
/// flush or to write acknowledges nothing, and the import succeeds once it works again.
#[test]
fn an_acknowledged_import_outlives_a_power_cut_and_a_bad_disk_acknowledges_none() {
    if !have(&[COMPILER]) {
        return;
    }
    let (pbx, work) = (Pbx::tables(), TempDir::new().unwrap());
    let site = Site::new(&pbx);
    let shim = Shim::new();
    let mut daemon = site.serve_with(|command| shim.before_and_keep(command, &site.state()));
    lay(work.path(), &sip812());
    shim.fail(1, 1_000_000);
    let (code, said) = add(&daemon, work.path());
    assert!(code == Some(1) && said.contains("was not taken in"), "{said}");
    shim.fail(1, 0);
    shim.read_only(true);
    let (code, said) = add(&daemon, work.path());
    assert!(code == Some(1) && said.contains("was not taken in"), "{said}");
    shim.read_only(false);
    assert_eq!((load(&daemon, "P0S3-8-12-00"), stored(&site, "tmp")), (Value::Null, 0));
    let (code, said) = add(&daemon, work.path());
    assert_eq!(code, Some(0), "{said}");
    daemon.signal("KILL");
    daemon.ended();
    drop(daemon);
    fs::remove_dir_all(site.state()).unwrap();
    copy(&shim.durable(), &site.state());
    let daemon = site.serve();
    assert_eq!(load(&daemon, "P0S3-8-12-00")["complete"], true);
    assert_eq!(daemon.cli(&["firmware", "check"]).status.code(), Some(0));
    daemon.stop();
}

/// Killed at any instant of an import, again and again: all of it or nothing, nothing beside it, and never less than what
/// was acknowledged.
#[test]
fn killed_at_any_instant_of_an_import() {
    let (pbx, work) = (Pbx::tables(), TempDir::new().unwrap());
    lay(work.path(), &made("SIP45.9-4-2SR3-1S", 200_000));
    let mut dice = Dice::new(35);
    for cycle in 0..amount(12, 200) {
        let site = Site::new(&pbx);
        let mut daemon = site.serve();
        let mut command = site.command(&["firmware", "add", work.path().to_str().unwrap()]);
        let mut adding = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Not waiting for anything: the instant is chance.
        std::thread::sleep(Duration::from_millis(dice.below(250)));
        daemon.signal("KILL");
        daemon.ended();
        drop(daemon);
        let acknowledged = adding.wait().unwrap().success();
        let daemon = site.serve();
        let found = stored(&site, "blobs");
        assert!(
            found == 8 || found == 0 && !acknowledged,
            "cycle {cycle}: {found} files, acknowledged: {acknowledged}"
        );
        assert_eq!(stored(&site, "tmp"), 0, "cycle {cycle}");
        assert_eq!(load(&daemon, "SIP45.9-4-2SR3-1S")["complete"], if found == 8 { true.into() } else { Value::Null });
        daemon.stop();
    }
}

/// Z19: more than there is room for, or than anything has, is refused before an octet is written.
#[test]
fn z19_what_is_too_large_is_refused_at_its_head() {
    let pbx = Pbx::tables();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let mut stream = begin(&site, "a.zip", 600 << 20);
    stream.write_all(b"x").unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    assert_eq!(stored(&site, "tmp"), 0);
    drop(stream);
    daemon.stop();
}

/// Z19: a disk that has room for the archive once, and not for what is in it beside it: 507, before an octet is written.
#[test]
fn z19_a_disk_nearly_full() {
    let pbx = Pbx::tables();
    let site = Site::new(&pbx);
    let Some(_mounted) = Small::mount(&site.state(), "size=8m") else { return };
    let daemon = site.serve();
    let before = fs::read(site.state().join("firmware/index.json")).ok();
    let mut stream = begin(&site, "a.zip", 5 << 20);
    stream.write_all(b"x").unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 507");
    assert_eq!((stored(&site, "tmp"), stored(&site, "blobs")), (0, 0));
    drop(stream);
    let archive = site.folder().join("a.zip");
    File::create(&archive).unwrap().set_len(5 << 20).unwrap();
    let said = daemon.cli(&["firmware", "add", archive.to_str().unwrap()]);
    let why = text(&said.stderr);
    assert!(said.status.code() == Some(1) && why.contains("MiB free") && why.contains("make room"), "{why}");
    assert_eq!(fs::read(site.state().join("firmware/index.json")).ok(), before, "the store is as it was");
    daemon.stop();
}

/// Z19: of an archive whose sender does not say how much comes, as much is taken as can be taken apart; the disk is never full of it.
#[test]
fn z19_an_archive_that_does_not_say_how_long_it_is() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::tables();
    let site = Site::new(&pbx);
    let Some(_mounted) = Small::mount(&site.state(), "size=28m") else { return };
    let daemon = site.serve();
    let archive = site.folder().join("a.zip");
    File::create(&archive).unwrap().set_len(24 << 20).unwrap();
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-X", "POST", "-H", "Transfer-Encoding: chunked", "-T"]).arg(&archive);
    curl.arg("--unix-socket").arg(site.folder().join("api.sock"));
    let said = text(&run(curl.arg("http://localhost/api/v1/firmware?name=a.zip")).stdout);
    assert!(said.contains("\"status\":507") && said.contains("MiB free"), "{said}");
    assert_eq!((stored(&site, "tmp"), stored(&site, "blobs")), (0, 0));
    daemon.stop();
}

/// A real terminal has a bar that fits its width and is gone at the end; a pipe has none.
#[test]
fn a_terminal_has_a_bar_of_its_width() {
    if !have(&[ZIP, Component::Program("script"), Component::Program("stty")]) {
        return;
    }
    let (pbx, work) = (Pbx::tables(), TempDir::new().unwrap());
    let site = Site::new(&pbx);
    let daemon = site.serve();
    lay(&work.path().join("set"), &sip812());
    let archive = work.path().join(format!("{}.zip", "a-long-name-".repeat(7)));
    pack(&work.path().join("set"), &archive);
    let login = work.path().join("login.zip");
    fs::write(&login, "<html>").unwrap();
    let add = ["firmware", "add", login.to_str().unwrap(), archive.to_str().unwrap()];
    let command = site.command(&add);
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let typed = format!("stty rows 24 cols 60; {}", words.join(" "));
    let shown = run(Command::new("script").args(["-qec", &typed, "/dev/null"]));
    let shown = text(&shown.stdout);
    let drawn: Vec<&str> =
        shown.split(['\r', '\n']).filter(|line| line.contains("iB/") || line.contains(" B/")).collect();
    assert!(
        drawn.iter().any(|line| line.contains("1/2 [")) && drawn.iter().any(|line| line.contains("2/2 [")),
        "{shown}"
    );
    for line in drawn {
        let plain = line.replace("\u{1b}[2K", "").replace("\u{1b}[1A", "").replace("\u{1b}[1B", "");
        assert!(plain.chars().count() <= 60, "{plain:?}");
    }
    assert!(shown.contains("login.zip was not taken in") && shown.contains("P0S3-8-12-00 is complete"), "{shown}");
    let piped = daemon.cli(&add);
    assert!(!(text(&piped.stderr) + &text(&piped.stdout)).contains("iB/"));
    daemon.stop();
}

/// Ctrl-C half-way: nothing is taken in, and that is said.
#[test]
fn ctrl_c_half_way_takes_nothing_in() {
    let (pbx, work) = (Pbx::tables(), TempDir::new().unwrap());
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let archive = work.path().join("large.zip");
    File::create(&archive).unwrap().set_len(64 << 20).unwrap();
    let mut command = site.command(&["firmware", "add", archive.to_str().unwrap()]);
    // It waits in the middle of its archive for somebody to read on.
    daemon.signal("STOP");
    let adding = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", adding.id());
    wait_for("it to listen to Ctrl-C", || {
        let status = fs::read_to_string(&status).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
        if caught & 2 == 2 { Ok(()) } else { Err(status) }
    });
    succeed(Command::new("kill").args(["-INT", &adding.id().to_string()]));
    let ended = adding.wait_with_output().unwrap();
    let why = text(&ended.stderr);
    daemon.signal("CONT");
    assert!(ended.status.code() == Some(1) && why.contains("stopped: large.zip was not taken in"), "{why}");
    wait_for("the rest to be gone", || match stored(&site, "tmp") {
        0 => Ok(()),
        n => Err(format!("{n} files")),
    });
    daemon.stop();
}

#[test]
fn the_drop_folder_is_taken_in_once_it_grows_no_more() {
    let pbx = Pbx::tables();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let folder = site.state().join("firmware-drop");
    wait_for("the folder", || if folder.is_dir() { Ok(()) } else { Err("not there".to_owned()) });
    let file = &sip812_app();
    lay(&folder, std::slice::from_ref(file));
    fs::write(folder.join("login.zip"), "<html>").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.join("link.sbn")).unwrap();
    let result = |name: &str| {
        wait_for("a result", || {
            fs::read_to_string(folder.join(format!("{name}.result"))).map_err(|why| why.to_string())
        })
    };
    assert!(result(&file.name).contains("1 files taken in"), "{}", result(&file.name));
    assert!(result("login.zip").contains("a web page"));
    assert!(folder.join(&file.name).is_file(), "what somebody laid there stays");
    assert!(!folder.join("link.sbn.result").exists(), "links are passed over");
    let set = load(&daemon, "P0S3-8-12-00");
    assert_eq!(set["missing"], serde_json::json!(["P0S3-8-12-00.loads"]));
    daemon.stop();
}

/// Takes an archive apart in a process of the test's own, slowly enough to be looked at; returns what `/proc` says of it
/// at its largest, and what it wrote.
fn watched(archive: &Path) -> (Vec<String>, u64, Vec<u8>) {
    let mut command = offhook(["firmware-unpack", "--", "archive"]);
    let mut child =
        command.stdin(File::open(archive).unwrap()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let proc = Path::new("/proc").join(child.id().to_string());
    let mut pipe = child.stdout.take().unwrap();
    let (mut out, mut piece, mut largest, mut facts) = (Vec::new(), vec![0; 256 << 10], 0, Vec::new());
    loop {
        let n = pipe.read(&mut piece).unwrap();
        if n == 0 {
            break;
        }
        // Octets are not kept: a large archive is larger than the test.
        out.extend(&piece[..n]);
        let from = out.len().saturating_sub(4_096);
        out.drain(..from);
        let status = fs::read_to_string(proc.join("status")).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        };
        largest = largest.max(field("RssAnon:").unwrap_or(0));
        if facts.is_empty() && !status.is_empty() {
            let limits = fs::read_to_string(proc.join("limits")).unwrap_or_default();
            let open = fs::read_dir(proc.join("fd")).map_or(0, Iterator::count);
            facts = vec![
                format!("seccomp {}", field("Seccomp:").unwrap_or(0)),
                format!("open {open}"),
                limits
                    .lines()
                    .filter(|line| line.starts_with("Max open files") || line.starts_with("Max file size"))
                    .collect::<Vec<_>>()
                    .join("; "),
            ];
        }
    }
    child.wait().unwrap();
    (facts, largest, out)
}

/// The process that takes archives apart can open nothing, write no file, and stays small however large the archive.
#[test]
fn the_unpacking_process_has_nothing_but_its_pipe() {
    if !have(&[TAR]) {
        return;
    }
    let work = TempDir::new().unwrap();
    let folder = work.path().join("f");
    lay(&folder, &[made("SIP45.9-4-2SR3-1S", 60 << 20).pop().unwrap()]);
    pack(&folder, &work.path().join("a.tgz"));
    let (facts, kib, out) = watched(&work.path().join("a.tgz"));
    assert!(out.ends_with(b"Z\0\0\0\0"), "it was taken apart: {}", text(&out[out.len().saturating_sub(200)..]));
    assert_eq!(facts[..2], ["seccomp 2", "open 3"], "{facts:?}");
    let limits: Vec<&str> = facts[2].split_whitespace().collect();
    assert!(limits.windows(4).any(|words| words == ["open", "files", "3", "3"]), "{facts:?}");
    assert!(limits.windows(4).any(|words| words == ["file", "size", "0", "0"]), "{facts:?}");
    assert!(kib > 0 && kib < 32 << 10, "{kib} KiB");
}

/// Z5: bombs are refused soon and small.
#[test]
fn z5_bombs_are_refused_soon_and_small() {
    if !have(&[ZIP]) {
        return;
    }
    let (pbx, work) = (Pbx::tables(), TempDir::new().unwrap());
    let folder = work.path().join("f");
    fs::create_dir(&folder).unwrap();
    File::create(folder.join("zeros.sbn")).unwrap().set_len(1 << 30).unwrap();
    let archive = work.path().join("bomb.zip");
    pack(&folder, &archive);
    let (_, kib, out) = watched(&archive);
    assert!(text(&out).contains("as from a bomb"), "{}", text(&out));
    assert!(kib < 32 << 10, "{kib} KiB");
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let since = Instant::now();
    let (code, said) = add(&daemon, &archive);
    assert!(code == Some(1) && said.contains("bomb") && since.elapsed() < Duration::from_secs(5), "{said}");
    assert_eq!((stored(&site, "blobs"), stored(&site, "tmp")), (0, 0));
    daemon.stop();
}

/// A set of nine megabytes, from the command line to the store. The bar is a second; a build without optimisation and a
/// machine that does other things get more.
#[test]
fn nine_megabytes_are_taken_in_soon() {
    if !have(&[ZIP]) {
        return;
    }
    let (pbx, work) = (Pbx::tables(), TempDir::new().unwrap());
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let folder = work.path().join("f");
    lay(&folder, &made("SIP42.9-4-2SR3-1S", 1_800_000));
    let archive = work.path().join("cmterm-7942_7962-sip.9-4-2SR3-1.zip");
    pack(&folder, &archive);
    let since = Instant::now();
    let (code, said) = add(&daemon, &archive);
    let took = since.elapsed();
    assert_eq!(code, Some(0), "{said}");
    println!("nine megabytes: {took:?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(load(&daemon, "SIP42.9-4-2SR3-1S")["complete"], true);
    daemon.stop();
}

/// Files that go away or change under the daemon make their set incomplete within a look.
#[test]
fn i1_a_component_that_goes_away_is_noticed() {
    let (pbx, work) = (Pbx::tables(), TempDir::new().unwrap());
    let site = Site::new(&pbx);
    let daemon = site.serve();
    lay(work.path(), &sip812());
    assert_eq!(add(&daemon, work.path()).0, Some(0));
    let set = load(&daemon, "P0S3-8-12-00");
    let blob = |at: usize| site.state().join("firmware/blobs").join(set["files"][at]["sha256"].as_str().unwrap());
    fs::remove_file(blob(2)).unwrap();
    wait_for("the set to be incomplete", || match load(&daemon, "P0S3-8-12-00")["complete"] {
        Value::Bool(false) => Ok(()),
        ref other => Err(other.to_string()),
    });
    let mut content = fs::read(blob(1)).unwrap();
    *content.last_mut().unwrap() ^= 1;
    fs::write(blob(1), content).unwrap();
    let said = daemon.cli(&["firmware", "check", "P0S3-8-12-00"]);
    assert_eq!(said.status.code(), Some(1));
    assert!(text(&said.stdout).contains("lacks P003-8-12-00.sbn, P0S3-8-12-00.sb2"), "{}", text(&said.stdout));
    assert!(daemon.json(&["check"]).to_string().contains("is gone or damaged"));
    assert_eq!(add(&daemon, work.path()).0, Some(0));
    assert_eq!(load(&daemon, "P0S3-8-12-00")["complete"], true, "brought again it is good again");
    daemon.stop();
}
