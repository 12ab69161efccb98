//! A scripted manager on loopback, and a client with what it told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::super::client::{self, AmiConfig, AmiHandle, AmiUpdate, Timing};
use super::super::proto::challenge_key;
use crate::domain::{Contact, Secret};

/// Nothing here is waited for so long unless a test fails; long enough that a slow machine fails none.
pub(super) const LONG: Duration = Duration::from_secs(3_600);

/// What a scripted manager is told to do on the connection it has.
#[derive(Clone)]
pub(super) enum Do {
    Say(Vec<u8>),
    Close,
}

/// What a scripted manager is and has seen.
pub(super) struct World {
    /// URI and status of each contact, by endpoint.
    pub(super) contacts: BTreeMap<String, Vec<(String, &'static str)>>,
    /// Peers of chan_sip: address, status and User-Agent of those that are registered.
    pub(super) peers: BTreeMap<String, Option<[&'static str; 3]>>,
    /// Items that the next lists claim beyond those they hold.
    pub(super) overstated: Vec<usize>,
    /// Actions that are refused, with the message.
    pub(super) refused: BTreeMap<&'static str, &'static str>,
    /// Actions that are never answered.
    pub(super) mute: Vec<&'static str>,
    pub(super) secret: &'static str,
    pub(super) offers_challenge: bool,
    pub(super) says_booted: bool,
    /// `CoreStartupDate`.
    pub(super) started: &'static str,
    /// Names of all actions heard, in order.
    pub(super) heard: Vec<String>,
}

pub(super) const UNKNOWN: &str = "Invalid/unknown command: X. Use Action: ListCommands to show available commands.";

impl Default for World {
    fn default() -> Self {
        Self {
            contacts: BTreeMap::new(),
            peers: BTreeMap::new(),
            overstated: Vec::new(),
            refused: BTreeMap::from([("SIPpeers", UNKNOWN)]),
            mute: Vec::new(),
            secret: "secret",
            offers_challenge: true,
            says_booted: true,
            started: "2026-11-21",
            heard: Vec::new(),
        }
    }
}

impl World {
    /// `n` endpoints from 1000 on, with a contact each.
    pub(super) fn phones(n: usize) -> Self {
        let contact = |i: usize| vec![(format!("sip:{}@10.0.{}.{}:5060", 1_000 + i, i / 250, i % 250), "Reachable")];
        Self { contacts: (0..n).map(|i| ((1_000 + i).to_string(), contact(i))).collect(), ..Self::default() }
    }

    /// The same with chan_sip and these peers, none registered.
    pub(super) fn with_peers(mut self, names: &[&str]) -> Self {
        self.refused.remove("SIPpeers");
        self.peers = names.iter().map(|name| ((*name).to_owned(), None)).collect();
        self
    }

    /// This Asterisk does not have these actions.
    pub(super) fn refuse(&mut self, actions: &[&'static str]) {
        self.refused.extend(actions.iter().map(|action| (*action, UNKNOWN)));
    }

    /// A peer registers, or its registration ends.
    pub(super) fn peer(&mut self, name: &str, facts: Option<[&'static str; 3]>) {
        self.peers.insert(name.to_owned(), facts);
    }

    pub(super) fn count(&self, action: &str) -> usize {
        self.heard.iter().filter(|heard| *heard == action).count()
    }

    fn details(&self, id: &str, endpoint: Option<&str>) -> (usize, String) {
        let mut text = String::new();
        let mut items = 0;
        let wanted = self.contacts.iter().filter(|(name, _)| endpoint.is_none_or(|endpoint| endpoint == *name));
        for (name, (uri, status)) in wanted.flat_map(|(name, contacts)| contacts.iter().map(move |c| (name, c))) {
            items += 1;
            text += &format!(
                "Event: ContactStatusDetail\r\nActionID: {id}\r\nAOR: {name}\r\nURI: {uri}\r\nUserAgent: Cisco-CP7960G/8.0\r\n\
                 CallID: call-{name}\r\nStatus: {status}\r\nEndpointName: {name}\r\n\r\n"
            );
        }
        (items, text)
    }

    /// The answer to an action; `None` = silence.
    fn answer(&mut self, action: &BTreeMap<String, String>) -> Option<String> {
        let text = |key: &str| action.get(key).map(String::as_str).unwrap_or_default();
        let (name, id) = (text("Action"), text("ActionID"));
        self.heard.push(name.to_owned());
        if self.mute.contains(&name) {
            return None;
        }
        let error = |message: &str| Some(format!("Response: Error\r\nActionID: {id}\r\nMessage: {message}\r\n\r\n"));
        let success = |more: &str| format!("Response: Success\r\nActionID: {id}\r\n{more}\r\n");
        let end = |items: usize| {
            format!("Event: ListComplete\r\nActionID: {id}\r\nEventList: Complete\r\nListItems: {items}\r\n\r\n")
        };
        if let Some(message) = self.refused.get(name) {
            return error(message);
        }
        match name {
            "Challenge" if self.offers_challenge => Some(success("Challenge: 123456789\r\n")),
            "Login" => {
                let key = challenge_key("123456789", &Secret::new(self.secret));
                if text("Key") != key && text("Secret") != self.secret {
                    return error("Authentication failed");
                }
                let booted = if self.says_booted { "Event: FullyBooted\r\nStatus: Fully Booted\r\n\r\n" } else { "" };
                Some(success("Message: Authentication accepted\r\n") + booted)
            }
            "CoreStatus" => Some(success(&format!("CoreStartupDate: {}\r\n", self.started))),
            "PJSIPShowRegistrationInboundContactStatuses" => {
                let (items, events) = self.details(id, None);
                let claimed = items + self.overstated.pop().unwrap_or_default();
                Some(success("EventList: start\r\n") + &events + &end(claimed))
            }
            "PJSIPShowEndpoint" => {
                let endpoint = text("Endpoint");
                if !self.contacts.contains_key(endpoint) {
                    return error(&format!("Unable to retrieve endpoint {endpoint}"));
                }
                let own = format!(
                    "Event: EndpointDetail\r\nActionID: {id}\r\nObjectName: {endpoint}\r\nForceRport: true\r\n\r\n"
                );
                let auth =
                    format!("Event: AuthDetail\r\nActionID: {id}\r\nUsername: {endpoint}\r\nPassword: hidden\r\n\r\n");
                let (items, events) = self.details(id, Some(endpoint));
                Some(success("EventList: start\r\n") + &own + &auth + &events + &end(items + 2))
            }
            "SIPpeers" => {
                let entry = |(name, facts): (&String, &Option<[&str; 3]>)| {
                    let [address, status, _] = facts.unwrap_or(["-none-", "UNKNOWN", ""]);
                    format!(
                        "Event: PeerEntry\r\nActionID: {id}\r\nChanneltype: SIP\r\nObjectName: {name}\r\nIPaddress: {address}\r\n\
                         IPport: 5060\r\nStatus: {status}\r\n\r\n"
                    )
                };
                let events: String = self.peers.iter().map(entry).collect();
                let claimed = self.peers.len() + self.overstated.pop().unwrap_or_default();
                Some(success("EventList: start\r\n") + &events + &end(claimed))
            }
            "SIPshowpeer" => {
                let name = text("Peer");
                let Some(facts) = self.peers.get(name) else { return error(&format!("Peer {name} not found.")) };
                let [address, status, agent] = facts.unwrap_or(["(null)", "UNKNOWN", ""]);
                Some(success(&format!(
                    "ObjectName: {name}\r\nRegExpire: 3604 seconds\r\nAddress-IP: {address}\r\nAddress-Port: 5060\r\n\
                     Status: {status}\r\nSIP-Useragent: {agent}\r\n"
                )))
            }
            "Ping" | "DBPut" => Some(success("")),
            _ => error(UNKNOWN),
        }
    }
}

/// A scripted manager; ends with the value.
pub(super) struct Manager {
    pub(super) address: String,
    pub(super) world: Arc<Mutex<World>>,
    pub(super) doing: broadcast::Sender<Do>,
    _tasks: JoinSet<()>,
}

impl Manager {
    pub(super) async fn start(world: World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let world = Arc::new(Mutex::new(world));
        let (doing, _) = broadcast::channel(64);
        let mut tasks = JoinSet::new();
        let (same, orders) = (Arc::clone(&world), doing.clone());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&same), orders.subscribe()));
            }
        });
        Self { address, world, doing, _tasks: tasks }
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.world.lock().unwrap())
    }

    pub(super) fn say(&self, text: impl Into<Vec<u8>>) {
        self.doing.send(Do::Say(text.into())).ok().unwrap();
    }
}

