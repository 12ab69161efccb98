//! One connection to the manager interface, from banner to end.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::client::{AmiConfig, AmiError, AmiUpdate, Command, Reply};
use super::connection::{Connection, Ended};
use super::contacts::{PER_ENDPOINT, of_detail, of_peer};
use super::proto::{Action, Item, Message};
use crate::domain::Contact;

/// Questions about single endpoints under way at once; with more changes than that the whole list is asked for.
const QUESTIONS: usize = 16;

/// Events of one list at most: more than any PBX has contacts.
const LIST_LIMIT: usize = 100_000;

/// What an answer is for.
enum Purpose {
    /// A caller's action.
    Caller(oneshot::Sender<Result<Reply, AmiError>>),
    /// The contacts of one endpoint.
    Endpoint(String),
    /// All contacts of chan_pjsip.
    Contacts,
    /// All peers of chan_sip.
    Peers,
    /// Keeps the session alive.
    Ping,
}

struct Pending {
    purpose: Purpose,
    response: Option<Message>,
    events: Vec<Message>,
    deadline: Instant,
}

struct Session<'a> {
    config: &'a AmiConfig,
    updates: &'a mpsc::Sender<AmiUpdate>,
    connection: Connection<'a>,
    pending: HashMap<u64, Pending>,
    /// Endpoints that changed and were not asked about yet.
    changed: BTreeSet<String>,
    /// Contacts by endpoint and URI, for how long each is known.
    known: BTreeMap<(String, String), Timestamp>,
    pjsip: Option<Vec<Contact>>,
    peers: Option<Vec<Contact>>,
    has_peers: bool,
    up: bool,
    list_at: Instant,
    ping_at: Instant,
}

/// Runs one session to its end.
pub(super) async fn run(
    config: &AmiConfig,
    commands: &mut mpsc::Receiver<Command>,
    updates: &mpsc::Sender<AmiUpdate>,
) -> Ended {
    let connection = match Connection::open(config).await {
        Ok(connection) => connection,
        Err(ended) => return ended,
    };
    let now = Instant::now();
    let mut session = Session {
        config,
        updates,
        connection,
        pending: HashMap::new(),
        changed: BTreeSet::new(),
        known: BTreeMap::new(),
        pjsip: None,
        peers: None,
        has_peers: true,
        up: false,
        list_at: now,
        ping_at: now,
    };
    let ended = match session.connection.login().await {
        Ok(()) => session.serve(commands).await,
        Err(ended) => ended,
    };
    for (_, pending) in session.pending.drain() {
        if let Purpose::Caller(answer) = pending.purpose {
            // The caller may have gone meanwhile.
            let _ = answer.send(Err(AmiError::Away));
        }
    }
    Ended { was_up: session.up, ..ended }
}

