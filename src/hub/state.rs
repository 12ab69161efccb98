//! What the hub holds behind its lock, and how a phone's state comes out of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};

use jiff::Timestamp;

use super::Ami;
use super::converting::Converting;
use super::counts::Counts;
use super::facts::Told;
use super::fetching::Fetching;
use super::live::Stream;
use super::rejecting::Rejections;
use crate::access::Access;
use crate::api;
use crate::convert::Belief;
use crate::diagnose::{Evidence, Probed};
use crate::domain::{self, BootEvent, Contact, ContactState, Endpoint, EventKind, Line, MacAddr};
use crate::fail2ban::Bans;
use crate::files::name::FileRequest;
use crate::fleet::{Announced, Desired, Directory, Seen, Snapshot};
use crate::pbx::roster::{Account, Assignment, Button};
use crate::status::{Judged, derive, word};
use crate::timeline::{Boot, Timeline};

#[derive(Default)]
pub(super) struct State {
    pub(super) directory: Directory,
    pub(super) timeline: Timeline,
    /// Those who watch.
    pub(super) stream: Stream,
    /// Contacts by endpoint.
    pub(super) contacts: HashMap<Endpoint, Vec<Contact>>,
    /// Phones by the endpoints of their lines.
    pub(super) users: HashMap<Endpoint, BTreeSet<MacAddr>>,
    pub(super) judged: BTreeMap<MacAddr, Judged>,
    /// Phones that are to be judged again at a moment though nothing happens.
    pub(super) due: BTreeSet<(Timestamp, MacAddr)>,
    pub(super) own: Vec<Assignment>,
    pub(super) ami: Ami,
    /// The manager session has told all contacts since it is up.
    pub(super) listed: bool,
    /// It did once in this life of the daemon.
    pub(super) met: bool,
    /// The first word of the manager session is still to come.
    pub(super) awaited: bool,
    /// What was found by trying.
    pub(super) probed: Probed,
    /// Statuses changed since they were last handed out.
    pub(super) dirty: bool,
    /// What concerns firmware.
    pub(super) converting: Converting,
    /// Who may have what.
    pub(super) access: Access,
    /// Whom fail2ban blocks.
    pub(super) bans: Bans,
    /// For metrics.
    pub(super) counts: Counts,
    /// Why the PBX rejects phones.
    pub(super) rejections: Rejections,
    /// What others tell of phones.
    pub(super) told: Told,
    /// What phones take of their files.
    pub(super) fetching: Fetching,
    /// When strangers were last looked at whether they are to be forgotten.
    pub(super) swept: Timestamp,
}

impl State {
    /// What was seen of a phone, with what its files are to say of firmware.
    pub(super) fn seen(&self, mac: MacAddr) -> Seen {
        let mut seen = self.directory.get(mac).cloned().unwrap_or_default();
        seen.firmware = self.converting.of(mac);
        seen
    }

    pub(super) fn judge(&mut self, snapshot: &Snapshot, mac: MacAddr, now: Timestamp) {
        if snapshot.assignment(mac).is_none() {
            return;
        }
        let seen = self.seen(mac);
        let judged = self.judgement(snapshot, mac, &seen, &[], now);
        if self.judged.get(&mac) != Some(&judged) {
            self.forget(mac);
            self.due.extend(judged.due.map(|due| (due, mac)));
            self.judged.insert(mac, judged);
            self.dirty = true;
        }
    }

    /// A phone is no longer assigned.
    pub(super) fn forget(&mut self, mac: MacAddr) {
        if let Some(judged) = self.judged.remove(&mac) {
            self.dirty = true;
            if let Some(due) = judged.due {
                self.due.remove(&(due, mac));
            }
        }
    }

