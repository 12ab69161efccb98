//! The load: many phones at once, each with a socket and an address of its own, on one thread.
//!
//! A phone here is as plain as the reference says: it asks, acknowledges each block (or each window), acknowledges a
//! block again that comes twice, asks or acknowledges again after a while of silence, and takes a new port for every
//! file. It looks at every byte.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use rustix::event::Timespec;
use rustix::event::epoll;

/// Silence after which a phone asks or acknowledges again. Real ones wait four seconds, which would be kinder to us.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two looks for phones that wait too long.
const SWEEP: Duration = Duration::from_millis(10);

/// A run that takes longer has failed.
const LIMIT: Duration = Duration::from_mins(3);

/// What a phone wants.
#[derive(Clone)]
pub(crate) struct Fetch {
    pub(crate) name: String,
    /// What must come; `None` = the server has no such file.
    pub(crate) file: Option<Arc<[u8]>>,
    pub(crate) options: Options,
}

/// What a phone offers with its request.
#[derive(Clone, Copy)]
pub(crate) struct Options {
    pub(crate) block: usize,
    pub(crate) window: u16,
}

impl Options {
    /// As the phones ask: none.
    pub(crate) const NONE: Self = Self { block: 512, window: 1 };
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) took: Duration,
    /// Octets of files.
    pub(crate) octets: u64,
    /// Files that came, each byte right.
    pub(crate) files: usize,
    /// Fetches that failed, with the first reason.
    pub(crate) failed: usize,
    pub(crate) why: Option<String>,
    /// Requests and acknowledgements that phones sent again for silence.
    pub(crate) asked_again: usize,
    /// Blocks that came twice.
    pub(crate) doubled: usize,
    /// From a phone's first request to its last byte, sorted.
    pub(crate) phones: Vec<Duration>,
}

impl Outcome {
    /// The time within which that share of the phones was done.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let last = self.phones.len().saturating_sub(1);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let at = (last as f64 * share).ceil() as usize;
        self.phones.get(at).copied().unwrap_or_default()
    }
}

/// A phone's way through its list.
struct Phone {
    address: Ipv4Addr,
    list: VecDeque<Fetch>,
    began: Instant,
    socket: Option<UdpSocket>,
    /// The server's port of this transfer.
    peer: Option<SocketAddr>,
    /// What was sent last, for sending it again.
    last: Vec<u8>,
    sent: Instant,
    tries: u32,
    /// Agreed size and window.
    block: usize,
    window: u16,
    next: u64,
    received: usize,
    unacknowledged: u16,
    /// A gap was told once.
    gap: bool,
    took: Option<Duration>,
}

/// Plays all phones from the same instant to the end of their lists. `loss` is the share of datagrams that is lost, on
/// each way.
pub(crate) fn play(server: SocketAddr, lists: Vec<Vec<Fetch>>, loss: f64, seed: u64) -> Outcome {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    let began = Instant::now();
    let mut phones: Vec<Phone> = lists
        .into_iter()
        .enumerate()
        .map(|(at, list)| {
            let [_, _, high, low] = u32::try_from(at + 1).unwrap().to_be_bytes();
            Phone {
                address: Ipv4Addr::new(127, 2, high, low),
                list: list.into(),
                began,
                socket: None,
                peer: None,
                last: Vec::with_capacity(64),
                sent: began,
                tries: 0,
                block: 512,
                window: 1,
                next: 1,
                received: 0,
                unacknowledged: 0,
                gap: false,
                took: None,
            }
        })
        .collect();
    let mut run = Run {
        epoll,
        server,
        loss,
        chance: SmallRng::seed_from_u64(seed),
        outcome: Outcome::default(),
        open: phones.len(),
    };
    for (at, phone) in phones.iter_mut().enumerate() {
        run.ask(at, phone);
    }
    run.wait(&mut phones, began);
    run.outcome.took = began.elapsed();
    run.outcome.phones = phones.iter().filter_map(|phone| phone.took).collect();
    run.outcome.phones.sort_unstable();
    run.outcome
}

struct Run {
    epoll: OwnedFd,
    server: SocketAddr,
    loss: f64,
    chance: SmallRng,
    outcome: Outcome,
    /// Phones that are not done.
    open: usize,
}

