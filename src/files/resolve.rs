//! One place decides what a phone may have: request + snapshot + what was seen of the phone -> bytes, or why not.
//!
//! Pure. The fall-through folder is the caller's to read; here it is only said whether it may be asked.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;

use super::Rendering;
use super::name::{FileRequest, PhoneFile, SharedFile};
use crate::catalog::Family;
use crate::domain::{Load, MacAddr};
use crate::firmware::set::SetFile;
use crate::firmware::store::Index;
use crate::fleet::{Desired, Firmware, Seen, Snapshot};
use crate::render::{FileKind, Site};

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This file, made now; all our files are text.
    Serve(Arc<Rendering>),
    /// A part of a firmware set, out of the store.
    Image(SetFile),
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
    /// Nothing shows that it is the phone who asks.
    Unproven,
    /// It is another device.
    Foreign,
    /// Who asks tries one name after another, and hears nothing for a while.
    Muted,
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
            Self::Unproven => "unproven",
            Self::Foreign => "foreign-request",
            Self::Muted => "muted",
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
    /// What was seen of the phone that the name speaks of, or that asks.
    pub seen: &'a Seen,
    /// What the firmware store holds.
    pub firmware: &'a Index,
    /// What phones get that cannot say who they are.
    pub unknown: &'a Unknown,
    /// Why it may have no file with a secret. Such a file is not even made: the time that takes would say that it exists.
    pub denied: Option<Refusal>,
}

/// What is served to phones that nobody knows: a phone that was erased has no name to give, and nothing to lose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unknown {
    /// By term file without its ending (`term42`), the load whose set is served.
    pub erased: Arc<BTreeMap<String, String>>,
    /// The name in `OS79XX.TXT`, while the window is open.
    pub os79xx: Option<String>,
}

/// Decides.
pub fn resolve(request: &FileRequest, snapshot: &Snapshot, asker: &Asker<'_>) -> Answer {
    match request {
        FileRequest::Phone(file, mac) => {
            let family = match file {
                PhoneFile::SipCnf => Family::Legacy,
                // To a 7940 or 7960 it names a load and nothing else; where none is to be named it must not find one.
                PhoneFile::SepXml if asker.seen.firmware.sep_for_legacy(snapshot, *mac, asker.seen) => Family::Legacy,
                PhoneFile::SepXml => Family::Java,
                PhoneFile::SepXmlSigned | PhoneFile::Ctl | PhoneFile::Itl | PhoneFile::Mgcp => {
                    return Answer::Refuse(Refusal::NotFound);
                }
            };
            own(
                if *file == PhoneFile::SipCnf { FileKind::SipMac } else { FileKind::SepMac },
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
                SharedFile::Os79xx => return os79xx(asker),
                SharedFile::SyncInfo => return Answer::Refuse(Refusal::NotFound),
            };
            if snapshot.ready() {
                let mut phone = asker.phone.cloned();
                if let Some(desired) = &mut phone {
                    desired.phone.offered_load = asker.seen.firmware.names(kind);
                }
                made(kind, phone, snapshot.site(asker.server))
            } else {
                Answer::Refuse(Refusal::NoRoster)
            }
        }
        FileRequest::Firmware(name) | FileRequest::Other(name) => {
            if request.steers() {
                return Answer::Refuse(Refusal::NotFound);
            }
            if let Some(image) = image(name, asker) {
                return Answer::Image(image);
            }
            if !FileRequest::is_plain(name) || names_ours(name, snapshot, asker.firmware) {
                Answer::Refuse(Refusal::NotFound)
            } else {
                Answer::FallThrough(name.clone())
            }
        }
    }
}

