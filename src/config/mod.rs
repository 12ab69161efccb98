//! What the daemon was told: `offhook.toml`, `conf.d/*.toml` beside it, the environment, in that order.
//!
//! [`load`] reads all layers and reports every problem at once; `wire` is the shape as written, [`Config`] the shape
//! as used. Checking needs no network and no root; only `load` touches files.

mod admin;
pub mod dhcp;
mod firmware;
mod load;
mod pbx;
mod shown;
mod validate;
mod wire;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::Ipv4Net;

use crate::domain::{ModelName, PhoneOptions, Secret, SipTransport, Window};

pub use dhcp::Dhcp;
pub use load::{Environment, load};
pub use shown::{DEFAULT, DOTS, Shown};

/// The configuration, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `[server]`
    pub server: Server,
    /// `[pbx]`
    pub pbx: Pbx,
    /// `[ami]`; `None` when the address is empty.
    pub ami: Option<Ami>,
    /// `[tftp]`
    pub tftp: Tftp,
    /// `http.listen`, the phones' side.
    pub http: Vec<SocketAddrV4>,
    /// `admin.listen`, the people's side.
    pub admin: Vec<SocketAddrV4>,
    /// `admin.hosts`: names by which people ask for it, besides this host's own.
    pub admin_hosts: Vec<String>,
    /// `[dhcp]`
    pub dhcp: Dhcp,
    /// `discovery.interfaces`: where announcements of phones are listened to.
    pub discovery: Vec<String>,
    /// `[access]`
    pub access: Access,
    /// `[firmware]`
    pub firmware: Firmware,
    /// `[phones]`: `None` in an option means `auto`.
    pub phones: PhoneOptions,
    /// `sntp.listen`, the time for phones.
    pub sntp: Vec<SocketAddrV4>,
    /// `syslog.listen`, what phones say.
    pub syslog: Vec<SocketAddrV4>,
    /// `[publish]`
    pub publish: Publish,
    /// Things that are legal and worth a word in `offhook check`.
    pub notes: Vec<String>,
    /// Every key as people see it; none where no file was read.
    pub shown: Vec<Shown>,
}

/// Where a DHCP server listens, on each of its interfaces (RFC 2131 section 4.1).
pub const DHCP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 67);

impl Config {
    /// Every address that is listened on.
    pub fn listens(&self) -> Vec<Listen> {
        let of = |key, protocol, addresses: &[SocketAddrV4]| -> Vec<Listen> {
            addresses.iter().map(|address| Listen { key, protocol, address: *address }).collect()
        };
        let tftp = of("tftp.listen", Protocol::Udp, &self.tftp.listen);
        let http = of("http.listen", Protocol::Tcp, &self.http);
        let admin = of("admin.listen", Protocol::Tcp, &self.admin);
        let dhcp = of("dhcp.interfaces", Protocol::Udp, self.dhcp.mode.map_or(&[], |_| &[DHCP]));
        let syslog = of("syslog.listen", Protocol::Udp, &self.syslog);
        [tftp, http, admin, of("sntp.listen", Protocol::Udp, &self.sntp), syslog, dhcp].concat()
    }
}

/// An address that is listened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listen {
    /// The key that names it.
    pub key: &'static str,
    /// What comes in there.
    pub protocol: Protocol,
    /// Where.
    pub address: SocketAddrV4,
}

/// What carries requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TFTP, SNTP, syslog.
    Udp,
    /// HTTP.
    Tcp,
}

/// `[server]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// What phones are told; `None` = the address their request came in on.
    pub address: Option<Ipv4Addr>,
    /// Where the daemon's own database lives.
    pub state_dir: PathBuf,
    /// The command line's way in.
    pub socket: PathBuf,
    /// Sources outside these get no byte.
    pub phone_networks: Vec<Ipv4Net>,
}

/// `[pbx]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pbx {
    /// Where the roster comes from.
    pub source: PbxSource,
    /// Pause between two looks.
    pub poll_interval: Duration,
    /// Registrar host; `None` = the address the phone knows us by.
    pub sip_host: Option<String>,
    /// Registrar port; `None` = as the PBX says.
    pub sip_port: Option<u16>,
    /// Transport that overrides everything.
    pub transport: Option<SipTransport>,
    /// What fail2ban writes; `None` = nobody looks.
    pub fail2ban_log: Option<PathBuf>,
}

/// A PBX source and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PbxSource {
    /// FreePBX's MariaDB; `None` = as `/etc/freepbx.conf` says.
    FreePbx(Option<DatabaseUrl>),
    /// The same tables in a SQLite file.
    Sqlite(PathBuf),
}

/// A `mysql://` URL; it holds a password and does not print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseUrl(pub Secret);

/// `[ami]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ami {
    /// `host:port`.
    pub address: String,
    /// Manager user.
    pub username: String,
    /// Where its secret is.
    pub secret: AmiSecret,
}

/// The manager secret, or the file it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AmiSecret {
    /// Stated in the configuration.
    Inline(Secret),
    /// In a file of its own; read at start, one trailing newline dropped.
    File(PathBuf),
}

/// `[tftp]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tftp {
    /// Addresses to listen on.
    pub listen: Vec<SocketAddrV4>,
    /// Folder for names that are not ours.
    pub fall_through: Option<PathBuf>,
}

/// `[access]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Who may have a phone's file.
    pub policy: Policy,
    /// How long a phone of which nothing is known is served from its first request on.
    pub first_contact: Duration,
}

impl Default for Access {
    fn default() -> Self {
        Self { policy: Policy::OwnMac, first_contact: Duration::from_mins(30) }
    }
}

/// `access.policy`: who may have a file with a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The phone, as far as that can be known.
    OwnMac,
    /// Any source in `phone_networks` that is not known to be another device.
    Network,
    /// Any source in `phone_networks`.
    Open,
}

/// `[firmware]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firmware {
    /// Who is converted.
    pub conversion: Conversion,
    /// Steps that cannot be undone need no confirmation of their own.
    pub accept_one_way: bool,
    /// Most phones under way at once.
    pub concurrent: u16,
    /// The load that a model is to run.
    pub target: BTreeMap<ModelName, String>,
    /// The set whose term file (`term42`) erased phones get that cannot say who they are.
    pub erased: BTreeMap<String, String>,
    /// How long after the start of a conversion `OS79XX.TXT` is answered to unknown phones.
    pub os79xx_window: Duration,
    /// When steps may begin, by the clock of this host; `None` = always.
    pub window: Option<Window>,
}

/// `firmware.conversion`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// Whom somebody starts.
    Manual,
    /// Phones that are bound to an extension, by themselves.
    Adopted,
}

/// `[publish]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish {
    /// `offhook_status` in the PBX database.
    pub database: bool,
    /// AstDB family `offhook`.
    pub astdb: bool,
}

/// Everything that is wrong with the configuration, in one report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigError {
    /// In the order of files and keys.
    pub problems: Vec<ConfigProblem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// File or environment variable; empty = the merged whole.
    pub place: String,
    /// 1-based line, where TOML gives one.
    pub line: Option<usize>,
    /// `section.key`; empty when the file as a whole is meant.
    pub key: String,
    /// What is wrong and what would be right.
    pub what: String,
}

impl std::fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = if self.place.is_empty() { "configuration" } else { &self.place };
        // The name of a file may hold anything, and a problem is one line.
        place
            .chars()
            .try_for_each(|c| if c.is_control() { write!(f, "{}", c.escape_default()) } else { f.write_char(c) })?;
        if let Some(line) = self.line {
            write!(f, " line {line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.what)
    }
}
