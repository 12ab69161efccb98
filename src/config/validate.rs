//! From the shape as written to the shape as used. Pure: looks at no file, address or clock.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use ipnet::Ipv4Net;

use super::wire::{self, Wire};
use super::{Access, Ami, AmiSecret, Config, ConfigProblem, PbxSource, Policy, Publish, Server, Tftp};
use super::{admin, dhcp, firmware, pbx};
use crate::domain::{PhoneOptions, Secret, SipTransport};
use crate::pbx::sources::freepbx_conf;
use crate::sntp;

/// Collects problems while reading on.
pub(super) struct Report(pub(super) Vec<ConfigProblem>);

impl Report {
    pub(super) fn add(&mut self, key: &str, what: impl Into<String>) {
        self.0.push(ConfigProblem { place: String::new(), line: None, key: key.to_owned(), what: what.into() });
    }

    pub(super) fn take<T, E: std::fmt::Display>(&mut self, key: &str, value: Result<T, E>) -> Option<T> {
        value.map_err(|why| self.add(key, why.to_string())).ok()
    }

    /// Keys of the contract that nothing stands behind yet: refused, never silently ignored.
    fn not_built(&mut self, key: &str, asked: bool) {
        if asked {
            self.add(key, "is not built yet; leave it at its default");
        }
    }
}

/// Gives the merged text its meaning; every problem is in the list.
pub(super) fn validate(wire: Wire) -> Result<Config, Vec<ConfigProblem>> {
    let mut report = Report(Vec::new());
    let mut notes = Vec::new();
    let server = server(&mut report, &wire.server);
    if server.as_ref().is_some_and(|server| server.phone_networks.iter().any(|net| net.prefix_len() == 0)) {
        notes.push("server.phone_networks is the whole Internet: any host anywhere can fetch files".to_owned());
    }
    let pbx = pbx::validate(&mut report, &wire.pbx);
    let ami = ami(&mut report, wire.ami);
    let tftp = Tftp {
        listen: sockets(&mut report, "tftp.listen", &wire.tftp.listen),
        fall_through: optional(&mut report, "tftp.fall_through", &wire.tftp.fall_through),
    };
    if tftp.listen.is_empty() {
        report.add("tftp.listen", "name at least one address, such as \"0.0.0.0:69\"");
    }
    let http = sockets(&mut report, "http.listen", &wire.http.listen);
    let (admin, admin_hosts) = admin::validate(&mut report, &mut notes, &wire.admin);
    let discovery = interfaces(&mut report, "discovery.interfaces", &wire.discovery.interfaces);
    let access = access(&mut report, &mut notes, &wire.access);
    let time = sockets(&mut report, "sntp.listen", &wire.sntp.listen);
    if let Some(address) = time.iter().find(|address| address.port() != sntp::PORT) {
        report.add("sntp.listen", format!("{address} is not on port {}, and phones ask no other", sntp::PORT));
    }
    let syslog = sockets(&mut report, "syslog.listen", &wire.syslog.listen);
    report.not_built("pbx.config_dir", wire.pbx.config_dir != "/etc/asterisk");
    let phones = phones(&mut report, wire.phones);
    let dhcp = dhcp::validate(&mut report, &wire.dhcp);
    let firmware = firmware::validate(&mut report, wire.firmware);
    unbuilt(&mut report, &wire.store, &wire.publish);
    let publish = Publish { database: wire.publish.database, astdb: wire.publish.astdb };
    match (server, pbx, report.0.is_empty()) {
        (Some(server), Some(pbx), true) => Ok(Config {
            server,
            pbx,
            ami,
            tftp,
            http,
            admin,
            admin_hosts,
            dhcp,
            discovery,
            access,
            firmware,
            phones,
            sntp: time,
            syslog,
            publish,
            notes,
            shown: Vec::new(),
        }),
        _ => Err(report.0),
    }
}

