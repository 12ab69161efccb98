//! TFTP: a datagram by itself, and the server's core under a stream of datagrams, answers and time.

use std::collections::{HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use bytes::Bytes;
use offhook::tftp::exchange::{Config, Content, Event, Id, Meta, On};
use offhook::tftp::options::Terms;
use offhook::tftp::packet::{self, ErrorCode, Packet};
use offhook::tftp::server::Server;

/// A packet is what it was read from, and what is agreed is within bounds and reads back.
pub fn packet(data: &[u8]) {
    let Ok(packet) = Packet::parse(data) else { return };
    match packet {
        Packet::Read(request) => {
            assert!(data.len() <= packet::REQUEST_LIMIT);
            let again = [b"\0\x01", request.name, b"\0", request.mode, b"\0", request.options].concat();
            assert_eq!(again, data, "a request reads back");
            let Ok(terms) = Terms::negotiate(request.options, 1_428, 16) else { return };
            assert!((8..=1_428).contains(&terms.block_size) && (1..=16).contains(&terms.window));
            let Some(oack) = terms.oack(1_000) else { return };
            assert!(oack.starts_with(&[0, 6]) && oack.len() <= 128);
            let other = Terms::negotiate(&oack[2..], 1_428, 16).expect("we take what we offer");
            assert_eq!(
                (other.block_size, other.window, other.timeout),
                (terms.block_size, terms.window, terms.timeout),
                "an answer means what was agreed"
            );
            assert_eq!(other.oack(1_000), Some(oack));
        }
        Packet::Ack(block) => {
            let mut out = Vec::new();
            packet::data(&mut out, block, data);
            assert!(out.starts_with(&[0, 3]) && out[2..4] == data[2..4] && out[4..] == *data);
        }
        Packet::Write | Packet::Error(..) => {}
    }
}

const SOURCES: [SocketAddrV4; 8] = [
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 50_000),
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 50_001),
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 50_000),
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 3), 1_024),
    // From here on nobody gets a byte: a stranger, service ports, a group.
    SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, 9), 50_000),
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 4), 69),
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 5), 0),
    SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 1), 50_000),
];
const SERVED: usize = 4;
const HERE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 254);
const PER_SOURCE: usize = 4;
const NAMES: [&str; 4] = ["a.cnf", "b.cnf", "./c.bin", "SIPDefault.cnf"];
const OPTIONS: [&str; 8] = [
    "",
    "blksize\x008\0",
    "blksize\x001428\0tsize\x000\0",
    "windowsize\x0016\0",
    "blksize\x0064\0windowsize\x004\0timeout\x001\0",
    "timeout\x00255\0",
    "blksize\x007\0",
    "zzz\x001\0tsize\x000\0",
];

/// The octet of a file at a place; none of a line's end, so that netascii leaves it as it is.
fn octet(at: usize) -> u8 {
    u8::try_from(at * 31 % 239 + 14).expect("below 253")
}

/// What is known of the client at one port.
#[derive(Default)]
struct Client {
    /// Packets sent to it since its last request, until it acknowledges something.
    unanswered: usize,
    answered: bool,
    block: usize,
    file: Option<usize>,
}

struct Bench {
    server: Server,
    now: Instant,
    asked: VecDeque<(Id, SocketAddrV4)>,
    clients: HashMap<SocketAddrV4, Client>,
    /// The longest datagram from each source since it was last told something: no error is much longer.
    longest: HashMap<SocketAddrV4, usize>,
    out: Vec<u8>,
}

