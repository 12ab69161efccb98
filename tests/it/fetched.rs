//! What a phone last fetched beside what it would get now: fetched by a real TFTP client, changed in the PBX, asked for by the
//! command line, the API and the page.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};

use crate::pages::{browse, fetch};
use crate::support::axe::library;
use crate::support::browser::BROWSER;
use crate::support::daemon::{Daemon, Site};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, run, succeed, text, wait_for};

const MAC: &str = "00087D0A0001";
const JAVA: &str = "001B54AABB07";
const HOSTILE: &str = "\"><script>alert(1)</script>";
const CURL: Component = Component::Program("curl");

/// One phone of each family, each with a secret that can be found again.
fn two_phones() -> Pbx {
    let pbx = Pbx::tables();
    pbx.add_extension("1001", "Ada Lovelace", "CANARYada");
    pbx.add_extension("1002", "Grace Hopper", "CANARYgrace");
    pbx.add_phone(MAC, "7960", &["1001"]);
    pbx.add_phone(JAVA, "7965", &["1002"]);
    pbx.apply();
    pbx
}

/// Fetches by curl's own TFTP, from an address of the phone's.
fn takes(daemon: &Daemon<'_>, name: &str) -> String {
    let url = format!("tftp://{}/{name}", daemon.tftp);
    let from = Ipv4Addr::new(127, 0, 9, 31).to_string();
    succeed(Command::new("curl").args(["-sS", "--tftp-no-options", "--interface", &from, &url]))
}

fn diff(daemon: &Daemon<'_>, mac: &str, name: &str) -> Value {
    daemon.json(&["render", mac, name, "--diff"])
}

fn until(daemon: &Daemon<'_>, mac: &str, name: &str, state: &str) -> Value {
    wait_for(&format!("{name} to be {state}"), || {
        let said = diff(daemon, mac, name);
        if said["fetched"]["state"] == state { Ok(said) } else { Err(said.to_string()) }
    })
}

/// Marks and texts of the lines that differ.
fn changed(said: &Value) -> Vec<(String, String)> {
    let lines = said["lines"].as_array().unwrap().iter();
    let word = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
    let all = lines.map(|line| (word(line, "change"), word(line, "text")));
    all.filter(|(change, _)| change == "removed" || change == "added").collect()
}

fn name_it(pbx: &Pbx, extension: &str, name: &str) {
    let name = name.replace('\'', "''");
    pbx.database.execute(&format!("UPDATE users SET name = '{name}' WHERE extension = '{extension}'"));
    pbx.database.execute(&format!("UPDATE devices SET description = '{name}' WHERE id = '{extension}'"));
    pbx.apply();
}

fn on<T>(database: &Path, work: impl AsyncFnOnce(&mut SqliteConnection) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = format!("sqlite://{}", database.display());
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        let done = work(&mut connection).await;
        connection.close().await.unwrap();
        done
    })
}

/// All that is kept of what was fetched.
fn rows(database: &Path) -> Vec<String> {
    let of = "select mac || ' ' || name || ' ' || hex(seal) || ' ' || body from fetched order by mac, name";
    on(database, async |connection| sqlx::query_scalar(of).fetch_all(connection).await.unwrap())
}

