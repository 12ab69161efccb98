//! F29 (a part panics or hangs), F30 (a bad configuration on reload), F34 (nobody reads the log).

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::{MAC, add, one_phone, wait_for_complaint, with_one_phone};
use crate::support::clients::{Client, RawTftp, simulate_well};
use crate::support::daemon::{Daemon, Site, make_file};
use crate::support::dice::Dice;
use crate::support::pbx::Pbx;
use crate::support::{Component, have, phone_address, run, succeed, wait_for};

/// Asks for the next panic of a part and gives every part something to do until it came.
fn strike(daemon: &Daemon<'_>, now: &Path) {
    fs::write(now, "").unwrap();
    let phone = RawTftp::new(daemon.tftp);
    wait_for("the fault that was asked for", || {
        phone.ask(b"nothing.bin");
        for (address, path) in [(daemon.http, "nothing.bin"), (daemon.admin, "healthz")] {
            // One of them may be the one that fails.
            run(Command::new("curl").args(["-s", "--max-time", "2", &format!("http://{address}/{path}")]));
        }
        if now.exists() { Err("not yet".to_owned()) } else { Ok(()) }
    });
}

/// F29: whichever part panics is started anew, and the others notice nothing: a transfer under way goes on, and what
/// comes afterwards is served.
#[test]
fn f29_a_part_that_panics_is_started_anew() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    for part in ["tick", "poll", "events", "http", "admin", "tftp", "looking"] {
        let pbx = one_phone();
        let site = Site::new(&pbx);
        let image = make_file(&site.fall_through().join("other.bin"), 512 * 8 + 7);
        let now = site.fall_through().join("now");
        let mut daemon = site.serve_with(|command| {
            command.env("OFFHOOK_FAULT", format!("panic:{part}:{}", now.display()));
        });
        let name = format!("SIP{MAC}.cnf");
        let before = daemon.wait_for_file(&name, "given its line", |file| file.contains("CANARY1001"));
        let (phone, mut got) = (RawTftp::new(daemon.tftp), Vec::new());
        phone.ask(b"other.bin");
        let from = phone.take(1, &mut got);
        strike(&daemon, &now);
        if part != "tftp" {
            phone.acknowledge(from, 1);
            phone.take_rest(2, &mut got);
            assert!(got == image, "F29, {part}: {} of {} bytes", got.len(), image.len());
        }
        pbx.add_phone("00087D0A0002", "7960", &["1001"]);
        daemon.wait_for_file("SIP00087D0A0002.cnf", "served", |file| file.contains("CANARY1001"));
        assert_eq!(Client::Curl.fetch(daemon.tftp, &name), Some(before.into_bytes()), "F29, {part}");
        let told = |timeline: &Value| timeline.to_string().contains(&name);
        wait_for("what was sent to be told", || {
            let timeline = daemon.json(&["phones", "timeline", MAC]);
            if told(&timeline) { Ok(()) } else { Err(timeline.to_string()) }
        });
        assert!(daemon.runs(), "F29, {part}");
        let log = daemon.log();
        assert!(log.contains(&format!("asked for in {part}")), "F29, {part}: the panic is in the log: {log}");
        // Each connection is a part of its own, and ends with its fault.
        let anew = log.contains("started anew");
        assert_eq!(anew, !["http", "admin"].contains(&part), "F29, {part}: {log}");
        daemon.stop();
    }
}

/// F29: the manager session and what listens to it.
#[test]
fn f29_a_manager_session_that_panics_is_begun_anew() {
    if !have(&[Component::MariaDb, Component::Asterisk, Component::Program("curl")]) {
        return;
    }
    for part in ["session", "manager"] {
        let pbx = Pbx::real();
        with_one_phone(&pbx);
        let site = Site::new(&pbx);
        let now = site.fall_through().join("now");
        // It comes at once: as the session logs in, and with its first word.
        fs::write(&now, "").unwrap();
        let daemon = site.serve_with(|command| {
            command.env("OFFHOOK_FAULT", format!("panic:{part}:{}", now.display()));
        });
        daemon.wait_for_file(&format!("SIP{MAC}.cnf"), "given its line", |file| file.contains("CANARY1001"));
        simulate_well("7960", MAC, "sip:P0S3-8-12-00", daemon.tftp, phone_address());
        daemon.wait_for_phone(MAC, "registered", |phone| phone["stage"] == "registered");
        assert!(!now.exists(), "F29, {part}: the fault did not come");
        assert!(daemon.log().contains("started anew"), "F29, {part}");
        daemon.stop();
    }
}

