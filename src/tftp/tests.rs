//! The core against scripts: the bad-input catalogue by row, lossy networks on simulated time.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::exchange::{Config, Content, DropReason, Dropped, Event, Meta, On, Transmit};
use super::packet::ErrorCode;
use super::server::Server;

mod load;

const PHONE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(127, 0, 1, 60), 50_000);
const OURS: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// A server, and a file that it has under every name but `absent`.
struct Bench {
    server: Server,
    now: Instant,
    file: Bytes,
    text: bool,
    events: Vec<Event>,
    dropped: Arc<Dropped>,
}

impl Bench {
    fn new(size: usize) -> Self {
        Self::with(Config { networks: vec!["127.0.0.0/8".parse().unwrap()], ..Config::default() }, size)
    }

    fn with(config: Config, size: usize) -> Self {
        let file = (0..size).map(|n| u8::try_from((n / 512 + n) % 251).unwrap()).collect::<Vec<u8>>();
        let dropped = Arc::clone(&config.dropped);
        let server = Server::new(config);
        Self { server, now: Instant::now(), file: file.into(), text: true, events: Vec::new(), dropped }
    }

    /// How many datagrams got no answer so far, in the order of [`DropReason::ALL`]: source, packet, pace, full.
    fn dropped(&self) -> [u64; 4] {
        DropReason::ALL.map(|why| self.dropped.so_far(why))
    }

    fn send(&mut self, source: SocketAddrV4, on: On, bytes: &[u8]) {
        self.server.handle_datagram(self.now, Meta { source, destination: OURS, on }, On::Transfer(0), bytes);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.server.handle_timeout(self.now);
    }

    /// What the server sends now.
    fn sent(&mut self) -> Vec<(Transmit, Vec<u8>)> {
        let mut out = Vec::new();
        let mut buffer = Vec::new();
        loop {
            while let Some(event) = self.server.poll_event() {
                if let Event::Requested { id, name, .. } = &event {
                    if name == "absent" {
                        self.server.reject(*id, ErrorCode::NotFound);
                    } else {
                        let content = Content { bytes: self.file.clone(), text: self.text, receipt: None };
                        self.server.accept(self.now, *id, content);
                    }
                }
                self.events.push(event);
            }
            match self.server.poll_transmit(self.now, &mut buffer) {
                Some(transmit) => out.push((transmit, buffer.clone())),
                None => return out,
            }
        }
    }

    /// A request to the listening port, and the answers to it.
    fn ask(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.send(PHONE, On::Listening, bytes);
        self.sent().into_iter().map(|(_, bytes)| bytes).collect()
    }

    fn ack(&mut self, block: u16) -> Vec<Vec<u8>> {
        let [high, low] = block.to_be_bytes();
        self.send(PHONE, On::Transfer(0), &[0, 4, high, low]);
        self.sent().into_iter().map(|(_, bytes)| bytes).collect()
    }
}

fn rrq(rest: &str) -> Vec<u8> {
    [&[0, 1], rest.as_bytes()].concat()
}

/// The error code of the only answer.
fn error(answers: &[Vec<u8>]) -> Option<u8> {
    match answers {
        [only] if only.starts_with(&[0, 5, 0]) => only.get(3).copied(),
        _ => None,
    }
}

