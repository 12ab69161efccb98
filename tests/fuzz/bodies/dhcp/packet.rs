//! A packet by itself.

use std::net::Ipv4Addr;

use offhook::dhcp::asked;
use offhook::dhcp::offer::{Offer, complaints, overheard};
use offhook::dhcp::vendor::{Vendor, vendor};
use offhook::dhcp::wire::Raw;

const OWN: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 200);

/// What is read is within bounds, can be shown, and is the same when it is written again without its peculiarities.
pub fn packet(data: &[u8]) {
    let _ = asked::read(data);
    let Ok(raw) = Raw::read(data) else { return };
    let broadcast = framed(&raw, data);
    if let Some(asked) = asked::read(&broadcast) {
        assert_eq!((asked.mac.octets(), asked.vendor), (raw.mac, vendor(raw.option(60))));
        assert!(raw.giaddr.is_unspecified() && [1, 3].contains(&raw.message));
        assert!(asked.address.is_none_or(|ip| ip == raw.ciaddr || raw.option(50) == Some(&ip.octets())));
        assert_eq!(asked::read(&broadcast[..broadcast.len() - 1]), None, "not all of it");
    }
    assert!((240..=1_500).contains(&data.len()) && (1..=8).contains(&raw.message) && raw.mac[0] & 1 == 0);
    if let Vendor::Phone(Some(model)) = vendor(raw.option(60)) {
        assert_shown(&model.to_string());
    }
    if let Some(offer) = Offer::read(&raw, OTHER) {
        let all = complaints(&offer, &[OWN], &[]).into_iter().chain(overheard(&offer, &[OWN]));
        all.for_each(|complaint| assert_shown(&(complaint.to_string() + &complaint.remedy(Some(OWN)))));
        let texts = [offer.name().map(str::to_owned), offer.shown_name(), offer.shown_servers()];
        texts.iter().flatten().for_each(|text| assert_shown(text));
    }
    let mut again = data[..240].to_vec();
    again[44..236].fill(0);
    let codes = || (1..=254).filter(|code| *code != 52);
    for (code, value) in codes().filter_map(|code| Some((code, raw.option(code)?))) {
        let parts: Vec<&[u8]> = if value.is_empty() { vec![value] } else { value.chunks(255).collect() };
        for part in parts {
            again.extend([code, u8::try_from(part.len()).expect("255 at most")]);
            again.extend(part);
        }
    }
    if again.len() <= 1_500 {
        let read = Raw::read(&again).expect("what was read can be written");
        let fields = |raw: &Raw| {
            let addresses = [raw.ciaddr, raw.yiaddr, raw.siaddr, raw.giaddr];
            (raw.op, raw.hops, raw.xid, raw.secs, raw.broadcast, addresses, raw.mac, raw.message)
        };
        assert_eq!(fields(&read), fields(&raw));
        assert!(codes().all(|code| read.option(code) == raw.option(code)));
    }
}

/// The packet on its way from its client to everybody: Ethernet, IPv4, UDP.
fn framed(raw: &Raw, data: &[u8]) -> Vec<u8> {
    let long = |more: usize| u16::try_from(data.len() + more).expect("read").to_be_bytes();
    let ethernet = [&[0xff; 6][..], &raw.mac, &[0x08, 0x00]].concat();
    let ip = [&[0x45, 0][..], &long(28), &[0, 0, 0, 0, 64, 17, 0, 0], &raw.ciaddr.octets(), &[0xff; 4]].concat();
    let udp = [&[0, 68, 0, 67][..], &long(8), &[0, 0]].concat();
    [&ethernet[..], &ip, &udp, data].concat()
}

fn assert_shown(text: &str) {
    assert!(text.len() <= 2_000 && !text.chars().any(char::is_control), "{text:?}");
}
