//! The host's pages in a headless Chromium: what a person types, presses and reads.

use std::process::Command;
use std::time::Duration;

use fantoccini::Locator;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::support::browser::{BROWSER, Browser, Running, drive, listens};
use super::super::support::sql::MariaDb;
use super::super::support::{Component, free_port, have, in_repository, wait_for};

const MAC: &str = "001B54AABB01";
const SEEN: &str = "001B54AABB07";

/// The host under PHP's own web server, with a database and a stand-in for the daemon.
struct Host {
    port: u16,
    server: MariaDb,
    folder: TempDir,
    daemon: Option<Running>,
    _php: Running,
}

impl Host {
    fn start() -> Self {
        let server = MariaDb::start();
        server.client("CREATE DATABASE host CHARACTER SET utf8mb4", &[]);
        for file in ["tests/freepbx/data/freepbx16.sql", "contrib/freepbx/offhook/tables.sql"] {
            server.client(&std::fs::read_to_string(in_repository(file)).unwrap(), &["host"]);
        }
        let folder = tempfile::Builder::new().prefix("ohh").tempdir_in("/tmp").unwrap();
        let port = free_port();
        let php = Running::start(
            Command::new("php")
                .args(["-d", "display_errors=1", "-d"])
                .arg(format!("session.save_path={}", folder.path().display()))
                .args(["-S", &format!("127.0.0.1:{port}")])
                .arg(in_repository("tests/freepbx/host/index.php"))
                .env("OFFHOOK_TEST_MARIADB", server.socket())
                .env("OFFHOOK_TEST_DATABASE", "host")
                .env("OFFHOOK_TEST_DAEMON", folder.path().join("sock")),
        );
        listens(port);
        let mut host = Self { port, server, folder, daemon: None, _php: php };
        host.daemon_with(&json!({}));
        host.daemon_up();
        host
    }

    fn daemon_with(&self, answers: &Value) {
        std::fs::write(self.folder.path().join("answers"), answers.to_string()).unwrap();
    }

    fn daemon_up(&mut self) {
        let socket = self.folder.path().join("sock");
        let _ = std::fs::remove_file(&socket);
        let script = in_repository("tests/freepbx/host/daemon.php");
        self.daemon =
            Some(Running::start(Command::new("php").arg(script).arg(&socket).arg(self.folder.path().join("answers"))));
        wait_for("the stand-in for the daemon", || socket.exists().then_some(()).ok_or_else(|| "no socket".to_owned()));
    }

    fn rows(&self, sql: &str) -> String {
        self.server.client(sql, &["host"]).trim().to_owned()
    }
}

/// Runs the steps in a browser on that host.
fn in_browser(host: &mut Host, steps: impl AsyncFnOnce(&mut Host, &Browser)) {
    let base = format!("http://127.0.0.1:{}/config.php?", host.port);
    drive(&base, &json!({}), async |browser| steps(host, browser).await);
}

fn can_run() -> bool {
    have(&[&[Component::Php, Component::MariaDb], BROWSER.as_slice()].concat())
}

fn live(mac: &str, with: &Value) -> Value {
    let mut phone = json!({
        "mac": mac, "model": "7960", "ownership": "adopted", "stage": "registered", "health": "ok", "reason": "registered",
        "summary": "All lines are registered.", "ip": "127.0.0.9", "load": "P0S3-8-12-00", "target_load": null, "lines": [],
        "since": "2026-01-01T00:00:00Z",
    });
    for (key, value) in with.as_object().unwrap() {
        phone[key] = value.clone();
    }
    phone
}