async fn serve(stream: TcpStream, world: Arc<Mutex<World>>, mut orders: broadcast::Receiver<Do>) {
    stream.set_nodelay(true).unwrap();
    let (reader, mut writer) = stream.into_split();
    let (heard, mut actions) = mpsc::channel(64);
    let mut reading = JoinSet::new();
    reading.spawn(async move {
        let mut lines = BufReader::new(reader).lines();
        let mut action = BTreeMap::new();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some((key, value)) = line.split_once(": ") {
                action.insert(key.to_owned(), value.to_owned());
            } else if line.is_empty() && heard.send(std::mem::take(&mut action)).await.is_err() {
                return;
            }
        }
    });
    if writer.write_all(b"Asterisk Call Manager/11.0.0\r\n").await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            action = actions.recv() => {
                let Some(action) = action else { return };
                let answer = world.lock().unwrap().answer(&action);
                if !write(&mut writer, &answer.unwrap_or_default().into_bytes()).await { return }
            }
            order = orders.recv() => match order {
                Ok(Do::Say(bytes)) => if !write(&mut writer, &bytes).await { return },
                Ok(Do::Close) | Err(_) => return,
            }
        }
    }
}

async fn write(writer: &mut OwnedWriteHalf, bytes: &[u8]) -> bool {
    writer.write_all(bytes).await.is_ok()
}

