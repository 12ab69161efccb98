//! What clients ask of DHCP servers, whoever serves there: read from frames that they broadcast. It says which phones are
//! there, though they get no address, and who has which.

use std::net::Ipv4Addr;

use dhcproto::v4::MessageType;

use super::reply::SERVER;
use super::vendor::{Vendor, vendor};
use super::wire::{Op, Raw};
use crate::domain::MacAddr;

/// Octets of an Ethernet header: to whom, from whom, what (IEEE 802.3).
const ETHERNET: usize = 14;

/// IPv4 as EtherType.
const IPV4: [u8; 2] = [0x08, 0x00];

/// UDP as protocol of IPv4, and octets of its header (RFC 768).
const UDP: u8 = 17;
const HEADER: usize = 8;

/// Shortest header of IPv4 (RFC 791), and what of its field of flags says that the datagram is in pieces.
const LEAST: usize = 20;
const PIECES: u16 = 0x3fff;

/// A client's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Whose.
    pub mac: MacAddr,
    /// What it says it is.
    pub vendor: Vendor,
    /// The address that it was offered and takes, or has and wants to keep. Not one of an earlier life: that may be refused.
    pub address: Option<Ipv4Addr>,
    /// The server whose offer it takes.
    pub server: Option<Ipv4Addr>,
}

/// Reads a frame; `None` = it is no broadcast question of the client that sent it. Its own address on the link has to be the
/// one that it speaks for.
pub fn read(frame: &[u8]) -> Option<Asked> {
    let (ethernet, datagram) = frame.split_at_checked(ETHERNET)?;
    let (source, kind) = (ethernet.get(6..12)?, ethernet.get(12..)?);
    if kind != IPV4 {
        return None;
    }
    let (from, packet) = payload(datagram)?;
    let raw = Raw::read(packet).ok()?;
    let own = source == raw.mac && from == raw.ciaddr && raw.giaddr.is_unspecified();
    let message = MessageType::from(raw.message);
    if raw.op != Op::Request || !matches!(message, MessageType::Discover | MessageType::Request) || !own {
        return None;
    }
    let (wish, server) = (raw.address(50), raw.address(54).filter(|server| !server.is_unspecified()));
    let address = match (message, server, wish) {
        // SELECTING
        (MessageType::Request, Some(_), Some(wish)) if raw.ciaddr.is_unspecified() => Some(wish),
        // REBINDING
        (MessageType::Request, None, None) => Some(raw.ciaddr).filter(|ip| !ip.is_unspecified()),
        // INIT-REBOOT, DISCOVER
        _ => None,
    };
    let server = server.filter(|_| message == MessageType::Request);
    Some(Asked { mac: MacAddr::new(raw.mac).ok()?, vendor: vendor(raw.option(60)), address, server })
}

