//! A DHCP packet before anybody believes it: cookie, hardware address, lengths and overload are checked here, options are
//! joined (RFC 3396) and kept as bytes. What passes is a packet of RFC 2131 section 2; what an option means is not asked.
//!
//! A library decodes the rest. This walk comes first because it must not be reached by what this refuses: a hardware
//! address of 255 octets, odd lengths, options that end outside of the packet.

use std::net::Ipv4Addr;

/// Octets before the options: the fixed part of BOOTP and the cookie (RFC 2131 section 2).
pub const FIXED: usize = 240;

/// Longest packet that is read.
pub const LONGEST: usize = 1_500;

/// Longest value of one option, its parts joined.
const JOINED: usize = 1_024;

/// Longest relay agent information: it goes back as it came, beside all that a client needs.
const LONGEST_RELAY: usize = 255;

/// Relays between client and server that are believed (RFC 1542 section 4.1.1).
const HOPS: u8 = 16;

/// The flag of a client that cannot be sent to (RFC 2131 section 2).
const BROADCAST: u16 = 0x8000;

const COOKIE: [u8; 4] = [99, 130, 83, 99];
const PAD: u8 = 0;
/// No option comes after it.
pub const END: u8 = 255;
/// Option overload (RFC 2132 section 9.3).
const OVERLOAD: u8 = 52;
/// Relay agent information (RFC 3046).
pub const RELAY: u8 = 82;

/// Why a packet is not read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refused {
    /// Shorter than the fixed part, or longer than any.
    Size,
    /// BOOTP, or something else.
    Cookie,
    /// Neither a request nor an answer, or not the one that was waited for.
    Op,
    /// No Ethernet, or an address of another length.
    Hardware,
    /// An address that no phone has: all zero, or a group's.
    Address,
    /// More relays than there may be.
    Hops,
    /// An option that ends outside of its field, or joined is longer than any may be.
    Option,
    /// A value for the overload of fields that does not exist.
    Overload,
    /// No message type of one octet, 1 to 8.
    Type,
    /// Relay agent information that is too long to go back, or whose parts end outside of it.
    Relay,
}

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// From a client.
    Request,
    /// From a server.
    Reply,
}

/// A packet whose shape is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// From whom.
    pub op: Op,
    /// Relays that it went through.
    pub hops: u8,
    /// Transaction.
    pub xid: u32,
    /// Seconds since the client began.
    pub secs: u16,
    /// The answer is to be broadcast.
    pub broadcast: bool,
    /// The address that the client uses already.
    pub ciaddr: Ipv4Addr,
    /// The address that it is given.
    pub yiaddr: Ipv4Addr,
    /// The server of the next step.
    pub siaddr: Ipv4Addr,
    /// The relay nearest to the client.
    pub giaddr: Ipv4Addr,
    /// Hardware address.
    pub mac: [u8; 6],
    /// Message type, 1 to 8.
    pub message: u8,
    /// Options in the order in which they first came, each code once.
    options: Vec<(u8, Vec<u8>)>,
}

impl Raw {
    /// Reads a packet.
    ///
    /// # Errors
    /// It is dropped, and why.
    pub fn read(packet: &[u8]) -> Result<Self, Refused> {
        if packet.len() > LONGEST {
            return Err(Refused::Size);
        }
        let (fixed, rest) = packet.split_at_checked(FIXED).ok_or(Refused::Size)?;
        let four = |from: usize| octets::<4>(fixed, from);
        let address = |from: usize| Ipv4Addr::from(four(from));
        if four(236) != COOKIE {
            return Err(Refused::Cookie);
        }
        let [op, htype, hlen, hops] = four(0);
        let op = match op {
            1 => Op::Request,
            2 => Op::Reply,
            _ => return Err(Refused::Op),
        };
        if (htype, hlen) != (1, 6) {
            return Err(Refused::Hardware);
        }
        if hops > HOPS {
            return Err(Refused::Hops);
        }
        let mac = octets::<6>(fixed, 28);
        if mac.first().is_some_and(|first| first & 1 == 1) || mac == [0; 6] {
            return Err(Refused::Address);
        }
        let options = options(fixed, rest)?;
        let value = |code: u8| options.iter().find(|(had, _)| *had == code).map(|(_, value)| value.as_slice());
        let message = match value(53) {
            Some([message @ 1..=8]) => *message,
            _ => return Err(Refused::Type),
        };
        if value(RELAY).is_some_and(|value| value.len() > LONGEST_RELAY || !is_whole(value)) {
            return Err(Refused::Relay);
        }
        Ok(Self {
            op,
            hops,
            xid: u32::from_be_bytes(four(4)),
            secs: u16::from_be_bytes(octets(fixed, 8)),
            broadcast: u16::from_be_bytes(octets(fixed, 10)) & BROADCAST != 0,
            ciaddr: address(12),
            yiaddr: address(16),
            siaddr: address(20),
            giaddr: address(24),
            mac,
            message,
            options,
        })
    }

