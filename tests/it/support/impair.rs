//! A bad network in user space: datagrams between clients and a TFTP server are lost, doubled, held back, damaged
//! and cut off by size, both ways, by a seeded generator.
//!
//! The server answers from another port than it is asked on, so each of its ports gets one here that the client sees; the
//! server sees each client at its own address.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::runtime;
use tokio_util::sync::CancellationToken;

use super::dice::Dice;

/// What the network does to each datagram, each way.
#[derive(Clone, Copy)]
pub(crate) struct Weather {
    /// Percent lost.
    pub(crate) loss: u64,
    /// Percent that come twice.
    pub(crate) twice: u64,
    /// Percent that are held back for up to 20 ms, and are overtaken.
    pub(crate) late: u64,
    /// Percent in which a bit was turned. The checksum of UDP shows it, so the kernel of who should get one gives it to
    /// nobody (`a_wire`, A51, has the daemon's own kernel do so): here it does not arrive.
    pub(crate) spoilt: u64,
    /// Percent of what phones say that arrives cut off, with lengths and checksum made right again: by the phone's own
    /// stack, or by a router that rewrites TFTP. Towards phones there is none: a cut DATA is a last block, and no client
    /// of a protocol without lengths could tell.
    pub(crate) cut: u64,
    /// Largest datagram that passes, in octets of UDP payload.
    pub(crate) largest: usize,
}

/// Nothing of all that.
pub(crate) const CALM: Weather = Weather { loss: 0, twice: 0, late: 0, spoilt: 0, cut: 0, largest: usize::MAX };

/// The bad weather of the fault table: 10 % loss, 5 % duplicates, 10 % reordered, and some of it damaged.
pub(crate) const STORM: Weather = Weather { loss: 10, twice: 5, late: 10, spoilt: 1, cut: 1, ..CALM };

/// A proxy; ends with the value.
pub(crate) struct Proxy {
    /// Where clients ask.
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    weather: Weather,
    dice: Mutex<Dice>,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    end: CancellationToken,
}

impl Proxy {
    /// Before this server.
    pub(crate) fn before(server: SocketAddr, weather: Weather, seed: u64) -> Self {
        let shared = Arc::new(Shared {
            server,
            weather,
            dice: Mutex::new(Dice::new(seed)),
            counts: Mutex::default(),
            end: CancellationToken::new(),
        });
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let front = runtime.block_on(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = front.local_addr().unwrap();
        let theirs = Arc::clone(&shared);
        thread::spawn(move || runtime.block_on(theirs.clone().run(front)));
        Self { address, shared }
    }

    /// What became of datagrams so far: passed, lost, doubled, late, spoilt, cut, too-large.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.shared.counts.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.end.cancel();
    }
}

impl Shared {
    /// How long each copy of a datagram takes; none = it is lost.
    fn fate(&self, size: usize) -> Vec<Duration> {
        let mut dice = self.dice.lock().unwrap();
        let mut counts = self.counts.lock().unwrap();
        let mut count = |what| *counts.entry(what).or_default() += 1;
        if size > self.weather.largest {
            count("too-large");
            return Vec::new();
        }
        if dice.percent(self.weather.loss) {
            count("lost");
            return Vec::new();
        }
        if dice.percent(self.weather.spoilt) {
            count("spoilt");
            return Vec::new();
        }
        count("passed");
        let copies = if dice.percent(self.weather.twice) { 2 } else { 1 };
        if copies == 2 {
            count("doubled");
        }
        let mut delay = || {
            let late = dice.percent(self.weather.late);
            if late {
                count("late");
            }
            Duration::from_millis(if late { 1 + dice.below(20) } else { 0 })
        };
        (0..copies).map(|_| delay()).collect()
    }

    /// How much of a phone's datagram goes on its way: all, or less.
    fn left_of(&self, size: usize) -> usize {
        let mut dice = self.dice.lock().unwrap();
        if !dice.percent(self.weather.cut) {
            return size;
        }
        *self.counts.lock().unwrap().entry("cut").or_default() += 1;
        usize::try_from(dice.below(size as u64)).unwrap()
    }

    fn pass(&self, by: &Arc<UdpSocket>, to: SocketAddr, datagram: &[u8]) {
        for delay in self.fate(datagram.len()) {
            let (by, datagram) = (Arc::clone(by), datagram.to_vec());
            if delay.is_zero() {
                // The kernel's own room is more than enough; without it, one more is lost.
                let _ = by.try_send_to(&datagram, to);
            } else {
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    let _ = by.send_to(&datagram, to).await;
                });
            }
        }
    }

    async fn run(self: Arc<Self>, front: UdpSocket) {
        let mut sessions: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
        let mut buffer = [0; 4_096];
        loop {
            let (size, client) = tokio::select! {
                received = front.recv_from(&mut buffer) => match received {
                    Ok(received) => received,
                    Err(_) => continue,
                },
                () = self.end.cancelled() => return,
            };
            if let Entry::Vacant(place) = sessions.entry(client) {
                let up = Arc::new(UdpSocket::bind((client.ip(), 0)).await.unwrap());
                tokio::spawn(Arc::clone(&self).session(client, Arc::clone(&up)));
                place.insert(up);
            }
            let size = self.left_of(size);
            self.pass(&sessions[&client], self.server, &buffer[..size]);
        }
    }

    /// One port of one client: what the server answers to it, and what the client says to those answers.
    async fn session(self: Arc<Self>, client: SocketAddr, up: Arc<UdpSocket>) {
        let mut ports: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
        let mut buffer = [0; 4_096];
        loop {
            let (size, server) = tokio::select! {
                received = up.recv_from(&mut buffer) => match received {
                    Ok(received) => received,
                    Err(_) => continue,
                },
                () = self.end.cancelled() => return,
            };
            if let Entry::Vacant(place) = ports.entry(server) {
                let down = Arc::new(UdpSocket::bind((self.server.ip(), 0)).await.unwrap());
                tokio::spawn(Arc::clone(&self).answers(client, Arc::clone(&down), server, Arc::clone(&up)));
                place.insert(down);
            }
            self.pass(&ports[&server], client, &buffer[..size]);
        }
    }

    async fn answers(
        self: Arc<Self>,
        client: SocketAddr,
        down: Arc<UdpSocket>,
        server: SocketAddr,
        up: Arc<UdpSocket>,
    ) {
        let mut buffer = [0; 4_096];
        loop {
            tokio::select! {
                received = down.recv_from(&mut buffer) => if let Ok((size, from)) = received
                    && from == client
                {
                    let size = self.left_of(size);
                    self.pass(&up, server, &buffer[..size]);
                },
                () = self.end.cancelled() => return,
            }
        }
    }
}
