//! `offhook support-bundle`: unpacked by the system's tar, searched for every secret, its scripts read by their reader.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use offhook::replay::Script;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::clients::RawTftp;
use crate::support::daemon::{Daemon, Site};
use crate::support::pbx::Pbx;
use crate::support::{Component, free_port, have, run, succeed, text, wait_for};

const SIXTY: &str = "00087D0B0001";
const FORTY_TWO: &str = "001B54DE0A02";
const SILENT: &str = "001B54DE0A03";
const STRANGER: &str = "001B54DE0A04";

/// Every secret that there is, each as nobody else writes it.
const SECRETS: [&str; 5] =
    ["mark1SIXTYx", "mark2FORTYTWOx-and-much-too-long", "mark3SILENTx", "mark4AMIx", "mark5PHONEx"];

fn ready() -> bool {
    have(&[Component::Program("tar"), Component::Program("curl")])
}

/// The forms in which a secret may have got into a file.
fn forms(secret: &str) -> Vec<String> {
    let octets = secret.as_bytes();
    let hex: String = octets
        .iter()
        .flat_map(|octet| [octet >> 4, octet & 15])
        .map(|digit| char::from_digit(digit.into(), 16).unwrap())
        .collect();
    let url: String = octets.chunks(1).map(|octet| format!("%{:02X}", octet[0])).collect::<Vec<_>>().concat();
    let base64 = succeed(Command::new("sh").args(["-c", "printf %s \"$1\" | base64 -w0", "sh", secret]));
    // What stands before it may shift it: the middle of it is the same then in one of three ways.
    let shifted = [1, 2].map(|shift| {
        let padded = format!("{}{secret}", "_".repeat(shift));
        let coded = succeed(Command::new("sh").args(["-c", "printf %s \"$1\" | base64 -w0", "sh", &padded]));
        coded[4..coded.len() - 4].to_owned()
    });
    let base64 = base64.trim_end_matches('=').to_owned();
    let whole = base64[..base64.len() / 4 * 4].to_owned();
    let mut forms = vec![secret.to_owned(), hex.to_ascii_uppercase(), hex, url, whole];
    forms.extend(shifted);
    forms
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

/// A bundle, taken apart: each file by its name in the bundle's folder.
struct Bundle {
    _folder: TempDir,
    files: BTreeMap<String, String>,
}

impl Bundle {
    fn of(archive: &Path) -> Self {
        let folder = TempDir::new().unwrap();
        succeed(Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(folder.path()));
        let top: Vec<PathBuf> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        let [top] = top.as_slice() else { panic!("{top:?}") };
        let name = top.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("offhook-support-") && name.ends_with('Z'), "{name}");
        let (mut files, mut folders) = (BTreeMap::new(), vec![top.clone()]);
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(top).unwrap().display().to_string();
                    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
                    files.insert(name, fs::read_to_string(path).unwrap());
                }
            }
        }
        Self { _folder: folder, files }
    }

    fn file(&self, name: &str) -> &str {
        self.files.get(name).unwrap_or_else(|| panic!("{name} is not in {:?}", self.files.keys()))
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(self.file(name)).unwrap_or_else(|why| panic!("{name}: {why}"))
    }

    fn has_no(&self, secrets: &[String]) {
        let forms: Vec<String> = secrets.iter().flat_map(|secret| forms(secret)).collect();
        for (name, content) in &self.files {
            for form in &forms {
                let line = content.lines().find(|line| line.contains(form.as_str()));
                assert_eq!(line, None, "{form} is in {name}");
            }
        }
    }
}

/// Three phones that are assigned, secrets everywhere, a phone that says its own.
fn passwords_everywhere(pbx: &Pbx) -> (Site, u16) {
    pbx.add_extension("1001", "Ada", SECRETS[0]);
    pbx.add_phone(SIXTY, "7960", &["1001"]);
    pbx.add_extension_with_defaults("1002", "Bob", SECRETS[1]);
    pbx.add_phone(FORTY_TWO, "7942", &["1002"]);
    pbx.add_extension("1003", "Eve", SECRETS[2]);
    pbx.add_phone(SILENT, "7962", &["1003", "1099"]);
    let site = Site::new(pbx);
    let (own, port) = (site.configuration(), free_port());
    let own = own.replace("address = \"\"", &format!("address = \"\"\nsecret = \"{}\"", SECRETS[3]));
    let own = own.replace("[phones]\n", &format!("[phones]\nphone_password = \"{}\"\n", SECRETS[4]));
    site.configure(&format!("{own}\n[syslog]\nlisten = [\"127.0.0.1:{port}\"]\n"));
    (site, port)
}

fn codes(findings: &Value) -> Vec<String> {
    let mut codes: Vec<String> =
        findings.as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect();
    codes.sort();
    codes.dedup();
    codes
}

fn events(daemon: &Daemon<'_>, mac: &str, kind: &str) -> usize {
    let events = daemon.json(&["phones", "timeline", mac]);
    events.as_array().map_or(0, |events| events.iter().filter(|event| event["kind"] == kind).count())
}

