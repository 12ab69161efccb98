//! What a phone may fetch, whoever carries it: TFTP and HTTP ask here and nowhere else.
//!
//! [`name`] reads what was asked for, [`resolve()`] decides; [`fall_through`] reads the files of others.

pub mod fall_through;
pub mod name;
mod resolve;
mod shelves;

pub use resolve::{Answer, Asker, Refusal, Secrets, Unknown, guarded, resolve};
pub use shelves::Shelves;
