//! The TFTP server's core: which datagram belongs to which transfer, who may have how many, what is answered.
//!
//! Sans-IO: feed [`Server::handle_datagram`] and [`Server::handle_timeout`], then drain [`Server::poll_event`] and
//! [`Server::poll_transmit`] and wait until [`Server::poll_timeout`]. It knows nothing of what names mean: it raises
//! [`Event::Requested`] and is told [`Server::accept`] or [`Server::reject`].
//!
//! A transfer is known by the phone's address and port and by the local socket it runs on. Sources outside the
//! networks, and ports no client sends from, get no byte; packets that are no request get none on the listening port.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use super::exchange::{Config, Content, Event, Id, Meta, On, Transmit};
use super::options::Terms;
use super::packet::{ErrorCode, Packet, Request};
use super::transfer::{Progress, Transfer};

/// Names longer than this are no file of a phone; nothing is answered.
const NAME_LIMIT: usize = 128;

/// Ports that no client sends from: answering them would be a reflection or a loop (discard, echo, chargen, DHCP, TFTP).
const SERVICE_PORTS: &[u16] = &[0, 7, 9, 19, 67, 69];

/// A refused write, or an unknown transfer, is answered once in this time per source.
const REFUSAL_PAUSE: Duration = Duration::from_secs(10);

/// As above, for packets of no transfer.
const STRAY_PAUSE: Duration = Duration::from_secs(1);

/// Sources remembered for the two pauses.
const PAUSES: usize = 1_024;

struct Slot {
    id: Id,
    name: String,
    source: SocketAddrV4,
    destination: Ipv4Addr,
    on: On,
    netascii: bool,
    terms: Terms,
    transfer: Option<Transfer>,
    /// The time in the heap, if any.
    armed: Option<Instant>,
    queued: bool,
}

/// The core.
pub struct Server {
    config: Config,
    slots: HashMap<SocketAddrV4, Slot>,
    by_id: HashMap<Id, SocketAddrV4>,
    per_source: HashMap<Ipv4Addr, usize>,
    timers: BinaryHeap<Reverse<(Instant, Id)>>,
    ready: VecDeque<SocketAddrV4>,
    errors: VecDeque<(Transmit, ErrorCode)>,
    events: VecDeque<Event>,
    paused: HashMap<(Ipv4Addr, bool), Instant>,
    next: u64,
    closing: bool,
}