    /// The value of an option, its parts joined.
    pub fn option(&self, code: u8) -> Option<&[u8]> {
        self.options.iter().find(|(had, _)| *had == code).map(|(_, value)| value.as_slice())
    }

    /// The value of an option that is one address, and nothing else.
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        self.option(code)?.try_into().ok().map(<[u8; 4]>::into)
    }
}

/// The octets from there on, zeros where there are none.
fn octets<const N: usize>(field: &[u8], from: usize) -> [u8; N] {
    let mut all = [0; N];
    all.iter_mut().zip(field.iter().skip(from)).for_each(|(to, octet)| *to = *octet);
    all
}

/// Options of all fields that hold any, in the order of RFC 3396 section 5: options, file, sname.
fn options(fixed: &[u8], rest: &[u8]) -> Result<Vec<(u8, Vec<u8>)>, Refused> {
    let mut all = Vec::new();
    walk(rest, &mut all)?;
    let overload =
        match all.iter().find(|(code, _)| *code == OVERLOAD).map(|(_, value): &(u8, Vec<u8>)| value.as_slice()) {
            None => 0,
            Some([value @ 1..=3]) => *value,
            Some(_) => return Err(Refused::Overload),
        };
    let field = |range| fixed.get(range).unwrap_or_default();
    if overload & 1 != 0 {
        walk(field(108..236), &mut all)?;
    }
    if overload & 2 != 0 {
        walk(field(44..108), &mut all)?;
    }
    Ok(all)
}

/// One field. That it has no end mark is allowed; that an option goes beyond it is not.
fn walk(mut field: &[u8], all: &mut Vec<(u8, Vec<u8>)>) -> Result<(), Refused> {
    while let [code, after @ ..] = field {
        match *code {
            PAD => field = after,
            END => return Ok(()),
            code => {
                let (length, after) = after.split_first().ok_or(Refused::Option)?;
                let (value, after) = after.split_at_checked(usize::from(*length)).ok_or(Refused::Option)?;
                field = after;
                match all.iter_mut().find(|(had, _)| *had == code) {
                    Some((_, joined)) => joined.extend_from_slice(value),
                    None => all.push((code, value.to_vec())),
                }
                if all.iter().any(|(had, joined)| *had == code && joined.len() > JOINED) {
                    return Err(Refused::Option);
                }
            }
        }
    }
    Ok(())
}

