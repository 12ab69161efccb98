//! What is done with arbitrary bytes, and what must hold whatever they are. The fuzz targets call it, and so does the test
//! `corpora` with every file of the corpora. Only the library's public face is used.

mod ami;
mod config;
mod dhcp;
mod discover;
mod firmware;
mod rendered;
mod syslog;
mod tftp;

/// What takes bytes and must not end by a panic.
type Body = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: &[(&str, Body)] = &[
    ("tftp_packet", tftp::packet),
    ("tftp_server", tftp::server),
    ("ami", ami::stream),
    ("cnf_parse_back", rendered::cnf),
    ("sep_parse_back", rendered::sep),
    ("config", config::file),
    ("firmware_archive", firmware::archive),
    ("firmware_file", firmware::file),
    ("cdp", discover::cdp),
    ("lldp", discover::lldp),
    ("dhcp_packet", dhcp::packet),
    ("dhcp_server", dhcp::server),
    ("syslog", syslog::datagram),
];

/// Runs a target.
pub fn run(target: &str, data: &[u8]) {
    let (_, body) = TARGETS.iter().find(|(name, _)| *name == target).expect("a target of the list");
    body(data);
}
