//! Who holds a port of this host, as far as this process may know (proc(5)).
//!
//! The kernel's tables of sockets name the user to everybody. Whose process it is shows only to one that may look at that
//! process's files: root, or the same user. Reads the world: an edge. [`crate::setup`] asks it under a root of its own.

use std::fmt;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4};
use std::path::{Path, PathBuf};

use crate::config::{Listen, Protocol};

/// The program that has an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The user that made the socket.
    pub uid: u32,
    /// That user's name, where the host has one.
    pub user: Option<String>,
    /// The process; `None` = we may not see it.
    pub process: Option<Process>,
}

/// A process that has a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// The name of its program, as it states it.
    pub name: String,
    /// Where proc(5) tells more of it.
    pub folder: PathBuf,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.process, &self.user) {
            (Some(process), _) => write!(f, "{} (pid {})", process.name, process.pid),
            (None, Some(user)) => write!(f, "a program of user {user}"),
            (None, None) => write!(f, "a program of user number {}", self.uid),
        }
    }
}

/// Who holds the address, or one that takes it in; `None` when nobody does.
pub fn holder(listen: &Listen) -> Option<Holder> {
    holder_by(Path::new("/proc"), listen.protocol, listen.address)
}

/// The same, by what stands in this folder, laid out as `/proc`.
pub fn holder_by(proc: &Path, protocol: Protocol, address: SocketAddrV4) -> Option<Holder> {
    let tables = match protocol {
        Protocol::Udp => ["udp", "udp6"],
        Protocol::Tcp => ["tcp", "tcp6"],
    };
    let owners: Vec<Owner> = tables
        .iter()
        .filter_map(|table| fs::read_to_string(proc.join("self/net").join(table)).ok())
        .flat_map(|table| owners(&table, protocol, address))
        .collect();
    let uid = owners.first()?.uid;
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    Some(Holder { uid, user: user(&users, uid), process: process(proc, &owners) })
}

/// A line of the tables that keeps us from an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owner {
    uid: u32,
    inode: u64,
}

/// The kernel's state of a TCP socket that listens, and of a UDP socket that takes from everybody.
const LISTENS: &str = "0A";
const UNCONNECTED: &str = "07";

fn owners(table: &str, protocol: Protocol, wanted: SocketAddrV4) -> Vec<Owner> {
    let state = match protocol {
        Protocol::Udp => UNCONNECTED,
        Protocol::Tcp => LISTENS,
    };
    table
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace().skip(1);
            let local = address(words.next()?)?;
            // After it: the remote end; later: queues, timer, retransmits, user, timeout, inode.
            (words.nth(1)? == state && meets(local, wanted)).then_some(())?;
            let uid = words.nth(3)?.parse().ok()?;
            Some(Owner { uid, inode: words.nth(1)?.parse().ok()? })
        })
        .collect()
}

/// An address as the tables spell it: hexadecimal, each word in the host's order. `::` takes IPv4 in, so it is `0.0.0.0`.
fn address(word: &str) -> Option<SocketAddrV4> {
    let (ip, port) = word.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let words: Vec<[u8; 4]> = (0..ip.len() / 8)
        .map(|n| u32::from_str_radix(ip.get(n * 8..n * 8 + 8)?, 16).ok().map(u32::to_ne_bytes))
        .collect::<Option<_>>()?;
    let ip = match *words.as_slice() {
        [ip] => ip.into(),
        [_, _, _, _] => {
            let octets: [u8; 16] = words.concat().try_into().ok()?;
            let ip = Ipv6Addr::from(octets);
            if ip.is_unspecified() { Ipv4Addr::UNSPECIFIED } else { ip.to_ipv4_mapped()? }
        }
        _ => return None,
    };
    Some(SocketAddrV4::new(ip, port))
}

fn meets(theirs: SocketAddrV4, ours: SocketAddrV4) -> bool {
    let (there, here) = (theirs.ip(), ours.ip());
    theirs.port() == ours.port() && (there == here || there.is_unspecified() || here.is_unspecified())
}

/// The name of a user in passwd(5).
fn user(users: &str, uid: u32) -> Option<String> {
    let uid = uid.to_string();
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    })
}

