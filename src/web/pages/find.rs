//! Which phones an address of the overview means: `/?q=text&state=word&reason=code&page=2`.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::MacAddr;
use crate::fleet::Snapshot;
use crate::status::{PhoneStatus, word};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::lot::Lot;

/// What is looked for; empty = whatever.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sought {
    /// Words that must all be found in what is known of a phone.
    pub q: String,
    /// A [`Lot`], or a stage or health of the contract.
    pub state: String,
    /// A reason or a finding, as a code.
    pub reason: String,
    /// From 1.
    pub page: usize,
}

/// Longer than anything that a phone is called.
const LONGEST: usize = 100;

impl Sought {
    /// Out of the pairs of a query; what makes no sense there is nothing.
    pub fn new(query: &BTreeMap<String, String>) -> Self {
        let of = |key: &str| query.get(key).map(|text| text.trim().chars().take(LONGEST).collect::<String>());
        let page = of("page").and_then(|page| page.parse().ok()).unwrap_or(1);
        let [q, state, reason] = ["q", "state", "reason"].map(|key| of(key).unwrap_or_default());
        Self { q, state, reason, page: page.max(1) }
    }

    /// Whether anything is asked for.
    pub fn is_filter(&self) -> bool {
        !(self.q.is_empty() && self.state.is_empty() && self.reason.is_empty())
    }

    /// The address of another page of the same.
    pub fn page(&self, page: usize) -> String {
        let [q, state, reason] =
            [&self.q, &self.state, &self.reason].map(|text| utf8_percent_encode(text, NON_ALPHANUMERIC));
        format!("/?q={q}&state={state}&reason={reason}&page={page}#phones")
    }

    /// Of these phones those that are meant, the worst first, then by MAC. `of_which`: those of which [`Sought::reason`] is found.
    pub fn find<'a>(
        &self,
        all: impl Iterator<Item = &'a PhoneStatus>,
        of_which: &BTreeSet<MacAddr>,
        snapshot: &Snapshot,
    ) -> Vec<MacAddr> {
        let words: Vec<String> = self.q.to_lowercase().split_whitespace().map(str::to_owned).collect();
        let in_state = |status: &PhoneStatus| {
            self.state.is_empty()
                || Lot::of_status(status).key() == self.state
                || word(status.stage) == self.state
                || word(status.health) == self.state
        };
        let meant = |status: &&PhoneStatus| {
            in_state(status)
                && (self.reason.is_empty() || status.reason == self.reason || of_which.contains(&status.mac))
                && (words.is_empty() || has(&words, &text(status, snapshot)))
        };
        let mut found: Vec<(Lot, MacAddr)> = all.filter(meant).map(|s| (Lot::of_status(s), s.mac)).collect();
        found.sort_unstable();
        found.into_iter().map(|(_, mac)| mac).collect()
    }
}

fn has(words: &[String], text: &str) -> bool {
    let hex = |word: &str| word.chars().filter(|c| !":-.".contains(*c)).collect::<String>();
    words
        .iter()
        .all(|word| text.contains(word.as_str()) || (word.len() > 2 && is_mac(word) && text.contains(&hex(word))))
}

/// Whether a word is a MAC, or part of one, with something between its digits.
fn is_mac(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_hexdigit() || ":-.".contains(c)) && word.contains([':', '-'])
}

/// What is known of a phone, in small letters.
fn text(status: &PhoneStatus, snapshot: &Snapshot) -> String {
    let ip = status.ip.map(|ip| ip.to_string()).unwrap_or_default();
    let load = status.load.as_deref().unwrap_or_default();
    let mut text = format!("{} {ip} {load} {} {}", status.mac, status.reason, status.summary);
    if let Some(assignment) = snapshot.assignment(status.mac) {
        let model = assignment.model.as_ref().map(ToString::to_string).unwrap_or_default();
        text += &format!(" {model} {}", assignment.description);
        for button in &assignment.buttons {
            let account = snapshot.roster.as_ref().and_then(|roster| {
                let extension = button.extension.parse().ok()?;
                roster.accounts.get(&extension)
            });
            let name = account.map(|account| account.name.as_str()).unwrap_or_default();
            text += &format!(" {} {} {name}", button.extension, button.label);
        }
    }
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::catalog::Catalog;
    use crate::status::{Health, Stage};

    fn status(mac: &str, stage: Stage, health: Health, reason: &str) -> PhoneStatus {
        PhoneStatus {
            mac: mac.parse().unwrap(),
            ip: Some("10.1.2.3".parse().unwrap()),
            stage,
            health,
            reason: reason.to_owned(),
            summary: "All is well".to_owned(),
            load: Some("P0S3-8-12-00".to_owned()),
            lines_registered: 0,
            lines_total: 1,
            since: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    fn found(query: &[(&str, &str)]) -> Vec<String> {
        let all = [
            status("001B54AABB01", Stage::Registered, Health::Ok, "registered"),
            status("001B54AABB02", Stage::Booting, Health::Looping, "trust-list"),
            status("00087D0A0003", Stage::Booting, Health::NeedsHands, "no-lines"),
        ];
        let snapshot = Snapshot::empty(Arc::default(), Arc::new(Catalog::builtin()), 2026);
        let query: BTreeMap<String, String> =
            query.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let of_which = BTreeSet::from(["001B54AABB01".parse().unwrap()]);
        let of_which =
            if query.get("reason").is_some_and(|code| code == "no-clock") { of_which } else { BTreeSet::new() };
        Sought::new(&query).find(all.iter(), &of_which, &snapshot).into_iter().map(|mac| mac.to_string()).collect()
    }

    #[test]
    fn the_worst_come_first() {
        assert_eq!(found(&[]), ["00087D0A0003", "001B54AABB02", "001B54AABB01"]);
    }

    #[test]
    fn phones_are_found_by_state_reason_and_words() {
        for (query, macs) in [
            (vec![("state", "registered")], vec!["001B54AABB01"]),
            (vec![("state", "booting")], vec!["00087D0A0003", "001B54AABB02"]),
            (vec![("state", "looping")], vec!["001B54AABB02"]),
            (vec![("state", "needs-hands")], vec!["00087D0A0003"]),
            (vec![("state", "booting"), ("reason", "no-lines")], vec!["00087D0A0003"]),
            (vec![("reason", "no-clock")], vec!["001B54AABB01"]),
            (vec![("q", "aa:bb:01")], vec!["001B54AABB01"]),
            (vec![("q", "001b-54aa")], vec!["001B54AABB02", "001B54AABB01"]),
            (vec![("q", "WELL 0003")], vec!["00087D0A0003"]),
            (vec![("q", "10.1.2.3 trust")], vec!["001B54AABB02"]),
            (vec![("q", "nobody")], vec![]),
            (vec![("page", "x"), ("q", " ")], vec!["00087D0A0003", "001B54AABB02", "001B54AABB01"]),
        ] {
            assert_eq!(found(&query), macs, "{query:?}");
        }
    }

    #[test]
    fn what_is_looked_for_survives_an_address() {
        let query = BTreeMap::from([("q".to_owned(), "a&b=\"<é".to_owned())]);
        let address = Sought::new(&query).page(2);
        assert_eq!(address, "/?q=a%26b%3D%22%3C%C3%A9&state=&reason=&page=2#phones");
    }
}
