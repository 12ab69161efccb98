//! F8 to F11 and F13: the PBX's database or manager is away, hangs, is wrong or incomplete: phones are served, `check` says
//! what and what to do.

use super::{MAC, wait_for_complaint, with_one_phone};
use crate::support::asterisk::Asterisk;
use crate::support::clients::simulate_well;
use crate::support::daemon::Site;
use crate::support::dice::Dice;
use crate::support::pbx::Pbx;
use crate::support::sql::Database;
use crate::support::{Component, amount, have, phone_address, text, wait_for};

fn one_phone() -> Pbx {
    let pbx = Pbx { database: Database::mariadb(), asterisk: None };
    with_one_phone(&pbx);
    pbx
}

#[test]
fn f8_a_wrong_password_is_named() {
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
fn f10_a_missing_table_is_named() {
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
fn f8_a_database_file_that_was_replaced_is_opened_anew() {
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
fn f9_phones_that_vanish_all_at_once_are_served_on_until_a_reload_says_that_it_was_meant() {
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
fn f10_a_missing_column_of_freepbx_is_named_and_the_last_roster_serves_on() {
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
fn f8_a_database_that_stops_and_returns() {
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
fn f11_a_manager_connection_that_is_cut_changes_no_registration() {
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
    simulate_well("7960", MAC, "sip:P0S3-8-12-00", daemon.tftp, phone_address());
    daemon.wait_for_phone(MAC, "registered", |phone| phone["stage"] == "registered");
    pbx.asterisk().down();
    wait_for_complaint(&daemon, &["manager"]);
    // Not known is not unregistered: the phone stays as it was.
    assert_registered(&daemon.phone(MAC), "F11: while the manager is away");
    pbx.asterisk().up();
    // The list at the new connection still has the first, and events flow for the second.
    daemon.wait_for_phone(MAC, "registered", |phone| phone["stage"] == "registered");
    simulate_well("7960", "00087D0A0002", "sip:P0S3-8-12-00", daemon.tftp, phone_address());
    daemon.wait_for_phone("00087D0A0002", "registered", |phone| phone["stage"] == "registered");
    wait_for("Asterisk's database", || {
        let shown = pbx.asterisk().cli("database show offhook");
        if shown.contains("/offhook/00087D0A0002/stage") { Ok(()) } else { Err(shown) }
    });
    daemon.stop();
}

/// The phone and each of its lines.
fn assert_registered(phone: &serde_json::Value, when: &str) {
    assert_eq!(phone["stage"], "registered", "{when}: {phone}");
    let lines = phone["lines"].as_array().map_or(&[][..], Vec::as_slice);
    let all = !lines.is_empty() && lines.iter().all(|line| line["registered"] == true);
    assert!(all, "{when}: {phone}");
}

/// F8: the server is there and says nothing; then it goes on.
#[test]
fn f8_a_database_that_hangs_holds_up_nobody() {
    if !have(&[Component::MariaDb, Component::Program("curl")]) {
        return;
    }
    let mut pbx = one_phone();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let name = format!("SIP{MAC}.cnf");
    let before = daemon.wait_for_file(&name, "given its line", |file| file.contains("CANARY1001"));
    pbx.database.server().signal("STOP");
    wait_for_complaint(&daemon, &["pbx-database"]);
    for _ in 0..20 {
        assert_eq!(daemon.file(&name).as_ref(), Some(&before), "F8");
    }
    assert!(daemon.cli(&["phones", "list"]).status.success(), "F8");
    pbx.database.server().signal("CONT");
    pbx.set_secret("1001", "CANARYnew");
    pbx.apply();
    daemon.wait_for_file(&name, "given what changed meanwhile", |file| file.contains("CANARYnew"));
    daemon.stop();
}

/// F10: text in other character sets. What can be read is shown right; what cannot costs that text alone, never a secret.
#[test]
fn f10_other_character_sets() {
    if !have(&[Component::MariaDb, Component::Program("curl")]) {
        return;
    }
    let pbx = one_phone();
    pbx.add_extension("1002", "Zoë", "CANARY1002");
    pbx.add_phone("00087D0A0002", "7960", &["1002"]);
    pbx.apply();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let [one, two] = [MAC, "00087D0A0002"].map(|mac| format!("SIP{mac}.cnf"));
    let before = daemon.wait_for_file(&two, "given its name", |file| file.contains("CANARY1002"));
    pbx.database.execute(
        "ALTER TABLE users CONVERT TO CHARACTER SET latin1; ALTER TABLE sip CONVERT TO CHARACTER SET latin1 COLLATE latin1_german2_ci",
    );
    // A change that has to be read under the new collation.
    pbx.set_secret("1001", "CANARYone");
    pbx.apply();
    daemon.wait_for_file(&one, "given the new secret", |file| file.contains("CANARYone"));
    assert_eq!(daemon.file(&two), Some(before), "F10: the same name, whatever it is kept in");
    // Bytes of latin1 where text is: no phone loses its file, and no other text is served for the secret.
    pbx.database.execute(
        "ALTER TABLE users MODIFY name VARBINARY(50); UPDATE users SET name = X'5A6FEB' WHERE extension = '1002'",
    );
    pbx.set_secret("1001", "CANARYtwo");
    pbx.apply();
    let told = wait_for("the change, or a complaint that names the column", || {
        let file = daemon.file(&one).expect("F10: it is served on");
        let checks = daemon.json(&["check"]).to_string();
        if file.contains("CANARYtwo") {
            Ok("read")
        } else if checks.contains("users") {
            Ok("named")
        } else {
            Err(checks)
        }
    });
    println!("F10: bytes in a text column were {told}");
    assert!(daemon.file(&two).is_some_and(|file| file.contains("CANARY1002")), "F10");
    daemon.stop();
}

/// F11: Asterisk hangs with the connection open, then goes on; registrations are unknown meanwhile, never gone.
#[test]
fn f11_an_asterisk_that_hangs_changes_no_registration() {
    if !have(&[Component::Asterisk, Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx { database: Database::sqlite(), asterisk: Some(Asterisk::start()) };
    with_one_phone(&pbx);
    let site = Site::new(&pbx);
    let daemon = site.serve();
    daemon.wait_for_file(&format!("SIP{MAC}.cnf"), "given its line", |file| file.contains("CANARY1001"));
    simulate_well("7960", MAC, "sip:P0S3-8-12-00", daemon.tftp, phone_address());
    daemon.wait_for_phone(MAC, "registered", |phone| phone["stage"] == "registered");
    pbx.asterisk().signal("STOP");
    // Whatever is asked meanwhile is answered from what is known.
    for _ in 0..20 {
        assert_registered(&daemon.phone(MAC), "F11: while Asterisk hangs");
        assert!(daemon.file(&format!("SIP{MAC}.cnf")).is_some(), "F11");
    }
    pbx.asterisk().signal("CONT");
    daemon.wait_for_phone(MAC, "registered", |phone| phone["stage"] == "registered");
    daemon.stop();
}

/// F13: one MAC in two rows, two MACs with one extension, in every order of rows: the same files each time.
#[test]
fn f13_conflicting_rows_give_the_same_in_any_order() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let phones =
        [("00087D0A0001", "1001"), ("00:08:7d:0a:00:01", "1002"), ("00087D0A0002", "1003"), ("00087D0A0003", "1003")];
    let mut dice = Dice::new(13);
    let mut first = None;
    for shuffle in 0..amount(6, 100) {
        let pbx = Pbx::tables();
        for number in ["1001", "1002", "1003"] {
            pbx.add_extension(number, "Ada", &format!("CANARY{number}"));
        }
        let mut order = phones.to_vec();
        for at in (1..order.len()).rev() {
            order.swap(at, usize::try_from(dice.below(at as u64 + 1)).unwrap());
        }
        for (mac, extension) in &order {
            pbx.add_phone(mac, "7960", &[extension]);
        }
        pbx.apply();
        let site = Site::new(&pbx);
        let daemon = site.serve();
        let last = "SIP00087D0A0003.cnf";
        daemon.wait_for_file(last, "served", |_| true);
        let files = ["SIP00087D0A0001.cnf", "SIP00087D0A0002.cnf", last].map(|name| daemon.file(name));
        let problems: Vec<String> = daemon
            .json(&["check"])
            .as_array()
            .unwrap()
            .iter()
            .filter(|check| check["name"] == "assigned-twice")
            .map(ToString::to_string)
            .collect();
        assert!(problems.iter().any(|problem| problem.contains("00087D0A0001")), "F13: it is named: {problems:?}");
        let same = first.get_or_insert_with(|| (files.clone(), problems.clone()));
        assert_eq!(same, &(files, problems), "F13, shuffle {shuffle}: {order:?}");
        daemon.stop();
    }
}
