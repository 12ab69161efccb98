//! Saves in FreePBX as they look from outside: rows that go and come back one commit at a time, in the order and at about
//! the pace that was measured on FreePBX 16. The pauses below are that pace; nothing waits for anything by them.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::daemon::{Daemon, Site};
use crate::support::pbx::Pbx;
use crate::support::sql::Database;
use crate::support::{Component, have};

const MAC: &str = "00087D0A0001";
const NEW: &str = "00087D0A0002";

const MARK: &str = "UPDATE admin SET value = 'true' WHERE variable = 'need_reload';\n";
const UNMARK: &str = "UPDATE admin SET value = 'false' WHERE variable = 'need_reload';\n";

/// Rows of `sip` come back in this order: the secret early, what makes the extension whole last.
fn rows(id: &str, secret: &str, milliseconds: u32) -> String {
    let mut sql = String::new();
    let filler = (0..45).map(|n| (format!("filler{n}"), "x"));
    let first = [("dial".to_owned(), "x"), ("secret".to_owned(), secret)];
    let last = [
        ("force_rport".to_owned(), "no"),
        ("rewrite_contact".to_owned(), "no"),
        ("account".to_owned(), id),
        ("sipdriver".to_owned(), "chan_pjsip"),
    ];
    for (flags, (keyword, data)) in (2..).zip(first.into_iter().chain(filler).chain(last)) {
        writeln!(sql, "INSERT INTO sip (id, keyword, data, flags) VALUES ('{id}', '{keyword}', '{data}', {flags});")
            .unwrap();
        writeln!(sql, "DO SLEEP(0.{milliseconds:03});").unwrap();
    }
    sql
}

/// The Extension page's Submit.
fn save(id: &str, secret: &str) -> String {
    format!(
        "{MARK}DO SLEEP(0.008);\nDELETE FROM users WHERE extension = '{id}';\nDO SLEEP(0.024);\n\
         INSERT INTO users (extension, name, voicemail) VALUES ('{id}', 'Ada', 'novm');\nDO SLEEP(0.008);\n\
         DELETE FROM devices WHERE id = '{id}';\nDO SLEEP(0.011);\nDELETE FROM sip WHERE id = '{id}';\n\
         INSERT INTO devices (id, tech, dial, devicetype, user, description) \
         VALUES ('{id}', 'pjsip', 'PJSIP/{id}', 'fixed', '{id}', 'Ada');\n{}",
        rows(id, secret, 1)
    )
}

/// Quick create: the mark comes last.
fn quick_create(id: &str, secret: &str) -> String {
    format!(
        "INSERT INTO users (extension, name, voicemail) VALUES ('{id}', 'Grace', 'novm');\n\
         INSERT INTO devices (id, tech, dial, devicetype, user, description) \
         VALUES ('{id}', 'pjsip', 'PJSIP/{id}', 'fixed', '{id}', 'Grace');\n{}{MARK}",
        rows(id, secret, 2)
    )
}

/// Fetches a phone's file again and again while `write` runs; every file seen, once each, in order.
fn seen_during(daemon: &Daemon<'_>, name: &str, write: impl FnOnce() + Send) -> Vec<Option<String>> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            write();
            done.store(true, Ordering::Relaxed);
        });
        let mut seen: Vec<Option<String>> = Vec::new();
        while !done.load(Ordering::Relaxed) {
            let file = daemon.file(name);
            if seen.last() != Some(&file) {
                seen.push(file);
            }
        }
        seen
    })
}

#[test]
fn no_phone_blinks_during_a_save_and_no_half_row_is_served() {
    if !have(&[Component::MariaDb, Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx { database: Database::mariadb(), asterisk: None };
    pbx.add_extension("1001", "Ada", "CANARY1001");
    pbx.add_phone(MAC, "7960", &["1001"]);
    pbx.apply();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let name = format!("SIP{MAC}.cnf");
    let before = daemon.wait_for_file(&name, "given its line", |file| file.contains("CANARY1001"));

    // Saved and applied at once, many times over: whatever a poll hits, the phone keeps its file.
    let saves: String = (0..12).map(|_| save("1001", "CANARY1001") + UNMARK).collect();
    let seen = seen_during(&daemon, &name, || pbx.database.execute(&saves));
    assert_eq!(seen, [Some(before.clone())]);

    // Another secret: the old file, then the new one, and nothing between.
    let seen = seen_during(&daemon, &name, || {
        pbx.database.execute(&(save("1001", "CANARYnew") + UNMARK));
        daemon.wait_for_file(&name, "given the new secret", |file| file.contains("CANARYnew"));
    });
    assert!(seen.len() <= 2 && seen.first() == Some(&Some(before)), "{seen:#?}");
    let after = daemon.file(&name).expect("the file stays");
    assert!(after.contains("CANARYnew") && !after.contains("CANARY1001"), "{after}");
    daemon.stop();
}

#[test]
fn an_extension_that_is_being_made_is_served_once_it_is_whole() {
    if !have(&[Component::MariaDb, Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx { database: Database::mariadb(), asterisk: None };
    pbx.add_extension("1001", "Ada", "CANARY1001");
    pbx.add_phone(MAC, "7960", &["1001"]);
    pbx.add_phone(NEW, "7960", &["1002"]);
    pbx.apply();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    daemon.wait_for_file(&format!("SIP{MAC}.cnf"), "given its line", |file| file.contains("CANARY1001"));
    let name = format!("SIP{NEW}.cnf");
    let seen = seen_during(&daemon, &name, || {
        pbx.database.execute(&(quick_create("1002", "CANARY1002") + UNMARK));
        daemon.wait_for_file(&name, "given its line", |_| true);
    });
    let whole = daemon.file(&name).expect("it is served");
    assert!(whole.contains("CANARY1002") && whole.contains("Grace"), "{whole}");
    assert_eq!(seen.first(), Some(&None));
    assert!(seen.iter().all(|file| file.is_none() || file.as_ref() == Some(&whole)), "{seen:#?}");
    daemon.stop();
}
