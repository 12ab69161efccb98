//! What phones announce of themselves on the link they are on: by Cisco's Discovery Protocol (CDP) and by LLDP (IEEE 802.1AB)
//! with its extension for phones (LLDP-MED, ANSI/TIA-1057); and by what they ask of DHCP ([`crate::dhcp::asked`]).
//!
//! Pure but for [`listen`]. Every frame is read or refused with a reason; no length that it claims is taken for memory. What is
//! announced is a claim of whoever is on the link: it is shown, and tells model and load, and is never a proof of who asks.

pub mod cdp;
pub mod listen;
pub mod lldp;
mod octets;

use std::net::Ipv4Addr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{MacAddr, printable};
use octets::Octets;

/// Most octets of a text that are kept: the longest name of a load has 24, the longest model 20.
const TEXT: usize = 64;

/// Which protocol said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Cisco Discovery Protocol.
    Cdp,
    /// Link Layer Discovery Protocol.
    Lldp,
    /// DHCP: the vendor class of who asks for an address.
    Dhcp,
}

impl Protocol {
    /// As people write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cdp => "CDP",
            Self::Lldp => "LLDP",
            Self::Dhcp => "DHCP",
        }
    }
}

/// Why a frame is not the announcement of a phone of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It ends before what it says is in it.
    #[error("ends in the middle of {0}")]
    Short(&'static str),
    /// A value is not as the protocol has it.
    #[error("{0} is not as the protocol has it")]
    Value(&'static str),
    /// A version of CDP that nobody speaks.
    #[error("CDP has no version {0}")]
    Version(u8),
    /// The checksum is of other octets.
    #[error("its checksum is wrong")]
    Checksum,
    /// Neither CDP nor LLDP.
    #[error("is neither CDP nor LLDP")]
    Protocol,
    /// A switch, a router, another maker's phone.
    #[error("is no Cisco phone's")]
    NoPhone,
    /// It names a phone, and another address sent it.
    #[error("speaks for {0}, and another sent it")]
    Foreign(MacAddr),
    /// The phone says good-bye.
    #[error("says that what was announced is void")]
    Void,
}

/// What a phone announces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// Whose it is: the address that sent it, and that it names.
    pub mac: MacAddr,
    /// By what.
    pub by: Protocol,
    /// The model, as it spells it: `7960`, `CP-7941G-GE`.
    pub model: Option<String>,
    /// The load, by its whole name: `SCCP45.8-5-2S`, `P0S3-8-12-00`; `79XX_default_load` of a boot loader [R7945].
    pub load: Option<String>,
    /// Hardware revision, where it says one.
    pub hardware: Option<String>,
    /// Serial number, where it says one.
    pub serial: Option<String>,
    /// Its voice VLAN, where it knows one.
    pub vlan: Option<u16>,
    /// Its address, where it has one.
    pub ip: Option<Ipv4Addr>,
}

/// EtherType of LLDP.
const LLDP: u16 = 0x88cc;

/// EtherTypes of a VLAN's tag (IEEE 802.1Q, 802.1ad).
const TAGS: [u16; 2] = [0x8100, 0x88a8];

/// The greatest length of IEEE 802.3; above it stand EtherTypes.
const LONGEST: u16 = 1_500;

/// LLC and SNAP header of CDP: Cisco's OUI and 0x2000.
const SNAP: [u8; 8] = [0xaa, 0xaa, 0x03, 0x00, 0x00, 0x0c, 0x20, 0x00];

/// Reads an Ethernet frame.
///
/// # Errors
/// Why it is not the announcement of a Cisco phone.
pub fn read(frame: &[u8]) -> Result<Announcement, Unread> {
    let mut frame = Octets(frame);
    let header = || Unread::Short("the Ethernet header");
    frame.take(6).ok_or_else(header)?;
    let source: [u8; 6] = frame.array().ok_or_else(header)?;
    let mut kind = frame.u16().ok_or_else(header)?;
    if TAGS.contains(&kind) {
        frame.u16().ok_or_else(header)?;
        kind = frame.u16().ok_or_else(header)?;
    }
    let source = MacAddr::new(source).map_err(|_| Unread::Value("the sender's address"))?;
    match kind {
        LLDP => of_lldp(&lldp::parse(frame.0)?, source),
        // What is beyond the length pads a short frame.
        length if length <= LONGEST => {
            let mut llc = Octets(frame.take(length.into()).ok_or(Unread::Short("the frame"))?);
            if llc.array() != Some(SNAP) {
                return Err(Unread::Protocol);
            }
            of_cdp(cdp::parse(llc.0)?, source)
        }
        _ => Err(Unread::Protocol),
    }
}

