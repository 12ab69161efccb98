//! F16 for DHCP: a cable between phones and us that loses, doubles and reorders.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use offhook::simulate::dhcp::link::Configured;
use socket2::{Domain, Protocol, Socket, Type};

use super::field::{Caller, STUBBORN, bindings, client, ready, serve, site, subnet};
use crate::dhcp_phone::colons;
use crate::support::Component;
use crate::support::amount;
use crate::support::net::{Ends, within};
use crate::support::pbx::Pbx;
use crate::support::switch::{Switch, Weather};

/// Twice what F16 asks of TFTP.
const BAD: Weather = Weather { loss: 20, twice: 15, late: 25, unacknowledged: false };

/// Phones that ask at once, half of them assigned.
const PHONES: u8 = 8;

/// Each gets an address, renews it, and at no time did anybody else have it: the cable saw every acknowledgement.
#[test]
fn f16_every_phone_ends_bound_and_no_address_has_two() {
    if !ready(&[Component::Program("python3")]) {
        return;
    }
    let pbx = Pbx::tables();
    pbx.add_extension("1001", "Ada", "CANARY1001");
    let seeds = amount(3, 20);
    for seed in 1..=seeds {
        (0..PHONES).step_by(2).for_each(|n| pbx.add_phone(&mac(seed, n), "7942", &["1001"]));
    }
    let switch = Switch::new();
    let (host, mut cable) = switch.host_by_cable();
    let site = site(&pbx, &subnet("192.0.2.10-192.0.2.250"));
    let daemon = serve(&site, &host);
    let mut owners: BTreeMap<Ipv4Addr, String> = BTreeMap::new();
    for seed in 1..=seeds {
        cable.weather(BAD, seed.into());
        let phones: Vec<(String, Ends)> =
            (0..PHONES).map(|n| mac(seed, n)).map(|mac| (mac.clone(), switch.device(&colons(&mac)))).collect();
        let bound: Vec<Ipv4Addr> = thread::scope(|scope| {
            let all: Vec<_> = phones
                .iter()
                .map(|(mac, at)| {
                    scope.spawn(move || {
                        within(at.0.id(), || {
                            let mut phone = Caller::new(mac, STUBBORN, None);
                            let lease = phone.bound().unwrap_or_else(|why| panic!("F16, seed {seed}, {mac}: {why}"));
                            let _address = Configured::put("v1", &lease).unwrap();
                            let renewed = phone.renewed().map(|lease| lease.address);
                            assert_eq!(renewed, Ok(lease.address), "F16, seed {seed}, {mac}");
                            lease.address
                        })
                    })
                })
                .collect();
            all.into_iter().map(|phone| phone.join().unwrap()).collect()
        });
        for ((mac, _), address) in phones.iter().zip(bound) {
            let other = owners.insert(address, mac.clone());
            assert_eq!(other, None, "F16, seed {seed}: {address} is {mac}'s, too");
        }
    }
    assert_eq!(bindings(&daemon), owners, "F16");
    let mut acknowledged: BTreeMap<Ipv4Addr, String> = BTreeMap::new();
    for line in cable.said("ack ") {
        let (address, mac) = line.split_once(' ').unwrap();
        let before = acknowledged.insert(address.parse().unwrap(), mac.to_owned());
        assert!(before.is_none_or(|before| before == mac), "F16: {address} was acknowledged to two");
    }
    assert_eq!(acknowledged, owners, "F16");
    let counts = ["lost", "twice", "late"].map(|what| cable.said(what).len());
    println!("F16: {} phones, lost, doubled, late: {counts:?}", owners.len());
    assert!(counts.iter().all(|count| *count > 10), "F16: it was bad: {counts:?}");
    daemon.stop();
}

fn mac(seed: u8, n: u8) -> String {
    format!("001B54D0{seed:02X}{n:02X}")
}

/// Port 68 of `v1` in the network of this thread.
fn port() -> UdpSocket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.bind_device(Some(b"v1")).unwrap();
    socket.set_broadcast(true).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 68).into()).unwrap();
    socket.into()
}

/// A REQUEST that comes twice, the second before the first is on the disk, is acknowledged twice in the same octets; and
/// once more in them by a daemon that was killed and knows the lease from its disk alone.
#[test]
fn f1_f25_a_request_again_is_acknowledged_in_the_same_octets() {
    if !ready(&[]) {
        return;
    }
    let pbx = Pbx::tables();
    let switch = Switch::new();
    let host = switch.host();
    let site = site(&pbx, &subnet("192.0.2.100-192.0.2.109"));
    let mut daemon = serve(&site, &host);
    let phone = switch.device("00:1b:54:d0:00:01");
    within(phone.0.id(), || {
        let port = port();
        let say = |packet: &[u8]| port.send_to(packet, (Ipv4Addr::BROADCAST, 67)).unwrap();
        let hear = || {
            let mut packet = [0; 1_500];
            let octets = port.recv(&mut packet).unwrap();
            packet[..octets].to_vec()
        };
        let mut client = client("001B54D00001", None);
        say(&client.poll_transmit().unwrap().packet);
        client.handle_datagram(Instant::now(), &hear());
        let request = client.poll_transmit().unwrap().packet;
        say(&request);
        say(&request);
        let answers = [hear(), hear()];
        // Option 53 comes first.
        assert_eq!(answers[0][240..243], [53, 1, 5], "F25: an acknowledgement");
        assert_eq!(answers[0], answers[1], "F25");
        daemon.signal("KILL");
        daemon.ended();
        let daemon = serve(&site, &host);
        say(&request);
        assert_eq!(hear(), answers[0], "F1");
        daemon.stop();
    });
}
