//! What happens, as it happens: to the timeline, to the store, to whoever watches. Nobody who watches slows a phone: who
//! does not keep up is told how much he missed.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::sync::broadcast;

use super::Hub;
use super::state::State;
use crate::domain::BootEvent;
use crate::fleet::Snapshot;
use crate::timeline::Row;

/// Events that wait for who reads slowly; and as many of those that were are kept for who comes back.
const KEPT: usize = 1_024;

/// An event on its way to those who watch.
#[derive(Debug)]
pub struct Live {
    /// Its number.
    pub id: u64,
    /// The event.
    pub event: Arc<BootEvent>,
    /// As it is sent, made once for all and only where somebody is there to read it.
    text: OnceLock<Bytes>,
}

impl Live {
    fn new(id: u64, event: Arc<BootEvent>) -> Arc<Self> {
        Arc::new(Self { id, event, text: OnceLock::new() })
    }

    /// The event as it is sent; `make` is asked by the first reader only.
    pub fn text(&self, make: impl FnOnce(&Self) -> Bytes) -> Bytes {
        self.text.get_or_init(|| make(self)).clone()
    }
}

/// What of the past somebody wants who begins to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// Nothing.
    Now,
    /// The last so many events.
    Last(usize),
    /// What came after that number.
    Event(u64),
}

/// What somebody gets who watches.
pub struct Watch {
    /// What was.
    pub past: Vec<Arc<Live>>,
    /// Some of what he wanted is not kept any more.
    pub lost: bool,
    /// What is. Closed when the daemon ends.
    pub live: broadcast::Receiver<Arc<Live>>,
}

/// Those who watch, and what they may have missed.
pub(super) struct Stream {
    /// `None` = the daemon ends.
    sender: Option<broadcast::Sender<Arc<Live>>>,
    recent: VecDeque<Arc<Live>>,
    /// The number of the last event that is not kept any more.
    gone: u64,
}

impl Default for Stream {
    fn default() -> Self {
        Self { sender: Some(broadcast::Sender::new(KEPT)), recent: VecDeque::new(), gone: 0 }
    }
}

impl Stream {
    /// What an earlier life kept, in its order.
    pub(super) fn recall(&mut self, rows: &[Row]) {
        let (before, last) = rows.split_at(rows.len().saturating_sub(KEPT));
        self.gone = before.last().map_or(0, |row| row.id);
        self.recent = last.iter().map(|row| Live::new(row.id, Arc::clone(&row.event))).collect();
    }

    fn send(&mut self, id: u64, event: Arc<BootEvent>) {
        let live = Live::new(id, event);
        if self.recent.len() >= KEPT
            && let Some(oldest) = self.recent.pop_front()
        {
            self.gone = oldest.id;
        }
        self.recent.push_back(Arc::clone(&live));
        // Nobody watches: that is no fault.
        let _ = self.sender.as_ref().map(|sender| sender.send(live));
    }

    fn watch(&self, since: Since, of: impl Fn(&Live) -> bool) -> Option<Watch> {
        let live = self.sender.as_ref()?.subscribe();
        let recent = || self.recent.iter().filter(|live| of(live)).cloned();
        let (past, lost) = match since {
            Since::Now => (Vec::new(), false),
            Since::Last(most) => {
                let mut past: Vec<_> = recent().rev().take(most).collect();
                past.reverse();
                (past, false)
            }
            Since::Event(id) => (recent().filter(|live| live.id > id).collect(), self.gone > id),
        };
        Some(Watch { past, lost, live })
    }
}

impl Hub {
    /// Begins to watch: events `of` which there is interest, of what was; all, of what is. `None` = the daemon ends.
    pub fn live(&self, since: Since, of: impl Fn(&Live) -> bool) -> Option<Watch> {
        self.lock().stream.watch(since, of)
    }

    /// The daemon is to end: nobody who watches holds that up.
    pub fn end_live(&self) {
        self.lock().stream.sender = None;
    }