/// F29: what panics again and again ends the daemon in order, with a failure, and the next one, as systemd starts it,
/// serves what was served before.
#[test]
fn f29_the_fifth_panic_ends_the_daemon_for_systemd_to_start_it() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let now = site.fall_through().join("now");
    let mut daemon = site.serve_with(|command| {
        command.env("OFFHOOK_FAULT", format!("panic:tick:{}", now.display()));
    });
    let name = format!("SIP{MAC}.cnf");
    let before = daemon.wait_for_file(&name, "given its line", |file| file.contains("CANARY1001"));
    for _ in 0..4 {
        strike(&daemon, &now);
    }
    assert_eq!(daemon.file(&name).as_ref(), Some(&before), "F29: four are borne");
    fs::write(&now, "").unwrap();
    let status = daemon.ended();
    assert_eq!(status.code(), Some(1), "F29: {status}");
    let log = daemon.log();
    assert!(log.contains("the 5th of its kind within a minute"), "F29: {log}");
    assert!(log.contains("systemd starts it again"), "F29: {log}");
    drop(daemon);
    site.configure(&site.configuration().replace("pbx.db", "gone.db"));
    let daemon = site.serve();
    assert_eq!(daemon.file(&name), Some(before), "F29");
    daemon.stop();
}

/// F29: the watchdog is told while the daemon's time passes, and not by one that hangs.
#[test]
fn f29_the_watchdog_hears_of_progress_alone() {
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let now = site.fall_through().join("now");
    let place = site.fall_through().join("notify");
    let systemd = UnixDatagram::bind(&place).unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let hears = || {
        let mut word = [0; 256];
        systemd.recv(&mut word).ok().map(|size| String::from_utf8_lossy(&word[..size]).into_owned())
    };
    let mut daemon = site.serve_with(|command| {
        command
            .env("NOTIFY_SOCKET", &place)
            .env("WATCHDOG_USEC", "2000000")
            .env("OFFHOOK_FAULT", format!("hang:tick:{}", now.display()));
    });
    let until_watchdog = || {
        std::iter::from_fn(hears).find(|word| word.contains("WATCHDOG=1")).expect("F29: the watchdog is told");
    };
    for _ in 0..3 {
        until_watchdog();
    }
    fs::write(&now, "").unwrap();
    // One that was due already may come; then silence, for longer than systemd would wait.
    let more = std::iter::from_fn(hears).count();
    assert!(more <= 2, "F29: {more} words from a daemon that hangs");
    assert!(daemon.runs(), "F29: it hangs, it did not end");
    daemon.signal("KILL");
    daemon.ended();
}

/// Something wrong with a configuration: its name, what makes it, what the error must name; and whether TOML itself is
/// wrong there, which then gives the line.
type Mutation = (&'static str, fn(&str, u64) -> String, &'static str, bool);

/// A key that is there gets another value.
fn with(toml: &str, key: &str, value: &str) -> String {
    let line = toml.lines().find(|line| line.starts_with(&format!("{key} ="))).unwrap();
    toml.replace(line, &format!("{key} = {value}"))
}

const MUTATIONS: &[Mutation] = &[
    ("an unknown key", |toml, n| toml.replace("[tftp]\n", &format!("[tftp]\nkey{n} = 1\n")), "key", false),
    ("an unknown section", |toml, n| format!("{toml}\n[section{n}]\nx = 1\n"), "section", false),
    ("a wrong type", |toml, n| with(toml, "state_dir", &n.to_string()), "state_dir", false),
    ("no duration", |toml, n| with(toml, "poll_interval", &format!("\"{n} moons\"")), "poll_interval", false),
    (
        "no network",
        |toml, n| with(toml, "phone_networks", &format!("[\"10.0.0.0/{}\"]", 33 + n)),
        "phone_networks",
        false,
    ),
    (
        "no address",
        |toml, n| toml.replace("[tftp]\nlisten = [\"", &format!("[tftp]\nlisten = [\"300.{n}.")),
        "listen",
        false,
    ),
    (
        "no port",
        |toml, n| with(toml, "sip_host", &format!("\"127.0.0.1\"\nsip_port = {}", 70_000 + n)),
        "sip_port",
        false,
    ),
    ("no source", |toml, n| with(toml, "source", &format!("\"source{n}\"")), "source", false),
    ("no policy", |toml, n| with(toml, "policy", &format!("\"policy{n}\"")), "policy", false),
    ("a key twice", |toml, n| toml.replace("[phones]\n", &format!("[phones]\nntp = \"10.0.0.{n}\"\n")), "", true),
    ("a broken line", |toml, n| toml.replace("[phones]\n", &format!("[phones]\nlanguage = = {n}\n")), "", true),
    ("a broken section", |toml, n| toml.replace("[admin]", &format!("[admin{n}")), "", true),
];

