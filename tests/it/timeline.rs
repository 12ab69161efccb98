//! What happened to a phone, and what happens: told in order, across restarts, to whoever watches, at nobody's cost.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::clients::RawTftp;
use crate::support::daemon::{Daemon, Site, make_file};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, text, wait_for};

const MAC: &str = "00087D0A0001";
const OTHER: &str = "00087D0A0002";

fn two_phones() -> Pbx {
    let pbx = Pbx::tables();
    pbx.add_extension("1001", "Ada", "CANARY1001");
    pbx.add_phone(MAC, "7960", &["1001"]);
    pbx.add_extension("1002", "Bob", "CANARY1002");
    pbx.add_phone(OTHER, "7960", &["1002"]);
    pbx
}

fn assigned(daemon: &Daemon<'_>) {
    for mac in [MAC, OTHER] {
        daemon.wait_for_phone(mac, "assigned", |phone| phone["ownership"] == "adopted");
    }
}

/// Asks as a phone asks; whether it got the file.
fn fetch(from: Ipv4Addr, server: SocketAddr, name: &str) -> bool {
    let client = RawTftp::at(from, server);
    client.ask(name.as_bytes());
    let (whom, packet) = client.receive();
    if packet[..2] == [0, 5] {
        return false;
    }
    client.acknowledge(whom, 1);
    if packet.len() == 516 {
        client.take_rest(2, &mut Vec::new());
    }
    true
}

/// The timeline, once the last transfer's end is in it.
fn timeline(daemon: &Daemon<'_>, mac: &str, events: usize) -> Vec<Value> {
    wait_for(&format!("{events} events of {mac}"), || {
        let all = daemon.json(&["phones", "timeline", mac]);
        let all = all.as_array().expect("a list at the top level");
        if all.len() >= events { Ok(all.clone()) } else { Err(format!("{all:?}")) }
    })
}

fn said(events: &[Value]) -> Vec<String> {
    let one = |event: &Value| {
        let name = event["data"]["name"].as_str().unwrap_or_default();
        format!("{} {name}", event["kind"].as_str().unwrap()).trim_end().to_owned()
    };
    events.iter().map(one).collect()
}

