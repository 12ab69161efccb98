//! The immutable whole that everybody reads: roster, assignments, settings, catalogue. Numbered; cheap to clone.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use jiff::Timestamp;

use crate::catalog::Catalog;
use crate::domain::{Driver, MacAddr, PhoneOptions, Problem, SipTransport};
use crate::pbx::roster::{Assignment, Roster, RowProblem};
use crate::render::Site;

/// What the configuration says of phones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The address phones are told; `None` = the one they asked.
    pub server: Option<Ipv4Addr>,
    /// Registrar; `None` = as `server`.
    pub sip_host: Option<String>,
    /// Registrar's port; `None` = as the PBX says.
    pub sip_port: Option<u16>,
    /// Transport that overrides everything.
    pub transport: Option<SipTransport>,
    /// `[phones]`, `auto` resolved as far as it can be without a roster.
    pub options: PhoneOptions,
    /// What `auto` means where the PBX says nothing: the system's zone.
    pub system_time_zone: Option<String>,
    /// Something on this host answers time queries, or offhook does, so phones without a stated time server are told this host.
    pub ntp_here: bool,
}

/// The year that daylight saving rules are computed for at that time.
pub fn year(now: Timestamp) -> i16 {
    now.to_zoned(jiff::tz::TimeZone::UTC).year()
}

/// One state of the directory.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Counts up with every change.
    pub number: u64,
    /// What the PBX says; `None` until it was read once, now or in an earlier life.
    pub roster: Option<Arc<Roster>>,
    /// When the PBX last confirmed the roster.
    pub confirmed_at: Option<Timestamp>,
    /// Why the PBX does not answer; `None` while it does.
    pub down: Option<String>,
    /// Looks taken at the PBX since the start.
    pub polls: u64,
    /// Assignments of the PBX and our own, merged.
    pub assignments: Arc<BTreeMap<MacAddr, Assignment>>,
    /// Rows that could not be used, and clashes.
    pub problems: Arc<Vec<RowProblem>>,
    /// Those of them that belong to a phone.
    pub problems_of: Arc<BTreeMap<MacAddr, Vec<Problem>>>,
    /// What the configuration says.
    pub settings: Arc<Settings>,
    /// The models.
    pub catalog: Arc<Catalog>,
    /// The year daylight saving rules are computed for.
    pub year: i16,
}

impl Snapshot {
    /// A directory without phones.
    pub fn empty(settings: Arc<Settings>, catalog: Arc<Catalog>, year: i16) -> Self {
        Self {
            number: 0,
            roster: None,
            confirmed_at: None,
            down: None,
            polls: 0,
            assignments: Arc::default(),
            problems: Arc::default(),
            problems_of: Arc::default(),
            settings,
            catalog,
            year,
        }
    }

    /// The next state, once something of this one was changed: what the PBX assigns and what was assigned here, merged.
    /// The PBX's assignments beat our own.
    #[must_use]
    pub fn next(&self, own: &[Assignment]) -> Self {
        let roster = &self.roster;
        let mut assignments = BTreeMap::new();
        let mut problems: Vec<RowProblem> =
            roster.iter().flat_map(|r| r.problems.iter().chain(&r.assignment_problems)).cloned().collect();
        for assignment in roster.iter().flat_map(|r| r.assignments.values()) {
            assignments.insert(assignment.mac, assignment.clone());
        }
        for assignment in own {
            match assignments.entry(assignment.mac) {
                Entry::Vacant(free) => {
                    free.insert(assignment.clone());
                }
                Entry::Occupied(_) => problems.push(clash(assignment.mac)),
            }
        }
        problems.extend(shared_extensions(&assignments, roster.as_deref()));
        let mut problems_of: BTreeMap<MacAddr, Vec<Problem>> = BTreeMap::new();
        for (mac, row) in problems.iter().filter_map(|row| Some((row.mac?, row))) {
            problems_of.entry(mac).or_default().push(row.problem.clone());
        }
        Self {
            number: self.number + 1,
            assignments: Arc::new(assignments),
            problems: Arc::new(problems),
            problems_of: Arc::new(problems_of),
            ..self.clone()
        }
    }

    /// Whether a roster was ever read: until then no phone is told anything.
    pub fn ready(&self) -> bool {
        self.roster.is_some()
    }

    /// What is assigned to that phone.
    pub fn assignment(&self, mac: MacAddr) -> Option<&Assignment> {
        self.assignments.get(&mac)
    }

