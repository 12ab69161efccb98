//! DHCP as far as phones need it: an address, and which server they fetch their files from.
//!
//! A phone takes the address of its TFTP server from option 150 (addresses) or option 66 (one name or address, as text),
//! else from `siaddr` [UCM-DHCP][SEED1]. Some move with the one only, some with the other: both are given, always.
//!
//! ```text
//! datagram -> wire (shape) -> vendor (who) -> server (decides: lease, limit) -> reply (bytes)
//!                                                  | a lease is on the disk before it is acknowledged
//! io: one socket for each interface, port 67 -> server -> store -> socket
//! ```
//!
//! - [`wire`]: what a packet is, before anybody believes it
//! - [`vendor`]: which phone a vendor class names
//! - [`clock`]: by which leases end; [`lease`]: who has which address; [`limit`]: how often a client is listened to
//! - [`reply`]: what a client is told, as octets; [`server`]: what is answered, and what is not
//! - [`squatters`]: whether who answers at an address sits there, or answers for all
//! - [`snippet`]: what to write into another product's server, so that it says so
//! - [`offer`]: what is wrong with what another server says
//! - [`asked`]: what clients ask of whoever serves
//! - [`rivals`]: which other servers there are; [`rounds`]: when they are asked for
//! - [`link`], [`listen`], [`watch`]: the links of this host, a question on one of them, and the listening (edges)

pub mod asked;
pub mod clock;
pub mod io;
pub mod lease;
pub mod limit;
pub mod link;
pub mod listen;
pub mod offer;
pub mod reply;
pub mod rivals;
pub mod rounds;
pub mod server;
pub mod snippet;
pub mod squatters;
pub mod vendor;
pub mod watch;
pub mod wire;
