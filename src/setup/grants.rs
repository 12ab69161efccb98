//! The statements of `contrib/sql`, one by one, and which of them a database still lacks. Pure.

use std::collections::BTreeSet;

/// The daemon's account and its rights.
const GRANTS: &str = include_str!("../../contrib/sql/grants.sql");

/// Our tables.
const TABLES: &str = include_str!("../../contrib/sql/offhook-mariadb.sql");

/// Our tables by name.
pub const OURS: [&str; 3] = ["offhook_phones", "offhook_lines", "offhook_status"];

/// What an account may do with one table; `*` = all of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The table.
    pub table: String,
    /// Rights, lower case.
    pub rights: BTreeSet<String>,
}

impl Grant {
    /// Reads `grant select, insert on users to …`, as written or as the server shows it.
    pub fn parse(statement: &str) -> Option<Self> {
        let (head, rest) = statement.trim().split_at_checked("grant ".len())?;
        if !head.eq_ignore_ascii_case("grant ") {
            return None;
        }
        let lower = rest.to_ascii_lowercase();
        let on = lower.find(" on ")?;
        let to = lower.get(on..)?.find(" to ")? + on;
        let rights = lower.get(..on)?.split(',').map(|right| right.trim().to_owned()).collect();
        let object = rest.get(on + " on ".len()..to)?.replace('`', "");
        let table = object.rsplit('.').next()?.trim().to_owned();
        Some(Self { table, rights })
    }

    /// Whether these give at least that.
    fn within(&self, granted: &[Self]) -> bool {
        let covers = |other: &&Self| other.table == "*" || other.table == self.table;
        let held: BTreeSet<&String> = granted.iter().filter(covers).flat_map(|grant| &grant.rights).collect();
        held.contains(&"all privileges".to_owned()) || self.rights.iter().all(|right| held.contains(right))
    }
}

/// What to execute for the account, and what cannot be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Statements whose rights are missing.
    pub statements: Vec<&'static str>,
    /// Tables that are not there, so that nothing can be granted on them.
    pub absent: Vec<String>,
}

/// `create user …`
pub fn create_user() -> &'static str {
    statements(GRANTS).find(|statement| statement.starts_with("create user")).unwrap_or_default()
}

/// Which grants the account lacks, in a database with these tables.
pub fn missing(tables: &BTreeSet<String>, granted: &[Grant]) -> Missing {
    let mut missing = Missing::default();
    for statement in statements(GRANTS) {
        let Some(grant) = Grant::parse(statement) else { continue };
        if !tables.contains(&grant.table) {
            missing.absent.push(grant.table);
        } else if !grant.within(granted) {
            missing.statements.push(statement);
        }
    }
    missing
}

/// All tables that the account has rights on.
pub fn named() -> BTreeSet<String> {
    statements(GRANTS).filter_map(Grant::parse).map(|grant| grant.table).collect()
}

/// What makes our tables.
pub fn tables() -> Vec<&'static str> {
    statements(TABLES).collect()
}

/// The statements of a file of ours: comments stand on lines of their own.
fn statements(sql: &'static str) -> impl Iterator<Item = &'static str> {
    sql.split(";\n").map(without_comments).filter(|statement| !statement.is_empty())
}

fn without_comments(text: &'static str) -> &'static str {
    let mut text = text.trim();
    while text.starts_with("--") {
        text = text.split_once('\n').map_or("", |(_, rest)| rest.trim_start());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn every_statement_of_the_files_is_taken() {
        assert!(create_user().starts_with("create user if not exists 'offhook'@'localhost'"), "{}", create_user());
        assert_eq!(tables().len(), OURS.len());
        for (statement, name) in tables().iter().zip(OURS) {
            assert!(statement.starts_with(&format!("create table if not exists {name} (")), "{statement}");
        }
        let all: Vec<&str> = statements(GRANTS).collect();
        assert_eq!(all.len(), GRANTS.lines().filter(|line| line.ends_with(';')).count());
        // A table that no grant names is one that the daemon cannot read.
        let read = ["users", "devices", "sip", "admin", "sipsettings", "featurecodes", "kvstore_Sipsettings"];
        assert!(named().is_superset(&set(&read)) && named().is_superset(&set(&OURS)), "{:?}", named());
    }

    #[test]
    fn what_the_server_shows_is_read() {
        for (text, table, rights) in [
            (
                "GRANT SELECT ON `asterisk`.`kvstore_Sipsettings` TO `offhook`@`localhost`",
                "kvstore_Sipsettings",
                vec!["select"],
            ),
            (
                "GRANT SELECT, INSERT, UPDATE, DELETE ON `a`.`offhook_status` TO `offhook`@`localhost`",
                "offhook_status",
                vec!["delete", "insert", "select", "update"],
            ),
            ("GRANT ALL PRIVILEGES ON `asterisk`.* TO `offhook`@`localhost`", "*", vec!["all privileges"]),
        ] {
            assert_eq!(Grant::parse(text), Some(Grant { table: table.into(), rights: set(&rights) }), "{text}");
        }
        for text in ["", "grant", "create user x", "grant select users"] {
            assert_eq!(Grant::parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_what_is_missing_is_granted_and_absent_tables_are_named() {
        let grant = |table: &str, rights: &[&str]| Grant { table: table.into(), rights: set(rights) };
        let tables = set(&["users", "offhook_status"]);
        let none = missing(&tables, &[]);
        assert_eq!(none.statements.len(), 2);
        assert!(none.absent.contains(&"featurecodes".to_owned()) && none.absent.len() == 8, "{none:?}");
        let some = missing(&tables, &[grant("users", &["select"]), grant("offhook_status", &["select", "insert"])]);
        assert_eq!(some.statements.len(), 1, "{some:?}");
        assert_eq!(missing(&tables, &[grant("*", &["all privileges"])]).statements, Vec::<&str>::new());
        let rest = [grant("users", &["select"]), grant("*", &["select", "insert", "update", "delete"])];
        assert_eq!(missing(&tables, &rest).statements, Vec::<&str>::new());
    }
}
