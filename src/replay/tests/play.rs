//! A script on a hub: the same doors that the edges use, and nothing else of it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::super::{Given, Happens, Says, Script};
use crate::catalog::Catalog;
use crate::config;
use crate::dhcp::asked::Asked;
use crate::dhcp::vendor::Vendor;
use crate::diagnose::{Finding, Misleading};
use crate::discover::{Announcement, Protocol};
use crate::domain::{
    Contact, ContactState, Driver, Endpoint, EventKind, LineKind, MacAddr, ModelName, PhoneOptions, Rejected, Secret,
    SipTransport, Transport,
};
use crate::fail2ban::{self, Word};
use crate::files::Answer;
use crate::firmware::set::{FirmwareSet, SetFile};
use crate::firmware::store::Index;
use crate::fleet::{Settings, Snapshot};
use crate::hub::{Had, Hub, Wanted};
use crate::pbx::ami::client::AmiUpdate;
use crate::pbx::poll::PbxView;
use crate::pbx::roster::{Account, Assignment, Button, Listeners, NatFlags, Origin, Registrar, Roster, Transports};

const PHONE: Ipv4Addr = Ipv4Addr::new(10, 0, 7, 60);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 7, 1);

/// Seconds between two looks at the clock.
const LOOKS: usize = 5;

fn at(second: u32) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + i64::from(second)).unwrap()
}

/// Plays it and returns what is found of its phone at the end, by code.
pub(super) fn play(script: &Script, fault: bool) -> Result<Vec<Finding>, String> {
    let mut given = Vec::new();
    let mut happens = Vec::new();
    for line in script.with(fault) {
        match &line.says {
            Says::Given(what) if happens.is_empty() => given.push(what),
            Says::Given(_) => return Err(format!("line {}: it stands behind what happens", line.number)),
            Says::Happens(second, what) => happens.push((line.number, *second, what)),
        }
    }
    let mut stage = Stage::new(script.about, &given);
    let mut last = 0;
    for (number, second, what) in happens {
        // The daemon looks at the clock all the time, and at a clock that leaps it gives nobody up.
        for between in (last..second).step_by(LOOKS).skip(1) {
            stage.hub.tick(at(between));
            stage.round(between);
        }
        last = second;
        stage.hub.tick(at(second));
        stage.happens(what, second).map_err(|why| format!("line {number}: {why}"))?;
        stage.round(second);
    }
    let mut findings = stage.hub.findings(script.about);
    findings.sort_by(|a, b| a.code.cmp(&b.code));
    findings.dedup_by(|a, b| a.code == b.code);
    Ok(findings)
}

struct Stage {
    hub: Hub,
    mac: MacAddr,
    roster: Roster,
    /// Contacts by extension.
    contacts: BTreeMap<String, Contact>,
    calls: u32,
}

