//! F7 and F23 to F26: what a transfer is, whatever phones and administrators do meanwhile.

use std::fs;
use std::time::Duration;

use super::{MAC, one_phone};
use crate::support::clients::{Client, RawTftp};
use crate::support::daemon::{Site, make_file};
use crate::support::{Component, amount, have, phone_address, text};

/// F7: the PBX changes in the middle of a slow transfer; it ends with the bytes that it began with.
#[test]
fn f7_a_transfer_ends_with_the_bytes_it_began_with() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let firmware = make_file(&site.fall_through().join("other.bin"), 512 * 8 + 7);
    let daemon = site.serve();
    let name = format!("SIP{MAC}.cnf");
    let old = daemon.wait_for_file(&name, "given its line", |file| file.contains("CANARY1001")).into_bytes();
    assert!(old.len() > 512, "F7: a file of more than one block");
    let (config, other) = (RawTftp::new(daemon.tftp), RawTftp::new(daemon.tftp));
    let (mut got, mut image) = (Vec::new(), Vec::new());
    config.ask(name.as_bytes());
    let from = config.take(1, &mut got);
    // From another port, another file: a phone does both.
    other.ask(b"other.bin");
    let there = other.take(1, &mut image);
    // At another address, a phone that asks how large the file is and keeps room for so much.
    let sized = RawTftp::at(phone_address(), daemon.tftp);
    sized.send(format!("\0\x01{name}\0octet\0tsize\x000\0").as_bytes());
    let (ours, told) = sized.receive();
    assert_eq!(text(&told), format!("\0\x06tsize\0{}\0", old.len()), "F7: tsize");
    sized.acknowledge(ours, 0);
    let mut first = sized.receive().1;
    // Timers may have sent the same OACK again.
    while first == told {
        first = sized.receive().1;
    }
    assert_eq!(first[..4], [0, 3, 0, 1], "F7: after the OACK");
    let mut fits = first[4..].to_vec();

    pbx.set_secret("1001", "CANARYnew-and-longer");
    pbx.apply();
    daemon.wait_for_file(&name, "given the new secret", |file| file.contains("CANARYnew"));
    fs::write(site.fall_through().join("new"), vec![b'x'; 9_000]).unwrap();
    fs::rename(site.fall_through().join("new"), site.fall_through().join("other.bin")).unwrap();

    config.acknowledge(from, 1);
    config.take_rest(2, &mut got);
    assert!(got == old, "F7: {}", String::from_utf8_lossy(&got));
    sized.acknowledge(ours, 1);
    sized.take_rest(2, &mut fits);
    assert!(fits == old, "F7: {} octets were told, {} came", old.len(), fits.len());
    let new = daemon.file(&name).expect("F7: served");
    assert_ne!(new.len(), old.len(), "F7: whoever asks now is told another size");
    other.acknowledge(there, 1);
    other.take_rest(2, &mut image);
    assert!(image == firmware, "F7: {} of {} bytes", image.len(), firmware.len());
    let next = Client::Curl.fetch(daemon.tftp, "other.bin");
    assert!(next.is_some_and(|next| next == vec![b'x'; 9_000]), "F7: whoever asks now gets the new one");
    daemon.stop();
}

/// F23: a phone that writes its flash between blocks. The 60 s of the promise pass on simulated time in the core's own
/// tests; here a real stall, longer than any wait before the next resend.
#[test]
fn f23_a_phone_that_stalls_gets_its_file() {
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let content = make_file(&site.fall_through().join("other.bin"), 512 * 4 + 7);
    let daemon = site.serve();
    let client = RawTftp::new(daemon.tftp);
    client.ask(b"other.bin");
    let mut got = Vec::new();
    let from = client.take(1, &mut got);
    client.acknowledge(from, 1);
    let from = client.take(2, &mut got);
    let began = std::time::Instant::now();
    let stall = Duration::from_secs(amount(5, 20));
    let mut resent = 0;
    while began.elapsed() < stall {
        resent += usize::from(
            client.receive_within(stall.saturating_sub(began.elapsed()).max(Duration::from_millis(1))).is_some(),
        );
    }
    assert!((1..20).contains(&resent), "F23: {resent} resends in {stall:?}");
    client.acknowledge(from, 2);
    client.take_rest(3, &mut got);
    assert!(got == content, "F23: {} of {} bytes", got.len(), content.len());
    daemon.stop();
}

