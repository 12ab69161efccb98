//! Steps in the PBX: module, tables, account, manager user. Pure.

use super::{conf_is_theirs, socket};
use crate::config::PbxSource;
use crate::domain::Secret;
use crate::setup::conf::account_url;
use crate::setup::facts::{Access, Account, Facts, Pbx, TextFile};
use crate::setup::journal::Change;
use crate::setup::step::{Action, MADE_THEN, Step, run};
use crate::setup::{fence, grants};

pub(super) fn module(facts: &Facts) -> Option<Step> {
    const ID: &str = "module";
    let Pbx::FreePbx { web_root, fwconsole, module, module_folder, .. } = &facts.pbx else { return None };
    let to = web_root.join("admin/modules/offhook");
    if let Some(version) = module {
        return Some(Step::done(ID, format!("the FreePBX module {version} is in {}", to.display())));
    }
    let ours = Change::Module { folder: to.clone() };
    if *module_folder && !facts.journal.changes.contains(&ours) {
        let step = Step::todo(
            ID,
            format!("install the FreePBX module that lies in {}", to.display()),
            "it is there and FreePBX has not installed it",
            vec![Action::InstallModule],
            "it stays: setup did not put it there",
        );
        return Some(if *fwconsole {
            step.noting("a folder of that name is there already and is left as it is")
        } else {
            step.by_hand("fwconsole is not on PATH")
        });
    }
    let actions = vec![Action::CopyModule { from: facts.paths.module(), to }, Action::InstallModule];
    let step = Step::todo(
        ID,
        "install the FreePBX module",
        "extensions get a section \"Cisco phone\", and FreePBX a page of all phones",
        actions,
        "fwconsole ma uninstall offhook, and its folder removed; the tables with the phones stay",
    );
    Some(if !facts.module_packaged {
        step.by_hand(format!(
            "{} is not there: this package brings no module, and phones are added by SQL or `offhook phones add`",
            facts.paths.module().display()
        ))
    } else if *fwconsole {
        step
    } else {
        step.by_hand("fwconsole is not on PATH")
    })
}

pub(super) fn tables(facts: &Facts) -> Step {
    const ID: &str = "tables";
    if facts.pbx == Pbx::Asterisk {
        if let Some(Ok(config)) = &facts.config.loaded
            && let PbxSource::Sqlite(path) = &config.pbx.source
            && facts.config.url_works
        {
            return Step::done(ID, format!("extensions and phones are read from {}", path.display()));
        }
        return Step::todo(
            ID,
            "make an empty file for extensions and phones",
            "plain Asterisk's own files are not read yet: what phones get is read from this file (docs/asterisk.md)",
            vec![Action::Sqlite(facts.paths.sqlite())],
            "the file stays, since it holds the phones",
        );
    }
    let database = &facts.database;
    if grants::OURS.iter().all(|table| database.tables.contains(*table)) {
        return Step::done(ID, format!("the tables of phones are in database {}", database.name));
    }
    let step = Step::todo(
        ID,
        format!("make the tables {} where they are missing", grants::OURS.join(", ")),
        "phones and their lines are kept there, and what became of them is written there",
        vec![Action::Tables(grants::tables())],
        "they stay, since they hold the phones; by hand: drop table offhook_lines, offhook_phones, offhook_status",
    );
    match &database.access {
        Access::None(why) => step.by_hand(why.clone()),
        Access::Root | Access::Own => step,
    }
}

/// The user of the database URL that is stated and good; empty = there is none.
fn url_user(facts: &Facts) -> String {
    match &facts.config.loaded {
        Some(Ok(config)) if facts.config.url_works => match &config.pbx.source {
            PbxSource::FreePbx(Some(url)) => {
                url::Url::parse(url.0.expose()).map(|url| url.username().to_owned()).unwrap_or_default()
            }
            _ => String::new(),
        },
        _ => String::new(),
    }
}

