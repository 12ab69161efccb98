//! ZIP, read from its first octet to its last: each entry as its own header has it, then the central directory, which must
//! say the same of the same entries and nothing else. So entries cannot overlap, and no two readers can see two archives.
//!
//! APPNOTE.TXT 6.3, sections 4.3 and 4.4.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use crc32fast::Hasher;
use flate2::bufread::DeflateDecoder;

use super::limits::ENTRIES;
use super::walk::{Counted, Metered, Peek, Refusal, Walk};

/// Flags that change what octets mean: encryption, patches, strong encryption, masked headers.
const STRANGE: u16 = 1 | 1 << 5 | 1 << 6 | 1 << 13;

/// Sizes and checksum stand behind the content.
const BEHIND: u16 = 1 << 3;

/// What an entry's own header and content say, and the central directory has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Facts {
    name: Vec<u8>,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
}

/// Every entry, the central directory, the end record, and nothing behind it.
pub(super) fn walk<W: Write>(walk: &mut Walk<W>, from: &mut Peek<'_>, depth: u32) -> Result<(), Refusal> {
    let start = from.taken;
    let mut entries: BTreeMap<u64, Facts> = BTreeMap::new();
    loop {
        let offset = from.taken - start;
        match &from.exact()? {
            b"PK\x03\x04" => {
                if entries.len() as u64 >= ENTRIES {
                    return Err(Refusal(format!("it has more than {ENTRIES} entries, which no firmware archive has")));
                }
                let facts = entry(walk, from, depth)?;
                entries.insert(offset, facts);
            }
            signature @ (b"PK\x01\x02" | b"PK\x05\x06") => return directory(from, *signature, start, offset, entries),
            _ => return Err(Refusal::new("something that is no entry stands in it")),
        }
    }
}

/// Fields of a header, in their order.
struct Fields<const N: usize>([u8; N], usize);

impl<const N: usize> Fields<N> {
    fn u16(&mut self) -> u16 {
        let at = self.1;
        self.1 += 2;
        let pair = self.0.get(at..at + 2).and_then(|pair| pair.try_into().ok());
        pair.map_or(0, u16::from_le_bytes)
    }

    fn u32(&mut self) -> u32 {
        let low = self.u16();
        u32::from(low) | u32::from(self.u16()) << 16
    }
}

fn entry<W: Write>(walk: &mut Walk<W>, from: &mut Peek<'_>, depth: u32) -> Result<Facts, Refusal> {
    let mut fields = Fields::<26>(from.exact()?, 0);
    let (_version, flags, method) = (fields.u16(), fields.u16(), fields.u16());
    let (_time, _date) = (fields.u16(), fields.u16());
    let (crc, packed, size) = (fields.u32(), fields.u32(), fields.u32());
    let (name_len, extra_len) = (fields.u16(), fields.u16());
    let name = bytes(from, name_len)?;
    let extra = bytes(from, extra_len)?;
    let shown = String::from_utf8_lossy(&name).into_owned();
    if flags & STRANGE != 0 {
        return Err(Refusal(format!("the entry {shown:?} is encrypted or patched")));
    }
    if packed == u32::MAX || size == u32::MAX || is_zip64(&extra) {
        return Err(Refusal(format!("the entry {shown:?} is of the form zip64, which no firmware archive needs")));
    }
    if !matches!(method, 0 | 8) {
        return Err(Refusal(format!(
            "the entry {shown:?} is packed by method {method}; only stored and deflate are read"
        )));
    }
    let behind = flags & BEHIND != 0;
    if behind && method == 0 {
        return Err(Refusal(format!("the entry {shown:?} does not say where it ends")));
    }
    let stated = Facts { name, flags, method, crc, packed: packed.into(), size: size.into() };
    if stated.name.ends_with(b"/") {
        if size > 0 || packed > 2 {
            return Err(Refusal(format!("the folder {shown:?} has content")));
        }
        walk.count(&stated.name)?;
        io::copy(&mut (&mut *from).take(stated.packed), &mut io::sink())?;
        return if behind { described(from, &stated.name, flags, method, crc, stated.packed, 0) } else { Ok(stated) };
    }
    let (crc, packed, size) = content(walk, from, &stated, behind, depth)?;
    if behind {
        return described(from, &stated.name, flags, method, crc, packed, size);
    }
    if stated.packed != packed || stated.size != size {
        return Err(Refusal(format!("the entry {shown:?} is not as long as it says")));
    }
    if stated.crc != crc {
        return Err(Refusal(format!("the content of {shown:?} is damaged: its checksum is another")));
    }
    Ok(stated)
}

