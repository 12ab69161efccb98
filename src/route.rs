//! The kernel's table of routes: whether an address is on a link of this host, or behind a router. An edge; read where the
//! neighbour's word is to count.

use std::io::Read;
use std::net::Ipv4Addr;

/// The main table, of the process, since the unit hides what is of no process (`ProcSubset=pid`).
const TABLE: &str = "/proc/self/net/route";

/// Most octets of the table: some 8,000 routes.
const MOST: u64 = 1024 * 1024;

/// The route is up, and it leads to a gateway (`RTF_UP`, `RTF_GATEWAY` of linux/route.h).
const UP: u32 = 0x1;
const GATEWAY: u32 = 0x2;

/// Whether packets to that address go out on a link without a router between. Where that cannot be known they do not: then
/// no neighbour counts.
pub fn on_link(ip: Ipv4Addr) -> bool {
    let mut table = String::new();
    let read = std::fs::File::open(TABLE).and_then(|file| file.take(MOST).read_to_string(&mut table));
    read.is_ok() && read_table(&table, ip)
}

/// Reads the table (proc(5)): addresses and masks are eight hex digits in the order of this host's memory.
fn read_table(table: &str, ip: Ipv4Addr) -> bool {
    let number = |word: Option<&str>| u32::from_str_radix(word?, 16).ok();
    let address = |word: Option<&str>| Some(u32::from_be(number(word)?));
    let route = |line: &str| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (net, _gateway, flags) = (address(words.next())?, words.next()?, number(words.next())?);
        let metric: u32 = words.nth(2)?.parse().ok()?;
        let mask = address(words.next())?;
        (flags & UP != 0 && ip.to_bits() & mask == net).then_some((mask.leading_ones(), metric, flags))
    };
    let best = table.lines().filter_map(route).max_by_key(|(bits, metric, _)| (*bits, u32::MAX - *metric));
    best.is_some_and(|(.., flags)| flags & GATEWAY == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a host of little-endian memory shows it.
    const ROUTES: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100010A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000010A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
eth0\t8000010A\t0100010A\t0003\t0\t0\t0\t80FFFFFF\t0\t0\t0
eth1\t0000020A\t00000000\t0000\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth1\t0000030A\t0100010A\t0003\t0\t0\t200\t00FFFFFF\t0\t0\t0
eth2\t0000030A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
eth2\tnonsense
";

    #[cfg(target_endian = "little")]
    #[test]
    fn the_longest_route_that_is_up_says() {
        for (ip, on_link) in [
            ([10, 1, 0, 5], true),
            ([10, 1, 0, 200], false),
            ([10, 2, 0, 5], false),
            ([10, 3, 0, 5], true),
            ([192, 0, 2, 1], false),
        ] {
            assert_eq!(read_table(ROUTES, ip.into()), on_link, "{ip:?}");
        }
        assert!(!read_table("", Ipv4Addr::LOCALHOST));
    }

    /// Loopback is in another table.
    #[test]
    fn the_table_of_this_host() {
        assert!(std::path::Path::new(TABLE).exists());
        assert!(!on_link(Ipv4Addr::LOCALHOST));
    }
}
