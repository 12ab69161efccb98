//! From what was found to what is to be done. Pure: the tests are tables of facts.

mod host;
mod pbx;

use std::path::Path;

use super::conf::{SetupConf, account_url};
use super::facts::{Facts, Pbx, TextFile, Wishes};
use super::fence;
use super::step::{Action, MADE_THEN, Plan, Status, Step, run};
use crate::domain::Secret;

/// Makes the plan.
///
/// # Errors
/// There is nothing to set up here; one sentence.
pub fn plan(facts: &Facts, wishes: &Wishes) -> Result<Plan, String> {
    match &facts.pbx {
        Pbx::None => {
            return Err(format!(
                "setup found neither FreePBX ({}) nor Asterisk ({}) on this host; run it on the PBX, or write the configuration by hand (man offhook)",
                facts.paths.at("etc/freepbx.conf").display(),
                facts.paths.at("etc/asterisk").display()
            ));
        }
        Pbx::Broken(why) => return Err(format!("{why}; nothing was changed")),
        Pbx::FreePbx { .. } | Pbx::Asterisk => {}
    }
    let mut steps = vec![pbx::module(facts), Some(pbx::tables(facts)), pbx::account(facts)];
    steps.extend([
        Some(pbx::manager(facts)),
        Some(host::tftp(facts, wishes)),
        Some(host::firewall(facts, wishes)),
        host::group(facts),
    ]);
    let mut steps: Vec<Step> = steps.into_iter().flatten().collect();
    steps.push(configuration(facts, wishes, &steps));
    steps.push(daemon(facts, &steps));
    if !facts.privileged {
        for step in steps.iter_mut().filter(|step| step.status == Status::Todo) {
            *step = step.clone().by_hand("this takes root");
        }
    }
    Ok(Plan { found: found(facts), steps })
}

fn found(facts: &Facts) -> Vec<String> {
    let mut found = vec![match &facts.pbx {
        Pbx::FreePbx { version, web_root, .. } => format!(
            "FreePBX {}, pages in {}",
            version.as_deref().unwrap_or("of a version that could not be read"),
            web_root.display()
        ),
        _ => format!("Asterisk with {} and no FreePBX", facts.paths.at("etc/asterisk").display()),
    }];
    let port = |holder: &Option<super::port::Holder>, what: &str| {
        holder.as_ref().map(|holder| format!("{what} is held by {}", holder.named()))
    };
    found.extend(port(&facts.tftp, "TFTP, 69/udp,"));
    found.push(port(&facts.dhcp, "DHCP, 67/udp,").unwrap_or_else(|| {
        "no DHCP server on this host: set options 150 and 66 on the one that the phones ask".to_owned()
    }));
    found.push(
        port(&facts.ntp, "time, 123/udp,").unwrap_or_else(|| {
            "nothing answers for time on 123/udp here: phones get no clock from this host".to_owned()
        }),
    );
    if facts.synchronised == Some(false) {
        found.push("the clock of this host is not synchronised".to_owned());
    }
    found.push(if facts.daemon { "offhook's daemon runs" } else { "offhook's daemon does not answer" }.to_owned());
    found
}

/// Whether `10-setup.toml` is there and not as setup left it.
pub(super) fn conf_is_theirs(facts: &Facts) -> bool {
    match &facts.config.setup {
        TextFile::Absent => false,
        TextFile::Text(text) => facts.config.conf.is_none() || !facts.journal.knows(&facts.paths.setup_conf(), text),
        TextFile::Unusable(_) => true,
    }
}

/// The phones' networks, as wished or as this host's.
fn networks(facts: &Facts, wishes: &Wishes) -> Vec<ipnet::Ipv4Net> {
    let kept = facts.config.conf.as_ref().map(|conf| conf.networks.clone()).filter(|nets| !nets.is_empty());
    wishes.networks.clone().or(kept).unwrap_or_else(|| facts.networks.clone())
}

