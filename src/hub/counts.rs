//! What happened so far, counted for metrics. The words are of fixed lists: whoever asks cannot make a label.

use std::collections::BTreeMap;

use super::Hub;
use super::state::State;
use crate::domain::{ContactState, EventKind, Transport};
use crate::files::Answer;

/// How a transfer ends.
const OUTCOMES: [&str; 9] = [
    "no-answer",
    "unconfirmed",
    "peer-error",
    "replaced",
    "refused",
    "unanswered",
    "crowded-out",
    "bad-name",
    "not-found",
];

/// Counts since the start.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Events of phones, by kind.
    pub events: BTreeMap<&'static str, u64>,
    /// Requests for files, by transport and answer.
    pub requests: BTreeMap<(&'static str, &'static str), u64>,
    /// Files that were sent or were not, by transport and outcome.
    pub transfers: BTreeMap<(&'static str, &'static str), u64>,
    /// Octets of files that were sent whole, by transport.
    pub octets: BTreeMap<&'static str, u64>,
}

impl Counts {
    pub(super) fn event(&mut self, what: &EventKind) {
        add(self.events.entry(what.word()).or_default(), 1);
    }

    pub(super) fn asked(&mut self, transport: Transport, answer: &Answer) {
        let word = match answer {
            Answer::Serve(_) | Answer::Image(_) => "served",
            Answer::FallThrough(_) => "fall-through",
            Answer::Refuse(why) => why.code(),
        };
        add(self.requests.entry((transport.word(), word)).or_default(), 1);
    }

    pub(super) fn delivered(&mut self, what: &EventKind) {
        match what {
            EventKind::FileSent { transport, octets, .. } => {
                add(self.transfers.entry((transport.word(), "sent")).or_default(), 1);
                add(self.octets.entry(transport.word()).or_default(), *octets);
            }
            EventKind::FileFailed { transport, reason, .. } => {
                let known = OUTCOMES.into_iter().find(|word| word == reason);
                add(self.transfers.entry((transport.word(), known.unwrap_or("other"))).or_default(), 1);
            }
            _ => {}
        }
    }
}

fn add(count: &mut u64, more: u64) {
    *count = count.saturating_add(more);
}

/// Lines of assigned phones.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lines {
    /// All.
    pub all: usize,
    /// Registered.
    pub registered: usize,
    /// Contacts of theirs that are bound and do not answer.
    pub unreachable: usize,
}

impl Hub {
    /// Counts since the start.
    pub fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }

    /// Lines of assigned phones.
    pub fn lines(&self) -> Lines {
        let state = self.lock();
        let mut lines = Lines { unreachable: unreachable(&state), ..Lines::default() };
        for judged in state.judged.values() {
            lines.all += usize::from(judged.status.lines_total);
            lines.registered += usize::from(judged.status.lines_registered);
        }
        lines
    }

    /// Findings of assigned phones, by code.
    pub fn finding_counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for judged in self.lock().judged.values() {
            for finding in &judged.findings {
                match counts.get_mut(&finding.code) {
                    Some(count) => *count += 1,
                    None => drop(counts.insert(finding.code.clone(), 1)),
                }
            }
        }
        counts
    }

    /// Conversions by the state of their present step.
    pub fn conversion_counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for conversion in self.lock().converting.conversions.values() {
            let state = conversion.step().or(conversion.steps.last()).map(|step| crate::status::word(step.state));
            *counts.entry(state.unwrap_or_else(|| "verified".to_owned())).or_default() += 1;
        }
        counts
    }
}

fn unreachable(state: &State) -> usize {
    let bound = state.users.keys().filter_map(|endpoint| state.contacts.get(endpoint)).flatten();
    bound.filter(|contact| contact.state == ContactState::Unreachable).count()
}
