//! Cisco Discovery Protocol, versions 1 and 2: behind LLC and SNAP come version, holding time, checksum, and type-length-value
//! triples until the frame ends [CDP].

use std::net::Ipv4Addr;

use super::octets::Octets;
use super::{Unread, text, vlan};

/// What a frame says, as far as phones say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cdp {
    /// 1 or 2.
    pub version: u8,
    /// Seconds that it holds; 0 = it is void.
    pub ttl: u8,
    /// `SEP<MAC>`; a host's name.
    pub device_id: Option<String>,
    /// The first address of IPv4.
    pub address: Option<Ipv4Addr>,
    /// `Port 1` of a phone: its way to the switch.
    pub port_id: Option<String>,
    /// What the device can; see [`Cdp::is_phone`].
    pub capabilities: u32,
    /// A phone's load.
    pub software: Option<String>,
    /// `Cisco IP Phone 7960`.
    pub platform: Option<String>,
    /// The VLAN without tags.
    pub native_vlan: Option<u16>,
    /// The VLAN of phones.
    pub voice_vlan: Option<u16>,
    /// Power that the device draws, in mW.
    pub power: Option<u16>,
}

/// Bit of the capabilities: VoIP phone.
const PHONE: u32 = 0x80;

impl Cdp {
    /// Whether it calls itself a phone.
    pub fn is_phone(&self) -> bool {
        self.capabilities & PHONE != 0
    }
}

/// Reads what stands behind the SNAP header.
///
/// # Errors
/// What is wrong with it.
pub fn parse(octets: &[u8]) -> Result<Cdp, Unread> {
    let mut rest = Octets(octets);
    let (Some(version), Some(ttl), Some(_)) = (rest.u8(), rest.u8(), rest.u16()) else {
        return Err(Unread::Short("the header of CDP"));
    };
    if !(1..=2).contains(&version) {
        return Err(Unread::Version(version));
    }
    if !sums_up(octets) {
        return Err(Unread::Checksum);
    }
    let mut said = Cdp { version, ttl, ..Cdp::default() };
    while !rest.0.is_empty() {
        let short = || Unread::Short("a value of CDP");
        let (kind, length) = (rest.u16().ok_or_else(short)?, rest.u16().ok_or_else(short)?);
        // The length counts the four octets before the value.
        let length = usize::from(length).checked_sub(4).ok_or(Unread::Value("the length of a value of CDP"))?;
        said.take(kind, rest.take(length).ok_or_else(short)?)?;
    }
    Ok(said)
}

impl Cdp {
    /// Takes a value in. What is said twice counts as it was said first.
    fn take(&mut self, kind: u16, value: &[u8]) -> Result<(), Unread> {
        let mut octets = Octets(value);
        match kind {
            0x0001 => self.device_id = self.device_id.take().or_else(|| text(value)),
            0x0002 => self.address = self.address.or(first_address(octets)?),
            0x0003 => self.port_id = self.port_id.take().or_else(|| text(value)),
            0x0004 => self.capabilities |= octets.u32().ok_or(Unread::Short("the capabilities"))?,
            0x0005 => self.software = self.software.take().or_else(|| text(value)),
            0x0006 => self.platform = self.platform.take().or_else(|| text(value)),
            0x000a => {
                let native = octets.u16().ok_or(Unread::Short("the native VLAN"))?;
                self.native_vlan = self.native_vlan.or(vlan(native));
            }
            // Reply and query: a kind of VLAN (1 = voice) and its number. The query of a phone that knows none yet has
            // four octets, 20 02 00 01, that are no VLAN [CDP].
            0x000e | 0x000f => {
                if let [1, high, low] = value {
                    self.voice_vlan = self.voice_vlan.or(vlan(u16::from_be_bytes([*high, *low])));
                }
            }
            0x0010 => self.power = self.power.or(Some(octets.u16().ok_or(Unread::Short("the power"))?)),
            _ => {}
        }
        Ok(())
    }
}

/// The first address of IPv4 in a list. Each entry has at least four octets: the list ends with the value, whatever it counts.
fn first_address(mut list: Octets<'_>) -> Result<Option<Ipv4Addr>, Unread> {
    /// Protocol by NLPID, one octet, IP.
    const IP: (u8, &[u8]) = (1, &[0xcc]);
    let mut found = None;
    let mut count = list.u32().ok_or(Unread::Short("the addresses"))?;
    while count > 0 {
        let mut entry = || {
            let (kind, length) = (list.u8()?, list.u8()?);
            let protocol = list.take(length.into())?;
            let length = list.u16()?;
            Some((kind, protocol, list.take(length.into())?))
        };
        let (kind, protocol, address) = entry().ok_or(Unread::Short("the addresses"))?;
        if let (true, Ok(address)) = ((kind, protocol) == IP, <[u8; 4]>::try_from(address)) {
            found = found.or(Some(Ipv4Addr::from(address)));
        }
        count -= 1;
    }
    Ok(found.filter(|ip| !ip.is_unspecified()))
}

/// Whether the Internet checksum (RFC 1071) is right. Of an odd number of octets Cisco's own takes the last one for the low
/// half of a word, with its sign, and one less where that is negative; others pad with a zero [CDP].
fn sums_up(octets: &[u8]) -> bool {
    let (words, last) = octets.as_chunks::<2>();
    let sum: u64 = words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum();
    let right = |last: u16| {
        let mut sum = sum + u64::from(last);
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum == 0xffff
    };
    match last {
        [octet] => {
            let cisco = if *octet < 0x80 { u16::from(*octet) } else { 0xff00 | u16::from(octet - 1) };
            right(cisco) || right(u16::from(*octet) << 8)
        }
        _ => right(0),
    }
}
