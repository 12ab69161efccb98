//! The manager client as a library, logged in to a real Asterisk.

use std::time::Duration;

use offhook::domain::{Contact, Secret};
use offhook::pbx::ami::client::{self, AmiConfig, AmiHandle, AmiUpdate, Timing};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::asterisk::Asterisk;

/// How long anything may take; only a failure takes it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// Logs in as this user; what it is told is in the value, and the session ends with it.
pub(crate) fn client(asterisk: &Asterisk, username: &str, secret: &str) -> Client {
    let secret = Secret::new(secret);
    let (handle, mut commands) = AmiHandle::new();
    let (sender, updates) = mpsc::channel(64);
    let shutdown = CancellationToken::new();
    let config = AmiConfig {
        address: format!("127.0.0.1:{}", asterisk.manager_port),
        username: username.to_owned(),
        secret: Box::new(move || Ok(secret.clone())),
        wanted: Box::new(|_| true),
        is_phone: Box::new(|_| true),
        timing: Timing { boot: Duration::from_millis(200), refused: PATIENCE * 2, ..Timing::default() },
    };
    let ending = shutdown.clone();
    tokio::spawn(async move { client::run(&config, &mut commands, sender, ending).await });
    Client { handle, updates, _shutdown: shutdown.drop_guard() }
}

/// A session of the manager client.
pub(crate) struct Client {
    /// Sends actions.
    pub(crate) handle: AmiHandle,
    updates: mpsc::Receiver<AmiUpdate>,
    _shutdown: DropGuard,
}

impl Client {
    /// The first update that `pick` takes.
    pub(crate) async fn until<T>(&mut self, what: &str, mut pick: impl FnMut(AmiUpdate) -> Option<T>) -> T {
        let mut seen = Vec::new();
        let found = timeout(PATIENCE, async {
            loop {
                let update = self.updates.recv().await.unwrap();
                seen.push(format!("{update:?}"));
                if let Some(found) = pick(update) {
                    return found;
                }
            }
        });
        let found = found.await;
        found.unwrap_or_else(|_| panic!("waited in vain for {what}; seen: {seen:#?}"))
    }

    /// What is told of one endpoint, by itself or in a list, once it is as wanted.
    pub(crate) async fn contacts(&mut self, name: &str, wanted: impl Fn(&[Contact]) -> bool) -> Vec<Contact> {
        self.until(&format!("contacts of {name}"), |update| {
            let contacts = match update {
                AmiUpdate::Endpoint { endpoint, contacts, .. } if endpoint.name == name => contacts,
                AmiUpdate::Contacts(all) => all.into_iter().filter(|contact| contact.endpoint.name == name).collect(),
                _ => return None,
            };
            wanted(&contacts).then_some(contacts)
        })
        .await
    }

    /// The next reason for being away.
    pub(crate) async fn down(&mut self) -> String {
        self.until("being down", |update| match update {
            AmiUpdate::Down { why } => Some(why),
            _ => None,
        })
        .await
    }
}
