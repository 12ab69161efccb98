//! The phone directory: what the PBX wants and what was assigned here, joined in one immutable [`Snapshot`].
//!
//! [`assign`](Snapshot::desired) says which lines a phone gets and which had to be left out; [`Seen`] is what the
//! phones themselves have shown of their kind.

mod announced;
mod assign;
mod seen;
mod snapshot;

pub use announced::Announced;
pub use assign::Desired;
pub use seen::{Directory, Firmware, STRANGERS, Seen, TO_AND_FRO};
pub use snapshot::{Settings, Snapshot, year};
