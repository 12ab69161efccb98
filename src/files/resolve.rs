//! One place decides what a phone may have: request + snapshot + what was seen of the phone -> bytes, or why not.
//!
//! Pure. The fall-through folder is the caller's to read; here it is only said whether it may be asked.

use std::net::Ipv4Addr;

use bytes::Bytes;

use super::name::{FileRequest, PhoneFile, SharedFile};
use crate::catalog::Family;
use crate::domain::{MacAddr, Secret};
use crate::fleet::{Desired, Seen, Snapshot};
use crate::render::{FileKind, Site, render};

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These bytes; all our files are text.
    Serve(Bytes),
    /// Not ours: the fall-through folder may have it under this name.
    FallThrough(String),
    /// Nothing, and why: for the timeline, never for the phone (it hears "file not found" whatever the reason).
    Refuse(Refusal),
}

/// Why there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing by that name; normal for the optional files phones ask for.
    NotFound,
    /// No phone with that MAC is assigned.
    NotAssigned,
    /// The phone is assigned, but disabled.
    Disabled,
    /// The phone is assigned, and its extension is not on the PBX (any more).
    ExtensionMissing,
    /// This phone reads another kind of file.
    OtherFamily,
    /// No roster has been read yet.
    NoRoster,
    /// The file could not be made; the snapshot's findings say why.
    NotRendered,
}

impl Refusal {
    /// Kebab-case code, as in the timeline.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::NotAssigned => "not-assigned",
            Self::Disabled => "disabled",
            Self::ExtensionMissing => "extension-missing",
            Self::OtherFamily => "other-family",
            Self::NoRoster => "no-roster",
            Self::NotRendered => "not-rendered",
        }
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// The address of ours that the request came in on.
    pub server: Ipv4Addr,
    /// The phone that asks, where its address is known: for the files that all phones share.
    pub phone: Option<&'a Desired>,
    /// What was seen of the phone that the name speaks of.
    pub seen: &'a Seen,
    /// A phone gets its secrets; a person who looks does not, unless told to.
    pub secrets: Secrets,
}

/// Whether secrets are in the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// As the phone needs them.
    Shown,
    /// Eight asterisks each.
    Masked,
}

/// Decides.
pub fn resolve(request: &FileRequest, snapshot: &Snapshot, asker: &Asker<'_>) -> Answer {
    match request {
        FileRequest::Phone(file, mac) => {
            let family = match file {
                PhoneFile::SipCnf => Family::Legacy,
                PhoneFile::SepXml => Family::Java,
                PhoneFile::SepXmlSigned | PhoneFile::Ctl | PhoneFile::Itl | PhoneFile::Mgcp => {
                    return Answer::Refuse(Refusal::NotFound);
                }
            };
            own(
                if family == Family::Legacy { FileKind::SipMac } else { FileKind::SepMac },
                *mac,
                family,
                snapshot,
                asker,
            )
        }
        // Whose it is shows by the address alone, and the phone's own file must be the same as the one it has.
        FileRequest::Shared(SharedFile::SyncInfo) => match asker.phone {
            Some(desired) => {
                let kind = FileKind::SyncInfo { restart: asker.seen.restart };
                own(kind, desired.phone.mac, Family::Legacy, snapshot, asker)
            }
            None => Answer::Refuse(Refusal::NotFound),
        },
        FileRequest::Shared(file) => {
            let kind = match file {
                SharedFile::SipDefault => FileKind::SipDefault,
                SharedFile::XmlDefault => FileKind::XmlDefault,
                SharedFile::RingList => FileKind::RingList,
                SharedFile::DialPlan => FileKind::DialPlan,
                SharedFile::Os79xx | SharedFile::SyncInfo => return Answer::Refuse(Refusal::NotFound),
            };
            if snapshot.ready() {
                made(kind, asker.phone, &snapshot.site(asker.server))
            } else {
                Answer::Refuse(Refusal::NoRoster)
            }
        }
        FileRequest::Firmware(name) | FileRequest::Other(name) => {
            if request.steers() || !FileRequest::is_plain(name) {
                Answer::Refuse(Refusal::NotFound)
            } else {
                Answer::FallThrough(name.clone())
            }
        }
    }
}

/// A file of one phone, which may hold its secrets.
fn own(kind: FileKind, mac: MacAddr, family: Family, snapshot: &Snapshot, asker: &Asker<'_>) -> Answer {
    if !snapshot.ready() {
        return Answer::Refuse(Refusal::NoRoster);
    }
    let Some(assignment) = snapshot.assignment(mac) else { return Answer::Refuse(Refusal::NotAssigned) };
    if !assignment.enabled {
        return Answer::Refuse(Refusal::Disabled);
    }
    let Some(mut desired) = snapshot.desired_as(mac, asker.seen, family) else {
        return Answer::Refuse(Refusal::OtherFamily);
    };
    if desired.gone() {
        return Answer::Refuse(Refusal::ExtensionMissing);
    }
    if asker.secrets == Secrets::Masked {
        for line in &mut desired.phone.lines {
            line.secret = Secret::new("********");
        }
    }
    let site = snapshot.site(asker.server);
    snapshot.tell_time_server(&mut desired.phone.options, site.server);
    made(kind, Some(&desired), &site)
}

fn made(kind: FileKind, desired: Option<&Desired>, site: &Site) -> Answer {
    match render(kind, desired.map(|d| (&d.phone, d.model.as_ref())), site) {
        Ok(bytes) => Answer::Serve(bytes),
        Err(_) => Answer::Refuse(Refusal::NotRendered),
    }
}
