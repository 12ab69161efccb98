//! What people ask of the daemon: look, check, assign. An edge: reaches the store and fetches over its own TFTP.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::notify::Told;
use super::{Hub, Prober};
use crate::api::{AddPhone, Check};
use crate::check::{self, Facts, Held};
use crate::config::{self, Listen};
use crate::dhcp::watch::Watch;
use crate::domain::{Extension, LineKind, MacAddr, ModelName, PhoneOptions};
use crate::files::fall_through::FallThrough;
use crate::files::fetched::SealKey;
use crate::pbx::ami::client::AmiHandle;
use crate::pbx::roster::{Assignment, Button, Origin};
use crate::simulate;
use crate::store::{Damaged, Store};
use crate::syslog::gate::Fates;
use crate::tftp::exchange::Dropped;
use crate::web::Answers;
use crate::{neighbour, ports};

/// What the daemon stands in, as far as a check looks at it.
pub struct Surroundings {
    /// What the configuration wants said.
    pub notes: ArcSwap<Vec<String>>,
    /// Sections of the configuration that were changed and take a restart.
    pub restart: ArcSwap<Vec<&'static str>>,
    /// The configuration in force, as people see it.
    pub settings: ArcSwap<Vec<config::Shown>>,
    /// Where TFTP listens.
    pub tftp: SocketAddrV4,
    /// Where HTTP for phones does.
    pub http: Option<SocketAddr>,
    /// What TFTP got and did not answer.
    pub dropped: Arc<Dropped>,
    /// What came of lines that phones said.
    pub said: Arc<Fates>,
    /// What came of HTTP requests.
    pub answers: Arc<Answers>,
    /// Who is served.
    pub networks: Vec<Ipv4Net>,
    /// The firmware of the house.
    pub firmware: Arc<crate::firmware::store::Store>,
    /// Folder for names that are not ours.
    pub fall_through: Option<FallThrough>,
    /// Where a manager session is wanted: sends actions.
    pub ami: Option<AmiHandle>,
    /// Where it listens, and by which key.
    pub listens: Vec<Listen>,
    /// Those that another program holds.
    pub held: watch::Receiver<BTreeSet<Listen>>,
    /// The leases of our DHCP server, where there is one.
    pub leases: Option<crate::dhcp::io::Handle>,
    /// Other DHCP servers.
    pub dhcp: Dhcp,
    /// Destinations of the status, and why each is not written.
    pub sinks: Vec<(String, watch::Receiver<Option<String>>)>,
    /// Interfaces where announcements of phones are listened to, and why each is not heard.
    pub discovery: Vec<(String, watch::Receiver<Option<String>>)>,
    /// What tells whether a secret in a file changed; `None` where it cannot be read.
    pub seal_key: Option<SealKey>,
    /// Why the log of fail2ban is not read, where it is there.
    pub fail2ban: watch::Receiver<Option<String>>,
}

/// What is watched of other DHCP servers, and by what.
pub struct Dhcp {
    /// What is known.
    pub watch: Arc<Watch>,
    /// `[dhcp]` and `[server]` of the start: others take a restart.
    pub config: config::Dhcp,
    /// Likewise.
    pub server: config::Server,
}

/// A user that hears security events hears of its own login within this.
const HEARS: SignedDuration = SignedDuration::from_secs(3);

/// What people can ask for.
pub struct Operations {
    pub(super) hub: Arc<Hub>,
    pub(super) store: Arc<Store>,
    prober: Arc<Prober>,
    pub(super) around: Surroundings,
    /// Phones that were told something of late.
    pub(super) told: Told,
    /// Held from the store's write to the hub's: two who assign at once do not undo each other.
    assigning: tokio::sync::Mutex<()>,
    /// Checks ask other hosts: one at a time.
    checking: tokio::sync::Mutex<()>,
}

impl Operations {
    /// Over this hub and store.
    pub fn new(hub: Arc<Hub>, store: Arc<Store>, prober: Arc<Prober>, around: Surroundings) -> Self {
        Self {
            hub,
            store,
            prober,
            around,
            told: Told::default(),
            assigning: tokio::sync::Mutex::default(),
            checking: tokio::sync::Mutex::default(),
        }
    }

