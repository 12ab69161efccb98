//! TFTP packets: bytes in, a checked view out, and back (RFC 1350 section 5, RFC 2347).
//!
//! Parsing borrows and never allocates; bytes that are no packet are an error, never a panic.

/// Largest request that is looked at; phones send fewer than 100 bytes.
pub const REQUEST_LIMIT: usize = 1_024;

/// Error codes of RFC 1350 section 5 and RFC 2347.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// 1, also for what is forbidden: the bytes are the same.
    NotFound,
    /// 2, for write requests.
    AccessViolation,
    /// 4
    IllegalOperation,
    /// 5, for packets of no transfer.
    UnknownTid,
    /// 8
    OptionRefused,
}

impl ErrorCode {
    /// The whole ERROR packet. Texts are fixed and never echo what was asked.
    pub fn packet(self) -> &'static [u8] {
        match self {
            Self::NotFound => b"\x00\x05\x00\x01File not found\x00",
            Self::AccessViolation => b"\x00\x05\x00\x02Access violation\x00",
            Self::IllegalOperation => b"\x00\x05\x00\x04Illegal operation\x00",
            Self::UnknownTid => b"\x00\x05\x00\x05Unknown transfer\x00",
            Self::OptionRefused => b"\x00\x05\x00\x08Option refused\x00",
        }
    }
}

/// A packet that a phone sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// RRQ.
    Read(Request<'a>),
    /// WRQ; its contents do not matter, it is always refused.
    Write,
    /// ACK of that block.
    Ack(u16),
    /// ERROR with that code and text; a text without end is as long as it is.
    Error(u16, &'a [u8]),
}

/// A read request, checked for its shape only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The name's bytes, without the NUL.
    pub name: &'a [u8],
    /// The transfer mode's bytes.
    pub mode: &'a [u8],
    /// What follows: option names and values, each ended by NUL.
    pub options: &'a [u8],
}

/// Bytes that are no packet of a phone. Nothing is answered to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPacket;

impl<'a> Packet<'a> {
    /// Reads a datagram.
    ///
    /// # Errors
    /// It is too short, its opcode is none that a phone sends, or a NUL is missing.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, NotAPacket> {
        let [high, low, rest @ ..] = bytes else { return Err(NotAPacket) };
        let number = |rest: &[u8]| match rest {
            [high, low, ..] => Ok(u16::from_be_bytes([*high, *low])),
            _ => Err(NotAPacket),
        };
        match u16::from_be_bytes([*high, *low]) {
            1 if bytes.len() <= REQUEST_LIMIT => {
                let (name, rest) = text(rest).ok_or(NotAPacket)?;
                let (mode, options) = text(rest).ok_or(NotAPacket)?;
                Ok(Self::Read(Request { name, mode, options }))
            }
            2 => Ok(Self::Write),
            4 => number(rest).map(Self::Ack),
            5 => {
                let said = rest.get(2..).unwrap_or_default();
                Ok(Self::Error(number(rest)?, text(said).map_or(said, |(said, _)| said)))
            }
            _ => Err(NotAPacket),
        }
    }
}

/// Splits at the first NUL.
pub(super) fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

/// Writes a DATA packet into `out`, which is cleared first; its capacity is reused.
pub fn data(out: &mut Vec<u8>, block: u16, payload: &[u8]) {
    out.clear();
    out.extend_from_slice(&[0, 3]);
    out.extend_from_slice(&block.to_be_bytes());
    out.extend_from_slice(payload);
}
