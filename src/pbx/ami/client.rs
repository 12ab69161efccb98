//! The task that keeps one manager session: login, contacts, events, actions, reconnect.
//!
//! Events say that something changed, not what it is now (`ContactStatus` names an endpoint and little else), so each
//! leads to a question, and the answer replaces what was known. A list in full follows now and then, because a refreshed
//! registration raises no event. Action and event names: Asterisk main/manager.c, res/res_pjsip.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::contacts::{self, Known};
use super::outbox::Outbox;
use super::proto::{Action, BadValue, Message};
use super::session;
use crate::domain::{Contact, Driver, Endpoint, Rejected, Secret, backoff};
use crate::notify::Notify;
use crate::pbx::roster::{Section, Sections};

/// What the manager session tells the rest of the house.
#[derive(Clone, Debug)]
pub enum AmiUpdate {
    /// Logged in and Asterisk is fully booted.
    Up,
    /// Not connected; one sentence why. Registration is unknown since then, never "unregistered".
    Down {
        /// Why, and what to do.
        why: String,
    },
    /// All contacts there are, after (re)connect, overflow, or a periodic read. Replaces what was known.
    Contacts(Vec<Contact>),
    /// The contacts of one endpoint, complete (empty = unregistered). Replaces what was known of it.
    Endpoint {
        /// Endpoint or peer.
        endpoint: Endpoint,
        /// Its contacts now.
        contacts: Vec<Contact>,
        /// When.
        at: Timestamp,
    },
    /// Asterisk reloaded its configuration.
    Reloaded,
    /// The manager user hears events of class `security`.
    Hears,
    /// A registration from the address of a phone was rejected.
    Rejected(Rejected),
}

/// Reads the secret of the manager user; why it could not be read, as one sentence.
pub type ReadSecret = Box<dyn Fn() -> Result<Secret, String> + Send + Sync>;

/// Whether a phone registers as this endpoint, so that it is worth a question.
pub type Wanted = Box<dyn Fn(&Endpoint) -> bool + Send + Sync>;

/// Whether a phone is at this address, so that its rejection is worth a word: others try secrets all day.
pub type IsPhone = Box<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// Where and as whom to log in.
pub struct AmiConfig {
    /// `host:port`.
    pub address: String,
    /// Manager user.
    pub username: String,
    /// Its secret; read anew for each login, since it may be another by then.
    pub secret: ReadSecret,
    /// Which peers of chan_sip matter: each of their registrations and refreshes raises an event, and the list lacks
    /// their User-Agent, so others are neither heard nor asked about between two lists.
    pub wanted: Wanted,
    /// Whose rejections are told.
    pub is_phone: IsPhone,
    /// Waits.
    pub timing: Timing,
}

/// Waits of a session; the defaults suit a real Asterisk, tests shorten them.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// For a connection, a banner, an answer.
    pub patience: Duration,
    /// For `FullyBooted` after a login; then `CoreStatus` is asked, since a user without class system never hears of it.
    pub boot: Duration,
    /// Between two pings of a session.
    pub ping: Duration,
    /// Between two lists in full.
    pub list: Duration,
    /// Least time between two lists in full, when changes or failures ask for one early; doubles with each failure.
    pub retry: Duration,
    /// Shortest and longest pause before connecting anew. The shortest is the bound on logins per time.
    pub backoff: (Duration, Duration),
    /// Pause after a refused login: Asterisk counts those, and so does fail2ban.
    pub refused: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(10),
            boot: Duration::from_secs(5),
            ping: Duration::from_secs(30),
            list: Duration::from_secs(60),
            retry: Duration::from_secs(1),
            backoff: (Duration::from_secs(1), Duration::from_secs(60)),
            refused: Duration::from_secs(60),
        }
    }
}

/// What came of an action.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The response.
    pub response: Message,
    /// The events of a list.
    pub events: Vec<Message>,
}

