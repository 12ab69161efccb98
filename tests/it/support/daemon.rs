//! The daemon's own binary: a configuration, `offhook serve`, and the command line that talks to it.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, SocketAddrV4};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::asterisk::{Asterisk, MANAGER_SECRET};
use super::pbx::Pbx;
use super::{run, text, wait_for};

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_offhook");

/// A bench does not pay for what only a failing test needs.
const LOG: &str = if cfg!(debug_assertions) { "debug" } else { "info" };

/// The program with arguments.
pub(crate) fn offhook<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = own(PROGRAM);
    command.args(arguments);
    command
}

/// A program to which the variables of whoever runs the tests are nothing.
fn own(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("OFFHOOK_")) {
        command.env_remove(name);
    }
    command.env("OFFHOOK_LOG", LOG);
    command
}

/// A folder with a configuration in it, with or without a daemon running on it.
pub(crate) struct Site {
    folder: TempDir,
    log: &'static str,
}

impl Site {
    /// A configuration over this PBX: every port free, every folder its own, loopback the phones' network.
    pub(crate) fn new(pbx: &Pbx) -> Self {
        Self::with(pbx.database.source(), &pbx.database.url(), pbx.asterisk.as_ref())
    }

    /// The same with another database URL.
    pub(crate) fn with(source: &str, url: &str, asterisk: Option<&Asterisk>) -> Self {
        // Short: the name of a unix socket has 108 bytes at most.
        let folder = tempfile::Builder::new().prefix("ohs").tempdir_in("/tmp").unwrap();
        fs::create_dir(folder.path().join("tftpboot")).unwrap();
        let site = Self { folder, log: LOG };
        let home = site.folder.path().display();
        let mut toml = format!(
            "[server]\nstate_dir = \"{home}/state\"\nsocket = \"{home}/api.sock\"\nphone_networks = [\"127.0.0.0/8\"]\n\n\
             [pbx]\nsource = \"{source}\"\ndatabase_url = \"{url}\"\npoll_interval = \"200ms\"\nsip_host = \"127.0.0.1\"\n"
        );
        let manager = if let Some(asterisk) = asterisk {
            // With two drivers the tables say which listens where.
            let one_port = asterisk.sip_port * u16::from(asterisk.chan_sip_port.is_none());
            writeln!(toml, "sip_port = {one_port}").unwrap();
            let port = asterisk.manager_port;
            format!("address = \"127.0.0.1:{port}\"\nusername = \"offhook\"\nsecret = \"{MANAGER_SECRET}\"")
        } else {
            "address = \"\"".to_owned()
        };
        writeln!(
            toml,
            "\n[ami]\n{manager}\n\n[tftp]\nlisten = [\"127.0.0.1:0\"]\nfall_through = \"{home}/tftpboot\"\n\n\
             [http]\nlisten = [\"127.0.0.1:0\"]\n\n[admin]\nlisten = [\"127.0.0.1:0\"]\n\n[access]\npolicy = \"network\"\n\n\
             [phones]\ntime_zone = \"Europe/Berlin\"\nntp = \"127.0.0.1\""
        )
        .unwrap();
        site.configure(&toml);
        site
    }

    /// The same with another level of the log.
    pub(crate) fn logging(self, log: &'static str) -> Self {
        Self { log, ..self }
    }

    /// The configuration file.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("offhook.toml")
    }

    /// The configuration as text.
    pub(crate) fn configuration(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    /// Writes the configuration, private to its owner as a file with passwords must be.
    pub(crate) fn configure(&self, toml: &str) {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(self.file()).unwrap();
        file.write_all(toml.as_bytes()).unwrap();
    }

    /// The folder that `tftp.fall_through` names.
    pub(crate) fn fall_through(&self) -> PathBuf {
        self.folder.path().join("tftpboot")
    }

    /// Where everything is.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of the daemon's own state.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// A command line over this configuration.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = offhook(["--config"]);
        command.env("OFFHOOK_LOG", self.log).arg(self.file()).args(arguments);
        command
    }

    /// The daemon by way of a line of bash, in which `"$@"` is the daemon's own command line.
    pub(crate) fn by_shell(&self, line: &str) -> Command {
        let mut command = own("bash");
        command.args(["-c", line, "bash", PROGRAM, "--config"]).arg(self.file()).arg("serve");
        command
    }

    /// Runs the daemon to its end, where it must not get as far as serving.
    pub(crate) fn refused(&self) -> Output {
        let mut command = self.command(&["serve"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for("the daemon to refuse its configuration", || match child.try_wait().unwrap() {
            Some(_) => Ok(()),
            None => Err("it runs".to_owned()),
        });
        child.wait_with_output().unwrap()
    }

    /// Starts the daemon and waits until it is ready.
    pub(crate) fn serve(&self) -> Daemon<'_> {
        self.serve_as(&mut self.command(&["serve"]))
    }

    /// The same by a command of the test's own making; what becomes of its standard error is said there, or it is the log.
    pub(crate) fn serve_with(&self, prepare: impl FnOnce(&mut Command)) -> Daemon<'_> {
        let mut command = self.command(&["serve"]);
        prepare(&mut command);
        self.serve_as(&mut command)
    }

    fn serve_as(&self, command: &mut Command) -> Daemon<'_> {
        let log = self.folder.path().join("log");
        let log_file = OpenOptions::new().append(true).create(true).open(&log).unwrap();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .spawn()
            .unwrap_or_else(|error| panic!("{PROGRAM} cannot be run: {error}"));
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (lines, said) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines() {
                let Ok(line) = line else { break };
                if lines.send(line).is_err() {
                    break;
                }
            }
        });
        let mut daemon =
            Daemon { site: self, child, log, tftp: any_address(), http: any_address(), admin: any_address() };
        loop {
            match said.recv_timeout(Duration::from_secs(30)) {
                Ok(line) if line.starts_with("ready ") => {
                    daemon.read_ready(&line);
                    return daemon;
                }
                Ok(_) => {}
                Err(error) => panic!("the daemon is not ready ({error}):\n{}", daemon.log()),
            }
        }
    }
}

