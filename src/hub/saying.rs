//! What phones say by syslog: shown, and evidence of nothing.

use std::net::Ipv4Addr;

use jiff::Timestamp;

use super::Hub;
use crate::access::rule::Neighbour;
use crate::domain::{BootEvent, EventKind, MacAddr};
use crate::syslog::Line;

impl Hub {
    /// The phone that is known at an address, by what it did or by the link. What a line says of its writer is not asked.
    pub fn speaker(&self, ip: Ipv4Addr) -> Option<MacAddr> {
        let known = self.lock().directory.at_address(ip.into());
        known.or_else(|| match (self.neighbour)(ip) {
            Neighbour::Is(mac) => self.snapshot().assignment(mac).map(|_| mac),
            Neighbour::Several(_) | Neighbour::Unresolved | Neighbour::Unknown => None,
        })
    }

    /// The phone at that address said something.
    pub fn said(&self, ip: Ipv4Addr, line: Line, now: Timestamp) {
        let Some(mac) = self.speaker(ip) else { return };
        let (mut state, snapshot) = self.locked();
        let what = EventKind::Syslog { severity: line.severity.to_owned(), text: line.text };
        self.note(&mut state, &snapshot, BootEvent { at: now, mac, ip: Some(ip.into()), what });
    }
}
