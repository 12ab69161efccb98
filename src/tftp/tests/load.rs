//! The core under load: phones that ask again, as many as there may be, and floods.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use super::super::exchange::{Config, Event, On};
use super::{Bench, Dice, PHONE, rrq};

/// F24 and F25: requests again.
#[test]
fn f24_f25_requests_again() {
    let mut bench = Bench::new(2_000);
    let request = rrq("f\0octet\0");
    assert_eq!(bench.ask(&request).len(), 1);
    for _ in 0..5 {
        assert!(bench.ask(&request).is_empty(), "F25: one transfer, and timers resend");
    }
    for port in 50_001..50_020 {
        let source = SocketAddrV4::new(*PHONE.ip(), port);
        bench.now += Duration::from_millis(100);
        bench.send(source, On::Listening, &request);
        assert_eq!(bench.sent().len(), 1);
        assert_eq!(bench.server.active(), 1, "F24: the older one is dropped");
    }
    assert_eq!(bench.ask(&rrq("g\0octet\0")).len(), 1, "another file at the same time");
    assert_eq!(bench.server.active(), 2);
}

/// F24: a phone that reboots in the middle is silent, then asks from another port: it has one transfer, from the start,
/// and the old port hears no more, however long the old one would have resent.
#[test]
fn f24_a_reboot_in_the_middle() {
    let mut bench = Bench::new(2_000);
    let reborn = SocketAddrV4::new(*PHONE.ip(), 50_001);
    bench.ask(&rrq("f\0octet\0"));
    assert_eq!(bench.ack(1).len(), 1);
    // A phone in the middle of a transfer is never silent for so long.
    bench.pass(Duration::from_millis(51));
    bench.sent();
    bench.send(reborn, On::Listening, &rrq("f\0octet\0"));
    let mut sent = bench.sent();
    assert_eq!((sent.len(), bench.server.active()), (1, 1));
    assert!(
        matches!(
            bench.events.as_slice(),
            [.., Event::Failed { source: PHONE, reason: "replaced", .. }, Event::Requested { .. }]
        ),
        "{:?}",
        bench.events
    );
    // What the old port still says is nobody's, and gets nothing.
    assert!(bench.ack(2).is_empty());
    let mut got = Vec::new();
    for block in 1..=4 {
        // The flash is slow: timers resend, to the new port alone, the one block that is due.
        for _ in 0..300 {
            if sent.len() < 3 {
                bench.pass(Duration::from_millis(100));
                sent.extend(bench.sent());
            }
        }
        assert_eq!(sent.len(), 3, "block {block}, at once and twice again");
        assert!(sent.iter().all(|(transmit, data)| transmit.to == reborn && data.starts_with(&[0, 3, 0, block])));
        got.extend_from_slice(&sent[0].1[4..]);
        bench.send(reborn, On::Transfer(0), &[0, 4, 0, block]);
        sent = bench.sent();
    }
    assert!(got == bench.file && sent.is_empty() && bench.server.active() == 0);
    assert!(matches!(bench.events.last(), Some(Event::Completed { source, .. }) if *source == reborn));
}

/// Two phones behind one address fetch the same file at the same time: neither takes it from the other.
#[test]
fn phones_behind_one_address() {
    let mut bench = Bench::new(2_000);
    assert_eq!(bench.ask(&rrq("f\0octet\0")).len(), 1);
    assert_eq!(bench.ack(1).len(), 1);
    bench.send(SocketAddrV4::new(*PHONE.ip(), 50_001), On::Listening, &rrq("f\0octet\0"));
    assert_eq!(bench.sent().len(), 1);
    assert_eq!(bench.server.active(), 2);
    assert_eq!(bench.ack(2).len(), 1, "the first goes on");
}

/// F19: eight transfers per source, 2,048 in all. A request over that gets nothing at all: no error, no file.
#[test]
fn f19_caps() {
    let mut bench = Bench::new(2_000);
    for n in 0..20_u16 {
        let source = SocketAddrV4::new(*PHONE.ip(), 40_000 + n);
        let answered = begin(&mut bench, source, &format!("f{n}"));
        assert_eq!(answered, n < 8, "request {n} of one source");
    }
    assert_eq!((bench.server.active(), bench.dropped()), (8, [0, 0, 0, 12]));
    for n in 8..3_000_u32 {
        let [_, _, c, d] = n.to_be_bytes();
        let source = SocketAddrV4::new(Ipv4Addr::new(127, 9, c, d), 40_000);
        assert_eq!(begin(&mut bench, source, "f"), n < 2_048, "request {n} in all");
    }
    assert_eq!((bench.server.active(), bench.dropped()), (2_048, [0, 0, 0, 12 + 3_000 - 2_048]));
}

/// Asks for a file and, where its first block comes, acknowledges that, so that the transfer gives way to nobody; whether
/// it came. Nothing else may come, and nothing to anyone else.
fn begin(bench: &mut Bench, source: SocketAddrV4, name: &str) -> bool {
    bench.send(source, On::Listening, &rrq(&format!("{name}\0octet\0")));
    let sent = bench.sent();
    match sent.as_slice() {
        [] => false,
        [(transmit, data)] => {
            assert!(transmit.to == source && data.starts_with(&[0, 3, 0, 1]), "{transmit:?} {:?}", &data[..4]);
            bench.send(source, On::Transfer(0), &[0, 4, 0, 1]);
            assert_eq!(bench.sent().len(), 1);
            true
        }
        more => panic!("{} datagrams to {source}", more.len()),
    }
}

