//! The links of this host, as the kernel tells of them (getifaddrs(3)). An edge; asked again each time, since links come and go.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

/// A link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// The kernel's number of it: another after it was removed and made anew.
    pub index: usize,
    /// It is switched on, and something is at its other end.
    pub up: bool,
    /// Whether it is an Ethernet, real or not, and no loopback.
    pub broadcast: bool,
    /// Its hardware address.
    pub mac: Option<[u8; 6]>,
    /// Its IPv4 addresses, each with its prefix.
    pub addresses: Vec<Ipv4Net>,
}

impl Link {
    /// That one; `None` = this host has it not.
    pub fn named(name: &str) -> Option<Self> {
        all().into_iter().find(|link| link.name == name)
    }

    /// That one, where it can be listened on.
    ///
    /// # Errors
    /// Why not, as the end of a sentence.
    pub fn ready(name: &str) -> Result<Self, String> {
        match Self::named(name) {
            None => Err("this host has no such interface; see `ip link`".to_owned()),
            Some(link) if !link.broadcast => Err("it is no Ethernet".to_owned()),
            Some(link) if !link.up => Err("it is down, or nothing is plugged in".to_owned()),
            Some(link) => Ok(link),
        }
    }
}

/// All links, by name.
pub fn all() -> Vec<Link> {
    let mut links: BTreeMap<String, Link> = BTreeMap::new();
    for one in getifaddrs().into_iter().flatten() {
        let link = links.entry(one.interface_name.clone()).or_default();
        link.name = one.interface_name;
        link.up = one.flags.contains(InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING);
        link.broadcast = one.flags.contains(InterfaceFlags::IFF_BROADCAST);
        let Some(address) = one.address else { continue };
        if let Some(address) = address.as_link_addr() {
            (link.index, link.mac) = (address.ifindex(), address.addr().filter(|mac| *mac != [0; 6]));
        } else if let Some(address) = address.as_sockaddr_in() {
            let mask = one.netmask.as_ref().and_then(|mask| Some(mask.as_sockaddr_in()?.ip()));
            let mask = mask.unwrap_or(Ipv4Addr::BROADCAST);
            link.addresses.extend(Ipv4Net::with_netmask(address.ip(), mask).ok());
        }
    }
    links.into_values().collect()
}

/// Links that are up and on which phones may be: those with an address in these networks.
pub fn towards(networks: &[Ipv4Net]) -> Vec<String> {
    let phones = |link: &Link| link.addresses.iter().any(|ip| networks.iter().any(|net| net.contains(&ip.addr())));
    all().into_iter().filter(|link| link.up && link.broadcast && phones(link)).map(|link| link.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_has_loopback() {
        let lo = Link::named("lo").unwrap();
        assert!(lo.index > 0 && !lo.broadcast && lo.mac.is_none(), "{lo:?}");
        assert_eq!(lo.addresses.iter().any(|net| net.addr() == Ipv4Addr::LOCALHOST), lo.up);
        assert_eq!(Link::named("no such"), None);
        assert_eq!(towards(&["127.0.0.0/8".parse().unwrap()]), [""; 0], "nobody else is there");
    }
}