fn of_cdp(said: cdp::Cdp, source: MacAddr) -> Result<Announcement, Unread> {
    let model = said.platform.as_deref().and_then(model);
    let mac = whose(said.device_id.as_deref(), model.is_some(), source)?;
    if said.ttl == 0 {
        return Err(Unread::Void);
    }
    Ok(Announcement {
        mac,
        by: Protocol::Cdp,
        model,
        load: said.software,
        hardware: None,
        serial: None,
        vlan: said.voice_vlan,
        ip: said.address,
    })
}

fn of_lldp(said: &lldp::Lldp, source: MacAddr) -> Result<Announcement, Unread> {
    // `Cisco IP Phone 7911G,V9, SIP11.8-5-3S`: model, hardware, load.
    let mut parts = said.description.iter().flat_map(|text| text.split(',').map(str::trim));
    let described = parts.next().and_then(model);
    let part = |text: Option<&str>| text.filter(|text| described.is_some() && !text.is_empty()).map(str::to_owned);
    let (hardware, load) = (part(parts.next()), part(parts.next()));
    let inventory = said.model.as_deref().and_then(model);
    let mac = whose(said.name.as_deref(), described.is_some() || inventory.is_some(), source)?;
    if said.ttl == 0 {
        return Err(Unread::Void);
    }
    Ok(Announcement {
        mac,
        by: Protocol::Lldp,
        model: described.clone().or(inventory),
        load: load.clone().or_else(|| said.software.clone()),
        hardware: said.hardware.clone().or(hardware),
        serial: said.serial.clone(),
        vlan: said.voice_vlan,
        ip: said.address,
    })
}

/// Whose announcement it is: `SEP<MAC>` names it, of loads that have no name of theirs yet the model says that it is a phone.
fn whose(name: Option<&str>, phone: bool, source: MacAddr) -> Result<MacAddr, Unread> {
    let digits = |name: &str| {
        let prefix = name.get(..3).filter(|p| p.eq_ignore_ascii_case("SEP") || p.eq_ignore_ascii_case("SIP"));
        prefix.and_then(|_| MacAddr::from_hex(name.get(3..)?).ok())
    };
    match name.and_then(digits) {
        Some(mac) if mac == source => Ok(mac),
        Some(mac) => Err(Unread::Foreign(mac)),
        None if phone => Ok(source),
        None => Err(Unread::NoPhone),
    }
}

/// The model in what Cisco phones call themselves: `Cisco IP Phone 7960`, `CP-7941G-GE`.
fn model(text: &str) -> Option<String> {
    const PREFIX: &str = "Cisco IP Phone ";
    let text = text.trim();
    let named = text.get(..PREFIX.len()).filter(|start| start.eq_ignore_ascii_case(PREFIX));
    let name = match named {
        Some(_) => text.get(PREFIX.len()..)?.trim(),
        None => text.get(..3).filter(|start| start.eq_ignore_ascii_case("CP-")).map(|_| text)?,
    };
    (!name.is_empty()).then(|| name.to_owned())
}

/// A text of a frame, fit to be shown; `None` where there is nothing in it.
fn text(octets: &[u8]) -> Option<String> {
    let end = octets.iter().rposition(|octet| !matches!(octet, 0 | b' ' | b'\r' | b'\n')).map_or(0, |last| last + 1);
    let text = printable(octets.get(..end)?.trim_ascii_start(), TEXT);
    (!text.is_empty()).then_some(text)
}

/// A VLAN's number; 0 and 4095 are none (IEEE 802.1Q).
fn vlan(number: u16) -> Option<u16> {
    (1..=4_094).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests;
