//! The demonstration's stand-in registrar: REGISTER with MD5 digest and OPTIONS, over UDP and TCP on one port
//! (RFC 3261 section 10, RFC 2617). It answers over UDP to the port in Via unless `rport` is asked for (RFC 3581), which
//! is what Asterisk does with `force_rport=no`. It must not know the daemon; it shares the message reader with the
//! scripted phones.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::broadcast;
use tokio::task::JoinSet;

use super::manager;
use crate::domain::Secret;
use crate::simulate::sip::digest::{fields, hash};
use crate::simulate::sip::message::{Message, NotSip, parameter, user_of};
use crate::simulate::sip::token;

/// What the realm of the challenge says; Asterisk's own default.
const REALM: &str = "asterisk";
/// Seconds for which a nonce counts.
const NONCE_LIFE: i64 = 60;
/// Seconds granted where the phone names none, and the most that is granted.
const LONGEST: u32 = 7200;
/// Events that may wait for a slow manager session; it then misses the oldest.
const BACKLOG: usize = 1024;

/// Somebody who may register.
#[derive(Clone, Debug)]
pub struct Account {
    /// User part of the address of record, and name of the endpoint.
    pub user: String,
    /// User name in the digest.
    pub auth: String,
    /// Password in the digest.
    pub password: Secret,
}

/// Who may register, asked each time: the demonstration changes its accounts while it runs.
pub type Accounts = Arc<dyn Fn(&str) -> Option<Account> + Send + Sync>;

/// One registered contact.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    pub(crate) uri: String,
    pub(crate) agent: String,
    pub(crate) via: SocketAddr,
    pub(crate) call_id: String,
    pub(crate) expires: Timestamp,
}

/// What the registrar tells the manager face, in the order in which it happened.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// A contact appeared; `first` = the endpoint had none.
    Added { user: String, uri: String, first: bool },
    /// A contact went or ran out; `last` = the endpoint has none now.
    Removed { user: String, uri: String, last: bool },
}

/// What registrar and manager share.
pub(crate) struct Shared {
    pub(crate) accounts: Accounts,
    pub(crate) changes: broadcast::Sender<Change>,
    pub(crate) secret: Secret,
    pub(crate) started: Timestamp,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    bindings: BTreeMap<String, Vec<Binding>>,
    known: BTreeSet<String>,
    families: BTreeMap<String, String>,
    nonces: BTreeMap<String, i64>,
}

/// Registrar and manager face, running until dropped.
#[derive(Debug)]
pub struct StandIn {
    /// Where SIP is answered, UDP and TCP.
    pub sip: SocketAddr,
    /// Where the manager answers.
    pub manager: SocketAddr,
    /// The manager's user name.
    pub manager_user: &'static str,
    /// The manager's password, made at each start.
    pub manager_secret: Secret,
    tasks: JoinSet<()>,
}

