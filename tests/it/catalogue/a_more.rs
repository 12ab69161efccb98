//! What rows of A ask beyond one answer: requests in a row, what is tried and not seen, what is told.

use super::BYSTANDER;
use super::a::{on_ground, rrq_with};
use super::{a_wire, rrq};
use crate::support::clients::Fetched;
use crate::support::text;

/// A client that refuses the options and asks without them at once, from the same port, as RFC 2347 would have it.
#[test]
fn a46_options_refused_and_asked_anew_at_once() {
    on_ground("A46", 8, "", |ground| {
        let name = format!("SIP{BYSTANDER}.cnf");
        for _ in 0..50 {
            let client = ground.client();
            client.send(&rrq_with(&name, "blksize\x001024\0"));
            let (from, _) = client.receive();
            client.send_to(from, b"\0\x05\0\x08no options\0");
            let Fetched { oack, file } =
                client.fetch(&rrq(&name)).unwrap_or_else(|answer| panic!("A46: {}", text(&answer)));
            assert!(oack.is_none() && file == ground.file("bystander"), "A46: {oack:?}");
        }
    });
}

#[test]
fn a49_a50_nothing_is_even_tried() {
    a_wire::judge(|ground| {
        let log = ground.daemon.log();
        let tried = log.lines().find(|line| line.contains("could not send"));
        assert_eq!(tried, None, "A49, A50");
        // From six ports of services and three addresses of nobody, to a broadcast and to a multicast address. What the
        // kernel judges never comes to the daemon.
        let dropped = ["source", "packet", "pace", "full"].map(|reason| ground.dropped(reason));
        assert_eq!(dropped, [11, 0, 0, 0], "A49, A50: what is dropped is counted once");
    });
}

#[test]
fn a22_a_name_that_steers_a_terminal_is_told_escaped() {
    on_ground("A22", 10, "", |ground| {
        let client = ground.client();
        client.fetch(&rrq(&format!("SIP{BYSTANDER}.cnf"))).unwrap();
        client.ask(b"esc\x1b[2J");
        client.receive();
        let told = ground.timeline() + &ground.daemon.log();
        assert!(told.contains("esc\\x1b[2J"), "A22: {told}");
    });
}
