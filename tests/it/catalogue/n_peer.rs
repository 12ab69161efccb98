//! A manager interface that does what it is told, against the rules too. What it says when it keeps them follows
//! Asterisk 22's main/manager.c and res/res_pjsip.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

use md5::{Digest as _, Md5};

use super::{BYSTANDER, add_bystander, site};
use crate::support::daemon::Site;
use crate::support::pbx::Pbx;
use crate::support::{text, wait_for};

/// The secret of our manager user.
pub(super) const SECRET: &str = "CANARY-manager";

/// What the interface is like.
pub(super) struct World {
    /// What is said first.
    pub(super) banner: Vec<u8>,
    /// URIs by endpoint.
    pub(super) contacts: BTreeMap<String, Vec<String>>,
    /// What phones say they run, in the User-Agent of each contact.
    pub(super) load: String,
    /// Lists that will say one item more than they hold.
    pub(super) overstated: u32,
    /// Lists that will end before their end.
    pub(super) endless: u32,
    /// Actions of classes that our user lacks.
    pub(super) denied: BTreeSet<&'static str>,
    /// Each answer is followed by another that says the contrary.
    pub(super) twice: bool,
    /// Each byte is a packet of its own.
    pub(super) bytewise: bool,
    /// Whether `FullyBooted` follows the login, and what `CoreStatus` says.
    pub(super) booted: bool,
    /// Names of actions that came in, and of endpoints that were asked about.
    pub(super) asked: Vec<String>,
    /// All that came in, as it came.
    pub(super) heard: Vec<u8>,
    pub(super) connections: u32,
    /// When each of them came, before anything was said on it.
    pub(super) came: Vec<Instant>,
    stream: Option<TcpStream>,
}

impl World {
    /// How often this was asked.
    pub(super) fn count(&self, name: &str) -> usize {
        self.asked.iter().filter(|asked| *asked == name).count()
    }
}

/// The interface, and the address it listens on.
#[derive(Clone)]
pub(super) struct Peer {
    world: Arc<Mutex<World>>,
    pub(super) address: String,
}

/// The list in full.
pub(super) const LIST: &str = "PJSIPShowRegistrationInboundContactStatuses";

