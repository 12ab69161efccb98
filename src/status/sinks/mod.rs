//! Where a phone's state is written: one file per destination, each saying in its first line what it writes.

mod astdb;
mod database;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::PhoneStatus;
use super::publish::Difference;
use crate::domain::MacAddr;

pub use astdb::AstDb;
pub use database::StatusTable;

/// A destination.
pub enum Sink {
    /// Table `offhook_status` of the PBX database.
    Table(StatusTable),
    /// Asterisk's own database.
    AstDb(AstDb),
}

impl Sink {
    /// One word, for logs and checks.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Table(_) => "database",
            Self::AstDb(_) => "astdb",
        }
    }

    /// What it holds now, as far as it can be told; what cannot be told is written anew.
    ///
    /// # Errors
    /// Why it cannot be reached, and what to do.
    pub async fn held(&self) -> Result<BTreeMap<MacAddr, PhoneStatus>, String> {
        match self {
            Self::Table(table) => table.held().await,
            Self::AstDb(astdb) => astdb.held().await,
        }
    }

    /// Makes it agree. `held` is what it held before.
    ///
    /// # Errors
    /// Why it cannot be written, and what to do.
    pub async fn write(
        &self,
        difference: &Difference,
        held: &BTreeMap<MacAddr, PhoneStatus>,
        now: Timestamp,
    ) -> Result<(), String> {
        match self {
            Self::Table(table) => table.write(difference, now).await,
            Self::AstDb(astdb) => astdb.write(difference, held, now).await,
        }
    }
}

/// The fields of `offhook_status` after the MAC, as text; `None` = NULL.
fn fields(status: &PhoneStatus, now: Timestamp) -> [(&'static str, Option<String>); 10] {
    [
        ("ip", status.ip.map(|ip| ip.to_string())),
        ("stage", Some(word(status.stage))),
        ("health", Some(word(status.health))),
        ("reason", Some(cut(&status.reason, 40))),
        ("summary", Some(cut(&status.summary, 255))),
        ("load_id", status.load.as_deref().map(|load| cut(load, 40))),
        ("lines_registered", Some(status.lines_registered.to_string())),
        ("lines_total", Some(status.lines_total.to_string())),
        ("since", Some(seconds(status.since))),
        ("updated", Some(seconds(now))),
    ]
}

/// What a destination is known to hold of a phone, without knowing what; it equals no state that is ever published.
fn unknown(mac: MacAddr) -> PhoneStatus {
    PhoneStatus {
        mac,
        ip: None,
        stage: super::Stage::Silent,
        health: super::Health::Ok,
        reason: String::new(),
        summary: String::new(),
        load: None,
        lines_registered: 0,
        lines_total: 0,
        since: Timestamp::UNIX_EPOCH,
    }
}

/// The word the contract has for it.
fn word(value: impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// `datetime` of MariaDB, UTC, whole seconds.
fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Columns have sizes in characters; line ends have no place in a field.
fn cut(text: &str, characters: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(characters).collect()
}
