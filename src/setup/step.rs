//! A plan: steps with their reasons, and the actions they are made of. Pure; what is shown is what is done.

use std::path::PathBuf;

use ipnet::Ipv4Net;
use serde::Serialize;

use super::fence;
use super::grants;
use crate::domain::Secret;

/// One thing that setup sees to.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// Its name.
    pub id: &'static str,
    /// What would be changed, as the words after "setup would" have it.
    pub what: String,
    /// What it is good for.
    pub why: String,
    /// How it stands.
    pub status: Status,
    /// What stands in the way, or a remark; may be empty.
    pub note: String,
    /// The exact commands, statements and texts.
    pub commands: Vec<String>,
    /// How `--undo` takes it back.
    pub undo: String,
    /// The same as actions.
    #[serde(skip)]
    pub actions: Vec<Action>,
}

/// How a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It is as it should be.
    Done,
    /// Setup can do it.
    Todo,
    /// Setup did it.
    Changed,
    /// The admin said no.
    Declined,
    /// Setup may not or cannot; the commands say what is left to the admin.
    ByHand,
    /// It was tried.
    Failed,
    /// It is done when asked for by an option.
    NotAsked,
}

impl Status {
    /// In a list.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Todo => "to do",
            Self::Changed => "changed",
            Self::Declined => "declined",
            Self::ByHand => "by hand",
            Self::Failed => "failed",
            Self::NotAsked => "not asked for",
        }
    }
}

impl Step {
    /// A step that is done already.
    pub fn done(id: &'static str, what: impl Into<String>) -> Self {
        Self {
            id,
            what: what.into(),
            why: String::new(),
            status: Status::Done,
            note: String::new(),
            commands: Vec::new(),
            undo: String::new(),
            actions: Vec::new(),
        }
    }

    /// A step that setup can do.
    pub fn todo(id: &'static str, what: impl Into<String>, why: &str, actions: Vec<Action>, undo: &str) -> Self {
        let commands = actions.iter().flat_map(Action::shown).collect();
        Self {
            why: why.to_owned(),
            status: Status::Todo,
            commands,
            undo: undo.to_owned(),
            actions,
            ..Self::done(id, what)
        }
    }

    /// The same, left to the admin.
    #[must_use]
    pub fn by_hand(self, note: impl Into<String>) -> Self {
        Self { status: Status::ByHand, note: note.into(), actions: Vec::new(), undo: String::new(), ..self }
    }

    /// With a remark.
    #[must_use]
    pub fn noting(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }
}

/// What is done; each can be done again.
#[derive(Clone, Debug)]
pub enum Action {
    /// A program, run to its end. Its exit status counts, its output is not read.
    Run(Vec<String>),
    /// Copies the module into FreePBX's folder, owned as that folder is.
    CopyModule {
        /// Where the package has it.
        from: PathBuf,
        /// `…/admin/modules/offhook`
        to: PathBuf,
    },
    /// `fwconsole ma install offhook`, and a look whether FreePBX has the module then.
    InstallModule,
    /// Statements on the PBX's database that make our tables.
    Tables(Vec<&'static str>),
    /// The PBX's tables in a SQLite file of the daemon's.
    Sqlite(PathBuf),
    /// The account: made, given its grants, and a new password where nobody knows the old one.
    Account {
        /// `create user`, where it is not there.
        create: bool,
        /// Rights it lacks.
        grants: Vec<&'static str>,
        /// Whether it gets a new password.
        password: bool,
    },
    /// A secret for the manager user: `ami.secret` and the fenced block.
    Manager {
        /// `manager_custom.conf`
        file: PathBuf,
        /// `ami.secret`
        secret: PathBuf,
    },
    /// A login as the manager user.
    Login,
    /// A TFTP server's units are stopped in this order, now and at boot.
    StopUnits(Vec<String>),
    /// xinetd's TFTP service is switched off.
    Xinetd(PathBuf),
    /// A network is trusted in FreePBX's firewall.
    Trust(Ipv4Net),
    /// User `offhook` joins the group `asterisk`.
    JoinGroup,
    /// `conf.d/10-setup.toml`, once the daemon's own loader takes it.
    WriteConf {
        /// Where.
        file: PathBuf,
        /// Its text without a new password.
        shown: String,
    },
    /// Waits until the daemon answers.
    Answer,
}

/// A command of these words.
pub fn run(words: &[&str]) -> Action {
    Action::Run(words.iter().map(|&word| word.to_owned()).collect())
}

/// Installs the module that lies in FreePBX's folder.
pub const INSTALL: [&str; 4] = ["fwconsole", "ma", "install", "offhook"];

/// What stands for a secret that is made when it is needed.
pub const MADE_THEN: &str = "a-long-random-word";

impl Action {
    /// What one would type or write to do it by hand.
    pub fn shown(&self) -> Vec<String> {
        let ended = |statement: &&str| format!("{statement};");
        match self {
            Self::Run(words) => vec![words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")],
            Self::CopyModule { from, to } => {
                let parent = to.parent().unwrap_or(to).display();
                vec![
                    format!("cp -r {} {}", from.display(), to.display()),
                    format!("chown -R --reference={parent} {}", to.display()),
                ]
            }
            Self::InstallModule => vec![INSTALL.join(" ")],
            Self::Tables(statements) => statements.iter().map(ended).collect(),
            Self::Sqlite(file) => vec![format!(
                "sqlite3 {} </usr/share/offhook/sql/demo-sqlite.sql && chown offhook:offhook {0} && chmod 600 {0}",
                file.display()
            )],
            Self::Account { create, grants, password } => {
                let create = create.then(grants::create_user);
                let password =
                    password.then(|| format!("alter user 'offhook'@'localhost' identified by '{MADE_THEN}';"));
                create.iter().chain(grants).map(ended).chain(password).collect()
            }
            Self::Manager { file, secret } => vec![
                format!("in {}:\n{}", file.display(), fence::stanza(&Secret::new(MADE_THEN)).trim_end()),
                format!("echo {MADE_THEN} | install -m 640 -g offhook /dev/stdin {}", secret.display()),
            ],
            Self::Login | Self::Answer => vec!["offhook check".to_owned()],
            Self::StopUnits(units) => {
                let both = |unit: &String| ["stop", "disable"].map(|verb| format!("systemctl {verb} {unit}"));
                units.iter().flat_map(both).collect()
            }
            Self::Xinetd(file) => {
                vec![format!("in {}: disable = yes", file.display()), "systemctl reload xinetd".to_owned()]
            }
            Self::Trust(network) => vec![format!("fwconsole firewall trust {network}")],
            Self::JoinGroup => vec!["adduser offhook asterisk".to_owned()],
            Self::WriteConf { file, shown } => vec![format!("{}:\n{}", file.display(), shown.trim_end())],
        }
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./=:@%+,".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Everything that setup sees to, in order.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// What was found, one sentence each.
    pub found: Vec<String>,
    /// The steps.
    pub steps: Vec<Step>,
}
