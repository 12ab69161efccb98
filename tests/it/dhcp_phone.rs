//! Scripted phones that ask for their address: real DHCP servers with our snippet give it, and the daemon the files.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Instant;

use offhook::simulate::dhcp::client::{Client, Event, Timing};
use offhook::simulate::dhcp::habits::habits;
use offhook::simulate::dhcp::link::{self, Configured, Link};
use offhook::simulate::{Flash, Model};
use serde_json::Value;

use crate::dhcp::{dnsmasq, dnsmasq_arguments, kea, kea_arguments, lines, started};
use crate::support::daemon::Site;
use crate::support::net::{self, Ends, apart, inside, ip};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, run, succeed, text, wait_for};

const HOST: &str = "192.0.2.1";

/// Model, MAC, state, what it calls itself, and a file that it gets or asks for.
const PHONES: [(&str, &str, &str, &str, &str); 3] = [
    ("7960", "000E84C060A6", "sip:P0S3-8-12-00", "Cisco Systems, Inc. IP Phone CP-7960G", "SIP000E84C060A6.cnf"),
    ("7945", "001B54AABB45", "factory", "Cisco Systems, Inc. IP Phone", "term45.default.loads"),
    (
        "7941G-GE",
        "001B54AABB41",
        "sip:SIP41.9-4-2SR3-1S",
        "Cisco Systems, Inc. IP Phone CP-7941G-GE",
        "SEP001B54AABB41.cnf.xml",
    ),
];

fn ready(server: &'static str) -> bool {
    let tools = ["unshare", "nsenter", "ip", "cat", server].map(Component::Program);
    have(&[&[Component::RawPackets], tools.as_slice()].concat())
}

/// The MAC with colons, as ip(8) takes it.
pub(crate) fn colons(mac: &str) -> String {
    mac.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into_owned()).collect::<Vec<_>>().join(":")
}

/// Starts a server and waits until it listens.
fn serving(host: u32, folder: &Path, configuration: &str, program: &str, arguments: &[String]) -> Ends {
    fs::write(folder.join("conf"), configuration).unwrap();
    let server = started(host, folder, program, arguments);
    wait_for("the DHCP server to listen", || {
        let sockets = succeed(&mut inside(host, "cat", &["/proc/self/net/udp"]));
        let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
        if sockets.contains(":0043 ") { Ok(()) } else { Err(log()) }
    });
    server
}

/// The phones come up one after the other, from their first DISCOVER on.
fn come_up(configuration: &str, program: &str, arguments: fn(&Path) -> Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let (at_host, at_phone) = (apart(), apart());
    let (host, phone) = (at_host.0.id(), at_phone.0.id());
    net::link(host, phone, &colons(PHONES[0].1));
    let _server = serving(host, folder.path(), configuration, program, &arguments(folder.path()));
    let pbx = Pbx::tables();
    pbx.add_extension("1001", "Ada", "CANARY1001");
    for (model, mac, ..) in PHONES {
        pbx.add_phone(mac, model, &["1001"]);
    }
    pbx.apply();
    let site = Site::new(&pbx);
    let toml = site.configuration().replace("127.0.0.0/8", "192.0.2.0/24");
    site.configure(&toml.replace("[tftp]\nlisten = [\"127.0.0.1:0\"]", "[tftp]\nlisten = [\"0.0.0.0:69\"]"));
    let line = format!("exec nsenter --net=/proc/{host}/ns/net \"$@\"");
    let daemon = site.serve_with(|command| *command = site.by_shell(&line));
    for (_, mac, ..) in PHONES {
        daemon.wait_for_phone(mac, "known", Value::is_object);
    }
    let program = env!("CARGO_BIN_EXE_offhook");
    for (model, mac, state, class, file) in PHONES {
        ip(phone, &[&format!("link set v1 address {}", colons(mac))]);
        let arguments =
            ["--json", "simulate", model, "--mac", mac, "--state", state, "--interface", "v1", "--configure"];
        let output = run(&mut inside(phone, program, &arguments));
        let played: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|why| {
            panic!("{model}: {why}: {}{}", text(&output.stdout), text(&output.stderr));
        });
        let steps = played["steps"].as_array().unwrap();
        let says = |what: &str| {
            let found = steps.iter().find(|step| step["what"].as_str().is_some_and(|said| said.contains(what)));
            found.unwrap_or_else(|| panic!("{model}: nothing says {what:?}: {played:#}"))
        };
        says(&format!("asks for an address on v1 as {class:?}"));
        says("192.0.2.1 offers 192.0.2.1");
        says("/24 of 192.0.2.1 for ");
        says(&format!("files at {HOST} (option 150)"));
        let asked = says(&format!("asked for {file}: "));
        // There is no firmware, and a phone without any asks for some.
        assert_eq!(asked["bytes"].as_u64().is_some(), state != "factory", "{model}: {asked}");
        let address = succeed(&mut inside(phone, "ip", &["-4", "address", "show", "dev", "v1"]));
        assert!(!address.contains("inet"), "{model}: the address stays behind: {address}");
    }
    // Each was seen with the address that it was given.
    let phone = daemon.phone(PHONES[0].1);
    assert!(phone["ip"].as_str().is_some_and(|ip| ip.starts_with("192.0.2.1")), "{phone}");
    daemon.stop();
}