impl Bench {
    fn datagram(&mut self, source: SocketAddrV4, on: On, bytes: &[u8]) {
        let longest = self.longest.entry(source).or_default();
        *longest = bytes.len().max(*longest);
        if on != On::Listening && bytes.starts_with(&[0, 4]) && bytes.len() >= 4 {
            self.clients.entry(source).or_default().answered = true;
        }
        let meta = Meta { source, destination: HERE, on };
        self.server.handle_datagram(self.now, meta, On::Transfer(1), bytes);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(event) = self.server.poll_event() {
            if let Event::Requested { id, name, source, .. } = event {
                assert!(SOURCES[..SERVED].contains(&source), "a request of one who is not served");
                assert!(name.len() <= 128 && !name.chars().any(char::is_control), "{name:?}");
                self.clients.insert(source, Client { block: 512, ..Client::default() });
                self.asked.push_back((id, source));
            }
        }
        let active = self.server.active();
        assert!(active <= 3 * PER_SOURCE, "{active} transfers");
        let mut sent = 0;
        while let Some(transmit) = self.server.poll_transmit(self.now, &mut self.out) {
            sent += 1;
            assert!(sent <= 16 * active + 1_100, "no end of packets");
            assert!(SOURCES[..SERVED].contains(&transmit.to), "a byte to {}", transmit.to);
            let client = self.clients.entry(transmit.to).or_default();
            match self.out.as_slice() {
                [0, 5, ..] => {
                    let longest = self.longest.get(&transmit.to).copied().unwrap_or_default();
                    assert!(self.out.len() <= longest + 24, "an error of {} octets", self.out.len());
                }
                [0, 6, options @ ..] => {
                    client.unanswered += 1;
                    client.block = usize::from(Terms::negotiate(options, 1_428, 16).expect("ours").block_size);
                }
                [0, 3, high, low, payload @ ..] => {
                    client.unanswered += 1;
                    let size = client.file.expect("only what was accepted is sent");
                    let number = usize::from(u16::from_be_bytes([*high, *low]));
                    assert!(number > 0, "files here are too short for that");
                    let start = (number - 1) * client.block;
                    let stop = (start + client.block).min(size);
                    assert!(start <= size && payload.len() == stop - start, "block {number} of {size}");
                    assert!(payload.iter().zip(start..).all(|(got, at)| *got == octet(at)), "block {number}");
                }
                other => panic!("{other:?}"),
            }
            assert!(client.answered || client.unanswered <= 3, "{} packets to one who is silent", client.unanswered);
        }
    }
}

/// The server's core: each command is a byte, with what it needs behind it.
pub fn server(data: &[u8]) {
    let config = Config {
        networks: vec!["10.0.0.0/8".parse().expect("a network")],
        per_source: PER_SOURCE,
        ..Config::default()
    };
    let mut bench = Bench {
        server: Server::new(config),
        now: Instant::now(),
        asked: VecDeque::new(),
        clients: HashMap::new(),
        longest: HashMap::new(),
        out: Vec::new(),
    };
    let mut rest = data.iter().copied();
    let mut next = move || rest.next();
    while let (Some(command), Some(argument)) = (next(), next()) {
        let source = SOURCES[usize::from(command >> 4) % SOURCES.len()];
        match command % 8 {
            kind @ (0 | 1) => {
                let bytes: Vec<u8> = std::iter::from_fn(&mut next).take(argument.into()).collect();
                bench.datagram(source, if kind == 0 { On::Listening } else { On::Transfer(1) }, &bytes);
            }
            2 => {
                let (name, options) = (NAMES[usize::from(argument) % 4], OPTIONS[usize::from(argument >> 2) % 8]);
                let mode = if argument & 0x80 == 0 { "octet" } else { "netascii" };
                bench.datagram(source, On::Listening, format!("\0\x01{name}\0{mode}\0{options}").as_bytes());
            }
            3 => bench.datagram(source, On::Transfer(1), &[0, 4, next().unwrap_or_default(), argument]),
            4 => bench.datagram(source, On::Transfer((argument & 1).into()), b"\0\x05\0\0\0"),
            5 => {
                bench.now += Duration::from_millis(u64::from(argument) * if command & 8 == 0 { 1 } else { 100 });
                bench.server.handle_timeout(bench.now);
                let next = bench.server.poll_timeout();
                assert!(next.is_none_or(|next| next > bench.now), "a timer that stands still");
            }
            6 => {
                if let Some((id, source)) = bench.asked.pop_front() {
                    let size = usize::from(argument) * 97;
                    // An answer to a request that is gone is nobody's, and changes nothing for who asks now.
                    if !bench.asked.iter().any(|(_, later)| *later == source) {
                        bench.clients.entry(source).or_default().file = Some(size);
                        let bytes: Bytes = (0..size).map(octet).collect();
                        bench.server.accept(bench.now, id, Content { bytes, text: command & 8 == 0, receipt: None });
                    }
                }
            }
            _ => {
                if let Some((id, _)) = bench.asked.pop_front() {
                    bench.server.reject(id, ErrorCode::NotFound);
                }
            }
        }
        bench.drain();
    }
}
