//! D1 to D9: files, values, and where they come from. A refused configuration is exit 2 with the file, the key and, where
//! TOML gives it, the line.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::d::assert_refused;
use super::{add_bystander, assert_unharmed, file_of_bystander, site};
use crate::support::daemon::Site;
use crate::support::pbx::Pbx;
use crate::support::{Component, have, in_repository, run, succeed, text, wait_for};

/// A row that changes files of a sound configuration.
pub(super) struct FileRow {
    pub(super) id: &'static str,
    input: &'static str,
    change: fn(&Site),
    /// Words of the refusal; `None` = it is taken.
    refused: Option<&'static [&'static str]>,
}

/// A row that changes one piece of text in a sound configuration, and variables of the environment.
pub(super) struct ValueRow {
    pub(super) id: &'static str,
    input: &'static str,
    instead_of: &'static str,
    text: &'static str,
    environment: &'static [(&'static str, &'static str)],
    refused: Option<&'static [&'static str]>,
}

fn folder(site: &Site) -> std::path::PathBuf {
    let folder = site.file().parent().unwrap().join("conf.d");
    fs::create_dir(&folder).unwrap();
    folder
}

fn make_readable(file: &Path) {
    fs::set_permissions(file, Permissions::from_mode(0o644)).unwrap();
}

fn with_a_password(site: &Site) {
    site.configure(
        &site.configuration().replace("address = \"\"", "address = \"127.0.0.1:1\"\nsecret = \"CANARY-d3\""),
    );
    make_readable(&site.file());
}

fn with_a_secret_file(site: &Site, mode: u32) {
    let secret = site.file().with_file_name("ami.secret");
    fs::write(&secret, "CANARY-d3\n").unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(mode)).unwrap();
    let key = format!("address = \"127.0.0.1:1\"\nsecret_file = \"{}\"", secret.display());
    site.configure(&site.configuration().replace("address = \"\"", &key));
}

fn allow_readable(site: &Site) {
    site.configure(&site.configuration().replace("[server]\n", "[server]\nallow_readable_secrets = true\n"));
    make_readable(&site.file());
}

pub(super) fn files() -> Vec<FileRow> {
    let row = |id, input, change, refused| FileRow { id, input, change, refused };
    vec![
        row("D1", "missing", |site| fs::remove_file(site.file()).unwrap(), Some(&["offhook.toml", "is not there"])),
        row("D1", "empty", |site| site.configure(""), Some(&["offhook.toml", "pbx.source"])),
        row(
            "D1",
            "a folder",
            |site| {
                fs::remove_file(site.file()).unwrap();
                fs::create_dir(site.file()).unwrap();
            },
            Some(&["offhook.toml", "no regular file"]),
        ),
        row(
            "D1",
            "a FIFO",
            |site| {
                fs::remove_file(site.file()).unwrap();
                succeed(std::process::Command::new("mkfifo").arg(site.file()));
            },
            Some(&["offhook.toml", "no regular file"]),
        ),
        row(
            "D1",
            "100 MiB",
            |site| File::create(site.file()).unwrap().set_len(100 << 20).unwrap(),
            Some(&["offhook.toml", "1 MiB"]),
        ),
        row(
            "D1",
            "binary",
            |site| fs::write(site.file(), b"\xff\xfe\0\x01").unwrap(),
            Some(&["offhook.toml", "UTF-8"]),
        ),
        row("D1", "NUL", |site| site.configure(&(site.configuration() + "\0")), Some(&["offhook.toml", "line"])),
        row("D1", "BOM", |site| site.configure(&format!("\u{feff}{}", site.configuration())), None),
        row("D1", "CRLF", |site| site.configure(&site.configuration().replace('\n', "\r\n")), None),
        row(
            "D3",
            "a password that all can read",
            with_a_password,
            Some(&["offhook.toml", "every user can read", "allow_readable_secrets"]),
        ),
        row(
            "D3",
            "a database password that all can read",
            |site| {
                let url = "source = \"freepbx\"\ndatabase_url = \"mysql://u:CANARY-d3@localhost/asterisk\"";
                let lines = site.configuration();
                let kept = lines.lines().filter(|line| !line.starts_with("database_url"));
                let kept = kept.collect::<Vec<_>>().join("\n");
                site.configure(&kept.replace("source = \"sqlite\"", url));
                make_readable(&site.file());
            },
            Some(&["offhook.toml", "every user can read"]),
        ),
        row(
            "D3",
            "a secret file that all can read",
            |site| with_a_secret_file(site, 0o644),
            Some(&["ami.secret_file", "every user can read"]),
        ),
        row("D3", "a secret file that its group can read", |site| with_a_secret_file(site, 0o640), None),
        row(
            "D3",
            "the same, overridden",
            |site| {
                with_a_password(site);
                allow_readable(site);
            },
            None,
        ),
        row("D3", "no password in a file that all can read", |site| make_readable(&site.file()), None),
        row(
            "D8",
            "a link to itself",
            |site| symlink("loop.toml", folder(site).join("loop.toml")).unwrap(),
            Some(&["loop.toml"]),
        ),
        row(
            "D8",
            "a link that leads out",
            |site| symlink("/etc/hostname", folder(site).join("10-out.toml")).unwrap(),
            Some(&["10-out.toml", "leads out"]),
        ),
        row(
            "D8",
            "a folder that leads out",
            |site| {
                symlink(in_repository("packaging"), site.file().with_file_name("conf.d")).unwrap();
            },
            Some(&["conf.d/offhook.toml", "leads out"]),
        ),
        row(
            "D8",
            "a link that stays within",
            |site| {
                let folder = folder(site);
                fs::write(folder.join("10-a.toml"), "[phones]\nlanguage = \"en_US\"\n").unwrap();
                symlink("10-a.toml", folder.join("20-b.toml")).unwrap();
            },
            None,
        ),
        row(
            "D8",
            "an include of itself",
            |site| site.configure(&format!("include = \"offhook.toml\"\n{}", site.configuration())),
            Some(&["line 1", "include"]),
        ),
    ]
}