impl Stage {
    fn new(mac: MacAddr, given: &[&Given]) -> Self {
        let both = Listeners { udp: Some(5060), tcp: Some(5060) };
        let mut roster = Roster { registrar: Registrar { pjsip: both, chan_sip: both }, ..Roster::default() };
        let (mut sets, mut erased, mut ntp_here) = (Vec::new(), BTreeMap::new(), true);
        for given in given {
            match given {
                Given::Phone { mac, model, lines, target } => {
                    let phone = assignment(*mac, model.as_deref(), lines, target.clone());
                    for line in lines {
                        let plain = || Account::sample(line, "abcdef123456");
                        roster.accounts.entry(line.parse().unwrap()).or_insert_with(plain);
                    }
                    roster.assignments.insert(phone.mac, phone);
                }
                Given::Extension { extension, user, secret, nat, chan_sip, only } => {
                    let user = user.as_ref().unwrap_or(extension);
                    let account = Account {
                        sip_user: user.clone(),
                        auth_user: user.clone(),
                        secret: Some(Secret::new("x".repeat(*secret))),
                        driver: if *chan_sip { Driver::ChanSip } else { Driver::Pjsip },
                        nat: NatFlags { force_rport: *nat, rewrite_contact: *nat },
                        transports: Transports {
                            udp: only.is_none_or(|only| only == SipTransport::Udp),
                            tcp: only.is_none_or(|only| only == SipTransport::Tcp),
                        },
                        ..Account::sample(extension, "")
                    };
                    roster.accounts.insert(extension.parse().unwrap(), account);
                }
                Given::Firmware { load, files, lacks } => {
                    let file =
                        |name: &String| SetFile { name: name.clone(), size: 4, sha256: format!("{load}/{name}") };
                    let whole = FirmwareSet::sample(load, files.iter().map(file).collect());
                    sets.push(FirmwareSet { complete: lacks.is_empty(), missing: lacks.clone(), ..whole });
                }
                Given::Erased(term, load) => drop(erased.insert(term.clone(), load.clone())),
                Given::NoTcp => roster.registrar.pjsip.tcp = None,
                Given::NoClock => ntp_here = false,
            }
        }
        let settings = Settings { ntp_here, ..Settings::default() };
        let snapshot = Snapshot::empty(Arc::new(settings), Arc::new(Catalog::builtin()), 2026);
        let (events, _) = mpsc::channel(1);
        let hub = Hub::new(snapshot, Vec::new(), Vec::new(), events, at(0));
        hub.firmware_settings(config::Firmware {
            conversion: config::Conversion::Manual,
            accept_one_way: false,
            concurrent: 10,
            target: BTreeMap::new(),
            erased,
            os79xx_window: std::time::Duration::ZERO,
            window: None,
        });
        hub.firmware_index(Arc::new(Index::sample(sets)));
        let stage = Self { hub, mac, roster, contacts: BTreeMap::new(), calls: 0 };
        stage.poll(0);
        stage.hub.ami(AmiUpdate::Up, at(0));
        stage.hub.ami(AmiUpdate::Contacts(Vec::new()), at(0));
        stage
    }

    fn poll(&self, second: u32) {
        let roster = Some(Arc::new(self.roster.clone()));
        self.hub.pbx(&PbxView { roster, confirmed_at: Some(at(second)), down: None, polls: 1 }, at(second));
    }

    /// What the daemon does twice a second.
    fn round(&self, second: u32) {
        self.hub.tick_conversions(at(second));
        self.keep();
        for (mac, _) in self.hub.may_begin(at(second)) {
            self.hub.arm(mac, at(second));
        }
        self.keep();
    }

    fn keep(&self) {
        if let Some(keep) = self.hub.to_keep() {
            self.hub.kept(&keep);
        }
    }