fn access(report: &mut Report, notes: &mut Vec<String>, wire: &wire::Access) -> Access {
    let policy = match wire.policy.as_str() {
        "own-mac" => Policy::OwnMac,
        "network" => {
            notes.push(
                "access.policy is \"network\": any host in server.phone_networks that is not known to be another device can \
                 fetch any phone's file, secrets included; \"own-mac\" serves each phone its own"
                    .to_owned(),
            );
            Policy::Network
        }
        "open" => {
            notes.push(
                "access.policy is \"open\": any host in server.phone_networks can fetch any phone's file, secrets included; \
                 go back to \"own-mac\" soon"
                    .to_owned(),
            );
            Policy::Open
        }
        other => {
            report.add("access.policy", format!("{other:?} is none of own-mac, network, open"));
            Policy::OwnMac
        }
    };
    let first_contact = duration(report, "access.first_contact", &wire.first_contact).unwrap_or_default();
    if first_contact > LONGEST_FIRST_CONTACT {
        report
            .add("access.first_contact", "is longer than a day; so long nobody looks after a window that stands open");
    }
    Access { policy, first_contact }
}

const LONGEST_FIRST_CONTACT: Duration = Duration::from_hours(24);

/// Refuses a fall-through folder in which, at any depth, files with secrets lie: all of it is served to whoever asks.
pub(super) fn keeps_apart(config: &Config, file: &Path) -> Result<(), ConfigProblem> {
    let Some(folder) = &config.tftp.fall_through else { return Ok(()) };
    let secret = match config.ami.as_ref().map(|ami| &ami.secret) {
        Some(AmiSecret::File(path)) => Some((path.as_path(), "ami.secret_file")),
        _ => None,
    };
    let database = match &config.pbx.source {
        PbxSource::Sqlite(path) => (path.as_path(), "the database of pbx.database_url"),
        PbxSource::FreePbx(_) => (Path::new(freepbx_conf::PATH), "FreePBX's own configuration"),
    };
    let state = (config.server.state_dir.as_path(), "server.state_dir");
    let private = [state, (file, "this configuration"), database].into_iter().chain(secret);
    match private.into_iter().find(|(path, _)| path.starts_with(folder)) {
        None => Ok(()),
        Some((path, what)) => Err(ConfigProblem {
            place: String::new(),
            line: None,
            key: "tftp.fall_through".to_owned(),
            what: format!(
                "{} holds {what} ({}), and all that is in there is served to whoever asks; name a folder for phones' files alone",
                folder.display(),
                path.display()
            ),
        }),
    }
}

/// An address of ours as phones are told it.
pub(super) fn reachable(ip: Ipv4Addr) -> Result<Ipv4Addr, String> {
    if ip.is_unspecified() || ip.is_broadcast() || ip.is_multicast() {
        Err(format!("{ip} is no address that a phone can send to"))
    } else {
        Ok(ip)
    }
}

fn server(report: &mut Report, wire: &wire::Server) -> Option<Server> {
    let address = match wire.address.as_str() {
        "auto" => Some(None),
        text => report
            .take("server.address", text.parse::<Ipv4Addr>().map_err(|_| "is neither \"auto\" nor an IPv4 address"))
            .and_then(|ip| report.take("server.address", reachable(ip)))
            .map(Some),
    };
    if wire.phone_networks.is_empty() {
        report.add("server.phone_networks", "names no network, so no phone would be served");
    }
    let mut phone_networks = Vec::new();
    for text in &wire.phone_networks {
        match text.parse::<Ipv4Net>() {
            Ok(net) if net.prefix_len() == 0 && !wire.whole_internet => report.add(
                "server.phone_networks",
                format!("{text} is the whole Internet; name the phones' networks, or set server.whole_internet = true"),
            ),
            Ok(net) if net.trunc() != net => {
                report.add("server.phone_networks", format!("{text} has host bits set; the network is {}", net.trunc()))
            }
            Ok(net) => phone_networks.push(net),
            Err(_) => {
                report.add("server.phone_networks", format!("{text:?} is no IPv4 network such as 192.168.0.0/16"))
            }
        }
    }
    let state_dir = absolute(report, "server.state_dir", &wire.state_dir);
    let socket = absolute(report, "server.socket", &wire.socket);
    if wire.socket.len() > SOCKET_NAME {
        report.add("server.socket", format!("is longer than the {SOCKET_NAME} octets that a socket's name may have"));
    }
    Some(Server { address: address?, state_dir: state_dir?, socket: socket?, phone_networks })
}

/// Empty = none.
pub(super) fn optional(report: &mut Report, key: &str, text: &str) -> Option<PathBuf> {
    if text.is_empty() { None } else { absolute(report, key, text) }
}

