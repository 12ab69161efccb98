//! Every model of the catalogue, as the command line and the daemon know it.

use serde_json::Value;

use crate::support::clients::{credentials_in_xml, simulate_well};
use crate::support::daemon::{Site, offhook};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, phone_address, run, succeed, text};

/// Every spelling of each Java model, and what it is called.
const SPELLED: [(&str, &str); 16] = [
    ("7906", "7906"),
    ("CP-7911G", "7911"),
    ("7931G", "7931"),
    ("7941", "7941"),
    ("CP-7941G", "7941"),
    ("7941-GE", "7941G-GE"),
    ("CP-7941G-GE", "7941G-GE"),
    ("7945", "7945"),
    ("7961G", "7961"),
    ("7961G-GE", "7961G-GE"),
    ("cp-7965g", "7965"),
    ("7970", "7970"),
    ("7971", "7971G-GE"),
    ("7971G", "7971G-GE"),
    ("7971G-GE", "7971G-GE"),
    ("7975G", "7975"),
];

#[test]
fn the_catalogue_is_told_without_a_daemon() {
    let shown = succeed(&mut offhook(["models", "list"]));
    let rows: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0][..2], ["MODEL", "KEYS"]);
    let mut names: Vec<&str> = rows[1..].iter().map(|row| row[0]).collect();
    assert!(shown.lines().all(|line| line.len() <= 100), "{shown}");
    let listed: Value = serde_json::from_str(&succeed(&mut offhook(["--json", "models", "list"]))).unwrap();
    let listed: Vec<&str> = listed.as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap()).collect();
    assert_eq!(names, listed);
    for (spelling, name) in SPELLED {
        let model: Value =
            serde_json::from_str(&succeed(&mut offhook(["--json", "models", "show", spelling]))).unwrap();
        assert_eq!(model["name"], name, "{spelling}");
        names.retain(|other| *other != name);
    }
    assert_eq!(names, ["7940", "7942", "7960", "7962"], "the others are spelled above");
    let unknown = run(&mut offhook(["models", "show", "8851"]));
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("7971G-GE"), "{}", text(&unknown.stderr));
}

#[test]
fn phones_of_every_spelling_are_served_as_what_they_are() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::tables();
    for (at, (spelling, _)) in SPELLED.iter().enumerate() {
        pbx.add_extension(&format!("10{at:02}"), "Ada", &format!("CANARY10{at:02}"));
        pbx.add_phone(&format!("001B54CC00{at:02}"), spelling, &[&format!("10{at:02}")]);
    }
    let site = Site::new(&pbx);
    let daemon = site.serve();
    for (at, (spelling, name)) in SPELLED.iter().enumerate() {
        let mac = format!("001B54CC00{at:02}");
        let file = daemon.wait_for_file(&format!("SEP{mac}.cnf.xml"), "served", |_| true);
        assert_eq!(credentials_in_xml(&file), [(format!("10{at:02}"), format!("CANARY10{at:02}"))], "{spelling}");
        assert_eq!(daemon.phone(&mac)["model"], *name, "{spelling}");
        assert_eq!(file.contains("<featureID>194</featureID>"), *name == "7931", "{spelling}");
    }
    let list = text(&daemon.cli(&["phones", "list"]).stdout);
    let column = list.lines().next().unwrap().find("LINES").unwrap();
    for (line, at) in list.lines().skip(1).zip(0..) {
        assert_eq!(line.get(column..column + 4), Some(&*format!("10{at:02}")), "columns stand in line\n{list}");
    }
    daemon.stop();
}

/// Each Java model with the real daemon and the real Asterisk, the older generation too: of a phone that it does not know
/// yet, the daemon makes the file for 9.x, and an 8.x phone has to take that as well. No row states a model here.
#[test]
fn every_java_model_registers_and_names_itself() {
    if !have(&[Component::MariaDb, Component::Asterisk, Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::real();
    let models: std::collections::BTreeSet<&str> = SPELLED.iter().map(|(_, name)| *name).collect();
    let phones: Vec<_> =
        models.iter().enumerate().map(|(at, name)| (format!("001B54CD00{at:02}"), *name, at)).collect();
    for (mac, _, at) in &phones {
        pbx.add_extension(&format!("10{at:02}"), "Ada", &format!("CANARY10{at:02}"));
        pbx.add_phone(mac, "auto", &[&format!("10{at:02}")]);
    }
    pbx.apply();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    for (mac, name, at) in &phones {
        // A request that only Java phones make: which file to serve is clear from then on.
        daemon.file(&format!("ITLSEP{mac}.tlv"));
        daemon.wait_for_file(&format!("SEP{mac}.cnf.xml"), "served", |_| true);
        let family = daemon.json(&["models", "show", name])["load_family"].as_str().unwrap().to_owned();
        let release = if at % 2 == 0 { "8-5-4S" } else { "9-4-2SR3-1S" };
        simulate_well(name, mac, &format!("sip:SIP{family}.{release}"), daemon.tftp, phone_address());
        let phone = daemon.wait_for_phone(mac, "registered", |phone| phone["stage"] == "registered");
        assert_eq!((&phone["model"], &phone["health"]), (&Value::from(*name), &Value::from("ok")), "{phone}");
    }
    daemon.stop();
}

#[test]
fn a_second_line_on_a_one_line_phone_is_left_out_and_said() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::tables();
    pbx.add_extension("1001", "Ada", "CANARY1001");
    pbx.add_extension("1002", "Grace", "CANARY1002");
    for (mac, model) in [("001B54CC0001", "7906"), ("001B54CC0002", "7911G"), ("001B54CC0003", "7941")] {
        pbx.add_phone(mac, model, &["1001", "1002"]);
    }
    let site = Site::new(&pbx);
    let daemon = site.serve();
    for (mac, model) in [("001B54CC0001", "7906"), ("001B54CC0002", "7911")] {
        let file = daemon.wait_for_file(&format!("SEP{mac}.cnf.xml"), "served", |_| true);
        assert_eq!(credentials_in_xml(&file), [("1001".to_owned(), "CANARY1001".to_owned())]);
        let explained = daemon.json(&["explain", mac]);
        let finding = explained["findings"].as_array().unwrap().iter().find(|f| f["code"] == "no-such-button");
        let summary = finding.unwrap_or_else(|| panic!("{explained}"))["summary"].as_str().unwrap();
        assert_eq!(summary, format!("a {model} has one line key, and extension 1002 is on button 2"));
    }
    let file = daemon.wait_for_file("SEP001B54CC0003.cnf.xml", "served", |_| true);
    assert_eq!(credentials_in_xml(&file).len(), 2, "a 7941 has two");
    daemon.stop();
}
