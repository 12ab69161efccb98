//! What happens again and again is one entry: one event many times, or a short cycle of events, such as a request and that
//! there is no such file. What differs is not folded.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;

use super::boots::Began;
use crate::domain::{BootEvent, EventKind};

/// Events of the longest cycle: a boot loader that finds nothing asks for a dozen names, and each is asked for and answered.
const CYCLE: usize = 24;

/// One event is folded from this many in a row on; a cycle from its second round on, which is no chance.
const IN_A_ROW: usize = 3;

/// An event with its number. Numbers grow in the order in which the daemon heard of events, also across its lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// The number.
    pub id: u64,
    /// The event.
    pub event: Arc<BootEvent>,
    /// It begins a boot.
    pub(super) begins: Option<Began>,
}

/// What happened, once or again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The events, as they were the last time; several are a cycle.
    pub events: Vec<Numbered>,
    /// How often.
    pub times: u32,
    /// When the first of them happened first.
    pub since: Timestamp,
}

impl Entry {
    /// One event, once.
    pub(super) fn once(one: Numbered) -> Self {
        let since = one.event.at;
        Self { events: vec![one], times: 1, since }
    }

    /// When the last of them happened last.
    pub fn last(&self) -> Timestamp {
        self.events.last().map_or(self.since, |one| one.event.at)
    }

    /// The boot that it begins.
    pub(super) fn begins(&self) -> Option<Began> {
        self.events.first()?.begins
    }

    /// The only event of an entry that happened once.
    fn single(&self) -> Option<&Numbered> {
        match self.events.as_slice() {
            [one] if self.times == 1 => Some(one),
            _ => None,
        }
    }

    /// Another round: its events take the place of those before. Returns the numbers that are gone.
    fn again(&mut self, round: Vec<Numbered>) -> Vec<u64> {
        let begins = self.begins();
        let before = std::mem::replace(&mut self.events, round);
        for (one, before) in self.events.iter_mut().zip(&before) {
            one.event = worst(&one.event, &before.event);
        }
        if let Some(first) = self.events.first_mut() {
            first.begins = begins;
        }
        self.times = self.times.saturating_add(1);
        before.into_iter().map(|one| one.id).collect()
    }
}

/// Puts an entry behind the others and folds what it completes. Returns the numbers of events that are gone: others stand
/// for them.
pub(super) fn push(entries: &mut VecDeque<Entry>, next: Entry) -> Vec<u64> {
    entries.push_back(next);
    if let Some(length) = goes_on(entries) {
        let round = take(entries, length);
        return entries.back_mut().map(|fold| fold.again(round)).unwrap_or_default();
    }
    let Some((length, rounds)) = begins(entries) else { return Vec::new() };
    let mut all = take(entries, length * rounds);
    let Some(since) = all.first().map(|one| one.event.at) else { return Vec::new() };
    let rest = all.split_off(length.min(all.len()));
    let mut fold = Entry { events: all, times: 1, since };
    let gone = rest.chunks(length).flat_map(|round| fold.again(round.to_vec())).collect();
    entries.push_back(fold);
    gone
}

/// The length of the cycle whose next round the last entries are.
fn goes_on(entries: &VecDeque<Entry>) -> Option<usize> {
    (1..=CYCLE).take_while(|length| plain(entries, *length).is_some()).find(|length| {
        let fold = entries.len().checked_sub(length + 1).and_then(|at| entries.get(at));
        let Some(fold) = fold.filter(|fold| fold.times > 1 && fold.events.len() == *length) else { return false };
        let round = entries.range(entries.len() - length..).filter_map(Entry::single);
        fold.events.iter().zip(round).all(|(before, now)| same(&before.event, &now.event))
    })
}

/// The length of the cycle, and how many rounds of it, that the last entries are for the first time.
fn begins(entries: &VecDeque<Entry>) -> Option<(usize, usize)> {
    let at = |back: usize| entries.get(entries.len().checked_sub(back)?)?.single();
    (1..=CYCLE).find_map(|length| {
        let rounds = if length == 1 { IN_A_ROW } else { 2 };
        let all = length * rounds;
        // The last of this round and of the one before: most differ here already.
        let repeats =
            |back: usize| at(back).zip(at(back + length)).is_some_and(|(now, before)| same(&now.event, &before.event));
        let follows = all - length;
        // A boot begins with the first of them, or before.
        ((1..=follows).all(repeats) && (1..all).all(|back| at(back).is_some_and(|one| one.begins.is_none())))
            .then_some((length, rounds))
    })
}

