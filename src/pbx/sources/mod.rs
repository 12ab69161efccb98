//! One PBX source: FreePBX's tables, on MariaDB or on SQLite.
//!
//! [`freepbx_conf`] reads how to reach the database, [`tables`] fetches rows, [`freepbx`] makes a roster of them, with
//! `assignments` for the phones, `chan_sip` for what FreePBX writes by other rules there, and `endpoint` for the settings
//! that some phones cannot bear.

mod assignments;
mod chan_sip;
mod endpoint;
pub mod freepbx;
pub mod freepbx_conf;
mod tables;

pub use tables::{Gate, Moved, PATIENCE, Source, SourceError, freepbx_access};
