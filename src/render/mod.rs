//! Phone + model + site -> bytes.

use std::net::Ipv4Addr;

use bytes::Bytes;

use crate::catalog::Model;
use crate::domain::{Phone, PhoneOptions};

/// What all phones of the site share.
#[derive(Clone, Debug)]
pub struct Site {
    /// The address phones are told for files and, where nothing else is known, for time: this server as they see it.
    pub server: Ipv4Addr,
    /// Registrar host the phones are told: an IPv4 literal or a name.
    pub registrar: String,
    /// Site-wide options.
    pub options: PhoneOptions,
}

/// The files we make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// `SIP<MAC>.cnf`, 7940/7960.
    SipMac,
    /// `SIPDefault.cnf`, 7940/7960; holds no secret.
    SipDefault,
    /// `RINGLIST.DAT`, 7940/7960.
    RingList,
    /// `dialplan.xml`, both families.
    DialPlan,
    /// `SEP<MAC>.cnf.xml`, Java phones.
    SepMac,
    /// `XMLDefault.cnf.xml`, both families; holds no secret.
    XmlDefault,
}

/// Why a file could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RenderError(pub String);

/// The bytes of a file. `phone` is needed for the per-phone kinds, and taken where known for the others.
///
/// # Errors
/// A value that the format cannot carry, or a per-phone kind without a phone.
pub fn render(kind: FileKind, phone: Option<(&Phone, &Model)>, site: &Site) -> Result<Bytes, RenderError> {
    let _ = (kind, phone, site);
    Ok(Bytes::new())
}
