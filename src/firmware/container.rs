//! What one file is, by its content: the two signed containers of the vendor, and what is no firmware at all. Pure; takes
//! any bytes.
//!
//! The older container is a row of records, tag, length, value [BYTES][CERT]; the one of the 78xx and 88xx is a fixed
//! little-endian header with the SHA-256 of what follows [BYTES]. Signatures are not checked: the vendor's keys are not
//! public, and the phone does it.

use sha2::{Digest as _, Sha256};

/// Octets from a file's beginning that [`head`] wants to see: no header is longer.
pub const HEAD: usize = 4_096;

/// Header of the 78xx generation, octets.
const HEADER_78XX: usize = 0x150;

/// First octets of the 78xx generation's files.
const MAGIC_78XX: [u8; 4] = [0xCD, 0x34, 0x12, 0xAB];

/// Shortest header with a version, a length and a name.
const LEAST_HEADER: usize = 16;

/// Longest file name in a container, as the grammar of [`is_load_file`] has it.
const NAME: usize = 64;

/// The wrapping of one signed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// The name that the vendor signed with the content.
    pub name: String,
    /// Octets before the payload.
    pub header_len: usize,
    /// The payload as the header states it; `None` where the format does not (the older one).
    pub payload: Option<Stated>,
}

/// What a header of the 78xx generation says of its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// Octets.
    pub len: u64,
    /// SHA-256.
    pub sha256: [u8; 32],
}

/// What a file is, as its first octets tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// A signed file of either container.
    Signed(Container),
    /// A signed header before a gzip stream: `.cop.sgn` and `.cop.sha512`.
    SignedGzip {
        /// Octets before the gzip stream.
        header_len: usize,
    },
    /// A header of the older container that cannot be one.
    BadHeader(&'static str),
    /// A gzip stream.
    Gzip,
    /// A ZIP archive.
    Zip,
    /// A tar archive, by its header's checksum.
    Tar,
    /// An archive or a program that is not read here, by its usual suffix: `exe`, `rar`, `7z`, `xz`, `bz2`.
    Foreign(&'static str),
    /// A web page: what a browser saves when the login has run out.
    Html,
    /// Nothing.
    Empty,
    /// Zeros as far as is seen: a download that was given up.
    Zeros,
    /// Anything else: an unsigned image, text.
    Other,
}

/// Tells what a file is. `head` is its first [`HEAD`] octets, or all of it where it has fewer.
pub fn head(head: &[u8]) -> Head {
    if head.is_empty() {
        return Head::Empty;
    }
    if head.iter().all(|byte| *byte == 0) {
        return Head::Zeros;
    }
    if head.starts_with(&[0x01, 0x00, 0x02]) {
        return match tlv(head) {
            Ok((header_len, _)) if head.get(header_len..).is_some_and(|rest| rest.starts_with(&[0x1F, 0x8B])) => {
                Head::SignedGzip { header_len }
            }
            Ok((_, None)) => Head::BadHeader("the signed header names no file"),
            Ok((header_len, Some(name))) => Head::Signed(Container { name, header_len, payload: None }),
            Err(why) => Head::BadHeader(why),
        };
    }
    if head.starts_with(&MAGIC_78XX) {
        return match little_endian(head) {
            Some(container) => Head::Signed(container),
            None => Head::BadHeader("the header of the 78xx generation is cut or says what cannot be"),
        };
    }
    let foreign: [(&[u8], Head); 9] = [
        (&[0x1F, 0x8B], Head::Gzip),
        (b"PK\x03\x04", Head::Zip),
        (b"PK\x05\x06", Head::Zip),
        (b"MZ", Head::Foreign("exe")),
        (b"Rar!", Head::Foreign("rar")),
        (b"7z\xBC\xAF\x27\x1C", Head::Foreign("7z")),
        (b"\xFD7zXZ", Head::Foreign("xz")),
        (b"BZh", Head::Foreign("bz2")),
        (b"\x7FELF", Head::Foreign("elf")),
    ];
    if let Some((_, kind)) = foreign.into_iter().find(|(magic, _)| head.starts_with(magic)) {
        return kind;
    }
    if is_html(head) {
        return Head::Html;
    }
    if head.get(..512).is_some_and(is_tar) { Head::Tar } else { Head::Other }
}

/// The older container: header length, and the name in it.
fn tlv(bytes: &[u8]) -> Result<(usize, Option<String>), &'static str> {
    let cut = "the signed header is cut short";
    let u16_at = |at: usize| {
        let pair = bytes.get(at..at.checked_add(2)?)?;
        Some(usize::from(u16::from_be_bytes(pair.try_into().ok()?)))
    };
    // Records 01 (version, two octets) and 02 (header length, two octets) stand first.
    if bytes.get(5) != Some(&0x02) || u16_at(6) != Some(2) {
        return Err("the signed header does not state its length");
    }
    let header_len = u16_at(8).ok_or(cut)?;
    if !(LEAST_HEADER..=HEAD).contains(&header_len) {
        return Err("the signed header states a length that cannot be");
    }
    let header = bytes.get(..header_len).ok_or(cut)?;
    let (mut at, mut name) = (0, None);
    while let Some(tag) = header.get(at) {
        // A lone octet that fills the header up; what holds others is stepped into.
        if *tag == 0x0D {
            at += 1;
            continue;
        }
        let len = u16_at(at + 1).ok_or(cut)?;
        let value = at + 3;
        let end = value + len;
        if end > header_len {
            return Err("a record of the signed header reaches beyond it");
        }
        match tag {
            0x03 | 0x07 | 0x09 => at = value,
            0x0E => {
                name =
                    Some(text(header.get(value..end).ok_or(cut)?).ok_or("the name in the signed header is no name")?);
                at = end;
            }
            _ => at = end,
        }
    }
    Ok((header_len, name))
}

