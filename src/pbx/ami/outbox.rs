//! Updates on their way out of the session. The session never waits for its reader: who reads may itself wait for an
//! answer that only the session can bring.

use std::collections::VecDeque;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::client::AmiUpdate;

/// Updates that may wait besides the channel's own; beyond that changes of single endpoints are dropped, and a list in
/// full makes up for them.
const WAITING: usize = 256;

/// Rejections among them; beyond that they are dropped.
const REJECTED: usize = 64;

/// A channel with a bounded queue before it, in which later news replace earlier ones.
pub(super) struct Outbox {
    sender: mpsc::Sender<AmiUpdate>,
    waiting: VecDeque<AmiUpdate>,
    lost: bool,
}

impl Outbox {
    pub(super) fn new(sender: mpsc::Sender<AmiUpdate>) -> Self {
        Self { sender, waiting: VecDeque::new(), lost: false }
    }

    /// Sends an update, now or as soon as the reader takes it.
    pub(super) fn push(&mut self, update: AmiUpdate) {
        match &update {
            // What was not heard before the cut need not be heard after it; the next session begins with a list.
            AmiUpdate::Down { .. } => {
                self.waiting.clear();
                self.lost = false;
            }
            AmiUpdate::Contacts(_) => {
                self.waiting.retain(|old| !matches!(old, AmiUpdate::Contacts(_) | AmiUpdate::Endpoint { .. }));
            }
            AmiUpdate::Endpoint { endpoint, .. } => {
                self.waiting
                    .retain(|old| !matches!(old, AmiUpdate::Endpoint { endpoint: same, .. } if same == endpoint));
            }
            AmiUpdate::Reloaded => self.waiting.retain(|old| !matches!(old, AmiUpdate::Reloaded)),
            AmiUpdate::Rejected(new) => {
                let same = |old: &AmiUpdate| matches!(old, AmiUpdate::Rejected(old) if (&old.endpoint, old.address) == (&new.endpoint, new.address));
                self.waiting.retain(|old| !same(old));
                // The phone tries again, and is rejected again.
                if self.waiting.iter().filter(|old| matches!(old, AmiUpdate::Rejected(_))).count() >= REJECTED {
                    return;
                }
            }
            AmiUpdate::Up | AmiUpdate::Hears => {}
        }
        self.waiting.push_back(update);
        if self.waiting.len() > WAITING {
            self.waiting.retain(|old| !matches!(old, AmiUpdate::Endpoint { .. }));
            self.lost = true;
        }
        while let Some(next) = self.waiting.pop_front() {
            match self.sender.try_send(next) {
                Ok(()) => {}
                Err(TrySendError::Full(next)) => {
                    self.waiting.push_front(next);
                    break;
                }
                // The session ends when its reader is gone.
                Err(TrySendError::Closed(_)) => self.waiting.clear(),
            }
        }
    }

    /// Whether something waits for [`Outbox::deliver`], be it only for the reader to have read all before a list.
    pub(super) fn is_waiting(&self) -> bool {
        self.lost || !self.waiting.is_empty()
    }

    /// Waits until the reader takes the next update. May be given up at any point.
    pub(super) async fn deliver(&mut self) {
        match self.sender.reserve().await {
            Ok(permit) => {
                if let Some(next) = self.waiting.pop_front() {
                    permit.send(next);
                }
            }
            Err(_) => self.waiting.clear(),
        }
    }

    /// Whether changes were dropped and the reader reads again: then a list in full is due. Says so once.
    pub(super) fn take_lost(&mut self) -> bool {
        self.waiting.is_empty() && self.sender.capacity() > 0 && std::mem::take(&mut self.lost)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::{Driver, Endpoint, Rejected, Rejection};

    fn endpoint(name: u32) -> AmiUpdate {
        AmiUpdate::Endpoint {
            endpoint: Endpoint::new(Driver::Pjsip, name.to_string()),
            contacts: Vec::new(),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    async fn drain(outbox: &mut Outbox, receiver: &mut mpsc::Receiver<AmiUpdate>) -> Vec<String> {
        let mut read = Vec::new();
        loop {
            while let Ok(update) = receiver.try_recv() {
                read.push(match update {
                    AmiUpdate::Endpoint { endpoint, .. } => endpoint.name,
                    AmiUpdate::Down { why } => why,
                    AmiUpdate::Contacts(contacts) => format!("list of {}", contacts.len()),
                    other => format!("{other:?}"),
                });
            }
            if outbox.waiting.is_empty() {
                return read;
            }
            outbox.deliver().await;
        }
    }

    #[tokio::test]
    async fn later_news_replace_earlier_ones() {
        for (updates, expected) in [
            (vec![endpoint(1), endpoint(2), endpoint(1)], vec!["Up", "2", "1"]),
            (vec![endpoint(1), AmiUpdate::Contacts(Vec::new()), endpoint(2)], vec!["Up", "list of 0", "2"]),
            (vec![AmiUpdate::Reloaded, endpoint(1), AmiUpdate::Reloaded], vec!["Up", "1", "Reloaded"]),
            (vec![endpoint(1), AmiUpdate::Down { why: "cut".into() }], vec!["Up", "cut"]),
        ] {
            let (sender, mut receiver) = mpsc::channel(1);
            let mut outbox = Outbox::new(sender);
            // The first goes into the channel, the others wait.
            outbox.push(AmiUpdate::Up);
            updates.into_iter().for_each(|update| outbox.push(update));
            assert_eq!(drain(&mut outbox, &mut receiver).await, expected);
            assert!(!outbox.take_lost());
        }
    }

    /// However many are rejected while nobody reads, few wait, and what else waits stays.
    #[tokio::test]
    async fn rejections_push_nothing_out() {
        let (sender, mut receiver) = mpsc::channel(1);
        let mut outbox = Outbox::new(sender);
        outbox.push(AmiUpdate::Up);
        (0..100).for_each(|n| outbox.push(endpoint(n)));
        for n in 0..10_000_u32 {
            outbox.push(AmiUpdate::Rejected(Rejected {
                endpoint: Endpoint::new(Driver::Pjsip, n.to_string()),
                why: Rejection::Secret,
                address: std::net::Ipv4Addr::from(n).into(),
                at: Timestamp::UNIX_EPOCH,
            }));
        }
        assert_eq!(outbox.waiting.len(), 100 + REJECTED);
        assert_eq!(drain(&mut outbox, &mut receiver).await.len(), 101 + REJECTED);
        assert!(!outbox.take_lost());
    }

    /// F12: what does not fit is dropped, which is said once all else is read.
    #[tokio::test]
    async fn f12_too_much_is_dropped_and_said() {
        let (sender, mut receiver) = mpsc::channel(1);
        let mut outbox = Outbox::new(sender);
        outbox.push(AmiUpdate::Up);
        (0..100_000).for_each(|n| outbox.push(endpoint(n)));
        assert!(outbox.waiting.len() <= WAITING);
        assert!(!outbox.take_lost(), "not before all is read");
        drain(&mut outbox, &mut receiver).await;
        assert!(outbox.take_lost());
        assert!(!outbox.take_lost(), "once");
    }
}
