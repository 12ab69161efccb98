//! `[dhcp]`: from as written to as used.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::Ipv4Net;

use super::validate::{Report, duration, interfaces};
use super::wire;
use crate::domain::MacAddr;

/// Shortest lease: a phone that renews more often asks for nothing else.
pub const SHORTEST_LEASE: Duration = Duration::from_mins(5);

const LONGEST_LEASE: Duration = Duration::from_hours(365 * 24);

/// Most addresses of one pool.
const LARGEST_POOL: u32 = 65_536;

/// `[dhcp]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dhcp {
    /// Whom the server answers; `None` = there is no server.
    pub mode: Option<Clients>,
    /// The links that are looked at, and that the server serves.
    pub interfaces: Vec<String>,
    /// The server serves although another one does.
    pub beside_other_server: bool,
    /// An address is asked for before it is offered, so that nobody who sits there is disturbed.
    pub probe: bool,
    /// Switches may add option 82 to what comes without a relay.
    pub trusted_circuit: bool,
    /// Where it has addresses to give.
    pub subnets: Vec<Subnet>,
    /// Addresses that are somebody's own.
    pub reservations: BTreeMap<MacAddr, Ipv4Addr>,
}

/// Whom the server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clients {
    /// What is a phone by its vendor class or because its MAC is assigned.
    Phones,
    /// Everybody.
    All,
}

/// `[[dhcp.subnet]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// The network.
    pub network: Ipv4Net,
    /// What is given out of it, both ends included.
    pub pool: RangeInclusive<Ipv4Addr>,
    /// Option 3.
    pub router: Option<Ipv4Addr>,
    /// Option 6.
    pub dns: Vec<Ipv4Addr>,
    /// Option 15.
    pub domain: Option<String>,
    /// Option 51.
    pub lease: Duration,
    /// Whom it is for, where that is another than `dhcp.mode` says.
    pub clients: Option<Clients>,
    /// How much of the pool those may have who are no phones, in percent.
    pub others: u8,
    /// Relays that may ask for it, besides the one in `giaddr`; empty = that one alone.
    pub relays: Vec<Ipv4Addr>,
}

impl Subnet {
    /// Whether its pool has this address.
    pub fn pools(&self, ip: Ipv4Addr) -> bool {
        self.pool.contains(&ip)
    }
}

pub(super) fn validate(report: &mut Report, wire: &wire::Dhcp) -> Dhcp {
    let mode = match wire.mode.as_str() {
        "off" => None,
        text => clients(report, "dhcp.mode", text, "off, phones, all"),
    };
    let named = interfaces(report, "dhcp.interfaces", &wire.interfaces);
    let subnets: Vec<Subnet> = wire.subnet.iter().filter_map(|wire| subnet(report, wire)).collect();
    for (at, one) in subnets.iter().enumerate() {
        let earlier = subnets.iter().take(at);
        for other in
            earlier.filter(|other| other.network.contains(&one.network) || one.network.contains(&other.network))
        {
            report.add("dhcp.subnet", format!("{} and {} overlap", other.network, one.network));
        }
    }
    let reservations = reservations(report, &wire.reservation, &subnets);
    if mode.is_some() && wire.interfaces.is_empty() {
        report.add("dhcp.interfaces", "names none, and dhcp.mode needs one; see `ip link`");
    }
    if mode.is_some() && wire.subnet.is_empty() {
        report.add("dhcp.subnet", "there is none, and dhcp.mode needs one: [[dhcp.subnet]] with network and pool");
    }
    Dhcp {
        mode,
        interfaces: named,
        beside_other_server: wire.beside_other_server,
        probe: wire.probe,
        trusted_circuit: wire.trusted_circuit,
        subnets,
        reservations,
    }
}

fn clients(report: &mut Report, key: &str, text: &str, known: &str) -> Option<Clients> {
    match text {
        "phones" => Some(Clients::Phones),
        "all" => Some(Clients::All),
        other => {
            report.add(key, format!("{other:?} is none of {known}"));
            None
        }
    }
}

