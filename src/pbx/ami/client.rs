//! The task that keeps one manager session: login, contacts, events, actions, reconnect.
//!
//! Events say that something changed, not what it is now (`ContactStatus` names an endpoint and little else), so each
//! leads to a question, and the answer replaces what was known. A list in full follows now and then, because a refreshed
//! registration raises no event. Action and event names: Asterisk main/manager.c, res/res_pjsip.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::proto::{Action, BadValue, Message};
use super::session;
use crate::domain::{Contact, Secret};

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
        /// Endpoint or peer name.
        endpoint: String,
        /// Its contacts now.
        contacts: Vec<Contact>,
        /// When.
        at: Timestamp,
    },
    /// Asterisk reloaded its configuration.
    Reloaded,
}

/// Where and as whom to log in.
#[derive(Clone, Debug)]
pub struct AmiConfig {
    /// `host:port`.
    pub address: String,
    /// Manager user.
    pub username: String,
    /// Its secret.
    pub secret: Secret,
    /// Waits.
    pub timing: Timing,
}

/// Waits of a session; the defaults suit a real Asterisk, tests shorten them.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// For a connection, a banner, an answer.
    pub patience: Duration,
    /// Between two pings of an idle session.
    pub ping: Duration,
    /// Between two lists in full.
    pub list: Duration,
    /// First and longest pause before connecting anew.
    pub backoff: (Duration, Duration),
    /// Pause after a refused login: Asterisk counts those, and so does fail2ban.
    pub refused: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(10),
            ping: Duration::from_secs(30),
            list: Duration::from_secs(60),
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
    /// No answer in time.
    #[error("Asterisk's manager interface did not answer")]
    NoAnswer,
    /// Asterisk refused it.
    #[error("Asterisk refused it: {0}")]
    Refused(String),
    /// A value cannot be sent.
    #[error(transparent)]
    Value(#[from] BadValue),
}

/// An action on its way to the session.
pub(super) struct Command {
    pub(super) action: Action,
    pub(super) answer: oneshot::Sender<Result<Reply, AmiError>>,
}

/// Actions that may wait for the session; more are refused, as if it were away.
const COMMANDS: usize = 64;

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

    /// Sends an action and waits for its answer.
    ///
    /// # Errors
    /// See [`AmiError`].
    pub async fn action(&self, action: Action) -> Result<Reply, AmiError> {
        let (answer, outcome) = oneshot::channel();
        self.commands.send(Command { action, answer }).await.map_err(|_| AmiError::Away)?;
        outcome.await.unwrap_or(Err(AmiError::Away))
    }

    /// Writes a key of AstDB.
    ///
    /// # Errors
    /// See [`AmiError`].
    pub async fn db_put(&self, family: &str, key: &str, value: &str) -> Result<(), AmiError> {
        let action = Action::new("DBPut").with("Family", family)?.with("Key", key)?.with("Val", value)?;
        self.action(action).await.map(|_| ())
    }

    /// Deletes a key of AstDB and all below it. That there is none is no failure.
    ///
    /// # Errors
    /// See [`AmiError`].
    pub async fn db_del_tree(&self, family: &str, key: &str) -> Result<(), AmiError> {
        let action = Action::new("DBDelTree").with("Family", family)?.with("Key", key)?;
        match self.action(action).await {
            Ok(_) | Err(AmiError::Refused(_)) => Ok(()),
            Err(why) => Err(why),
        }
    }

    /// First parts of the keys of an AstDB family: `MAC` of `/offhook/MAC/stage`. A family that is not there has none.
    ///
    /// # Errors
    /// See [`AmiError`].
    pub async fn db_children(&self, family: &str) -> Result<BTreeSet<String>, AmiError> {
        let reply = match self.action(Action::new("DBGetTree").with("Family", family)?).await {
            Ok(reply) => reply,
            // Asterisk before 18 does not know the action, and a family without keys is "not found".
            Err(AmiError::Refused(_)) => return Ok(BTreeSet::new()),
            Err(why) => return Err(why),
        };
        let first = |event: &Message| {
            let key = event.text("Key");
            let key = key.strip_prefix(&format!("/{family}/")).unwrap_or(key).trim_start_matches('/');
            key.split('/').next().map(str::to_owned)
        };
        Ok(reply.events.iter().filter(|event| event.is_event("DBGetTreeResponse")).filter_map(first).collect())
    }

    /// Passwords of chan_pjsip as Asterisk has them, by digest user.
    ///
    /// # Errors
    /// See [`AmiError`]; [`AmiError::Refused`] when our manager user may not ask.
    pub async fn auths(&self) -> Result<HashMap<String, Secret>, AmiError> {
        let reply = self.action(Action::new("PJSIPShowAuths")).await?;
        Ok(reply
            .events
            .iter()
            .filter(|event| event.is_event("AuthList"))
            .map(|event| (event.text("Username").to_owned(), Secret::new(event.text("Password"))))
            .filter(|(user, _)| !user.is_empty())
            .collect())
    }
}

/// Keeps a session until `shutdown`.
pub async fn run(
    config: AmiConfig,
    mut commands: Commands,
    updates: mpsc::Sender<AmiUpdate>,
    shutdown: CancellationToken,
) {
    let timing = config.timing;
    let mut failures = 0_u32;
    loop {
        let ended = tokio::select! {
            ended = session::run(&config, &mut commands.0, &updates) => ended,
            () = shutdown.cancelled() => return,
        };
        if updates.is_closed() {
            return;
        }
        failures = if ended.was_up { 1 } else { failures.saturating_add(1) };
        if failures == 1 {
            tracing::warn!(code = "manager-down", "{}", ended.why);
        }
        // Nobody listening means the house is closing.
        let _ = updates.send(AmiUpdate::Down { why: ended.why }).await;
        let pause = if ended.refused { timing.refused } else { backoff(timing.backoff, failures) };
        let wait = tokio::time::sleep(pause);
        tokio::pin!(wait);
        loop {
            tokio::select! {
                () = &mut wait => break,
                () = shutdown.cancelled() => return,
                command = commands.0.recv() => match command {
                    // The caller may have gone meanwhile.
                    Some(command) => { let _ = command.answer.send(Err(AmiError::Away)); }
                    None => return,
                },
            }
        }
    }
}

/// Full jitter between half and all of first, 2 × first, 4 × first … most.
fn backoff((first, most): (Duration, Duration), failures: u32) -> Duration {
    let full = first.saturating_mul(1 << failures.saturating_sub(1).min(6)).min(most);
    full.mul_f64(rand::random_range(0.5..=1.0))
}