/// Why an action came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmiError {
    /// No session.
    #[error("Asterisk's manager interface is away")]
    Away,
    /// Too many actions wait for their answer.
    #[error("Asterisk's manager interface has too much to answer already")]
    Busy,
    /// No answer in time.
    #[error("Asterisk's manager interface did not answer")]
    NoAnswer,
    /// Our manager user lacks the class that the action needs.
    #[error("Asterisk does not permit it to our manager user; give that user write = system")]
    Denied,
    /// Asterisk refused it.
    #[error("Asterisk refused it: {0}")]
    Refused(String),
    /// A list ended early.
    #[error("Asterisk's answer is not whole: {0}")]
    NotWhole(String),
    /// A value cannot be sent.
    #[error(transparent)]
    Value(#[from] BadValue),
}

/// An action on its way to the session.
pub(super) struct Command {
    pub(super) action: Action,
    pub(super) answer: oneshot::Sender<Result<Reply, AmiError>>,
}

impl Command {
    /// There is no session to send it.
    pub(super) fn refuse(self) {
        // The caller may have gone meanwhile.
        let _ = self.answer.send(Err(AmiError::Away));
    }
}

/// Actions of callers that may wait for the session, and as many for an answer; more are refused.
pub(super) const COMMANDS: usize = 64;

/// The way to send actions; cheap to clone.
#[derive(Clone)]
pub struct AmiHandle {
    commands: mpsc::Sender<Command>,
}

/// The session's end of the handle.
pub struct Commands(pub(super) mpsc::Receiver<Command>);

impl AmiHandle {
    /// A handle and the end that [`run`] takes.
    pub fn new() -> (Self, Commands) {
        let (commands, receiver) = mpsc::channel(COMMANDS);
        (Self { commands }, Commands(receiver))
    }

    /// Sends an action and waits for its answer; fails at once while there is no session.
    ///
    /// # Errors
    /// See [`AmiError`].
    pub async fn action(&self, action: Action) -> Result<Reply, AmiError> {
        let (answer, outcome) = oneshot::channel();
        self.commands.try_send(Command { action, answer }).map_err(|why| match why {
            TrySendError::Full(_) => AmiError::Busy,
            TrySendError::Closed(_) => AmiError::Away,
        })?;
        outcome.await.unwrap_or(Err(AmiError::Away))
    }

    /// The events of a list, without its end.
    async fn list(&self, action: Action) -> Result<Vec<Message>, AmiError> {
        let mut reply = self.action(action).await?;
        contacts::whole(&reply.events).map_err(AmiError::NotWhole)?;
        reply.events.pop();
        Ok(reply.events)
    }

    /// Writes a key of AstDB. An empty value is one; leading blanks do not survive the way.
    ///
    /// # Errors
    /// See [`AmiError`].
    pub async fn db_put(&self, family: &str, key: &str, value: &str) -> Result<(), AmiError> {
        let action = Action::new("DBPut").with("Family", family)?.with("Key", key)?.with("Val", value)?;
        self.action(action).await.map(|_| ())
    }

    /// Deletes a key of AstDB. That there is none is no failure.
    ///
    /// # Errors
    /// See [`AmiError`].
    pub async fn db_del(&self, family: &str, key: &str) -> Result<(), AmiError> {
        let action = Action::new("DBDel").with("Family", family)?.with("Key", key)?;
        absent_is_well(self.action(action).await)
    }

    /// Deletes a key of AstDB and all below it. That there is none is no failure.
    ///
    /// # Errors
    /// See [`AmiError`].
    pub async fn db_del_tree(&self, family: &str, key: &str) -> Result<(), AmiError> {
        let action = Action::new("DBDelTree").with("Family", family)?.with("Key", key)?;
        absent_is_well(self.action(action).await)
    }

