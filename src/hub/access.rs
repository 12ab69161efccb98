//! A file is asked for: who may have it, what it is, what is noted of it. And what the rule of access is told by the others:
//! DHCP, the manager session, people.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use jiff::Timestamp;

use super::Hub;
use super::state::{State, endpoints, is_phone, printable};
use crate::access::rule::{Ground, Link, Neighbour};
use crate::access::walkers::Alarm;
use crate::access::{Admission, Asked, Kept, ToKeep, Why};
use crate::config;
use crate::convert::Conversion;
use crate::domain::{BootEvent, ContactState, EventKind, MacAddr, Transport};
use crate::files::name::{FileRequest, SharedFile};
use crate::files::{Answer, Asker, Refusal, guarded, resolve};
use crate::fleet::Snapshot;

impl Hub {
    /// A phone asks for a file: decides, and notes it.
    pub fn ask(&self, name: &str, ip: Ipv4Addr, server: Ipv4Addr, transport: Transport, now: Timestamp) -> Answer {
        let request = FileRequest::parse(name);
        self.meet_neighbour(&request, ip, server, now);
        let (asked, admission) = self.admit(&request, ip, now);
        if admission == Admission::Muted {
            let answer = Answer::Refuse(Refusal::Muted);
            self.lock().counts.asked(transport, &answer);
            return answer;
        }
        let (mut state, snapshot) = self.locked();
        let strange = asked.as_ref().is_some_and(|asked| state.access.strange(asked, admission));
        let mac = if strange {
            if let (Some(mac), Admission::Denied(Why::Unproven | Why::Late | Why::Contested(_))) =
                (request.mac(), admission)
            {
                state.directory.note_strange(mac, ip.into(), now);
            }
            request.mac()
        } else {
            let assigned = |mac| snapshot.assignment(mac).is_some();
            state.directory.note_request(&request, ip.into(), server, now, assigned)
        };
        let seen = mac.map(|mac| state.seen(mac)).unwrap_or_default();
        let (index, unknown) = (Arc::clone(&state.converting.index), state.converting.unknown(now));
        drop(state);
        let guarded = guarded(&request, &snapshot, &seen);
        let asker = mac.and_then(|mac| snapshot.desired(mac, &seen));
        let family = asker.as_ref().filter(|asker| asker.model_known).map(|asker| asker.model.family).or(seen.family());
        let asker = Asker {
            server,
            phone: asker.as_ref(),
            seen: &seen,
            firmware: &index,
            unknown: &unknown,
            denied: refusal(admission).filter(|_| guarded),
        };
        let mut answer = resolve(&request, &snapshot, &asker);
        let decided = match &answer {
            Answer::Serve(_) => guarded,
            Answer::Refuse(why) => Some(*why) == asker.denied,
            Answer::Image(_) | Answer::FallThrough(_) => false,
        };
        if decided {
            answer = self.guard(answer, asked.as_ref(), admission, name, now);
        }
        let mut state = self.lock();
        state.counts.asked(transport, &answer);
        if let Answer::Image(file) = &answer {
            state.converting.taken.note(&file.sha256, now);
        }
        drop(state);
        if let Some(mac) = mac.filter(|_| !strange) {
            let refused = match &answer {
                Answer::Serve(_) | Answer::Image(_) | Answer::FallThrough(_) => None,
                Answer::Refuse(why) => Some(why.code().to_owned()),
            };
            let (mut state, snapshot) = self.locked();
            let what = EventKind::FileAsked { name: printable(name), transport, refused };
            let served = matches!(answer, Answer::Serve(_) | Answer::Image(_));
            state.told.has_address(mac);
            self.note(&mut state, &snapshot, BootEvent { at: now, mac, ip: Some(ip.into()), what });
            if snapshot.assignment(mac).is_some() {
                let said = state.converting.asked(mac, &request, family, served, now);
                self.converted(&mut state, &snapshot, mac, said, now);
            }
        }
        answer
    }

    /// Whether who asks may have what only the phone in the name may have.
    fn admit(&self, request: &FileRequest, ip: Ipv4Addr, now: Timestamp) -> (Option<Asked>, Admission) {
        let anybody = (None, Admission::Granted(Ground::Policy));
        let (state, snapshot) = self.locked();
        // A name without a MAC is of the phone at the address, for a file that is made for each.
        let by_address = || state.directory.at_address(ip.into()).filter(|_| *request == SYNC_INFO);
        let Some(mac) = request.mac().or_else(by_address) else { return anybody };
        // Before that nobody is known, and nobody is served.
        if !snapshot.ready() {
            return anybody;
        }
        let assigned = snapshot.assignment(mac).is_some();
        if !assigned && state.access.muted(ip, now) {
            return (None, Admission::Muted);
        }
        drop(state);
        let (link, neighbour) = self.link(ip, mac);
        let (mut state, snapshot) = self.locked();
        let registered = registered(&state, &snapshot, mac, ip);
        let asked = Asked { mac, ip, assigned, neighbour, link, registered };
        let (admission, alarm) = state.access.ask(&asked, now);
        drop(state);
        match alarm {
            Some(Alarm::Source(ip)) => tracing::warn!(
                code = "name-walk",
                "{ip} asks for the files of one phone after another that it is not; see which device is there"
            ),
            Some(Alarm::Network(network)) => tracing::warn!(
                code = "name-walk",
                "addresses of {network}/24 ask for the files of many phones that they are not; see which devices are there"
            ),
            None => {}
        }
        (Some(asked), admission)
    }

