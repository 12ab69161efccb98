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

/// Shortest wait: a phone that writes flash answers late, and a resend costs more than the wait.
const SHORTEST: Duration = Duration::from_millis(50);

/// Longest wait.
const LONGEST: Duration = Duration::from_secs(8);

/// Sends before the first ACK: whoever never answers gets no more than this.
const UNANSWERED: u32 = 3;

/// Silence after which a transfer that was answered is given up: phones stall 20 s and more while they write flash.
const SILENCE: Duration = Duration::from_secs(60);

/// What became of an ACK or a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Go on.
    Going,
    /// The last block is acknowledged.
    Done,
    /// Nobody answers any more.
    GivenUp,
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
    sends: u32,
    began: Instant,
    heard: Instant,
    deadline: Instant,
    /// When the newest block of the window went out for the first time; `None` after a resend (Karn's algorithm).
    clock: Option<(u64, Instant)>,
    smoothed: Option<Duration>,
    variance: Duration,
    wait: Duration,
    resent: u64,
}

impl Transfer {
    /// Begins; the first packet is due at once.
    pub fn new(now: Instant, content: Bytes, terms: Terms) -> Self {
        let blocks = content.len() / usize::from(terms.block_size.max(1)) + 1;
        let oack = terms.oack(content.len());
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
            deadline: now + FIRST_WAIT,
            clock: None,
            smoothed: None,
            variance: Duration::ZERO,
            wait: FIRST_WAIT,
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
            out.clear();
            out.extend_from_slice(oack);
            return true;
        }
        let end = self.last.min(self.acked.saturating_add(self.terms.window.max(1).into()));
        if self.sent >= end {
            return false;
        }
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
        self.heard = now;
        if self.oack.is_some() {
            if block == 0 {
                self.oack = None;
                self.answer(now);
            }
            return Progress::Going;
        }
        let ahead = u64::from(block.wrapping_sub(wire(self.acked)));
        if ahead == 0 || ahead > self.sent - self.acked {
            return Progress::Going;
        }
        self.acked += ahead;
        if let Some((timed, at)) = self.clock
            && timed == self.acked
        {
            self.measure(now.saturating_duration_since(at));
        }
        if self.acked >= self.last {
            return Progress::Done;
        }
        // The client acknowledges less than the window when it misses a block: the rest is sent again (RFC 7440 section 4).
        if self.acked < self.sent {
            self.sent = self.acked;
        }
        self.answer(now);
        Progress::Going
    }

    fn answer(&mut self, now: Instant) {
        self.answered = true;
        self.wait = self.smoothed.map_or(FIRST_WAIT, |smoothed| smoothed + 4 * self.variance);
        self.wait = self.bounded(self.wait);
        self.deadline = now + self.wait;
    }

    fn bounded(&self, wait: Duration) -> Duration {
        let longest = self.terms.timeout.map_or(LONGEST, |seconds| Duration::from_secs(seconds.into()).min(LONGEST));
        wait.clamp(SHORTEST, longest)
    }

    /// RFC 6298 section 2.
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
    }

    /// Time passed; at the deadline what is unacknowledged is sent again.
    pub fn handle_timeout(&mut self, now: Instant) -> Progress {
        if now < self.deadline {
            return Progress::Going;
        }
        let given_up =
            if self.answered { now.saturating_duration_since(self.heard) >= SILENCE } else { self.sends >= UNANSWERED };
        if given_up {
            return Progress::GivenUp;
        }
        self.sends = self.sends.saturating_add(1);
        self.wait = self.bounded(self.wait * 2);
        self.deadline = now + self.wait;
        self.oack_due = self.oack.is_some();
        self.sent = self.acked;
        self.clock = None;
        Progress::Going
    }

    /// When [`Transfer::handle_timeout`] has something to do.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Octets of the file, packets sent again, and how long it took.
    pub fn summary(&self, now: Instant) -> (u64, u64, Duration) {
        (u64::try_from(self.content.len()).unwrap_or(u64::MAX), self.resent, now.saturating_duration_since(self.began))
    }
}

/// The block number on the wire: 65,536 is 0.
fn wire(block: u64) -> u16 {
    (block & 0xFFFF) as u16
}