#[test]
fn a_phone_is_typed_saved_and_shown() {
    if !can_run() {
        return;
    }
    in_browser(&mut Host::start(), async |host, browser| {
        host.daemon_with(&json!({
            format!("GET /api/v1/phones/{MAC}"): [200, live(MAC, &json!({}))],
            format!("GET /api/v1/phones/{MAC}/findings"): [200, []],
        }));
        browser.go("display=extensions&extdisplay=1001").await;
        browser.reads(&["Cisco phone", "MAC address", "Set a secret this phone can carry"]).await;
        assert!(browser.find("#offhook_safe").await.is_selected().await.unwrap());
        browser.picture("section-empty").await;

        browser.type_in("#offhook_mac", "00:1b:54:aa:bb").await;
        browser.press("#submit").await;
        let invalid = browser.find("body").await.attr("data-invalid").await.unwrap();
        assert_eq!(invalid.as_deref(), Some("A MAC address has 12 hexadecimal digits"));
        assert_eq!(host.rows("select count(*) from offhook_phones"), "0", "the script of the page stops it");

        browser.type_in("#offhook_mac", "00:1b:54:aa:bb:01").await;
        browser.choose("#offhook_model", "7960").await;
        browser.follow("#submit").await;
        browser.reads(&["has a new secret and NAT settings for this phone", "All lines are registered."]).await;
        assert_eq!(browser.value("#offhook_mac").await, MAC);
        assert_eq!(browser.value("#offhook_model").await, "7960");
        assert_eq!(browser.value("#offhook_button").await, "1");
        assert!(!browser.find("#offhook_safe").await.is_selected().await.unwrap());
        browser.picture("section-saved").await;
        assert_eq!(host.rows("select mac, button, extension from offhook_lines"), format!("{MAC}\t1\t1001"));
        assert_eq!(host.rows("select data from sip where id = '1001' and keyword = 'force_rport'"), "no");
        let secret = host.rows("select data from sip where id = '1001' and keyword = 'secret'");
        assert_eq!(secret.len(), 12);

        browser.follow("#submit").await;
        assert_eq!(host.rows("select data from sip where id = '1001' and keyword = 'secret'"), secret);
    });
}

#[test]
fn a_bad_mac_is_refused_without_the_pages_script_too() {
    if !can_run() {
        return;
    }
    in_browser(&mut Host::start(), async |host, browser| {
        browser.go("display=extensions&extdisplay=1001").await;
        browser.driver.execute("frm_extensions.onsubmit = null", vec![]).await.unwrap();
        browser.type_in("#offhook_mac", "01005E000001").await;
        browser.follow("#submit").await;
        browser.reads(&["The Cisco phone was not stored: 01005E000001 is a multicast"]).await;
        assert_eq!(browser.value("#offhook_mac").await, "01005E000001");
        browser.picture("section-refused").await;

        browser.go("display=extensions&tech_hardware=pjsip_generic").await;
        browser.driver.execute("frm_extensions.onsubmit = null", vec![]).await.unwrap();
        browser.type_in("input[name=extension]", "1050").await;
        browser.type_in("#name", "Newcomer").await;
        browser.type_in("#offhook_mac", "12").await;
        browser.follow("#submit").await;
        browser.reads(&["The Cisco phone was not stored", "1050 Newcomer"]).await;
        browser.picture("added-refused").await;
        browser.follow(".offhook-danger a").await;
        browser.reads(&["Extension: 1050"]).await;
        assert_eq!(host.rows("select count(*) from offhook_phones"), "0");
    });
}

