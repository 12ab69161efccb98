//! What `offhook dhcp snippet` prints, in the real servers that it is for, asked by a real client as a phone asks.

mod clients;
pub(crate) mod field;
mod floods;
mod kept;
mod late;
mod links;
mod networks;
mod phones;
mod rivals;
mod server;
mod weather;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::daemon::offhook;
use crate::support::net::{Ends, apart, inside, link};
use crate::support::{Component, have, run, text, wait_for};

const SERVERS: [&str; 2] = ["192.0.2.1", "192.0.2.9"];

/// The lines for a product, as a program gets them.
pub(crate) fn lines(product: &str, servers: &[&str]) -> String {
    let mut command = offhook(["--json", "dhcp", "snippet", "--for", product]);
    let output = run(command.args(servers.iter().flat_map(|server| ["--server", server])));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let snippet: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(snippet["verified"], true, "{snippet}");
    snippet["text"].as_str().unwrap().to_owned()
}

/// Starts a server with a subnet and those lines, and asks it for an address as a phone does. Returns what it said.
fn asked(configuration: &str, server: impl FnOnce(&Path) -> (&'static str, Vec<String>)) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("conf"), configuration).unwrap();
    let (at_host, at_phone) = (apart(), apart());
    let (host, phone) = (at_host.0.id(), at_phone.0.id());
    link(host, phone, "00:1b:54:ce:00:09");
    let (program, arguments) = server(folder.path());
    let _server = started(host, folder.path(), program, &arguments);
    fs::write(at("hook"), format!("#!/bin/sh\n[ \"$1\" = bound ] && env >{}\nexit 0\n", at("said").display())).unwrap();
    assert!(Command::new("chmod").arg("755").arg(at("hook")).status().unwrap().success());
    wait_for("an address", || {
        let class = "Cisco Systems, Inc. IP Phone CP-7942G";
        let hook = at("hook");
        let client =
            ["udhcpc", "-i", "v1", "-f", "-n", "-q", "-t", "3", "-T", "1", "-s", hook.to_str().unwrap(), "-V", class];
        let output = run(inside(phone, "busybox", &client).args(["-O", "66", "-O", "150", "-O", "serverid"]));
        let log = || text(&output.stderr) + &fs::read_to_string(at("log")).unwrap_or_default();
        fs::metadata(at("said")).map(|_| ()).map_err(|_| log())
    });
    let said = fs::read_to_string(at("said")).unwrap();
    said.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Starts a server in a network, with its log beside its configuration.
pub(crate) fn started(host: u32, folder: &Path, program: &str, arguments: &[String]) -> Ends {
    let log = fs::File::create(folder.join("log")).unwrap();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut server = inside(host, program, &arguments);
    server.env("KEA_PIDFILE_DIR", folder).env("KEA_LOCKFILE_DIR", folder);
    Ends(server.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
}

/// Kea on v0 with an address or ten to give.
pub(crate) fn kea(lines: &str) -> String {
    format!(
        "{{ \"Dhcp4\": {{
           \"interfaces-config\": {{ \"interfaces\": [ \"v0\" ] }},
           \"lease-database\": {{ \"type\": \"memfile\", \"persist\": false }},
           \"subnet4\": [ {{ \"subnet\": \"192.0.2.0/24\", \"pools\": [ {{ \"pool\": \"192.0.2.100 - 192.0.2.110\" }} ] }} ],
           {lines} }} }}"
    )
}

pub(crate) fn kea_arguments(folder: &Path) -> Vec<String> {
    vec!["-c".to_owned(), path(folder, "conf")]
}

/// dnsmasq, the same.
pub(crate) fn dnsmasq(lines: &str) -> String {
    format!("port=0\ninterface=v0\nbind-interfaces\ndhcp-range=192.0.2.100,192.0.2.110\nno-ping\n{lines}")
}

pub(crate) fn dnsmasq_arguments(folder: &Path) -> Vec<String> {
    let arguments = ["--keep-in-foreground", "--user=root", "--log-facility=-"];
    let own = [format!("--conf-file={}", path(folder, "conf")), format!("--dhcp-leasefile={}", path(folder, "leases"))];
    arguments.map(str::to_owned).into_iter().chain(own).collect()
}

fn assert_told(said: &[(String, String)]) {
    let value = |name: &str| said.iter().find(|(had, _)| had == name).map(|(_, value)| value.as_str());
    assert_eq!(value("opt150"), Some("c0000201c0000209"), "{said:#?}");
    assert_eq!(value("tftp"), Some(SERVERS[0]), "{said:#?}");
}

fn ready(server: &'static str) -> bool {
    let tools = ["unshare", "nsenter", "ip", "busybox", server].map(Component::Program);
    have(&[&[Component::RawPackets], tools.as_slice()].concat())
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

#[test]
fn kea_with_the_snippet_tells_phones() {
    if !ready("kea-dhcp4") {
        return;
    }
    let configuration = kea(&lines("kea", &SERVERS));
    let said = asked(&configuration, |folder| ("kea-dhcp4", kea_arguments(folder)));
    assert_told(&said);
    assert!(said.contains(&("siaddr".to_owned(), SERVERS[0].to_owned())), "{said:#?}");
}

#[test]
fn dnsmasq_with_the_snippet_tells_phones() {
    if !ready("dnsmasq") {
        return;
    }
    let configuration = dnsmasq(&lines("dnsmasq", &SERVERS));
    let said = asked(&configuration, |folder| ("dnsmasq", dnsmasq_arguments(folder)));
    assert_told(&said);
}

#[test]
fn isc_dhcp_with_the_snippet_tells_phones() {
    if !ready("dhcpd") {
        return;
    }
    let configuration = format!(
        "{}\nsubnet 192.0.2.0 netmask 255.255.255.0 {{ range 192.0.2.100 192.0.2.110; }}\n",
        lines("isc", &SERVERS)
    );
    let said = asked(&configuration, |folder| {
        fs::write(folder.join("leases"), "").unwrap();
        let arguments = [
            "-4",
            "-f",
            "-d",
            "-cf",
            &path(folder, "conf"),
            "-lf",
            &path(folder, "leases"),
            "-pf",
            &path(folder, "pid"),
            "v0",
        ];
        ("dhcpd", arguments.map(str::to_owned).into())
    });
    assert_told(&said);
    assert!(said.contains(&("siaddr".to_owned(), SERVERS[0].to_owned())), "{said:#?}");
}

/// For people: what is to be copied stands alone on its lines; a name that is none, an address that is none.
#[test]
fn a_snippet_as_people_see_it() {
    let output = run(&mut offhook(["dhcp", "snippet", "--for", "mikrotik", "--server", "192.168.1.1"]));
    let said = text(&output.stdout);
    assert!(
        output.status.success()
            && said.contains("\n/ip dhcp-server option add name=cisco-150 code=150 value=0xC0A80101\n")
    );
    for (arguments, says) in [
        (["--for", "nonsense", "--server", "192.168.1.1"], "dnsmasq"),
        (["--for", "kea", "--server", "0.0.0.0"], "no address that a phone can send to"),
        (["--for", "kea", "--server", "phones"], "phones"),
    ] {
        let [a, b, c, d] = arguments;
        let output = run(&mut offhook(["dhcp", "snippet", a, b, c, d]));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(text(&output.stderr).contains(says), "{arguments:?}: {output:?}");
    }
}
