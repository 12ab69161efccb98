//! Rendered files from the outside: golden files byte by byte, and hostile names that must stay values.
//!
//! The readers here are written from the formats and share nothing with the writers. `OFFHOOK_BLESS=1` writes the golden
//! files anew.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test ends where it is surprised")]

use std::collections::BTreeMap;
use std::path::Path;

use offhook::catalog::{Catalog, Family, Model};
use offhook::domain::{Line, Load, Phone, PhoneOptions, Secret, SipTransport};
use offhook::render::{FileKind, Site, file_names, problems, render};
use proptest::prelude::*;

fn line(button: u8, extension: &str, name: &str) -> Line {
    Line {
        button,
        extension: extension.parse().unwrap(),
        label: name.to_owned(),
        display_name: name.to_owned(),
        sip_user: extension.to_owned(),
        auth_user: extension.to_owned(),
        secret: Secret::new(format!("kT4w9Zp{extension}")),
        voicemail: Some("*97".to_owned()),
        port: 5060,
    }
}

fn options() -> PhoneOptions {
    PhoneOptions {
        time_zone: Some("Europe/Berlin".to_owned()),
        ntp: Some("192.0.2.10".to_owned()),
        language: Some("en_GB".to_owned()),
        phone_password: Some("2580".to_owned()),
        voicemail: Some("*97".to_owned()),
        emergency: Some(vec!["112".to_owned(), "911".to_owned()]),
        ..PhoneOptions::default()
    }
}

fn site() -> Site {
    Site { server: "192.0.2.10".parse().unwrap(), registrar: "192.0.2.10".to_owned(), options: options(), year: 2026 }
}

fn phone(model: &Model, load: Option<&str>, lines: Vec<Line>) -> Phone {
    let load = load.and_then(Load::parse);
    Phone {
        mac: "001B54AABB01".parse().unwrap(),
        model: model.name.clone(),
        description: "never in a file".to_owned(),
        lines,
        left_out: Vec::new(),
        options: options(),
        transport: model.default_transport(load.as_ref()),
        offered_load: load.as_ref().map(|l| l.name.clone()),
        load,
    }
}

fn text(kind: FileKind, phone: &Phone, model: &Model) -> String {
    String::from_utf8(render(kind, Some((phone, model)), &site()).unwrap().to_vec()).unwrap()
}

/// Names and values of a `.cnf` file, read as load 8.12 does; panics on what it would count as an error.
fn read_cnf(text: &str) -> BTreeMap<String, String> {
    assert!(text.is_ascii() && text.len() < 8000 && !text.contains('\u{1a}'));
    assert!(text.ends_with('\n'));
    let mut values = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (name, rest) = line.split_once(':').unwrap_or_else(|| panic!("no colon: {line}"));
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{line}");
        let rest = rest.trim_matches([' ', '\t']);
        let value = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let (value, after) = rest[1..].split_once(quote).unwrap_or_else(|| panic!("open quote: {line}"));
                assert!(!value.contains('\\') && after.is_empty(), "{line}");
                value
            }
            Some(_) => {
                assert!(!rest.contains([' ', '\t', '#', ';']), "unquoted value is cut: {line}");
                rest
            }
            None => panic!("no value: {line}"),
        };
        assert!(values.insert(name.to_owned(), value.to_owned()).is_none(), "twice: {line}");
    }
    values
}

/// Path of each leaf element, numbered where siblings repeat, and its text.
fn read_xml(text: &str) -> BTreeMap<String, String> {
    fn walk(node: roxmltree::Node<'_, '_>, path: &str, leaves: &mut BTreeMap<String, String>) {
        let children: Vec<_> = node.children().filter(roxmltree::Node::is_element).collect();
        if children.is_empty() {
            leaves.insert(path.to_owned(), node.text().unwrap_or_default().to_owned());
        }
        for (at, child) in children.iter().enumerate() {
            let before = children[..at].iter().filter(|c| c.has_tag_name(child.tag_name())).count();
            let index = if before == 0 { String::new() } else { format!("[{before}]") };
            walk(*child, &format!("{path}/{}{index}", child.tag_name().name()), leaves);
        }
    }
    let document = roxmltree::Document::parse(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert!(document.descendants().all(|n| !n.is_comment() && n.tag_name().namespace().is_none()));
    let mut leaves = BTreeMap::new();
    walk(document.root_element(), "", &mut leaves);
    leaves
}

fn golden(folder: &str, name: &str, made: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(folder).join(name);
    if std::env::var_os("OFFHOOK_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, made).unwrap();
    }
    let kept = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}; OFFHOOK_BLESS=1 makes it", path.display()));
    assert_eq!(String::from_utf8_lossy(made), String::from_utf8_lossy(&kept), "{}", path.display());
}

