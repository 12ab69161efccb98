//! The interlocks of section 4 of the threats that take a daemon: what it says to people, its disk, its death.

use std::fs;
use std::process::Command;
use std::time::Duration;

use offhook::firmware::plan::Paths;
use serde_json::Value;

use super::{ARCHIVES, Device, bring, conversion, power_cycle};
use crate::support::daemon::{Daemon, Site};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, succeed, text, wait_for};

pub(super) const LEGACY: &str = "00087D0A0001";
pub(super) const JAVA: &str = "001B54CE0001";
pub(super) const TO: &str = "P0S3-8-12-00";

pub(super) fn ready() -> bool {
    have(&[Component::MariaDb, Component::Asterisk, Component::Program("curl")])
}

pub(super) fn pbx(devices: &[Device]) -> Pbx {
    let pbx = Pbx::real();
    for (at, device) in devices.iter().enumerate() {
        let extension = format!("10{at:02}");
        pbx.add_extension(&extension, "Ada", &format!("CANARY10{at:02}"));
        pbx.add_phone(device.mac, device.model, &[&extension]);
    }
    pbx.apply();
    pbx
}

pub(super) fn site(pbx: &Pbx) -> Site {
    let site = Site::new(pbx);
    site.configure(&(site.configuration() + "[firmware]\nconcurrent = 10\n"));
    site
}

/// Waits for the PBX's phones, and brings the firmware.
pub(super) fn stocked(daemon: &Daemon<'_>, site: &Site, phones: usize) {
    wait_for("the PBX's phones", || {
        let listed = daemon.json(&["phones", "list"]).as_array().map_or(0, Vec::len);
        if listed == phones { Ok(()) } else { Err(format!("{listed} phones")) }
    });
    bring(daemon, site.folder(), ARCHIVES);
}

pub(super) fn device() -> Device {
    Device { mac: LEGACY, model: "7960", state: "sccp:P00308000900".into(), target: TO }
}

pub(super) fn start(daemon: &Daemon<'_>) {
    // A phone begins once it was heard.
    let _ = daemon.file(&format!("SIP{LEGACY}.cnf"));
    let started = daemon.cli(&["convert", "start", LEGACY, "--running", "P00308000900"]);
    assert!(started.status.success(), "{}{}", text(&started.stdout), text(&started.stderr));
    daemon.wait_for_file(&format!("SEP{LEGACY}.cnf.xml"), "an offer", |file| file.contains(TO));
}

fn campaign(daemon: &Daemon<'_>) -> String {
    text(&daemon.cli(&["convert", "status"]).stdout)
}

/// I1: each file of the set, taken out of the store and cut short in turn. I10: it is not removed by hand. I19: both ends
/// are in the log. I20: a plan leaves nothing behind. And what is mistyped is answered with what was meant.
#[test]
fn i1_i10_i19_i20_by_hand() {
    if !ready() {
        return;
    }
    let pbx = pbx(&[device(), Device { mac: JAVA, model: "7941", state: String::new(), target: "" }]);
    let site = site(&pbx);
    let daemon = site.serve();
    stocked(&daemon, &site, 2);

    let plan = daemon.json(&["convert", "plan", LEGACY, "--running", "P00308000900"]);
    assert_eq!(plan[0]["steps"][0]["to"], TO, "{plan}");
    assert_eq!(daemon.json(&["convert", "status"]), Value::Array(Vec::new()), "a plan begins nothing");
    assert_eq!(daemon.json(&["convert", "log"]), Value::Array(Vec::new()));
    assert_eq!(daemon.file(&format!("SEP{LEGACY}.cnf.xml")), None);
    for (arguments, says) in [
        (&[LEGACY, "--to", "P0S3-8-21-00"][..], "did you mean P0S3-8-12-00?"),
        (&[LEGACY, "--to", "SIP41.9-4-2SR3-1S"][..], "7960"),
        (&[LEGACY, "--running", "nonsense"][..], "no load name"),
        (&["00087D0AFFFF"][..], "no extension"),
        (&[][..], "required"),
    ] {
        let said = daemon.cli(&[&["convert", "start"], arguments].concat());
        let said = (said.status.success(), text(&said.stdout) + &text(&said.stderr));
        assert!(!said.0 && said.1.contains(says), "{arguments:?}: {said:?}");
    }

    start(&daemon);
    let removed = daemon.cli(&["firmware", "remove", TO]);
    assert!(!removed.status.success() && text(&removed.stderr).contains("on their way"), "{removed:?}");

    let blobs = site.state().join("firmware/blobs");
    let index: Value = serde_json::from_slice(&fs::read(site.state().join("firmware/index.json")).unwrap()).unwrap();
    let records = index["files"].as_array().expect("files");
    let of_set = records.iter().filter(|record| record["name"].as_str().unwrap().contains("8-12-00"));
    let hashes: Vec<&str> = of_set.map(|record| record["sha256"].as_str().unwrap()).collect();
    assert!(hashes.len() >= 3, "{index}");
    let set = ARCHIVES.iter().position(|(stem, ..)| *stem == TO).and_then(|at| ARCHIVES.get(at..=at)).unwrap();
    for (turn, sha256) in hashes.iter().enumerate() {
        let blob = blobs.join(sha256);
        if turn % 2 == 0 {
            fs::remove_file(&blob).unwrap();
        } else {
            fs::write(&blob, b"short").unwrap();
        }
        let since = std::time::Instant::now();
        wait_for("the load to be named nowhere", || match daemon.file(&format!("SEP{LEGACY}.cnf.xml")) {
            Some(file) if file.contains(TO) => Err(file),
            _ => Ok(()),
        });
        assert!(since.elapsed() < Duration::from_millis(1_500), "{:?}", since.elapsed());
        wait_for("the campaign to pause", || {
            let said = campaign(&daemon);
            if said.contains("is paused") && said.contains(TO) { Ok(()) } else { Err(said) }
        });
        bring(&daemon, site.folder(), set);
        let resumed = daemon.cli(&["convert", "resume"]);
        assert!(resumed.status.success(), "{}", text(&resumed.stderr));
        daemon.wait_for_file(&format!("SEP{LEGACY}.cnf.xml"), "an offer again", |file| file.contains(TO));
    }
    let log = daemon.json(&["convert", "log"]).to_string();
    for part in ["started conversion", LEGACY, "paused conversion", "conversion goes on"] {
        assert!(log.contains(part), "{part}: {log}");
    }
    let uid = rustix::process::getuid();
    let who = if uid.is_root() { "root".to_owned() } else { format!("uid {}", uid.as_raw()) };
    let rows = daemon.json(&["convert", "log"]);
    let began = rows.as_array().unwrap().iter().find(|row| row["what"].to_string().contains("started conversion"));
    let began = began.expect("a row");
    assert_eq!(began["who"], who.as_str());
    let what = began["what"].as_str().unwrap();
    assert!(what.contains(&format!("[{TO} {}", &set_hash(&index, TO)[..16])), "{what}");
    assert!(what.contains(&format!(", paths {}", Paths::version())), "{what}");
    assert!(began["at"].as_str().unwrap().ends_with('Z'), "{began}");
    let said = daemon.cli(&["convert", "status"]);
    assert!(text(&said.stdout).contains(&format!("({who} said so)")), "{said:?}");
    daemon.stop();
}

