//! A phone that nothing shows to be there is let in by somebody who knows: from the page, and what follows from it.

use std::net::IpAddr;
use std::process::Command;

use serde_json::json;

use super::{CURL, MAC, address, browse, small_pbx, until_listed};
use crate::support::browser::BROWSER;
use crate::support::daemon::{Daemon, Site};
use crate::support::{have, run, text, wait_for};

/// Whether that file is served to that address.
fn is_served(daemon: &Daemon<'_>, from: IpAddr, name: &str) -> bool {
    let url = format!("http://{}/{name}", daemon.http);
    let mut curl = Command::new("curl");
    let asked =
        run(curl.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--interface", &from.to_string(), &url]));
    match text(&asked.stdout).as_str() {
        "200" => true,
        "404" => false,
        other => panic!("{other} {}", text(&asked.stderr)),
    }
}

#[test]
fn a_phone_is_approved_where_it_was_denied() {
    if !have(&[BROWSER.as_slice(), &[CURL]].concat()) {
        return;
    }
    let (pbx, name) = (small_pbx(&["1001"]), format!("SIP{MAC}.cnf"));
    let site = Site::new(&pbx);
    site.configure(&site.configuration().replace("policy = \"network\"", "policy = \"own-mac\""));
    let daemon = site.serve();
    until_listed(&daemon, MAC, "adopted");
    let (first, second) = (address(51), address(52));
    // The first who asks is believed, until another asks for the same.
    assert!(is_served(&daemon, first, &name));
    browse(&site, &json!({}), async |browser| {
        browser.looks(1280, "light").await;
        browser.go(&format!("/phones/{MAC}")).await;
        assert_eq!(browser.asks("return document.getElementById('approve')").await, serde_json::Value::Null);
        assert!(!is_served(&daemon, second, &name));
        daemon.wait_for_phone(MAC, "unproven", |phone| phone["reason"] == "unproven");
        browser.go(&format!("/phones/{MAC}")).await;
        browser.reads(&["unproven", &second.to_string()]).await;
        browser.unfold("#approve").await;
        browser.picture("approve").await;

        browser.type_in("#approve input[name=address]", "somewhere").await;
        browser.follow("#approve button").await;
        browser.reads(&[&format!("Not done: phone {MAC} was not approved: \"somewhere\" is no IPv4 address")]).await;
        assert!(!is_served(&daemon, second, &name));

        // Without an address it is the one that was denied last.
        browser.unfold("#approve").await;
        browser.follow("#approve button").await;
        browser.reads(&[&format!("Done: phone {MAC} gets its files at {second}"), "approved it at"]).await;
        assert!(is_served(&daemon, second, &name));
        wait_for("the finding to go", || {
            let phone = daemon.phone(MAC);
            if phone["reason"] == "unproven" { Err(phone.to_string()) } else { Ok(()) }
        });
        browser.go(&format!("/phones/{MAC}")).await;
        assert_eq!(browser.asks("return document.getElementById('approve')").await, serde_json::Value::Null);
    });
    let audit = daemon.json(&["convert", "log"]).to_string();
    assert!(audit.contains(&format!("approved phone {MAC} at {second}")), "{audit}");
    daemon.stop();
    // A pin outlives a restart.
    let daemon = site.serve();
    until_listed(&daemon, MAC, "adopted");
    assert!(is_served(&daemon, second, &name) && !is_served(&daemon, first, &name));
    daemon.stop();
}
