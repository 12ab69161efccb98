//! Every client of Debian gets every file, and all get the same bytes.

use std::process::Command;

use serde_json::Value;

use crate::support::clients::Client;
use crate::support::daemon::{Site, make_file};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, succeed};

const OLD: &str = "00087D0A0001";
const JAVA: &str = "001B54AABB01";

fn all_clients() -> Vec<Component> {
    Client::TFTP.map(|client| Component::Program(client.program())).to_vec()
}

/// The names a phone may ask for, as `render MAC` lists them: texts, or objects with a `name`.
fn names(list: &Value) -> Vec<String> {
    let list = list.as_array().expect("a list");
    list.iter().filter_map(|entry| entry.as_str().or_else(|| entry["name"].as_str())).map(str::to_owned).collect()
}

#[test]
fn every_client_fetches_every_file() {
    if !have(&all_clients()) {
        return;
    }
    let pbx = Pbx::tables();
    pbx.add_extension("1001", "Ada Lovelace", "CANARYold1");
    pbx.add_extension("1002", "Grace Hopper", "CANARYold2");
    pbx.add_phone(OLD, "7960", &["1001"]);
    pbx.add_phone(JAVA, "7942", &["1002"]);
    pbx.apply();
    let site = Site::new(&pbx);
    // One block less a byte, one block, one more, and a file that is long for a configuration.
    for size in [0, 1, 511, 512, 513, 1024, 200_000] {
        make_file(&site.fall_through().join(format!("other-{size}.bin")), size);
    }
    let daemon = site.serve();
    daemon.wait_for_file(&format!("SIP{OLD}.cnf"), "served", |_| true);
    daemon.wait_for_file(&format!("SEP{JAVA}.cnf.xml"), "served", |_| true);
    let mut wanted: Vec<String> = [0, 1, 511, 512, 513, 1024, 200_000].map(|size| format!("other-{size}.bin")).to_vec();
    for mac in [OLD, JAVA] {
        let listed = names(&daemon.json(&["render", mac]));
        assert!(listed.len() >= 2, "{listed:?}");
        wanted.extend(listed);
    }
    assert!(wanted.contains(&format!("SIP{OLD}.cnf")) && wanted.contains(&format!("SEP{JAVA}.cnf.xml")), "{wanted:?}");
    wanted.extend(["SIPDefault.cnf", "XMLDefault.cnf.xml", "RINGLIST.DAT"].map(str::to_owned));
    for name in &wanted {
        let expected =
            Client::Http.fetch(daemon.http, name).unwrap_or_else(|| panic!("{name} is not served over HTTP"));
        for client in Client::TFTP {
            let got = client.fetch(daemon.tftp, name);
            assert!(
                got.as_ref() == Some(&expected),
                "{client:?} got other bytes of {name}: {:?}",
                got.map(|got| got.len())
            );
        }
    }
    for client in Client::TFTP {
        assert_eq!(client.fetch(daemon.tftp, "SIP00087DFFFFFF.cnf"), None, "{client:?}");
        assert_eq!(client.fetch(daemon.tftp, "nothing.bin"), None, "{client:?}");
    }
    daemon.stop();
}

#[test]
fn render_gives_the_bytes_that_the_phone_gets() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::tables();
    pbx.add_extension("1001", "Ada Lovelace", "CANARYold1");
    pbx.add_phone(OLD, "7960", &["1001"]);
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let name = format!("SIP{OLD}.cnf");
    let served = daemon.wait_for_file(&name, "served", |_| true);
    let revealed = succeed(&mut site.command(&["render", OLD, &name, "--reveal"]));
    assert_eq!(revealed, served);
    let masked = succeed(&mut site.command(&["render", OLD, &name]));
    assert!(!masked.contains("CANARY"), "{masked}");
    assert_ne!(masked, served);
    daemon.stop();
}

#[test]
fn the_people_side_answers() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::tables();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let ask = |path: &str| succeed(Command::new("curl").args(["-sSf", &format!("http://{}{path}", daemon.admin)]));
    ask("/healthz");
    crate::support::wait_for("the first roster", || {
        let status =
            Command::new("curl").args(["-sSf", "-o", "/dev/null", &format!("http://{}/readyz", daemon.admin)]).output();
        if status.is_ok_and(|output| output.status.success()) { Ok(()) } else { Err("not ready".to_owned()) }
    });
    assert!(ask("/metrics").contains("offhook_"));
    daemon.stop();
}
