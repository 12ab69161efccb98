//! What a look at the host found: values, and where files are.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use ipnet::Ipv4Net;

use super::conf::SetupConf;
use super::grants::Grant;
use super::journal::Journal;
use super::port::Holder;
use crate::config::Config;

/// Where things are. `root` stands before each path, so that a test has a host of its own; programs are found by PATH.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    /// `/`, or the folder of a test.
    pub root: PathBuf,
    /// The configuration file; what setup writes lies beside it.
    pub config: PathBuf,
}

impl Paths {
    /// A path below the root.
    pub fn at(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// `/etc/offhook`
    pub fn home(&self) -> &Path {
        self.config.parent().unwrap_or(Path::new("/etc/offhook"))
    }

    /// The part of the configuration that setup writes.
    pub fn setup_conf(&self) -> PathBuf {
        self.home().join("conf.d/10-setup.toml")
    }

    /// The manager user's secret.
    pub fn ami_secret(&self) -> PathBuf {
        self.home().join("ami.secret")
    }

    /// What was changed. Not in the state folder: that is the daemon's, and what root undoes must not come from there.
    pub fn journal(&self) -> PathBuf {
        self.home().join("setup-undo.json")
    }

    /// Where Asterisk's manager users of the admin's own are, and our fenced block.
    pub fn manager_custom(&self) -> PathBuf {
        self.at("etc/asterisk/manager_custom.conf")
    }

    /// The module as the package brings it.
    pub fn module(&self) -> PathBuf {
        self.at("usr/share/offhook/freepbx/offhook")
    }

    /// The PBX's tables where there is no FreePBX.
    pub fn sqlite(&self) -> PathBuf {
        self.at("var/lib/offhook/pbx.db")
    }
}

/// All that is known before anything is changed.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Where things are.
    pub paths: Paths,
    /// Whether files of root's can be changed.
    pub privileged: bool,
    /// What kind of PBX is here.
    pub pbx: Pbx,
    /// Asterisk's manager interface.
    pub manager: Manager,
    /// FreePBX's database.
    pub database: Database,
    /// Whether the package brings the FreePBX module.
    pub module_packaged: bool,
    /// Who holds 69/udp.
    pub tftp: Option<Holder>,
    /// Who holds 67/udp.
    pub dhcp: Option<Holder>,
    /// Who holds 123/udp.
    pub ntp: Option<Holder>,
    /// Whether the clock is synchronised, where systemd can tell.
    pub synchronised: Option<bool>,
    /// The firewall.
    pub firewall: Firewall,
    /// What FreePBX's firewall trusts; `None` = it did not say.
    pub trusted: Option<Vec<Ipv4Net>>,
    /// Private addresses of this host.
    pub addresses: Vec<Ipv4Addr>,
    /// The networks they are in.
    pub networks: Vec<Ipv4Net>,
    /// Our own configuration.
    pub config: Configuration,
    /// Whether there is a user `offhook`.
    pub user: bool,
    /// Whether that user is in the group `asterisk`; `None` = there is no such group.
    pub in_group: Option<bool>,
    /// Whether the daemon answers on its socket.
    pub daemon: bool,
    /// What earlier runs changed.
    pub journal: Journal,
    /// Whether there is a journal that only root may read.
    pub journal_hidden: bool,
}

/// The PBX.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pbx {
    /// FreePBX.
    FreePbx {
        /// Where its pages are.
        web_root: PathBuf,
        /// Its version, where its database says it.
        version: Option<String>,
        /// Whether `fwconsole` can be run.
        fwconsole: bool,
        /// Version of our module that is installed.
        module: Option<String>,
        /// Whether something lies in the module's folder, installed or not.
        module_folder: bool,
    },
    /// `/etc/freepbx.conf` is there and of no use: one sentence.
    Broken(String),
    /// Asterisk with configuration files and no FreePBX.
    Asterisk,
    /// Neither.
    #[default]
    None,
}

/// A text file that may be changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TextFile {
    /// It is not there.
    #[default]
    Absent,
    /// Its text.
    Text(String),
    /// It cannot be read or must not be written; why.
    Unusable(String),
}

impl TextFile {
    /// The text, empty where there is none.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Absent | Self::Unusable(_) => "",
        }
    }
}

/// Asterisk's manager interface.
#[derive(Clone, Debug)]
pub struct Manager {
    /// `manager.conf`; empty where there is none.
    pub main: String,
    /// `manager_additional.conf`, which FreePBX writes.
    pub additional: String,
    /// `manager_custom.conf`
    pub custom: TextFile,
    /// Whether the program `asterisk` can be run.
    pub program: bool,
    /// Whether a login with that secret works; why not.
    pub login: Result<(), String>,
}

impl Default for Manager {
    fn default() -> Self {
        Self {
            main: String::new(),
            additional: String::new(),
            custom: TextFile::Absent,
            program: false,
            login: Err("nobody tried".to_owned()),
        }
    }
}

/// FreePBX's database and what may be done there.
#[derive(Clone, Debug, Default)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// The server's socket, where it is on this host.
    pub socket: Option<PathBuf>,
    /// As whom it can be changed.
    pub access: Access,
    /// Its tables.
    pub tables: BTreeSet<String>,
    /// The daemon's account.
    pub account: Account,
    /// What that account may do.
    pub granted: Vec<Grant>,
}

/// As whom the database can be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// As root, by the unix socket.
    Root,
    /// With FreePBX's own account, which may make tables and no accounts.
    Own,
    /// Not at all; why.
    None(String),
}

impl Default for Access {
    fn default() -> Self {
        Self::None("there is no FreePBX".to_owned())
    }
}

/// The account `offhook`@`localhost`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Account {
    /// It is not there.
    Absent,
    /// It is there as `grants.sql` makes it: nobody can log in.
    Locked,
    /// It is there, with a password.
    There,
    /// Nobody here may see.
    #[default]
    Unknown,
}

/// Firewalls that are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Firewall {
    /// FreePBX's module.
    FreePbx,
    /// ufw, switched on.
    Ufw,
    /// Another one, or none.
    #[default]
    Other,
}

/// Our own configuration.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// All layers as the daemon would load them; why not.
    pub loaded: Option<Result<Box<Config>, String>>,
    /// `conf.d/10-setup.toml`
    pub setup: TextFile,
    /// The same, read.
    pub conf: Option<SetupConf>,
    /// Whether `pbx.database_url`, where one is stated, opens the PBX's tables.
    pub url_works: bool,
    /// Whether the server refused it: one that did not answer says nothing about the URL.
    pub url_refused: bool,
    /// A folder that another TFTP server served.
    pub tftp_folder: Option<PathBuf>,
}

/// What the admin asked for.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// Stop who holds port 69.
    pub take_tftp: bool,
    /// Open the firewall.
    pub firewall: bool,
    /// Networks of the phones; `None` = those of this host's interfaces.
    pub networks: Option<Vec<Ipv4Net>>,
    /// Whether each change is asked for.
    pub asks: bool,
}
