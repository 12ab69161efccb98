//! The rule with its memory: a request goes in, who may have the file comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};

use super::denials::Denied;
use super::first::{FirstContact, Window};
use super::known::Known;
use super::rule::{Evidence, Ground, Link, Says, Verdict, decide};
use super::walkers::{Alarm, Walkers};
use crate::config::{self, Policy};
use crate::domain::MacAddr;

/// Somebody asks for a file of a phone.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The phone in the name.
    pub mac: MacAddr,
    /// Who asks.
    pub ip: Ipv4Addr,
    /// Whether anybody assigned that phone.
    pub assigned: bool,
    /// Who the kernel says is at the address.
    pub neighbour: Option<MacAddr>,
    /// How it is reached.
    pub link: Link,
    /// Whether a line of the phone is registered from there; `None` = none is registered.
    pub registered: Option<bool>,
}

/// Why a phone's file is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Another device is there, this one where it is known.
    Foreign(Option<MacAddr>),
    /// Nothing is known, and the phone's first contact is over, or we leased it another address.
    Unproven,
    /// First contact lasted as long as it may.
    Late,
    /// The other address asked, too.
    Contested(Ipv4Addr),
    /// Somebody tries names in that network.
    Shut,
    /// The address is on a link of ours, and nobody there answers for it.
    Silent,
}

impl Why {
    /// The word for it in the log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Foreign(_) => "foreign",
            Self::Unproven => "unproven",
            Self::Late => "late",
            Self::Contested(_) => "contested",
            Self::Shut => "shut",
            Self::Silent => "silent",
        }
    }
}

/// What comes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may have what the phone may have.
    Granted(Ground),
    /// It may have no secret.
    Denied(Why),
    /// It is not answered at all.
    Muted,
}

/// The rule with its memory.
#[derive(Debug)]
pub struct Access {
    settings: config::Access,
    /// Who is where.
    pub known: Known,
    pub(super) first: BTreeMap<MacAddr, FirstContact>,
    pub(super) unkept_first: BTreeSet<MacAddr>,
    walkers: Walkers,
    pub(super) denied: BTreeMap<MacAddr, Denied>,
}

impl Default for Access {
    /// Told nothing, it is as strict as it can be.
    fn default() -> Self {
        Self {
            settings: config::Access::default(),
            known: Known::default(),
            first: BTreeMap::new(),
            unkept_first: BTreeSet::new(),
            walkers: Walkers::default(),
            denied: BTreeMap::new(),
        }
    }
}

impl Access {
    /// The configuration was read.
    pub fn set(&mut self, settings: config::Access) {
        self.settings = settings;
    }

    /// Whether that address is not answered at present, whatever speaks for it.
    pub fn muted(&self, ip: Ipv4Addr, now: Timestamp) -> bool {
        self.settings.policy == Policy::OwnMac && self.walkers.muted(ip, now)
    }

    /// Somebody asks for a file of a phone. Also returns an alarm where there was none of late.
    pub fn ask(&mut self, asked: &Asked, now: Timestamp) -> (Admission, Option<Alarm>) {
        let (ip, mac) = (asked.ip, asked.mac);
        // Who is there now is newer than what was heard of it.
        if let Some(there) = asked.neighbour.filter(|_| asked.link == Link::OnLink) {
            self.known.unhear(ip, there);
        }
        let evidence = self.evidence(asked, now);
        let muted = self.muted(ip, now);
        let judged = |window| decide(self.settings.policy, &evidence, asked.link, window);
        let admission = match judged(false) {
            Verdict::Serve(ground) => Admission::Granted(ground),
            Verdict::Alarm | Verdict::NotFound if muted => return (Admission::Muted, None),
            Verdict::Alarm => Admission::Denied(Why::Foreign(self.another(asked, now))),
            Verdict::NotFound if asked.link == Link::Silent => return (Admission::Denied(Why::Silent), None),
            Verdict::NotFound if !asked.assigned => Admission::Denied(Why::Unproven),
            Verdict::NotFound => match self.window(mac, ip, now) {
                Ok(()) => Admission::Granted(Ground::FirstContact),
                Err(why) => Admission::Denied(why),
            },
        };
        if let Some(other) = self.who(asked, now) {
            self.known.is_at(ip, other);
        }
        let proven = matches!(admission, Admission::Granted(Ground::Seen | Ground::Contact | Ground::Pin));
        if proven && asked.assigned {
            self.first(mac, ip, now, |first| first.is_at(ip, now));
            if !matches!(admission, Admission::Granted(Ground::Pin)) {
                self.known.pin(ip, mac, now);
            }
        }
        // Where all are served, who asks for phones that there are walks no names; nobody's phone is always one.
        let walks = match admission {
            Admission::Granted(_) => !proven && !asked.assigned && self.settings.policy != Policy::Open,
            Admission::Denied(_) => true,
            Admission::Muted => false,
        };
        let alarm = if walks && !muted { self.walkers.note(ip, mac, now) } else { None };
        (admission, alarm)
    }

