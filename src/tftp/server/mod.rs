//! The TFTP server's core: which datagram belongs to which transfer, who may have how many, what is answered.
//!
//! Sans-IO: feed [`Server::handle_datagram`] and [`Server::handle_timeout`], then drain [`Server::poll_event`] and
//! [`Server::poll_transmit`] and wait until [`Server::poll_timeout`]. It knows nothing of what names mean: it raises
//! [`Event::Requested`] and is told [`Server::accept`] or [`Server::reject`].
//!
//! A transfer is known by the phone's address and port and by the local socket it runs on, which has an address and a
//! port of its own. Sources outside the networks, and ports no client sends from, get no byte; packets that are no
//! request get none on the listening port.

mod admit;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use slab::Slab;

use crate::domain::printable;

use super::exchange::{Config, Content, DropReason, Event, Id, Meta, On, Receipt, Transmit, Ways};
use super::netascii::netascii;
use super::options::Terms;
use super::pace::{Lane, Pace};
use super::packet::{ErrorCode, Packet, Request};
use super::pauses::Pauses;
use super::transfer::{Progress, Transfer};

/// Names longer than this are no file of a phone; nothing is answered.
const NAME_LIMIT: usize = 128;

/// How long an answer to a request is waited for. The phone has asked again by then, or given up.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Octets of a phone's own words that are kept.
const SAID: usize = 64;

/// Errors that wait to be sent, where the owner feeds more than it drains; what comes on top is dropped, and phones ask
/// again.
const ERRORS: usize = 1_024;

/// Ended transfers whose late packets are known for what they are: no stranger's, so not answered.
const ENDED: usize = 64;

struct Slot {
    id: Id,
    name: String,
    source: SocketAddrV4,
    /// The address of ours that was asked.
    asked: Ipv4Addr,
    on: On,
    /// Which of the phones' networks it is in.
    lane: usize,
    netascii: bool,
    terms: Terms,
    transfer: Option<Transfer>,
    /// Of the file that is on its way.
    receipt: Option<Receipt>,
    /// The time in the heap that counts; others of this slot in there are leftovers.
    armed: Option<Instant>,
    queued: bool,
}

/// The core.
pub struct Server {
    config: Config,
    slots: Slab<Slot>,
    /// The slot of each source, by its place in there.
    by_source: HashMap<SocketAddrV4, usize>,
    /// The ports that each source has slots for.
    per_source: HashMap<Ipv4Addr, Vec<u16>>,
    timers: BinaryHeap<Reverse<(Instant, Id)>>,
    /// Slots that have something to send, or had; an end of one leaves its place behind.
    ready: VecDeque<usize>,
    errors: VecDeque<(Transmit, ErrorCode)>,
    events: VecDeque<Event>,
    ended: VecDeque<(SocketAddrV4, On)>,
    pauses: Pauses,
    pace: Pace,
    /// In the order of the configuration.
    lanes: Vec<Lane>,
    next: u64,
    closing: bool,
}

