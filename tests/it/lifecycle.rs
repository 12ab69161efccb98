//! Starting, reloading and ending: what is taken, what is kept, what is finished first.

use crate::support::clients::RawTftp;
use crate::support::daemon::{Site, make_file};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, text};

const MAC: &str = "00087D0A0001";

fn one_phone() -> Pbx {
    let pbx = Pbx::tables();
    pbx.add_extension("1001", "Ada", "CANARY1001");
    pbx.add_phone(MAC, "7960", &["1001"]);
    pbx
}

#[test]
fn two_daemons_do_not_share_a_state_folder() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let other = Site::new(&pbx);
    let (own, shared) = (other.state(), site.state());
    other.configure(&other.configuration().replace(own.to_str().unwrap(), shared.to_str().unwrap()));
    let output = other.refused();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.lines().any(|line| line.starts_with("offhook: ") && line.contains(shared.to_str().unwrap())),
        "{said}"
    );
    daemon.wait_for_file(&format!("SIP{MAC}.cnf"), "served", |_| true);
    daemon.stop();
}

#[test]
fn the_state_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    daemon.wait_for_file(&format!("SIP{MAC}.cnf"), "served", |_| true);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&site.state()), 0o700);
    let mut files = 0;
    for entry in std::fs::read_dir(site.state()).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_file() {
            assert_eq!(mode(&entry), 0o600, "{}", entry.display());
            files += 1;
        }
    }
    assert!(files > 0);
    daemon.stop();
}

#[test]
fn a_transfer_under_way_is_finished_after_sigterm() {
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let content = make_file(&site.fall_through().join("other.bin"), 40 * 512 + 7);
    let mut daemon = site.serve();
    // Asking for its own file says which phone it is; from another port, lest its blocks come among the others.
    daemon.wait_for_phone(MAC, "known", serde_json::Value::is_object);
    let own = RawTftp::new(daemon.tftp);
    own.ask(format!("SIP{MAC}.cnf").as_bytes());
    for block in 1.. {
        let (from, packet) = own.receive();
        own.acknowledge(from, block);
        if packet.len() < 516 {
            break;
        }
    }
    let client = RawTftp::new(daemon.tftp);
    client.ask(b"other.bin");
    let mut got = Vec::new();
    let mut block: u16 = 0;
    loop {
        let (from, packet) = client.receive();
        assert_eq!(packet[..2], [0, 3]);
        // A block that came twice was acknowledged too late; the acknowledgement is repeated.
        if packet[2..4] == (block + 1).to_be_bytes() {
            block += 1;
            got.extend_from_slice(&packet[4..]);
        }
        if block == 5 && daemon.runs() {
            daemon.signal("TERM");
        }
        client.acknowledge(from, block);
        if packet.len() < 516 {
            break;
        }
    }
    assert!(got == content, "{} of {} bytes", got.len(), content.len());
    let status = daemon.ended();
    assert!(status.success(), "{status}\n{}", daemon.log());
    drop(daemon);
    // What happened while it ended is in the timeline of the next life.
    let daemon = site.serve();
    let timeline = daemon.json(&["phones", "timeline", MAC]);
    let sent = |event: &serde_json::Value| event.to_string().contains("other.bin") && event["kind"] == "file-sent";
    assert!(timeline.as_array().expect("a list").iter().any(sent), "{timeline}");
    daemon.stop();
}
