//! Who may come in over TCP, as the command line and the daemon tell each other. What holds a secret does not print itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A password to set.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetPassword {
    /// The account's new name; `None` = it keeps its name, or is called admin.
    #[serde(default)]
    pub name: Option<String>,
    /// The password.
    pub password: String,
}

/// What the page asks for before there is an account.
#[derive(Serialize, Deserialize)]
pub struct FirstRun {
    /// Good for making one account.
    pub token: String,
}

/// A token to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddToken {
    /// Who it is for.
    pub name: String,
    /// It may look and change nothing.
    #[serde(default)]
    pub read_only: bool,
    /// Seconds that it counts; `None` = until it is removed.
    #[serde(default)]
    pub seconds: Option<u64>,
}

/// A token that was made, with what is shown this once.
#[derive(Serialize, Deserialize)]
pub struct MadeToken {
    /// Who it is for.
    pub name: String,
    /// What goes behind `Authorization: Bearer`.
    pub token: String,
    /// When it counts no more.
    pub expires: Option<Timestamp>,
}

/// A token there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Who it is for.
    pub name: String,
    /// It may look and change nothing.
    pub read_only: bool,
    /// When it was made.
    pub since: Timestamp,
    /// When it counts no more.
    pub expires: Option<Timestamp>,
    /// When it was used last, to the hour.
    pub used: Option<Timestamp>,
}
