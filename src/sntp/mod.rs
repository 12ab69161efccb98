//! The time, for phones that get it from nowhere else: the server's half of SNTP (RFC 4330 section 6). Off by default.
//!
//! One question, one answer of the 48 octets that the question had at least: nobody's traffic grows here. Nothing is
//! remembered of who asked. What is told is this host's clock; how true that is cannot be asked by a service that may not
//! touch the clock, so it is told as a clock of last resort, which gives way to any other ([`LOCAL_STRATUM`]).

pub mod io;

use std::net::SocketAddrV4;

use ipnet::Ipv4Net;
use jiff::Timestamp;

/// The port that phones ask; no key of theirs names another.
pub const PORT: u16 = 123;

/// Octets of a packet without authentication (RFC 4330 section 4), which is how all are answered.
pub const PACKET: usize = 48;

/// How far a clock is from a true one that nobody vouches for: chrony's default for its `local`.
const LOCAL_STRATUM: u8 = 10;

/// Seconds since 1970 of 2024-01-01: a host whose clock is before this has not been told the time yet.
const UNSET_BEFORE: i64 = 1_704_067_200;

/// Seconds from 1900 to 1970 (RFC 4330 section 3).
pub(crate) const SINCE_1900: i64 = 2_208_988_800;

/// The clock is read to about a microsecond, as a power of two seconds.
const PRECISION: i8 = -20;

/// Services that answer whatever they are sent, and no client: nothing, echo, daytime, quote, chargen, time.
const SERVICE_PORTS: &[u16] = &[0, 7, 13, 17, 19, 37];

/// What this host's clock is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// It is set, by whatever means.
    Set,
    /// It stands where a host without a battery begins. Phones are told so, and do not take it.
    Unset,
}

impl Clock {
    /// What it is worth when it says that it is `now`.
    pub fn at(now: Timestamp) -> Self {
        if now.as_second() < UNSET_BEFORE { Self::Unset } else { Self::Set }
    }
}

/// Whether this source is to get an answer at all.
pub fn admits(networks: &[Ipv4Net], source: SocketAddrV4) -> bool {
    !SERVICE_PORTS.contains(&source.port()) && networks.iter().any(|net| net.contains(source.ip()))
}

/// The answer to a datagram that came at `received`, if it is a question; it leaves at `sent`.
///
/// A client (mode 3) is answered as a server (4), a symmetric active one (1) as a passive one (2), and nobody else
/// (RFC 4330 section 6): what answers no answer and no control message (6, 7) cannot be set upon others. What follows the
/// first 48 octets, such as a digest, is not read; whoever wants a digest back does not take the answer.
pub fn answer(question: &[u8], clock: Clock, received: Timestamp, sent: Timestamp) -> Option<[u8; PACKET]> {
    let question: &[u8; PACKET] = question.first_chunk()?;
    let [first, _, poll, ..] = *question;
    let (version, mode) = (first >> 3 & 7, first & 7);
    let mode = match mode {
        3 => 4,
        1 => 2,
        _ => return None,
    };
    if !(1..=4).contains(&version) {
        return None;
    }
    // Leap indicator, stratum, and who vouches: 127.127.1.1 is the host's own clock; INIT says not yet (RFC 4330 section 8).
    let (leap, stratum, reference) = match clock {
        Clock::Set => (0, LOCAL_STRATUM, [127, 127, 1, 1]),
        Clock::Unset => (3, 0, *b"INIT"),
    };
    let [precision] = PRECISION.to_be_bytes();
    let (zero, came) = ([0; 4], timestamp(received));
    let [.., transmitted] = question.as_chunks::<8>().0 else { return None };
    // In the order of the packet: the delay and dispersion to the clock are none; it was read when the question came.
    let parts: [&[u8]; 8] = [
        &[leap << 6 | version << 3 | mode, stratum, poll, precision],
        &zero,
        &zero,
        &reference,
        &came,
        transmitted,
        &came,
        &timestamp(sent),
    ];
    parts.concat().try_into().ok()
}

