//! What setup changed, written before it is changed: `setup-undo.json`, for root alone.
//!
//! A file that was written is known again by a fingerprint of its text, so that what the admin edited since is left alone
//! and no secret is kept here.

use std::path::PathBuf;

use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Change {
    /// The module was copied into FreePBX's folder and installed.
    Module {
        /// The folder.
        folder: PathBuf,
    },
    /// Our tables were made. They hold the phones and stay.
    Tables {
        /// Their database.
        database: String,
    },
    /// The account `offhook`@`localhost` was made, or one without a password was given one.
    Account {
        /// A database its grants are in.
        database: String,
    },
    /// The fenced block.
    ManagerBlock {
        /// The file it is in.
        file: PathBuf,
        /// Fingerprint of the block.
        left: String,
    },
    /// A file of our own.
    File {
        /// Where.
        file: PathBuf,
        /// Fingerprint of its text.
        left: String,
    },
    /// A SQLite file with the PBX's tables. It holds the phones and stays.
    Sqlite {
        /// Where.
        file: PathBuf,
    },
    /// A TFTP server's unit was stopped.
    Unit {
        /// Its name.
        unit: String,
        /// Whether it was started at boot.
        enabled: bool,
    },
    /// xinetd's TFTP service was switched off.
    Xinetd {
        /// The service's file.
        file: PathBuf,
        /// Fingerprint of what was put in.
        left: String,
        /// The line that stood there.
        before: String,
    },
    /// A network was trusted in FreePBX's firewall.
    Trusted {
        /// The network.
        network: String,
    },
    /// User `offhook` was put into the group `asterisk`.
    Group,
}

/// All changes, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// In the order they were made.
    pub changes: Vec<Change>,
}

impl Journal {
    /// Adds a change; one of the same thing is replaced in its place.
    pub fn note(&mut self, change: Change) {
        match self.changes.iter_mut().find(|old| old.thing() == change.thing()) {
            Some(old) => {
                // What stood there before us is what the first change found.
                let change = match (&*old, change) {
                    (Change::Xinetd { before, .. }, Change::Xinetd { file, left, .. }) => {
                        Change::Xinetd { file, left, before: before.clone() }
                    }
                    (Change::Unit { enabled, .. }, Change::Unit { unit, enabled: now }) => {
                        Change::Unit { unit, enabled: *enabled || now }
                    }
                    (_, change) => change,
                };
                *old = change;
            }
            None => self.changes.push(change),
        }
    }

    /// The fingerprint under which a file or a block was left.
    pub fn left(&self, path: &std::path::Path) -> Option<&str> {
        self.changes.iter().find_map(|change| match change {
            Change::ManagerBlock { file, left } | Change::File { file, left } | Change::Xinetd { file, left, .. } => {
                (file == path).then_some(left.as_str())
            }
            _ => None,
        })
    }

    /// Whether the database account is of our making.
    pub fn has_account(&self) -> bool {
        self.changes.iter().any(|change| matches!(change, Change::Account { .. }))
    }
}

impl Change {
    /// What two entries about the same thing have in common.
    fn thing(&self) -> (std::mem::Discriminant<Self>, String) {
        let name = match self {
            Self::Module { folder: path }
            | Self::ManagerBlock { file: path, .. }
            | Self::File { file: path, .. }
            | Self::Sqlite { file: path }
            | Self::Xinetd { file: path, .. } => path.display().to_string(),
            Self::Tables { database } | Self::Account { database } => database.clone(),
            Self::Unit { unit, .. } => unit.clone(),
            Self::Trusted { network } => network.clone(),
            Self::Group => String::new(),
        };
        (std::mem::discriminant(self), name)
    }
}

/// A text's fingerprint: against an editor, not against an attacker, who could change the journal as well.
pub fn fingerprint(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().fold(String::new(), |out, byte| out + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_thing_is_noted_once_with_what_was_there_first() {
        let mut journal = Journal::default();
        let file = PathBuf::from("/etc/xinetd.d/tftp");
        journal.note(Change::Unit { unit: "tftpd-hpa.service".into(), enabled: true });
        for (left, before) in [("a", "disable = no"), ("b", "disable = yes")] {
            journal.note(Change::Xinetd { file: file.clone(), left: left.into(), before: before.into() });
        }
        journal.note(Change::Unit { unit: "tftpd-hpa.service".into(), enabled: false });
        assert_eq!(
            journal.changes,
            [
                Change::Unit { unit: "tftpd-hpa.service".into(), enabled: true },
                Change::Xinetd { file: file.clone(), left: "b".into(), before: "disable = no".into() },
            ]
        );
        assert_eq!(journal.left(&file), Some("b"));
        let text = serde_json::to_string(&journal).unwrap();
        assert_eq!(serde_json::from_str::<Journal>(&text).unwrap(), journal);
    }
}
