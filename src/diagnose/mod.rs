//! From events to findings: what is wrong with a phone, in one sentence, and what to do.
//!
//! A rule is a code, a title, a text and a pure function; [`RULES`] lists them. Settings of extensions are rows of a table,
//! [`SETTINGS`]. The page, the command `explain` and the manual read the same text.

mod codes;
mod facts;
mod log_codes;
mod lookup;
mod probed;
mod rules;
pub mod screen;
mod settings;

use std::net::{IpAddr, Ipv4Addr};

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::Denied;
use crate::catalog::Family;
use crate::convert::{Conversion, Turn};
use crate::domain::{Contact, ContactState, Load, Problem, Rejected, Rejection, Signalling};
use crate::fail2ban::Ban;
use crate::fleet::{Desired, Seen};
use crate::pbx::roster::{Assignment, Roster};
use crate::status::Health;
use crate::timeline::{Boot, COMES_BACK};

pub use facts::{Asking, Facts, Misleading};
pub use lookup::Lookup;
pub use probed::{Probed, Tried, Unanswered};
pub use rules::{APPROVABLE, RULES};
pub use settings::{Effect, Fix, SETTINGS, Setting};

/// All that a rule may look at.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The moment of judgement.
    pub now: Timestamp,
    /// What the admin wants; `None` for a phone that nobody assigned.
    pub assignment: Option<&'a Assignment>,
    /// The phone as it should be.
    pub desired: Option<&'a Desired>,
    /// What its present boot has come to.
    pub boot: &'a Boot,
    /// Contacts of its lines.
    pub contacts: &'a [Contact],
    /// What the PBX says.
    pub roster: Option<&'a Roster>,
    /// Whether registrations are known: the manager session is up.
    pub registrations_known: bool,
    /// What was found by trying.
    pub probed: &'a Probed,
    /// Phones that are told no time server are told this host, which answers.
    pub ntp_here: bool,
    /// Its way to another load, where there is one.
    pub conversion: Option<&'a Conversion>,
    /// What that waits for, while it has not begun.
    pub turn: Option<&'a Turn>,
    /// The load that it surely runs.
    pub runs: Option<&'a Load>,
    /// The other address from which its MAC asks in turn with its own, and when that was last seen.
    pub twin: Option<(IpAddr, Timestamp)>,
    /// Who was denied its files of late, and why.
    pub denied: Option<&'a Denied>,
    /// Its address, where fail2ban blocks that.
    pub banned: Option<(Ipv4Addr, &'a Ban)>,
    /// The last time that the PBX rejected it.
    pub rejected: Option<&'a Rejected>,
    /// What was seen of it.
    pub seen: &'a Seen,
    /// The firmware that is here.
    pub firmware: &'a Lookup,
    /// What others tell of it.
    pub told: Facts<'a>,
}

/// So often a phone fetches its configuration that refuses it: in a normal boot it asks twice at most (loader and application).
const REFUSES: u32 = 3;

/// How long a rejection concerns a person: a phone tries again within minutes.
pub const REJECTED: SignedDuration = SignedDuration::from_hours(1);

impl Evidence<'_> {
    /// Whether it runs SCCP because somebody wanted that: it registers at another place.
    pub fn on_sccp(&self) -> bool {
        let sccp = |load: &Load| load.signalling == Signalling::Sccp;
        let wanted = self.conversion.filter(|conversion| conversion.done());
        self.runs.is_some_and(sccp) && wanted.and_then(|c| Load::parse(&c.target)).is_some_and(|to| sccp(&to))
    }

    /// When a phone that registered has been away for too long: it is not reached, or its registration ended. `None` = it did not
    /// register, or is there.
    pub fn overdue(&self) -> Option<Timestamp> {
        let away = |contact: &Contact| contact.state == ContactState::Unreachable;
        if !self.contacts.iter().all(away) || (self.contacts.is_empty() && self.boot.lost.is_none()) {
            return None;
        }
        let since = self.boot.away.or_else(|| self.contacts.iter().map(|contact| contact.since).max());
        // One that asks for its configuration has power and network, and is about to register; unless it does so for ever.
        let about_to = self.boot.comes.filter(|_| self.boot.config_sent_times < REFUSES).map(|(first, _)| first);
        since.max(about_to)?.checked_add(COMES_BACK).ok()
    }

    /// Whether that moment has come.
    pub fn stays_away(&self) -> bool {
        self.overdue().is_some_and(|overdue| self.now >= overdue)
    }

    /// Why the PBX rejects it, while that holds: it has not registered since, and has not fetched another configuration.
    pub fn rejected(&self) -> Option<&Rejected> {
        let rejected = self.rejected?;
        let registered = |contact: &Contact| {
            // A phone that works may go on trying an extension that it had before.
            contact.state == ContactState::Registered
                && (contact.endpoint == rejected.endpoint || rejected.why == Rejection::Unknown)
        };
        let over = self.contacts.iter().any(registered)
            || self.boot.config_sent.is_some_and(|sent| sent > rejected.at)
            || self.now.duration_since(rejected.at) >= REJECTED;
        (!over).then_some(rejected)
    }

    /// The load that it is known to run, or that it announces.
    pub fn load(&self) -> Option<Load> {
        self.runs.cloned().or_else(|| Load::parse(self.seen.announced.load()?))
    }

    /// Whether it runs SCCP: then it registers elsewhere or nowhere, and much of what it does here means nothing.
    pub fn speaks_sccp(&self) -> bool {
        self.contacts.is_empty() && self.load().is_some_and(|load| load.signalling == Signalling::Sccp)
    }

    /// Its family, where that is stated or shown.
    pub fn family(&self) -> Option<Family> {
        let stated = self.desired.filter(|desired| desired.model_known).map(|desired| desired.model.family);
        stated.or_else(|| self.seen.family())
    }

    /// Its lines and its model, while somebody wants it to work.
    pub fn wanted(&self) -> Option<&Desired> {
        self.assignment.filter(|assignment| assignment.enabled)?;
        self.desired.filter(|desired| !desired.phone.lines.is_empty())
    }

    /// The conversion, while it goes on: begun or waiting, not failed.
    pub fn converting(&self) -> Option<&Conversion> {
        self.conversion.filter(|conversion| conversion.open())
    }
}