/// A client, and what it told.
pub(super) struct Client {
    pub(super) handle: AmiHandle,
    pub(super) updates: mpsc::Receiver<AmiUpdate>,
    _shutdown: DropGuard,
}

/// Waits that only matter where a test shortens them.
pub(super) fn timing() -> Timing {
    Timing {
        patience: LONG,
        boot: LONG,
        ping: LONG,
        list: LONG,
        retry: Duration::from_millis(1),
        backoff: (Duration::from_millis(1), Duration::from_millis(1)),
        refused: LONG,
    }
}

impl Client {
    pub(super) fn start(address: &str, timing: Timing, queue: usize) -> Self {
        let (handle, mut commands) = AmiHandle::new();
        let (sender, updates) = mpsc::channel(queue);
        let shutdown = CancellationToken::new();
        let config = AmiConfig {
            address: address.to_owned(),
            username: "offhook".into(),
            secret: Box::new(|| Ok(Secret::new("secret"))),
            wanted: Box::new(|endpoint| !endpoint.name.starts_with("soft")),
            is_phone: Box::new(|ip| ip.to_string() == "10.0.0.5"),
            timing,
        };
        let ending = shutdown.clone();
        tokio::spawn(async move { client::run(&config, &mut commands, sender, ending).await });
        Self { handle, updates, _shutdown: shutdown.drop_guard() }
    }

    pub(super) async fn next(&mut self) -> AmiUpdate {
        self.updates.recv().await.unwrap()
    }

    /// The next list in full.
    pub(super) async fn list(&mut self) -> Vec<Contact> {
        loop {
            if let AmiUpdate::Contacts(contacts) = self.next().await {
                return contacts;
            }
        }
    }

    /// The next reason for being down.
    pub(super) async fn down(&mut self) -> String {
        loop {
            if let AmiUpdate::Down { why } = self.next().await {
                return why;
            }
        }
    }

    /// Reads until `seen`, applied to all that was told, is as wanted. Returns the contacts then known by URI.
    pub(super) async fn until(
        &mut self,
        wanted: impl Fn(&BTreeMap<String, Contact>) -> bool,
    ) -> BTreeMap<String, Contact> {
        let mut seen = BTreeMap::new();
        loop {
            let by_uri = |contacts: Vec<Contact>| contacts.into_iter().map(|contact| (contact.uri.clone(), contact));
            match self.next().await {
                AmiUpdate::Contacts(contacts) => seen = by_uri(contacts).collect(),
                AmiUpdate::Endpoint { endpoint, contacts, .. } => {
                    seen.retain(|_, contact: &mut Contact| contact.endpoint != endpoint);
                    seen.extend(by_uri(contacts));
                }
                _ => {}
            }
            if wanted(&seen) {
                return seen;
            }
        }
    }
}

pub(super) fn event(endpoint: &str, status: &str) -> String {
    format!(
        "Event: ContactStatus\r\nPrivilege: system,all\r\nURI: x\r\nContactStatus: {status}\r\nAOR: {endpoint}\r\nEndpointName: {endpoint}\r\n\r\n"
    )
}
