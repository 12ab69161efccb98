//! C10, C12, C14 and C17: rows that contradict each other, and cells that are no text or no number.

use offhook::pbx::sources::freepbx::{Cell, PhoneRows, Rows, roster};
use rand::seq::SliceRandom as _;

use super::c::{Scene, pbx, play, wait_for_check, wait_for_finding};
use super::c_typed::{display_name, value};
use super::{assert_unharmed, file_of_bystander, site};
use crate::support::clients::{credentials_in_cnf, credentials_in_xml};
use crate::support::wait_for;

pub(super) const SCENES: &[Scene] = &[
    Scene { id: "C10", input: "one MAC twice, one extension on two phones", script: doubled_rows },
    Scene { id: "C10", input: "100 shuffles", script: a_hundred_shuffles },
    Scene { id: "C12", input: "bytes that are no UTF-8", script: bytes_of_another_charset },
    Scene { id: "C12", input: "columns of other charsets and collations", script: columns_of_other_charsets },
    Scene { id: "C14", input: "NULL", script: nulls },
    Scene { id: "C14", input: "numbers that are none", script: numbers_that_are_none },
    Scene { id: "C17", input: "hosts", script: hosts_are_only_typed_fields },
];

#[test]
fn c10_to_c17_in_a_database() {
    play(SCENES);
}

/// F13: a second row for a phone that is served changes nothing, is named, and takes effect when the first is gone.
fn doubled_rows(what: &str) {
    let pbx = pbx();
    for extension in ["1001", "1002"] {
        pbx.add_extension(extension, "Ada", &format!("CANARY{extension}"));
    }
    pbx.add_phone("001b540c1001", "7942", &["1001"]);
    pbx.add_phone("001B540C1003", "7942", &["1002"]);
    pbx.database.execute("ALTER TABLE offhook_phones DROP PRIMARY KEY; ALTER TABLE offhook_lines DROP PRIMARY KEY");
    let site = site(&pbx);
    let daemon = site.serve();
    let bystander = file_of_bystander(&daemon);
    let name = "SEP001B540C1001.cnf.xml";
    let before = daemon.wait_for_file(name, "given its line", |file| file.contains("CANARY1001"));
    // Before the first in order of bytes, and behind it.
    pbx.add_phone("001B540C1001", "7942", &["1002"]);
    pbx.add_phone("00:1B:54:0C:10:01", "7942", &["1002"]);
    wait_for_finding(what, &daemon, "001B540C1001", "assigned-twice", &["001b540c1001"]);
    wait_for_finding(what, &daemon, "001B540C1001", "assigned-twice", &["00:1B:54:0C:10:01"]);
    assert_eq!(daemon.file(name).as_ref(), Some(&before), "{what}");
    // The same extension on another phone: a contact more than the PBX takes, so it is named, and both keep it.
    pbx.add_phone("001B540C1002", "7942", &["1002"]);
    for mac in ["001B540C1002", "001B540C1003"] {
        wait_for_finding(what, &daemon, mac, "assigned-twice", &["extension 1002", "001B540C1002, 001B540C1003"]);
        daemon.wait_for_file(&format!("SEP{mac}.cnf.xml"), "given the line that both have", |file| {
            file.contains("CANARY1002")
        });
    }
    for mac in ["001b540c1001", "00:1B:54:0C:10:01"] {
        pbx.database.execute(&format!(
            "DELETE FROM offhook_lines WHERE mac = BINARY '{mac}'; DELETE FROM offhook_phones WHERE mac = BINARY '{mac}'"
        ));
    }
    daemon.wait_for_file(name, "as the row says that is left", |file| file.contains("CANARY1002"));
    assert_unharmed(what, daemon, &bystander);
}

