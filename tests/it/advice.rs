//! `offhook check` names the endpoint settings that keep Cisco phones from being reached.

use serde_json::Value;

use crate::support::daemon::{Daemon, Site};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, wait_for};

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