fn absolute(report: &mut Report, key: &str, text: &str) -> Option<PathBuf> {
    let path = PathBuf::from(text);
    if path.components().any(|part| part == Component::ParentDir) {
        report.add(key, format!("{text:?} has .. in it; write where it leads"));
        None
    } else if path.is_absolute() {
        Some(path)
    } else {
        report.add(key, format!("{text:?} is no absolute path"));
        None
    }
}

/// Longest name of a unix socket (unix(7): 108 with the NUL at its end).
const SOCKET_NAME: usize = 107;

/// 47 characters is what a 7960 takes as `proxyN_address`, the tightest of all.
pub(super) fn host_like(text: &str) -> bool {
    (1..=47).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
}

pub(super) fn transport(report: &mut Report, key: &str, text: &str) -> Option<SipTransport> {
    match text {
        "udp" => Some(SipTransport::Udp),
        "tcp" => Some(SipTransport::Tcp),
        other => {
            report.add(key, format!("{other:?} is neither udp nor tcp"));
            None
        }
    }
}

fn ami(report: &mut Report, wire: wire::Ami) -> Option<Ami> {
    if wire.address.is_empty() {
        return None;
    }
    if wire
        .address
        .rsplit_once(':')
        .is_none_or(|(host, port)| host.is_empty() || !port.parse::<u16>().is_ok_and(|p| p > 0))
    {
        report.add("ami.address", format!("{:?} is no host:port", wire.address));
    }
    let secret = if wire.secret.is_empty() {
        AmiSecret::File(PathBuf::from(wire.secret_file))
    } else {
        AmiSecret::Inline(Secret::new(wire.secret))
    };
    Some(Ami { address: wire.address, username: wire.username, secret })
}

pub(super) fn sockets(report: &mut Report, key: &str, texts: &[String]) -> Vec<SocketAddrV4> {
    let mut addresses: Vec<SocketAddrV4> = Vec::new();
    for text in texts {
        match text.parse::<SocketAddrV4>() {
            Ok(address) if addresses.contains(&address) && address.port() != 0 => {
                report.add(key, format!("{text} is named twice"))
            }
            Ok(address)
                if addresses.iter().any(|other| {
                    address.port() != 0
                        && other.port() == address.port()
                        && (other.ip().is_unspecified() || address.ip().is_unspecified())
                }) =>
            {
                report
                    .add(key, format!("0.0.0.0:{} has the others with that port in it; name it alone", address.port()))
            }
            Ok(address) => addresses.push(address),
            Err(_) => report.add(key, format!("{text:?} is no IPv4 address:port")),
        }
    }
    addresses
}

/// Longest name of an interface (linux/if.h: 16 with the NUL at its end).
const INTERFACE_NAME: usize = 15;

/// Names of interfaces as the kernel takes them; whether they are there is not asked.
pub(super) fn interfaces(report: &mut Report, key: &str, names: &[String]) -> Vec<String> {
    let mut sound: Vec<String> = Vec::new();
    for name in names {
        let fits = (1..=INTERFACE_NAME).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b':');
        if sound.contains(name) {
            report.add(key, format!("{name} is named twice"));
        } else if fits && name != "." && name != ".." {
            sound.push(name.clone());
        } else {
            report.add(key, format!("{name:?} is no name of an interface such as eth0 or eth0.100; see `ip link`"));
        }
    }
    sound
}

pub(super) fn duration(report: &mut Report, key: &str, text: &str) -> Option<Duration> {
    report.take(
        key,
        humantime::parse_duration(text)
            .map_err(|why| format!("{text:?} is no duration such as \"2s\" or \"30m\": {why}")),
    )
}

fn phones(report: &mut Report, wire: wire::Phones) -> PhoneOptions {
    let unless_auto = |text: String| (text != "auto").then_some(text);
    PhoneOptions {
        time_zone: unless_auto(wire.time_zone),
        ntp: unless_auto(wire.ntp),
        language: Some(wire.language),
        phone_password: Some(wire.phone_password),
        voicemail: unless_auto(wire.voicemail),
        emergency: Some(wire.emergency),
        transport_8x: transport(report, "phones.transport_8x", &wire.transport_8x),
        transport_9x: transport(report, "phones.transport_9x", &wire.transport_9x),
    }
}

fn unbuilt(report: &mut Report, store: &wire::Store, publish: &wire::Publish) {
    report.not_built("store.url", !store.url.is_empty());
    report.not_built("publish.user_event", publish.user_event);
    report.not_built("publish.webhook", !publish.webhook.is_empty());
}
