//! D7, D9 to D14: the command line, its daemon, and where its output goes.

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions, Permissions};
use std::net::Ipv4Addr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::d::assert_refused;
use super::{BYSTANDER, add_bystander, assert_unharmed, file_of_bystander, site};
use crate::support::daemon::{Site, offhook};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, run, text, wait_for};

/// A row that is one command line, refused as usage.
pub(super) struct Typed {
    pub(super) id: &'static str,
    input: &'static str,
    arguments: Vec<OsString>,
    words: &'static [&'static str],
}

/// A row that takes more than one command.
pub(super) struct Scene {
    pub(super) id: &'static str,
    input: &'static str,
    script: fn(&str),
}

pub(super) fn typed() -> Vec<Typed> {
    let row = |id, input, arguments: &[&str], words| Typed {
        id,
        input,
        arguments: arguments.iter().map(OsString::from).collect(),
        words,
    };
    let raw = |id, input, bytes: &[u8], words| Typed {
        id,
        input,
        arguments: vec!["phones".into(), "show".into(), OsStr::from_bytes(bytes).to_owned()],
        words,
    };
    // One argument of 1 MB never gets past the kernel (MAX_ARG_STRLEN): this is the longest that does.
    let longest = vec![b'a'; 128 * 1024 - 1];
    vec![
        row("D10", "nothing", &[], &["a command is missing", "Usage: offhook"]),
        row("D10", "a noun alone", &["phones"], &["a command is missing", "Usage: offhook phones"]),
        row("D10", "no such command", &["frobnicate"], &["no command", "frobnicate", "--help"]),
        row("D10", "no such verb", &["phones", "frobnicate"], &["no command", "phones frobnicate"]),
        row("D10", "-- and nothing", &["--"], &["a command is missing"]),
        row("D10", "-- before an option", &["--", "--json"], &["no command", "--json"]),
        row("D10", "an option without value", &["check", "--config"], &["--config", "value"]),
        row("D10", "no such option", &["check", "--frobnicate"], &["--frobnicate"]),
        raw("D10", "128 KiB", &longest, &["aaaa", "--help"]),
        raw("D10", "no UTF-8", b"\xff\xfe", &["UTF-8"]),
        raw("D10", "\\x00 in letters", b"\\x00", &["MAC", "\\x00"]),
        raw("D10", "what steers a terminal", b"\x1b[2J\r", &["MAC"]),
        row("D11", "phone set-mac ../../x", &["phone", "set-mac", "../../x"], &["no command"]),
        row("D11", "phones show ../../x", &["phones", "show", "../../x"], &["MAC", "../../x"]),
        row("D11", "phones add ../../x", &["phones", "add", "../../x", "--line", "1"], &["MAC", "../../x"]),
        row("D11", "firmware add -", &["firmware", "add", "-"], &["firmware add", "name a file"]),
        row("D11", "-rf", &["phones", "remove", "-rf"], &["-r"]),
        row("D11", "-- -rf", &["phones", "remove", "--", "-rf"], &["MAC", "-rf"]),
        row(
            "D11",
            "a path with a line end",
            &["--config", "/nonexistent/a\nb", "serve"],
            &["/nonexistent/a\\nb", "is not there"],
        ),
    ]
}

pub(super) const SCENES: &[Scene] = &[
    Scene { id: "D7", input: "an address that this host has not", script: an_address_of_nobody },
    Scene { id: "D9", input: "the secret's file", script: the_file_of_the_secret },
    Scene { id: "D12", input: "no daemon", script: no_daemon },
    Scene { id: "D12", input: "a socket that is stale", script: a_stale_socket },
    Scene { id: "D12", input: "not permitted", script: not_permitted },
    Scene { id: "D13", input: "two daemons", script: two_daemons },
    Scene { id: "D14", input: "a reader that leaves", script: a_reader_that_leaves },
    Scene { id: "D14", input: "a reader that leaves what goes on", script: a_reader_that_leaves_what_goes_on },
    Scene { id: "D14", input: "a full disk", script: a_full_disk },
];

#[test]
fn d10_d11_what_is_typed() {
    for row in typed() {
        let what = format!("{} ({})", row.id, row.input);
        assert_refused(&what, &run(offhook([]).args(&row.arguments)), 2, row.words);
    }
}

