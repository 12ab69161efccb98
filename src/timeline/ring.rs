//! The events of one phone, bounded: the last ones each by itself, those before them folded.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::boots::{Began, Heard, Run, group};
use super::fold::{Entry, Numbered, push};
use super::{Boot, Change, Row, TALK, is_talk};
use crate::domain::BootEvent;

/// The last events are kept each by itself: between which of them how long it took is what somebody looks for.
const TAIL: usize = 40;

/// Where a single boot fills the ring, its first entries stay: they say how it began.
const HEAD: usize = 20;

/// Tasks that tell of events may be this far apart; a greater difference is the clock that was put.
const SKEW: SignedDuration = SignedDuration::from_secs(5);

/// Rounds of a fold that is read back which count for the facts of a boot: more make no difference to them.
const ROUNDS: u32 = 8;

/// A phone's last events, and what all of them came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Ring {
    /// Older ones, folded.
    past: VecDeque<Entry>,
    /// Events in `past`.
    folded: usize,
    /// The last ones.
    tail: VecDeque<Numbered>,
    heard: Heard,
    pub(super) boot: Boot,
    /// The disk has, or is to have, what is here.
    kept: bool,
}

impl Ring {
    /// Takes an event in, of which it keeps so many. Returns what of that is to be kept on the disk.
    pub(super) fn push(&mut self, id: u64, event: Arc<BootEvent>, most: usize, keep: bool) -> Change {
        let begins = self.see(&event);
        let at = self.place(event.at);
        let mut change = Change { id, ..Change::default() };
        let one = Numbered { id, event, begins };
        if keep {
            change.put.push(Row::of(&one, None));
        }
        self.tail.insert(at, one);
        self.hush(&mut change);
        self.settle(&mut change);
        self.trim(most, &mut change);
        if keep && !std::mem::replace(&mut self.kept, true) {
            change.put = self.rows().collect();
        }
        change
    }

    /// Takes in what was read back from the disk, in its order.
    pub(super) fn recall(&mut self, rows: &[Row], most: usize) -> Change {
        let mut change = Change::default();
        let mut rows = rows.iter().peekable();
        self.kept = true;
        while let Some(row) = rows.next() {
            let mut cycle = vec![row];
            while row.times > 1 && cycle.len() < row.cycle {
                let Some(next) = rows.next_if(|next| next.round() == row.round()) else { break };
                cycle.push(next);
            }
            let since = row.since.unwrap_or(row.event.at);
            let begins = if row.times > 1 { self.see_fold(&cycle, since) } else { self.see(&row.event) };
            let mut events: Vec<Numbered> =
                cycle.iter().map(|row| Numbered { id: row.id, event: Arc::clone(&row.event), begins: None }).collect();
            if let Some(first) = events.first_mut() {
                first.begins = begins;
            }
            if row.times > 1 {
                // What came before it stands before it.
                self.drain(0, &mut change);
                self.folded += events.len();
                self.past.push_back(Entry { events, times: row.times, since });
            } else {
                for one in events {
                    let at = self.place(one.event.at);
                    self.tail.insert(at, one);
                }
                self.settle(&mut change);
            }
            self.trim(most, &mut change);
        }
        change
    }

    /// What an event says of the boot. Returns whether it begins one.
    fn see(&mut self, event: &BootEvent) -> Option<Began> {
        self.boot.see(event);
        self.heard.hear(event)
    }

