//! Phone + model + site -> bytes.
//!
//! One view per file kind over one template each in `templates/phone/`, one typed writer per format (`cnf`, `xml`):
//! a value reaches a template only as a type that is safe in that format, so no value can become a setting. Nothing
//! here knows a socket, a clock or where a value came from. Formats: docs/sources.md, [FW812] for `.cnf`, [UCM-SEP]
//! and [SIPCC] for XML.

mod cnf;
mod dialplan;
mod legacy;
mod locale;
mod sep;
pub mod timezone;
mod xml;

use std::net::Ipv4Addr;

use bytes::Bytes;

use crate::catalog::{Family, Model};
use crate::domain::{MacAddr, Phone, PhoneOptions, Problem, Secret};

/// What all phones of the site share.
#[derive(Clone, Debug)]
pub struct Site {
    /// The address phones are told for files and, where nothing else is known, for time: this server as they see it.
    pub server: Ipv4Addr,
    /// Registrar host the phones are told: an IPv4 literal or a name.
    pub registrar: String,
    /// Site-wide options.
    pub options: PhoneOptions,
    /// The year whose daylight saving dates the files state; there is no clock here.
    pub year: i16,
}

/// The files we make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// `SIP<MAC>.cnf`, 7940/7960.
    SipMac,
    /// `SIPDefault.cnf`, 7940/7960; holds no secret.
    SipDefault,
    /// `RINGLIST.DAT`, 7940/7960.
    RingList,
    /// `dialplan.xml`, both families.
    DialPlan,
    /// `SEP<MAC>.cnf.xml`, Java phones; for 7940/7960 only the load to take, where one is offered.
    SepMac,
    /// `XMLDefault.cnf.xml`, both families; holds no secret.
    XmlDefault,
    /// `syncinfo.xml`, 7940/7960: whether to restart.
    SyncInfo {
        /// In any case; else only if its files changed since it read them.
        restart: bool,
    },
}

/// Why a file could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RenderError(pub String);

/// The bytes of a file. `phone` is needed for the per-phone kinds, and taken where known for the others.
///
/// # Errors
/// A value that the format cannot carry, or a per-phone kind without a phone or for a model that does not read it.
pub fn render(kind: FileKind, phone: Option<(&Phone, &Model)>, site: &Site) -> Result<Bytes, RenderError> {
    made(kind, phone, site, Stamp::Stated)
}

/// The same as people may see it: [`MASK`] for each secret, and for the digest over them that some files end with.
///
/// # Errors
/// As [`render`].
pub fn masked(kind: FileKind, phone: Option<(&Phone, &Model)>, site: &Site) -> Result<Bytes, RenderError> {
    let shown = phone.map(|(phone, model)| {
        let mut phone = phone.clone();
        for line in &mut phone.lines {
            line.secret = Secret::new(MASK);
        }
        phone.options.phone_password = phone.options.phone_password.map(|_| MASK.to_owned());
        (phone, model)
    });
    made(kind, shown.as_ref().map(|(phone, model)| (phone, *model)), site, Stamp::Masked)
}

/// What stands for a secret.
const MASK: &str = "********";

/// The digest over a file that stands in it.
#[derive(Clone, Copy)]
enum Stamp {
    Stated,
    /// It tells nothing but that something changed, and is made of secrets.
    Masked,
}

impl Stamp {
    fn of(self, digest: String) -> String {
        match self {
            Self::Stated => digest,
            Self::Masked => MASK.to_owned(),
        }
    }
}

fn made(kind: FileKind, phone: Option<(&Phone, &Model)>, site: &Site, stamp: Stamp) -> Result<Bytes, RenderError> {
    let options = phone.map_or(&site.options, |(phone, _)| &phone.options);
    let own = || phone.ok_or_else(|| RenderError("this file is made for one phone, and no phone is given".to_owned()));
    match kind {
        FileKind::SipMac => {
            let (phone, model) = own()?;
            legacy::sip_mac(phone, model, site, stamp)
        }
        FileKind::SipDefault => legacy::sip_default(phone, options, site),
        // No ring files are shipped: an empty list, and the phone offers its built-in rings.
        FileKind::RingList => Ok(Bytes::new()),
        FileKind::DialPlan => dialplan::dial_plan(options),
        FileKind::SepMac => {
            let (phone, model) = own()?;
            sep::sep_mac(phone, model, site, stamp)
        }
        FileKind::XmlDefault => sep::xml_default(phone, site),
        FileKind::SyncInfo { restart } => {
            let (phone, model) = own()?;
            legacy::sync_info(phone, model, site, restart, stamp)
        }
    }
}

