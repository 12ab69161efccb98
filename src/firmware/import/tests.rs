//! Table Z of the bad-input catalogue, as far as it is of one archive: every row by its id. What the store makes of it is
//! tested there.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use proptest::prelude::*;

use super::frames::Frame;
use super::limits;
use super::walk::Walk;

/// What comes of an archive: names of the files in it, names left out, and why it was refused, if it was.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    files: Vec<(String, Vec<u8>)>,
    ignored: Vec<String>,
    notes: Vec<String>,
    refused: Option<String>,
}

fn see(name: &str, archive: &[u8]) -> Seen {
    see_from(name, &mut &archive[..])
}

fn see_from(name: &str, archive: &mut dyn std::io::Read) -> Seen {
    let mut pipe = Vec::new();
    Walk::new(&mut pipe).run(name, archive).unwrap();
    let (mut seen, mut pipe, mut last) = (Seen::default(), pipe.as_slice(), None);
    while let Some(frame) = Frame::read(&mut pipe).unwrap() {
        assert!(last.is_none(), "something follows the last word");
        match frame {
            Frame::Begin(name) => seen.files.push((name, Vec::new())),
            Frame::Data(data) => seen.files.last_mut().unwrap().1.extend(data),
            Frame::End => {}
            Frame::Ignored(name) => seen.ignored.push(name),
            Frame::Note(note) => seen.notes.push(note),
            Frame::Refused(why) => last = Some(Some(why)),
            Frame::Done => last = Some(None),
        }
    }
    seen.refused = last.expect("a last word");
    seen
}

/// The archive is refused with these words.
fn assert_refused(case: &str, name: &str, archive: &[u8], words: &str) {
    let why = see(name, archive).refused.unwrap_or_else(|| panic!("{case} is taken"));
    assert!(why.contains(words), "{case}: {why}");
}

const GOOD: &str = "jar45sip.9-4-2ES26.sbn";

/// Octets that hardly shrink.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(len)
    .collect()
}

/// One tar entry with its content and what fills it up; the header can be changed before its checksum is made.
fn entry_with(name: &str, kind: u8, content: &[u8], change: impl FnOnce(&mut [u8; 512])) -> Vec<u8> {
    let mut header = [0_u8; 512];
    header[..name.len().min(100)].copy_from_slice(&name.as_bytes()[..name.len().min(100)]);
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar\x0000");
    change(&mut header);
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut entry = [&header[..], content].concat();
    entry.resize(entry.len().next_multiple_of(512), 0);
    entry
}

fn entry(name: &str, content: &[u8]) -> Vec<u8> {
    entry_with(name, b'0', content, |_| ())
}

fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), vec![0; 1_024]].concat()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// The facts of one ZIP entry, twice where the two headers are to differ.
#[derive(Clone)]
struct Zipped {
    name: Vec<u8>,
    flags: u16,
    method: u16,
    crc: u32,
    size: u32,
    packed: Vec<u8>,
    packed_len: u32,
    extra: Vec<u8>,
    mode: u32,
}

fn zipped(name: &str, content: &[u8]) -> Zipped {
    let packed = deflate(content);
    Zipped {
        name: name.as_bytes().to_vec(),
        flags: 0,
        method: 8,
        crc: crc32fast::hash(content),
        size: u32::try_from(content.len()).unwrap(),
        packed_len: u32::try_from(packed.len()).unwrap(),
        packed,
        extra: Vec::new(),
        mode: 0o100_644,
    }
}

impl Zipped {
    fn facts(&self) -> Vec<u8> {
        let mut facts = Vec::new();
        for field in [self.flags, self.method, 0, 0] {
            facts.extend(field.to_le_bytes());
        }
        let behind = self.flags & 8 != 0;
        for field in [self.crc, self.packed_len, self.size] {
            facts.extend(if behind { 0 } else { field }.to_le_bytes());
        }
        facts.extend(u16::try_from(self.name.len()).unwrap().to_le_bytes());
        facts.extend(u16::try_from(self.extra.len()).unwrap().to_le_bytes());
        facts
    }

