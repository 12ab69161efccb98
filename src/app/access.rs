//! Keeps who is at which address, so that a restart does not have phones prove themselves anew.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::faults;
use super::stage::Stage;
use crate::hub::Hub;
use crate::store::Store;

/// Between two writes: a boot storm is one.
const ROUND: Duration = Duration::from_secs(1);

/// The task.
pub(super) fn spawn(stage: &mut Stage, hub: &Arc<Hub>, store: &Arc<Store>) {
    let (hub, store, ending) = (Arc::clone(hub), Arc::clone(store), stage.ending());
    stage.keep("the keeping of who is where", move || {
        let (hub, store, ending) = (Arc::clone(&hub), Arc::clone(&store), ending.clone());
        async move {
            run(&hub, &store, &ending).await;
            Ok(())
        }
    });
}

async fn run(hub: &Hub, store: &Store, ending: &CancellationToken) {
    let mut failing = false;
    while !ending.is_cancelled() {
        tokio::select! {
            () = tokio::time::sleep(ROUND) => {}
            // What the last requests changed.
            () = ending.cancelled() => {}
        }
        faults::strike("access");
        let Some(keep) = hub.access_to_keep() else { continue };
        let outcome = store.keep_access(&keep, Timestamp::now()).await;
        if let Err(why) = &outcome {
            hub.access_not_kept(&keep);
            if !failing {
                tracing::error!(
                    code = "access-not-kept",
                    "{why}; who is at which address is known until the daemon ends, and not after"
                );
            }
        }
        failing = outcome.is_err();
    }
}
