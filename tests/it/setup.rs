//! `offhook setup`: a host with a real MariaDB and a real Asterisk is prepared, found prepared, and given back.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use offhook::pbx::ami::client::AmiError;
use offhook::pbx::ami::proto::Action;

use crate::support::asterisk::Asterisk;
use crate::support::host::{CUSTOM, Host};
use crate::support::manager::client;
use crate::support::pbx::Pbx;
use crate::support::sql::Database;
use crate::support::{Component, have, run, text, wait_for};

/// The phones' network of these tests.
const YES: &[&str] = &["--yes", "--phone-network", "127.0.0.0/8"];

/// FreePBX as on the day it was installed.
fn freepbx() -> Pbx {
    Pbx { database: Database::freepbx(), asterisk: Some(Asterisk::without_our_user()) }
}

/// The same without Asterisk: manager steps are left to the admin.
fn freepbx_without_asterisk() -> Pbx {
    Pbx { database: Database::freepbx(), asterisk: None }
}

fn accounts(pbx: &Pbx) -> Vec<Vec<String>> {
    pbx.database.rows(&["user", "host"], "FROM mysql.user WHERE user = 'offhook'")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freepbx_host_is_prepared_and_given_back() {
    if !have(&[Component::MariaDb, Component::Asterisk]) {
        return;
    }
    let pbx = freepbx();
    let host = Host::with_freepbx(&pbx);
    let before = host.files();

    let output = host.setup(&["--dry-run"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let plan = text(&output.stdout);
    for word in ["[offhook]", "grant select on users", "10-setup.toml", "fwconsole ma install offhook", "FreePBX 16"] {
        assert!(plan.contains(word), "no {word} in the plan:\n{plan}");
    }
    host.assert_files(&before, "--dry-run changed something");
    assert!(accounts(&pbx).is_empty() && host.calls().is_empty(), "{:?}", host.calls());

    let (code, statuses, value) = host.statuses(YES);
    assert_eq!(code, Some(0), "{value:#}");
    for step in ["module", "tables", "account", "manager", "configuration", "daemon"] {
        assert_eq!(statuses[step], "changed", "{value:#}");
    }
    prepared(&pbx, &host);
    the_daemon_works(&pbx, &host);
    the_manager_user_can_do_nothing_else(&pbx, &host).await;

    let (files, calls) = (host.files(), host.calls().len());
    let again = host.setup(YES);
    assert!(again.status.success(), "{}", text(&again.stderr));
    assert!(text(&again.stdout).contains("nothing was changed"), "{}", text(&again.stdout));
    host.assert_files(&files, "the second run changed something");
    assert_eq!(host.calls().len(), calls, "{:?}", host.calls());

    let output = host.setup(&["--undo", "--yes"]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("drop table offhook_lines"), "how the tables go is not said");
    host.assert_files(&before, "undo left or took something");
    assert!(accounts(&pbx).is_empty());
    assert_eq!(pbx.database.rows(&["mac"], "FROM offhook_phones").len(), 1, "the phones are lost");
    assert!(host.calls().contains(&"fwconsole ma uninstall offhook".to_owned()));
    assert!(!pbx.asterisk().cli("manager show users").contains("offhook"), "Asterisk still has the manager user");
    assert!(
        !pbx.asterisk().cli("database show offhook").contains("00087D0A0001"),
        "AstDB still says how the phone was"
    );
    let output = host.setup(&["--undo", "--yes"]);
    assert!(output.status.success() && text(&output.stdout).contains("nothing to undo"));
}

/// Files, modes, rights.
fn prepared(pbx: &Pbx, host: &Host) {
    assert_eq!(host.mode("etc/asterisk/manager_custom.conf"), 0o664, "FreePBX's mode is kept");
    for (path, mode) in [
        ("etc/offhook/ami.secret", 0o640),
        ("etc/offhook/conf.d/10-setup.toml", 0o640),
        ("etc/offhook/setup-undo.json", 0o600),
    ] {
        assert_eq!(host.mode(path), mode, "{path}");
    }
    let secret = host.read("etc/offhook/ami.secret");
    let custom = host.read("etc/asterisk/manager_custom.conf");
    assert!(custom.starts_with(CUSTOM) && custom.contains(&format!("secret = {secret}")), "{custom}");
    let journal = host.read("etc/offhook/setup-undo.json");
    assert!(!journal.contains(secret.trim()), "a secret is in the journal");
    assert!(host.path("var/www/html/admin/modules/offhook/module.xml").is_file());
    let granted = "FROM information_schema.table_privileges WHERE grantee = '''offhook''@''localhost'''";
    let writes: Vec<Vec<String>> =
        pbx.database.rows(&["table_name"], &format!("{granted} AND privilege_type <> 'SELECT' GROUP BY table_name"));
    assert_eq!(writes, [["offhook_status"]], "the account writes elsewhere");
    let reads = pbx.database.rows(&["table_name"], &format!("{granted} AND privilege_type = 'SELECT'"));
    assert_eq!(reads.len(), 10, "{reads:?}");
    assert!(!reads.contains(&vec!["freepbx_settings".to_owned()]), "that table holds passwords");
    let others = "FROM information_schema.user_privileges WHERE grantee = '''offhook''@''localhost'''";
    assert_eq!(pbx.database.rows(&["privilege_type"], others), [["USAGE"]]);
}

/// The daemon that setup started reads the roster with that account and is logged in as that manager user.
fn the_daemon_works(pbx: &Pbx, host: &Host) {
    pbx.add_extension("1001", "Ada Lovelace", "CANARYold1");
    pbx.add_phone("00087D0A0001", "7960", &["1001"]);
    pbx.apply();
    let shown = wait_for("the phone to be in the daemon's list", || {
        let phones = text(&run(&mut host.command(&["--json", "phones", "list"])).stdout);
        if phones.contains("00087D0A0001") { Ok(phones) } else { Err(phones) }
    });
    assert!(shown.contains("1001"), "{shown}");
    wait_for("check to find database, manager and both sinks well", || {
        let checks = text(&run(&mut host.command(&["--json", "check"])).stdout);
        let checks: serde_json::Value = serde_json::from_str(&checks).map_err(|why| format!("{why}: {checks}"))?;
        let well = |name: &str| {
            checks.as_array().into_iter().flatten().any(|check| check["name"] == name && check["status"] == "ok")
        };
        let wanted = ["pbx-database", "manager", "publish-database", "publish-astdb"];
        wanted.iter().all(|name| well(name)).then_some(()).ok_or_else(|| checks.to_string())
    });
    wait_for("the phone to be in Asterisk's database", || {
        let shown = pbx.asterisk().cli("database show offhook");
        if shown.contains("00087D0A0001") { Ok(()) } else { Err(shown) }
    });
}

async fn the_manager_user_can_do_nothing_else(pbx: &Pbx, host: &Host) {
    let secret = host.read("etc/offhook/ami.secret");
    let mut session = client(pbx.asterisk(), "offhook", secret.trim());
    session.until("a login", |update| matches!(update, offhook::pbx::ami::client::AmiUpdate::Up).then_some(())).await;
    for (name, fields) in [
        ("Originate", vec![("Channel", "Local/1001"), ("Application", "Echo")]),
        ("Command", vec![("Command", "core show version")]),
        ("UpdateConfig", vec![("SrcFilename", "manager.conf"), ("DstFilename", "manager.conf")]),
    ] {
        let action = fields.iter().fold(Action::new(name), |action, (key, value)| action.with(key, value).unwrap());
        let outcome = session.handle.action(action).await;
        assert!(matches!(outcome, Err(AmiError::Denied)), "{name}: {outcome:?}");
    }
}

#[test]
fn a_run_that_was_cut_short_is_finished_by_the_next() {
    if !have(&[Component::MariaDb, Component::Asterisk]) {
        return;
    }
    let pbx = freepbx();
    let host = Host::with_freepbx(&pbx);
    // Ends setup in the middle of a step, right before the daemon would be told.
    host.program("asterisk", "kill -9 $PPID");
    let output = host.setup(YES);
    assert_eq!(output.status.code(), None, "setup was not ended: {}", text(&output.stdout));
    assert!(host.read("etc/asterisk/manager_custom.conf").contains("[offhook]"));
    assert!(!host.path("etc/offhook/conf.d/10-setup.toml").exists());
    host.program("asterisk", &format!("exec {} \"$2\"", pbx.asterisk().console()));
    let (code, statuses, value) = host.statuses(YES);
    assert_eq!(code, Some(0), "{value:#}");
    assert_eq!(statuses["module"], "done", "{value:#}");
    for step in ["account", "manager", "configuration"] {
        assert_eq!(statuses[step], "changed", "{step}: {value:#}");
    }
    the_daemon_works(&pbx, &host);
    assert!(host.setup(&["--undo", "--yes"]).status.success());
    assert_eq!(host.read("etc/asterisk/manager_custom.conf"), CUSTOM);
}

#[test]
fn a_step_that_fails_does_not_keep_the_others() {
    if !have(&[Component::MariaDb]) {
        return;
    }
    let pbx = freepbx_without_asterisk();
    let host = Host::with_freepbx(&pbx);
    host.program("fwconsole", "echo 'no such module' >&2; exit 1");
    let output = host.setup(YES);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{said}{}", text(&output.stderr));
    assert!(said.contains("`fwconsole ma install offhook` failed") && said.contains("no such module"), "{said}");
    assert_eq!(accounts(&pbx).len(), 1, "the account was not made");
    assert!(host.path("etc/offhook/conf.d/10-setup.toml").is_file());
}

#[test]
fn what_the_admin_edited_stays_his() {
    if !have(&[Component::MariaDb, Component::Asterisk]) {
        return;
    }
    let pbx = freepbx();
    let host = Host::with_freepbx(&pbx);
    assert!(host.setup(YES).status.success());
    let custom = host.read("etc/asterisk/manager_custom.conf").replace("read = system", "read = system,call");
    let toml = host.read("etc/offhook/conf.d/10-setup.toml") + "\n[http]\nlisten = []\n";
    host.set_custom(&custom);
    host.write("etc/offhook/conf.d/10-setup.toml", &toml);
    let (code, statuses, value) = host.statuses(YES);
    assert_eq!(
        (code, statuses["manager"].as_str(), statuses["configuration"].as_str()),
        (Some(0), "done", "done"),
        "{value:#}"
    );
    let output = host.setup(&["--undo", "--yes"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{said}{}", text(&output.stderr));
    assert_eq!(said.matches("was edited since").count(), 4, "{said}");
    assert_eq!(host.read("etc/asterisk/manager_custom.conf"), custom);
    assert_eq!(host.read("etc/offhook/conf.d/10-setup.toml"), toml);
    assert_eq!(accounts(&pbx).len(), 1, "the account that the configuration uses is gone");
    assert!(host.path("etc/offhook/ami.secret").is_file(), "the secret that the configuration uses is gone");

    fs::remove_file(host.path("etc/offhook/conf.d/10-setup.toml")).unwrap();
    let output = host.setup(&["--undo", "--yes"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).matches("was edited since").count(), 1, "the block is edited as well");
    assert!(accounts(&pbx).is_empty() && !host.path("etc/offhook/ami.secret").exists());
}

#[test]
fn each_change_is_asked_for_on_the_terminal() {
    if !have(&[Component::MariaDb, Component::Program("script")]) {
        return;
    }
    let pbx = freepbx_without_asterisk();
    let host = Host::with_freepbx(&pbx);
    // The phones' networks; module no, tables yes, account no; then no more.
    let said = on_terminal(&host, "127.0.0.0/8\nn\ny\nn\nq\n");
    assert!(said.contains("Networks that the phones are in") && said.contains("[y]es, [n]o"), "{said}");
    assert!(host.calls().is_empty() && accounts(&pbx).is_empty(), "what was declined was done: {:?}", host.calls());
    assert!(!said.contains("database_url = \"mysql"), "a file is shown that would not be written: {said}");
    assert!(said.contains("offhook phones add MAC"), "how phones are added without the module is not said: {said}");
    let said = on_terminal(&host, "127.0.0.0/8\nn\ny\nq\n");
    assert!(host.calls().is_empty(), "what was declined was done: {:?}", host.calls());
    assert_eq!(accounts(&pbx).len(), 1, "{said}");
    assert!(said.contains("database_url = \"mysql"), "{said}");
    assert!(!host.path("etc/offhook/conf.d/10-setup.toml").exists(), "{said}");
}

/// What `offhook setup` says on a terminal on which this is typed.
fn on_terminal(host: &Host, typing: &str) -> String {
    let command = host.command(&["setup", "--root"]);
    let words: Vec<String> = [command.get_program()]
        .into_iter()
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let line = format!("{} {}", words.join(" "), host.path("").display());
    let typed = host.path("typed");
    fs::write(&typed, typing).unwrap();
    let mut script = Command::new("script");
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    let input = fs::File::open(&typed).unwrap();
    text(&script.args(["-qec", &line, "/dev/null"]).stdin(input).output().unwrap().stdout)
}

#[test]
fn port_69_is_taken_and_given_back() {
    if !have(&[Component::MariaDb]) {
        return;
    }
    let pbx = freepbx_without_asterisk();
    let host = Host::with_freepbx(&pbx);
    host.write("etc/group", "asterisk:x:991:\noffhook:x:990:\n");
    // A stand-in for /proc: tftpd-hpa has the port, until it is stopped.
    let served = host.path("srv-tftp");
    for folder in [served.clone(), host.path("proc/self/net"), host.path("proc/77/fd")] {
        fs::create_dir_all(folder).unwrap();
    }
    host.write("proc/self/net/udp", "head\n 1: 00000000:0045 00000000:0000 07 0:0 0:0 0 0 0 4242 2 0 0\n");
    std::os::unix::fs::symlink("socket:[4242]", host.path("proc/77/fd/3")).unwrap();
    host.write("proc/77/comm", "in.tftpd\n");
    host.write("proc/77/cgroup", "0::/system.slice/tftpd-hpa.service\n");
    host.write("proc/77/cmdline", &format!("in.tftpd\0--secure\0{}\0", served.display()));

    let output = host.setup(YES);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3));
    assert!(said.contains("TFTP is not served yet: offhook setup --take-tftp"), "{said}");
    assert!(said.contains("in.tftpd (process 77, tftpd-hpa.service)"), "{said}");
    assert!(!host.calls().iter().any(|call| call.contains("disable")), "{:?}", host.calls());

    let mut arguments = YES.to_vec();
    arguments.push("--take-tftp");
    let (_, statuses, value) = host.statuses(&arguments);
    assert_eq!((statuses["tftp"].as_str(), statuses["group"].as_str()), ("changed", "done"), "{value:#}");
    assert!(host.calls().contains(&"systemctl stop tftpd-hpa.service".to_owned()), "{:?}", host.calls());
    let toml = host.read("etc/offhook/conf.d/10-setup.toml");
    assert!(toml.contains(&format!("fall_through = \"{}\"", served.display())), "{toml}");

    fs::remove_file(host.path("calls")).unwrap();
    assert!(host.setup(&["--undo", "--yes"]).status.success());
    let calls = host.calls();
    let place =
        |call: &str| calls.iter().position(|made| made == call).unwrap_or_else(|| panic!("no {call}: {calls:?}"));
    let order = [
        "systemctl stop offhook",
        "systemctl enable tftpd-hpa.service",
        "systemctl start tftpd-hpa.service",
        "systemctl restart offhook",
    ]
    .map(place);
    assert!(order.is_sorted(), "{calls:?}");
    assert!(calls.contains(&"deluser offhook asterisk".to_owned()), "{calls:?}");
}

#[test]
fn a_socket_unit_that_has_port_69_is_stopped_and_given_back() {
    if !have(&[Component::MariaDb]) {
        return;
    }
    let pbx = freepbx_without_asterisk();
    let host = Host::with_freepbx(&pbx);
    // A stand-in for /proc and systemd: the first process has the port for atftpd, until its socket is stopped.
    let stands = |line: &str| {
        format!(
            "case \"$1 $2\" in 'restart offhook') exit 1 ;; list-sockets*) echo '0.0.0.0:69 atftpd.socket atftpd.service' ;; 'stop atftpd.socket') {line} ;; esac"
        )
    };
    for folder in ["proc/self/net", "proc/1/fd"] {
        fs::create_dir_all(host.path(folder)).unwrap();
    }
    host.write("proc/self/net/udp", "head\n 1: 00000000:0045 00000000:0000 07 0:0 0:0 0 0 0 4242 2 0 0\n");
    std::os::unix::fs::symlink("socket:[4242]", host.path("proc/1/fd/3")).unwrap();
    host.write("proc/1/comm", "systemd\n");
    host.write("proc/1/cgroup", "0::/init.scope\n");
    let arguments = [YES, &["--take-tftp"]].concat();

    host.program("systemctl", &stands("true"));
    let (_, statuses, value) = host.statuses(&arguments);
    assert_eq!(statuses["tftp"], "failed", "the port is still held: {value:#}");
    host.program("systemctl", &stands("rm -r \"$ROOT/proc/self/net\""));
    let (_, statuses, value) = host.statuses(&arguments);
    assert_eq!(statuses["tftp"], "changed", "{value:#}");
    host.setup(&["--undo", "--yes"]);
    let calls = host.calls();
    for call in ["stop", "disable", "enable", "start"] {
        assert!(calls.contains(&format!("systemctl {call} atftpd.socket")), "no {call}: {calls:?}");
    }
}

/// A row: what is on the host, the exit code, words of the answer.
type Row = (&'static str, fn(&Host), &'static [&'static str], i32, &'static [&'static str]);

const ROWS: &[Row] = &[
    ("no PBX", |_| (), YES, 1, &["neither FreePBX", "nor Asterisk"]),
    (
        "freepbx.conf is half a file",
        |host| host.write("etc/freepbx.conf", "<?php\n$amp_conf['AMPDBUSER'] = 'freepbx"),
        YES,
        1,
        &["freepbx.conf does not say how to reach the database", "AMPDBUSER", "nothing was changed"],
    ),
    (
        "freepbx.conf is a folder",
        |host| fs::create_dir(host.path("etc/freepbx.conf")).unwrap(),
        YES,
        1,
        &["could not be read"],
    ),
    (
        "nobody can answer",
        Host::asterisk_without_program,
        &[],
        2,
        &["standard input is no terminal", "--dry-run", "--yes"],
    ),
    (
        "no asterisk program",
        Host::asterisk_without_program,
        YES,
        3,
        &["not on PATH", "[offhook]", "asterisk -rx 'manager reload'"],
    ),
    (
        "an account of the admin's",
        |host| {
            host.asterisk_without_program();
            host.set_custom("[offhook]\nsecret = CANARY-mine\n");
        },
        YES,
        3,
        &["made by hand, which is left as it is"],
    ),
    (
        "a link",
        |host| {
            host.asterisk_without_program();
            fs::remove_file(host.path("etc/asterisk/manager_custom.conf")).unwrap();
            std::os::unix::fs::symlink("/etc/passwd", host.path("etc/asterisk/manager_custom.conf")).unwrap();
        },
        YES,
        3,
        &["is a link, and setup follows none as root"],
    ),
    (
        "a configuration that does not load",
        |host| {
            host.asterisk_without_program();
            host.write("etc/offhook/conf.d/50-mine.toml", "[tftp]\nlisten = 69\n");
        },
        YES,
        3,
        &["the configuration would not load, so it was not written", "etc/offhook/conf.d/50-mine.toml line 2"],
    ),
    (
        "a journal that is none",
        |host| {
            host.asterisk_without_program();
            host.write("etc/offhook/setup-undo.json", "{");
        },
        YES,
        1,
        &["is no journal of setup"],
    ),
    (
        "a database that is down",
        |host| {
            host.asterisk_without_program();
            host.write(
                "etc/freepbx.conf",
                "$amp_conf['AMPDBUSER']='u';$amp_conf['AMPDBPASS']='CANARY';$amp_conf['AMPDBSOCK']='/nowhere/s';",
            );
        },
        YES,
        3,
        &[
            "was not reached",
            "grant select on users to 'offhook'@'localhost';",
            "create table if not exists offhook_phones",
        ],
    ),
    (
        "a network that is none",
        Host::asterisk_without_program,
        &["--yes", "--phone-network", "192.168.1.5/24"],
        2,
        &["192.168.1.0/24"],
    ),
    (
        "the whole Internet",
        Host::asterisk_without_program,
        &["--yes", "--phone-network", "0.0.0.0/0"],
        2,
        &["whole Internet"],
    ),
];

#[test]
fn what_is_in_the_way_is_said_and_nothing_else_is_touched() {
    for (what, prepare, arguments, code, words) in ROWS {
        let host = Host::new();
        // What setup does on this host does not include the daemon.
        host.program("systemctl", "exit 1");
        prepare(&host);
        let before = host.files();
        let output = host.setup(arguments);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(*code), "{what}: {said}");
        for word in *words {
            assert!(said.contains(word), "{what}: no {word:?} in:\n{said}");
        }
        let written = ["setup-undo.json", "10-setup.toml", "pbx.db"];
        let ours = |path: &std::path::Path| *code == 3 && written.iter().any(|name| path.ends_with(name));
        let mut expected = before.clone();
        expected.extend(host.files().into_iter().filter(|(path, _)| ours(path)));
        host.assert_files(&expected, what);
    }
}

/// A host whose folders anybody may read; `None`, said by name, where nobody can be made of root here.
fn open_host() -> Option<Host> {
    if !have(&[Component::RawPackets, Component::Program("setpriv")]) {
        return None;
    }
    let host = Host::new();
    host.asterisk_without_program();
    for folder in ["", "etc/offhook", "etc/offhook/conf.d"] {
        fs::set_permissions(host.path(folder), PermissionsExt::from_mode(0o755)).unwrap();
    }
    Some(host)
}

/// What somebody who is not root is told, and that it failed.
fn refused_without_root(host: &Host, arguments: &[&str]) -> String {
    let as_root = host.command(arguments);
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(as_root.get_program());
    let output = run(command.args(as_root.get_args()).arg(host.path("")));
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

#[test]
fn without_root_the_plan_is_shown_and_nothing_is_changed() {
    let Some(host) = open_host() else { return };
    let before = host.files();
    let said = refused_without_root(&host, &["setup", "--yes", "--root"]);
    assert!(
        said.contains("run sudo offhook setup") && said.contains("this takes root") && said.contains("[offhook]"),
        "{said}"
    );
    host.assert_files(&before, "without root something was changed");
}

#[test]
fn plain_asterisk_is_prepared_and_given_back() {
    if !have(&[Component::Asterisk]) {
        return;
    }
    let asterisk = Asterisk::without_our_user();
    let host = Host::new();
    host.link_asterisk(&asterisk);
    let before = host.files();
    let (code, statuses, value) = host.statuses(YES);
    assert_eq!(code, Some(0), "{value:#}");
    assert!(!statuses.contains_key("account") && statuses["manager"] == "changed", "{value:#}");
    assert_eq!(host.mode("var/lib/offhook/pbx.db"), 0o600);
    wait_for("check to find database and manager well", || {
        let checks = text(&run(&mut host.command(&["check"])).stdout);
        let well = ["ok       pbx-database", "ok       manager"];
        if well.iter().all(|line| checks.contains(line)) { Ok(()) } else { Err(checks) }
    });
    let (code, _, value) = host.statuses(YES);
    assert_eq!(code, Some(0));
    let steps = value["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["status"] != "changed"), "{value:#}");
    assert!(host.setup(&["--undo", "--yes"]).status.success());
    host.assert_files(&before, "undo left or took something");
    assert!(host.path("var/lib/offhook/pbx.db").is_file(), "the phones are lost");
}

#[test]
fn of_two_runs_at_once_one_goes_on() {
    let host = Host::new();
    host.asterisk_without_program();
    let other = fs::File::open(host.path("etc/offhook")).unwrap();
    other.lock().unwrap();
    let before = host.files();
    for arguments in [YES, &["--undo", "--yes"]] {
        let output = host.setup(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("another offhook setup"), "{said}");
    }
    host.assert_files(&before, "beside another run something was changed");
    other.unlock().unwrap();
    assert!(host.setup(&["--undo", "--yes"]).status.success());
}

#[test]
fn a_database_that_is_down_takes_no_account_away() {
    if !have(&[Component::MariaDb]) {
        return;
    }
    let mut pbx = freepbx_without_asterisk();
    let host = Host::with_freepbx(&pbx);
    host.setup(YES);
    let toml = host.read("etc/offhook/conf.d/10-setup.toml");
    assert!(toml.contains("mysql://offhook:"), "no account in the configuration");
    pbx.database.server().down();
    host.setup(YES);
    assert_eq!(host.read("etc/offhook/conf.d/10-setup.toml"), toml, "the account is gone");
}

/// A stand-in that prints and ends as `fwconsole firewall` of firewall 16.0.57.7 does, and keeps its zones in a file:
/// without one it fails over an empty list, with the line `mute` it lists nothing, with `refuses` it takes nothing.
const FIREWALL: &str = "case \"$*\" in
'firewall list '*)
  grep -q mute \"$ROOT/zones\" && exit 1
  echo \"All entries in zone '$3':\"
  if [ -f \"$ROOT/zones\" ]; then sed -n \"s/^\\(.*\\) $3\\$/\\t\\1/p\" \"$ROOT/zones\"; else
    printf '\\nIn Firewall.class.php line 564:\\n  \\n  Invalid argument supplied for foreach()  \\n  \\n\\nfirewall [-f|--force] [-h|--help] [--] <cmd> [<opt>] [<ids>]...\\n\\n' >&2
    exit 2
  fi ;;
'firewall trust '*)
  if grep -q refuses \"$ROOT/zones\"; then echo 'Failed! Could not validate entry. Please try again.'; exit 0; fi
  touch \"$ROOT/zones\"; sed -i \"\\,^$3 ,d\" \"$ROOT/zones\"; echo \"$3 trusted\" >>\"$ROOT/zones\" ;;
'firewall untrust '*) sed -i \"\\,^$3 ,d\" \"$ROOT/zones\" ;;
'firewall add '*) sed -i \"\\,^$4 ,d\" \"$ROOT/zones\"; echo \"$4 $3\" >>\"$ROOT/zones\" ;;
esac";

#[test]
fn a_network_that_the_firewall_refuses_is_said() {
    if !have(&[Component::MariaDb]) {
        return;
    }
    let pbx = freepbx_without_asterisk();
    let host = Host::with_freepbx(&pbx);
    fs::create_dir_all(host.path("var/www/html/admin/modules/firewall")).unwrap();
    host.write("var/www/html/admin/modules/firewall/module.xml", "<module></module>\n");
    host.write("zones", "refuses\n");
    host.program("fwconsole", FIREWALL);
    let (_, statuses, value) = host.statuses(&[YES, &["--firewall"]].concat());
    assert_eq!(statuses["firewall"], "failed", "{value:#}");
}

#[test]
fn a_module_that_fwconsole_does_not_install_is_said() {
    if !have(&[Component::MariaDb]) {
        return;
    }
    let pbx = freepbx_without_asterisk();
    let host = Host::with_freepbx(&pbx);
    // As FreePBX 16 prints it, and ends with 0.
    host.program(
        "fwconsole",
        "printf 'Unable to install module offhook:\\n - Cannot find module\\nUpdating Hooks...Done\\n'",
    );
    let (_, statuses, value) = host.statuses(YES);
    assert_eq!(statuses["module"], "failed", "{value:#}");
    assert!(value.to_string().contains("did not install the module: Cannot find module"), "{value:#}");
    host.program(
        "fwconsole",
        "printf 'The following error(s) occured:\\n - Module not installed: cannot uninstall\\n'; exit 2",
    );
    let output = host.setup(&["--undo", "--yes"]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(!host.path("var/www/html/admin/modules/offhook").exists(), "half a module is left");
}

#[test]
fn a_trust_of_the_admin_s_is_not_taken_back() {
    if !have(&[Component::MariaDb]) {
        return;
    }
    let pbx = freepbx_without_asterisk();
    // FreePBX's zones before, whether the network is trusted, whether that is taken back, and the zones then.
    for (zones, trusts, untrusts, after) in [
        (Some("127.0.0.0/8 trusted\n"), false, false, "127.0.0.0/8 trusted\n"),
        (Some("10.0.0.0/8 trusted\n"), true, true, "10.0.0.0/8 trusted\n"),
        (Some("127.0.0.0/8 internal\n"), true, true, "127.0.0.0/8 internal\n"),
        (None, true, true, ""),
        (Some("mute\n"), true, false, "mute\n127.0.0.0/8 trusted\n"),
    ] {
        let host = Host::with_freepbx(&pbx);
        fs::create_dir_all(host.path("var/www/html/admin/modules/firewall")).unwrap();
        host.write("var/www/html/admin/modules/firewall/module.xml", "<module></module>\n");
        if let Some(zones) = zones {
            host.write("zones", zones);
        }
        host.program("fwconsole", FIREWALL);
        host.setup(&[YES, &["--firewall"]].concat());
        let output = host.setup(&["--undo", "--yes"]);
        let said = text(&output.stdout);
        let called = |call: &str| host.calls().contains(&call.to_owned());
        assert_eq!(called("fwconsole firewall trust 127.0.0.0/8"), trusts, "{zones:?}: {said}");
        assert_eq!(called("fwconsole firewall untrust 127.0.0.0/8"), untrusts, "{zones:?}: {said}");
        assert_eq!(said.contains("fwconsole firewall untrust 127.0.0.0/8"), trusts && !untrusts, "{zones:?}: {said}");
        assert_eq!(host.read("zones"), after, "{zones:?}: {said}");
    }
}

#[test]
fn without_root_nobody_says_that_there_is_nothing_to_undo() {
    let Some(host) = open_host() else { return };
    let undo = host.path("etc/offhook/setup-undo.json");
    host.write("etc/offhook/setup-undo.json", "{\"changes\":[{\"what\":\"group\"}]}");
    fs::set_permissions(undo, PermissionsExt::from_mode(0o600)).unwrap();
    let said = refused_without_root(&host, &["setup", "--undo", "--yes", "--root"]);
    assert!(said.contains("run sudo offhook setup --undo"), "{said}");
}