/// A name that ends with a NUL, or where its record does.
fn text(bytes: &[u8]) -> Option<String> {
    let text = bytes.split(|byte| *byte == 0).next()?;
    let plain = !text.is_empty() && text.len() <= 2 * NAME && text.iter().all(u8::is_ascii_graphic);
    plain.then(|| String::from_utf8_lossy(text).into_owned())
}

/// The container of the 78xx generation.
fn little_endian(bytes: &[u8]) -> Option<Container> {
    let header = bytes.get(..HEADER_78XX)?;
    let u32_at = |at: usize| Some(u32::from_le_bytes(header.get(at..at + 4)?.try_into().ok()?));
    let header_len = usize::try_from(u32_at(0x04)?).ok()?;
    let name_len = usize::try_from(u32_at(0x34)?).ok()?;
    // The name ends where the signature begins.
    if header_len != HEADER_78XX || name_len > 0x50 - 0x38 + NAME {
        return None;
    }
    let name = text(header.get(0x38..0x38 + name_len)?)?;
    let sha256 = header.get(0x14..0x34)?.try_into().ok()?;
    Some(Container { name, header_len, payload: Some(Stated { len: u32_at(0x0C)?.into(), sha256 }) })
}

/// A tar header by its checksum: old ones have no magic. Fields of ustar(5).
pub fn is_tar(block: &[u8]) -> bool {
    let Some(stated) = block.get(148..156).and_then(octal) else { return false };
    let sum: u64 = block.iter().take(512).map(|byte| u64::from(*byte)).sum();
    let field: u64 = block.iter().skip(148).take(8).map(|byte| u64::from(*byte)).sum();
    block.len() >= 512 && sum - field + 8 * u64::from(b' ') == stated
}

/// An octal number as tar has it: digits, then blanks or NULs. `None` for anything else.
pub fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    let digits = !text.is_empty() && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    if digits { u64::from_str_radix(text, 8).ok() } else { None }
}

fn is_html(head: &[u8]) -> bool {
    let start: Vec<u8> = head.iter().skip_while(|byte| !byte.is_ascii_graphic()).take(256).copied().collect();
    let start = String::from_utf8_lossy(&start).to_ascii_lowercase();
    start.starts_with("<!doctype html")
        || start.starts_with("<html")
        || (start.starts_with("<?xml") && start.contains("<html"))
}

/// Whether a name is that of a firmware file: no path, no configuration, one of the vendor's suffixes.
pub fn is_load_file(name: &str) -> bool {
    let plain = name.len() <= NAME
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && !name.contains("..");
    let name = name.to_ascii_lowercase();
    let Some((stem, suffix)) = name.rsplit_once('.') else { return false };
    let configuration = [".xml", ".cnf", ".tlv", ".cop", ".jar", ".txt"].iter().any(|end| stem.ends_with(end));
    plain && !configuration && ["loads", "sbn", "sb2", "bin", "sgn", "zup"].contains(&suffix)
}

/// Whether files of this name are signed, so that one without a signed header is none.
pub fn is_signed_by_name(name: &str) -> bool {
    let suffix = name.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    ["loads", "sbn", "sb2", "sgn"].iter().any(|signed| suffix.eq_ignore_ascii_case(signed))
}

