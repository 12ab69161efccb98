//! The people's pages as their users meet them: a Chromium on the daemon's socket, scripted phones on its other side.

mod approve;
mod door;
mod everybody;
mod hostile;
mod many;
mod ways;

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use fantoccini::actions::{InputSource, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::key::Key;
use serde_json::{Value, json};

use crate::support::browser::{BROWSER, Browser, LONG_PATIENCE, drive};
use crate::support::daemon::{Daemon, Site};
use crate::support::firmware::{lay, made, pack};
use crate::support::pbx::Pbx;
use crate::support::relay::relay;
use crate::support::{Component, have, run, succeed, text, wait_for};

pub(crate) const CURL: Component = Component::Program("curl");

/// A phone that is assigned, and one that is not.
const MAC: &str = "00087D0A0001";
const STRANGER: &str = "001B54AABB07";

/// Asks for a file over HTTP, from this address of loopback.
pub(crate) fn ask(daemon: &Daemon<'_>, from: IpAddr, name: &str) {
    let url = format!("http://{}/{name}", daemon.http);
    let asked = run(Command::new("curl").args(["-sS", "--path-as-is", "--interface", &from.to_string(), &url]));
    assert!(asked.status.success(), "{}", text(&asked.stderr));
}

pub(crate) fn address(last: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 9, last).into()
}

/// A PBX with these extensions, and one phone on the first.
pub(crate) fn small_pbx(extensions: &[&str]) -> Pbx {
    let pbx = Pbx::tables();
    for extension in extensions {
        pbx.add_extension(extension, "Ada Lovelace", &format!("CANARY{extension}"));
    }
    pbx.add_phone(MAC, "7960", &extensions[..1]);
    pbx.apply();
    pbx
}

/// The browser on the pages of this site's daemon.
pub(crate) fn browse(site: &Site, preferences: &Value, steps: impl AsyncFnOnce(&Browser)) {
    drive(&relay(site.folder().join("api.sock")), preferences, steps);
}

fn until_listed(daemon: &Daemon<'_>, mac: &str, ownership: &str) {
    wait_for(&format!("{mac} to be {ownership}"), || {
        let phone = daemon.phone(mac);
        if phone["ownership"] == ownership { Ok(()) } else { Err(phone.to_string()) }
    });
}

#[test]
fn an_unknown_phone_is_adopted_and_the_open_page_says_so() {
    if !have(&[BROWSER.as_slice(), &[CURL]].concat()) {
        return;
    }
    let pbx = small_pbx(&["1001", "1002"]);
    let site = Site::new(&pbx);
    let daemon = site.serve();
    until_listed(&daemon, MAC, "adopted");
    browse(&site, &json!({}), async |browser| {
        browser.looks(1280, "light").await;
        browser.go("/").await;
        browser.reads(&["0 of 1 phones are registered", MAC]).await;
        browser.asks("window.stays = true").await;

        ask(&daemon, address(7), &format!("SEP{STRANGER}.cnf.xml"));
        browser.comes_to_read(STRANGER).await;
        assert_eq!(browser.asks("return window.stays").await, true, "the page was not loaded again");
        browser.picture("overview-unknown").await;

        // The only extension without a phone stands there already.
        let adopt = format!("form:has(input[value='{STRANGER}'])");
        assert_eq!(browser.value(&format!("{adopt} input[name=line]")).await, "1002");
        browser.follow(&format!("{adopt} button")).await;
        browser.reads(&["Done: phone 001B54AABB07 has 1002"]).await;
        until_listed(&daemon, STRANGER, "adopted");
        assert_eq!(browser.asks("return location.search").await, "", "a sentence is said once");

        browser.go(&format!("/phones/{STRANGER}")).await;
        browser.reads(&["What happened", &format!("SEP{STRANGER}.cnf.xml"), "1002"]).await;
        browser.unfold("#remove").await;
        browser.follow("#remove button").await;
        browser.reads(&[&format!("Done: phone {STRANGER} is not assigned here any more")]).await;
        until_listed(&daemon, STRANGER, "seen");
    });
    daemon.stop();
}

