//! One file on its way to one phone: RFC 1350's sender with the window of RFC 7440. Sans-IO; time is an argument.
//!
//! Blocks are counted from 1 without wrapping; on the wire the count wraps to 0 after 65,535. Only timers resend: an
//! ACK seen before never does (RFC 1123 section 4.2.3.1, the Sorcerer's Apprentice).

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::options::Terms;
use super::packet;

/// Wait before the first measured round trip (RFC 6298 section 2.1).
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Least time that is waited beyond the usual round trip (RFC 6298's G): a phone that writes flash answers late, and a
/// resend costs more than the wait. On a LAN it is the wait.
const SHORTEST: Duration = Duration::from_millis(50);

/// Longest wait: phones give up after 13 s without a block, and four seconds leave nine sends in that time.
const LONGEST: Duration = Duration::from_secs(4);

/// Longest wait that a client may ask for.
const ASKED: Duration = Duration::from_secs(8);

/// Sends before the first ACK: whoever never answers gets no more than this.
const UNANSWERED: u32 = 3;

/// Time without a new block acknowledged after which a transfer that was answered is given up: phones stall 20 s and
/// more while they write flash. ACKs seen before do not prolong it, or one packet a minute would hold it for ever.
const SILENCE: Duration = Duration::from_mins(1);

/// Blocks in a row that had to be sent again before that is taken for a way that became slower, and not for loss: at
/// 30 % loss each way that many come in a row once in fifty times.
const SLOWER: u32 = 6;

/// Sends of one block before it is given up, however long that takes: at 10 % loss each way six sends lose 9 % of the
/// files of 2,048 blocks, ten lose 0.01 %. It also outlasts a pause of this process, after which `SILENCE` is long over.
const TRIES: u32 = 10;

/// Quiet after which the same request from the same port is a phone that started over, not a request that was
/// doubled on the way.
const QUIET: Duration = Duration::from_secs(2);

/// What became of an ACK or a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Go on.
    Going,
    /// The last block is acknowledged.
    Done,
    /// Nobody answers any more.
    GivenUp,
    /// All was sent and all but the last block acknowledged, then nothing: the client has the file and left, or not.
    Unconfirmed,
}

/// A transfer.
#[derive(Debug)]
pub struct Transfer {
    content: Bytes,
    terms: Terms,
    /// The OACK, until it is acknowledged.
    oack: Option<Vec<u8>>,
    oack_due: bool,
    /// Last block acknowledged in order; 0 = none.
    acked: u64,
    /// Last block sent since the last rewind.
    sent: u64,
    /// Highest block ever sent.
    highest: u64,
    /// Number of the last block; it is shorter than the others, and may be empty.
    last: u64,
    answered: bool,
    /// Sends of the oldest packet that is not acknowledged.
    sends: u32,
    began: Instant,
    /// When something new was acknowledged.
    heard: Instant,
    deadline: Instant,
    /// When the last packet went out.
    last_sent: Instant,
    /// When the newest block of the window went out for the first time; `None` after a resend (Karn's algorithm).
    clock: Option<(u64, Instant)>,
    smoothed: Option<Duration>,
    variance: Duration,
    wait: Duration,
    /// Blocks in a row that had to be sent again.
    again: u32,
    /// When the window was last begun anew because of an ACK.
    rewound: Option<Instant>,
    resent: u64,
}

impl Transfer {
    /// Begins; the first packet is due at once.
    pub fn new(now: Instant, content: Bytes, terms: Terms) -> Self {
        let blocks = content.len() / usize::from(terms.block_size.max(1)) + 1;
        let oack = terms.oack(content.len());
        let wait = terms.timeout.map_or(FIRST_WAIT, asked_wait);
        Self {
            oack_due: oack.is_some(),
            oack,
            acked: 0,
            sent: 0,
            highest: 0,
            last: u64::try_from(blocks).unwrap_or(u64::MAX),
            answered: false,
            sends: 1,
            began: now,
            heard: now,
            deadline: now + wait,
            last_sent: now,
            clock: None,
            smoothed: None,
            variance: Duration::ZERO,
            wait,
            again: 0,
            rewound: None,
            resent: 0,
            content,
            terms,
        }
    }

