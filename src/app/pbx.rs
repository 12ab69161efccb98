//! The PBX's database in the daemon: the poll and what follows from it, and where the status is published.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex, watch};

use super::faults;
use super::manager::Manager;
use super::stage::Stage;
use crate::config::{Config, PbxSource};
use crate::hub::Hub;
use crate::pbx::poll::{self, Open, PbxView, Poll};
use crate::pbx::roster::Roster;
use crate::pbx::sources::Source;
use crate::status::publish;
use crate::status::sinks::{AstDb, Sink, StatusTable};
use crate::store::Store;

/// How to reach the PBX's database.
pub(super) fn open(config: &Config) -> Open {
    match config.pbx.source.clone() {
        PbxSource::FreePbx(url) => Arc::new(move || Source::freepbx(url.as_ref().map(|url| url.0.expose()))),
        PbxSource::Sqlite(path) => Arc::new(move || Ok(Source::sqlite(&path))),
    }
}

/// Destinations of the status. Returns each one's name and health.
pub(super) fn spawn_publishing(
    stage: &mut Stage,
    config: &Config,
    hub: &Arc<Hub>,
    opened: &watch::Receiver<Option<Source>>,
    manager: Option<&Manager>,
) -> Vec<(String, watch::Receiver<Option<String>>)> {
    let mut healths = Vec::new();
    if config.publish.database {
        let sink = Sink::Table(StatusTable::new(opened.clone()));
        healths.push(publisher(stage, hub, sink, opened.clone()));
    }
    if let (true, Some(manager)) = (config.publish.astdb, manager) {
        let sink = Sink::AstDb(AstDb::new(manager.handle.clone()));
        healths.push(publisher(stage, hub, sink, manager.logins.clone()));
    }
    healths
}

fn publisher<T: Send + Sync + 'static>(
    stage: &mut Stage,
    hub: &Hub,
    sink: Sink,
    restarted: watch::Receiver<T>,
) -> (String, watch::Receiver<Option<String>>) {
    let name = sink.name().to_owned();
    let (health_in, health) = watch::channel(Some("nothing was written there yet".to_owned()));
    let (statuses, ending) = (hub.statuses(), stage.ending());
    stage.keep("publishing", move || {
        let (sink, mut statuses, restarted) = (sink.clone(), statuses.clone(), restarted.clone());
        let (health, ending) = (health_in.clone(), ending.clone());
        async move {
            // Before the first word there is nothing to publish, and nothing that is stale.
            tokio::select! {
                first = statuses.changed() => if first.is_err() { return Ok(()) },
                () = ending.cancelled() => return Ok(()),
            }
            publish::run(sink, statuses, restarted, health, ending).await;
            Ok(())
        }
    });
    (name, health)
}

/// The poll, and what follows from what it sees: the hub is told, a changed roster is kept.
pub(super) fn spawn_poll(stage: &mut Stage, poll: Poll, hub: &Arc<Hub>, store: &Arc<Store>) {
    let known = poll.last_good.as_ref().map(|(roster, _)| Arc::clone(roster));
    let (views_in, views) = watch::channel(PbxView::default());
    let ending = stage.ending();
    stage.keep("the poll of the PBX", move || {
        let (mut poll, views, ending) = (poll.clone(), views_in.clone(), ending.clone());
        // Anew after a fault: from what was believed then.
        let last = views.borrow().clone();
        if let Some(last) = last.roster.zip(last.confirmed_at) {
            poll.last_good = Some(last);
        }
        async move {
            // A look under way may wait long for a database that does not answer. It only reads, so it may be cut.
            tokio::select! {
                () = poll::run(poll, views, ending.clone()) => {}
                () = ending.cancelled() => {}
            }
            Ok(())
        }
    });
    let hub = Arc::clone(hub);
    let kept = Kept { store: Arc::clone(store), roster: known, written: Timestamp::UNIX_EPOCH, failing: false };
    let kept = Arc::new(Mutex::new(kept));
    stage.keep("what the PBX says", move || {
        let (hub, kept, mut views) = (Arc::clone(&hub), Arc::clone(&kept), views.clone());
        async move {
            let mut kept = kept.lock().await;
            while views.changed().await.is_ok() {
                faults::strike("poll");
                let view = views.borrow_and_update().clone();
                // First kept, then served: what a phone was given is there after any end.
                if let (Some(roster), Some(at)) = (&view.roster, view.confirmed_at) {
                    kept.keep(roster, at, false).await;
                }
                hub.pbx(&view, Timestamp::now());
            }
            let view = views.borrow().clone();
            if let (Some(roster), Some(at)) = (&view.roster, view.confirmed_at) {
                kept.keep(roster, at, true).await;
            }
            Ok(())
        }
    });
}

/// How old the stored age of a roster may become.
const AGE: SignedDuration = SignedDuration::from_mins(1);

/// The last good roster on disk: written when it changes; its age once a minute and at the end.
struct Kept {
    store: Arc<Store>,
    roster: Option<Arc<Roster>>,
    written: Timestamp,
    /// Whether the last try failed: said once, tried again with each look at the PBX.
    failing: bool,
}

impl Kept {
    async fn keep(&mut self, roster: &Arc<Roster>, at: Timestamp, now: bool) {
        let same = self.roster.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, roster));
        let outcome = if !same {
            self.store.keep_roster(roster, at).await
        } else if now || at.duration_since(self.written).abs() >= AGE {
            self.store.confirm_roster(at).await
        } else {
            return;
        };
        if let (Err(why), false) = (&outcome, self.failing) {
            tracing::error!(
                code = "roster-not-kept",
                "{why}; phones are served from memory, and a restart would go back to an older roster"
            );
        }
        self.failing = outcome.is_err();
        if outcome.is_ok() {
            (self.roster, self.written) = (Some(Arc::clone(roster)), at);
        }
    }
}
