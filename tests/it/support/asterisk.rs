//! A real Asterisk in folders of the test's own, by `tests/env/asterisk`.

use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::net::inside;
use super::{free_port, in_repository, run, succeed};

/// The secret of the manager user `offhook`.
pub(crate) const MANAGER_SECRET: &str = "CANARY-manager-81";

/// The release that most tests are about.
pub(crate) const NEWEST: &str = "22";

/// A release that still has chan_sip.
pub(crate) const WITH_CHAN_SIP: &str = "16";

/// Whether that release was unpacked.
pub(super) fn is_there(release: &str) -> Result<(), String> {
    let output = run(Command::new(in_repository("tests/env/asterisk")).args(["version", release]));
    output.status.success().then_some(()).ok_or_else(|| format!("asterisk {release} is absent"))
}

/// A running Asterisk; ended with the value.
pub(crate) struct Asterisk {
    folder: TempDir,
    release: &'static str,
    /// chan_sip, on 127.0.0.1 over UDP and TCP, where this Asterisk has it.
    pub(crate) chan_sip_port: Option<u16>,
    /// Registrar, on 127.0.0.1 over UDP and TCP.
    pub(crate) sip_port: u16,
    /// Manager interface, on 127.0.0.1.
    pub(crate) manager_port: u16,
    /// It runs in the network of this process, on all addresses there.
    network: Option<u32>,
}

impl Asterisk {
    /// Started, without any extension, with the manager user that the README tells administrators to make.
    pub(crate) fn start() -> Self {
        Self::start_with("", "")
    }

    /// The same with further manager users and with extensions, as sections of their files.
    pub(crate) fn start_with(users: &str, extensions: &str) -> Self {
        let asterisk = Self::of(NEWEST, None);
        asterisk.configure(users, extensions);
        asterisk.up();
        asterisk
    }

    /// The same in the network of a process, on all addresses there.
    pub(crate) fn start_in(process: u32) -> Self {
        let mut asterisk = Self::of(NEWEST, None);
        asterisk.network = Some(process);
        asterisk.configure("", "");
        asterisk.up();
        asterisk
    }

    /// Started as FreePBX has it: manager users are in `manager_custom.conf`, and ours is not among them.
    pub(crate) fn without_our_user() -> Self {
        let asterisk = Self::of(NEWEST, None);
        asterisk.configure("", "");
        let port = asterisk.manager_port;
        asterisk.write(
            "manager.conf",
            &format!(
                "[general]\nenabled = yes\nbindaddr = 127.0.0.1\nport = {port}\n\n#tryinclude \"manager_custom.conf\"\n"
            ),
        );
        asterisk.up();
        asterisk
    }

    /// The folder of its configuration.
    pub(crate) fn etc(&self) -> std::path::PathBuf {
        self.folder.path().join("etc")
    }

    /// The words of a shell that send a command to its console.
    pub(crate) fn console(&self) -> String {
        let script = in_repository("tests/env/asterisk");
        format!("{} cli {} --run {}", script.display(), self.release, self.folder.path().join("run").display())
    }

    /// Both channel drivers, without any extension. `modules`: further lines of modules.conf.
    pub(crate) fn with_chan_sip(modules: &str) -> Self {
        let asterisk = Self::of(WITH_CHAN_SIP, Some(free_port()));
        asterisk.configure("", "");
        asterisk.write("modules.conf", &format!("[modules]\nautoload = yes\n{modules}"));
        asterisk.write("sip_additional.conf", "");
        asterisk.write("sip.conf", "[general]\n#include \"env_sip.conf\"\n\n#include \"sip_additional.conf\"\n");
        asterisk.up();
        asterisk
    }

    fn of(release: &'static str, chan_sip_port: Option<u16>) -> Self {
        let folder = tempfile::Builder::new().prefix("oha").tempdir_in("/tmp").unwrap();
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        Self { folder, release, chan_sip_port, sip_port: free_port(), manager_port: free_port(), network: None }
    }

    fn configure(&self, users: &str, extensions: &str) {
        self.write("extensions_pjsip.conf", extensions);
        self.write("pjsip.conf", "#include \"env_transport.conf\"\n#include \"extensions_pjsip.conf\"\n");
        self.write(
            "manager.conf",
            &format!(
                "[general]\n#include \"env_manager.conf\"\n\n[offhook]\nsecret = {MANAGER_SECRET}\ndeny = 0.0.0.0/0.0.0.0\n\
                 permit = 127.0.0.1/255.255.255.255\nread = system,reporting,security\nwrite = system,reporting\n\n{users}"
            ),
        );
    }

    fn script(&self, verb: &str) -> Command {
        let script = in_repository("tests/env/asterisk");
        let mut command = match self.network {
            Some(process) => inside(process, script.to_str().unwrap(), &[]),
            None => Command::new(script),
        };
        command.args([verb, self.release, "--run"]).arg(self.folder.path().join("run"));
        command
    }

    /// Starts it, again after [`Asterisk::down`]; registrations outlive that, as on a real host.
    pub(crate) fn up(&self) {
        let mut start = self.script("start");
        start.arg("--conf").arg(self.folder.path().join("etc"));
        start.args(["--sip-port", &self.sip_port.to_string(), "--ami-port", &self.manager_port.to_string()]);
        if self.network.is_some() {
            start.args(["--bind", "0.0.0.0"]);
        }
        if let Some(port) = self.chan_sip_port {
            start.args(["--chan-sip-port", &port.to_string()]);
        }
        // It goes on in the background with our pipes, so they are not waited for: a file takes its words.
        let log = std::fs::File::create(self.folder.path().join("start.log")).unwrap();
        let status = start.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).status().unwrap();
        let said = std::fs::read_to_string(self.folder.path().join("start.log")).unwrap();
        assert!(status.success(), "Asterisk does not start: {said}");
    }

    /// Stops it, as a cut of the manager connection.
    pub(crate) fn down(&self) {
        succeed(&mut self.script("stop"));
    }

    /// Sends it a signal, by the name that `kill` knows.
    pub(crate) fn signal(&self, name: &str) {
        super::signal(&self.folder.path().join("run/pid"), name);
    }

    /// A command on its console.
    pub(crate) fn cli(&self, command: &str) -> String {
        succeed(self.script("cli").arg(command))
    }

    /// A file of its configuration.
    pub(crate) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.folder.path().join("etc").join(name), content).unwrap();
    }

    /// Calls a channel, by a call file; whoever answers waits for nothing.
    pub(crate) fn call(&self, channel: &str) {
        let spool = self.folder.path().join("run/spool");
        let file = spool.join("one.call");
        std::fs::write(&file, format!("Channel: {channel}\nWaitTime: 60\nApplication: Wait\nData: 60\n")).unwrap();
        // Whole at once: Asterisk reads what appears there.
        std::fs::rename(file, spool.join("outgoing/one.call")).unwrap();
    }

    /// Whether an address is registered for this extension.
    pub(crate) fn has_contact(&self, extension: &str) -> bool {
        self.cli("pjsip show contacts").contains(&format!(" {extension}/sip:"))
    }

    /// Whether an address is registered for this extension with chan_sip.
    pub(crate) fn has_peer(&self, extension: &str) -> bool {
        let shown = self.cli(&format!("sip show peer {extension}"));
        let address = shown.lines().find_map(|line| line.trim().strip_prefix("Addr->IP"));
        address.is_some_and(|address| !address.contains("(null)"))
    }
}

impl Drop for Asterisk {
    fn drop(&mut self) {
        // One that was stopped by a signal does not hear of its end.
        self.signal("CONT");
        let _ = self.script("stop").stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}
