//! Firmware: what the store holds, which files make a set, and the legal way from one load to another.
//!
//! A *load* is a firmware name without extension. A *set* is a load's manifest with everything that it lists; loads older
//! than the `.loads` era have no manifest, and the rule of their release says what they need. Nothing here downloads:
//! the administrator brings the vendor's archive.
//!
//! Pure: [`container`] (the signed wrapping of one file), [`manifest`] (what a `.loads` file lists), [`set`] (complete, or
//! which names are missing), [`archives`] (which archive of the vendor holds what is missing),
//! [`plan`] (a shortest way through the catalogue of steps, `paths.toml`).
//! Edges: [`import`] (archives, taken apart in a process that can open nothing), [`store`] (files by their SHA-256).

pub mod archives;
pub mod container;
pub mod import;
pub mod manifest;
pub mod plan;
pub mod set;
pub mod store;