    /// Phones whose moment has come.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<MacAddr> {
        let mut macs = Vec::new();
        while let Some((at, mac)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, mac));
            macs.push(mac);
        }
        macs
    }

    /// What an event of an earlier life showed of the phone.
    pub(super) fn recall(&mut self, event: &BootEvent, snapshot: &Snapshot) {
        match (&event.what, event.ip) {
            (EventKind::FileAsked { name, .. }, Some(ip)) => {
                self.directory.recall(event.mac, &FileRequest::parse(name), ip, event.at);
            }
            (EventKind::Registered { user_agent, .. }, ip) => {
                self.saw_contact(snapshot, event.mac, ip, user_agent, event.at);
            }
            _ => {}
        }
    }

    /// A phone registered, or is registered: what its contact shows of it. `ip` where it is certainly its own.
    pub(super) fn saw_contact(
        &mut self,
        snapshot: &Snapshot,
        mac: MacAddr,
        ip: Option<IpAddr>,
        user_agent: &str,
        at: Timestamp,
    ) {
        let model = snapshot.catalog.by_user_agent(user_agent).map(|model| model.name.clone());
        self.directory.note_contact(mac, ip, model, load(user_agent), at);
    }

    /// The phone that is registered from that address, where one is known to be there.
    pub(super) fn registered_at(&self, ip: Ipv4Addr) -> Option<MacAddr> {
        let there = self.directory.at_address(ip.into())?;
        let own = |macs: &BTreeSet<MacAddr>| macs.contains(&there);
        let here = |contact: &Contact| contact.ip == Some(ip.into()) && contact.state == ContactState::Registered;
        let registered = self
            .contacts
            .iter()
            .any(|(endpoint, contacts)| self.users.get(endpoint).is_some_and(own) && contacts.iter().any(here));
        registered.then_some(there)
    }

    /// Contacts that were there before the phone was: what they say of it.
    pub(super) fn meet(&mut self, snapshot: &Snapshot, mac: MacAddr, now: Timestamp) {
        let seen = self.seen(mac);
        let Some(desired) = snapshot.desired(mac, &seen) else { return };
        for endpoint in endpoints(snapshot, &desired) {
            let sole = |contact: &Contact| {
                is_phone(snapshot, contact) && self.users.get(&endpoint).is_some_and(|macs| macs.len() == 1)
            };
            if let Some(contact) =
                self.contacts.get(&endpoint).and_then(|all| own_contact(self, snapshot, mac, &endpoint, all))
            {
                let ip = contact.ip.filter(|_| sole(&contact));
                // It said nothing now.
                let heard = seen.last().map_or(contact.since, |last| last.max(contact.since)).min(now);
                self.saw_contact(snapshot, mac, ip, &contact.user_agent, heard);
            }
        }
    }

    /// `alike`: of a phone that nobody assigned, those that its MAC may be a slip of.
    pub(super) fn judgement(
        &self,
        snapshot: &Snapshot,
        mac: MacAddr,
        seen: &Seen,
        alike: &[MacAddr],
        now: Timestamp,
    ) -> Judged {
        let before = self.judged.get(&mac).map(|judged| &judged.status);
        self.with_evidence(snapshot, mac, seen, alike, now, |evidence| derive(mac, evidence, seen, before))
    }

    /// All that rules may look at, for as long as somebody does.
    pub(super) fn with_evidence<T>(
        &self,
        snapshot: &Snapshot,
        mac: MacAddr,
        seen: &Seen,
        alike: &[MacAddr],
        now: Timestamp,
        look: impl FnOnce(&Evidence<'_>) -> T,
    ) -> T {
        let desired = snapshot.desired(mac, seen);
        let contacts: Vec<Contact> = desired
            .iter()
            .flat_map(|desired| endpoints(snapshot, desired))
            .filter_map(|endpoint| own_contact(self, snapshot, mac, &endpoint, self.contacts.get(&endpoint)?))
            .collect();
        let ban = seen.ip.and_then(|ip| match ip {
            IpAddr::V4(ip) => Some((ip, self.bans.of(ip)?)),
            IpAddr::V6(_) => None,
        });
        let silent = Boot::default();
        let evidence = Evidence {
            now,
            assignment: snapshot.assignment(mac),
            desired: desired.as_ref(),
            boot: self.timeline.boot(mac).unwrap_or(&silent),
            contacts: &contacts,
            roster: snapshot.roster.as_deref(),
            registrations_known: self.listed,
            probed: &self.probed,
            ntp_here: snapshot.settings.ntp_here,
            conversion: self.converting.conversions.get(&mac).filter(|conversion| !conversion.is_given_up()),
            turn: self.converting.turns.get(&mac),
            runs: self.converting.beliefs.get(&mac).and_then(Belief::certain),
            twin: seen.twin(now),
            denied: self.access.denied(mac, now),
            banned: ban.as_ref().map(|(ip, ban)| (*ip, ban)),
            rejected: self.rejections.of(mac),
            seen,
            firmware: &self.converting.lookup,
            told: self.facts(mac, alike, now),
        };
        look(&evidence)
    }

    pub(super) fn shown(&self, snapshot: &Snapshot, judged: &Judged) -> api::Phone {
        let status = &judged.status;
        let assignment = snapshot.assignment(status.mac);
        let seen = self.seen(status.mac);
        let model = snapshot.model(status.mac, &seen).filter(|(_, known)| *known);
        let shown = seen.shown_model().filter(|_| assignment.is_none());
        let shown = shown.and_then(|name| Some(snapshot.catalog.get(&name)?.name.to_string()));
        api::Phone {
            mac: status.mac,
            model: model.map(|(model, _)| model.name.to_string()).or(shown).unwrap_or_else(|| "auto".to_owned()),
            ownership: if assignment.is_some() { "adopted" } else { "seen" }.to_owned(),
            stage: word(status.stage),
            health: word(status.health),
            reason: status.reason.clone(),
            summary: status.summary.clone(),
            ip: status.ip.or(seen.announced.ip().map(IpAddr::V4)),
            load: status.load.clone().or_else(|| seen.announced.load().map(str::to_owned)),
            target_load: self
                .converting
                .conversions
                .get(&status.mac)
                .map(|conversion| conversion.target.clone())
                .or_else(|| assignment.and_then(|a| a.target_load.clone())),
            lines: judged
                .lines
                .iter()
                .map(|(button, extension, label, registered)| api::PhoneLine {
                    button: *button,
                    extension: extension.clone(),
                    label: label.clone(),
                    registered: *registered,
                })
                .collect(),
            since: status.since,
            last: seen.last(),
            asked: self.timeline.asked(status.mac).map(|(name, _)| name.to_owned()),
            announced: announced(&seen.announced),
            adopt: None,
        }
    }

    /// A phone that nobody assigned.
    pub(super) fn stranger(&self, snapshot: &Snapshot, mac: MacAddr, seen: &Seen, alike: &[MacAddr]) -> api::Phone {
        let judged = self.judgement(snapshot, mac, seen, alike, seen.last().unwrap_or(Timestamp::UNIX_EPOCH));
        let mut phone = self.shown(snapshot, &judged);
        phone.since = seen.since.unwrap_or(phone.since);
        phone.adopt = Some(format!("offhook phones adopt {mac} --line EXT"));
        phone
    }
}

