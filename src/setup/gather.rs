//! Looks at the host and changes nothing.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ipnet::Ipv4Net;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use super::conf::SetupConf;
use super::database::Opening;
use super::facts::{Configuration, Facts, Firewall, Manager, Paths, Pbx, TextFile};
use super::journal::Journal;
use super::port::{self, Holder};
use super::program::ran;
use super::{database, fence, files, manager};
use crate::config::{self, Protocol};
use crate::domain::Secret;
use crate::pbx::sources::freepbx_conf::DatabaseAccess;
use crate::ports;

/// FreePBX's way into its database, if its file could be read.
pub(super) fn freepbx_access(paths: &Paths) -> io::Result<Result<DatabaseAccess, String>> {
    let path = paths.at("etc/freepbx.conf");
    let bytes = fs::read(&path)?;
    let access = DatabaseAccess::parse(&String::from_utf8_lossy(&bytes));
    Ok(access.map_err(|why| format!("{} does not say how to reach the database: {why}", path.display())))
}

/// Gathers everything.
///
/// # Errors
/// The journal of earlier runs cannot be read: without it nothing is known of what was changed.
pub async fn gather(paths: &Paths) -> Result<Facts, String> {
    let privileged = files::is_root() || (paths.root != Path::new("/") && is_ours(&paths.root));
    let (journal, journal_hidden) = match journal(paths)? {
        Some(journal) => (journal, false),
        None => (Journal::default(), true),
    };
    let mut facts = Facts { paths: paths.clone(), privileged, journal, journal_hidden, ..Facts::default() };
    facts.pbx = match freepbx_access(paths) {
        Ok(Ok(access)) => {
            let look = database::look(&access, privileged).await;
            facts.database = look.facts;
            freepbx(paths, look.version, look.module.as_deref())
        }
        Ok(Err(why)) => Pbx::Broken(why),
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            if paths.at("etc/asterisk").is_dir() {
                Pbx::Asterisk
            } else {
                Pbx::None
            }
        }
        // Nothing can be said of the database; the rest of the plan can.
        Err(why) if why.kind() == io::ErrorKind::PermissionDenied && !privileged => {
            facts.database.access = super::facts::Access::None("this takes root".to_owned());
            freepbx(paths, None, None)
        }
        Err(why) => Pbx::Broken(format!("{} could not be read: {why}", paths.at("etc/freepbx.conf").display())),
    };
    facts.config = configuration(paths).await;
    facts.manager = asterisk(paths).await;
    facts.module_packaged = paths.module().join("module.xml").is_file();
    (facts.tftp, facts.dhcp, facts.ntp) = (tftp(paths), holder(paths, 67), holder(paths, 123));
    facts.config.tftp_folder = facts.tftp.as_ref().and_then(|holder| served_folder(paths, holder));
    facts.synchronised = synchronised();
    facts.firewall = firewall(paths, &facts.pbx);
    if facts.firewall == Firewall::FreePbx && privileged {
        facts.trusted = zone("trusted").await;
    }
    (facts.addresses, facts.networks) = interfaces();
    facts.user = id_of(&paths.at("etc/passwd"), "offhook").is_some();
    facts.in_group = in_group(paths);
    facts.daemon = std::os::unix::net::UnixStream::connect(socket(&facts)).is_ok();
    Ok(facts)
}

/// The daemon's socket: as configured, or where it is by default.
pub(super) fn socket(facts: &Facts) -> PathBuf {
    match &facts.config.loaded {
        Some(Ok(config)) => config.server.socket.clone(),
        _ => facts.paths.at("run/offhook/api.sock"),
    }
}

fn is_ours(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let owner = |path: &Path| fs::metadata(path).map(|facts| facts.uid()).ok();
    owner(folder).is_some() && owner(folder) == owner(Path::new("/proc/self"))
}

/// Keeps every other run out for as long as it is held; `None` where there is no folder, or it may not be read.
///
/// # Errors
/// Another run holds it.
pub fn lock(paths: &Paths) -> Result<Option<fs::File>, String> {
    // The folder itself: nothing is left behind, and a journal that is replaced takes no lock with it.
    let Ok(folder) = fs::File::open(paths.home()) else { return Ok(None) };
    match folder.try_lock() {
        Err(fs::TryLockError::WouldBlock) => Err(format!(
            "nothing was changed: another offhook setup has {} locked; wait for its end, then run this again",
            paths.home().display()
        )),
        _ => Ok(Some(folder)),
    }
}