#[test]
fn phones_come_up_with_kea() {
    if ready("kea-dhcp4") {
        come_up(&kea(&lines("kea", &[HOST])), "kea-dhcp4", kea_arguments);
    }
}

#[test]
fn phones_come_up_with_dnsmasq() {
    if ready("dnsmasq") {
        come_up(&dnsmasq(&lines("dnsmasq", &[HOST])), "dnsmasq", dnsmasq_arguments);
    }
}

/// A device that is not there, two ways at once, an address that nobody puts on the device.
#[test]
fn what_is_lacking_is_said() {
    if !ready("dnsmasq") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (at_host, at_phone) = (apart(), apart());
    let (host, phone) = (at_host.0.id(), at_phone.0.id());
    net::link(host, phone, "00:1b:54:aa:bb:42");
    let program = env!("CARGO_BIN_EXE_offhook");
    let state = ["simulate", "7942", "--mac", "001B54AABB42", "--state", "factory", "--interface"];
    let says = |more: &[&str], code: i32, what: &str| {
        let output = run(&mut inside(phone, program, &[&state, more].concat()));
        assert!(text(&output.stderr).contains(what), "{more:?}: {}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{more:?}");
    };
    says(&["v9"], 1, "could not listen on port 68 of v9");
    says(&["v1", "--server", HOST], 2, "--server");
    let configuration = dnsmasq(&lines("dnsmasq", &[HOST]));
    let _server = serving(host, folder.path(), &configuration, "dnsmasq", &dnsmasq_arguments(folder.path()));
    let output = run(&mut inside(phone, program, &[&["--json"][..], &state, &["v1"]].concat()));
    let played: Value = serde_json::from_slice(&output.stdout).unwrap();
    let summary = played["summary"].as_str().unwrap();
    assert!(played["ok"] == false && summary.contains("--configure"), "{played}");
    assert_eq!(played["steps"].as_array().map(Vec::len), Some(3), "{played}");
    says(&["v1"], 1, "does not have the address 192.0.2.1");
}

/// Renewed, asked of everybody, given back: a real server takes each. The address before is asked for first.
#[test]
fn a_lease_lives_and_ends() {
    if !ready("kea-dhcp4") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (at_host, at_phone) = (apart(), apart());
    let (host, phone) = (at_host.0.id(), at_phone.0.id());
    net::link(host, phone, &colons(PHONES[0].1));
    let arguments = kea_arguments(folder.path());
    let _server = serving(host, folder.path(), &kea(&lines("kea", &[HOST])), "kea-dhcp4", &arguments);
    net::within(phone, || {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(lives_and_ends());
    });
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("DHCP4_RELEASE "), "{log}");
}

async fn lives_and_ends() {
    let model: Model = PHONES[0].0.parse().unwrap();
    let (mac, flash) = (PHONES[0].1.parse().unwrap(), Flash::of(&model, &PHONES[0].2.parse().unwrap()));
    let phone =
        |last: Option<Ipv4Addr>| Client::new(habits(&model, &flash, mac), mac, Timing::default(), last, Instant::now());
    let link = Link::open("v1").unwrap();
    let mut client = phone(None);
    assert!(matches!(link.next(&mut client).await.unwrap(), Event::Offered { .. }));
    let Event::Bound(lease) = link.next(&mut client).await.unwrap() else { panic!("no lease") };
    // As when it is switched off and on.
    let mut client = phone(Some(lease.address));
    let Event::Bound(again) = link.next(&mut client).await.unwrap() else { panic!("not its old address") };
    assert_eq!(again.address, lease.address);
    let configured = Configured::put("v1", &again).unwrap();
    assert!(link::has("v1", lease.address));
    client.renew(Instant::now());
    assert!(matches!(link.next(&mut client).await.unwrap(), Event::Bound(_)));
    client.rebind(Instant::now());
    assert!(matches!(link.next(&mut client).await.unwrap(), Event::Bound(_)));
    client.release(Instant::now());
    assert_eq!(link.next(&mut client).await.unwrap(), Event::Released);
    drop(configured);
    assert!(!link::has("v1", lease.address));
    // What the server does with the release comes before what it says to the next question; it is declined at once.
    let mut client = phone(None);
    assert!(matches!(link.next(&mut client).await.unwrap(), Event::Offered { .. }));
    let Event::Bound(lease) = link.next(&mut client).await.unwrap() else { panic!("no lease") };
    client.decline(Instant::now());
    assert_eq!(link.next(&mut client).await.unwrap(), Event::Declined { address: lease.address });
    let Event::Offered { address, .. } = link.next(&mut client).await.unwrap() else { panic!("no offer") };
    assert_ne!(address, lease.address, "an address that was declined is offered again");
}