#[test]
fn a_click_is_not_lost_to_what_happens_meanwhile() {
    if !have(&[BROWSER.as_slice(), &[CURL]].concat()) {
        return;
    }
    let pbx = small_pbx(&["1001", "1002"]);
    let site = Site::new(&pbx);
    let daemon = site.serve();
    until_listed(&daemon, MAC, "adopted");
    ask(&daemon, address(7), &format!("SEP{STRANGER}.cnf.xml"));
    until_listed(&daemon, STRANGER, "seen");
    browse(&site, &json!({}), async |browser| {
        browser.go("/").await;
        ask(&daemon, address(7), &format!("ITLSEP{STRANGER}.tlv"));
        browser.comes_to_read("ITLSEP").await;
        // Nothing is fetched but for what happens.
        let idle = "const real = setTimeout; window.setTimeout = (f, ms) => (ms > 5000 ? 0 : real(f, ms))";
        browser.asks(idle).await;
        let hand = |actions| MouseActions::new("hand".to_owned()).then(actions);
        let press = async |css: &str| {
            let over =
                PointerAction::MoveToElement { element: browser.find(css).await, duration: None, x: 0.0, y: 0.0 };
            let down = hand(over).then(PointerAction::Down { button: MOUSE_BUTTON_LEFT });
            browser.driver.perform_actions(down).await.unwrap();
        };
        let release = || browser.driver.perform_actions(hand(PointerAction::Up { button: MOUSE_BUTTON_LEFT }));
        // Two parts of the page have something new; the one under the hand waits.
        let happens = async |name: &str, last: u8| {
            ask(&daemon, address(7), name);
            ask(&daemon, address(last), &format!("SIP{MAC}.cnf"));
            let seen = address(last);
            let listed = format!("return document.getElementById('list').innerText.includes('{seen}')");
            browser.comes_true(&listed, LONG_PATIENCE).await;
            assert!(!browser.text().await.contains(name));
        };
        press("#unknown h2").await;
        happens("CTLSEP001B54AABB07.tlv", 18).await;
        release().await.unwrap();
        browser.comes_to_read("CTLSEP001B54AABB07.tlv").await;

        press(&format!("form:has(input[value='{STRANGER}']) button")).await;
        happens("SIP001B54AABB07.cnf", 19).await;
        browser.leads_on("the button", async || release().await.unwrap()).await;
        browser.reads(&[&format!("Done: phone {STRANGER} has 1002")]).await;
    });
    daemon.stop();
}

#[test]
fn what_cannot_be_done_is_said_on_the_page() {
    if !have(&[BROWSER.as_slice(), &[CURL]].concat()) {
        return;
    }
    let pbx = small_pbx(&["1001"]);
    let site = Site::new(&pbx);
    let daemon = site.serve();
    until_listed(&daemon, MAC, "adopted");
    browse(&site, &json!({}), async |browser| {
        browser.go("/").await;
        browser.unfold("#add").await;
        browser.type_in("#add input[name=mac]", "01005E000001").await;
        browser.type_in("#add input[name=line]", "1001").await;
        browser.follow("#add button").await;
        browser.reads(&["Not done: \"01005E000001\" is no phone"]).await;
        browser.unfold("#add").await;
        browser.type_in("#add input[name=mac]", MAC).await;
        browser.type_in("#add input[name=line]", "1001").await;
        browser.follow("#add button").await;
        browser.reads(&[&format!("Not done: phone {MAC} is assigned in the PBX already")]).await;
        browser.go(&format!("/conversions/plan?macs={MAC}&to=P0S3-8-12-0")).await;
        browser.reads(&["Nothing would begin", "No way"]).await;
        browser.go("/conversions/plan?macs=nonsense").await;
        browser.reads(&["\"nonsense\" is no phone"]).await;
        for absent in ["/phones/001B54FFFFFF", "/phones/x", "/explain/no-such-code"] {
            browser.go(absent).await;
            browser.reads(&["Not found"]).await;
        }
    });
    daemon.stop();
}

#[test]
fn firmware_is_brought_looked_at_and_removed() {
    if !have(&[BROWSER.as_slice(), &[Component::Program("zip")]].concat()) {
        return;
    }
    let pbx = small_pbx(&["1001"]);
    let site = Site::new(&pbx);
    let daemon = site.serve();
    until_listed(&daemon, MAC, "adopted");
    let (load, archive) = ("P0S3-8-12-00", site.folder().join("P0S3-8-12-00.zip"));
    lay(&site.folder().join("set"), &made(load, 3_000_000));
    pack(&site.folder().join("set"), &archive);
    // Half a set, whose manifest names what is not there.
    let half: Vec<_> =
        made("SIP42.9-4-2SR3-1S", 3_000).into_iter().filter(|file| !file.name.contains(".sbn")).collect();
    lay(&site.folder().join("half"), &half);
    let half = site.folder().join("half.zip");
    pack(&site.folder().join("half"), &half);
    browse(&site, &json!({}), async |browser| {
        browser.looks(1280, "light").await;
        browser.go("/firmware").await;
        browser.reads(&["None yet"]).await;
        browser.find("input[type=file]").await.send_keys(archive.to_str().unwrap()).await.unwrap();
        browser.follow("form[data-upload] button").await;
        browser.reads(&["Done:", "P0S3-8-12-00 is complete", "1 load, all complete"]).await;
        browser.find("input[type=file]").await.send_keys(half.to_str().unwrap()).await.unwrap();
        browser.follow("form[data-upload] button").await;
        browser
            .reads(&["1 not complete and not offered", "It lacks:", "Bring:", "cmterm-7942_7962-sip.9-4-2SR3-1"])
            .await;
        // The phone is where nobody knows, and the way from there is drawn and told.
        browser.find("#ways-P0 svg .target").await;
        browser.unfold("#ways-P0-words").await;
        browser.reads(&["Ways of 7940, 7960 to P0S3-8-12-00", "unknown", MAC]).await;
        browser.picture("firmware").await;

        browser.follow(&format!("form[action='/firmware/{load}/check'] button")).await;
        browser.reads(&["Done: every file of P0S3-8-12-00 is as it was brought"]).await;
        browser.unfold(&format!("[id='remove-{load}']")).await;
        browser.follow(&format!("form[action='/firmware/{load}/remove'] button")).await;
        browser.reads(&["Done: load P0S3-8-12-00 was removed"]).await;
        // What is no archive is refused with a sentence.
        let nonsense = site.folder().join("nonsense.zip");
        std::fs::write(&nonsense, "nothing of the kind").unwrap();
        browser.find("input[type=file]").await.send_keys(nonsense.to_str().unwrap()).await.unwrap();
        browser.follow("form[data-upload] button").await;
        browser.reads(&["Not done:", "nonsense.zip"]).await;
    });
    assert_eq!(daemon.json(&["firmware", "list"]).as_array().unwrap().len(), 1);
    daemon.stop();
}

