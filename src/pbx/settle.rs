//! When to believe what was read. Pure; time is an argument.
//!
//! A save in FreePBX deletes an extension's rows and writes them back one commit at a time, for 100 ms and more, and a
//! changed secret is live only after *Apply*. So accounts are believed when nothing waits to be applied and two reads
//! some time apart agree; phones and their lines, which no save touches, at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::roster::Roster;
use super::shrink::Shrink;

/// Between two reads that must agree: longer than a save takes (measured on FreePBX 16: about 100 ms).
pub const APART: Duration = Duration::from_millis(250);

/// What was believed so far, and what waits to be seen again.
#[derive(Clone, Debug, Default)]
pub struct Settle {
    believed: Option<Arc<Roster>>,
    waiting: Option<(Roster, Instant)>,
    shrink: Shrink,
}

/// What to do after a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The roster to go by; `None` while the first is not settled.
    pub roster: Option<Arc<Roster>>,
    /// Read again then, whatever the gate says.
    pub again: Option<Duration>,
}

impl Settle {
    /// Begins with the last good roster of an earlier life, if there is one.
    pub fn new(last_good: Option<Arc<Roster>>) -> Self {
        Self { believed: last_good, ..Self::default() }
    }

    /// What came of a sudden loss of phones or extensions.
    pub fn shrink(&mut self) -> &mut Shrink {
        &mut self.shrink
    }

    /// A read came in.
    pub fn feed(&mut self, now: Instant, mut fresh: Roster) -> Settled {
        // A table that vanished (a module that was uninstalled, a restore under way) takes no phone's file away.
        if let (Some(believed), false) = (&self.believed, fresh.assignments_known) {
            fresh.assignments = believed.assignments.clone();
        }
        if let Some(believed) = &self.believed {
            fresh = self.shrink.hold(now, believed, fresh);
            keep_doubled(believed, &mut fresh);
        }
        let again = match &self.believed {
            Some(believed) if same_accounts(believed, &fresh) => {
                self.waiting = None;
                None
            }
            // Saved and not applied: Asterisk still has what is believed.
            Some(_) if fresh.apply_pending => {
                self.waiting = None;
                None
            }
            _ => self.confirm(now, &fresh),
        };
        let roster = match (&self.believed, again) {
            (_, None) if self.settled(&fresh) => fresh,
            (Some(believed), _) => with_assignments_of(believed, fresh),
            (None, again) => return Settled { roster: None, again },
        };
        if self.believed.as_deref() != Some(&roster) {
            self.believed = Some(Arc::new(roster));
        }
        Settled { roster: self.believed.clone(), again }
    }

    /// Whether the accounts of this read were confirmed, or are those believed already.
    fn settled(&self, fresh: &Roster) -> bool {
        self.waiting.as_ref().is_some_and(|(waiting, _)| same_accounts(waiting, fresh))
            || self.believed.as_ref().is_some_and(|believed| same_accounts(believed, fresh))
    }

    /// `None` = this read confirms an earlier one.
    fn confirm(&mut self, now: Instant, fresh: &Roster) -> Option<Duration> {
        match &self.waiting {
            Some((waiting, since)) if same_accounts(waiting, fresh) => {
                let passed = now.saturating_duration_since(*since);
                (passed < APART).then(|| APART.saturating_sub(passed))
            }
            _ => {
                self.waiting = Some((fresh.clone(), now));
                Some(APART)
            }
        }
    }
}

/// Two rows for one phone contradict each other: while they do, what was believed before goes on.
fn keep_doubled(believed: &Roster, fresh: &mut Roster) {
    let doubled = fresh.assignment_problems.iter().filter(|row| row.problem.code == "assigned-twice");
    for mac in doubled.filter_map(|row| row.mac) {
        if let Some(before) = believed.assignments.get(&mac) {
            fresh.assignments.insert(mac, before.clone());
        }
    }
}