const TFTP: &str = "[tftp]\nlisten = [\"127.0.0.1:0\"]";
const NETWORKS: &str = "phone_networks = [\"127.0.0.0/8\"]";

pub(super) fn values() -> Vec<ValueRow> {
    let row =
        |id, input, instead_of, text, refused| ValueRow { id, input, instead_of, text, environment: &[], refused };
    let set = |id, input, environment, refused| ValueRow { id, input, instead_of: "", text: "", environment, refused };
    vec![
        row("D2", "an unknown key", "[tftp]\n", "[tftp]\nport = 69\n", Some(&["line", "tftp.port"])),
        row("D2", "an unknown section", "[tftp]\n", "[tftpd]\nx = 1\n[tftp]\n", Some(&["line", "tftpd"])),
        row(
            "D2",
            "a wrong type",
            "poll_interval = \"200ms\"",
            "poll_interval = 200",
            Some(&["line", "pbx.poll_interval"]),
        ),
        row("D2", "a key twice", "[admin]\n", "[admin]\nlisten = []\n", Some(&["line", "listen", "duplicate key"])),
        row("D2", "a section twice", "[admin]\n", "[tftp]\n[admin]\n", Some(&["line", "tftp", "duplicate key"])),
        row(
            "D2",
            "an address twice",
            TFTP,
            "[tftp]\nlisten = [\"127.0.0.1:6969\", \"127.0.0.1:6969\"]",
            Some(&["line", "tftp.listen", "twice"]),
        ),
        row(
            "D2",
            "an interface twice",
            "[tftp]\n",
            "[dhcp]\ninterfaces = [\"lo\", \"lo\"]\n[tftp]\n",
            Some(&["line", "dhcp.interfaces", "named twice"]),
        ),
        // The page refuses port 0; in the contract it is any free one, as in the configuration of these tests.
        row("D4", "port 0", TFTP, TFTP, None),
        row(
            "D4",
            "port 70000",
            TFTP,
            "[tftp]\nlisten = [\"127.0.0.1:70000\"]",
            Some(&["line", "tftp.listen", "70000"]),
        ),
        row("D4", "manager port 0", "address = \"\"", "address = \"127.0.0.1:0\"", Some(&["line", "ami.address"])),
        row(
            "D4",
            "manager port 70000",
            "address = \"\"",
            "address = \"127.0.0.1:70000\"",
            Some(&["line", "ami.address"]),
        ),
        row("D4", "SIP port 70000", "[pbx]\n", "[pbx]\nsip_port = 70000\n", Some(&["line", "pbx.sip_port"])),
        row(
            "D4",
            "10.0.0.0/33",
            NETWORKS,
            "phone_networks = [\"10.0.0.0/33\"]",
            Some(&["line", "server.phone_networks", "10.0.0.0/33"]),
        ),
        row(
            "D4",
            "host bits",
            NETWORKS,
            "phone_networks = [\"10.1.2.3/8\"]",
            Some(&["line", "server.phone_networks", "10.0.0.0/8"]),
        ),
        row(
            "D4",
            "0.0.0.0/0",
            NETWORKS,
            "phone_networks = [\"0.0.0.0/0\"]",
            Some(&["line", "server.phone_networks", "whole_internet"]),
        ),
        row("D4", "0.0.0.0/0, meant", NETWORKS, "phone_networks = [\"0.0.0.0/0\"]\nwhole_internet = true", None),
        row(
            "D5",
            "a pool outside its network",
            "[tftp]\n",
            SUBNET_OUTSIDE,
            Some(&["dhcp.subnet.pool", "no address of a host"]),
        ),
        row("D5", "a pool reversed", "[tftp]\n", SUBNET_REVERSED, Some(&["dhcp.subnet.pool", "comes after"])),
        row(
            "D6",
            "a lease of no time",
            "[tftp]\n",
            SUBNET_NO_LEASE,
            Some(&["dhcp.subnet.lease", "between 5 minutes and a year"]),
        ),
        row(
            "D6",
            "a poll without a pause",
            "\"200ms\"",
            "\"0s\"",
            Some(&["line", "pbx.poll_interval", "between 100ms and 1h"]),
        ),
        row("D6", "a poll a year", "\"200ms\"", "\"1y\"", Some(&["line", "pbx.poll_interval", "between 100ms and 1h"])),
        row("D6", "no transfers", "[tftp]\n", "[tftp]\nmax_transfers = 0\n", Some(&["line", "tftp.max_transfers"])),
        row("D6", "no retries", "[tftp]\n", "[tftp]\nretry = 0\n", Some(&["line", "tftp.retry"])),
        // It is waited for (F17); the address of one is a scene.
        row("D7", "no such interface", "[tftp]\n", "[dhcp]\ninterfaces = [\"nope0\"]\n[tftp]\n", None),
        row(
            "D9",
            "${ENV} in a URL",
            "[ami]\n",
            "[store]\nurl = \"mysql://u:${DB_PASSWORD}@h/d\"\n[ami]\n",
            Some(&["line", "store.url", "OFFHOOK_<SECTION>__<KEY>"]),
        ),
        row(
            "D9",
            "${ENV} in a list",
            NETWORKS,
            "phone_networks = [\"${NETWORK}\"]",
            Some(&["line", "server.phone_networks", "${"]),
        ),
        row("D9", "a dollar that is no variable", "[phones]\n", "[phones]\nphone_password = \"a${b\"\n", None),
        set("D9", "a variable that is no key", &[("OFFHOOK_PBX", "1")], Some(&["OFFHOOK_PBX: is no key"])),
        set("D9", "one underscore", &[("OFFHOOK_PBX_SOURCE", "sqlite")], Some(&["OFFHOOK_PBX_SOURCE: is no key"])),
        set(
            "D9",
            "a bad value is blamed on its variable",
            &[("OFFHOOK_TFTP__LISTEN", "x")],
            Some(&["OFFHOOK_TFTP__LISTEN: tftp.listen"]),
        ),
        set("D9", "an empty variable", &[("OFFHOOK_PBX__SOURCE", "")], Some(&["OFFHOOK_PBX__SOURCE: pbx.source"])),
        set("D9", "a good variable", &[("OFFHOOK_PBX__POLL_INTERVAL", "300ms")], None),
    ]
}

