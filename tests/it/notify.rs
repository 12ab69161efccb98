//! `phones resync`, `restart`, `reset`: what a foreign user agent gets, by Asterisk or by the daemon itself.

use serde_json::Value;

use crate::support::agent::{Agent, body, header};
use crate::support::clients::scripted;
use crate::support::daemon::{Daemon, Site};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, run, text, wait_for};

const LEGACY: &str = "00087D0F0001";
const OTHER: &str = "00087D0F0002";
const JAVA: &str = "001B54AADD01";
const STRICT: &str = "001B54AADD02";
const NOWHERE: &str = "00087D0F0009";

/// A PBX with those phones, and a site over it on which Java phones speak UDP.
fn site(pbx: &Pbx) -> Site {
    for (extension, mac, model) in [
        ("1001", LEGACY, "7960"),
        ("1002", OTHER, "7940"),
        ("1003", JAVA, "7942"),
        ("1004", STRICT, "7975"),
        ("1005", NOWHERE, "7960"),
    ] {
        pbx.add_extension(extension, "Ada Lovelace", &format!("CANARY{extension}"));
        pbx.add_phone(mac, model, &[extension]);
    }
    pbx.apply();
    let site = Site::new(pbx);
    site.configure(&site.configuration().replace("[pbx]\n", "[pbx]\ntransport = \"udp\"\n"));
    site
}

fn agent(pbx: &Pbx, daemon: &Daemon<'_>, extension: &str, mac: &str, notify: &str) -> Agent {
    let agent = Agent::register(pbx.asterisk().sip_port, extension, &format!("CANARY{extension}"), notify);
    daemon.wait_for_phone(mac, "registered", |phone| phone["stage"] == "registered");
    agent
}

/// The value of `sync` in the phone's file, and of `SYNC` in what it asks after `check-sync`.
fn sync(daemon: &Daemon<'_>, agent: &Agent, mac: &str) -> (String, String) {
    let fetch = |name: &str| {
        let got = scripted(agent.address, daemon.tftp, name, &offhook::simulate::Timing::default());
        text(&got.unwrap_or_else(|why| panic!("{name}: {why}")))
    };
    let info = fetch("syncinfo.xml");
    let document = roxmltree::Document::parse(&info).unwrap();
    let image = document.descendants().find(|node| node.has_tag_name("IMAGE")).expect("an IMAGE");
    assert_eq!(image.attribute("VERSION"), Some("*"));
    let wanted = image.attribute("SYNC").expect("SYNC").to_owned();
    let file = fetch(&format!("SIP{mac}.cnf"));
    let own = file.lines().find_map(|line| line.strip_prefix("sync:")).expect("sync").trim().to_owned();
    (own, wanted)
}