#[test]
fn the_list_shows_acts_and_escapes() {
    if !can_run() {
        return;
    }
    in_browser(&mut Host::start(), async |host, browser| {
        host.rows("update users set name = '<img src=x onerror=document.title=1>' where extension = '1001'");
        host.rows(&format!(
            "insert into offhook_phones (mac, model, description) values ('{MAC}', '7942', 'Front <b>desk</b>')"
        ));
        host.rows(&format!(
            "insert into offhook_lines (mac, button, extension) values ('{MAC}', 1, '1001'), ('{MAC}', 2, '1777')"
        ));
        host.daemon_with(&json!({
            "GET /api/v1/phones": [200, [
                live(MAC, &json!({"health": "needs-hands", "stage": "silent", "reason": "tcp-off", "summary": "extension 1001 is to register over TCP, and chan_pjsip's TCP transport is off"})),
                live(SEEN, &json!({"ownership": "seen", "stage": "booting", "health": "waiting"})),
            ]],
            "GET /api/v1/check": [200, [{"name": "tcp", "status": "failed", "summary": "TCP is off", "remedy": "switch it on"}]],
            format!("POST /api/v1/phones/{MAC}/restart"): [200, {"summary": format!("{MAC} was told to restart")}],
        }));
        browser.go("display=offhook").await;
        browser
            .reads(&[
                "TCP is off",
                "needs an Asterisk restart",
                "<img src=x onerror=document.title=1>",
                "Front <b>desk</b>",
                "not in FreePBX",
                SEEN,
            ])
            .await;
        assert_eq!(browser.driver.title().await.unwrap(), "FreePBX stand-in");
        browser.picture("list").await;

        browser.press(&format!("tr[data-mac='{MAC}'] input[type=checkbox]")).await;
        browser.follow("button[value=restart]").await;
        browser.reads(&[&format!("{MAC} was told to restart")]).await;

        browser.choose(&format!("form[data-mac='{SEEN}'] select"), "7960").await;
        browser.type_in(&format!("form[data-mac='{SEEN}'] input[name=offhook_extension]"), "1002").await;
        browser.follow(&format!("form[data-mac='{SEEN}'] button")).await;
        browser.reads(&[&format!("Extension 1002 is on button 1 of phone {SEEN}"), "press Apply Config"]).await;
        browser.picture("list-adopted").await;
        assert_eq!(host.rows(&format!("select extension from offhook_lines where mac = '{SEEN}'")), "1002");

        browser.go("display=offhook&offhook_check=1").await;
        browser.reads(&["switch it on"]).await;

        // The daemon is gone: the page works, says so, and shows what it last wrote.
        host.rows(&format!("insert into offhook_status (mac, stage, health, reason, summary, updated) values ('{MAC}', 'registered', 'ok', 'registered', 'All was well.', '2026-01-02 03:04:05')"));
        host.daemon = None;
        browser.go("display=offhook").await;
        browser
            .reads(&[
                "The offhook daemon cannot be reached",
                "systemctl start offhook",
                "All was well.",
                "as of 2026-01-02 03:04:05 UTC",
            ])
            .await;
        browser.picture("list-daemon-down").await;
        browser.press(&format!("tr[data-mac='{MAC}'] input[type=checkbox]")).await;
        browser.follow("button[value=restart]").await;
        browser.reads(&[&format!("Nothing was sent to {MAC}: the offhook daemon cannot be reached")]).await;
        browser.picture("list-daemon-down-restart").await;
        browser.go("display=extensions&extdisplay=1001").await;
        browser.reads(&["systemctl start offhook", "All was well."]).await;
        browser.picture("section-daemon-down").await;

        // And the table is fetched again by itself once the daemon is back.
        browser.go("display=offhook").await;
        host.daemon_up();
        let back = Locator::XPath("//td[contains(., 'is to register over TCP')]");
        browser.driver.wait().at_most(Duration::from_secs(40)).for_element(back).await.unwrap();
    });
}

/// What is as long as its column, and has no space to break at, does not push the table off the page.
#[test]
fn long_names_stay_on_the_page() {
    if !can_run() {
        return;
    }
    in_browser(&mut Host::start(), async |host, browser| {
        let long = |length: usize| "W".repeat(length);
        host.rows(&format!("update users set name = '{}' where extension = '1001'", long(50)));
        host.rows(&format!(
            "insert into offhook_phones (mac, model, description, target_load) values ('{MAC}', '7942', '{}', '{}')",
            long(80),
            long(40)
        ));
        host.rows(&format!("insert into offhook_lines (mac, button, extension) values ('{MAC}', 1, '1001')"));
        host.daemon = None;
        host.rows(&format!(
            "insert into offhook_status (mac, health, summary, load_id) values ('{MAC}', 'ok', '{}', '{}')",
            long(255),
            long(40)
        ));
        browser.go("display=offhook").await;
        browser.reads(&[&long(50), &long(80), &long(255)]).await;
        browser.picture("list-long").await;
        let fits = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth";
        assert_eq!(browser.driver.execute(fits, vec![]).await.unwrap(), Value::Bool(true));
    });
}