/// An address that a host can have there.
fn host(report: &mut Report, key: &str, text: &str, network: Option<Ipv4Net>) -> Option<Ipv4Addr> {
    let ip = report.take(key, text.trim().parse().map_err(|_| format!("{text:?} is no IPv4 address")))?;
    if let Some(network) = network.filter(|network| !is_host(*network, ip)) {
        report.add(key, format!("{ip} is no address of a host in {network}"));
        return None;
    }
    Some(ip)
}

fn is_host(network: Ipv4Net, ip: Ipv4Addr) -> bool {
    network.contains(&ip) && (network.prefix_len() >= 31 || (ip != network.network() && ip != network.broadcast()))
}

fn subnet(report: &mut Report, wire: &wire::Subnet) -> Option<Subnet> {
    let key = |name: &str| format!("dhcp.subnet.{name}");
    let network = match wire.network.parse::<Ipv4Net>() {
        Ok(network) if network.trunc() == network && (8..=30).contains(&network.prefix_len()) => network,
        Ok(network) if network.trunc() != network => {
            report.add(&key("network"), format!("{network} has host bits set; the network is {}", network.trunc()));
            return None;
        }
        Ok(network) => {
            report.add(&key("network"), format!("{network} is no subnet of 2 hosts or more, at most a /8"));
            return None;
        }
        Err(_) => {
            report.add(&key("network"), format!("{:?} is no IPv4 network such as 192.168.50.0/24", wire.network));
            return None;
        }
    };
    let pool = pool(report, &wire.pool, network);
    let router = match wire.router.as_str() {
        "" => None,
        text => host(report, &key("router"), text, Some(network)),
    };
    let dns = wire.dns.iter().filter_map(|text| host(report, &key("dns"), text, None)).collect();
    let relays = wire.relays.iter().filter_map(|text| host(report, &key("relays"), text, None)).collect();
    let lease = duration(report, &key("lease"), &wire.lease)?;
    if !(SHORTEST_LEASE..=LONGEST_LEASE).contains(&lease) {
        report.add(&key("lease"), format!("{:?} is not between 5 minutes and a year", wire.lease));
    }
    if wire.others > 100 {
        report.add(&key("others"), format!("{} is not between 0 and 100, the percent of the pool", wire.others));
    }
    let domain = Some(wire.domain.clone()).filter(|domain| !domain.is_empty());
    let plain =
        |text: &String| text.len() <= 253 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    if let Some(domain) = domain.as_ref().filter(|domain| !plain(domain)) {
        report.add(&key("domain"), format!("{domain:?} is no name of a domain"));
    }
    let clients = match wire.clients.as_str() {
        "" => None,
        text => clients(report, &key("clients"), text, "phones, all"),
    };
    let pool = pool?;
    if let Some(router) = router.filter(|router| pool.contains(router)) {
        report.add(&key("pool"), format!("has the router, {router}, in it"));
    }
    Some(Subnet { network, pool, router, dns, domain, lease, clients, others: wire.others, relays })
}

fn pool(report: &mut Report, text: &str, network: Ipv4Net) -> Option<RangeInclusive<Ipv4Addr>> {
    let key = "dhcp.subnet.pool";
    let Some((first, last)) = text.split_once('-') else {
        report.add(key, format!("{text:?} is no range such as \"192.168.50.100-192.168.50.199\""));
        return None;
    };
    let (first, last) = (host(report, key, first, Some(network)), host(report, key, last, Some(network)));
    let (first, last) = (first?, last?);
    if first > last {
        report.add(key, format!("{first} comes after {last}"));
        return None;
    }
    if last.to_bits() - first.to_bits() >= LARGEST_POOL {
        report.add(key, format!("has more than {LARGEST_POOL} addresses"));
        return None;
    }
    Some(first..=last)
}

