//! The PBX's database or manager is away, wrong or incomplete: phones are served, `check` says what and what to do.

use serde_json::Value;

use crate::support::daemon::{Daemon, Site};
use crate::support::pbx::Pbx;
use crate::support::sql::Database;
use crate::support::{Component, have, phone_address, text, wait_for};

const MAC: &str = "00087D0A0001";

fn one_phone() -> Pbx {
    let pbx = Pbx { database: Database::mariadb(), asterisk: None };
    pbx.add_extension("1001", "Ada", "CANARY1001");
    pbx.add_phone(MAC, "7960", &["1001"]);
    pbx.apply();
    pbx
}

/// Waits until `check` has a line that failed (or warns), speaks of all these words, and names a remedy.
fn wait_for_complaint(daemon: &Daemon<'_>, words: &[&str]) -> Value {
    wait_for(&format!("check to speak of {words:?}"), || {
        let checks = daemon.json(&["check"]);
        let found = checks.as_array().expect("a list").iter().find(|check| {
            let said = check.to_string().to_lowercase();
            check["status"] != "ok" && words.iter().all(|word| said.contains(word))
        });
        let found = found.filter(|check| !check["remedy"].as_str().unwrap_or("").is_empty());
        found.cloned().ok_or_else(|| checks.to_string())
    })
}

#[test]
fn a_wrong_password_is_named() {
    if !have(&[Component::MariaDb, Component::Program("curl")]) {
        return;
    }
    let pbx = one_phone();
    let site = Site::with("freepbx", &pbx.database.url_with_wrong_password(), None);
    let daemon = site.serve();
    wait_for_complaint(&daemon, &["password"]);
    assert_eq!(daemon.cli(&["check"]).status.code(), Some(1));
    assert!(!text(&daemon.cli(&["check"]).stdout).contains("CANARY"));
    daemon.stop();
}

#[test]
fn a_missing_table_is_named() {
    if !have(&[Component::MariaDb, Component::Program("curl")]) {
        return;
    }
    let pbx = one_phone();
    pbx.database.execute("DROP TABLE offhook_lines; DROP TABLE offhook_phones; DROP TABLE offhook_status");
    let site = Site::new(&pbx);
    let daemon = site.serve();
    wait_for_complaint(&daemon, &["offhook_phones", "sql"]);
    daemon.stop();
}

#[test]
fn a_database_file_that_was_replaced_is_opened_anew() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let (pbx, other) = (Pbx::tables(), Pbx::tables());
    for (pbx, secret) in [(&pbx, "CANARY1001"), (&other, "CANARYnew")] {
        pbx.add_extension("1001", "Ada", secret);
        pbx.add_phone(MAC, "7960", &["1001"]);
        pbx.apply();
    }
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let name = format!("SIP{MAC}.cnf");
    daemon.wait_for_file(&name, "given its line", |file| file.contains("CANARY1001"));
    std::fs::rename(other.database.file(), pbx.database.file()).unwrap();
    daemon.wait_for_file(&name, "given the other file's secret", |file| file.contains("CANARYnew"));
    std::fs::remove_file(pbx.database.file()).unwrap();
    wait_for_complaint(&daemon, &["database"]);
    assert!(daemon.file(&name).is_some(), "the last good roster serves on");
    daemon.stop();
}

/// A restore, or a table emptied by mistake: nobody loses a file at once, unless the admin says that it was meant.
#[test]
fn phones_that_vanish_all_at_once_are_served_on_until_a_reload_says_that_it_was_meant() {
    if !have(&[Component::MariaDb, Component::Program("curl")]) {
        return;
    }
    let pbx = one_phone();
    for n in 2..=12 {
        pbx.add_phone(&format!("00087D0A00{n:02X}"), "7960", &["1001"]);
    }
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let last = "SIP00087D0A000C.cnf";
    let before = daemon.wait_for_file(last, "given its line", |file| file.contains("CANARY1001"));
    pbx.database.execute("DELETE FROM offhook_lines; DELETE FROM offhook_phones");
    wait_for_complaint(&daemon, &["12 phones", "reload"]);
    assert_eq!(daemon.file(last), Some(before));
    daemon.signal("HUP");
    wait_for("the phones to be gone", || daemon.file(last).map_or(Ok(()), Err));
    daemon.stop();
}

#[test]
fn a_missing_column_of_freepbx_is_named_and_the_last_roster_serves_on() {
    if !have(&[Component::MariaDb, Component::Program("curl")]) {
        return;
    }
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let name = format!("SIP{MAC}.cnf");
    let before = daemon.wait_for_file(&name, "given its line", |file| file.contains("CANARY1001"));
    pbx.database.execute("ALTER TABLE sip CHANGE data content varchar(8100) NOT NULL");
    wait_for_complaint(&daemon, &["sip"]);
    assert_eq!(daemon.file(&name), Some(before));
    daemon.stop();
}

#[test]
fn a_database_that_stops_and_returns() {
    if !have(&[Component::MariaDb, Component::Program("curl")]) {
        return;
    }
    let mut pbx = one_phone();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let name = format!("SIP{MAC}.cnf");
    let before = daemon.wait_for_file(&name, "given its line", |file| file.contains("CANARY1001"));
    pbx.database.server().down();
    wait_for_complaint(&daemon, &["database"]);
    assert_eq!(daemon.file(&name).as_ref(), Some(&before));
    // A restart while the PBX is away loses nothing.
    daemon.stop();
    let daemon = site.serve();
    assert_eq!(daemon.file(&name), Some(before));
    pbx.database.server().up();
    pbx.add_phone("00087D0A0002", "7960", &["1001"]);
    daemon.wait_for_file("SIP00087D0A0002.cnf", "served", |_| true);
    wait_for("the status that was due", || match pbx.published(MAC) {
        Some(_) => Ok(()),
        None => Err("no row".to_owned()),
    });
    daemon.stop();
}

#[test]
fn a_manager_connection_that_is_cut_changes_no_registration() {
    if !have(&[Component::MariaDb, Component::Asterisk, Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::real();
    pbx.add_extension("1001", "Ada", "CANARY1001");
    pbx.add_extension("1002", "Grace", "CANARY1002");
    pbx.add_phone(MAC, "7960", &["1001"]);
    pbx.add_phone("00087D0A0002", "7960", &["1002"]);
    pbx.apply();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    daemon.wait_for_file(&format!("SIP{MAC}.cnf"), "given its line", |file| file.contains("CANARY1001"));
    crate::support::clients::simulate_well("7960", MAC, "sip:P0S3-8-12-00", daemon.tftp, phone_address());
    daemon.wait_for_phone(MAC, "registered", |phone| phone["stage"] == "registered");
    pbx.asterisk().down();
    wait_for_complaint(&daemon, &["manager"]);
    // Not known is not unregistered.
    let phone = daemon.phone(MAC);
    assert_ne!(phone["stage"], "unreachable", "{phone}");
    pbx.asterisk().up();
    // The list at the new connection still has the first, and events flow for the second.
    daemon.wait_for_phone(MAC, "registered", |phone| phone["stage"] == "registered");
    crate::support::clients::simulate_well("7960", "00087D0A0002", "sip:P0S3-8-12-00", daemon.tftp, phone_address());
    daemon.wait_for_phone("00087D0A0002", "registered", |phone| phone["stage"] == "registered");
    wait_for("Asterisk's database", || {
        let shown = pbx.asterisk().cli("database show offhook");
        if shown.contains("/offhook/00087D0A0002/stage") { Ok(()) } else { Err(shown) }
    });
    daemon.stop();
}
