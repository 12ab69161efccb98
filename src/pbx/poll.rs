//! The task that looks at a PBX: a cheap look each interval, a full read when something moved, backoff when it is away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::roster::{LiveSecrets, NOT_LIVE, Roster, Section, Sections, confirm};
use super::settle::Settle;
use super::sources::{Gate, Moved, Source, SourceError, freepbx};

/// A full read at least this often, whatever the cheap look says: its marks are hints.
const SAFETY: Duration = Duration::from_secs(60);

/// Pauses while the PBX is away grow from the first to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What the rest of the house sees of a PBX source.
#[derive(Clone, Debug, Default)]
pub struct PbxView {
    /// The last good roster, whatever its age; `None` before the first.
    pub roster: Option<Arc<Roster>>,
    /// When that roster was last confirmed by the PBX.
    pub confirmed_at: Option<Timestamp>,
    /// `None` while the PBX answers; else what failed, as one sentence.
    pub down: Option<String>,
    /// Looks taken at the PBX since the start.
    pub polls: u64,
}

/// How to reach the PBX; asked again after every failure, since a password or a file may be another by then.
pub type Open = Arc<dyn Fn() -> Result<Source, SourceError> + Send + Sync>;

/// What a poll needs.
#[derive(Clone)]
pub struct Poll {
    /// Opens the source.
    pub open: Open,
    /// Where others find the source that is open; told anew whenever the PBX was away.
    pub opened: watch::Sender<Option<Source>>,
    /// Pause between two cheap looks.
    pub interval: Duration,
    /// The last good roster of an earlier life.
    pub last_good: Option<(Arc<Roster>, Timestamp)>,
    /// Look at once: Asterisk said that it reloaded.
    pub nudge: Arc<Notify>,
    /// The admin says that a sudden loss of phones or extensions was meant.
    pub accept: Arc<Notify>,
    /// Passwords as Asterisk has them, where its manager interface tells.
    pub live: watch::Receiver<LiveSecrets>,
}