/// Why a file is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// No octet.
    #[error("it is empty")]
    Empty,
    /// Nothing but zeros.
    #[error("it holds nothing but zeros, as a download that was given up does")]
    Zeros,
    /// A web page.
    #[error("it is a web page and no firmware, as is saved when a login has run out")]
    Html,
    /// A signed file's name on something without a signed header.
    #[error("it has no signed header, so it is not what its name says")]
    NoHeader,
    /// A header that cannot be.
    #[error("{0}, so it is damaged")]
    BadHeader(&'static str),
    /// Signed under another name.
    #[error("it was signed under another name, so it was renamed; give it back its own")]
    Renamed,
    /// Nothing behind the header, or less than it states.
    #[error("it ends before its content does, so the copy is cut short")]
    Truncated,
    /// More than the header states.
    #[error("it is longer than its header says, so it is damaged")]
    TooLong,
    /// Another SHA-256 than the header states.
    #[error("its content is not what its header states by SHA-256, so it is damaged")]
    Checksum,
    /// An archive or a program under a firmware file's name.
    #[error("it is an archive or a program under a firmware file's name")]
    Foreign,
    /// A 7940's or 7960's loader that has no room in flash: images link at 0x30000, 128 KiB after the loader.
    #[error("it is too large for the loader that its name says it is")]
    TooLarge,
}

/// Octets between the loader and the application in a 7940's flash [FW812].
const LOADER: u64 = 131_072;

/// Looks at a file as its octets come by, and then says whether it can be what its name says.
#[derive(Debug, Default)]
pub struct Inspector {
    head: Vec<u8>,
    len: u64,
    nonzero: bool,
    known: Option<Head>,
    payload: Sha256,
}

/// What an [`Inspector`] found sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// Octets.
    pub len: u64,
    /// The signed wrapping, where there is one.
    pub container: Option<Container>,
    /// Whether the header states a checksum, which is that of the content.
    pub verified: bool,
}

impl Inspector {
    /// The next octets.
    pub fn push(&mut self, bytes: &[u8]) {
        self.len += bytes.len() as u64;
        self.nonzero |= bytes.iter().any(|byte| *byte != 0);
        if self.known.is_some() {
            self.hash(bytes);
            return;
        }
        self.head.extend_from_slice(bytes);
        if self.head.len() >= HEAD {
            self.decide();
        }
    }

    fn decide(&mut self) {
        let bytes = std::mem::take(&mut self.head);
        let known = head(bytes.get(..HEAD).unwrap_or(&bytes));
        let from = if let Head::Signed(container) = &known { container.header_len } else { 0 };
        self.known = Some(known);
        self.hash(bytes.get(from..).unwrap_or_default());
    }

    /// Only the 78xx generation states a checksum.
    fn hash(&mut self, bytes: &[u8]) {
        if let Some(Head::Signed(Container { payload: Some(_), .. })) = &self.known {
            self.payload.update(bytes);
        }
    }

    /// The end of the file.
    ///
    /// # Errors
    /// Why it cannot be the file of this name.
    pub fn finish(mut self, name: &str) -> Result<Sound, Unfit> {
        if self.known.is_none() {
            self.decide();
        }
        let Self { len, nonzero, known, payload, .. } = self;
        let sound = |container, verified| Ok(Sound { len, container, verified });
        match known.unwrap_or(Head::Empty) {
            Head::Empty => Err(Unfit::Empty),
            _ if !nonzero => Err(Unfit::Zeros),
            Head::Html => Err(Unfit::Html),
            Head::BadHeader(why) => Err(Unfit::BadHeader(why)),
            Head::Foreign(_) | Head::Zip | Head::Gzip | Head::Tar | Head::SignedGzip { .. } => Err(Unfit::Foreign),
            Head::Signed(container) if !same_name(&container.name, name) => Err(Unfit::Renamed),
            Head::Signed(container) => {
                let behind = len.saturating_sub(container.header_len as u64);
                match &container.payload {
                    _ if behind == 0 => Err(Unfit::Truncated),
                    Some(stated) if behind < stated.len => Err(Unfit::Truncated),
                    Some(stated) if behind > stated.len => Err(Unfit::TooLong),
                    Some(stated) if payload.finalize().as_slice() != stated.sha256 => Err(Unfit::Checksum),
                    Some(_) => sound(Some(container), true),
                    None if is_loader(name) && behind > LOADER => Err(Unfit::TooLarge),
                    None => sound(Some(container), false),
                }
            }
            Head::Zeros | Head::Other if is_signed_by_name(name) => Err(Unfit::NoHeader),
            Head::Zeros | Head::Other => sound(None, false),
        }
    }
}

