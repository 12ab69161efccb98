//! `offhook check` names the endpoint settings that keep Cisco phones from being reached.

use std::process::Command;

use serde_json::Value;

use crate::support::clients::simulate_well;
use crate::support::daemon::{Daemon, Site};
use crate::support::pbx::Pbx;
use crate::support::phone::Phone;
use crate::support::sql::Database;
use crate::support::{Component, have, phone_address, succeed, wait_for};

const JAVA: &str = "001B54AABB01";

/// The lines of `check` that are not ok and speak of this word.
fn complaints(daemon: &Daemon<'_>, word: &str) -> Vec<Value> {
    let checks = daemon.json(&["check"]);
    let checks = checks.as_array().expect("a list of checks").iter();
    checks.filter(|check| check["status"] != "ok" && check.to_string().contains(word)).cloned().collect()
}

#[test]
fn check_names_nat_settings_that_break_udp_phones() {
    if !have(&[Component::MariaDb, Component::Asterisk, Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::real();
    pbx.add_extension_with_defaults("1001", "Ada Lovelace", "CANARYold1");
    pbx.add_extension("1002", "Grace Hopper", "CANARYold2");
    pbx.add_extension_with_defaults("1003", "No Cisco phone", "CANARYold3");
    pbx.add_phone("00087D0A0001", "7960", &["1001"]);
    pbx.add_phone("00087D0A0002", "7960", &["1002"]);
    pbx.apply();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    daemon.wait_for_file("SIP00087D0A0001.cnf", "served", |_| true);
    wait_for("the advice", || {
        let found = complaints(&daemon, "force_rport");
        if found.is_empty() { Err(daemon.json(&["check"]).to_string()) } else { Ok(()) }
    });
    for word in ["force_rport", "rewrite_contact"] {
        let found = complaints(&daemon, word);
        assert!(found.iter().any(|check| check.to_string().contains("1001")), "{found:?}");
        assert!(found.iter().all(|check| !check["remedy"].as_str().unwrap_or("").is_empty()), "{found:?}");
        // 1002 has the settings, 1003 has no such phone.
        assert!(found.iter().all(|check| !check.to_string().contains("1002")), "{found:?}");
        assert!(found.iter().all(|check| !check.to_string().contains("1003")), "{found:?}");
    }
    daemon.stop();
}

/// Off in the tables; on in the tables while Asterisk has not opened the port; opened by a restart.
#[test]
fn tcp_is_tried_by_connecting() {
    if !have(&[Component::MariaDb, Component::Asterisk, Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::real();
    let port = pbx.asterisk().sip_port;
    let udp_alone = format!(
        "[transport-udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:{port}\n\n#include \"extensions_pjsip.conf\"\n"
    );
    pbx.asterisk().down();
    pbx.asterisk().write("pjsip.conf", &udp_alone);
    pbx.asterisk().up();
    pbx.set_transports(&["udp"]);
    pbx.add_extension("1001", "Ada Lovelace", "CANARYold1");
    pbx.add_phone(JAVA, "7942", &["1001"]);
    pbx.add_extension("1002", "Grace Hopper", "CANARYold2");
    pbx.add_phone("00087D0A0002", "7960", &["1002"]);
    pbx.apply();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    daemon.wait_for_phone(JAVA, "told that TCP is off", |phone| phone["reason"] == "tcp-off");

    pbx.set_transports(&["udp", "tcp"]);
    pbx.apply();
    let phone = daemon.wait_for_phone(JAVA, "told that nobody answers", |phone| phone["reason"] == "tcp-silent");
    let summary = phone["summary"].as_str().unwrap();
    assert!(summary.contains(&format!("127.0.0.1:{port}")) && summary.contains("restart Asterisk"), "{summary}");
    let found = complaints(&daemon, "tcp-silent");
    assert!(found.len() == 1 && found[0]["status"] == "failed", "{found:?}");
    assert!(!found[0].to_string().contains("00087D0A0002"), "a 7960 speaks UDP: {found:?}");
    assert_eq!(daemon.phone("00087D0A0002")["health"], "waiting");

    pbx.asterisk().down();
    pbx.asterisk().write("pjsip.conf", "#include \"env_transport.conf\"\n#include \"extensions_pjsip.conf\"\n");
    pbx.asterisk().up();
    daemon.wait_for_phone(JAVA, "left alone", |phone| phone["health"] == "waiting");
    let checks = daemon.json(&["check"]);
    let answered = |check: &Value| check["name"] == "registrar-tcp" && check["status"] == "ok";
    assert!(checks.as_array().unwrap().iter().any(answered), "{checks}");
    simulate_well("7942", JAVA, "sip:SIP42.9-4-2SR3-1S", daemon.tftp, phone_address());
    daemon.wait_for_phone(JAVA, "registered", |phone| phone["stage"] == "registered" && phone["health"] == "ok");
    daemon.stop();
}

/// What is said of `remove_existing` is what Asterisk does; an extension that no Cisco phone has is nobody's matter.
#[test]
fn a_phone_that_restarts_is_refused_where_contacts_are_kept() {
    if !have(&[Component::MariaDb, Component::Asterisk, Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::real();
    for (number, secret) in [("1001", "CANARYold1"), ("1002", "CANARYold2")] {
        pbx.add_extension(number, "Ada Lovelace", secret);
        pbx.set(number, "max_contacts", "2");
        pbx.set(number, "remove_existing", "no");
        pbx.set(number, "media_encryption", "sdes");
    }
    pbx.add_phone("00087D0A0001", "7960", &["1001"]);
    pbx.apply();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let complain = |word: &str| {
        wait_for(word, || {
            let found = complaints(&daemon, word);
            if found.is_empty() { Err(daemon.json(&["check"]).to_string()) } else { Ok(found) }
        })
    };
    for (word, fix) in [("remove_existing", "Remove Existing: Yes"), ("media_encryption", "Media Encryption: None")] {
        let found = complain(word);
        assert!(found.iter().all(|check| check["remedy"].as_str().unwrap().contains(fix)), "{found:?}");
        assert!(found.iter().all(|check| !check.to_string().contains("1002")), "{found:?}");
    }
    let mut restarts: Vec<Phone> = (0..3).map(|_| Phone::new("1001", "CANARYold1", pbx.asterisk().sip_port)).collect();
    let answers: Vec<String> = restarts.iter_mut().map(|phone| phone.try_to_register(3_600)).collect();
    let codes: Vec<&str> = answers.iter().filter_map(|answer| answer.split(' ').nth(1)).collect();
    assert_eq!(codes, ["200", "200", "403"], "{answers:?}");

    pbx.set("1001", "remove_existing", "yes");
    pbx.set("1001", "media_encryption", "no");
    pbx.apply();
    wait_for("the complaints to go", || {
        let found = [complaints(&daemon, "remove_existing"), complaints(&daemon, "media_encryption")].concat();
        if found.is_empty() { Ok(()) } else { Err(format!("{found:?}")) }
    });
    restarts[2].register(3_600);
    daemon.stop();
}

/// The tables of a real FreePBX, where `OFFHOOK_FREEPBX_DUMP` names a dump of them: extension 1001 as its *Quick Create*
/// makes one, 1004 with three contacts, TCP off.
#[test]
fn the_tables_of_a_real_freepbx() {
    let Some(dump) = std::env::var_os("OFFHOOK_FREEPBX_DUMP") else {
        println!("SKIPPED: OFFHOOK_FREEPBX_DUMP names no dump of FreePBX's tables");
        return;
    };
    if !have(&[Component::MariaDb, Component::Program("curl"), Component::Program("zcat")]) {
        return;
    }
    let database = Database::mariadb();
    database.load(&succeed(Command::new("zcat").arg("-f").arg(dump)));
    let pbx = Pbx { database, asterisk: None };
    pbx.add_phone("00087D0A0001", "7960", &["1001"]);
    pbx.add_phone(JAVA, "7942", &["1004"]);
    let site = Site::new(&pbx);
    let daemon = site.serve();
    for (mac, reason) in [("00087D0A0001", "endpoint-nat"), (JAVA, "tcp-off")] {
        daemon.wait_for_phone(mac, reason, |phone| phone["reason"] == reason);
    }
    let checks = daemon.json(&["check"]);
    let named = |code: &str| checks.as_array().unwrap().iter().any(|check| check["name"] == code);
    for setting in offhook::diagnose::SETTINGS {
        let expected = ["endpoint-nat", "contacts-kept"].contains(&setting.code);
        assert_eq!(named(setting.code), expected, "{}: {checks}", setting.code);
    }
    daemon.stop();
}
