//! The vocabulary: what the field calls things, and what makes each valid.
//!
//! Pure values. Nothing here knows a socket, a database, a clock or a file; nothing here imports another part of
//! this crate. Two strings that could be swapped are two types.

mod backoff;
mod event;
mod extension;
mod line;
mod load;
mod mac;
mod model;
mod phone;
mod printable;
mod registration;
mod window;

pub use backoff::backoff;
pub use event::{BootEvent, DhcpStep, EventKind, Got, Transport};
pub use extension::{Extension, ExtensionError, Secret};
pub use line::{LeftOut, Line, Problem};
pub use load::{Era, Load, Signalling};
pub use mac::{MacAddr, MacError};
pub use model::ModelName;
pub use phone::{LineKind, Phone, PhoneOptions, SipTransport};
pub use printable::printable;
pub use registration::{Contact, ContactState, Driver, Endpoint, Rejected, Rejection};
pub use window::Window;