pub(super) fn account(facts: &Facts) -> Option<Step> {
    const ID: &str = "account";
    if !matches!(facts.pbx, Pbx::FreePbx { .. }) {
        return None;
    }
    let database = &facts.database;
    // What the steps before this one make is there by then.
    let tables = match &database.access {
        Access::None(_) => grants::named(),
        _ => database.tables.iter().cloned().chain(grants::OURS.map(str::to_owned)).collect(),
    };
    let missing = grants::missing(&tables, &database.granted);
    let absent = if missing.absent.is_empty() {
        String::new()
    } else {
        format!("nothing is granted on {}: not in this database", missing.absent.join(", "))
    };
    let user = url_user(facts);
    let enough = missing.statements.is_empty() || user != "offhook" || database.account != Account::There;
    if !user.is_empty() && enough {
        return Some(
            Step::done(ID, format!("the database account {user} of the configuration reads the PBX's tables"))
                .noting(absent),
        );
    }
    let create = matches!(database.account, Account::Absent | Account::Unknown);
    let password = user.is_empty();
    let step = Step::todo(
        ID,
        "make the database account 'offhook'@'localhost' with the least rights",
        "it reads what is needed and writes offhook_status alone; FreePBX's own account can do everything",
        vec![Action::Account { create, grants: missing.statements, password }],
        "drop user 'offhook'@'localhost'",
    )
    .noting(absent);
    let theirs = database.account == Account::There && !facts.journal.has_account() && password;
    Some(match (&database.access, theirs) {
        (Access::None(why), _) => step.by_hand(why.clone()),
        (Access::Own, _) => step.by_hand(format!(
            "only root may make accounts, and root was not let in by the server's socket; with root's password: mariadb -p {}, the statements below, and database_url = \"{}\" under [pbx] in {}; until then offhook uses FreePBX's own account",
            database.name,
            account_url(&Secret::new(MADE_THEN), &database.name, &socket(facts)).expose(),
            facts.paths.home().join("conf.d/20-database.toml").display()
        )),
        (Access::Root, true) => step.by_hand(
            "there is such an account that setup did not make: state it as pbx.database_url, or drop it and run setup again",
        ),
        (Access::Root, false) if conf_is_theirs(facts) => {
            step.by_hand(format!("{} was edited, so its URL is left to you", facts.paths.setup_conf().display()))
        }
        (Access::Root, false) => step,
    })
}

pub(super) fn manager(facts: &Facts) -> Step {
    const ID: &str = "manager";
    let manager = &facts.manager;
    let file = facts.paths.manager_custom();
    let step = Step::todo(
        ID,
        "make the manager user offhook",
        "registrations are read there, and status is written to AstDB; it cannot make calls or run commands",
        vec![
            Action::Manager { file: file.clone(), secret: facts.paths.ami_secret() },
            run(&["asterisk", "-rx", "manager reload"]),
            Action::Login,
        ],
        "the fenced block and ami.secret are taken away, then manager reload",
    );
    if let TextFile::Unusable(why) = &manager.custom {
        return step.by_hand(why.clone());
    }
    let custom = manager.custom.text();
    let theirs = [&manager.main, custom, &manager.additional].iter().any(|text| fence::has_section(text));
    let block = fence::block(custom);
    let edited = block.is_some_and(|block| !facts.journal.knows(&file, block));
    let current = block.and_then(fence::secret).is_some_and(|secret| block == Some(fence::stanza(&secret).as_str()));
    if theirs || edited {
        let whose = if theirs { "made by hand" } else { "edited since setup made it" };
        return if manager.login.is_ok() {
            Step::done(ID, format!("the manager user offhook, {whose}, works and is left as it is"))
        } else {
            step.by_hand(format!(
                "there is a manager user offhook, {whose}, which is left as it is: put its secret into {}, then asterisk -rx 'manager reload'",
                facts.paths.ami_secret().display()
            ))
        };
    }
    if current && manager.login.is_ok() {
        return Step::done(ID, "the manager user offhook works");
    }
    if !fence::includes_custom(&manager.main) {
        return step.by_hand(format!(
            "{} does not include manager_custom.conf: add the line #tryinclude \"manager_custom.conf\" at its end, see that it says enabled = yes, and run setup again",
            facts.paths.at("etc/asterisk/manager.conf").display()
        ));
    }
    if manager.program { step } else { step.by_hand("the program asterisk is not on PATH, so nothing can be reloaded") }
}