/// A load of each generation of firmware that a model runs, named as Cisco names them (whether or not that release was
/// made for its family), and the folder of its files.
fn generations(model: &Model) -> Vec<(&'static str, String)> {
    match model.family {
        Family::Legacy => vec![("8.12", "P0S3-8-12-00".to_owned())],
        Family::Java => vec![
            ("8.5", format!("SIP{}.8-5-4S", model.load_family)),
            ("9.4", format!("SIP{}.9-4-2SR3-1S", model.load_family)),
        ],
    }
}

/// Two lines, or the one that a model has a key for.
fn some_lines(model: &Model) -> Vec<Line> {
    let lines = vec![line(1, "1001", "Front desk"), line(2, "1002", "R&D <1> Zo\u{eb}")];
    lines.into_iter().filter(|line| line.button <= model.lines).collect()
}

/// Files below the golden folder, relative to it.
fn kept(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<String> = entries
        .flat_map(|path| if path.is_dir() { kept(&path) } else { vec![path.to_str().unwrap().to_owned()] })
        .collect();
    files.sort();
    files
}

/// Every model of the catalogue with each generation of its firmware. What all models share byte by byte is kept once, in
/// `unknown-phone`; files without lines are kept of three models that stand for the rest.
#[test]
fn golden_files_are_byte_by_byte_the_same() {
    let catalog = Catalog::builtin();
    let mut made = Vec::new();
    let mut check = |folder: &str, name: &str, bytes: &[u8]| {
        golden(folder, name, bytes);
        made.push(format!("{folder}/{name}"));
    };
    for (kind, file) in [
        (FileKind::SipDefault, "SIPDefault.cnf"),
        (FileKind::XmlDefault, "XMLDefault.cnf.xml"),
        (FileKind::DialPlan, "dialplan.xml"),
        (FileKind::RingList, "RINGLIST.DAT"),
    ] {
        check("unknown-phone", file, &render(kind, None, &site()).unwrap());
    }
    for model in catalog.models() {
        let mut phones: Vec<_> = generations(model)
            .into_iter()
            .map(|(release, load)| (release, phone(model, Some(&load), some_lines(model))))
            .collect();
        if ["7931", "7942", "7960"].contains(&model.name.as_str()) {
            phones.push(("no-lines", phone(model, None, Vec::new())));
        }
        for (folder, phone) in &phones {
            for (kind, file) in file_names(model, phone.mac) {
                let bytes = render(kind, Some((phone, model)), &site()).unwrap();
                if matches!(kind, FileKind::DialPlan | FileKind::RingList) {
                    golden("unknown-phone", &file, &bytes);
                } else {
                    check(&format!("{}/{folder}", model.name), &file, &bytes);
                }
            }
            assert_eq!(problems(phone, model, site().year), []);
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let kept: Vec<_> = kept(&root).iter().map(|path| path[root.to_str().unwrap().len() + 1..].to_owned()).collect();
    made.sort();
    assert_eq!(kept, made, "tests/golden holds a file that no model has any more");
}

/// A table of the manual, made from the catalogue.
fn model_table(catalog: &Catalog) -> String {
    let mut table = String::from(
        "| model | line keys | device number | loads | after a reset | locale file | unverified |\n|---|---|---|---|---|---|---|\n",
    );
    for model in catalog.models() {
        let loads = match model.family {
            Family::Legacy => "P0S3, P003".to_owned(),
            Family::Java => format!("SIP{0}, SCCP{0}", model.load_family),
        };
        let (name, lines, number) = (&model.name, model.lines, model.device_number);
        let (term, jar) = (model.term.as_deref().unwrap_or("-"), model.locale_jar.as_deref().unwrap_or("-"));
        let unverified = model.unverified.join(", ");
        table += &format!("| {name} | {lines} | {number} | {loads} | {term} | {jar} | {unverified} |\n");
    }
    table
}

#[test]
fn the_manual_lists_the_models_and_its_example_is_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/models.md");
    let manual = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = manual.split_once("--test render -->\n\n").unwrap();
    let (kept, after) = rest.split_once("<!-- end of the table -->").unwrap();
    let made = model_table(&Catalog::builtin()) + "\n";
    if std::env::var_os("OFFHOOK_BLESS").is_some() {
        let whole = format!("{before}--test render -->\n\n{made}<!-- end of the table -->{after}");
        std::fs::write(&path, whole).unwrap();
    } else {
        assert_eq!(kept, made, "docs/models.md; OFFHOOK_BLESS=1 makes it");
    }
    let (_, example) = after.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    Catalog::builtin().with_override(example).unwrap();
    let table: toml::Table = example.parse().unwrap();
    let model = serde_json::to_value(Catalog::builtin().find("7931").unwrap().as_ref()).unwrap();
    // Its own keys, all of them; what models take over from their family is told in prose.
    let shared = ["codecs", "requests", "limits", "firmware", "notify"];
    let keys = model.as_object().unwrap().keys().filter(|key| !shared.contains(&key.as_str()));
    assert_eq!(keys.collect::<std::collections::BTreeSet<_>>(), table.keys().collect());
}

/// What a reviewer would find by comparing the golden files of two generations, and of two models.
#[test]
fn java_files_differ_by_release_and_model_only_where_they_should() {
    let catalog = Catalog::builtin();
    let file = |model: &Model, load: &str| {
        read_xml(&text(FileKind::SepMac, &phone(model, Some(load), vec![line(1, "1001", "Front desk")]), model))
    };
    let differing = |one: &BTreeMap<String, String>, other: &BTreeMap<String, String>| {
        let paths: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
        let differ = paths.into_iter().filter(|path| one.get(*path) != other.get(*path));
        differ.cloned().collect::<Vec<_>>()
    };
    let reference = catalog.find("7942").unwrap();
    let reference = file(reference, &generations(reference)[1].1);
    for model in catalog.models().filter(|model| model.family == Family::Java) {
        let [(_, older), (_, newer)] = generations(model).try_into().unwrap();
        let (older, newer) = (file(model, &older), file(model, &newer));
        assert_eq!(
            differing(&older, &newer),
            [
                "/allowAutoConfig",
                "/dadEnable",
                "/echoMultiEnable",
                "/ipAddressMode",
                "/ipMediaAddressFamilyPreference",
                "/ipPreferenceModeControl",
                "/loadInformation",
                "/redirectEnable",
                "/transportLayerProtocol",
                "/versionStamp"
            ],
            "{}",
            model.name
        );
        assert_eq!((&*older["/transportLayerProtocol"], &*newer["/transportLayerProtocol"]), ("2", "1"));
        let mut others = differing(&newer, &reference);
        others.retain(|path| !(model.name.as_str() == "7931" && path.starts_with("/sipProfile/sipLines/line[")));
        others.retain(|path| path != "/loadInformation" && path != "/versionStamp");
        assert_eq!(others, Vec::<String>::new(), "{}", model.name);
    }
}

#[test]
fn a_7931_has_keys_for_what_it_has_no_fixed_ones_for() {
    let catalog = Catalog::builtin();
    let model = catalog.find("7931").unwrap();
    // Button, featureID, lineIndex of each key, in the order of the file.
    let keys = |lines: Vec<Line>| -> Vec<(u8, u16, Option<u8>)> {
        let made = text(FileKind::SepMac, &phone(model, Some("SIP31.9-2-1S"), lines), model);
        let document = roxmltree::Document::parse(&made).unwrap();
        let keys = document.descendants().filter(|node| node.has_tag_name("line"));
        keys.map(|key| {
            let feature = key.children().find(|child| child.has_tag_name("featureID")).unwrap();
            let number = |name| key.attribute(name).map(|value| value.parse().unwrap());
            (number("button").unwrap(), feature.text().unwrap().parse().unwrap(), number("lineIndex"))
        })
        .collect()
    };
    let (messages, directories, applications, headset) = ((21, 194), (22, 195), (23, 197), (24, 198));
    let own = |(button, feature): (u8, u16)| (button, feature, None);
    assert_eq!(
        keys(vec![line(1, "1001", ""), line(20, "1020", "")]),
        [(1, 9, Some(1)), (20, 9, Some(2)), own(messages), own(directories), own(applications), own(headset)]
    );
    // A line that is assigned to such a key takes it.
    assert_eq!(
        keys(vec![line(24, "1024", ""), line(22, "1022", "")]),
        [(22, 9, Some(1)), (24, 9, Some(2)), own(messages), own(applications)]
    );
}

#[test]
fn a_legacy_phone_gets_its_lines_and_loses_the_others() {
    let catalog = Catalog::builtin();
    let model = catalog.find("7960").unwrap();
    let mut second = line(3, "2002", "");
    second.port = 5160;
    second.auth_user = "auth-2002".to_owned();
    second.secret = Secret::new("it's;a#b c");
    let keys = line(7, "2007", "beyond the keys");
    let phone = phone(model, None, vec![line(1, "1001", "Bob\" \nproxy1_address: evil"), second, keys]);
    let file = read_cnf(&text(FileKind::SipMac, &phone, model));
    for (key, value) in [
        ("line1_name", "1001"),
        ("line1_displayname", "Bob' proxy1_address: evil"),
        ("proxy1_address", "192.0.2.10"),
        ("line3_name", "2002"),
        ("line3_authname", "auth-2002"),
        ("line3_password", "it's;a#b c"),
        ("line3_displayname", "2002"),
        ("line3_shortname", "2002"),
        ("proxy3_port", "5160"),
        ("line2_name", ""),
        ("line2_password", "UNPROVISIONED"),
        ("line6_authname", "UNPROVISIONED"),
        ("messages_uri", "*97"),
        ("phone_password", "2580"),
    ] {
        assert_eq!(file[key], value, "{key}");
    }
    assert!(
        !file.contains_key("line7_name") && !file.contains_key("image_version") && !file.contains_key("proxy2_port")
    );
}

#[test]
fn the_load_is_named_only_where_one_is_offered() {
    let catalog = Catalog::builtin();
    for model in catalog.models() {
        let load = &*generations(model)[0].1;
        for offered in [None, Some(load.to_owned())] {
            let mut phone = phone(model, None, vec![line(1, "1001", "")]);
            phone.offered_load.clone_from(&offered);
            for (kind, file) in file_names(model, phone.mac) {
                let made = text(kind, &phone, model);
                let silent = matches!(kind, FileKind::DialPlan | FileKind::RingList | FileKind::SyncInfo { .. });
                let named = !silent && offered.is_some();
                assert_eq!(made.contains(load), named, "{file}");
            }
            let steering = render(FileKind::SepMac, Some((&phone, model)), &site());
            assert_eq!(steering.is_ok(), model.family == Family::Java || offered.is_some());
        }
        let mut phone = phone(model, None, Vec::new());
        phone.offered_load = Some("x\nproxy1_address: evil".to_owned());
        assert!(render(FileKind::SipDefault, Some((&phone, model)), &site()).is_err());
        assert!(render(FileKind::XmlDefault, Some((&phone, model)), &site()).is_err());
    }
}

#[test]
fn files_for_everyone_hold_no_secret() {
    let catalog = Catalog::builtin();
    for model in catalog.models() {
        let phone = phone(model, None, vec![line(1, "1001", "Front desk")]);
        for kind in [FileKind::SipDefault, FileKind::XmlDefault, FileKind::DialPlan, FileKind::RingList] {
            let made = text(kind, &phone, model);
            assert!(!made.contains(phone.lines[0].secret.expose()) && !made.contains("2580"), "{kind:?}");
        }
    }
}

#[test]
fn a_java_file_is_whole_and_says_where_to_register() {
    let catalog = Catalog::builtin();
    let model = catalog.find("7942").unwrap();
    let mut phone = phone(model, Some("SIP42.9-4-2SR3-1S"), vec![line(2, "1002", "]]>&#10;\"'")]);
    phone.lines[0].port = 5061;
    phone.lines[0].secret = Secret::new("<&>\"'x]]>");
    let file = read_xml(&text(FileKind::SepMac, &phone, model));
    let key = "/sipProfile/sipLines/line";
    for (path, value) in [
        ("/devicePool/callManagerGroup/members/member/callManager/processNodeName", "192.0.2.10"),
        ("/devicePool/callManagerGroup/members/member/callManager/ports/sipPort", "5061"),
        ("/devicePool/dateTimeSetting/timeZone", "Central Europe Standard/Daylight Time"),
        ("/sipProfile/sipProxies/registerWithProxy", "true"),
        ("/transportLayerProtocol", "1"),
        ("/ipAddressMode", "0"),
        ("/deviceSecurityMode", "1"),
        (&format!("{key}/proxy"), "USECALLMANAGER"),
        (&format!("{key}/name"), "1002"),
        (&format!("{key}/authPassword"), "<&>\"'x]]>"),
        (&format!("{key}/displayName"), "]]>&#10;\"'"),
        (&format!("{key}/messagesNumber"), "*97"),
    ] {
        assert_eq!(file[path], value, "{path}");
    }
    phone.transport = SipTransport::Udp;
    phone.load = Load::parse("SIP42.8-5-4S");
    let older = read_xml(&text(FileKind::SepMac, &phone, model));
    assert_eq!(older["/transportLayerProtocol"], "2");
    assert!(!older.contains_key("/ipAddressMode"));
    assert_ne!(older["/versionStamp"], file["/versionStamp"]);
}

#[test]
fn options_that_do_not_fit_are_left_out_and_told() {
    let catalog = Catalog::builtin();
    for name in ["7960", "7942", "7931"] {
        let model = catalog.find(name).unwrap();
        let mut phone = phone(model, None, vec![line(1, "1001", ""), line(2, "1002", "")]);
        phone.lines[1].port = 5160;
        phone.options = PhoneOptions {
            time_zone: Some("Mars/Olympus".to_owned()),
            ntp: Some("a b\"".to_owned()),
            language: Some("xx_YY".to_owned()),
            phone_password: Some("x\"\n".to_owned()),
            emergency: Some(vec!["112".to_owned(), ".*\"/>".to_owned()]),
            ..PhoneOptions::default()
        };
        for (kind, file) in file_names(model, phone.mac) {
            let made = text(kind, &phone, model);
            assert!(!["sntp", "<ntp>", "Mars", "x\"", "&quot;"].iter().any(|bad| made.contains(bad)), "{file}: {made}");
        }
        let codes: Vec<_> = problems(&phone, model, site().year).into_iter().map(|p| p.code).collect();
        let mut expected = vec!["phone-password-unusable", "ntp-unusable", "emergency-unusable", "time-zone-unknown"];
        expected.push("language-unknown");
        if model.family == Family::Java {
            expected.push("port-not-shared");
        }
        assert_eq!(codes, expected);
    }
}

#[test]
fn a_line_that_does_not_fit_makes_no_file_and_its_secret_is_not_told() {
    let catalog = Catalog::builtin();
    for (name, kind) in [("7960", FileKind::SipMac), ("7942", FileKind::SepMac)] {
        let model = catalog.find(name).unwrap();
        let mut phone = phone(model, None, vec![line(1, "1001", "")]);
        phone.lines[0].secret = Secret::new("CANARY0123456789abcdef0123456789ab");
        let error = render(kind, Some((&phone, model)), &site()).unwrap_err().to_string();
        assert!(error.contains("34 characters") && !error.contains("CANARY"), "{error}");
        assert!(render(kind, None, &site()).is_err());
    }
    let model = catalog.find("7942").unwrap();
    let phone = phone(model, None, Vec::new());
    assert!(render(FileKind::SipMac, Some((&phone, model)), &site()).is_err());
}

#[test]
fn a_dial_plan_waits_for_nothing_in_an_emergency() {
    let made = render(FileKind::DialPlan, None, &site()).unwrap();
    let document = roxmltree::Document::parse(std::str::from_utf8(&made).unwrap()).unwrap();
    assert_eq!(document.root_element().tag_name().name(), "DIALTEMPLATE");
    let entries: Vec<_> = document
        .root_element()
        .children()
        .filter(|n| n.has_tag_name("TEMPLATE"))
        .map(|n| (n.attribute("MATCH").unwrap(), n.attribute("Timeout").unwrap()))
        .collect();
    assert_eq!(entries, [("112", "0"), ("911", "0"), ("\\**", "3"), ("*", "5")]);
}

/// Names as a hostile PBX row may have them: markup, quotes, controls, directions, pictures, any length.
fn hostile() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "\"",
        "'",
        "\\",
        "\n",
        "\r\n",
        "\0",
        "\u{1a}",
        "<",
        ">",
        "&",
        "]]>",
        "&#10;",
        "proxy1_address: evil",
        "UNPROVISIONED",
        "\u{202e}",
        "\u{feff}",
        "\u{fffe}",
        "\u{1f375}",
        "\u{e9}",
        "\u{4e2d}",
        ";",
        "#",
        " ",
        "</displayName><proxy>x</proxy>",
    ])
    .prop_map(str::to_owned);
    prop::collection::vec(prop_oneof![odd, any::<String>(), "[ -~]{0,500}"], 0..6).prop_map(|parts| parts.concat())
}

