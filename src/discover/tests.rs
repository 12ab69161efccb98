//! Frames as phones send them, put together octet by octet.

use super::*;

const MAC: [u8; 6] = [0x00, 0x1b, 0x54, 0xce, 0x00, 0x09];
const TO_CDP: [u8; 6] = [0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc];
const TO_LLDP: [u8; 6] = [0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e];

fn mac() -> MacAddr {
    MacAddr::new(MAC).unwrap()
}

fn tlv(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len() + 4).unwrap();
    [&kind.to_be_bytes()[..], &length.to_be_bytes(), value].concat()
}

/// The one's complement sum of 16-bit words; of an odd number of octets the last is the high half of one.
fn checksum(octets: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in octets.chunks(2) {
        sum += u32::from(pair[0]) * 256 + u32::from(*pair.get(1).unwrap_or(&0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap()
}

fn cdp(version: u8, ttl: u8, values: &[Vec<u8>]) -> Vec<u8> {
    let mut said = vec![version, ttl, 0, 0];
    said.extend(values.concat());
    let sum = checksum(&said).to_be_bytes();
    said[2..4].copy_from_slice(&sum);
    said
}

fn in_802_3(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap().to_be_bytes();
    [&TO_CDP[..], &MAC, &length, &SNAP, payload].concat()
}

fn med(kind: u8, value: &[u8]) -> (u16, Vec<u8>) {
    (127, [&[0x00, 0x12, 0xbb, kind][..], value].concat())
}

fn lldp(values: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let one = |(kind, value): &(u16, Vec<u8>)| {
        let head = (kind << 9) | u16::try_from(value.len()).unwrap();
        [&head.to_be_bytes()[..], value].concat()
    };
    values.iter().flat_map(one).collect()
}

fn by_ether_type(payload: &[u8]) -> Vec<u8> {
    [&TO_LLDP[..], &MAC, &[0x88, 0xcc], payload].concat()
}

/// What a 7960 on SIP says.
fn values_7960() -> Vec<Vec<u8>> {
    vec![
        tlv(0x0001, b"SEP001B54CE0009"),
        tlv(0x0002, &[0, 0, 0, 1, 1, 1, 0xcc, 0, 4, 10, 1, 2, 3]),
        tlv(0x0003, b"Port 1"),
        tlv(0x0004, &[0, 0, 0, 0x90]),
        tlv(0x0005, b"P0S3-8-12-00"),
        tlv(0x0006, b"Cisco IP Phone 7960"),
        tlv(0x000f, &[0x20, 2, 0, 1]),
        tlv(0x000b, &[1]),
        tlv(0x0010, &[0x18, 0x9c]),
    ]
}

/// What a 7945 on SCCP says.
fn values_7945() -> Vec<(u16, Vec<u8>)> {
    vec![
        (1, vec![5, 1, 10, 1, 2, 3]),
        (2, b"\x07001B54CE0009:P1".to_vec()),
        (3, vec![0, 180]),
        (4, b"SW PORT".to_vec()),
        (5, b"SEP001B54CE0009".to_vec()),
        (6, b"Cisco IP Phone 7945G,V9, SCCP45.8-5-2S".to_vec()),
        (7, vec![0, 0x24, 0, 0x24]),
        (127, vec![0x00, 0x80, 0xc2, 1, 0, 1]),
        med(1, &[0, 0x33, 3]),
        med(2, &[1, 0x40, 0xc9, 0x6e]),
        med(2, &[2, 0x40, 0x02, 0x6e]),
        med(5, b"9"),
        med(6, b"tnp65.8-4-1-38.bin"),
        med(7, b"SCCP45.8-5-2S"),
        med(8, b"FCH12345678"),
        med(9, b"Cisco Systems, Inc."),
        med(10, b"CP-7945G"),
        (0, vec![]),
    ]
}

#[test]
fn a_7960_says_what_it_is_by_cdp() {
    let mut frame = in_802_3(&cdp(2, 180, &values_7960()));
    let said = read(&frame).unwrap();
    assert_eq!(
        said,
        Announcement {
            mac: mac(),
            by: Protocol::Cdp,
            model: Some("7960".into()),
            load: Some("P0S3-8-12-00".into()),
            hardware: None,
            serial: None,
            vlan: None,
            ip: Some(Ipv4Addr::new(10, 1, 2, 3)),
        }
    );
    frame.extend([0; 9]);
    assert_eq!(read(&frame).unwrap(), said, "what pads a frame is not read");
    let tagged = [&frame[..12], &[0x81, 0x00, 0x00, 0x64], &frame[12..]].concat();
    assert_eq!(read(&tagged).unwrap(), said);
    let said = cdp::parse(&cdp(1, 180, &values_7960())).unwrap();
    assert!(said.is_phone());
    assert_eq!((said.version, said.power, said.port_id.as_deref()), (1, Some(6_300), Some("Port 1")));
}

#[test]
fn a_7945_says_what_it_is_by_lldp() {
    let frame = by_ether_type(&lldp(&values_7945()));
    assert_eq!(
        read(&frame).unwrap(),
        Announcement {
            mac: mac(),
            by: Protocol::Lldp,
            model: Some("7945G".into()),
            load: Some("SCCP45.8-5-2S".into()),
            hardware: Some("9".into()),
            serial: Some("FCH12345678".into()),
            vlan: Some(100),
            ip: Some(Ipv4Addr::new(10, 1, 2, 3)),
        }
    );
    // Without the extension the description says it.
    let plain: Vec<_> = values_7945().into_iter().filter(|(kind, _)| *kind != 127).collect();
    let said = read(&by_ether_type(&lldp(&plain))).unwrap();
    assert_eq!((said.load.as_deref(), said.hardware.as_deref(), said.vlan), (Some("SCCP45.8-5-2S"), Some("V9"), None));
    let said = lldp::parse(&lldp(&values_7945())).unwrap();
    assert!(said.is_phone());
    assert_eq!((said.firmware.as_deref(), said.model.as_deref()), (Some("tnp65.8-4-1-38.bin"), Some("CP-7945G")));
}

#[test]
fn who_is_meant() {
    let named = |name: &[u8], platform: &[u8]| {
        read(&in_802_3(&cdp(2, 180, &[tlv(1, name), tlv(6, platform), tlv(5, b"SIP41.9-4-2S")])))
    };
    assert_eq!(named(b"sep001b54ce0009", b"Cisco IP Phone 7941").map(|said| said.mac), Ok(mac()));
    assert_eq!(named(b"SIP001B54CE0009", b"").map(|said| (said.mac, said.model)), Ok((mac(), None)));
    // A name of its own, or none yet.
    let said = named(b"lobby", b"CP-7941G-GE").unwrap();
    assert_eq!((said.mac, said.model.as_deref()), (mac(), Some("CP-7941G-GE")));
    assert_eq!(named(b"", b"Cisco IP Phone 7941").map(|said| said.mac), Ok(mac()));
    assert_eq!(
        named(b"SEP001B54CE0001", b"Cisco IP Phone 7941"),
        Err(Unread::Foreign("001B54CE0001".parse().unwrap())),
        "nobody speaks for another"
    );
    for (name, platform) in [
        (&b"switch.example"[..], &b"cisco WS-C3560-24PS"[..]),
        (b"SEP", b""),
        (b"SEP001B54CE000", b"Cisco IP Phone"),
        (b"SEPTEMBER2024", b"Linux"),
        ("SE\u{e9}".as_bytes(), b"Linux"),
    ] {
        assert_eq!(named(name, platform), Err(Unread::NoPhone), "{name:?}");
    }
    let void = in_802_3(&cdp(2, 0, &values_7960()));
    assert_eq!(read(&void), Err(Unread::Void));
}

#[test]
fn a_voice_vlan_and_what_is_none() {
    let by_cdp = |value: &[u8]| cdp::parse(&cdp(2, 180, &[tlv(0x0f, value)])).unwrap().voice_vlan;
    for (value, vlan) in [
        (&[1, 0, 100][..], Some(100)),
        (&[1, 0x0f, 0xfe], Some(4_094)),
        (&[1, 0x0f, 0xff], None),
        (&[1, 0, 0], None),
        (&[0x20, 2, 0, 1], None),
        (&[], None),
    ] {
        assert_eq!(by_cdp(value), vlan, "{value:?}");
    }
    let start = || vec![(1, vec![4, 0, 0x1b, 0x54, 0xce, 0, 9]), (2, vec![7, b'x']), (3, vec![0, 120])];
    let by_lldp = |value: &[u8]| {
        let said = lldp::parse(&lldp(&[start(), vec![med(2, value), (0, vec![])]].concat())).unwrap();
        assert_eq!(said.chassis, Some(mac()));
        said.voice_vlan
    };
    for (value, vlan) in [
        ([1, 0x5f, 0xfd, 0x6e], Some(4_094)),
        ([1, 0x00, 0xc9, 0x6e], None),
        ([1, 0xc0, 0xc9, 0x6e], None),
        ([2, 0x40, 0xc9, 0x6e], None),
        ([1, 0x40, 0x01, 0x6e], None),
    ] {
        assert_eq!(by_lldp(&value), vlan, "{value:x?}");
    }
}

#[test]
fn what_is_wrong_is_refused_with_its_reason() {
    let good = cdp(2, 180, &values_7960());
    let mut bad = good.clone();
    bad[20] ^= 1;
    assert_eq!(cdp::parse(&bad), Err(Unread::Checksum));
    let value = |kind, value: &[u8]| cdp::parse(&cdp(2, 180, &[tlv(kind, value)])).unwrap_err().to_string();
    assert_eq!(value(0x02, &[0, 0, 0, 2, 1, 1, 0xcc, 0, 4, 10, 1, 2, 3]), "ends in the middle of the addresses");
    assert_eq!(value(0x02, &[0xff, 0xff, 0xff, 0xff]), "ends in the middle of the addresses");
    assert_eq!(value(0x04, &[0, 0, 0]), "ends in the middle of the capabilities");
    for (octets, why) in [
        (cdp(3, 180, &[]), "CDP has no version 3"),
        (vec![2, 180, 0], "ends in the middle of the header of CDP"),
        (cdp(2, 180, &[vec![0, 1, 0, 3]]), "the length of a value of CDP is not as the protocol has it"),
        (cdp(2, 180, &[vec![0, 1, 0xff, 0xff]]), "ends in the middle of a value of CDP"),
        (cdp(2, 180, &[vec![0, 1, 0]]), "ends in the middle of a value of CDP"),
    ] {
        assert_eq!(cdp::parse(&octets).unwrap_err().to_string(), why);
    }
    let (chassis, port, ttl) = ((1, vec![7, b'c']), (2, vec![7, b'p']), (3, vec![0, 120]));
    let (order, second) = (
        "the order of chassis, port and time to live is not as the protocol has it",
        "a second chassis, port or time to live is not as the protocol has it",
    );
    for (values, why) in [
        (vec![], "ends in the middle of a value of LLDP"),
        (vec![chassis.clone(), port.clone(), ttl.clone()], "ends in the middle of a value of LLDP"),
        (vec![(0, vec![])], order),
        (vec![chassis.clone(), ttl.clone()], order),
        (vec![chassis.clone(), port.clone(), ttl.clone(), ttl.clone()], second),
        (vec![(1, vec![])], "ends in the middle of the chassis"),
        (vec![chassis.clone(), port.clone(), (3, vec![1])], "ends in the middle of the time to live"),
        (
            vec![chassis.clone(), port.clone(), ttl.clone(), (7, vec![0, 0, 0])],
            "ends in the middle of the capabilities",
        ),
        (
            vec![chassis.clone(), port.clone(), ttl.clone(), (127, vec![0, 0x12])],
            "ends in the middle of an organization's value",
        ),
        (vec![chassis.clone(), port.clone(), ttl.clone(), med(2, &[1])], "ends in the middle of a network policy"),
        (vec![chassis, port, ttl, (8, vec![200, 1])], "ends in the middle of the management address"),
    ] {
        assert_eq!(lldp::parse(&lldp(&values)).unwrap_err().to_string(), why, "{values:?}");
    }
    let mut other = in_802_3(&good);
    other[21] = 0x03;
    for (frame, why) in [
        (other, Unread::Protocol),
        (by_ether_type(&[])[..13].to_vec(), Unread::Short("the Ethernet header")),
        ([&TO_CDP[..], &MAC, &[0x08, 0x00, 0x45]].concat(), Unread::Protocol),
        ([&TO_CDP[..], &MAC, &[0x05, 0xdc]].concat(), Unread::Short("the frame")),
        ([&TO_CDP[..], &TO_CDP, &[0x88, 0xcc]].concat(), Unread::Value("the sender's address")),
    ] {
        assert_eq!(read(&frame), Err(why));
    }
}

/// Of an odd number of octets, as RFC 1071 has it and as Cisco has it.
#[test]
fn the_last_octet_of_an_odd_frame() {
    // 2 + 180 + value: the words sum up by hand.
    for (last, sum) in [(0x05_u8, 0x0005_u16), (0x85, 0xff84)] {
        let mut said = vec![2, 180, 0, 0, 0, 1, 0, 5, last];
        for word in [u16::from(last) << 8, sum] {
            let words = [0x02b4_u32, 0x0001, 0x0005, u32::from(word)];
            let total: u32 = words.iter().sum();
            let folded = u16::try_from((total & 0xffff) + (total >> 16)).unwrap();
            said[2..4].copy_from_slice(&(!folded).to_be_bytes());
            assert!(cdp::parse(&said).is_ok(), "{last:x} {word:x}");
            said[2] ^= 0x40;
            assert_eq!(cdp::parse(&said), Err(Unread::Checksum));
        }
    }
}

#[test]
fn texts_steer_nothing_and_are_short() {
    let said = |value: &[u8]| cdp::parse(&cdp(2, 180, &[tlv(5, value)])).unwrap().software;
    assert_eq!(said(b"SCCP42.8-4-2S\0\0").as_deref(), Some("SCCP42.8-4-2S"));
    assert_eq!(said(b"a\x1b[2J\nb").as_deref(), Some(r"a\x1b[2J\x0ab"));
    assert_eq!(said(b" \0\n"), None);
    assert_eq!(said(&[b'x'; 1_000]).map(|text| text.len()), Some(TEXT));
}

/// Whatever is cut off or changed: read or refused, and never a panic.
#[test]
fn every_cut_and_every_changed_octet() {
    for frame in [in_802_3(&cdp(2, 180, &values_7960())), by_ether_type(&lldp(&values_7945()))] {
        let whole = read(&frame).unwrap();
        for at in 0..frame.len() {
            // The value that ends an LLDP frame is two octets.
            assert!(read(&frame[..at]).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut changed = frame.clone();
                changed[at] ^= 1 << bit;
                let _ = read(&changed);
            }
        }
        assert_eq!(read(&frame), Ok(whole));
    }
}