    fn local(&self) -> Vec<u8> {
        let mut local = [b"PK\x03\x04\x14\0", &self.facts()[..], &self.name, &self.extra, &self.packed].concat();
        if self.flags & 8 != 0 {
            local.extend(b"PK\x07\x08");
            for field in [self.crc, self.packed_len, self.size] {
                local.extend(field.to_le_bytes());
            }
        }
        local
    }

    fn central(&self, offset: usize) -> Vec<u8> {
        let stated = Self { flags: self.flags & !8, ..self.clone() };
        let mut facts = stated.facts();
        facts[..2].copy_from_slice(&self.flags.to_le_bytes());
        let mut central = [b"PK\x01\x02\x14\x03\x14\0", &facts[..]].concat();
        central.extend([0; 6]);
        central.extend((self.mode << 16).to_le_bytes());
        central.extend(u32::try_from(offset).unwrap().to_le_bytes());
        central.extend(&self.name);
        central.extend(&self.extra);
        central
    }
}

/// A ZIP whose own headers and whose list may say different things.
fn zip_of(locals: &[Zipped], listed: &[(Zipped, usize)], comment: &[u8]) -> Vec<u8> {
    let mut zip: Vec<u8> = locals.iter().flat_map(Zipped::local).collect();
    let at = zip.len();
    for (entry, offset) in listed {
        zip.extend(entry.central(*offset));
    }
    let len = zip.len() - at;
    zip.extend(b"PK\x05\x06\0\0\0\0");
    for _ in 0..2 {
        zip.extend(u16::try_from(listed.len()).unwrap().to_le_bytes());
    }
    zip.extend(u32::try_from(len).unwrap().to_le_bytes());
    zip.extend(u32::try_from(at).unwrap().to_le_bytes());
    zip.extend(u16::try_from(comment.len()).unwrap().to_le_bytes());
    zip.extend(comment);
    zip
}

fn zip(entries: &[Zipped]) -> Vec<u8> {
    let mut offset = 0;
    let listed: Vec<_> = entries
        .iter()
        .map(|entry| {
            let at = offset;
            offset += entry.local().len();
            (entry.clone(), at)
        })
        .collect();
    zip_of(entries, &listed, b"")
}

/// A signed header as `.cop.sgn` has it, before these octets.
fn signed(name: &str, rest: &[u8]) -> Vec<u8> {
    let mut body = vec![0x0C, 1, 0];
    body.extend([0x55; 256]);
    body.push(0x0E);
    body.extend(u16::try_from(name.len() + 1).unwrap().to_be_bytes());
    body.extend(name.as_bytes());
    body.push(0);
    let len = (10 + body.len()).next_multiple_of(4);
    let mut file = vec![1, 0, 2, 1, 1, 2, 0, 2];
    file.extend(u16::try_from(len).unwrap().to_be_bytes());
    file.extend(body);
    file.resize(len, 0x0D);
    [&file[..], rest].concat()
}

#[test]
fn every_row_of_table_z_has_its_test() {
    let sources = [
        include_str!("tests.rs"),
        include_str!("../store/tests.rs"),
        include_str!("../manifest.rs"),
        include_str!("../set.rs"),
        include_str!("../container.rs"),
    ];
    let names = sources.iter().flat_map(|source| source.split("\nfn ").chain(source.split("    fn ")).skip(1));
    let parts: Vec<&str> = names.filter_map(|rest| rest.split('(').next()).flat_map(|name| name.split('_')).collect();
    for row in 1..=20 {
        assert!(parts.contains(&format!("z{row}").as_str()), "Z{row} has no test");
    }
}