/// The fastest of some: others may be at work.
#[test]
fn d10_in_50_ms() {
    let timed = |_| {
        let began = Instant::now();
        run(&mut offhook(["frobnicate"]));
        began.elapsed()
    };
    let fastest = (0..20).map(timed).min().unwrap();
    assert!(fastest < Duration::from_millis(50), "D10: {fastest:?}");
}

#[test]
fn d7_d9_d12_to_d14_scenes() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    for row in SCENES {
        (row.script)(&format!("{} ({})", row.id, row.input));
    }
}

/// The address of an interface that is not there: said, and the roles wait for it; then phones are served there. In a
/// network of the daemon's own.
fn an_address_of_nobody(what: &str) {
    let tools = ["unshare", "nsenter", "ip", "curl"].map(Component::Program);
    if !have(&[&[Component::RawPackets], tools.as_slice()].concat()) {
        return;
    }
    let pbx = Pbx::tables();
    add_bystander(&pbx);
    let site = site(&pbx);
    let mut configuration = site.configuration().replace("[\"127.0.0.0/8\"]", "[\"127.0.0.0/8\", \"192.0.2.0/24\"]");
    for section in ["tftp", "http"] {
        let listen = format!("[{section}]\nlisten = [\"127.0.0.1:0\"");
        assert!(configuration.contains(&listen), "{configuration}");
        configuration = configuration.replace(&listen, &format!("{listen}, \"192.0.2.1:6969\""));
    }
    site.configure(&configuration);
    let apart = "exec unshare --net sh -c 'ip link set lo up && exec \"$@\"' sh \"$@\"";
    let daemon = site.serve_with(|command| *command = site.by_shell(apart));
    for key in ["tftp.listen", "http.listen"] {
        let named = format!("{key} names 192.0.2.1");
        let said = text(&daemon.cli(&["check"]).stdout);
        assert!(said.contains(&named) && daemon.log().contains(&named), "{what}: {said}");
    }
    let there = |program: &str, arguments: &[&str]| {
        let net = format!("--net=/proc/{}/ns/net", daemon.process());
        run(Command::new("nsenter").args([&net, program]).args(arguments))
    };
    let fetch = |address: &str| {
        wait_for(&format!("{what}: {address} to serve"), || {
            let got = there("curl", &["-sSf", "--max-time", "5", &format!("{address}/SIP{BYSTANDER}.cnf")]);
            if got.status.success() { Ok(text(&got.stdout)) } else { Err(text(&got.stderr)) }
        })
    };
    let served = fetch(&format!("tftp://{}", daemon.tftp));
    assert!(there("ip", &["address", "add", "192.0.2.1/32", "dev", "lo"]).status.success(), "{what}");
    for scheme in ["tftp", "http"] {
        assert_eq!(fetch(&format!("{scheme}://192.0.2.1:6969")), served, "{what}");
    }
    daemon.stop();
}

/// The manager alone is away, since a package is installed before its secret is written: named, and phones are served.
fn the_file_of_the_secret(what: &str) {
    let pbx = Pbx::tables();
    add_bystander(&pbx);
    for (content, words) in [(None, "could not be read"), (Some(""), "is empty"), (Some("\n"), "is empty")] {
        let site = site(&pbx);
        let file = site.file().with_file_name("ami.secret");
        if let Some(content) = content {
            fs::write(&file, content).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        }
        // Somebody listens, so that only the secret is missing.
        let manager = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let key = format!("address = \"{}\"\nsecret_file = \"{}\"", manager.local_addr().unwrap(), file.display());
        site.configure(&site.configuration().replace("address = \"\"", &key));
        let daemon = site.serve();
        let served = file_of_bystander(&daemon);
        let greeting = std::thread::spawn(move || {
            let (mut stream, _) = manager.accept().unwrap();
            std::io::Write::write_all(&mut stream, b"Asterisk Call Manager/11.0.0\r\n").unwrap();
            stream
        });
        wait_for(&format!("{what}: {words}"), || {
            let said = text(&daemon.cli(&["check"]).stdout);
            let line = said.lines().find(|line| line.contains("manager") && line.contains(words));
            line.filter(|line| line.contains("ami.secret")).map(|_| ()).ok_or(said.clone())
        });
        drop(greeting);
        assert_unharmed(what, daemon, &served);
    }
}

