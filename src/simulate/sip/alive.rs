//! The phone after its registration: it answers the PBX, reports what it is told and registers again in time.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::agent::{Agent, escape};
use super::message::{Message, user_of};
use super::wire::{Inbound, Path};
use super::{Registration, token};

/// Events that wait for whoever holds the phone; more are dropped, the phone itself never waits.
const EVENTS: usize = 16;
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
    /// Answers a request of the PBX.
    pub(super) async fn answer(&mut self, request: &Message, path: Path) {
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
