//! What was found by trying, because no table tells it. Values; the trying is `probe`'s.

use std::collections::BTreeMap;

use crate::domain::Driver;

/// What came of the last tries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probed {
    /// Of each driver that a phone is to reach over TCP, whether anybody answers there.
    pub tcp: BTreeMap<Driver, Tried>,
    /// Of each time server that phones are told, why it tells no time.
    pub clocks: BTreeMap<String, Result<(), String>>,
}

/// A TCP port that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Host and port.
    pub address: String,
    /// Why nobody answers there.
    pub outcome: Result<(), Unanswered>,
}

/// Why a connection did not come about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// The host says that nobody listens on the port.
    Refused,
    /// Anything else, in words: no answer in time, no way there, an unknown name.
    Unreached(String),
}
