//! One login to Asterisk's manager interface, to see whether an account is good.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::Secret;
use crate::pbx::ami::client::{self, AmiConfig, AmiHandle, AmiUpdate, Timing};

/// Longest wait for a login, an answer, and Asterisk's own start.
const PATIENCE: Duration = Duration::from_secs(5);

/// Logs in as `offhook` and leaves again.
///
/// # Errors
/// Why not, as one sentence.
pub(super) async fn login(port: u16, secret: &Secret) -> Result<(), String> {
    let secret = secret.clone();
    let config = AmiConfig {
        address: format!("127.0.0.1:{port}"),
        username: "offhook".to_owned(),
        secret: Box::new(move || Ok(secret.clone())),
        wanted: Box::new(|_| false),
        is_phone: Box::new(|_| false),
        timing: Timing { patience: PATIENCE, boot: PATIENCE / 5, ..Timing::default() },
    };
    let (_handle, mut commands) = AmiHandle::new();
    let (sender, mut updates) = mpsc::channel(64);
    let ending = CancellationToken::new();
    let ended = ending.clone().drop_guard();
    tokio::spawn(async move { client::run(&config, &mut commands, sender, ending).await });
    let outcome = tokio::time::timeout(PATIENCE * 3, async {
        loop {
            match updates.recv().await {
                Some(AmiUpdate::Up) => return Ok(()),
                Some(AmiUpdate::Down { why }) => return Err(why),
                Some(_) => {}
                None => return Err("the manager session ended".to_owned()),
            }
        }
    });
    let outcome = outcome.await.unwrap_or_else(|_| Err("Asterisk's manager interface did not answer".to_owned()));
    drop(ended);
    outcome
}