    /// All that is known of an address, for a phone.
    fn evidence(&self, asked: &Asked, now: Timestamp) -> Evidence {
        let (ip, mac) = (asked.ip, asked.mac);
        let page = asked.registered.is_none() && self.known.page_read(ip, mac, now);
        Evidence {
            lease: self.known.says_lease(ip, mac, now),
            overheard: self.known.says_overheard(ip, mac, now),
            neighbour: Known::says_neighbour(asked.neighbour, mac),
            contact: if asked.registered == Some(true) || page { Says::This } else { Says::Nothing },
            pin: self.known.says_pin(ip, mac, now),
        }
    }

    /// Who is at the address by E1 to E3: another than the phone first.
    fn who(&self, asked: &Asked, now: Timestamp) -> Option<MacAddr> {
        let neighbour = asked.neighbour.filter(|_| asked.link == Link::OnLink);
        let all = [self.known.lease(asked.ip, now), self.known.heard(asked.ip, now), neighbour];
        let named = || all.into_iter().flatten();
        named().find(|mac| *mac != asked.mac).or_else(|| named().next())
    }

    /// Whether the phone's window of first contact is open for that address; opens it where it never was.
    fn window(&mut self, mac: MacAddr, ip: Ipv4Addr, now: Timestamp) -> Result<(), Why> {
        if self.walkers.shut(ip, now) {
            return Err(Why::Shut);
        }
        if self.known.leased_elsewhere(ip, mac, now) {
            return Err(Why::Unproven);
        }
        let limit = SignedDuration::try_from(self.settings.first_contact).unwrap_or(SignedDuration::MAX);
        let (open, window) = self.first(mac, ip, now, |first| (first.asks(ip, limit, now), first.window));
        match window {
            _ if open => Ok(()),
            Window::Late => Err(Why::Late),
            Window::Contested { first } | Window::Open { at: first, .. } => Err(Why::Contested(first)),
            Window::Succeeded => Err(Why::Unproven),
        }
    }

    /// Changes the first contact of a phone, which begins where it never did.
    fn first<T>(
        &mut self,
        mac: MacAddr,
        ip: Ipv4Addr,
        now: Timestamp,
        change: impl FnOnce(&mut FirstContact) -> T,
    ) -> T {
        let before = self.first.get(&mac).copied();
        let first = self.first.entry(mac).or_insert_with(|| FirstContact::opened(ip, now));
        let done = change(first);
        if before.is_none_or(|before| !same(&before, first)) {
            self.unkept_first.insert(mac);
        }
        done
    }

    /// What is known of who asks, for the log: no blanks, nothing that came from outside.
    pub fn told(&self, asked: &Asked, now: Timestamp) -> String {
        let mut told = String::new();
        let neighbour = asked.neighbour.filter(|_| asked.link == Link::OnLink);
        let all = [
            ("lease", self.known.lease(asked.ip, now)),
            ("overheard", self.known.heard(asked.ip, now)),
            ("neighbour", neighbour),
        ];
        for (name, mac) in all.into_iter().filter_map(|(name, mac)| Some((name, mac?))) {
            let comma = if told.is_empty() { "" } else { "," };
            // Writing to a String cannot fail.
            let _ = write!(told, "{comma}{name}:{mac}");
        }
        if told.is_empty() { "none".to_owned() } else { told }
    }

    /// The other device that is at the address, where it is known to be one.
    pub fn another(&self, asked: &Asked, now: Timestamp) -> Option<MacAddr> {
        self.who(asked, now).filter(|mac| *mac != asked.mac)
    }

