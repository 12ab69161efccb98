//! Takes back what the journal says, newest first. Only what is still as setup left it: what was edited since is the
//! admin's, and what holds phones stays.

use ipnet::Ipv4Net;
use serde::Serialize;

use super::apply::save;
use super::facts::{Facts, TextFile};
use super::files::{self, Attributes};
use super::journal::Change;
use super::program::{program, remove_folder};
use super::step::{Action, run};
use super::{database, fence, gather};

/// What would be taken back.
#[derive(Clone, Debug, Serialize)]
pub struct Undo {
    /// In words.
    pub what: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The entry of the journal.
    #[serde(skip)]
    pub change: Change,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Not yet.
    Todo,
    /// It is as it was before.
    Undone,
    /// It stays; why, and what to do.
    Left(String),
    /// The same, and the journal keeps it for another run.
    Kept(String),
    /// The admin said no.
    Declined,
    /// It was tried; why not.
    Failed(String),
}

/// What there is to undo, in the order it is done.
pub fn plan(facts: &Facts) -> Vec<Undo> {
    let entries = facts.journal.changes.iter().rev();
    entries.map(|change| Undo { what: what(change), outcome: Outcome::Todo, change: change.clone() }).collect()
}

fn what(change: &Change) -> String {
    match change {
        Change::Module { folder } => format!("uninstall the FreePBX module and remove {}", folder.display()),
        Change::Tables { database } => format!("the tables of phones in database {database}"),
        Change::Account { .. } => "drop the database account 'offhook'@'localhost'".to_owned(),
        Change::ManagerBlock { file, .. } => {
            format!("take the manager user offhook out of {}, and family offhook out of AstDB", file.display())
        }
        Change::File { file, .. } => format!("remove {}", file.display()),
        Change::Sqlite { file } => format!("the phones' file {}", file.display()),
        Change::Unit { unit, enabled: true } => format!("enable and start {unit} again"),
        Change::Unit { unit, enabled: false } => format!("start {unit} again"),
        Change::Xinetd { file, .. } => format!("switch xinetd's TFTP on again in {}", file.display()),
        Change::Trusted { network, before, .. } => {
            let back = before.as_ref().map(|zone| format!(", back into zone {zone}")).unwrap_or_default();
            format!("take {network} out of what FreePBX's firewall trusts{back}")
        }
        Change::Group => "take user offhook out of the group asterisk".to_owned(),
    }
}

/// Whether the daemon has to stop first: port 69 goes back to another server, or what it writes is taken away.
pub fn stops_daemon(facts: &Facts) -> bool {
    let stops =
        |change: &Change| matches!(change, Change::Unit { .. } | Change::Xinetd { .. } | Change::ManagerBlock { .. });
    facts.journal.changes.iter().any(stops)
}

/// Stops the daemon, or starts it anew.
///
/// # Errors
/// systemd refused, or is not there.
pub async fn daemon(verb: &str) -> Result<(), String> {
    program(&["systemctl", verb, "offhook"].map(str::to_owned)).await
}

/// Takes one change back. What is done with leaves the journal.
pub async fn undo(facts: &mut Facts, change: &Change) -> Outcome {
    let outcome = match take_back(facts, change).await {
        Ok(Outcome::Kept(why)) => return Outcome::Kept(why),
        Ok(outcome) => outcome,
        Err(why) => return Outcome::Failed(why),
    };
    facts.journal.changes.retain(|entry| entry != change);
    match save(facts) {
        Ok(()) => outcome,
        Err(why) => Outcome::Failed(why),
    }
}

/// Whether this is the configuration that setup wrote, or what it points at, and the admin has made that his.
fn in_use(facts: &Facts, change: &Change) -> bool {
    let conf = facts.paths.setup_conf();
    let noted = |entry: &Change| matches!(entry, Change::File { file, .. } if *file == conf);
    let edited = || match files::read(&conf) {
        TextFile::Absent => false,
        TextFile::Text(text) => !facts.journal.knows(&conf, &text),
        TextFile::Unusable(_) => true,
    };
    let concerns = match change {
        Change::Account { .. } | Change::ManagerBlock { .. } => true,
        Change::File { file, .. } => *file == conf || *file == facts.paths.ami_secret(),
        _ => false,
    };
    concerns && facts.journal.changes.iter().any(noted) && edited()
}

