//! What a run of events shows that no single one does: answers that do not arrive, manifests that nothing follows.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use crate::domain::{BootEvent, DhcpStep, EventKind};
use crate::files::name::{FileRequest, PhoneFile};

/// A phone that hears no answer asks the same again after 4 s [LOG]; one that heard it goes on, or asks later.
const AGAIN: (SignedDuration, SignedDuration) = (SignedDuration::from_secs(1), SignedDuration::from_secs(8));

/// How often something happened to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The file.
    pub name: String,
    /// How often in a row.
    pub times: u32,
    /// The last time.
    pub last: Timestamp,
}

/// What the events since a phone last worked come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// What it asks for again and again, each time within the pause of a question that heard no answer.
    pub repeated: Option<Counted>,
    /// Transfers that ended without a word of it since one was whole.
    pub unanswered: u32,
    /// A file was delivered whole in this boot.
    pub delivered: bool,
    /// A part of a firmware set whose transfer began and did not end.
    pub stalled: Option<Counted>,
    /// A manifest that was delivered again and again, and nothing that it lists was asked for.
    pub manifest: Option<Counted>,
    /// How often a loader began to look for a configuration.
    pub hunts: u32,
    /// Where it last asked from, and when; `None` = DHCP gave it another address since.
    pub from: Option<(IpAddr, Timestamp)>,
    /// It got its configuration from here, in this boot or before.
    pub configured: bool,
    /// What its file says changed since it last did.
    pub changed: Option<Timestamp>,
}

impl Signs {
    /// The same, as another boot begins.
    pub(super) fn next_boot(self) -> Self {
        Self { delivered: false, ..self }
    }

    /// It took its configuration, or registered.
    pub(super) fn accepted(&mut self) {
        let Self { delivered, from, configured, changed, .. } = *self;
        *self = Self { delivered, from, configured, changed, ..Self::default() };
    }

    pub(super) fn see(&mut self, event: &BootEvent) {
        match &event.what {
            EventKind::FileAsked { name, .. } => self.asked(name, event),
            EventKind::FileSent { name, .. } => self.sent(name, event.at),
            EventKind::FileFailed { name, reason, .. } if matches!(reason.as_str(), "no-answer" | "replaced") => {
                self.unanswered = self.unanswered.saturating_add(1);
                if matches!(FileRequest::parse(name), FileRequest::Firmware(_)) {
                    self.stalled = Some(count(self.stalled.take(), name, event.at));
                }
            }
            EventKind::Leased { address }
            | EventKind::Dhcp { step: DhcpStep::Elsewhere, address: Some(address), .. } => {
                self.from = self.from.filter(|(from, _)| from == address);
            }
            // What it has of others nobody here changes.
            EventKind::Assigned { same_file: false, .. } if self.configured => self.changed = Some(event.at),
            _ => {}
        }
    }

    fn asked(&mut self, name: &str, event: &BootEvent) {
        self.from = event.ip.map(|ip| (ip, event.at)).or(self.from);
        let soon = |before: &Counted| {
            let pause = event.at.duration_since(before.last);
            before.name == name && pause >= AGAIN.0 && pause <= AGAIN.1
        };
        self.repeated = Some(count(self.repeated.take().filter(soon), name, event.at));
        match FileRequest::parse(name) {
            FileRequest::Phone(PhoneFile::Ctl, _) => self.hunts = self.hunts.saturating_add(1),
            // A part of a set: what the manifest lists was read.
            FileRequest::Firmware(name) if !is_manifest(&name) => (self.manifest, self.hunts) = (None, 0),
            _ => {}
        }
    }

    fn sent(&mut self, name: &str, at: Timestamp) {
        (self.delivered, self.unanswered, self.repeated) = (true, 0, None);
        if self.stalled.as_ref().is_some_and(|stalled| stalled.name == name) {
            self.stalled = None;
        }
        match FileRequest::parse(name) {
            FileRequest::Firmware(name) if is_manifest(&name) => {
                self.manifest = Some(count(self.manifest.take(), &name, at));
            }
            FileRequest::Phone(PhoneFile::SipCnf | PhoneFile::SepXml, _) => {
                (self.configured, self.changed) = (true, None);
            }
            _ => {}
        }
    }
}

fn count(before: Option<Counted>, name: &str, at: Timestamp) -> Counted {
    let times = before.filter(|before| before.name == name).map_or(1, |before| before.times.saturating_add(1));
    Counted { name: name.to_owned(), times, last: at }
}

fn is_manifest(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".loads")
}
