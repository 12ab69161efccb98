//! When to read a PBX, when to believe what was read, and what to do when it is away.

use std::sync::Arc;

use jiff::Timestamp;

use super::roster::Roster;

/// What the rest of the house sees of a PBX source.
#[derive(Clone, Debug)]
pub struct PbxView {
    /// The last good roster, whatever its age; `None` before the first.
    pub roster: Option<Arc<Roster>>,
    /// When that roster was last confirmed by the PBX.
    pub confirmed_at: Option<Timestamp>,
    /// `None` while the PBX answers; else what failed, as one sentence.
    pub down: Option<String>,
}
