//! Pages for everybody: on a narrow screen, in dark and light, and by the rules of accessibility.

use serde_json::json;

use super::{CURL, MAC, STRANGER, address, ask, browse, small_pbx, until_listed};
use crate::support::browser::{BROWSER, Browser};
use crate::support::daemon::{Daemon, Site};
use crate::support::firmware::{lay, made, pack};
use crate::support::pbx::Pbx;
use crate::support::{Component, axe, have, text};

/// Every page, and what its picture is called.
const PAGES: [(&str, &str); 15] = [
    ("overview", "/"),
    ("found", "/?q=ada&state=silent"),
    ("phone", "/phones/00087D0A0001"),
    ("unknown", "/phones/001B54AABB07"),
    ("file", "/phones/00087D0A0001/files/SIP00087D0A0001.cnf"),
    ("firmware", "/firmware"),
    ("conversions", "/conversions"),
    ("plan", "/conversions/plan?macs=00087D0A0001"),
    ("leases", "/leases"),
    ("live", "/live"),
    ("check", "/check"),
    ("settings", "/settings"),
    ("explain", "/explain/not-seen"),
    ("screen", "/explain?q=unprovisioned"),
    ("absent", "/phones/nobody"),
];

/// A site that has something to show on every page; words without a place to break them among it.
fn furnished(pbx: &Pbx, site: &Site) {
    let long = "W".repeat(60);
    pbx.database.execute(&format!("UPDATE offhook_phones SET description = '{long}'"));
    lay(&site.folder().join("set"), &made("P0S3-8-12-00", 3_000));
    let half: Vec<_> = made("P00308000900", 3_000).into_iter().filter(|file| !file.name.contains(".sb2")).collect();
    lay(&site.folder().join("set"), &half);
    pack(&site.folder().join("set"), &site.folder().join("set.zip"));
}

fn busy(daemon: &Daemon<'_>, site: &Site) {
    until_listed(daemon, MAC, "adopted");
    ask(daemon, address(7), &format!("SEP{STRANGER}.cnf.xml"));
    for n in 0..3 {
        ask(daemon, address(8), &format!("SIP{MAC}.cnf"));
        ask(daemon, address(8), &format!("{}{n}.bin", "W".repeat(100)));
    }
    let archive = site.folder().join("set.zip");
    let added = daemon.cli(&["firmware", "add", archive.to_str().unwrap()]);
    assert!(added.status.success(), "{}", text(&added.stderr));
    let started = daemon.cli(&["convert", "start", MAC, "--accept-one-way"]);
    assert!(started.status.success(), "{}", text(&started.stderr));
    until_listed(daemon, STRANGER, "seen");
}

#[test]
fn no_page_is_wider_than_a_telephone() {
    if !have(&[BROWSER.as_slice(), &[CURL, Component::Program("zip")]].concat()) {
        return;
    }
    let pbx = small_pbx(&["1001", "1002"]);
    let site = Site::new(&pbx);
    furnished(&pbx, &site);
    let daemon = site.serve();
    busy(&daemon, &site);
    browse(&site, &json!({}), async |browser| {
        for (name, path) in PAGES {
            for (look, width, scheme) in [("light", 1280, "light"), ("dark", 1280, "dark"), ("360", 360, "light")] {
                browser.looks(width, scheme).await;
                browser.go(path).await;
                browser.picture(&format!("{name}-{look}")).await;
                let wide = "const wide = [...document.querySelectorAll('main *')].find((one) =>
                        one.getBoundingClientRect().right > innerWidth + 1 && !one.closest('.scroll'));
                    return document.documentElement.scrollWidth > innerWidth ? (wide || document.body).outerHTML : ''";
                assert_eq!(browser.asks(wide).await, "", "{path} at {width}");
            }
        }
    });
    daemon.stop();
}

/// Everything that the page had the browser ask for, elsewhere than at its own host, and what the browser complains of.
async fn elsewhere(browser: &Browser) -> Vec<String> {
    let look = "const here = location.origin;
        const asked = performance.getEntriesByType('resource').map((one) => one.name);
        const named = [...document.querySelectorAll('[src], [srcset], [data], [poster], link[href], form[action], [background]')]
            .map((one) => one.currentSrc || one.src || one.href || one.data || one.action || one.poster);
        return [...asked, ...named].filter((one) => one && new URL(one, here).origin !== here && !String(one).startsWith('data:'))";
    let found = browser.asks(look).await;
    let mut found: Vec<String> =
        found.as_array().unwrap().iter().map(|one| one.as_str().unwrap_or_default().to_owned()).collect();
    found.extend(browser.complaints().await);
    found
}

#[test]
fn no_page_asks_another_host_for_anything() {
    if !have(&[BROWSER.as_slice(), &[CURL, Component::Program("zip")]].concat()) {
        return;
    }
    let pbx = small_pbx(&["1001", "1002"]);
    let site = Site::new(&pbx);
    furnished(&pbx, &site);
    let daemon = site.serve();
    busy(&daemon, &site);
    browse(&site, &json!({}), async |browser| {
        for (name, path) in PAGES {
            browser.go(path).await;
            let asked = browser.asks("return performance.getEntriesByType('resource').length").await;
            assert!(asked.as_u64().unwrap() >= 2, "{name}: style and script are asked for: {asked}");
            let mut found = elsewhere(browser).await;
            // A page that says that something is not there is 404, which the browser takes for a complaint.
            found.retain(|one| name != "absent" || !one.contains("404"));
            assert_eq!(found, Vec::<String>::new(), "{path}");
        }
        // What is put into a page all the same does not get out, and would have been seen.
        browser.asks("const one = new Image(); one.src = 'http://127.0.0.1:9/x.png'; document.body.append(one)").await;
        let seen = elsewhere(browser).await;
        assert!(seen.iter().any(|one| one.contains("Content Security Policy")), "{seen:?}");
        assert!(seen.iter().any(|one| one == "http://127.0.0.1:9/x.png"), "{seen:?}");
    });
    daemon.stop();
}

#[test]
fn every_page_follows_the_rules_of_accessibility() {
    if !have(&[BROWSER.as_slice(), &[CURL, Component::Program("zip"), Component::Axe]].concat()) {
        return;
    }
    let pbx = small_pbx(&["1001", "1002"]);
    let site = Site::new(&pbx);
    furnished(&pbx, &site);
    let daemon = site.serve();
    busy(&daemon, &site);
    let library = axe::library();
    let mut broken = Vec::new();
    browse(&site, &json!({}), async |browser| {
        for (_, path) in PAGES {
            for (width, scheme) in [(1280, "light"), (1280, "dark"), (360, "light")] {
                browser.looks(width, scheme).await;
                browser.go(path).await;
                // What is folded away is read, too.
                browser.asks("document.querySelectorAll('details').forEach((one) => { one.open = true })").await;
                let here = browser.breaks(&library).await;
                broken.extend(here.into_iter().map(|rule| format!("{path} {width} {scheme}: {rule}")));
            }
        }
    });
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    daemon.stop();
}