#[test]
fn what_changed_since_a_phone_fetched_its_file_is_shown() {
    if !have(&[CURL]) {
        return;
    }
    let (pbx, name) = (two_phones(), format!("SIP{MAC}.cnf"));
    let site = Site::new(&pbx);
    let daemon = site.serve();
    daemon.wait_for_phone(MAC, "known", Value::is_object);
    assert_eq!(until(&daemon, MAC, &name, "never")["lines"], json!([]));
    assert!(fetch(&site, &format!("/phones/{MAC}")).contains("not since it is assigned"));

    assert!(takes(&daemon, &name).contains("CANARYada"));
    let same = until(&daemon, MAC, &name, "same");
    assert!(same["fetched"]["last"].is_string() && same["lines"] == json!([]), "{same}");
    assert!(fetch(&site, &format!("/phones/{MAC}")).contains("the same as now"));

    // Whether it is told by another spelling is no matter.
    takes(&daemon, &name.to_lowercase());
    until(&daemon, MAC, &name, "same");

    name_it(&pbx, "1001", "Augusta King");
    let said = until(&daemon, MAC, &name, "changed");
    let marks = |was: &str, is: &str| {
        let mut all = changed(&said);
        all.retain(|(_, text)| text.contains(was) || text.contains(is));
        all.len()
    };
    assert!(marks("Ada Lovelace", "Augusta King") >= 2, "{said}");
    assert_eq!(marks("Ada", "Augusta"), changed(&said).len(), "nothing else differs: {said}");
    let spoken = text(&daemon.cli(&["render", MAC, &name, "--diff"]).stdout);
    assert!(spoken.lines().any(|line| line.starts_with('-') && line.contains("Ada Lovelace")), "{spoken}");
    assert!(spoken.lines().any(|line| line.starts_with('+') && line.contains("Augusta King")), "{spoken}");
    let page = fetch(&site, &format!("/phones/{MAC}/files/{name}"));
    for words in ["Ada Lovelace", "Augusta King", "class=\"removed\"", "class=\"added\"", ">removed<", ">added<"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(fetch(&site, &format!("/phones/{MAC}")).contains("changed since"));
    let list = daemon.json(&["render", MAC]);
    let of = |list: &Value, of: &str| list.as_array().unwrap().iter().find(|file| file["name"] == of).cloned().unwrap();
    assert_eq!(of(&list, &name)["fetched"]["state"], "changed");
    assert_eq!(of(&list, "syncinfo.xml")["fetched"], Value::Null);

    // After a restart it is as it was.
    let since = said["fetched"]["since"].clone();
    daemon.stop();
    let daemon = site.serve();
    daemon.wait_for_phone(MAC, "known", Value::is_object);
    let again = until(&daemon, MAC, &name, "changed");
    assert_eq!((&again["lines"], again["fetched"]["since"].is_string()), (&said["lines"], since.is_string()));

    // It fetches over HTTP, and has what it would get.
    assert!(daemon.file(&name).unwrap().contains("Augusta King"));
    until(&daemon, MAC, &name, "same");
    daemon.stop();

    // A database of a version that kept none of this: when it fetched is known, and what not.
    let forget = "drop table fetched; drop table seal_key; delete from _sqlx_migrations where version = 10";
    on(&site.state().join("offhook.db"), async |connection| {
        sqlx::raw_sql(forget).execute(connection).await.unwrap();
    });
    let daemon = site.serve();
    daemon.wait_for_phone(MAC, "known", Value::is_object);
    assert!(until(&daemon, MAC, &name, "unknown")["fetched"]["last"].is_string());
    takes(&daemon, &name);
    until(&daemon, MAC, &name, "same");
    daemon.stop();
}

#[test]
fn that_only_a_secret_changed_is_said_and_no_secret_is_kept() {
    if !have(&[CURL]) {
        return;
    }
    let (pbx, sip, sep) = (two_phones(), format!("SIP{MAC}.cnf"), format!("SEP{JAVA}.cnf.xml"));
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let database = site.state().join("offhook.db");
    for (mac, name, extension, secret) in [(MAC, &sip, "1001", "CANARYada2"), (JAVA, &sep, "1002", "CANARYgrace2")] {
        daemon.wait_for_phone(mac, "known", Value::is_object);
        takes(&daemon, name);
        until(&daemon, mac, name, "same");
        pbx.set_secret(extension, secret);
        pbx.apply();
        let said = until(&daemon, mac, name, "secret");
        assert_eq!(said["lines"], json!([]), "{said}");
        let page = fetch(&site, &format!("/phones/{mac}/files/{name}"));
        assert!(page.contains("Only a secret changed since then.") && !page.contains("CANARY"), "{page}");
        assert!(fetch(&site, &format!("/phones/{mac}")).contains("only a secret changed since"));
        assert!(takes(&daemon, name).contains(secret));
        until(&daemon, mac, name, "same");
    }
    let kept = wait_for("both rows", || match rows(&database) {
        rows if rows.len() == 2 => Ok(rows),
        rows => Err(format!("{rows:?}")),
    });
    assert!(kept.iter().all(|row| row.contains("********") && !row.contains("CANARY")), "{kept:?}");
    // Two phones with one file each: gone with the assignment.
    pbx.remove_phone(MAC);
    wait_for("the row to go with its phone", || match rows(&database) {
        rows if rows.len() == 1 && rows[0].starts_with(JAVA) => Ok(()),
        rows => Err(format!("{rows:?}")),
    });
    assert_eq!(daemon.cli(&["render", MAC, &sip, "--diff"]).status.code(), Some(1));
    // One that goes while nobody looks, too.
    daemon.stop();
    pbx.remove_phone(JAVA);
    let daemon = site.serve();
    wait_for("the other row to go", || match rows(&database) {
        rows if rows.is_empty() => Ok(()),
        rows => Err(format!("{rows:?}")),
    });
    daemon.stop();
}

#[test]
fn what_was_sent_is_compared_and_not_what_would_have_been() {
    let (pbx, name) = (two_phones(), format!("SIP{MAC}.cnf"));
    let site = Site::new(&pbx);
    let daemon = site.serve();
    daemon.wait_for_phone(MAC, "known", Value::is_object);
    let client = crate::support::clients::RawTftp::new(daemon.tftp);
    client.ask(name.as_bytes());
    let (from, first) = client.receive();
    assert!(first.len() == 516, "it takes more than one block");
    // The PBX says something new while the file is on its way.
    name_it(&pbx, "1001", "Augusta King");
    wait_for("the new file", || match daemon.cli(&["render", MAC, &name]) {
        shown if text(&shown.stdout).contains("Augusta King") => Ok(()),
        shown => Err(text(&shown.stdout)),
    });
    assert_eq!(diff(&daemon, MAC, &name)["fetched"]["state"], "never", "half a file is none");
    let mut file = text(&first[4..]);
    client.acknowledge(from, 1);
    for block in 2.. {
        let (from, packet) = client.receive();
        file += &text(&packet[4..]);
        client.acknowledge(from, block);
        if packet.len() < 516 {
            break;
        }
    }
    assert!(file.contains("Ada Lovelace"));
    let said = until(&daemon, MAC, &name, "changed");
    assert!(changed(&said).contains(&("added".to_owned(), "line1_displayname: \"Augusta King\"".to_owned())), "{said}");
    daemon.stop();
}

/// An administrator's own words, and a database of the version before this.
#[test]
fn markup_in_what_changed_is_text_and_is_read_without_colours() {
    if !have(&[BROWSER.as_slice(), &[CURL, Component::Axe]].concat()) {
        return;
    }
    let (pbx, name) = (two_phones(), format!("SEP{JAVA}.cnf.xml"));
    let site = Site::new(&pbx);
    let daemon = site.serve();
    daemon.wait_for_phone(JAVA, "known", Value::is_object);
    takes(&daemon, &name);
    until(&daemon, JAVA, &name, "same");
    name_it(&pbx, "1002", HOSTILE);
    until(&daemon, JAVA, &name, "changed");
    let library = library();
    browse(&site, &json!({}), async |browser| {
        for (width, scheme) in [(1280, "light"), (360, "dark")] {
            browser.looks(width, scheme).await;
            browser.go(&format!("/phones/{JAVA}/files/{name}")).await;
            browser.reads(&["What it would get now differs", "Grace Hopper", "alert(1)"]).await;
            let grown = "return document.querySelectorAll('main script, main img').length";
            assert_eq!(browser.asks(grown).await, 0);
            assert!(browser.driver.get_alert_text().await.is_err());
            let wide = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth";
            assert_eq!(browser.asks(wide).await, true, "{width}");
            browser.picture(&format!("file-changed-{width}-{scheme}")).await;
            assert_eq!(browser.breaks(&library).await, Vec::<String>::new());
        }
        browser.go(&format!("/phones/{JAVA}")).await;
        browser.reads(&["changed since"]).await;
        browser.picture("phone-files").await;
    });
    let said = run(Command::new("curl")
        .args(["-sS", "--unix-socket"])
        .arg(site.folder().join("api.sock"))
        .arg(format!("http://localhost/api/v1/phones/{JAVA}/diff/nothing.xml")));
    assert!(text(&said.stdout).contains("\"status\":404"), "{}", text(&said.stdout));
    daemon.stop();
}
