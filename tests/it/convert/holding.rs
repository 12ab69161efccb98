//! What holds a step back or keeps it going, with what it takes for real: a call by Asterisk (I6), everything around the
//! daemon gone in the middle of images (I14), the daemon told to end there (I16).

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use offhook::simulate::Timing;

use super::interlocks::{JAVA, LEGACY, TO, device, pbx, ready, site, start, stocked, stored};
use super::{Device, boot, conversion, setup};
use crate::support::agent::{Agent, body, header};
use crate::support::clients::scripted;
use crate::support::daemon::Daemon;
use crate::support::small::Small;
use crate::support::{Component, have, in_repository, run, succeed, text, wait_for, wait_within};

/// Where the scripted phone is.
const PHONE: Ipv4Addr = Ipv4Addr::new(127, 0, 7, 1);

/// Has the phone take these by TFTP.
fn takes(daemon: &Daemon<'_>, names: &[&str]) {
    for name in names {
        let got = scripted(PHONE, daemon.tftp, name, &Timing::default());
        assert!(got.is_ok(), "{name}: {got:?}");
    }
}

fn is(daemon: &Daemon<'_>, state: &str) {
    wait_for(&format!("its step to be {state}"), || {
        let phone = conversion(daemon, LEGACY);
        if phone["state"] == state { Ok(()) } else { Err(phone.to_string()) }
    });
}

/// It begins to download, and stops after its first image.
fn in_the_middle(daemon: &Daemon<'_>) {
    takes(daemon, &[&format!("SEP{LEGACY}.cnf.xml"), "P0S3-8-12-00.loads", "P003-8-12-00.sbn"]);
    is(daemon, "downloading");
}

/// I6: a foreign user agent that rings is not armed; it is, and is told to boot, once it has hung up.
#[test]
fn i6_a_phone_in_a_call_waits_for_its_end() {
    if !ready() || !have(&[Component::Program("sipp")]) {
        return;
    }
    let to = "SIP41.9-4-2SR3-1S";
    let pbx = pbx(&[Device { mac: JAVA, model: "7941", state: String::new(), target: to }]);
    let site = site(&pbx);
    site.configure(&site.configuration().replace("[pbx]\n", "[pbx]\ntransport = \"udp\"\n"));
    let daemon = site.serve();
    stocked(&daemon, &site, 1);
    let phone = Agent::register(pbx.asterisk().sip_port, "1000", "CANARY1000", "200 OK");
    daemon.wait_for_phone(JAVA, "registered", |phone| phone["stage"] == "registered");
    pbx.asterisk().call("PJSIP/1000");
    wait_for("1000 to ring", || {
        let channels = pbx.asterisk().cli("core show channels concise");
        if channels.contains("Ringing") { Ok(()) } else { Err(channels) }
    });
    let started = daemon.cli(&["convert", "start", JAVA, "--running", "SIP41.8-5-2S"]);
    assert!(started.status.success(), "{}{}", text(&started.stdout), text(&started.stderr));
    wait_for("its call to be known", || {
        let next = conversion(&daemon, JAVA)["next"].to_string();
        if next.contains("it is in a call") { Ok(()) } else { Err(next) }
    });
    assert_eq!(conversion(&daemon, JAVA)["armed"], false);
    assert!(!daemon.file(&format!("SEP{JAVA}.cnf.xml")).is_some_and(|file| file.contains(to)));
    assert_eq!(phone.notifies(), [""; 0]);
    pbx.asterisk().cli("channel request hangup all");
    let notify = phone.notify(0);
    assert_eq!((header(&notify, "Event"), body(&notify).lines().next()), ("service-control", Some("action=reset")));
    assert_eq!(conversion(&daemon, JAVA)["armed"], true);
    pbx.asterisk().down();
    wait_for("its calls to be unknown", || {
        let next = conversion(&daemon, JAVA)["next"].to_string();
        if next.contains("whether it is in a call is not known") { Ok(()) } else { Err(next) }
    });
    daemon.file(&format!("SEP{JAVA}.cnf.xml")).filter(|file| file.contains(to)).expect("it is offered all the same");
    daemon.stop();
}

