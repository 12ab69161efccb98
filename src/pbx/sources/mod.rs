//! One PBX source: FreePBX's tables, on MariaDB or on SQLite.
//!
//! [`freepbx_conf`] reads how to reach the database, [`tables`] fetches rows, [`freepbx`] makes a roster of them, with
//! `assignments` for the phones and `chan_sip` for what FreePBX writes by other rules there.

mod assignments;
mod chan_sip;
pub mod freepbx;
pub mod freepbx_conf;
mod tables;

pub use tables::{Gate, Moved, PATIENCE, Source, SourceError};