    /// The phone's own web page was read there. Whoever is there can make one up, so it decides between no two.
    pub fn page(&mut self, ip: Ipv4Addr, mac: MacAddr, now: Timestamp) {
        if !self.first.get(&mac).is_some_and(|first| matches!(first.window, Window::Contested { .. })) {
            self.known.page(ip, mac, now);
        }
    }

    /// Whether what is asked for says nothing of the phone: another device asks, or nothing shows that it is the phone,
    /// which was last served elsewhere.
    pub fn strange(&self, asked: &Asked, admission: Admission) -> bool {
        match admission {
            Admission::Denied(Why::Foreign(_)) => true,
            Admission::Denied(Why::Silent) => asked.assigned,
            Admission::Denied(_) => self.served_at(asked.mac).is_some_and(|served| served != asked.ip),
            Admission::Granted(_) | Admission::Muted => false,
        }
    }

    /// Where the phone was last served, or known to be.
    pub(super) fn served_at(&self, mac: MacAddr) -> Option<Ipv4Addr> {
        self.first.get(&mac)?.served
    }

    /// A file of the phone's name went there, whole.
    pub fn fetched(&mut self, mac: MacAddr, ip: Ipv4Addr) {
        if let Some(first) = self.first.get_mut(&mac) {
            let before = *first;
            first.fetched(ip);
            if before != *first {
                self.unkept_first.insert(mac);
            }
        }
    }

    /// Whether a line on that address goes to the log.
    pub fn may_log(&mut self, ip: Ipv4Addr, now: Timestamp) -> bool {
        self.walkers.may_log(ip, now)
    }

    /// A line of the phone registered from there: whoever is there has the secret. `converting` = its conversion is open.
    pub fn registered(&mut self, mac: MacAddr, ip: Ipv4Addr, converting: bool, now: Timestamp) {
        self.known.pin(ip, mac, now);
        self.first(mac, ip, now, |first| {
            first.is_at(ip, now);
            if !converting {
                first.window = Window::Succeeded;
            }
        });
        self.served(mac, ip);
    }

    /// A boot of the phone was caused or seen.
    pub fn rebooted(&mut self, mac: MacAddr, now: Timestamp) {
        if let Some(first) = self.first.get_mut(&mac) {
            first.rebooted(now);
            self.unkept_first.insert(mac);
        }
    }

    /// The phone's conversion came a step further; `last` = where it was last heard.
    pub fn stepped(&mut self, mac: MacAddr, last: Option<Ipv4Addr>, now: Timestamp) {
        if let (Some(first), Some(last)) = (self.first.get_mut(&mac), last) {
            first.stepped(last, now);
            self.unkept_first.insert(mac);
        }
    }

    /// Somebody says that the phone is there; `other` = who the kernel says is.
    ///
    /// # Errors
    /// Another device is known to be there: this one.
    pub fn approve(
        &mut self,
        mac: MacAddr,
        ip: Ipv4Addr,
        other: Option<MacAddr>,
        now: Timestamp,
    ) -> Result<(), MacAddr> {
        if let Some(other) = [self.known.lease(ip, now), other].into_iter().flatten().find(|other| *other != mac) {
            return Err(other);
        }
        // That word may be a day old.
        self.known.unhear(ip, mac);
        self.known.pin(ip, mac, now);
        self.served(mac, ip);
        Ok(())
    }

    /// The phone is assigned no more: its MAC begins anew, should it come back.
    pub fn forget(&mut self, mac: MacAddr) {
        self.known.forget(mac);
        self.denied.remove(&mac);
        if self.first.remove(&mac).is_some() {
            self.unkept_first.insert(mac);
        }
    }

    /// The wall clock was put.
    pub fn clock_stepped(&mut self, now: Timestamp, by: SignedDuration) {
        self.known.shift(by, now);
        self.first.values_mut().for_each(|first| first.shift(by, now));
        self.unkept_first.extend(self.first.keys());
        for denied in self.denied.values_mut() {
            denied.at = denied.at.checked_add(by).unwrap_or(now).min(now);
        }
        self.walkers.shift(by);
    }
}

/// Whether nothing differs but when it was last heard.
fn same(a: &FirstContact, b: &FirstContact) -> bool {
    let still = |first: &FirstContact| match first.window {
        Window::Open { since, at, fetched, .. } => (Some((since, at, fetched)), None),
        window => (None, Some(window)),
    };
    still(a) == still(b) && a.rebooted == b.rebooted && a.strange == b.strange && a.served == b.served
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
