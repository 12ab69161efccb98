//! `[admin]`: where people come in, and by which names.

use std::net::SocketAddrV4;

use super::validate::{Report, sockets};
use super::wire;

/// Longest name of a host (RFC 1035 section 2.3.4).
const HOST_NAME: usize = 253;

/// Addresses and names.
pub(super) fn validate(
    report: &mut Report,
    notes: &mut Vec<String>,
    wire: &wire::Admin,
) -> (Vec<SocketAddrV4>, Vec<String>) {
    let listen = sockets(report, "admin.listen", &wire.listen);
    if let Some(address) = listen.iter().find(|address| !address.ip().is_loopback()) {
        notes.push(format!(
            "admin.listen has {address}, which is not this host alone, and HTTP there is plain: passwords and cookies can be \
             read on the way; listen on 127.0.0.1 and come by ssh -L or a proxy with TLS (docs/admin.md)"
        ));
    }
    let (hosts, others): (Vec<&String>, Vec<&String>) = wire.hosts.iter().partition(|name| is_host(name));
    for name in others {
        let what = format!("{name:?} is no host such as pbx.example.com; no port and no https:// belong there");
        report.add("admin.hosts", what);
    }
    (listen, hosts.into_iter().map(|name| name.to_ascii_lowercase()).collect())
}

fn is_host(name: &str) -> bool {
    (1..=HOST_NAME).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
}
