//! What the answers and events of a session mean, and what is to be asked because of them. Sends nothing itself.

use jiff::Timestamp;
use tokio::time::Instant;

use super::client::{AmiError, AmiUpdate, NO_ENDPOINT, Reply};
use super::contacts::{self, Listed, listed};
use super::proto::Message;
use super::security;
use super::session::{CHANGED, List, Pending, Purpose, Session};
use crate::domain::{Contact, Driver, Endpoint};

/// Events of one answer that are kept: more than any PBX has contacts. A longer list counts as not whole.
const LIST_LIMIT: usize = 100_000;

/// How chan_sip says that there is no peer of a name: `Peer 2001 not found.`
fn is_no_peer(why: &str) -> bool {
    why.starts_with("Peer ") && why.contains("not found")
}

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
    fn endpoint(&mut self, endpoint: Endpoint, response: &Message, events: &[Message]) {
        let now = Timestamp::now();
        let outcome = match endpoint.driver {
            Driver::Pjsip => listed(response, events, |event| contacts::of_detail(event, now)),
            // One message and no list.
            Driver::ChanSip if response.is_success() => {
                let contact = contacts::of_peer_shown(response, now);
                let before = self.described.remove(&endpoint);
                if let Some(contact) = &contact {
                    // chan_sip notes the User-Agent just after it says that a peer registered: it is asked once more.
                    if contact.user_agent.is_empty() && before.is_none() {
                        self.list_soon();
                    }
                    self.described.insert(endpoint.clone(), contact.clone());
                }
                Listed::All(contact.into_iter().collect())
            }
            Driver::ChanSip => listed(response, events, |_| None),
        };
        let contacts = match outcome {
            Listed::All(contacts) => contacts,
            // An endpoint or peer that was taken away has none.
            Listed::Broken(why) if why.starts_with(NO_ENDPOINT) || is_no_peer(&why) => Vec::new(),
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
            self.next = Some(self.first());
        }
    }

    /// Where the list in full begins. A driver that is missing is not asked for until a module is loaded or Asterisk
    /// reloads: each vain question is a line in its security log.
    pub(super) fn first(&self) -> List {
        if self.no_pjsip { List::Peers } else { List::Statuses }
    }

    fn pjsip_listed(&mut self, outcome: Listed) {
        self.pjsip = match outcome {
            Listed::All(contacts) => Some(contacts),
            Listed::Absent => None,
            Listed::Denied => return self.denied(),
            Listed::Broken(why) => return self.list_failed(&why),
        };
        self.no_pjsip = self.pjsip.is_none();
        match (self.no_peers, &self.pjsip) {
            (true, Some(_)) => self.whole(Vec::new()),
            (true, None) => self.no_driver(),
            (false, _) => self.next = Some(List::Peers),
        }
    }

    /// Both lists are there: that is all there is.
    fn whole(&mut self, peers: Vec<Contact>) {
        let mut contacts = self.pjsip.take().unwrap_or_default();
        contacts.extend(peers.into_iter().map(|peer| self.described(peer)));
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

    /// A peer out of the list with what is known of it beyond that. A phone's peer of which nothing is, is asked about,
    /// and again with the next list while it has no User-Agent: after a restart chan_sip has none till the phone registers
    /// anew.
    fn described(&mut self, peer: Contact) -> Contact {
        let known = self.described.get(&peer.endpoint);
        if let Some(known) = known.filter(|known| known.uri == peer.uri && !known.user_agent.is_empty()) {
            return Contact { user_agent: known.user_agent.clone(), expires: known.expires, ..peer };
        }
        if (self.config.wanted)(&peer.endpoint) {
            self.undescribed.insert(peer.endpoint.clone());
        }
        peer
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
            "manager user {user} may not list registrations: give [{user}] write = system in manager_custom.conf and reload the manager"
        );
        self.listing = false;
        self.unknown(why);
    }

    fn no_driver(&mut self) {
        self.unknown(
            "Asterisk has neither chan_pjsip nor chan_sip loaded: see `module show like sip` on its console".to_owned(),
        );
        // Either may be loaded later.
        self.any_driver();
        self.list_failed("no channel driver");
    }

    /// Either driver may be there.
    fn any_driver(&mut self) {
        (self.no_pjsip, self.no_peers) = (false, false);
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
            self.mark(Driver::Pjsip, endpoint.unwrap_or_default());
        } else if message.is_event("PeerStatus") {
            match message.text("Peer").split_once('/') {
                Some(("PJSIP", endpoint)) => self.mark(Driver::Pjsip, endpoint),
                Some(("SIP", peer)) => self.mark(Driver::ChanSip, peer),
                _ => {}
            }
        } else if message.is_event("Load") || message.is_event("Unload") {
            // chan_sip.so, chan_pjsip.so, res_pjsip.so and its parts.
            if message.text("Module").contains("sip") {
                self.any_driver();
                self.list_soon();
            }
        } else if message.is_event("Reload") {
            self.any_driver();
            self.list_soon();
            self.outbox.push(AmiUpdate::Reloaded);
        } else if security::is_of_class(message) {
            if !std::mem::replace(&mut self.hears, true) {
                self.outbox.push(AmiUpdate::Hears);
            }
            let rejected = security::rejected(message, Timestamp::now());
            if let Some(rejected) = rejected.filter(|rejected| (self.config.is_phone)(rejected.address)) {
                self.outbox.push(AmiUpdate::Rejected(rejected));
            }
        }
    }

    /// N6: a name that no endpoint has is nobody's. Beyond [`CHANGED`] names the list in full is asked for.
    /// Each refresh of a peer raises an event, so peers that are no phone's wait for the list.
    fn mark(&mut self, driver: Driver, name: &str) {
        let sound = |b: u8| b.is_ascii_alphanumeric() || b"_*+.-@".contains(&b);
        if name.is_empty() || name.len() > 80 || !name.bytes().all(sound) || self.changed.len() > CHANGED {
            return;
        }
        let endpoint = Endpoint::new(driver, name);
        if driver == Driver::Pjsip || (self.config.wanted)(&endpoint) {
            self.changed.insert(endpoint);
        }
    }
}
