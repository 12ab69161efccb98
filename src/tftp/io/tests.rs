//! Real sockets on loopback, and a client that shares nothing with the server.

use std::collections::HashSet;
use std::net::SocketAddr;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::*;

/// A running server.
struct Running {
    address: SocketAddrV4,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<io::Result<()>>,
    events: mpsc::UnboundedReceiver<Event>,
}

fn start(ip: Ipv4Addr, answer: impl Fn(Asked) -> Reply + Send + 'static) -> Running {
    let config = Config { networks: vec!["127.0.0.0/8".parse().unwrap()], ..Config::default() };
    let listener = bind(SocketAddrV4::new(ip, 0), config).unwrap();
    let (address, shutdown) = (listener.local_addr(), CancellationToken::new());
    let (sender, events) = mpsc::unbounded_channel();
    let report = move |event| {
        let _ = sender.send(event);
    };
    let task = tokio::spawn(listener.run(answer, report, shutdown.clone(), Duration::from_secs(20)));
    Running { address, shutdown, task, events }
}

/// The file of a name that is a number: so many octets, different for each.
fn numbered(name: &str) -> Reply {
    match name.parse::<usize>() {
        Ok(size) => Reply::Serve(Content { bytes: file(size).into(), text: true, receipt: None }),
        Err(_) => Reply::Absent,
    }
}

fn file(size: usize) -> Vec<u8> {
    (0..size).map(|n| u8::try_from((n * 31 + n / 251 + size) % 256).unwrap()).collect()
}

/// What a client got.
#[derive(Debug, PartialEq, Eq)]
enum Got {
    File(Vec<u8>),
    Error(u8),
}

/// A client's socket, its server, and the share of datagrams that get lost on the way, in percent each way.
struct Client {
    socket: UdpSocket,
    dice: u64,
    loss: u64,
    peer: Option<SocketAddr>,
}

impl Client {
    async fn new(ip: Ipv4Addr, loss: u64) -> Self {
        let dice = u64::from(u32::from(ip)) * 0x9e37_79b9 + 1;
        Self { socket: UdpSocket::bind((ip, 0)).await.unwrap(), dice, loss, peer: None }
    }

    fn lost(&mut self) -> bool {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % 100 < self.loss
    }

    async fn post(&mut self, to: SocketAddr, bytes: &[u8]) {
        if !self.lost() {
            self.socket.send_to(bytes, to).await.unwrap();
        }
    }

    /// The next datagram of this transfer, or the last one again after a while.
    async fn next(&mut self, to: SocketAddr, last: &[u8]) -> Vec<u8> {
        let mut buffer = vec![0; 65_536];
        loop {
            let wait = tokio::time::timeout(Duration::from_millis(300), self.socket.recv_from(&mut buffer)).await;
            let Ok(received) = wait else {
                let to = self.peer.unwrap_or(to);
                self.post(to, last).await;
                continue;
            };
            let (len, from) = received.unwrap();
            if !self.lost() && *self.peer.get_or_insert(from) == from {
                return buffer[..len].to_vec();
            }
        }
    }

    /// RFC 1350 and 7440 from the reader's side; `options` as they stand in the request.
    async fn fetch(&mut self, server: SocketAddrV4, name: &str, options: &str) -> Got {
        let server = SocketAddr::V4(server);
        let mut last = format!("\0\x01{name}\0octet\0{options}").into_bytes();
        self.post(server, &last).await;
        let (mut content, mut blocks, mut since, mut size, mut window) = (Vec::new(), 0_u16, 0, 512, 1);
        loop {
            let packet = self.next(server, &last).await;
            let mut acknowledge = true;
            match packet[1] {
                6 if blocks == 0 => {
                    let words: Vec<&str> = std::str::from_utf8(&packet[2..]).unwrap().split('\0').collect();
                    for pair in words.chunks_exact(2) {
                        match pair[0] {
                            "blksize" => size = pair[1].parse().unwrap(),
                            "windowsize" => window = pair[1].parse().unwrap(),
                            _ => {}
                        }
                    }
                }
                3 if packet[2..4] == blocks.wrapping_add(1).to_be_bytes() => {
                    blocks = blocks.wrapping_add(1);
                    since += 1;
                    content.extend_from_slice(&packet[4..]);
                    acknowledge = since >= window || packet.len() < size + 4;
                }
                3 => {}
                _ => return Got::Error(packet[3]),
            }
            if acknowledge {
                since = 0;
                let [high, low] = blocks.to_be_bytes();
                last = vec![0, 4, high, low];
                let to = self.peer.unwrap();
                self.post(to, &last).await;
            }
            if packet[1] == 3 && packet[2..4] == blocks.to_be_bytes() && packet.len() < size + 4 {
                return Got::File(content);
            }
        }
    }
}

/// An address of its own for each client, as phones have.
fn phone(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 77, n)
}

const WAYS: &[&str] =
    &["", "blksize\x001024\0", "blksize\x001400\0windowsize\x008\0tsize\x000\0", "windowsize\x0016\0"];

