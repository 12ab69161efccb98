//! The shapes that the socket and the command line share. Pure; the contract names the fields.

mod admin;
mod dhcp;
mod files;
mod problem;
mod support;
mod timeline;

use std::net::{IpAddr, Ipv4Addr};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::convert::StepState;
use crate::convert::belief::Confidence;
use crate::discover::Protocol;
use crate::domain::MacAddr;

pub use admin::{AddToken, FirstRun, MadeToken, SetPassword, Token};
pub use dhcp::{DhcpHeard, DhcpListen, DhcpProblem, DhcpServer, DhcpSilent};
pub use files::{Change, DiffLine, FetchState, Fetched, FileDiff, FileName};
pub use problem::Problem;
pub use support::{Found, Setting, Settings, Support, Written};
pub use timeline::{Boot, Entry, Event};

/// A phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Phone {
    /// 12 upper-case hex digits.
    pub mac: MacAddr,
    /// Catalogue name, or `auto`.
    pub model: String,
    /// `seen`, `adopted`, `ignored`, `foreign`.
    pub ownership: String,
    /// See the contract, section 7.
    pub stage: String,
    /// Likewise.
    pub health: String,
    /// Kebab-case code.
    pub reason: String,
    /// One sentence.
    pub summary: String,
    /// Last address.
    pub ip: Option<IpAddr>,
    /// Load it runs, if known.
    pub load: Option<String>,
    /// Load it should run, if asked for.
    pub target_load: Option<String>,
    /// Line keys.
    pub lines: Vec<PhoneLine>,
    /// Since when it is so; of a phone that is only seen, since when it is.
    pub since: Timestamp,
    /// When it was last heard of.
    #[serde(default)]
    pub last: Option<Timestamp>,
    /// The file that it asked for last.
    #[serde(default)]
    pub asked: Option<String>,
    /// What it announces on its link; see `docs/discovery.md`.
    #[serde(default)]
    pub announced: Option<Announced>,
    /// The command that adopts it, where it is only seen.
    #[serde(default)]
    pub adopt: Option<String>,
}

/// What a phone announces by CDP and LLDP. Anybody on its link could.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Announced {
    /// `cdp`, `lldp`.
    pub by: Vec<Protocol>,
    /// When last.
    pub at: Timestamp,
    /// Model, as the catalogue spells it.
    pub model: Option<String>,
    /// Load, by its whole name.
    pub load: Option<String>,
    /// Hardware revision.
    pub hardware: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// Voice VLAN.
    pub vlan: Option<u16>,
    /// Its address, as it says.
    pub ip: Option<Ipv4Addr>,
}

/// What approves a phone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// Where it is; `None` = where its files were denied last.
    #[serde(default)]
    pub address: Option<Ipv4Addr>,
}

/// A line key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PhoneLine {
    /// 1-based.
    pub button: u8,
    /// Extension.
    pub extension: String,
    /// Label.
    pub label: String,
    /// Whether the PBX has a contact for it.
    pub registered: bool,
}

/// Status of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckStatus {
    /// As it should be.
    Ok,
    /// Worth a look.
    Warning,
    /// Phones will not work.
    Failed,
}

/// One line of `offhook check`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// How it is.
    pub status: CheckStatus,
    /// One sentence.
    pub summary: String,
    /// What to do; empty when nothing is.
    pub remedy: String,
}

/// An address that our DHCP server has given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lease {
    /// The address.
    pub ip: Ipv4Addr,
    /// Whose.
    pub mac: MacAddr,
    /// When it ends, by the wall clock.
    pub expires: Timestamp,
    /// Catalogue name, where its user said one.
    pub model: Option<String>,
    /// What its user calls itself, made printable.
    pub hostname: Option<String>,
}

/// An assignment to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AddPhone {
    /// Which phone.
    pub mac: MacAddr,
    /// Catalogue name.
    pub model: String,
    /// Extensions, button 1 first.
    pub lines: Vec<String>,
}

/// What was done, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Done {
    /// One sentence.
    pub summary: String,
}

/// What came of one phone of many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// Which phone.
    pub mac: MacAddr,
    /// Whether it was done.
    pub done: bool,
    /// One sentence.
    pub summary: String,
}

/// The conversion of one phone, begun or only planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Conversion {
    /// Which phone.
    pub mac: MacAddr,
    /// Catalogue name.
    pub model: String,
    /// What it ran when the way was made: a load, `loader`, `factory` or `unknown`.
    pub from: String,
    /// What it is to run.
    pub target: String,
    /// Of the present step.
    pub state: StepState,
    /// Share of the present step's set that it has, while it downloads.
    pub percent: Option<u8>,
    /// Why the step failed, kebab-case.
    pub reason: Option<String>,
    /// Likewise, a sentence.
    pub summary: Option<String>,
    /// A step cannot be undone.
    pub one_way: bool,
    /// Its turn has come.
    pub armed: bool,
    /// What made the state so.
    pub because: String,
    /// What comes next.
    pub next: String,
    /// Since when the state is so.
    pub since: Timestamp,
    /// What is believed to run, by whose word.
    pub runs: String,
    /// How sure that is.
    pub confidence: Confidence,
    /// The way.
    pub steps: Vec<ConversionStep>,
    /// What the store lacks, should the phone run nothing newer than is known.
    #[serde(default)]
    pub warning: Option<String>,
    /// Why there is no way; of a plan only.
    pub refused: Option<String>,
}

/// A step of a conversion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConversionStep {
    /// What runs before.
    pub from: String,
    /// The load after.
    pub to: String,
    /// Control files that name it.
    pub via: Vec<String>,
    /// Row of the catalogue.
    pub rule: String,
    /// Who says so.
    pub source: String,
    /// It cannot be undone.
    pub one_way: bool,
    /// How far it is.
    pub state: StepState,
    /// Since when.
    pub since: Timestamp,
    /// Because of what.
    pub because: String,
}

/// Which phones are to be converted, and to what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Convert {
    /// These phones.
    pub macs: Vec<MacAddr>,
    /// All that are assigned.
    pub all: bool,
    /// Of them those of this model.
    pub model: Option<String>,
    /// The load; absent = each phone's own target.
    pub to: Option<String>,
    /// What an administrator says that they run.
    pub running: Option<String>,
    /// Most phones that begin.
    pub limit: Option<usize>,
    /// Steps that cannot be undone are meant.
    pub accept_one_way: bool,
}

/// What was done, by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Audited {
    /// When, RFC 3339.
    pub at: String,
    /// Who: a person by the socket, or the daemon itself.
    pub who: String,
    /// One sentence.
    pub what: String,
}
