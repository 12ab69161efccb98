//! Where a packet comes from: who we are there, and which networks are.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::{Arrival, Settings};
use crate::config::dhcp::Subnet;
use crate::dhcp::wire::Raw;

/// Where a packet comes from.
pub(super) struct Here<'a> {
    /// The networks of its link that it is served from.
    pub(super) subnets: Vec<&'a Subnet>,
    /// All networks of its link.
    pub(super) there: Vec<&'a Subnet>,
    addresses: &'a [Ipv4Net],
    /// As which of our addresses the client knows us: the one that it names (option 54), or sent this to.
    named: Option<Ipv4Addr>,
    first: Ipv4Addr,
}

impl<'a> Here<'a> {
    /// The network that has this address.
    pub(super) fn network(&self, ip: Ipv4Addr) -> Option<&'a Subnet> {
        self.subnets.iter().copied().find(|subnet| subnet.network.contains(&ip))
    }

    /// Whether that is an address of no network of its link.
    pub(super) fn is_outside(&self, ip: Ipv4Addr) -> bool {
        !self.there.iter().any(|subnet| subnet.network.contains(&ip))
    }

    /// Whether that is one of our addresses on the link.
    pub(super) fn is_ours(&self, ip: Ipv4Addr) -> bool {
        self.addresses.iter().any(|own| own.addr() == ip)
    }

    /// Our address that clients of a network reach without a router; behind a relay the one that the relay reaches.
    pub(super) fn own(&self, subnet: &Subnet) -> Ipv4Addr {
        let own = self.addresses.iter().map(Ipv4Net::addr).find(|own| subnet.network.contains(own));
        own.or(self.named).unwrap_or(self.first)
    }

    /// Who we are to the client. Whoever knows us by one of our addresses takes no word of another.
    pub(super) fn server(&self, subnet: Option<&Subnet>) -> Ipv4Addr {
        self.named.or_else(|| subnet.map(|subnet| self.own(subnet))).unwrap_or(self.first)
    }
}

/// Where a packet comes from; `None` = from no network of ours.
pub(super) fn place<'a>(settings: &'a Settings, raw: &Raw, at: &Arrival<'a>) -> Option<Here<'a>> {
    let addresses = || at.link.addresses.iter().map(Ipv4Net::addr);
    let first = addresses().next()?;
    let ours = |ip: &Ipv4Addr| addresses().any(|own| own == *ip);
    let source = *at.source.ip();
    // A broadcast comes back to who sent it: this host asks what other servers say.
    if ours(&source) {
        return None;
    }
    let named = raw.address(54).filter(ours).or(Some(at.destination).filter(ours));
    let here = |subnets: Vec<&'a Subnet>| {
        let there = subnets.clone();
        (!subnets.is_empty()).then_some(Here { subnets, there, addresses: &at.link.addresses, named, first })
    };
    let subnets = settings.subnets.iter();
    if !raw.giaddr.is_unspecified() {
        // Another's word for where a client is: it counts if it comes from there itself, or from whom we were told of.
        let told = |subnet: &&Subnet| {
            let sender = source == raw.giaddr || subnet.relays.contains(&source);
            subnet.network.contains(&raw.giaddr) && sender && raw.giaddr != subnet.network.broadcast()
        };
        return here(subnets.filter(told).collect()).filter(|_| !ours(&raw.giaddr));
    }
    if at.destination.is_broadcast() {
        let on_link = |subnet: &&Subnet| addresses().any(|own| subnet.network.contains(&own));
        return here(subnets.filter(on_link).collect());
    }
    // Sent to us alone: by one who has an address, and from there.
    let has = |subnet: &&Subnet| subnet.network.contains(&raw.ciaddr);
    here(subnets.filter(has).collect()).filter(|_| source == raw.ciaddr)
}
