//! Sentences on their way from an action to the page that shows them.
//!
//! The address of that page names them by a number that nobody can guess, so that no link puts words into our mouth.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Visits whose sentences are kept; the oldest go first.
const KEPT: usize = 64;

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Notice {
    pub done: bool,
    pub text: String,
}

impl From<Result<String, String>> for Notice {
    fn from(outcome: Result<String, String>) -> Self {
        match outcome {
            Ok(text) => Self { done: true, text },
            Err(text) => Self { done: false, text },
        }
    }
}

/// Those that were said of late.
#[derive(Default)]
pub(super) struct Notices(Mutex<VecDeque<(String, Vec<Notice>)>>);

impl Notices {
    /// Keeps sentences; returns how the next page names them.
    pub fn leave(&self, said: Vec<Notice>) -> String {
        let id = format!("{:016x}", rand::random::<u64>());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(KEPT - 1);
        kept.push_front((id.clone(), said));
        id
    }

    /// The sentences of that name; none where it is unknown.
    pub fn of(&self, id: &str) -> Vec<Notice> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(known, _)| known == id).map(|(_, said)| said.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_kept_a_while_and_no_longer() {
        let notices = Notices::default();
        let said = |n: usize| vec![Notice::from(Ok(n.to_string()))];
        let ids: Vec<String> = (0..=KEPT).map(|n| notices.leave(said(n))).collect();
        assert_eq!(notices.of(&ids[0]), Vec::new());
        assert_eq!(notices.of(&ids[1]), said(1));
        assert_eq!(notices.of(&ids[KEPT]), said(KEPT));
        assert_eq!(notices.of("0"), Vec::new());
    }
}