fn no_daemon(what: &str) {
    let site = site(&Pbx::tables());
    assert_refused(what, &run(&mut site.command(&["phones", "list"])), 4, &["api.sock", "does not run"]);
}

fn socket(site: &Site) -> std::path::PathBuf {
    site.file().with_file_name("api.sock")
}

fn a_stale_socket(what: &str) {
    let site = site(&Pbx::tables());
    drop(UnixListener::bind(socket(&site)).unwrap());
    assert_refused(what, &run(&mut site.command(&["phones", "list"])), 4, &["api.sock", "does not run"]);
}

/// As nobody, where this test may become that; else by a folder that its owner may not enter either.
fn not_permitted(what: &str) {
    let site = site(&Pbx::tables());
    let home = site.file().parent().unwrap().to_owned();
    let closed = home.join("closed");
    fs::create_dir(&closed).unwrap();
    site.configure(&site.configuration().replace("/api.sock", "/closed/api.sock"));
    let _socket = UnixListener::bind(closed.join("api.sock")).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
    for (path, mode) in [(home, 0o755), (site.file(), 0o644)] {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    let mut command = site.command(&["phones", "list"]);
    if is_root() {
        command.uid(65_534).gid(65_534);
    }
    let output = run(&mut command);
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    assert_refused(what, &output, 4, &["api.sock", "not permitted", "group offhook"]);
}

/// Whether this test may become another user.
fn is_root() -> bool {
    text(&run(Command::new("id").arg("-u")).stdout).trim() == "0"
}

fn two_daemons(what: &str) {
    let pbx = Pbx::tables();
    add_bystander(&pbx);
    let (site, other) = (site(&pbx), site(&pbx));
    let daemon = site.serve();
    let file = file_of_bystander(&daemon);
    let (own, shared) = (other.state(), site.state());
    other.configure(&other.configuration().replace(own.to_str().unwrap(), shared.to_str().unwrap()));
    assert_refused(what, &other.refused(), 1, &[shared.to_str().unwrap()]);
    assert_unharmed(what, daemon, &file);
}

fn a_reader_that_leaves(what: &str) {
    let pbx = Pbx::tables();
    add_bystander(&pbx);
    let site = site(&pbx);
    let daemon = site.serve();
    let file = file_of_bystander(&daemon);
    for arguments in [&["phones", "list"][..], &["--json", "check"], &["--help"], &["models", "list"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output =
            site.command(arguments).stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let said = text(&output.stderr);
        assert!(output.status.code().is_some() && !said.contains("panicked"), "{what}: {arguments:?}: {said}");
    }
    assert_unharmed(what, daemon, &file);
}

fn a_reader_that_leaves_what_goes_on(what: &str) {
    let pbx = Pbx::tables();
    add_bystander(&pbx);
    let site = site(&pbx);
    let daemon = site.serve();
    let file = file_of_bystander(&daemon);
    for json in [&[][..], &["--json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut command = site.command(json);
        command.args(["phones", "timeline", BYSTANDER, "--follow"]).stdin(Stdio::null()).stdout(writer);
        let mut follow = command.spawn().unwrap();
        drop((command, reader));
        let ended = wait_for(&format!("{what}: the end of what nobody reads"), || {
            // It finds out with what it has to show next.
            daemon.file(&format!("SIP{BYSTANDER}.cnf"));
            follow.try_wait().unwrap().ok_or("it goes on".to_owned())
        });
        assert_eq!(ended.code(), Some(0), "{what}");
    }
    assert_unharmed(what, daemon, &file);
}

fn a_full_disk(what: &str) {
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = offhook(["models", "list"]);
    command.stdin(Stdio::null()).stdout(full());
    let told = command.stderr(full()).status().unwrap();
    assert_eq!(told.code(), Some(1), "{what}: with nowhere to say it");
    let told = command.stdout(full()).stderr(Stdio::piped()).output().unwrap();
    assert_refused(what, &told, 1, &["could not be written"]);
}
