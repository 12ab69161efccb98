//! A packet by itself.

use std::net::Ipv4Addr;

use offhook::dhcp::offer::{Offer, complaints, overheard};
use offhook::dhcp::vendor::{Vendor, vendor};
use offhook::dhcp::wire::Raw;

const OWN: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 200);

/// What is read is within bounds, can be shown, and is the same when it is written again without its peculiarities.
pub fn packet(data: &[u8]) {
    let Ok(raw) = Raw::read(data) else { return };
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

fn assert_shown(text: &str) {
    assert!(text.len() <= 2_000 && !text.chars().any(char::is_control), "{text:?}");
}