    fn ask(&self, name: &str, from: Ipv4Addr, second: u32) -> &'static str {
        match self.hub.ask(name, from, SERVER, Transport::Tftp, at(second)) {
            Answer::Serve(_) => "served",
            Answer::Image(_) => "image",
            Answer::FallThrough(_) => {
                // The folder of others is empty.
                self.hub.absent(name, from, Transport::Tftp, at(second));
                "not-found"
            }
            Answer::Refuse(why) => why.code(),
        }
    }

    /// It is asked for, and is being sent.
    fn served(&self, name: &str, second: u32) -> Result<(), String> {
        match self.ask(name, PHONE, second) {
            "served" | "image" => Ok(()),
            other => Err(format!("{name} was to be served, and the answer was {other}")),
        }
    }

    fn happens(&mut self, what: &Happens, second: u32) -> Result<(), String> {
        let (now, mac) = (at(second), self.mac);
        match what {
            Happens::Asks { name, answer, from } => {
                let said = self.ask(name, from.unwrap_or(PHONE), second);
                if said != answer {
                    return Err(format!("{name}: the answer was {said}, not {answer}"));
                }
            }
            Happens::Gets(name) => {
                self.served(name, second)?;
                let sent =
                    |name| EventKind::FileSent { name, transport: Transport::Tftp, octets: 1, millis: 1, resent: 0 };
                self.hub.delivered(name, PHONE, sent, now);
            }
            Happens::Loses(name, reason) => {
                self.served(name, second)?;
                let reason = reason.clone();
                let failed =
                    |name| EventKind::FileFailed { name, transport: Transport::Tftp, reason, said: None, got: None };
                self.hub.delivered(name, PHONE, failed, now);
            }
            Happens::Leases(ip) => self.hub.has_address(mac, *ip, Had::Taken, None, now),
            Happens::Renews(ip) => self.hub.has_address(mac, *ip, Had::Renewed, None, now),
            Happens::Discovers => self.dhcp(None, second),
            Happens::Takes(ip) => self.dhcp(Some(*ip), second),
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
                if !self.hub.page(mac, PHONE, page.as_bytes(), now) {
                    return Err("the page says nothing".to_owned());
                }
            }
            Happens::Registers { extension, at: ip, agent } => {
                self.calls += 1;
                let ip = ip.unwrap_or(PHONE);
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
                self.tell(extension, second);
            }
            Happens::Unreachable(extension) => {
                let contact = self.contacts.get_mut(extension).ok_or("it is not registered")?;
                contact.state = ContactState::Unreachable;
                self.tell(extension, second);
            }
            Happens::Rejects(extension, why) => {
                let endpoint = self.endpoint(extension);
                let rejected = Rejected { endpoint, why: *why, address: PHONE.into(), at: now };
                self.hub.ami(AmiUpdate::Rejected(rejected), now);
            }
            Happens::Gone(extension) => {
                self.contacts.remove(extension).ok_or("it is not registered")?;
                self.tell(extension, second);
            }
            Happens::Misled(server, wrong) => {
                let remedy = "set it right".to_owned();
                let server = Misleading { server: *server, wrong: vec![wrong.clone()], remedy };
                self.hub.misleading(vec![server], now);
            }
            Happens::Banned => {
                let word = Word { at: now, jail: "asterisk".to_owned(), ip: PHONE, banned: true };
                self.hub.banned([fail2ban::Line::Says(word)].into_iter(), false, now);
            }
            Happens::Changes => {
                let phone = self.roster.assignments.get_mut(&mac).ok_or("it is not assigned")?;
                phone.buttons.iter_mut().for_each(|button| button.label.push('x'));
                self.poll(second);
            }
            Happens::Settings => {
                self.roster.accounts.values_mut().for_each(|account| account.max_contacts += 1);
                self.poll(second);
            }
            Happens::Converts(load) => {
                let wanted = Wanted { to: Some(load.clone()), running: None };
                let plan = self.hub.plan_conversion(mac, &wanted, now)?;
                self.hub.start_conversions(vec![plan], None, now);
            }
            Happens::Waits => {}
        }
        Ok(())
    }

    fn dhcp(&self, takes: Option<Ipv4Addr>, second: u32) {
        let server = takes.map(|_| Ipv4Addr::new(10, 0, 7, 254));
        let asked = Asked { mac: self.mac, vendor: Vendor::Phone(None), address: takes, server };
        self.hub.asked_dhcp(asked, &["10.0.7.0/24".parse().unwrap()], at(second));
    }

    fn endpoint(&self, extension: &str) -> Endpoint {
        let account = extension.parse().ok().and_then(|extension| self.roster.accounts.get(&extension));
        Endpoint::new(account.map_or(Driver::Pjsip, |account| account.driver), extension)
    }

    fn tell(&self, extension: &str, second: u32) {
        let endpoint = self.endpoint(extension);
        let contacts = self.contacts.get(extension).cloned().into_iter().collect();
        self.hub.ami(AmiUpdate::Endpoint { endpoint, contacts, at: at(second) }, at(second));
    }
}

fn assignment(mac: MacAddr, model: Option<&str>, lines: &[String], target_load: Option<String>) -> Assignment {
    let button = |(button, extension): (u8, &String)| Button {
        button,
        kind: LineKind::Line,
        extension: extension.clone(),
        label: String::new(),
    };
    Assignment {
        mac,
        model: model.map(ModelName::new),
        description: String::new(),
        target_load,
        options: PhoneOptions::default(),
        enabled: true,
        buttons: (1..).zip(lines).map(button).collect(),
        origin: Origin::Pbx,
    }
}