impl Peer {
    /// Begins to listen; one endpoint, the bystander's, has a contact.
    pub(super) fn start() -> Self {
        let contacts = BTreeMap::from([("1099".to_owned(), vec!["sip:1099@10.0.0.99:5060".to_owned()])]);
        let world = World {
            banner: b"Asterisk Call Manager/11.0.0\r\n".to_vec(),
            contacts,
            load: "8.0".to_owned(),
            overstated: 0,
            endless: 0,
            denied: BTreeSet::from(["PJSIPShowAuths"]),
            twice: false,
            bytewise: false,
            booted: true,
            asked: Vec::new(),
            heard: Vec::new(),
            connections: 0,
            came: Vec::new(),
            stream: None,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let peer = Self { world: Arc::new(Mutex::new(world)), address };
        let accepting = peer.clone();
        // Ends with the process of the test.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let peer = accepting.clone();
                // A client that goes is no fault of the test.
                thread::spawn(move || drop(peer.talk(&stream)));
            }
        });
        peer
    }

    /// A PBX with the bystander, and a daemon's configuration that leads here.
    pub(super) fn site(&self) -> (Pbx, Site) {
        let pbx = Pbx::tables();
        add_bystander(&pbx);
        let site = site(&pbx);
        let key = format!("address = \"{}\"\nusername = \"offhook\"\nsecret = \"{SECRET}\"", self.address);
        site.configure(&site.configuration().replace("address = \"\"", &key));
        (pbx, site)
    }

    /// The world, to look at and to change.
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Says something on the open connection; a client that has had enough goes in the middle of it.
    pub(super) fn say(&self, bytes: impl AsRef<[u8]>) {
        let stream = self.world().stream.as_ref().map(|stream| stream.try_clone().unwrap());
        let _ = stream.expect("a client is there").write_all(bytes.as_ref());
    }

    /// Closes the open connection.
    pub(super) fn cut(&self) {
        let _ = self.world().stream.take().map(|stream| stream.shutdown(Shutdown::Both));
    }

    /// Waits until the world is as wanted.
    pub(super) fn wait(&self, what: &str, wanted: impl Fn(&World) -> bool) {
        wait_for(what, || {
            let world = self.world();
            if wanted(&world) { Ok(()) } else { Err(format!("{} connections, {:?}", world.connections, world.asked)) }
        });
    }

    fn talk(&self, stream: &TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let banner = {
            let mut world = self.world();
            world.connections += 1;
            world.came.push(Instant::now());
            world.stream = Some(stream.try_clone()?);
            world.banner.clone()
        };
        self.write(stream, &banner)?;
        let mut lines = BufReader::new(stream);
        let mut action: BTreeMap<String, String> = BTreeMap::new();
        loop {
            let mut line = Vec::new();
            if lines.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            self.world().heard.extend_from_slice(&line);
            let line = text(&line);
            match line.trim_end().split_once(": ") {
                Some((key, value)) => drop(action.insert(key.to_owned(), value.to_owned())),
                None if !action.is_empty() => {
                    let answer = self.answer(&std::mem::take(&mut action));
                    self.write(stream, answer.as_bytes())?;
                }
                None => {}
            }
        }
    }

    fn write(&self, mut stream: &TcpStream, bytes: &[u8]) -> std::io::Result<()> {
        let bytewise = self.world().bytewise;
        bytes.chunks(if bytewise { 1 } else { bytes.len().max(1) }).try_for_each(|piece| stream.write_all(piece))
    }

    fn answer(&self, action: &BTreeMap<String, String>) -> String {
        let of = |key: &str| action.get(key).map_or("", String::as_str);
        let (name, id) = (of("Action"), of("ActionID"));
        let mut world = self.world();
        world.asked.push(name.to_owned());
        let plain = |response: &str, rest: &str| format!("Response: {response}\r\nActionID: {id}\r\n{rest}\r\n\r\n");
        if world.denied.contains(name) {
            return plain("Error", "Message: Permission denied");
        }
        let mut answer = match name {
            "Challenge" => plain("Success", "Challenge: 4711"),
            "Login" => {
                let key: String = Md5::digest(format!("4711{SECRET}"))
                    .iter()
                    .fold(String::new(), |key, byte| format!("{key}{byte:02x}"));
                if of("Key") != key {
                    return plain("Error", "Message: Authentication failed");
                }
                let booted = "Event: FullyBooted\r\nStatus: Fully Booted\r\n\r\n";
                plain("Success", "Message: Authentication accepted") + if world.booted { booted } else { "" }
            }
            "CoreStatus" => plain(
                "Success",
                &format!("CoreStartupDate: {}", if world.booted { "2026-01-02" } else { "1970-01-01" }),
            ),
            "Ping" => plain("Success", "Ping: Pong"),
            LIST => world.list(id, None),
            "PJSIPShowEndpoint" => {
                let endpoint = of("Endpoint").to_owned();
                world.asked.push(endpoint.clone());
                if world.contacts.contains_key(&endpoint) {
                    world.list(id, Some(&endpoint))
                } else {
                    plain("Error", &format!("Message: Unable to retrieve endpoint {endpoint}"))
                }
            }
            "DBPut" | "DBDel" | "DBDelTree" => plain("Success", "Message: done"),
            _ => plain("Error", &format!("Message: Invalid/unknown command: {name}.")),
        };
        if world.twice {
            answer += &plain("Error", "Message: Permission denied");
        }
        answer
    }
}

impl World {
    /// All contacts, or those of one endpoint.
    fn list(&mut self, id: &str, only: Option<&str>) -> String {
        let mut answer = format!("Response: Success\r\nActionID: {id}\r\nEventList: start\r\n\r\n");
        let mut items = 0;
        for (endpoint, uris) in self.contacts.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
            for uri in uris {
                items += 1;
                write!(
                    answer,
                    "Event: ContactStatusDetail\r\nActionID: {id}\r\nAOR: {endpoint}\r\nURI: {uri}\r\nUserAgent: Cisco-CP7960G/{}\r\n\
                     RegExpire: 4102444800\r\nCallID: call-{items}\r\nStatus: Reachable\r\nEndpointName: {endpoint}\r\n\r\n",
                    self.load
                )
                .unwrap();
            }
        }
        if only.is_none() && self.endless > 0 {
            self.endless -= 1;
            return answer;
        }
        if only.is_none() && self.overstated > 0 {
            self.overstated -= 1;
            items += 1;
        }
        write!(answer, "Event: ListComplete\r\nActionID: {id}\r\nEventList: Complete\r\nListItems: {items}\r\n\r\n")
            .unwrap();
        answer
    }
}

/// An event that says of an endpoint that something changed.
pub(super) fn changed(endpoint: &str) -> String {
    format!("Event: ContactStatus\r\nAOR: {endpoint}\r\nEndpointName: {endpoint}\r\nContactStatus: Reachable\r\n\r\n")
}

/// Whether the bystander's line is registered, as the command line shows it.
pub(super) fn registered(phone: &serde_json::Value) -> bool {
    phone["mac"] == BYSTANDER && phone["lines"][0]["registered"] == true
}
