//! A button of a phone that registers with the PBX, and lines that had to be left out.

use serde::{Deserialize, Serialize};

use super::{Extension, Secret};

/// A button bound to an extension, with all that its registration needs.
///
/// `display_name` and `label` are as the PBX has them: how much of them a phone can show is the renderer's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Line key, 1-based.
    pub button: u8,
    /// The extension on the PBX.
    pub extension: Extension,
    /// What stands beside the key; empty = the extension.
    pub label: String,
    /// Caller name; empty = the extension.
    pub display_name: String,
    /// User part of the address of record: the endpoint (chan_pjsip) or peer (chan_sip) name.
    pub sip_user: String,
    /// Digest user name (RFC 3261 section 22).
    pub auth_user: String,
    /// Digest password, as Asterisk has it: not always as the database has it.
    pub secret: Secret,
    /// What the messages key dials, if the extension has a mailbox.
    pub voicemail: Option<String>,
    /// UDP or TCP port of the driver this extension lives on (chan_pjsip and chan_sip listen on different ones).
    pub port: u16,
}

/// A line that the phone is not given, and why. The other lines go on without it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Line key, 1-based.
    pub button: u8,
    /// The extension as the assignment names it; it may not be a valid one.
    pub extension: String,
    /// What keeps it out.
    pub problem: Problem,
}

/// Something wrong with a value, in words for the admin: a code, one sentence, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// Kebab-case code, explained by `offhook explain CODE`.
    pub code: String,
    /// One sentence: what, on what, why not. Never contains a secret.
    pub summary: String,
    /// What to do about it.
    pub remedy: String,
}

impl Problem {
    /// A problem from its three parts.
    pub fn new(code: &str, summary: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code: code.to_owned(), summary: summary.into(), remedy: remedy.into() }
    }
}