/// Whether a value is records of code, length and octets, to its end.
fn is_whole(mut value: &[u8]) -> bool {
    while let [_, length, after @ ..] = value {
        let Some(after) = after.get(usize::from(*length)..) else { return false };
        value = after;
    }
    value.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [0x00, 0x1b, 0x54, 0xce, 0x00, 0x01];

    /// A DISCOVER with these options behind its message type.
    fn discover(options: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; FIXED];
        packet[..4].copy_from_slice(&[1, 1, 6, 0]);
        packet[4..8].copy_from_slice(&[0xde, 0xad, 0xbe, 0xef]);
        packet[10] = 0x80;
        packet[28..34].copy_from_slice(&MAC);
        packet[236..240].copy_from_slice(&COOKIE);
        packet.extend([53, 1, 1]);
        packet.extend(options);
        packet.push(END);
        packet
    }

    fn with(at: usize, octets: &[u8]) -> Vec<u8> {
        let mut packet = discover(&[]);
        packet[at..at + octets.len()].copy_from_slice(octets);
        packet
    }

    fn refused(packet: &[u8]) -> Refused {
        Raw::read(packet).expect_err("it is refused")
    }

    #[test]
    fn a_phone_asks() {
        let raw = Raw::read(&discover(&[60, 3, b'a', b'b', 0, 55, 2, 150, 66])).unwrap();
        assert_eq!((raw.op, raw.xid, raw.mac, raw.message, raw.broadcast), (Op::Request, 0xdead_beef, MAC, 1, true));
        assert_eq!((raw.option(60), raw.option(55), raw.option(12)), (Some(&b"ab\0"[..]), Some(&[150, 66][..]), None));
    }

    #[test]
    fn b1_to_b3_short_and_foreign() {
        for length in [0, 1, 239] {
            assert_eq!(refused(&discover(&[])[..length]), Refused::Size, "{length}");
        }
        assert_eq!(refused(&with(236, &[99, 130, 83, 98])), Refused::Cookie);
        assert_eq!(refused(&discover(&[])[..FIXED]), Refused::Type);
    }

    #[test]
    fn b4_to_b7_ends_and_types() {
        let mut endless = discover(&[]);
        endless.pop();
        assert!(Raw::read(&endless).is_ok(), "B4");
        assert_eq!(refused(&discover(&[12, 9, b'x'])), Refused::Option, "B5");
        for (value, length) in [(&[53, 0][..], 0), (&[53, 2, 1, 1][..], 2)] {
            let mut packet = discover(&[]);
            packet.truncate(FIXED);
            packet.extend(value);
            assert_eq!(refused(&packet), Refused::Type, "B6: {length}");
        }
        for message in [0, 9, 17, 99] {
            assert_eq!(refused(&with(FIXED + 2, &[message])), Refused::Type, "B7: {message}");
        }
    }

    #[test]
    fn b9_to_b13_hardware() {
        for hlen in [0, 5, 7, 16, 255] {
            assert_eq!(refused(&with(2, &[hlen])), Refused::Hardware, "B9: {hlen}");
        }
        assert_eq!(refused(&with(1, &[6])), Refused::Hardware, "B10");
        for mac in [[0; 6], [0xff; 6], [1, 0, 0x5e, 0, 0, 1]] {
            assert_eq!(refused(&with(28, &mac)), Refused::Address, "B11: {mac:?}");
        }
        assert!(Raw::read(&with(34, &[7; 10])).is_ok(), "B12");
        assert_eq!(refused(&with(3, &[17])), Refused::Hops, "B13");
        assert!(Raw::read(&with(3, &[16])).is_ok());
    }

    #[test]
    fn b16_b17_relay() {
        assert_eq!(refused(&discover(&[82, 3, 1, 9, b'x'])), Refused::Relay, "B16");
        assert_eq!(refused(&discover(&[82, 1, 1])), Refused::Relay, "B16");
        let mut long = vec![82, 255, 9, 253];
        long.extend([7; 253]);
        assert_eq!(Raw::read(&discover(&long)).unwrap().option(RELAY).map(<[u8]>::len), Some(255), "B17");
        assert_eq!(refused(&discover(&[&long[..], &[82, 2, 9, 0]].concat())), Refused::Relay, "B17");
    }

    #[test]
    fn b23_overload() {
        for (overload, wanted) in [(1, Some(&b"f"[..])), (2, Some(&b"s"[..])), (3, Some(&b"fs"[..]))] {
            let mut packet = discover(&[52, 1, overload]);
            packet[108..112].copy_from_slice(&[12, 1, b'f', END]);
            packet[44..48].copy_from_slice(&[12, 1, b's', END]);
            assert_eq!(Raw::read(&packet).unwrap().option(12), wanted, "{overload}");
        }
        // A field that says that it is overloaded itself is read once.
        let mut packet = discover(&[52, 1, 1]);
        packet[108..112].copy_from_slice(&[52, 1, 3, END]);
        assert_eq!(Raw::read(&packet).map(|_| ()), Ok(()));
        for value in [&[52, 1, 9][..], &[52, 1, 0], &[52, 0], &[52, 2, 1, 1]] {
            assert_eq!(refused(&discover(value)), Refused::Overload, "{value:?}");
        }
    }

    #[test]
    fn b24_b41_long() {
        let split = |times: usize| [60, 255].into_iter().chain([b'x'; 255]).collect::<Vec<u8>>().repeat(times);
        assert_eq!(Raw::read(&discover(&split(4))).unwrap().option(60).map(<[u8]>::len), Some(1_020));
        assert_eq!(refused(&discover(&split(10))), Refused::Size, "longer than a packet may be");
        let parts = [&split(4)[..], &[60, 5, 1, 2, 3, 4, 5]].concat();
        assert_eq!(refused(&discover(&parts)), Refused::Option, "B24");
        assert_eq!(refused(&[1; 9_000]), Refused::Size, "B41");
    }

    /// Whatever it is, it is read or refused.
    #[test]
    fn anything_is_read_or_refused() {
        let good = discover(&[60, 3, b'a', b'b', 0, 82, 4, 1, 2, 7, 7, 52, 1, 3]);
        for at in 0..good.len() {
            for octet in [0, 1, 52, 53, 82, 254, 255] {
                let mut packet = good.clone();
                packet[at] = octet;
                let _ = Raw::read(&packet);
                let _ = Raw::read(&packet[..at]);
            }
        }
    }
}
