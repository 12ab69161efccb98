//! Those who ask: TFTP and HTTP clients from Debian, scripted phones, a foreign SIP user agent, and a hand-made TFTP
//! client for what no well-behaved client does.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Command, Output};
use std::time::Duration;

use offhook::simulate::Timing;
use offhook::simulate::tftp::{FetchError, fetch};

use super::asterisk::Asterisk;
use super::daemon::offhook;
use super::{in_repository, run, text};

/// A client that fetches files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// curl over TFTP.
    Curl,
    /// tftp-hpa.
    TftpHpa,
    /// atftp.
    Atftp,
    /// busybox tftp.
    Busybox,
    /// curl over HTTP, the yardstick.
    Http,
}

impl Client {
    /// All that speak TFTP.
    pub(crate) const TFTP: [Self; 4] = [Self::Curl, Self::TftpHpa, Self::Atftp, Self::Busybox];

    /// The program it needs.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Curl | Self::Http => "curl",
            Self::TftpHpa => "tftp",
            Self::Atftp => "atftp",
            Self::Busybox => "busybox",
        }
    }

    /// Fetches a file; `None` when the server says that there is none.
    pub(crate) fn fetch(self, server: SocketAddr, name: &str) -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let local = folder.path().join("file");
        let (host, port) = (server.ip().to_string(), server.port().to_string());
        let mut command = Command::new(self.program());
        command.current_dir(folder.path());
        match self {
            Self::Curl => command.args(["-sS", "-o", "file", &format!("tftp://{host}:{port}/{name}")]),
            Self::Http => command.args(["-sS", "-f", "-o", "file", &format!("http://{host}:{port}/{name}")]),
            Self::TftpHpa => command.args(["-4", "-m", "binary", &host, &port, "-c", "get", name, "file"]),
            Self::Atftp => command.args(["-g", "-r", name, "-l", "file", &host, &port]),
            Self::Busybox => command.args(["tftp", "-g", "-r", name, "-l", "file", &host, &port]),
        };
        let output = run(&mut command);
        // tftp-hpa ends with 0 whatever happened, and others leave an empty file behind: believe the words.
        let words = text(&output.stdout) + &text(&output.stderr);
        let refused = !output.status.success() || words.contains("rror");
        let content = std::fs::read(&local).ok().filter(|_| !refused);
        if content.is_none() {
            println!("{self:?} {name}: {} {}", output.status, words.trim());
        }
        content
    }
}

/// Fetches a file by the scripted phones' own TFTP client.
pub(crate) fn scripted(from: Ipv4Addr, server: SocketAddr, name: &str, timing: &Timing) -> Result<Vec<u8>, FetchError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(fetch(from.into(), server, name, timing))
}

/// Plays a phone's boot against the server, to its end.
pub(crate) fn simulate(model: &str, mac: &str, state: &str, server: SocketAddr, from: Ipv4Addr) -> Output {
    let (server, from) = (server.to_string(), from.to_string());
    run(&mut offhook(["simulate", model, "--mac", mac, "--state", state, "--server", &server, "--from-address", &from]))
}

/// The same, asserting that every line registered.
pub(crate) fn simulate_well(model: &str, mac: &str, state: &str, server: SocketAddr, from: Ipv4Addr) {
    let output = simulate(model, mac, state, server, from);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{model} {mac}: {}\n{out}{err}", output.status);
}

/// Registers by Debian's sipp with a scenario of our own; the SIP status that ended it.
pub(crate) fn sipp_registers(asterisk: &Asterisk, user: &str, secret: &str, from: Ipv4Addr) -> bool {
    sipp_registers_at(asterisk.sip_port, user, secret, from)
}

/// The same with the registrar on that port of 127.0.0.1.
pub(crate) fn sipp_registers_at(port: u16, user: &str, secret: &str, from: Ipv4Addr) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("sipp");
    command.current_dir(folder.path()).arg("-sf").arg(in_repository("tests/data/register.xml"));
    command.args(["-m", "1", "-nostdin", "-timeout", "20s", "-timeout_error", "-i", &from.to_string(), "-p", "5060"]);
    command.args(["-s", user, "-au", user, "-ap", secret, &format!("127.0.0.1:{port}")]);
    let output = run(&mut command);
    match output.status.code() {
        Some(0) => true,
        Some(1) => false,
        _ => panic!("sipp: {}\n{}{}", output.status, text(&output.stdout), text(&output.stderr)),
    }
}