/// Whether two names are one to the phones that ask for it: a 7940 or 7960 asks with exact case, the others' manifests are
/// written with less care [SYSOP].
pub fn same_name(a: &str, b: &str) -> bool {
    if is_legacy(a) || is_legacy(b) { a == b } else { a.eq_ignore_ascii_case(b) }
}

/// Whether a file is a 7940's or 7960's, by its name: SCCP, SIP or MGCP.
pub fn is_legacy(name: &str) -> bool {
    ["P003", "P0S3", "P0M3"].iter().any(|start| name.starts_with(start))
}

/// `P003….sbn`: the loader of a 7940 or 7960.
fn is_loader(name: &str) -> bool {
    name.starts_with("P003-") && is_signed_by_name(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A header as the vendor's are, with every container record.
    fn signed(name: &str, payload: &[u8]) -> Vec<u8> {
        let record = |tag: u8, value: &[u8]| {
            let mut record = vec![tag];
            record.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
            record.extend(value);
            record
        };
        let signer: Vec<u8> =
            [record(4, b"CN=someSigner\0"), record(5, &[0x12; 8]), record(6, b"CN=someCA\0")].concat();
        let algorithm = [record(0x0A, &[0]), record(0x0B, &[2])].concat();
        let signature: Vec<u8> = [record(8, &[1]), record(9, &algorithm)].concat();
        let body: Vec<u8> = [
            record(3, &signer),
            record(7, &signature),
            record(0x0C, &[0x55; 256]),
            record(0x0E, format!("{name}\0").as_bytes()),
        ]
        .concat();
        let len = (10 + body.len()).next_multiple_of(4);
        let mut file = [record(1, &[1, 1]), record(2, &u16::try_from(len).unwrap().to_be_bytes()), body].concat();
        file.resize(len, 0x0D);
        [&file, payload].concat()
    }

    fn modern(name: &str, payload: &[u8]) -> Vec<u8> {
        let mut file = vec![0; HEADER_78XX];
        file[..4].copy_from_slice(&MAGIC_78XX);
        file[4..8].copy_from_slice(&u32::try_from(HEADER_78XX).unwrap().to_le_bytes());
        file[0x0C..0x10].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
        file[0x14..0x34].copy_from_slice(&Sha256::digest(payload));
        file[0x34..0x38].copy_from_slice(&u32::try_from(name.len()).unwrap().to_le_bytes());
        file[0x38..0x38 + name.len()].copy_from_slice(name.as_bytes());
        [&file[..], payload].concat()
    }

    fn inspect(name: &str, file: &[u8], piece: usize) -> Result<Sound, Unfit> {
        let mut inspector = Inspector::default();
        file.chunks(piece).for_each(|piece| inspector.push(piece));
        inspector.finish(name)
    }

    #[test]
    fn both_containers_give_their_name() {
        for (name, file, verified) in [
            ("SIP41.8-5-4S.loads", signed("SIP41.8-5-4S.loads", b"text"), false),
            ("P0S3-8-12-00.sb2", signed("P0S3-8-12-00.sb2", &[7; 9_000]), false),
            ("kern78xx.11-0-1-11.sbn", modern("kern78xx.11-0-1-11.sbn", &[9; 9_000]), true),
        ] {
            for piece in [1, 7, 4_095, 4_096, 4_097, 1 << 20] {
                let sound = inspect(name, &file, piece).unwrap_or_else(|why| panic!("{name}: {why}"));
                assert_eq!(sound.container.unwrap().name, name);
                assert_eq!((sound.verified, sound.len), (verified, file.len() as u64), "{name}");
            }
        }
    }

    /// Z16, and what people bring instead of firmware.
    #[test]
    fn z16_what_is_no_firmware_is_named() {
        let name = "jar45sip.9-4-2ES26.sbn";
        let whole = signed(name, &[7; 9_000]);
        let modern_name = "kern78xx.11-0-1-11.sbn";
        let modern = modern(modern_name, &[9; 9_000]);
        let mut flipped = modern.clone();
        *flipped.last_mut().unwrap() ^= 1;
        let mut wild = whole.clone();
        wild[8..10].copy_from_slice(&[0xFF, 0xFF]);
        let mut beyond = whole.clone();
        beyond[11..13].copy_from_slice(&[0x7F, 0xFF]);
        for (case, name, file, expected) in [
            ("nothing", name, Vec::new(), Unfit::Empty),
            ("zeros", name, vec![0; 9_000], Unfit::Zeros),
            ("zeros as an image", "P00303010102.bin", vec![0; 9_000], Unfit::Zeros),
            ("a login page", name, b"\xEF\xBB\xBF <!DOCTYPE HTML><html>".to_vec(), Unfit::Html),
            ("text", name, b"jar45sip.9-4-2ES26.sbn\r\n".to_vec(), Unfit::NoHeader),
            ("another's name", "cvm45sip.9-4-2ES26.sbn", whole.clone(), Unfit::Renamed),
            ("the case of a 7940", "p0s3-8-12-00.sb2", signed("P0S3-8-12-00.sb2", b"x"), Unfit::Renamed),
            ("header alone", name, signed(name, b""), Unfit::Truncated),
            ("half a header", name, whole[..200].to_vec(), Unfit::BadHeader("the signed header is cut short")),
            ("length 65535", name, wild, Unfit::BadHeader("the signed header states a length that cannot be")),
            ("a record too long", name, beyond, Unfit::BadHeader("a record of the signed header reaches beyond it")),
            ("a zip", name, b"PK\x03\x04xxxx".to_vec(), Unfit::Foreign),
            ("a program", "P00303010102.bin", b"MZ\x90".to_vec(), Unfit::Foreign),
            ("cut", modern_name, modern[..5_000].to_vec(), Unfit::Truncated),
            ("longer", modern_name, [&modern[..], b"x"].concat(), Unfit::TooLong),
            ("one bit", modern_name, flipped, Unfit::Checksum),
            ("a large loader", "P003-8-12-00.sbn", signed("P003-8-12-00.sbn", &vec![1; 140_000]), Unfit::TooLarge),
        ] {
            assert_eq!(inspect(name, &file, 1_000), Err(expected), "{case}");
        }
    }

    /// What other phones spell with less care is the same file to them.
    #[test]
    fn case_counts_for_the_7940_alone() {
        let file = signed("jar11sip.8-2-2.sbn", b"x");
        assert!(inspect("Jar11sip.8-2-2.sbn", &file, 100).is_ok());
    }

    #[test]
    fn archives_are_told_by_content() {
        let package = |rest: &[u8]| head(&signed("cmterm.cop.sgn", rest));
        assert!(matches!(package(&[0x1F, 0x8B, 8]), Head::SignedGzip { header_len } if header_len.is_multiple_of(4)));
        assert!(matches!(package(b"other"), Head::Signed(_)));
        for (bytes, kind) in [
            (&b"\x1F\x8B\x08"[..], Head::Gzip),
            (b"PK\x03\x04", Head::Zip),
            (b"Rar!\x1A\x07", Head::Foreign("rar")),
            (b"MZ", Head::Foreign("exe")),
            (b"hello", Head::Other),
            (b"", Head::Empty),
        ] {
            assert_eq!(head(bytes), kind, "{bytes:?}");
        }
    }

    #[test]
    fn names_of_firmware_files() {
        for name in
            ["P0S3-8-12-00.loads", "jar45sip.9-4-2ES26.sbn", "SIP69xx.9-4-1-3SR2.zz.sgn", "term45.default.loads"]
        {
            assert!(is_load_file(name), "{name}");
        }
        for name in [
            "OS79XX.TXT",
            "index.php",
            "x.sh",
            "SEP001122334455.cnf.xml",
            "SEP001122334455.cnf.xml.sgn",
            "a/b.sbn",
            ".sbn",
            "../x.sbn",
            "x..sbn",
            "CTLFile.tlv.sgn",
            "cmterm.cop.sgn",
            "a b.sbn",
            "-rf.sbn",
            "x\0.sbn",
            "",
        ] {
            assert!(!is_load_file(name), "{name}");
        }
        assert!(!is_load_file(&format!("{}.sbn", "a".repeat(64))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_told(bytes in prop::collection::vec(any::<u8>(), 0..6_000), piece in 1_usize..5_000) {
            let _ = inspect("jar45sip.9-4-2ES26.sbn", &bytes, piece);
            if let Head::Signed(container) = head(&bytes) {
                prop_assert!(container.header_len <= HEAD);
            }
        }

        /// Octets of a sound header changed at random: told, never a panic, never a header beyond the file.
        #[test]
        fn any_change_of_a_header_is_told(at in 0_usize..400, byte: u8) {
            let mut file = signed("jar45sip.9-4-2ES26.sbn", &[7; 600]);
            file[at] = byte;
            if let Ok(sound) = inspect("jar45sip.9-4-2ES26.sbn", &file, 100) {
                prop_assert!(sound.container.is_none_or(|container| container.header_len < file.len()));
            }
        }
    }
}
