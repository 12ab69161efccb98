//! The edge: sends a NOTIFY over UDP, again and again until it is answered (RFC 3261 section 17.1.2.2).

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::{Notify, Refused, Request, Target};

/// T1: the first wait; each next is twice as long.
const FIRST: Duration = Duration::from_millis(500);

/// T2: the longest of them.
const LONGEST: Duration = Duration::from_secs(4);

/// In all: a quarter of the 32 s that the RFC has for the whole Internet. Somebody waits, and the phone is on the LAN.
const PATIENCE: Duration = Duration::from_secs(8);

/// An answer fits: it echoes our headers.
const DATAGRAM: usize = 4_096;

/// Why there was no good answer.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// We cannot send from the registrar's address: it is not this host's.
    #[error("{0} is not an address of this host")]
    NotHere(Ipv4Addr),
    /// The phone refused.
    #[error("it answered {} {}", .0.code, .0.reason)]
    Refused(Refused),
    /// It did not answer.
    #[error("it did not answer within {} s", PATIENCE.as_secs())]
    NoAnswer,
    /// Nobody listens there, or there is no way.
    #[error("it could not be reached: {0}")]
    Unreachable(io::Error),
}

/// Sends it from `host`, the registrar as the phone knows it (unspecified: from where the route to the phone begins), and
/// waits for the answer.
///
/// # Errors
/// See [`Failed`].
pub async fn send(target: &Target, host: Ipv4Addr, notify: &Notify) -> Result<(), Failed> {
    let socket = UdpSocket::bind((host, 0)).await.map_err(|why| match why.kind() {
        io::ErrorKind::AddrNotAvailable => Failed::NotHere(host),
        _ => Failed::Unreachable(why),
    })?;
    socket.connect(target.address).await.map_err(Failed::Unreachable)?;
    let local = match socket.local_addr().map_err(Failed::Unreachable)? {
        std::net::SocketAddr::V4(local) => local,
        std::net::SocketAddr::V6(_) => return Err(Failed::NotHere(host)),
    };
    let id = format!("{:016x}", rand::random::<u64>());
    let request = Request { target, local, notify, id: &id };
    let datagram = request.emit();
    let end = Instant::now() + PATIENCE;
    let mut wait = FIRST;
    let mut buffer = vec![0; DATAGRAM];
    loop {
        socket.send(&datagram).await.map_err(Failed::Unreachable)?;
        let again = end.min(Instant::now() + wait);
        while let Ok(received) = timeout_at(again, socket.recv(&mut buffer)).await {
            let length = received.map_err(Failed::Unreachable)?;
            match buffer.get(..length).and_then(|datagram| request.answer(datagram)) {
                Some(Ok(())) => return Ok(()),
                Some(Err(refused)) => return Err(Failed::Refused(refused)),
                None => {}
            }
        }
        if Instant::now() >= end {
            return Err(Failed::NoAnswer);
        }
        wait = (wait * 2).min(LONGEST);
    }
}