/// The last so many entries, where each is one event and none begins a boot.
fn plain(entries: &VecDeque<Entry>, length: usize) -> Option<()> {
    let first = entries.get(entries.len().checked_sub(length)?)?;
    first.single().filter(|one| one.begins.is_none()).map(drop)
}

fn take(entries: &mut VecDeque<Entry>, length: usize) -> Vec<Numbered> {
    let from = entries.len().saturating_sub(length);
    entries.drain(from..).flat_map(|entry| entry.events).collect()
}

/// Whether nothing differs but what differs every time: how long a transfer took or how far it came, from which port a line registered.
fn same(a: &BootEvent, b: &BootEvent) -> bool {
    let all_but_that = match (&a.what, &b.what) {
        (
            EventKind::FileSent { name, transport, octets, .. },
            EventKind::FileSent { name: other, transport: by, octets: size, .. },
        ) => name == other && transport == by && octets == size,
        (
            EventKind::FileFailed { name, transport, reason, said, .. },
            EventKind::FileFailed { name: other, transport: by, reason: why, said: words, .. },
        ) => name == other && transport == by && reason == why && said == words,
        (
            EventKind::Registered { extension, user_agent, .. },
            EventKind::Registered { extension: other, user_agent: agent, .. },
        ) => extension == other && user_agent == agent,
        (a, b) => a == b,
    };
    all_but_that && a.ip == b.ip
}

