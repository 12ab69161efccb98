//! A PBX that names far fewer phones or extensions from one read to the next: a restore under way, a table emptied by
//! mistake, a module uninstalled. Until that is certain nobody loses a file. Pure; time is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::roster::{Roster, RowProblem};
use crate::domain::{Extension, MacAddr, Problem};

/// Fewer may go at once without a question; more is held.
const FEW: usize = 10;

/// So is more than one in five.
const SHARE: usize = 5;

/// Reads that agree for so long, and so many of them, are believed in the end.
const CERTAIN: (Duration, u32) = (Duration::from_mins(15), 3);

/// What is held back.
#[derive(Clone, Debug, Default)]
pub struct Shrink {
    held: Option<Held>,
    accepted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    phones: BTreeSet<MacAddr>,
    extensions: BTreeSet<Extension>,
    since: Instant,
    reads: u32,
    /// Meant, as it turned out: let go of until it came to pass, which for accounts takes another read.
    meant: bool,
}

impl Held {
    /// Whether it is (still) this that is gone.
    fn is(&self, phones: &BTreeSet<MacAddr>, extensions: &BTreeSet<Extension>) -> bool {
        if self.meant {
            phones.is_subset(&self.phones) && extensions.is_subset(&self.extensions)
        } else {
            *phones == self.phones && *extensions == self.extensions
        }
    }
}

impl Shrink {
    /// The admin says that what is held back was meant. Without anything held back, nothing.
    pub fn accept(&mut self) {
        self.accepted = self.holds();
    }

    /// Whether something is held back.
    pub fn holds(&self) -> bool {
        self.held.as_ref().is_some_and(|held| !held.meant)
    }

    /// The read, with what it lacks of what is believed put back where that is too much to be believed at once.
    pub fn hold(&mut self, now: Instant, believed: &Roster, mut fresh: Roster) -> Roster {
        // It was said of what was gone then, and of no later loss.
        let accepted = std::mem::take(&mut self.accepted);
        let phones = missing(&believed.assignments, &fresh.assignments);
        let extensions = missing(&believed.accounts, &fresh.accounts);
        if phones.is_empty() && extensions.is_empty() {
            self.held = None;
            return fresh;
        }
        let before = self.held.take().filter(|held| held.is(&phones, &extensions));
        let mut held = before.unwrap_or(Held { phones, extensions, since: now, reads: 0, meant: false });
        held.reads = held.reads.saturating_add(1);
        let (long, often) = CERTAIN;
        held.meant |= accepted || held.reads >= often && now.saturating_duration_since(held.since) >= long;
        let held = self.held.insert(held);
        if held.meant {
            return fresh;
        }
        fresh.assignment_problems.push(problem(held.phones.len(), held.extensions.len()));
        put_back(&mut fresh.assignments, &believed.assignments, &held.phones);
        put_back(&mut fresh.accounts, &believed.accounts, &held.extensions);
        fresh
    }
}

/// What of the keys is gone, where that is too much at once.
fn missing<K: Ord + Clone, V>(believed: &BTreeMap<K, V>, fresh: &BTreeMap<K, V>) -> BTreeSet<K> {
    let gone: BTreeSet<K> = believed.keys().filter(|key| !fresh.contains_key(key)).cloned().collect();
    if gone.len() > FEW.max(believed.len() / SHARE) { gone } else { BTreeSet::new() }
}

fn put_back<K: Ord + Clone, V: Clone>(fresh: &mut BTreeMap<K, V>, believed: &BTreeMap<K, V>, keys: &BTreeSet<K>) {
    let held = keys.iter().filter_map(|key| believed.get_key_value(key));
    fresh.extend(held.map(|(key, value)| (key.clone(), value.clone())));
}

fn problem(phones: usize, extensions: usize) -> RowProblem {
    let what = match (phones, extensions) {
        (phones, 0) => format!("{phones} phones"),
        (0, extensions) => format!("{extensions} extensions"),
        (phones, extensions) => format!("{phones} phones and {extensions} extensions"),
    };
    RowProblem {
        mac: None,
        extension: None,
        problem: Problem::new(
            "roster-shrunk",
            format!("{what} are gone from the PBX's tables all at once; they are served on for a quarter of an hour"),
            "if that was meant, `systemctl reload offhook` takes them away now; if not, restore the tables",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pbx::roster::Assignment;

    fn roster(phones: usize) -> Roster {
        let assignment = |n: usize| {
            let assignment = Assignment::sample(&format!("001B54AA{n:04X}"));
            (assignment.mac, assignment)
        };
        Roster { assignments: (0..phones).map(assignment).collect(), assignments_known: true, ..Roster::default() }
    }

    /// F9: how many may go at once.
    #[test]
    fn f9_a_few_go_at_once_and_more_are_held() {
        for (before, after, expected) in [
            (10, 0, 0),
            (11, 0, 11),
            (11, 1, 1),
            (20, 10, 10),
            (20, 9, 20),
            (100, 80, 80),
            (100, 79, 100),
            (5, 200, 200),
        ] {
            let mut shrink = Shrink::default();
            let held = shrink.hold(Instant::now(), &roster(before), roster(after));
            assert_eq!(held.assignments.len(), expected, "{before} -> {after}");
            assert_eq!(shrink.holds(), expected != after);
            assert_eq!(held.assignment_problems.len(), usize::from(shrink.holds()));
        }
    }

    /// F9: three reads over a quarter of an hour are believed; anything else begins anew.
    #[test]
    fn f9_what_stays_gone_is_believed_in_the_end() {
        let (believed, now) = (roster(20), Instant::now());
        let minutes = |n| now + Duration::from_mins(n);
        let mut shrink = Shrink::default();
        for minute in 0..15 {
            assert_eq!(shrink.hold(minutes(minute), &believed, roster(0)).assignments.len(), 20, "{minute}");
        }
        assert_eq!(shrink.hold(minutes(15), &believed, roster(0)).assignments.len(), 0);
        let mut shrink = Shrink::default();
        shrink.hold(minutes(0), &believed, roster(0));
        assert_eq!(shrink.hold(minutes(15), &believed, roster(0)).assignments.len(), 20, "two reads are not enough");
        shrink.hold(minutes(16), &believed, roster(1));
        assert_eq!(
            shrink.hold(minutes(17), &believed, roster(0)).assignments.len(),
            20,
            "another set is another matter"
        );
    }

    #[test]
    fn the_admin_may_say_that_it_was_meant() {
        let (believed, now) = (roster(20), Instant::now());
        let mut shrink = Shrink::default();
        shrink.accept();
        assert_eq!(shrink.hold(now, &believed, roster(0)).assignments.len(), 20, "nothing was held when it was said");
        shrink.accept();
        assert_eq!(shrink.hold(now, &believed, roster(0)).assignments.len(), 0);
        assert!(!shrink.holds());
        assert_eq!(shrink.hold(now, &believed, roster(5)).assignments.len(), 5, "a part of it came back");
        assert_eq!(shrink.hold(now, &believed, believed.clone()).assignments.len(), 20);
        assert_eq!(shrink.hold(now, &believed, roster(0)).assignments.len(), 20, "said once");
        shrink.accept();
        assert_eq!(shrink.hold(now, &believed, believed.clone()).assignments.len(), 20);
        assert_eq!(shrink.hold(now, &believed, roster(0)).assignments.len(), 20, "said of what came back since");
    }
}
