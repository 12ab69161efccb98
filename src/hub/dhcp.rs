//! What people ask of DHCP: what the other servers say, now and by the watching. An edge.

use std::time::Duration;

use super::Operations;
use crate::api::{DhcpHeard, DhcpListen};
use crate::check::Watched;
use crate::config;
use crate::dhcp::link::{self, Link};
use crate::dhcp::listen;

/// Longest time that one listening takes: whoever asked waits for it.
pub const LONGEST: u8 = 45;

impl Operations {
    /// Asks on these links as a phone asks, and says who answered.
    ///
    /// # Errors
    /// One sentence: there is nothing to listen on, or the time is none.
    pub async fn listen_dhcp(&self, asked: DhcpListen) -> Result<DhcpHeard, String> {
        listen_dhcp(asked, &self.around.dhcp.config, &self.around.dhcp.server).await
    }

    /// The interfaces that are watched, as a check looks at them.
    pub(super) fn watched(&self) -> Vec<Watched> {
        let around = &self.around.dhcp;
        let (rivals, dhcp) = (around.watch.rivals(), &around.config);
        let one = |interface: &String| Watched {
            interface: interface.clone(),
            absent: Link::ready(interface).err(),
            addresses: Link::named(interface).map(|link| link.addresses).unwrap_or_default(),
            told: around.server.address,
            trouble: rivals.trouble(interface).map(str::to_owned),
            asked: rivals.asked(interface),
            serves: dhcp.mode.is_some(),
            beside: dhcp.beside_other_server,
            rivals: rivals.on(interface).cloned().collect(),
        };
        dhcp.interfaces.iter().map(one).collect()
    }
}

/// The same without a daemon, by whoever has the right to.
///
/// # Errors
/// As [`Operations::listen_dhcp`].
pub async fn listen_dhcp(asked: DhcpListen, dhcp: &config::Dhcp, server: &config::Server) -> Result<DhcpHeard, String> {
    if !(1..=LONGEST).contains(&asked.seconds) {
        return Err(format!("DHCP servers are listened to for 1 to {LONGEST} s, not {} s", asked.seconds));
    }
    let named = [asked.interfaces, dhcp.interfaces.clone()].into_iter().find(|named| !named.is_empty());
    let interfaces = named.unwrap_or_else(|| link::towards(&server.phone_networks));
    if interfaces.is_empty() {
        return Err(
            "DHCP servers could not be listened to: no interface of this host is in server.phone_networks; name one: --interface IF"
                .to_owned(),
        );
    }
    Ok(listen::on(interfaces, server.address, Duration::from_secs(asked.seconds.into())).await)
}
