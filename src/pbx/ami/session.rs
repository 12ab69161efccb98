//! One connection to the manager interface, from banner to end.
//!
//! A list that is refused, cut off or late leaves what was known as it is and is asked for again; nothing here turns a
//! failure of ours into "unregistered".

use std::collections::{BTreeSet, HashMap};

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::client::{AmiConfig, AmiError, COMMANDS, Command, Reply};
use super::connection::{Connection, Ended};
use super::contacts::Known;
use super::outbox::Outbox;
use super::proto::{Action, Item, Message};
use crate::domain::{Contact, Driver, Endpoint};

/// Questions about single endpoints under way at once.
const QUESTIONS: usize = 16;

/// Endpoints that may wait to be asked about; with more changes than that the whole list is asked for.
pub(super) const CHANGED: usize = 64;

/// The lists, in the order they are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum List {
    /// Whether Asterisk is fully booted, where no event said so.
    Booted,
    /// Contacts of chan_pjsip with all we want of them.
    Statuses,
    /// The same where the former does not exist.
    Contacts,
    /// Peers of chan_sip.
    Peers,
}

impl List {
    fn action(self) -> Action {
        Action::new(match self {
            Self::Booted => "CoreStatus",
            Self::Statuses => "PJSIPShowRegistrationInboundContactStatuses",
            Self::Contacts => "PJSIPShowContacts",
            Self::Peers => "SIPpeers",
        })
    }
}

/// What an answer is for.
pub(super) enum Purpose {
    /// A caller's action.
    Caller(oneshot::Sender<Result<Reply, AmiError>>),
    /// The contacts of one endpoint.
    Endpoint(Endpoint),
    /// A part of the list in full.
    List(List),
    /// Keeps the session alive.
    Ping,
}

pub(super) struct Pending {
    pub(super) purpose: Purpose,
    pub(super) response: Option<Message>,
    pub(super) events: Vec<Message>,
    pub(super) deadline: Instant,
}

pub(super) struct Session<'a> {
    pub(super) config: &'a AmiConfig,
    pub(super) outbox: &'a mut Outbox,
    pub(super) known: &'a mut Known,
    pub(super) connection: Connection<'a>,
    pub(super) pending: HashMap<u64, Pending>,
    /// Endpoints that changed and were not asked about yet.
    pub(super) changed: BTreeSet<Endpoint>,
    /// Phones' peers of chan_sip that the list named and of which the rest is not known yet.
    pub(super) undescribed: BTreeSet<Endpoint>,
    /// What was told of phones' peers beyond the list.
    pub(super) described: HashMap<Endpoint, Contact>,
    /// Contacts of chan_pjsip, of the list under way; `None` where Asterisk has no chan_pjsip.
    pub(super) pjsip: Option<Vec<Contact>>,
    /// Whether chan_pjsip was missing when last asked.
    pub(super) no_pjsip: bool,
    /// Whether chan_sip was missing when last asked (Asterisk 21 and later know none).
    pub(super) no_peers: bool,
    pub(super) booted: bool,
    pub(super) up: bool,
    /// An event of class `security` came.
    pub(super) hears: bool,
    /// Registration is unknown and why was said.
    pub(super) said: bool,
    /// When to ask for the list in full again; never while one is under way.
    pub(super) list_at: Instant,
    pub(super) listing: bool,
    pub(super) listed_at: Instant,
    /// The part of the list under way that is to be asked for next.
    pub(super) next: Option<List>,
    pub(super) failures: u32,
    pub(super) ping_at: Instant,
}

/// Runs one session to its end.
pub(super) async fn run(
    config: &AmiConfig,
    commands: &mut mpsc::Receiver<Command>,
    outbox: &mut Outbox,
    known: &mut Known,
) -> Ended {
    let opening = async {
        let secret = (config.secret)().map_err(|why| Ended { why, refused: false, was_up: false })?;
        let mut connection = Connection::open(config).await?;
        connection.login(&secret).await?;
        Ok(connection)
    };
    tokio::pin!(opening);
    let connection = loop {
        tokio::select! {
            opened = &mut opening => match opened {
                Ok(connection) => break connection,
                Err(ended) => return ended,
            },
            Some(command) = commands.recv() => command.refuse(),
            () = outbox.deliver(), if outbox.is_waiting() => {}
        }
    };
    let now = Instant::now();
    let mut session = Session {
        config,
        outbox,
        known,
        connection,
        pending: HashMap::new(),
        changed: BTreeSet::new(),
        undescribed: BTreeSet::new(),
        described: HashMap::new(),
        pjsip: None,
        no_pjsip: false,
        no_peers: false,
        booted: false,
        up: false,
        hears: false,
        said: false,
        list_at: now + config.timing.boot,
        listing: false,
        listed_at: now,
        next: None,
        failures: 0,
        ping_at: now + config.timing.ping,
    };
    let ended = session.serve(commands).await;
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
        loop {
            if let Err(ended) = self.due().await {
                return ended;
            }
            let mut wake = self.ping_at;
            if !self.listing {
                wake = wake.min(self.list_at);
            }
            wake = self.pending.values().map(|pending| pending.deadline).fold(wake, Instant::min);
            let callers = self.pending.values().filter(|pending| matches!(pending.purpose, Purpose::Caller(_))).count();
            let item = tokio::select! {
                item = self.connection.item() => item,
                Some(command) = commands.recv(), if callers < COMMANDS => {
                    if let Err(ended) = self.start(&command.action, Purpose::Caller(command.answer)).await {
                        return ended;
                    }
                    continue;
                }
                () = self.outbox.deliver(), if self.outbox.is_waiting() => continue,
                () = tokio::time::sleep_until(wake) => continue,
            };
            match item {
                Ok(Item::Message(message)) if message.is_event("Shutdown") => {
                    return self.connection.ended("Asterisk shuts down");
                }
                Ok(Item::Message(message)) => self.message(message),
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

    /// What is due by now: answers that never came, lists, questions, pings.
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
                Some(Purpose::Endpoint(_)) => self.list_soon(),
                Some(Purpose::List(_)) => self.list_failed("it did not come in time"),
                None => {}
            }
        }
        if self.outbox.take_lost() || self.changed.len() > CHANGED {
            self.changed.clear();
            self.described.clear();
            self.list_soon();
        }
        if now >= self.list_at && !self.listing {
            self.listing = true;
            self.listed_at = now;
            self.list_at = now + self.config.timing.list;
            // The list will tell of all that changed until now.
            self.changed.clear();
            self.pjsip = None;
            self.next = Some(if self.booted { self.first() } else { List::Booted });
        }
        if let Some(list) = self.next.take() {
            self.start(&list.action(), Purpose::List(list)).await?;
        }
        let mut asked = self.pending.values().filter(|pending| matches!(pending.purpose, Purpose::Endpoint(_))).count();
        while asked < QUESTIONS
            && let Some(endpoint) = self.changed.pop_first().or_else(|| self.undescribed.pop_first())
        {
            asked += 1;
            let action = match endpoint.driver {
                Driver::Pjsip => Action::new("PJSIPShowEndpoint").with("Endpoint", &endpoint.name),
                Driver::ChanSip => Action::new("SIPshowpeer").with("Peer", &endpoint.name),
            };
            if let Ok(action) = action {
                self.start(&action, Purpose::Endpoint(endpoint)).await?;
            }
        }
        if now >= self.ping_at {
            self.ping_at = now + self.config.timing.ping;
            self.start(&Action::new("Ping"), Purpose::Ping).await?;
        }
        Ok(())
    }
}