const SUBNET_OUTSIDE: &str = "[[dhcp.subnet]]\nnetwork = \"10.0.0.0/24\"\npool = \"10.0.1.1-10.0.1.9\"\n[tftp]\n";
const SUBNET_REVERSED: &str = "[[dhcp.subnet]]\nnetwork = \"10.0.0.0/24\"\npool = \"10.0.0.9-10.0.0.1\"\n[tftp]\n";
const SUBNET_NO_LEASE: &str =
    "[[dhcp.subnet]]\nnetwork = \"10.0.0.0/24\"\npool = \"10.0.0.1-10.0.0.9\"\nlease = \"0s\"\n[tftp]\n";

#[test]
fn d1_d3_d8_files() {
    let pbx = Pbx::tables();
    for row in files() {
        let site = site(&pbx);
        (row.change)(&site);
        judge(row.id, row.input, &site, &[], row.refused);
    }
}

#[test]
fn d2_d4_to_d9_values() {
    let pbx = Pbx::tables();
    for row in values() {
        let site = site(&pbx);
        let sound = site.configuration();
        assert!(
            sound.contains(row.instead_of),
            "{} ({}): {} is not in the sound one",
            row.id,
            row.input,
            row.instead_of
        );
        site.configure(&sound.replace(row.instead_of, row.text));
        judge(row.id, row.input, &site, row.environment, row.refused);
    }
}

/// Holds a configuration against the program: `check` says of a sound one that it is, `serve` refuses another.
fn judge(id: &str, input: &str, site: &Site, environment: &[(&str, &str)], refused: Option<&[&str]>) {
    let what = format!("{id} ({input})");
    if let Some(words) = refused {
        let output = run(site.command(&["serve"]).envs(environment.iter().copied()));
        assert_refused(&what, &output, 2, words);
    } else {
        let output = run(site.command(&["--json", "check"]).envs(environment.iter().copied()));
        let checks: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(checks[0]["name"] == "configuration" && checks[0]["status"] == "ok", "{what}: {checks}");
    }
}

/// F30: on a reload the old configuration stays, and the bystander is served.
#[test]
fn d2_on_a_reload() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::tables();
    add_bystander(&pbx);
    let site = site(&pbx);
    let daemon = site.serve();
    let file = file_of_bystander(&daemon);
    site.configure(&site.configuration().replace("[tftp]\n", "[tftp]\nport = 69\n"));
    daemon.signal("HUP");
    wait_for("D2: the complaint", || {
        let log = daemon.log();
        if log.contains("tftp.port") { Ok(()) } else { Err("none".to_owned()) }
    });
    let refused = daemon.cli(&["check"]);
    assert!(text(&refused.stdout).contains("tftp.port"), "D2: {}", text(&refused.stdout));
    site.configure(&site.configuration().replace("port = 69\n", ""));
    assert_unharmed("D2 on a reload", daemon, &file);
}
