//! What our documents tell administrators to type, typed on a host: every fenced block of `docs/freepbx.md`,
//! `docs/asterisk.md` and `docs/conversion.md` is run, or says why it is not.

use std::process::Output;

use offhook::simulate::firmware::archive::{Form, pack};
use offhook::simulate::firmware::set;

use crate::support::asterisk::Asterisk;
use crate::support::daemon::Site;
use crate::support::host::Host;
use crate::support::pbx::Pbx;
use crate::support::sql::Database;
use crate::support::{Component, have, in_repository, text, wait_for};

/// The commands of a document's blocks, in order.
fn commands(document: &str) -> Vec<String> {
    let source = std::fs::read_to_string(in_repository(document)).unwrap();
    let mut commands = Vec::new();
    // Blocks of a list are indented.
    let source: String = source.split_inclusive('\n').map(str::trim_start).collect();
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

/// The commands of the guide to conversion, with made-up archives of the names that it has.
#[test]
fn conversion() {
    if !have(&[Component::MariaDb]) {
        return;
    }
    let pbx = Pbx::tables();
    pbx.add_extension("1001", "Ada", "CANARY1001");
    pbx.add_phone("00087D0A0001", "7960", &["1001"]);
    let site = Site::new(&pbx);
    let daemon = site.serve();
    wait_for("the PBX's phone", || {
        let phones = daemon.json(&["phones", "list"]);
        if phones.as_array().is_some_and(|phones| phones.len() == 1) { Ok(()) } else { Err(phones.to_string()) }
    });
    let archives = tempfile::tempdir().unwrap();
    for (archive, load) in [
        ("P0S3-8-12-00", "P0S3-8-12-00"),
        ("cmterm-7940-7960-sccp.8-0-9", "P00308000900"),
        ("cmterm-7940-7960-sccp.8-0-4", "P00308000400"),
        ("cmterm-7940-7960-sccp.5-0-5", "P00305000500"),
    ] {
        let packed = pack(archive, &set(load).unwrap(), Form::Zip);
        std::fs::write(archives.path().join(&packed.name), &packed.bytes).unwrap();
    }
    let commands = commands("docs/conversion.md");
    assert!(commands.len() > 5, "{commands:?}");
    for command in commands {
        let words: Vec<String> = command
            .split_whitespace()
            .skip(1)
            .map(|word| {
                let archive = archives.path().join(word);
                if archive.is_file() { archive.to_str().unwrap().to_owned() } else { word.to_owned() }
            })
            .collect();
        assert!(command.starts_with("offhook "), "{command}");
        let Output { status, stdout, stderr } = daemon.cli(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(status.success(), "{command}: {}{}", text(&stdout), text(&stderr));
    }
    daemon.stop();
}
