//! Does what the plan says, one action after another. Each is in the journal before it is done.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use ipnet::Ipv4Net;
use rand::distr::{Alphanumeric, SampleString as _};
use tokio::time::Instant;

use super::facts::{Facts, TextFile, Wishes};
use super::files::{self, Attributes};
use super::journal::{Change, fingerprint};
use super::program::{copy_folder, output, program};
use super::step::{Action, INSTALL, Step, run};
use super::{database, fence, gather, manager, plan, port};
use crate::config;
use crate::domain::Secret;

/// How long a daemon that was started anew may take to answer.
const START: Duration = Duration::from_secs(30);

/// A run of setup.
pub struct Run {
    /// What was found, and the journal as it grows.
    pub facts: Facts,
    /// What was asked for.
    pub wishes: Wishes,
    /// A new password of the database account, until it is in the configuration.
    password: Option<Secret>,
}

impl Run {
    /// Over these facts.
    pub fn new(facts: Facts, wishes: Wishes) -> Self {
        Self { facts, wishes, password: None }
    }

    /// The step as it would be done now: an account that was declined, or made, is in the file or is not.
    #[must_use]
    pub fn fresh(&self, step: &Step) -> Step {
        let wanted = || plan::shown(&plan::wanted_conf(&self.facts, &self.wishes, self.password.as_ref()));
        let fresh = |action: &Action| match action {
            Action::WriteConf { file, .. } => Action::WriteConf { file: file.clone(), shown: wanted() },
            action => action.clone(),
        };
        let actions: Vec<Action> = step.actions.iter().map(fresh).collect();
        let commands =
            if actions.is_empty() { step.commands.clone() } else { actions.iter().flat_map(Action::shown).collect() };
        Step { commands, actions, ..step.clone() }
    }

    /// Does a step.
    ///
    /// # Errors
    /// What was tried, on what, and why it did not work; the step can be done again.
    pub async fn step(&mut self, step: &Step) -> Result<(), String> {
        for action in &step.actions {
            self.action(action).await?;
        }
        Ok(())
    }

    async fn action(&mut self, action: &Action) -> Result<(), String> {
        match action {
            Action::Run(words) => program(words).await,
            Action::CopyModule { from, to } => {
                self.note(Change::Module { folder: to.clone() })?;
                copy_folder(from, to).await
            }
            Action::InstallModule => self.install().await,
            Action::Tables(statements) => {
                self.note(Change::Tables { database: self.facts.database.name.clone() })?;
                let access = self.freepbx_access();
                database::make_tables(&self.facts.database, access.as_ref(), statements).await
            }
            Action::Sqlite(file) => self.sqlite(file).await,
            Action::Account { create, grants, password } => self.account(*create, grants, *password).await,
            Action::Manager { file, secret } => self.manager(file, secret),
            Action::Login => {
                let secret = gather::read_secret(&self.facts.paths).ok_or("ami.secret is empty")?;
                let port = fence::manager_port(&self.facts.manager.main);
                let login = manager::login(port, &secret).await;
                login.map_err(|why| format!("the manager user was written and cannot log in: {why}; see that manager.conf says enabled = yes and nothing else refuses it"))
            }
            Action::StopUnits(units) => self.stop(units).await,
            Action::Xinetd(file) => self.xinetd(file),
            Action::Trust(network) => {
                if !plan::conf_is_theirs(&self.facts) {
                    let text = plan::wanted_conf(&self.facts, &self.wishes, self.password.as_ref()).emit();
                    self.tried(&self.facts.paths.setup_conf(), &text)?;
                }
                self.trust(*network).await
            }
            Action::JoinGroup => {
                self.note(Change::Group)?;
                self.action_run(&["adduser", "offhook", "asterisk"]).await
            }
            Action::WriteConf { file, .. } => self.configuration(file),
            Action::Answer => answer(&gather::socket(&self.facts)).await,
        }
    }

    async fn trust(&mut self, network: Ipv4Net) -> Result<(), String> {
        let mut before = None;
        for zone in ["internal", "external", "other"] {
            if gather::zone(zone).await.is_some_and(|networks| networks.contains(&network)) {
                before = Some(zone.to_owned());
            }
        }
        // Where it is not known what was trusted before, nobody can say whose this is.
        let ours = self.facts.trusted.is_some();
        self.note(Change::Trusted { network: network.to_string(), ours, before })?;
        self.action_run(&["fwconsole", "firewall", "trust", &network.to_string()]).await?;
        // What it refuses it says, and ends with 0.
        match gather::zone("trusted").await {
            Some(trusted) if !trusted.contains(&network) => Err(format!(
                "`fwconsole firewall trust {network}` ended well and FreePBX's firewall does not list {network} as trusted; add it in FreePBX: Connectivity, Firewall, Networks"
            )),
            _ => Ok(()),
        }
    }