#[test]
fn every_form_gives_the_same_files() {
    let files = [(GOOD, noise(70_000)), ("SIP45.9-4-2SR3-1S.loads", b"text".to_vec()), ("sub/x.txt", b"x".to_vec())];
    let plain = tar(&files.iter().map(|(name, content)| entry(name, content)).collect::<Vec<_>>());
    let zips: Vec<Zipped> = files.iter().map(|(name, content)| zipped(name, content)).collect();
    let mut stored = zips.clone();
    for (entry, (_, content)) in stored.iter_mut().zip(&files) {
        (entry.method, entry.packed, entry.packed_len) = (0, content.clone(), u32::try_from(content.len()).unwrap());
    }
    let behind: Vec<Zipped> = zips.iter().map(|entry| Zipped { flags: 8, ..entry.clone() }).collect();
    let cop = gzip(&plain);
    let package = signed("cmterm.cop.sgn", &cop);
    let nested = tar(&[entry("usr/local/cm/tftp/inner.tar", &plain)]);
    for (case, archive) in [
        ("a.tar", plain.clone()),
        ("a.tgz", cop.clone()),
        ("a.cop", cop.clone()),
        ("a.cop.sgn", package.clone()),
        ("a.zip", zip(&zips)),
        ("stored.zip", zip(&stored)),
        ("behind.zip", zip(&behind)),
        ("nested.cop.sgn", signed("nested.cop.sgn", &gzip(&nested))),
        ("tar in gzip in zip", zip(&[zipped("a.tar.gz", &cop)])),
        ("cop.sgn in zip", zip(&[zipped("deep/a.cop.sgn", &package)])),
    ] {
        let seen = see(case, &archive);
        assert_eq!(seen.refused, None, "{case}");
        let expected: Vec<_> = files[..2].iter().map(|(name, content)| ((*name).to_owned(), content.clone())).collect();
        assert_eq!(seen.files, expected, "{case}");
        assert_eq!(seen.ignored, ["x.txt"], "{case}");
    }
    let single = see(GOOD, &signed(GOOD, b"payload"));
    assert_eq!((single.files.len(), single.refused), (1, None));
}

#[test]
fn z1_paths_that_lead_outside() {
    for path in ["../../etc/cron.d/x.sbn", "/abs.sbn", "C:\\x.sbn", "C:x.sbn", "a\\..\\b.sbn", "a/../b.sbn", ".."] {
        assert_refused(path, "a.tar", &tar(&[entry(path, b"x")]), "outside");
        assert_refused(path, "a.zip", &zip(&[zipped(path, b"x")]), "outside");
    }
    for path in [GOOD, "./a.sbn", "P0S3-8-12-00/a.sbn"] {
        assert_eq!(see("a.tar", &tar(&[entry(path, b"x")])).refused, None, "{path}");
    }
}

#[test]
fn z2_links() {
    for (kind, case) in [(b'1', "hard link"), (b'2', "symbolic link")] {
        let link = entry_with(GOOD, kind, b"", |header| header[157..168].copy_from_slice(b"/etc/passwd"));
        assert_refused(case, "a.tar", &tar(&[link, entry(&format!("{GOOD}/x.sbn"), b"x")]), "a link");
    }
    let link = Zipped { mode: 0o120_777, ..zipped(GOOD, b"/etc") };
    assert_refused("zip", "a.zip", &zip(&[link, zipped(&format!("{GOOD}/x"), b"x")]), "a link");
}

#[test]
fn z3_devices_pipes_setuid() {
    for (kind, words) in
        [(b'3', "a device"), (b'4', "a device"), (b'6', "a pipe"), (b'7', "of a kind"), (b'D', "of a kind")]
    {
        assert_refused(words, "a.tar", &tar(&[entry_with(GOOD, kind, b"", |_| ())]), words);
    }
    let setuid = entry_with(GOOD, b'0', b"x", |header| header[100..108].copy_from_slice(b"0004755\0"));
    assert_refused("setuid", "a.tar", &tar(&[setuid]), "another's rights");
    for mode in [0o020_644, 0o010_644, 0o140_644, 0o104_755] {
        assert_refused("zip", "a.zip", &zip(&[Zipped { mode, ..zipped(GOOD, b"x") }]), "no firmware archive has");
    }
}

