//! Link Layer Discovery Protocol (IEEE 802.1AB) with the extension for media endpoints (LLDP-MED, ANSI/TIA-1057): values with
//! seven bits of type and nine of length until the one that ends them.

use std::net::Ipv4Addr;

use super::octets::Octets;
use super::{Unread, text, vlan};
use crate::domain::MacAddr;

/// What a frame says, as far as phones say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lldp {
    /// The chassis, where it is named by its hardware address; Cisco phones name it by that or by their address of IPv4.
    pub chassis: Option<MacAddr>,
    /// The port: `<MAC>:P1` of a Cisco phone.
    pub port: Option<String>,
    /// Seconds that it holds; 0 = it is void.
    pub ttl: u16,
    /// System name: `SEP<MAC>`.
    pub name: Option<String>,
    /// System description: `Cisco IP Phone 7911G,V9, SIP11.8-5-3S`.
    pub description: Option<String>,
    /// What is switched on; see [`Lldp::is_phone`].
    pub capabilities: u16,
    /// Its address, as chassis or for management.
    pub address: Option<Ipv4Addr>,
    /// LLDP-MED: hardware revision.
    pub hardware: Option<String>,
    /// LLDP-MED: firmware revision, the boot loader's.
    pub firmware: Option<String>,
    /// LLDP-MED: software revision, the load.
    pub software: Option<String>,
    /// LLDP-MED: serial number.
    pub serial: Option<String>,
    /// LLDP-MED: model, `CP-7945G`.
    pub model: Option<String>,
    /// LLDP-MED: VLAN of the policy for voice.
    pub voice_vlan: Option<u16>,
}

/// Bit of the capabilities: telephone.
const TELEPHONE: u16 = 0x20;

/// OUI of TIA: LLDP-MED.
const MED: [u8; 3] = [0x00, 0x12, 0xbb];

/// The number of IPv4 among families of addresses (IANA).
const IPV4: u8 = 1;

impl Lldp {
    /// Whether it calls itself a telephone.
    pub fn is_phone(&self) -> bool {
        self.capabilities & TELEPHONE != 0
    }
}

/// Reads what stands behind the EtherType. The three values that every frame begins with have to be there, in order.
///
/// # Errors
/// What is wrong with it.
pub fn parse(octets: &[u8]) -> Result<Lldp, Unread> {
    let mut rest = Octets(octets);
    let mut said = Lldp::default();
    for due in 1_u32.. {
        let short = || Unread::Short("a value of LLDP");
        let head = rest.u16().ok_or_else(short)?;
        let (kind, length) = (head >> 9, head & 0x1ff);
        let value = rest.take(length.into()).ok_or_else(short)?;
        if due <= 3 && u32::from(kind) != due {
            return Err(Unread::Value("the order of chassis, port and time to live"));
        }
        match kind {
            // What follows pads a short frame.
            0 => break,
            _ if due > 3 && kind <= 3 => return Err(Unread::Value("a second chassis, port or time to live")),
            _ => said.take(kind, value)?,
        }
    }
    Ok(said)
}

impl Lldp {
    /// Takes a value in. What is said twice counts as it was said first.
    fn take(&mut self, kind: u16, value: &[u8]) -> Result<(), Unread> {
        let mut octets = Octets(value);
        match kind {
            1 => match octets.u8().ok_or(Unread::Short("the chassis"))? {
                4 => self.chassis = octets.array().and_then(|mac| MacAddr::new(mac).ok()),
                5 => self.address = address(octets.0),
                _ => {}
            },
            2 => self.port = value.get(1..).and_then(text),
            3 => self.ttl = octets.u16().ok_or(Unread::Short("the time to live"))?,
            5 => self.name = self.name.take().or_else(|| text(value)),
            6 => self.description = self.description.take().or_else(|| text(value)),
            7 => {
                // What it could, and what is switched on.
                let short = || Unread::Short("the capabilities");
                octets.u16().ok_or_else(short)?;
                self.capabilities |= octets.u16().ok_or_else(short)?;
            }
            8 => {
                let short = || Unread::Short("the management address");
                let length = octets.u8().ok_or_else(short)?;
                self.address = self.address.or(address(octets.take(length.into()).ok_or_else(short)?));
            }
            127 => {
                let short = || Unread::Short("an organization's value");
                let maker: [u8; 3] = octets.array().ok_or_else(short)?;
                let kind = octets.u8().ok_or_else(short)?;
                if maker == MED {
                    self.take_med(kind, octets)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn take_med(&mut self, kind: u8, mut octets: Octets<'_>) -> Result<(), Unread> {
        let value = octets.0;
        match kind {
            2 => {
                let [application, bits @ ..]: [u8; 4] = octets.array().ok_or(Unread::Short("a network policy"))?;
                // Policy unknown, tagged, reserved, 12 bits of VLAN, 3 of priority, 6 of DSCP.
                let [high, middle, _] = bits;
                let number = (u16::from(high & 0x1f) << 7) | u16::from(middle >> 1);
                let (unknown, tagged) = (high & 0x80 != 0, high & 0x40 != 0);
                // 1 = voice.
                if application == 1 && tagged && !unknown {
                    self.voice_vlan = self.voice_vlan.or(vlan(number));
                }
            }
            5 => self.hardware = self.hardware.take().or_else(|| text(value)),
            6 => self.firmware = self.firmware.take().or_else(|| text(value)),
            7 => self.software = self.software.take().or_else(|| text(value)),
            8 => self.serial = self.serial.take().or_else(|| text(value)),
            10 => self.model = self.model.take().or_else(|| text(value)),
            _ => {}
        }
        Ok(())
    }
}

/// A family and an address of it.
fn address(octets: &[u8]) -> Option<Ipv4Addr> {
    let [IPV4, a, b, c, d] = octets else { return None };
    Some(Ipv4Addr::new(*a, *b, *c, *d)).filter(|ip| !ip.is_unspecified())
}
