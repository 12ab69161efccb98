//! Firmware: what the vendor's archives hold, and the legal steps from the load that runs to the one that should.
//!
//! [`plan`] is pure: the catalogue of steps is `paths.toml`, and a plan is a shortest way through it.

pub mod plan;
