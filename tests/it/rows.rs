//! Rows of the PBX that nobody should have written: the phone concerned is told apart, the others are served.

use serde_json::Value;

use crate::support::clients::{credentials_in_cnf, credentials_in_xml};
use crate::support::daemon::{Daemon, Site};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, succeed, wait_for};

const GOOD: &str = "00087D0D0099";

/// A PBX with one phone that nothing is wrong with.
fn with_a_good_phone() -> Pbx {
    let pbx = Pbx::tables();
    pbx.add_extension("1099", "Good", "CANARY1099");
    pbx.add_phone(GOOD, "7960", &["1099"]);
    pbx
}

fn assert_good_phone_is_served(daemon: &Daemon<'_>) {
    let served =
        daemon.wait_for_file(&format!("SIP{GOOD}.cnf"), "given its line", |file| !credentials_in_cnf(file).is_empty());
    assert_eq!(credentials_in_cnf(&served), [("1099".to_owned(), "CANARY1099".to_owned())]);
}

#[test]
fn hostile_display_names() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = with_a_good_phone();
    let long = "x".repeat(500);
    let names = [
        "line\nbreak\nline1_password: evil",
        "quote \" quote",
        "less < than",
        "end ]]> of data",
        "emoji \u{1F600}",
        &long,
        "\u{1}\u{7f}",
        "&amp;",
        "",
    ];
    for (at, name) in names.iter().enumerate() {
        let extension = format!("20{at:02}");
        pbx.add_extension(&extension, name, &format!("CANARY{extension}"));
        pbx.add_phone(&format!("00087D0D00{at:02}"), "7960", &[&extension]);
        pbx.add_phone(&format!("001B54AADD{at:02}"), "7942", &[&extension]);
    }
    let site = Site::new(&pbx);
    let daemon = site.serve();
    for (at, name) in names.iter().enumerate() {
        let expected = vec![(format!("20{at:02}"), format!("CANARY20{at:02}"))];
        let cnf = daemon.wait_for_file(&format!("SIP00087D0D00{at:02}.cnf"), "served", |_| true);
        assert_eq!(credentials_in_cnf(&cnf), expected, "{name:?}\n{cnf}");
        for key in ["line1_password", "line1_displayname", "line1_shortname", "line1_name"] {
            let times = cnf.lines().filter(|line| line.trim_start().starts_with(&format!("{key}:"))).count();
            assert!(times <= 1, "{name:?} made {key} appear {times} times\n{cnf}");
        }
        assert!(cnf.bytes().all(|byte| byte >= b' ' || b"\r\n\t".contains(&byte)), "{name:?}\n{cnf}");
        let xml = daemon.wait_for_file(&format!("SEP001B54AADD{at:02}.cnf.xml"), "served", |_| true);
        assert_eq!(credentials_in_xml(&xml), expected, "{name:?}\n{xml}");
    }
    assert_good_phone_is_served(&daemon);
    daemon.stop();
}

#[test]
fn a_secret_that_the_format_cannot_carry_costs_that_line_alone() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = with_a_good_phone();
    let too_long = "CANARY".to_owned() + &"s".repeat(40);
    for (at, secret) in ["CANARY\"quote", "CANARY\nline", &too_long, "", "CANARY\u{1}"].iter().enumerate() {
        let extension = format!("30{at:02}");
        let mac = format!("00087D0E00{at:02}");
        pbx.add_extension(&extension, "Ada", secret);
        pbx.add_phone(&mac, "7960", &[&extension, "1099"]);
    }
    let site = Site::new(&pbx);
    let daemon = site.serve();
    assert_good_phone_is_served(&daemon);
    for at in 0..5 {
        let mac = format!("00087D0E00{at:02}");
        // Never altered: left out, or exactly what Asterisk has. The second line stays.
        let file =
            daemon.wait_for_file(&format!("SIP{mac}.cnf"), "given its second line", |file| file.contains("CANARY1099"));
        let found = credentials_in_cnf(&file);
        assert!(found.iter().all(|(name, _)| name == "1099"), "{mac}: {file}");
        let phone = daemon.phone(&mac);
        assert!(phone["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{phone}");
        assert!(!phone.to_string().contains("CANARY"), "{phone}");
    }
    daemon.stop();
}

