//! Requests that no phone would make: silence or an error, never a byte of anything else, and service goes on.

use crate::support::clients::{Client, RawTftp};
use crate::support::daemon::{Site, make_file};
use crate::support::pbx::Pbx;
use crate::support::{Component, have};

#[test]
fn hostile_read_requests() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::tables();
    let site = Site::new(&pbx);
    let content = make_file(&site.fall_through().join("other.bin"), 700);
    std::os::unix::fs::symlink("/etc/passwd", site.fall_through().join("link.bin")).unwrap();
    let daemon = site.serve();
    let long = [b'a'; 2000];
    let names: [&[u8]; 12] = [
        b"../offhook.toml",
        b"../../../../etc/passwd",
        b"/etc/passwd",
        b"..\\..\\etc\\passwd",
        b"./../offhook.toml",
        b"%2e%2e/offhook.toml",
        b"link.bin",
        b"",
        b".",
        b"/",
        b"\xff\xfe\x00\x80",
        &long,
    ];
    for name in names {
        let client = RawTftp::new(daemon.tftp);
        client.ask(name);
        // What is not answered at all is known by the answer to a good request that follows.
        let got = Client::Curl.fetch(daemon.tftp, "other.bin");
        assert!(got.as_ref() == Some(&content), "after {name:?} a good request fails");
        if let Some(answer) = client.glance() {
            assert_eq!(answer[..2], [0, 5], "{name:?} got {answer:?}");
            assert!(answer.len() < name.len() + 64, "{name:?} got {} bytes", answer.len());
        }
    }
    let datagrams: [&[u8]; 9] = [
        b"",
        b"\x00",
        b"\x00\x01",
        b"\x00\x01other.bin",
        b"\x00\x01other.bin\x00",
        b"\x00\x01other.bin\x00octet",
        b"\x00\x02other.bin\x00octet\x00",
        b"\xff\xff\xff\xff",
        b"\x00\x01other.bin\x00octet\x00blksize\x00-1\x00blksize",
    ];
    for datagram in datagrams {
        let client = RawTftp::new(daemon.tftp);
        client.send(datagram);
        let got = Client::Curl.fetch(daemon.tftp, "other.bin");
        assert!(got.as_ref() == Some(&content), "after {datagram:?} a good request fails");
    }
    for error in [&b"\x00\x05\x00\x00x\x00"[..], b"\x00\x04\x00\x01", b"\x00\x03\x00\x01data"] {
        let client = RawTftp::new(daemon.tftp);
        client.send(error);
        assert!(Client::Curl.fetch(daemon.tftp, "other.bin").is_some());
        assert_eq!(client.glance(), None, "{error:?} is answered");
    }
    daemon.stop();
}

#[test]
fn names_as_phones_send_them() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::tables();
    pbx.add_extension("1001", "Ada", "CANARY1001");
    pbx.add_phone("00087D0A0001", "7960", &["1001"]);
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let expected = daemon.wait_for_file("SIP00087D0A0001.cnf", "served", |_| true).into_bytes();
    for name in ["SIP00087D0A0001.cnf", "./SIP00087D0A0001.cnf", "/SIP00087D0A0001.cnf", "sip00087d0a0001.cnf"] {
        let client = RawTftp::new(daemon.tftp);
        client.ask(name.as_bytes());
        let mut got = Vec::new();
        for block in 1_u16.. {
            let (from, packet) = client.receive();
            assert_eq!(packet[..2], [0, 3], "{name}: {}", String::from_utf8_lossy(&packet));
            assert_eq!(packet[2..4], block.to_be_bytes(), "{name}");
            got.extend_from_slice(&packet[4..]);
            client.acknowledge(from, block);
            if packet.len() < 516 {
                break;
            }
        }
        assert!(got == expected, "{name}: {}", String::from_utf8_lossy(&got));
    }
    daemon.stop();
}

#[test]
fn others_than_the_phones_networks_get_nothing() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::tables();
    let site = Site::new(&pbx);
    make_file(&site.fall_through().join("other.bin"), 700);
    site.configure(&site.configuration().replace("127.0.0.0/8", "10.0.0.0/8"));
    let daemon = site.serve();
    let client = RawTftp::new(daemon.tftp);
    client.ask(b"other.bin");
    // The command line's answer comes after the request was looked at.
    daemon.json(&["phones", "list"]);
    assert_eq!(client.glance(), None);
    daemon.stop();
}