impl Server {
    /// An idle server.
    pub fn new(config: Config) -> Self {
        Self {
            lanes: config.networks.iter().map(|_| Lane::default()).collect(),
            config,
            slots: Slab::new(),
            by_source: HashMap::new(),
            per_source: HashMap::new(),
            timers: BinaryHeap::new(),
            ready: VecDeque::new(),
            errors: VecDeque::new(),
            events: VecDeque::new(),
            ended: VecDeque::new(),
            pauses: Pauses::default(),
            pace: Pace::new(),
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

    /// A datagram came in.
    pub fn handle_datagram(&mut self, now: Instant, meta: Meta, mut ways: impl Ways, bytes: &[u8]) {
        let Some(lane) = self.lane(&meta) else { return self.config.dropped.count(DropReason::Source) };
        let Ok(packet) = Packet::parse(bytes) else { return self.config.dropped.count(DropReason::Packet) };
        match (packet, meta.on) {
            (Packet::Read(request), On::Listening) => self.read(now, meta, ways, lane, request),
            (Packet::Write, On::Listening) => {
                let on = ways.socket(&meta, |_| false);
                self.refuse(now, meta.source, on, ErrorCode::AccessViolation);
            }
            (Packet::Ack(block), On::Transfer(_)) => self.ack(now, meta, block),
            (Packet::Error(_, said), On::Transfer(_)) => self.peer_error(meta, said),
            _ => self.config.dropped.count(DropReason::Packet),
        }
    }

    fn read(&mut self, now: Instant, meta: Meta, mut ways: impl Ways, lane: usize, request: Request<'_>) {
        if self.closing {
            return;
        }
        if request.name.len() > NAME_LIMIT {
            return self.config.dropped.count(DropReason::Packet);
        }
        if !self.pace.allows(now, *meta.source.ip()) {
            return self.config.dropped.count(DropReason::Pace);
        }
        // A late packet of a transfer that this phone had from the same port must not be taken for one of the next.
        let on = ways.socket(&meta, |on| {
            self.slot(meta.source).is_some_and(|slot| slot.on == on) || self.ended.contains(&(meta.source, on))
        });
        let netascii = request.mode.eq_ignore_ascii_case(b"netascii");
        if request.name.is_empty() || !(netascii || request.mode.eq_ignore_ascii_case(b"octet")) {
            self.error(meta.source, on, ErrorCode::IllegalOperation);
            return;
        }
        let name = match std::str::from_utf8(request.name) {
            Ok(name) if !name.contains(char::is_control) => name,
            _ => {
                self.error(meta.source, on, ErrorCode::NotFound);
                let name = printable(request.name, NAME_LIMIT);
                self.events.push_back(Event::failed(name, meta.source, "bad-name", None));
                return;
            }
        };
        let Ok(mut terms) = Terms::negotiate(request.options, self.config.max_block, self.config.max_window) else {
            self.error(meta.source, on, ErrorCode::OptionRefused);
            return;
        };
        if terms.is_large() {
            terms.fit(ways.mtu(*meta.source.ip()));
        }
        // The same request again, from the same port: the phone did not hear us yet; timers take care of it. One that
        // has gone quiet in the middle is a phone that started over and came to the same port, and one with other
        // options has not taken our answer to them (RFC 2347), though its word on that may come later.
        if self.slot(meta.source).is_some_and(|slot| {
            slot.name == name
                && slot.asked == meta.destination
                && slot.terms == terms
                && slot.transfer.as_ref().is_none_or(|transfer| !transfer.abandoned(now))
        }) {
            return;
        }
        self.forget_older(now, meta.source, name);
        let here = self.per_source.get(meta.source.ip()).map_or(0, Vec::len);
        if here >= self.config.per_source || !self.make_room(now, lane) {
            return self.config.dropped.count(DropReason::Full);
        }
        let id = Id { slot: self.slots.vacant_key(), serial: self.next };
        self.next = self.next.wrapping_add(1);
        let slot = Slot {
            id,
            name: name.to_owned(),
            source: meta.source,
            asked: meta.destination,
            on,
            lane,
            netascii,
            terms,
            transfer: None,
            receipt: None,
            armed: Some(now + ANSWER_LIMIT),
            queued: false,
        };
        self.prune_timers();
        self.timers.push(Reverse((now + ANSWER_LIMIT, id)));
        self.by_source.insert(meta.source, self.slots.insert(slot));
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.active += 1;
            lane.silent.push_back(id);
        }
        self.per_source.entry(*meta.source.ip()).or_default().push(meta.source.port());
        self.events.push_back(Event::Requested {
            id,
            name: name.to_owned(),
            source: meta.source,
            destination: meta.destination,
        });
    }

    /// The file of a request. A request that is gone by now is no error: the phone asked anew meanwhile.
    pub fn accept(&mut self, now: Instant, id: Id, content: Content) {
        let Some(slot) = self.slots.get_mut(id.slot).filter(|slot| slot.id == id) else { return };
        if slot.netascii && !content.text {
            let (source, on) = (slot.source, slot.on);
            self.error(source, on, ErrorCode::IllegalOperation);
            self.end(id.slot, Some("refused"));
            return;
        }
        let bytes = if slot.netascii { netascii(content.bytes) } else { content.bytes };
        slot.receipt = content.receipt;
        slot.transfer = Some(Transfer::new(now, bytes, slot.terms));
        self.schedule(id.slot);
    }

    /// There is no answer, now or for a while: who is a phone asks again.
    pub fn forget(&mut self, id: Id, why: DropReason) {
        if self.slots.get(id.slot).is_some_and(|slot| slot.id == id) {
            self.config.dropped.count(why);
            self.end(id.slot, None);
        }
    }

    /// There is no such file for this phone.
    pub fn reject(&mut self, id: Id, code: ErrorCode) {
        let Some(slot) = self.slots.get(id.slot).filter(|slot| slot.id == id) else { return };
        let (source, on) = (slot.source, slot.on);
        self.error(source, on, code);
        self.end(id.slot, None);
    }

    fn ack(&mut self, now: Instant, meta: Meta, block: u16) {
        let at = self.by_source.get(&meta.source).copied();
        let Some((at, slot)) = at.and_then(|at| Some((at, self.slots.get_mut(at).filter(|slot| slot.on == meta.on)?)))
        else {
            if !self.ended.contains(&(meta.source, meta.on)) {
                self.refuse(now, meta.source, meta.on, ErrorCode::UnknownTid);
            }
            return;
        };
        let Some(transfer) = &mut slot.transfer else { return };
        match transfer.handle_ack(now, block) {
            Progress::Going => self.schedule(at),
            Progress::Done => {
                let (octets, resent, took) = transfer.summary(now);
                let event = Event::Completed {
                    name: std::mem::take(&mut slot.name),
                    source: meta.source,
                    octets,
                    resent,
                    took,
                    receipt: slot.receipt.take(),
                };
                self.events.push_back(event);
                self.end(at, None);
            }
            Progress::GivenUp | Progress::Unconfirmed => self.end(at, Some("no-answer")),
        }
    }

    fn peer_error(&mut self, meta: Meta, said: &[u8]) {
        let at = self.by_source.get(&meta.source).copied();
        if let Some(at) = at.filter(|at| self.slots.get(*at).is_some_and(|slot| slot.on == meta.on)) {
            self.end(at, Some("peer-error"));
            if let Some(Event::Failed { said: told, .. }) = self.events.back_mut() {
                *told = Some(printable(said, SAID)).filter(|said| !said.is_empty());
            }
        }
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(Reverse((at, id))) = self.timers.peek().copied() {
            if at > now {
                break;
            }
            self.timers.pop();
            let current = |slot: &&mut Slot| slot.id == id && slot.armed == Some(at);
            let Some(slot) = self.slots.get_mut(id.slot).filter(current) else { continue };
            slot.armed = None;
            let Some(transfer) = &mut slot.transfer else {
                self.end(id.slot, Some("unanswered"));
                continue;
            };
            match transfer.handle_timeout(now) {
                Progress::Going => self.schedule(id.slot),
                Progress::Unconfirmed => self.end(id.slot, Some("unconfirmed")),
                Progress::Done | Progress::GivenUp => self.end(id.slot, Some("no-answer")),
            }
        }
    }

    /// When [`Server::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.peek().map(|Reverse((at, _))| *at)
    }

