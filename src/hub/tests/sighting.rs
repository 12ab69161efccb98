//! What phones announce, and crowds of phones that nobody knows.

use std::net::Ipv4Addr;

use super::access::own_mac;
use super::*;
use crate::access::rule::Says;
use crate::convert::belief::Belief;
use crate::dhcp::asked::Asked;
use crate::dhcp::vendor::vendor;
use crate::discover::{Announcement, Protocol};
use crate::fleet::STRANGERS;

fn said(mac: MacAddr, model: &str, load: &str) -> Announcement {
    let text = |text: &str| Some(text.to_owned());
    let ip = Some(Ipv4Addr::new(10, 1, 2, 3));
    let (model, load) = (text(model), text(load));
    Announcement { mac, by: Protocol::Cdp, model, load, hardware: None, serial: None, vlan: Some(100), ip }
}

#[test]
fn a_stranger_is_shown_with_what_it_announces_and_how_it_is_adopted() {
    let hub = hub(roster(&["1001"], assignment(None, &["1001"])));
    let mac: MacAddr = "001B54CE0009".parse().unwrap();
    hub.announced(said(mac, "7945G", "SCCP45.8-5-2S"), at(5));
    hub.announced(said(mac, "7945G", "SCCP45.8-5-2S"), at(65));
    let shown = hub.phone(mac).unwrap();
    assert_eq!((shown.ownership.as_str(), shown.model.as_str()), ("seen", "7945"));
    assert_eq!((shown.load.as_deref(), shown.ip), (Some("SCCP45.8-5-2S"), Some(Ipv4Addr::new(10, 1, 2, 3).into())));
    assert_eq!((shown.since, shown.last, shown.asked.as_deref()), (at(5), Some(at(65)), None));
    assert!(shown.summary.starts_with("this phone announces itself, and nobody"), "{}", shown.summary);
    assert_eq!(shown.announced.and_then(|announced| announced.vlan), Some(100));
    assert_eq!(shown.adopt.as_deref(), Some("offhook phones adopt 001B54CE0009 --line EXT"));
    let told: Vec<String> = hub.timeline(mac).into_iter().map(|event| event.kind + ": " + &event.summary).collect();
    assert_eq!(
        told,
        ["sighted: announces by CDP: a 7945, load SCCP45.8-5-2S, voice VLAN 100, address 10.1.2.3"],
        "told once"
    );
    let _ = ask(&hub, "SEP001B54CE0009.cnf.xml", 70);
    let shown = hub.phone(mac).unwrap();
    assert_eq!((shown.since, shown.asked.as_deref()), (at(5), Some("SEP001B54CE0009.cnf.xml")));
    assert_eq!(shown.ip, Some(IP.into()), "the address that it asked from counts more than the one it tells");
}

/// A phone that nobody gives an address is seen all the same; one that has an address is known to be there, on this link.
#[test]
fn what_is_asked_of_dhcp_is_a_sighting_and_says_whose_an_address_is() {
    let hub = own_mac("7960");
    let ours: MacAddr = MAC.parse().unwrap();
    let (here, elsewhere) = (Ipv4Addr::new(10, 1, 2, 3), Ipv4Addr::new(10, 9, 2, 3));
    let link = ["10.1.2.1/24".parse().unwrap()];
    let asks = |mac: MacAddr, class: Option<&[u8]>, address| {
        let asked = Asked { mac, vendor: vendor(class), address, server: None };
        hub.asked_dhcp(asked, &link, at(5));
    };
    let stranger: MacAddr = "001B54CE0009".parse().unwrap();
    asks(stranger, Some(b"Cisco Systems, Inc. IP Phone CP-7945G\0"), None);
    let shown = hub.phone(stranger).unwrap();
    assert_eq!((shown.model.as_str(), shown.ip, shown.ownership.as_str()), ("7945", None, "seen"));
    assert_eq!(shown.announced.map(|announced| announced.by), Some(vec![Protocol::Dhcp]));
    let computer: MacAddr = "02DEADBEEF02".parse().unwrap();
    asks(computer, Some(b"MSFT 5.0"), Some(here));
    assert!(hub.phone(computer).is_none(), "a computer is no phone");
    asks(computer, Some(b"Cisco Systems, Inc. IP Phone CP-7942G\0"), None);
    assert!(hub.phone(computer).is_none(), "nor is who only asks as one");
    let says = |ip| hub.lock().access.known.says_overheard(ip, ours, at(6));
    assert_eq!((says(here), says(elsewhere)), (Says::Other, Says::Nothing));
    asks(ours, None, Some(here));
    asks(ours, None, Some(elsewhere));
    assert_eq!((says(here), says(elsewhere)), (Says::This, Says::Nothing));
}

