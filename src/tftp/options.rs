//! Option negotiation: RFC 2347, 2348 (blksize), 2349 (timeout, tsize), 7440 (windowsize).
//!
//! An option that is not understood is left out of the answer; one that is understood and out of its range refuses the
//! request, as RFC 2348 has it. Phones send none; recovery tools and newer models do.

use super::packet::text;

/// What a transfer runs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Octets of payload per DATA packet.
    pub block_size: u16,
    /// DATA packets sent before an ACK is waited for.
    pub window: u16,
    /// Seconds the client asks between retransmissions.
    pub timeout: Option<u8>,
    /// Whether the client asked for the size.
    pub size_asked: bool,
    agreed: Agreed,
}

/// Which options the answer confirms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Agreed {
    block_size: bool,
    window: bool,
}

/// Block size without the option (RFC 1350).
const PLAIN_BLOCK: u16 = 512;

/// Headers of IPv4, UDP and TFTP.
const HEADERS: u16 = 20 + 8 + 4;

/// Smallest and largest block size of RFC 2348.
const BLOCKS: std::ops::RangeInclusive<u32> = 8..=65_464;

/// Options looked at; a request that names more is left with the first of them.
const OPTIONS: usize = 8;

/// An option out of its range, or named twice: ERROR 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

impl Terms {
    /// Without options.
    pub fn plain() -> Self {
        Self { block_size: PLAIN_BLOCK, window: 1, timeout: None, size_asked: false, agreed: Agreed::default() }
    }

    /// Reads the options of a request. `max_block` and `max_window` are our own caps; see also [`Terms::fit`].
    ///
    /// # Errors
    /// [`Refused`] answers ERROR 8.
    pub fn negotiate(options: &[u8], max_block: u16, max_window: u16) -> Result<Self, Refused> {
        let mut terms = Self::plain();
        let mut seen: [bool; 4] = [false; 4];
        let mut rest = options;
        for _ in 0..OPTIONS {
            let Some((name, after)) = text(rest) else { break };
            let Some((value, after)) = text(after) else { break };
            rest = after;
            let known = [b"blksize".as_slice(), b"timeout", b"tsize", b"windowsize"]
                .iter()
                .position(|known| name.eq_ignore_ascii_case(known));
            let Some(known) = known else { continue };
            if let Some(twice) = seen.get_mut(known)
                && std::mem::replace(twice, true)
            {
                return Err(Refused);
            }
            let number = digits(value);
            match (known, number) {
                (0, Some(size)) if BLOCKS.contains(&size) => {
                    terms.block_size = u16::try_from(size).unwrap_or(u16::MAX).min(max_block);
                    terms.agreed.block_size = true;
                }
                (0, Some(_)) => return Err(Refused),
                (1, Some(seconds @ 1..=255)) => terms.timeout = u8::try_from(seconds).ok(),
                // Clients send 0; one that sends what it expects may send more digits than a block size has.
                (2, _) => terms.size_asked = octets(value).is_some(),
                (3, Some(window @ 1..=65_535)) => {
                    terms.window = u16::try_from(window).unwrap_or(u16::MAX).min(max_window);
                    terms.agreed.window = true;
                }
                _ => {}
            }
        }
        Ok(terms)
    }

    /// Makes the blocks fit a way whose largest packet has so many octets.
    pub fn fit(&mut self, mtu: u16) {
        self.block_size = self.block_size.min(mtu.saturating_sub(HEADERS).max(PLAIN_BLOCK));
    }

    /// Whether the way matters: plain blocks fit any.
    pub fn is_large(&self) -> bool {
        self.block_size > PLAIN_BLOCK
    }

    /// The OACK packet, if anything was agreed.
    pub fn oack(&self, size: usize) -> Option<Vec<u8>> {
        let mut packet = vec![0, 6];
        let mut put = |name: &str, value: usize| {
            packet.extend_from_slice(name.as_bytes());
            packet.push(0);
            packet.extend_from_slice(value.to_string().as_bytes());
            packet.push(0);
        };
        if self.agreed.block_size {
            put("blksize", self.block_size.into());
        }
        if let Some(seconds) = self.timeout {
            put("timeout", seconds.into());
        }
        // curl takes a tsize of 0 for a fault and gives up; an option that is left out is only not agreed.
        if self.size_asked && size > 0 {
            put("tsize", size);
        }
        if self.agreed.window {
            put("windowsize", self.window.into());
        }
        (packet.len() > 2).then_some(packet)
    }
}

/// A size in octets; what does not fit is no number.
fn octets(value: &[u8]) -> Option<u64> {
    if value.iter().all(u8::is_ascii_digit) { std::str::from_utf8(value).ok()?.parse().ok() } else { None }
}

/// `^[0-9]{1,5}$`; anything else is no number and its option is ignored.
fn digits(value: &[u8]) -> Option<u32> {
    if (1..=5).contains(&value.len()) && value.iter().all(u8::is_ascii_digit) {
        std::str::from_utf8(value).ok()?.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A31: a block fits a datagram that is not cut up on the way, and is never smaller than without the option.
    #[test]
    fn a31_blocks_fit_the_way() {
        for (asked, mtu, expected) in [
            ("65464", 1_500, 1_468),
            ("1468", 1_500, 1_468),
            ("1428", 1_500, 1_428),
            ("1428", 1_420, 1_388),
            ("65464", u16::MAX, 65_464),
            ("65464", 576, 544),
            ("65464", 68, 512),
            ("8", 68, 8),
        ] {
            let mut terms = Terms::negotiate(format!("blksize\0{asked}\0").as_bytes(), 65_464, 16).unwrap();
            terms.fit(mtu);
            assert_eq!(terms.block_size, expected, "{asked} over {mtu}");
        }
    }
}
