//! Phones whose address fail2ban blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use jiff::Timestamp;

use super::Hub;
use crate::domain::{BootEvent, EventKind, MacAddr};
use crate::fail2ban::Line;

impl Hub {
    /// What fail2ban's log says. `past` = before we looked: that is no event.
    pub fn banned(&self, lines: impl Iterator<Item = Line>, past: bool, now: Timestamp) {
        let mut phones = BTreeSet::new();
        // Addresses that were blocked when it started, by which jail: what it blocks again at once is no event.
        let mut before: BTreeMap<Ipv4Addr, String> = BTreeMap::new();
        for line in lines {
            match line {
                Line::Starts => {
                    let were = self.lock().bans.end();
                    before.extend(were.into_iter().map(|(ip, ban)| (ip, ban.jail)));
                }
                Line::Says(word) => {
                    if !self.lock().bans.take(&word) {
                        continue;
                    }
                    let again = word.banned && before.remove(&word.ip).is_some();
                    phones.extend(self.ban_noted(word.ip, word.jail, word.banned, past || again, now));
                }
            }
        }
        for (ip, jail) in before {
            phones.extend(self.ban_noted(ip, jail, false, past, now));
        }
        self.judge(phones, now);
    }

    /// An address is blocked, or is no more. Returns the phone there.
    fn ban_noted(&self, ip: Ipv4Addr, jail: String, banned: bool, quietly: bool, now: Timestamp) -> Option<MacAddr> {
        let (mut state, snapshot) = self.locked();
        let ip = IpAddr::V4(ip);
        let mac = state.directory.at_address(ip)?;
        if !quietly {
            let what = EventKind::Banned { jail, banned };
            self.note(&mut state, &snapshot, BootEvent { at: now, mac, ip: Some(ip), what });
        }
        Some(mac)
    }

    /// How many addresses of phones' networks fail2ban blocks.
    pub fn bans(&self) -> usize {
        self.lock().bans.len()
    }
}
