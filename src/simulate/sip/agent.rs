//! The user agent while it registers: sockets, transactions, the answer to a challenge.
//!
//! Over UDP every request leaves from a passing port while answers are read on the listening port only, as the hardware
//! does; an answer to the passing port is reported, not used.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, UdpSocket};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::super::Timing;
use super::alive::PhoneEvent;
use super::digest::Challenge;
use super::message::{Message, parameter, user_of};
use super::wire::{INBOX, Inbound, Writer, accept, read_datagrams, read_stream, receive, resolve};
use super::{Plan, Registration, Transport, token};

/// Requests for one registration: challenge, stale nonce, longer interval, answer.
const ATTEMPTS: u32 = 4;

pub(super) struct LineState {
    pub(super) call_id: String,
    pub(super) from_tag: String,
    pub(super) cseq: u32,
    pub(super) registered: Option<(SocketAddr, String)>,
    pub(super) refresh: Option<Instant>,
}

/// A phone's SIP side while it registers.
pub(crate) struct Agent {
    pub(super) plan: Plan,
    pub(super) timing: Timing,
    pub(super) port: u16,
    pub(super) udp: Option<Arc<UdpSocket>>,
    pub(super) connections: HashMap<SocketAddr, Writer>,
    pub(super) inbox: mpsc::Receiver<Inbound>,
    pub(super) post: mpsc::Sender<Inbound>,
    // Dropped with the agent, which ends the tasks.
    pub(super) readers: JoinSet<()>,
    pub(super) lines: Vec<LineState>,
    pub(super) events: Option<mpsc::Sender<PhoneEvent>>,
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

    pub(super) async fn register_at(
        &mut self,
        index: usize,
        target: SocketAddr,
        domain: &str,
        expires: u32,
    ) -> Registration {
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

    pub(super) fn closed(&mut self, peer: SocketAddr) {
        if self.connections.remove(&peer).is_some() {
            for line in &mut self.lines {
                if line.registered.as_ref().is_some_and(|(server, _)| *server == peer) {
                    line.refresh = Some(Instant::now() + self.timing.sip_t2);
                }
            }
        }
    }
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
pub(super) fn escape(user: &str) -> String {
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