/// Whether what is served under this name holds a secret of its phone: that file is for the phone alone. To a 7940 or 7960
/// its SEP file names a load and nothing else.
pub fn guarded(request: &FileRequest, snapshot: &Snapshot, seen: &Seen) -> bool {
    match request {
        // `syncinfo.xml` has a digest over all of the phone's configuration.
        FileRequest::Phone(PhoneFile::SipCnf, _) | FileRequest::Shared(SharedFile::SyncInfo) => true,
        FileRequest::Phone(PhoneFile::SepXml, mac) => !seen.firmware.sep_for_legacy(snapshot, *mac, seen),
        _ => false,
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
    if let Some(why) = asker.denied {
        return Answer::Refuse(why);
    }
    desired.phone.offered_load = asker.seen.firmware.names(kind);
    let site = snapshot.site(asker.server);
    snapshot.tell_time_server(&mut desired.phone.options, site.server);
    made(kind, Some(desired), site)
}

fn made(kind: FileKind, desired: Option<Desired>, site: Site) -> Answer {
    match Rendering::make(kind, desired, site) {
        Ok(rendering) => Answer::Serve(Arc::new(rendering)),
        Err(_) => Answer::Refuse(Refusal::NotRendered),
    }
}

/// A part of a set. The phone's own step first: term files of one name stand in many releases, and what is served does not
/// change under a phone. Then what only one set has, whoever asks: no secret is in it, and a phone that was offered
/// something must be able to take it to the end.
fn image(name: &str, asker: &Asker<'_>) -> Option<SetFile> {
    let term = name.to_ascii_lowercase();
    let term = term.strip_suffix(".default.loads").filter(|stem| stem.starts_with("term"));
    if let Some(file) = asker.seen.firmware.offer.as_ref().and_then(|offer| offer.file(name)) {
        return Some(file.clone());
    }
    if let Some(term) = term {
        let set = asker.unknown.erased.get(term)?;
        let set = asker.firmware.set(set).filter(|set| set.complete)?;
        return set.file(name).cloned();
    }
    let file = asker.firmware.file(name, None)?;
    let whole = asker.firmware.sets.values().any(|set| set.complete && set.files.contains(&file));
    whole.then_some(file)
}

/// Whether this is a manifest for phones whose firmware is in the store: then it comes from there or not at all, since an old
/// one in the fall-through folder would reflash a phone.
fn names_ours(name: &str, snapshot: &Snapshot, firmware: &Index) -> bool {
    let lower = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let Some(stem) = lower.strip_suffix(".loads") else { return false };
    let held = |family: &str| firmware.sets.values().any(|set| set.family == family);
    // Load names are upper case but for the kind of phone that comes after these.
    let own = Load::parse(&stem.to_ascii_uppercase()).is_some_and(|load| held(&load.product));
    own || snapshot.catalog.by_term(&lower).any(|model| held(&model.load_family))
}

/// What ends the one line of `OS79XX.TXT`. Files in the field end with it, or with CR LF; a blank before it would become part
/// of the name (CSCdv19260) [SIP2SCCP].
const LINE_END: &str = "\n";

fn os79xx(asker: &Asker<'_>) -> Answer {
    let own = asker.seen.firmware.offer.as_ref().and_then(|offer| offer.os79xx.clone());
    let name = own.or_else(|| asker.unknown.os79xx.clone().filter(|_| asker.phone.is_none()));
    let plain = |name: String| Answer::Serve(Arc::new(Rendering::plain(Bytes::from(name + LINE_END))));
    name.map_or(Answer::Refuse(Refusal::NotFound), plain)
}

impl Firmware {
    /// The load that a file names.
    fn names(&self, kind: FileKind) -> Option<String> {
        let Some(offer) = &self.offer else { return self.named.clone() };
        match kind {
            FileKind::SipMac | FileKind::SipDefault | FileKind::SyncInfo { .. } => offer.image_version.clone(),
            FileKind::SepMac => offer.sep.clone(),
            FileKind::XmlDefault => offer.xml_default.clone(),
            FileKind::RingList | FileKind::DialPlan => None,
        }
    }

    fn sep_for_legacy(&self, snapshot: &Snapshot, mac: MacAddr, seen: &Seen) -> bool {
        self.offer.as_ref().is_some_and(|offer| offer.sep.is_some())
            && snapshot.desired(mac, seen).is_some_and(|desired| desired.model.family == Family::Legacy)
    }
}
