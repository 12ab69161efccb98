//! The FreePBX module of `contrib/freepbx`: what it shares with the daemon is compared here, and its PHP is run, on the
//! PHP of FreePBX 17 (8.2) and of FreePBX 16 (7.4), with a real MariaDB.
//!
//! `OFFHOOK_BLESS=1` writes the module's `models.json` anew. `OFFHOOK_FREEPBX_DUMP` is the path of a whole FreePBX
//! database (`.sql.gz`), on which the module is run too; without it that test is skipped by name.

mod browser;

use std::path::PathBuf;
use std::process::Command;

use offhook::catalog::Catalog;
use offhook::domain::{Load, MacAddr};
use serde_json::{Value, json};

use super::support::daemon::Site;
use super::support::pbx::Pbx;
use super::support::sql::MariaDb;
use super::support::{Component, have, in_repository, run, succeed, text};

const MODULE: &str = "contrib/freepbx/offhook";

fn read(path: &str) -> String {
    std::fs::read_to_string(in_repository(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// Pairs of a spelling and what it means; `None` = refused.
fn vectors(kind: &str) -> Vec<(String, Option<String>)> {
    let all: Value = serde_json::from_str(&read("tests/data/phone-vectors.json")).unwrap();
    let pair = |pair: &Value| (pair[0].as_str().unwrap().to_owned(), pair[1].as_str().map(str::to_owned));
    all[kind].as_array().unwrap().iter().map(pair).collect()
}

#[test]
fn the_daemon_reads_the_spellings_as_the_module_does() {
    for (typed, meant) in vectors("mac") {
        assert_eq!(typed.parse::<MacAddr>().ok().map(|mac| mac.to_string()), meant, "{typed:?}");
    }
    let catalog = Catalog::builtin();
    for (typed, meant) in vectors("model") {
        assert_eq!(catalog.find(&typed).ok().map(|model| model.name.to_string()), meant, "{typed:?}");
    }
}

#[test]
fn models_json_says_what_the_catalogue_says() {
    let catalog = Catalog::builtin();
    let models: Vec<Value> = catalog
        .models()
        .map(|model| {
            let with = |major: u16| Load::parse(&format!("SIP{}.{major}-4-2S", model.load_family));
            json!({
                "name": model.name.as_str(),
                "spellings": model.spellings,
                "lines": model.lines,
                "secret_max": model.limits.secret.max,
                "transport": {
                    "unknown": model.default_transport(None),
                    "8.x": model.default_transport(with(8).as_ref()),
                    "9.x": model.default_transport(with(9).as_ref()),
                },
            })
        })
        .collect();
    let made = format!("{}\n", serde_json::to_string_pretty(&models).unwrap());
    let path = format!("{MODULE}/models.json");
    if std::env::var_os("OFFHOOK_BLESS").is_some() {
        std::fs::write(in_repository(&path), &made).unwrap();
    }
    assert_eq!(read(&path), made, "{path} is not what the catalogue says; OFFHOOK_BLESS=1 writes it");
}

#[test]
fn the_tables_are_those_of_contrib_sql() {
    assert_eq!(read(&format!("{MODULE}/tables.sql")), read("contrib/sql/offhook-mariadb.sql"));
}

/// FreePBX looks at the version to tell whether files are newer than what was installed.
#[test]
fn the_module_has_the_version_of_the_daemon() {
    let version = format!("<version>{}</version>", env!("CARGO_PKG_VERSION"));
    assert!(read(&format!("{MODULE}/module.xml")).contains(&version), "module.xml has no {version}");
}

/// A PHP by its command, as an argument list.
fn php(component: Component) -> Vec<String> {
    match component {
        Component::Php74 => vec![in_repository("tests/env/php74").display().to_string(), "run".to_owned()],
        _ => vec!["php".to_owned()],
    }
}

fn command(php: &[String]) -> Command {
    let mut command = Command::new(&php[0]);
    command.args(&php[1..]);
    command
}

/// Every PHP file below a folder.
fn php_files(folder: &str) -> Vec<PathBuf> {
    let mut folders = vec![in_repository(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "php") {
                found.push(path);
            }
        }
    }
    found
}

fn parses(component: Component) {
    if !have(&[component]) {
        return;
    }
    let files: Vec<PathBuf> = ["contrib/freepbx", "tests/freepbx"].into_iter().flat_map(php_files).collect();
    assert!(files.len() > 25, "{} files", files.len());
    for file in files {
        succeed(command(&php(component)).args(["-d", "error_reporting=-1", "-l"]).arg(file));
    }
}

#[test]
fn the_php_parses_on_8() {
    parses(Component::Php);
}

#[test]
fn the_php_parses_on_7_4() {
    parses(Component::Php74);
}

/// Runs the PHP tests, all or those of a group, on a server of their own.
fn php_tests(component: Component, arguments: &[&str]) {
    if !have(&[component, Component::MariaDb, Component::Program("phpunit")]) {
        return;
    }
    let server = MariaDb::start();
    let php = php(component);
    let tests = run(command(&php)
        .arg("/usr/bin/phpunit")
        .arg("-c")
        .arg(in_repository("tests/freepbx/phpunit.xml"))
        .args(arguments)
        .env("OFFHOOK_TEST_MARIADB", server.socket())
        .env("OFFHOOK_TEST_PHP", serde_json::to_string(&php).unwrap()));
    let said = text(&tests.stdout) + &text(&tests.stderr);
    assert!(tests.status.success(), "{said}");
    // A run without tests ends well, too.
    assert!(said.contains("OK ("), "{said}");
    println!("{}", said.lines().filter(|line| line.starts_with("OK")).collect::<String>());
}

#[test]
fn php_tests_on_8() {
    php_tests(Component::Php, &["--exclude-group", "dump"]);
}

#[test]
fn php_tests_on_7_4() {
    php_tests(Component::Php74, &["--exclude-group", "dump"]);
}

/// What the module asks of the daemon, asked of a real one: the shapes that the host's stand-in has are the daemon's.
fn asks_the_daemon(component: Component) {
    if !have(&[component]) {
        return;
    }
    let pbx = Pbx::tables();
    pbx.add_extension_with_defaults("1001", "Ada", "CANARY1001");
    pbx.add_phone("00087D0A0001", "7960", &["1001"]);
    pbx.apply();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    daemon.wait_for_phone("00087D0A0001", "known", |phone| phone["lines"][0]["extension"] == "1001");
    let script = "foreach (['Text', 'Refused', 'Daemon'] as $part) { require $argv[1] . \"/lib/$part.php\"; }
        use FreePBX\\modules\\Offhook\\{Daemon, Refused};
        Daemon::$socket = $argv[2];
        $daemon = new Daemon();
        $mac = '00087D0A0001';
        try { $told = $daemon->notify($mac, 'restart'); } catch (Refused $why) { $told = $why->getMessage(); }
        echo json_encode(['phones' => $daemon->phones(), 'phone' => $daemon->phone($mac), 'findings' => $daemon->findings($mac),
            'check' => $daemon->check(), 'told' => $told]);";
    let mut ask = command(&php(component));
    ask.args(["-r", script, "--"]).arg(in_repository(MODULE)).arg(site.folder().join("pbx.sock"));
    let said: serde_json::Value = serde_json::from_str(&succeed(&mut ask)).unwrap();
    assert_eq!(said["phones"][0], said["phone"]);
    assert_eq!(said["phone"]["mac"], "00087D0A0001");
    let finding =
        said["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "endpoint-nat").unwrap();
    assert!(finding["remedy"].as_str().unwrap().contains("Force rport: No"), "{finding}");
    assert!(said["check"].as_array().unwrap().iter().any(|check| check["name"] == "pbx-database"), "{said}");
    assert!(said["told"].as_str().unwrap().contains("was not told to restart"), "{said}");
    daemon.stop();
}

#[test]
fn the_module_asks_the_daemon_on_8() {
    asks_the_daemon(Component::Php);
}

#[test]
fn the_module_asks_the_daemon_on_7_4() {
    asks_the_daemon(Component::Php74);
}

#[test]
fn a_whole_freepbx_database() {
    if std::env::var_os("OFFHOOK_FREEPBX_DUMP").is_none_or(|path| path.is_empty()) {
        println!("SKIPPED: OFFHOOK_FREEPBX_DUMP names no database of a FreePBX (.sql.gz)");
        return;
    }
    for component in [Component::Php, Component::Php74] {
        php_tests(component, &["--group", "dump"]);
    }
}
