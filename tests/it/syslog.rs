//! The daemon as a syslog receiver, in a network of its own: real senders write to it from phones' addresses and from others.

use std::fmt::Write as _;
use std::fs;
use std::process::Stdio;

use serde_json::Value;

use crate::support::daemon::{Daemon, Site};
use crate::support::net::{Ends, apart, inside, ip, link};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, run, succeed, wait_for};

const MAC: &str = "001B54CE0A01";
const OTHER: &str = "001B54CE0A02";

fn ready(program: &'static str) -> bool {
    let tools = ["unshare", "nsenter", "ip", "curl", program].map(Component::Program);
    have(&[&[Component::RawPackets], tools.as_slice()].concat())
}

fn site(pbx: &Pbx) -> Site {
    let site = Site::new(pbx);
    let toml = site.configuration().replace("127.0.0.0/8", "192.0.2.0/24");
    let toml = toml.replace("[http]\nlisten = [\"127.0.0.1:0\"]", "[http]\nlisten = [\"0.0.0.0:6970\"]");
    site.configure(&format!("{toml}\n[syslog]\nlisten = [\"0.0.0.0:514\"]\n"));
    site
}

/// The daemon at 192.0.2.1, and behind a link a host with two phones' addresses and one of another network.
struct Stage {
    host: Ends,
    phone: Ends,
}

impl Stage {
    fn new() -> Self {
        let (host, phone) = (apart(), apart());
        link(host.0.id(), phone.0.id(), "00:1b:54:ce:0a:01");
        ip(host.0.id(), &["address add 198.51.100.1/24 dev v0"]);
        let addresses = ["192.0.2.61/24", "192.0.2.62/24", "192.0.2.63/24", "198.51.100.61/24"];
        for address in addresses {
            ip(phone.0.id(), &[&format!("address add {address} dev v1")]);
        }
        Self { host, phone }
    }

    fn serve<'a>(&self, site: &'a Site) -> Daemon<'a> {
        let net = format!("exec nsenter --net=/proc/{}/ns/net \"$@\"", self.host.0.id());
        site.serve_with(|command| *command = site.by_shell(&net))
    }

    /// A phone asks for its file from an address.
    fn asks(&self, from: &str, mac: &str) -> String {
        let url = format!("http://192.0.2.1:6970/SEP{mac}.cnf.xml");
        let curl = ["-sS", "--interface", from, "-o", "/dev/null", "-w", "%{http_code}", &url];
        succeed(&mut inside(self.phone.0.id(), "curl", &curl))
    }

    /// Writes lines from an address by logger(1).
    fn log(&self, from: &str, how: &[&str], lines: &str) {
        // logger cannot choose the address that it writes from.
        let route = format!("route replace 192.0.2.1 dev v1 src {from}");
        ip(self.phone.0.id(), &[&route]);
        let mut command = inside(self.phone.0.id(), "logger", &["-d", "-n", "192.0.2.1", "-P", "514"]);
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), lines).unwrap();
        succeed(command.args(how).arg("-f").arg(file.path()));
    }
}

/// What a phone is shown to have said: severity and text.
fn said(daemon: &Daemon<'_>, mac: &str) -> Vec<(String, String)> {
    let events = daemon.json(&["phones", "timeline", mac]);
    let events = events.as_array().unwrap().iter().filter(|event| event["kind"] == "syslog");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    events.map(|event| (text(&event["data"]["severity"]), text(&event["data"]["text"]))).collect()
}

fn wait_for_line(daemon: &Daemon<'_>, mac: &str, line: &str) {
    wait_for(&format!("{mac} to have said {line}"), || {
        let all = said(daemon, mac);
        if all.iter().any(|(_, text)| text.contains(line)) { Ok(()) } else { Err(format!("{all:?}")) }
    });
}

#[test]
fn what_phones_say_is_in_their_timelines_by_address_and_not_by_name() {
    if !ready("logger") {
        return;
    }
    let stage = Stage::new();
    let pbx = Pbx::tables();
    let site = site(&pbx);
    let daemon = stage.serve(&site);
    for (from, mac) in [("192.0.2.61", MAC), ("192.0.2.62", OTHER)] {
        stage.asks(from, mac);
    }
    stage.log("192.0.2.61", &["--rfc3164", "-t", "tftp", "-p", "user.err"], "timeout of SIP.cnf");
    stage.log("192.0.2.61", &["--rfc5424", "-t", "sip", "-p", "local0.warning"], "register timed out");
    // In the other's name.
    stage.log("192.0.2.62", &["--rfc5424", "-t", &format!("SEP{MAC}"), "-p", "user.crit"], "\u{1b}[2J I am the first");
    // From where no phone is known, and from another network.
    for from in ["192.0.2.63", "198.51.100.61"] {
        stage.log(from, &["--rfc5424", "-t", "x"], &format!("SEP{MAC} says nothing"));
    }
    // Of one sender after the other, the last line is the last.
    stage.log("192.0.2.61", &["--rfc3164", "-t", "end"], "of it");
    wait_for_line(&daemon, MAC, "end: of it");
    let first: Vec<(String, String)> = said(&daemon, MAC);
    let expected =
        [("error", "tftp: timeout of SIP.cnf"), ("warning", "sip: register timed out"), ("notice", "end: of it")];
    assert_eq!(first, expected.map(|(severity, text)| (severity.to_owned(), text.to_owned())), "{}", daemon.log());
    let second = said(&daemon, OTHER);
    assert_eq!(second, [("critical".to_owned(), format!("SEP{MAC}: \\x1b[2J I am the first"))]);
    let phones = daemon.json(&["phones", "list"]).to_string();
    assert!(!phones.contains("192.0.2.63"), "{phones}");
    daemon.stop();
}