fn pax(records: &str) -> Vec<u8> {
    entry_with("pax", b'x', records.as_bytes(), |_| ())
}

fn record(key: &str, value: &str) -> String {
    let rest = format!(" {key}={value}\n");
    let len = (1..9).map(|digits| rest.len() + digits).find(|len| len.to_string().len() + rest.len() == *len);
    format!("{}{rest}", len.unwrap())
}

#[test]
fn z4_what_readers_of_tar_disagree_on() {
    let good = || entry("short.sbn", b"content");
    let sound =
        see("a.tar", &tar(&[pax(&(record("path", GOOD) + &record("size", "7") + &record("mtime", "1.5"))), good()]));
    assert_eq!((sound.refused, sound.files[0].0.as_str()), (None, GOOD));
    for (case, records, words) in [
        ("another size", record("size", "4096"), "two sizes"),
        ("size 0", record("size", "0"), "two sizes"),
        ("no number", record("size", "x"), "malformed"),
        ("two sizes", record("size", "7") + &record("size", "7"), "twice"),
        ("a link", record("linkpath", "/etc"), "renames"),
        ("holes", record("GNU.sparse.major", "1"), "holes"),
        ("no length", " path=x\n".to_owned(), "malformed"),
        ("too long", "99 path=x\n".to_owned(), "malformed"),
        ("no line end", "8 path=xx".to_owned(), "malformed"),
        ("no equals", "7 path\n".to_owned(), "malformed"),
        ("a sign", "+9 path=x\n".to_owned(), "malformed"),
    ] {
        assert_refused(case, "a.tar", &tar(&[pax(&records), good()]), words);
    }
    let global = entry_with("pax", b'g', record("size", "4096").as_bytes(), |_| ());
    assert_refused("global size", "a.tar", &tar(&[global, good()]), "renames");
    let long = |name: &str| entry_with("././@LongLink", b'L', format!("{name}\0").as_bytes(), |_| ());
    assert_eq!(see("a.tar", &tar(&[long(GOOD), good()])).files[0].0, GOOD);
    assert_refused("a chain", "a.tar", &tar(&[long(GOOD), long(GOOD), good()]), "follow on each other");
    assert_refused("both", "a.tar", &tar(&[long(GOOD), pax(&record("size", "7")), good()]), "follow on each other");
    assert_refused("at the end", "a.tar", &tar(&[long(GOOD)]), "no entry behind");
    assert_refused("a long link", "a.tar", &tar(&[entry_with("x", b'K', b"x", |_| ()), good()]), "a link");
    assert_refused("sparse", "a.tar", &tar(&[entry_with(GOOD, b'S', b"x", |_| ())]), "holes");
    let binary = entry_with(GOOD, b'0', b"", |header| {
        header[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0])
    });
    assert_refused("a size in base 256", "a.tar", &tar(&[good(), binary]), "no size");
}

/// A stream of zeros that takes no memory.
fn zeros(octets: u64) -> impl std::io::Read {
    std::io::repeat(0).take(octets)
}

#[test]
fn z5_bombs() {
    assert_refused("zeros in gzip", "a.tgz", &gzip(&vec![0; 20 << 20]), "zeros");
    assert_refused("zeros in a tar", "a.tgz", &gzip(&tar(&[entry("a.sbn", &vec![0; 200 << 20])])), "bomb");
    assert_refused("zeros in zip", "a.zip", &zip(&[zipped("a.sbn", &vec![0; 20 << 20])]), "bomb");
    assert_refused("zeros left out", "a.zip", &zip(&[zipped("a.txt", &vec![0; 20 << 20])]), "bomb");
    let mut nested = zip(&[zipped("a.sbn", b"x")]);
    for depth in 1..6 {
        nested = zip(&[zipped(&format!("{depth}.zip"), &nested)]);
    }
    assert_refused("nested", "a.zip", &nested, "deep");
    // Ten gigabytes of zeros as they are: a header without end.
    let flat = entry_with("a.sbn", b'0', b"", |header| header[124..136].copy_from_slice(b"77777777777\0"));
    let mut flat = flat.as_slice().chain(zeros(10 << 30));
    let why = see_out(&mut flat);
    assert!(why.contains("come out of it"), "{why}");
    // Overlapping entries: the list names one entry twice, at one place.
    let one = zipped("a.sbn", b"x");
    let two = Zipped { name: b"b.sbn".to_vec(), ..one.clone() };
    assert_refused(
        "overlap",
        "a.zip",
        &zip_of(std::slice::from_ref(&one), &[(one.clone(), 0), (two, 0)], b""),
        "something else",
    );
}

