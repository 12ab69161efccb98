//! DHCP in octets, as a phone writes and reads it (RFC 2131 section 2, RFC 2132).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::domain::MacAddr;

/// Octets before the options, the cookie not counted.
const FIXED: usize = 236;
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// What a BOOTP packet has at least (RFC 1542 section 2.1).
const LEAST: usize = 300;

const PAD: u8 = 0;
const OVERLOAD: u8 = 52;
const END: u8 = 255;

/// Kinds of message (option 53).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Discover = 1,
    Offer = 2,
    Request = 3,
    Decline = 4,
    Ack = 5,
    Nak = 6,
    Release = 7,
}

/// What a phone sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Which message.
    pub kind: Kind,
    /// The phone's.
    pub mac: MacAddr,
    /// Seconds since it began to ask.
    pub secs: u16,
    /// Answers are to be broadcast.
    pub broadcast: bool,
    /// The address that it has and answers on; unspecified = none.
    pub ciaddr: Ipv4Addr,
    /// In the order sent, after option 53.
    pub options: Vec<(u8, Vec<u8>)>,
}

/// The transaction of a phone: the low four octets of its MAC, always [TEO].
pub fn xid(mac: MacAddr) -> [u8; 4] {
    let [_, _, a, b, c, d] = mac.octets();
    [a, b, c, d]
}

impl Question {
    /// As octets.
    pub fn emit(&self) -> Vec<u8> {
        // BOOTREQUEST over Ethernet, six octets of MAC, no hop.
        let mut packet = vec![1, 1, 6, 0];
        packet.extend(xid(self.mac));
        packet.extend(self.secs.to_be_bytes());
        packet.extend(if self.broadcast { [0x80, 0] } else { [0, 0] });
        packet.extend(self.ciaddr.octets());
        // yiaddr, siaddr, giaddr.
        packet.extend([0; 12]);
        packet.extend(self.mac.octets());
        packet.resize(FIXED, 0);
        packet.extend(COOKIE);
        let kind = [(53, vec![self.kind as u8])];
        for (code, value) in kind.iter().chain(&self.options) {
            // Nothing that a phone says is longer.
            let value = value.get(..255).unwrap_or(value);
            packet.push(*code);
            packet.extend(u8::try_from(value.len()));
            packet.extend(value);
        }
        packet.push(END);
        packet.resize(packet.len().max(LEAST), PAD);
        packet
    }
}

/// What a server says to a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which message.
    pub kind: Kind,
    /// The address given.
    pub yiaddr: Ipv4Addr,
    /// The server of the next step; unspecified = none.
    pub siaddr: Ipv4Addr,
    /// Each with its parts put together (RFC 3396), those of an overloaded `file` and `sname` too (RFC 2132, option 52).
    pub options: BTreeMap<u8, Vec<u8>>,
}

impl Answer {
    /// Reads what is meant for this phone.
    ///
    /// # Errors
    /// It is meant for it and cannot be read; what is wrong. `Ok(None)` = it is meant for another.
    pub fn parse(packet: &[u8], mac: MacAddr) -> Result<Option<Self>, &'static str> {
        let at = |from: usize, octets: usize| packet.get(from..from + octets);
        let is_ours = packet.first() == Some(&2) && at(4, 4) == Some(&xid(mac)) && at(28, 6) == Some(&mac.octets());
        if !is_ours {
            return Ok(None);
        }
        if at(FIXED, 4) != Some(&COOKIE) {
            return Err("it has no DHCP cookie");
        }
        let address = |from: usize| at(from, 4).and_then(|octets| <[u8; 4]>::try_from(octets).ok()).map(Ipv4Addr::from);
        let (Some(yiaddr), Some(siaddr), Some(sname), Some(file)) =
            (address(16), address(20), at(44, 64), at(108, 128))
        else {
            return Err("it is cut");
        };
        let mut options = BTreeMap::new();
        walk(packet.get(FIXED + COOKIE.len()..).unwrap_or_default(), &mut options)?;
        let overloaded = match options.get(&OVERLOAD).map(Vec::as_slice) {
            None => 0,
            Some(&[bits @ 1..=3]) => bits,
            Some(_) => return Err("its option 52 is none"),
        };
        if overloaded & 1 != 0 {
            walk(file, &mut options)?;
        }
        if overloaded & 2 != 0 {
            walk(sname, &mut options)?;
        }
        let kind = match options.get(&53).map(Vec::as_slice) {
            Some([2]) => Kind::Offer,
            Some([5]) => Kind::Ack,
            Some([6]) => Kind::Nak,
            _ => return Err("it is no offer, acknowledgement or refusal (option 53)"),
        };
        Ok(Some(Self { kind, yiaddr, siaddr, options }))
    }

    /// An option of one address.
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        Some(Ipv4Addr::from(<[u8; 4]>::try_from(self.options.get(&code)?.as_slice()).ok()?))
    }

    /// An option of one number of 32 bits.
    pub fn number(&self, code: u8) -> Option<u32> {
        self.address(code).map(u32::from)
    }
}

