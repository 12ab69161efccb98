//! What phones take whole of their files: on its way to the store, and compared for people with what they would get now.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::{Hub, Operations};
use crate::api::{DiffLine, FetchState, Fetched, FileDiff, FileName};
use crate::domain::{EventKind, MacAddr};
use crate::files::fetched::{Kept, SealKey, compare};
use crate::files::name::bare;
use crate::files::{Answer, Rendering};

/// Files that wait for a store that takes none; what comes on top is known when it is fetched again.
const MOST: usize = 4_096;

/// Not yet handed to the store.
#[derive(Default)]
pub(super) struct Fetching {
    taken: HashMap<(MacAddr, String), Taken>,
    gone: BTreeSet<MacAddr>,
}

/// A file that a phone has whole.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Which.
    pub mac: MacAddr,
    /// The name that the phone asks for it by.
    pub name: String,
    /// When.
    pub at: Timestamp,
    /// The file, as it was sent.
    pub rendering: Arc<Rendering>,
}

impl Fetching {
    /// A phone is no longer assigned.
    pub(super) fn forget(&mut self, mac: MacAddr) {
        self.taken.retain(|(of, _), _| *of != mac);
        self.gone.insert(mac);
    }
}

impl Hub {
    /// A phone has a file whole, which is what was sent and not what would be made of it now.
    pub fn has_taken(&self, rendering: Arc<Rendering>, now: Timestamp) {
        let Some((mac, name)) = rendering.phone().zip(rendering.name()) else { return };
        let (mut state, snapshot) = self.locked();
        let waiting = &mut state.fetching.taken;
        let key = (mac, name.clone());
        if snapshot.assignment(mac).is_some() && (waiting.len() < MOST || waiting.contains_key(&key)) {
            waiting.insert(key, Taken { mac, name, at: now, rendering });
        }
    }

    /// Phones that are to be forgotten, then what was taken: kept in this order, who went and came back has what came after.
    pub fn fetched_to_keep(&self) -> Option<(Vec<MacAddr>, Vec<Taken>)> {
        let fetching = &mut self.lock().fetching;
        let gone: Vec<MacAddr> = std::mem::take(&mut fetching.gone).into_iter().collect();
        let taken: Vec<Taken> = fetching.taken.values().cloned().collect();
        (!gone.is_empty() || !taken.is_empty()).then_some((gone, taken))
    }

    /// That was kept: what was taken meanwhile waits on.
    pub fn fetched_kept(&self, kept: &[Taken]) {
        let waiting = &mut self.lock().fetching.taken;
        for Taken { mac, name, rendering, .. } in kept {
            let key = (*mac, name.clone());
            if waiting.get(&key).is_some_and(|waits| Arc::ptr_eq(&waits.rendering, rendering)) {
                waiting.remove(&key);
            }
        }
    }

    /// What these phones took is to be forgotten.
    pub fn forget_fetched(&self, gone: Vec<MacAddr>) {
        self.lock().fetching.gone.extend(gone);
    }

    /// What that phone took of that file and is not kept yet.
    fn waiting(&self, mac: MacAddr, name: &str, key: &SealKey) -> Option<Kept> {
        let taken = self.lock().fetching.taken.get(&(mac, name.to_owned())).cloned()?;
        Kept::of(key, &taken.rendering, taken.at)
    }

    /// Whether what a phone does shows that it took a configuration.
    pub(super) fn took_one(&self, mac: MacAddr) -> bool {
        let state = self.lock();
        state.timeline.boot(mac).is_some_and(|boot| boot.signs.configured || boot.registered.is_some())
    }

    /// When that phone last took that file whole, as far as its timeline goes back.
    fn last_fetched(&self, mac: MacAddr, name: &str) -> Option<Timestamp> {
        let is = |asked: &str| bare(asked).eq_ignore_ascii_case(name);
        let state = self.lock();
        let taken = state.timeline.rows(mac).filter_map(|row| match &row.event.what {
            EventKind::FileSent { name, .. } if is(name) => Some(row.event.at),
            _ => None,
        });
        taken.max()
    }
}

impl Operations {
    /// The files of a phone, each with how it compares; `None` when it is not assigned.
    pub async fn files(&self, mac: MacAddr) -> Option<Vec<FileName>> {
        let names = self.file_names(mac)?;
        let kept = self.kept(mac).await;
        let of = |name: String| {
            let (refused, fetched) = match self.preview(mac, &name) {
                Answer::Serve(now) => (None, self.compared(mac, &name, kept.as_deref(), &now)),
                Answer::Image(_) => (None, None),
                Answer::FallThrough(_) => (Some("fall-through".to_owned()), None),
                Answer::Refuse(why) => (Some(why.code().to_owned()), None),
            };
            FileName { name, served: refused.is_none(), refused, fetched: fetched.map(|(fetched, _)| fetched) }
        };
        Some(names.into_iter().map(of).collect())
    }

    /// What changed in a file since its phone last took it.
    ///
    /// # Errors
    /// Why that cannot be said, in one sentence.
    pub async fn diff(&self, mac: MacAddr, name: &str) -> Result<FileDiff, String> {
        let now = self.served(mac, name)?;
        let kept = self.kept(mac).await;
        let compared = now.name().and_then(|name| Some((self.compared(mac, &name, kept.as_deref(), &now)?, name)));
        let ((fetched, lines), name) = compared
            .ok_or_else(|| format!("{name} of {mac} is not compared: it says something else at each moment"))?;
        Ok(FileDiff { mac, name, fetched, lines })
    }

    /// `None` = it cannot be read.
    async fn kept(&self, mac: MacAddr) -> Option<Vec<Kept>> {
        let kept = self.store.fetched(mac).await;
        kept.map_err(|why| tracing::error!(code = "fetched-not-kept", %mac, "{why}")).ok()
    }

    fn compared(
        &self,
        mac: MacAddr,
        name: &str,
        kept: Option<&[Kept]>,
        now: &Rendering,
    ) -> Option<(Fetched, Vec<DiffLine>)> {
        now.name()?;
        let last = self.hub.last_fetched(mac, name);
        let found = kept.and_then(|kept| kept.iter().find(|kept| kept.name == name));
        let key = self.around.seal_key.as_ref();
        // The same again is what is kept, since when it is.
        let newer = key.and_then(|key| self.hub.waiting(mac, name, key));
        let newer = newer.filter(|newer| found.is_none_or(|kept| kept.seal != newer.seal));
        Some(if let Some((kept, key)) = newer.as_ref().or(found).zip(key) {
            let (state, lines) = compare(key, kept, now);
            (Fetched::new(state, last.max(Some(kept.at)), Some(kept.at)), lines)
        } else {
            // It took one that is older than what is kept, and than its timeline.
            let took = last.is_some() || self.hub.took_one(mac);
            let state = if took || kept.is_none() { FetchState::Unknown } else { FetchState::Never };
            (Fetched::new(state, last, None), Vec::new())
        })
    }
}
