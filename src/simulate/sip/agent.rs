//! The user agent: registers every line, then stays alive, answers the PBX and registers again in time.
//!
//! Over UDP every request leaves from a passing port while answers are read on the listening port only, as the hardware
//! does; an answer to the passing port is reported, not used.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, UdpSocket};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use super::super::Timing;
use super::digest::Challenge;
use super::message::{Message, NotSip, parameter, user_of};
use super::{Plan, Registration, Server, Transport, token};

/// Messages that may wait for the phone; beyond that its sockets are not read, as a busy phone would.
const INBOX: usize = 64;
/// Events that wait for whoever holds the phone; more are dropped, the phone itself never waits.
const EVENTS: usize = 16;
/// Requests for one registration: challenge, stale nonce, longer interval, answer.
const ATTEMPTS: u32 = 4;
/// After a failed refresh the phone tries again in this time.
const RETRY: Duration = Duration::from_secs(30);

/// Something that the PBX told the phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PhoneEvent {
    /// NOTIFY `check-sync`: read the files again, restart if they changed.
    CheckSync,
    /// NOTIFY `service-control` with `action=restart`.
    Restart,
    /// NOTIFY `service-control` with `action=reset`.
    Reset,
    /// Any other NOTIFY; the text is its Event header.
    Notify(String),
    /// A refresh of the registration did not succeed.
    Lost {
        /// The button of the line.
        button: u16,
        /// What came back.
        result: Registration,
    },
}

type Writer = Arc<Mutex<OwnedWriteHalf>>;

/// Where a request came from, which is where its answer goes.
enum Path {
    Udp(SocketAddr),
    Tcp(Writer),
}

enum Inbound {
    Message(Message, Path),
    Closed(SocketAddr),
}

struct LineState {
    call_id: String,
    from_tag: String,
    cseq: u32,
    registered: Option<(SocketAddr, String)>,
    refresh: Option<Instant>,
}

/// A phone's SIP side while it registers.
pub(crate) struct Agent {
    plan: Plan,
    timing: Timing,
    port: u16,
    udp: Option<Arc<UdpSocket>>,
    connections: HashMap<SocketAddr, Writer>,
    inbox: mpsc::Receiver<Inbound>,
    post: mpsc::Sender<Inbound>,
    // Dropped with the agent, which ends the tasks.
    readers: JoinSet<()>,
    lines: Vec<LineState>,
    events: Option<mpsc::Sender<PhoneEvent>>,
}

/// A registered phone: alive, answering and refreshing until it is dropped (which is a power cut: no farewell).
#[derive(Debug)]
pub struct Registered {
    commands: mpsc::Sender<oneshot::Sender<()>>,
    events: mpsc::Receiver<PhoneEvent>,
    port: u16,
    task: JoinHandle<()>,
}

impl Registered {
    /// Takes every line off the PBX and ends.
    pub async fn unregister(self) {
        let (done, wait) = oneshot::channel();
        if self.commands.send(done).await.is_ok() {
            // An error here means that the task has ended, which is what is wanted.
            let _ = wait.await;
        }
    }

    /// The next thing that the PBX tells the phone; `None` when the phone has ended.
    pub async fn event(&mut self) -> Option<PhoneEvent> {
        self.events.recv().await
    }

    /// The port on which the phone listens for SIP.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Agent {
    /// Opens the sockets. The error is a sentence.
    pub(crate) async fn open(plan: &Plan, timing: Timing) -> Result<Self, String> {
        let (post, inbox) = mpsc::channel(INBOX);
        let mut readers = JoinSet::new();
        let wanted = SocketAddr::new(plan.from, plan.listen);
        let explain = |error: std::io::Error| format!("the phone cannot listen for SIP on {wanted}: {error}");
        let (udp, port) = match plan.transport {
            Transport::Udp => {
                let socket = Arc::new(UdpSocket::bind(wanted).await.map_err(explain)?);
                let port = socket.local_addr().map_err(explain)?.port();
                readers.spawn(read_datagrams(Arc::clone(&socket), post.clone()));
                (Some(socket), port)
            }
            Transport::Tcp => {
                let listener = TcpListener::bind(wanted).await.map_err(explain)?;
                let port = listener.local_addr().map_err(explain)?.port();
                readers.spawn(accept(listener, post.clone()));
                (None, port)
            }
        };
        let mac = plan.mac.to_string().to_ascii_lowercase();
        let (high, low) = mac.split_at_checked(8).unwrap_or((&mac, ""));
        let lines = (0_u16..)
            .zip(&plan.lines)
            .map(|(index, _)| LineState {
                // Call-IDs of these phones begin with the MAC; the PBX side joins registrations to phones by it.
                call_id: format!("{high}-{low}{index:04x}-{}-{}@{}", token(), token(), plan.advertised),
                from_tag: format!("{mac}{}", token()),
                cseq: 100,
                registered: None,
                refresh: None,
            })
            .collect();
        let plan = plan.clone();
        Ok(Self { plan, timing, port, udp, connections: HashMap::new(), inbox, post, readers, lines, events: None })
    }

