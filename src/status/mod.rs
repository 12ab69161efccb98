//! The one derived state of a phone, and its way to the PBX.
//!
//! [`PhoneStatus`] is a pure function of assignment, events, contacts and time; it is never stored as truth.
//! [`publish`] writes what changed, [`sinks`] say where to.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::MacAddr;

mod derive;
pub mod publish;
pub mod sinks;

pub use derive::{Judged, derive};

/// How far a phone's boot has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Nothing heard.
    Silent,
    /// Has an address from us.
    Leased,
    /// Asks for its first files.
    Booting,
    /// Fetches firmware.
    Loading,
    /// Has fetched its configuration.
    Configured,
    /// Has its configuration; the PBX has not yet seen it.
    Registering,
    /// Every line is registered.
    Registered,
    /// Some lines are.
    Partial,
    /// Was registered and does not answer any more.
    Unreachable,
}

/// Whether someone has to do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// All well.
    Ok,
    /// Nothing to do but wait.
    Waiting,
    /// Should have come further by now.
    Stalled,
    /// Does the same again and again.
    Looping,
    /// The phone rejects our file or image.
    Refused,
    /// The PBX blocks its address.
    Banned,
    /// Someone has to act.
    NeedsHands,
}

/// The state we publish (fields of `offhook_status`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneStatus {
    /// Hardware address.
    pub mac: MacAddr,
    /// Last address seen.
    pub ip: Option<IpAddr>,
    /// How far it has come.
    pub stage: Stage,
    /// Whether someone has to act.
    pub health: Health,
    /// Kebab-case code.
    pub reason: String,
    /// One sentence.
    pub summary: String,
    /// Load it runs, if known.
    pub load: Option<String>,
    /// Lines registered now.
    pub lines_registered: u16,
    /// Lines assigned.
    pub lines_total: u16,
    /// Since when stage, health and reason are so.
    pub since: Timestamp,
}

/// The one word that the contract has for a stage or a health.
pub fn word(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Everything published: one status per assigned phone. One that did not change is the same value.
pub type Statuses = Arc<BTreeMap<MacAddr, Arc<PhoneStatus>>>;
