//! What a support bundle has of the daemon.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Conversion, Lease, Phone};
use crate::config::Shown;
use crate::convert::Campaign;
use crate::diagnose::Finding;
use crate::domain::MacAddr;
use crate::firmware::set::FirmwareSet;

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Support {
    /// Version of the daemon.
    pub version: String,
    /// The configuration in force.
    pub settings: Settings,
    /// Phones, assigned ones and strangers.
    pub phones: Vec<Phone>,
    /// Those of which something is found.
    pub findings: Vec<Found>,
    /// Conversions, each at its step.
    pub conversions: Vec<Conversion>,
    /// The campaign, or null.
    pub campaign: Option<Campaign>,
    /// Loads of the store.
    pub firmware: Vec<FirmwareSet>,
    /// Addresses that our DHCP server has given.
    pub leases: Vec<Lease>,
    /// Timelines, those of phones with findings first.
    pub replays: Vec<Written>,
    /// Phones whose timelines are not in it.
    pub left_out: usize,
}

/// A timeline as a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Written {
    /// Of which phone.
    pub mac: MacAddr,
    /// The script.
    pub script: String,
}

/// The configuration in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// Every key.
    pub keys: Vec<Setting>,
    /// Sections that were changed since and take a restart.
    pub restart: Vec<String>,
}

/// A key of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Setting {
    /// `section.key`
    pub key: String,
    /// Its value as TOML has it, a password as dots.
    pub value: String,
    /// Which layer said so, or `default`.
    pub source: String,
}

/// A phone of which something is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// Which.
    pub mac: MacAddr,
    /// What, worst first.
    pub findings: Vec<Finding>,
}

impl From<&Shown> for Setting {
    fn from(shown: &Shown) -> Self {
        let Shown { key, value, source } = shown.clone();
        Self { key, value, source }
    }
}
