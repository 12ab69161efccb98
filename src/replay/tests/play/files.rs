//! What a phone asks for, and what becomes of it.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::{SERVER, Stage, at};
use crate::domain::{EventKind, Transport};
use crate::files::Answer;
use crate::files::name::FileRequest;
use crate::replay::{Ended, Fetched};

/// The answer is the folder of others' to give.
const FOLDER: &str = "folder";

/// Answers that depend on what nobody here plays: the link, other phones that are walked through.
const DENIALS: [&str; 4] = ["unproven", "foreign-request", "muted", "no-roster"];

impl Stage {
    pub(super) fn ask(&self, name: &str, from: Option<Ipv4Addr>, after: Duration) -> &'static str {
        // What a name does not say the link does: a phone that was reset asks for what names nobody.
        if from.is_none() && FileRequest::parse(name).mac().is_none() {
            self.hub.is_there(self.mac, self.phone, SERVER, at(after));
        }
        match self.hub.ask(name, from.unwrap_or(self.phone), SERVER, Transport::Tftp, at(after)) {
            Answer::Serve(_) => "served",
            Answer::Image(_) => "image",
            Answer::FallThrough(_) => FOLDER,
            Answer::Refuse(why) => why.code(),
        }
    }

    /// It is asked for, and is being sent.
    pub(super) fn served(&self, what: &Fetched, after: Duration) -> Result<(), String> {
        match self.ask(&what.name, what.from, after) {
            "served" | "image" => Ok(()),
            other => Err(format!("{} was to be served, and the answer was {other}", what.name)),
        }
    }

    pub(super) fn asks(&self, name: &str, answer: &str, from: Option<Ipv4Addr>, after: Duration) -> Result<(), String> {
        if DENIALS.contains(&answer) {
            let refused = Some(answer.to_owned());
            self.note(EventKind::FileAsked { name: name.to_owned(), transport: Transport::Tftp, refused }, after);
            return Ok(());
        }
        let said = match self.ask(name, from, after) {
            "served" | "image" | FOLDER if answer == "sent" => return Ok(()),
            FOLDER => {
                // The folder of others is empty.
                self.hub.absent(name, from.unwrap_or(self.phone), Transport::Tftp, at(after));
                "not-found"
            }
            said => said,
        };
        if said == answer { Ok(()) } else { Err(format!("{name}: the answer was {said}, not {answer}")) }
    }

    pub(super) fn delivered(&self, what: &Fetched, after: Duration) {
        let sent = |name| EventKind::FileSent { name, transport: Transport::Tftp, octets: 1, millis: 1, resent: 0 };
        self.hub.delivered(&what.name, what.from.unwrap_or(self.phone), sent, at(after));
    }

    pub(super) fn broken(&self, what: &Fetched, how: &Ended, after: Duration) {
        let Ended { reason, said } = how.clone();
        let failed = |name| EventKind::FileFailed { name, transport: Transport::Tftp, reason, said, got: None };
        self.hub.delivered(&what.name, what.from.unwrap_or(self.phone), failed, at(after));
    }
}