    /// `fwconsole` ends with 0 when a module that this one needs is missing, too (measured on FreePBX 16).
    async fn install(&self) -> Result<(), String> {
        let said = output(&INSTALL.map(str::to_owned), None).await?;
        if database::has_module(&self.facts.database, self.freepbx_access().as_ref()).await? {
            return Ok(());
        }
        let reasons: Vec<&str> = said.lines().filter_map(|line| line.trim().strip_prefix("- ")).collect();
        let reasons = if reasons.is_empty() { "it does not say why".to_owned() } else { reasons.join("; ") };
        Err(format!("`{}` ended well and FreePBX did not install the module: {reasons}", INSTALL.join(" ")))
    }

    async fn stop(&mut self, units: &[String]) -> Result<(), String> {
        // Undone from the last to the first: a socket cannot be started once its service has the port.
        for unit in units.iter().rev() {
            let enabled = program(&["systemctl", "is-enabled", "--quiet", unit].map(str::to_owned)).await.is_ok();
            self.note(Change::Unit { unit: unit.clone(), enabled })?;
        }
        for unit in units {
            // Not `disable --now`: of a unit that is made from an init script, as Debian's tftpd-hpa is, that stops
            // nothing (measured with systemd 252).
            self.action_run(&["systemctl", "stop", unit]).await?;
            self.action_run(&["systemctl", "disable", unit]).await?;
        }
        match gather::tftp(&self.facts.paths) {
            Some(holder) if port::taking(Some(&holder)) != port::Taking::Ours => Err(format!(
                "{} stopped and {} has port 69; free it, then systemctl restart offhook",
                units.join(" and "),
                holder.named()
            )),
            _ => Ok(()),
        }
    }

    async fn action_run(&self, words: &[&str]) -> Result<(), String> {
        match run(words) {
            Action::Run(words) => program(&words).await,
            _ => Ok(()),
        }
    }

    fn freepbx_access(&self) -> Option<crate::pbx::sources::freepbx_conf::DatabaseAccess> {
        gather::freepbx_access(&self.facts.paths).ok()?.ok()
    }

    /// Owner and mode of our own files: the daemon reads what holds secrets, and nobody else.
    fn ours(&self) -> Attributes {
        let group = gather::id_of(&self.facts.paths.at("etc/group"), "offhook");
        Attributes { owner: group.map(|group| (0, group)), mode: 0o640 }
    }

    fn note(&mut self, change: Change) -> Result<(), String> {
        self.facts.journal.note(change);
        save(&self.facts)
    }

    fn written(&mut self, file: &Path) -> Result<(), String> {
        self.facts.journal.written(file);
        save(&self.facts)
    }

