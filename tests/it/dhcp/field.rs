//! A host on a switch with the daemon on it, and phones that ask it for their address by the scripted phones' own client.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::{Duration, Instant};

use offhook::simulate::dhcp::client::{Client, Event, Timing};
use offhook::simulate::dhcp::habits::habits;
use offhook::simulate::dhcp::lease::Lease;
use offhook::simulate::dhcp::link::Link;
use offhook::simulate::{Flash, Model};
use tokio::runtime::{Builder, Runtime};

use crate::support::daemon::{Daemon, Site};
use crate::support::net::Ends;
use crate::support::pbx::Pbx;
use crate::support::{Component, have, wait_for};

/// Phones ask again each second.
const TIMING: Timing = Timing {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(1),
    tries: 4,
    declined: Duration::from_secs(1),
};

/// How long one does so that is to get an address: as long as a failing test may take.
pub(crate) const STUBBORN: Duration = Duration::from_secs(60);

/// And one that is to get none, or does not matter: three or four questions.
pub(crate) const IMPATIENT: Duration = Duration::from_millis(3_500);

pub(crate) fn ready(more: &[Component]) -> bool {
    let tools = ["unshare", "nsenter", "ip", "curl"].map(Component::Program);
    have(&[&[Component::RawPackets], tools.as_slice(), more].concat())
}

/// The subnet of 192.0.2.1 on `v0`.
pub(crate) fn subnet(pool: &str) -> String {
    format!(
        "[dhcp]\nmode = \"phones\"\ninterfaces = [\"v0\"]\n[[dhcp.subnet]]\nnetwork = \"192.0.2.0/24\"\npool = \"{pool}\"\n"
    )
}

/// A configuration for 192.0.2.1: `access.policy` at its default, the ports that phones know, and these lines.
pub(crate) fn site(pbx: &Pbx, more: &str) -> Site {
    let site = Site::new(pbx);
    let mut toml = site.configuration();
    for (from, to) in [
        ("[\"127.0.0.0/8\"]", "[\"192.0.2.0/24\"]"),
        ("sip_host = \"127.0.0.1\"", "sip_host = \"192.0.2.1\""),
        ("[tftp]\nlisten = [\"127.0.0.1:0\"]", "[tftp]\nlisten = [\"0.0.0.0:69\"]"),
        ("[http]\nlisten = [\"127.0.0.1:0\"]", "[http]\nlisten = [\"0.0.0.0:6970\"]"),
        ("[access]\npolicy = \"network\"\n\n", ""),
    ] {
        assert!(toml.contains(from), "{from}: {toml}");
        toml = toml.replace(from, to);
    }
    site.configure(&format!("{toml}\n{more}"));
    site
}

/// The daemon on that host. The network outlives it.
pub(crate) fn serve<'a>(site: &'a Site, host: &Ends) -> Daemon<'a> {
    serve_with(site, host, |_| {})
}

/// The same, once its command is made ready.
pub(crate) fn serve_with<'a>(site: &'a Site, host: &Ends, prepare: impl FnOnce(&mut Command)) -> Daemon<'a> {
    let before = served(&std::fs::read_to_string(site.folder().join("log")).unwrap_or_default(), "v0");
    let line = format!("exec nsenter --net=/proc/{}/ns/net \"$@\"", host.0.id());
    let daemon = site.serve_with(|command| {
        *command = site.by_shell(&line);
        // Another server is asked for every fifth of a second, not every ten minutes.
        command.env("OFFHOOK_FAULT", "round:watching:200");
        prepare(command);
    });
    wait_until_served(&daemon, "v0", before);
    daemon
}

/// How often this log says that an interface is served.
pub(crate) fn served(log: &str, interface: &str) -> usize {
    log.lines().filter(|line| line.contains("\"dhcp-serves\"") && line.contains(&format!("\"{interface}\""))).count()
}

/// Waits until it says so once more than before.
pub(crate) fn wait_until_served(daemon: &Daemon<'_>, interface: &str, before: usize) {
    wait_for(&format!("DHCP on {interface}"), || {
        let log = daemon.log();
        if served(&log, interface) > before { Ok(()) } else { Err(log) }
    });
}

/// Whose which address is, as people see it.
pub(crate) fn bindings(daemon: &Daemon<'_>) -> BTreeMap<Ipv4Addr, String> {
    let all = daemon.json(&["dhcp", "leases"]);
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    all.as_array().unwrap().iter().map(|lease| (text(&lease["ip"]).parse().unwrap(), text(&lease["mac"]))).collect()
}

/// A 7942 that asks on `v1` of the network that its thread is in.
pub(crate) struct Caller {
    runtime: Runtime,
    link: Link,
    mac: String,
    client: Client,
    patience: Duration,
}

impl Caller {
    /// Switched on; with the address that it had before.
    pub(crate) fn new(mac: &str, patience: Duration, last: Option<Ipv4Addr>) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let link = runtime.block_on(async { Link::open("v1").unwrap() });
        Self { runtime, link, mac: mac.to_owned(), client: client(mac, last), patience }
    }

    /// Goes on until it has an address, or has it for longer.
    pub(crate) fn bound(&mut self) -> Result<Lease, String> {
        let Self { runtime, link, mac, client: script, patience } = self;
        let goes_on = async {
            loop {
                match link.next(script).await.map_err(|why| why.to_string())? {
                    Event::Bound(lease) => return Ok(*lease),
                    // Here the script ends; the phone asks on.
                    Event::Silent { .. } => *script = client(mac, None),
                    _ => {}
                }
            }
        };
        let patience = *patience;
        let ended = runtime.block_on(async { tokio::time::timeout(patience, goes_on).await });
        ended.unwrap_or_else(|_| Err(format!("no address within {patience:?}")))
    }

    /// Asks its server for more time.
    pub(crate) fn renewed(&mut self) -> Result<Lease, String> {
        self.client.renew(Instant::now());
        self.bound()
    }

    /// Asks everybody for more time.
    pub(crate) fn rebound(&mut self) -> Result<Lease, String> {
        self.client.rebind(Instant::now());
        self.bound()
    }
}

/// The client of a 7942.
pub(crate) fn client(mac: &str, last: Option<Ipv4Addr>) -> Client {
    let model: Model = "7942".parse().unwrap();
    let flash = Flash::of(&model, &"sip:SIP42.9-4-2SR3-1S".parse().unwrap());
    let mac = mac.parse().unwrap();
    Client::new(habits(&model, &flash, mac), mac, TIMING, last, Instant::now())
}

/// A phone that is switched on and gets an address, or does not.
pub(crate) fn asks(mac: &str, patience: Duration) -> Result<Lease, String> {
    Caller::new(mac, patience, None).bound()
}
