//! What is promised first: a switch with nothing else, a daemon with a mode, an interface and a subnet, and phones out of the
//! box. Everything else is real, the registrar too; access is at its default.

use std::net::Ipv4Addr;
use std::thread;

use offhook::simulate::dhcp::link::Configured;
use serde_json::Value;

use super::field::{Caller, STUBBORN, bindings, ready, serve, site, subnet};
use crate::convert::{ARCHIVES, PLUG, bring};
use crate::dhcp_phone::colons;
use crate::support::asterisk::Asterisk;
use crate::support::daemon::Daemon;
use crate::support::net::{Ends, inside, ip, within};
use crate::support::pbx::Pbx;
use crate::support::switch::Switch;
use crate::support::{Component, run, text, wait_for};

/// Model, MAC, extension, what it runs in the end, its file.
const PHONES: [(&str, &str, &str, &str, &str); 3] = [
    ("7960", "000E84C060A6", "1001", "P0S3-8-12-00", "SIP000E84C060A6.cnf"),
    ("7945", "001B54AABB45", "1002", "SIP45.9-4-2SR3-1S", "SEP001B54AABB45.cnf.xml"),
    ("7941G-GE", "001B54AABB41", "1003", "SIP41.9-4-2SR3-1S", "SEP001B54AABB41.cnf.xml"),
];

/// Boots before a phone is given up: the first shows that it is there, then its way begins.
const BOOTS: usize = 20;

/// Plays a phone from its first DHCP packet on; what it said.
fn boot(phone: &Ends, model: &str, mac: &str, state: &str, last: Option<Ipv4Addr>) -> Value {
    let mut arguments = ["--json", "simulate", model, "--mac", mac, "--state", state].map(str::to_owned).to_vec();
    arguments.extend(["--interface", "v1", "--configure"].map(str::to_owned));
    arguments.extend(last.into_iter().flat_map(|last| ["--last-address".to_owned(), last.to_string()]));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = run(&mut inside(phone.0.id(), env!("CARGO_BIN_EXE_offhook"), &arguments));
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|why| panic!("{model}: {why}: {}{}", text(&output.stdout), text(&output.stderr)))
}

/// The address that it was given and where it was told that its files are.
fn told(played: &Value) -> (Ipv4Addr, String) {
    let steps = played["steps"].as_array().unwrap();
    let said = steps.iter().filter_map(|step| step["what"].as_str());
    let lease = said.clone().find(|said| said.contains(" files at ")).unwrap_or_else(|| panic!("{played:#}"));
    let address = lease.split_once('/').unwrap().0;
    (address.rsplit(' ').next().unwrap().parse().unwrap(), lease.to_owned())
}

/// All phones boot at once, each until it is registered. Returns the address of each.
fn come_up(phones: &[Ends], states: [&str; 3], last: [Option<Ipv4Addr>; 3]) -> [Ipv4Addr; 3] {
    thread::scope(|scope| {
        let boots = [0, 1, 2].map(|n| {
            let (phone, first, last) = (&phones[n], states[n], last[n]);
            scope.spawn(move || {
                let (model, mac, _, target, file) = PHONES[n];
                let mut state = first.to_owned();
                let mut said = Vec::new();
                for _ in 0..BOOTS {
                    let played = boot(phone, model, mac, &state, last);
                    let (address, lease) = told(&played);
                    assert!(lease.contains("files at 192.0.2.1 (option 150)"), "{model}: {lease}");
                    if played["ok"] == true {
                        // A Java phone out of the box says no release of what it took.
                        let runs = played["load"].as_str().unwrap();
                        assert!(runs == target || runs.starts_with("term"), "{played:#}");
                        let steps = played["steps"].as_array().unwrap();
                        let own = steps.iter().find(|step| step["file"] == file && step["bytes"].is_u64());
                        assert!(own.is_some(), "{model} has its own file: {played:#}");
                        return address;
                    }
                    if let Some(load) = played["load"].as_str() {
                        state = format!("sip:{load}");
                    }
                    said.push(played["summary"].to_string());
                    thread::sleep(PLUG);
                }
                panic!("{model} never got through: {said:#?}");
            })
        });
        boots.map(|boot| boot.join().unwrap())
    })
}

