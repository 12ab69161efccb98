//! A phone's state as a destination holds it: the fields of `offhook_status` as text. Pure.
//!
//! What is there is read back in this shape and compared with what should be, so that a restart rewrites nothing that
//! is right. `updated` is no part of it: it says when the row was written.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::MacAddr;
use crate::status::{PhoneStatus, word};

/// The fields after the MAC and before `updated`, in the order of the table.
pub const FIELDS: [&str; 9] =
    ["ip", "stage", "health", "reason", "summary", "load_id", "lines_registered", "lines_total", "since"];

/// Name of the field that says when a row was written.
pub const UPDATED: &str = "updated";

/// Longest value in octets: a line of the manager interface is 1,024 with its name.
const OCTETS: usize = 960;

/// Values of [`FIELDS`]; `None` = NULL, which is also what is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row([Option<String>; FIELDS.len()]);

/// Rows by phone.
pub type Rows = BTreeMap<MacAddr, Arc<Row>>;

impl Row {
    /// As it should be.
    pub fn of(status: &PhoneStatus) -> Self {
        Self([
            status.ip.map(|ip| ip.to_string()),
            cut(&word(status.stage), 16),
            cut(&word(status.health), 16),
            cut(&status.reason, 40),
            cut(&status.summary, 255),
            status.load.as_deref().and_then(|load| cut(load, 40)),
            Some(status.lines_registered.to_string()),
            Some(status.lines_total.to_string()),
            Some(seconds(status.since)),
        ])
    }

    /// As it was read, in the order of [`FIELDS`].
    pub fn held(values: [Option<String>; FIELDS.len()]) -> Self {
        Self(values.map(|value| value.filter(|value| !value.is_empty())))
    }

    /// Names and values.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, Option<&str>)> {
        FIELDS.into_iter().zip(self.0.iter().map(Option::as_deref))
    }

    /// The field of that name, to be set; `None` when there is none of that name.
    pub fn field_mut(&mut self, name: &str) -> Option<&mut Option<String>> {
        FIELDS.iter().position(|field| *field == name).and_then(|at| self.0.get_mut(at))
    }
}

/// What has to be written to make a destination agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Rows to write.
    pub write: Rows,
    /// Rows to take away.
    pub remove: Vec<MacAddr>,
}

/// Compares what is held with what should be.
pub fn difference(held: &Rows, wanted: &Rows) -> Difference {
    Difference {
        write: wanted
            .iter()
            .filter(|(mac, row)| held.get(mac) != Some(row))
            .map(|(mac, row)| (*mac, Arc::clone(row)))
            .collect(),
        remove: held.keys().filter(|mac| !wanted.contains_key(mac)).copied().collect(),
    }
}

/// `datetime` of MariaDB, UTC, whole seconds.
pub fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Columns have sizes in characters; line ends have no place in a field, and blanks around it do not survive AstDB.
fn cut(text: &str, characters: usize) -> Option<String> {
    let clean: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(characters).collect();
    let mut end = clean.len().min(OCTETS);
    while !clean.is_char_boundary(end) {
        end -= 1;
    }
    clean.get(..end).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::status::{Health, Stage};

    /// A phone's state as tests want it.
    pub(crate) fn status(mac: &str, stage: Stage, summary: &str) -> (MacAddr, PhoneStatus) {
        let mac = mac.parse().unwrap();
        let status = PhoneStatus {
            mac,
            ip: Some("10.0.0.5".parse().unwrap()),
            stage,
            health: Health::NeedsHands,
            reason: "registered".into(),
            summary: summary.into(),
            load: None,
            lines_registered: 1,
            lines_total: 2,
            since: Timestamp::from_second(1_795_243_027).unwrap(),
        };
        (mac, status)
    }

    fn rows(statuses: &[(&str, Stage)]) -> Rows {
        statuses
            .iter()
            .map(|(mac, stage)| status(mac, *stage, ""))
            .map(|(mac, s)| (mac, Arc::new(Row::of(&s))))
            .collect()
    }

    #[test]
    fn only_what_changed_is_written() {
        let before = rows(&[
            ("001B54AABB01", Stage::Silent),
            ("001B54AABB02", Stage::Registered),
            ("001B54AABB03", Stage::Silent),
        ]);
        let after = rows(&[
            ("001B54AABB01", Stage::Registered),
            ("001B54AABB02", Stage::Registered),
            ("001B54AABB04", Stage::Silent),
        ]);
        let difference = difference(&before, &after);
        let written: Vec<String> = difference.write.keys().map(ToString::to_string).collect();
        assert_eq!(written, ["001B54AABB01", "001B54AABB04"]);
        assert_eq!(difference.remove, ["001B54AABB03".parse().unwrap()]);
        assert_eq!(super::difference(&after, &after), Difference::default());
    }

    #[test]
    fn fields_as_the_contract_names_them() {
        let (_, status) = status("001B54AABB01", Stage::Partial, " one\r\nof two ");
        let row = Row::of(&status);
        let fields: Vec<(&str, Option<&str>)> = row.fields().collect();
        assert_eq!(
            fields,
            [
                ("ip", Some("10.0.0.5")),
                ("stage", Some("partial")),
                ("health", Some("needs-hands")),
                ("reason", Some("registered")),
                ("summary", Some("one  of two")),
                ("load_id", None),
                ("lines_registered", Some("1")),
                ("lines_total", Some("2")),
                ("since", Some("2026-11-21 06:37:07")),
            ]
        );
    }

    #[test]
    fn text_is_cut_between_characters() {
        for (text, characters, octets) in
            [("ä".repeat(300), 255, 510), ("😀".repeat(300), 240, 960), ("x".repeat(300), 255, 255)]
        {
            let cut = cut(&text, 255).unwrap();
            assert_eq!((cut.chars().count(), cut.len()), (characters, octets));
        }
        assert_eq!(cut("\r\n ", 255), None);
    }
}
