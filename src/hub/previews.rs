//! What a phone would get, shown to people.

use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use super::Operations;
use crate::domain::MacAddr;
use crate::files::{Answer, Rendering};
use crate::{probe, render};

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
                Err(format!("{name} is not served to {mac}: {}; see `offhook explain {mac}`", why.code()))
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
