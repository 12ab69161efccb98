//! A script on a hub: by the same doors that the edges use. What no door lets in here (a denial by the link, a word of a
//! NOTIFY) comes in as the event that it was.

mod files;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::super::{Given, Happens, Says, Script};
use super::given::{assignment, differs_in, firmware, row};
use crate::access::Why;
use crate::catalog::Catalog;
use crate::config;
use crate::convert::belief::{Belief, Runs, Source};
use crate::dhcp::asked::Asked;
use crate::dhcp::vendor::Vendor;
use crate::diagnose::{Finding, Misleading, Tried, Unanswered};
use crate::discover::{Announcement, Protocol};
use crate::domain::{
    BootEvent, Contact, ContactState, Driver, Endpoint, EventKind, Load, MacAddr, PhoneOptions, Rejected,
};
use crate::fail2ban::{self, Word};
use crate::firmware::set::FirmwareSet;
use crate::firmware::store::Index;
use crate::fleet::{Settings, Snapshot};
use crate::hub::{Had, Hub, Wanted};
use crate::pbx::ami::client::AmiUpdate;
use crate::pbx::poll::PbxView;
use crate::pbx::roster::{Account, Assignment, Listeners, Registrar, Roster};
use crate::store::Kept;

const PHONE: Ipv4Addr = Ipv4Addr::new(10, 0, 7, 60);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 7, 1);

fn at(after: Duration) -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap() + SignedDuration::try_from(after).unwrap()
}

/// Plays it and returns what is found of its phone at the end, by code.
pub(super) fn play(script: &Script, fault: bool) -> Result<Vec<Finding>, String> {
    let (stage, _) = staged(script, fault)?;
    let mut findings = stage.hub.findings(script.about);
    findings.sort_by(|a, b| a.code.cmp(&b.code));
    findings.dedup_by(|a, b| a.code == b.code);
    Ok(findings)
}

/// Plays it and returns what the daemon then knows of its phone, as a script.
pub(super) fn told(script: &Script, fault: bool) -> Result<Script, String> {
    let (stage, end) = staged(script, fault)?;
    stage.hub.replay(script.about, &stage.hub.mask(), end).ok_or_else(|| "the phone is not known".to_owned())
}

fn staged(script: &Script, fault: bool) -> Result<(Stage, Timestamp), String> {
    let mut given = Vec::new();
    let mut happens = Vec::new();
    for line in script.with(fault) {
        match &line.says {
            Says::Given(what) if happens.is_empty() => given.push(what),
            Says::Given(_) => return Err(format!("line {}: it stands behind what happens", line.number)),
            Says::Happens(after, what) => happens.push((line.number, *after, what)),
            Says::Remark(_) => {}
        }
    }
    let mut stage = Stage::new(script, &given);
    let (mut end, mut clock) = (at(Duration::ZERO), Duration::ZERO);
    for (number, after, what) in happens {
        // The daemon looks at the clock all the time, and at a clock that leaps it gives nobody up.
        while clock + Duration::from_secs(5) < after {
            clock += Duration::from_secs(5);
            stage.hub.tick(at(clock));
            stage.round(clock);
        }
        clock = after;
        end = at(after);
        stage.hub.tick(end);
        stage.happens(what, after).map_err(|why| format!("line {number}: {why}"))?;
        stage.round(after);
    }
    Ok((stage, end))
}

struct Stage {
    hub: Hub,
    mac: MacAddr,
    /// Where the phone is.
    phone: Ipv4Addr,
    roster: Roster,
    /// The phone, where it is assigned later.
    later: Option<Assignment>,
    sets: Vec<FirmwareSet>,
    /// Contacts by extension.
    contacts: BTreeMap<String, Contact>,
    calls: u32,
    /// The turn of its conversion is said.
    held: bool,
}