/// The last word on something too large to keep.
fn see_out(archive: &mut dyn std::io::Read) -> String {
    struct Tail(Vec<u8>);
    impl std::io::Write for Tail {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.extend_from_slice(octets);
            let from = self.0.len().saturating_sub(512);
            self.0.drain(..from);
            Ok(octets.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut tail = Tail(Vec::new());
    Walk::new(&mut tail).run("a.tar", archive).unwrap();
    String::from_utf8_lossy(&tail.0).into_owned()
}

#[test]
fn z6_an_entry_ends_where_it_says() {
    let mut lies = zipped("a.sbn", &noise(5_000));
    lies.size = 1_000;
    assert_refused("deflate", "a.zip", &zip(&[lies]), "longer than it says");
    let mut short = zipped("a.sbn", &noise(5_000));
    short.size = 6_000;
    assert_refused("shorter", "a.zip", &zip(&[short]), "not as long");
}

#[test]
fn z7_zips_that_two_readers_see_differently() {
    let good = zipped(GOOD, b"content");
    let other = |change: &dyn Fn(&mut Zipped)| {
        let mut other = good.clone();
        change(&mut other);
        zip_of(std::slice::from_ref(&good), &[(other, 0)], b"")
    };
    for (case, archive) in [
        ("name", other(&|entry| entry.name = b"other.sbn".to_vec())),
        ("size", other(&|entry| entry.size = 8)),
        ("packed", other(&|entry| entry.packed_len -= 1)),
        ("crc", other(&|entry| entry.crc ^= 1)),
        ("method", other(&|entry| entry.method = 0)),
        ("place", zip_of(std::slice::from_ref(&good), &[(good.clone(), 1)], b"")),
        ("not listed", zip_of(std::slice::from_ref(&good), &[], b"")),
        ("listed twice", zip_of(std::slice::from_ref(&good), &[(good.clone(), 0), (good.clone(), 0)], b"")),
    ] {
        assert_refused(case, "a.zip", &archive, "something else");
    }
    let two_ends = zip_of(std::slice::from_ref(&good), &[(good.clone(), 0)], b"xPK\x05\x06xxxxxxxxxxxxxxxxxx");
    assert_refused("two ends", "a.zip", &two_ends, "ends twice");
    let zip64 = Zipped { extra: [&[1, 0, 16, 0][..], &[0; 16]].concat(), ..good.clone() };
    assert_refused("zip64", "a.zip", &zip(&[zip64]), "zip64");
    let zip64 = Zipped { size: u32::MAX, ..good.clone() };
    assert_refused("zip64 sizes", "a.zip", &zip(&[zip64]), "zip64");
    for flags in [1, 1 << 5, 1 << 6, 1 << 13] {
        assert_refused("encrypted", "a.zip", &zip(&[Zipped { flags, ..good.clone() }]), "encrypted");
    }
    assert_refused("method 99", "a.zip", &zip(&[Zipped { method: 99, ..good.clone() }]), "method 99");
    let endless = Zipped { method: 0, flags: 8, packed: b"x".to_vec(), ..good.clone() };
    assert_refused("stored without length", "a.zip", &zip(&[endless]), "where it ends");
    let prefix = [b"MZ junk", &zip(&[good])[..]].concat();
    assert_refused("a program before it", "a.zip", &prefix, "not an archive");
}

#[test]
fn z8_many_entries_long_and_strange_names() {
    let many: Vec<Zipped> = (0..2_100).map(|n| zipped(&format!("{n}.txt"), b"")).collect();
    assert_refused("zip", "a.zip", &zip(&many), "entries");
    let many: Vec<Vec<u8>> = (0..2_100).map(|n| entry(&format!("{n}.txt"), b"")).collect();
    assert_refused("tar", "a.tar", &tar(&many), "entries");
    let long = "x".repeat(4_096);
    assert_refused("long", "a.zip", &zip(&[zipped(&long, b"")]), "longer");
    assert_refused("long", "a.tar", &tar(&[entry_with("l", b'L', long.as_bytes(), |_| ()), entry("x", b"")]), "longer");
    assert_refused("no UTF-8", "a.zip", &zip(&[Zipped { name: b"\xff.sbn".to_vec(), ..zipped("", b"") }]), "UTF-8");
    let named = entry_with("", b'0', b"", |header| header[..5].copy_from_slice(b"\xff.sbn"));
    assert_refused("no UTF-8", "a.tar", &tar(&[named]), "UTF-8");
    assert_refused("what steers a terminal", "a.zip", &zip(&[zipped("\u{1b}[2J.sbn", b"")]), "outside");
    assert_refused("no name", "a.zip", &zip(&[zipped("", b"x")]), "no name");
}

#[test]
fn z9_cut_or_damaged_or_with_something_behind() {
    let content = noise(9_000);
    let plain = tar(&[entry(GOOD, &content), entry("b.sbn", &content)]);
    for (name, whole) in [
        ("a.tar", plain.clone()),
        ("a.tgz", gzip(&plain)),
        ("a.zip", zip(&[zipped(GOOD, &content), zipped("b.sbn", &content)])),
        ("a.cop.sgn", signed("a.cop.sgn", &gzip(&plain))),
    ] {
        assert_eq!(see(name, &whole).refused, None, "{name}");
        for end in (0..whole.len()).step_by(1_024).chain([whole.len() - 1]) {
            assert!(see(name, &whole[..end]).refused.is_some(), "{name} cut at {end}");
        }
        let behind = [&whole[..], b"garbage"].concat();
        assert!(see(name, &behind).refused.is_some(), "{name} with garbage behind");
    }
    let mut zipped = zip(&[zipped(GOOD, &content)]);
    zipped[40 + GOOD.len() + 100] ^= 1;
    assert!(see("a.zip", &zipped).refused.is_some(), "content of a zip");
    let mut gzipped = gzip(&plain);
    let trailer = gzipped.len() - 6;
    gzipped[trailer] ^= 1;
    assert!(see("a.tgz", &gzipped).refused.is_some(), "trailer of a gzip");
    assert!(see("a.tgz", &[gzip(&plain), gzip(&plain)].concat()).refused.is_some(), "two gzips");
}

#[test]
fn z10_archives_in_archives_and_headers_that_cannot_be() {
    let plain = tar(&[entry(GOOD, b"x")]);
    let three = zip(&[zipped("a.zip", &zip(&[zipped("a.tgz", &gzip(&plain))]))]);
    assert_eq!(see("a.zip", &three).refused, None);
    assert_refused("four", "a.zip", &zip(&[zipped("b.zip", &three)]), "deep");
    let package = signed("a.cop.sgn", &gzip(&plain));
    for (case, len) in
        [("0", [0, 0]), ("beyond", [0xFF, 0xFF]), ("into itself", [0, 8]), ("beyond the file", [0x0F, 0xFF])]
    {
        let mut bad = package.clone();
        bad[8..10].copy_from_slice(&len);
        assert!(see("a.cop.sgn", &bad).refused.is_some(), "{case}");
    }
}

#[test]
fn z11_an_altered_signature_is_said_to_be_unchecked() {
    let mut package = signed("a.cop.sgn", &gzip(&tar(&[entry(GOOD, b"x")])));
    package[20] ^= 0xFF;
    let seen = see("a.cop.sgn", &package);
    assert_eq!((seen.files.len(), seen.refused), (1, None));
    assert!(seen.notes[0].contains("not checked"), "{:?}", seen.notes);
}

#[test]
fn z15_z20_configuration_and_programs_are_left_out() {
    let names = ["OS79XX.TXT", "index.php", "x.sh", "SEP001122334455.cnf.xml", "setup.exe", "XMLDefault.cnf.xml"];
    let mut entries: Vec<Zipped> = names.iter().map(|name| zipped(name, b"x")).collect();
    entries.push(zipped(GOOD, b"x"));
    let seen = see("a.zip", &zip(&entries));
    assert_eq!((seen.refused, seen.files.len()), (None, 1));
    assert_eq!(seen.ignored, names);
}

#[test]
fn z17_what_is_no_archive() {
    for (name, octets, words) in [
        ("a.zip", &b"<!DOCTYPE html><html>login"[..], "a web page"),
        ("a.exe", b"MZ\x90\0", ".exe"),
        ("a.rar", b"Rar!\x1a\x07\0", ".rar"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c", ".7z"),
        ("a.zip", b"", "empty"),
        ("a.zip", &[0; 4_096], "zeros"),
        ("a.zip", b"just text", "not an archive that offhook reads"),
        ("OS79XX.TXT", b"P0S3-8-12-00", "not an archive that offhook reads"),
    ] {
        assert_refused(name, name, octets, words);
    }
    let inside = zip(&[zipped("inner.zip", b"<html>")]);
    assert_refused("inside", "a.zip", &inside, "\"inner.zip\" in it: it is a web page");
}

#[test]
fn folders_of_an_archive_are_passed_over() {
    let folder = entry_with("P0S3-8-12-00/", b'5', b"", |_| ());
    let top = entry_with("./", b'5', b"", |_| ());
    let seen = see("a.tar", &tar(&[top, folder, entry("./P0S3-8-12-00/a.sbn", b"x")]));
    assert_eq!((seen.refused, seen.files[0].0.as_str()), (None, "a.sbn"));
    let mut folder = zipped("P0S3-8-12-00/", b"");
    (folder.method, folder.packed, folder.packed_len, folder.mode) = (0, Vec::new(), 0, 0o040_755);
    assert_eq!(see("a.zip", &zip(&[folder, zipped("P0S3-8-12-00/a.sbn", b"x")])).refused, None);
}

#[test]
fn ignored_names_are_told_up_to_a_bound() {
    let many: Vec<Zipped> = (0..500).map(|n| zipped(&format!("{n}.txt"), b"")).collect();
    assert_eq!(see("a.zip", &zip(&many)).ignored.len(), limits::IGNORED);
}

proptest! {
    /// Any change of a sound archive: taken or refused, never a panic, and never another file than before.
    #[test]
    fn a_changed_archive_gives_nothing_else(form in 0_usize..4, at: prop::sample::Index, byte: u8) {
        let content = noise(3_000);
        let plain = tar(&[entry(GOOD, &content)]);
        let mut archive = match form {
            0 => zip(&[zipped(GOOD, &content)]),
            1 => gzip(&plain),
            2 => signed("a.cop.sgn", &gzip(&plain)),
            _ => zip(&[zipped("a.tar", &plain)]),
        };
        let at = at.index(archive.len());
        archive[at] = byte;
        let seen = see("a.cop.sgn", &archive);
        if seen.refused.is_none() {
            for (_, found) in seen.files {
                prop_assert!(found == content);
            }
        }
    }

    #[test]
    fn any_bytes_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..3_000), start in 0_usize..4) {
        let magic: &[u8] = [&b""[..], b"PK\x03\x04", b"\x1f\x8b\x08", b"\x01\x00\x02\x01\x01\x02\x00\x02\x01\x94"][start];
        see("a.zip", &[magic, &bytes].concat());
    }
}
