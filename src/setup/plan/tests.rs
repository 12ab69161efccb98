//! Facts, and what is planned on them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::*;
use crate::config;
use crate::setup::facts::Paths;
use crate::setup::facts::{Access, Account, Firewall};
use crate::setup::grants;
use crate::setup::grants::Grant;
use crate::setup::journal::Change;
use crate::setup::port::Holder;

const FREEPBX: &[&str] = &["users", "devices", "sip", "admin", "sipsettings", "featurecodes", "kvstore_Sipsettings"];

/// A FreePBX host on which nothing was set up, and nothing is in the way.
fn fresh() -> Facts {
    let mut facts = Facts {
        paths: Paths { root: "/".into(), config: "/etc/offhook/offhook.toml".into() },
        privileged: true,
        pbx: Pbx::FreePbx {
            web_root: "/var/www/html".into(),
            version: Some("16.0.33".into()),
            fwconsole: true,
            module: None,
            module_folder: false,
        },
        module_packaged: true,
        user: true,
        in_group: Some(true),
        networks: vec!["192.168.50.0/24".parse().unwrap()],
        ..Facts::default()
    };
    facts.manager.main =
        "[general]\nenabled = yes\n#include manager_additional.conf\n#include manager_custom.conf\n".into();
    facts.manager.custom = TextFile::Text(String::new());
    facts.manager.program = true;
    facts.database.name = "asterisk".into();
    facts.database.socket = Some("/run/mysqld/mysqld.sock".into());
    facts.database.access = Access::Root;
    facts.database.account = Account::Absent;
    facts.database.tables = FREEPBX.iter().map(|&name| name.to_owned()).collect();
    facts
}

/// The configuration that a text makes, with the package's defaults.
fn loaded(text: &str) -> Result<Box<config::Config>, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("offhook.toml");
    std::fs::write(&file, "[server]\nallow_readable_secrets = true\n").unwrap();
    std::fs::create_dir(folder.path().join("conf.d")).unwrap();
    std::fs::write(folder.path().join("conf.d/10-setup.toml"), text).unwrap();
    config::load(&file, &config::Environment::new()).map(Box::new).map_err(|why| why.to_string())
}

/// The same host after a whole run.
fn set_up() -> Facts {
    let mut facts = fresh();
    let conf = wanted_conf(&facts, &Wishes::default(), Some(&Secret::new("p4")));
    let stanza = fence::stanza(&Secret::new("s3"));
    for change in [
        Change::Account { database: "asterisk".into() },
        Change::of_block(&facts.paths.manager_custom(), &stanza),
        Change::of_file(&facts.paths.setup_conf(), &conf.emit()),
    ] {
        facts.journal.note(change);
    }
    facts.pbx = Pbx::FreePbx {
        web_root: "/var/www/html".into(),
        version: None,
        fwconsole: true,
        module: Some("16.0.1".into()),
        module_folder: true,
    };
    facts.database.tables.extend(grants::OURS.map(str::to_owned));
    facts.database.account = Account::There;
    let all: BTreeSet<String> = ["select", "insert", "update", "delete"].map(str::to_owned).into();
    facts.database.granted =
        facts.database.tables.iter().map(|table| Grant { table: table.clone(), rights: all.clone() }).collect();
    facts.manager.custom = TextFile::Text(stanza);
    facts.manager.login = Ok(());
    facts.config.loaded = Some(loaded(&conf.emit()));
    facts.config.setup = TextFile::Text(conf.emit());
    facts.config.conf = Some(conf);
    facts.config.url_works = true;
    facts.daemon = true;
    facts
}

fn planned(facts: &Facts, wishes: &Wishes) -> Vec<Step> {
    plan(facts, wishes).unwrap().steps
}

fn step(facts: &Facts, wishes: &Wishes, id: &str) -> Step {
    planned(facts, wishes).into_iter().find(|step| step.id == id).unwrap_or_else(|| panic!("no step {id}"))
}

fn statuses(facts: &Facts, wishes: &Wishes) -> Vec<(&'static str, Status)> {
    planned(facts, wishes).iter().map(|step| (step.id, step.status)).collect()
}

