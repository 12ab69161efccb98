//! F14 (the wall clock steps) and F15 (the process is stopped for a while): phones notice neither.

use std::net::SocketAddr;
use std::time::Duration;

use super::{MAC, add, assigned, one_phone};
use crate::support::clients::RawTftp;
use crate::support::daemon::{Site, make_file};
use crate::support::shim::{COMPILER, Shim};
use crate::support::{Component, have, phone_address, wait_for};

const HOUR: i64 = 3_600;
const YEAR: i64 = 365 * 24 * HOUR;

/// F14: an hour back and forth, ten years on, to 1970 and past 2038, each in the middle of a transfer.
#[test]
fn f14_a_wall_clock_that_steps_changes_nothing_for_phones() {
    if !have(&[COMPILER, Component::Program("curl")]) {
        return;
    }
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let shim = Shim::new();
    let content = make_file(&site.fall_through().join("other.bin"), 512 * 12 + 7);
    let daemon = site.serve_with(|command| shim.before(command, &site.state()));
    let name = format!("SIP{MAC}.cnf");
    let file = daemon.wait_for_file(&name, "given its line", |file| file.contains("CANARY1001"));
    let client = RawTftp::new(daemon.tftp);
    client.ask(b"other.bin");
    let mut got = Vec::new();
    let epoch = -jiff::Timestamp::now().as_second();
    // 1970 first, as a board without a battery boots.
    for (step, ahead) in [epoch, 0, -HOUR, 0, HOUR, 10 * YEAR, 13 * YEAR, 0].into_iter().enumerate() {
        shim.clock(ahead);
        wait_for("the log to mark the step", || {
            let marks = daemon.log().lines().filter(|line| line.contains("clock-stepped")).count();
            if marks > step { Ok(()) } else { Err(format!("F14, {ahead} s: {marks} marks")) }
        });
        let block = u16::try_from(step + 1).unwrap();
        let from = client.take(block, &mut got);
        client.acknowledge(from, block);
        assert_eq!(daemon.file(&name).as_ref(), Some(&file), "F14, {ahead} s");
        let mac = format!("00087D0F00{step:02X}");
        assert!(add(&site, &mac).status.success(), "F14, {ahead} s");
        assert!(assigned(&daemon).contains(&mac), "F14, {ahead} s");
        // The PBX is still looked at, and what changes there is served.
        pbx.add_phone(&format!("00087D1000{step:02X}"), "7960", &["1001"]);
        daemon.wait_for_file(&format!("SIP00087D1000{step:02X}.cnf"), "served", |_| true);
    }
    client.take_rest(9, &mut got);
    assert!(got == content, "F14: {} of {} bytes", got.len(), content.len());
    daemon.stop();
    // A start at the epoch, with what was kept under all those dates.
    shim.clock(epoch);
    let daemon = site.serve_with(|command| shim.before(command, &site.state()));
    assert_eq!(daemon.file(&name), Some(file), "F14: a start in 1970");
    assert!(assigned(&daemon).contains("00087D0F0000"), "F14");
    daemon.stop();
}

/// F15: stopped in the middle of transfers for longer than many resends would take; one packet of each follows, not a burst.
#[test]
fn f15_a_process_that_was_stopped_goes_on_without_a_burst() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let content = make_file(&site.fall_through().join("other.bin"), 512 * 12 + 7);
    let daemon = site.serve();
    daemon.wait_for_file(&format!("SIP{MAC}.cnf"), "given its line", |file| file.contains("CANARY1001"));
    // Each phone is at another block when it happens.
    let mut phones: Vec<Phone> = (1..=10).map(|block| Phone::at_block(block, daemon.tftp)).collect();
    daemon.signal("STOP");
    let silence = Duration::from_secs(3);
    // What was resent before it stopped; then nothing.
    while phones[0].client.receive_within(silence).is_some() {}
    for phone in &phones {
        while phone.client.glance().is_some() {}
    }
    daemon.signal("CONT");
    for phone in &phones {
        let (_, again) = phone.client.receive();
        assert_eq!(again[2..4], phone.block.to_be_bytes(), "F15: the block that is not acknowledged");
    }
    // Longer than the wait on this machine's loopback, shorter than two of its doublings.
    let burst = Duration::from_millis(60);
    let mut bursts = vec![std::iter::from_fn(|| phones[0].client.receive_within(burst)).count()];
    bursts.extend(phones[1..].iter().map(|phone| std::iter::from_fn(|| phone.client.glance()).count()));
    assert!(bursts.iter().all(|packets| *packets <= 1), "F15: so many packets more: {bursts:?}");
    for Phone { client, from, block, got } in &mut phones {
        client.acknowledge(*from, *block);
        client.take_rest(*block + 1, got);
        assert!(*got == content, "F15: {} of {} bytes", got.len(), content.len());
    }
    daemon.stop();
}

/// A phone in the middle of a file.
struct Phone {
    client: RawTftp,
    from: SocketAddr,
    /// The block that came last, and is not acknowledged.
    block: u16,
    got: Vec<u8>,
}

impl Phone {
    fn at_block(block: u16, server: SocketAddr) -> Self {
        let client = RawTftp::at(phone_address(), server);
        client.ask(b"other.bin");
        let mut got = Vec::new();
        let mut from = client.take(1, &mut got);
        for block in 1..block {
            client.acknowledge(from, block);
            from = client.take(block + 1, &mut got);
        }
        Self { client, from, block, got }
    }
}