/// The database server's socket.
fn socket(facts: &Facts) -> String {
    facts.database.socket.as_deref().unwrap_or(Path::new("/run/mysqld/mysqld.sock")).display().to_string()
}

/// What `10-setup.toml` is to say; `password` where the account gets a new one.
pub fn wanted_conf(facts: &Facts, wishes: &Wishes, password: Option<&Secret>) -> SetupConf {
    let old = facts.config.conf.as_ref();
    let kept = old.and_then(|conf| conf.database_url.clone()).filter(|_| !facts.config.url_refused);
    let database = &facts.database;
    let socket = socket(facts);
    let (source, url) = match &facts.pbx {
        Pbx::Asterisk if facts.config.url_works => ("sqlite", kept),
        Pbx::Asterisk => ("sqlite", Some(Secret::new(format!("sqlite://{}", facts.paths.sqlite().display())))),
        _ => ("freepbx", password.map(|password| account_url(password, &database.name, &socket)).or(kept)),
    };
    SetupConf {
        networks: networks(facts, wishes),
        source: source.to_owned(),
        database_url: url,
        manager_port: fence::manager_port(&facts.manager.main),
        secret_file: facts.paths.ami_secret(),
        fall_through: facts.config.tftp_folder.clone().or_else(|| old.and_then(|conf| conf.fall_through.clone())),
    }
}

fn configuration(facts: &Facts, wishes: &Wishes, steps: &[Step]) -> Step {
    const ID: &str = "configuration";
    let file = facts.paths.setup_conf();
    let renews =
        |step: &Step| step.actions.iter().any(|action| matches!(action, Action::Account { password: true, .. }));
    let made_then = steps.iter().any(renews).then(|| Secret::new(MADE_THEN));
    let wanted = wanted_conf(facts, wishes, made_then.as_ref());
    let step = Step::todo(
        ID,
        format!("write {}", file.display()),
        "it tells the daemon the PBX, the accounts and the phones' networks",
        vec![Action::WriteConf { file: file.clone(), shown: shown(&wanted) }],
        "the file is removed, unless you edited it",
    );
    if conf_is_theirs(facts) {
        let step = step.noting(format!("{} was edited or made by hand and is left as it is", file.display()));
        return if matches!(facts.config.loaded, Some(Ok(_))) && facts.config.url_works {
            Step {
                status: Status::Done,
                commands: Vec::new(),
                actions: Vec::new(),
                what: "the configuration is in use".into(),
                ..step
            }
        } else {
            let note = step.note.clone();
            step.by_hand(note)
        };
    }
    if facts.config.conf.as_ref() == Some(&wanted) {
        return Step::done(ID, format!("{} is as it should be", file.display()));
    }
    if facts.user { step } else { step.by_hand("there is no user offhook to read it: install the package") }
}

/// The text with the password that is in its URL masked.
pub(super) fn shown(conf: &SetupConf) -> String {
    let url = conf.database_url.as_ref().map(|url| {
        let text = url.expose();
        match text.split_once("://offhook:").and_then(|(head, rest)| Some((head, rest.split_once('@')?.1))) {
            Some((head, rest)) => Secret::new(format!("{head}://offhook:…@{rest}")),
            None => url.clone(),
        }
    });
    SetupConf { database_url: url, ..conf.clone() }.emit()
}

fn daemon(facts: &Facts, steps: &[Step]) -> Step {
    const ID: &str = "daemon";
    if facts.daemon && steps.iter().all(|step| step.status != Status::Todo) {
        return Step::done(ID, "the daemon runs and answers");
    }
    Step::todo(
        ID,
        "restart the daemon and wait until it answers",
        "it reads its configuration at the start",
        vec![run(&["systemctl", "restart", "offhook"]), Action::Answer],
        "it is restarted",
    )
}

#[cfg(test)]
#[path = "plan/tests.rs"]
mod tests;
