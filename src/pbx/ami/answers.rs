//! What the answers and events of a session mean, and what is to be asked because of them. Sends nothing itself.

use jiff::Timestamp;
use tokio::time::Instant;

use super::client::{AmiError, AmiUpdate, NO_ENDPOINT, Reply};
use super::contacts::{self, Listed, listed};
use super::proto::Message;
use super::session::{CHANGED, List, Pending, Purpose, Session};
use crate::domain::Contact;

/// Events of one answer that are kept: more than any PBX has contacts. A longer list counts as not whole.
const LIST_LIMIT: usize = 100_000;

impl Session<'_> {
    /// A message came in: part of an answer, or an event.
    pub(super) fn message(&mut self, message: Message) {
        let Some(id) = message.get("ActionID") else {
            self.event(&message);
            return;
        };
        // Late or second answers are nobody's.
        let Some((id, pending)) = id.parse().ok().and_then(|id: u64| Some((id, self.pending.get_mut(&id)?))) else {
            return;
        };
        let list = message.text("EventList").to_ascii_lowercase();
        let complete = if message.get("Response").is_some() {
            if pending.response.is_some() {
                return;
            }
            pending.response = Some(message);
            list != "start"
        } else {
            let last = list == "complete";
            if last || pending.events.len() < LIST_LIMIT {
                pending.events.push(message);
            }
            last
        };
        if complete && let Some(pending) = self.pending.remove(&id) {
            self.answered(pending);
        }
    }

    fn answered(&mut self, Pending { purpose, response, events, .. }: Pending) {
        let response = response.unwrap_or_default();
        match purpose {
            Purpose::Ping => {}
            Purpose::Caller(answer) => {
                let reply = if response.is_success() {
                    Ok(Reply { response, events })
                } else if response.is_denied() {
                    Err(AmiError::Denied)
                } else {
                    Err(AmiError::Refused(response.text("Message").trim().to_owned()))
                };
                // The caller may have gone meanwhile.
                let _ = answer.send(reply);
            }
            Purpose::Endpoint(endpoint) => self.endpoint(endpoint, &response, &events),
            Purpose::List(list) => self.list(list, &response, &events),
        }
    }

    /// The contacts of one endpoint.
    fn endpoint(&mut self, endpoint: String, response: &Message, events: &[Message]) {
        let now = Timestamp::now();
        let contacts = match listed(response, events, |event| contacts::of_detail(event, now)) {
            Listed::All(contacts) => contacts,
            // An endpoint that was taken away has none.
            Listed::Broken(why) if why.starts_with(NO_ENDPOINT) => Vec::new(),
            // The list in full says what to make of it.
            Listed::Absent | Listed::Denied | Listed::Broken(_) => return self.list_soon(),
        };
        let contacts = self.known.of(&endpoint, contacts);
        self.outbox.push(AmiUpdate::Endpoint { endpoint, contacts, at: now });
    }

    /// A part of the list in full.
    fn list(&mut self, list: List, response: &Message, events: &[Message]) {
        let now = Timestamp::now();
        match list {
            List::Booted => self.core_status(response),
            List::Statuses => match listed(response, events, |event| contacts::of_detail(event, now)) {
                Listed::Absent => self.next = Some(List::Contacts),
                outcome => self.pjsip_listed(outcome),
            },
            List::Contacts => {
                self.pjsip_listed(listed(response, events, |event| contacts::of_contact_list(event, now)));
            }
            List::Peers => match listed(response, events, |event| contacts::of_peer(event, now)) {
                Listed::All(peers) => self.whole(peers),
                Listed::Absent => {
                    self.no_peers = true;
                    if self.pjsip.is_some() { self.whole(Vec::new()) } else { self.no_driver() }
                }
                Listed::Denied => self.denied(),
                Listed::Broken(why) => self.list_failed(&why),
            },
        }
    }

    /// While Asterisk starts, the time of its start is that of the epoch (main/asterisk.c sets it when booted).
    fn core_status(&mut self, response: &Message) {
        let year = response.text("CoreStartupDate").split('-').next().and_then(|year| year.parse::<u16>().ok());
        if response.is_success() && year.is_some_and(|year| year <= 1970) {
            self.list_failed("Asterisk still starts");
        } else {
            // Where it cannot be told, the lists themselves show what there is.
            self.booted = true;
            self.next = Some(List::Statuses);
        }
    }

    fn pjsip_listed(&mut self, outcome: Listed) {
        self.pjsip = match outcome {
            Listed::All(contacts) => Some(contacts),
            Listed::Absent => None,
            Listed::Denied => return self.denied(),
            Listed::Broken(why) => return self.list_failed(&why),
        };
        match (self.no_peers, &self.pjsip) {
            (true, Some(_)) => self.whole(Vec::new()),
            (true, None) => self.no_driver(),
            (false, _) => self.next = Some(List::Peers),
        }
    }

    /// Both lists are there: that is all there is.
    fn whole(&mut self, peers: Vec<Contact>) {
        let mut contacts = self.pjsip.take().unwrap_or_default();
        contacts.extend(peers);
        let contacts = self.known.all(contacts);
        self.listing = false;
        self.failures = 0;
        self.said = false;
        if !std::mem::replace(&mut self.up, true) {
            tracing::info!(code = "manager-up", contacts = contacts.len(), "logged in to Asterisk's manager interface");
            self.outbox.push(AmiUpdate::Up);
        }
        self.outbox.push(AmiUpdate::Contacts(contacts));
    }

    /// What was known stays; the list is asked for again, at growing intervals.
    pub(super) fn list_failed(&mut self, why: &str) {
        tracing::debug!("the list of registrations is asked for again: {why}");
        let timing = self.config.timing;
        let pause = timing.retry.saturating_mul(1 << self.failures.min(6)).min(timing.list);
        self.failures = self.failures.saturating_add(1);
        self.listing = false;
        self.list_at = Instant::now() + pause;
    }

    /// N11: the session goes on for what it may do; registration is unknown, and that is said once.
    fn denied(&mut self) {
        let user = &self.config.username;
        let why = format!(
            "manager user {user} may not list registrations: give [{user}] write = system,reporting in manager_custom.conf and reload the manager"
        );
        self.listing = false;
        self.unknown(why);
    }

    fn no_driver(&mut self) {
        self.unknown(
            "Asterisk has neither chan_pjsip nor chan_sip loaded: see `module show like sip` on its console".to_owned(),
        );
        // Either may be loaded later.
        self.no_peers = false;
        self.list_failed("no channel driver");
    }

    fn unknown(&mut self, why: String) {
        self.up = false;
        if !std::mem::replace(&mut self.said, true) {
            tracing::warn!(code = "manager-down", "{why}");
            self.outbox.push(AmiUpdate::Down { why });
        }
    }

    /// Asks for the list in full before its time, but not faster than Asterisk should be asked.
    pub(super) fn list_soon(&mut self) {
        let retry = self.config.timing.retry;
        let at = (Instant::now() + retry / 10).max(self.listed_at + retry);
        self.list_at = self.list_at.min(at);
    }

    fn event(&mut self, message: &Message) {
        if message.is_event("FullyBooted") {
            self.booted = true;
            self.list_at = Instant::now();
        } else if message.is_event("ContactStatus") || message.is_event("ContactStatusDetail") {
            let endpoint = message.get("EndpointName").filter(|name| !name.is_empty()).or_else(|| message.get("AOR"));
            self.mark(endpoint.unwrap_or_default());
        } else if message.is_event("PeerStatus") {
            match message.text("Peer").split_once('/') {
                Some(("PJSIP", endpoint)) => self.mark(endpoint),
                Some(("SIP", _)) => self.list_soon(),
                _ => {}
            }
        } else if message.is_event("Reload") {
            // A reload may load or unload a channel driver.
            self.no_peers = false;
            self.list_soon();
            self.outbox.push(AmiUpdate::Reloaded);
        }
    }

    /// N6: a name that no endpoint has is nobody's. Beyond [`CHANGED`] names the list in full is asked for.
    fn mark(&mut self, endpoint: &str) {
        let sound = |b: u8| b.is_ascii_alphanumeric() || b"_*+.-@".contains(&b);
        if !endpoint.is_empty() && endpoint.len() <= 80 && endpoint.bytes().all(sound) && self.changed.len() <= CHANGED
        {
            self.changed.insert(endpoint.to_owned());
        }
    }
}