async fn take_back(facts: &Facts, change: &Change) -> Result<Outcome, String> {
    if in_use(facts, change) {
        return Ok(Outcome::Kept(format!(
            "{} was edited since setup wrote it, so it is yours, with the accounts that it uses; to undo those, move it away and run offhook setup --undo again",
            facts.paths.setup_conf().display()
        )));
    }
    match change {
        Change::Module { folder } => {
            if !folder.exists() {
                return Ok(Outcome::Undone);
            }
            // One that was copied and could not be installed is refused by `fwconsole`, and there is nothing to uninstall.
            let access = gather::freepbx_access(&facts.paths).ok().and_then(Result::ok);
            if database::has_module(&facts.database, access.as_ref()).await != Ok(false) {
                command(&["fwconsole", "ma", "uninstall", "offhook"]).await?;
            }
            remove_folder(folder).await.map(|()| Outcome::Undone)
        }
        Change::Tables { database } => Ok(Outcome::Left(format!(
            "they hold the phones; to lose those: mariadb {database} -e 'drop table offhook_lines, offhook_phones, offhook_status'"
        ))),
        Change::Sqlite { file } => {
            Ok(Outcome::Left(format!("it holds the phones; to lose those: rm {}", file.display())))
        }
        Change::Account { .. } => database::drop_account(&facts.database).await.map(|()| Outcome::Undone),
        Change::ManagerBlock { file, .. } => {
            let text = match files::read(file) {
                TextFile::Text(text) => text,
                TextFile::Absent => return Ok(Outcome::Undone),
                TextFile::Unusable(why) => return Ok(Outcome::Left(why)),
            };
            let Some(block) = fence::block(&text) else { return Ok(Outcome::Undone) };
            if !change.left(block) {
                return Ok(edited(file));
            }
            // A file that is empty now stays: manager.conf may include it, and then it has to be there.
            files::replace(file, &fence::without_block(&text), Attributes { owner: None, mode: 0o640 })?;
            command(&["asterisk", "-rx", "manager reload"]).await?;
            // What the daemon wrote there with that account: nobody would bring it up to date any more.
            command(&["asterisk", "-rx", "database deltree offhook"]).await.map(|()| Outcome::Undone)
        }
        Change::File { file, .. } => match files::read(file) {
            TextFile::Absent => Ok(Outcome::Undone),
            TextFile::Text(text) if change.left(&text) => files::remove(file).map(|()| Outcome::Undone),
            TextFile::Text(_) => Ok(edited(file)),
            TextFile::Unusable(why) => Ok(Outcome::Left(why)),
        },
        Change::Unit { unit, enabled } => {
            if *enabled {
                command(&["systemctl", "enable", unit]).await?;
            }
            command(&["systemctl", "start", unit]).await.map(|()| Outcome::Undone)
        }
        Change::Xinetd { file, before, .. } => {
            let TextFile::Text(text) = files::read(file) else { return Ok(Outcome::Undone) };
            let Some(block) = fence::xinetd_block(&text) else { return Ok(Outcome::Undone) };
            if !change.left(block) {
                return Ok(edited(file));
            }
            files::replace(file, &text.replacen(block, before, 1), Attributes { owner: None, mode: 0o644 })?;
            command(&["systemctl", "reload", "xinetd"]).await.map(|()| Outcome::Undone)
        }
        Change::Trusted { network, ours: false, .. } => Ok(Outcome::Left(format!(
            "whether it was trusted before setup could not be seen; if nobody else needs it: fwconsole firewall untrust {network}"
        ))),
        Change::Trusted { network, ours: true, before } => {
            // The kernel's rule of the one zone goes before that of the other comes.
            let untrusted = command(&["fwconsole", "firewall", "untrust", network]).await;
            // It is out of the list, too, where the firewall cannot be told, as without Sysadmin.
            let gone = |trusted: Vec<Ipv4Net>| !trusted.iter().any(|net| net.to_string() == *network);
            if !gather::zone("trusted").await.is_some_and(gone) {
                untrusted?;
            }
            if let Some(zone) = before {
                command(&["fwconsole", "firewall", "add", zone, network]).await?;
            }
            Ok(Outcome::Undone)
        }
        Change::Group => command(&["deluser", "offhook", "asterisk"]).await.map(|()| Outcome::Undone),
    }
}

fn edited(file: &std::path::Path) -> Outcome {
    Outcome::Left(format!(
        "{} was edited since setup wrote it, so it is yours: take out by hand what is not wanted",
        file.display()
    ))
}

async fn command(words: &[&str]) -> Result<(), String> {
    match run(words) {
        Action::Run(words) => program(&words).await,
        _ => Ok(()),
    }
}
