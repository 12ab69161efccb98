//! A43 to A48: packets to a transfer that is going on.

use std::net::SocketAddr;

use super::BYSTANDER;
use super::a::{Ground, Talk, play, rrq_with};
use super::rrq;
use crate::support::clients::{Fetched, RawTftp};
use crate::support::{text, wait_for};

pub(super) const TALKS: &[Talk] = &[
    Talk { id: "A43", input: "ACKs of no block", script: acks_of_no_block },
    Talk { id: "A44", input: "one ACK a thousand times", script: one_ack_a_thousand_times },
    Talk { id: "A45", input: "an ACK of 3 bytes", script: a_short_ack },
    Talk { id: "A46", input: "ERROR 8 to an OACK", script: an_oack_refused },
    Talk { id: "A47", input: "an ERROR of 60 KB", script: a_large_error },
    Talk { id: "A47", input: "an ERROR without NUL", script: an_error_without_end },
    Talk { id: "A48", input: "a request to the transfer's port", script: a_request_to_the_transfer },
];

#[test]
fn a43_to_a48_within_a_transfer() {
    play("A43 to A48", 5, TALKS);
}

/// A transfer that has had its first block.
struct Begun<'a> {
    ground: &'a Ground<'a>,
    client: RawTftp,
    server: SocketAddr,
    first: Vec<u8>,
}

fn begin<'a>(ground: &'a Ground<'a>) -> Begun<'a> {
    begin_with(ground, "big.bin")
}

fn begin_with<'a>(ground: &'a Ground<'a>, name: &str) -> Begun<'a> {
    let client = ground.client();
    client.ask(name.as_bytes());
    let (server, first) = client.receive();
    assert_eq!(first[..4], [0, 3, 0, 1]);
    Begun { ground, client, server, first }
}

impl Begun<'_> {
    fn send(&self, packet: &[u8]) {
        self.client.send_to(self.server, packet);
    }

    /// Takes the rest; how many DATA packets came for it, the first included.
    fn finish(&self, id: &str) -> usize {
        let whole = self.ground.file("big.bin");
        let (mut file, mut packets) = (self.first[4..].to_vec(), 1);
        let mut block = 1_u16;
        self.client.acknowledge(self.server, block);
        while file.len() < whole.len() {
            let (_, packet) = self.client.receive();
            assert_eq!(packet[..2], [0, 3], "{id}: {}", text(&packet));
            packets += 1;
            if packet[2..4] == (block + 1).to_be_bytes() {
                block += 1;
                file.extend_from_slice(&packet[4..]);
                self.client.acknowledge(self.server, block);
            }
        }
        assert!(file == whole, "{id}: another file came");
        packets
    }

    /// Nothing follows: the server has ended it. What is asked meanwhile is answered, so the packet was looked at.
    fn is_over(&self, id: &str) {
        let other = self.ground.client();
        other.fetch(&rrq("other.bin")).unwrap_or_else(|answer| panic!("{id}: {}", text(&answer)));
        self.client.acknowledge(self.server, 1);
        other.fetch(&rrq("other.bin")).unwrap_or_else(|answer| panic!("{id}: {}", text(&answer)));
        assert_eq!(self.client.glance(), None, "{id}: the transfer goes on");
    }
}

/// The file has 41 blocks. On a machine that is busy timers may send some again, but nothing like one for each packet.
fn assert_no_extra(id: &str, packets: usize) {
    assert!((41..=60).contains(&packets), "{id}: {packets} DATA packets for 41 blocks");
}

fn acks_of_no_block(ground: &Ground<'_>) {
    let begun = begin(ground);
    for block in [0_u16, 2, 65_535] {
        begun.client.acknowledge(begun.server, block);
    }
    assert_no_extra("A43", begun.finish("A43"));
}

fn one_ack_a_thousand_times(ground: &Ground<'_>) {
    let begun = begin(ground);
    for _ in 0..1_000 {
        begun.client.acknowledge(begun.server, 1);
    }
    assert_no_extra("A44", begun.finish("A44"));
}

fn a_short_ack(ground: &Ground<'_>) {
    let begun = begin(ground);
    begun.send(b"\0\x04\0");
    assert_no_extra("A45", begun.finish("A45"));
}

fn an_oack_refused(ground: &Ground<'_>) {
    let client = ground.client();
    let name = format!("SIP{BYSTANDER}.cnf");
    client.send(&rrq_with(&name, "blksize\x001024\0"));
    let (from, oack) = client.receive();
    assert_eq!(text(&oack[2..]), "blksize\x001024\0", "A46");
    client.send_to(from, b"\0\x05\0\x08no options\0");
    wait_for("A46: the refusal in the timeline", || {
        let told = ground.timeline();
        if told.contains("peer-error") { Ok(()) } else { Err(told) }
    });
    let Fetched { oack, file } = client.fetch(&rrq(&name)).unwrap_or_else(|answer| panic!("A46: {}", text(&answer)));
    assert!(oack.is_none() && file == ground.file("bystander"), "A46: {}", text(&file));
}

fn a_large_error(ground: &Ground<'_>) {
    // A file of the bystander's, which has a timeline.
    let begun = begin_with(ground, &format!("SIP{BYSTANDER}.cnf"));
    begun.send(&[b"\0\x05\0\0", vec![b'e'; 60_000].as_slice(), b"\0"].concat());
    begun.is_over("A47");
    let whole = format!("(peer-error: \"{}\"; it has 0 of ", "e".repeat(64));
    wait_for("A47: the message in the timeline, cut to 64 bytes", || {
        let told = ground.timeline();
        if told.contains(&whole) { Ok(()) } else { Err(told) }
    });
}

fn an_error_without_end(ground: &Ground<'_>) {
    let begun = begin(ground);
    begun.send(b"\0\x05\0\0no end");
    begun.is_over("A47");
}

fn a_request_to_the_transfer(ground: &Ground<'_>) {
    let begun = begin(ground);
    ground.is_dropped("A48", "packet", || begun.send(&rrq("other.bin")));
    // Nobody else's request either: no file and no error comes from a port that takes none.
    let stranger = ground.client();
    ground.is_dropped("A48, a stranger", "packet", || stranger.send_to(begun.server, &rrq("other.bin")));
    // For the transfer's own client nothing but the block that is due, should its timer have sent it again.
    while let Some(packet) = begun.client.glance() {
        assert!(packet == begun.first, "A48: {}", text(&packet));
    }
    assert_no_extra("A48", begun.finish("A48"));
    stranger.fetch(&rrq("other.bin")).unwrap_or_else(|answer| panic!("A48: {}", text(&answer)));
    assert_eq!(stranger.glance(), None, "A48, a stranger");
}
