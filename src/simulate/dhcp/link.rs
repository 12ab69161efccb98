//! The edge of a phone's DHCP client: a socket on port 68 of one device, and that device's addresses.
//!
//! A UDP socket that is bound to its device sends and hears broadcasts before the device has an address. An answer that a
//! server sends to the address it gives, instead of to everybody, is not heard: that would take a raw socket. Where the
//! kernel filters by way back (`rp_filter`), a device without an address hears nothing.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::{Command, Stdio};

use nix::ifaddrs::getifaddrs;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::client::{Client, Event};
use super::lease::Lease;

const CLIENT: u16 = 68;
const SERVER: u16 = 67;

/// A DHCP packet on Ethernet is never longer.
const LONGEST: usize = 1_500;

/// A socket on a device.
#[derive(Debug)]
pub struct Link {
    socket: UdpSocket,
}

impl Link {
    /// Listens on port 68 of a device. Several phones may do so on one.
    ///
    /// # Errors
    /// What the kernel says; it takes the rights of root.
    pub fn open(device: &str) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        socket.set_broadcast(true)?;
        socket.set_reuse_address(true)?;
        socket.bind_device(Some(device.as_bytes()))?;
        socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, CLIENT).into())?;
        Ok(Self { socket: UdpSocket::from_std(socket.into())? })
    }

    /// Lets the client go on until it has something to say.
    ///
    /// # Errors
    /// The device is gone, or takes no packet.
    pub async fn next(&self, client: &mut Client) -> io::Result<Event> {
        loop {
            while let Some(transmit) = client.poll_transmit() {
                self.socket.send_to(&transmit.packet, (transmit.to, SERVER)).await?;
            }
            if let Some(event) = client.poll_event() {
                return Ok(event);
            }
            let mut packet = [0; LONGEST];
            let heard = self.socket.recv_from(&mut packet);
            let heard = match client.poll_timeout() {
                Some(deadline) => timeout_at(Instant::from_std(deadline), heard).await.ok(),
                None => Some(heard.await),
            };
            let now = Instant::now().into_std();
            match heard {
                Some(heard) => client.handle_datagram(now, packet.get(..heard?.0).unwrap_or_default()),
                None => client.handle_timeout(now),
            }
        }
    }
}

/// Whether a device has an address.
pub fn has(device: &str, address: Ipv4Addr) -> bool {
    getifaddrs().into_iter().flatten().any(|one| {
        one.interface_name == device
            && one.address.and_then(|at| at.as_sockaddr_in().map(nix::sys::socket::SockaddrIn::ip)) == Some(address)
    })
}

/// An address that was put on a device; it goes with the value.
#[derive(Debug)]
pub struct Configured {
    device: String,
    address: String,
}

impl Configured {
    /// Puts the address of a lease on the device, and the way by its router, with ip(8).
    ///
    /// # Errors
    /// One sentence: what ip(8) says.
    pub fn put(device: &str, lease: &Lease) -> Result<Self, String> {
        let address = format!("{}/{}", lease.address, lease.prefix);
        ip(&["address", "add", &address, "dev", device])?;
        let configured = Self { device: device.to_owned(), address };
        if let Some(router) = lease.router {
            ip(&["route", "replace", "default", "via", &router.to_string(), "dev", device])?;
        }
        Ok(configured)
    }
}

impl Drop for Configured {
    fn drop(&mut self) {
        // The way by the router goes with the address.
        let _ = ip(&["address", "del", &self.address, "dev", &self.device]);
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let failed = |why: String| format!("`ip {}` failed: {why}; it takes root and iproute2", arguments.join(" "));
    let output = Command::new("ip").arg("-4").args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|why| failed(why.to_string()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(failed(said.trim().to_owned())) }
}
