//! When phones last asked for files of the firmware store: what one took of late stays for a day, since it may come for the
//! rest, or for all of it again (I10).

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::Hub;
use crate::firmware::set::SetFile;
use crate::firmware::store::STAYS;

/// By SHA-256.
#[derive(Debug, Default)]
pub(super) struct Taken {
    at: BTreeMap<String, Timestamp>,
    /// Those that changed since they were kept.
    unkept: BTreeSet<String>,
}

impl Taken {
    /// As it was kept. What a clock wrote that was ahead happened by now, and does not hold files for years.
    pub(super) fn recalled(mut at: BTreeMap<String, Timestamp>, now: Timestamp) -> Self {
        let unkept = at.iter().filter(|(_, at)| **at > now).map(|(sha256, _)| sha256.clone()).collect();
        at.values_mut().for_each(|at| *at = now.min(*at));
        Self { at, unkept }
    }

    /// A phone asks for that file. Kept to the second.
    pub(super) fn note(&mut self, sha256: &str, now: Timestamp) {
        let before = self.at.insert(sha256.to_owned(), now);
        if before.is_none_or(|before| before.as_second() != now.as_second()) {
            self.unkept.insert(sha256.to_owned());
        }
    }

    /// The clock was put.
    pub(super) fn shift(&mut self, by: SignedDuration) {
        for (sha256, at) in &mut self.at {
            *at = at.checked_add(by).unwrap_or(*at);
            self.unkept.insert(sha256.clone());
        }
    }

    pub(super) fn to_keep(&self) -> BTreeMap<String, Timestamp> {
        self.unkept.iter().filter_map(|sha256| Some((sha256.clone(), *self.at.get(sha256)?))).collect()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.at.len()
    }

    pub(super) fn kept(&mut self, kept: &BTreeMap<String, Timestamp>) {
        let at = &self.at;
        self.unkept
            .retain(|sha256| kept.get(sha256).map(|at| at.as_second()) != at.get(sha256).map(|at| at.as_second()));
        // What is older than a day by then holds nothing any more, and goes here as it does in the database.
        if let Some(last) = kept.values().max() {
            self.at.retain(|_, at| last.duration_since(*at) < STAYS);
        }
    }
}

impl Hub {
    /// When the last of these files was asked for, where that was less than a day ago.
    pub fn taken_of_late(&self, files: &[&SetFile], now: Timestamp) -> Option<Timestamp> {
        let taken = &self.lock().converting.taken.at;
        let last = files.iter().filter_map(|file| taken.get(&file.sha256)).max().copied()?;
        (now.duration_since(last) < STAYS).then_some(last)
    }
}

/// Why files that a phone asked for at that moment stay, and until when.
pub(super) fn stays(last: Timestamp) -> String {
    let until = last.checked_add(STAYS).unwrap_or(last);
    // To the next full minute: then it is possible.
    let until = until.checked_add(SignedDuration::from_secs(59)).unwrap_or(until);
    format!(
        "a phone took files of it at {} and may come for them again; try again after {}",
        last.strftime("%Y-%m-%dT%H:%MZ"),
        until.strftime("%Y-%m-%dT%H:%MZ")
    )
}
