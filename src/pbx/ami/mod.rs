//! Asterisk's manager interface: framing ([`proto`]) and contacts ([`contacts`]), both pure; the client task ([`client`]).

mod answers;
pub mod client;
mod connection;
pub mod contacts;
mod outbox;
pub mod proto;
mod security;
mod session;

#[cfg(test)]
mod tests;