impl FileKind {
    /// The name that a phone asks for it by.
    pub fn name(self, mac: MacAddr) -> String {
        match self {
            Self::SipMac => format!("SIP{mac}.cnf"),
            Self::SipDefault => "SIPDefault.cnf".to_owned(),
            Self::RingList => "RINGLIST.DAT".to_owned(),
            Self::DialPlan => "dialplan.xml".to_owned(),
            Self::SepMac => format!("SEP{mac}.cnf.xml"),
            Self::XmlDefault => "XMLDefault.cnf.xml".to_owned(),
            Self::SyncInfo { .. } => "syncinfo.xml".to_owned(),
        }
    }
}

/// The files made for a phone of this model, and the names it asks for them by; the one that holds its lines first.
pub fn file_names(model: &Model, mac: MacAddr) -> Vec<(FileKind, String)> {
    let kinds: &[FileKind] = match model.family {
        Family::Legacy => &[
            FileKind::SipMac,
            FileKind::SipDefault,
            FileKind::RingList,
            FileKind::DialPlan,
            FileKind::XmlDefault,
            FileKind::SyncInfo { restart: false },
        ],
        Family::Java => &[FileKind::SepMac, FileKind::DialPlan, FileKind::XmlDefault],
    };
    kinds.iter().map(|kind| (*kind, kind.name(mac))).collect()
}

/// What the phone's files leave out or state only nearly: options that do not fit, a zone that the phone does not know
/// exactly, lines on different ports. Problems of single lines are found by [`Model::fit`].
pub fn problems(phone: &Phone, model: &Model, year: i16) -> Vec<Problem> {
    let mut problems = model.fit_options(&phone.options);
    match phone.options.time_zone.as_deref().map(|name| timezone::resolve(name, year)) {
        Some(Ok(zone)) => problems.extend(match model.family {
            Family::Legacy => zone.legacy.problem,
            Family::Java => zone.java.problem,
        }),
        Some(Err(problem)) => problems.push(problem),
        None => {}
    }
    problems.extend(locale::problem(model, phone.options.language.as_deref()));
    let mut ports = phone.lines.iter().map(|line| line.port);
    if model.family == Family::Java
        && let Some(first) = ports.next()
        && let Some(other) = ports.find(|port| *port != first)
    {
        problems.push(Problem::new(
            "port-not-shared",
            format!("The lines of {} live on different SIP ports ({first} and {other}).", phone.mac),
            "Put all lines of the phone on one SIP driver in the PBX.",
        ));
    }
    problems
}

/// The registrar, where the model can be told it.
fn registrar<'a>(model: &Model, site: &'a Site) -> Result<&'a str, RenderError> {
    if model.carries_host(&site.registrar) {
        Ok(&site.registrar)
    } else {
        Err(RenderError(format!(
            "registrar {:?} is no host name or address of at most {} characters",
            site.registrar, model.limits.host
        )))
    }
}

/// The lines that the model has keys for, each proven to fit: `fleet` leaves the others out, this is the second lock.
fn lines<'a>(phone: &'a Phone, model: &Model) -> Result<Vec<&'a crate::domain::Line>, RenderError> {
    let mut lines: Vec<&crate::domain::Line> = Vec::new();
    for line in phone.lines.iter().filter(|line| (1..=model.lines).contains(&line.button)) {
        model.fit(line, phone.load.as_ref()).map_err(|problem| RenderError(problem.summary))?;
        if lines.iter().all(|other| other.button != line.button) {
            lines.push(line);
        }
    }
    lines.sort_by_key(|line| line.button);
    Ok(lines)
}

/// The load to name, if one is offered.
fn offered(phone: &Phone, model: &Model) -> Result<Option<String>, RenderError> {
    let word = |name: &String| {
        (1..=model.limits.load_name).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
    };
    match &phone.offered_load {
        Some(name) if !word(name) => Err(RenderError(format!(
            "load {name:?} is no load name of at most {} letters, digits, dashes and dots",
            model.limits.load_name
        ))),
        load => Ok(load.clone()),
    }
}

impl From<askama::Error> for RenderError {
    fn from(error: askama::Error) -> Self {
        Self(format!("template: {error}"))
    }
}