    /// Registers the line at `index` in the plan: its servers in order until one answers.
    pub(crate) async fn register(&mut self, index: usize) -> Registration {
        let Some(line) = self.plan.lines.get(index).cloned() else {
            return Registration::NoServer { why: "no such line".to_owned() };
        };
        let mut last = Registration::NoServer { why: "the file names no server".to_owned() };
        for server in &line.servers {
            let hop = line.outbound.as_ref().unwrap_or(server);
            let target = match resolve(hop).await {
                Ok(target) => target,
                Err(why) => {
                    last = Registration::NoServer { why };
                    continue;
                }
            };
            last = self.register_at(index, target, &server.host, self.plan.expires).await;
            if let Registration::Registered { expires } = last {
                let early = expires.saturating_sub(self.plan.refresh_before).max(expires / 2).max(1);
                if let Some(state) = self.lines.get_mut(index) {
                    state.registered = Some((target, server.host.clone()));
                    state.refresh = Some(Instant::now() + Duration::from_secs(u64::from(early)));
                }
                return last;
            }
            let unreachable = matches!(last, Registration::NoAnswer { .. } | Registration::NoServer { .. });
            if !unreachable {
                return last;
            }
        }
        last
    }

    async fn register_at(&mut self, index: usize, target: SocketAddr, domain: &str, expires: u32) -> Registration {
        let Some(line) = self.plan.lines.get(index).cloned() else {
            return Registration::NoServer { why: "no such line".to_owned() };
        };
        let uri = format!("sip:{domain}");
        let mut expires = expires;
        let mut authorization = None;
        for _ in 0..ATTEMPTS {
            let Some(request) = self.request(index, domain, expires, authorization.as_deref()) else {
                return Registration::NoServer { why: "no such line".to_owned() };
            };
            let answer = match self.transact(target, &request).await {
                Ok(answer) => answer,
                Err(result) => return result,
            };
            match answer.status().unwrap_or_default() {
                200..=299 => return Registration::Registered { expires: granted(&answer, &line.contact, expires) },
                401 | 407 => {
                    let proxy = answer.status() == Some(407);
                    let name = if proxy { "Proxy-Authenticate" } else { "WWW-Authenticate" };
                    let challenges: Vec<_> = answer.all(name).map(Challenge::parse).collect();
                    let Some(challenge) = challenges.iter().flatten().next() else {
                        let why = challenges.into_iter().find_map(Result::err);
                        return Registration::Challenge { why: why.unwrap_or_else(|| format!("no {name} header")) };
                    };
                    if authorization.is_some() && !challenge.stale {
                        return Registration::WrongCredentials;
                    }
                    let Some(password) = &line.password else { return Registration::NoPassword };
                    let user = line.auth.as_deref().unwrap_or(&line.user);
                    let value = challenge.answer(user, password, "REGISTER", &uri, &token());
                    authorization =
                        Some(format!("{}: {value}", if proxy { "Proxy-Authorization" } else { "Authorization" }));
                }
                423 => match answer.header("Min-Expires").and_then(|m| m.parse::<u32>().ok()) {
                    Some(least) if least > expires => expires = least,
                    _ => return Registration::Rejected { code: 423, reason: answer.reason().to_owned() },
                },
                403 => return Registration::Forbidden,
                404 => return Registration::UnknownUser,
                code => return Registration::Rejected { code, reason: answer.reason().to_owned() },
            }
        }
        Registration::WrongCredentials
    }

