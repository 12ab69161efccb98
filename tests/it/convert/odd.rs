//! Phones that are not as others: units that refuse what their model takes, and those that go back to SCCP.

use std::collections::BTreeMap;

use offhook::simulate::firmware::archive::Form;
use offhook::simulate::{Ending, Flash, LoadId, Outcome, Setup};
use serde_json::Value;

use super::interlocks::{pbx, ready, site, stocked};
use super::{Device, bring, conversion, futures, live};
use crate::support::daemon::Daemon;
use crate::support::{text, wait_for};

/// What is brought beside the archives of all.
pub(super) const MORE: &[(&str, Form, &[&str])] = &[
    ("cmterm-7941_7961-sip.8-3-3", Form::Zip, &["SIP41.8-3-3S"]),
    ("cmterm-7945_7965-sip.8-3-3", Form::Zip, &["SIP45.8-3-3S"]),
    ("cmterm-7942_7962-sip.8-5-2", Form::Zip, &["SIP42.8-5-2S"]),
    ("cmterm-7942_7962-sip.9-4-2SR3-1", Form::Zip, &["SIP42.9-4-2SR3-1S"]),
    ("cmterm-7942_7962-sccp.9-4-2SR3-1", Form::Zip, &["SCCP42.9-4-2SR3-1S"]),
];

/// Boots phones at once: what is odd in each boot of each, and when it is through, as `of` says.
pub(super) fn live_all<T: Send>(
    devices: &[Device],
    daemon: &Daemon<'_>,
    wish: impl Fn(&Device, usize, &mut Setup) + Sync,
    through: impl Fn(&Device, usize, &Outcome) -> bool + Sync,
    of: impl Fn(Outcome) -> T + Sync,
) -> BTreeMap<&'static str, T> {
    let (wish, through, of) = (&wish, &through, &of);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let phones = (1..).zip(devices).map(|(last, device)| async move {
            let wish = |turn, setup: &mut Setup| wish(device, turn, setup);
            let outcome = live(device, daemon, last, wish, |turn, outcome| through(device, turn, outcome)).await;
            (device.mac, of(outcome))
        });
        futures(phones.collect()).await
    })
}

/// The loads of a phone's steps and what became of each.
pub(super) fn steps(conversion: &Value) -> Vec<(String, String)> {
    let word = |step: &Value, key: &str| step[key].as_str().unwrap_or_default().to_owned();
    let steps = conversion["steps"].as_array().cloned().unwrap_or_default();
    steps.iter().map(|step| (word(step, "to"), word(step, "state"))).collect()
}

pub(super) fn start(daemon: &Daemon<'_>, arguments: &[&str]) {
    let started = daemon.cli(&[&["convert", "start"], arguments].concat());
    assert!(started.status.success(), "{arguments:?}: {}{}", text(&started.stdout), text(&started.stderr));
}

pub(super) fn device(mac: &'static str, model: &'static str, state: &str, target: &'static str) -> Device {
    Device { mac, model, state: state.to_owned(), target }
}

/// The unit that refuses everything.
const REFUSES_ALL: &str = "001B54CE0101";