#[test]
fn without_script_everything_is_read_and_done() {
    if !have(&[BROWSER.as_slice(), &[CURL, Component::Program("zip")]].concat()) {
        return;
    }
    let pbx = small_pbx(&["1001", "1002"]);
    let site = Site::new(&pbx);
    let daemon = site.serve();
    until_listed(&daemon, MAC, "adopted");
    ask(&daemon, address(7), &format!("SEP{STRANGER}.cnf.xml"));
    until_listed(&daemon, STRANGER, "seen");
    let archive = site.folder().join("P0S3-8-12-00.zip");
    lay(&site.folder().join("set"), &made("P0S3-8-12-00", 3_000));
    pack(&site.folder().join("set"), &archive);
    let no_script = json!({"profile.managed_default_content_settings.javascript": 2});
    browse(&site, &no_script, async |browser| {
        browser.go("/").await;
        assert_eq!(browser.asks("return document.documentElement.className").await, "", "the script did not run");
        browser.follow(&format!("form:has(input[value='{STRANGER}']) button")).await;
        browser.reads(&["Done: phone 001B54AABB07 has 1002"]).await;
        browser.type_in("#phones input[name=q]", "1002").await;
        browser.follow("#phones .filter button").await;
        browser.reads(&["1 of 2 phones", STRANGER]).await;

        browser.go("/firmware").await;
        browser.find("input[type=file]").await.send_keys(archive.to_str().unwrap()).await.unwrap();
        browser.follow("form[data-upload] button").await;
        browser.reads(&["P0S3-8-12-00 is complete"]).await;

        browser.go(&format!("/phones/{MAC}")).await;
        browser.unfold("#convert").await;
        browser.follow("#convert button").await;
        browser.reads(&["Plan of a conversion", "One phone would begin", "P0S3-8-12-00"]).await;
        browser.press("input[name=accept_one_way]").await;
        browser.follow("form[action='/conversions/start'] button").await;
        browser.reads(&[&format!("Done: phone {MAC} goes"), "Conversion is running"]).await;
        browser.follow("form[action='/conversions/pause'] button").await;
        browser.reads(&["Done: conversion is paused", "Conversion is paused"]).await;

        browser.go("/live?kind=files").await;
        browser.reads(&[STRANGER, "asks for SEP001B54AABB07.cnf.xml", "Reload"]).await;
        browser.go("/live?kind=dhcp").await;
        browser.reads(&["Nothing of this kind was heard yet."]).await;
        browser.follow("form.filter button").await;
        browser.go("/check").await;
        browser.follow("form[action='/check'] button").await;
        browser.reads(&["Done: everything was looked at again"]).await;
    });
    daemon.stop();
}

