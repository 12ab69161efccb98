//! The door of the people's side over TCP. Every request that comes that way passes here, and nowhere else: what is open to
//! all is named in [`rule`], and it is health, metrics, the login, and what a page is dressed in. The unix sockets have no door:
//! their permissions are one.
//!
//! - pure: `rule` (what becomes of a request), `hosts` (who is asked, and from which page), `forms`, `sessions`, `tokens`, `browsers`,
//!   `limiter`
//! - `key`, `password`: chance and hashes; `layer`: the rule before the router; `enter`: login, logout, the first account;
//!   `manage`: `offhook admin`, over the socket
//!
//! A cookie counts with a request that changes something only where the browser says that it comes from a page of ours (RFC
//! 6265bis, Fetch Metadata), and where that page has shown what its forms are to say (`forms`); a token needs neither, as no browser
//! sends one by itself.

mod browsers;
mod enter;
mod forms;
mod hosts;
mod key;
mod layer;
mod limiter;
mod manage;
mod password;
mod rule;
mod sessions;
mod tokens;

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use jiff::Timestamp;

use crate::hub::Hub;
use crate::store::{Store, StoreError};
use browsers::Browsers;
use hosts::Hosts;
use key::Digest;
use limiter::Limiter;
use password::Hashing;
use sessions::Sessions;
use tokens::Tokens;

pub(super) use forms::Forms;
pub(super) use manage::own;

/// What a page or a program may send; an archive is a stream and has its own bounds.
const BODY: usize = 1 << 20;

/// Where the token of the first run is, in the state folder.
const FIRST_RUN: &str = "first-run-token";

/// Who may come in.
pub struct Door {
    hub: Arc<Hub>,
    store: Arc<Store>,
    hosts: Hosts,
    hashing: Hashing,
    /// Where the token of the first run lies.
    first_run: PathBuf,
    inside: Mutex<Inside>,
    /// Held from the store's write to what is in memory: of two who make the account at once one does.
    changing: tokio::sync::Mutex<()>,
}

/// What changes; locked for microseconds.
#[derive(Default)]
struct Inside {
    account: Option<Account>,
    /// Until there is an account.
    token: Option<String>,
    sessions: Sessions,
    tokens: Tokens,
    browsers: Browsers,
    limiter: Limiter,
    /// When a foreign name was last told of.
    foreign: Option<Instant>,
}

/// The one account there is.
#[derive(Clone)]
struct Account {
    name: Arc<str>,
    hash: String,
}

impl Door {
    /// Reads who may come in. Where there is no account yet, makes the token by which one is made.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn open(hub: Arc<Hub>, store: Arc<Store>, state: &Path, hosts: &[String]) -> Result<Self, StoreError> {
        let account = store.account().await?.map(|(name, hash)| Account { name: name.into(), hash });
        let tokens = store.tokens().await?;
        let tokens =
            Tokens::new(tokens.into_iter().filter_map(|(digest, token)| Some((Digest::read(&digest)?, token))));
        let kept = store.browsers().await?.into_iter();
        let browsers = Browsers::new(kept.filter_map(|(digest, used)| Some((Digest::read(&digest)?, used))));
        let token = account.is_none().then(key::fresh);
        let own = rustix::system::uname();
        let door = Self {
            hub,
            store,
            hosts: Hosts::new(&own.nodename().to_string_lossy(), hosts),
            hashing: Hashing::new(),
            first_run: state.join(FIRST_RUN),
            inside: Mutex::new(Inside { account, token: token.clone(), tokens, browsers, ..Inside::default() }),
            changing: tokio::sync::Mutex::default(),
        };
        match token {
            Some(token) => {
                if let Err(why) = private(&door.first_run, &token) {
                    let path = door.first_run.display();
                    tracing::warn!(code = "first-run", "{path} could not be written: {why}; see offhook admin token");
                }
                tracing::info!(
                    code = "first-run",
                    "the page has no account yet: as root, offhook admin token prints what /setup asks for"
                );
            }
            None => door.forget_first_run(),
        }
        Ok(door)
    }

    /// Puts the door before a router: all of it, what it does not have included.
    pub fn before(self: &Arc<Self>, inside: Router) -> Router {
        inside
            .merge(enter::router().with_state(Arc::clone(self)))
            .layer(DefaultBodyLimit::max(BODY))
            .layer(middleware::from_fn_with_state(Arc::clone(self), layer::pass))
    }

    /// The token by which the first account is made, while there is none.
    pub fn first_run(&self) -> Option<String> {
        self.lock().token.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the account. Sessions of before end, and what was tried is forgotten.
    async fn set_account(&self, name: &str, hash: String, who: &str) -> Result<(), String> {
        self.store.keep_account(name, &hash).await.map_err(|why| format!("the account could not be kept: {why}"))?;
        {
            let mut inside = self.lock();
            inside.account = Some(Account { name: name.into(), hash });
            inside.token = None;
            inside.sessions.end_all();
            inside.browsers.forget();
            inside.limiter.forget();
        }
        self.forget_first_run();
        self.hub.audit(who, format!("set the password of account {name}; its sessions ended"), Timestamp::now());
        Ok(())
    }

    fn forget_first_run(&self) {
        match std::fs::remove_file(&self.first_run) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => {
                let path = self.first_run.display();
                tracing::warn!(code = "first-run", "{path}, which opens nothing any more, could not be removed: {why}");
            }
            _ => {}
        }
    }
}

/// Writes a file that its owner alone can read.
fn private(path: &Path, text: &str) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(format!("{text}\n").as_bytes())
}

/// What is wrong with the name of an account or a token: it stands in logs, in commands and in audit lines.
fn check_name(name: &str) -> Result<(), String> {
    let fits = (1..=32).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._@-".contains(&b));
    if fits {
        Ok(())
    } else {
        Err("a name has 1 to 32 letters, digits, or . _ @ -, a letter or digit first".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["ada", "a", "ada.l@example.com", "x-1_y", &"a".repeat(32)] {
            check_name(good).unwrap();
        }
        for bad in ["", " ada", "ada ", "-ada", ".", "a\nb", "<b>", "ü", "a;b", &"a".repeat(33)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