fn secret(legacy: bool) -> impl Strategy<Value = String> {
    let inner = if legacy { "[!#-\\[\\]-~]([ !#-\\[\\]-~]{0,10}[!#-\\[\\]-~])?" } else { "[!-~]([ -~]{0,10}[!-~])?" };
    inner.prop_filter("means not set", |text| text != "UNPROVISIONED")
}

proptest! {
    #[test]
    fn hostile_names_stay_values_in_cnf(name in hostile(), label in hostile(), secret in secret(true)) {
        let catalog = Catalog::builtin();
        let model = catalog.find("7960").unwrap();
        let plain = read_cnf(&text(FileKind::SipMac, &phone(model, None, vec![line(2, "1001", "Bob")]), model));
        let mut own = line(2, "1001", "");
        (own.display_name, own.label, own.secret) = (name, label, Secret::new(secret.clone()));
        let made = read_cnf(&text(FileKind::SipMac, &phone(model, None, vec![own]), model));
        prop_assert_eq!(made.keys().collect::<Vec<_>>(), plain.keys().collect::<Vec<_>>());
        for (key, value) in &made {
            match key.as_str() {
                "line2_password" => prop_assert_eq!(value, &secret),
                "sync" => prop_assert!(value.len() == 16 && value.bytes().all(|b| b.is_ascii_hexdigit()), "{}", value),
                "line2_displayname" | "line2_shortname" | "phone_label" => {
                    prop_assert!((1..=31).contains(&value.len()) && !value.contains(['&', '<', '>', '"']), "{}", value);
                    prop_assert!(value != "UNPROVISIONED");
                }
                _ => prop_assert_eq!(value, &plain[key]),
            }
        }
    }

    #[test]
    fn hostile_names_stay_values_in_xml(name in hostile(), label in hostile(), secret in secret(false)) {
        let catalog = Catalog::builtin();
        let model = catalog.find("7942").unwrap();
        let plain = read_xml(&text(FileKind::SepMac, &phone(model, None, vec![line(1, "1001", "Bob")]), model));
        let mut own = line(1, "1001", "");
        (own.display_name, own.label, own.secret) = (name, label, Secret::new(secret.clone()));
        let shown = (model.label(&own), model.display_name(&own));
        let made = read_xml(&text(FileKind::SepMac, &phone(model, None, vec![own]), model));
        prop_assert_eq!(made.keys().collect::<Vec<_>>(), plain.keys().collect::<Vec<_>>());
        for (path, value) in &made {
            match path.rsplit('/').next().unwrap() {
                "authPassword" => prop_assert_eq!(value, &secret),
                "featureLabel" => prop_assert_eq!(value, &shown.0),
                "displayName" => prop_assert_eq!(value, &shown.1),
                "versionStamp" => {}
                _ => prop_assert_eq!(value, &plain[path]),
            }
        }
        for text in [&shown.0, &shown.1] {
            prop_assert!((1..=30).contains(&text.chars().count()), "{}", text);
        }
    }
}
