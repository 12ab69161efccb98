//! The stand-ins of the demonstration: a small registrar and the manager face of the PBX that it pretends to be, so
//! that the program's own manager client and the scripted phones have somebody to talk to without an Asterisk.
//! They are stand-ins and nothing else: no calls, no security, no configuration.

mod convert;
pub mod manager;
mod play;
pub mod registrar;

pub use play::{Demo, play};

#[cfg(test)]
mod tests;