/// F13: the order of rows decides nothing. What makes a roster of rows is a function, so it is called as one.
fn a_hundred_shuffles(what: &str) {
    let text = |value: &str| -> Cell { Some(value.as_bytes().to_vec()) };
    let mut rows = Rows { phones: PhoneRows { phones: Some(Vec::new()), lines: Some(Vec::new()) }, ..Rows::default() };
    for (mac, button, extension) in [
        ("001B540C1001", "1", "1001"),
        ("001b540c1001", "1", "1002"),
        ("00:1b:54:0c:10:01", "2", "1003"),
        ("001B540C1002", "1", "1001"),
        ("001B540C1002", "1", "1002"),
    ] {
        rows.phones.phones.as_mut().unwrap().push([text(mac), text("7942"), None, None, None, text("1")]);
        rows.phones.lines.as_mut().unwrap().push([text(mac), text(button), text("line"), text(extension), None]);
    }
    for id in ["1001", "1002", "1003"] {
        rows.users.push([text(id), text("Ada"), None]);
        rows.devices.push([text(id), text("pjsip"), text("fixed"), text(id), None]);
        for (keyword, data) in [("secret", "s"), ("sipdriver", "chan_pjsip"), ("account", id)] {
            rows.sip.push([text(id), text(keyword), text(data)]);
        }
    }
    let first = roster(&rows);
    let doubled =
        first.assignment_problems.iter().filter(|row| row.problem.code == "assigned-twice" && row.mac.is_some());
    assert_eq!((first.assignments.len(), doubled.count() > 2), (2, true), "{what}");
    for _ in 0..100 {
        let mut random = rand::rng();
        rows.phones.phones.as_mut().unwrap().shuffle(&mut random);
        rows.phones.lines.as_mut().unwrap().shuffle(&mut random);
        rows.users.shuffle(&mut random);
        rows.devices.shuffle(&mut random);
        rows.sip.shuffle(&mut random);
        assert_eq!(roster(&rows), first, "{what}");
    }
}

fn bytes_of_another_charset(what: &str) {
    let pbx = pbx();
    pbx.database.execute("ALTER TABLE users MODIFY name blob; ALTER TABLE sip MODIFY data blob");
    for (at, extension) in ["1001", "1002", "1003"].iter().enumerate() {
        pbx.add_extension(extension, "Ada", &format!("CANARY{extension}"));
        pbx.add_phone(&format!("00087D0C120{at}"), "7960", &[extension]);
        pbx.add_phone(&format!("001B540C120{at}"), "7942", &[extension]);
    }
    // "Müller" in latin1, half of a surrogate pair, and a secret that is no text.
    pbx.database.execute(
        "UPDATE users SET name = X'4DFC6C6C6572' WHERE extension = '1001';
         UPDATE users SET name = X'61EDA08062' WHERE extension = '1002';
         UPDATE sip SET data = X'43414E415259FF' WHERE id = '1003' AND keyword = 'secret'",
    );
    let site = site(&pbx);
    let daemon = site.serve();
    let bystander = file_of_bystander(&daemon);
    for (at, extension, name) in [(0, "1001", "M?ller"), (1, "1002", "a???b")] {
        let cnf = daemon.wait_for_file(&format!("SIP00087D0C120{at}.cnf"), "served", |_| true);
        assert_eq!(value(&cnf, "line1_displayname"), name, "{what}");
        let xml = daemon.wait_for_file(&format!("SEP001B540C120{at}.cnf.xml"), "served", |_| true);
        assert_eq!(credentials_in_xml(&xml), [(extension.to_owned(), format!("CANARY{extension}"))], "{what}");
    }
    for mac in ["00087D0C1202", "001B540C1202"] {
        wait_for_finding(what, &daemon, mac, "secret-characters", &["1003", "UTF-8"]);
    }
    assert_unharmed(what, daemon, &bystander);
}

fn columns_of_other_charsets(what: &str) {
    let pbx = pbx();
    pbx.add_extension("1001", "M\u{fc}ller", "CANARY1001");
    pbx.add_phone("001B540C1001", "7942", &["1001"]);
    pbx.database.execute(
        "ALTER TABLE users CONVERT TO CHARACTER SET latin1 COLLATE latin1_german2_ci;
         ALTER TABLE devices CONVERT TO CHARACTER SET latin1 COLLATE latin1_swedish_ci;
         ALTER TABLE sip CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    );
    let site = site(&pbx);
    let daemon = site.serve();
    let bystander = file_of_bystander(&daemon);
    let xml = daemon.wait_for_file("SEP001B540C1001.cnf.xml", "served", |_| true);
    assert_eq!(display_name(&xml), "M\u{fc}ller", "{what}");
    assert_unharmed(what, daemon, &bystander);
}