impl StandIn {
    /// Starts both faces on free ports of `bind`.
    ///
    /// # Errors
    /// The sockets cannot be opened.
    pub async fn start(bind: IpAddr, accounts: Accounts) -> io::Result<Self> {
        let (udp, tcp) = pair(bind).await?;
        let listener = TcpListener::bind((bind, 0)).await?;
        let sip = udp.local_addr()?;
        let address = listener.local_addr()?;
        let secret = Secret::new(token());
        let (changes, _) = broadcast::channel(BACKLOG);
        let shared = Arc::new(Shared {
            accounts,
            changes,
            secret: secret.clone(),
            started: Timestamp::now(),
            book: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(udp, Arc::clone(&shared)));
        tasks.spawn(serve_tcp(tcp, Arc::clone(&shared)));
        tasks.spawn(expire(Arc::clone(&shared)));
        tasks.spawn(manager::serve(listener, shared));
        Ok(Self { sip, manager: address, manager_user: manager::USER, manager_secret: secret, tasks })
    }

    /// Ends both faces now, open connections included.
    pub fn stop(mut self) {
        self.tasks.abort_all();
    }
}

/// UDP and TCP on one free port.
async fn pair(bind: IpAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let mut tries = 0;
    loop {
        let tcp = TcpListener::bind((bind, 0)).await?;
        match UdpSocket::bind(tcp.local_addr()?).await {
            Ok(udp) => return Ok((udp, tcp)),
            // Free on TCP does not mean free on UDP.
            Err(error) if tries >= 20 => return Err(error),
            Err(_) => tries += 1,
        }
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        // A panic elsewhere leaves whole values behind: each change is one insert or remove.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every contact with its endpoint.
    pub(crate) fn bindings(&self) -> Vec<(String, Binding)> {
        let book = self.book();
        book.bindings.iter().flat_map(|(user, list)| list.iter().map(|b| (user.clone(), b.clone()))).collect()
    }

    /// Every account that anybody asked for, by name.
    pub(crate) fn endpoints(&self) -> Vec<Account> {
        let known: Vec<String> = self.book().known.iter().cloned().collect();
        known.iter().filter_map(|user| (self.accounts)(user)).collect()
    }

    /// The account of this name, which then counts as known.
    pub(crate) fn account(&self, user: &str) -> Option<Account> {
        let account = (self.accounts)(user)?;
        self.book().known.insert(account.user.clone());
        Some(account)
    }

    /// The manager's database, `family/key` to value.
    pub(crate) fn with_database<T>(&self, act: impl FnOnce(&mut BTreeMap<String, String>) -> T) -> T {
        act(&mut self.book().families)
    }

    /// A new nonce; those that ran out are forgotten.
    fn nonce(&self, now: Timestamp) -> String {
        let nonce = token();
        let mut book = self.book();
        book.nonces.retain(|_, at| now.as_second() - *at <= 2 * NONCE_LIFE);
        book.nonces.insert(nonce.clone(), now.as_second());
        nonce
    }

    /// Seconds since this nonce was issued; `None` = not issued here.
    fn age(&self, nonce: &str, now: Timestamp) -> Option<i64> {
        self.book().nonces.get(nonce).map(|at| now.as_second() - at)
    }

    /// Answers one request; `None` for what gets no answer.
    fn answer(&self, request: &Message, peer: SocketAddr, now: Timestamp) -> Option<Message> {
        let tag = token();
        let with_via = |mut answer: Message| {
            // The first Via says where the request really came from (RFC 3261 18.2.1, RFC 3581 4).
            if let Some((_, via)) = answer.headers.iter_mut().find(|(n, _)| n == "Via") {
                if parameter(via, "rport").is_some() {
                    *via = via.replacen(";rport", &format!(";rport={}", peer.port()), 1);
                }
                *via = format!("{via};received={}", peer.ip());
            }
            answer
        };
        let answer = match request.method()? {
            "ACK" => return None,
            "OPTIONS" => request.answer(200, "OK", &tag),
            "REGISTER" => self.register(request, peer, now, &tag),
            _ => request.answer(501, "Not Implemented", &tag),
        };
        Some(with_via(answer).with("Server", "offhook demonstration"))
    }

    fn register(&self, request: &Message, peer: SocketAddr, now: Timestamp, tag: &str) -> Message {
        let Some(user) = request.header("To").and_then(user_of).map(str::to_owned) else {
            return request.answer(400, "Bad Request", tag);
        };
        let Some(account) = self.account(&user) else {
            return request.answer(404, "Not Found", tag);
        };
        let given = request.header("Authorization").and_then(|h| h.strip_prefix("Digest ")).map(fields);
        let stale = match given {
            None => false,
            Some(given) => match self.check(&account, &given, request, now) {
                Verdict::Good => return self.bind(&user, request, peer, now, tag),
                Verdict::Stale => true,
                Verdict::Wrong => return request.answer(403, "Forbidden", tag),
            },
        };
        let stale = if stale { ",stale=true" } else { "" };
        let challenge =
            format!("Digest realm=\"{REALM}\",nonce=\"{}\",algorithm=MD5,qop=\"auth\"{stale}", self.nonce(now));
        request.answer(401, "Unauthorized", tag).with("WWW-Authenticate", challenge)
    }

    fn check(&self, account: &Account, given: &[(String, String)], request: &Message, now: Timestamp) -> Verdict {
        let get = |name: &str| given.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or("", |(_, v)| v.as_str());
        let method = request.method().unwrap_or_default();
        let secret = hash(&format!("{}:{REALM}:{}", account.auth, account.password.expose()));
        let target = hash(&format!("{method}:{}", get("uri")));
        let expected = if get("qop").is_empty() {
            hash(&format!("{secret}:{}:{target}", get("nonce")))
        } else {
            hash(&format!("{secret}:{}:{}:{}:{}:{target}", get("nonce"), get("nc"), get("cnonce"), get("qop")))
        };
        let right = get("username") == account.auth && get("response") == expected;
        match self.age(get("nonce"), now) {
            Some(age) if right && age <= NONCE_LIFE => Verdict::Good,
            _ if right => Verdict::Stale,
            _ => Verdict::Wrong,
        }
    }

    /// Stores, refreshes or removes what the request's contacts say (RFC 3261 10.3); one contact per endpoint is kept.
    fn bind(&self, user: &str, request: &Message, peer: SocketAddr, now: Timestamp, tag: &str) -> Message {
        let header = request.header("Expires").and_then(|e| e.parse::<u32>().ok());
        let mut book = self.book();
        let list = book.bindings.entry(user.to_owned()).or_default();
        let mut changes = Vec::new();
        let contact = request.header("Contact").unwrap_or_default();
        if contact == "*" {
            changes.extend(list.drain(..).map(|b| b.uri));
        } else if let Some(uri) = uri_of(contact) {
            let asked = parameter(contact, "expires").and_then(|e| e.parse().ok()).or(header).unwrap_or(LONGEST);
            let expires = asked.min(LONGEST);
            let known = list.iter().any(|b| b.uri == uri);
            let first = list.is_empty();
            // One contact per endpoint: a phone that moved replaces its old address.
            list.retain(|b| {
                let keep = b.uri == uri && expires > 0;
                if !keep {
                    changes.push(b.uri.clone());
                }
                keep
            });
            if expires > 0 {
                let text = |name: &str| request.header(name).unwrap_or_default().to_owned();
                let until = now.as_second() + i64::from(expires);
                let binding = Binding {
                    uri: uri.to_owned(),
                    agent: text("User-Agent"),
                    via: peer,
                    call_id: text("Call-ID"),
                    expires: Timestamp::from_second(until).unwrap_or(now),
                };
                list.retain(|b| b.uri != uri);
                list.push(binding);
                if !known {
                    let added = Change::Added { user: user.to_owned(), uri: uri.to_owned(), first };
                    // No manager session listens: nobody to tell.
                    let _ = self.changes.send(added);
                }
            }
        }
        let last = list.is_empty();
        for uri in changes {
            let _ = self.changes.send(Change::Removed { user: user.to_owned(), uri, last });
        }
        let mut answer = request.answer(200, "OK", tag);
        for binding in list.iter() {
            let left = (binding.expires.as_second() - now.as_second()).max(0);
            answer = answer.with("Contact", format!("<{}>;expires={left}", binding.uri));
        }
        answer
    }

    fn drop_expired(&self, now: Timestamp) {
        let mut book = self.book();
        for (user, list) in &mut book.bindings {
            let (kept, gone) = list.drain(..).partition::<Vec<_>, _>(|b| b.expires > now);
            *list = kept;
            for binding in gone {
                let last = list.is_empty();
                let _ = self.changes.send(Change::Removed { user: user.clone(), uri: binding.uri, last });
            }
        }
    }
}

enum Verdict {
    Good,
    Stale,
    Wrong,
}

/// The URI inside a Contact.
fn uri_of(contact: &str) -> Option<&str> {
    let uri = match contact.split_once('<') {
        Some((_, rest)) => rest.split_once('>')?.0,
        None => contact.split(';').next()?,
    };
    uri.starts_with("sip:").then_some(uri)
}

/// Where a UDP answer goes: the sender's address, and the port that Via names unless `rport` is asked for.
fn reply_to(request: &Message, peer: SocketAddr) -> SocketAddr {
    let via = request.header("Via").unwrap_or_default();
    if parameter(via, "rport").is_some() {
        return peer;
    }
    let sent_by = via.split_whitespace().nth(1).unwrap_or_default().split(';').next().unwrap_or_default();
    let port = sent_by.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(5060);
    SocketAddr::new(peer.ip(), port)
}

async fn serve_udp(socket: UdpSocket, shared: Arc<Shared>) {
    let mut buffer = vec![0_u8; 65535];
    loop {
        let Ok((len, peer)) = socket.recv_from(&mut buffer).await else { continue };
        let Some(request) = buffer.get(..len).and_then(Message::parse) else { continue };
        if let Some(answer) = shared.answer(&request, peer, Timestamp::now()) {
            // An answer that cannot be sent is asked for again.
            let _ = socket.send_to(&answer.emit(), reply_to(&request, peer)).await;
        }
    }
}

async fn serve_tcp(listener: TcpListener, shared: Arc<Shared>) {
    let mut sessions = JoinSet::new();
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        while sessions.try_join_next().is_some() {}
        sessions.spawn(session(stream, peer, Arc::clone(&shared)));
    }
}

async fn session(mut stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
    let mut buffer = Vec::new();
    loop {
        match Message::take(&mut buffer) {
            Ok(Some(request)) => {
                if let Some(answer) = shared.answer(&request, peer, Timestamp::now())
                    && stream.write_all(&answer.emit()).await.is_err()
                {
                    return;
                }
            }
            Ok(None) => match stream.read_buf(&mut buffer).await {
                Ok(n) if n > 0 => {}
                _ => return,
            },
            Err(NotSip) => return,
        }
    }
}

async fn expire(shared: Arc<Shared>) {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tick.tick().await;
        shared.drop_expired(Timestamp::now());
    }
}