/// An entry's content on its way out; returns its checksum, and its octets as packed and as given.
fn content<W: Write>(
    walk: &mut Walk<W>,
    from: &mut Peek<'_>,
    stated: &Facts,
    behind: bool,
    depth: u32,
) -> Result<(u32, u64, u64), Refusal> {
    let taken = Cell::new(0);
    // Behind its content an entry's length stands when nobody can hold it any more to it.
    let most = if behind { u64::MAX } else { stated.packed };
    let packed = Counted::new((&mut *from).take(most), &taken);
    let given: Box<dyn Read + '_> = match stated.method {
        8 => Box::new(Metered::new(DeflateDecoder::new(packed), &taken)),
        _ => Box::new(packed),
    };
    let mut summed = Summed { from: given, crc: Hasher::new(), given: 0, most: (!behind).then_some(stated.size) };
    walk.entry(&stated.name, &mut summed, depth)?;
    let (crc, size) = (summed.crc.finalize(), summed.given);
    drop(summed.from);
    Ok((crc, taken.get(), size))
}

/// The record behind an entry's content says what the content was.
fn described(
    from: &mut Peek<'_>,
    name: &[u8],
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
) -> Result<Facts, Refusal> {
    // With a signature, as all write it, or without.
    if from.peek(4)? == b"PK\x07\x08" {
        let _: [u8; 4] = from.exact()?;
    }
    let mut fields = Fields::<12>(from.exact()?, 0);
    let stated = (fields.u32(), u64::from(fields.u32()), u64::from(fields.u32()));
    if stated != (crc, packed, size) {
        let name = String::from_utf8_lossy(name).into_owned();
        return Err(Refusal(format!("the content of {name:?} is not what the record behind it says")));
    }
    Ok(Facts { name: name.to_vec(), flags, method, crc, packed, size })
}

/// Content with its checksum, cut where it should have ended.
struct Summed<'a> {
    from: Box<dyn Read + 'a>,
    crc: Hasher,
    given: u64,
    most: Option<u64>,
}

impl Read for Summed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(into)?;
        self.given += n as u64;
        if self.most.is_some_and(|most| self.given > most) {
            return Err(io::Error::other(Refusal::new("an entry of it is longer than it says")));
        }
        self.crc.update(into.get(..n).unwrap_or_default());
        Ok(n)
    }
}

fn bytes(from: &mut Peek<'_>, len: u16) -> Result<Vec<u8>, Refusal> {
    let mut bytes = vec![0; len.into()];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Whether an extra field holds a zip64 record.
fn is_zip64(mut extra: &[u8]) -> bool {
    while let [a, b, c, d, rest @ ..] = extra {
        if u16::from_le_bytes([*a, *b]) == 1 {
            return true;
        }
        extra = rest.get(usize::from(u16::from_le_bytes([*c, *d]))..).unwrap_or_default();
    }
    false
}

/// The central directory: the same entries, each once, then the end record.
fn directory(
    from: &mut Peek<'_>,
    mut signature: [u8; 4],
    start: u64,
    offset: u64,
    mut entries: BTreeMap<u64, Facts>,
) -> Result<(), Refusal> {
    let count = entries.len() as u64;
    let other = || Refusal::new("its list of entries says something else than its entries do");
    while signature == *b"PK\x01\x02" {
        let mut fields = Fields::<42>(from.exact()?, 0);
        let made_by = fields.u16();
        let (_version, flags, method) = (fields.u16(), fields.u16(), fields.u16());
        let (_time, _date) = (fields.u16(), fields.u16());
        let (crc, packed, size) = (fields.u32(), fields.u32(), fields.u32());
        let (name_len, extra_len, comment_len) = (fields.u16(), fields.u16(), fields.u16());
        let (disk, _internal, external, at) = (fields.u16(), fields.u16(), fields.u32(), fields.u32());
        let name = bytes(from, name_len)?;
        bytes(from, extra_len)?;
        bytes(from, comment_len)?;
        let listed = Facts { name, flags, method, crc, packed: packed.into(), size: size.into() };
        if disk != 0 || entries.remove(&at.into()) != Some(listed.clone()) {
            return Err(other());
        }
        // Made on Unix: the mode stands in the upper half.
        let mode = if made_by >> 8 == 3 { external >> 16 } else { 0 };
        let regular =
            matches!(mode & 0o170_000, 0 | 0o100_000) || mode & 0o170_000 == 0o040_000 && listed.name.ends_with(b"/");
        if !regular || mode & 0o6000 != 0 {
            let name = String::from_utf8_lossy(&listed.name).into_owned();
            return Err(Refusal(format!(
                "the entry {name:?} is a link, a device or the like, which no firmware archive has"
            )));
        }
        signature = from.exact()?;
    }
    if signature != *b"PK\x05\x06" {
        return Err(Refusal::new("its list of entries does not end as that of an archive without zip64 does"));
    }
    let end = from.taken - 4 - start;
    let mut fields = Fields::<18>(from.exact()?, 0);
    let (disk, first, here, all) = (fields.u16(), fields.u16(), fields.u16(), fields.u16());
    let (size, at, comment_len) = (fields.u32(), fields.u32(), fields.u16());
    let comment = bytes(from, comment_len)?;
    let stated = (u64::from(here), u64::from(all), u64::from(size), u64::from(at));
    if !entries.is_empty() || (disk, first) != (0, 0) || stated != (count, count, end - offset, offset) {
        return Err(other());
    }
    if comment.windows(4).any(|window| window == b"PK\x05\x06") {
        return Err(Refusal::new("it ends twice"));
    }
    from.nothing_more()
}