    /// Takes an event into the timeline, and tells it to the store and to those who watch.
    pub(super) fn remember(&self, state: &mut State, snapshot: &Snapshot, event: BootEvent) {
        let assigned = snapshot.assignment(event.mac).is_some();
        state.counts.event(&event.what);
        let event = Arc::new(event);
        let change = state.timeline.push(Arc::clone(&event), assigned);
        state.stream.send(change.id, event);
        if assigned {
            // A full queue loses the stored copy of an event, never the phone's file.
            let _ = self.events.try_send(change);
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::EventKind;

    fn event(n: u64) -> Arc<BootEvent> {
        let what = EventKind::Told { what: n.to_string() };
        Arc::new(BootEvent { at: Timestamp::UNIX_EPOCH, mac: "001B54AABB01".parse().unwrap(), ip: None, what })
    }

    fn ids(watch: &Watch) -> Vec<u64> {
        watch.past.iter().map(|live| live.id).collect()
    }

    #[tokio::test]
    async fn who_comes_back_misses_nothing_that_is_kept() {
        let mut stream = Stream::default();
        (1..=5).for_each(|n| stream.send(n, event(n)));
        assert_eq!(ids(&stream.watch(Since::Now, |_| true).unwrap()), [0; 0]);
        assert_eq!(ids(&stream.watch(Since::Last(2), |_| true).unwrap()), [4, 5]);
        assert_eq!(ids(&stream.watch(Since::Last(2), |live| live.id % 2 == 1).unwrap()), [3, 5]);
        let mut watch = stream.watch(Since::Event(3), |_| true).unwrap();
        assert_eq!((ids(&watch), watch.lost), (vec![4, 5], false));
        stream.send(6, event(6));
        assert_eq!(watch.live.recv().await.unwrap().id, 6);
        let kept = u64::try_from(KEPT).unwrap();
        (7..=kept + 6).for_each(|n| stream.send(n, event(n)));
        let late = stream.watch(Since::Event(3), |_| true).unwrap();
        assert_eq!((late.past.len(), late.lost), (KEPT, true));
        // The numbers of events are no count: of what came after the sixth, the last that is gone, nothing is missing.
        assert!(!stream.watch(Since::Event(6), |_| true).unwrap().lost);
        assert!(stream.watch(Since::Event(5), |_| true).unwrap().lost);
        stream.sender = None;
        assert!(stream.watch(Since::Now, |_| true).is_none());
    }

    /// As many events of an earlier life as are kept: who saw the first of them, or what came before it, missed nothing.
    #[test]
    fn what_was_recalled_whole_is_not_lost() {
        let row = |id: u64| Row { id, event: event(id), times: 1, since: None, cycle: 1 };
        let kept = u64::try_from(KEPT).unwrap();
        let lost = |first: u64, since| {
            let mut stream = Stream::default();
            stream.recall(&(first..=kept + 9).map(row).collect::<Vec<_>>());
            stream.watch(Since::Event(since), |_| true).unwrap().lost
        };
        assert_eq!([lost(10, 10), lost(10, 9), lost(10, 1)], [false; 3]);
        assert_eq!([lost(9, 9), lost(9, 8), lost(1, 1)], [false, true, true]);
    }

    /// However slowly somebody reads: sending waits for nobody, and he is told how much he missed.
    #[tokio::test]
    async fn who_does_not_keep_up_is_told_how_much_he_missed() {
        let mut stream = Stream::default();
        let mut watch = stream.watch(Since::Now, |_| true).unwrap();
        let sent = u64::try_from(KEPT).unwrap() + 500;
        (1..=sent).for_each(|n| stream.send(n, event(n)));
        let lagged = watch.live.recv().await.unwrap_err();
        assert_eq!(lagged, broadcast::error::RecvError::Lagged(500));
        assert_eq!(watch.live.recv().await.unwrap().id, 501);
    }

    #[test]
    fn an_event_is_written_once_and_only_for_a_reader() {
        let live = Live::new(1, event(1));
        assert!(live.text.get().is_none());
        let first = live.text(|_| Bytes::from("x".repeat(100)));
        let again = live.text(|_| unreachable!("it is there"));
        assert_eq!(first.as_ptr(), again.as_ptr());
    }
}