/// Seconds since 1900 and a fraction of 2^32; in 2036 the seconds begin anew, and clients know (RFC 4330 section 3).
fn timestamp(at: Timestamp) -> [u8; 8] {
    const SECOND: i128 = 1_000_000_000;
    let nanoseconds = at.as_nanosecond() + i128::from(SINCE_1900) * SECOND;
    let units = (nanoseconds << 32).div_euclid(SECOND);
    let low = u64::try_from(units & i128::from(u64::MAX)).unwrap_or_default();
    // All zero would mean "no time".
    low.max(1).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a phone sends: version 4, mode 3, poll 6, and its own time in the last eight octets.
    fn question() -> [u8; PACKET] {
        let mut question = [0; PACKET];
        (question[0], question[2]) = (0x23, 6);
        question[40..].copy_from_slice(b"its mark");
        question
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn answered(question: &[u8]) -> Option<[u8; PACKET]> {
        answer(question, Clock::Set, at("2026-01-01T00:00:00.5Z"), at("2026-01-01T00:00:00.75Z"))
    }

    #[test]
    fn a_phone_is_told_the_time() {
        let answer = answered(&question()).unwrap();
        assert_eq!(answer[..4], [0x24, 10, 6, 0xec]);
        assert_eq!(answer[4..12], [0; 8]);
        assert_eq!(answer[12..16], [127, 127, 1, 1]);
        let seconds = 3_976_214_400_u32.to_be_bytes();
        assert_eq!((&answer[16..20], &answer[20..24]), (&seconds[..], &[0x80, 0, 0, 0][..]));
        assert_eq!(&answer[24..32], b"its mark");
        assert_eq!((&answer[32..36], &answer[36..40]), (&seconds[..], &[0x80, 0, 0, 0][..]));
        assert_eq!((&answer[40..44], &answer[44..]), (&seconds[..], &[0xc0, 0, 0, 0][..]));
    }

    #[test]
    fn versions_and_modes() {
        for version in 0..8_u8 {
            for mode in 0..8_u8 {
                let mut question = question();
                question[0] = 0xc0 | version << 3 | mode;
                let expected = match (version, mode) {
                    (1..=4, 3) => Some(version << 3 | 4),
                    (1..=4, 1) => Some(version << 3 | 2),
                    _ => None,
                };
                assert_eq!(answered(&question).map(|answer| answer[0]), expected, "version {version}, mode {mode}");
            }
        }
    }

    /// An answer is never longer than its question, and never a question.
    #[test]
    fn nothing_grows_and_nothing_goes_on() {
        for length in 0..PACKET {
            assert_eq!(answered(&question()[..length]), None, "{length}");
        }
        let signed = [&question()[..], &[0; 20]].concat();
        assert_eq!(answered(&signed), answered(&question()));
        assert_eq!(answered(&answered(&question()).unwrap()), None);
        assert_eq!(answered(&[0xff; 512]), None);
    }

    #[test]
    fn a_clock_that_is_not_set_is_told_as_such() {
        assert_eq!(Clock::at(at("2023-12-31T23:59:59Z")), Clock::Unset);
        assert_eq!(Clock::at(at("2024-01-01T00:00:00Z")), Clock::Set);
        let now = at("1970-01-01T00:00:10Z");
        let answer = answer(&question(), Clock::at(now), now, now).unwrap();
        assert_eq!((answer[0] >> 6, answer[1], &answer[12..16]), (3, 0, &b"INIT"[..]));
    }

    /// The seconds begin anew in 2036, and with the first of them no time is "none".
    #[test]
    fn eras() {
        let seconds = |text: &str| u32::from_be_bytes(timestamp(at(text))[..4].try_into().unwrap());
        assert_eq!(seconds("1900-01-01T00:00:01Z"), 1);
        assert_eq!(seconds("1970-01-01T00:00:00Z"), 2_208_988_800);
        assert_eq!(seconds("2036-02-07T06:28:15Z"), u32::MAX);
        assert_eq!(seconds("2036-02-07T06:28:17Z"), 1);
        assert_eq!(timestamp(at("2036-02-07T06:28:16Z")), [0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(timestamp(Timestamp::MIN).len() + timestamp(Timestamp::MAX).len(), 16);
    }

    #[test]
    fn who_is_answered() {
        let networks = ["10.0.0.0/8".parse().unwrap()];
        for (source, expected) in [
            ("10.1.2.3:123", true),
            ("10.1.2.3:50000", true),
            ("10.1.2.3:7", false),
            ("10.1.2.3:19", false),
            ("10.1.2.3:0", false),
            ("127.0.0.1:50000", false),
            ("203.0.113.9:123", false),
        ] {
            assert_eq!(admits(&networks, source.parse().unwrap()), expected, "{source}");
        }
    }
}