fn announced(announced: &Announced) -> Option<api::Announced> {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Some(api::Announced {
        by: announced.by(),
        at: announced.at()?,
        model: announced.model().map(|model| model.to_string()),
        load: owned(announced.load()),
        hardware: owned(announced.hardware()),
        serial: owned(announced.serial()),
        vlan: announced.vlan(),
        ip: announced.ip(),
    })
}

/// The contact of an endpoint that belongs to this phone: any that is not where another phone is known to be; where several
/// phones share the endpoint, the one at this phone's address. A desk phone's before a computer's.
pub(super) fn own_contact(
    state: &State,
    snapshot: &Snapshot,
    mac: MacAddr,
    endpoint: &Endpoint,
    contacts: &[Contact],
) -> Option<Contact> {
    let shared = state.users.get(endpoint).is_some_and(|macs| macs.len() > 1);
    let ip: Option<IpAddr> = state.directory.get(mac).and_then(|seen| seen.ip);
    contacts
        .iter()
        .filter(|contact| match contact.ip {
            Some(at) if Some(at) == ip => true,
            // Whose extension went to another phone may still be plugged in, and registered.
            Some(at) => !shared && state.directory.at_address(at).is_none_or(|there| there == mac),
            None => !shared,
        })
        .min_by_key(|contact| (!is_phone(snapshot, contact), contact.state == ContactState::Unreachable))
        .cloned()
}

