//! C1 to C9: what people type into a PBX: names, secrets, extensions, MACs.

use super::c::{pbx, wait_for_check, wait_for_finding};
use super::{assert_unharmed, file_of_bystander, site};
use crate::support::clients::{credentials_in_cnf, credentials_in_xml};
use crate::support::pbx::Pbx;
use crate::support::sql::quoted;
use crate::support::{Component, have, text};

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
    ("C3", "U+0000", Some("a\0b"), "a b", "a b"),
    ("C3", "U+FFFE", Some("a\u{fffe}b"), "ab", "ab"),
    ("C4", "500 letters", Some(LONG), "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    // From the second octet on each letter has two: what counts octets would cut one in half.
    (
        "C4",
        "letters of two octets",
        Some(WIDE),
        "xeeeeeeeeeeeeeeeeeeeeeeeeeeeeee",
        "x\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
    ),
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

const WIDE: &str = "xéééééééééééééééééééééééééééééééééééééééé";

/// What becomes of a secret on one model.
enum Secret {
    /// The phone gets this, and there is nothing to say.
    Carried(&'static str),
    /// The phone gets this part, as Asterisk does, and that is told.
    InPart(&'static str),
    /// The line is left out, for this reason.
    LeftOut(&'static str),
}

/// C6: a secret, on a 7960 and on a 7942. FreePBX writes it as it is into a file in which ; begins a comment, so Asterisk
/// has what stands before it, and so have the phones.
fn secrets() -> Vec<(&'static str, &'static str, &'static str, Secret, Secret)> {
    use Secret::{Carried, InPart, LeftOut};
    let characters = || LeftOut("secret-characters");
    vec![
        ("C6", "a quote", "CANARY\"q", characters(), Carried("CANARY\"q")),
        ("C6", "a semicolon", "CANARY;rest", InPart("CANARY"), InPart("CANARY")),
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
        // No statement can hold U+0000 as it is, a value can.
        let with_nul = |name| format!("CONCAT({})", quoted(name).replace('\0', "', CHAR(0 USING utf8mb4), '"));
        let name = name.map_or_else(|| "NULL".to_owned(), with_nul);
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
                    let told = text(&daemon.cli(&["explain", &mac]).stdout);
                    assert!(!told.contains("secret-"), "{what}: {told}");
                }
                Secret::InPart(part) => {
                    assert_eq!(carried, [(extension.clone(), (*part).to_owned())], "{what}: {mac}");
                    wait_for_finding(&what, &daemon, &mac, "secret-not-as-typed", &[&extension, "only a part"]);
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

/// The value of a key of a `.cnf`.
pub(super) fn value(cnf: &str, key: &str) -> String {
    let line = cnf.lines().find_map(|line| line.strip_prefix(&format!("{key}: "))).unwrap_or_default();
    line.trim_matches('"').to_owned()
}

/// The names of the elements of a file, in order.
fn elements(xml: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(xml).unwrap_or_else(|why| panic!("{why}\n{xml}"));
    document.descendants().filter(roxmltree::Node::is_element).map(|node| node.tag_name().name().to_owned()).collect()
}

/// The display name of the first line of a `.cnf.xml`.
pub(super) fn display_name(xml: &str) -> String {
    let document = roxmltree::Document::parse(xml).unwrap();
    let node = document.descendants().find(|node| node.has_tag_name("displayName")).expect("a line");
    node.text().unwrap_or_default().to_owned()
}
