//! The PBX: what it wants ([`roster`], read by [`sources`], believed by [`settle`], scheduled by [`poll`]) and what it
//! sees ([`ami`]).
//!
//! Reads only. What is written to a PBX is written by `status::sinks`.

pub mod ami;
mod codes;
pub mod poll;
pub mod roster;
pub mod settle;
pub mod shrink;
pub mod sources;

pub use codes::CODES;