/// Units that refuse what their model takes go by the loads that such units were seen to take, each tried once; one that
/// refuses all of them needs hands and is offered nothing more, and keeps nobody else waiting.
#[test]
fn units_that_refuse_loads() {
    if !ready() {
        return;
    }
    let old = "P00305000500";
    // A unit that refuses a release of this name refuses the term file of all of that release, and only those named loads.
    let [nine, eight_five, eight_three] = ["SIP45.9-4-2SR1-1S", "SIP45.8-5-2SR1S", "SIP45.8-3-3S"];
    let devices = [
        device("00087D0A0101", "7960", &format!("sccp:{old}"), "P0S3-8-12-00"),
        device(REFUSES_ALL, "7965", "sccp:SCCP45.8-2-1S", "SIP45.9-4-2SR3-1S"),
        device("001B54CE0102", "7965", "sccp:SCCP45.8-2-1S", "SIP45.9-4-2SR3-1S"),
        device("001B54CE0103", "7941", "sccp:SCCP41.8-2-1S", "SIP41.9-4-2SR3-1S"),
        device("001B54CE0104", "7942", "sccp:SCCP42.8-2-1S", "SIP42.9-4-2SR3-1S"),
    ];
    let rejects: BTreeMap<&str, Vec<&str>> = [
        ("00087D0A0101", offhook::simulate::flash::steps::REJECTED_BY_SOME.to_vec()),
        (REFUSES_ALL, vec![nine, eight_five, eight_three]),
        ("001B54CE0102", vec![nine, eight_five]),
        ("001B54CE0103", vec!["SIP41.9-4-2SR1-1S"]),
        ("001B54CE0104", vec!["SIP42.9-4-2SR1-1S"]),
    ]
    .into();
    let pbx = pbx(&devices);
    let site = site(&pbx);
    let daemon = site.serve();
    stocked(&daemon, &site, devices.len());
    bring(&daemon, site.folder(), MORE);
    // Each shows itself once: a phone that was reset says no name, and is known by where it is.
    live_all(&devices, &daemon, |_, _, _| {}, |_, _, _| true, drop);
    let others: Vec<&str> = devices.iter().skip(1).map(|device| device.mac).collect();
    start(&daemon, &others);
    start(&daemon, &["00087D0A0101", "--running", old]);

    let odd = |device: &Device, turn: usize, setup: &mut Setup| {
        if turn == 0 && device.model != "7960" {
            setup.flash = Some(Flash::Java { app: None });
        }
        setup.rejects = rejects[device.mac].iter().map(|load| LoadId::new(load)).collect();
    };
    let through = |device: &Device, _: usize, outcome: &Outcome| {
        let at = conversion(&daemon, device.mac);
        // Between two ways it has failed for a moment.
        let all_tried = device.mac == REFUSES_ALL && at["steps"][2]["state"] == "failed";
        all_tried || at["state"] == "verified" && outcome.ending == Ending::Registered
    };
    let ends = live_all(&devices, &daemon, odd, through, |outcome| (outcome.ending, outcome.load));
    let by_way = |mac: &str, loads: &[(&str, &str)]| {
        let loads: Vec<(String, String)> = loads.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        assert_eq!(steps(&conversion(&daemon, mac)), loads, "{mac}");
    };
    let (skipped, verified) = ("skipped", "verified");
    by_way("00087D0A0101", &[("P00308000900", skipped), ("P00308000400", verified), ("P0S3-8-12-00", verified)]);
    let [nine, eight_five, eight_three] = ["SIP45.9-4-2SR3-1S", "SIP45.8-5-2S", "SIP45.8-3-3S"];
    by_way("001B54CE0102", &[(nine, skipped), (eight_five, skipped), (eight_three, verified), (nine, verified)]);
    for (mac, family) in [("001B54CE0103", "41"), ("001B54CE0104", "42")] {
        let [eight, nine] = ["8-5-2S", "9-4-2SR3-1S"].map(|release| format!("SIP{family}.{release}"));
        by_way(mac, &[(&nine, skipped), (&eight, verified), (&nine, verified)]);
    }
    for device in devices.iter().filter(|device| device.mac != REFUSES_ALL) {
        assert_eq!(ends[device.mac], (Ending::Registered, Some(device.target.to_owned())), "{}", device.mac);
    }

    // All three were tried, once each; the last is where it stands, and what comes next is a person's to do.
    let all = [(nine, skipped), (eight_five, skipped), (eight_three, "failed"), (nine, "todo")];
    wait_for("no other way to be left", || {
        let at = conversion(&daemon, REFUSES_ALL);
        if at["state"] == "failed" { Ok(()) } else { Err(at.to_string()) }
    });
    by_way(REFUSES_ALL, &all);
    let refused = conversion(&daemon, REFUSES_ALL);
    let keys = "123456789*0#";
    assert_eq!(refused["reason"], "manifest-refused");
    assert!(refused["next"].as_str().unwrap().contains(keys), "{refused}");
    let phone = daemon.wait_for_phone(REFUSES_ALL, "in need of hands", |phone| phone["health"] == "needs-hands");
    assert_eq!(phone["reason"], "manifest-refused");
    for command in [["convert", "status"].as_slice(), &["explain", REFUSES_ALL], &["phones", "show", REFUSES_ALL]] {
        let said = text(&daemon.cli(command).stdout);
        assert!(said.contains("needs-hands") || said.contains(keys), "{command:?}: {said}");
    }
    let refuser = devices.iter().find(|device| device.mac == REFUSES_ALL).unwrap();
    let once = live_all(std::slice::from_ref(refuser), &daemon, odd, |_, turn, _| turn == 1, |outcome| outcome.ending);
    assert_eq!(once[REFUSES_ALL], Ending::NotServed { file: "term65.default.loads".to_owned() });
    by_way(REFUSES_ALL, &all);
    daemon.stop();
}