    async fn account(&mut self, create: bool, grants: &[&'static str], password: bool) -> Result<(), String> {
        // One that was there with a password, and works, is not ours to take away.
        if create || password {
            self.note(Change::Account { database: self.facts.database.name.clone() })?;
        }
        let password = password.then(|| Secret::new(Alphanumeric.sample_string(&mut rand::rng(), 32)));
        database::make_account(&self.facts.database, create, grants, password.as_ref()).await?;
        self.password = password;
        Ok(())
    }

    fn manager(&mut self, file: &Path, secret_file: &Path) -> Result<(), String> {
        let secret = if let Some(secret) = gather::read_secret(&self.facts.paths) {
            secret
        } else {
            let secret = Secret::new(Alphanumeric.sample_string(&mut rand::rng(), 32));
            let text = format!("{}\n", secret.expose());
            self.note(Change::of_file(secret_file, &text))?;
            files::replace(secret_file, &text, self.ours())?;
            self.written(secret_file)?;
            secret
        };
        if !secret.expose().bytes().all(|b| b.is_ascii_graphic() && b != b';') {
            return Err(format!(
                "{} holds what manager_custom.conf cannot carry as it is; put letters and digits there",
                secret_file.display()
            ));
        }
        let text = match files::read(file) {
            TextFile::Text(text) => text,
            TextFile::Absent => String::new(),
            TextFile::Unusable(why) => return Err(why),
        };
        let stanza = fence::stanza(&secret);
        self.note(Change::of_block(file, &stanza))?;
        let folder = file.parent().and_then(Attributes::of);
        let new = Attributes { owner: folder.and_then(|folder| folder.owner), mode: 0o640 };
        files::replace(file, &fence::with_block(&text, &stanza), new)?;
        self.written(file)
    }

    fn xinetd(&mut self, file: &Path) -> Result<(), String> {
        let TextFile::Text(text) = files::read(file) else {
            return Err(format!("{} could not be read: set disable = yes for xinetd's TFTP by hand", file.display()));
        };
        // Off already: an earlier run was interrupted before the reload.
        let Some(off) = fence::xinetd_off(&text) else { return Ok(()) };
        self.note(Change::Xinetd { file: file.to_owned(), left: fingerprint(&off.block), before: off.before })?;
        files::replace(file, &off.text, Attributes { owner: None, mode: 0o644 })
    }

    /// Made where nobody else may write, then moved to where the daemon may: root follows no link of the daemon's.
    async fn sqlite(&mut self, file: &Path) -> Result<(), String> {
        self.note(Change::Sqlite { file: file.to_owned() })?;
        let failed = |why: std::io::Error| format!("{} could not be made: {why}", file.display());
        if fs::symlink_metadata(file).is_ok() {
            return Ok(());
        }
        let work = tempfile::tempdir_in(self.facts.paths.home()).map_err(failed)?;
        let made = work.path().join("pbx.db");
        database::make_sqlite(&made).await?;
        let bytes = fs::read(&made).map_err(failed)?;
        let mut new = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(failed)?;
        let owner = file.parent().and_then(Attributes::of).and_then(|folder| folder.owner);
        new.write_all(&bytes).and_then(|()| files::own(&new, Attributes { owner, mode: 0o600 })).map_err(failed)
    }

    fn configuration(&mut self, file: &Path) -> Result<(), String> {
        let text = plan::wanted_conf(&self.facts, &self.wishes, self.password.as_ref()).emit();
        let loaded = self.tried(file, &text)?;
        self.note(Change::of_file(file, &text))?;
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(|why| format!("{} could not be made: {why}", folder.display()))?;
        }
        files::replace(file, &text, self.ours())?;
        self.written(file)?;
        self.facts.config.loaded = Some(Ok(Box::new(loaded)));
        Ok(())
    }

    /// Loads the configuration as it would be, in a copy.
    fn tried(&self, file: &Path, text: &str) -> Result<config::Config, String> {
        let home = self.facts.paths.home();
        let failed = |why: std::io::Error| format!("the configuration in {} could not be tried: {why}", home.display());
        let work = tempfile::tempdir_in(home).map_err(failed)?;
        let copy = work.path().join("conf.d");
        fs::create_dir(&copy).map_err(failed)?;
        let main = work.path().join(self.facts.paths.config.file_name().unwrap_or_default());
        fs::copy(&self.facts.paths.config, &main).map_err(failed)?;
        for entry in fs::read_dir(home.join("conf.d")).into_iter().flatten().filter_map(Result::ok) {
            if entry.path().is_file() {
                fs::copy(entry.path(), copy.join(entry.file_name())).map_err(failed)?;
            }
        }
        let name = file.file_name().unwrap_or_default();
        files::replace(&copy.join(name), text, Attributes { owner: None, mode: 0o640 })?;
        config::load(&main, &config::Environment::new()).map_err(|why| {
            let why = why.to_string().replace(&work.path().display().to_string(), &home.display().to_string());
            format!("with {} the configuration would not load, so it was not written: {why}", file.display())
        })
    }
}

/// Writes the journal.
pub(super) fn save(facts: &Facts) -> Result<(), String> {
    let path = facts.paths.journal();
    if facts.journal.changes.is_empty() {
        return files::remove(&path);
    }
    let text = serde_json::to_string_pretty(&facts.journal).map_err(|why| format!("the journal of setup: {why}"))?;
    files::replace(&path, &format!("{text}\n"), Attributes { owner: None, mode: 0o600 })
}

/// Waits until the daemon answers its own check.
pub(super) async fn answer(socket: &Path) -> Result<(), String> {
    let failed = |why: reqwest::Error| format!("no HTTP client could be made: {why}");
    let http = reqwest::Client::builder().unix_socket(socket).timeout(START).build().map_err(failed)?;
    let deadline = Instant::now() + START;
    loop {
        match http.get("http://offhook/api/v1/check").send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            _ if Instant::now() >= deadline => {
                return Err(format!(
                    "the daemon does not answer on {} after {} s; see journalctl -u offhook",
                    socket.display(),
                    START.as_secs()
                ));
            }
            _ => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}
