//! The edge of the syslog receiver: one socket for each address listened on. It sends nothing.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use jiff::Timestamp;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::gate::Gate;
use super::{LONGEST, Line};

/// Datagrams in [`ROUND`] that are taken from the kernel, which drops what does not fit its own buffer: a flood costs so much
/// and no more.
const MOST: u32 = 500;
const ROUND: Duration = Duration::from_millis(50);

/// Between two looks whether a window is over in which nobody speaks any more.
const LOOK: Duration = Duration::from_secs(5);

/// A bound address.
#[derive(Debug)]
pub struct Listener {
    socket: UdpSocket,
}

/// Binds one address, also one that the host does not have yet.
///
/// # Errors
/// What the kernel says.
pub fn bind(address: SocketAddrV4) -> io::Result<Listener> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_freebind_v4(true)?;
    socket.bind(&address.into())?;
    Ok(Listener { socket: UdpSocket::from_std(socket.into())? })
}

impl Listener {
    /// Tells `keep` what the gate lets through, until `ending`. `is_phone`: whether a phone is known at an address.
    ///
    /// # Errors
    /// The kernel takes the socket away.
    pub async fn run(
        self,
        mut gate: Gate,
        is_phone: impl Fn(Ipv4Addr) -> bool,
        keep: impl Fn(Ipv4Addr, Line),
        ending: CancellationToken,
    ) -> io::Result<()> {
        let mut datagram = [0; LONGEST];
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (mut round, mut taken) = (Instant::now(), 0);
        loop {
            let received = tokio::select! {
                received = self.socket.recv_from(&mut datagram) => Some(received?),
                _ = look.tick() => None,
                () = ending.cancelled() => return Ok(()),
            };
            for (ip, rest) in gate.turn(Timestamp::now()) {
                keep(ip, rest);
            }
            let Some((octets, SocketAddr::V4(source))) = received else { continue };
            let said = datagram.get(..octets).unwrap_or_default();
            if let Some(line) = gate.take(*source.ip(), said, &is_phone) {
                keep(*source.ip(), line);
            }
            taken += 1;
            if taken >= MOST {
                let over = round + ROUND;
                if Instant::now() < over {
                    tokio::select! {
                        () = sleep_until(over) => {}
                        () = ending.cancelled() => return Ok(()),
                    }
                }
                (round, taken) = (Instant::now(), 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::mpsc;

    use super::*;

    /// What a phone says comes in, what others say does not, and it ends when told.
    #[tokio::test]
    async fn a_phone_is_heard() {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let here = listener.socket.local_addr().unwrap();
        let gate = Gate::new(vec!["127.0.0.0/8".parse().unwrap()], Arc::default(), Timestamp::now());
        let (lines, mut kept) = mpsc::unbounded_channel();
        let ending = CancellationToken::new();
        let phone = Ipv4Addr::new(127, 0, 0, 2);
        let keep = move |ip, line: Line| lines.send((ip, line.text)).unwrap();
        let serving = tokio::spawn(listener.run(gate, move |ip| ip == phone, keep, ending.clone()));
        for (from, text) in [("127.0.0.3:0", "<13>not I"), ("127.0.0.2:0", "<13>it is I")] {
            UdpSocket::bind(from).await.unwrap().send_to(text.as_bytes(), here).await.unwrap();
        }
        let first = tokio::time::timeout(Duration::from_secs(10), kept.recv()).await.unwrap();
        assert_eq!(first, Some((phone, "it is I".to_owned())));
        ending.cancel();
        serving.await.unwrap().unwrap();
        assert_eq!(kept.recv().await, None);
    }
}
