//! Files of a phone: their names, and what it last fetched beside what it would get now.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::MacAddr;

/// A file of a phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileName {
    /// As the phone asks for it.
    pub name: String,
    /// Whether it would be served now.
    pub served: bool,
    /// Why not.
    pub refused: Option<String>,
    /// What it last took whole, beside that; `null` where nothing is compared.
    #[serde(default)]
    pub fetched: Option<Fetched>,
}

/// What a phone last took whole of a file, beside what it would get now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fetched {
    /// How the two compare.
    pub state: FetchState,
    /// When it last took the file.
    pub last: Option<Timestamp>,
    /// When it first took it as it was then.
    pub since: Option<Timestamp>,
    /// One sentence.
    pub summary: String,
}

/// How what a phone last took compares with what it would get now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FetchState {
    /// It did not take it since it is assigned.
    Never,
    /// It took it, and what it got is not kept.
    Unknown,
    /// They are the same.
    Same,
    /// Only a secret differs.
    Secret,
    /// Lines differ.
    Changed,
}

impl Fetched {
    /// By how the two compare.
    pub fn new(state: FetchState, last: Option<Timestamp>, since: Option<Timestamp>) -> Self {
        let summary = match state {
            FetchState::Never => "it has not fetched this file since it is assigned",
            FetchState::Unknown => "it fetched this file, and what it got then is not kept",
            FetchState::Same => "what it last fetched is what it would get now",
            FetchState::Secret => "only a secret changed since it last fetched this file",
            FetchState::Changed => "what it would get now is not what it last fetched",
        };
        Self { state, last, since, summary: summary.to_owned() }
    }
}

/// What changed in a file since its phone last took it; secrets are asterisks on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileDiff {
    /// Whose file.
    pub mac: MacAddr,
    /// Its name.
    pub name: String,
    /// How the two compare.
    pub fetched: Fetched,
    /// Lines that differ, with some around them; none unless the state is `changed`.
    pub lines: Vec<DiffLine>,
}

/// A line of a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiffLine {
    /// What became of it.
    pub change: Change,
    /// Its number in what was fetched.
    pub was: Option<u32>,
    /// Its number in what would be sent now.
    pub is: Option<u32>,
    /// What it says, without its end.
    pub text: String,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Nothing.
    Same,
    /// It is not there any more.
    Removed,
    /// It is new.
    Added,
    /// No line: some that are the same were passed over.
    Skipped,
}