    /// How an address is reached, and who answers for it there, as far as it concerns this phone.
    fn link(&self, ip: Ipv4Addr, phone: MacAddr) -> (Link, Option<MacAddr>) {
        if !(self.on_link)(ip) {
            return (Link::Routed, None);
        }
        match (self.neighbour)(ip) {
            Neighbour::Unresolved => (Link::Silent, None),
            neighbour => (Link::OnLink, neighbour.mac(phone)),
        }
    }

    /// Whether the link is to be asked first who is at an address: somebody asks there for a phone's file by a datagram, and
    /// the kernel does not know who. A device that has our hardware address by heart need not ask for it, and a source may
    /// be made up.
    pub fn is_to_be_resolved(&self, name: &str, ip: Ipv4Addr, now: Timestamp) -> bool {
        let request = FileRequest::parse(name);
        // Whether that phone is assigned must not show by the time it takes.
        (request.mac().is_some() || request == SYNC_INFO)
            && !self.lock().access.muted(ip, now)
            && (self.on_link)(ip)
            && matches!((self.neighbour)(ip), Neighbour::Unresolved | Neighbour::Unknown)
    }

    /// A file with a secret is about to go out, or to be denied: it goes, or is as absent as any other.
    fn guard(&self, answer: Answer, asked: Option<&Asked>, admission: Admission, name: &str, now: Timestamp) -> Answer {
        // The roster came between the two looks: who asks was not looked at.
        let Some(asked) = asked else { return Answer::Refuse(Refusal::NoRoster) };
        let (mut state, snapshot) = self.locked();
        let why = match admission {
            Admission::Denied(why) => why,
            Admission::Muted => return answer,
            Admission::Granted(_) => {
                if let Some(other) = state.access.another(asked, now)
                    && state.access.may_log(asked.ip, now)
                {
                    tracing::warn!(
                        code = "config-foreign",
                        "{other} at {} gets the configuration of {}, which it is not: access.policy is \"open\"",
                        asked.ip,
                        asked.mac
                    );
                }
                if state.access.served(asked.mac, asked.ip) {
                    state.judge(&snapshot, asked.mac, now);
                }
                return answer;
            }
        };
        // A source that was made up concerns nobody who waits for a phone.
        if why != Why::Silent && state.access.deny(asked.mac, asked.ip, why, now) {
            let what = EventKind::Denied { name: printable(name), from: asked.ip, why: why.word().to_owned() };
            self.note(&mut state, &snapshot, BootEvent { at: now, mac: asked.mac, ip: None, what });
        }
        if state.access.may_log(asked.ip, now) {
            let (ip, name, why) = (asked.ip, printable(name), why.word());
            let evidence = state.access.told(asked, now);
            // Read by contrib/fail2ban: its filter changes with this line.
            tracing::warn!(code = "config-denied", "denied src={ip} asked={name} evidence={evidence} why={why}");
        }
        answer
    }

    /// The same hub, with that to say whether an address is on a link of ours or behind a router.
    #[must_use]
    pub fn with_links(self, on_link: fn(Ipv4Addr) -> bool) -> Self {
        Self { on_link, ..self }
    }

    /// `[access]` was read.
    pub fn access_settings(&self, access: config::Access) {
        self.lock().access.set(access);
    }

    /// Our DHCP server leased that address, until then.
    pub fn leased(&self, ip: Ipv4Addr, mac: MacAddr, until: Timestamp) {
        self.lock().access.known.leased(ip, mac, until);
    }

    /// That lease was released, or expired.
    pub fn lease_ended(&self, ip: Ipv4Addr, mac: MacAddr) {
        self.lock().access.known.lease_ended(ip, mac);
    }

    /// DHCP of another server was heard to give, or renew, that address.
    pub fn overheard(&self, ip: Ipv4Addr, mac: MacAddr, now: Timestamp) {
        let (mut state, snapshot) = self.locked();
        let assigned = snapshot.assignment(mac).is_some();
        state.access.known.overheard(ip, mac, assigned, now);
    }