/// Rows A1 to A13, A23, A27 to A40 of the catalogue: what a request is answered with.
#[test]
fn catalogue_of_requests() {
    let silent: &[(&str, Vec<u8>)] = &[
        ("A1", vec![]),
        ("A2", vec![0]),
        ("A3", vec![0, 1]),
        ("A4", rrq("name")),
        ("A5", rrq("fw\0")),
        ("A6", rrq("fw\0octet")),
        ("A11 opcode 0", vec![0, 0, b'x', 0, b'y', 0]),
        ("A11 opcode 9", vec![0, 9, b'x', 0]),
        ("A11 opcode 0xFFFF", vec![0xff, 0xff, 0, 1]),
        ("A12 DATA", vec![0, 3, 0, 1, 1, 2, 3]),
        ("A12 ACK", vec![0, 4, 0, 1]),
        ("A12 ERROR", b"\0\x05\0\x01x\0".to_vec()),
        ("A12 OACK", b"\0\x06blksize\x008\0".to_vec()),
        ("A23 256", rrq(&format!("{}\0octet\0", "n".repeat(256)))),
        ("A23 2000", rrq(&format!("{}\0octet\0", "n".repeat(2_000)))),
        ("A27 over 1024", rrq(&format!("f\0octet\0{}", "z\0z\0".repeat(400)))),
    ];
    for (row, bytes) in silent {
        let mut bench = Bench::new(600);
        assert!(bench.ask(bytes).is_empty(), "{row}");
        assert_eq!(bench.dropped(), [0, 1, 0, 0], "{row}: counted once, as a packet of no client");
    }
    let refused: &[(&str, &str, u8)] = &[
        ("A7", "\0octet\0", 4),
        ("A8 mail", "f\0mail\0", 4),
        ("A8 foo", "f\0foo\0", 4),
        ("A21 control", "a\nb\0octet\0", 1),
        ("absent", "absent\0octet\0", 1),
        ("A28", "f\0octet\0blksize\x000\0", 8),
        ("A29", "f\0octet\0blksize\x007\0", 8),
        ("A32 65465", "f\0octet\0blksize\x0065465\0", 8),
        ("A33", "f\0octet\0blksize\x00512\0BLKSIZE\x001024\0", 8),
    ];
    for (row, rest, code) in refused {
        let answers = Bench::new(600).ask(&rrq(rest));
        assert_eq!(error(&answers), Some(*code), "{row}");
        assert!(answers[0].len() <= rest.len() + 2 + 24, "{row}: no larger than the request and a little");
    }
    let plain: &[(&str, &str)] = &[
        ("A9", "f\0OcTeT\0"),
        ("A10 text", "f\0netascii\0"),
        ("A32 -1", "f\0octet\0blksize\0-1\0"),
        ("A32 blank", "f\0octet\0blksize\0 512\0"),
        ("A32 hex", "f\0octet\0blksize\x000x200\0"),
        ("A32 plus", "f\0octet\0blksize\0+512\0"),
        ("A32 none", "f\0octet\0blksize\0\0"),
        ("A32 huge", "f\0octet\0blksize\x0099999999999\0"),
        ("A34", "f\0octet\0blksize\0"),
        ("A35", "f\0octet\0junk"),
        ("A36", "f\0octet\0zzz\x001\0"),
        ("A38 0", "f\0octet\0timeout\x000\0"),
        ("A38 256", "f\0octet\0timeout\x00256\0"),
        ("A39", "f\0octet\0tsize\x0018446744073709551616\0"),
        ("A40 0", "f\0octet\0windowsize\x000\0"),
    ];
    for (row, rest) in plain {
        let answers = Bench::new(600).ask(&rrq(rest));
        assert_eq!(answers.len(), 1, "{row}");
        assert!(answers[0].starts_with(&[0, 3, 0, 1]) && answers[0].len() == 516, "{row}: {:?}", &answers[0][..4]);
    }
    let agreed: &[(&str, &str, &str)] = &[
        ("A30", "blksize\x008\0", "blksize\x008\0"),
        ("A31", "blksize\x0065464\0", "blksize\x001428\0"),
        ("A38 255", "timeout\x00255\0", "timeout\x00255\0"),
        ("A39 size", "tsize\x000\0", "tsize\x00600\0"),
        ("A40 cap", "windowsize\x0065535\0", "windowsize\x0016\0"),
        ("A36 mixed", "zzz\x001\0blksize\x001024\0", "blksize\x001024\0"),
    ];
    for (row, options, answer) in agreed {
        let answers = Bench::new(600).ask(&rrq(&format!("f\0octet\0{options}")));
        assert_eq!(answers, [[&[0, 6], answer.as_bytes()].concat()], "{row}");
    }
    let mut binary = Bench { text: false, ..Bench::new(600) };
    assert_eq!(error(&binary.ask(&rrq("f\0netascii\0"))), Some(4), "A10: a binary is never translated");
}

