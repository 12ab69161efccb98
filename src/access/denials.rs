//! What was denied of late, for people to see.

use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};

use super::{Access, Why};
use crate::domain::MacAddr;

/// A denial is not noted anew within this.
const ANEW: SignedDuration = SignedDuration::from_mins(10);

/// How long after it was denied somebody is asked whether it is the phone that moved there.
const MOVED: SignedDuration = SignedDuration::from_mins(15);

/// How long a denial concerns a person.
pub const CONCERNS: SignedDuration = SignedDuration::from_hours(1);

/// The last time that a phone's file was denied to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Who asked.
    pub ip: Ipv4Addr,
    /// When.
    pub at: Timestamp,
    /// Why not.
    pub why: Why,
    /// A web page there says that it is the phone.
    pub page: bool,
}

impl Access {
    /// A file of an assigned phone was denied. Returns whether that is news.
    pub fn deny(&mut self, mac: MacAddr, ip: Ipv4Addr, why: Why, now: Timestamp) -> bool {
        let known =
            |before: &Denied| before.ip == ip && before.why == why && now.duration_since(before.at).abs() < ANEW;
        if self.denied.get(&mac).is_some_and(known) {
            return false;
        }
        let page = self.denied.get(&mac).is_some_and(|before| before.ip == ip && before.page);
        self.denied.insert(mac, Denied { ip, at: now, why, page });
        true
    }

    /// The phone itself got its file. Returns whether it was denied before.
    pub fn served(&mut self, mac: MacAddr, ip: Ipv4Addr) -> bool {
        let over = self.denied.get(&mac).is_some_and(|denied| denied.ip == ip);
        if over {
            self.denied.remove(&mac);
        }
        over
    }

    /// The last denial of a phone's files that concerns a person.
    pub fn denied(&self, mac: MacAddr, now: Timestamp) -> Option<&Denied> {
        self.denied.get(&mac).filter(|denied| now.duration_since(denied.at) < CONCERNS)
    }

    /// Where somebody asks in the phone's name and was denied only because nothing shows that it is the phone.
    pub fn moved(&self, mac: MacAddr, now: Timestamp) -> Option<Ipv4Addr> {
        let denied = self.denied(mac, now).filter(|denied| matches!(denied.why, Why::Unproven | Why::Late))?;
        (now.duration_since(denied.at) < MOVED && self.served_at(mac) != Some(denied.ip)).then_some(denied.ip)
    }

    /// A web page there says that it is that phone. Returns whether that is worth a word: it was denied its files there.
    pub fn says_so_itself(&mut self, mac: MacAddr, ip: Ipv4Addr, now: Timestamp) -> bool {
        let there = self.moved(mac, now) == Some(ip);
        if let Some(denied) = self.denied.get_mut(&mac).filter(|_| there) {
            denied.page = true;
        }
        there
    }
}