impl Session<'_> {
    /// After the login, to the end.
    async fn serve(&mut self, commands: &mut mpsc::Receiver<Command>) -> Ended {
        let timing = self.config.timing;
        // FullyBooted comes at once where Asterisk is up and our user may read class system; else go on without.
        self.list_at = Instant::now() + timing.patience.min(Duration::from_secs(5));
        self.ping_at = Instant::now() + timing.ping;
        loop {
            if let Err(ended) = self.due().await {
                return ended;
            }
            let wake = self.pending.values().map(|pending| pending.deadline).min();
            let wake = wake.map_or(self.ping_at, |at| at.min(self.ping_at)).min(self.list_at);
            let item = tokio::select! {
                item = self.connection.item() => item,
                command = commands.recv() => match command {
                    Some(command) => {
                        if let Err(ended) = self.start(&command.action, Purpose::Caller(command.answer)).await { return ended; }
                        continue;
                    }
                    None => return self.connection.ended("nobody needs it any more"),
                },
                () = tokio::time::sleep_until(wake) => continue,
            };
            match item {
                Ok(Item::Message(message)) => self.message(message).await,
                Ok(Item::Banner(_)) => {}
                Err(ended) => return ended,
            }
        }
    }

    async fn start(&mut self, action: &Action, purpose: Purpose) -> Result<(), Ended> {
        let id = self.connection.send(action).await?;
        let deadline = Instant::now() + self.config.timing.patience;
        self.pending.insert(id, Pending { purpose, response: None, events: Vec::new(), deadline });
        Ok(())
    }

    /// What is due by now: lists, questions, pings, answers that never came.
    async fn due(&mut self) -> Result<(), Ended> {
        let now = Instant::now();
        let late: Vec<u64> =
            self.pending.iter().filter(|(_, pending)| pending.deadline <= now).map(|(id, _)| *id).collect();
        for id in late {
            match self.pending.remove(&id).map(|pending| pending.purpose) {
                Some(Purpose::Caller(answer)) => {
                    let _ = answer.send(Err(AmiError::NoAnswer));
                }
                Some(Purpose::Ping) => {
                    return Err(self.connection.ended("it did not answer a ping; see whether Asterisk hangs"));
                }
                // The old state stays; the list is asked for again.
                Some(Purpose::Endpoint(_) | Purpose::Contacts | Purpose::Peers) => {
                    self.list_at = now + Duration::from_secs(1)
                }
                None => {}
            }
        }
        if now >= self.list_at {
            self.list_at = now + self.config.timing.list;
            self.changed.clear();
            self.pjsip = None;
            self.peers = (!self.has_peers).then(Vec::new);
            self.start(&Action::new("PJSIPShowRegistrationInboundContactStatuses"), Purpose::Contacts).await?;
            if self.has_peers {
                self.start(&Action::new("SIPpeers"), Purpose::Peers).await?;
            }
        }
        let mut asked = self.pending.values().filter(|pending| matches!(pending.purpose, Purpose::Endpoint(_))).count();
        if self.changed.len() > QUESTIONS {
            self.changed.clear();
            self.list_at = self.list_at.min(now + Duration::from_millis(100));
        }
        while asked < QUESTIONS
            && let Some(endpoint) = self.changed.pop_first()
        {
            asked += 1;
            if let Ok(action) = Action::new("PJSIPShowEndpoint").with("Endpoint", &endpoint) {
                self.start(&action, Purpose::Endpoint(endpoint)).await?;
            }
        }
        if now >= self.ping_at {
            self.ping_at = now + self.config.timing.ping;
            self.start(&Action::new("Ping"), Purpose::Ping).await?;
        }
        Ok(())
    }

    async fn message(&mut self, message: Message) {
        let id = message.get("ActionID").and_then(|id| id.parse::<u64>().ok());
        let Some(pending) = id.and_then(|id| self.pending.get_mut(&id)) else {
            self.event(&message).await;
            return;
        };
        let list = message.text("EventList").to_ascii_lowercase();
        let complete = if message.get("Response").is_some() {
            // A second response to one action is nobody's.
            if pending.response.is_some() {
                return;
            }
            pending.response = Some(message);
            list != "start"
        } else if list == "complete" {
            pending.events.push(message);
            true
        } else {
            if pending.events.len() < LIST_LIMIT {
                pending.events.push(message);
            }
            false
        };
        if complete && let Some(pending) = id.and_then(|id| self.pending.remove(&id)) {
            self.answered(pending).await;
        }
    }

    async fn answered(&mut self, pending: Pending) {
        let response = pending.response.unwrap_or_default();
        let good = response.text("Response").eq_ignore_ascii_case("success");
        let now = Timestamp::now();
        match pending.purpose {
            Purpose::Ping => {}
            Purpose::Caller(answer) => {
                let reply = if good || response.text("Response").eq_ignore_ascii_case("goodbye") {
                    Ok(Reply { response, events: pending.events })
                } else {
                    Err(AmiError::Refused(response.text("Message").to_owned()))
                };
                let _ = answer.send(reply);
            }
            Purpose::Endpoint(endpoint) => {
                // An endpoint that is gone has no contacts; that is what the refusal says.
                let contacts: Vec<Contact> = pending
                    .events
                    .iter()
                    .filter(|event| event.is_event("ContactStatusDetail"))
                    .filter_map(|event| of_detail(event, now))
                    .take(PER_ENDPOINT)
                    .collect();
                self.forget(&endpoint, &contacts);
                let contacts = self.dated(contacts);
                self.tell(AmiUpdate::Endpoint { endpoint, contacts, at: now }).await;
            }
            Purpose::Contacts => {
                let items = pending.events.iter().filter(|event| event.is_event("ContactStatusDetail")).count();
                let said =
                    pending.events.last().and_then(|end| end.get("ListItems")).and_then(|n| n.parse::<usize>().ok());
                if !good && response.text("Message").contains("ermission") {
                    self.warn_permission();
                } else if good && said.is_some_and(|said| said != items) {
                    self.list_at = Instant::now() + Duration::from_secs(1);
                    return;
                }
                let contacts = pending.events.iter().filter(|event| event.is_event("ContactStatusDetail"));
                self.pjsip = Some(contacts.filter_map(|event| of_detail(event, now)).collect());
                self.whole().await;
            }
            Purpose::Peers => {
                // Asterisk 21 and later know no chan_sip.
                self.has_peers = good;
                let peers = pending.events.iter().filter(|event| event.is_event("PeerEntry"));
                self.peers = Some(peers.filter_map(|event| of_peer(event, now)).collect());
                self.whole().await;
            }
        }
    }

    fn warn_permission(&self) {
        tracing::warn!(
            code = "manager-permission",
            "manager user {} may not list contacts: give it write = system,call,reporting",
            self.config.username
        );
    }

    /// Both lists are there: that is all there is.
    async fn whole(&mut self) {
        let (Some(pjsip), Some(peers)) = (&self.pjsip, &self.peers) else { return };
        let contacts: Vec<Contact> = pjsip.iter().chain(peers).cloned().collect();
        let there: BTreeSet<(String, String)> = contacts.iter().map(|c| (c.endpoint.clone(), c.uri.clone())).collect();
        self.known.retain(|key, _| there.contains(key));
        let contacts = self.dated(contacts);
        if !std::mem::replace(&mut self.up, true) {
            tracing::info!(code = "manager-up", contacts = contacts.len(), "logged in to Asterisk's manager interface");
            self.tell(AmiUpdate::Up).await;
        }
        self.tell(AmiUpdate::Contacts(contacts)).await;
    }

    fn forget(&mut self, endpoint: &str, contacts: &[Contact]) {
        self.known.retain(|(known, uri), _| known != endpoint || contacts.iter().any(|contact| contact.uri == *uri));
    }

    /// Contacts with the time since which each is known.
    fn dated(&mut self, contacts: Vec<Contact>) -> Vec<Contact> {
        contacts
            .into_iter()
            .map(|contact| {
                let since = *self.known.entry((contact.endpoint.clone(), contact.uri.clone())).or_insert(contact.since);
                Contact { since, ..contact }
            })
            .collect()
    }

    /// The receiver is never away for long; a full queue waits, and Asterisk's own buffer with it.
    async fn tell(&self, update: AmiUpdate) {
        let _ = self.updates.send(update).await;
    }

    async fn event(&mut self, message: &Message) {
        if message.is_event("FullyBooted") {
            self.list_at = Instant::now();
        } else if message.is_event("ContactStatus") || message.is_event("ContactStatusDetail") {
            let endpoint = message.get("EndpointName").filter(|name| !name.is_empty()).or_else(|| message.get("AOR"));
            self.mark(endpoint.unwrap_or_default());
        } else if message.is_event("PeerStatus") {
            match message.text("Peer").split_once('/') {
                Some(("PJSIP", endpoint)) => self.mark(endpoint),
                Some(("SIP", _)) => self.list_at = self.list_at.min(Instant::now() + Duration::from_millis(100)),
                _ => {}
            }
        } else if message.is_event("Reload") {
            self.list_at = self.list_at.min(Instant::now() + Duration::from_millis(200));
            self.tell(AmiUpdate::Reloaded).await;
        }
    }

    /// N6: a name that no endpoint has is nobody's.
    fn mark(&mut self, endpoint: &str) {
        let sound = |b: u8| b.is_ascii_alphanumeric() || b"_*+.-@".contains(&b);
        if !endpoint.is_empty()
            && endpoint.len() <= 80
            && endpoint.bytes().all(sound)
            && self.changed.len() <= QUESTIONS
        {
            self.changed.insert(endpoint.to_owned());
        }
    }
}
