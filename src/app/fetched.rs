//! Keeps what phones take of their files, so that it can be compared with what they would get, after a restart too.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::faults;
use super::stage::Stage;
use crate::domain::MacAddr;
use crate::files::fetched::{Kept, Seal, SealKey};
use crate::hub::{Hub, Taken};
use crate::store::Store;

/// Between two writes: a boot storm is a few.
const ROUND: Duration = Duration::from_secs(1);

/// Files that are written at once, so that others have a turn at the database.
const AT_ONCE: usize = 256;

/// Seals of what is kept, by phone and file: what a phone takes again as it was is not written again.
type Seals = HashMap<(MacAddr, String), Seal>;

/// The key of the seals. Without it phones are served all the same.
pub(super) async fn key(store: &Store) -> Option<SealKey> {
    let unread = |why| tracing::error!(code = "fetched-not-kept", "{why}; what phones last fetched is not compared");
    store.seal_key().await.map_err(unread).ok()
}

/// The task.
pub(super) fn spawn(stage: &mut Stage, key: Option<&SealKey>, hub: &Arc<Hub>, store: &Arc<Store>) {
    let Some(key) = key.cloned() else { return };
    let (hub, store, ending) = (Arc::clone(hub), Arc::clone(store), stage.ending());
    stage.keep("the keeping of what was fetched", move || {
        let (hub, store, ending, key) = (Arc::clone(&hub), Arc::clone(&store), ending.clone(), key.clone());
        async move {
            run(&hub, &store, &key, &ending).await;
            Ok(())
        }
    });
}

async fn run(hub: &Hub, store: &Store, key: &SealKey, ending: &CancellationToken) {
    let (mut seals, mut failing) = (recalled(store).await, false);
    // Phones that went while nobody looked.
    let mut looked = false;
    while !ending.is_cancelled() {
        tokio::select! {
            () = tokio::time::sleep(ROUND) => {}
            // What the last transfers brought.
            () = ending.cancelled() => {}
        }
        faults::strike("fetched");
        let snapshot = hub.snapshot();
        if !looked && snapshot.ready() {
            looked = true;
            let gone = seals.keys().map(|(mac, _)| *mac).filter(|mac| snapshot.assignment(*mac).is_none());
            hub.forget_fetched(gone.collect());
        }
        let Some((gone, taken)) = hub.fetched_to_keep() else { continue };
        let outcome = keep(store, key, &mut seals, &gone, &taken).await;
        match &outcome {
            Ok(()) => hub.fetched_kept(&taken),
            Err(why) => {
                hub.forget_fetched(gone);
                if !failing {
                    tracing::error!(
                        code = "fetched-not-kept",
                        "{why}; what phones fetch now is not compared after a restart"
                    );
                }
            }
        }
        failing = outcome.is_err();
    }
}

async fn recalled(store: &Store) -> Seals {
    let seals = store.seals().await.unwrap_or_else(|why| {
        tracing::error!(code = "fetched-not-kept", "{why}; it is written anew as phones fetch");
        Vec::new()
    });
    seals.into_iter().map(|(mac, name, seal)| ((mac, name), seal)).collect()
}

async fn keep(
    store: &Store,
    key: &SealKey,
    seals: &mut Seals,
    gone: &[MacAddr],
    taken: &[Taken],
) -> Result<(), crate::store::StoreError> {
    if !gone.is_empty() {
        store.keep_fetched(gone, &[]).await?;
        seals.retain(|(mac, _), _| !gone.contains(mac));
    }
    for taken in taken.chunks(AT_ONCE) {
        let news = |taken: &&Taken| {
            let seal = key.seal(taken.mac, &taken.name, taken.rendering.bytes());
            seals.get(&(taken.mac, taken.name.clone())) != seal.as_ref()
        };
        let kept: Vec<Kept> =
            taken.iter().filter(news).filter_map(|taken| Kept::of(key, &taken.rendering, taken.at)).collect();
        if !kept.is_empty() {
            store.keep_fetched(&[], &kept).await?;
            seals.extend(kept.into_iter().map(|kept| ((kept.mac, kept.name), kept.seal)));
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}