fn any_address() -> SocketAddr {
    SocketAddr::V4(SocketAddrV4::new(std::net::Ipv4Addr::UNSPECIFIED, 0))
}

/// A running daemon; killed with the value, unless it was stopped before.
pub(crate) struct Daemon<'a> {
    site: &'a Site,
    child: Child,
    log: PathBuf,
    /// Where it answers TFTP.
    pub(crate) tftp: SocketAddr,
    /// Where it answers phones over HTTP.
    pub(crate) http: SocketAddr,
    /// Where it answers people over HTTP.
    pub(crate) admin: SocketAddr,
}

impl Daemon<'_> {
    fn read_ready(&mut self, line: &str) {
        let address = |name: &str| -> SocketAddr {
            let word = line.split_whitespace().find_map(|word| word.strip_prefix(name));
            let word = word.unwrap_or_else(|| panic!("no {name} in: {line}"));
            // A role that waits for its port: the test knows where.
            if word == "-" { any_address() } else { word.parse().unwrap_or_else(|error| panic!("{word}: {error}")) }
        };
        (self.tftp, self.http, self.admin) = (address("tftp="), address("http="), address("admin="));
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends it a signal, by the name that `kill` knows.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.process())]).status().unwrap();
        assert!(status.success(), "kill -{name}");
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        wait_for("the daemon's end", || self.child.try_wait().unwrap().ok_or_else(|| "it runs".to_owned()))
    }

    /// Whether it runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// SIGTERM, a good end, and no secret in what it left behind.
    pub(crate) fn stop(mut self) {
        self.signal("TERM");
        let status = self.ended();
        assert!(status.success(), "after SIGTERM: {status}\n{}", self.log());
        let log = self.log();
        let leak = log.lines().find(|line| line.contains("CANARY"));
        assert_eq!(leak, None, "a secret is in the log");
    }

    /// The command line, run to its end.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Output {
        run(&mut self.site.command(arguments))
    }

    /// The command line with `--json`, and what it printed, whatever its exit code.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let mut command = self.site.command(&["--json"]);
        let output = run(command.args(arguments));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            let (out, err) = (text(&output.stdout), text(&output.stderr));
            panic!("offhook --json {arguments:?}: {}, {error}\n{out}{err}\nlog:\n{}", output.status, self.log())
        })
    }

    /// One phone as `phones list` gives it; [`Value::Null`] when it is not listed.
    pub(crate) fn phone(&self, mac: &str) -> Value {
        let phones = self.json(&["phones", "list"]);
        let phones = phones.as_array().expect("a list is an array at the top level");
        phones.iter().find(|phone| phone["mac"] == mac).cloned().unwrap_or(Value::Null)
    }

    /// Waits until the phone satisfies a condition.
    pub(crate) fn wait_for_phone(&self, mac: &str, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        wait_for(&format!("{mac} to be {what}"), || {
            let phone = self.phone(mac);
            if condition(&phone) { Ok(phone) } else { Err(phone.to_string()) }
        })
    }

    /// Waits until a file is served over HTTP and satisfies a condition.
    pub(crate) fn wait_for_file(&self, name: &str, what: &str, condition: impl Fn(&str) -> bool) -> String {
        wait_for(&format!("{name} to be {what}"), || match self.file(name) {
            Some(content) if condition(&content) => Ok(content),
            Some(content) => Err(content),
            None => Err("not found".to_owned()),
        })
    }

    /// A file as phones get it over HTTP; `None` when it is not found.
    pub(crate) fn file(&self, name: &str) -> Option<String> {
        let url = format!("http://{}/{name}", self.http);
        let output = run(Command::new("curl").args(["-sS", "--path-as-is", "-w", "\n%{http_code}", &url]));
        let said = text(&output.stdout);
        let (body, code) = said.rsplit_once('\n').unwrap_or_default();
        match code {
            "200" => Some(body.to_owned()),
            "404" => None,
            _ => panic!("{url}: {code} {}{body}\n{}", text(&output.stderr), self.log()),
        }
    }
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            // Each statement of each poll would leave no room for why the test failed.
            let log = self.log();
            let lines: Vec<&str> = log.lines().filter(|line| !line.contains("DEBUG sqlx::query")).collect();
            eprintln!("---- the daemon's log, without its statements\n{}", lines.join("\n"));
        }
    }
}

/// A file of this many bytes that differ from block to block.
pub(crate) fn make_file(path: &Path, size: usize) -> Vec<u8> {
    let content: Vec<u8> = (0..size).map(|at| u8::try_from((at / 512 + at) % 251).unwrap()).collect();
    File::create(path).unwrap().write_all(&content).unwrap();
    content
}