fn walk(mut rest: &[u8], options: &mut BTreeMap<u8, Vec<u8>>) -> Result<(), &'static str> {
    while let Some((&code, after)) = rest.split_first() {
        rest = match code {
            PAD => after,
            END => break,
            _ => {
                let (&length, after) = after.split_first().ok_or("an option of it has no length")?;
                let (value, after) =
                    after.split_at_checked(length.into()).ok_or("an option of it is longer than the packet")?;
                options.entry(code).or_default().extend_from_slice(value);
                after
            }
        };
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) const MAC: &str = "000E84C060A6";

    /// A server's packet to that phone.
    pub(crate) fn said(kind: Kind, yiaddr: [u8; 4], siaddr: [u8; 4], options: &[(u8, &[u8])]) -> Vec<u8> {
        let mut packet = vec![2, 1, 6, 0];
        packet.extend([0x84, 0xc0, 0x60, 0xa6, 0, 0, 0x80, 0, 0, 0, 0, 0]);
        packet.extend(yiaddr);
        packet.extend(siaddr);
        packet.extend([0, 0, 0, 0, 0x00, 0x0e, 0x84, 0xc0, 0x60, 0xa6]);
        packet.resize(FIXED, 0);
        packet.extend(COOKIE);
        packet.extend([53, 1, kind as u8]);
        for (code, value) in options {
            packet.push(*code);
            packet.push(u8::try_from(value.len()).unwrap());
            packet.extend(*value);
        }
        packet.push(END);
        packet
    }

    fn mac() -> MacAddr {
        MAC.parse().unwrap()
    }

    #[test]
    fn a_discover_in_octets() {
        let question = Question {
            kind: Kind::Discover,
            mac: mac(),
            secs: 4,
            broadcast: true,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            options: vec![(60, b"Cisco\0".to_vec()), (55, vec![1, 66])],
        };
        let packet = question.emit();
        assert_eq!(packet.len(), LEAST);
        assert_eq!(packet[..12], [1, 1, 6, 0, 0x84, 0xc0, 0x60, 0xa6, 0, 4, 0x80, 0]);
        assert_eq!(packet[12..28], [0; 16]);
        assert_eq!(packet[28..36], [0x00, 0x0e, 0x84, 0xc0, 0x60, 0xa6, 0, 0]);
        assert_eq!(packet[236..257], *b"\x63\x82\x53\x63\x35\x01\x01\x3c\x06Cisco\0\x37\x02\x01\x42\xff\0");
    }

    #[test]
    fn what_a_server_says_is_read() {
        let long = [b'x'; 200];
        let packet = said(Kind::Ack, [192, 0, 2, 9], [192, 0, 2, 1], &[(66, &long), (150, &[10, 0, 0, 1]), (66, b"y")]);
        let answer = Answer::parse(&packet, mac()).unwrap().unwrap();
        assert_eq!(
            (answer.kind, answer.yiaddr.octets(), answer.siaddr.octets()),
            (Kind::Ack, [192, 0, 2, 9], [192, 0, 2, 1])
        );
        assert_eq!((answer.options[&66].len(), answer.address(150)), (201, Some([10, 0, 0, 1].into())));
        // For others: a request, another phone, another transaction.
        for (at, octet) in [(0, 1), (33, 0xa7), (7, 0)] {
            let mut packet = packet.clone();
            packet[at] = octet;
            assert_eq!(Answer::parse(&packet, mac()), Ok(None), "{at}");
        }
    }

    #[test]
    fn options_in_the_fields_of_names() {
        let mut packet = said(Kind::Offer, [192, 0, 2, 9], [0; 4], &[(52, &[3])]);
        packet[108..113].copy_from_slice(&[66, 2, b'a', b'b', END]);
        packet[44..49].copy_from_slice(&[66, 1, b'c', END, 7]);
        let answer = Answer::parse(&packet, mac()).unwrap().unwrap();
        assert_eq!(answer.options[&66], b"abc");
        packet[245] = 9;
        assert!(Answer::parse(&packet, mac()).is_err());
    }

    #[test]
    fn what_is_cut_or_wrong_is_said_so() {
        let packet = said(Kind::Offer, [192, 0, 2, 9], [0; 4], &[(150, &[10, 0, 0, 1])]);
        for length in 0..packet.len() {
            let answer = Answer::parse(&packet[..length], mac());
            match length {
                0..34 => assert_eq!(answer, Ok(None), "{length}"),
                // Whole options and no end: as much as there is.
                243 | 249 => assert!(answer.is_ok_and(|answer| answer.is_some()), "{length}"),
                _ => assert!(answer.is_err(), "{length}"),
            }
        }
        assert!(Answer::parse(&said(Kind::Request, [0; 4], [0; 4], &[]), mac()).is_err());
    }
}
