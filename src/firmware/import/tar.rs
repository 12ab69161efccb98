//! tar, as far as a firmware archive may use it: regular files and folders, in the forms v7, ustar, PAX and GNU. Anything
//! that readers of tar are known to disagree on refuses the archive (CVE-2025-62518 and its like).
//!
//! pax(1), "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".

use std::io::{Read, Write};

use super::walk::{Peek, Refusal, Walk};
use crate::firmware::container::{is_tar, octal};

/// Octets of a header, and what content is filled up to.
const BLOCK: u64 = 512;

/// Longest extended header or long name, octets.
const EXTENDED: u64 = 64 << 10;

/// What an extended header says of the entry behind it.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    size: Option<u64>,
}

/// Every entry to the end marks, and nothing but zeros behind them.
pub(super) fn walk<W: Write>(walk: &mut Walk<W>, from: &mut Peek<'_>, depth: u32) -> Result<(), Refusal> {
    let mut extended: Option<Extended> = None;
    loop {
        let block: [u8; 512] = from.exact()?;
        if block.iter().all(|byte| *byte == 0) {
            return if extended.is_some() {
                Err(Refusal::new("an extended header of it has no entry behind it"))
            } else {
                end(walk, from)
            };
        }
        let header = Header::parse(&block)?;
        match (header.kind, extended.take()) {
            (b'x', None) => {
                walk.count(b"extended")?;
                extended = Some(pax(&content(from, header.size)?, false)?);
            }
            (b'g', None) => {
                walk.count(b"extended")?;
                pax(&content(from, header.size)?, true)?;
            }
            (b'L', None) => {
                walk.count(b"extended")?;
                let mut path = content(from, header.size)?;
                path.truncate(path.iter().position(|byte| *byte == 0).unwrap_or(path.len()));
                extended = Some(Extended { path: Some(path), size: None });
            }
            (b'x' | b'g' | b'L', Some(_)) => return Err(Refusal::new("extended headers of it follow on each other")),
            (kind, before) => {
                let Extended { path, size } = before.unwrap_or_default();
                if size.is_some_and(|size| size != header.size) {
                    return Err(Refusal::new("an entry of it states two sizes"));
                }
                let path = path.unwrap_or(header.path);
                match kind {
                    0 | b'0' if path.ends_with(b"/") => folder(walk, &path, header.size)?,
                    0 | b'0' => {
                        let mut file = (&mut *from).take(header.size);
                        walk.entry(&path, &mut file, depth)?;
                        if file.limit() > 0 {
                            return Err(Refusal::new("it is cut short"));
                        }
                        padding(from, header.size)?;
                    }
                    b'5' => folder(walk, &path, header.size)?,
                    kind => return Err(Refusal(kind_of(kind, &path))),
                }
            }
        }
    }
}

fn folder<W: Write>(walk: &mut Walk<W>, path: &[u8], size: u64) -> Result<(), Refusal> {
    if size > 0 {
        return Err(Refusal::new("a folder of it has content"));
    }
    // The folder that everything is in.
    if matches!(path, b"./" | b".") { Ok(()) } else { walk.count(path).map(drop) }
}

fn kind_of(kind: u8, path: &[u8]) -> String {
    let path = String::from_utf8_lossy(path).into_owned();
    let what = match kind {
        b'1' | b'2' | b'K' => "a link",
        b'3' | b'4' => "a device",
        b'6' => "a pipe",
        b'S' => "a file with holes",
        _ => return format!("the entry {path:?} is of a kind ({kind:#04x}) that no firmware archive has"),
    };
    format!("the entry {path:?} is {what}, which no firmware archive has")
}

/// The second end mark, and zeros to the end.
fn end<W: Write>(walk: &mut Walk<W>, from: &mut Peek<'_>) -> Result<(), Refusal> {
    let second: [u8; 512] = from.exact()?;
    let mut zeros = second.iter().all(|byte| *byte == 0);
    let mut buffer = [0; 4_096];
    while zeros {
        let n = from.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        walk.spend(n as u64)?;
        zeros = buffer.iter().take(n).all(|byte| *byte == 0);
    }
    Err(Refusal::new("something stands behind its end"))
}

