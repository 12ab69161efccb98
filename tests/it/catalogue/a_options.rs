//! A28 to A42: options (RFC 2347 to 2349, 7440), and files at the edge of a block.

use std::time::{Duration, Instant};

use super::a::{Expect, Ground, Row, Talk, ask, play, rrq_with};
use crate::support::text;

/// What is agreed to at most on the loopback interface, whose MTU is larger than any datagram. Other MTUs are in the
/// tests of the negotiation.
const CAP: &[u8] = b"blksize\x0065464\0";

pub(super) fn rows() -> Vec<Row> {
    use Expect::{Error, File, Oack};
    let with = |id, input, options: &str, expect| Row { id, input, datagram: rrq_with("other.bin", options), expect };
    let of = |id, input, name, options: &str, expect| Row { id, input, datagram: rrq_with(name, options), expect };
    let unknown = |many: usize| "z\x001\0".repeat(many);
    vec![
        with("A28", "blksize 0", "blksize\x000\0", Error(8)),
        with("A29", "blksize 7", "blksize\x007\0", Error(8)),
        with("A30", "blksize 8", "blksize\x008\0", Oack(b"blksize\x008\0", "other.bin")),
        of("A31", "blksize 65464", "big.bin", "blksize\x0065464\0", Oack(CAP, "big.bin")),
        of("A31", "blksize 1428", "big.bin", "blksize\x001428\0", Oack(b"blksize\x001428\0", "big.bin")),
        of("A31", "blksize 1400", "big.bin", "blksize\x001400\0", Oack(b"blksize\x001400\0", "big.bin")),
        with("A32", "65465", "blksize\x0065465\0", Error(8)),
        with("A32", "-1", "blksize\0-1\0", File("other.bin")),
        with("A32", "99999999999", "blksize\x0099999999999\0", File("other.bin")),
        with("A32", "empty", "blksize\0\0", File("other.bin")),
        with("A32", "abc", "blksize\0abc\0", File("other.bin")),
        with("A32", "blank before", "blksize\0 512\0", File("other.bin")),
        with("A32", "512x", "blksize\x00512x\0", File("other.bin")),
        with("A32", "0x200", "blksize\x000x200\0", File("other.bin")),
        with("A32", "+512", "blksize\0+512\0", File("other.bin")),
        with("A33", "blksize twice", "blksize\x00512\0blksize\x001024\0", Error(8)),
        with("A33", "twice in two cases", "tsize\x000\0TSIZE\x000\0", Error(8)),
        with("A34", "no value at the end", "tsize\x000\0blksize", Oack(b"tsize\x00700\0", "other.bin")),
        with("A34", "no value at all", "blksize\0", File("other.bin")),
        with("A35", "junk without NUL", "junk", File("other.bin")),
        with("A35", "junk behind options", "tsize\x000\0\x01 junk", Oack(b"tsize\x00700\0", "other.bin")),
        with("A36", "an unknown option", "zzz\x001\0", File("other.bin")),
        with("A36", "and a known one", "zzz\x001\0blksize\x00512\0", Oack(b"blksize\x00512\0", "other.bin")),
        with("A37", "100 options", &unknown(100), File("other.bin")),
        with("A37", "known as the 8th", &(unknown(7) + "tsize\x000\0"), Oack(b"tsize\x00700\0", "other.bin")),
        with("A37", "known as the 9th", &(unknown(8) + "tsize\x000\0"), File("other.bin")),
        with("A38", "timeout 0", "timeout\x000\0", File("other.bin")),
        with("A38", "timeout 256", "timeout\x00256\0", File("other.bin")),
        with("A38", "timeout 255", "timeout\x00255\0", Oack(b"timeout\x00255\0", "other.bin")),
        with("A39", "tsize over 64 bits", "tsize\x0018446744073709551616\0", File("other.bin")),
        with("A39", "tsize 0", "tsize\x000\0", Oack(b"tsize\x00700\0", "other.bin")),
        with("A40", "windowsize 0", "windowsize\x000\0", File("other.bin")),
        with("A40", "windowsize 65535", "windowsize\x0065535\0", Oack(b"windowsize\x0016\0", "other.bin")),
        with("A40", "windowsize 1", "windowsize\x001\0", Oack(b"windowsize\x001\0", "other.bin")),
        of("A40", "a file of several windows", "big.bin", "windowsize\x0064\0", Oack(b"windowsize\x0016\0", "big.bin")),
    ]
}

pub(super) const TALKS: &[Talk] = &[
    Talk { id: "A38", input: "timeout 255 waits 8 s", script: a_long_timeout_is_cut },
    Talk { id: "A38", input: "timeout 1 waits 1 s", script: a_short_timeout_is_kept },
    Talk { id: "A41", input: "no byte", script: an_empty_file_is_one_empty_block },
    Talk { id: "A42", input: "two blocks", script: a_file_of_whole_blocks_ends_with_an_empty_one },
];

#[test]
fn a28_to_a40_each_is_one_datagram() {
    ask("A28 to A40", 3, &rows());
}

#[test]
fn a38_to_a42_waits_and_last_blocks() {
    play("A38 to A42", 4, TALKS);
}

/// The time from the OACK to the same once more.
fn resent_after(ground: &Ground<'_>, seconds: &str) -> Duration {
    let client = ground.client();
    client.send(&rrq_with("other.bin", &format!("timeout\0{seconds}\0")));
    let (_, first) = client.receive();
    let began = Instant::now();
    let (from, again) = client.receive();
    assert_eq!(text(&again), text(&first), "A38: timeout {seconds}");
    let took = began.elapsed();
    client.send_to(from, b"\0\x05\0\0\0");
    took
}

fn a_long_timeout_is_cut(ground: &Ground<'_>) {
    let took = resent_after(ground, "255").as_secs_f64();
    assert!((7.9..9.5).contains(&took), "A38: {took} s");
}

fn a_short_timeout_is_kept(ground: &Ground<'_>) {
    let took = resent_after(ground, "1").as_secs_f64();
    assert!((0.9..2.5).contains(&took), "A38: {took} s");
}

/// Takes a file block by block; the lengths of the blocks.
fn blocks(ground: &Ground<'_>, name: &str) -> Vec<usize> {
    let client = ground.client();
    client.ask(name.as_bytes());
    let mut lengths = Vec::new();
    for block in 1.. {
        let (from, packet) = client.receive();
        assert_eq!(packet[..2], [0, 3], "{name}: {}", text(&packet));
        assert_eq!(packet[2..4], u16::to_be_bytes(block), "{name}");
        client.acknowledge(from, block);
        lengths.push(packet.len() - 4);
        if packet.len() < 516 {
            break;
        }
    }
    lengths
}

fn an_empty_file_is_one_empty_block(ground: &Ground<'_>) {
    assert_eq!(blocks(ground, "empty.bin"), [0], "A41");
}

fn a_file_of_whole_blocks_ends_with_an_empty_one(ground: &Ground<'_>) {
    assert_eq!(blocks(ground, "even.bin"), [512, 512, 0], "A42");
}
