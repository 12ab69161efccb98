//! Faults that a test asks for: a part of the daemon that panics or hangs. In a release build there is none of it.

#[cfg(debug_assertions)]
use std::time::Duration;

use crate::dhcp::rounds::Rounds;

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

/// How often DHCP servers are asked; where the variable says `round:watching:EVERY`, so often, and with
/// `:SETTLED:LEAST:ANSWERS` behind it the rest as well, each in milliseconds.
#[cfg(debug_assertions)]
pub(super) fn rounds() -> Rounds {
    let wanted = std::env::var("OFFHOOK_FAULT").unwrap_or_default();
    let times = wanted.strip_prefix("round:watching:").into_iter().flat_map(|times| times.split(':'));
    let times: Vec<Duration> = times.filter_map(|time| time.parse().ok()).map(Duration::from_millis).collect();
    match times[..] {
        [every] => Rounds { every, answers: every / 2, ..Rounds::default() },
        [every, settled, least, answers] => Rounds { every, answers, settled, least },
        _ => Rounds::default(),
    }
}

/// How often DHCP servers are asked.
#[cfg(not(debug_assertions))]
pub(super) fn rounds() -> Rounds {
    Rounds::default()
}