#[test]
fn all_that_helps_is_in_it_and_no_secret() {
    if !ready() {
        return;
    }
    let pbx = Pbx::tables();
    let (site, port) = passwords_everywhere(&pbx);
    let daemon = site.serve();
    for mac in [SIXTY, FORTY_TWO, SILENT] {
        daemon.wait_for_phone(mac, "assigned", |phone| phone["ownership"] == "adopted");
    }
    let first = Ipv4Addr::new(127, 0, 9, 1);
    assert!(!fetch(first, daemon.tftp, &format!("CTLSEP{SIXTY}.tlv")));
    assert!(fetch(first, daemon.tftp, &format!("SIP{SIXTY}.cnf")));
    // By such a name, and in a line of its log.
    assert!(!fetch(first, daemon.tftp, &format!("x {} \"y\".cnf", SECRETS[0])));
    let log = UdpSocket::bind((first, 0)).unwrap();
    log.send_to(format!("<27>1 - - sip - - - registers with {}", SECRETS[0]).as_bytes(), ("127.0.0.1", port)).unwrap();
    assert!(!fetch(Ipv4Addr::new(127, 0, 9, 2), daemon.tftp, &format!("CTLSEP{FORTY_TWO}.tlv")));
    assert!(!fetch(Ipv4Addr::new(127, 0, 9, 3), daemon.tftp, &format!("SEP{STRANGER}.cnf.xml")));
    wait_for("the line of the log", || if events(&daemon, SIXTY, "syslog") == 1 { Ok(()) } else { Err(String::new()) });
    wait_for("the end of the transfer", || {
        if events(&daemon, SIXTY, "file-sent") == 1 { Ok(()) } else { Err(String::new()) }
    });
    let token = daemon.json(&["admin", "token"])["token"].as_str().unwrap().to_owned();

    let archive = site.folder().join("help.tgz");
    let name = archive.to_str().unwrap();
    // What is tried for a check is found of phones, then.
    daemon.json(&["check"]);
    let explained = |mac: &str| codes(&daemon.json(&["explain", mac])["findings"]);
    let before = [SIXTY, FORTY_TWO, SILENT, STRANGER].map(|mac| (mac, explained(mac)));
    let output = daemon.cli(&["support-bundle", name]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(archive.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read(&archive).unwrap()[..2], [0x1f, 0x8b], "gzip");
    let bundle = Bundle::of(&archive);
    let secrets: Vec<String> = SECRETS.iter().map(|secret| (*secret).to_owned()).chain([token]).collect();
    bundle.has_no(&secrets);

    let macs: Vec<String> = bundle
        .json("phones.json")
        .as_array()
        .unwrap()
        .iter()
        .map(|phone| phone["mac"].as_str().unwrap().into())
        .collect();
    assert_eq!(macs, [SIXTY, FORTY_TWO, SILENT, STRANGER]);
    for name in ["check.json", "config.json", "conversions.json", "findings.json", "firmware.json", "leases.json"] {
        bundle.json(name);
    }
    assert!(bundle.file("check.txt").contains("it runs and answers"));
    assert!(bundle.file("config.json").contains("phones.phone_password"));
    assert!(bundle.file("metrics.txt").contains("offhook_"));
    assert!(bundle.file("version.txt").contains(&format!("offhook (daemon): {}", env!("CARGO_PKG_VERSION"))));
    assert!(bundle.file("README.txt").contains("What is not in it"));
    let mut found = 0;
    for (mac, codes) in before {
        let script = Script::parse(bundle.file(&format!("replays/{mac}.boot"))).unwrap();
        assert_eq!((script.about.to_string().as_str(), &script.finds), (mac, &codes), "{script}");
        assert_eq!(explained(mac), codes, "it changed meanwhile");
        if !codes.is_empty() {
            let explain = bundle.file(&format!("explain/{mac}.txt"));
            assert!(codes.iter().all(|code| explain.contains(code.as_str())), "{explain}");
            found += 1;
        }
    }
    assert!(found >= 3, "{:?}", bundle.file("findings.json"));
    let own = bundle.file(&format!("replays/{SIXTY}.boot"));
    assert!(own.contains("asks \"x ...... \\\"y\\\".cnf\" -> not-found") && own.contains("speaks error"), "{own}");
    assert!(own.contains(&format!("gets SIP{SIXTY}.cnf")), "{own}");
    // One phone's script by itself is the same, but for how much later it is.
    let alone = text(&daemon.cli(&["phones", "timeline", SIXTY, "--replay"]).stdout);
    let lines =
        |script: &str| script.lines().filter(|line| !line.ends_with(" waits")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&alone), lines(own));

    // What is there is left, unless it is said.
    let output = daemon.cli(&["support-bundle", name]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("--force"), "{}", text(&output.stderr));
    let output = daemon.cli(&["support-bundle", name, "--force", "--phones", "1"]);
    assert!(output.status.success() && text(&output.stderr).contains("3 were left out"), "{}", text(&output.stderr));
    let fewer = Bundle::of(&archive);
    assert_eq!(fewer.files.keys().filter(|name| name.starts_with("replays/")).count(), 1);
    assert!(fewer.file("README.txt").contains("3 were left out"));
    let left: Vec<_> = fs::read_dir(site.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".offhook-support")), "{left:?}");
    // Down a pipe.
    let output = daemon.cli(&["support-bundle", "-"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let piped = site.folder().join("piped.tar");
    fs::write(&piped, output.stdout).unwrap();
    assert_eq!(Bundle::of(&piped).files.keys().collect::<Vec<_>>(), bundle.files.keys().collect::<Vec<_>>());
    daemon.stop();
}

#[test]
fn without_a_daemon_it_has_what_there_is_and_says_what_is_missing() {
    if !ready() {
        return;
    }
    let pbx = Pbx::tables();
    let (site, _) = passwords_everywhere(&pbx);
    let archive = site.folder().join("help.tar");
    let secrets: Vec<String> =
        SECRETS.iter().map(|secret| (*secret).to_owned()).chain(["mark6DATABASEx".into()]).collect();
    let bundle = |says: &str| {
        let output = run(&mut site.command(&["support-bundle", archive.to_str().unwrap(), "--force"]));
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains("findings.json") && said.contains(says), "{said}");
        let bundle = Bundle::of(&archive);
        bundle.has_no(&secrets);
        assert!(bundle.file("README.txt").contains("What is missing"));
        assert!(bundle.file("version.txt").contains("offhook (daemon): it did not answer"));
        bundle.json("check.json");
        bundle
    };
    let dead = bundle("it does not run");
    assert!(dead.file("check.txt").contains("failed"), "{}", dead.file("check.txt"));
    let keys = dead.json("config.json");
    let source = keys["keys"].as_array().unwrap().iter().find(|key| key["key"] == "pbx.source").unwrap();
    assert_eq!(source["value"], "\"sqlite\"");

    let broken = site.configuration().replace("source = \"sqlite\"", "sorce = \"sqlite\"");
    let broken = broken.replace("[ami]\n", "[store]\nurl = \"mysql://offhook:mark6DATABASEx@192.0.2.1/x\"\n\n[ami]\n");
    site.configure(&broken);
    let unread = bundle("the configuration cannot be read");
    assert!(unread.file("check.txt").contains("sorce"), "{}", unread.file("check.txt"));
    assert!(!unread.files.contains_key("config.json"));
    // A configuration that is not there at all.
    fs::remove_file(site.file()).unwrap();
    bundle("the configuration cannot be read");
}