/// F21: where all places are taken by those who never answer, the oldest of them gives way to a phone; who answered
/// keeps its place. In a network beside others, some places are left to these.
#[test]
fn f21_those_who_never_answer_give_way() {
    let networks: Vec<_> = ["127.0.0.0/16", "127.1.0.0/16"].iter().map(|net| net.parse().unwrap()).collect();
    let mut bench = Bench::with(Config { networks, transfers: 100, ..Config::default() }, 2_000);
    bench.ask(&rrq("f\0octet\0"));
    bench.ack(1);
    for n in 0..5_000_u32 {
        let [_, _, c, d] = n.to_be_bytes();
        bench.send(SocketAddrV4::new(Ipv4Addr::new(127, 1, c, d), 40_000), On::Listening, &rrq("f\0octet\0"));
        bench.sent();
    }
    assert_eq!(bench.server.active(), 75 + 1);
    let other = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 9), 40_000);
    bench.send(other, On::Listening, &rrq("f\0octet\0"));
    assert!(bench.sent().iter().any(|(transmit, bytes)| transmit.to == other && bytes.starts_with(&[0, 3, 0, 1])));
    assert!(matches!(bench.ack(2).as_slice(), [data] if data.starts_with(&[0, 3, 0, 3])));
    assert_eq!(bench.dropped(), [0, 0, 0, 0]);
    // A source may have eight.
    for n in 0..9 {
        bench.send(SocketAddrV4::new(*other.ip(), 41_000 + n), On::Listening, &rrq(&format!("g{n}\0octet\0")));
    }
    assert_eq!(bench.dropped(), [0, 0, 0, 2]);
}

/// F21: the flood is in one network, what is answered in another; the made-up ones give way to a phone of a third. What
/// they leave behind does not pile up.
#[test]
fn f21_a_flood_gives_way_wherever_it_is() {
    let networks: Vec<_> =
        ["127.0.0.0/16", "127.1.0.0/16", "127.2.0.0/16"].iter().map(|net| net.parse().unwrap()).collect();
    let mut bench = Bench::with(Config { networks, transfers: 100, ..Config::default() }, 2_000);
    for n in 1..=60 {
        let phone = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, n), 40_000);
        bench.send(phone, On::Listening, &rrq("f\0octet\0"));
        bench.sent();
        bench.send(phone, On::Transfer(0), &[0, 4, 0, 1]);
        bench.sent();
    }
    for n in 0..20_000_u32 {
        let [_, _, c, d] = n.to_be_bytes();
        bench.send(SocketAddrV4::new(Ipv4Addr::new(127, 1, c, d), 40_000), On::Listening, &rrq("f\0octet\0"));
        bench.sent();
    }
    assert_eq!(bench.server.active(), 100);
    let phone = SocketAddrV4::new(Ipv4Addr::new(127, 2, 0, 1), 40_000);
    bench.send(phone, On::Listening, &rrq("f\0octet\0"));
    assert!(bench.sent().iter().any(|(transmit, bytes)| transmit.to == phone && bytes.starts_with(&[0, 3, 0, 1])));
    assert!(bench.server.timers() <= 4 * 100 + 1_024 + 2, "{}", bench.server.timers());
}

/// F16: 30 % loss each way. A phone that gives an attempt up after 13 s without a block, or after five requests without
/// an answer, has 8 KiB within three attempts, 99 times in 100.
#[test]
fn f16_thirty_percent_loss() {
    const PHONES: usize = 1_000;
    let mut dice = Dice(0x9e37_79b9);
    let whole = (0..PHONES).filter(|_| (0..3).any(|_| attempt(&mut dice))).count();
    assert!(whole * 100 >= PHONES * 99, "{whole} of {PHONES}");
}

/// One attempt at 17 blocks, in steps of a millisecond; whether it got them.
fn attempt(dice: &mut Dice) -> bool {
    const LOSS: u64 = 30;
    let mut bench = Bench::new(8_192);
    let (mut asked, mut patient_until, mut blocks) = (0, bench.now, 0_u16);
    let mut to_phone: Vec<Vec<u8>> = Vec::new();
    while blocks < 17 {
        let mut to_server = Vec::new();
        if bench.now >= patient_until {
            if blocks > 0 || asked == 5 {
                return false;
            }
            asked += 1;
            patient_until = bench.now + Duration::from_secs(1);
            to_server.push((On::Listening, rrq("f\0octet\0")));
        }
        for packet in to_phone.drain(..) {
            let [0, 3, high, low, ..] = *packet else { continue };
            let block = u16::from_be_bytes([high, low]);
            if block == blocks + 1 {
                blocks = block;
                patient_until = bench.now + Duration::from_secs(13);
            }
            to_server.push((On::Transfer(0), vec![0, 4, high, low]));
        }
        for (on, packet) in to_server {
            if !dice.percent(LOSS) {
                bench.send(PHONE, on, &packet);
            }
        }
        to_phone.extend(bench.sent().into_iter().map(|(_, packet)| packet).filter(|_| !dice.percent(LOSS)));
        bench.pass(Duration::from_millis(1));
    }
    true
}