/// A13: a refused write is answered, and not again for a while.
#[test]
fn a13_writes() {
    let mut bench = Bench::new(1);
    assert_eq!(error(&bench.ask(b"\0\x02x\0octet\0")), Some(2));
    assert!(bench.ask(b"\0\x02x\0octet\0").is_empty());
    bench.pass(Duration::from_secs(11));
    assert_eq!(error(&bench.ask(b"\0\x02x\0octet\0")), Some(2));
}

/// A41 and A42: what the last block looks like.
#[test]
fn a41_a42_last_blocks() {
    for (size, blocks) in [(0, 1), (1, 1), (511, 1), (512, 2), (513, 2), (1_024, 3)] {
        let mut bench = Bench::new(size);
        let mut received = 0;
        let mut answers = bench.ask(&rrq("f\0octet\0"));
        for block in 1..=blocks {
            assert_eq!(answers.len(), 1, "{size}: block {block}");
            received += answers[0].len() - 4;
            answers = bench.ack(block);
        }
        assert!(answers.is_empty() && received == size, "{size}");
        assert!(matches!(bench.events.last(), Some(Event::Completed { .. })), "{size}");
        assert_eq!(bench.server.active(), 0);
    }
}

/// A43 to A45, A48: acknowledgements that fit no block change nothing.
#[test]
fn a43_to_a48_odd_packets() {
    let mut bench = Bench::new(2_000);
    bench.ask(&rrq("f\0octet\0"));
    for block in [0, 2, 65_535] {
        assert!(bench.ack(block).is_empty(), "ACK {block}");
    }
    bench.send(PHONE, On::Transfer(0), &[0, 4, 0]);
    bench.send(PHONE, On::Transfer(0), &rrq("g\0octet\0"));
    assert!(bench.sent().is_empty());
    assert_eq!((bench.dropped(), bench.server.active()), ([0, 2, 0, 0], 1));
    assert_eq!(bench.ack(1).len(), 1);
    // A44 and T10: a thousand times the same, and not one DATA more.
    for _ in 0..1_000 {
        assert!(bench.ack(1).is_empty());
    }
    assert_eq!(bench.ack(2).len(), 1);
}

/// A46 and A47: an ERROR ends the transfer and gets no answer.
#[test]
fn a46_a47_errors_end() {
    for bytes in [b"\0\x05\0\x08no\0".to_vec(), [&b"\0\x05\0\0"[..], &vec![b'x'; 60_000]].concat()] {
        let mut bench = Bench::new(2_000);
        bench.ask(&rrq("f\0octet\0blksize\x001024\0"));
        bench.send(PHONE, On::Transfer(0), &bytes);
        assert!(bench.sent().is_empty());
        assert_eq!(bench.server.active(), 0);
        assert_eq!(bench.ask(&rrq("f\0octet\0")).len(), 1);
    }
}

/// A49, A50, T7 and T8: who gets no byte.
#[test]
fn a49_a50_sources_that_get_nothing() {
    let request = rrq("absent\0octet\0");
    for source in [
        "127.0.1.60:0",
        "127.0.1.60:69",
        "127.0.1.60:19",
        "127.0.1.60:7",
        "203.0.113.9:5000",
        "224.0.0.1:5000",
        "255.255.255.255:5000",
        "127.255.255.255:5000",
    ] {
        let mut bench = Bench::new(1);
        bench.send(source.parse().unwrap(), On::Listening, &request);
        assert!(bench.sent().is_empty(), "{source}");
        assert_eq!(bench.dropped(), [1, 0, 0, 0], "{source}");
    }
    for destination in [Ipv4Addr::BROADCAST, Ipv4Addr::new(224, 0, 0, 1)] {
        let mut bench = Bench::new(1);
        bench.server.handle_datagram(
            bench.now,
            Meta { source: PHONE, destination, on: On::Listening },
            On::Transfer(0),
            &request,
        );
        assert!(bench.sent().is_empty(), "{destination}");
        assert_eq!(bench.dropped(), [1, 0, 0, 0], "{destination}");
    }
}