impl Run {
    fn wait(&mut self, phones: &mut [Phone], began: Instant) {
        let mut events = Vec::with_capacity(256);
        let mut buffer = [0; 2_048];
        let mut swept = began;
        let pause = Timespec { tv_sec: 0, tv_nsec: SWEEP.subsec_nanos().into() };
        while self.open > 0 {
            events.clear();
            epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&pause)).unwrap();
            for event in &events {
                let at = usize::try_from(event.data.u64()).unwrap();
                self.receive(at, &mut phones[at], &mut buffer);
            }
            let now = Instant::now();
            if now.duration_since(swept) >= SWEEP {
                swept = now;
                for (at, phone) in phones.iter_mut().enumerate() {
                    self.sweep(now, at, phone);
                }
                if now.duration_since(began) > LIMIT {
                    self.fail("not done within the limit of the run");
                    self.outcome.failed += self.open;
                    return;
                }
            }
        }
    }

    /// The next file of the list, from a new port.
    fn ask(&mut self, at: usize, phone: &mut Phone) {
        let Some(fetch) = phone.list.front() else {
            phone.socket = None;
            phone.took = Some(phone.began.elapsed());
            self.open -= 1;
            return;
        };
        phone.last.clear();
        phone.last.extend_from_slice(&[0, 1]);
        phone.last.extend_from_slice(fetch.name.as_bytes());
        phone.last.extend_from_slice(b"\0octet\0");
        if fetch.options.block != 512 {
            phone.last.extend_from_slice(format!("blksize\0{}\0", fetch.options.block).as_bytes());
        }
        if fetch.options.window != 1 {
            phone.last.extend_from_slice(format!("windowsize\0{}\0", fetch.options.window).as_bytes());
        }
        (phone.block, phone.window, phone.next, phone.received) = (512, 1, 1, 0);
        (phone.unacknowledged, phone.gap, phone.tries, phone.peer) = (0, false, 0, None);
        let socket = UdpSocket::bind((phone.address, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        epoll::add(&self.epoll, &socket, epoll::EventData::new_u64(at as u64), epoll::EventFlags::IN).unwrap();
        phone.socket = Some(socket);
        self.send(phone);
    }

    fn send(&mut self, phone: &mut Phone) {
        phone.sent = Instant::now();
        if self.lost() {
            return;
        }
        let socket = phone.socket.as_ref().unwrap();
        // A full buffer of ours loses the datagram, as a wire would.
        let _ = match phone.peer {
            Some(_) => socket.send(&phone.last),
            None => socket.send_to(&phone.last, self.server),
        };
    }

    fn lost(&mut self) -> bool {
        self.loss > 0.0 && self.chance.random_bool(self.loss)
    }

    fn acknowledge(&mut self, phone: &mut Phone, block: u64) {
        let [.., high, low] = block.to_be_bytes();
        phone.last.clear();
        phone.last.extend_from_slice(&[0, 4, high, low]);
        self.send(phone);
    }

    fn receive(&mut self, at: usize, phone: &mut Phone, buffer: &mut [u8]) {
        // The phone may have gone on to its next file since the event.
        let Some(socket) = phone.socket.as_ref() else { return };
        let length = if phone.peer.is_some() {
            match socket.recv(buffer) {
                Ok(length) => length,
                Err(_) => return,
            }
        } else {
            let Ok((length, from)) = socket.recv_from(buffer) else { return };
            let _: SocketAddrV4 = match from {
                SocketAddr::V4(from) => from,
                SocketAddr::V6(_) => return,
            };
            socket.connect(from).unwrap();
            phone.peer = Some(from);
            length
        };
        if self.lost() {
            return;
        }
        let packet = &buffer[..length];
        match packet {
            [0, 3, high, low, payload @ ..] => {
                let block = u16::from_be_bytes([*high, *low]);
                self.data(at, phone, block, payload);
            }
            [0, 6, options @ ..] => {
                let mut words = options.split(|byte| *byte == 0);
                while let (Some(name), Some(value)) = (words.next(), words.next()) {
                    let number =
                        std::str::from_utf8(value).ok().and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
                    match name {
                        b"blksize" => phone.block = number,
                        b"windowsize" => phone.window = u16::try_from(number).unwrap(),
                        _ => {}
                    }
                }
                self.acknowledge(phone, 0);
            }
            [0, 5, _, code, ..] => {
                let wanted = phone.list.pop_front().unwrap();
                if wanted.file.is_some() || *code != 1 {
                    self.fail(&format!("{}: error {code}", wanted.name));
                    self.outcome.failed += 1;
                }
                self.ask(at, phone);
            }
            _ => {
                self.fail("a packet that no server sends");
                self.outcome.failed += 1;
            }
        }
    }

    fn data(&mut self, at: usize, phone: &mut Phone, block: u16, payload: &[u8]) {
        #[allow(clippy::cast_possible_truncation)]
        let ahead = block.wrapping_sub(phone.next as u16);
        if ahead != 0 {
            if ahead > u16::MAX / 2 {
                self.outcome.doubled += 1;
            }
            // One word on each gap (RFC 7440 section 4); a block that came before is acknowledged again (RFC 1350).
            if phone.window == 1 || !std::mem::replace(&mut phone.gap, true) {
                let last = phone.next - 1;
                phone.unacknowledged = 0;
                self.acknowledge(phone, last);
            }
            return;
        }
        phone.gap = false;
        phone.tries = 0;
        let file = phone.list.front().and_then(|fetch| fetch.file.clone());
        let right = file.is_some_and(|file| {
            file.get(phone.received..phone.received + payload.len()) == Some(payload)
                && (payload.len() == phone.block || phone.received + payload.len() == file.len())
        });
        if !right {
            self.fail(&format!("{}: wrong bytes in block {}", phone.list[0].name, phone.next));
            self.outcome.failed += 1;
            phone.list.clear();
            return self.ask(at, phone);
        }
        phone.received += payload.len();
        phone.next += 1;
        phone.unacknowledged += 1;
        let last = payload.len() < phone.block;
        if last || phone.unacknowledged >= phone.window {
            phone.unacknowledged = 0;
            let block = phone.next - 1;
            self.acknowledge(phone, block);
        }
        if last {
            self.outcome.octets += phone.received as u64;
            self.outcome.files += 1;
            phone.list.pop_front();
            self.ask(at, phone);
        }
    }

    fn sweep(&mut self, now: Instant, at: usize, phone: &mut Phone) {
        if phone.socket.is_none() || now.saturating_duration_since(phone.sent) < PATIENCE {
            return;
        }
        phone.tries += 1;
        if phone.tries > 20 {
            self.fail(&format!("{}: no answer to 20 tries", phone.list[0].name));
            self.outcome.failed += 1;
            phone.list.pop_front();
            return self.ask(at, phone);
        }
        self.outcome.asked_again += 1;
        if phone.peer.is_some() && phone.next > 1 {
            let last = phone.next - 1;
            self.acknowledge(phone, last);
        } else {
            self.send(phone);
        }
    }

    fn fail(&mut self, why: &str) {
        self.outcome.why.get_or_insert_with(|| why.to_owned());
    }
}
