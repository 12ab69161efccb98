//! Takes an archive apart, one pass from its first octet to its last, and says what is in it as frames. It opens nothing,
//! seeks nothing and makes no path: an entry is a base name and octets. Archives in archives are streams in streams.
//!
//! Whatever is not as a sound archive has it refuses the whole: what comes out is only believed once the last frame says so.

use std::cell::Cell;
use std::io::{self, BufRead, Read, Write};

use flate2::bufread::GzDecoder;

use super::frames::{Frame, LONGEST};
use super::limits::{DEPTH, ENTRIES, IGNORED, NAME, OUT, RATIO, RATIO_FROM};
use super::{tar, zip};
use crate::firmware::container::{HEAD, Head, head, is_load_file};

/// Why an archive is refused as a whole, a sentence's end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

impl Refusal {
    /// A refusal by its words.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl From<io::Error> for Refusal {
    /// A limit speaks for itself; anything else a decoder says is damage.
    fn from(why: io::Error) -> Self {
        if why.get_ref().and_then(|inner| inner.downcast_ref::<Self>()).is_some() {
            return Self(why.to_string());
        }
        match why.kind() {
            io::ErrorKind::UnexpectedEof => Self::new("it is cut short"),
            _ => Self(format!("it is damaged: {why}")),
        }
    }
}

/// A stream that can be looked into ahead, and counts what was taken.
pub(super) struct Peek<'a> {
    from: &'a mut dyn Read,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Octets taken so far.
    pub(super) taken: u64,
}

impl<'a> Peek<'a> {
    pub(super) fn new(from: &'a mut dyn Read) -> Self {
        Self { from, buffer: vec![0; 16 * HEAD], start: 0, end: 0, taken: 0 }
    }

    /// The next octets without taking them: `most`, or fewer at the end of the stream.
    pub(super) fn peek(&mut self, most: usize) -> io::Result<&[u8]> {
        if self.start + most > self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        while self.end - self.start < most {
            match self.from.read(self.buffer.get_mut(self.end..).unwrap_or_default()) {
                Ok(0) => break,
                Ok(n) => self.end += n,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => return Err(why),
            }
        }
        let end = self.end.min(self.start + most);
        Ok(self.buffer.get(self.start..end).unwrap_or_default())
    }

    /// So many octets, or the archive is cut short.
    pub(super) fn exact<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut octets = [0; N];
        self.read_exact(&mut octets)?;
        Ok(octets)
    }

    /// Refuses what stands behind the end.
    pub(super) fn nothing_more(&mut self) -> Result<(), Refusal> {
        if self.peek(1)?.is_empty() { Ok(()) } else { Err(Refusal::new("something stands behind its end")) }
    }
}

impl Read for Peek<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(into)?;
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Peek<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.start = 0;
            self.end = self.from.read(&mut self.buffer)?;
        }
        Ok(self.buffer.get(self.start..self.end).unwrap_or_default())
    }

    fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.end);
        self.taken += n as u64;
    }
}

/// A stream whose octets are counted as a decoder takes them.
pub(super) struct Counted<'a, R> {
    from: R,
    taken: &'a Cell<u64>,
}

impl<'a, R: BufRead> Counted<'a, R> {
    pub(super) fn new(from: R, taken: &'a Cell<u64>) -> Self {
        Self { from, taken }
    }
}

impl<R: BufRead> Read for Counted<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(into)?;
        self.taken.set(self.taken.get() + n as u64);
        Ok(n)
    }
}

impl<R: BufRead> BufRead for Counted<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.from.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        self.taken.set(self.taken.get() + n as u64);
        self.from.consume(n);
    }
}

/// What a decoder gives, as long as it is in proportion to what it takes.
pub(super) struct Metered<'a, D> {
    decoder: D,
    taken: &'a Cell<u64>,
    given: u64,
}

impl<'a, D: Read> Metered<'a, D> {
    pub(super) fn new(decoder: D, taken: &'a Cell<u64>) -> Self {
        Self { decoder, taken, given: 0 }
    }
}

impl<D: Read> Read for Metered<'_, D> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.decoder.read(into)?;
        self.given += n as u64;
        if self.given > RATIO_FROM && self.given / RATIO > self.taken.get() {
            let why = format!("more than {RATIO} octets come out for each one of it, as from a bomb");
            return Err(io::Error::other(Refusal(why)));
        }
        Ok(n)
    }
}

/// The way through an archive and those in it.
pub struct Walk<W> {
    out: W,
    entries: u64,
    given: u64,
    ignored: usize,
}

impl<W: Write> Walk<W> {
    /// Says what it finds here.
    pub fn new(out: W) -> Self {
        Self { out, entries: 0, given: 0, ignored: 0 }
    }

    /// Takes a file of this name apart, whatever it is, and says the last word on it.
    ///
    /// # Errors
    /// Nobody hears it any more.
    pub fn run(&mut self, name: &str, from: &mut dyn Read) -> io::Result<()> {
        let last = match self.open(name, from, 1) {
            Ok(()) => Frame::Done,
            Err(why) => Frame::Refused(why.0),
        };
        last.write(&mut self.out)?;
        self.out.flush()
    }

    fn say(&mut self, frame: &Frame) -> Result<(), Refusal> {
        Ok(frame.write(&mut self.out)?)
    }