fn assert_registered(pbx: &Pbx, daemon: &Daemon<'_>, addresses: &[Ipv4Addr; 3]) {
    for ((_, mac, extension, ..), address) in PHONES.into_iter().zip(addresses) {
        let phone = daemon.wait_for_phone(mac, "registered from its lease", |phone| {
            phone["stage"] == "registered" && phone["ip"] == address.to_string()
        });
        assert_eq!((&phone["health"], &phone["lines"][0]["registered"]), (&"ok".into(), &true.into()), "{phone}");
        assert!(pbx.asterisk().has_contact(extension), "{mac}");
        assert_eq!(bindings(daemon).get(address).map(String::as_str), Some(mac));
    }
}

#[test]
fn phones_out_of_the_box_end_registered_on_a_bare_switch() {
    if !ready(&[Component::Asterisk]) {
        return;
    }
    let switch = Switch::new();
    let host = switch.host();
    let mut pbx = Pbx::tables();
    pbx.asterisk = Some(Asterisk::start_in(host.0.id()));
    for (model, mac, extension, ..) in PHONES {
        pbx.add_extension(extension, "Ada", &format!("CANARY{extension}"));
        pbx.add_phone(mac, model, &[extension]);
    }
    pbx.apply();
    let firmware =
        "[firmware]\nerased = { term45 = \"SIP45.9-4-2SR3-1S\", term41 = \"SIP41.9-4-2SR3-1S\" }\n".to_owned();
    let site = site(&pbx, &(firmware + &subnet("192.0.2.100-192.0.2.109")));
    let daemon = serve(&site, &host);
    wait_for("the PBX's phones", || {
        let phones = daemon.json(&["phones", "list"]).as_array().map_or(0, Vec::len);
        if phones == PHONES.len() { Ok(()) } else { Err(format!("{phones} phones")) }
    });
    bring(&daemon, site.folder(), ARCHIVES);
    // Whoever opens the box knows what is in it.
    for (state, phones) in [("loader", &[PHONES[0].1][..]), ("factory", &[PHONES[1].1, PHONES[2].1])] {
        let more = ["--running", state, "--accept-one-way"];
        let started = daemon.cli(&[&["convert", "start"], phones, &more].concat());
        assert!(started.status.success(), "{}{}", text(&started.stdout), text(&started.stderr));
    }
    let phones = PHONES.map(|(_, mac, ..)| switch.device(&colons(mac)));

    // As the box is opened.
    let first = come_up(&phones, ["factory"; 3], [None; 3]);
    let mut different = first.to_vec();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), 3, "{first:?}");
    assert_registered(&pbx, &daemon, &first);

    // A laptop beside them: no address, and from one of its own no file.
    let laptop = switch.device("02:00:5e:00:00:0b");
    ip(laptop.0.id(), &["address add 192.0.2.200/24 dev v1"]);
    for (.., file) in PHONES {
        let url = format!("tftp://192.0.2.1/{file}");
        let got = run(&mut inside(laptop.0.id(), "curl", &["-s", "--max-time", "5", &url]));
        assert!(!got.status.success() && got.stdout.is_empty(), "{file}: {}", text(&got.stdout));
    }

    // Switched off and on: each asks for the address that it had.
    let states = PHONES.map(|(_, _, _, load, _)| format!("sip:{load}"));
    let states = states.each_ref().map(String::as_str);
    assert_eq!(come_up(&phones, states, first.map(Some)), first);

    // The daemon ends and begins under a phone that holds its address, which renews it then.
    let daemon = within(phones[1].0.id(), || {
        let mut phone = Caller::new(PHONES[1].1, STUBBORN, Some(first[1]));
        let lease = phone.bound().unwrap();
        let _address = Configured::put("v1", &lease).unwrap();
        daemon.stop();
        let daemon = serve(&site, &host);
        assert_eq!(phone.renewed().map(|lease| lease.address), Ok(first[1]));
        daemon
    });
    assert_eq!(come_up(&phones, states, first.map(Some)), first, "after a restart");
    assert_registered(&pbx, &daemon, &first);
    daemon.stop();
}