/// I10: a set that nobody is on the way to stays for a day after a phone took a file of it, whether or not the daemon
/// began anew since.
#[test]
fn i10_what_a_phone_took_is_not_removed() {
    if !ready() {
        return;
    }
    let pbx = pbx(&[device()]);
    let site = site(&pbx);
    let daemon = site.serve();
    stocked(&daemon, &site, 1);
    // What was brought is served within half a second.
    wait_for("the file", || {
        scripted(PHONE, daemon.tftp, "P00308000400.loads", &Timing::default()).map_err(|why| format!("{why:?}"))
    });
    let refused = |daemon: &Daemon<'_>| {
        let said = daemon.cli(&["firmware", "remove", "P00308000400"]);
        let why = text(&said.stderr);
        assert!(
            !said.status.success() && why.contains("a phone took files of it at") && why.contains("try again after"),
            "{why}"
        );
    };
    refused(&daemon);
    let removed = daemon.cli(&["firmware", "remove", "P00305000500"]);
    assert!(removed.status.success(), "nobody took that: {}", text(&removed.stderr));
    wait_for("it to be kept", || {
        let file = site.state().join("offhook.db");
        let said = run(Command::new("sqlite3").arg(file).arg("select count(*) from taken"));
        if text(&said.stdout).trim() == "1" { Ok(()) } else { Err(format!("{said:?}")) }
    });
    daemon.signal("KILL");
    drop(daemon);
    let daemon = site.serve();
    refused(&daemon);
    daemon.stop();
}

