//! Phones whose registration Asterisk rejects: why, in their timeline and as a finding; who only tries secrets is nobody.

use std::net::Ipv4Addr;

use offhook::simulate::Timing;
use serde_json::Value;

use crate::support::asterisk::Asterisk;
use crate::support::clients::{scripted, sipp_registers_at};
use crate::support::daemon::{Daemon, Site};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, phone_address, wait_for};

const PJSIP: &str = "00087D0A0001";
const CHAN_SIP: &str = "00087D0A0002";

/// Why a phone was rejected, as its timeline has it.
fn rejections(daemon: &Daemon<'_>, mac: &str) -> Vec<[String; 3]> {
    let events = daemon.json(&["phones", "timeline", mac]);
    let events = events.as_array().unwrap().iter().filter(|event| event["kind"] == "rejected");
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    events.map(|event| ["extension", "why", "address"].map(|key| word(&event["data"][key]))).collect()
}

/// The phone fetches its file from there: that is where it is.
fn fetches(daemon: &Daemon<'_>, mac: &str, from: Ipv4Addr) {
    let name = format!("SIP{mac}.cnf");
    daemon.wait_for_file(&name, "served", |_| true);
    assert!(scripted(from, daemon.tftp, &name, &Timing::default()).is_ok());
}

fn finding(daemon: &Daemon<'_>, mac: &str) -> Option<Value> {
    let said = daemon.json(&["phones", "show", mac]);
    (said["reason"] == "register-rejected").then_some(said)
}

fn wait_for_rejection(daemon: &Daemon<'_>, mac: &str, words: &str) {
    wait_for(&format!("{mac} to be rejected: {words}"), || match finding(daemon, mac) {
        Some(phone) if phone["summary"].as_str().unwrap().contains(words) => Ok(()),
        _ => Err(format!("{}", daemon.phone(mac))),
    });
}

#[test]
fn asterisk_says_why_a_phone_does_not_register() {
    if !have(&[Component::MariaDb, Component::Asterisk, Component::Program("curl"), Component::Program("sipp")]) {
        return;
    }
    let pbx = Pbx::real();
    pbx.add_extension("1001", "Ada Lovelace", "CANARY1001");
    pbx.add_phone(PJSIP, "7960", &["1001"]);
    pbx.apply();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let (from, stranger) = (phone_address(), phone_address());
    let port = pbx.asterisk().sip_port;
    fetches(&daemon, PJSIP, from);
    assert!(!sipp_registers_at(port, "1001", "CANARYguess", stranger));
    assert!(!sipp_registers_at(port, "1001", "CANARYwrong", from));
    wait_for_rejection(&daemon, PJSIP, "extension 1001: the phone's secret is not the PBX's");
    let secret = ["1001".to_owned(), "wrong-secret".to_owned(), from.to_string()];
    assert_eq!(rejections(&daemon, PJSIP), *std::slice::from_ref(&secret), "once, and not of the stranger");
    // Rejected again for the same: no news.
    assert!(!sipp_registers_at(port, "1001", "CANARYwrong", from));
    assert!(!sipp_registers_at(port, "7777", "CANARY", from));
    let unknown = ["7777".to_owned(), "unknown-extension".to_owned(), from.to_string()];
    wait_for_rejection(&daemon, PJSIP, "extension 7777: it knows no such extension");
    assert_eq!(rejections(&daemon, PJSIP), [secret, unknown]);
    assert!(sipp_registers_at(port, "1001", "CANARY1001", from));
    let phone = daemon.wait_for_phone(PJSIP, "registered", |phone| phone["stage"] == "registered");
    assert_eq!(phone["health"], "ok", "{phone}");
    for (what, text) in [("log", daemon.log()), ("timeline", daemon.json(&["phones", "timeline", PJSIP]).to_string())] {
        assert!(!text.contains("CANARY"), "a secret is in the {what}");
    }
    let checks = daemon.json(&["check"]).to_string();
    assert!(!checks.contains("why a registration is rejected"), "{checks}");
    daemon.stop();
}

#[test]
fn chan_sip_says_it_too() {
    if !have(&[Component::MariaDb, Component::Asterisk16, Component::Program("curl"), Component::Program("sipp")]) {
        return;
    }
    let pbx = Pbx::with_both_drivers();
    pbx.add_chan_sip_extension("2001", "Frank Chansip", "CANARY2001", "no");
    pbx.add_phone(CHAN_SIP, "7960", &["2001"]);
    pbx.apply();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let from = phone_address();
    let port = pbx.asterisk().chan_sip_port.unwrap();
    fetches(&daemon, CHAN_SIP, from);
    assert!(!sipp_registers_at(port, "2001", "CANARYwrong", from));
    wait_for_rejection(&daemon, CHAN_SIP, "extension 2001: the phone's secret is not the PBX's");
    // It calls an unknown peer's secret wrong.
    assert!(!sipp_registers_at(port, "8888", "CANARY", from));
    wait_for_rejection(&daemon, CHAN_SIP, "extension 8888: it knows no such extension");
    assert!(sipp_registers_at(port, "2001", "CANARY2001", from));
    daemon.wait_for_phone(CHAN_SIP, "registered", |phone| phone["stage"] == "registered");
    assert_eq!(finding(&daemon, CHAN_SIP), None);
    daemon.stop();
}

/// A manager user of before, which hears nothing of that, is told by `check`, and nothing else changes.
#[test]
fn check_says_where_the_manager_user_hears_nothing() {
    if !have(&[Component::Asterisk]) {
        return;
    }
    let asterisk = Asterisk::without_our_user();
    let user = "[general]\n#include \"env_manager.conf\"\n\n[offhook]\nsecret = manager-canary\nread = system\nwrite = system\n";
    asterisk.write("manager.conf", user);
    asterisk.cli("manager reload");
    let pbx = Pbx::tables();
    let site = Site::with(pbx.database.source(), &pbx.database.url(), Some(&asterisk));
    let toml = site.configuration();
    let secret = toml.lines().find(|line| line.starts_with("secret = ")).unwrap();
    site.configure(&toml.replace(secret, "secret = \"manager-canary\""));
    let daemon = site.serve();
    wait_for("check to say so", || {
        let checks = daemon.json(&["check"]).to_string();
        if checks.contains("read = system,security") && checks.contains("does not tell our user why") {
            Ok(())
        } else {
            Err(checks)
        }
    });
    daemon.stop();
}