/// F30: fifty bad configurations. Each also changes what would show, were any of it taken.
#[test]
fn f30_a_bad_configuration_changes_nothing_and_is_named() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let good = site.configuration();
    let mut daemon = site.serve();
    // The password of the settings menu is in a file of the phones.
    let password = |word: &'static str| {
        move |file: &str| file.lines().any(|line| line.starts_with("phone_password") && line.contains(word))
    };
    let name = format!("SIP{MAC}.cnf");
    let shown_in = ["SIPDefault.cnf", &name]
        .into_iter()
        .find(|file| daemon.wait_for_file(file, "served", |_| true).contains("phone_password"))
        .expect("a file with phone_password");
    daemon.wait_for_file(shown_in, "as by default", password("cisco"));
    site.configure(&good.replace("[phones]\n", "[phones]\nphone_password = \"letmein\"\n"));
    daemon.signal("HUP");
    daemon.wait_for_file(shown_in, "as configured now", password("letmein"));

    let other = good.replace("[phones]\n", "[phones]\nphone_password = \"other\"\n");
    let mut dice = Dice::new(30);
    for n in 0..50 {
        let (case, mutate, named, has_line) = MUTATIONS[n % MUTATIONS.len()];
        let toml = mutate(&other, dice.below(60));
        assert_ne!(toml, other, "F30, {case}: nothing was changed");
        site.configure(&toml);
        let before = daemon.log().len();
        daemon.signal("HUP");
        let said = wait_for("the complaint", || {
            let log = daemon.log();
            let said: Vec<String> =
                log[before..].lines().filter(|line| line.contains("reload-refused")).map(str::to_owned).collect();
            if said.is_empty() { Err(log) } else { Ok(said) }
        });
        assert!(said.iter().any(|line| line.contains(named)), "F30, {case}: {said:?} does not name {named}");
        assert!(said.iter().any(|line| line.contains("offhook.toml")), "F30, {case}: {said:?} does not name the file");
        let at = toml.lines().zip(other.lines()).position(|(new, old)| new != old).unwrap_or(other.lines().count()) + 1;
        let line_is_named = said.iter().any(|line| {
            line.split(|c: char| !c.is_ascii_digit())
                .filter_map(|word| word.parse::<usize>().ok())
                .any(|word| word.abs_diff(at) <= 5)
        });
        assert!(line_is_named || !has_line, "F30, {case}: {said:?} does not name line {at}");
        assert!(daemon.runs(), "F30, {case}");
        let file = daemon.file(shown_in).expect("F30: it is served");
        assert!(password("letmein")(&file), "F30, {case}: some of a bad configuration was taken: {file}");
    }
    site.configure(&other);
    daemon.signal("HUP");
    daemon.wait_for_file(shown_in, "as configured in the end", password("other"));
    daemon.stop();
}

/// F34: whoever reads standard error stops reading. Phones and people are served; what was dropped is counted.
#[test]
fn f34_a_log_that_nobody_reads_holds_up_nobody() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = one_phone();
    let site = Site::new(&pbx);
    // Looks at the PBX leave most of the lines.
    site.configure(&site.configuration().replace("poll_interval = \"200ms\"", "poll_interval = \"100ms\""));
    let (gate, kept) = (site.fall_through().join("gate"), site.fall_through().join("kept"));
    succeed(Command::new("mkfifo").arg(&gate));
    // The reader waits for a word before it reads the first line.
    let line = format!("exec \"$@\" 2> >(cat '{}' >/dev/null; exec cat >'{}')", gate.display(), kept.display());
    let daemon = site.serve_with(|command| {
        *command = site.by_shell(&line);
        command.env("OFFHOOK_LOG", "trace");
    });
    let name = format!("SIP{MAC}.cnf");
    let file = daemon.wait_for_file(&name, "given its line", |file| file.contains("CANARY1001"));
    let dropped = || {
        let metrics = succeed(Command::new("curl").args(["-sSf", &format!("http://{}/metrics", daemon.admin)]));
        let line = metrics.lines().find(|line| line.starts_with("offhook_log_dropped_total ")).unwrap().to_owned();
        line.split_whitespace().last().unwrap().parse::<u64>().unwrap()
    };
    let mut rounds = 0;
    while dropped() == 0 {
        rounds += 1;
        assert!(rounds < 4_000, "F34: the log never filled its pipe and its queue");
        let got = Client::Curl.fetch(daemon.tftp, &name);
        assert!(got.is_some_and(|got| got == file.as_bytes()), "F34, round {rounds}");
    }
    assert!(add(&site, "00087D0F0001").status.success(), "F34: people, too");
    wait_for_complaint(&daemon, &["lines of the log were dropped"]);
    fs::write(&gate, "read on").unwrap();
    wait_for("the log to flow again", || {
        let kept = fs::read_to_string(&kept).unwrap_or_default();
        if kept.is_empty() { Err("nothing".to_owned()) } else { Ok(()) }
    });
    daemon.stop();
    let log = fs::read_to_string(&kept).unwrap();
    assert!(!log.contains("CANARY"), "a secret is in the log");
}
