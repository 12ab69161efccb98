//! What our documents tell administrators to type, typed on a host: every fenced block of `docs/freepbx.md` and
//! `docs/asterisk.md` is run, or says why it is not.

use std::process::Output;

use crate::support::asterisk::Asterisk;
use crate::support::host::Host;
use crate::support::pbx::Pbx;
use crate::support::sql::Database;
use crate::support::{Component, have, in_repository, text, wait_for};

/// The commands of a document's blocks, in order.
fn commands(document: &str) -> Vec<String> {
    let source = std::fs::read_to_string(in_repository(document)).unwrap();
    let mut commands = Vec::new();
    let mut blocks = source.split("\n```");
    blocks.next();
    // Beginnings and ends alternate.
    while let (Some(block), Some(_after)) = (blocks.next(), blocks.next()) {
        let (kind, lines) = block.split_once('\n').unwrap_or((block, ""));
        match kind.strip_prefix("sh ").unwrap_or_else(|| panic!("{document}: a block says not where it runs: {kind}")) {
            "on-host" => commands.extend(lines.lines().map(str::to_owned)),
            other => assert!(other.strip_prefix("not-run: ").is_some_and(|why| why.len() > 20), "{document}: {other}"),
        }
    }
    commands
}

/// Types each of them until it succeeds: what one of them starts may take a moment.
fn type_all(host: &Host, document: &str) {
    let commands = commands(document);
    assert!(commands.len() > 5, "{document}: {commands:?}");
    for command in commands {
        // The tests' phones are on loopback.
        let typed = command.replace("192.168.50.0/24", "127.0.0.0/8");
        wait_for(&format!("{document}: {command}"), || {
            let Output { status, stdout, stderr } = host.shell(&typed);
            status.success().then_some(()).ok_or_else(|| format!("{status}\n{}{}", text(&stdout), text(&stderr)))
        });
    }
}

#[test]
fn freepbx() {
    if !have(&[Component::MariaDb, Component::Asterisk]) {
        return;
    }
    let pbx = Pbx { database: Database::freepbx(), asterisk: Some(Asterisk::without_our_user()) };
    let host = Host::with_freepbx(&pbx);
    pbx.name_port();
    pbx.add_extension("1001", "Ada Lovelace", "CANARYold1");
    pbx.apply();
    let before = host.files();
    type_all(&host, "docs/freepbx.md");
    host.assert_files(&before, "after the whole document something is left");
    assert!(host.calls().contains(&"offhook check".to_owned()));
}

#[test]
fn asterisk() {
    if !have(&[Component::Asterisk, Component::Program("sqlite3")]) {
        return;
    }
    let asterisk = Asterisk::without_our_user();
    let host = Host::new();
    host.link_asterisk(&asterisk);
    type_all(&host, "docs/asterisk.md");
    assert!(!host.path("var/lib/offhook/pbx.db").exists());
}