impl Stage {
    fn new(script: &Script, given: &[&Given]) -> Self {
        let mac = script.about;
        let both = Listeners { udp: Some(5060), tcp: Some(5060) };
        let mut roster = Roster { registrar: Registrar { pjsip: both, chan_sip: both }, ..Roster::default() };
        let (mut sets, mut erased, mut later) = (Vec::new(), BTreeMap::new(), None);
        let mut settings = Settings { ntp_here: true, ..Settings::default() };
        let (mut options, mut clocks, mut kept) = (serde_json::Map::new(), BTreeMap::new(), Kept::default());
        let (mut manager, mut pbx, mut tcp) = (true, true, BTreeMap::new());
        for given in given {
            match given {
                Given::Phone(said) => {
                    let phone = assignment(said);
                    for button in phone.registering() {
                        let plain = || Account::sample(&button.extension, "abcdef123456");
                        if let Ok(extension) = button.extension.parse() {
                            roster.accounts.entry(extension).or_insert_with(plain);
                        }
                    }
                    let problem = |code: &String| row(Some(said.mac), None, code);
                    roster.assignment_problems.extend(said.problems.iter().map(problem));
                    if said.later { later = Some(phone) } else { drop(roster.assignments.insert(phone.mac, phone)) }
                }
                Given::Extension(differs) => differs_in(&mut roster, differs),
                Given::Firmware(set) => sets.push(firmware(set)),
                Given::Erased(term, load) => drop(erased.insert(term.clone(), load.clone())),
                Given::Runs(load) => {
                    let mut belief = Belief::default();
                    belief.note(Source::Images, Runs::Load(Load::parse(load).unwrap()), at(Duration::ZERO));
                    kept.beliefs.insert(mac, belief);
                }
                Given::Option(key, value) => {
                    let list = || value.split(',').map(str::to_owned).collect::<Vec<_>>().into();
                    let value = if key == "emergency" { list() } else { value.clone().into() };
                    options.insert(key.clone(), value);
                }
                Given::Transport(transport) => settings.transport = Some(*transport),
                Given::NoTcp => (roster.registrar.pjsip.tcp, roster.registrar.chan_sip.tcp) = (None, None),
                Given::TcpSilent => {
                    let tried = Tried { address: format!("{SERVER}:5060"), outcome: Err(Unanswered::Refused) };
                    tcp.extend([Driver::Pjsip, Driver::ChanSip].map(|driver| (driver, tried.clone())));
                }
                Given::NoClock => settings.ntp_here = false,
                Given::ClockSilent(host) => {
                    clocks.insert(host.clone(), Err("it does not answer".to_owned()));
                }
                Given::NoManager => manager = false,
                Given::NoPbx => pbx = false,
            }
        }
        settings.options = serde_json::from_value::<PhoneOptions>(options.into()).unwrap();
        let snapshot = Snapshot::empty(Arc::new(settings), Arc::new(Catalog::builtin()), 2026);
        let (events, _) = mpsc::channel(1);
        let began = at(Duration::ZERO);
        let hub = Hub::new(snapshot, Vec::new(), Vec::new(), events, began);
        hub.access_settings(config::Access { policy: config::Policy::Network, ..config::Access::default() });
        hub.firmware_settings(config::Firmware {
            conversion: config::Conversion::Manual,
            accept_one_way: false,
            concurrent: 10,
            target: BTreeMap::new(),
            erased,
            os79xx_window: Duration::ZERO,
            window: None,
        });
        hub.recall_conversions(kept, began);
        let phone = script.address.unwrap_or(PHONE);
        let stage = Self { hub, mac, phone, roster, later, sets, contacts: BTreeMap::new(), calls: 0, held: false };
        stage.stock();
        if pbx {
            stage.poll(Duration::ZERO);
        }
        if manager {
            stage.hub.ami(AmiUpdate::Up, began);
            stage.hub.ami(AmiUpdate::Contacts(Vec::new()), began);
        }
        stage.hub.tried_tcp(tcp, began);
        stage.hub.asked_clocks(clocks, began);
        stage
    }

    fn stock(&self) {
        self.hub.firmware_index(Arc::new(Index::sample(self.sets.clone())));
    }

    fn poll(&self, after: Duration) {
        let roster = Some(Arc::new(self.roster.clone()));
        self.hub.pbx(&PbxView { roster, confirmed_at: Some(at(after)), down: None, polls: 1 }, at(after));
    }

    /// What the daemon does twice a second.
    fn round(&self, after: Duration) {
        self.hub.tick_conversions(at(after));
        self.keep();
        for (mac, _) in self.hub.may_begin(at(after)).into_iter().filter(|_| !self.held) {
            self.hub.arm(mac, at(after));
        }
        self.keep();
    }

    fn keep(&self) {
        if let Some(keep) = self.hub.to_keep() {
            self.hub.kept(&keep);
        }
    }

    fn note(&self, what: EventKind, after: Duration) {
        self.hub.happened(BootEvent { at: at(after), mac: self.mac, ip: Some(self.phone.into()), what });
    }

