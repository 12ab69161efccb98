//! The kernel's table of neighbours: whose hardware address answers for an address on a link of this host. An edge; read
//! for a phone that cannot say who it is, never per packet.

use std::io::Read;
use std::net::Ipv4Addr;

use crate::domain::MacAddr;

/// Of the process, since the unit hides what is of no process (`ProcSubset=pid`).
const TABLE: &str = "/proc/self/net/arp";

/// Most octets of the table: some 50,000 neighbours, where the kernel keeps 1,024 by itself (`gc_thresh3`).
const MOST: u64 = 4 * 1024 * 1024;

/// Whose address that is, where it is on a link of ours and one host answers for it alone.
pub fn at(ip: Ipv4Addr) -> Option<MacAddr> {
    let mut table = String::new();
    std::fs::File::open(TABLE).ok()?.take(MOST).read_to_string(&mut table).ok()?;
    read(&table, ip)
}

/// Everybody who is known on a link of ours, with nothing said of who answers for several.
pub fn all() -> std::collections::HashMap<Ipv4Addr, MacAddr> {
    let mut table = String::new();
    let read = std::fs::File::open(TABLE).and_then(|file| file.take(MOST).read_to_string(&mut table));
    read.map(|_| entries(&table).collect()).unwrap_or_default()
}

/// An entry that the kernel holds for true (`ATF_COM` of linux/if_arp.h).
const COMPLETE: u32 = 0x2;

/// Ethernet (`ARPHRD_ETHER`).
const ETHERNET: u32 = 0x1;

/// Reads the table (proc(5)). A hardware address that answers for several addresses is a router, or does as one: who is
/// behind it is not known.
fn read(table: &str, ip: Ipv4Addr) -> Option<MacAddr> {
    let mut owners = entries(table).filter(|(at, _)| *at == ip).map(|(_, mac)| mac);
    let mac = owners.next()?;
    let contested = owners.any(|other| other != mac);
    let several = entries(table).any(|(at, owner)| owner == mac && at != ip);
    (!contested && !several).then_some(mac)
}

fn entries(table: &str) -> impl Iterator<Item = (Ipv4Addr, MacAddr)> {
    let entry = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let ip: Ipv4Addr = words.next()?.parse().ok()?;
        let mut number = || u32::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok();
        let (kind, flags) = (number()?, number()?);
        let mac: MacAddr = words.next()?.parse().ok()?;
        (kind == ETHERNET && flags & COMPLETE != 0).then_some((ip, mac))
    };
    table.lines().filter_map(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRIES: &str = "\
IP address       HW type     Flags       HW address            Mask     Device
10.1.0.5         0x1         0x2         00:1b:54:aa:bb:01     *        eth0
10.1.0.6         0x1         0x0         00:1b:54:aa:bb:02     *        eth0
10.1.0.7         0x1         0x2         00:1b:54:aa:bb:07     *        eth0
10.1.0.8         0x1         0x2         00:1b:54:aa:bb:07     *        eth0
10.1.0.9         0x1         0x6         00:1b:54:aa:bb:09     *        eth0
10.1.0.10        0x1         0x2         00:00:00:00:00:00     *        eth0
10.1.0.11        0x20        0x2         00:1b:54:aa:bb:11     *        ib0
10.1.0.12        0x1         0x2         00:1b:54:aa:bb:12     *        eth0
10.1.0.12        0x1         0x2         00:1b:54:aa:bb:13     *        eth1
10.1.0.14        0x1         0x2         00:1b:54:aa:bb:14     *        eth0
10.1.0.15        0x1         0x0         00:1b:54:aa:bb:14     *        eth0
10.1.0.16
10.1.0.17        0xzz        0x2         00:1b:54:aa:bb:17     *        eth0
";

    #[test]
    fn who_answers_for_an_address() {
        for (last, mac) in [
            (5, Some("001B54AABB01")),
            (6, None),
            (7, None),
            (8, None),
            (9, Some("001B54AABB09")),
            (10, None),
            (11, None),
            (12, None),
            (14, Some("001B54AABB14")),
            (16, None),
            (17, None),
            (99, None),
        ] {
            let found = read(ENTRIES, Ipv4Addr::new(10, 1, 0, last)).map(|mac| mac.to_string());
            assert_eq!(found.as_deref(), mac, "10.1.0.{last}");
        }
        assert_eq!(read("", Ipv4Addr::LOCALHOST), None);
    }

    /// Loopback has no hardware addresses.
    #[test]
    fn the_table_of_this_host() {
        assert!(std::path::Path::new(TABLE).exists());
        assert_eq!(at(Ipv4Addr::LOCALHOST), None);
    }
}