    /// A REGISTER with the next CSeq.
    fn request(&mut self, index: usize, domain: &str, expires: u32, authorization: Option<&str>) -> Option<Message> {
        let Plan { mac, device, advertised, transport, user_agent, reason, .. } = &self.plan;
        let line = self.plan.lines.get(index)?;
        let state = self.lines.get_mut(index)?;
        state.cseq += 1;
        let (name, suffix) = match transport {
            Transport::Udp => ("UDP", ""),
            Transport::Tcp => ("TCP", ";transport=tcp"),
        };
        let (user, contact) = (escape(&line.user), escape(&line.contact));
        let instance = mac.to_string().to_ascii_lowercase();
        let mut message = Message { start: format!("REGISTER sip:{domain} SIP/2.0"), headers: Vec::new(), body: Vec::new() }
            .with("Via", format!("SIP/2.0/{name} {advertised}:{};branch=z9hG4bK{}", self.port, token()))
            .with("From", format!("<sip:{user}@{domain}>;tag={}", state.from_tag))
            .with("To", format!("<sip:{user}@{domain}>"))
            .with("Call-ID", state.call_id.clone())
            .with("Max-Forwards", "70")
            .with("CSeq", format!("{} REGISTER", state.cseq))
            .with("User-Agent", user_agent.clone())
            .with(
                "Contact",
                format!(
                    "<sip:{contact}@{advertised}:{}{suffix}>;+sip.instance=\"<urn:uuid:00000000-0000-0000-0000-{instance}>\";\
                     +u.sip!model.ccm.cisco.com=\"{device}\"",
                    self.port
                ),
            );
        if let Some((name, value)) = authorization.and_then(|a| a.split_once(": ")) {
            message = message.with(name, value);
        }
        if let Some(reason) = reason {
            message = message.with("Reason", reason.clone());
        }
        Some(message.with("Supported", "replaces,join").with("Expires", expires.to_string()))
    }

    /// Sends a request and waits for its final answer; what else arrives meanwhile is handled.
    async fn transact(&mut self, target: SocketAddr, request: &Message) -> Result<Message, Registration> {
        let bytes = request.emit();
        let no_server = |why: String| Registration::NoServer { why };
        let sender = match self.plan.transport {
            Transport::Tcp => {
                let writer = self.connection(target).await.map_err(no_server)?;
                if let Err(error) = writer.lock().await.write_all(&bytes).await {
                    self.connections.remove(&target);
                    return Err(no_server(format!("the connection to {target} broke: {error}")));
                }
                None
            }
            Transport::Udp => {
                let socket = UdpSocket::bind((self.plan.from, 0)).await.map_err(|e| no_server(e.to_string()))?;
                Some(socket)
            }
        };
        let deadline = Instant::now() + self.timing.sip_timeout;
        let mut interval = self.timing.sip_t1;
        let mut resend = Instant::now();
        let mut elsewhere = false;
        let mut stray = [0_u8; 2048];
        loop {
            if let Some(socket) = &sender
                && Instant::now() >= resend
            {
                // A refused datagram is no news to a phone: it waits for its timer.
                let _ = socket.send_to(&bytes, target).await;
                resend = Instant::now() + interval;
                interval = (interval * 2).min(self.timing.sip_t2);
            }
            let wake = if sender.is_some() { resend.min(deadline) } else { deadline };
            tokio::select! {
                inbound = self.inbox.recv() => match inbound {
                    Some(Inbound::Message(message, path)) => match message.status() {
                        Some(code) => {
                            let ours = message.header("Call-ID") == request.header("Call-ID")
                                && message.cseq() == request.cseq();
                            if ours && code >= 200 {
                                return Ok(message);
                            }
                            if ours {
                                resend = deadline;
                            }
                        }
                        None => self.answer(&message, path).await,
                    },
                    Some(Inbound::Closed(peer)) => {
                        self.closed(peer);
                        if peer == target {
                            return Err(no_server(format!("{target} closed the connection without an answer")));
                        }
                    }
                    None => return Err(no_server("the phone is off".to_owned())),
                },
                received = receive(sender.as_ref(), &mut stray) => elsewhere |= received,
                () = sleep_until(wake) => {}
            }
            if elsewhere {
                // One more interval for an answer at the right place; then this is the news.
                let until = Instant::now() + self.timing.sip_t1;
                if deadline > until && interval >= self.timing.sip_t1 * 4 {
                    return Err(Registration::AnswerElsewhere { listens: self.port });
                }
            }
            if Instant::now() >= deadline {
                return Err(if elsewhere {
                    Registration::AnswerElsewhere { listens: self.port }
                } else {
                    Registration::NoAnswer { server: target.to_string() }
                });
            }
        }
    }