/// Clients at once, each with its own file and options; every file arrives as it is.
async fn crowd(clients: u8, base: usize, loss: u64) {
    let server = start(Ipv4Addr::LOCALHOST, |asked| numbered(&asked.name));
    let mut tasks = tokio::task::JoinSet::new();
    for n in 1..=clients {
        let address = server.address;
        tasks.spawn(async move {
            let size = base + usize::from(n) * 512 / 2;
            let mut client = Client::new(phone(n), loss).await;
            let got = client.fetch(address, &size.to_string(), WAYS[usize::from(n) % WAYS.len()]).await;
            assert!(got == Got::File(file(size)), "client {n}, {size} octets");
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_at_once() {
    crowd(200, 60_000, 0).await;
}

/// A tenth of the datagrams is lost each way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lossy_path() {
    crowd(24, 10_000, 10).await;
}

/// On all addresses: the answer comes from the one that was asked, never from the well-known port, and not always from
/// the same one.
#[tokio::test]
async fn answers_come_from_the_address_that_was_asked() {
    let server = start(Ipv4Addr::UNSPECIFIED, |asked| numbered(&asked.name));
    let mut ports = HashSet::new();
    for n in 1..=40 {
        let asked = Ipv4Addr::new(127, 0, 3, n);
        let mut client = Client::new(phone(n), 0).await;
        let name = if n % 2 == 0 { "700" } else { "absent" };
        let got = client.fetch(SocketAddrV4::new(asked, server.address.port()), name, "").await;
        assert_eq!(got, if n % 2 == 0 { Got::File(file(700)) } else { Got::Error(1) });
        let peer = client.peer.unwrap();
        assert_eq!(peer.ip(), asked);
        assert_ne!(peer.port(), server.address.port());
        ports.insert(peer.port());
    }
    assert!(ports.len() > 1);
}

/// RFC 1123 section 4.2.3.5: a request to a broadcast address gets no answer; one after it, to ours, does.
#[tokio::test]
async fn a_broadcast_request_gets_no_answer() {
    let server = start(Ipv4Addr::UNSPECIFIED, |asked| numbered(&asked.name));
    let mut client = Client::new(phone(1), 0).await;
    client.socket.set_broadcast(true).unwrap();
    let everyone = SocketAddrV4::new(Ipv4Addr::new(127, 255, 255, 255), server.address.port());
    client.socket.send_to(b"\0\x01absent\0octet\0", everyone).await.unwrap();
    assert_eq!(client.fetch(server.address_at(phone(9)), "5", "").await, Got::File(file(5)));
}

impl Running {
    fn address_at(&self, ip: Ipv4Addr) -> SocketAddrV4 {
        SocketAddrV4::new(ip, self.address.port())
    }
}

/// A lookup that takes long, or dies, holds up nobody else.
#[tokio::test]
async fn slow_lookups_hold_up_nobody() {
    let (open, gate) = oneshot::channel::<()>();
    let gate = std::sync::Mutex::new(Some(gate));
    let server = start(Ipv4Addr::LOCALHOST, move |asked| match asked.name.as_str() {
        "slow" => {
            let gate = gate.lock().unwrap().take();
            Reply::Later(Box::pin(async move {
                gate?.await.ok()?;
                Some(Content { bytes: file(9_000).into(), text: false, receipt: None })
            }))
        }
        "gone" => Reply::Later(Box::pin(async { None })),
        name => numbered(name),
    });
    let address = server.address;
    let slow = tokio::spawn(async move {
        let mut client = Client::new(phone(1), 0).await;
        client.fetch(address, "slow", "").await
    });
    assert_eq!(Client::new(phone(2), 0).await.fetch(address, "4096", "").await, Got::File(file(4_096)));
    assert_eq!(Client::new(phone(3), 0).await.fetch(address, "gone", "").await, Got::Error(1));
    open.send(()).unwrap();
    assert_eq!(slow.await.unwrap(), Got::File(file(9_000)));
}

/// On shutdown what runs is finished, what comes new is not answered, and then it ends.
#[tokio::test]
async fn shutdown_lets_transfers_end() {
    let mut server = start(Ipv4Addr::LOCALHOST, |asked| numbered(&asked.name));
    let to = SocketAddr::V4(server.address);
    let mut running = Client::new(phone(1), 0).await;
    running.post(to, b"\0\x012000\0octet\0").await;
    let first = running.next(to, b"").await;
    assert_eq!(first[..4], [0, 3, 0, 1]);
    server.shutdown.cancel();
    // A request after the end was asked for; the transfer's own answers show that it was passed over.
    let late = Client::new(phone(2), 0).await;
    tokio::task::yield_now().await;
    late.socket.send_to(b"\0\x01100\0octet\0", to).await.unwrap();
    let peer = running.peer.unwrap();
    for block in 1..=4_u8 {
        running.post(peer, &[0, 4, 0, block]).await;
        if block < 4 {
            assert_eq!(running.next(peer, &[0, 4, 0, block]).await[..4], [0, 3, 0, block + 1]);
        }
    }
    server.task.await.unwrap().unwrap();
    let mut events = Vec::new();
    while let Some(event) = server.events.recv().await {
        events.push(event);
    }
    assert!(matches!(events.as_slice(), [Event::Completed { octets: 2_000, .. }]), "{events:?}");
    assert_eq!(late.socket.try_recv(&mut [0; 4]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
}