/// A flood by one phone costs neither another's line nor a file, and is folded.
#[test]
fn a_flood_of_lines_is_bounded() {
    if !ready("logger") {
        return;
    }
    let stage = Stage::new();
    let pbx = Pbx::tables();
    let site = site(&pbx);
    let daemon = stage.serve(&site);
    for (from, mac) in [("192.0.2.61", MAC), ("192.0.2.62", OTHER)] {
        stage.asks(from, mac);
    }
    let mut lines = String::new();
    for n in 0..3_000 {
        writeln!(lines, "<15>line {n}").unwrap();
    }
    stage.log("192.0.2.61", &["--rfc3164", "--prio-prefix", "-t", "flood"], &lines);
    assert_eq!(stage.asks("192.0.2.62", OTHER), "404", "it is answered");
    // A datagram that came while the kernel had no room is lost, as on a wire.
    wait_for("the other phone to be heard", || {
        stage.log("192.0.2.62", &["--rfc3164", "-t", "calm"], "heard all the same");
        let all = said(&daemon, OTHER);
        if all.iter().any(|(_, text)| text == "calm: heard all the same") { Ok(()) } else { Err(format!("{all:?}")) }
    });
    let kept = said(&daemon, MAC);
    assert!((1..=40).contains(&kept.len()) && kept[0] == ("debug".to_owned(), "flood: line 0".to_owned()), "{kept:?}");
    // What it asked for is still there.
    let events = daemon.json(&["phones", "timeline", MAC]);
    assert!(events.as_array().unwrap().iter().any(|event| event["kind"] == "file-asked"), "{events}");
    daemon.stop();
}

/// By way of rsyslog, whose address it then is: lines of the collector's own host, where a phone is known there.
#[test]
fn rsyslog_is_understood() {
    if !ready("rsyslogd") || !ready("logger") {
        return;
    }
    let stage = Stage::new();
    let pbx = Pbx::tables();
    let site = site(&pbx);
    let daemon = stage.serve(&site);
    stage.asks("192.0.2.61", MAC);
    ip(stage.phone.0.id(), &["route replace 192.0.2.1 dev v1 src 192.0.2.61"]);
    let home = site.folder().display();
    let configuration = site.folder().join("rsyslog.conf");
    let forward = |form: &str| {
        format!("action(type=\"omfwd\" target=\"192.0.2.1\" port=\"514\" protocol=\"udp\" template=\"{form}\")")
    };
    let forms =
        ["RSYSLOG_TraditionalForwardFormat", "RSYSLOG_ForwardFormat", "RSYSLOG_SyslogProtocol23Format"].map(forward);
    fs::write(
        &configuration,
        format!("global(workDirectory=\"{home}\")\nmodule(load=\"imuxsock\" SysSock.Use=\"off\")\ninput(type=\"imuxsock\" Socket=\"{home}/log\")\n{}\n", forms.join("\n")),
    )
    .unwrap();
    let arguments = ["-n", "-f", configuration.to_str().unwrap(), "-i", "NONE"];
    let mut command = inside(stage.phone.0.id(), "rsyslogd", &arguments);
    let _sender = Ends(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let socket = format!("{home}/log");
    wait_for("rsyslog to take lines", || {
        let written =
            run(&mut inside(stage.phone.0.id(), "logger", &["-u", &socket, "-t", "app", "-p", "user.info", "hello"]));
        if !written.status.success() {
            return Err(format!("{written:?}"));
        }
        let all = said(&daemon, MAC);
        if all.is_empty() { Err(daemon.log()) } else { Ok(()) }
    });
    // In each of its three forms it is the same line, which is told once.
    for (severity, text) in said(&daemon, MAC) {
        assert_eq!((severity.as_str(), text.as_str()), ("informational", "app: hello"), "{}", daemon.log());
    }
    daemon.stop();
}
