//! A switch of the kernel's own, in a network of its own, and what is plugged into it: each device in a network of its own,
//! on a port of its own. A cable may be bad (`cable.py`).

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use super::net::{Ends, apart, inside, ip};
use super::{in_repository, wait_for};

/// A switch; its ports go with it.
pub(crate) struct Switch {
    at: Ends,
    ports: AtomicU32,
}

impl Switch {
    /// Nothing is plugged in.
    pub(crate) fn new() -> Self {
        let at = apart();
        ip(at.0.id(), &["link add br0 type bridge", "link set br0 up"]);
        Self { at, ports: AtomicU32::new(0) }
    }

    /// Plugs a device into a free port: an interface of that name in the network of a process, up, without an address.
    pub(crate) fn plug(&self, process: u32, interface: &str, mac: &str) {
        let port = format!("p{}", self.ports.fetch_add(1, Ordering::Relaxed));
        self.lay(&port, process, interface, mac);
        ip(self.at.0.id(), &[&format!("link set {port} master br0")]);
    }

    /// A device with nothing but `v1`.
    pub(crate) fn device(&self, mac: &str) -> Ends {
        let device = apart();
        self.plug(device.0.id(), "v1", mac);
        device
    }

    /// A host with `v0` at 192.0.2.1/24.
    pub(crate) fn host(&self) -> Ends {
        let host = apart();
        self.plug(host.0.id(), "v0", HOST);
        ip(host.0.id(), &["address add 192.0.2.1/24 dev v0"]);
        host
    }

    /// The same by a bad cable, which carries nothing until it is given its weather.
    pub(crate) fn host_by_cable(&self) -> (Ends, Cable<'_>) {
        let (host, switch) = (apart(), self.at.0.id());
        self.lay("near", host.0.id(), "v0", HOST);
        ip(host.0.id(), &["address add 192.0.2.1/24 dev v0"]);
        ip(
            switch,
            &[
                "link add far type veth peer name uplink",
                "link set uplink master br0",
                "link set uplink up",
                "link set far up",
            ],
        );
        (host, Cable { switch: self, folder: tempfile::tempdir().unwrap(), runs: None })
    }

    fn lay(&self, port: &str, process: u32, interface: &str, mac: &str) {
        ip(
            self.at.0.id(),
            &[
                &format!("link add {port} type veth peer name {interface} address {mac} netns {process}"),
                &format!("link set {port} up"),
            ],
        );
        ip(process, &["link set lo up", &format!("link set {interface} up")]);
    }
}

const HOST: &str = "02:00:00:00:00:01";

/// What a bad cable does to DHCP, each way; all else passes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// Percent lost.
    pub(crate) loss: u8,
    /// Percent that come twice.
    pub(crate) twice: u8,
    /// Percent that are held back for up to 400 ms, and are overtaken.
    pub(crate) late: u8,
    /// Acknowledgements do not arrive.
    pub(crate) unacknowledged: bool,
}

/// Nothing of all that.
pub(crate) const FAIR: Weather = Weather { loss: 0, twice: 0, late: 0, unacknowledged: false };

/// The host's cable.
pub(crate) struct Cable<'a> {
    switch: &'a Switch,
    folder: TempDir,
    runs: Option<Ends>,
}

impl Cable<'_> {
    /// From now on that, by this seed; what was under way is lost.
    pub(crate) fn weather(&mut self, weather: Weather, seed: u64) {
        self.runs = None;
        let before = self.said("begins").len();
        let said = fs::OpenOptions::new().create(true).append(true).open(self.file()).unwrap();
        let script = in_repository("tests/it/support/cable.py");
        let chances = [weather.loss, weather.twice, weather.late].map(|chance| chance.to_string());
        let [loss, twice, late] = chances.each_ref().map(String::as_str);
        let (script, seed, unacknowledged) =
            (script.to_str().unwrap(), seed.to_string(), u8::from(weather.unacknowledged).to_string());
        let mut command =
            inside(self.switch.at.0.id(), "python3", &["-u", script, &seed, loss, twice, late, &unacknowledged]);
        self.runs = Some(Ends(command.stdin(Stdio::null()).stdout(said).spawn().unwrap()));
        wait_for("the cable", || if self.said("begins").len() > before { Ok(()) } else { Err("silence".to_owned()) });
    }

    /// What it said of this so far: the rest of each line that begins so.
    pub(crate) fn said(&self, word: &str) -> Vec<String> {
        let said = fs::read_to_string(self.file()).unwrap_or_default();
        said.lines().filter_map(|line| Some(line.strip_prefix(word)?.trim().to_owned())).collect()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("said")
    }
}
