//! The manager session in the daemon: its secret, what it tells the hub, the live secrets it brings the poll.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{Mutex, Notify, mpsc, watch};

use super::faults;
use super::stage::Stage;
use crate::config::{Ami, AmiSecret, Config};
use crate::domain::Secret;
use crate::hub::Hub;
use crate::pbx::ami::client::{self, AmiConfig, AmiHandle, AmiUpdate};
use crate::pbx::roster::LiveSecrets;

/// A manager session and what others need of it.
pub(super) struct Manager {
    /// Sends actions.
    pub(super) handle: AmiHandle,
    /// Passwords as Asterisk has them.
    pub(super) live: watch::Receiver<LiveSecrets>,
    /// Counts logins: Asterisk may have lost what was written.
    pub(super) logins: watch::Receiver<u64>,
}

/// The manager session, where one is configured.
pub(super) fn spawn(stage: &mut Stage, config: &Config, hub: &Arc<Hub>, nudge: &Arc<Notify>) -> Option<Manager> {
    let ami = config.ami.clone()?;
    let (handle, commands) = AmiHandle::new();
    let (updates, changes) = mpsc::channel(UPDATES);
    let (live_in, live) = watch::channel(None);
    let (logins_in, logins) = watch::channel(0);
    let session = AmiConfig {
        address: ami.address.clone(),
        username: ami.username.clone(),
        secret: Box::new(move || {
            faults::strike("session");
            ami_secret(&ami)
        }),
        wanted: Box::new({
            let hub = Arc::clone(hub);
            move |endpoint| hub.is_phones(endpoint)
        }),
        is_phone: Box::new({
            let hub = Arc::clone(hub);
            move |ip| hub.is_at(ip)
        }),
        timing: client::Timing::default(),
    };
    let (session, commands, ending) = (Arc::new(session), Arc::new(Mutex::new(commands)), stage.ending());
    stage.keep("the manager session", move || {
        let (session, commands) = (Arc::clone(&session), Arc::clone(&commands));
        let (updates, ending) = (updates.clone(), ending.clone());
        async move {
            client::run(&session, &mut *commands.lock().await, updates, ending).await;
            Ok(())
        }
    });
    let listener = Listener {
        hub: Arc::clone(hub),
        nudge: Arc::clone(nudge),
        asking: handle.clone(),
        live: live_in,
        logins: logins_in,
    };
    let (listener, changes) = (Arc::new(listener), Arc::new(Mutex::new(changes)));
    stage.keep("what Asterisk says", move || {
        let (listener, changes) = (Arc::clone(&listener), Arc::clone(&changes));
        async move {
            listener.run(&mut *changes.lock().await).await;
            Ok(())
        }
    });
    Some(Manager { handle, live, logins })
}

/// Takes in what the session tells.
struct Listener {
    hub: Arc<Hub>,
    nudge: Arc<Notify>,
    asking: AmiHandle,
    live: watch::Sender<LiveSecrets>,
    logins: watch::Sender<u64>,
}

impl Listener {
    async fn run(&self, changes: &mut mpsc::Receiver<AmiUpdate>) {
        let mut asked = 0_u64;
        let newest = watch::Sender::new(asked);
        while let Some(update) = changes.recv().await {
            faults::strike("manager");
            let came_up = matches!(update, AmiUpdate::Up);
            let reloaded = matches!(update, AmiUpdate::Reloaded);
            if matches!(update, AmiUpdate::Down { .. }) {
                // Answers that are still under way are of a session that is gone.
                asked += 1;
                newest.send_replace(asked);
                self.live.send_replace(None);
            }
            self.hub.ami(update, Timestamp::now());
            if came_up {
                self.logins.send_modify(|n| *n += 1);
            }
            if came_up || reloaded {
                // Not awaited here: the answer comes through the session that this queue drains. Of two answers the
                // newer counts, whichever comes last.
                asked += 1;
                let (asking, live_in, nudge, newest) =
                    (self.asking.clone(), self.live.clone(), Arc::clone(&self.nudge), newest.clone());
                newest.send_replace(asked);
                tokio::spawn(async move {
                    // A manager user that may not ask leaves the database's word standing.
                    let secrets = asking.auths().await.ok().map(Arc::new);
                    if *newest.borrow() == asked {
                        live_in.send_replace(secrets);
                        nudge.notify_one();
                    }
                });
            }
        }
    }
}

/// Updates of the session that may wait; beyond that the session waits, and with it Asterisk.
const UPDATES: usize = 256;

/// The secret as it is now.
fn ami_secret(ami: &Ami) -> Result<Secret, String> {
    match &ami.secret {
        AmiSecret::Inline(secret) => Ok(secret.clone()),
        AmiSecret::File(path) => {
            let text = std::fs::read_to_string(path).map_err(|why| {
                format!("the manager secret {} could not be read: {why}; write the secret of [{}] in manager_custom.conf into it, mode 0640, group offhook", path.display(), ami.username)
            })?;
            let text = text.strip_suffix('\n').unwrap_or(&text);
            let text = text.strip_suffix('\r').unwrap_or(text);
            if text.is_empty() {
                Err(format!("the manager secret {} is empty; write the secret into it", path.display()))
            } else {
                Ok(Secret::new(text))
            }
        }
    }
}