    /// Other phones that register as one of these extensions.
    pub fn sharing<'a>(&'a self, mac: MacAddr, extensions: &'a [&'a str]) -> impl Iterator<Item = &'a Assignment> {
        let has =
            |other: &Assignment| other.registering().any(|button| extensions.contains(&button.extension.as_str()));
        self.assignments.values().filter(move |other| other.mac != mac && has(other))
    }

    /// Assigned phones whose MAC differs in a single digit from this one, which is not assigned.
    pub fn alike(&self, mac: MacAddr) -> Vec<MacAddr> {
        if self.assignment(mac).is_some() {
            return Vec::new();
        }
        let octets = mac.octets();
        let digits = (0..12_usize).flat_map(|digit| (1..16_u8).map(move |change| (digit, change)));
        let others = digits.filter_map(|(digit, change)| {
            let mut other = octets;
            let octet = other.get_mut(digit / 2)?;
            *octet ^= if digit % 2 == 0 { change << 4 } else { change };
            MacAddr::new(other).ok()
        });
        others.filter(|other| self.assignment(*other).is_some()).collect()
    }

    /// What all phones share, as seen by one that asked us at `server`.
    pub fn site(&self, server: Ipv4Addr) -> Site {
        let server = self.settings.server.unwrap_or(server);
        let mut options = self.options();
        self.tell_time_server(&mut options, server);
        Site {
            server,
            registrar: self.settings.sip_host.clone().unwrap_or_else(|| server.to_string()),
            options,
            year: self.year,
        }
    }

    /// Fills in the time server where none is stated and this host is one.
    pub fn tell_time_server(&self, options: &mut PhoneOptions, server: Ipv4Addr) {
        if self.settings.ntp_here {
            options.ntp.get_or_insert_with(|| server.to_string());
        }
    }

    /// Time servers that phones are told by name or address.
    pub fn time_servers(&self) -> BTreeSet<String> {
        let site = self.settings.options.ntp.as_ref();
        let enabled = self.assignments.values().filter(|assignment| assignment.enabled);
        // A name that ten thousand phones are told is copied once: this is looked at each second.
        let told: BTreeSet<&String> = enabled.filter_map(|phone| phone.options.ntp.as_ref().or(site)).collect();
        told.into_iter().cloned().collect()
    }

    /// Site-wide options, with `auto` given its meaning.
    pub fn options(&self) -> PhoneOptions {
        let roster = self.roster.as_deref();
        let found = PhoneOptions {
            time_zone: roster.and_then(|r| r.time_zone.clone()).or_else(|| self.settings.system_time_zone.clone()),
            voicemail: Some(roster.and_then(|r| r.voicemail_code.clone()).unwrap_or_else(|| "*97".to_owned())),
            ..PhoneOptions::default()
        };
        self.settings.options.clone().or(&found)
    }
}

/// Assigned in the PBX and here.
fn clash(mac: MacAddr) -> RowProblem {
    RowProblem {
        mac: Some(mac),
        extension: None,
        problem: Problem::new(
            "assigned-twice",
            format!("{mac} is assigned in the PBX and by `offhook phones add`; the PBX's assignment is used"),
            format!("remove one of the two: `offhook phones remove {mac}` removes ours"),
        ),
    }
}

/// An extension on more phones than the PBX takes contacts: each registers over the other. Named, not undone.
fn shared_extensions(assignments: &BTreeMap<MacAddr, Assignment>, roster: Option<&Roster>) -> Vec<RowProblem> {
    let account = |extension: &str| extension.parse().ok().and_then(|extension| roster?.accounts.get(&extension));
    let allowed = |extension: &str| account(extension).map_or(usize::MAX, |account| account.max_contacts.into());
    let mut users: BTreeMap<&str, BTreeSet<MacAddr>> = BTreeMap::new();
    for assignment in assignments.values().filter(|a| a.enabled) {
        for button in assignment.registering() {
            users.entry(&button.extension).or_default().insert(assignment.mac);
        }
    }
    users
        .into_iter()
        .filter(|(extension, macs)| macs.len() > 1 && macs.len() > allowed(extension))
        .flat_map(|(extension, macs)| {
            let all = macs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let remedy = match account(extension).map(|account| account.driver) {
                Some(Driver::ChanSip) => {
                    "give each phone its own extension: chan_sip keeps one registration of each".to_owned()
                }
                _ => format!(
                    "give each phone its own extension, or set Max Contacts of {extension} to the number of its phones"
                ),
            };
            macs.into_iter().map(move |mac| RowProblem {
                mac: Some(mac),
                extension: Some(extension.to_owned()),
                problem: Problem::new(
                    "assigned-twice",
                    format!("extension {extension} is on several phones ({all})"),
                    remedy.clone(),
                ),
            })
        })
        .collect()
}