/// A boot, a flood, a restart, a kill: the beginning is there to the end, and everything stands in the order of its time.
#[test]
fn a_boot_is_told_in_order_across_lives() {
    let pbx = two_phones();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    assigned(&daemon);
    let (from, own) = (Ipv4Addr::new(127, 0, 8, 1), format!("SIP{MAC}.cnf"));
    let missing = format!("CTLSEP{MAC}.tlv");
    assert!(!fetch(from, daemon.tftp, &missing));
    assert!(fetch(from, daemon.tftp, "SIPDefault.cnf"));
    assert!(fetch(from, daemon.tftp, &own));
    let before = timeline(&daemon, MAC, 5);
    let boot = [
        format!("file-asked {missing}"),
        "file-asked SIPDefault.cnf".to_owned(),
        "file-sent SIPDefault.cnf".to_owned(),
        format!("file-asked {own}"),
        format!("file-sent {own}"),
    ];
    assert!(said(&before).ends_with(&boot), "{before:?}");
    daemon.stop();

    let daemon = site.serve();
    let again = timeline(&daemon, MAC, before.len());
    assert_eq!(again, before, "after a restart");
    // Now it asks for one name again and again; pauses that the pace of one source takes are no matter here.
    let mut rounds = 0;
    while rounds < 300 {
        let from = Ipv4Addr::new(127, 0, 8, 1);
        let client = RawTftp::at(from, daemon.tftp);
        client.ask(missing.as_bytes());
        let answer = client.receive_within(Duration::from_millis(500));
        rounds += u32::from(answer.is_some());
    }
    let flooded = timeline(&daemon, MAC, before.len() + 1);
    assert!(flooded.starts_with(&before), "{flooded:?}");
    assert!(flooded.len() < before.len() + 60, "{}", flooded.len());
    let folded = flooded.iter().find(|event| event["data"]["times"].is_u64()).expect("a fold");
    assert!(folded["data"]["times"].as_u64().unwrap() > 200 && folded["data"]["since"].is_string(), "{folded}");
    let boots = daemon.json(&["phones", "timeline", MAC, "--boots"]);
    let [before_it, boot] = boots.as_array().unwrap().as_slice() else { panic!("{boots}") };
    assert_eq!(
        (&before_it["summary"], &before_it["entries"][0]["summary"]),
        (&"before its first boot".into(), &"assigned".into())
    );
    assert_eq!((&boot["because"], &boot["ended"]), (&"request".into(), &"open".into()), "{boot}");
    let last = boot["entries"].as_array().unwrap().last().unwrap();
    assert!(last["times"].as_u64() >= Some(300), "{last}");
    let shown = text(&daemon.cli(&["phones", "timeline", MAC]).stdout);
    assert!(shown.lines().count() < 12 && shown.contains(" times in "), "{shown}");
    assert!(text(&daemon.cli(&["phones", "timeline", MAC, "--all"]).stdout).lines().count() >= flooded.len());

    let mut daemon = daemon;
    daemon.signal("KILL");
    daemon.ended();
    drop(daemon);
    let daemon = site.serve();
    let after = timeline(&daemon, MAC, before.len());
    assert!(after.starts_with(&before), "after a kill: {after:?}");
    let known =
        |event: &Value| flooded.iter().any(|before| before["id"] == event["id"]) || event["data"]["times"].is_u64();
    let of_life = after.iter().filter(|event| event["kind"] != "assigned" && event["kind"] != "sighted");
    for event in of_life {
        assert!(known(event) || event["kind"] == "file-asked", "{event}");
    }
    // And it goes on behind that.
    let last_id = after.iter().filter_map(|event| event["id"].as_u64()).max();
    let boot_file = [format!("file-asked {own}"), format!("file-sent {own}")];
    assert!(fetch(from, daemon.tftp, &own));
    // How many there are need not grow: with each that comes an older one may go into the fold.
    let goes_on = wait_for("that it has its file", || {
        let all = daemon.json(&["phones", "timeline", MAC]);
        let all = all.as_array().expect("a list at the top level");
        let newer: Vec<Value> = all.iter().filter(|event| event["id"].as_u64() > last_id).cloned().collect();
        if said(&newer) == boot_file { Ok(all.clone()) } else { Err(format!("{newer:?}")) }
    });
    let ids: Vec<u64> = goes_on.iter().map(|event| event["id"].as_u64().unwrap()).collect();
    assert!(ids.is_sorted() && ids.windows(2).all(|two| two[0] < two[1]), "{ids:?}");
    let times: Vec<&str> = goes_on.iter().map(|event| event["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    daemon.stop();
}

/// Once it is on the disk nobody's power cut takes it away: seen there, then killed.
#[test]
fn what_the_disk_has_is_there_after_a_kill() {
    if !have(&[Component::Program("sqlite3")]) {
        return;
    }
    let pbx = two_phones();
    let site = Site::new(&pbx);
    let mut daemon = site.serve();
    assigned(&daemon);
    let own = format!("SIP{MAC}.cnf");
    assert!(fetch(Ipv4Addr::new(127, 0, 8, 2), daemon.tftp, &own));
    let before = timeline(&daemon, MAC, 2);
    wait_for("the last event to be on the disk", || {
        let file = format!("file:{}?mode=ro", site.state().join("offhook.db").display());
        let count = format!("select count(*) from event where mac = '{MAC}'");
        let output = crate::support::run(std::process::Command::new("sqlite3").args([&file, &count]));
        let rows = text(&output.stdout).trim().parse().unwrap_or(0);
        if rows >= before.len() { Ok(()) } else { Err(format!("{rows} rows, {}", text(&output.stderr))) }
    });
    daemon.signal("KILL");
    daemon.ended();
    drop(daemon);
    let daemon = site.serve();
    assert_eq!(timeline(&daemon, MAC, before.len()), before);
    daemon.stop();
}

/// Who did what stands where the phone's own doings do.
#[test]
fn what_people_do_is_in_the_timeline() {
    let pbx = two_phones();
    pbx.add_extension("1003", "Eve", "CANARY1003");
    let site = Site::new(&pbx);
    let daemon = site.serve();
    assigned(&daemon);
    let added = "00087D0A0003";
    wait_for("the phone to be added", || {
        let output = daemon.cli(&["phones", "add", added, "--model", "7960", "--line", "1003"]);
        output.status.success().then_some(()).ok_or_else(|| text(&output.stderr))
    });
    let told = daemon.cli(&["phones", "restart", added]);
    assert_eq!(told.status.code(), Some(1), "nobody knows where it is");
    let admin = |events: &[Value]| {
        let by_people = events.iter().filter(|event| event["kind"] == "admin");
        by_people.map(|event| event["summary"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let who =
        if nix::unistd::geteuid().is_root() { "root".to_owned() } else { format!("uid {}", nix::unistd::geteuid()) };
    let expected = [format!("{who} gave it 1003"), format!("{who} asked it to restart")];
    assert_eq!(admin(&timeline(&daemon, added, 3)), expected);
    let log = daemon.json(&["convert", "log"]);
    wait_for("the audit log", || {
        let log = daemon.json(&["convert", "log"]).to_string();
        if log.contains("gave it 1003") { Ok(()) } else { Err(log) }
    });
    assert!(log.is_array());
    daemon.stop();
}

/// A command that goes on, and what it prints.
struct Goes {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Goes {
    fn on(site: &Site, arguments: &[&str]) -> Self {
        let mut command = site.command(arguments);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// The next line that has this in it; `None` = it ended.
    fn line_with(&mut self, part: &str) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if line.contains(part) {
                return Some(line);
            }
        }
    }
}

impl Drop for Goes {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn follow_and_watch_show_what_happens() {
    let pbx = two_phones();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    assigned(&daemon);
    let from = Ipv4Addr::new(127, 0, 8, 3);
    let (first, second) = (format!("SIP{MAC}.cnf"), format!("CTLSEP{MAC}.tlv"));
    assert!(fetch(from, daemon.tftp, &first));
    timeline(&daemon, MAC, 2);
    let mut follow = Goes::on(&site, &["--json", "phones", "timeline", MAC, "--follow"]);
    assert!(follow.line_with(&first).is_some(), "what was");
    // What was is there, so it follows.
    let (mut watch, mut json) = (Goes::on(&site, &["watch"]), Goes::on(&site, &["--json", "watch"]));
    assert!(watch.line_with(&first).is_some() && json.line_with(&first).is_some(), "the last events come first");
    assert!(fetch(Ipv4Addr::new(127, 0, 8, 4), daemon.tftp, &format!("SIP{OTHER}.cnf")));
    assert!(!fetch(from, daemon.tftp, &second));
    let line = follow.line_with(&second).expect("what is");
    let event: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&event["mac"], &event["kind"]), (&MAC.into(), &"file-asked".into()), "{event}");
    let line = watch.line_with(&second).expect("a line");
    assert!(line.contains(MAC) && line.contains("asks for"), "{line}");
    let line = json.line_with(&format!("SIP{OTHER}.cnf")).expect("a line");
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["mac"], OTHER, "all phones");
    // The daemon's end does not wait for who watches, and who watches is told.
    daemon.stop();
    for mut goes in [follow, watch, json] {
        assert_eq!(goes.line_with("never said"), None);
        assert_eq!(goes.child.wait().unwrap().code(), Some(4));
    }
}

/// Somebody who reads the stream.
struct Reader(BufReader<UnixStream>);

impl Reader {
    fn open(site: &Site, path: &str, last: Option<&str>) -> Self {
        let mut stream = UnixStream::connect(site.folder().join("api.sock")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let last = last.map_or_else(String::new, |id| format!("Last-Event-ID: {id}\r\n"));
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n{last}\r\n").unwrap();
        Self(BufReader::new(stream))
    }

    /// Reads on to a line with this in it; `None` = the stream ended.
    fn line_with(&mut self, part: &str) -> Option<String> {
        loop {
            let mut line = Vec::new();
            if self.0.read_until(b'\n', &mut line).unwrap() == 0 {
                return None;
            }
            let line = text(&line);
            if line.contains(part) {
                return Some(line.trim_end().to_owned());
            }
        }
    }
}

#[test]
fn the_stream_is_filtered_goes_on_where_it_was_and_ends() {
    let pbx = two_phones();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    assigned(&daemon);
    let ask =
        |mac: &str, what: &str| assert!(!fetch(Ipv4Addr::new(127, 0, 8, 5), daemon.tftp, &format!("{what}{mac}.tlv")));
    let mut all = Reader::open(&site, "/api/v1/events", None);
    let mut one = Reader::open(&site, &format!("/api/v1/events?mac={OTHER}&kind=file-asked,told"), None);
    for reader in [&mut all, &mut one] {
        assert_eq!(reader.line_with("HTTP/1.1").as_deref(), Some("HTTP/1.1 200 OK"));
        assert_eq!(reader.line_with("content-type").as_deref(), Some("content-type: text/event-stream"));
        assert!(reader.line_with("retry:").is_some(), "it is there before anything happens");
    }
    ask(MAC, "CTLSEP");
    ask(OTHER, "CTLSEP");
    let id = all.line_with("id: ").unwrap().split_off("id: ".len());
    let data = all.line_with("data: ").unwrap();
    let event: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!((&event["mac"], event["id"].to_string()), (&MAC.into(), id.clone()), "{data}");
    assert!(one.line_with("data: ").unwrap().contains(OTHER), "and nothing of the other phone before it");
    drop(all);
    // What happened meanwhile comes first.
    ask(MAC, "ITLSEP");
    let mut again = Reader::open(&site, "/api/v1/events", Some(&id));
    assert!(again.line_with("data: ").unwrap().contains(&format!("CTLSEP{OTHER}")));
    assert!(again.line_with("data: ").unwrap().contains(&format!("ITLSEP{MAC}")));
    let mut last = Reader::open(&site, "/api/v1/events?last=1", None);
    assert!(last.line_with("data: ").unwrap().contains(&format!("ITLSEP{MAC}")));
    let mut bad = Reader::open(&site, "/api/v1/events?mac=nobody", None);
    assert!(bad.line_with("HTTP/1.1").unwrap().contains(" 400 "));
    daemon.stop();
    for mut reader in [one, again, last] {
        assert_eq!(reader.line_with("never said"), None, "it ends with the daemon");
    }
}

/// Twenty who watch and do not read: more happens than is kept for them, phones get what they ask for, and who reads at
/// last is told that he missed some.
#[test]
fn who_does_not_read_holds_nothing_up() {
    let pbx = two_phones();
    let site = Site::new(&pbx);
    let image = make_file(&site.fall_through().join("other.bin"), 200 * 512 + 7);
    // Thousands of lines would be what takes time.
    let site = site.logging("warn");
    let daemon = site.serve();
    assigned(&daemon);
    let mut readers: Vec<Reader> = (0..20).map(|_| Reader::open(&site, "/api/v1/events", None)).collect();
    for reader in &mut readers {
        assert!(reader.line_with("retry:").is_some());
    }
    let phone = RawTftp::at(Ipv4Addr::new(127, 0, 8, 6), daemon.tftp);
    let (mut got, own) = (Vec::new(), format!("SIP{MAC}.cnf"));
    phone.ask(b"other.bin");
    let from = phone.take(1, &mut got);
    // The transfer waits for its phone; meanwhile the other asks more often than sockets and memory hold for a reader.
    let many = 1_200;
    for _ in 0..many {
        let mut http = TcpStream::connect(daemon.http).unwrap();
        write!(http, "GET /{own} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        http.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", text(&answer));
    }
    phone.acknowledge(from, 1);
    phone.take_rest(2, &mut got);
    assert!(got == image, "{} of {} bytes", got.len(), image.len());
    let mut late = readers.pop().unwrap();
    let lost = late.line_with("\"lost\"").expect("that some are missing");
    let lost: Value = serde_json::from_str(lost.strip_prefix("data: ").unwrap()).unwrap();
    assert!(lost["lost"].as_u64() > Some(0), "{lost}");
    assert!(late.line_with(&own).is_some(), "and it goes on");
    // Those who still do not read do not hold up its end either.
    daemon.stop();
}