/// What earlier runs changed; `None` = only root may read it.
fn journal(paths: &Paths) -> Result<Option<Journal>, String> {
    let path = paths.journal();
    match files::read(&path) {
        TextFile::Absent => Ok(Some(Journal::default())),
        TextFile::Text(text) => serde_json::from_str(&text).map(Some).map_err(|why| {
            format!(
                "{} is no journal of setup: {why}; put it right, or aside: then nothing can be undone",
                path.display()
            )
        }),
        // Not root: then nothing is changed either.
        TextFile::Unusable(_) if !files::is_root() => Ok(None),
        TextFile::Unusable(why) => Err(why),
    }
}

/// A number out of `/etc/passwd` or `/etc/group`.
pub(super) fn id_of(file: &Path, name: &str) -> Option<u32> {
    let text = fs::read_to_string(file).ok()?;
    let mut rows = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    rows.find(|row| row.first() == Some(&name))?.get(2)?.parse().ok()
}

fn in_group(paths: &Paths) -> Option<bool> {
    let text = fs::read_to_string(paths.at("etc/group")).ok()?;
    let members = text.lines().find_map(|line| line.strip_prefix("asterisk:"))?.rsplit(':').next()?;
    Some(members.split(',').any(|member| member == "offhook"))
}

fn freepbx(paths: &Paths, version: Option<String>, module: Option<&str>) -> Pbx {
    let amportal = fs::read_to_string(paths.at("etc/amportal.conf")).unwrap_or_default();
    let stated = amportal.lines().find_map(|line| line.strip_prefix("AMPWEBROOT="));
    let web_root = paths.at(stated.map(str::trim).filter(|root| !root.is_empty()).unwrap_or("/var/www/html"));
    let there = web_root.join("admin/modules/offhook/module.xml").is_file();
    let module = module.filter(|_| there).map(str::to_owned);
    let module_folder = fs::symlink_metadata(web_root.join("admin/modules/offhook")).is_ok();
    Pbx::FreePbx { version, fwconsole: on_path("fwconsole"), module, module_folder, web_root }
}

async fn configuration(paths: &Paths) -> Configuration {
    let loaded = paths
        .config
        .exists()
        .then(|| config::load(&paths.config, &config::Environment::new()).map(Box::new).map_err(|why| why.to_string()));
    let setup = files::read(&paths.setup_conf());
    let conf = SetupConf::parse(setup.text());
    let opening = match &loaded {
        Some(Ok(config)) => database::opens(config).await,
        _ => Opening::Unknown,
    };
    let (url_works, url_refused) = (opening == Opening::Works, opening == Opening::Refused);
    Configuration { loaded, setup, conf, url_works, url_refused, tftp_folder: None }
}

async fn asterisk(paths: &Paths) -> Manager {
    let text =
        |name: &str| fs::read(paths.at("etc/asterisk").join(name)).map(|b| String::from_utf8_lossy(&b).into_owned());
    let main = text("manager.conf").unwrap_or_default();
    let secret = read_secret(paths);
    let login = match &secret {
        Some(secret) => manager::login(fence::manager_port(&main), secret).await,
        None => Err("there is no secret yet".to_owned()),
    };
    Manager {
        additional: text("manager_additional.conf").unwrap_or_default(),
        custom: files::read(&paths.manager_custom()),
        program: on_path("asterisk"),
        login,
        main,
    }
}

/// The manager user's secret that is there.
pub(super) fn read_secret(paths: &Paths) -> Option<Secret> {
    match files::read(&paths.ami_secret()) {
        TextFile::Text(text) if !text.trim().is_empty() => Some(Secret::new(text.trim_end_matches(['\n', '\r']))),
        _ => None,
    }
}

/// Whether a program is found by PATH.
fn on_path(name: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(name).is_file())
}

