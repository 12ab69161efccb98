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

/// The bytes of a packet.
pub(crate) type Packet = Vec<u8>;

/// A file, and the OACK that came before it.
pub(crate) struct Fetched {
    pub(crate) oack: Option<Packet>,
    pub(crate) file: Vec<u8>,
}

/// A TFTP client that does only what it is told.
pub(crate) struct RawTftp {
    socket: UdpSocket,
    server: SocketAddr,
}

impl RawTftp {
    /// On a port of its own.
    pub(crate) fn new(server: SocketAddr) -> Self {
        Self::at(Ipv4Addr::LOCALHOST, server)
    }

    /// The same at another address of this host.
    pub(crate) fn at(from: Ipv4Addr, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((from, 0)).unwrap();
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
        let mut buffer = vec![0; 1 << 16];
        let (size, from) = self.socket.recv_from(&mut buffer).expect("an answer within ten seconds");
        (from, buffer[..size].to_vec())
    }

    /// The next datagram, if one comes in this time.
    pub(crate) fn receive_within(&self, time: Duration) -> Option<Vec<u8>> {
        self.socket.set_read_timeout(Some(time)).unwrap();
        let mut buffer = vec![0; 1 << 16];
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

    /// Sends bytes to any port of the server.
    pub(crate) fn send_to(&self, to: SocketAddr, datagram: &[u8]) {
        self.socket.send_to(datagram, to).unwrap();
    }

    /// Sends a request and takes all of the file, in the blocks and windows that the server agrees to.
    ///
    /// # Errors
    /// The packet that came instead.
    pub(crate) fn fetch(&self, request: &[u8]) -> Result<Fetched, Packet> {
        self.send(request);
        let (mut from, mut packet) = self.receive();
        let oack = packet.starts_with(&[0, 6]).then(|| packet.clone());
        let agreed = |name: &str, plain: usize| {
            let mut words = oack.as_deref().unwrap_or_default().get(2..).unwrap_or_default().split(|byte| *byte == 0);
            words.by_ref().find(|word| *word == name.as_bytes());
            words.next().map_or(plain, |value| text(value).parse().unwrap())
        };
        let (size, window) = (agreed("blksize", 512), u16::try_from(agreed("windowsize", 1)).unwrap());
        if oack.is_some() {
            self.acknowledge(from, 0);
            (from, packet) = self.receive();
        }
        let (mut file, mut block) = (Vec::new(), 0_u16);
        loop {
            if !packet.starts_with(&[0, 3]) {
                return Err(packet);
            }
            // One that came before is only out of its time.
            if packet[2..4] == block.wrapping_add(1).to_be_bytes() {
                block = block.wrapping_add(1);
                file.extend_from_slice(&packet[4..]);
                let last = packet.len() < size + 4;
                if last || block % window == 0 {
                    self.acknowledge(from, block);
                }
                if last {
                    return Ok(Fetched { oack, file });
                }
            }
            (from, packet) = self.receive();
        }
    }

    /// A datagram that is there already, if any.
    pub(crate) fn glance(&self) -> Option<Vec<u8>> {
        self.socket.set_nonblocking(true).unwrap();
        let mut buffer = vec![0; 1 << 16];
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
