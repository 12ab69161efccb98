//! Frames of CDP and LLDP: read or refused, and what is read is fit to be shown.

use offhook::discover::{self, Announcement, Unread};

/// A frame that carries CDP.
pub fn cdp(data: &[u8]) {
    // The parser alone sees what lies behind a checksum that is put right for it.
    let mut summed = data.to_vec();
    if let Some(sum) = summed.get_mut(2..4) {
        sum.fill(0);
    }
    let sum = !ones_complement(&summed);
    if let Some(field) = summed.get_mut(2..4) {
        field.copy_from_slice(&sum.to_be_bytes());
    }
    let said = discover::cdp::parse(&summed);
    assert_ne!(said.err(), Some(Unread::Checksum));
    let _ = discover::cdp::parse(data);
    let length = u16::try_from(summed.len() + 8).unwrap_or(u16::MAX).to_be_bytes();
    let snap = [0xaa, 0xaa, 0x03, 0x00, 0x00, 0x0c, 0x20, 0x00];
    framed(&[&length[..], &snap, &summed].concat());
}

/// A frame that carries LLDP.
pub fn lldp(data: &[u8]) {
    let _ = discover::lldp::parse(data);
    framed(&[&[0x88, 0xcc][..], data].concat());
}

fn framed(rest: &[u8]) {
    let addresses = [0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e, 0x00, 0x1b, 0x54, 0xce, 0x00, 0x09];
    if let Ok(said) = discover::read(&[&addresses[..], rest].concat()) {
        assert_eq!(said.mac.octets(), addresses[6..]);
        shown(&said);
    }
}

fn shown(said: &Announcement) {
    for text in [&said.model, &said.load, &said.hardware, &said.serial].into_iter().flatten() {
        assert!(!text.is_empty() && text.len() <= 256, "{text:?}");
        assert!(text.bytes().all(|octet| (b' '..=b'~').contains(&octet)), "{text:?}");
    }
    assert!(said.vlan.is_none_or(|vlan| (1..=4_094).contains(&vlan)));
}

fn ones_complement(octets: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in octets.chunks(2) {
        sum += u32::from(pair[0]) * 256 + u32::from(*pair.get(1).unwrap_or(&0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or_default()
}