fn tftpd() -> Holder {
    let words = ["in.tftpd", "--secure", "/srv/tftp"].map(str::to_owned).to_vec();
    Holder { process: 7, program: "in.tftpd".into(), unit: Some("tftpd-hpa.service".into()), socket: None, words }
}

#[test]
fn a_fresh_host_gets_everything_in_order() {
    use Status::{Done, NotAsked, Todo};
    assert_eq!(
        statuses(&fresh(), &Wishes::default()),
        [
            ("module", Todo),
            ("tables", Todo),
            ("account", Todo),
            ("manager", Todo),
            ("tftp", Done),
            ("firewall", NotAsked),
            ("group", Done),
            ("configuration", Todo),
            ("daemon", Todo)
        ]
    );
}

#[test]
fn what_was_set_up_is_left_alone() {
    let facts = set_up();
    for (id, status) in statuses(&facts, &Wishes::default()) {
        assert!(matches!(status, Status::Done | Status::NotAsked), "{id}: {status:?}");
    }
    let other = Wishes { networks: Some(vec!["10.9.0.0/16".parse().unwrap()]), ..Wishes::default() };
    assert_eq!(step(&facts, &other, "configuration").status, Status::Todo, "new networks are written");
}

#[test]
fn everything_says_why_and_how_by_hand_and_how_undone() {
    let wishes = Wishes { take_tftp: true, firewall: true, ..Wishes::default() };
    let mut facts = fresh();
    (facts.tftp, facts.in_group, facts.firewall) = (Some(tftpd()), Some(false), Firewall::FreePbx);
    for step in planned(&facts, &wishes) {
        assert_eq!(step.status, Status::Todo, "{}", step.id);
        assert!(!step.why.is_empty() && !step.undo.is_empty() && !step.commands.is_empty(), "{step:?}");
        assert!(!step.actions.is_empty(), "{step:?}");
    }
}

#[test]
fn nothing_to_set_up_is_one_sentence() {
    let mut facts = fresh();
    facts.pbx = Pbx::None;
    let why = plan(&facts, &Wishes::default()).unwrap_err();
    assert!(
        why.contains("neither FreePBX (/etc/freepbx.conf) nor Asterisk (/etc/asterisk)") && !why.contains('\n'),
        "{why}"
    );
    facts.pbx = Pbx::Broken("/etc/freepbx.conf does not state AMPDBUSER".into());
    assert!(plan(&facts, &Wishes::default()).unwrap_err().ends_with("nothing was changed"));
}

/// One row of what is in the way of a step: the step, how it changes the host, the remark.
type Row = (&'static str, fn(&mut Facts), &'static str);

#[test]
fn where_setup_may_not_the_exact_words_are_left_to_the_admin() {
    let rows: &[Row] = &[
        ("module", |f| f.module_packaged = false, "brings no module"),
        (
            "module",
            |f| {
                f.pbx = Pbx::FreePbx {
                    web_root: "/w".into(),
                    version: None,
                    fwconsole: false,
                    module: None,
                    module_folder: false,
                }
            },
            "fwconsole",
        ),
        ("tables", |f| f.database.access = Access::None("the server is down".into()), "the server is down"),
        ("account", |f| f.database.access = Access::None("the server is down".into()), "the server is down"),
        ("account", |f| f.database.access = Access::Own, "only root may make accounts"),
        (
            "account",
            |f| f.database.access = Access::Own,
            "database_url = \"mysql://offhook:a-long-random-word@localhost/asterisk?socket=/run/mysqld/mysqld.sock\" under [pbx]",
        ),
        ("account", |f| f.database.account = Account::There, "that setup did not make"),
        ("manager", |f| f.manager.program = false, "not on PATH"),
        ("manager", |f| f.manager.main = "[general]\n".into(), "#tryinclude"),
        ("manager", |f| f.manager.custom = TextFile::Unusable("it is a link".into()), "it is a link"),
        ("manager", |f| f.manager.custom = TextFile::Text("[offhook]\nsecret = mine\n".into()), "made by hand"),
        ("manager", |f| f.manager.main += "[offhook]\n", "made by hand"),
        ("manager", |f| f.manager.additional += "[offhook]\n", "made by hand"),
        ("manager", |f| f.manager.custom = TextFile::Text(fence::stanza(&Secret::new("x"))), "edited"),
        ("tftp", |f| f.tftp = Some(tftpd()), "offhook setup --take-tftp"),
        (
            "tftp",
            |f| f.tftp = Some(Holder { process: 3, program: "dnsmasq".into(), ..Holder::default() }),
            "enable-tftp",
        ),
        ("group", |f| (f.in_group, f.user) = (Some(false), false), "install the package"),
        ("configuration", |f| f.user = false, "install the package"),
        ("configuration", |f| f.config.setup = TextFile::Text("[pbx]\nsource = \"freepbx\"\n".into()), "left as it is"),
        ("account", |f| f.config.setup = TextFile::Text("# mine\n".into()), "left to you"),
    ];
    for (id, change, note) in rows {
        let mut facts = fresh();
        change(&mut facts);
        let step = step(&facts, &Wishes::default(), id);
        assert_eq!(step.status, Status::ByHand, "{id} {note}: {step:?}");
        assert!(step.note.contains(note), "{id}: {}", step.note);
        assert!(step.actions.is_empty());
        assert!(!step.commands.is_empty() || *id == "tftp", "{id} {note}: nothing to type");
    }
}