    fn happens(&mut self, what: &Happens, after: Duration) -> Result<(), String> {
        let (now, mac) = (at(after), self.mac);
        match what {
            Happens::Asks { name, answer, from } => self.asks(name, answer, *from, after)?,
            Happens::Gets(what) => {
                self.served(what, after)?;
                self.delivered(what, after);
            }
            Happens::Loses(what, how) => {
                self.served(what, after)?;
                self.broken(what, how, after);
            }
            Happens::Has(what) => self.delivered(what, after),
            Happens::Drops(what, how) => self.broken(what, how, after),
            Happens::Denied { name, why, from } => {
                let known =
                    [Why::Foreign(None), Why::Unproven, Why::Late, Why::Contested(self.phone), Why::Shut, Why::Silent];
                let why = known.into_iter().find(|known| known.word() == why).ok_or("nobody is denied for that")?;
                self.hub.was_denied(mac, *from, why, name, now);
            }
            Happens::Leases(ip) => self.hub.has_address(mac, *ip, Had::Taken, None, now),
            Happens::Renews(ip) => self.hub.has_address(mac, *ip, Had::Renewed, None, now),
            Happens::Discovers => self.dhcp(None, None, after),
            Happens::Takes(ip, server) => self.dhcp(Some(*ip), *server, after),
            Happens::Dhcp(step, ip) => self.hub.dhcp_said(mac, *step, *ip, None, now),
            Happens::Announces { model, load, vlan } => {
                let (model, load, vlan) = (model.clone(), load.clone(), *vlan);
                let by = Protocol::Cdp;
                let said = Announcement { mac, by, model, load, hardware: None, serial: None, vlan, ip: None };
                self.hub.announced(said, now);
            }
            Happens::Page { load, boot } => {
                let boot = boot.as_deref().unwrap_or_default();
                let page = format!(
                    "<MACAddress>{mac}</MACAddress><versionID>{load}</versionID><bootLoadID>{boot}</bootLoadID>"
                );
                if !self.hub.page(mac, self.phone, page.as_bytes(), now) {
                    return Err("the page says nothing".to_owned());
                }
            }
            Happens::Speaks(severity) => {
                self.note(EventKind::Syslog { severity: severity.clone(), text: String::new() }, after);
            }
            Happens::Registers { extension, at: ip, agent } => {
                self.calls += 1;
                let ip = ip.unwrap_or(self.phone);
                let contact = Contact {
                    endpoint: self.endpoint(extension),
                    uri: format!("sip:{extension}@{ip}:5060"),
                    ip: Some(ip.into()),
                    user_agent: agent.clone(),
                    call_id: self.calls.to_string(),
                    state: ContactState::Registered,
                    since: now,
                    expires: None,
                };
                self.contacts.insert(extension.clone(), contact);
                self.tell(extension, after);
            }
            Happens::Unreachable(extension) => {
                let contact = self.contacts.get_mut(extension).ok_or("it is not registered")?;
                contact.state = ContactState::Unreachable;
                self.tell(extension, after);
            }
            Happens::Rejects { extension, why, at } => {
                let (endpoint, address) = (self.endpoint(extension), at.unwrap_or(self.phone).into());
                let rejected = Rejected { endpoint, why: *why, address, at: now };
                self.hub.ami(AmiUpdate::Rejected(rejected), now);
            }
            Happens::Gone(extension) => {
                self.contacts.remove(extension).ok_or("it is not registered")?;
                self.tell(extension, after);
            }
            Happens::Misled(server, wrong) => {
                let remedy = "set it right".to_owned();
                let server = Misleading { server: *server, wrong: vec![wrong.clone()], remedy };
                self.hub.misleading(vec![server], now);
            }
            Happens::Banned(jail) => self.ban(jail.as_ref(), true, now),
            Happens::Unbanned(jail) => self.ban(jail.as_ref(), false, now),
            Happens::Assigned => {
                let phone = self.later.take().ok_or("no phone is assigned later")?;
                self.roster.assignments.insert(phone.mac, phone);
                self.poll(after);
            }
            Happens::Changes => {
                let phone = self.roster.assignments.get_mut(&mac).ok_or("it is not assigned")?;
                phone.description.push('x');
                phone.buttons.iter_mut().for_each(|button| button.label.push('x'));
                self.poll(after);
            }
            Happens::Settings => {
                self.roster.accounts.values_mut().for_each(|account| account.max_contacts += 1);
                self.poll(after);
            }
            Happens::Brings(set) => {
                self.sets.push(firmware(set));
                self.stock();
            }
            Happens::Converts { to, from, held } => {
                self.held = *held;
                let wanted = Wanted { to: Some(to.clone()), running: from.clone() };
                let plan = self.hub.plan_conversion(mac, &wanted, now)?;
                self.hub.start_conversions(vec![plan], None, now);
            }
            Happens::Begins => self.hub.arm(mac, now),
            Happens::Told(what) => self.note(EventKind::Told { what: what.clone() }, after),
            Happens::Does(what) => self.hub.did("somebody", mac, what, now),
            Happens::Waits => {}
        }
        Ok(())
    }

    fn ban(&self, jail: Option<&String>, banned: bool, at: Timestamp) {
        let jail = jail.map_or("asterisk", String::as_str).to_owned();
        let line = fail2ban::Line::Says(Word { at, jail, ip: self.phone, banned });
        self.hub.banned([line].into_iter(), false, at);
    }

    fn dhcp(&self, takes: Option<Ipv4Addr>, server: Option<Ipv4Addr>, after: Duration) {
        let server = takes.map(|_| server.unwrap_or(Ipv4Addr::new(10, 0, 7, 254)));
        let asked = Asked { mac: self.mac, vendor: Vendor::Phone(None), address: takes, server };
        let network = Ipv4Net::new(takes.unwrap_or(self.phone), 24).unwrap();
        self.hub.asked_dhcp(asked, &[network], at(after));
    }

    /// What registers by that name.
    fn endpoint(&self, name: &str) -> Endpoint {
        let account = self.roster.accounts.values().find(|account| account.sip_user == name);
        Endpoint::new(account.map_or(Driver::Pjsip, |account| account.driver), name)
    }

    fn tell(&self, extension: &str, after: Duration) {
        let endpoint = self.endpoint(extension);
        let contacts = self.contacts.get(extension).cloned().into_iter().collect();
        self.hub.ami(AmiUpdate::Endpoint { endpoint, contacts, at: at(after) }, at(after));
    }
}
