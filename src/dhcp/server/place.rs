//! Where a packet comes from: who we are there, and which networks are.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::{Arrival, Settings};
use crate::config::dhcp::Subnet;
use crate::dhcp::wire::Raw;

/// Who we are to a packet, and the networks that its link has; `None` = none of ours.
pub(super) fn place<'a>(settings: &'a Settings, raw: &Raw, at: &Arrival<'_>) -> Option<(Ipv4Addr, Vec<&'a Subnet>)> {
    let addresses = || at.link.addresses.iter().map(Ipv4Net::addr);
    let first = addresses().next()?;
    let reached = addresses().find(|own| *own == at.destination);
    let source = *at.source.ip();
    // A broadcast comes back to who sent it: this host asks what other servers say.
    if addresses().any(|own| own == source) {
        return None;
    }
    let subnets = settings.subnets.iter();
    if !raw.giaddr.is_unspecified() {
        // Another's word for where a client is: it counts if it comes from there itself, or from whom we were told of.
        let told = |subnet: &&Subnet| {
            let sender = source == raw.giaddr || subnet.relays.contains(&source);
            subnet.network.contains(&raw.giaddr) && sender && raw.giaddr != subnet.network.broadcast()
        };
        let subnets: Vec<&Subnet> = subnets.filter(told).collect();
        let ours = addresses().any(|own| own == raw.giaddr);
        return (!subnets.is_empty() && !ours).then(|| (reached.unwrap_or(first), subnets));
    }
    let on_link = |subnet: &&Subnet| addresses().any(|own| subnet.network.contains(&own));
    if at.destination.is_broadcast() {
        let subnets: Vec<&Subnet> = subnets.filter(on_link).collect();
        let own = addresses().find(|own| subnets.iter().any(|subnet| subnet.network.contains(own)));
        return Some((own?, subnets));
    }
    // Sent to us alone: by one who has an address, and from there.
    let has = |subnet: &&Subnet| subnet.network.contains(&raw.ciaddr);
    let subnets: Vec<&Subnet> = subnets.filter(has).collect();
    (source == raw.ciaddr && !subnets.is_empty()).then(|| (reached.unwrap_or(first), subnets))
}