    /// A value of AstDB; `None` where there is no such key.
    ///
    /// # Errors
    /// See [`AmiError`].
    pub async fn db_get(&self, family: &str, key: &str) -> Result<Option<String>, AmiError> {
        let action = Action::new("DBGet").with("Family", family)?.with("Key", key)?;
        match self.action(action).await {
            Ok(reply) => {
                Ok(reply.events.iter().find(|event| event.is_event("DBGetResponse")).map(|e| e.text("Val").to_owned()))
            }
            Err(AmiError::Refused(why)) if why.contains("not found") => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// All keys of a family of AstDB, without the family, and their values. Asterisk 16.24, 18.10 and later.
    ///
    /// # Errors
    /// See [`AmiError`]; [`AmiError::Refused`] where Asterisk is older.
    pub async fn db_tree(&self, family: &str) -> Result<BTreeMap<String, String>, AmiError> {
        let reply = self.action(Action::new("DBGetTree").with("Family", family)?).await?;
        let (end, mut events) = contacts::ended(&reply.events).map_err(AmiError::NotWhole)?;
        // Asterisk 16 says 1 whatever the tree holds (measured on 16.28).
        if end.text("ListItems") != "1" {
            events = contacts::whole(&reply.events).map_err(AmiError::NotWhole)?;
        }
        let start = format!("/{family}/");
        let pair = |event: &Message| {
            let key = event.text("Key").strip_prefix(start.as_str())?;
            Some((key.to_owned(), event.text("Val").to_owned()))
        };
        Ok(events.iter().filter_map(pair).collect())
    }

    /// Auth sections of chan_pjsip as Asterisk has them, by name. Digest users need not be unique: two
    /// sections may hold one user with different passwords.
    ///
    /// # Errors
    /// See [`AmiError`]; [`AmiError::Denied`] when our manager user may not ask.
    pub async fn auths(&self) -> Result<Sections, AmiError> {
        let events = self.list(Action::new("PJSIPShowAuths")).await?;
        Ok(events
            .iter()
            .filter(|event| event.is_event("AuthList") && !event.text("ObjectName").is_empty())
            .map(|event| {
                // In the order of the challenges; releases that know MD5 alone do not say.
                let first = event.text("SupportedAlgorithmsUas").split(',').next().map(str::trim).unwrap_or_default();
                let digest = Some(first).filter(|first| !first.is_empty() && !first.eq_ignore_ascii_case("MD5"));
                let section =
                    Section { secret: Secret::new(event.text("Password")), digest: digest.map(str::to_owned) };
                (event.text("ObjectName").to_owned(), section)
            })
            .collect())
    }

    /// The channels there are: name (`PJSIP/1001-0000002a`) and state (`Ringing`, `Up`). Asked of Asterisk's core, since
    /// the list of device states is a module's that a system may lack.
    ///
    /// # Errors
    /// See [`AmiError`].
    pub async fn channels(&self) -> Result<BTreeMap<String, String>, AmiError> {
        let events = self.list(Action::new("CoreShowChannels")).await?;
        let state = |event: &Message| (event.text("Channel").to_owned(), event.text("ChannelStateDesc").to_owned());
        Ok(events.iter().filter(|event| event.is_event("CoreShowChannel")).map(state).collect())
    }

    /// Has Asterisk send a NOTIFY to every contact of an endpoint. Success means queued, not answered, and not even that
    /// there is a contact.
    ///
    /// # Errors
    /// See [`AmiError`].
    pub async fn notify(&self, endpoint: &Endpoint, notify: &Notify) -> Result<(), AmiError> {
        let mut action = match endpoint.driver {
            Driver::Pjsip => Action::new("PJSIPNotify").with("Endpoint", &endpoint.name)?,
            Driver::ChanSip => Action::new("SIPnotify").with("Channel", &endpoint.name)?,
        };
        action = action.with("Variable", &format!("Event={}", notify.event))?;
        if !notify.lines.is_empty() {
            action = action.with("Variable", "Content-Type=text/plain")?;
        }
        for line in &notify.lines {
            action = action.with("Variable", &format!("Content={line}"))?;
        }
        self.action(action).await.map(|_| ())
    }

    /// The settings of an endpoint of chan_pjsip as Asterisk has them, by name (`ForceRport` = `true`); none of them is
    /// a secret. `None` where there is no such endpoint.
    ///
    /// # Errors
    /// See [`AmiError`].
    pub async fn endpoint(&self, name: &str) -> Result<Option<BTreeMap<String, String>>, AmiError> {
        match self.list(Action::new("PJSIPShowEndpoint").with("Endpoint", name)?).await {
            Ok(events) => Ok(events.iter().find(|event| event.is_event("EndpointDetail")).map(|event| {
                let own = |(key, _): &(&str, &str)| !["Event", "ActionID", "ObjectType"].contains(key);
                event.headers().filter(own).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
            })),
            Err(AmiError::Refused(why)) if why.starts_with(NO_ENDPOINT) => Ok(None),
            Err(why) => Err(why),
        }
    }
}

/// How Asterisk begins to say that there is no endpoint of a name (res/res_pjsip/pjsip_configuration.c).
pub(super) const NO_ENDPOINT: &str = "Unable to retrieve endpoint";

/// Of a deletion: `Database entry not found`, `Database entry could not be deleted` (main/db.c) mean that it is not there.
fn absent_is_well(outcome: Result<Reply, AmiError>) -> Result<(), AmiError> {
    match outcome {
        Ok(_) => Ok(()),
        Err(AmiError::Refused(why)) if why.starts_with("Database entry") => Ok(()),
        Err(why) => Err(why),
    }
}

/// Keeps a session until `shutdown`, or until nobody reads `updates`.
pub async fn run(
    config: &AmiConfig,
    commands: &mut Commands,
    updates: mpsc::Sender<AmiUpdate>,
    shutdown: CancellationToken,
) {
    let mut outbox = Outbox::new(updates.clone());
    let mut known = Known::default();
    let mut failures = 0_u32;
    loop {
        let ended = tokio::select! {
            ended = session::run(config, &mut commands.0, &mut outbox, &mut known) => ended,
            () = shutdown.cancelled() => return,
            () = updates.closed() => return,
        };
        failures = if ended.was_up { 1 } else { failures.saturating_add(1) };
        if failures == 1 {
            tracing::warn!(code = "manager-down", "{}", ended.why);
        }
        outbox.push(AmiUpdate::Down { why: ended.why });
        let wait = tokio::time::sleep(pause(&config.timing, ended.refused, failures, rand::random()));
        tokio::pin!(wait);
        loop {
            tokio::select! {
                () = &mut wait => break,
                () = shutdown.cancelled() => return,
                () = updates.closed() => return,
                () = outbox.deliver(), if outbox.is_waiting() => {}
                Some(command) = commands.0.recv() => command.refuse(),
            }
        }
    }
}

/// How long to wait before connecting anew: after a refusal the time set for it.
fn pause(timing: &Timing, refused: bool, failures: u32, chance: f64) -> Duration {
    if refused { timing.refused } else { backoff(timing.backoff, failures, chance) }
}

#[cfg(test)]
mod pauses {
    use super::*;

    /// F11: at most one login per second, a minute after a refusal, never more than a minute otherwise.
    #[test]
    fn f11_pauses() {
        let timing = Timing::default();
        for (refused, failures, chance, expected) in [
            (false, 1, 0.0, 1_000),
            (false, 1, 1.0, 2_000),
            (false, 3, 0.5, 4_500),
            (false, 40, 0.0, 1_000),
            (false, 40, 1.0, 60_000),
            (true, 1, 0.0, 60_000),
        ] {
            let pause = pause(&timing, refused, failures, chance);
            assert_eq!(pause.as_millis(), expected, "{refused} {failures} {chance}");
        }
    }
}