/// The credentials of the lines in a `SIP<MAC>.cnf`: authentication name and password.
pub(crate) fn credentials_in_cnf(file: &str) -> Vec<(String, String)> {
    let value = |name: &str| {
        let line =
            file.lines().map(str::trim).find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
        let value = line.split_once(':')?.1.trim();
        Some(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value).to_owned())
    };
    (1..=6)
        .filter_map(|line| Some((value(&format!("line{line}_authname"))?, value(&format!("line{line}_password"))?)))
        .filter(|(name, _)| !name.is_empty() && name != "UNPROVISIONED")
        .collect()
}

/// The same of a `SEP<MAC>.cnf.xml`.
pub(crate) fn credentials_in_xml(file: &str) -> Vec<(String, String)> {
    let document = roxmltree::Document::parse(file).unwrap_or_else(|error| panic!("{error}\n{file}"));
    let lines = document.descendants().filter(|node| node.has_tag_name("line"));
    lines
        .filter_map(|line| {
            let value =
                |name| Some(line.children().find(|node| node.has_tag_name(name))?.text().unwrap_or("").to_owned());
            Some((value("authName")?, value("authPassword")?))
        })
        .filter(|(name, _)| !name.is_empty())
        .collect()
}

/// A TFTP client that does only what it is told.
pub(crate) struct RawTftp {
    socket: UdpSocket,
    server: SocketAddr,
}

impl RawTftp {
    /// On a port of its own.
    pub(crate) fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { socket, server }
    }

    /// Sends bytes to the server's well-known port.
    pub(crate) fn send(&self, datagram: &[u8]) {
        self.socket.send_to(datagram, self.server).unwrap();
    }

    /// A read request without options.
    pub(crate) fn ask(&self, name: &[u8]) {
        self.send(&[b"\x00\x01", name, b"\x00octet\x00"].concat());
    }

    /// The next datagram; where it came from and what is in it.
    pub(crate) fn receive(&self) -> (SocketAddr, Vec<u8>) {
        let mut buffer = [0; 2048];
        let (size, from) = self.socket.recv_from(&mut buffer).expect("an answer within ten seconds");
        (from, buffer[..size].to_vec())
    }

    /// The next datagram, if one comes in this time.
    pub(crate) fn receive_within(&self, time: Duration) -> Option<Vec<u8>> {
        self.socket.set_read_timeout(Some(time)).unwrap();
        let mut buffer = [0; 2048];
        let size = self.socket.recv_from(&mut buffer).ok().map(|(size, _)| size);
        self.socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        size.map(|size| buffer[..size].to_vec())
    }

    /// Waits for this block, whatever comes twice before it, and takes its octets; who sent it.
    pub(crate) fn take(&self, block: u16, into: &mut Vec<u8>) -> SocketAddr {
        loop {
            let (from, packet) = self.receive();
            assert_eq!(packet[..2], [0, 3], "{}", String::from_utf8_lossy(&packet));
            if packet[2..4] == block.to_be_bytes() {
                into.extend_from_slice(&packet[4..]);
                return from;
            }
        }
    }

    /// Takes blocks of 512 octets from this one to the last, and acknowledges each.
    pub(crate) fn take_rest(&self, first: u16, into: &mut Vec<u8>) {
        for block in first.. {
            let before = into.len();
            let from = self.take(block, into);
            self.acknowledge(from, block);
            if into.len() - before < 512 {
                return;
            }
        }
    }

    /// A datagram that is there already, if any.
    pub(crate) fn glance(&self) -> Option<Vec<u8>> {
        self.socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 2048];
        let size = self.socket.recv_from(&mut buffer).ok().map(|(size, _)| size);
        self.socket.set_nonblocking(false).unwrap();
        size.map(|size| buffer[..size].to_vec())
    }

    /// Acknowledges a block to the port that sent it.
    pub(crate) fn acknowledge(&self, to: SocketAddr, block: u16) {
        let [high, low] = block.to_be_bytes();
        self.socket.send_to(&[0, 4, high, low], to).unwrap();
    }
}
