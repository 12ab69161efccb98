//! Tries again and again what phones depend on: the registrar's TCP port while one waits for it, and their time servers.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::stage::Stage;
use crate::hub::Prober;

/// How long what was found holds.
#[derive(Clone, Copy)]
struct Holds {
    /// How often it is looked at whether something else is wanted.
    look: Duration,
    /// When all is well.
    well: Duration,
    /// When not: somebody may be at it.
    ill: Duration,
}

const LOOK: Duration = Duration::from_secs(1);
const TCP: Holds = Holds { look: LOOK, well: Duration::from_mins(1), ill: Duration::from_secs(10) };
/// A public server is not to be asked more often than that.
const CLOCKS: Holds = Holds { look: LOOK, well: Duration::from_hours(1), ill: Duration::from_secs(64) };

/// Starts both. `logins` counts the manager session's: after one Asterisk may have opened another port.
pub(super) fn spawn(stage: &mut Stage, prober: &Arc<Prober>, logins: Option<watch::Receiver<u64>>) {
    let (trying, ending) = (Arc::clone(prober), stage.ending());
    stage.keep("the trying of TCP", move || {
        let (trying, logins, ending) = (Arc::clone(&trying), logins.clone(), ending.clone());
        async move {
            let wanted = || (trying.tcp_wanted(), logins.as_ref().map(|logins| *logins.borrow()));
            again(&ending, TCP, wanted, |(wanted, _)| trying.try_tcp(wanted)).await;
            Ok(())
        }
    });
    let (asking, ending) = (Arc::clone(prober), stage.ending());
    stage.keep("the asking of time servers", move || {
        let (asking, ending) = (Arc::clone(&asking), ending.clone());
        async move {
            let ask = async |wanted| asking.ask_clocks(wanted).await.values().all(|clock| clock.usable().is_ok());
            again(&ending, CLOCKS, || asking.clocks_wanted(), ask).await;
            Ok(())
        }
    });
}

/// Tries what is wanted: at once when that changes, else when what was found holds no longer.
async fn again<W: Clone + PartialEq, F: Future<Output = bool>>(
    ending: &CancellationToken,
    holds: Holds,
    wanted: impl Fn() -> W,
    attempt: impl Fn(W) -> F,
) {
    let mut last: Option<(W, Instant)> = None;
    loop {
        let now = wanted();
        if last.as_ref().is_none_or(|(then, until)| *then != now || Instant::now() >= *until) {
            let well = tokio::select! {
                well = attempt(now.clone()) => well,
                () = ending.cancelled() => return,
            };
            last = Some((now, Instant::now() + if well { holds.well } else { holds.ill }));
        }
        tokio::select! {
            () = tokio::time::sleep(holds.look) => {}
            () = ending.cancelled() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn tried_when_it_changes_and_when_it_is_old() {
        let holds =
            Holds { look: Duration::from_millis(1), well: Duration::from_millis(80), ill: Duration::from_millis(20) };
        let (ending, asked) = (CancellationToken::new(), watch::Sender::new(0));
        let (wanted, tries) = (AtomicU32::new(1), AtomicU32::new(0));
        let attempt = async |n: u32| {
            tries.fetch_add(1, Ordering::Relaxed);
            asked.send_replace(n);
            n == 1
        };
        let script = async {
            let mut seen = asked.subscribe();
            seen.wait_for(|n| *n == 1).await.unwrap();
            let first = Instant::now();
            seen.changed().await.unwrap();
            assert!(first.elapsed() >= holds.well, "{:?}", first.elapsed());
            wanted.store(2, Ordering::Relaxed);
            seen.wait_for(|n| *n == 2).await.unwrap();
            let changed = Instant::now();
            seen.changed().await.unwrap();
            assert!(changed.elapsed() >= holds.ill, "{:?}", changed.elapsed());
            ending.cancel();
        };
        tokio::join!(again(&ending, holds, || wanted.load(Ordering::Relaxed), attempt), script);
        assert_eq!(tries.load(Ordering::Relaxed), 4);
    }
}