#[test]
fn the_keyboard_is_enough() {
    if !have(&[BROWSER.as_slice(), &[CURL]].concat()) {
        return;
    }
    let pbx = small_pbx(&["1001", "1002", "1003"]);
    let site = Site::new(&pbx);
    let daemon = site.serve();
    ask(&daemon, address(7), &format!("SEP{STRANGER}.cnf.xml"));
    until_listed(&daemon, STRANGER, "seen");
    browse(&site, &json!({}), async |browser| {
        browser.go("/").await;
        browser.strikes(Key::Tab).await;
        assert_eq!(browser.asks("return document.activeElement.className").await, "skip");
        browser.strikes(Key::Enter).await;
        assert_eq!(browser.asks("return document.activeElement.id").await, "main");
        // From there to the field, by Tab alone, and every stop can be seen.
        let mut stops = 0;
        while browser.asks("return document.activeElement.name || ''").await != "line" {
            browser.strikes(Key::Tab).await;
            let outline = browser.asks("return getComputedStyle(document.activeElement).outlineStyle").await;
            assert_ne!(outline, "none", "{}", browser.asks("return document.activeElement.outerHTML").await);
            stops += 1;
            assert!(stops < 60, "the field is never reached");
        }
        browser.driver.active_element().await.unwrap().send_keys("1003").await.unwrap();
        browser.leads_on("Enter", async || browser.strikes(Key::Enter).await).await;
        browser.reads(&["Done: phone 001B54AABB07 has 1003"]).await;
    });
    daemon.stop();
}

#[test]
fn a_page_that_lost_the_daemon_says_so_and_comes_back() {
    if !have(&BROWSER) {
        return;
    }
    let pbx = small_pbx(&["1001"]);
    let site = Site::new(&pbx);
    let daemon = site.serve();
    until_listed(&daemon, MAC, "adopted");
    browse(&site, &json!({}), async |browser| {
        browser.go("/").await;
        browser.asks("window.stays = true").await;
        daemon.stop();
        browser.comes_to_read("Connection lost").await;
        browser.reads(&[MAC]).await;
        let daemon = site.serve();
        let gone = "return document.getElementById('lost').hidden && window.stays === true";
        browser.comes_true(gone, LONG_PATIENCE).await;
        browser.reads(&[MAC]).await;
        daemon.stop();
    });
}

#[test]
fn settings_are_shown_with_their_sources_and_no_secret() {
    if !have(&[CURL]) {
        return;
    }
    let pbx = small_pbx(&["1001"]);
    let site = Site::new(&pbx);
    site.configure(
        &site.configuration().replace("[ami]\naddress = \"\"", "[ami]\naddress = \"\"\nsecret = \"CANARYami\""),
    );
    let daemon = site.serve();
    until_listed(&daemon, MAC, "adopted");
    let page = fetch(&site, "/settings");
    for part in ["[tftp]", "tftp.fall_through", "offhook.toml line", "default", "••••••"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // The command says the same, as a table and as JSON.
    let said = daemon.json(&["settings"]);
    assert_eq!(said["restart"], json!([]));
    let keys = said["keys"].as_array().unwrap();
    let ami = keys.iter().find(|key| key["key"] == "ami.secret").unwrap();
    assert_eq!(ami["value"], "••••••");
    assert!(ami["source"].as_str().unwrap().contains("offhook.toml line "), "{ami}");
    let table = succeed(&mut site.command(&["settings"]));
    for key in keys {
        let line = table.lines().find(|line| line.split_whitespace().next() == key["key"].as_str());
        let line = line.unwrap_or_else(|| panic!("{key} is not in\n{table}"));
        assert!(
            line.contains(key["value"].as_str().unwrap()) && line.contains(key["source"].as_str().unwrap()),
            "{line}"
        );
    }
    assert!(!table.contains("CANARY") && !said.to_string().contains("CANARY"));
    let secret = page.find("CANARY").map(|at| page[at..].chars().take(20).collect::<String>());
    assert_eq!(secret, None);
    let policy = "content-security-policy: default-src &#x27;none&#x27;".replace("&#x27;", "'");
    assert!(fetch_with(&site, &["-i", "/"]).to_lowercase().contains(&policy));
    // What did not change is not sent again.
    let head = fetch_with(&site, &["-i", "/assets/style.css"]);
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().trim().to_owned();
    let again = fetch_with(&site, &["-i", "-H", &format!("If-None-Match: {tag}"), "/assets/style.css"]);
    assert!(again.starts_with("HTTP/1.1 304") && !again.contains("--accent"), "{again}");
    // A file is shown as the phone gets it, but for its secret.
    let file = fetch(&site, &format!("/phones/{MAC}/files/SIP{MAC}.cnf"));
    assert!(file.contains("line1_password") && !file.contains("CANARY"), "{file}");
    daemon.stop();
}

/// A page, without a browser.
pub(crate) fn fetch(site: &Site, path: &str) -> String {
    fetch_with(site, &[path])
}

fn fetch_with(site: &Site, arguments: &[&str]) -> String {
    let (path, options) = arguments.split_last().unwrap();
    let mut command = Command::new("curl");
    command.args(["-sS", "--unix-socket"]).arg(site.folder().join("api.sock")).args(options);
    let output = run(command.arg(format!("http://localhost{path}")));
    assert!(output.status.success(), "{path}: {}", text(&output.stderr));
    text(&output.stdout)
}