/// The event of now, with the longest time and all datagrams sent again of both; of transfers that ended early the furthest.
fn worst(now: &Arc<BootEvent>, before: &BootEvent) -> Arc<BootEvent> {
    match (&now.what, &before.what) {
        (
            EventKind::FileSent { name, transport, octets, millis, resent },
            EventKind::FileSent { millis: longest, resent: others, .. },
        ) if longest > millis || *others > 0 => {
            let (millis, resent) = (*millis.max(longest), resent.saturating_add(*others));
            let what =
                EventKind::FileSent { name: name.clone(), transport: *transport, octets: *octets, millis, resent };
            Arc::new(BootEvent { what, ..BootEvent::clone(now) })
        }
        (EventKind::FileFailed { got, .. }, EventKind::FileFailed { got: furthest, .. }) if furthest > got => {
            let mut now = BootEvent::clone(now);
            if let EventKind::FileFailed { got, .. } = &mut now.what {
                *got = *furthest;
            }
            Arc::new(now)
        }
        _ => Arc::clone(now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each letter is an event, a second after the one before; a capital one begins a boot.
    fn folded(letters: &str) -> VecDeque<Entry> {
        let mut entries = VecDeque::new();
        for (second, letter) in (0..).zip(letters.chars()) {
            let what = EventKind::Told { what: letter.to_lowercase().to_string() };
            let at = Timestamp::from_second(second).unwrap();
            let event = BootEvent { at, mac: "001B54AABB01".parse().unwrap(), ip: None, what };
            let begins = letter.is_uppercase().then_some(Began::Request);
            let id = u64::try_from(second).unwrap();
            push(&mut entries, Entry::once(Numbered { id, event: Arc::new(event), begins }));
        }
        entries
    }

    fn shown(entries: &VecDeque<Entry>) -> String {
        let letter = |one: &Numbered| match &one.event.what {
            EventKind::Told { what } => what.clone(),
            other => panic!("{other:?}"),
        };
        let one = |entry: &Entry| {
            let letters: String = entry.events.iter().map(letter).collect();
            if entry.times == 1 { letters } else { format!("({letters}){}", entry.times) }
        };
        entries.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_repeats_is_one_entry() {
        for (happened, entries) in [
            ("", ""),
            ("ab", "a b"),
            ("aa", "a a"),
            ("aaa", "(a)3"),
            ("aaaaab", "(a)5 b"),
            ("abab", "(ab)2"),
            ("abababa", "(ab)3 a"),
            ("xababab", "x (ab)3"),
            ("aabaabaab", "(aab)3"),
            ("abcdabcdabcdx", "(abcd)3 x"),
            ("abaab", "a b a a b"),
            ("aaabbb", "(a)3 (b)3"),
            ("Aaaa", "(a)4"),
            ("aaAaa", "a a (a)3"),
            ("AbabAbab", "(ab)2 (ab)2"),
        ] {
            assert_eq!(shown(&folded(happened)), entries, "{happened}");
        }
    }

    #[test]
    fn a_fold_says_since_when_until_when_and_what_began_it() {
        let entries = folded("xAbababab");
        let fold = entries.back().unwrap();
        assert_eq!((fold.times, fold.since.as_second(), fold.last().as_second()), (4, 1, 8));
        assert_eq!(fold.begins(), Some(Began::Request));
        assert_eq!(fold.events.iter().map(|one| one.id).collect::<Vec<_>>(), [7, 8]);
    }

    #[test]
    fn what_is_gone_is_said_once() {
        let mut entries = VecDeque::new();
        let mut gone = Vec::new();
        for one in folded("AXYZ").into_iter().flat_map(|entry| entry.events).cycle().zip(0..4_000_u64) {
            let (one, id) = one;
            gone.extend(push(&mut entries, Entry::once(Numbered { id, begins: None, ..one })));
        }
        assert_eq!(shown(&entries), "(axyz)1000");
        assert_eq!(gone, (0..3_996).collect::<Vec<_>>());
    }

    #[test]
    fn a_cycle_of_any_length_up_to_the_longest() {
        let letters: String = (0..26_u8).map(|n| char::from(b'a' + n)).collect();
        for length in 2..=letters.len() {
            let cycle = &letters[..length];
            let entries = folded(&cycle.repeat(5));
            let expected = if length <= CYCLE { 1 } else { length * 5 };
            assert_eq!(entries.len(), expected, "{length}: {}", shown(&entries));
        }
    }

    #[test]
    fn transfers_differ_in_what_was_sent_and_keep_the_worst() {
        let sent = |id: u64, octets, millis, resent| {
            let (name, transport) = ("x".to_owned(), crate::domain::Transport::Tftp);
            let what = EventKind::FileSent { name, transport, octets, millis, resent };
            let at = Timestamp::from_second(id.try_into().unwrap()).unwrap();
            let event = BootEvent { at, mac: "001B54AABB01".parse().unwrap(), ip: None, what };
            Entry::once(Numbered { id, event: Arc::new(event), begins: None })
        };
        let mut entries = VecDeque::new();
        for one in [sent(0, 9, 5, 0), sent(1, 9, 70, 2), sent(2, 9, 4, 1), sent(3, 9, 6, 0), sent(4, 10, 1, 0)] {
            push(&mut entries, one);
        }
        assert_eq!(entries.len(), 2);
        let worst = entries.front().unwrap();
        assert!(
            matches!(worst.events[0].event.what, EventKind::FileSent { octets: 9, millis: 70, resent: 3, .. })
                && worst.times == 4,
            "{worst:?}"
        );
    }

    #[test]
    fn of_transfers_that_ended_early_the_furthest_is_kept() {
        let failed = |id: u64, reason: &str, octets| {
            let (name, transport) = ("x".to_owned(), crate::domain::Transport::Tftp);
            let got = Some(crate::domain::Got { octets, of: 9_000 });
            let what = EventKind::FileFailed { name, transport, reason: reason.to_owned(), said: None, got };
            let at = Timestamp::from_second(id.try_into().unwrap()).unwrap();
            let event = BootEvent { at, mac: "001B54AABB01".parse().unwrap(), ip: None, what };
            Entry::once(Numbered { id, event: Arc::new(event), begins: None })
        };
        let mut entries = VecDeque::new();
        for (id, octets) in (0..).zip([512, 4_096, 0, 1_024]) {
            push(&mut entries, failed(id, "no-answer", octets));
        }
        push(&mut entries, failed(9, "replaced", 512));
        assert_eq!(entries.len(), 2);
        let EventKind::FileFailed { got, .. } = &entries[0].events[0].event.what else { panic!() };
        assert!(got.is_some_and(|got| got.octets == 4_096) && entries[0].times == 4, "{entries:?}");
    }
}