/// All that *Apply* makes live: accounts, listeners, the voicemail code, and what is wrong with them.
fn same_accounts(a: &Roster, b: &Roster) -> bool {
    a.accounts == b.accounts
        && a.registrar == b.registrar
        && a.voicemail_code == b.voicemail_code
        && a.time_zone == b.time_zone
        && a.problems == b.problems
}

/// The believed accounts with the phones of a newer read.
fn with_assignments_of(believed: &Roster, fresh: Roster) -> Roster {
    Roster {
        assignments: fresh.assignments,
        assignments_known: fresh.assignments_known,
        assignment_problems: fresh.assignment_problems,
        apply_pending: fresh.apply_pending,
        ..believed.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Problem;
    use crate::pbx::roster::{Account, Assignment, RowProblem};

    fn roster(accounts: &[(&str, &str)], apply_pending: bool) -> Roster {
        let accounts = accounts.iter().map(|(e, s)| (e.parse().unwrap(), Account::sample(e, s))).collect();
        Roster { accounts, apply_pending, assignments_known: true, ..Roster::default() }
    }

    fn with_phone(mut roster: Roster, mac: &str) -> Roster {
        let assignment = Assignment::sample(mac);
        roster.assignments.insert(assignment.mac, assignment);
        roster
    }

    /// Extensions and secrets.
    type Pairs<'a> = &'a [(&'a str, &'a str)];

    /// Feeds reads at milliseconds; compares the believed extensions and secrets.
    #[track_caller]
    fn script(settle: &mut Settle, began: Instant, steps: &[(u64, Roster, Option<Pairs<'_>>)]) {
        for (at, fresh, expected) in steps {
            let settled = settle.feed(began + Duration::from_millis(*at), fresh.clone());
            let believed = settled.roster.as_ref().map(|roster| {
                let pairs: Vec<(String, String)> = roster
                    .accounts
                    .iter()
                    .map(|(e, a)| (e.to_string(), a.secret.as_ref().unwrap().expose().to_owned()))
                    .collect();
                pairs
            });
            let expected =
                expected.map(|pairs| pairs.iter().map(|(e, s)| ((*e).to_owned(), (*s).to_owned())).collect::<Vec<_>>());
            assert_eq!(believed, expected, "at {at} ms");
        }
    }

    #[test]
    fn the_first_roster_takes_two_equal_reads() {
        let mut settle = Settle::default();
        let full: &[(&str, &str)] = &[("1001", "a")];
        script(
            &mut settle,
            Instant::now(),
            &[
                (0, roster(&[], false), None),
                (100, roster(full, false), None),
                (200, roster(full, false), None),
                (350, roster(full, false), Some(full)),
            ],
        );
        // The same with changes that are never applied: nothing better is known.
        let mut settle = Settle::default();
        script(&mut settle, Instant::now(), &[(0, roster(full, true), None), (250, roster(full, true), Some(full))]);
    }

    #[test]
    fn no_phone_blinks_during_a_save_and_the_secret_changes_with_apply() {
        let old: &[(&str, &str)] = &[("1001", "a"), ("1002", "b")];
        let new: &[(&str, &str)] = &[("1001", "c"), ("1002", "b")];
        let mut settle = Settle::new(Some(Arc::new(roster(old, false))));
        let gone = [("1002", "b")];
        script(
            &mut settle,
            Instant::now(),
            &[
                (0, roster(old, true), Some(old)),
                (20, roster(&gone, true), Some(old)),
                (90, roster(new, true), Some(old)),
                (60_000, roster(new, true), Some(old)),
                (61_000, roster(new, false), Some(old)),
                (61_249, roster(new, false), Some(old)),
                (61_250, roster(new, false), Some(new)),
            ],
        );
    }

    #[test]
    fn a_deleted_extension_goes_once_it_is_settled() {
        let old: &[(&str, &str)] = &[("1001", "a")];
        let mut settle = Settle::new(Some(Arc::new(roster(old, false))));
        script(
            &mut settle,
            Instant::now(),
            &[(0, roster(&[], false), Some(old)), (250, roster(&[], false), Some(&[]))],
        );
    }

    #[test]
    fn a_mac_row_counts_at_once() {
        let mac = "001B54AABB01";
        let old = roster(&[("1001", "a")], false);
        let mut settle = Settle::new(Some(Arc::new(old.clone())));
        let mid_save = with_phone(roster(&[], true), mac);
        let settled = settle.feed(Instant::now(), mid_save).roster.unwrap();
        assert!(settled.assignments.contains_key(&mac.parse().unwrap()));
        assert_eq!(settled.accounts, old.accounts);
    }

    #[test]
    fn a_table_that_vanished_takes_no_phone_away() {
        let mac = "001B54AABB01";
        let mut settle = Settle::new(Some(Arc::new(with_phone(roster(&[("1001", "a")], false), mac))));
        let gone = Roster { assignments_known: false, ..roster(&[("1001", "a")], false) };
        let settled = settle.feed(Instant::now(), gone).roster.unwrap();
        assert!(settled.assignments.contains_key(&mac.parse().unwrap()));
    }

    /// F9: extensions that are gone, and with them their secrets, are gone in the end: after a quarter of an hour, or once
    /// the admin says that it was meant.
    #[test]
    fn f9_extensions_that_stay_gone_go_in_the_end() {
        let accounts = |n: usize| {
            let names: Vec<String> = (1_000..1_000 + n).map(|extension| extension.to_string()).collect();
            let phones = names.iter().map(|name| format!("001B54AA{name}"));
            let pairs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "a")).collect();
            phones.fold(roster(&pairs, false), |roster, mac| with_phone(roster, &mac))
        };
        for by_word in [false, true] {
            let began = Instant::now();
            let mut settle = Settle::new(Some(Arc::new(accounts(40))));
            let fed = |millis: u64, fresh: Roster, settle: &mut Settle| {
                let roster = settle.feed(began + Duration::from_millis(millis), fresh).roster.unwrap();
                (roster.accounts.len(), roster.assignments.len())
            };
            for minute in 0..15 {
                assert_eq!(fed(minute * 60_000, accounts(20), &mut settle), (40, 40), "{by_word}, minute {minute}");
            }
            let mut at = 15 * 60_000;
            if by_word {
                at -= 1;
                settle.shrink().accept();
            }
            // Phones go at once, accounts with a second read; and there is nothing to put back.
            assert_eq!(fed(at, accounts(20), &mut settle), (40, 20), "{by_word}");
            for later in [250, 500, 60_000, 20 * 60_000] {
                assert_eq!(fed(at + later, accounts(20), &mut settle), (20, 20), "{by_word}, {later} ms later");
                assert!(!settle.shrink().holds());
            }
        }
    }

    /// F13: a second row for a phone changes nothing until one of the two is gone.
    #[test]
    fn f13_a_second_row_changes_nothing() {
        let mac = "001B54AABB01";
        let before = with_phone(roster(&[("1001", "a")], false), mac);
        let mut settle = Settle::new(Some(Arc::new(before.clone())));
        let mut other = before.clone();
        other.assignments.values_mut().for_each(|assignment| assignment.description = "other".to_owned());
        let doubled = RowProblem {
            mac: Some(mac.parse().unwrap()),
            extension: None,
            problem: Problem::new("assigned-twice", "x", "y"),
        };
        let both = Roster { assignment_problems: vec![doubled], ..other.clone() };
        let (mut now, phone) = (Instant::now(), |settled: Settled| settled.roster.unwrap().assignments.clone());
        assert_eq!(phone(settle.feed(now, both)), before.assignments);
        now += APART;
        assert_eq!(phone(settle.feed(now, other.clone())), other.assignments);
    }

    #[test]
    fn an_unchanged_roster_is_the_same_value() {
        let mut settle = Settle::new(Some(Arc::new(roster(&[("1001", "a")], false))));
        let now = Instant::now();
        let first = settle.feed(now, roster(&[("1001", "a")], false)).roster.unwrap();
        let second = settle.feed(now, roster(&[("1001", "a")], false)).roster.unwrap();
        assert!(Arc::ptr_eq(&first, &second));
    }
}
