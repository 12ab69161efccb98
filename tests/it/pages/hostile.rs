//! What phones say of themselves is text on every page: markup planted wherever a phone can put a word.

use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::{CURL, MAC, STRANGER, address, browse, small_pbx, until_listed};
use crate::support::browser::{BROWSER, Browser};
use crate::support::daemon::{Daemon, Site};
use crate::support::net::{apart, inside, ip};
use crate::support::pbx::Pbx;
use crate::support::phone::Phone;
use crate::support::{Component, have, run, succeed, text, wait_for};

const SCRIPT: &str = "<script>alert(1)</script>";
const IMAGE: &str = "\"><img src=x onerror=alert(1)>";
const ADDRESS: &str = "javascript:alert(1)";
const DRAWING: &str = "'><svg onload=alert(1)>";

/// Asserts that these words are on the page as text, and that none of them became anything else.
async fn is_only_text(browser: &Browser, path: &str, words: &[&str]) {
    browser.go(path).await;
    browser.asks("document.querySelectorAll('details').forEach((one) => { one.open = true })").await;
    browser.reads(words).await;
    let grown = "return [...document.querySelectorAll('main script, main img, main iframe, main object, [onerror], [onload], \
        a[href^=\"javascript\" i], form[action^=\"javascript\" i]')].map((one) => one.outerHTML)";
    assert_eq!(browser.asks(grown).await, Value::Array(Vec::new()), "{path}");
    assert!(browser.driver.get_alert_text().await.is_err(), "{path}: a dialog is open");
}

