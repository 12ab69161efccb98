//! How a scripted phone gets its address: the client's half of DHCP (RFC 2131) with the options of the hardware.
//!
//! It knows nothing of the program's own server, nor of its reader of packets: what it sends is written from the sources,
//! and what it is told it judges as a phone does.
//!
//! - [`habits`]: what a model sends in which state, as data; [`message`]: octets
//! - [`lease`]: what it was told, and what is wrong with that; [`client`]: the state machine, which knows no socket
//! - [`link`]: the socket on a device, and the address on that device

pub mod client;
pub mod habits;
pub mod lease;
pub mod link;
pub mod message;

use std::net::Ipv4Addr;

use tokio::time::Instant;

use super::flash::Flash;
use super::model::Model;
use super::outcome::Step;
use crate::domain::MacAddr;
use client::{Client, Event, Timing};
use habits::habits;
use lease::Lease;
use link::Link;

/// A phone that has no address yet.
#[derive(Clone, Debug)]
pub struct Newcomer {
    /// Which phone.
    pub model: Model,
    /// Its hardware address.
    pub mac: MacAddr,
    /// What its flash holds: loaders and old loads say less of themselves.
    pub flash: Flash,
    /// The address that it had before it was switched off, where it asks for that first.
    pub last_address: Option<Ipv4Addr>,
    /// Waits and repetitions.
    pub timing: Timing,
}

/// Gets an address on this device; `steps` is told each step as it happens.
///
/// # Errors
/// One sentence: nobody gave one, or the device cannot be used.
pub async fn obtain(newcomer: &Newcomer, device: &str, mut steps: impl FnMut(Step)) -> Result<Lease, String> {
    let link = Link::open(device).map_err(|why| {
        format!("the DHCP client could not listen on port 68 of {device}: {why}; it takes root and a device that is up")
    })?;
    let habits = habits(&newcomer.model, &newcomer.flash, newcomer.mac);
    let class = String::from_utf8_lossy(&habits.vendor_class).trim_end_matches('\0').to_owned();
    let wanted = newcomer.last_address.map_or("an address".to_owned(), |ip| format!("{ip}, which it had before,"));
    steps(Step::new(true, format!("asks for {wanted} on {device} as {class:?}")));
    let mut client =
        Client::new(habits, newcomer.mac, newcomer.timing, newcomer.last_address, Instant::now().into_std());
    loop {
        let event = link.next(&mut client).await.map_err(|why| format!("DHCP on {device} failed: {why}"))?;
        match event {
            Event::Offered { address, server } => steps(Step::new(true, format!("{server} offers {address}"))),
            Event::Refused { server } => {
                let who = server.map_or_else(|| "a server".to_owned(), |ip| ip.to_string());
                steps(Step::new(false, format!("{who} refuses the address (NAK)")));
            }
            Event::Malformed { why } => steps(Step::new(false, format!("an answer cannot be read: {why}"))),
            Event::Bound(lease) => {
                steps(Step::new(true, lease.to_string()));
                for complaint in &lease.complaints {
                    steps(Step::new(false, complaint.clone()));
                }
                return Ok(*lease);
            }
            Event::Silent { asked } => return Err(format!("no DHCP server answered {asked} times on {device}")),
            Event::Stalled { address } => {
                return Err(format!(
                    "the boot loader asks for its old address {address} on {device} and for no other, and no DHCP server \
                     answers that"
                ));
            }
            // What an address that is held does; nobody holds one here yet.
            Event::Expired | Event::Released | Event::Declined { .. } => {}
        }
    }
}