/// What a whole broadcast datagram to a server's port holds, and who sent it. Its checksum is not looked at: a link that does
/// that itself leaves it open.
fn payload(datagram: &[u8]) -> Option<(Ipv4Addr, &[u8])> {
    let two = |field: &[u8], at: usize| Some(u16::from_be_bytes(*field.get(at..)?.first_chunk()?));
    let four = |at: usize| Some(Ipv4Addr::from(*datagram.get(at..)?.first_chunk::<4>()?));
    let first = *datagram.first()?;
    let header = usize::from(first & 0x0f).checked_mul(4).filter(|length| *length >= LEAST && first >> 4 == 4)?;
    // What is beyond it pads a short frame.
    let datagram = datagram.get(..two(datagram, 2)?.into())?;
    let whole = two(datagram, 6)? & PIECES == 0;
    if !whole || *datagram.get(9)? != UDP || !four(16)?.is_broadcast() {
        return None;
    }
    let udp = datagram.get(header..)?;
    let udp = udp.get(..two(udp, 4)?.into()).filter(|udp| two(udp, 2) == Some(SERVER))?;
    Some((four(12)?, udp.get(HEADER..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ModelName;

    const MAC: [u8; 6] = [0x00, 0x1b, 0x54, 0xce, 0x00, 0x09];
    const PHONE: &[u8] = b"Cisco Systems, Inc. IP Phone CP-7942G\0";

    fn frame(kind: u8, ciaddr: [u8; 4], options: &[(u8, &[u8])]) -> Vec<u8> {
        let mut dhcp = vec![0; 240];
        dhcp[..3].copy_from_slice(&[1, 1, 6]);
        dhcp[12..16].copy_from_slice(&ciaddr);
        dhcp[28..34].copy_from_slice(&MAC);
        dhcp[236..].copy_from_slice(&[99, 130, 83, 99]);
        dhcp.extend([53, 1, kind]);
        for (code, value) in options {
            dhcp.extend([*code, u8::try_from(value.len()).unwrap()]);
            dhcp.extend(*value);
        }
        dhcp.push(255);
        let length = |more: usize| u16::try_from(dhcp.len() + more).unwrap().to_be_bytes();
        let udp = [&[0, 68, 0, 67][..], &length(8), &[0, 0]].concat();
        let ip = [&[0x45, 0][..], &length(28), &[0, 1, 0, 0, 64, 17, 0, 0], &ciaddr, &[255; 4]].concat();
        [&[0xff; 6][..], &MAC, &[8, 0], &ip, &udp, &dhcp].concat()
    }

    #[test]
    fn what_clients_say() {
        let (ip, server) = ([192, 0, 2, 33], [192, 0, 2, 2]);
        for (what, kind, ciaddr, options, address, chosen) in [
            ("DISCOVER", 1, [0; 4], &[(50, &ip[..])][..], None, None),
            ("SELECTING", 3, [0; 4], &[(50, &ip), (54, &server)], Some(ip), Some(server)),
            ("REBINDING", 3, ip, &[], Some(ip), None),
            ("INIT-REBOOT", 3, [0; 4], &[(50, &ip)], None, None),
            ("nothing", 3, [0; 4], &[], None, None),
            ("no address", 3, [0; 4], &[(50, &ip[..3]), (54, &server)], None, Some(server)),
        ] {
            let asked = read(&frame(kind, ciaddr, &[options, &[(60, PHONE)]].concat())).expect(what);
            assert_eq!((asked.address, asked.server), (address.map(Into::into), chosen.map(Into::into)), "{what}");
            assert_eq!((asked.mac.octets(), asked.vendor), (MAC, Vendor::Phone(Some(ModelName::new("7942")))));
        }
        let mut padded = frame(1, [0; 4], &[]);
        padded.extend([0; 20]);
        assert_eq!(read(&padded).map(|asked| asked.vendor), Some(Vendor::Silent));
    }

    #[test]
    fn what_is_no_word_of_its_sender() {
        let good = frame(3, [192, 0, 2, 33], &[(60, PHONE)]);
        assert!(read(&good).is_some());
        for (what, at, octet) in [
            ("another sender", 11, 8),
            ("IPv6", 12, 0x86),
            ("another version", 14, 0x65),
            ("a header that is too short", 14, 0x44),
            ("a header beyond the datagram", 14, 0x4f),
            ("longer than the frame", 16, 9),
            ("shorter than its header", 17, 1),
            ("more pieces follow", 20, 0x20),
            ("a piece", 21, 1),
            ("TCP", 23, 6),
            ("another source", 29, 34),
            ("to one host", 33, 1),
            ("to a client's port", 37, 68),
            ("UDP longer than IP", 38, 9),
            ("an answer", 42, 2),
            ("by a relay", 69, 1),
            ("DECLINE", 284, 4),
        ] {
            let mut bad = good.clone();
            assert_ne!(bad[at], octet, "{what}");
            bad[at] = octet;
            if at == 16 || at == 17 {
                // The length is two octets.
                bad[17] = octet;
                bad[16] = if at == 16 { octet } else { 0 };
            }
            assert_eq!(read(&bad), None, "{what}");
        }
        for length in 0..good.len() {
            assert!(read(&good[..length]).is_none(), "{length}");
        }
    }

    /// Whatever it is, it is read or refused.
    #[test]
    fn anything_is_read_or_refused() {
        let good = frame(3, [0; 4], &[(50, &[192, 0, 2, 33]), (54, &[192, 0, 2, 2]), (60, PHONE)]);
        for at in 0..good.len() {
            for octet in 0..=255 {
                let mut bad = good.clone();
                bad[at] = octet;
                let _ = read(&bad);
            }
        }
    }
}