    /// A fold happens once more, as far as that makes a difference: its first round and the last ones, at the pace that they
    /// had. What is left out between them is no silence.
    fn see_fold(&mut self, cycle: &[&Row], since: Timestamp) -> Option<Began> {
        let first = cycle.first()?;
        let after = first.times.saturating_sub(1);
        let lasted = first.event.at.duration_since(since);
        let pace = i32::try_from(after).ok().and_then(|rounds| lasted.checked_div(rounds)).unwrap_or_default();
        let earlier = |rounds: u32| i32::try_from(rounds).ok().and_then(|n| pace.checked_mul(n)).unwrap_or_default();
        let round = |back: u32| {
            let event = move |row: &&Row| {
                let at = row.event.at.checked_sub(earlier(back)).unwrap_or(row.event.at);
                BootEvent { at, ..BootEvent::clone(&row.event) }
            };
            cycle.iter().map(event)
        };
        let (boot, heard) = (self.boot.last, self.heard.last());
        let mut begins = None;
        for (n, event) in round(after).enumerate() {
            let began = self.see(&event);
            begins = if n == 0 { began } else { begins };
        }
        let last = after.min(ROUNDS.saturating_sub(1));
        let left_out = earlier(after.saturating_sub(last));
        let went_on = |at: Timestamp| at.checked_add(left_out).unwrap_or(at);
        // Where the phone itself does nothing in it, it says nothing of that.
        if self.boot.last != boot {
            self.boot.last = self.boot.last.map(went_on);
        }
        if self.heard.last() != heard {
            self.heard.went_on(went_on);
        }
        for event in (0..last).rev().flat_map(round) {
            self.see(&event);
        }
        begins
    }

    /// Where an event of that time belongs: tasks tell of theirs a moment later than others.
    fn place(&self, at: Timestamp) -> usize {
        let later = |one: &Numbered| one.event.at > at && one.event.at.duration_since(at) <= SKEW;
        self.tail.iter().rposition(|one| !later(one)).map_or(0, |before| before + 1)
    }

    fn settle(&mut self, change: &mut Change) {
        self.drain(TAIL, change);
    }

    /// Folds all but the last so many.
    fn drain(&mut self, most: usize, change: &mut Change) {
        while self.tail.len() > most {
            let Some(one) = self.tail.pop_front() else { return };
            self.folded += 1;
            let gone = push(&mut self.past, Entry::once(one));
            if !gone.is_empty() {
                self.folded = self.folded.saturating_sub(gone.len());
                change.gone.extend(gone);
                if self.kept
                    && let Some(fold) = self.past.back()
                {
                    change.put.extend(Row::all(fold));
                }
            }
        }
    }

    /// A phone that talks pushes out what it said, not what it did.
    fn hush(&mut self, change: &mut Change) {
        let talk = |one: &Numbered| is_talk(&one.event);
        if !self.tail.back().is_some_and(talk) || self.events().filter(|one| talk(one)).count() <= TALK {
            return;
        }
        let all_talk = |entry: &Entry| entry.events.iter().all(talk);
        if let Some(entry) = self.past.iter().position(all_talk).and_then(|at| self.past.remove(at)) {
            self.folded = self.folded.saturating_sub(entry.events.len());
            change.gone.extend(entry.events.iter().map(|one| one.id));
        } else if let Some(one) = self.tail.iter().position(talk).and_then(|at| self.tail.remove(at)) {
            change.gone.push(one.id);
        }
    }

    /// Lets go of the oldest boot first. Where there is one only, of what is neither its beginning nor of late.
    fn trim(&mut self, most: usize, change: &mut Change) {
        while self.folded + self.tail.len() > most {
            let another = self.past.iter().skip(1).any(|entry| entry.begins().is_some())
                || self.tail.iter().any(|one| one.begins.is_some());
            let at = if another { 0 } else { HEAD.min(self.past.len().saturating_sub(1)) };
            match self.past.remove(at) {
                Some(entry) => {
                    self.folded = self.folded.saturating_sub(entry.events.len());
                    change.gone.extend(entry.events.iter().map(|one| one.id));
                }
                None => match self.tail.pop_front() {
                    Some(one) => change.gone.push(one.id),
                    None => return,
                },
            }
        }
    }

    /// All events that are kept, those of a fold as they were the last time.
    pub(super) fn events(&self) -> impl DoubleEndedIterator<Item = &Numbered> + Clone {
        self.past.iter().flat_map(|entry| &entry.events).chain(&self.tail)
    }

    /// Likewise, with the fold that each is of.
    pub(super) fn rows(&self) -> impl DoubleEndedIterator<Item = Row> + '_ {
        self.past.iter().flat_map(Row::all).chain(self.tail.iter().map(|one| Row::of(one, None)))
    }

    /// All that is kept, by boots.
    pub(super) fn boots(&self, now: Timestamp) -> Vec<Run> {
        let mut entries = self.past.clone();
        for one in &self.tail {
            push(&mut entries, Entry::once(one.clone()));
        }
        group(entries, now)
    }
}
