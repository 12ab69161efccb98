//! What a phone would get: shown to people, and compared when its assignment changes.

use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use super::state::{same_for_all, same_phone};
use super::{Hub, Operations};
use crate::domain::{EventKind, MacAddr};
use crate::files::name::{FileRequest, PhoneFile, SharedFile};
use crate::files::{Answer, Asker, Rendering, Unknown, resolve};
use crate::fleet::Snapshot;
use crate::{probe, render};

impl Hub {
    /// What happened to a phone's assignment between the two, or to what all phones are told, if anything did. The files
    /// are made and compared, of such a phone alone: many settings of an extension are in no file.
    pub(super) fn assigned(&self, before: &Snapshot, next: &Snapshot, mac: MacAddr) -> Option<EventKind> {
        let said = |what: &str, same_file| Some(EventKind::Assigned { what: what.to_owned(), same_file });
        if before.assignment(mac).is_none() {
            return said("assigned", false);
        }
        let same_phone = same_phone(before, next, mac);
        // Of a phone that took no configuration none can be an old one.
        if same_phone && (same_for_all(before, next) || !self.took_one(mac)) {
            return None;
        }
        let state = self.lock();
        let (seen, index) = (state.seen(mac), Arc::clone(&state.converting.index));
        drop(state);
        let unknown = Unknown::default();
        let (server, firmware, unknown) = (seen.server.unwrap_or(Ipv4Addr::UNSPECIFIED), &*index, &unknown);
        let own = |file| FileRequest::Phone(file, mac);
        // What a phone is told by SIPDefault.cnf stands in the digest that its own file has.
        let made = [own(PhoneFile::SipCnf), own(PhoneFile::SepXml), FileRequest::Shared(SharedFile::DialPlan)];
        let files = |snapshot: &Snapshot| {
            let desired = snapshot.desired(mac, &seen);
            let asker = Asker { server, phone: desired.as_ref(), seen: &seen, firmware, unknown, denied: None };
            made.each_ref().map(|file| resolve(file, snapshot, &asker))
        };
        match (same_phone, files(before) == files(next)) {
            (true, true) => None,
            (true, false) => said("what all phones are told changed, and its file with it", false),
            (false, true) => said("its assignment changed, and nothing that its file says", true),
            (false, false) => said("its assignment changed", false),
        }
    }
}

impl Operations {
    /// Names of the files of a phone; `None` when it is not assigned.
    pub(super) fn file_names(&self, mac: MacAddr) -> Option<Vec<String>> {
        let desired = self.hub.desired(mac)?;
        Some(render::file_names(&desired.model, mac).into_iter().map(|(_, name)| name).collect())
    }

    /// What that phone would get under that name.
    pub(super) fn preview(&self, mac: MacAddr, name: &str) -> Answer {
        let server = if self.around.tftp.ip().is_unspecified() {
            probe::own_address(&self.around.networks)
        } else {
            Some(*self.around.tftp.ip())
        };
        self.hub.preview(mac, name, server.unwrap_or(Ipv4Addr::LOCALHOST))
    }

    /// The file of ours that it would get, if it would get one.
    pub(super) fn served(&self, mac: MacAddr, name: &str) -> Result<Arc<Rendering>, String> {
        match self.preview(mac, name) {
            Answer::Serve(rendering) => Ok(rendering),
            Answer::Image(file) => {
                Err(format!("{name} is firmware of {} octets (SHA-256 {}), which is not shown", file.size, file.sha256))
            }
            Answer::FallThrough(name) => {
                Err(format!("{name} is none of our files; a phone gets it from tftp.fall_through, if it is there"))
            }
            Answer::Refuse(why) => {
                Err(format!("{name} is not served to {mac}: {0}; see `offhook explain {0}`", why.code()))
            }
        }
    }

    /// The bytes that phone would get, secrets masked unless told otherwise; who was shown them is noted.
    ///
    /// # Errors
    /// Why there are none, in one sentence.
    pub fn rendered(&self, mac: MacAddr, name: &str, reveal: bool, who: &str) -> Result<Bytes, String> {
        let rendering = self.served(mac, name)?;
        if reveal {
            tracing::warn!(code = "secrets-shown", %mac, file = name, who, "a phone's file was shown with its secrets");
            self.hub.audit(who, format!("was shown {name} of phone {mac} with its secrets"), Timestamp::now());
            return Ok(rendering.bytes().clone());
        }
        rendering.masked().map_err(|why| format!("{name} of {mac} cannot be shown without its secrets: {why}"))
    }
}
