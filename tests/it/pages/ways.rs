//! A conversion, watched on the board: the per cent move while the page stays open.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use offhook::simulate::{Flash, Setup, Timing, boot};
use serde_json::json;

use super::browse;
use crate::convert::{ARCHIVES, PLUG, bring};
use crate::support::browser::{BROWSER, LONG_PATIENCE};
use crate::support::daemon::{Daemon, Site};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, wait_for};

const MAC: &str = "00087D0A0001";

/// Boots of the phone before the test gives up.
const BOOTS: usize = 30;

/// Steps that are done, and all.
fn steps(daemon: &Daemon<'_>) -> (usize, usize) {
    let all = daemon.json(&["convert", "status"]);
    let steps = all[0]["steps"].as_array().cloned().unwrap_or_default();
    (steps.iter().filter(|step| step["state"] == "verified").count(), steps.len())
}

async fn boots(daemon: &Daemon<'_>, flash: Option<Flash>) -> Flash {
    let mut setup = Setup::new(
        "7960".parse().unwrap(),
        MAC.parse().unwrap(),
        "sccp:P00303010102".parse().unwrap(),
        daemon.tftp.ip(),
    );
    setup.tftp_port = daemon.tftp.port();
    setup.from_address = Some(IpAddr::V4(Ipv4Addr::new(127, 0, 9, 1)));
    setup.flash = flash;
    setup.timing = Timing { tftp_retry: Duration::from_millis(500), ..Timing::default() };
    setup.sip_port_override = Some(0);
    boot(&setup, |_| {}).await.flash
}

#[test]
fn the_per_cent_of_a_conversion_move_on_the_open_page() {
    let needed = [Component::MariaDb, Component::Asterisk, Component::Program("curl")];
    if !have(&[BROWSER.as_slice(), &needed].concat()) {
        return;
    }
    let pbx = Pbx::real();
    pbx.add_extension("1001", "Ada Lovelace", "CANARY1001");
    pbx.add_phone(MAC, "7960", &["1001"]);
    pbx.apply();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    daemon.wait_for_phone(MAC, "adopted", |phone| phone["ownership"] == "adopted");
    bring(&daemon, site.folder(), &ARCHIVES[..4]);
    browse(&site, &json!({}), async |browser| {
        browser.looks(1280, "dark").await;
        browser.go("/conversions").await;
        browser.reads(&["No conversion was started yet"]).await;
        browser.press("input[name=all]").await;
        browser.follow("form[action='/conversions/plan'] button").await;
        browser.reads(&["One phone would begin", "cannot be undone"]).await;
        browser.picture("plan").await;
        browser.press("input[name=accept_one_way]").await;
        browser.follow("form[action='/conversions/start'] button").await;
        browser.reads(&["Done:", "Conversion is running", "0 %"]).await;
        browser.asks("window.stays = true").await;

        let (mut flash, mut seen) = (None, Vec::new());
        for _ in 0..BOOTS {
            flash = Some(boots(&daemon, flash.take()).await);
            let (done, all) = steps(&daemon);
            let percent = done * 100 / all.max(1);
            // Between two steps a phone may have part of the next one already: at least so far.
            let so_far = format!(
                "return parseInt(document.querySelector('.percent').textContent) >= {percent} && window.stays === true"
            );
            browser.comes_true(&so_far, LONG_PATIENCE).await;
            if seen.last() != Some(&percent) {
                seen.push(percent);
                browser.picture(&format!("conversions-{percent}")).await;
            }
            if done == all && all > 0 {
                break;
            }
            tokio::time::sleep(PLUG).await;
        }
        assert!(seen.len() > 2 && seen.last() == Some(&100), "{seen:?}");
        browser.comes_to_read("Conversion is over: 1 of 1 phones are through").await;
        browser.go(&format!("/phones/{MAC}")).await;
        browser.comes_to_read("registered").await;
        browser.picture("phone").await;
    });
    wait_for("the phone's end", || {
        let (done, all) = steps(&daemon);
        if done == all { Ok(()) } else { Err(format!("{done} of {all}")) }
    });
    daemon.stop();
}
