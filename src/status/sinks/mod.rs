//! Where a phone's state is written: one file per destination, each saying in its first line what it writes.

mod astdb;
mod database;

use jiff::Timestamp;

use super::publish::row::{Difference, Rows};

pub use astdb::AstDb;
pub use database::StatusTable;

/// A destination.
#[derive(Clone)]
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
    pub async fn held(&self) -> Result<Rows, String> {
        match self {
            Self::Table(table) => table.held().await,
            Self::AstDb(astdb) => astdb.held().await,
        }
    }

    /// Makes it agree. `held` is what it held before.
    ///
    /// # Errors
    /// Why it cannot be written, and what to do.
    pub async fn write(&self, difference: &Difference, held: &Rows, now: Timestamp) -> Result<(), String> {
        match self {
            Self::Table(table) => table.write(difference, now).await,
            Self::AstDb(astdb) => astdb.write(difference, held, now).await,
        }
    }
}