    /// Addresses that our DHCP server has given; none where there is no such server.
    pub fn leases(&self) -> Vec<crate::api::Lease> {
        self.around.leases.as_ref().map(crate::dhcp::io::Handle::leases).unwrap_or_default()
    }

    /// The hub.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// What the configuration wants said, after it was read again.
    pub fn set_notes(&self, notes: Vec<String>) {
        self.around.notes.store(Arc::new(notes));
    }

    /// Sections that were changed and take a restart, after the configuration was read again.
    pub fn set_restart(&self, sections: &[&'static str]) {
        self.around.restart.store(Arc::new(sections.to_vec()));
    }

    /// Assigns a phone here, on the word of `who`. PBX assignments are the PBX's to make.
    ///
    /// # Errors
    /// Why not, in one sentence.
    pub async fn add(&self, add: &AddPhone, who: &str) -> Result<String, String> {
        let snapshot = self.hub.snapshot();
        let model = ModelName::new(&add.model);
        if add.model != "auto" && snapshot.catalog.get(&model).is_none() {
            return Err(format!(
                "phone {} cannot be added: {:?} is no model of the catalogue; see `offhook models list`",
                add.mac, add.model
            ));
        }
        if add.lines.is_empty() {
            return Err(format!("phone {} cannot be added without an extension: name one (--line EXT)", add.mac));
        }
        if let Some(bad) = add.lines.iter().find(|line| line.parse::<Extension>().is_err()) {
            return Err(format!("phone {} cannot be added: {bad:?} is no extension", add.mac));
        }
        if snapshot.assignment(add.mac).is_some_and(|assignment| assignment.origin == Origin::Pbx) {
            return Err(format!("phone {} is assigned in the PBX already; change it there", add.mac));
        }
        let assignment = own_assignment(add)?;
        let _alone = self.assigning.lock().await;
        self.store
            .keep_assignment(&assignment)
            .await
            .map_err(|why| format!("phone {} could not be kept: {why}", add.mac))?;
        let mut own = self.hub.own_assignments();
        own.retain(|other| other.mac != add.mac);
        own.push(assignment);
        self.hub.own(own, Timestamp::now());
        self.hub.did(who, add.mac, &format!("gave it {}", add.lines.join(", ")), Timestamp::now());
        let doubts = self.doubts(add);
        Ok(format!("phone {} has {}; plug it in, or restart it{doubts}", add.mac, add.lines.join(", ")))
    }

    /// What may be wrong with an assignment that is allowed: said at once, lest it is found by a phone.
    fn doubts(&self, add: &AddPhone) -> String {
        let snapshot = self.hub.snapshot();
        let Some(roster) = &snapshot.roster else { return String::new() };
        let doubt = |line: &String| {
            let extension: Extension = line.parse().ok()?;
            if !roster.accounts.contains_key(&extension) {
                return Some(format!("; mind: the PBX has no extension {line}"));
            }
            let other = snapshot.sharing(add.mac, &[line]).next()?.mac;
            Some(format!("; mind: {line} is on phone {other} too"))
        };
        add.lines.iter().filter_map(doubt).collect()
    }

    /// Says that a phone is at an address, on the word of `who`.
    ///
    /// # Errors
    /// Why it is not, in one sentence.
    pub fn approve(&self, mac: MacAddr, ip: Option<Ipv4Addr>, who: &str, now: Timestamp) -> Result<String, String> {
        if let Some(ip) = ip.filter(|ip| !self.around.networks.iter().any(|net| net.contains(ip))) {
            return Err(format!("phone {mac} was not approved at {ip}: that is in none of server.phone_networks"));
        }
        self.hub.approve(mac, ip, who, now)
    }

    /// Takes an own assignment away, on the word of `who`.
    ///
    /// # Errors
    /// Why not, in one sentence.
    pub async fn remove(&self, mac: MacAddr, who: &str) -> Result<String, String> {
        let _alone = self.assigning.lock().await;
        let removed =
            self.store.drop_assignment(mac).await.map_err(|why| format!("phone {mac} could not be removed: {why}"))?;
        if !removed {
            let in_pbx = self.hub.snapshot().assignment(mac).is_some();
            let why = if in_pbx { "it is assigned in the PBX; remove it there" } else { "it is not assigned" };
            return Err(format!("phone {mac} was not removed: {why}"));
        }
        let mut own = self.hub.own_assignments();
        own.retain(|other| other.mac != mac);
        // Kept as long as it is assigned.
        self.hub.did(who, mac, "took its assignment away", Timestamp::now());
        self.hub.own(own, Timestamp::now());
        Ok(format!("phone {mac} is not assigned here any more; it keeps what is in its flash until it is reset"))
    }

    /// Runs all checks.
    pub async fn check(&self) -> Vec<Check> {
        let _alone = self.checking.lock().await;
        let now = Timestamp::now();
        let snapshot = self.hub.snapshot();
        let manager = self.hub.manager();
        let folder = self.around.fall_through.clone();
        let (shadowed, links) = match folder {
            Some(folder) => {
                let look = move || (folder.shadowed(), folder.links());
                tokio::task::spawn_blocking(look).await.unwrap_or_default()
            }
            None => Default::default(),
        };
        // Who asks what is wrong has just changed something: what was found a while ago is not enough.
        let (_, clocks) = tokio::join!(
            self.prober.try_tcp(self.prober.tcp_wanted()),
            self.prober.ask_clocks(self.prober.clocks_wanted())
        );
        let held_now = self.around.held.borrow().clone();
        let facts = Facts {
            notes: self.around.notes.load().to_vec(),
            restart: self.around.restart.load().to_vec(),
            damaged: self.store.damaged().map(Damaged::outcome),
            not_kept: self.store.trouble(),
            log_dropped: crate::log::dropped(),
            confirmed_at: snapshot.confirmed_at,
            now: Some(now),
            pbx_down: snapshot.down.clone(),
            counts: snapshot.roster.as_ref().map(|roster| (roster.accounts.len(), snapshot.assignments.len())),
            apply_pending: snapshot.roster.as_ref().is_some_and(|roster| roster.apply_pending),
            problems: snapshot.problems.to_vec(),
            findings: self.hub.all_findings(),
            ami_down: (!manager.up).then(|| manager.why.unwrap_or_else(|| "not connected yet".to_owned())),
            ami_deaf: manager.up
                && !manager.hears
                && manager.since.is_some_and(|since| now.duration_since(since) > HEARS),
            ami_configured: self.around.ami.is_some(),
            absent: absent(&self.around.listens).map(|listen| (listen.key, *listen.address.ip())).collect(),
            held: held(held_now).await,
            own_fetch: self.own_fetch().await,
            own_http: self.own_http().await,
            tcp: self.hub.found_over_tcp(),
            clocks,
            tftp_port: self.around.tftp.port(),
            sinks: healths(&self.around.sinks),
            discovery: healths(&self.around.discovery),
            bans: Some(self.around.fail2ban.borrow().clone().map_or_else(|| Ok(self.hub.bans()), Err)),
            neighbours: neighbour::fill(),
            shadowed,
            links,
            dhcp: self.watched(),
            told_absent: self.told_absent(),
            unheard: self.hub.unheard(),
        };
        let mut checks = check::run(&facts);
        checks.extend(self.check_firmware());
        // A phone may ask for a file that is named by its secret.
        let mask = self.hub.mask();
        checks.iter_mut().for_each(|check| mask.text(&mut check.summary));
        checks
    }

    /// Fetches `SIPDefault.cnf` as a phone would over HTTP; `None` where HTTP is off.
    async fn own_http(&self) -> Option<Result<(), String>> {
        let Listen { address, .. } = self.around.listens.iter().find(|listen| listen.key == "http.listen")?;
        // Who answers there is somebody else.
        if self.around.http.is_none() && self.is_held("http.listen", *address) {
            return None;
        }
        let ip = if address.ip().is_unspecified() { self.phone_facing()? } else { *address.ip() };
        let ask = async {
            let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
            let port = self.around.http.map_or(address.port(), |http| http.port());
            client.get(format!("http://{ip}:{port}/SIPDefault.cnf")).send().await?.error_for_status()
        };
        Some(ask.await.map(drop).map_err(|why| {
            let cause = std::error::Error::source(&why).map(|cause| format!(": {cause}"));
            format!("{why}{}", cause.unwrap_or_default())
        }))
    }

    fn is_held(&self, key: &str, address: SocketAddrV4) -> bool {
        self.around.held.borrow().iter().any(|held| held.key == key && held.address == address)
    }

    /// What comes of a fetch from ourselves over TFTP; `None` where another program would answer.
    async fn own_fetch(&self) -> Option<Result<(), String>> {
        if self.is_held("tftp.listen", self.around.tftp) { None } else { Some(self.fetch().await) }
    }

    /// Fetches `SIPDefault.cnf` as a phone would, with the scripted phones' own client.
    async fn fetch(&self) -> Result<(), String> {
        let from = match *self.around.tftp.ip() {
            ip if ip.is_unspecified() => self.phone_facing().ok_or_else(|| {
                "no address of this host is in server.phone_networks, so no phone can be there either".to_owned()
            })?,
            ip => ip,
        };
        if !self.around.networks.iter().any(|net| net.contains(&from)) {
            return Err(format!("{from} is not in server.phone_networks, and neither are phones that ask there"));
        }
        // A phone has more patience than who asks what is wrong.
        let timing = simulate::Timing {
            tftp_retry: Duration::from_secs(1),
            tftp_tries: 3,
            tftp_ports: 1,
            tftp_stall: Duration::from_secs(3),
            tftp_stall_tries: 1,
            ..simulate::Timing::default()
        };
        let server = SocketAddr::V4(SocketAddrV4::new(from, self.around.tftp.port()));
        simulate::tftp::fetch(from.into(), server, "SIPDefault.cnf", &timing)
            .await
            .map(|_| ())
            .map_err(|why| why.to_string())
    }
}

/// Each by its name, and what is wrong with it now.
fn healths(all: &[(String, watch::Receiver<Option<String>>)]) -> Vec<(String, Option<String>)> {
    all.iter().map(|(name, health)| (name.clone(), health.borrow().clone())).collect()
}

/// How long HTTP may take to answer who asks what is wrong.
const PATIENCE: Duration = Duration::from_secs(5);

/// Those of the addresses that this host does not have.
pub fn absent(listens: &[Listen]) -> impl Iterator<Item = Listen> {
    listens.iter().copied().filter(|listen| {
        let bound = UdpSocket::bind((*listen.address.ip(), 0));
        bound.is_err_and(|why| why.kind() == std::io::ErrorKind::AddrNotAvailable)
    })
}

/// Who holds these, as far as we may know: every process's files are looked at.
async fn held(listens: BTreeSet<Listen>) -> Vec<Held> {
    let look = move |listen| Held { holder: ports::holder(&listen).map(|holder| holder.to_string()), listen };
    let all = move || listens.into_iter().map(look).collect();
    tokio::task::spawn_blocking(all).await.unwrap_or_default()
}

/// Lines on buttons 1, 2, … in the order given.
fn own_assignment(add: &AddPhone) -> Result<Assignment, String> {
    if add.lines.len() > MOST_BUTTONS.into() {
        return Err(format!(
            "phone {} cannot be added with {} lines: no phone has more than {MOST_BUTTONS} buttons, expansion modules included",
            add.mac,
            add.lines.len()
        ));
    }
    let buttons = (1..=MOST_BUTTONS)
        .zip(&add.lines)
        .map(|(button, extension)| Button {
            button,
            kind: LineKind::Line,
            extension: extension.clone(),
            label: String::new(),
        })
        .collect();
    Ok(Assignment {
        mac: add.mac,
        model: (add.model != "auto").then(|| ModelName::new(&add.model)),
        description: String::new(),
        target_load: None,
        options: PhoneOptions::default(),
        enabled: true,
        buttons,
        origin: Origin::Own,
    })
}

/// Six keys and two modules of fourteen, as on a 7960.
const MOST_BUTTONS: u8 = 34;
