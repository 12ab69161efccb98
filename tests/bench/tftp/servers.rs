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

/// Where a server's processor time is read.
pub(crate) struct Meter {
    process: u32,
    /// A control group of its own, which counts also children that nobody waits for (cgroups(7)).
    group: Option<PathBuf>,
    /// It starts a process for each transfer and forgets it: without a group its time is not known.
    forks: bool,
}

impl Meter {
    pub(crate) fn new(name: &str, process: u32) -> Self {
        let group = ["/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup"]
            .into_iter()
            .map(|root| PathBuf::from(format!("{root}/offhook-bench-{}-{name}", std::process::id())))
            .find(|group| {
                std::fs::create_dir(group).is_ok()
                    && std::fs::write(group.join("cgroup.procs"), process.to_string()).is_ok()
                    && used(group).is_some()
            });
        Self { process, group, forks: name == Peer::TftpdHpa.name() }
    }

    /// Processor time so far, of the process, its threads and all it started.
    pub(crate) fn so_far(&self) -> Option<Duration> {
        match &self.group {
            Some(group) => used(group),
            None => (!self.forks).then(|| from_proc(self.process)),
        }
    }

    /// The same once it no longer grows: what is done behind the transfers is part of their price, not of the next run's.
    pub(crate) fn settled(&self) -> Option<Duration> {
        let mut last = self.so_far();
        wait_for("the server to have nothing more to do", || {
            std::thread::sleep(Duration::from_millis(600));
            let now = self.so_far();
            // Ours looks at the PBX meanwhile.
            let grown = now.unwrap_or_default().saturating_sub(last.unwrap_or_default());
            last = now;
            if grown < Duration::from_millis(10) { Ok(()) } else { Err(format!("{grown:?} in 600 ms")) }
        });
        last
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(group) = &self.group {
            // It is empty once the server has ended; else it stays, and harms nothing.
            let _ = std::fs::remove_dir(group);
        }
    }
}

/// What a control group has used: version 1 tells nanoseconds, version 2 microseconds.
fn used(group: &Path) -> Option<Duration> {
    let number = |text: String| text.trim().parse().ok();
    if let Ok(text) = std::fs::read_to_string(group.join("cpuacct.usage")) {
        return number(text).map(Duration::from_nanos);
    }
    let text = std::fs::read_to_string(group.join("cpu.stat")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("usage_usec "))?;
    number(line.to_owned()).map(Duration::from_micros)
}

/// Of the process and the children it has waited for: utime, stime, cutime and cstime of proc(5), in ticks of which
/// Linux shows 100 a second.
fn from_proc(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11..15].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// Highest resident memory so far, in KiB; of one that forks, the parent's.
pub(crate) fn peak_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