#[test]
fn a_7960_reads_its_files_again_when_they_say_something_new_or_it_must() {
    if !have(&[Component::MariaDb, Component::Asterisk, Component::Program("sipp"), Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::real();
    let site = site(&pbx);
    let daemon = site.serve();
    let first = agent(&pbx, &daemon, "1001", LEGACY, "200 OK");
    let second = agent(&pbx, &daemon, "1002", OTHER, "200 OK");

    let said = daemon.cli(&["phones", "resync", "00:08:7d:0f:00:01"]);
    assert!(said.status.success(), "{}", text(&said.stderr));
    let notify = first.notify(0);
    assert_eq!(header(&notify, "Event"), "check-sync");
    assert_eq!(body(&notify).trim(), "");
    let (own, wanted) = sync(&daemon, &first, LEGACY);
    assert_eq!(own, wanted, "nothing changed since it booted: it stays up");
    pbx.set_secret("1001", "CANARYother");
    pbx.apply();
    wait_for("syncinfo.xml to say that its file says something new", || {
        let (_, wanted) = sync(&daemon, &first, LEGACY);
        if wanted == own { Err(wanted) } else { Ok(()) }
    });

    let again = daemon.cli(&["phones", "restart", LEGACY]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("give it 30 s"), "{}", text(&again.stderr));

    let said = daemon.cli(&["phones", "restart", OTHER]);
    assert!(said.status.success(), "{}", text(&said.stderr));
    assert_eq!(header(&second.notify(0), "Event"), "check-sync");
    let (own, wanted) = sync(&daemon, &second, OTHER);
    assert_ne!(own, wanted, "told to restart, it does though nothing changed");
    let (own, wanted) = sync(&daemon, &second, OTHER);
    assert_eq!(own, wanted, "once: it came for its file");
    assert_eq!((first.notifies().len(), second.notifies().len()), (1, 1));
    let timeline = daemon.json(&["phones", "timeline", OTHER]);
    let told = timeline.as_array().unwrap().iter().find(|event| event["kind"] == "told").expect("in the timeline");
    assert!(told["summary"].as_str().unwrap().contains("restart"), "{told}");
    daemon.stop();
}

#[test]
fn a_java_phone_is_told_by_the_daemon_itself() {
    if !have(&[Component::MariaDb, Component::Asterisk, Component::Program("sipp"), Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::real();
    let site = site(&pbx);
    let daemon = site.serve();
    let phone = agent(&pbx, &daemon, "1003", JAVA, "200 OK");
    let strict = agent(&pbx, &daemon, "1004", STRICT, "400 Bad Request");

    let outcomes = daemon.json(&["phones", "reset", JAVA, NOWHERE]);
    assert_eq!(outcomes[0]["mac"], NOWHERE);
    assert_eq!((&outcomes[0]["done"], &outcomes[1]["done"]), (&Value::Bool(false), &Value::Bool(true)), "{outcomes}");
    let notify = phone.notify(0);
    assert_eq!(header(&notify, "Event"), "service-control");
    assert_eq!(header(&notify, "Subscription-State"), "active");
    assert!(!header(&notify, "From").contains('@'), "a From with a user part: {notify}");
    let lines: Vec<&str> = body(&notify).split_terminator("\r\n").collect();
    assert_eq!(lines[0], "action=reset");
    assert_eq!(lines[1], format!("RegisterCallId={{{}}}", phone.call_id()));
    assert!(outcomes[1]["summary"].as_str().unwrap().contains("the phone said OK"), "{outcomes}");
    assert!(outcomes[0]["summary"].as_str().unwrap().contains("none of its lines is registered"), "{outcomes}");

    let said = daemon.cli(&["phones", "restart", STRICT, NOWHERE]);
    assert_eq!(said.status.code(), Some(3), "one of two");
    assert!(text(&said.stdout).contains("answered 400 Bad Request to service-control, so check-sync"), "{said:?}");
    assert_eq!(header(&strict.notify(0), "Event"), "service-control");
    assert!(body(&strict.notify(0)).starts_with("action=restart\r\n"));
    assert_eq!(header(&strict.notify(1), "Event"), "check-sync");
    daemon.stop();
}

#[test]
fn never_during_a_call() {
    if !have(&[Component::MariaDb, Component::Asterisk, Component::Program("sipp"), Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::real();
    let site = site(&pbx);
    let daemon = site.serve();
    let phone = agent(&pbx, &daemon, "1003", JAVA, "200 OK");
    pbx.asterisk().call("PJSIP/1003");
    wait_for("1003 to ring", || {
        let channels = pbx.asterisk().cli("core show channels concise");
        if channels.contains("Ringing") { Ok(()) } else { Err(channels) }
    });
    for verb in ["resync", "restart", "reset"] {
        let said = daemon.cli(&["phones", verb, JAVA]);
        assert_eq!(said.status.code(), Some(1), "{verb}");
        assert!(text(&said.stderr).contains("it is in a call (PJSIP/1003: Ring"), "{}", text(&said.stderr));
    }
    assert_eq!(phone.notifies(), [""; 0]);
    let timeline = daemon.json(&["phones", "timeline", JAVA]);
    let told: Vec<&Value> = timeline.as_array().unwrap().iter().filter(|event| event["kind"] == "told").collect();
    assert_eq!(told.len(), 3, "{timeline}");
    assert!(told[0]["summary"].as_str().unwrap().starts_with("not told to resync: it is in a call"), "{timeline}");
    pbx.asterisk().cli("channel request hangup all");
    wait_for("the call's end", || {
        let channels = pbx.asterisk().cli("core show channels concise");
        if channels.trim().is_empty() { Ok(()) } else { Err(channels) }
    });
    let said = daemon.cli(&["phones", "resync", JAVA]);
    assert!(said.status.success(), "{}", text(&said.stderr));
    phone.notify(0);
    pbx.asterisk().down();
    wait_for("the manager to be away", || {
        let said = daemon.cli(&["phones", "resync", NOWHERE]);
        let said = text(&said.stderr);
        if said.contains("manager interface is away") { Ok(()) } else { Err(said) }
    });
    daemon.stop();
}

/// What the PBX's own pages ask on: what they show and do, and nothing that holds a secret.
#[test]
fn the_socket_of_the_pbx_has_no_secret() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::tables();
    pbx.add_extension("1001", "Ada Lovelace", "CANARY1001");
    pbx.add_phone(LEGACY, "7960", &["1001"]);
    pbx.apply();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    daemon.wait_for_file(&format!("SIP{LEGACY}.cnf"), "given its line", |file| file.contains("CANARY1001"));
    let ask = |socket: &str, method: &str, path: &str| {
        let mut curl = std::process::Command::new("curl");
        curl.args(["-sS", "-o", "-", "-w", "\n%{http_code}", "-X", method, "--unix-socket"]);
        let output = run(curl.arg(site.folder().join(socket)).arg(format!("http://offhook{path}")));
        let said = text(&output.stdout);
        let (body, code) = said.rsplit_once('\n').expect("a code");
        (code.to_owned(), body.to_owned())
    };
    let file = format!("/api/v1/phones/{LEGACY}/files/SIP{LEGACY}.cnf?reveal=true");
    assert_eq!(ask("api.sock", "GET", &file).0, "200", "it is there to be asked");
    for (method, path, code) in [
        ("GET", "/api/v1/phones", "200"),
        ("GET", &*format!("/api/v1/phones/{LEGACY}"), "200"),
        ("GET", &format!("/api/v1/phones/{LEGACY}/findings"), "200"),
        ("GET", &format!("/api/v1/phones/{LEGACY}/timeline"), "200"),
        ("GET", "/api/v1/check", "200"),
        ("POST", &format!("/api/v1/phones/{LEGACY}/restart"), "409"),
        ("POST", &format!("/api/v1/phones/{LEGACY}/explode"), "404"),
        ("POST", "/api/v1/phones/00087D0F0ABC/restart", "404"),
        ("POST", "/api/v1/phones/nonsense/restart", "400"),
        ("GET", &file, "404"),
        ("GET", &format!("/api/v1/phones/{LEGACY}/files"), "405"),
        ("POST", "/api/v1/phones", "405"),
        ("DELETE", &format!("/api/v1/phones/{LEGACY}"), "405"),
    ] {
        let (got, body) = ask("pbx.sock", method, path);
        assert_eq!(got, code, "{method} {path}: {body}");
        assert!(!body.contains("CANARY"), "{method} {path}: {body}");
    }
    // One who says nothing holds up no end.
    let mut silent = std::os::unix::net::UnixStream::connect(site.folder().join("pbx.sock")).unwrap();
    std::io::Write::write_all(&mut silent, b"G").unwrap();
    daemon.stop();
    let log = std::fs::read_to_string(site.folder().join("log")).unwrap();
    assert!(!log.contains("drain-cut"), "{log}");
    assert!(!site.folder().join("pbx.sock").exists(), "it goes with the daemon");
}

#[test]
fn phones_on_chan_sip_are_told_too() {
    if !have(&[Component::MariaDb, Component::Asterisk16, Component::Program("sipp"), Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::with_both_drivers();
    for (extension, mac, model) in [("2001", LEGACY, "7960"), ("2002", JAVA, "7942")] {
        pbx.add_chan_sip_extension(extension, "Frank Chansip", &format!("CANARY{extension}"), "no");
        pbx.add_phone(mac, model, &[extension]);
    }
    pbx.apply();
    let site = Site::new(&pbx);
    site.configure(&site.configuration().replace("[pbx]\n", "[pbx]\ntransport = \"udp\"\n"));
    let daemon = site.serve();
    for mac in [LEGACY, JAVA] {
        // Of peers that no phone registers as nobody is told between two lists.
        daemon.wait_for_phone(mac, "given its line", |phone| phone["lines"][0]["extension"].is_string());
    }
    let port = pbx.asterisk().chan_sip_port.unwrap();
    let legacy = Agent::register(port, "2001", "CANARY2001", "200 OK");
    let java = Agent::register(port, "2002", "CANARY2002", "200 OK");
    for mac in [LEGACY, JAVA] {
        daemon.wait_for_phone(mac, "registered", |phone| phone["stage"] == "registered");
    }
    let said = daemon.cli(&["phones", "restart", LEGACY, JAVA]);
    assert!(said.status.success(), "{}{}", text(&said.stdout), text(&said.stderr));
    assert_eq!(header(&legacy.notify(0), "Event"), "check-sync");
    let notify = java.notify(0);
    assert_eq!(header(&notify, "Event"), "service-control");
    // chan_sip tells nobody the Call-ID of a REGISTER.
    assert!(body(&notify).starts_with("action=restart\r\nRegisterCallId={}\r\n"), "{notify}");
    daemon.stop();
}
