//! The DHCP client of a phone as a state machine (RFC 2131 figure 5): time and packets in, packets and events out. It knows
//! no socket and no clock.
//!
//! Not played: the ARP probe of an address before it is used, which takes a raw socket; that a phone found it taken is told
//! by [`Client::decline`].

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::habits::Habits;
use super::lease::Lease;
use super::message::{Answer, Kind, Question};
use crate::domain::MacAddr;

/// Waits and repetitions. The hardware's are not known; these are RFC 2131's (section 4.1), for
/// renewals too, where it would wait longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Until the first repetition; each wait after it is twice as long (4 s).
    pub first: Duration,
    /// The longest wait (64 s).
    pub longest: Duration,
    /// How often a question is asked before the phone goes another way, or is given up (4).
    pub tries: u32,
    /// After an address was declined (10 s, section 3.1).
    pub declined: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(4),
            longest: Duration::from_secs(64),
            tries: 4,
            declined: Duration::from_secs(10),
        }
    }
}

/// A packet on its way out, from port 68 to port 67.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// A server, or everybody on the link.
    pub to: Ipv4Addr,
    /// The packet.
    pub packet: Vec<u8>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A server offers an address, and the phone asks for it.
    Offered {
        /// The address.
        address: Ipv4Addr,
        /// Whose.
        server: Ipv4Addr,
    },
    /// The phone has an address, or has it for longer.
    Bound(Box<Lease>),
    /// A server said no (NAK); the phone begins anew.
    Refused {
        /// Which, where it says so.
        server: Option<Ipv4Addr>,
    },
    /// An answer was passed over.
    Malformed {
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nobody answered; the script ends, the hardware would go on.
    Silent {
        /// Packets sent.
        asked: u32,
    },
    /// The boot loader gets no answer about its old address, and asks for no other.
    Stalled {
        /// That address.
        address: Ipv4Addr,
    },
    /// The lease ran out; the phone begins anew.
    Expired,
    /// The address was given back.
    Released,
    /// The address is somebody else's; the phone begins anew after a wait.
    Declined {
        /// Which.
        address: Ipv4Addr,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Selecting,
    Requesting {
        address: Ipv4Addr,
        server: Ipv4Addr,
    },
    Rebooting {
        address: Ipv4Addr,
    },
    Bound,
    Renewing,
    Rebinding,
    /// Declined: waits before it begins anew.
    Waiting,
    Ended,
}

/// A phone's client.
#[derive(Debug)]
pub struct Client {
    habits: Habits,
    mac: MacAddr,
    timing: Timing,
    state: State,
    began: Instant,
    /// How often the present question was asked, and all of them.
    tries: u32,
    asked: u32,
    deadline: Option<Instant>,
    /// What it has, and since when.
    lease: Option<(Lease, Instant)>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

impl Client {
    /// A phone that was switched on, and asks for the address that it had before, if any (INIT-REBOOT), else for one.
    pub fn new(habits: Habits, mac: MacAddr, timing: Timing, last: Option<Ipv4Addr>, now: Instant) -> Self {
        let state = last.map_or(State::Selecting, |address| State::Rebooting { address });
        let mut client = Self {
            habits,
            mac,
            timing,
            state: State::Ended,
            began: now,
            tries: 0,
            asked: 0,
            deadline: None,
            lease: None,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        };
        client.enter(state, now);
        client
    }

    /// The next packet to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Client::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// Renews now, as at T1.
    pub fn renew(&mut self, now: Instant) {
        if self.lease.is_some() {
            self.enter(State::Renewing, now);
        }
    }

    /// Asks everybody to renew, as at T2.
    pub fn rebind(&mut self, now: Instant) {
        if self.lease.is_some() {
            self.enter(State::Rebinding, now);
        }
    }

    /// Gives the address back and is done.
    pub fn release(&mut self, now: Instant) {
        if let Some((lease, _)) = self.lease.take() {
            let options = vec![(54, lease.server.octets().to_vec())];
            self.send(Kind::Release, lease.address, lease.server, options, now);
            self.events.push_back(Event::Released);
            (self.state, self.deadline) = (State::Ended, None);
        }
    }

    /// Somebody else was found at the address.
    pub fn decline(&mut self, now: Instant) {
        if let Some((lease, _)) = self.lease.take() {
            let options = vec![(50, lease.address.octets().to_vec()), (54, lease.server.octets().to_vec())];
            self.send(Kind::Decline, Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST, options, now);
            self.events.push_back(Event::Declined { address: lease.address });
            (self.state, self.deadline) = (State::Waiting, Some(now + self.timing.declined));
        }
    }

    /// Takes a packet that came to port 68.
    pub fn handle_datagram(&mut self, now: Instant, packet: &[u8]) {
        let answer = match Answer::parse(packet, self.mac) {
            Ok(Some(answer)) => answer,
            Ok(None) => return,
            Err(why) => return self.events.push_back(Event::Malformed { why }),
        };
        match (answer.kind, self.state.clone()) {
            (Kind::Offer, State::Selecting) => {
                let Some(server) = answer.address(54) else {
                    return self
                        .events
                        .push_back(Event::Malformed { why: "its server does not name itself (option 54)" });
                };
                let address = answer.yiaddr;
                self.events.push_back(Event::Offered { address, server });
                self.enter(State::Requesting { address, server }, now);
            }
            // What another server says of its own is not about this phone's choice.
            (Kind::Ack | Kind::Nak, State::Requesting { server, .. }) if answer.address(54) != Some(server) => {}
            (Kind::Ack, State::Requesting { .. } | State::Rebooting { .. } | State::Renewing | State::Rebinding) => {
                match Lease::of(&answer) {
                    Some(lease) => self.hold(lease, now),
                    None => self.events.push_back(Event::Malformed { why: "it acknowledges no address, or nobody's" }),
                }
            }
            (Kind::Nak, State::Requesting { .. } | State::Rebooting { .. } | State::Renewing | State::Rebinding) => {
                self.events.push_back(Event::Refused { server: answer.address(54) });
                self.lease = None;
                self.enter(State::Selecting, now);
            }
            _ => {}
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        let end = self.ends();
        match self.state.clone() {
            State::Bound => self.enter(State::Renewing, now),
            State::Waiting => self.enter(State::Selecting, now),
            State::Ended => self.deadline = None,
            State::Renewing | State::Rebinding if end.is_some_and(|(_, expiry)| now >= expiry) => {
                self.lease = None;
                self.events.push_back(Event::Expired);
                self.enter(State::Selecting, now);
            }
            State::Renewing if end.is_some_and(|(t2, _)| now >= t2) => self.enter(State::Rebinding, now),
            State::Renewing | State::Rebinding => self.ask(now),
            _ if self.tries < self.timing.tries => self.ask(now),
            State::Rebooting { address } if self.habits.insists => {
                self.events.push_back(Event::Stalled { address });
                (self.state, self.deadline) = (State::Ended, None);
            }
            State::Requesting { .. } | State::Rebooting { .. } => self.enter(State::Selecting, now),
            State::Selecting => {
                self.events.push_back(Event::Silent { asked: self.asked });
                (self.state, self.deadline) = (State::Ended, None);
            }
        }
    }

    fn hold(&mut self, lease: Lease, now: Instant) {
        self.events.push_back(Event::Bound(Box::new(lease.clone())));
        self.deadline = lease.renew_after.map(|(t1, _)| now + t1);
        self.lease = Some((lease, now));
        self.state = State::Bound;
    }

    /// When anybody may renew the lease, and when it is over.
    fn ends(&self) -> Option<(Instant, Instant)> {
        let (lease, since) = self.lease.as_ref()?;
        Some((*since + lease.renew_after?.1, *since + lease.time?))
    }

    fn enter(&mut self, state: State, now: Instant) {
        if state == State::Selecting {
            self.began = now;
        }
        (self.state, self.tries) = (state, 0);
        self.ask(now);
    }

    /// Asks what the state has to ask, and waits.
    fn ask(&mut self, now: Instant) {
        let wish = |address: Ipv4Addr| (50, address.octets().to_vec());
        let (none, everybody) = (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST);
        let held = self.lease.as_ref().map_or((none, everybody), |(lease, _)| (lease.address, lease.server));
        match self.state.clone() {
            State::Selecting => self.send(Kind::Discover, none, everybody, Vec::new(), now),
            State::Requesting { address, server } => {
                let options = vec![wish(address), (54, server.octets().to_vec())];
                self.send(Kind::Request, none, everybody, options, now);
            }
            State::Rebooting { address } => self.send(Kind::Request, none, everybody, vec![wish(address)], now),
            State::Renewing => self.send(Kind::Request, held.0, held.1, Vec::new(), now),
            State::Rebinding => self.send(Kind::Request, held.0, everybody, Vec::new(), now),
            State::Bound | State::Waiting | State::Ended => return,
        }
        let doubled = self.timing.first.saturating_mul(1_u32.checked_shl(self.tries).unwrap_or(u32::MAX));
        self.tries = self.tries.saturating_add(1);
        self.asked = self.asked.saturating_add(1);
        let again = now + doubled.min(self.timing.longest);
        // Never beyond the moment at which the state changes by itself.
        let end = match (&self.state, self.ends()) {
            (State::Renewing, Some((t2, _))) if t2 > now => Some(t2),
            (State::Renewing | State::Rebinding, Some((_, expiry))) => Some(expiry),
            _ => None,
        };
        self.deadline = Some(end.map_or(again, |end| again.min(end)));
    }

    fn send(&mut self, kind: Kind, ciaddr: Ipv4Addr, to: Ipv4Addr, own: Vec<(u8, Vec<u8>)>, now: Instant) {
        let mut options = own;
        if self.habits.client_id {
            options.push((61, [&[1][..], &self.mac.octets()].concat()));
        }
        // Nothing is asked of a server that is only told (RFC 2131 table 5).
        if matches!(kind, Kind::Discover | Kind::Request) {
            options.push((12, self.habits.host_name.clone().into_bytes()));
            options.push((60, self.habits.vendor_class.clone()));
            options.push((55, self.habits.parameters.to_vec()));
        }
        let secs = now.saturating_duration_since(self.began).as_secs();
        let question = Question {
            kind,
            mac: self.mac,
            secs: u16::try_from(secs).unwrap_or(u16::MAX),
            // Who has an address hears what is sent to it.
            broadcast: self.habits.broadcast && ciaddr.is_unspecified(),
            ciaddr,
            options,
        };
        self.transmits.push_back(Transmit { to, packet: question.emit() });
    }
}

#[cfg(test)]
mod tests {
    use super::super::habits::habits;
    use super::super::message::tests::{MAC, said};
    use super::*;
    use crate::simulate::{Flash, Model};

    const SERVER: [u8; 4] = [192, 0, 2, 1];
    const OTHER: [u8; 4] = [192, 0, 2, 2];
    const ADDRESS: [u8; 4] = [192, 0, 2, 100];
    const NOBODY: [u8; 4] = [0; 4];
    const ALL: [u8; 4] = [255; 4];

    /// A phone on simulated time.
    struct Bench {
        client: Client,
        now: Instant,
    }

    impl Bench {
        fn on(state: &str, last: Option<[u8; 4]>) -> Self {
            let model: Model = if state == "factory" { "7945" } else { "7960" }.parse().unwrap();
            let flash = Flash::of(&model, &state.parse().unwrap());
            let mac = MAC.parse().unwrap();
            let now = Instant::now();
            let last = last.map(Ipv4Addr::from);
            Self { client: Client::new(habits(&model, &flash, mac), mac, Timing::default(), last, now), now }
        }

        /// What it sends next: kind, to whom, seconds, ciaddr, options 50 and 54, whether broadcast is wanted.
        #[allow(clippy::type_complexity)]
        fn sends(&mut self) -> Option<(u8, [u8; 4], u16, [u8; 4], Vec<u8>, Vec<u8>, bool)> {
            let Transmit { to, packet } = self.client.poll_transmit()?;
            let option = |code: u8| {
                let mut rest = &packet[240..];
                while rest[0] != 255 {
                    let end = 2 + usize::from(rest[1]);
                    if rest[0] == code {
                        return rest[2..end].to_vec();
                    }
                    rest = &rest[end..];
                }
                Vec::new()
            };
            let ciaddr = packet[12..16].try_into().unwrap();
            let secs = u16::from_be_bytes([packet[8], packet[9]]);
            Some((option(53)[0], to.octets(), secs, ciaddr, option(50), option(54), packet[10] == 0x80))
        }

        fn hears(&mut self, kind: Kind, address: [u8; 4], server: [u8; 4]) {
            // An hour.
            let packet =
                said(kind, address, NOBODY, &[(54, &server), (51, &[0, 0, 0x0e, 0x10]), (1, &[255, 255, 255, 0])]);
            self.client.handle_datagram(self.now, &packet);
        }

        /// Lets time go to the next deadline; returns how long that was.
        fn waits(&mut self) -> u64 {
            let deadline = self.client.poll_timeout().expect("it waits for something");
            let waited = deadline - self.now;
            self.now = deadline;
            self.client.handle_timeout(self.now);
            waited.as_secs()
        }

        fn event(&mut self) -> Option<Event> {
            self.client.poll_event()
        }

        fn bound(&mut self) {
            self.hears(Kind::Offer, ADDRESS, SERVER);
            self.hears(Kind::Ack, ADDRESS, SERVER);
            while self.client.poll_transmit().is_some() {}
            assert!(matches!(self.event(), Some(Event::Offered { .. })));
            assert!(matches!(self.event(), Some(Event::Bound(_))));
        }
    }

    const SIP: &str = "sip:P0S3-8-12-00";

    #[test]
    fn an_address_is_given() {
        let mut phone = Bench::on(SIP, None);
        assert_eq!(phone.sends(), Some((1, ALL, 0, NOBODY, vec![], vec![], true)));
        assert_eq!(phone.sends(), None);
        phone.now += Duration::from_secs(2);
        phone.hears(Kind::Offer, ADDRESS, SERVER);
        assert_eq!(phone.event(), Some(Event::Offered { address: ADDRESS.into(), server: SERVER.into() }));
        assert_eq!(phone.sends(), Some((3, ALL, 2, NOBODY, ADDRESS.to_vec(), SERVER.to_vec(), true)));
        // A second offer comes too late, and what another server says is not about this one.
        phone.hears(Kind::Offer, OTHER, OTHER);
        phone.hears(Kind::Nak, NOBODY, OTHER);
        phone.hears(Kind::Ack, OTHER, OTHER);
        assert_eq!((phone.sends(), phone.event()), (None, None));
        phone.hears(Kind::Ack, ADDRESS, SERVER);
        let Some(Event::Bound(lease)) = phone.event() else { panic!("it is not bound") };
        assert_eq!((lease.address.octets(), lease.prefix), (ADDRESS, 24));
    }

    #[test]
    fn nobody_answers() {
        let mut phone = Bench::on(SIP, None);
        assert_eq!([phone.waits(), phone.waits(), phone.waits(), phone.waits()], [4, 8, 16, 32]);
        let seconds: Vec<u16> = std::iter::from_fn(|| phone.sends()).map(|sent| sent.2).collect();
        assert_eq!(seconds, [0, 4, 12, 28]);
        assert_eq!(phone.event(), Some(Event::Silent { asked: 4 }));
        assert_eq!(phone.client.poll_timeout(), None);
    }

    #[test]
    fn a_request_that_is_lost_is_repeated_and_then_begun_anew() {
        let mut phone = Bench::on(SIP, None);
        phone.hears(Kind::Offer, ADDRESS, SERVER);
        assert_eq!([phone.waits(), phone.waits(), phone.waits(), phone.waits()], [4, 8, 16, 32]);
        let kinds: Vec<u8> = std::iter::from_fn(|| phone.sends()).map(|sent| sent.0).collect();
        assert_eq!(kinds, [1, 3, 3, 3, 3, 1]);
    }

    #[test]
    fn a_loader_asks_for_its_old_address_and_for_nothing_else() {
        let mut phone = Bench::on("factory", Some(ADDRESS));
        assert_eq!(phone.sends(), Some((3, ALL, 0, NOBODY, ADDRESS.to_vec(), vec![], true)));
        while phone.client.poll_timeout().is_some() {
            phone.waits();
        }
        assert_eq!(phone.event(), Some(Event::Stalled { address: ADDRESS.into() }));
        // An application asks for another.
        let mut phone = Bench::on(SIP, Some(ADDRESS));
        for _ in 0..4 {
            phone.waits();
        }
        let kinds: Vec<u8> = std::iter::from_fn(|| phone.sends()).map(|sent| sent.0).collect();
        assert_eq!(kinds, [3, 3, 3, 3, 1]);
        // Both take a yes and a no.
        for state in ["factory", SIP] {
            let mut phone = Bench::on(state, Some(ADDRESS));
            phone.hears(Kind::Ack, ADDRESS, SERVER);
            assert!(matches!(phone.event(), Some(Event::Bound(_))), "{state}");
            let mut phone = Bench::on(state, Some(ADDRESS));
            let _ = phone.sends();
            phone.hears(Kind::Nak, NOBODY, SERVER);
            assert_eq!(phone.event(), Some(Event::Refused { server: Some(SERVER.into()) }), "{state}");
            assert_eq!(phone.sends().map(|sent| sent.0), Some(1), "{state}");
        }
    }

    /// Renewed at half of the hour, by anybody at seven eighths, gone at its end.
    #[test]
    fn a_lease_is_renewed_and_runs_out() {
        let mut phone = Bench::on(SIP, None);
        phone.bound();
        assert_eq!(phone.waits(), 1_800);
        assert_eq!(phone.sends().map(|sent| (sent.0, sent.1, sent.3, sent.6)), Some((3, SERVER, ADDRESS, false)));
        phone.hears(Kind::Ack, ADDRESS, SERVER);
        assert!(matches!(phone.event(), Some(Event::Bound(_))));
        assert_eq!(phone.waits(), 1_800);
        let mut to = Vec::new();
        let mut passed = 0;
        while phone.event() != Some(Event::Expired) {
            passed += phone.waits();
            to.extend(std::iter::from_fn(|| phone.sends()).map(|sent| (sent.0, sent.1)));
        }
        assert_eq!(passed, 1_800);
        let rebinds = to.iter().position(|sent| *sent == (3, ALL)).expect("it asks everybody");
        assert!(to[..rebinds].iter().all(|sent| *sent == (3, SERVER)), "{to:?}");
        assert_eq!(to.last(), Some(&(1, ALL)));
    }

    #[test]
    fn commands() {
        let mut phone = Bench::on(SIP, None);
        phone.bound();
        phone.client.rebind(phone.now);
        assert_eq!(phone.sends().map(|sent| (sent.0, sent.1, sent.3)), Some((3, ALL, ADDRESS)));
        phone.hears(Kind::Ack, ADDRESS, OTHER);
        assert!(matches!(phone.event(), Some(Event::Bound(_))));
        phone.client.renew(phone.now);
        assert_eq!(phone.sends().map(|sent| (sent.0, sent.1)), Some((3, OTHER)));
        phone.hears(Kind::Nak, NOBODY, OTHER);
        assert!(matches!(phone.event(), Some(Event::Refused { .. })));
        phone.client.release(phone.now);
        assert_eq!(phone.event(), None, "it has nothing to give back");

        let mut phone = Bench::on(SIP, None);
        phone.bound();
        phone.client.release(phone.now);
        assert_eq!(phone.sends(), Some((7, SERVER, 0, ADDRESS, vec![], SERVER.to_vec(), false)));
        assert_eq!((phone.event(), phone.client.poll_timeout()), (Some(Event::Released), None));

        let mut phone = Bench::on(SIP, None);
        phone.bound();
        phone.client.decline(phone.now);
        assert_eq!(phone.sends(), Some((4, ALL, 0, NOBODY, ADDRESS.to_vec(), SERVER.to_vec(), true)));
        assert_eq!(phone.event(), Some(Event::Declined { address: ADDRESS.into() }));
        assert_eq!(phone.waits(), 10);
        assert_eq!(phone.sends().map(|sent| sent.0), Some(1));
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        let mut phone = Bench::on(SIP, None);
        phone.client.handle_datagram(phone.now, b"");
        let mut packet = said(Kind::Offer, ADDRESS, NOBODY, &[]);
        phone.client.handle_datagram(phone.now, &packet);
        packet[236] = 0;
        phone.client.handle_datagram(phone.now, &packet);
        let whys: Vec<bool> =
            std::iter::from_fn(|| phone.event()).map(|e| matches!(e, Event::Malformed { .. })).collect();
        assert_eq!(whys, [true, true]);
        phone.bound();
    }
}