/// How bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The phone does not work.
    Error,
    /// It may not work, or not always.
    Warning,
}

/// What a rule, or a check of a value, found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Kebab-case code; `offhook explain CODE` says more.
    pub code: String,
    /// How bad.
    pub severity: Severity,
    /// One sentence.
    pub summary: String,
    /// Facts it rests on.
    pub evidence: Vec<String>,
    /// What to do.
    pub remedy: String,
}

/// One diagnosis.
pub struct Rule {
    /// Kebab-case code.
    pub code: &'static str,
    /// One line.
    pub title: &'static str,
    /// What it means, how it comes about, what to do: for `explain`.
    pub text: &'static str,
    /// What it makes of a phone's health when it holds.
    pub health: Health,
    /// The diagnosis.
    pub check: fn(&Evidence<'_>) -> Option<Finding>,
    /// When the passing of time alone may make it hold; `None` = it rests on events only.
    pub due: Option<fn(&Evidence<'_>) -> Option<Timestamp>>,
    /// Tags of `docs/sources.md`: where what it says of phones comes from.
    pub sources: &'static [&'static str],
}

/// When a phone is to be judged again though nothing happens.
pub fn due(evidence: &Evidence<'_>) -> Option<Timestamp> {
    RULES.iter().filter_map(|rule| (rule.due?)(evidence)).filter(|due| *due > evidence.now).min()
}

/// All that is to be said of a phone, worst first; with each, what it makes of the phone's health.
pub fn diagnose(evidence: &Evidence<'_>) -> Vec<(Health, Finding)> {
    // Nobody wants it to work.
    if evidence.assignment.is_some_and(|assignment| !assignment.enabled) {
        return Vec::new();
    }
    let rules = RULES.iter().filter_map(|rule| Some((rule.health, (rule.check)(evidence)?)));
    let settings = SETTINGS.iter().filter_map(|setting| Some((setting.health(), setting.check(evidence)?)));
    let mut findings: Vec<(Health, Finding)> = rules.chain(settings).collect();
    if let Some(desired) = evidence.desired {
        let left_out = desired.phone.left_out.iter().map(|line| (Severity::Error, &line.problem));
        let warnings = desired.warnings.iter().map(|problem| (Severity::Warning, problem));
        for (severity, problem) in left_out.chain(warnings) {
            let health = if severity == Severity::Error { Health::NeedsHands } else { Health::Ok };
            findings.push((health, Finding::of(severity, problem)));
        }
    }
    findings.sort_by_key(|(_, finding)| finding.severity);
    findings.dedup();
    findings
}

/// Title and text of a code, whoever uses it.
pub fn explanation(code: &str) -> Option<(&'static str, &'static str)> {
    let tables = [codes::CODES, log_codes::CODES, crate::catalog::CODES, crate::pbx::CODES];
    let mut all = found().chain(tables.into_iter().flatten().copied());
    all.find(|(known, ..)| *known == code).map(|(_, title, text)| (title, text))
}

/// Code, title and text of all that can be found of a phone.
pub fn found() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let rules = RULES.iter().map(|rule| (rule.code, rule.title, rule.text));
    rules.chain(SETTINGS.iter().map(|setting| (setting.code, setting.title, setting.text)))
}

impl Finding {
    /// What a rule found.
    fn new(rule: &Rule, severity: Severity, summary: String, remedy: impl Into<String>) -> Self {
        Self { code: rule.code.to_owned(), severity, summary, evidence: Vec::new(), remedy: remedy.into() }
    }

    /// The same, with the facts that it rests on.
    fn because(self, facts: impl IntoIterator<Item = String>) -> Self {
        Self { evidence: facts.into_iter().collect(), ..self }
    }

    /// A finding out of a problem with a value.
    pub fn of(severity: Severity, problem: &Problem) -> Self {
        Self {
            code: problem.code.clone(),
            severity,
            summary: problem.summary.clone(),
            evidence: Vec::new(),
            remedy: problem.remedy.clone(),
        }
    }
}
