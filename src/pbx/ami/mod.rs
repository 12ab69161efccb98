//! Asterisk's manager interface: framing ([`proto`], sans-IO) and the client task ([`client`]).

pub mod client;
pub mod proto;
