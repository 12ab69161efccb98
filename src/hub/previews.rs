//! What a phone would get, shown to people.

use std::net::Ipv4Addr;

use bytes::Bytes;
use jiff::Timestamp;

use super::Operations;
use crate::domain::MacAddr;
use crate::files::{Answer, Secrets};
use crate::{probe, render};

impl Operations {
    /// Names of the files of a phone; `None` when it is not assigned.
    pub fn file_names(&self, mac: MacAddr) -> Option<Vec<String>> {
        let desired = self.hub.desired(mac)?;
        Some(render::file_names(&desired.model, mac).into_iter().map(|(_, name)| name).collect())
    }

    /// What that phone would get under that name.
    pub fn preview(&self, mac: MacAddr, name: &str, secrets: Secrets) -> Answer {
        let server = if self.around.tftp.ip().is_unspecified() {
            probe::own_address(&self.around.networks)
        } else {
            Some(*self.around.tftp.ip())
        };
        self.hub.preview(mac, name, server.unwrap_or(Ipv4Addr::LOCALHOST), secrets)
    }

    /// The bytes that phone would get, secrets masked unless told otherwise; who was shown them is noted.
    ///
    /// # Errors
    /// Why there are none, in one sentence.
    pub fn rendered(&self, mac: MacAddr, name: &str, reveal: bool, who: &str) -> Result<Bytes, String> {
        let secrets = if reveal { Secrets::Shown } else { Secrets::Masked };
        match self.preview(mac, name, secrets) {
            Answer::Serve(bytes) => {
                if reveal {
                    tracing::warn!(code = "secrets-shown", %mac, file = name, who, "a phone's file was shown with its secrets");
                    self.hub.audit(who, format!("was shown {name} of phone {mac} with its secrets"), Timestamp::now());
                }
                Ok(bytes)
            }
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
}