fn nulls(what: &str) {
    let pbx = pbx();
    for (at, change) in [
        "UPDATE devices SET tech = NULL WHERE id = '1400'",
        "UPDATE sip SET data = NULL WHERE id = '1401' AND keyword = 'secret'",
        "UPDATE sip SET data = NULL WHERE id = '1402' AND keyword = 'account'",
        "DELETE FROM users WHERE extension = '1403'; UPDATE devices SET user = NULL WHERE id = '1403'",
        "UPDATE offhook_lines SET extension = NULL WHERE mac = '00087D0C1404'",
    ]
    .iter()
    .enumerate()
    {
        pbx.add_extension(&format!("140{at}"), "Ada", &format!("CANARY140{at}"));
        pbx.add_phone(&format!("00087D0C140{at}"), "7960", &[&format!("140{at}")]);
        pbx.database.execute(change);
    }
    let site = site(&pbx);
    let daemon = site.serve();
    let bystander = file_of_bystander(&daemon);
    wait_for_finding(what, &daemon, "00087D0C1400", "extension-missing", &["1400"]);
    wait_for_finding(what, &daemon, "00087D0C1401", "no-secret", &["1401"]);
    wait_for_finding(what, &daemon, "00087D0C1402", "half-written", &["1402"]);
    let file = daemon.wait_for_file("SIP00087D0C1403.cnf", "served, for a name is no must", |_| true);
    assert_eq!(credentials_in_cnf(&file), [("1403".to_owned(), "CANARY1403".to_owned())], "{what}");
    wait_for_finding(what, &daemon, "00087D0C1404", "extension-missing", &["extension"]);
    assert_unharmed(what, daemon, &bystander);
}

fn numbers_that_are_none(what: &str) {
    let pbx = pbx();
    pbx.database.execute("ALTER TABLE offhook_lines MODIFY button varchar(20)");
    for button in ["5060abc", "0", "256", "-1", "1.5"] {
        pbx.database.execute(&format!(
            "INSERT INTO offhook_lines (mac, button, kind, extension) VALUES ('{}', '{button}', 'line', '1099')",
            super::BYSTANDER
        ));
    }
    pbx.apply();
    let site = site(&pbx);
    let daemon = site.serve();
    // The good row of the same phone counts.
    let bystander = file_of_bystander(&daemon);
    for button in ["5060abc", "0", "256", "-1", "1.5"] {
        wait_for_finding(what, &daemon, super::BYSTANDER, "bad-line", &[&format!("button \"{button}\"")]);
    }
    for port in ["5060abc", "0", "65536", "-5060"] {
        pbx.database.execute(&format!("UPDATE kvstore_Sipsettings SET val = '{port}' WHERE `key` = 'udpport-0.0.0.0'"));
        wait_for_check(what, &daemon, &["bad-port", "udpport-0.0.0.0", port]);
        let file = daemon.file(&format!("SIP{}.cnf", super::BYSTANDER)).unwrap_or_default();
        assert_eq!(value(&file, "proxy1_port"), "5060", "{what}: {port}");
    }
    pbx.database.execute("UPDATE kvstore_Sipsettings SET val = '5060' WHERE `key` = 'udpport-0.0.0.0'");
    wait_for("the word on the port to go", || {
        let said = daemon.json(&["check"]).to_string();
        if said.contains("bad-port") { Err(said) } else { Ok(()) }
    });
    assert_unharmed(what, daemon, &bystander);
}

/// None of these is read for a phone: what the phones are told is the PBX's address, and where a phone is says the manager
/// (the row of this id in `src/pbx/ami/contacts.rs`).
fn hosts_are_only_typed_fields(what: &str) {
    let pbx = pbx();
    for (keyword, data) in
        [("host", "evil.com#"), ("permit", "::1/0"), ("defaultuser", "dynamic"), ("callerid", "x@[::1]")]
    {
        let id = 1099;
        pbx.database.execute(&format!(
            "REPLACE INTO sip (id, keyword, data, flags) VALUES ('{id}', '{keyword}', '{data}', 99)"
        ));
    }
    pbx.database.execute(
        "UPDATE kvstore_Sipsettings SET val = '{\"udp\":{\"evil.com#\":\"on\",\"::1\":\"on\"}}' WHERE `key` = 'binds';
         INSERT INTO kvstore_Sipsettings (`key`, val, id) VALUES ('udpport-evil.com#', '5070', 'noid'), ('externip', 'evil.com#', 'noid')",
    );
    let site = site(&pbx);
    let daemon = site.serve();
    let bystander = file_of_bystander(&daemon);
    let file = String::from_utf8(bystander.clone()).unwrap();
    assert_eq!(value(&file, "proxy1_address"), "127.0.0.1", "{what}");
    for name in [format!("SIP{}.cnf", super::BYSTANDER), "SIPDefault.cnf".to_owned(), "XMLDefault.cnf.xml".to_owned()] {
        let file = daemon.file(&name).unwrap();
        assert!(!["evil", "::1", "dynamic"].iter().any(|word| file.contains(word)), "{what}: {name}\n{file}");
    }
    assert_unharmed(what, daemon, &bystander);
}