    /// What happened to a phone, as far as it says where it may be next.
    pub(super) fn note_access(state: &mut State, event: &BootEvent) {
        match event.what {
            EventKind::Told { .. } | EventKind::Unregistered { .. } | EventKind::Unreachable { .. } => {
                state.access.rebooted(event.mac, event.at);
            }
            EventKind::Firmware { .. } if converting(state, event.mac) => {
                let last = match state.directory.get(event.mac).and_then(|seen| seen.ip) {
                    Some(IpAddr::V4(ip)) => Some(ip),
                    _ => None,
                };
                state.access.stepped(event.mac, last, event.at);
            }
            _ => {}
        }
    }

    /// A line of the phone is registered from there.
    pub(super) fn registered_from(state: &mut State, mac: MacAddr, ip: Option<IpAddr>, now: Timestamp) {
        if let Some(IpAddr::V4(ip)) = ip {
            let converting = converting(state, mac);
            state.access.registered(mac, ip, converting, now);
        }
    }

    /// Somebody says that a phone is at that address, or, where none is named, at the one that was denied last.
    ///
    /// # Errors
    /// Why that cannot be so, in one sentence.
    pub fn approve(&self, mac: MacAddr, ip: Option<Ipv4Addr>, who: &str, now: Timestamp) -> Result<String, String> {
        let (state, snapshot) = self.locked();
        if snapshot.assignment(mac).is_none() {
            return Err(format!("phone {mac} was not approved: nobody assigned it; add its MAC in the PBX"));
        }
        let ip = ip.or_else(|| state.access.denied(mac, now).map(|denied| denied.ip)).ok_or_else(|| {
            format!(
                "phone {mac} was not approved: nobody was denied its files of late; name its address (--address IP)"
            )
        })?;
        drop(state);
        let (_, neighbour) = self.link(ip, mac);
        let (mut state, snapshot) = self.locked();
        if let Some(other) = state.registered_at(ip).filter(|other| *other != mac) {
            return Err(format!(
                "phone {mac} was not approved at {ip}: phone {other} is registered there, and would get the other's secret"
            ));
        }
        state.access.approve(mac, ip, neighbour, now).map_err(|other| {
            format!("phone {mac} was not approved at {ip}: {other} is there; see which device that is")
        })?;
        state.converting.did(who, format!("approved phone {mac} at {ip}"), now);
        let what = EventKind::Admin { who: who.to_owned(), what: format!("approved it at {ip}") };
        self.note(&mut state, &snapshot, BootEvent { at: now, mac, ip: None, what });
        Ok(format!("phone {mac} gets its files at {ip}; restart it, or wait until it asks again"))
    }

    /// What was kept of an earlier life.
    pub fn recall_access(&self, kept: Kept, now: Timestamp) {
        self.lock().access.recall(kept, now);
    }

    /// What changed since it was last kept, and is to be kept now.
    pub fn access_to_keep(&self) -> Option<ToKeep> {
        self.lock().access.to_keep()
    }

    /// It was not kept: it is to be kept again.
    pub fn access_not_kept(&self, keep: &ToKeep) {
        self.lock().access.not_kept(keep);
    }
}

/// The file that is made for the phone at an address, though its name says none.
const SYNC_INFO: FileRequest = FileRequest::Shared(SharedFile::SyncInfo);

/// What somebody who is denied a file is denied it for.
fn refusal(admission: Admission) -> Option<Refusal> {
    match admission {
        Admission::Denied(Why::Foreign(_)) => Some(Refusal::Foreign),
        Admission::Denied(_) => Some(Refusal::Unproven),
        Admission::Granted(_) | Admission::Muted => None,
    }
}

/// Whether its conversion is under way.
fn converting(state: &State, mac: MacAddr) -> bool {
    state.converting.conversions.get(&mac).is_some_and(Conversion::open)
}

/// Whether a line that is this phone's alone is registered from there; `None` = none is registered.
fn registered(state: &State, snapshot: &Snapshot, mac: MacAddr, ip: Ipv4Addr) -> Option<bool> {
    let desired = snapshot.desired(mac, &state.seen(mac))?;
    let sole = |endpoint: &_| state.users.get(endpoint).is_some_and(|macs| macs.len() == 1);
    let own = endpoints(snapshot, &desired).into_iter().filter(sole);
    let contacts = own.filter_map(|endpoint| state.contacts.get(&endpoint)).flatten();
    let phones = contacts.filter(|contact| contact.state == ContactState::Registered && is_phone(snapshot, contact));
    let mut from = phones.map(|contact| contact.ip);
    let first = from.next()?;
    Some(first == Some(ip.into()) || from.any(|at| at == Some(ip.into())))
}