/// Content that is kept whole, with what it is filled up with.
fn content(from: &mut Peek<'_>, size: u64) -> Result<Vec<u8>, Refusal> {
    if size > EXTENDED {
        return Err(Refusal::new("an extended header of it is longer than any real one"));
    }
    let mut content = Vec::new();
    (&mut *from).take(size).read_to_end(&mut content)?;
    if content.len() as u64 != size {
        return Err(Refusal::new("it is cut short"));
    }
    padding(from, size)?;
    Ok(content)
}

fn padding(from: &mut Peek<'_>, size: u64) -> Result<(), Refusal> {
    let mut left = size.next_multiple_of(BLOCK) - size;
    while left > 0 {
        let [_]: [u8; 1] = from.exact()?;
        left -= 1;
    }
    Ok(())
}

/// The fields of a header that count here.
struct Header {
    path: Vec<u8>,
    size: u64,
    kind: u8,
}

impl Header {
    fn parse(block: &[u8; 512]) -> Result<Self, Refusal> {
        if !is_tar(block) {
            return Err(Refusal::new("the header of an entry is damaged"));
        }
        let field = |from: usize, len: usize| block.get(from..from + len).unwrap_or_default();
        let text = |from: usize, len: usize| {
            let field = field(from, len);
            field.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
        };
        let mut path = text(0, 100);
        if field(257, 6) == b"ustar\0" {
            let prefix = text(345, 155);
            if !prefix.is_empty() {
                path = [&prefix[..], b"/", &path].concat();
            }
        }
        let kind = field(156, 1).first().copied().unwrap_or(0);
        // Sizes in base 256 are for files of 8 GiB and more.
        let size = octal(field(124, 12)).ok_or_else(|| Refusal::new("an entry of it states no size"))?;
        // A field that is empty says nothing; 06000 are setuid and setgid.
        if octal(field(100, 8)).is_some_and(|mode| mode & 0o6000 != 0) {
            let path = String::from_utf8_lossy(&path).into_owned();
            return Err(Refusal(format!("the entry {path:?} would run with another's rights, which no firmware does")));
        }
        Ok(Self { path, size, kind })
    }
}

/// Records `length key=value\n`. Those for all entries may say nothing of name and size.
fn pax(content: &[u8], global: bool) -> Result<Extended, Refusal> {
    let malformed = || Refusal::new("an extended header of it is malformed");
    let (mut rest, mut extended) = (content, Extended::default());
    while !rest.is_empty() {
        let blank = rest.iter().take(8).position(|byte| *byte == b' ').ok_or_else(malformed)?;
        let digits = std::str::from_utf8(rest.get(..blank).unwrap_or_default()).map_err(|_| malformed())?;
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let len: usize = if plain { digits.parse().map_err(|_| malformed())? } else { return Err(malformed()) };
        let record = rest.get(blank + 1..len).ok_or_else(malformed)?;
        let record = record.strip_suffix(b"\n").ok_or_else(malformed)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(malformed)?;
        let (key, value) = (record.get(..equals).unwrap_or_default(), record.get(equals + 1..).unwrap_or_default());
        let twice = || Refusal::new("an extended header of it says one thing twice");
        match key {
            b"path" if !global && extended.path.is_none() => extended.path = Some(value.to_vec()),
            b"size" if !global && extended.size.is_none() => {
                let text = std::str::from_utf8(value).map_err(|_| malformed())?;
                extended.size = Some(text.parse().map_err(|_| malformed())?);
            }
            b"path" | b"size" if !global => return Err(twice()),
            b"path" | b"size" | b"linkpath" => {
                return Err(Refusal::new("an extended header of it renames what it must not"));
            }
            key if key.starts_with(b"GNU.sparse") => return Err(Refusal::new("it holds a file with holes")),
            _ => {}
        }
        rest = rest.get(len..).ok_or_else(malformed)?;
    }
    Ok(extended)
}