    /// The next packet to send, written into `out`; false when there is none for now.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        if let Some(oack) = &self.oack {
            if !std::mem::take(&mut self.oack_due) {
                return false;
            }
            self.last_sent = now;
            out.clear();
            out.extend_from_slice(oack);
            return true;
        }
        let end = self.last.min(self.acked.saturating_add(self.terms.window.max(1).into()));
        if self.sent >= end {
            return false;
        }
        self.last_sent = now;
        self.sent += 1;
        if self.sent > self.highest {
            self.highest = self.sent;
            self.clock = Some((self.sent, now));
        } else {
            self.resent += 1;
            self.clock = None;
        }
        let size = usize::from(self.terms.block_size);
        let start = usize::try_from(self.sent - 1).unwrap_or(usize::MAX).saturating_mul(size).min(self.content.len());
        let stop = start.saturating_add(size).min(self.content.len());
        packet::data(out, wire(self.sent), self.content.get(start..stop).unwrap_or_default());
        true
    }

    /// An ACK came.
    pub fn handle_ack(&mut self, now: Instant, block: u16) -> Progress {
        if self.oack.is_some() {
            if block == 0 {
                self.oack = None;
                self.answer(now);
            }
            return Progress::Going;
        }
        let ahead = u64::from(block.wrapping_sub(wire(self.acked)));
        // Up to the highest block ever sent, not the last one: the window may have been begun anew meanwhile.
        if ahead == 0 || ahead > self.highest - self.acked {
            return Progress::Going;
        }
        self.acked += ahead;
        self.sent = self.sent.max(self.acked);
        if let Some((timed, at)) = self.clock
            && timed == self.acked
        {
            self.clock = None;
            self.again = 0;
            self.measure(now.saturating_duration_since(at));
        } else if self.sends > 1 {
            self.again = self.again.saturating_add(1);
            if self.again < SLOWER {
                self.estimate();
            }
        }
        if self.acked >= self.last {
            return Progress::Done;
        }
        // The client acknowledges less than the window when it misses a block: the rest is sent again (RFC 7440 section 4).
        // Once per round trip: a client that acknowledges every block of the window would make us send it many times.
        if self.acked < self.sent && self.may_rewind(now) {
            self.rewound = Some(now);
            self.sent = self.acked;
        }
        self.answer(now);
        Progress::Going
    }

    fn may_rewind(&self, now: Instant) -> bool {
        let pause = self.smoothed.unwrap_or(self.wait) / 2;
        self.rewound.is_none_or(|at| now.saturating_duration_since(at) > pause)
    }

    /// Something new was acknowledged. After a resend that is not timed (Karn). The wait is what was estimated before:
    /// what is lost now and then must not slow down the rest. Once it happens block after block the doubled wait is kept
    /// (RFC 6298 section 5), until a block that was sent once is timed, or a round trip that grew would never be measured.
    /// Only the first ACK is timed in any case: waits of seconds over a lost first packet cost more than a guess that is
    /// too low, and that one is put right by the rule above.
    fn answer(&mut self, now: Instant) {
        if self.smoothed.is_none() {
            self.measure(now.saturating_duration_since(self.last_sent));
        }
        self.answered = true;
        self.heard = now;
        self.sends = 1;
        self.deadline = now + self.wait;
    }

    /// RFC 6298 section 2. A client that asked for a timeout gets that one (RFC 2349).
    fn measure(&mut self, round_trip: Duration) {
        match self.smoothed {
            None => {
                self.smoothed = Some(round_trip);
                self.variance = round_trip / 2;
            }
            Some(smoothed) => {
                self.variance = self.variance * 3 / 4 + smoothed.abs_diff(round_trip) / 4;
                self.smoothed = Some(smoothed * 7 / 8 + round_trip / 8);
            }
        }
        self.estimate();
    }

    /// The wait as the round trips measured so far have it.
    fn estimate(&mut self) {
        if let (None, Some(smoothed)) = (self.terms.timeout, self.smoothed) {
            self.wait = (smoothed + (4 * self.variance).max(SHORTEST)).min(LONGEST);
        }
    }

    /// Time passed; at the deadline what is unacknowledged is sent again.
    pub fn handle_timeout(&mut self, now: Instant) -> Progress {
        if now < self.deadline {
            return Progress::Going;
        }
        let given_up = if self.answered {
            self.sends >= TRIES && now.saturating_duration_since(self.heard) >= SILENCE
        } else {
            self.sends >= UNANSWERED
        };
        if given_up {
            let all_but_last = self.answered && self.highest == self.last && self.acked + 1 == self.last;
            return if all_but_last { Progress::Unconfirmed } else { Progress::GivenUp };
        }
        self.sends = self.sends.saturating_add(1);
        if self.terms.timeout.is_none() {
            self.wait = (self.wait * 2).min(LONGEST);
        }
        self.deadline = now + self.wait;
        self.oack_due = self.oack.is_some();
        self.sent = self.acked;
        self.clock = None;
        Progress::Going
    }

    /// Whether the client, asking for the same file from the same port, has started over: it was answered and has
    /// acknowledged nothing new for a while. Before that, the request is the one that this transfer answers.
    pub fn abandoned(&self, now: Instant) -> bool {
        self.answered && now.saturating_duration_since(self.heard) >= QUIET
    }

    /// When the client last acknowledged something new, or the transfer began.
    pub fn heard(&self) -> Instant {
        self.heard
    }

    /// Whether anything was ever acknowledged.
    pub fn answered(&self) -> bool {
        self.answered
    }

    /// When [`Transfer::handle_timeout`] has something to do.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Octets that were acknowledged, and of the whole file.
    pub fn got(&self) -> (u64, u64) {
        let whole = u64::try_from(self.content.len()).unwrap_or(u64::MAX);
        (self.acked.saturating_mul(self.terms.block_size.into()).min(whole), whole)
    }

    /// Octets of the file, packets sent again, and how long it took.
    pub fn summary(&self, now: Instant) -> (u64, u64, Duration) {
        (u64::try_from(self.content.len()).unwrap_or(u64::MAX), self.resent, now.saturating_duration_since(self.began))
    }
}