impl Server {
    /// An idle server.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            slots: HashMap::new(),
            by_id: HashMap::new(),
            per_source: HashMap::new(),
            timers: BinaryHeap::new(),
            ready: VecDeque::new(),
            errors: VecDeque::new(),
            events: VecDeque::new(),
            paused: HashMap::new(),
            next: 0,
            closing: false,
        }
    }

    /// Takes no new requests from now on.
    pub fn close(&mut self) {
        self.closing = true;
    }

    /// Transfers and requests under way.
    pub fn active(&self) -> usize {
        self.slots.len()
    }

    /// A datagram came in. `on` is the transfer socket that a new transfer is to run on.
    pub fn handle_datagram(&mut self, now: Instant, meta: Meta, on: On, bytes: &[u8]) {
        if !self.may_speak(&meta) {
            return;
        }
        let Ok(packet) = Packet::parse(bytes) else { return };
        match (packet, meta.on) {
            (Packet::Read(request), On::Listening) => self.read(now, meta, on, request),
            (Packet::Write, On::Listening) => self.refuse(now, meta, ErrorCode::AccessViolation, REFUSAL_PAUSE),
            (Packet::Ack(block), On::Transfer(_)) => self.ack(now, meta, block),
            (Packet::Error(_), On::Transfer(_)) => self.peer_error(meta),
            _ => {}
        }
    }

    fn may_speak(&self, meta: &Meta) -> bool {
        let ip = *meta.source.ip();
        !SERVICE_PORTS.contains(&meta.source.port())
            && !ip.is_broadcast()
            && !ip.is_multicast()
            && !ip.is_unspecified()
            && !meta.destination.is_broadcast()
            && !meta.destination.is_multicast()
            && self.config.networks.iter().any(|net| net.contains(&ip))
    }

    fn read(&mut self, now: Instant, meta: Meta, on: On, request: Request<'_>) {
        if self.closing || request.name.len() > NAME_LIMIT {
            return;
        }
        let netascii = request.mode.eq_ignore_ascii_case(b"netascii");
        if request.name.is_empty() || !(netascii || request.mode.eq_ignore_ascii_case(b"octet")) {
            self.error(meta.source, meta.destination, on, ErrorCode::IllegalOperation);
            return;
        }
        let name = match std::str::from_utf8(request.name) {
            Ok(name) if !name.contains(char::is_control) => name,
            _ => {
                self.error(meta.source, meta.destination, on, ErrorCode::NotFound);
                return;
            }
        };
        // The same request again, from the same port: the phone did not hear us yet; timers take care of it.
        if self.slots.get(&meta.source).is_some_and(|slot| slot.name == name) {
            return;
        }
        let Ok(terms) = Terms::negotiate(request.options, self.config.max_block, self.config.max_window) else {
            self.error(meta.source, meta.destination, on, ErrorCode::OptionRefused);
            return;
        };
        self.forget_older(meta.source, name);
        let here = self.per_source.get(meta.source.ip()).copied().unwrap_or(0);
        if self.slots.len() >= self.config.transfers || here >= self.config.per_source {
            return;
        }
        let id = Id(self.next);
        self.next = self.next.wrapping_add(1);
        let slot = Slot {
            id,
            name: name.to_owned(),
            source: meta.source,
            destination: meta.destination,
            on,
            netascii,
            terms,
            transfer: None,
            armed: None,
            queued: false,
        };
        self.slots.insert(meta.source, slot);
        self.by_id.insert(id, meta.source);
        *self.per_source.entry(*meta.source.ip()).or_default() += 1;
        let _ = now;
        self.events.push_back(Event::Requested {
            id,
            name: name.to_owned(),
            source: meta.source,
            destination: meta.destination,
        });
    }

    /// The phone that asks anew, from the same port for another file or from another port for the same one, has given
    /// the older transfer up.
    fn forget_older(&mut self, source: SocketAddrV4, name: &str) {
        if self.per_source.get(source.ip()).copied().unwrap_or(0) == 0 {
            return;
        }
        let older: Vec<SocketAddrV4> = self
            .slots
            .values()
            .filter(|slot| {
                slot.source.ip() == source.ip() && (slot.source.port() == source.port() || slot.name == name)
            })
            .map(|slot| slot.source)
            .collect();
        for source in older {
            self.end(source, Some("replaced"));
        }
    }

    /// The file of a request. A request that is gone by now is no error: the phone asked anew meanwhile.
    pub fn accept(&mut self, now: Instant, id: Id, content: Content) {
        let Some(source) = self.by_id.get(&id).copied() else { return };
        let Some(slot) = self.slots.get_mut(&source) else { return };
        if slot.netascii && !content.text {
            let (destination, on) = (slot.destination, slot.on);
            self.error(source, destination, on, ErrorCode::IllegalOperation);
            self.end(source, Some("refused"));
            return;
        }
        slot.transfer = Some(Transfer::new(now, content.bytes, slot.terms));
        self.schedule(source);
    }

    /// There is no such file for this phone.
    pub fn reject(&mut self, id: Id, code: ErrorCode) {
        let Some(source) = self.by_id.get(&id).copied() else { return };
        if let Some(slot) = self.slots.get(&source) {
            let (destination, on) = (slot.destination, slot.on);
            self.error(source, destination, on, code);
        }
        self.end(source, None);
    }

    fn ack(&mut self, now: Instant, meta: Meta, block: u16) {
        let Some(slot) = self.slots.get_mut(&meta.source).filter(|slot| slot.on == meta.on) else {
            self.refuse(now, meta, ErrorCode::UnknownTid, STRAY_PAUSE);
            return;
        };
        let Some(transfer) = &mut slot.transfer else { return };
        match transfer.handle_ack(now, block) {
            Progress::Going => self.schedule(meta.source),
            Progress::Done => {
                let (octets, resent, took) = transfer.summary(now);
                let event = Event::Completed {
                    name: std::mem::take(&mut slot.name),
                    source: meta.source,
                    octets,
                    resent,
                    took,
                };
                self.events.push_back(event);
                self.end(meta.source, None);
            }
            Progress::GivenUp | Progress::Unconfirmed => self.end(meta.source, Some("no-answer")),
        }
    }

    fn peer_error(&mut self, meta: Meta) {
        if self.slots.get(&meta.source).is_some_and(|slot| slot.on == meta.on) {
            self.end(meta.source, Some("peer-error"));
        }
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(Reverse((at, id))) = self.timers.peek().copied() {
            if at > now {
                break;
            }
            self.timers.pop();
            let Some(source) = self.by_id.get(&id).copied() else { continue };
            let Some(slot) = self.slots.get_mut(&source) else { continue };
            slot.armed = None;
            let Some(transfer) = &mut slot.transfer else { continue };
            match transfer.handle_timeout(now) {
                Progress::Going => self.schedule(source),
                Progress::Unconfirmed => self.end(source, Some("unconfirmed")),
                Progress::Done | Progress::GivenUp => self.end(source, Some("no-answer")),
            }
        }
    }

    /// When [`Server::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.peek().map(|Reverse((at, _))| *at)
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next datagram, written into `out`.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        if let Some((transmit, code)) = self.errors.pop_front() {
            out.clear();
            out.extend_from_slice(code.packet());
            return Some(transmit);
        }
        while let Some(source) = self.ready.front().copied() {
            if let Some(slot) = self.slots.get_mut(&source)
                && let Some(transfer) = &mut slot.transfer
            {
                if transfer.poll_transmit(now, out) {
                    return Some(Transmit { to: source, from: slot.destination, on: slot.on });
                }
                slot.queued = false;
            }
            self.ready.pop_front();
        }
        None
    }

    /// Queues a transfer for sending and arms its timer. A timer that is armed earlier is left: it looks again then.
    fn schedule(&mut self, source: SocketAddrV4) {
        let Some(slot) = self.slots.get_mut(&source) else { return };
        let Some(transfer) = &slot.transfer else { return };
        if !slot.queued {
            slot.queued = true;
            self.ready.push_back(source);
        }
        let deadline = transfer.deadline();
        if slot.armed.is_none_or(|armed| armed > deadline) {
            slot.armed = Some(deadline);
            self.timers.push(Reverse((deadline, slot.id)));
        }
    }

    fn end(&mut self, source: SocketAddrV4, failed: Option<&'static str>) {
        let Some(slot) = self.slots.remove(&source) else { return };
        self.by_id.remove(&slot.id);
        if let Some(count) = self.per_source.get_mut(source.ip()) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.per_source.remove(source.ip());
            }
        }
        if let Some(reason) = failed {
            self.events.push_back(Event::Failed { name: slot.name, source, reason });
        }
    }

    fn error(&mut self, to: SocketAddrV4, from: Ipv4Addr, on: On, code: ErrorCode) {
        self.errors.push_back((Transmit { to, from, on }, code));
    }

    /// An error that a source gets once in a while only.
    fn refuse(&mut self, now: Instant, meta: Meta, code: ErrorCode, pause: Duration) {
        let key = (*meta.source.ip(), code == ErrorCode::AccessViolation);
        if self.paused.get(&key).is_some_and(|at| now.saturating_duration_since(*at) < pause) {
            return;
        }
        if self.paused.len() >= PAUSES {
            self.paused.retain(|_, at| now.saturating_duration_since(*at) < REFUSAL_PAUSE);
            if self.paused.len() >= PAUSES {
                return;
            }
        }
        self.paused.insert(key, now);
        self.error(meta.source, meta.destination, meta.on, code);
    }
}
