//! C1 to C10, C12, C14 and C17: rows as they stand.

use offhook::pbx::sources::freepbx::{Cell, PhoneRows, Rows, roster};
use rand::seq::SliceRandom as _;

use super::c::{Scene, pbx, play, wait_for_check, wait_for_finding};
use super::{assert_unharmed, file_of_bystander, site};
use crate::support::clients::{credentials_in_cnf, credentials_in_xml};
use crate::support::pbx::Pbx;
use crate::support::sql::quoted;
use crate::support::{Component, have, wait_for};

/// C1 to C5: a display name, and what of it a 7960 and a 7942 are given; an empty text is the extension.
const NAMES: &[(&str, &str, Option<&str>, &str, &str)] = &[
    (
        "C1",
        "a setting in a name",
        Some("Bob\" \nproxy1_address: evil"),
        "Bob' proxy1_address: evil",
        "Bob\" proxy1_address: evil",
    ),
    ("C1", "a carriage return", Some("a\rline1_password: x"), "a line1_password: x", "a line1_password: x"),
    ("C2", "an element in a name", Some("</displayName><proxy>x"), "(/displayName)(proxy)x", "</displayName><proxy>x"),
    ("C3", "]]>", Some("a]]>b"), "a]])b", "a]]>b"),
    ("C3", "&#10;", Some("a&#10;b"), "a+#10;b", "a&#10;b"),
    ("C3", "&lol;", Some("a&lol;b"), "a+lol;b", "a&lol;b"),
    ("C3", "U+FFFE", Some("a\u{fffe}b"), "ab", "ab"),
    ("C4", "500 letters", Some(LONG), "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    ("C4", "right to left", Some("x\u{202e}txt.exe"), "xtxt.exe", "xtxt.exe"),
    ("C4", "a picture", Some("Tea \u{1f375}"), "Tea ?", "Tea \u{1f375}"),
    ("C4", "no-break spaces", Some("\u{a0}a\u{a0}b\u{a0}"), "a b", "a b"),
    ("C5", "empty", Some(""), "", ""),
    ("C5", "NULL", None, "", ""),
    ("C5", "blanks", Some("   "), "", ""),
];

const LONG: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

/// What becomes of a secret on one model.
enum Secret {
    /// The phone gets this.
    Carried(&'static str),
    /// The line is left out, for this reason.
    LeftOut(&'static str),
}

/// C6: a secret, on a 7960 and on a 7942. FreePBX writes it as it is into a file in which ; begins a comment, so Asterisk
/// has what stands before it, and so have the phones.
fn secrets() -> Vec<(&'static str, &'static str, &'static str, Secret, Secret)> {
    use Secret::{Carried, LeftOut};
    let characters = || LeftOut("secret-characters");
    vec![
        ("C6", "a quote", "CANARY\"q", characters(), Carried("CANARY\"q")),
        ("C6", "a semicolon", "CANARY;rest", Carried("CANARY"), Carried("CANARY")),
        ("C6", "a semicolon first", ";CANARY", LeftOut("secret-not-as-typed"), LeftOut("secret-not-as-typed")),
        ("C6", "markup", "CANARY<&>]]", Carried("CANARY<&>]]"), Carried("CANARY<&>]]")),
        ("C6", "a backslash", "CANARY\\n", characters(), Carried("CANARY\\n")),
        ("C6", "a blank within", "CANARY x", Carried("CANARY x"), Carried("CANARY x")),
        ("C6", "a line end", "CANARY\nx", characters(), characters()),
        ("C6", "128 characters", SECRET_128, LeftOut("secret-too-long"), LeftOut("secret-too-long")),
        ("C6", "empty", "", LeftOut("no-secret"), LeftOut("no-secret")),
        ("C6", "no ASCII", "CANARY\u{e9}", characters(), characters()),
    ]
}

const SECRET_128: &str = "CANARYxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

/// C7: an extension, and the words of the finding on the phone that has it; none = it is taken.
fn extensions() -> Vec<(&'static str, &'static str, String, Option<&'static str>)> {
    vec![
        ("C7", "a path", "../../x".to_owned(), Some("extension-characters")),
        ("C7", "a statement", "1'; DROP TABLE sip; --".to_owned(), Some("extension-characters")),
        ("C7", "300 digits", "9".repeat(300), Some("extension-characters")),
        ("C7", "a blank first", " 100".to_owned(), Some("extension-characters")),
        ("C7", "a line end", "10\n1".to_owned(), Some("extension-characters")),
        ("C7", "*43", "*43".to_owned(), None),
        ("C7", "40 digits", "8".repeat(40), Some("number-too-long")),
    ]
}

/// C8 and C9: a MAC as it stands, and how it is read; none = the row is not used.
const MACS: &[(&str, &str, &str, Option<&str>)] = &[
    ("C8", "colons", "00:08:7d:0c:08:01", Some("00087D0C0801")),
    ("C8", "points", "0008.7d0c.0802", Some("00087D0C0802")),
    ("C8", "dashes", "00-08-7D-0C-08-03", Some("00087D0C0803")),
    ("C8", "lower case", "00087d0c0804", Some("00087D0C0804")),
    ("C8", "blanks", "  00087D0C0805 ", Some("00087D0C0805")),
    ("C8", "BOM", "\u{feff}00087D0C0806", Some("00087D0C0806")),
    ("C9", "11 digits", "00087D0C090", None),
    ("C9", "13 digits", "00087D0C09000", None),
    ("C9", "no digits", "GG087D0C0901", None),
    ("C9", "all zero", "000000000000", None),
    ("C9", "multicast", "01005E000001", None),
    ("C9", "broadcast", "FFFFFFFFFFFF", None),
    ("C9", "empty", "", None),
];

pub(super) fn ids() -> impl Iterator<Item = &'static str> {
    let names = NAMES.iter().map(|row| row.0);
    let secrets = secrets().into_iter().map(|row| row.0);
    names.chain(secrets).chain(extensions().into_iter().map(|row| row.0)).chain(MACS.iter().map(|row| row.0))
}

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
fn c1_to_c9_what_people_type() {
    if !have(&[Component::MariaDb, Component::Program("curl")]) {
        return;
    }
    let pbx = pbx();
    let both = |pbx: &Pbx, n: usize, extension: &str| {
        pbx.add_phone(&format!("00087D0C1{n:03}"), "7960", &[extension]);
        pbx.add_phone(&format!("001B540C1{n:03}"), "7942", &[extension]);
    };
    pbx.add_extension("2999", "Plain", "CANARY2999");
    both(&pbx, 999, "2999");
    for (n, (_, _, name, ..)) in NAMES.iter().enumerate() {
        let extension = format!("2{n:03}");
        pbx.add_extension(&extension, "", &format!("CANARY{extension}"));
        let name = name.map_or_else(|| "NULL".to_owned(), quoted);
        pbx.database.execute(&format!(
            "UPDATE users SET name = {name} WHERE extension = '{extension}';
             UPDATE devices SET description = {name} WHERE id = '{extension}'"
        ));
        both(&pbx, n, &extension);
    }
    for (n, (_, _, secret, ..)) in secrets().into_iter().enumerate() {
        let extension = format!("3{n:03}");
        pbx.add_extension(&extension, "Ada", secret);
        both(&pbx, 100 + n, &extension);
    }
    for (n, (_, _, extension, _)) in extensions().iter().enumerate() {
        pbx.add_extension(extension, "Ada", "CANARYc7");
        both(&pbx, 200 + n, extension);
    }
    for (_, _, mac, _) in MACS {
        pbx.add_phone(mac, "7960", &["1099"]);
    }
    let site = site(&pbx);
    let daemon = site.serve();
    let bystander = file_of_bystander(&daemon);
    let cnf = |n: usize| daemon.wait_for_file(&format!("SIP00087D0C1{n:03}.cnf"), "served", |_| true);
    let xml = |n: usize| daemon.wait_for_file(&format!("SEP001B540C1{n:03}.cnf.xml"), "served", |_| true);
    let (plain_cnf, plain_xml) = (cnf(999), xml(999));

    for (n, (id, input, _, legacy, java)) in NAMES.iter().enumerate() {
        let what = format!("{id} ({input})");
        let extension = format!("2{n:03}");
        let or_extension = |name: &str| if name.is_empty() { extension.clone() } else { name.to_owned() };
        let (cnf, xml) = (cnf(n), xml(n));
        assert_eq!(keys(&cnf), keys(&plain_cnf), "{what}: other keys");
        assert_eq!(value(&cnf, "line1_displayname"), or_extension(legacy), "{what}");
        assert_eq!(elements(&xml), elements(&plain_xml), "{what}: other elements");
        assert_eq!(display_name(&xml), or_extension(java), "{what}");
    }
    for (n, (id, input, _, legacy, java)) in secrets().iter().enumerate() {
        let what = format!("{id} ({input})");
        let extension = format!("3{n:03}");
        let n = 100 + n;
        for (outcome, mac, carried) in [
            (legacy, format!("00087D0C1{n:03}"), credentials_in_cnf(&cnf(n))),
            (java, format!("001B540C1{n:03}"), credentials_in_xml(&xml(n))),
        ] {
            match outcome {
                Secret::Carried(secret) => {
                    assert_eq!(carried, [(extension.clone(), (*secret).to_owned())], "{what}: {mac}");
                }
                Secret::LeftOut(code) => {
                    assert!(carried.is_empty(), "{what}: {mac} got {carried:?}");
                    wait_for_finding(&what, &daemon, &mac, code, &[&extension]);
                }
            }
        }
    }
    for (n, (id, input, extension, refused)) in extensions().iter().enumerate() {
        let what = format!("{id} ({input})");
        let mac = format!("00087D0C1{:03}", 200 + n);
        match refused {
            Some(code) => wait_for_finding(&what, &daemon, &mac, code, &["extension"]),
            None => {
                assert_eq!(credentials_in_cnf(&cnf(200 + n)), [(extension.clone(), "CANARYc7".to_owned())], "{what}")
            }
        }
    }
    for (id, input, mac, read) in MACS {
        let what = format!("{id} ({input})");
        match read {
            Some(read) => {
                let file = daemon.wait_for_file(&format!("SIP{read}.cnf"), "served", |_| true);
                assert_eq!(credentials_in_cnf(&file), [("1099".to_owned(), "CANARY1099".to_owned())], "{what}");
            }
            None => wait_for_check(&what, &daemon, &["bad-mac", &format!("\\\"{mac}\\\" in offhook_phones")]),
        }
    }
    assert_eq!(pbx.database.rows(&["count(*)"], "FROM sip WHERE id = '1099'").len(), 1, "C7: a table is gone");
    assert_unharmed("C1 to C9", daemon, &bystander);
}

/// The keys of a `.cnf`, in order.
fn keys(cnf: &str) -> Vec<&str> {
    cnf.lines().filter_map(|line| line.split_once(':')).map(|(key, _)| key).collect()
}

fn value(cnf: &str, key: &str) -> String {
    let line = cnf.lines().find_map(|line| line.strip_prefix(&format!("{key}: "))).unwrap_or_default();
    line.trim_matches('"').to_owned()
}

/// The names of the elements of a file, in order.
fn elements(xml: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(xml).unwrap_or_else(|why| panic!("{why}\n{xml}"));
    document.descendants().filter(roxmltree::Node::is_element).map(|node| node.tag_name().name().to_owned()).collect()
}

fn display_name(xml: &str) -> String {
    let document = roxmltree::Document::parse(xml).unwrap();
    let node = document.descendants().find(|node| node.has_tag_name("displayName")).expect("a line");
    node.text().unwrap_or_default().to_owned()
}

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
    // Before the first in order of bytes, behind it, and the same extension on another phone.
    pbx.add_phone("00:1B:54:0C:10:01", "7942", &["1002"]);
    pbx.add_phone("001b540c1001 ", "7942", &["1002"]);
    wait_for_finding(what, &daemon, "001B540C1001", "assigned-twice", &["00:1B:54:0C:10:01"]);
    wait_for_finding(what, &daemon, "001B540C1001", "assigned-twice", &["001b540c1001 "]);
    assert_eq!(daemon.file(name).as_ref(), Some(&before), "{what}");
    pbx.add_phone("001B540C1002", "7942", &["1002"]);
    for mac in ["001B540C1002", "001B540C1003"] {
        wait_for_finding(what, &daemon, mac, "assigned-twice", &["extension 1002", "001B540C1002, 001B540C1003"]);
        daemon.wait_for_file(&format!("SEP{mac}.cnf.xml"), "given the line that both have", |file| {
            file.contains("CANARY1002")
        });
    }
    for mac in ["001b540c1001", "001b540c1001 "] {
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