    /// A file that may be an archive; `depth` counts it.
    fn open(&mut self, name: &str, from: &mut dyn Read, depth: u32) -> Result<(), Refusal> {
        let mut from = Peek::new(from);
        let kind = head(from.peek(HEAD)?);
        let archive = matches!(kind, Head::Zip | Head::Tar | Head::Gzip | Head::SignedGzip { .. });
        if archive && depth > DEPTH {
            return Err(Refusal(format!("archives stand in archives more than {DEPTH} deep, down to {name:?}")));
        }
        match kind {
            Head::Zip => zip::walk(self, &mut from, depth),
            Head::Tar => tar::walk(self, &mut from, depth),
            Head::Gzip => self.gunzip(name, &mut from, depth),
            Head::SignedGzip { header_len } => {
                self.say(&Frame::Note(format!(
                    "the signature of {name} is not checked, because the vendor's key is not public: its files are judged by what they are"
                )))?;
                io::copy(&mut (&mut from).take(header_len as u64), &mut io::sink())?;
                self.gunzip(name, &mut from, depth)
            }
            _ if depth == 1 && is_load_file(name) => self.emit(name, &mut from).map(drop),
            Head::BadHeader(why) => Err(Refusal::new(why)),
            kind => Err(Refusal(format!("{}{} is not an archive that offhook reads", of(name, depth), what(&kind)))),
        }
    }

    /// A gzip stream: a tar in it counts as one archive with it.
    fn gunzip(&mut self, name: &str, from: &mut Peek<'_>, depth: u32) -> Result<(), Refusal> {
        let taken = Cell::new(0);
        let decoder = GzDecoder::new(Counted::new(&mut *from, &taken));
        let mut given = Metered::new(decoder, &taken);
        let mut inner = Peek::new(&mut given);
        if head(inner.peek(HEAD)?) == Head::Tar {
            tar::walk(self, &mut inner, depth)?;
        } else {
            let name = name.strip_suffix(".gz").unwrap_or(name);
            self.open(name, &mut inner, depth + 1)?;
        }
        // The checksum stands behind the last octet.
        inner.nothing_more()?;
        from.nothing_more()
    }

    /// One regular file of an archive at this depth; its whole content is taken.
    pub(super) fn entry(&mut self, path: &[u8], from: &mut dyn Read, depth: u32) -> Result<(), Refusal> {
        let name = self.count(path)?;
        if is_archive(name) {
            self.open(name, from, depth + 1)
        } else if is_load_file(name) {
            self.emit(name, from).map(drop)
        } else {
            self.ignored += 1;
            if self.ignored <= IGNORED {
                self.say(&Frame::Ignored(name.to_owned()))?;
            }
            self.pass(from, |_, _| Ok(()))
        }
    }

    /// Counts an entry; returns its base name.
    pub(super) fn count<'a>(&mut self, path: &'a [u8]) -> Result<&'a str, Refusal> {
        self.entries += 1;
        if self.entries > ENTRIES {
            return Err(Refusal(format!("it has more than {ENTRIES} entries, which no firmware archive has")));
        }
        base_name(path)
    }

    fn emit(&mut self, name: &str, from: &mut dyn Read) -> Result<(), Refusal> {
        self.say(&Frame::Begin(name.to_owned()))?;
        self.pass(from, |walk, octets| walk.say(&Frame::Data(octets.to_vec())))?;
        self.say(&Frame::End)
    }

    /// Every octet of a stream, as far as there may be that many in all.
    fn pass(
        &mut self,
        from: &mut dyn Read,
        mut each: impl FnMut(&mut Self, &[u8]) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let mut buffer = vec![0; LONGEST];
        loop {
            let n = match from.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => n,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
                Err(why) => return Err(why.into()),
            };
            self.spend(n as u64)?;
            each(self, buffer.get(..n).unwrap_or_default())?;
        }
    }

    /// Octets that came out.
    pub(super) fn spend(&mut self, octets: u64) -> Result<(), Refusal> {
        self.given += octets;
        if self.given > OUT {
            return Err(Refusal(format!("more than {} MiB come out of it", OUT >> 20)));
        }
        Ok(())
    }
}

fn of(name: &str, depth: u32) -> String {
    if depth == 1 { String::new() } else { format!("{name:?} in it: ") }
}

fn what(kind: &Head) -> String {
    match kind {
        Head::Empty => "it is empty and".to_owned(),
        Head::Zeros => "it holds nothing but zeros, as a download that was given up does, and".to_owned(),
        Head::Html => "it is a web page, as is saved when a login has run out, and".to_owned(),
        Head::Foreign(suffix) => format!("it is of the kind .{suffix} and"),
        _ => "it".to_owned(),
    }
}

/// Whether an entry's name says that it is an archive. Others are not looked into: a phone's locale is a ZIP file, too.
fn is_archive(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".zip", ".tar", ".tar.gz", ".tgz", ".cop", ".cop.sgn", ".cop.sha512", ".gz"].iter().any(|end| name.ends_with(end))
}

/// The last part of an entry's path.
///
/// # Errors
/// A path that leads out of where it would be unpacked, or is none: whoever made it meant harm.
pub(super) fn base_name(path: &[u8]) -> Result<&str, Refusal> {
    if path.len() > NAME {
        return Err(Refusal(format!("an entry's name is longer than {NAME} octets")));
    }
    let shown = || String::from_utf8_lossy(path).into_owned();
    let text =
        std::str::from_utf8(path).map_err(|_| Refusal(format!("the name of the entry {:?} is not UTF-8", shown())))?;
    let outside = text.starts_with('/')
        || text.contains('\\')
        || text.get(1..2) == Some(":")
        || text.split('/').any(|part| part == "..")
        || text.chars().any(char::is_control);
    if outside {
        return Err(Refusal(format!("the entry {:?} names a place outside of it", shown())));
    }
    let name = text.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if name.is_empty() { Err(Refusal::new("an entry has no name")) } else { Ok(name) }
}
