//! What the unpacking process says to the daemon: a tag, a length, that many octets. The reader trusts none of it.

use std::io::{self, Read, Write};

/// Longest content of a frame, octets.
pub const LONGEST: usize = 64 << 10;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A file begins; its base name.
    Begin(String),
    /// The next octets of that file.
    Data(Vec<u8>),
    /// The file has ended.
    End,
    /// An entry that is no firmware, and stays outside.
    Ignored(String),
    /// Something to tell the administrator, a sentence.
    Note(String),
    /// The archive is refused as a whole, and why.
    Refused(String),
    /// All was well.
    Done,
}

impl Frame {
    fn parts(&self) -> (u8, &[u8]) {
        match self {
            Self::Begin(name) => (b'B', name.as_bytes()),
            Self::Data(bytes) => (b'D', bytes),
            Self::End => (b'E', &[]),
            Self::Ignored(name) => (b'I', name.as_bytes()),
            Self::Note(text) => (b'N', text.as_bytes()),
            Self::Refused(why) => (b'R', why.as_bytes()),
            Self::Done => (b'Z', &[]),
        }
    }

    /// Writes it; text is cut to what a frame may hold.
    ///
    /// # Errors
    /// What the pipe says.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let (tag, content) = self.parts();
        let content = content.get(..LONGEST).unwrap_or(content);
        let len = u32::try_from(content.len()).unwrap_or(0).to_be_bytes();
        out.write_all(&[tag])?;
        out.write_all(&len)?;
        out.write_all(content)
    }

    /// The next frame; `None` where the pipe ends between two.
    ///
    /// # Errors
    /// What the pipe says, or `InvalidData` where this is no frame.
    pub fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut head = [0; 5];
        match from.read(&mut head[..1])? {
            0 => return Ok(None),
            _ => from.read_exact(&mut head[1..])?,
        }
        let [tag, a, b, c, d] = head;
        let len = u32::from_be_bytes([a, b, c, d]) as usize;
        if len > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut content = vec![0; len];
        from.read_exact(&mut content)?;
        let text = |content: Vec<u8>| String::from_utf8_lossy(&content).into_owned();
        Ok(Some(match tag {
            b'B' => Self::Begin(text(content)),
            b'D' => Self::Data(content),
            b'E' => Self::End,
            b'I' => Self::Ignored(text(content)),
            b'N' => Self::Note(text(content)),
            b'R' => Self::Refused(text(content)),
            b'Z' => Self::Done,
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back() {
        let frames = [
            Frame::Begin("a.sbn".to_owned()),
            Frame::Data(vec![1; LONGEST]),
            Frame::End,
            Frame::Ignored("index.php".to_owned()),
            Frame::Note("n".to_owned()),
            Frame::Refused("w".to_owned()),
            Frame::Done,
        ];
        let mut pipe = Vec::new();
        frames.iter().for_each(|frame| frame.write(&mut pipe).unwrap());
        let mut from = pipe.as_slice();
        let read: Vec<Frame> = std::iter::from_fn(|| Frame::read(&mut from).unwrap()).collect();
        assert_eq!(read, frames);
    }

    #[test]
    fn what_is_no_frame_is_an_error() {
        for bytes in [&b"B"[..], b"B\0\0\0\x05a", b"D\xff\xff\xff\xff", b"?\0\0\0\0"] {
            assert!(Frame::read(&mut &bytes[..]).is_err(), "{bytes:?}");
        }
    }
}