/// Looks until `shutdown`; every change of the view is sent to `views`.
pub async fn run(poll: Poll, views: watch::Sender<PbxView>, shutdown: CancellationToken) {
    let Poll { open, opened, interval, last_good, nudge, accept, mut live } = poll;
    let mut source = None;
    let mut told = false;
    let mut confirmed = Confirmed::default();
    // Where nobody will tell, nothing that was told holds.
    if let (Some((roster, _)), Ok(_)) = (&last_good, live.has_changed()) {
        confirmed.recall(roster);
    }
    let mut settle = Settle::new(last_good.as_ref().map(|(roster, _)| Arc::clone(roster)));
    let mut look = Look { again: true, ..Look::default() };
    let mut failures = 0_u32;
    let mut settled = last_good.as_ref().map(|(roster, _)| Arc::clone(roster));
    views.send_modify(|view| {
        view.roster.clone_from(&settled);
        view.confirmed_at = last_good.map(|(_, at)| at);
    });
    loop {
        let outcome = async {
            let source = match &source {
                Some(source) => source,
                None => source.insert(open()?),
            };
            look.take(source).await
        }
        .await;
        let now = Timestamp::now();
        let pause = match outcome {
            Ok(fresh) => {
                failures = 0;
                if !std::mem::replace(&mut told, true) {
                    opened.send_replace(source.clone());
                }
                let mut again = None;
                if let Some(fresh) = fresh {
                    let held = settle.shrink().holds();
                    let outcome = settle.feed(Instant::now(), fresh);
                    if settle.shrink().holds() && !held {
                        tracing::warn!(
                            code = "roster-shrunk",
                            "many phones or extensions are gone from the PBX at once; they are served on, see `offhook check`"
                        );
                    }
                    settled = outcome.roster;
                    again = outcome.again;
                }
                look.again = again.is_some();
                let known = settled.as_ref().map(|roster| confirmed.roster(roster, &live.borrow_and_update()));
                views.send_modify(|view| {
                    if view.roster != known {
                        view.roster = known;
                    }
                    view.confirmed_at = view.roster.as_ref().map(|_| now);
                    view.down = None;
                    view.polls += 1;
                });
                again.map_or(interval, |again| again.min(interval))
            }
            Err(SourceError(why)) => {
                failures = failures.saturating_add(1);
                (source, told) = (None, false);
                look = Look { again: true, ..Look::default() };
                if failures == 1 {
                    tracing::warn!(code = "pbx-down", "{why}; the last good roster goes on");
                }
                views.send_modify(|view| {
                    view.down = Some(why);
                    view.polls += 1;
                });
                backoff(failures)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = nudge.notified() => look.again = true,
            () = accept.notified() => {
                settle.shrink().accept();
                look.again = true;
            }
            () = more(&mut live) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Waits until Asterisk tells other passwords; for ever where it never will.
async fn more(live: &mut watch::Receiver<LiveSecrets>) {
    if live.changed().await.is_err() {
        std::future::pending().await
    }
}

/// Full jitter, so that many nodes do not come back at once: between half and all of 1, 2, 4 … 60 s.
fn backoff(failures: u32) -> Duration {
    let (first, most) = BACKOFF;
    let full = first.saturating_mul(1 << failures.saturating_sub(1).min(6)).min(most);
    full.mul_f64(rand::random_range(0.5..=1.0))
}

/// The last roster that live secrets were laid over, and what came of it: most polls bring the same two again.
#[derive(Default)]
struct Confirmed {
    /// What Asterisk told last, and the roster of that moment.
    told: Option<(Arc<Roster>, Arc<Sections>)>,
    last: Option<(Arc<Roster>, Arc<Roster>)>,
}

impl Confirmed {
    /// What Asterisk told an earlier life holds until it tells anew: the database's word was another then.
    fn recall(&mut self, kept: &Roster) {
        let told = kept.accounts.values().filter(|account| account.problems.iter().any(|p| p.code == NOT_LIVE));
        let told: Sections = told
            .filter_map(|account| {
                let (secret, digest) = (account.secret.clone()?, account.settings.digest.clone());
                Some((account.sections().into_iter().next()?, Section { secret, digest }))
            })
            .collect();
        if !told.is_empty() {
            self.told = Some((Arc::default(), Arc::new(told)));
        }
    }

    /// A manager interface that is away changes nothing: what it told holds for an account until the database's own
    /// secret changes, which is after Apply.
    fn roster(&mut self, roster: &Arc<Roster>, live: &LiveSecrets) -> Arc<Roster> {
        if let Some(live) = live
            && self.told.as_ref().is_none_or(|(_, told)| !Arc::ptr_eq(told, live))
        {
            self.told = Some((Arc::clone(roster), Arc::clone(live)));
            self.last = None;
        }
        if let Some((of, result)) = &self.last
            && Arc::ptr_eq(of, roster)
        {
            return Arc::clone(result);
        }
        let still = self.told.as_ref().map(|(of, told)| {
            let mut told = Sections::clone(told);
            for account in roster.accounts.values() {
                let before = of.accounts.get(&account.extension);
                if before.is_some_and(|before| before.secret != account.secret) {
                    account.sections().iter().for_each(|section| drop(told.remove(section)));
                }
            }
            Arc::new(told)
        });
        let result = confirm(roster, &still).map_or_else(|| Arc::clone(roster), Arc::new);
        self.last = Some((Arc::clone(roster), Arc::clone(&result)));
        result
    }
}

/// Where the last look left off.
#[derive(Default)]
struct Look {
    /// The gate before the last read, and what was read.
    last: Option<(Gate, Roster)>,
    /// When everything was last read.
    read_at: Option<Instant>,
    again: bool,
}

impl Look {
    /// The rows, as a roster, where something may have moved.
    async fn take(&mut self, source: &Source) -> Result<Option<Roster>, SourceError> {
        let gate = source.gate().await?;
        if let Some((before, _)) = &self.last {
            gate.same_database(before)?;
        }
        let due = self.read_at.is_none_or(|at| at.elapsed() >= SAFETY);
        let moved = match &self.last {
            Some((before, _)) if !due && !self.again => gate.moved_since(before),
            _ => Moved::Anything,
        };
        let fresh = match (moved, self.last.take()) {
            (Moved::Nothing, last) => {
                self.last = last;
                return Ok(None);
            }
            // Ten thousand accounts need not be read for one MAC.
            (Moved::Phones, Some((_, last))) => freepbx::with_phones(last, &source.read_phones().await?),
            _ => {
                let fresh = freepbx::roster(&source.read().await?);
                self.read_at = Some(Instant::now());
                fresh
            }
        };
        self.last = Some((gate, fresh.clone()));
        Ok(Some(fresh))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Secret;
    use crate::pbx::roster::Account;

    fn roster(secret: &str) -> Arc<Roster> {
        let account = Account::sample("1001", secret);
        let accounts = [(account.extension.clone(), account)].into();
        Arc::new(Roster { accounts, ..Roster::default() })
    }

    #[expect(clippy::unnecessary_wraps, reason = "as the manager session tells it")]
    fn live(secret: &str, digest: Option<&str>) -> LiveSecrets {
        let section = Section { secret: Secret::new(secret), digest: digest.map(str::to_owned) };
        Some(Arc::new([("1001-auth".to_owned(), section)].into()))
    }

    #[test]
    fn what_asterisk_asks_for_first_is_told_though_no_password_differs() {
        let digest = |roster: &Roster| roster.accounts.values().next().unwrap().settings.digest.clone();
        let saved = roster("saved");
        let confirmed = confirm(&saved, &live("saved", Some("SHA-256"))).unwrap();
        assert_eq!(digest(&confirmed).as_deref(), Some("SHA-256"));
        assert!(confirmed.accounts.values().all(|account| account.problems.is_empty()));
        assert_eq!(confirm(&saved, &live("saved", None)), None);
    }

    #[test]
    fn what_asterisk_told_holds_while_it_is_away_until_the_database_changes() {
        let live = live("live", None);
        let mut confirmed = Confirmed::default();
        let (old, new) = (roster("saved"), roster("applied"));
        let mut served = |roster: &Arc<Roster>, live: &LiveSecrets| {
            let roster = confirmed.roster(roster, live);
            roster.accounts.values().next().unwrap().secret.as_ref().unwrap().expose().to_owned()
        };
        assert_eq!(served(&old, &None), "saved");
        assert_eq!(served(&old, &live), "live");
        assert_eq!(served(&old, &None), "live", "the session is cut");
        assert_eq!(served(&new, &None), "applied");
    }

    #[test]
    fn what_asterisk_told_an_earlier_life_holds_until_it_tells_anew() {
        let live = |secret: &str| live(secret, None);
        let kept = Confirmed::default().roster(&roster("saved"), &live("live"));
        let mut confirmed = Confirmed::default();
        confirmed.recall(&kept);
        let mut served = |live: &LiveSecrets| {
            let roster = confirmed.roster(&roster("saved"), live);
            roster.accounts.values().next().unwrap().secret.as_ref().unwrap().expose().to_owned()
        };
        assert_eq!(served(&None), "live");
        assert_eq!(served(&live("newer")), "newer");
        assert_eq!(served(&live("saved")), "saved");
    }
}