    /// The connection to `target`, opened from the phone's own address where there is none.
    async fn connection(&mut self, target: SocketAddr) -> Result<Writer, String> {
        if let Some(writer) = self.connections.get(&target) {
            return Ok(Arc::clone(writer));
        }
        let open = async {
            let socket = if target.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            socket.bind(SocketAddr::new(self.plan.from, 0))?;
            socket.connect(target).await
        };
        let stream = timeout(self.timing.sip_timeout, open)
            .await
            .map_err(|_| format!("{target} does not answer on TCP"))?
            .map_err(|error| format!("no TCP connection to {target}: {error}"))?;
        let (read, write) = stream.into_split();
        let writer = Arc::new(Mutex::new(write));
        self.readers.spawn(read_stream(read, target, Arc::clone(&writer), self.post.clone()));
        self.connections.insert(target, Arc::clone(&writer));
        Ok(writer)
    }

    fn closed(&mut self, peer: SocketAddr) {
        if self.connections.remove(&peer).is_some() {
            for line in &mut self.lines {
                if line.registered.as_ref().is_some_and(|(server, _)| *server == peer) {
                    line.refresh = Some(Instant::now() + self.timing.sip_t2);
                }
            }
        }
    }

    /// Answers a request of the PBX.
    async fn answer(&mut self, request: &Message, path: Path) {
        let (code, reason, event) = match request.method() {
            Some("OPTIONS") => (200, "OK", None),
            Some("NOTIFY") => self.notified(request),
            Some("ACK") | None => return,
            Some("INVITE") => (486, "Busy here", None),
            Some(_) => (501, "Not Implemented", None),
        };
        let answer = request
            .answer(code, reason, &token())
            .with("User-Agent", self.plan.user_agent.clone())
            .with("Allow", "ACK,BYE,CANCEL,INVITE,NOTIFY,OPTIONS,REFER,REGISTER,UPDATE");
        let bytes = answer.emit();
        // Where the answer cannot be sent the PBX asks again.
        match path {
            Path::Udp(peer) => {
                if let Some(socket) = &self.udp {
                    let _ = socket.send_to(&bytes, peer).await;
                }
            }
            Path::Tcp(writer) => {
                let _ = writer.lock().await.write_all(&bytes).await;
            }
        }
        if let (Some(event), Some(events)) = (event, &self.events) {
            let _ = events.try_send(event);
        }
    }

    /// What a NOTIFY means to this phone, and what it answers.
    fn notified(&self, request: &Message) -> (u16, &'static str, Option<PhoneEvent>) {
        let name = request.header("Event").unwrap_or_default();
        let name = name.split(';').next().unwrap_or_default().trim();
        let known = |user: &str| self.plan.lines.iter().any(|l| escape(&l.contact) == user);
        if !request.uri().and_then(user_of).is_some_and(known) {
            return (404, "Not Found", None);
        }
        match name {
            "check-sync" => (200, "OK", Some(PhoneEvent::CheckSync)),
            "service-control" => {
                // A CP-7975G on 9.4(2) answers 400 to a From with a user part, and to a foreign RegisterCallId.
                let body = String::from_utf8_lossy(&request.body).into_owned();
                let field = |name: &str| {
                    body.lines().find_map(|l| l.trim().strip_prefix(name)?.strip_prefix('=')).map(str::trim)
                };
                let call_id = field("RegisterCallId").map(|v| v.trim_matches(['{', '}']));
                let ours = call_id.is_some_and(|id| self.lines.iter().any(|l| l.call_id == id));
                if request.header("From").and_then(user_of).is_some() || !ours {
                    return (400, "Bad Request", None);
                }
                match field("action") {
                    Some("restart") => (200, "OK", Some(PhoneEvent::Restart)),
                    Some("reset") => (200, "OK", Some(PhoneEvent::Reset)),
                    _ => (200, "OK", Some(PhoneEvent::Notify(name.to_owned()))),
                }
            }
            other => (200, "OK", Some(PhoneEvent::Notify(other.to_owned()))),
        }
    }

    /// Lets the phone live on as a task of its own.
    pub(crate) fn keep(mut self) -> Registered {
        let (commands, orders) = mpsc::channel(1);
        let (tell, events) = mpsc::channel(EVENTS);
        self.events = Some(tell);
        let port = self.port;
        Registered { commands, events, port, task: tokio::spawn(self.live(orders)) }
    }

