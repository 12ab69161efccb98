//! Faults that a test asks for: a part of the daemon that panics or hangs. In a release build there is none of it.

#[cfg(debug_assertions)]
use std::time::Duration;

use crate::dhcp::watch::Rounds;

/// Where the variable `OFFHOOK_FAULT` names this part and the file it points to is there, does what it says:
/// `panic:PART:FILE`, which removes the file, or `hang:PART:FILE`.
#[cfg(debug_assertions)]
pub(super) fn strike(part: &str) {
    let Ok(wanted) = std::env::var("OFFHOOK_FAULT") else { return };
    let mut words = wanted.splitn(3, ':');
    let (how, whom, when) = (words.next(), words.next(), words.next());
    let Some(file) = when.map(std::path::Path::new).filter(|_| whom == Some(part)) else { return };
    assert!(how != Some("panic") || std::fs::remove_file(file).is_err(), "the fault that was asked for in {part}");
    while how == Some("hang") && file.exists() {
        std::thread::park();
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
pub(super) fn strike(_part: &str) {}

/// Strikes within requests.
#[cfg(debug_assertions)]
pub(super) fn in_requests(part: &'static str, router: axum::Router) -> axum::Router {
    router.layer(axum::middleware::map_request(move |request: axum::extract::Request| async move {
        strike(part);
        request
    }))
}

/// Nothing.
#[cfg(not(debug_assertions))]
pub(super) fn in_requests(_part: &'static str, router: axum::Router) -> axum::Router {
    router
}

/// How often DHCP servers are asked; where the variable says `round:watching:MILLISECONDS`, that often.
#[cfg(debug_assertions)]
pub(super) fn rounds() -> Rounds {
    let wanted = std::env::var("OFFHOOK_FAULT").unwrap_or_default();
    let every = wanted.strip_prefix("round:watching:").and_then(|text| text.parse().ok()).map(Duration::from_millis);
    every.map_or_else(Rounds::default, |every| Rounds { every, answers: every / 2 })
}

/// How often DHCP servers are asked.
#[cfg(not(debug_assertions))]
pub(super) fn rounds() -> Rounds {
    Rounds::default()
}
