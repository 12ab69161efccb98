//! The daemon as a time server, in a network of its own, asked by a real time client; and phones are told to ask it.

use std::process::Stdio;

use serde_json::Value;

use crate::support::daemon::{Daemon, Site};
use crate::support::net::{Ends, apart, inside, ip, link};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, run, succeed, wait_for};

fn ready() -> bool {
    let tools = ["unshare", "nsenter", "ip", "ntpdig", "curl", "perl"].map(Component::Program);
    have(&[&[Component::RawPackets], tools.as_slice()].concat())
}

/// The daemon as a time server on every address of a network.
fn site(pbx: &Pbx) -> Site {
    let site = Site::new(pbx);
    let toml = site.configuration().replace("127.0.0.0/8", "192.0.2.0/24").replace("\nntp = \"127.0.0.1\"", "");
    let toml = toml.replace("[http]\nlisten = [\"127.0.0.1:0\"]", "[http]\nlisten = [\"0.0.0.0:6970\"]");
    site.configure(&format!("{toml}\n[sntp]\nlisten = [\"0.0.0.0:123\"]\n"));
    site
}

fn serve(site: &Site, host: u32) -> Daemon<'_> {
    site.serve_with(|command| *command = site.by_shell(&format!("exec nsenter --net=/proc/{host}/ns/net \"$@\"")))
}

/// What a time client says of the server, asked once; `None` = it got no answer.
fn asked(phone: u32, server: &str) -> Option<Value> {
    let output = run(&mut inside(phone, "ntpdig", &["-j", "-t", "2", server]));
    serde_json::from_slice(&output.stdout).ok()
}

#[test]
fn phones_are_told_to_ask_here_and_are_answered() {
    if !ready() {
        return;
    }
    let (at_host, at_phone) = (apart(), apart());
    let (host, phone) = (at_host.0.id(), at_phone.0.id());
    link(host, phone, "00:1b:54:ce:00:0a");
    // A second address at either end: one that phones may ask too, and one that is no phone's.
    ip(host, &["address add 192.0.2.2/24 dev v0", "address add 198.51.100.1/24 dev v0"]);
    ip(phone, &["address add 192.0.2.60/24 dev v1", "address add 198.51.100.60/24 dev v1"]);
    let pbx = Pbx::tables();
    let site = site(&pbx);
    let daemon = serve(&site, host);
    for server in ["192.0.2.1", "192.0.2.2"] {
        let told = asked(phone, server).unwrap_or_else(|| panic!("{server} was silent\n{}", daemon.log()));
        assert_eq!(told["stratum"], 10, "{told}");
        assert!(told["offset"].as_f64().is_some_and(|ahead| ahead.abs() < 5.0), "{told}");
    }
    assert_eq!(asked(phone, "198.51.100.1"), None, "a stranger is told nothing");
    let file = succeed(&mut inside(phone, "curl", &["-sS", "http://192.0.2.1:6970/SIPDefault.cnf"]));
    assert!(file.contains("sntp_server: \"192.0.2.1\""), "{file}");
    daemon.stop();
}

/// F18: a port that another program holds keeps only the time back; it is told once the port is free.
#[test]
fn f18_the_port_of_the_time_is_held() {
    if !ready() {
        return;
    }
    let (at_host, at_phone) = (apart(), apart());
    let (host, phone) = (at_host.0.id(), at_phone.0.id());
    link(host, phone, "00:1b:54:ce:00:0b");
    ip(phone, &["address add 192.0.2.61/24 dev v1"]);
    let hold = "socket(S, AF_INET, SOCK_DGRAM, 0); bind(S, sockaddr_in(123, INADDR_ANY)) or die; sleep 600";
    let mut holder = inside(host, "perl", &["-MSocket", "-e", hold]);
    let holder = Ends(holder.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait_for("the port to be held", || {
        let sockets = succeed(&mut inside(host, "cat", &["/proc/self/net/udp"]));
        if sockets.contains("00000000:007B") { Ok(()) } else { Err(sockets) }
    });
    let pbx = Pbx::tables();
    let site = site(&pbx);
    let daemon = serve(&site, host);
    let checks = daemon.json(&["check"]).to_string();
    assert!(checks.contains("sntp.listen: 0.0.0.0:123 is held by perl"), "{checks}");
    assert_eq!(asked(phone, "192.0.2.1"), None);
    drop(holder);
    daemon.signal("HUP");
    wait_for("the time to be told", || asked(phone, "192.0.2.1").map(|_| ()).ok_or_else(|| daemon.log()));
    let checks = daemon.json(&["check"]);
    assert!(!checks.to_string().contains("sntp.listen"), "{checks}");
    daemon.stop();
}