#[test]
fn without_root_all_is_left_to_the_admin() {
    let facts = Facts { privileged: false, ..fresh() };
    let steps = planned(&facts, &Wishes::default());
    assert!(steps.iter().all(|step| step.actions.is_empty() && step.status != Status::Todo), "{steps:?}");
    let account = steps.iter().find(|step| step.id == "account").unwrap();
    assert!(
        account.commands.iter().any(|line| line == "grant select on users to 'offhook'@'localhost';"),
        "{account:?}"
    );
    assert!(account.commands.iter().any(|line| line.starts_with("alter user 'offhook'@'localhost' identified by")));
    let manager = steps.iter().find(|step| step.id == "manager").unwrap();
    assert!(manager.commands.iter().any(|text| text.contains("[offhook]\nsecret = ")), "{manager:?}");
    assert!(manager.commands.iter().any(|text| text == "asterisk -rx 'manager reload'"), "{manager:?}");
}

#[test]
fn no_secret_is_in_a_plan() {
    let mut facts = set_up();
    facts.networks = vec!["10.3.0.0/16".parse().unwrap()];
    facts.config.conf.as_mut().unwrap().networks.clear();
    let text = serde_json::to_string(&plan(&facts, &Wishes::default()).unwrap()).unwrap();
    assert!(text.contains("mysql://offhook:…@localhost/asterisk") && !text.contains("p4@"), "{text}");
}

#[test]
fn an_account_of_setup_whose_password_was_lost_gets_a_new_one() {
    let mut facts = set_up();
    (facts.config.setup, facts.config.conf, facts.config.loaded) = (TextFile::Absent, None, None);
    facts.config.url_works = false;
    let step = step(&facts, &Wishes::default(), "account");
    assert!(
        matches!(step.actions.as_slice(), [Action::Account { create: false, password: true, grants }] if grants.is_empty()),
        "{step:?}"
    );
}

#[test]
fn an_account_that_lacks_a_right_gets_that_alone() {
    let mut facts = set_up();
    facts.database.granted.retain(|grant| grant.table != "featurecodes");
    let step = step(&facts, &Wishes::default(), "account");
    assert!(
        matches!(step.actions.as_slice(), [Action::Account { create: false, password: false, grants }] if grants.len() == 1),
        "{step:?}"
    );
    assert!(wanted_conf(&facts, &Wishes::default(), None) == facts.config.conf.clone().unwrap(), "its URL stays");
}