fn reservations(report: &mut Report, wire: &[wire::Reservation], subnets: &[Subnet]) -> BTreeMap<MacAddr, Ipv4Addr> {
    let key = "dhcp.reservation";
    let (mut all, mut taken) = (BTreeMap::new(), BTreeSet::new());
    for wire::Reservation { mac, address } in wire {
        let mac: Option<MacAddr> = report.take(key, mac.parse().map_err(|why| format!("{mac:?}: {why}")));
        let Some((mac, ip)) = mac.zip(host(report, key, address, None)) else { continue };
        if !subnets.iter().any(|subnet| is_host(subnet.network, ip) && subnet.router != Some(ip)) {
            report.add(key, format!("{ip} of {mac} is no free address of a host in any dhcp.subnet"));
        } else if !taken.insert(ip) {
            report.add(key, format!("{ip} is reserved twice"));
        } else if all.insert(mac, ip).is_some() {
            report.add(key, format!("{mac} has two addresses; one is enough"));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "mode = \"phones\"\ninterfaces = [\"eth1\"]\n[[subnet]]\nnetwork = \"192.0.2.0/24\"\n\
        pool = \"192.0.2.100-192.0.2.199\"\nrouter = \"192.0.2.1\"\n";

    fn read(text: &str) -> (Dhcp, Vec<String>) {
        let mut report = Report(Vec::new());
        let dhcp = validate(&mut report, &toml::from_str(text).unwrap());
        (dhcp, report.0.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_mode_an_interface_and_a_subnet_are_enough() {
        let (dhcp, problems) = read(WHOLE);
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!((dhcp.mode, dhcp.probe), (Some(Clients::Phones), true));
        let [subnet] = dhcp.subnets.as_slice() else { panic!("one") };
        assert_eq!((subnet.lease, subnet.others), (Duration::from_hours(12), 10));
        assert!(subnet.pools([192, 0, 2, 100].into()) && !subnet.pools([192, 0, 2, 99].into()));
    }

    /// D2, D4, D5, D6 of the bad inputs.
    #[test]
    fn what_is_refused() {
        for (from, to, word) in [
            ("\"phones\"", "\"proxy\"", "none of off, phones, all"),
            ("[\"eth1\"]", "[]", "names none"),
            ("[\"eth1\"]", "[\"eth1\", \"eth1\"]", "named twice"),
            ("[\"eth1\"]", "[\"../eth1\"]", "no name"),
            ("192.0.2.0/24", "192.0.2.1/24", "host bits"),
            ("192.0.2.0/24", "192.0.2.0/33", "no IPv4 network"),
            ("192.0.2.0/24", "192.0.2.0/31", "no subnet"),
            (".100-192.0.2.199", ".199-192.0.2.100", "comes after"),
            (".100-192.0.2.199", ".100-192.0.3.19", "no address of a host"),
            (".100-192.0.2.199", ".100-192.0.2.255", "no address of a host"),
            (".100-192.0.2.199", ".100", "no range"),
            ("\"192.0.2.1\"", "\"192.0.2.150\"", "has the router"),
            ("\"192.0.2.1\"", "\"10.0.0.1\"", "no address of a host"),
            ("\"192.0.2.1\"\n", "\"192.0.2.1\"\nlease = \"0s\"\n", "5 minutes and a year"),
            ("\"192.0.2.1\"\n", "\"192.0.2.1\"\nlease = \"2y\"\n", "5 minutes and a year"),
            ("\"192.0.2.1\"\n", "\"192.0.2.1\"\nothers = 101\n", "percent"),
            ("\"192.0.2.1\"\n", "\"192.0.2.1\"\ndomain = \"a b\"\n", "no name of a domain"),
            (
                "\"192.0.2.1\"\n",
                "\"192.0.2.1\"\n[[subnet]]\nnetwork = \"192.0.2.128/25\"\npool = \"192.0.2.130-192.0.2.131\"\n",
                "overlap",
            ),
            (
                "\"192.0.2.1\"\n",
                "\"192.0.2.1\"\n[[reservation]]\nmac = \"001B54CE0001\"\naddress = \"10.0.0.1\"\n",
                "no free address",
            ),
        ] {
            let (_, said) = read(&WHOLE.replacen(from, to, 1));
            let said = said.join("\n");
            assert!(said.contains(word), "{to}: {said}");
        }
    }
}