/// What sha256sum prints of the set's files, in order of name, hashed by it.
fn set_hash(index: &Value, load: &str) -> String {
    let part = load.trim_start_matches("P0S3");
    let mut lines: Vec<(String, String)> = index["files"]
        .as_array()
        .expect("files")
        .iter()
        .map(|record| (record["name"].as_str().unwrap().to_owned(), record["sha256"].as_str().unwrap().to_owned()))
        .filter(|(name, _)| name.contains(part))
        .collect();
    lines.sort();
    let lines: Vec<String> = lines.iter().map(|(name, sha256)| format!("{sha256}  {name}\n")).collect();
    let mut sum = Command::new("sh");
    sum.args(["-c", "printf %s \"$1\" | sha256sum", "sh", &lines.concat()]);
    succeed(&mut sum).split_whitespace().next().unwrap().to_owned()
}

/// F35: SIGKILL once it is kept that a phone was offered its load, and once it is kept that it runs it.
#[test]
fn f35_killed_between_two_steps() {
    if !ready() {
        return;
    }
    let devices = [device()];
    let pbx = pbx(&devices);
    let site = site(&pbx);
    let daemon = site.serve();
    stocked(&daemon, &site, 1);
    start(&daemon);
    let killed = |daemon: Daemon<'_>, state: &str| {
        wait_for(&format!("its step to be {state}"), || {
            let phone = conversion(&daemon, LEGACY);
            if phone["state"] == state { Ok(()) } else { Err(phone.to_string()) }
        });
        // It is kept within two rounds.
        let what = format!("\"state\":\"{state}\"");
        wait_for("it to be kept", || if stored(&site).contains(&what) { Ok(()) } else { Err(what.clone()) });
        daemon.signal("KILL");
        drop(daemon);
        let again = site.serve();
        assert_eq!(conversion(&again, LEGACY)["state"], state, "as it was");
        again
    };
    let daemon = killed(daemon, "offered");
    let file = daemon.wait_for_file(&format!("SEP{LEGACY}.cnf.xml"), "an offer", |file| file.contains(TO));
    assert!(file.contains(TO));
    let ends = power_cycle(&devices, &daemon);
    assert_eq!(ends[LEGACY].1.as_deref(), Some(TO));
    let daemon = killed(daemon, "verified");
    daemon.stop();
}

/// Whatever the daemon's store holds, as bytes: the journal and the file itself.
pub(super) fn stored(site: &Site) -> String {
    let files = fs::read_dir(site.state()).unwrap().filter_map(Result::ok).map(|entry| entry.path());
    let files = files.filter(|path| path.is_file());
    files.map(|path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()).collect()
}

/// A second campaign while one is held back would send the held phones off too.
#[test]
fn a_start_while_others_are_held_back_is_refused() {
    if !ready() {
        return;
    }
    let pbx = pbx(&[device(), Device { mac: JAVA, model: "7941", state: String::new(), target: "" }]);
    let site = site(&pbx);
    let daemon = site.serve();
    stocked(&daemon, &site, 2);
    start(&daemon);
    assert!(daemon.cli(&["convert", "pause"]).status.success());
    let second = ["convert", "start", JAVA, "--running", "SCCP41.8-2-1S"];
    let said = daemon.cli(&second);
    assert!(!said.status.success() && text(&said.stderr).contains("offhook convert resume"), "{said:?}");
    assert!(daemon.cli(&["convert", "abort"]).status.success());
    assert!(daemon.cli(&second).status.success());
    daemon.stop();
}