/// T7: a client that never answers gets three packets and is forgotten.
#[test]
fn t7_silence() {
    let mut bench = Bench::new(2_000);
    let mut packets = bench.ask(&rrq("f\0octet\0")).len();
    for _ in 0..600 {
        bench.pass(Duration::from_millis(100));
        packets += bench.sent().len();
    }
    assert_eq!((packets, bench.server.active()), (3, 0));
    assert!(matches!(bench.events.last(), Some(Event::Failed { reason: "no-answer", got: Some((0, 2_000)), .. })));
}

/// How far it came is told: three of four blocks, and of one that is not sent nothing.
#[test]
fn what_ends_early_tells_how_far_it_came() {
    let mut bench = Bench::new(2_000);
    bench.ask(&rrq("f\0octet\0"));
    for block in 1..=3 {
        bench.ack(block);
    }
    for _ in 0..6_000 {
        bench.pass(Duration::from_millis(100));
        bench.sent();
    }
    assert!(matches!(bench.events.last(), Some(Event::Failed { got: Some((1_536, 2_000)), .. })), "{:?}", bench.events);
}

/// T9: a stranger's packets do not disturb, and are told so once a second.
#[test]
fn t9_wrong_tid() {
    let mut bench = Bench::new(2_000);
    bench.ask(&rrq("f\0octet\0"));
    let stranger = SocketAddrV4::new(Ipv4Addr::new(127, 0, 9, 9), 1_234);
    for expected in [1, 0, 0] {
        bench.send(stranger, On::Transfer(0), &[0, 4, 0, 1]);
        let sent = bench.sent();
        assert_eq!(sent.len(), expected);
        assert!(sent.iter().all(|(to, bytes)| to.to == stranger && bytes.starts_with(&[0, 5, 0, 5])));
    }
    bench.send(stranger, On::Transfer(0), b"\0\x05\0\0\0");
    assert_eq!(bench.ack(1).len(), 1, "the transfer goes on");
}

/// A46: a client that does not take our answer to its options says so, and asks without them from the same port; the
/// network may turn the two about.
#[test]
fn a46_a_request_without_options_after_one_with_them() {
    let mut bench = Bench::new(2_000);
    assert!(matches!(bench.ask(&rrq("f\0octet\0blksize\x001024\0")).as_slice(), [oack] if oack.starts_with(&[0, 6])));
    assert!(matches!(bench.ask(&rrq("f\0octet\0")).as_slice(), [data] if data.starts_with(&[0, 3, 0, 1])));
}

/// A22: what a phone asks for with a name that none can have is told, escaped.
#[test]
fn a22_odd_names_are_told() {
    let mut bench = Bench::new(10);
    bench.ask(b"\0\x01a\n[x]\x1b[2J\xff\0octet\0");
    assert!(
        matches!(bench.events.as_slice(), [Event::Failed { name, reason: "bad-name", .. }] if name == r"a\x0a[x]\x1b[2J\xff"),
        "{:?}",
        bench.events
    );
}

/// F23: a phone that writes flash for 20 s between blocks gets its file.
#[test]
fn f23_a_slow_phone() {
    let mut bench = Bench::new(512 * 4);
    let mut answers = bench.ask(&rrq("f\0octet\0"));
    for block in 1..=5 {
        for _ in 0..200 {
            bench.pass(Duration::from_millis(100));
            answers.extend(bench.sent().into_iter().map(|(_, bytes)| bytes));
        }
        if block == 1 {
            // Before the first ACK the patience is short: the phone asks again, as phones do.
            answers = bench.ask(&rrq("f\0octet\0"));
        }
        assert!(
            answers.iter().all(|bytes| bytes.starts_with(&[0, 3, 0, u8::try_from(block).unwrap()])),
            "block {block}"
        );
        assert!(!answers.is_empty(), "block {block}");
        answers = bench.ack(block);
    }
    assert!(matches!(bench.events.last(), Some(Event::Completed { .. })));
}