/// The wait of a client that asked for one (RFC 2349), within our own ceiling.
fn asked_wait(seconds: u8) -> Duration {
    Duration::from_secs(seconds.into()).min(ASKED)
}

/// The block number on the wire: 65,536 is 0.
fn wire(block: u64) -> u16 {
    (block & 0xFFFF) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A transfer with a client that acknowledges whatever arrives, in order, after `delay(n)` for its n-th packet.
    struct Line {
        transfer: Transfer,
        now: Instant,
        /// ACKs on their way.
        acks: Vec<(Instant, u16)>,
        packets: usize,
    }

    impl Line {
        fn new(blocks: usize, options: &[u8]) -> Self {
            let terms = Terms::negotiate(options, 1_428, 16).unwrap();
            let content = Bytes::from(vec![7; 512 * (blocks - 1) + 1]);
            let now = Instant::now();
            Self { transfer: Transfer::new(now, content, terms), now, acks: Vec::new(), packets: 0 }
        }

        /// What is sent now, as block numbers; an OACK is 0.
        fn sent(&mut self) -> Vec<u16> {
            let mut out = Vec::new();
            let mut blocks = Vec::new();
            while self.transfer.poll_transmit(self.now, &mut out) {
                blocks.push(if out[1] == 6 { 0 } else { u16::from_be_bytes([out[2], out[3]]) });
            }
            self.packets += blocks.len();
            blocks
        }

        fn pass(&mut self, time: Duration) -> Progress {
            self.now += time;
            self.transfer.handle_timeout(self.now)
        }

        /// Plays to the end in steps of a millisecond; each packet is acknowledged `copies` times after `delay`.
        fn play(&mut self, copies: usize, delay: impl Fn(usize) -> Duration) -> Progress {
            for _ in 0..10_000_000 {
                for block in self.sent() {
                    let at = self.now + delay(self.packets);
                    self.acks.extend(std::iter::repeat_n((at, block), copies));
                }
                let due: Vec<_> = self.acks.iter().filter(|(at, _)| *at <= self.now).copied().collect();
                self.acks.retain(|(at, _)| *at > self.now);
                for (_, block) in due {
                    match self.transfer.handle_ack(self.now, block) {
                        Progress::Going => {}
                        end => return end,
                    }
                }
                match self.pass(Duration::from_millis(1)) {
                    Progress::Going => {}
                    end => return end,
                }
            }
            Progress::Going
        }
    }

    /// T10: every ACK doubled and late, and DATA goes out once.
    #[test]
    fn doubled_late_acks_double_nothing() {
        for delay in [0, 3, 40, 400] {
            let mut line = Line::new(1_000, b"");
            assert_eq!(line.play(2, |_| Duration::from_millis(delay)), Progress::Done);
            assert!(line.packets <= 1_020, "{delay} ms: {} packets", line.packets);
        }
    }

    /// The round trip grows far beyond the wait: the wait follows instead of sending each block thrice.
    #[test]
    fn the_wait_follows_a_round_trip_that_grew() {
        let mut line = Line::new(1_000, b"");
        let delay = |packets: usize| Duration::from_millis(if packets < 100 { 5 } else { 300 });
        assert_eq!(line.play(1, delay), Progress::Done);
        assert!(line.packets <= 1_020, "{} packets", line.packets);
    }

    /// A first packet that is lost costs its own wait, not a slow transfer.
    #[test]
    fn a_lost_first_packet_slows_nothing_else() {
        for options in [&b""[..], b"blksize\x00512\0"] {
            let mut line = Line::new(9, options);
            let first = line.sent();
            line.pass(FIRST_WAIT);
            assert_eq!(line.sent(), first);
            line.now += Duration::from_millis(5);
            line.transfer.handle_ack(line.now, first[0]);
            assert_eq!(line.sent(), [first[0] + 1]);
            line.pass(Duration::from_millis(100));
            assert_eq!(line.sent(), [first[0] + 1]);
        }
    }

    /// RFC 2349: a client that asks for a timeout gets that one, up to the ceiling.
    #[test]
    fn an_asked_timeout_is_kept() {
        for (seconds, wait) in [("1", 1), ("3", 3), ("255", 8)] {
            let mut line = Line::new(9, format!("timeout\0{seconds}\0").as_bytes());
            assert_eq!(line.sent(), [0]);
            line.transfer.handle_ack(line.now, 0);
            assert_eq!(line.sent(), [1]);
            line.now += Duration::from_millis(5);
            line.transfer.handle_ack(line.now, 1);
            assert_eq!(line.sent(), [2]);
            for _ in 0..3 {
                line.pass(Duration::from_millis(wait * 1_000 - 1));
                assert!(line.sent().is_empty(), "{seconds}: not before");
                line.pass(Duration::from_millis(1));
                assert_eq!(line.sent(), [2], "{seconds}");
            }
        }
    }

    /// F23: given up no sooner than after 60 s and ten sends; ACKs seen before do not prolong it.
    #[test]
    fn silence_ends_it_and_old_acks_do_not_prolong_it() {
        for (options, chatter) in
            [(&b""[..], false), (b"", true), (b"timeout\x008\0", false), (b"timeout\x001\0", true)]
        {
            let mut line = Line::new(9, options);
            line.sent();
            if !options.is_empty() {
                line.transfer.handle_ack(line.now, 0);
                line.sent();
            }
            line.transfer.handle_ack(line.now, 1);
            let (since, mut sends) = (line.now, line.sent().len());
            let end = loop {
                if chatter {
                    line.transfer.handle_ack(line.now, 1);
                }
                match line.pass(Duration::from_millis(10)) {
                    Progress::Going => sends += line.sent().len(),
                    end => break end,
                }
            };
            let took = line.now - since;
            assert_eq!(end, Progress::GivenUp);
            assert!(took >= SILENCE && took <= SILENCE + 3 * ASKED, "{took:?}");
            assert!(sends >= 10, "{sends}");
        }
    }

    /// F15: after a pause of this process one packet goes out, and the transfer goes on.
    #[test]
    fn a_pause_of_ours_is_no_silence_of_theirs() {
        let mut line = Line::new(9, b"");
        line.sent();
        line.transfer.handle_ack(line.now, 1);
        line.sent();
        assert_eq!(line.pass(Duration::from_mins(5)), Progress::Going);
        assert_eq!(line.sent(), [2]);
        assert_eq!(line.transfer.handle_ack(line.now, 2), Progress::Going);
    }

    #[test]
    fn a_last_ack_that_never_came_is_told_apart() {
        let mut line = Line::new(2, b"");
        line.sent();
        line.transfer.handle_ack(line.now, 1);
        let end = loop {
            line.sent();
            match line.pass(Duration::from_secs(1)) {
                Progress::Going => {}
                end => break end,
            }
        };
        assert_eq!(end, Progress::Unconfirmed);
    }

    /// A client that acknowledges each block of a window, against RFC 7440, gets its file without a flood.
    #[test]
    fn acks_within_a_window_begin_it_anew_once_per_round_trip() {
        let mut line = Line::new(1_600, b"windowsize\x0016\0");
        assert_eq!(line.play(1, |_| Duration::from_millis(4)), Progress::Done);
        assert!(line.packets <= 2 * 1_600, "{} packets", line.packets);
    }

    #[test]
    fn started_over_is_told_from_asked_twice() {
        let mut line = Line::new(9, b"");
        line.sent();
        assert!(!line.transfer.abandoned(line.now + Duration::from_secs(5)), "nothing was acknowledged yet");
        line.transfer.handle_ack(line.now, 1);
        assert!(!line.transfer.abandoned(line.now + Duration::from_secs(1)));
        assert!(line.transfer.abandoned(line.now + Duration::from_secs(2)));
    }
}
