//! DHCP as far as phones need it: which server they fetch their files from.
//!
//! A phone takes the address of its TFTP server from option 150 (addresses) or option 66 (one name or address, as text),
//! else from `siaddr` [UCM-DHCP][SEED1]. Some move with the one only, some with the other: both are given, always.
//!
//! - [`wire`]: what a packet is, before anybody believes it
//! - [`vendor`]: which phone a vendor class names
//! - [`snippet`]: what to write into another product's server, so that it says so

pub mod snippet;
pub mod vendor;
pub mod wire;
