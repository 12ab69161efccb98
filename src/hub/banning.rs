//! Phones whose address fail2ban blocks.

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::Timestamp;

use super::Hub;
use crate::domain::{BootEvent, EventKind};
use crate::fail2ban::Word;

impl Hub {
    /// What fail2ban's log says. `past` = before we looked: that is no event.
    pub fn banned(&self, words: impl Iterator<Item = Word>, past: bool, now: Timestamp) {
        let mut phones = BTreeSet::new();
        for word in words {
            let (mut state, snapshot) = self.locked();
            if !state.bans.take(&word) {
                continue;
            }
            let ip = IpAddr::V4(word.ip);
            let Some(mac) = state.directory.at_address(ip) else { continue };
            phones.insert(mac);
            if !past {
                let what = EventKind::Banned { jail: word.jail, banned: word.banned };
                self.note(&mut state, &snapshot, BootEvent { at: now, mac, ip: Some(ip), what });
            }
        }
        self.judge(phones, now);
    }

    /// How many addresses of phones' networks fail2ban blocks.
    pub fn bans(&self) -> usize {
        self.lock().bans.len()
    }
}
