//! TFTP: RFC 1350 (protocol), 2347 (options), 2348 (blksize), 2349 (timeout, tsize), 7440 (windowsize).
//!
//! [`packet`] and [`options`] read bytes, [`transfer`] sends one file, [`exchange`] is what goes in and out, [`server`] tells the transfers apart: all without
//! sockets or clock. [`io`] is the edge. Nothing here knows phones, the PBX or what a name means.

pub mod exchange;
pub mod io;
mod netascii;
pub mod options;
mod pace;
pub mod packet;
mod pauses;
pub mod server;
pub mod transfer;

#[cfg(test)]
mod tests;