#[test]
fn what_is_announced_tells_model_and_load_of_a_phone_of_ours() {
    let hub = hub(roster(&["1001"], assignment(None, &["1001"])));
    let mac: MacAddr = MAC.parse().unwrap();
    let believed =
        |hub: &Hub| hub.lock().converting.beliefs.get(&mac).and_then(Belief::certain).map(|load| load.name.clone());
    // A boot loader has no load yet.
    hub.announced(said(mac, "7965", "79XX_default_load"), at(5));
    assert_eq!((hub.phone(mac).unwrap().model.as_str(), believed(&hub)), ("7965", None));
    hub.announced(said(mac, "7965", "SIP45.8-5-2S"), at(65));
    assert_eq!(believed(&hub).as_deref(), Some("SIP45.8-5-2S"));
    let shown = hub.phone(mac).unwrap();
    assert_eq!((shown.load.as_deref(), shown.ownership.as_str(), shown.adopt), (Some("SIP45.8-5-2S"), "adopted", None));
    // It is no proof of where the phone is: what is asked from there stays nobody's.
    assert_eq!(hub.lock().directory.at_address(Ipv4Addr::new(10, 1, 2, 3).into()), None);
    assert_eq!(hub.to_look_at(at(66)), []);
}

/// T26, section 6: a crowd of phones that nobody knows takes bounded memory, nothing of the store, and nothing from ours.
#[test]
fn a_hundred_thousand_strangers() {
    let (events, mut kept) = mpsc::channel(1_000);
    let settings = Arc::new(Settings::default());
    let snapshot = Snapshot::empty(settings, Arc::new(Catalog::builtin()), 2026);
    let hub = Hub::new(snapshot, Vec::new(), Vec::new(), events, at(0));
    assert!(hub.pbx(&view(roster(&["1001"], assignment(Some("7965"), &["1001"]))), at(0)));
    let _ = ask(&hub, "SEP001B54AABB01.cnf.xml", 1);
    while kept.try_recv().is_ok() {}
    for n in 0..100_000_u32 {
        let [_, a, b, c] = n.to_be_bytes();
        let mac = MacAddr::new([0x00, 0x0d, 0x28, a, b, c]).unwrap();
        if n % 2 == 0 {
            hub.announced(said(mac, "7960", "P0S3-8-12-00"), at(2));
        } else {
            let ip = Ipv4Addr::from(0x0a00_0000 + n);
            let _ = hub.ask(&format!("SEP{mac}.cnf.xml"), ip, SERVER, Transport::Tftp, at(2));
        }
    }
    assert_eq!(hub.phones().len(), STRANGERS + 1);
    let state = hub.lock();
    assert_eq!(state.judged.len(), 1);
    assert!(state.converting.beliefs.len() <= 1 && state.converting.conversions.is_empty());
    drop(state);
    assert!(kept.try_recv().is_err(), "nothing of strangers is kept");
    // A day later they are forgotten, and ours is not.
    hub.tick(at(2 + 24 * 3_600));
    let left: Vec<String> = hub.phones().into_iter().map(|phone| phone.mac.to_string()).collect();
    assert_eq!(left, [MAC]);
}