    async fn live(mut self, mut orders: mpsc::Receiver<oneshot::Sender<()>>) {
        loop {
            let due = self.lines.iter().enumerate().filter_map(|(i, l)| l.refresh.map(|at| (at, i))).min();
            let (at, index) = due.map_or((None, 0), |(at, i)| (Some(at), i));
            tokio::select! {
                order = orders.recv() => {
                    if let Some(done) = order {
                        self.farewell().await;
                        let _ = done.send(());
                    }
                    return;
                }
                inbound = self.inbox.recv() => match inbound {
                    Some(Inbound::Message(message, path)) if message.status().is_none() => self.answer(&message, path).await,
                    Some(Inbound::Message(..)) => {}
                    Some(Inbound::Closed(peer)) => self.closed(peer),
                    None => return,
                },
                () = sleep_until(at.unwrap_or_else(Instant::now)), if at.is_some() => self.refresh(index).await,
            }
        }
    }

    async fn refresh(&mut self, index: usize) {
        let result = self.register(index).await;
        if result.is_registered() {
            return;
        }
        if let Some(line) = self.lines.get_mut(index) {
            line.refresh = Some(Instant::now() + RETRY);
        }
        if let (Some(events), Some(line)) = (&self.events, self.plan.lines.get(index)) {
            let _ = events.try_send(PhoneEvent::Lost { button: line.button, result });
        }
    }

    async fn farewell(&mut self) {
        for index in 0..self.lines.len() {
            let registered = self.lines.get_mut(index).and_then(|l| l.registered.take());
            if let Some((target, domain)) = registered {
                self.register_at(index, target, &domain, 0).await;
            }
        }
    }
}

/// Waits for an answer at the passing port, which no phone reads; true when one came. Never ends over TCP.
async fn receive(socket: Option<&UdpSocket>, buffer: &mut [u8]) -> bool {
    let Some(socket) = socket else { return std::future::pending().await };
    match socket.recv_from(buffer).await {
        Ok((len, _)) => buffer.get(..len).and_then(Message::parse).is_some_and(|m| m.status().is_some()),
        // A refused datagram is reported once per send: wait for the next.
        Err(_) => false,
    }
}

async fn resolve(server: &Server) -> Result<SocketAddr, String> {
    let found = tokio::net::lookup_host((server.host.as_str(), server.port)).await;
    let found = found.map_err(|error| format!("the name {} does not resolve: {error}", server.host))?;
    found.into_iter().find(SocketAddr::is_ipv4).ok_or_else(|| format!("the name {} has no IPv4 address", server.host))
}

/// Seconds granted: the expires parameter of our contact, else the Expires header, else what was asked for.
fn granted(answer: &Message, contact: &str, asked: u32) -> u32 {
    let wanted = escape(contact);
    answer
        .all("Contact")
        .flat_map(|value| value.split(','))
        .filter(|value| user_of(value) == Some(wanted.as_str()))
        .find_map(|value| parameter(value, "expires")?.parse().ok())
        .or_else(|| answer.header("Expires")?.parse().ok())
        .unwrap_or(asked)
}

/// A user part with everything escaped that RFC 3261 25.1 does not allow in one, or that also ends one.
fn escape(user: &str) -> String {
    let mut text = String::with_capacity(user.len());
    for byte in user.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()+".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

async fn read_datagrams(socket: Arc<UdpSocket>, post: mpsc::Sender<Inbound>) {
    let mut buffer = vec![0_u8; 65535];
    loop {
        let Ok((len, peer)) = socket.recv_from(&mut buffer).await else { continue };
        if let Some(message) = buffer.get(..len).and_then(Message::parse)
            && post.send(Inbound::Message(message, Path::Udp(peer))).await.is_err()
        {
            return;
        }
    }
}

async fn read_stream(mut read: OwnedReadHalf, peer: SocketAddr, writer: Writer, post: mpsc::Sender<Inbound>) {
    let mut buffer = Vec::new();
    loop {
        match Message::take(&mut buffer) {
            Ok(Some(message)) => {
                if post.send(Inbound::Message(message, Path::Tcp(Arc::clone(&writer)))).await.is_err() {
                    return;
                }
            }
            Ok(None) => match read.read_buf(&mut buffer).await {
                Ok(n) if n > 0 => {}
                _ => break,
            },
            Err(NotSip) => break,
        }
    }
    // Nobody left to tell is the normal end.
    let _ = post.send(Inbound::Closed(peer)).await;
}

/// Connections that the PBX opens to the phone's contact.
async fn accept(listener: TcpListener, post: mpsc::Sender<Inbound>) {
    let mut readers = JoinSet::new();
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        while readers.try_join_next().is_some() {}
        let (read, write) = stream.into_split();
        readers.spawn(read_stream(read, peer, Arc::new(Mutex::new(write)), post.clone()));
    }
}
