//! The servers that are measured: ours with a PBX behind it, and Debian's three over a folder of the same files.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{in_repository, run, succeed, text, wait_for};

/// A server beside ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    TftpdHpa,
    Atftpd,
    Dnsmasq,
}

impl Peer {
    pub(crate) const ALL: [Self; 3] = [Self::TftpdHpa, Self::Atftpd, Self::Dnsmasq];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::TftpdHpa => "tftpd-hpa",
            Self::Atftpd => "atftpd",
            Self::Dnsmasq => "dnsmasq",
        }
    }
}

fn script(words: &[&str]) -> Command {
    let mut command = Command::new(in_repository("tests/env/peers"));
    command.args(words);
    command
}

/// Whether all are there, else which is not.
pub(crate) fn absent() -> Option<&'static str> {
    Peer::ALL.into_iter().map(Peer::name).find(|name| !run(&mut script(&["path", name])).status.success())
}

/// Package and version of each.
pub(crate) fn versions() -> Vec<String> {
    succeed(&mut script(&["versions"])).lines().map(str::to_owned).collect()
}

/// A server under way, whose processor time and memory are looked at from outside.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Running {
    /// Starts a peer over that folder, set up for a thousand phones at once: none is held to its small defaults.
    pub(crate) fn start(peer: Peer, root: &Path) -> Self {
        // dnsmasq knows no other port than 69.
        let address = SocketAddrV4::new(Ipv4Addr::new(127, 3, 0, peer as u8 + 1), 69);
        let program = succeed(&mut script(&["path", peer.name()]));
        let mut command = Command::new(program.trim());
        command.env("LD_LIBRARY_PATH", succeed(&mut script(&["libraries"])).trim());
        let (ip, root) = (address.ip().to_string(), root.to_str().unwrap());
        match peer {
            Peer::TftpdHpa => {
                command.args(["-L", "-4", "--user", "root", "--secure", "--address", &address.to_string(), root])
            }
            Peer::Atftpd => command.args(
                "--daemon --no-fork --user root --group root --maxthread 2000 --port 69 --logfile /dev/null --bind-address"
                    .split(' '),
            ).args([&ip, root]),
            Peer::Dnsmasq => command.args(
                "--no-daemon --conf-file=/dev/null --port=0 --user=root --enable-tftp --quiet-tftp --tftp-max=2000"
                    .split(' '),
            ).args([format!("--listen-address={ip}"), "--bind-interfaces".into(), format!("--tftp-root={root}")]),
        };
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let running = Self { child, address: address.into() };
        wait_for(peer.name(), || running.answers());
        running
    }

    fn answers(&self) -> Result<(), String> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        socket.send_to(b"\0\x01no-such-file\0octet\0", self.address).unwrap();
        let mut buffer = [0; 516];
        socket.recv_from(&mut buffer).map(drop).map_err(|why| why.to_string())
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Puts a process with its threads, and what it starts from now on, on one core.
pub(crate) fn pin(process: u32, core: usize) {
    let output = run(Command::new("taskset").args(["-a", "-c", "-p", &core.to_string(), &process.to_string()]));
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// Processor time so far, of the process, its ended threads and the children it has waited for.
pub(crate) fn processor_time(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // utime, stime, cutime and cstime of proc(5), in ticks of which Linux shows 100 a second.
    let ticks: u64 = fields[11..15].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// Highest resident memory so far, in KiB: of the process and, where it forks for each transfer, of its children as
/// they are now.
pub(crate) fn peak_memory(process: u32) -> u64 {
    let of = |path: PathBuf| -> u64 {
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
    };
    of(format!("/proc/{process}/status").into())
}

/// Processor time once it no longer grows: children that end after the last byte are counted too.
pub(crate) fn settled(process: u32) -> Duration {
    let mut last = processor_time(process);
    wait_for("the server's children to end", || {
        // Longer than ours gathers what it writes behind its transfers: that is its price, not the next run's.
        std::thread::sleep(Duration::from_millis(600));
        let now = processor_time(process);
        let quiet = std::mem::replace(&mut last, now) == now && children(process) == 0;
        if quiet { Ok(()) } else { Err(format!("{} children", children(process))) }
    });
    last
}

fn children(process: u32) -> usize {
    let listed = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    listed.split_whitespace().count()
}
