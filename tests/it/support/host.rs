//! A host for `offhook setup`: a folder that stands for `/`, and programs on PATH.
//!
//! The database and Asterisk are real. `fwconsole`, `systemctl`, `adduser` and `deluser` are stand-ins: they record how
//! they were called; `systemctl` starts and stops the real daemon, `fwconsole` registers the module as FreePBX does.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::asterisk::Asterisk;
use super::daemon::offhook;
use super::pbx::Pbx;
use super::{in_repository, run, text};

/// The password of FreePBX's own database account; tests may not find it in any output.
pub(crate) const FREEPBX_PASSWORD: &str = "CANARY-freepbx-77";

/// What the admin had in `manager_custom.conf` before.
pub(crate) const CUSTOM: &str = "; the admin's own\n[boss]\nsecret = CANARY-boss\nread = call\nwrite = call\n";

/// A folder that stands for `/`.
pub(crate) struct Host {
    folder: TempDir,
}

impl Host {
    /// The package is installed; there is no PBX yet.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("ohh").tempdir_in("/tmp").unwrap();
        let host = Self { folder };
        for path in [
            "etc/offhook/conf.d",
            "var/lib/offhook",
            "run/offhook",
            "bin",
            "usr/share/offhook/freepbx/offhook",
            "usr/share/offhook/sql",
        ] {
            fs::create_dir_all(host.path(path)).unwrap();
        }
        host.write("etc/passwd", "root:x:0:0::/:/bin/sh\noffhook:x:990:990::/:/bin/false\n");
        host.write("etc/group", "root:x:0:\nasterisk:x:991:offhook\noffhook:x:990:\n");
        host.write("usr/share/offhook/freepbx/offhook/module.xml", "<module><rawname>offhook</rawname></module>\n");
        for file in ["offhook-mariadb.sql", "grants.sql", "demo-sqlite.sql"] {
            let from = in_repository("contrib/sql").join(file);
            fs::copy(from, host.path("usr/share/offhook/sql").join(file)).unwrap();
        }
        // As systemd makes it.
        fs::set_permissions(host.path("var/lib/offhook"), fs::Permissions::from_mode(0o700)).unwrap();
        let home = host.folder.path().display();
        host.write(
            "etc/offhook/offhook.toml",
            &format!(
                "[server]\nstate_dir = \"{home}/var/lib/offhook\"\nsocket = \"{home}/run/offhook/api.sock\"\n\
                 phone_networks = [\"10.0.0.0/8\"]\n\n[pbx]\nsource = \"freepbx\"\npoll_interval = \"200ms\"\nsip_host = \"127.0.0.1\"\n\n\
                 [tftp]\nlisten = [\"127.0.0.1:0\"]\nfall_through = \"\"\n\n[http]\nlisten = [\"127.0.0.1:0\"]\n\n\
                 [admin]\nlisten = [\"127.0.0.1:0\"]\n"
            ),
        );
        host.private("etc/offhook/offhook.toml");
        host.program("adduser", "sed -i \"s/^asterisk:.*/&offhook/\" \"$ROOT/etc/group\"");
        host.program("deluser", "sed -i \"s/^asterisk:.*/asterisk:x:991:/\" \"$ROOT/etc/group\"");
        host.program(
            "offhook",
            &format!(
                "case \"$1\" in setup) set -- \"$@\" --root \"$ROOT\" ;; esac\nexec {} --config \"$ROOT/etc/offhook/offhook.toml\" \"$@\"",
                env!("CARGO_BIN_EXE_offhook")
            ),
        );
        host.program("systemctl", &SYSTEMCTL.replace("OFFHOOK", env!("CARGO_BIN_EXE_offhook")));
        host
    }

    /// FreePBX on it: this database, this Asterisk, and `fwconsole`.
    pub(crate) fn with_freepbx(pbx: &Pbx) -> Self {
        let host = Self::new();
        let socket = pbx.database.socket();
        host.write(
            "etc/freepbx.conf",
            &format!(
                "<?php\n$amp_conf['AMPDBUSER'] = 'freepbxuser';\n$amp_conf['AMPDBPASS'] = '{FREEPBX_PASSWORD}';\n\
                 $amp_conf['AMPDBHOST'] = 'localhost';\n$amp_conf['AMPDBNAME'] = 'asterisk';\n$amp_conf['AMPDBSOCK'] = '{}';\n\
                 $amp_conf['AMPDBENGINE'] = 'mysql';\nrequire_once('/var/www/html/admin/bootstrap.php');\n",
                socket.display()
            ),
        );
        fs::create_dir_all(host.path("var/www/html/admin/modules")).unwrap();
        host.write("etc/amportal.conf", "AMPWEBROOT=/var/www/html\n");
        // With the tests' own PATH: on the host's, `mariadb` is the very program that is made of this.
        let sql = format!(
            "PATH='{}' {} sql --dir {}",
            std::env::var("PATH").unwrap_or_default(),
            in_repository("tests/env/mariadb").display(),
            socket.parent().unwrap().display()
        );
        host.program("mariadb", &format!("{sql} \"$@\""));
        host.program(
            "fwconsole",
            &format!(
                "case \"$1 $2\" in\n'ma install') {sql} asterisk -e \"replace into modules values ('offhook', '0.1.0', 1)\" ;;\n\
                 'ma uninstall') {sql} asterisk -e \"delete from modules where modulename = 'offhook'\" ;;\nesac"
            ),
        );
        match &pbx.asterisk {
            Some(asterisk) => host.link_asterisk(asterisk),
            None => host.asterisk_without_program(),
        }
        host
    }

    /// Its `/etc/asterisk` is that of this Asterisk, and `asterisk` is its console.
    pub(crate) fn link_asterisk(&self, asterisk: &Asterisk) {
        symlink(asterisk.etc(), self.path("etc/asterisk")).unwrap();
        self.program("asterisk", &format!("exec {} \"$2\"", asterisk.console()));
        self.set_custom(CUSTOM);
    }

    /// Configuration of an Asterisk that is not there.
    pub(crate) fn asterisk_without_program(&self) {
        fs::create_dir_all(self.path("etc/asterisk")).unwrap();
        self.write("etc/asterisk/manager.conf", "[general]\nport = 9\n#include manager_custom.conf\n");
        self.set_custom(CUSTOM);
    }

    /// `manager_custom.conf`, with the mode that FreePBX 16 gives it.
    pub(crate) fn set_custom(&self, content: &str) {
        self.write("etc/asterisk/manager_custom.conf", content);
        fs::set_permissions(self.path("etc/asterisk/manager_custom.conf"), fs::Permissions::from_mode(0o664)).unwrap();
    }

    /// A path of the host.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// A file of the host.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
    }

    /// Writes a file of the host.
    pub(crate) fn write(&self, path: &str, content: &str) {
        fs::write(self.path(path), content).unwrap();
    }

    /// Owner and group alone may read it.
    pub(crate) fn private(&self, path: &str) {
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(0o640)).unwrap();
    }

    /// A program on the host's PATH, as lines of shell; each call is recorded first.
    pub(crate) fn program(&self, name: &str, lines: &str) {
        let path = self.path("bin").join(name);
        let root = self.folder.path().display();
        let script = format!("#!/bin/sh\nROOT={root}\necho \"{name} $*\" >>\"$ROOT/calls\"\n{lines}\n");
        fs::write(&path, script).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Lines of shell out of our documents, as root would type them: paths of the host are this host's, `offhook` and
    /// `mariadb` are the programs under test and of the test's own server.
    pub(crate) fn shell(&self, line: &str) -> Output {
        let root = self.folder.path().display();
        let mut line = line.to_owned();
        for folder in ["/etc/", "/var/lib/", "/usr/share/"] {
            line = line.replace(folder, &format!("{root}{folder}"));
        }
        let mut command = self.command(&[]);
        let path =
            command.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, path)| path).map(ToOwned::to_owned);
        command = Command::new("sh");
        run(command.env("PATH", path.unwrap()).args(["-ec", &line]))
    }

    /// How the programs were called.
    pub(crate) fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.path("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }

    /// `offhook` with these arguments on this host.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = offhook(["--config"]);
        let inherited = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{inherited}:/usr/sbin:/sbin", self.path("bin").display()));
        command.arg(self.path("etc/offhook/offhook.toml")).args(arguments);
        command
    }

    /// `offhook setup` with these arguments, run to its end.
    pub(crate) fn setup(&self, arguments: &[&str]) -> Output {
        let output = run(self.command(&["setup", "--root"]).arg(self.folder.path()).args(arguments));
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(!said.contains("CANARY"), "a secret is told:\n{said}");
        output
    }

    /// The same, and the statuses of its steps by name.
    pub(crate) fn statuses(&self, arguments: &[&str]) -> (Option<i32>, BTreeMap<String, String>, Value) {
        let output = self.setup(&[&["--json"], arguments].concat());
        let value: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|why| panic!("{why}: {}{}", text(&output.stdout), text(&output.stderr)));
        let steps = value["steps"].as_array().unwrap().iter();
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let statuses = steps.map(|step| (word(&step["id"]), word(&step["status"]))).collect();
        (output.status.code(), statuses, value)
    }

    /// Every file of the host that setup may meet, with its mode and content; not what *Apply Config* writes.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, (u32, String)> {
        let mut found = BTreeMap::new();
        let mut folders = ["etc", "usr", "var/www"].map(|folder| self.path(folder)).to_vec();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("extensions_pjsip.conf") {
                    let facts = fs::symlink_metadata(&path).unwrap();
                    found.insert(path.clone(), (facts.permissions().mode(), text(&fs::read(&path).unwrap())));
                }
            }
        }
        found
    }

    /// Asserts that no file came, went, or is another.
    pub(crate) fn assert_files(&self, before: &BTreeMap<PathBuf, (u32, String)>, what: &str) {
        let now = self.files();
        let paths = before.keys().chain(now.keys());
        let other: Vec<_> = paths.filter(|path| before.get(*path) != now.get(*path)).collect();
        assert!(other.is_empty(), "{what}: {other:?}");
    }

    /// Mode of a file.
    pub(crate) fn mode(&self, path: &str) -> u32 {
        fs::metadata(self.path(path)).unwrap().permissions().mode() & 0o7777
    }
}

/// Starts and stops the real daemon, frees port 69 in the stand-in for /proc; everything else succeeds.
const SYSTEMCTL: &str = "stop() { if [ -f \"$ROOT/pid\" ]; then kill \"$(cat \"$ROOT/pid\")\" 2>/dev/null
  while kill -0 \"$(cat \"$ROOT/pid\")\" 2>/dev/null; do :; done; rm -f \"$ROOT/pid\"; fi; }
case \"$1 $2\" in
'stop tftpd-hpa.service') rm -r \"$ROOT/proc/self/net\" ;;
'stop offhook') stop ;;
'restart offhook')
  stop
  setsid OFFHOOK --config \"$ROOT/etc/offhook/offhook.toml\" serve </dev/null >\"$ROOT/serve.log\" 2>&1 &
  echo $! >\"$ROOT/pid\" ;;
esac";

impl Drop for Host {
    fn drop(&mut self) {
        super::signal(Path::new(&self.path("pid")), "TERM");
        if std::thread::panicking() {
            eprintln!("---- calls: {:#?}", self.calls());
            eprintln!("---- the daemon's log\n{}", fs::read_to_string(self.path("serve.log")).unwrap_or_default());
        }
    }
}