#[test]
fn where_it_cannot_be_written_it_says_so_first() {
    let pbx = Pbx::tables();
    let site = Site::new(&pbx);
    let folder = site.folder().to_str().unwrap();
    for (file, why) in
        [(folder.to_owned(), "it is a folder"), (format!("{folder}/absent/x.tar"), "is there such a folder")]
    {
        let output = run(&mut site.command(&["support-bundle", &file]));
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains(why), "{}", text(&output.stderr));
    }
}

/// Of five thousand phones, those with findings first, and no more octets than a mail takes.
#[test]
fn five_thousand_phones_fit_a_mail() {
    if !ready() {
        return;
    }
    let pbx = Pbx::five_thousand();
    let site = Site::new(&pbx).logging("info");
    // No PBX listens here, which would be found of every phone.
    let toml = site.configuration().replace("[pbx]\n", "[pbx]\ntransport = \"udp\"\n");
    site.configure(&toml.replace("ntp = \"127.0.0.1\"\n", ""));
    let daemon = site.serve();
    wait_for("all phones", || {
        let phones = daemon.json(&["phones", "list"]);
        let count = phones.as_array().map_or(0, Vec::len);
        if count == 5_000 { Ok(()) } else { Err(count.to_string()) }
    });
    let archive = site.folder().join("help.tgz");
    let began = std::time::Instant::now();
    let output = daemon.cli(&["support-bundle", archive.to_str().unwrap()]);
    let octets = archive.metadata().unwrap().len();
    println!("{octets} octets in {:?}", began.elapsed());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(octets < 2_000_000, "{octets} octets");
    let bundle = Bundle::of(&archive);
    assert_eq!(bundle.json("phones.json").as_array().unwrap().len(), 5_000);
    let scripts: Vec<&String> = bundle.files.keys().filter(|name| name.starts_with("replays/")).collect();
    assert_eq!(scripts.len(), 200);
    // Every hundredth phone's extension is not there.
    let hurt = (1..=50).map(|n| format!("replays/001B54{:06X}.boot", n * 100));
    assert!(hurt.into_iter().all(|name| scripts.contains(&&name)), "{scripts:?}");
    assert!(!bundle.files.values().any(|content| content.contains("CANARY1")), "a secret");
    daemon.stop();
}