/// I14: in the middle of images the disk is full, the PBX's database stops, Asterisk is gone, the configuration is read anew:
/// the phone gets all of its set and is seen to run it, and that is kept as soon as there is room.
#[test]
fn i14_a_phone_in_the_middle_of_images_gets_through() {
    if !ready() {
        return;
    }
    let mut pbx = pbx(&[device()]);
    let site = site(&pbx);
    let Some(_mounted) = Small::mount(&site.state(), "size=32m") else { return };
    let daemon = site.serve();
    stocked(&daemon, &site, 1);
    start(&daemon);
    in_the_middle(&daemon);
    let filler = site.state().join("filler");
    run(Command::new("dd").args(["if=/dev/zero", "bs=4k"]).arg(format!("of={}", filler.display())));
    pbx.database.server().down();
    pbx.asterisk().down();
    daemon.signal("HUP");
    wait_for("the configuration to be read anew", || {
        let log = daemon.log();
        if log.contains("code=\"reloaded\"") { Ok(()) } else { Err("it is not".to_owned()) }
    });
    let phone = setup(&device(), daemon.tftp, 1, None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcome = runtime.block_on(boot(&phone, |_| {}));
    assert_eq!(outcome.load.as_deref(), Some(TO), "{}", outcome.sentence());
    // A phone that has everything and wants no more is quiet for half a minute.
    wait_within(Duration::from_secs(60), "it to be seen", || {
        let phone = conversion(&daemon, LEGACY);
        if phone["state"] == "verified" { Ok(()) } else { Err(phone.to_string()) }
    });
    let log = daemon.log();
    assert!(log.contains("conversion-not-kept") && log.contains("pbx-down"), "I14: all of that happened\n{log}");
    let verified = "\"state\":\"verified\"";
    assert!(!stored(&site).contains(verified), "I14: there was no room for it");
    fs::remove_file(filler).unwrap();
    wait_for("it to be kept", || if stored(&site).contains(verified) { Ok(()) } else { Err(verified.to_owned()) });
    daemon.signal("KILL");
    drop(daemon);
    let daemon = site.serve();
    is(&daemon, "verified");
    daemon.stop();
}

/// I17: outside of its window nothing is offered, and what is waited for is said; without one the phone is offered its load at
/// once. The daemon's clock is this host's.
#[test]
fn i17_nobody_begins_outside_of_the_window() {
    if !ready() {
        return;
    }
    let pbx = pbx(&[device()]);
    let site = site(&pbx);
    let open = site.configuration();
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    let at = |hours: i64| (&now + SignedDuration::from_hours(hours)).strftime("%H:%M").to_string();
    let window = format!("{}-{}", at(6), at(7));
    site.configure(&open.replace("[firmware]\n", &format!("[firmware]\nwindow = \"{window}\"\n")));
    let daemon = site.serve_with(|command| {
        command.env("TZ", "UTC");
    });
    stocked(&daemon, &site, 1);
    let name = format!("SEP{LEGACY}.cnf.xml");
    let _ = daemon.file(&format!("SIP{LEGACY}.cnf"));
    let started = daemon.cli(&["convert", "start", LEGACY, "--running", "P00308000900"]);
    assert!(started.status.success(), "{}", text(&started.stderr));
    let said = text(&daemon.cli(&["convert", "status"]).stdout);
    assert!(said.contains(&format!("waits for the window {window}")), "{said}");
    assert!(conversion(&daemon, LEGACY)["armed"] == false && daemon.file(&name).is_none());
    site.configure(&open);
    daemon.signal("HUP");
    daemon.wait_for_file(&name, "an offer", |file| file.contains(TO));
    daemon.stop();
}

/// I16: told to end, the daemon says for whom it waits, serves on, begins nothing, and ends when that phone has all.
#[test]
fn i16_the_daemon_ends_after_the_images() {
    if !ready() {
        return;
    }
    let pbx = pbx(&[device(), Device { mac: JAVA, model: "7941", state: String::new(), target: "" }]);
    let site = site(&pbx);
    let place = site.fall_through().join("notify");
    let systemd = UnixDatagram::bind(&place).unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut daemon = site.serve_with(|command| {
        command.env("NOTIFY_SOCKET", &place);
    });
    stocked(&daemon, &site, 2);
    start(&daemon);
    in_the_middle(&daemon);
    // What apt shows before it waits.
    let bin = site.folder().join("bin");
    fs::create_dir(&bin).unwrap();
    let command = site.command(&[]);
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
    let words: Vec<&str> = words.into_iter().map(|word| word.to_str().unwrap()).collect();
    fs::write(bin.join("offhook"), format!("#!/bin/sh\nexec {} \"$@\"\n", words.join(" "))).unwrap();
    fs::set_permissions(bin.join("offhook"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut prerm = Command::new("sh");
    let said = succeed(prerm.arg(in_repository("packaging/debian/prerm")).args(["upgrade", "9.9"]).env("PATH", path));
    for says in ["are waited for", LEGACY, "systemctl kill offhook"] {
        assert!(said.contains(says), "{says}: {said}");
    }
    daemon.signal("TERM");
    let mut word = [0; 2_048];
    let word = std::iter::from_fn(|| systemd.recv(&mut word).ok().map(|size| text(&word[..size])))
        .find(|word| word.contains("EXTEND_TIMEOUT_USEC="))
        .expect("I16: systemd hears of it");
    assert!(word.contains(LEGACY) && word.contains("in the middle of images"), "{word}");
    // The log is written beside the rest.
    let log = wait_for("it to say for whom it waits", || {
        let log = daemon.log();
        if log.contains("stop-waits") { Ok(log) } else { Err(log) }
    });
    for says in [LEGACY, "15 minutes", "systemctl kill offhook"] {
        assert!(log.contains(says), "{says}: {log}");
    }
    let _ = daemon.file(&format!("SEP{JAVA}.cnf.xml"));
    let second = daemon.cli(&["convert", "start", JAVA, "--running", "SCCP41.8-2-1S"]);
    assert!(second.status.success(), "{}", text(&second.stderr));
    assert_eq!(conversion(&daemon, JAVA)["next"], "it waits for offhook, which is being stopped");
    assert!(daemon.runs(), "I16: it waits");
    takes(&daemon, &["P0S3-8-12-00.sb2"]);
    assert!(daemon.ended().success());
    assert!(!daemon.log().contains("stop-cut"));
    // Back within the time that a campaign goes on by itself, and at its end again.
    let daemon = site.serve();
    is(&daemon, "downloading");
    daemon.stop();
}

/// I16: who does not want to wait says so.
#[test]
fn i16_a_second_word_ends_it_at_once() {
    if !ready() {
        return;
    }
    let pbx = pbx(&[device()]);
    let site = site(&pbx);
    let mut daemon = site.serve();
    stocked(&daemon, &site, 1);
    start(&daemon);
    in_the_middle(&daemon);
    daemon.signal("TERM");
    wait_for("it to say for whom it waits", || {
        if daemon.log().contains("stop-waits") { Ok(()) } else { Err("silence".to_owned()) }
    });
    assert!(daemon.runs());
    let since = Instant::now();
    daemon.signal("TERM");
    assert!(daemon.ended().success() && since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
}
