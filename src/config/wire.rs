//! The configuration as its user writes it: sections and keys of `offhook.toml`, with their defaults.
//!
//! Text stays text here; [`super::validate`] gives it meaning. Unknown keys are refused, whatever the file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// All sections.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wire {
    pub server: Server,
    pub store: Store,
    pub pbx: Pbx,
    pub ami: Ami,
    pub tftp: Tftp,
    pub http: Http,
    pub admin: Admin,
    pub dhcp: Dhcp,
    pub discovery: Discovery,
    pub access: Access,
    pub firmware: Firmware,
    pub phones: Phones,
    pub sntp: Sntp,
    pub syslog: Syslog,
    pub publish: Publish,
}

/// A section: its fields with their types and defaults.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty = $default:expr),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize, Serialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name { $(pub $field: $kind),+ }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default),+ }
            }
        }
    };
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}

section! {
    /// `[server]`
    Server {
        address: String = "auto".into(),
        state_dir: String = "/var/lib/offhook".into(),
        socket: String = "/run/offhook/api.sock".into(),
        phone_networks: Vec<String> = texts(&["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]),
        whole_internet: bool = false,
        allow_readable_secrets: bool = false,
    }
}

section! {
    /// `[store]`
    Store { url: String = String::new() }
}

/// One source or a list of them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

section! {
    /// `[pbx]`
    Pbx {
        source: Option<OneOrMany> = None,
        database_url: String = "auto".into(),
        config_dir: String = "/etc/asterisk".into(),
        poll_interval: String = "2s".into(),
        sip_host: String = "auto".into(),
        sip_port: u16 = 0,
        transport: String = "auto".into(),
        fail2ban_log: String = "/var/log/fail2ban.log".into(),
    }
}

section! {
    /// `[ami]`
    Ami {
        address: String = "127.0.0.1:5038".into(),
        username: String = "offhook".into(),
        secret_file: String = "/etc/offhook/ami.secret".into(),
        secret: String = String::new(),
    }
}

section! {
    /// `[tftp]`
    Tftp { listen: Vec<String> = texts(&["0.0.0.0:69"]), fall_through: String = "/tftpboot".into() }
}

section! {
    /// `[http]`, the phones' side.
    Http { listen: Vec<String> = texts(&["0.0.0.0:6970"]) }
}

section! {
    /// `[admin]`, the people's side.
    Admin { listen: Vec<String> = texts(&["127.0.0.1:8150"]), hosts: Vec<String> = Vec::new() }
}

section! {
    /// `[dhcp]`
    Dhcp {
        mode: String = "off".into(),
        interfaces: Vec<String> = Vec::new(),
        beside_other_server: bool = false,
        probe: bool = true,
        trusted_circuit: bool = false,
        subnet: Vec<Subnet> = Vec::new(),
        reservation: Vec<Reservation> = Vec::new(),
    }
}

section! {
    /// `[[dhcp.subnet]]`
    Subnet {
        network: String = String::new(),
        pool: String = String::new(),
        router: String = String::new(),
        dns: Vec<String> = Vec::new(),
        domain: String = String::new(),
        lease: String = "12h".into(),
        clients: String = String::new(),
        others: u8 = 10,
        relays: Vec<String> = Vec::new(),
    }
}

section! {
    /// `[[dhcp.reservation]]`
    Reservation { mac: String = String::new(), address: String = String::new() }
}

section! {
    /// `[access]`
    Access { policy: String = "own-mac".into(), first_contact: String = "30m".into() }
}

section! {
    /// `[firmware]`
    Firmware {
        conversion: String = "manual".into(),
        accept_one_way: bool = false,
        concurrent: u16 = 10,
        target: BTreeMap<String, String> = BTreeMap::new(),
        erased: BTreeMap<String, String> = BTreeMap::new(),
        os79xx_window: String = "0s".into(),
        window: String = String::new(),
    }
}

section! {
    /// `[phones]`
    Phones {
        time_zone: String = "auto".into(),
        ntp: String = "auto".into(),
        language: String = "en_US".into(),
        phone_password: String = "cisco".into(),
        voicemail: String = "auto".into(),
        emergency: Vec<String> = texts(&["112", "911"]),
        transport_8x: String = "udp".into(),
        transport_9x: String = "tcp".into(),
    }
}

section! {
    /// `[discovery]`
    Discovery { interfaces: Vec<String> = Vec::new() }
}

section! {
    /// `[sntp]`
    Sntp { listen: Vec<String> = Vec::new() }
}

section! {
    /// `[syslog]`
    Syslog { listen: Vec<String> = Vec::new() }
}

section! {
    /// `[publish]`
    Publish {
        database: bool = true,
        astdb: bool = true,
        user_event: bool = false,
        webhook: Vec<String> = Vec::new(),
    }
}

/// Keys that hold a list; in the environment their values are comma-separated.
pub const LISTS: &[&str] = &[
    "server.phone_networks",
    "pbx.source",
    "tftp.listen",
    "http.listen",
    "admin.listen",
    "admin.hosts",
    "dhcp.interfaces",
    "discovery.interfaces",
    "phones.emergency",
    "sntp.listen",
    "syslog.listen",
    "publish.webhook",
];