#[test]
fn one_mac_twice_is_a_finding_and_changes_nothing_else() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = with_a_good_phone();
    pbx.add_extension("1001", "Ada", "CANARY1001");
    pbx.add_extension("1002", "Grace", "CANARY1002");
    // Two spellings of one address.
    pbx.add_phone("001B54AABB01", "7942", &["1001"]);
    pbx.add_phone("001b54aabb01", "7942", &["1002"]);
    let site = Site::new(&pbx);
    let daemon = site.serve();
    assert_good_phone_is_served(&daemon);
    wait_for("the finding", || {
        let said = daemon.cli(&["explain", "001B54AABB01"]);
        let said = crate::support::text(&said.stdout);
        if said.contains("assigned-twice") { Ok(()) } else { Err(said) }
    });
    daemon.stop();
}

#[test]
fn one_extension_on_two_phones_is_a_finding_when_the_pbx_takes_one_contact() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = with_a_good_phone();
    pbx.add_extension("1001", "Ada", "CANARY1001");
    pbx.add_phone("001B54AABB01", "7942", &["1001"]);
    pbx.add_phone("001B54AABB02", "7942", &["1001"]);
    let site = Site::new(&pbx);
    let daemon = site.serve();
    assert_good_phone_is_served(&daemon);
    for mac in ["001B54AABB01", "001B54AABB02"] {
        wait_for("the finding", || {
            let said = crate::support::text(&daemon.cli(&["explain", mac]).stdout);
            if said.contains("assigned-twice") { Ok(()) } else { Err(said) }
        });
    }
    daemon.stop();
}

#[test]
fn a_bad_mac_is_named_and_the_rest_is_served() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = with_a_good_phone();
    pbx.add_phone("not-a-mac!!", "7960", &["1099"]);
    let site = Site::new(&pbx);
    let daemon = site.serve();
    assert_good_phone_is_served(&daemon);
    let checks = daemon.json(&["check"]);
    let named = |checks: &Value| checks.as_array().unwrap().iter().any(|check| check.to_string().contains("not-a-mac"));
    assert!(named(&checks), "{checks}");
    daemon.stop();
}

#[test]
fn an_unadopted_phone_gets_nothing_that_holds_a_secret() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = with_a_good_phone();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    assert_good_phone_is_served(&daemon);
    assert_eq!(daemon.file("SEP001B54FFFFFF.cnf.xml"), None);
    daemon.wait_for_phone("001B54FFFFFF", "seen", |phone| phone["ownership"] == "seen");
    // Adopted by hand, and ignored again.
    succeed(&mut site.command(&["phones", "add", "00:1b:54:ff:ff:ff", "--model", "7942", "--line", "1099"]));
    daemon.wait_for_file("SEP001B54FFFFFF.cnf.xml", "served", |_| true);
    succeed(&mut site.command(&["phones", "remove", "001B.54FF.FFFF"]));
    wait_for("the file to be gone", || daemon.file("SEP001B54FFFFFF.cnf.xml").map_or(Ok(()), Err));
    daemon.stop();
}

/// What is allowed and probably not meant is said as it is done.
#[test]
fn doubts_about_an_assignment_are_said_at_once() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = with_a_good_phone();
    pbx.add_extension("1098", "Eve", "CANARY1098");
    pbx.apply();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    assert_good_phone_is_served(&daemon);
    let add =
        |mac: &str, line: &str| succeed(&mut site.command(&["phones", "add", mac, "--model", "7942", "--line", line]));
    wait_for("the extension", || {
        let said = add("001B54FFFF01", "1098");
        if said.contains("mind:") { Err(said) } else { Ok(()) }
    });
    // The same phone once more shares nothing with itself.
    assert!(!add("001B54FFFF01", "1098").contains("mind:"));
    let said = add("001B54FFFF02", "1098,7777");
    let expected = "; mind: 1098 is on phone 001B54FFFF01 too; mind: the PBX has no extension 7777";
    assert!(said.trim_end().ends_with(expected), "{said}");
    daemon.stop();
}