/// SCCP is a target like any other. No registration comes of it: a phone that took everything, came back and asked for no
/// more runs it. What it runs then it is left on.
#[test]
fn back_to_sccp() {
    if !ready() {
        return;
    }
    let devices = [
        device("00087D0A0201", "7960", "sip:P0S3-8-12-00", "P00308000900"),
        device("001B54CE0201", "7942", "sip:SIP42.9-4-2SR3-1S", "SCCP42.9-4-2SR3-1S"),
    ];
    let pbx = pbx(&devices);
    let site = site(&pbx);
    let daemon = site.serve();
    stocked(&daemon, &site, devices.len());
    bring(&daemon, site.folder(), MORE);
    let plain = |_: &Device, _: usize, _: &mut Setup| {};
    live_all(&devices, &daemon, plain, |_, _, outcome| outcome.ending == Ending::Registered, drop);
    for device in &devices {
        start(&daemon, &[device.mac, "--to", device.target]);
    }
    let there = |device: &Device, _: usize, _: &Outcome| conversion(&daemon, device.mac)["state"] == "verified";
    let ends = live_all(&devices, &daemon, plain, there, |outcome| outcome.flash);
    for device in &devices {
        assert_eq!(ends[device.mac].load().map(LoadId::as_str), Some(device.target), "{}", device.mac);
    }
    let on = |device: &Device, turn: usize, setup: &mut Setup| {
        if turn == 0 {
            setup.flash = Some(ends[device.mac].clone());
        }
    };
    let stay = live_all(&devices, &daemon, on, |_, turn, _| turn == 2, |outcome| outcome.ending);
    for device in &devices {
        assert_eq!(stay[device.mac], Ending::StaysOnLoad { load: device.target.to_owned() }, "{}", device.mac);
    }
    daemon.stop();
}

/// Two phones with one MAC, one of them on its way: the other is taken nowhere, the health says what is wrong, and the
/// first gets through.
#[test]
fn two_phones_with_one_mac() {
    if !ready() {
        return;
    }
    let mac = "00087D0A0301";
    let devices = [device(mac, "7960", "sccp:P00308000900", "P0S3-8-12-00")];
    let old = device(mac, "7960", "sccp:P00303010102", "");
    let pbx = pbx(&devices);
    let site = site(&pbx);
    let daemon = site.serve();
    stocked(&daemon, &site, 1);
    live_all(&devices, &daemon, |_, _, _| {}, |_, _, _| true, drop);
    start(&daemon, &[mac, "--running", "P00308000900"]);
    wait_for("its turn", || if conversion(&daemon, mac)["armed"] == true { Ok(()) } else { Err("not yet".to_owned()) });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (one, other) = runtime.block_on(async {
        let registered = |_: usize, outcome: &Outcome| {
            outcome.ending == Ending::Registered && conversion(&daemon, mac)["state"] == "verified"
        };
        tokio::join!(
            live(&devices[0], &daemon, 1, |_, _| {}, registered),
            live(
                &old,
                &daemon,
                2,
                |_, _| {},
                |turn, outcome| {
                    assert_eq!(outcome.load.as_deref(), Some("P00303010102"), "{}", outcome.sentence());
                    turn == 8
                }
            )
        )
    });
    assert_eq!(one.load.as_deref(), Some("P0S3-8-12-00"));
    assert_eq!(other.load.as_deref(), Some("P00303010102"));
    let said = daemon.json(&["explain", mac]).to_string();
    assert!(said.contains("mac-twice") && said.contains("127.0.7."), "{said}");
    daemon.stop();
}

/// A 7941 is offered its step, and then a 7942 is in its place, in the PBX too: nothing of the 7941's is offered to it.
#[test]
fn another_model_in_its_place() {
    if !ready() {
        return;
    }
    let mac = "001B54CE0301";
    let devices = [device(mac, "7941", "sccp:SCCP41.8-2-1S", "SIP41.9-4-2SR3-1S")];
    let pbx = pbx(&devices);
    let site = site(&pbx);
    let daemon = site.serve();
    stocked(&daemon, &site, 1);
    bring(&daemon, site.folder(), MORE);
    live_all(&devices, &daemon, |_, _, _| {}, |_, _, _| true, drop);
    start(&daemon, &[mac, "--running", "SCCP41.8-2-1S"]);
    daemon.wait_for_file(&format!("SEP{mac}.cnf.xml"), "an offer", |file| file.contains("SIP41.8-5-2S"));
    assert_eq!(conversion(&daemon, mac)["state"], "offered");
    pbx.remove_phone(mac);
    pbx.add_phone(mac, "7942", &["1000"]);
    pbx.apply();
    let devices = [device(mac, "7942", "sccp:SCCP42.8-2-1S", "SIP42.9-4-2SR3-1S")];
    wait_for("the way to be made anew", || {
        let at = conversion(&daemon, mac);
        if at["model"] == "7942" { Ok(()) } else { Err(at.to_string()) }
    });
    let through = |_: &Device, _: usize, outcome: &Outcome| {
        outcome.ending == Ending::Registered && conversion(&daemon, mac)["state"] == "verified"
    };
    let ends = live_all(&devices, &daemon, |_, _, _| {}, through, |outcome| outcome.load);
    assert_eq!(ends[mac].as_deref(), Some("SIP42.9-4-2SR3-1S"));
    let ways = steps(&conversion(&daemon, mac));
    assert_eq!(ways, ["SIP42.8-5-2S", "SIP42.9-4-2SR3-1S"].map(|load| (load.to_owned(), "verified".to_owned())));
    daemon.stop();
}
