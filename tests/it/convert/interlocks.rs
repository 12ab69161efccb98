//! The interlocks of section 4 of the threats that take a daemon: what it says to people, its disk, its death.

use std::fs;
use std::process::Command;
use std::time::Duration;

use offhook::firmware::plan::Paths;
use offhook::simulate::{CutAt, Ending, Flash, Outcome, PowerCut, Setup};
use serde_json::Value;

use super::{ARCHIVES, Device, bring, conversion, live};
use crate::support::daemon::{Daemon, Site};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, run, succeed, text, wait_for};

pub(super) const LEGACY: &str = "00087D0A0001";
pub(super) const JAVA: &str = "001B54CE0001";
pub(super) const TO: &str = "P0S3-8-12-00";

pub(super) fn ready() -> bool {
    have(&[Component::MariaDb, Component::Asterisk, Component::Program("curl"), Component::Program("sqlite3")])
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
    let log = daemon.json(&["convert", "log"]);
    let brought = |did: &Value| did["what"].as_str().unwrap().starts_with("brought firmware: ");
    assert!(log.as_array().unwrap().iter().all(brought), "{log}");
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

/// F35: SIGKILL at each transition of one whole conversion, once it is kept: armed, offered, downloading, the first step
/// verified, the second failed and begun anew, all verified. Whatever it was at, the next daemon is at.
#[test]
fn f35_killed_at_each_transition() {
    if !ready() {
        return;
    }
    let (old, stone) = ("P00305000500", "P00308000900");
    let devices = [Device { mac: LEGACY, model: "7960", state: format!("sccp:{old}"), target: TO }];
    let [device] = &devices;
    let pbx = pbx(&devices);
    let site = site(&pbx);
    let mut daemon = site.serve();
    stocked(&daemon, &site, 1);
    let sep = format!("SEP{LEGACY}.cnf.xml");
    let _ = daemon.file(&format!("SIP{LEGACY}.cnf"));
    let begin = |daemon: &Daemon<'_>, running: &str| {
        let started = daemon.cli(&["convert", "start", LEGACY, "--running", running]);
        assert!(started.status.success(), "{}{}", text(&started.stdout), text(&started.stderr));
    };
    let mut flash: Option<Flash> = None;
    for (states, now) in [
        (["todo", "todo"], "armed"),
        (["offered", "todo"], "offered"),
        (["downloading", "todo"], "downloading"),
        (["verified", "todo"], "at the second step"),
        (["verified", "failed"], "failed"),
        (["verified", "verified"], "through"),
    ] {
        match now {
            "armed" => begin(&daemon, old),
            "offered" => drop(daemon.wait_for_file(&sep, "an offer", |file| file.contains(stone))),
            "downloading" => {
                let cut = PowerCut { file: format!("{stone}.sbn"), at: CutAt::Bytes(1_024) };
                let wish = |_: usize, setup: &mut Setup| setup.power_cut_at = Some(cut.clone());
                flash = Some(boots(device, &daemon, flash.as_ref(), wish, |outcome| {
                    matches!(outcome.ending, Ending::PowerCut { .. })
                }));
            }
            "at the second step" => {
                let there = |_: &Outcome| conversion(&daemon, LEGACY)["steps"][0]["state"] == "verified";
                flash = Some(boots(device, &daemon, flash.as_ref(), |_, _| {}, there));
            }
            "failed" => {
                daemon.wait_for_file(&sep, "the second offer", |file| file.contains(TO));
                let _ = daemon.file(&format!("{sep}.sgn"));
            }
            _ => {
                begin(&daemon, stone);
                let there = |outcome: &Outcome| {
                    outcome.ending == Ending::Registered && conversion(&daemon, LEGACY)["state"] == "verified"
                };
                flash = Some(boots(device, &daemon, flash.as_ref(), |_, _| {}, there));
            }
        }
        let states =
            states.iter().skip(usize::from(now == "through")).map(|state| Value::from(*state)).collect::<Vec<_>>();
        wait_for(&format!("it to be kept that it is {now}"), || {
            let kept = kept(&site);
            let at: Vec<Value> =
                kept["steps"].as_array().into_iter().flatten().map(|step| step["state"].clone()).collect();
            if at == states && !kept["armed"].is_null() { Ok(()) } else { Err(kept.to_string()) }
        });
        let at = |daemon: &Daemon<'_>| {
            let at = conversion(daemon, LEGACY);
            // What it waits for is told when the manager session is up again.
            at.as_object()
                .into_iter()
                .flatten()
                .filter(|(key, _)| *key != "next")
                .map(|(_, is)| is.clone())
                .collect::<Vec<_>>()
        };
        let before = at(&daemon);
        daemon.signal("KILL");
        drop(daemon);
        daemon = site.serve();
        assert_eq!(at(&daemon), before, "{now}");
    }
    assert_eq!(flash.and_then(|flash| flash.load().map(ToString::to_string)).as_deref(), Some(TO));
    daemon.stop();
}

/// Whatever the daemon's store holds, as bytes: the journal and the file itself.
pub(super) fn stored(site: &Site) -> String {
    let files = fs::read_dir(site.state()).unwrap().filter_map(Result::ok).map(|entry| entry.path());
    let files = files.filter(|path| path.is_file());
    files.map(|path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()).collect()
}

/// Boots a phone with this in its flash until it is through. Returns what is in its flash then.
fn boots(
    device: &Device,
    daemon: &Daemon<'_>,
    flash: Option<&Flash>,
    wish: impl Fn(usize, &mut Setup),
    through: impl Fn(&Outcome) -> bool,
) -> Flash {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let wish = |turn: usize, setup: &mut Setup| {
        if turn == 0 {
            setup.flash = flash.cloned();
        }
        wish(turn, setup);
    };
    let outcome = runtime.block_on(live(device, daemon, 1, wish, |_, outcome| through(outcome)));
    outcome.flash
}

/// The one conversion that the daemon's store holds.
fn kept(site: &Site) -> Value {
    let rows = run(Command::new("sqlite3").arg(site.state().join("offhook.db")).arg("select body from conversion"));
    serde_json::from_slice(&rows.stdout).unwrap_or_default()
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