/// Whether a contact is a desk phone's, by its User-Agent: the same extension may be registered on a computer, too. One that
/// says nothing is taken for the phone.
pub(super) fn is_phone(snapshot: &Snapshot, contact: &Contact) -> bool {
    let agent = contact.user_agent.trim();
    agent.is_empty() || contact.is_cisco() || snapshot.catalog.by_user_agent(agent).is_some()
}

/// What the lines of a phone register as.
pub(super) fn endpoints(snapshot: &Snapshot, desired: &Desired) -> Vec<Endpoint> {
    let account = |line: &Line| Some(account(snapshot, line.extension.as_str())?.endpoint());
    desired.phone.lines.iter().filter_map(account).collect()
}

pub(super) fn users(snapshot: &Snapshot) -> HashMap<Endpoint, BTreeSet<MacAddr>> {
    let mut users: HashMap<Endpoint, BTreeSet<MacAddr>> = HashMap::new();
    for (mac, assignment) in snapshot.assignments.iter().filter(|(_, a)| a.enabled) {
        for button in assignment.registering() {
            if let Some(account) = account(snapshot, &button.extension) {
                users.entry(account.endpoint()).or_default().insert(*mac);
            }
        }
    }
    users
}

/// Whether nothing that concerns all phones differs.
pub(super) fn same_site(a: &Snapshot, b: &Snapshot) -> bool {
    let pending = |s: &Snapshot| s.roster.as_ref().map(|r| r.apply_pending);
    same_for_all(a, b) && (a.year, pending(a)) == (b.year, pending(b))
}

/// Whether nothing differs that may stand in the files of all phones and is a reason to read them again.
pub(super) fn same_for_all(a: &Snapshot, b: &Snapshot) -> bool {
    let common = |s: &Snapshot| s.roster.as_ref().map(|r| (r.registrar, r.voicemail_code.clone(), r.time_zone.clone()));
    (&a.settings, common(a)) == (&b.settings, common(b))
}

/// Whether the phone's assignment and the accounts of its lines are the same in both.
pub(super) fn same_phone(a: &Snapshot, b: &Snapshot, mac: MacAddr) -> bool {
    let (Some(x), Some(y)) = (a.assignment(mac), b.assignment(mac)) else { return false };
    let same_account = |button: &Button| account(a, &button.extension) == account(b, &button.extension);
    x == y && a.problems_of.get(&mac) == b.problems_of.get(&mac) && y.registering().all(same_account)
}

fn account<'a>(snapshot: &'a Snapshot, extension: &str) -> Option<&'a Account> {
    snapshot.roster.as_ref()?.accounts.get(&extension.parse().ok()?)
}

/// `Cisco-CP7942G/9.4.2` -> `9.4.2`; nothing that could not be a version.
pub(super) fn load(user_agent: &str) -> Option<String> {
    let version = user_agent.split_once('/')?.1.split_whitespace().next()?;
    let sound = version.len() <= 40
        && version.starts_with(|c: char| c.is_ascii_digit())
        && version.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-()".contains(&b));
    sound.then(|| version.to_owned())
}

/// Names and URIs come from the network: printable ASCII, cut at 128.
pub(super) fn printable(text: &str) -> String {
    domain::printable(text.as_bytes(), 128)
}