/// F26: more than 65,535 blocks.
#[test]
fn f26_block_numbers_wrap() {
    let size = 8 * 70_000;
    let mut bench = Bench::new(size);
    let answers = bench.ask(&rrq("f\0octet\0blksize\x008\0"));
    assert_eq!(answers.len(), 1);
    let mut received = Vec::new();
    let mut answers = bench.ack(0);
    let mut block = 1_u16;
    while let [data] = answers.as_slice() {
        assert_eq!(data[2..4], block.to_be_bytes());
        received.extend_from_slice(&data[4..]);
        answers = bench.ack(block);
        block = block.wrapping_add(1);
    }
    assert_eq!(received.len(), size);
    assert!(received == bench.file);
}

/// RFC 7440: a window, and what happens when its middle is lost.
#[test]
fn windows() {
    let mut bench = Bench::new(512 * 10);
    bench.ask(&rrq("f\0octet\0windowsize\x004\0"));
    let numbers = |answers: Vec<Vec<u8>>| answers.iter().map(|data| data[3]).collect::<Vec<_>>();
    assert_eq!(numbers(bench.ack(0)), [1, 2, 3, 4]);
    assert_eq!(numbers(bench.ack(2)), [3, 4, 5, 6], "3 was lost: on from there");
    assert_eq!(numbers(bench.ack(6)), [7, 8, 9, 10]);
    assert_eq!(numbers(bench.ack(10)), [11]);
    bench.ack(11);
    assert!(matches!(bench.events.last(), Some(Event::Completed { .. })));
}

/// A small generator, so that a failing run can be repeated (xorshift64).
struct Dice(u64);

impl Dice {
    fn percent(&mut self, chance: u64) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % 100 < chance
    }
}

/// F16: 10 % lost, 5 % doubled, 10 % late, both ways: a hundred files, each byte-exact. The client is RFC 1350's.
#[test]
fn f16_lossy_network() {
    for seed in 1..=100 {
        let mut dice = Dice(seed * 0x9e37_79b9);
        let mut bench = Bench::new(512 * 20 + 77);
        let mut wire: Vec<(Instant, bool, Vec<u8>)> = Vec::new();
        let mut received = Vec::new();
        let mut last_ack = rrq("f\0octet\0");
        let mut retry = bench.now;
        let end = bench.now + Duration::from_mins(10);
        let post = |wire: &mut Vec<_>, dice: &mut Dice, now: Instant, up: bool, bytes: &[u8]| {
            let copies = if dice.percent(10) { 0 } else { 1 + usize::from(dice.percent(5)) };
            for _ in 0..copies {
                let delay = if dice.percent(10) { 40 } else { 2 };
                wire.push((now + Duration::from_millis(delay), up, bytes.to_vec()));
            }
        };
        while received.len() % 512 == 0 && bench.now < end {
            if bench.now >= retry {
                retry = bench.now + Duration::from_secs(1);
                post(&mut wire, &mut dice, bench.now, true, &last_ack);
            }
            let due: Vec<_> = wire.iter().filter(|(at, ..)| *at <= bench.now).cloned().collect();
            wire.retain(|(at, ..)| *at > bench.now);
            for (_, up, bytes) in due {
                if up {
                    let on = if bytes[1] == 1 { On::Listening } else { On::Transfer(0) };
                    bench.send(PHONE, on, &bytes);
                } else if bytes.starts_with(&[0, 3]) {
                    let expected = u16::try_from(received.len() / 512 + 1).unwrap();
                    if received.len() % 512 == 0 && bytes[2..4] == expected.to_be_bytes() {
                        received.extend_from_slice(&bytes[4..]);
                    }
                    last_ack = [&[0, 4], &bytes[2..4]].concat();
                    retry = bench.now + Duration::from_secs(1);
                    let ack = last_ack.clone();
                    post(&mut wire, &mut dice, bench.now, true, &ack);
                }
            }
            for (_, bytes) in bench.sent() {
                post(&mut wire, &mut dice, bench.now, false, &bytes);
            }
            bench.pass(Duration::from_millis(1));
        }
        assert!(received == bench.file, "seed {seed}: {} of {} octets", received.len(), bench.file.len());
    }
}
