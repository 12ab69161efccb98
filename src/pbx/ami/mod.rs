//! Asterisk's manager interface: framing ([`proto`]) and contacts ([`contacts`]), both pure; the client task ([`client`]).

pub mod client;
mod connection;
pub mod contacts;
pub mod proto;
mod session;