#[test]
fn port_69_is_taken_when_asked_for_and_its_files_are_served_on() {
    let mut facts = fresh();
    facts.tftp = Some(tftpd());
    facts.config.tftp_folder = Some("/srv/tftp".into());
    for wishes in [Wishes { take_tftp: true, ..Wishes::default() }, Wishes { asks: true, ..Wishes::default() }] {
        let step = step(&facts, &wishes, "tftp");
        assert_eq!(step.commands, ["systemctl stop tftpd-hpa.service", "systemctl disable tftpd-hpa.service"]);
    }
    let conf = wanted_conf(&facts, &Wishes::default(), None);
    assert_eq!(conf.fall_through, Some(PathBuf::from("/srv/tftp")));
    facts.tftp = Some(Holder { process: 9, program: "xinetd".into(), ..Holder::default() });
    let xinetd = step(&facts, &Wishes { take_tftp: true, ..Wishes::default() }, "tftp");
    assert!(xinetd.commands.iter().any(|line| line == "systemctl reload xinetd"), "{xinetd:?}");
}

#[test]
fn only_freepbx_s_firewall_is_changed() {
    let wishes = Wishes { firewall: true, ..Wishes::default() };
    let mut facts = fresh();
    facts.firewall = Firewall::FreePbx;
    assert_eq!(step(&facts, &wishes, "firewall").commands, ["fwconsole firewall trust 192.168.50.0/24"]);
    facts.trusted = Some(vec!["192.168.0.0/16".parse().unwrap()]);
    assert_eq!(step(&facts, &wishes, "firewall").status, Status::Done, "what is trusted is not made setup's");
    facts.trusted = Some(Vec::new());
    facts.journal.note(Change::Trusted { network: "192.168.50.0/24".into(), ours: true, before: None });
    assert_eq!(step(&facts, &wishes, "firewall").status, Status::Todo, "somebody took it away since");
    facts.trusted = None;
    assert_eq!(step(&facts, &wishes, "firewall").status, Status::Done);
    for (firewall, word) in [
        (Firewall::Ufw, "ufw allow from 192.168.50.0/24 to any port 69 proto udp"),
        (Firewall::Other, "udp dport 69 accept"),
    ] {
        facts.firewall = firewall;
        let step = step(&facts, &wishes, "firewall");
        assert_eq!((step.status, step.actions.len(), step.commands.len()), (Status::ByHand, 0, 2));
        assert!(step.commands.iter().any(|line| line.contains(word)), "{step:?}");
    }
    facts.networks.clear();
    assert!(step(&facts, &wishes, "firewall").note.contains("--phone-network"));
}

#[test]
fn plain_asterisk_gets_a_file_for_its_phones() {
    let mut facts = fresh();
    facts.pbx = Pbx::Asterisk;
    let steps = planned(&facts, &Wishes::default());
    assert!(steps.iter().all(|step| step.id != "module" && step.id != "account"), "{steps:?}");
    assert_eq!(step(&facts, &Wishes::default(), "tables").status, Status::Todo);
    let conf = wanted_conf(&facts, &Wishes::default(), None);
    assert_eq!(conf.source, "sqlite");
    assert_eq!(conf.database_url.unwrap().expose(), "sqlite:///var/lib/offhook/pbx.db");
}

#[test]
fn a_database_that_is_down_takes_no_account_out_of_the_configuration() {
    let mut facts = set_up();
    facts.database.access = Access::None("the server is down".into());
    facts.config.url_works = false;
    assert_eq!(step(&facts, &Wishes::default(), "configuration").status, Status::Done);
    facts.config.url_refused = true;
    assert_eq!(wanted_conf(&facts, &Wishes::default(), None).database_url, None, "one that was refused is of no use");
}

#[test]
fn a_module_that_is_there_is_installed_and_not_replaced() {
    let mut facts = fresh();
    if let Pbx::FreePbx { module_folder, .. } = &mut facts.pbx {
        *module_folder = true;
    }
    let there = step(&facts, &Wishes::default(), "module");
    assert_eq!(there.commands, ["fwconsole ma install offhook"]);
    assert!(there.note.contains("is there already"), "{there:?}");
    facts.journal.note(Change::Module { folder: "/var/www/html/admin/modules/offhook".into() });
    let ours = step(&facts, &Wishes::default(), "module");
    assert_eq!(ours.actions.len(), 2, "half a copy of setup's own is finished: {ours:?}");
}