/// F24: asked again twenty times, each from another port; F25: five times from one.
#[test]
fn f24_f25_who_asks_again_has_one_transfer() {
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let content = make_file(&site.fall_through().join("other.bin"), 512 * 4 + 7);
    let daemon = site.serve();
    let ports: Vec<RawTftp> = (0..20).map(|_| RawTftp::new(daemon.tftp)).collect();
    for (n, port) in ports.iter().enumerate() {
        port.ask(b"other.bin");
        let (_, first) = port.receive();
        assert_eq!(first[..4], [0, 3, 0, 1], "F24: request {n}");
        // A phone that was switched off is silent; one that asks at once is another phone behind the same address.
        assert!(port.receive_within(Duration::from_millis(100)).is_none(), "F24: request {n}: no resend so soon");
    }
    // The last has it all; the others hear no more.
    let last = &ports[19];
    for _ in 0..5 {
        last.ask(b"other.bin");
    }
    assert!(
        last.receive_within(Duration::from_millis(200)).is_none(),
        "F25: a request that is repeated starts nothing"
    );
    let mut got = Vec::new();
    let from = last.take(1, &mut got);
    last.acknowledge(from, 1);
    last.take_rest(2, &mut got);
    assert!(got == content, "F24: {} of {} bytes", got.len(), content.len());
    let stray = ports[..19].iter().filter(|port| port.glance().is_some()).count();
    assert_eq!(stray, 0, "F24: transfers that were given up send nothing");
    daemon.stop();
}

/// F24: a phone that reboots in the middle of a transfer. Its old one ends with the new request: while the new one is
/// resent again and again, the old port hears nothing.
#[test]
fn f24_a_phone_that_reboots_in_the_middle_has_one_transfer() {
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let content = make_file(&site.fall_through().join("other.bin"), 512 * 4 + 7);
    let daemon = site.serve();
    let (before, after) = (RawTftp::new(daemon.tftp), RawTftp::new(daemon.tftp));
    let mut lost = Vec::new();
    before.ask(b"other.bin");
    let from = before.take(1, &mut lost);
    before.acknowledge(from, 1);
    before.take(2, &mut lost);
    // Once that is resent, the daemon has heard nothing for longer than a phone in the middle is silent.
    before.take(2, &mut lost);
    after.ask(b"other.bin");
    let (there, first) = after.receive();
    assert_eq!(first[..4], [0, 3, 0, 1], "F24: from the start");
    // What was on its way to the old port before that.
    while before.glance().is_some() {}
    for resend in 1..=2 {
        let (_, again) = after.receive();
        assert!(again == first, "F24: resend {resend}: {:?}", &again[..4]);
    }
    assert_eq!(before.glance(), None, "F24: the old port gets a share still");
    let mut got = first[4..].to_vec();
    after.acknowledge(there, 1);
    after.take_rest(2, &mut got);
    assert!(got == content, "F24: {} of {} bytes", got.len(), content.len());
    assert_eq!(before.glance(), None, "F24: the old port, at last");
    daemon.stop();
}

/// F26: 70,000 blocks of 512 octets: the number on the wire goes round.
#[test]
fn f26_block_numbers_go_round() {
    if !have(&[Component::Program("tftp")]) {
        return;
    }
    let pbx = one_phone();
    let site = Site::new(&pbx);
    let content = make_file(&site.fall_through().join("other.bin"), 512 * 70_000 + 7);
    let daemon = site.serve();
    let got = Client::TftpHpa.fetch(daemon.tftp, "other.bin");
    assert!(got.as_ref() == Some(&content), "F26: {:?} of {} bytes", got.map(|got| got.len()), content.len());
    daemon.stop();
}
