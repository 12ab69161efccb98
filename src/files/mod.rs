//! What a phone may fetch, whoever carries it: TFTP and HTTP ask here and nowhere else.
//!
//! [`name`] reads what was asked for, [`resolve()`] decides; [`fall_through`] reads the files of others; [`fetched`] compares what
//! a phone last took with what it would get now.

pub mod fall_through;
pub mod fetched;
pub mod name;
mod rendering;
mod resolve;
mod shelves;

pub use rendering::Rendering;
pub use resolve::{Answer, Asker, Refusal, Unknown, guarded, resolve};
pub use shelves::Shelves;
