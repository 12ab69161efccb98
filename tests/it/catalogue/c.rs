//! Catalogue C, rows of the PBX: written into a real MariaDB as nobody should, read by the daemon as they are.
//!
//! A name is made fit for the phone; a secret, an extension or a MAC is carried exactly or not at all, and what is not is
//! told with the phone it costs and the reason.

use super::{c_database, c_rows, c_server, c_typed};
use crate::support::daemon::Daemon;
use crate::support::pbx::Pbx;
use crate::support::sql::Database;
use crate::support::{Component, have, text, wait_for};

/// A row that takes more than one statement.
pub(super) struct Scene {
    pub(super) id: &'static str,
    pub(super) input: &'static str,
    pub(super) script: fn(&str),
}

/// The rows that are here.
pub(super) fn ids() -> Vec<&'static str> {
    let scenes = c_rows::SCENES.iter().chain(c_database::SCENES).chain(c_server::SCENES).map(|row| row.id);
    c_typed::ids().chain(scenes).collect()
}

/// Plays scenes in turn, where a MariaDB is there.
pub(super) fn play(scenes: &[Scene]) {
    if !have(&[Component::MariaDb, Component::Program("curl")]) {
        return;
    }
    for row in scenes {
        let what = format!("{} ({})", row.id, row.input);
        println!("{what}");
        (row.script)(&what);
    }
}

/// FreePBX's tables in a MariaDB, the bystander in them; columns wide enough for what FreePBX would never put there.
pub(super) fn pbx() -> Pbx {
    let pbx = Pbx { database: Database::mariadb(), asterisk: None };
    pbx.database.execute(
        "ALTER TABLE users MODIFY extension varchar(400), MODIFY name text;
         ALTER TABLE devices MODIFY id varchar(400), MODIFY user varchar(400), MODIFY description text, MODIFY tech varchar(10) NULL;
         ALTER TABLE sip MODIFY id varchar(400), MODIFY data mediumtext NULL;
         ALTER TABLE offhook_phones MODIFY mac varchar(40);
         ALTER TABLE offhook_lines MODIFY mac varchar(40), MODIFY extension varchar(400)",
    );
    super::add_bystander(&pbx);
    pbx
}

/// Waits until the findings of a phone hold one with this code and these words.
pub(super) fn wait_for_finding(what: &str, daemon: &Daemon<'_>, mac: &str, code: &str, words: &[&str]) {
    wait_for(&format!("{what}: {mac} has {code} {words:?}"), || {
        let said = text(&daemon.cli(&["explain", mac]).stdout);
        let told = said.lines().any(|line| line.contains(code) && words.iter().all(|word| line.contains(word)));
        if told { Ok(()) } else { Err(said) }
    });
}

/// Waits until `check` has a line, not ok, with all of these words and a remedy.
pub(super) fn wait_for_check(what: &str, daemon: &Daemon<'_>, words: &[&str]) {
    wait_for(&format!("{what}: check speaks of {words:?}"), || {
        let checks = daemon.json(&["check"]);
        let told = checks.as_array().unwrap().iter().any(|check| {
            let said = check.to_string();
            check["status"] != "ok" && check["remedy"] != "" && words.iter().all(|word| said.contains(word))
        });
        if told { Ok(()) } else { Err(checks.to_string()) }
    });
}
