//! What people ask of DHCP: what the other servers say, now and by the watching. An edge.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::Operations;
use crate::api::{DhcpHeard, DhcpListen, Lease};
use crate::check::Watched;
use crate::dhcp::link::Link;
use crate::dhcp::listen;
use crate::probe;

impl Operations {
    /// Asks on these links as a phone asks, and says who answered.
    ///
    /// # Errors
    /// One sentence: there is nothing to listen on, or the time is none.
    pub async fn listen_dhcp(&self, asked: DhcpListen) -> Result<DhcpHeard, String> {
        listen::asked(asked, &self.around.dhcp.config, &self.around.dhcp.server).await
    }

    /// The address at which phones reach this host, where it has it: the one that they are told, that of an interface which is
    /// theirs, else one towards them.
    pub(super) fn phone_facing(&self) -> Option<Ipv4Addr> {
        let own: Vec<Ipv4Addr> = probe::own_addresses().collect();
        let networks = &self.around.networks;
        let phones = |ip: &Ipv4Addr| networks.iter().any(|net| net.contains(ip));
        let on_link = |interface: &String| Link::named(interface)?.addresses.iter().map(Ipv4Net::addr).find(phones);
        let told = self.around.dhcp.server.address.filter(|ip| own.contains(ip));
        told.or_else(|| self.around.dhcp.config.interfaces.iter().find_map(on_link))
            .or_else(|| probe::own_address(networks))
    }

    /// The address that phones are told, where this host does not have it.
    pub(super) fn told_absent(&self) -> Option<Ipv4Addr> {
        self.around.dhcp.server.address.filter(|told| probe::own_addresses().all(|ip| ip != *told))
    }

    /// The interfaces that are watched, as a check looks at them.
    pub(super) fn watched(&self) -> Vec<Watched> {
        let around = &self.around.dhcp;
        let (rivals, dhcp) = (around.watch.rivals(), &around.config);
        let one = |interface: &String| {
            let networks = Link::named(interface).map(|link| link.addresses).unwrap_or_default();
            Watched {
                interface: interface.clone(),
                absent: Link::ready(interface).err(),
                served: self.around.leases.as_ref().map(|handle| {
                    let there = |lease: &Lease| networks.iter().any(|network| network.contains(&lease.ip));
                    handle.serves(interface).map(|()| handle.leases().iter().filter(|lease| there(lease)).count())
                }),
                addresses: networks.iter().map(Ipv4Net::addr).collect(),
                told: around.server.address,
                trouble: rivals.trouble(interface).map(str::to_owned),
                asked: rivals.asked(interface),
                beside: dhcp.beside_other_server,
                rivals: rivals.on(interface).cloned().collect(),
            }
        };
        dhcp.interfaces.iter().map(one).collect()
    }
}
