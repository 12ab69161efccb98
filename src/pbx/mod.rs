//! The PBX: what it wants ([`roster`], read by [`sources`], scheduled by [`poll`]) and what it sees ([`ami`]).
//!
//! Reads only. What is written to a PBX is written by `status::sinks`.

pub mod ami;
pub mod poll;
pub mod roster;
pub mod sources;
/// stub
pub const CODES: &[(&str, &str, &str)] = &[];
