//! What setup changed, written before it is changed: `setup-undo.json`, for root alone.
//!
//! A file that was written is known again by a fingerprint of its text, so that what the admin edited since is left alone
//! and no secret is kept here.

use std::path::{Path, PathBuf};

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
        /// Those it may still have while it is not known that the new one was written.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        was: Vec<String>,
    },
    /// A file of our own.
    File {
        /// Where.
        file: PathBuf,
        /// Fingerprint of its text.
        left: String,
        /// Those it may still have while it is not known that the new one was written.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        was: Vec<String>,
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
        /// Whether it was not trusted before; `false` where that could not be seen.
        #[serde(default)]
        ours: bool,
        /// The zone it was in before, if it was in one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<String>,
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
                    (
                        Change::File { left: old, was: older, .. } | Change::ManagerBlock { left: old, was: older, .. },
                        mut change,
                    ) => {
                        if let Change::File { was, .. } | Change::ManagerBlock { was, .. } = &mut change {
                            was.extend(older.iter().chain([old]).cloned());
                        }
                        change
                    }
                    (_, change) => change,
                };
                *old = change;
            }
            None => self.changes.push(change),
        }
    }

    /// Whether setup left this text there, as a file or as the block in it.
    pub fn knows(&self, path: &Path, text: &str) -> bool {
        self.changes.iter().any(|change| change.file().is_some_and(|file| file == path) && change.left(text))
    }

    /// What was to be written there is written: nothing else counts as ours.
    pub fn written(&mut self, path: &Path) {
        for change in &mut self.changes {
            if let Change::ManagerBlock { file, was, .. } | Change::File { file, was, .. } = change
                && file == path
            {
                was.clear();
            }
        }
    }

    /// Whether the database account is of our making.
    pub fn has_account(&self) -> bool {
        self.changes.iter().any(|change| matches!(change, Change::Account { .. }))
    }
}

impl Change {
    /// A file of our own with this text.
    pub fn of_file(file: &Path, text: &str) -> Self {
        Self::File { file: file.to_owned(), left: fingerprint(text), was: Vec::new() }
    }

    /// The fenced block with this text.
    pub fn of_block(file: &Path, text: &str) -> Self {
        Self::ManagerBlock { file: file.to_owned(), left: fingerprint(text), was: Vec::new() }
    }

    fn file(&self) -> Option<&Path> {
        match self {
            Self::ManagerBlock { file, .. } | Self::File { file, .. } | Self::Xinetd { file, .. } => Some(file),
            _ => None,
        }
    }

    /// Whether this is the text that was left.
    pub fn left(&self, text: &str) -> bool {
        let print = fingerprint(text);
        match self {
            Self::ManagerBlock { left, was, .. } | Self::File { left, was, .. } => {
                *left == print || was.contains(&print)
            }
            Self::Xinetd { left, .. } => *left == print,
            _ => false,
        }
    }

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
            Self::Trusted { network, .. } => network.clone(),
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
        let text = serde_json::to_string(&journal).unwrap();
        assert_eq!(serde_json::from_str::<Journal>(&text).unwrap(), journal);
    }

    #[test]
    fn a_write_that_failed_makes_nothing_the_admin_s() {
        let mut journal = Journal::default();
        let file = Path::new("/etc/offhook/conf.d/10-setup.toml");
        for text in ["first", "second", "third"] {
            journal.note(Change::of_file(file, text));
        }
        assert!(["first", "second", "third"].iter().all(|text| journal.knows(file, text)), "{journal:?}");
        assert!(!journal.knows(file, "edited") && !journal.knows(Path::new("/other"), "first"));
        let text = serde_json::to_string(&journal).unwrap();
        assert_eq!(serde_json::from_str::<Journal>(&text).unwrap(), journal);
        journal.written(file);
        assert!(journal.knows(file, "third") && !journal.knows(file, "first"));
    }
}
