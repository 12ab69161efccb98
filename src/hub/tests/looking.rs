//! Phones known by their link, and by their own web page.

use super::*;

pub(super) fn page(mac: &str, load: &str) -> String {
    format!("<?xml version=\"1.0\"?><DeviceInformation><MACAddress>{mac}</MACAddress><versionID>{load}</versionID>")
}

fn is(mac: &str) -> Neighbour {
    Neighbour::Is(mac.parse().unwrap())
}

#[test]
fn a_phones_own_page_says_what_it_runs() {
    let hub = hub(roster(&["1001"], assignment(Some("7965"), &["1001"])));
    let mac: MacAddr = MAC.parse().unwrap();
    let look = [Look { mac, ip: IP, verified: None }];
    assert_eq!(hub.to_look_at(at(0)), [], "it was not heard");
    let _ = ask(&hub, "CTLSEP001B54AABB01.tlv", 1);
    assert_eq!(hub.to_look_at(at(2)), look);
    assert_eq!(hub.to_look_at(at(2 + 300)), [], "it may be gone");
    let own = page(MAC, "SIP45.9-4-2SR3-1S");
    assert!(!hub.page(mac, IP, page("001B54AABB02", "SIP45.9-4-2SR3-1S").as_bytes(), at(3)), "another's");
    assert!(!hub.page(mac, Ipv4Addr::new(127, 0, 1, 61), own.as_bytes(), at(3)), "it moved meanwhile");
    assert_eq!(hub.to_look_at(at(3)), look);
    assert!(hub.page(mac, IP, own.as_bytes(), at(3)));
    assert_eq!(hub.to_look_at(at(4)), [], "it is certain");
    register(&hub, "1001", "Cisco-CP7965G/8.5.4", 5);
    assert_eq!(hub.to_look_at(at(6)), look, "its User-Agent says otherwise");
    assert_eq!(hub.to_look_at(at(5_000)), look, "what is registered is there");
}

#[test]
fn who_names_nobody_is_known_by_the_link() {
    let known = || hub(roster(&["1001"], assignment(Some("7965"), &["1001"])));
    let hub = known().with_neighbours(|ip| if ip == IP { is(MAC) } else { Neighbour::Unknown });
    let mac: MacAddr = MAC.parse().unwrap();
    let at_address = |hub: &Hub, ip: Ipv4Addr| hub.lock().directory.at_address(ip.into());
    let _ = ask(&hub, "RINGLIST.DAT", 1);
    assert_eq!(at_address(&hub, IP), None, "the table is not read for that");
    assert_eq!(ask(&hub, "term65.default.loads", 2), Err("fall-through"));
    assert_eq!(at_address(&hub, IP), Some(mac));
    let asked = |event: &crate::api::Event| event.summary.contains("term65.default.loads");
    assert!(hub.timeline(mac).iter().any(asked), "{:?}", hub.timeline(mac));

    for name in ["OS79XX.TXT", "XMLDefault.cnf.xml", "SIPDefault.cnf"] {
        let hub = known().with_neighbours(|_| is(MAC));
        let _ = ask(&hub, name, 1);
        assert_eq!(at_address(&hub, IP), Some(mac), "{name}");
    }
    let hub = known().with_neighbours(|_| is("001B54AABB99"));
    let _ = ask(&hub, "OS79XX.TXT", 1);
    assert_eq!(at_address(&hub, IP), None, "nobody assigned it");
    let hub = known().with_neighbours(|_| is(MAC));
    let _ = ask(&hub, "SEP001B54AABB02.cnf.xml", 1);
    let _ = ask(&hub, "OS79XX.TXT", 2);
    assert_eq!(at_address(&hub, IP), Some("001B54AABB02".parse().unwrap()), "somebody is known there");
}