/// Asks for a file over TFTP, and answers what comes with an error of these words.
fn asks_and_complains(daemon: &Daemon<'_>, last: u8, name: &str, complaint: &str) {
    let socket = UdpSocket::bind((address(last), 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let request = [&[0, 1], name.as_bytes(), b"\0octet\0"].concat();
    socket.send_to(&request, daemon.tftp).unwrap();
    let mut packet = [0; 1_024];
    let (octets, from): (usize, SocketAddr) = socket.recv_from(&mut packet).unwrap();
    if octets > 2 && packet[1] == 3 {
        let error = [&[0, 5, 0, 0], complaint.as_bytes(), b"\0"].concat();
        socket.send_to(&error, from).unwrap();
    }
}

#[test]
fn names_complaints_and_agents_stay_text() {
    let needed = [CURL, Component::MariaDb, Component::Asterisk];
    if !have(&[BROWSER.as_slice(), &needed].concat()) {
        return;
    }
    let pbx = Pbx::real();
    pbx.add_extension("1001", DRAWING, "CANARY1001");
    pbx.add_phone(MAC, "7960", &["1001"]);
    pbx.database.execute(&format!("UPDATE offhook_phones SET description = '{}'", IMAGE.replace('\'', "''")));
    pbx.apply();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    until_listed(&daemon, MAC, "adopted");
    asks_and_complains(&daemon, 1, &format!("SIP{MAC}.cnf"), SCRIPT);
    for name in [SCRIPT, IMAGE, ADDRESS] {
        asks_and_complains(&daemon, 1, name, "");
    }
    asks_and_complains(&daemon, 7, &format!("SEP{STRANGER}.cnf.xml"), "");
    asks_and_complains(&daemon, 7, IMAGE, "");
    until_listed(&daemon, STRANGER, "seen");
    // What is none is named as its sender named it.
    let archive = site.folder().join("archive");
    std::fs::write(&archive, "nothing of the kind").unwrap();
    let mut phone = Phone::new("1001", "CANARY1001", pbx.asterisk().sip_port).called(IMAGE);
    wait_for("the extension", || match pbx.asterisk().cli("pjsip show endpoint 1001") {
        shown if shown.contains("force_rport") => Ok(()),
        shown => Err(shown),
    });
    phone.register(600);
    daemon.wait_for_phone(MAC, "registered", |phone| phone["stage"] == "registered");
    browse(&site, &json!({}), async |browser| {
        is_only_text(browser, "/", &[MAC, STRANGER, IMAGE]).await;
        is_only_text(browser, &format!("/phones/{MAC}"), &[SCRIPT, IMAGE, ADDRESS]).await;
        is_only_text(browser, &format!("/phones/{STRANGER}"), &[IMAGE]).await;
        is_only_text(browser, "/live", &[SCRIPT, IMAGE, ADDRESS]).await;
        is_only_text(browser, "/check", &["Check"]).await;
        is_only_text(browser, "/?q=%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E", &["phones"]).await;
        is_only_text(browser, "/live?mac=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", &["no MAC"]).await;
        is_only_text(browser, "/phones/%3Cscript%3Ealert(1)%3C%2Fscript%3E", &[SCRIPT]).await;
        is_only_text(browser, "/explain/%3Cscript%3Ealert(1)%3C%2Fscript%3E", &[SCRIPT]).await;
        is_only_text(browser, "/conversions/plan?macs=%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E", &["no phone"])
            .await;

        // An archive's name, by way of the sentence that refuses it.
        let mut upload = Command::new("curl");
        upload.args(["-sS", "-D", "-", "-o", "/dev/null", "--unix-socket"]).arg(site.folder().join("api.sock"));
        upload.arg("-F").arg(format!("archive=@{};filename=<script>alert(1)<.zip", archive.display()));
        let answer = succeed(upload.arg("http://localhost/firmware"));
        let leads_to =
            answer.lines().find_map(|line| line.strip_prefix("location: ")).unwrap_or_else(|| panic!("{answer}"));
        is_only_text(browser, leads_to.trim(), &["Not done:", "<script>alert(1)<.zip"]).await;
    });
    daemon.stop();
}

/// A frame of CDP, as a phone of that MAC sends it: load, platform.
fn cdp(mac: &str, load: &str, platform: &str) -> Vec<u8> {
    let value = |kind: u8, value: &[u8]| {
        [&[0, kind][..], &u16::try_from(value.len() + 4).unwrap().to_be_bytes(), value].concat()
    };
    let device = format!("SEP{mac}");
    let values = [value(1, device.as_bytes()), value(5, load.as_bytes()), value(6, platform.as_bytes())];
    let mut said = [&[2, 180, 0, 0][..], &values.concat()].concat();
    let words = said.chunks(2).map(|pair| u32::from(pair[0]) * 256 + u32::from(*pair.get(1).unwrap_or(&0)));
    let sum = words.fold(0, |sum, word| (sum + word) % 0xffff);
    said[2..4].copy_from_slice(&(!u16::try_from(sum).unwrap()).to_be_bytes());
    let from: Vec<u8> = (0..12).step_by(2).map(|at| u8::from_str_radix(&mac[at..at + 2], 16).unwrap()).collect();
    let length = u16::try_from(said.len() + 8).unwrap().to_be_bytes();
    let to = [0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc];
    [&to[..], &from, &length, &[0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0], &said].concat()
}

/// Sends a frame, once: interface, frame in hex.
const SENDER: &str = "import socket,sys\n\
    s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW)\n\
    s.bind((sys.argv[1],0))\n\
    s.send(bytes.fromhex(sys.argv[2]))\n";

#[test]
fn host_names_and_announcements_stay_text() {
    let tools = ["unshare", "nsenter", "ip", "busybox", "python3"].map(Component::Program);
    if !have(&[BROWSER.as_slice(), &tools, &[Component::RawPackets]].concat()) {
        return;
    }
    let pbx = small_pbx(&["1001"]);
    let site = Site::new(&pbx);
    let configuration = site.configuration().replace("[\"127.0.0.0/8\"]", "[\"127.0.0.0/8\", \"192.0.2.0/24\"]");
    site.configure(&format!(
        "{configuration}\n[discovery]\ninterfaces = [\"v0\"]\n\n[dhcp]\nmode = \"all\"\ninterfaces = [\"v0\"]\n\
         [[dhcp.subnet]]\nnetwork = \"192.0.2.0/24\"\npool = \"192.0.2.100-192.0.2.109\"\n"
    ));
    let apart_line = "exec unshare --net sh -c 'ip link set lo up && ip link add v0 type veth peer name v1 && \
        ip address add 192.0.2.1/24 dev v0 && ip link set v0 up && exec \"$@\"' sh \"$@\"";
    let daemon = site.serve_with(|command| {
        *command = site.by_shell(apart_line);
        command.env("OFFHOOK_FAULT", "round:watching:1000");
    });
    let phone = apart();
    let id = phone.0.id();
    ip(daemon.process(), &[&format!("link set v1 netns {id}")]);
    ip(id, &["link set v1 address 00:1b:54:aa:bb:07", "link set v1 up"]);
    wait_for("an address with a name for it", || {
        let name = format!("hostname:{SCRIPT}");
        let client = ["udhcpc", "-i", "v1", "-f", "-n", "-q", "-t", "3", "-T", "1", "-s", "/bin/true", "-x", &name];
        let output = run(&mut inside(id, "busybox", &client));
        let leases = daemon.json(&["dhcp", "leases"]).to_string();
        if leases.contains("alert(1)") { Ok(()) } else { Err(leases + &text(&output.stderr)) }
    });
    let hex: Vec<String> = cdp(STRANGER, IMAGE, DRAWING).iter().map(|octet| format!("{octet:02x}")).collect();
    let hex = hex.concat();
    wait_for("what it announces", || {
        succeed(&mut inside(id, "python3", &["-c", SENDER, "v1", &hex]));
        let phone = daemon.phone(STRANGER);
        if phone.to_string().contains("onerror") { Ok(()) } else { Err(phone.to_string()) }
    });
    browse(&site, &json!({}), async |browser| {
        is_only_text(browser, "/leases", &[SCRIPT, STRANGER]).await;
        is_only_text(browser, "/", &[STRANGER, IMAGE]).await;
        is_only_text(browser, &format!("/phones/{STRANGER}"), &[IMAGE]).await;
        is_only_text(browser, "/live", &[STRANGER]).await;
        browser.go("/leases").await;
        browser.picture("leases").await;
    });
    daemon.stop();
}
