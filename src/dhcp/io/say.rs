//! What people are told of it.

use std::io;

use crate::config::{DHCP, Listen, Protocol};
use crate::dhcp::rivals::Serving;
use crate::dhcp::server::Notice;
use crate::dhcp::squatters::Answerer;
use crate::ports;

/// Why port 67 could not be had.
pub(super) fn sentence(why: &io::Error) -> String {
    if why.kind() != io::ErrorKind::AddrInUse {
        return format!("port 67 could not be listened on: {why}");
    }
    let holder = ports::holder(&Listen { key: "dhcp.interfaces", protocol: Protocol::Udp, address: DHCP });
    holder.map_or_else(
        || "port 67 is held by another program".to_owned(),
        |holder| format!("port 67 is held by {holder}; stop that one, or leave DHCP to it: dhcp.mode = \"off\""),
    )
}

/// Why nobody is served on a link, by what is known of other servers there (T12).
pub(super) fn refused(serving: &Serving) -> Option<String> {
    match serving {
        Serving::Allowed => None,
        Serving::NotKnown => Some("it is being asked whether another DHCP server answers there".to_owned()),
        Serving::Beside(other) => Some(format!(
            "the DHCP server {other} answers there, and two give phones now this and now that; stop that one, or set dhcp.mode = \"off\", or dhcp.beside_other_server = true"
        )),
    }
}

pub(super) fn say(notice: &Notice) {
    match notice {
        Notice::Filling(network, 100) => tracing::error!(
            code = "pool-full",
            %network,
            "all addresses of {network} are given out, so the next phone gets none; make dhcp.subnet.pool larger, or lease shorter"
        ),
        Notice::Filling(network, percent) => tracing::warn!(
            code = "pool-filling",
            %network,
            "{percent} % of the addresses of {network} are given out; make dhcp.subnet.pool larger, or lease shorter"
        ),
        Notice::Circuit(link) => tracing::warn!(
            code = "circuit-not-trusted",
            link,
            "a switch adds option 82 to what comes from {link} (DHCP snooping), and who is served there is not for it to say: phones get no address until dhcp.trusted_circuit = true"
        ),
        Notice::Taken(ip, by) => tracing::warn!(
            code = "address-taken",
            %ip,
            "somebody who has no lease sits at {ip} (found with {by}); it is given to nobody for a day: take it out of dhcp.subnet.pool, or let that host ask"
        ),
        Notice::Everywhere(who) => {
            let who = match who {
                Answerer::Host(mac) => mac.to_string(),
                Answerer::Behind(relay) => format!("somebody behind the relay {relay}"),
            };
            tracing::warn!(
                code = "answers-for-all",
                "{who} answers at addresses that nobody has (proxy ARP, a captive portal, a firewall): what it says is no reason to keep an address back, and a host with a fixed address is not noticed behind it; end that there for the phones' network"
            );
        }
        Notice::Pretends(mac, other) => tracing::warn!(
            code = "client-id-foreign",
            %mac,
            "{mac} calls itself {other}, which is an assigned phone (option 61); it is served as {mac}"
        ),
    }
}