    /// How many times are remembered, for tests of what a flood leaves behind.
    #[cfg(test)]
    pub(super) fn timers(&self) -> usize {
        self.timers.len()
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
        while let Some(at) = self.ready.front().copied() {
            if let Some(slot) = self.slots.get_mut(at)
                && let Some(transfer) = &mut slot.transfer
            {
                if transfer.poll_transmit(now, out) {
                    return Some(Transmit { to: slot.source, on: slot.on });
                }
                slot.queued = false;
            }
            self.ready.pop_front();
        }
        None
    }

    fn slot(&self, source: SocketAddrV4) -> Option<&Slot> {
        self.slots.get(*self.by_source.get(&source)?)
    }

    /// Queues a transfer for sending and arms its timer. A timer that is armed earlier is left: it looks again then.
    fn schedule(&mut self, at: usize) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        let Some(transfer) = &slot.transfer else { return };
        if !slot.queued {
            slot.queued = true;
            self.ready.push_back(at);
        }
        let deadline = transfer.deadline();
        if slot.armed.is_none_or(|armed| armed > deadline) {
            slot.armed = Some(deadline);
            self.timers.push(Reverse((deadline, slot.id)));
        }
    }

    fn end(&mut self, at: usize, failed: Option<&'static str>) {
        let Some(slot) = self.slots.try_remove(at) else { return };
        let source = slot.source;
        self.by_source.remove(&source);
        if let Some(lane) = self.lanes.get_mut(slot.lane) {
            lane.active = lane.active.saturating_sub(1);
        }
        if let Some(ports) = self.per_source.get_mut(source.ip()) {
            ports.retain(|port| *port != source.port());
            if ports.is_empty() {
                self.per_source.remove(source.ip());
            }
        }
        if self.ended.len() >= ENDED {
            self.ended.pop_front();
        }
        self.ended.push_back((source, slot.on));
        if let Some(reason) = failed {
            self.events.push_back(Event::failed(slot.name, source, reason, slot.transfer.as_ref()));
        }
    }

    fn error(&mut self, to: SocketAddrV4, on: On, code: ErrorCode) {
        if self.errors.len() < ERRORS {
            self.errors.push_back((Transmit { to, on }, code));
        }
    }

    /// An error that a source gets once in a while only.
    fn refuse(&mut self, now: Instant, source: SocketAddrV4, on: On, code: ErrorCode) {
        if self.pauses.may_tell(now, *source.ip(), code) {
            self.error(source, on, code);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    const PHONE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(127, 0, 1, 60), 50_000);
    const ON: On = On::Transfer(3);
    const FIRST: Id = Id { slot: 0, serial: 0 };

    struct Bench {
        core: Server,
        now: Instant,
        /// Whether requests are answered with a file.
        answers: bool,
        failed: Vec<&'static str>,
    }

    impl Bench {
        fn new() -> Self {
            let config = Config { networks: vec!["127.0.0.0/8".parse().unwrap()], ..Config::default() };
            Self { core: Server::new(config), now: Instant::now(), answers: true, failed: Vec::new() }
        }

        fn datagram(&mut self, source: SocketAddrV4, destination: Ipv4Addr, on: On, bytes: &[u8]) {
            self.core.handle_datagram(self.now, Meta { source, destination, on }, ON, bytes);
        }

        fn ask(&mut self, name: &str) -> Vec<Vec<u8>> {
            self.datagram(PHONE, Ipv4Addr::LOCALHOST, On::Listening, format!("\0\x01{name}\0octet\0").as_bytes());
            self.sent()
        }

        fn ack(&mut self, block: u16) -> Vec<Vec<u8>> {
            self.datagram(PHONE, Ipv4Addr::LOCALHOST, ON, &ack(block));
            self.sent()
        }

        fn sent(&mut self) -> Vec<Vec<u8>> {
            while let Some(event) = self.core.poll_event() {
                match event {
                    Event::Requested { id, .. } if self.answers => {
                        let bytes = Bytes::from_static(&[7; 512 * 5]);
                        self.core.accept(self.now, id, Content { bytes, text: true, receipt: None });
                    }
                    Event::Failed { reason, .. } => self.failed.push(reason),
                    _ => {}
                }
            }
            let (mut sent, mut out) = (Vec::new(), Vec::new());
            while self.core.poll_transmit(self.now, &mut out).is_some() {
                sent.push(out.clone());
            }
            sent
        }
    }

    fn ack(block: u16) -> [u8; 4] {
        let [high, low] = block.to_be_bytes();
        [0, 4, high, low]
    }

    /// A phone that was switched off in the middle comes to the same port again, and is served from the start at once.
    #[test]
    fn a_phone_that_starts_over_is_served_anew() {
        let mut bench = Bench::new();
        bench.ask("f");
        bench.ack(1);
        bench.ack(2);
        assert!(bench.ask("f").is_empty(), "a request that was doubled on the way");
        bench.now += Duration::from_secs(20);
        let sent = bench.ask("f");
        assert!(matches!(sent.as_slice(), [data] if data.starts_with(&[0, 3, 0, 1])));
        assert_eq!((bench.core.active(), bench.failed.as_slice()), (1, &["replaced"][..]));
    }

    /// A request that its owner never answers, because its lookup died or hangs, holds its place for a while only.
    #[test]
    fn a_request_without_an_answer_is_forgotten() {
        let mut bench = Bench { answers: false, ..Bench::new() };
        assert!(bench.ask("f").is_empty());
        assert_eq!((bench.core.active(), bench.core.poll_timeout()), (1, Some(bench.now + ANSWER_LIMIT)));
        bench.now += ANSWER_LIMIT;
        bench.core.handle_timeout(bench.now);
        bench.sent();
        assert_eq!((bench.core.active(), bench.failed.as_slice()), (0, &["unanswered"][..]));
        assert_eq!(bench.core.poll_timeout(), None);
    }

    /// An answer that comes late is served by the timers of the transfer, not ended by the one of the request.
    #[test]
    fn a_late_answer_is_served() {
        let mut bench = Bench { answers: false, ..Bench::new() };
        bench.ask("f");
        bench.now += Duration::from_millis(9_500);
        bench.core.accept(bench.now, FIRST, Content { bytes: Bytes::new(), text: true, receipt: None });
        assert_eq!(bench.sent().len(), 1);
        bench.now += Duration::from_secs(1);
        bench.core.handle_timeout(bench.now);
        assert_eq!((bench.sent().len(), bench.core.active()), (1, 1));
    }

    /// Each transfer has one time in the heap that counts; leftovers of waits that shrank go as they come up.
    #[test]
    fn timers_do_not_pile_up() {
        let mut bench = Bench::new();
        bench.ask("f");
        bench.ack(1);
        for _ in 0..2_000 {
            bench.now += Duration::from_millis(10);
            bench.core.handle_timeout(bench.now);
            bench.sent();
            assert!(bench.core.timers.len() <= 3, "{}", bench.core.timers.len());
        }
        // Losses and recoveries in turn: the wait grows and shrinks.
        let mut bench = Bench::new();
        let wide = Bytes::from(vec![7; 512 * 2_000]);
        bench.answers = false;
        bench.ask("f");
        bench.core.accept(bench.now, FIRST, Content { bytes: wide, text: true, receipt: None });
        bench.sent();
        for block in 1..1_000 {
            for _ in 0..if block % 3 == 0 { 30 } else { 1 } {
                bench.now += Duration::from_millis(10);
                bench.core.handle_timeout(bench.now);
                bench.sent();
            }
            bench.ack(block);
            assert!(bench.core.timers.len() <= 32, "block {block}: {}", bench.core.timers.len());
        }
    }

    /// T9: the right port of the phone at another socket of ours, which is another address or port, or another port of
    /// the phone, is no part of the transfer.
    #[test]
    fn all_four_parts_of_the_address_count() {
        let mut bench = Bench::new();
        bench.ask("f");
        let other = SocketAddrV4::new(*PHONE.ip(), PHONE.port() + 1);
        for (source, on) in [(other, ON), (PHONE, On::Transfer(4))] {
            bench.datagram(source, Ipv4Addr::LOCALHOST, on, b"\0\x05\0\0\0");
            bench.datagram(source, Ipv4Addr::LOCALHOST, on, &ack(1));
            assert!(bench.sent().iter().all(|bytes| bytes.starts_with(&[0, 5, 0, 5])));
        }
        assert!(matches!(bench.ack(1).as_slice(), [data] if data.starts_with(&[0, 3, 0, 2])));
    }

    /// The last ACK, doubled on the way, is no stranger's.
    #[test]
    fn late_packets_of_an_ended_transfer_get_no_answer() {
        let mut bench = Bench::new();
        bench.ask("f");
        for block in 1..=6 {
            bench.ack(block);
        }
        assert_eq!(bench.core.active(), 0);
        assert!(bench.ack(6).is_empty());
    }

    /// While nobody takes them, refusals are kept up to a bound.
    #[test]
    fn refusals_that_wait_are_bounded() {
        let mut bench = Bench::new();
        for n in 0..10_000_u16 {
            bench.datagram(SocketAddrV4::new(*PHONE.ip(), 40_000), Ipv4Addr::LOCALHOST, On::Listening, b"\0\x01\0x\0");
            bench.datagram(SocketAddrV4::new(*PHONE.ip(), n), Ipv4Addr::LOCALHOST, On::Listening, b"\0\x02x\0octet\0");
        }
        assert_eq!(bench.sent().len(), ERRORS);
    }

    proptest::proptest! {
        /// Whatever comes: no panic, bounds kept, no answer longer than the request and 24 octets before a file is agreed.
        #[test]
        fn any_datagrams(packets in proptest::collection::vec(
            (0_u16..4, proptest::bool::ANY, 0_u8..8, proptest::collection::vec(proptest::num::u8::ANY, 0..40)), 0..60)
        ) {
            let mut bench = Bench { answers: false, ..Bench::new() };
            for (port, listening, opcode, rest) in packets {
                let bytes = match opcode {
                    // As good as any, so that there is something for the rest to meet.
                    6 => format!("\0\x01f{}\0octet\0", rest.len() % 5).into_bytes(),
                    7 => ack(u16::try_from(rest.len() % 4).unwrap()).to_vec(),
                    opcode => [&[0, opcode], rest.as_slice()].concat(),
                };
                let on = if listening { On::Listening } else { ON };
                bench.datagram(SocketAddrV4::new(*PHONE.ip(), 50_000 + port), Ipv4Addr::LOCALHOST, on, &bytes);
                for sent in bench.sent() {
                    assert!(sent.len() <= bytes.len() + 24 && sent.starts_with(&[0, 5]));
                }
                assert!(bench.core.active() <= 4);
                bench.now += Duration::from_millis(700);
                bench.core.handle_timeout(bench.now);
            }
        }

        /// Options in any spelling: what is agreed is within its range, and the answer reads back as it was meant.
        #[test]
        fn any_options(options in proptest::collection::vec(
            (proptest::sample::select(vec!["blksize", "tsize", "timeout", "windowsize", "BLKSIZE", "x"]), "[0-9a-z]{0,6}"), 0..6)
        ) {
            let text: String = options.iter().flat_map(|(name, value)| [name, "\0", value.as_str(), "\0"]).collect();
            let Ok(terms) = Terms::negotiate(text.as_bytes(), 1_428, 16) else { return Ok(()) };
            assert!((8..=1_428).contains(&terms.block_size) && (1..=16).contains(&terms.window));
            if let Some(oack) = terms.oack(1_000) {
                let again = Terms::negotiate(&oack[2..], 1_428, 16).unwrap();
                assert_eq!((again.block_size, again.window, again.timeout), (terms.block_size, terms.window, terms.timeout));
                assert_eq!(again.oack(1_000), Some(oack));
            }
        }
    }
}