/// The process that has one of these sockets among its files. A socket that systemd opened is shared with the service
/// it started: that one, the younger, is meant.
fn process(proc: &Path, owners: &[Owner]) -> Option<Process> {
    let sockets: Vec<String> = owners.iter().map(|owner| format!("socket:[{}]", owner.inode)).collect();
    let holds = |folder: &Path| {
        let links = fs::read_dir(folder.join("fd")).into_iter().flatten().flatten();
        links
            .filter_map(|link| fs::read_link(link.path()).ok())
            .any(|link| link.to_str().is_some_and(|link| sockets.iter().any(|socket| socket == link)))
    };
    let entries = fs::read_dir(proc).ok()?.flatten();
    let mut processes: Vec<(u32, PathBuf)> =
        entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path()))).collect();
    processes.sort_by_key(|(pid, _)| std::cmp::Reverse(*pid));
    let (pid, folder) = processes.into_iter().find(|(_, folder)| holds(folder))?;
    let name = fs::read_to_string(folder.join("comm")).unwrap_or_default();
    // A process names itself, and may do so in any characters.
    let name: String = name.trim().chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    Some(Process { pid, name, folder })
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    fn listen(protocol: Protocol, address: &str) -> Listen {
        Listen { key: "tftp.listen", protocol, address: address.parse().unwrap() }
    }

    const UDP: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  110: 0100007F:0045 00000000:0000 07 00000000:00000000 00:00000000 00000000   104        0 4711 2 0000000000000000 0
  111: 00000000:1B39 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 0
  112: 0100007F:0046 0100007F:0035 01 00000000:00000000 00:00000000 00000000     0        0 4713 2 0000000000000000 0
  torn
";
    const UDP6: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  113: 00000000000000000000000000000000:0045 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4714 2 0000000000000000 0
  114: 00000000000000000000000001000000:0047 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4715 2 0000000000000000 0
";

    #[cfg(target_endian = "little")]
    #[test]
    fn the_tables_are_read() {
        let inodes = |table: &str, address: &str| -> Vec<u64> {
            owners(table, Protocol::Udp, address.parse().unwrap()).iter().map(|owner| owner.inode).collect()
        };
        assert_eq!(owners(UDP, Protocol::Udp, "0.0.0.0:69".parse().unwrap()), [Owner { uid: 104, inode: 4711 }]);
        assert_eq!(inodes(UDP, "127.0.0.1:69"), [4711]);
        assert_eq!(inodes(UDP, "10.0.0.1:6969"), [4712]);
        // Another address, a connected socket, another port.
        for free in ["10.0.0.1:69", "127.0.0.1:70", "127.0.0.1:71"] {
            assert_eq!(inodes(UDP, free), [0; 0], "{free}");
        }
        assert_eq!(inodes(UDP6, "10.0.0.1:69"), [4714]);
        assert_eq!(inodes(UDP6, "0.0.0.0:71"), [0; 0]);
    }

    #[test]
    fn users_are_found_by_number() {
        let users = "root:x:0:0:root:/:/bin/sh\ntftp:x:104:112::/srv/tftp:/usr/sbin/nologin\nodd\n";
        assert_eq!(user(users, 104).as_deref(), Some("tftp"));
        assert_eq!(user(users, 4), None);
    }

    #[test]
    fn a_holder_is_named_as_far_as_it_is_known() {
        let known = |user: Option<&str>, process| Holder { uid: 104, user: user.map(str::to_owned), process };
        let process = Process { pid: 812, name: "in.tftpd".to_owned(), folder: "/proc/812".into() };
        assert_eq!(known(Some("tftp"), Some(process)).to_string(), "in.tftpd (pid 812)");
        assert_eq!(known(Some("tftp"), None).to_string(), "a program of user tftp");
        assert_eq!(known(None, None).to_string(), "a program of user number 104");
    }

    #[test]
    fn our_own_sockets_are_found() {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        for (protocol, at) in [(Protocol::Udp, udp.local_addr()), (Protocol::Tcp, tcp.local_addr())] {
            let found = holder(&listen(protocol, &at.unwrap().to_string())).expect("it is held");
            assert_eq!(found.process.map(|process| process.pid), Some(std::process::id()), "{protocol:?}");
        }
    }
}