/// Who has TFTP's port, and by which socket unit, where another server has it.
pub(super) fn tftp(paths: &Paths) -> Option<Holder> {
    let mut holder = holder(paths, 69)?;
    if port::taking(Some(&holder)) != port::Taking::Ours {
        let mut command = Command::new("systemctl");
        command.args(["list-sockets", "--no-legend", "--no-pager", "--full"]).stdin(Stdio::null());
        let list = command.output().map(|output| output.stdout).unwrap_or_default();
        holder.socket = port::socket_unit(&String::from_utf8_lossy(&list), 69);
    }
    Some(holder)
}

/// Who has a UDP port.
pub(super) fn holder(paths: &Paths, port: u16) -> Option<Holder> {
    let address = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
    let found = ports::holder_by(&paths.at("proc"), Protocol::Udp, address)?;
    let Some(process) = found.process else { return Some(Holder::default()) };
    let text = |name: &str| fs::read_to_string(process.folder.join(name)).unwrap_or_default();
    Some(Holder {
        process: process.pid,
        unit: port::unit(&text("cgroup")),
        socket: None,
        words: text("cmdline").split('\0').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        program: process.name,
    })
}

/// The folder that another TFTP server serves, if it is there.
fn served_folder(paths: &Paths, holder: &Holder) -> Option<PathBuf> {
    let found = match port::taking(Some(holder)) {
        port::Taking::Ours | port::Taking::ByHand(_) => None,
        port::Taking::Units(_) => fence::served_folder(holder.words.iter().map(String::as_str)).map(PathBuf::from),
        port::Taking::Xinetd => {
            let text = fs::read_to_string(paths.at("etc/xinetd.d/tftp")).ok()?;
            let line = text.lines().find(|line| line.trim_start().starts_with("server_args"))?;
            fence::served_folder(line.split_whitespace()).map(PathBuf::from)
        }
    };
    found.filter(|folder| folder.is_dir())
}

fn synchronised() -> Option<bool> {
    let mut command = Command::new("timedatectl");
    let output = command.args(["show", "-p", "NTPSynchronized", "--value"]).stdin(Stdio::null()).output().ok()?;
    match output.stdout.as_slice() {
        b"yes\n" => Some(true),
        b"no\n" => Some(false),
        _ => None,
    }
}

fn firewall(paths: &Paths, pbx: &Pbx) -> Firewall {
    if let Pbx::FreePbx { web_root, fwconsole: true, .. } = pbx
        && web_root.join("admin/modules/firewall/module.xml").is_file()
    {
        return Firewall::FreePbx;
    }
    let ufw = fs::read_to_string(paths.at("etc/ufw/ufw.conf")).unwrap_or_default();
    if ufw.lines().any(|line| line.trim() == "ENABLED=yes") { Firewall::Ufw } else { Firewall::Other }
}

/// What is in a zone of FreePBX's firewall; `None` = it did not say.
pub(super) async fn zone(name: &str) -> Option<Vec<Ipv4Net>> {
    let ran = ran(&["fwconsole", "firewall", "list", name].map(str::to_owned), None).await.ok()?;
    // Where no zone ever had a network it prints the head and ends with 2 over an empty list (firewall 16.0.57.7).
    let whole = ran.status.success() || ran.err.contains("foreach()");
    whole.then(|| fence::zone(&ran.out, name)).flatten()
}

/// Private addresses of interfaces that are up, and their networks.
fn interfaces() -> (Vec<Ipv4Addr>, Vec<Ipv4Net>) {
    let all = getifaddrs().into_iter().flatten();
    let up = all
        .filter(|one| one.flags.contains(InterfaceFlags::IFF_UP) && !one.flags.contains(InterfaceFlags::IFF_LOOPBACK));
    let private = up.filter_map(|one| {
        let address = one.address.as_ref()?.as_sockaddr_in()?.ip();
        let mask = one.netmask.as_ref()?.as_sockaddr_in()?.ip();
        Ipv4Net::with_netmask(address, mask).ok().filter(|net| net.addr().is_private())
    });
    let private: Vec<Ipv4Net> = private.collect();
    let networks: BTreeSet<Ipv4Net> = private.iter().map(Ipv4Net::trunc).collect();
    (private.iter().map(Ipv4Net::addr).collect(), networks.into_iter().collect())
}
