//! Images as the phone checks them: the signed header of all 79xx files, the two marks in a 7940/7960's payload.
//!
//! Header: records of tag (1 byte), length (2 bytes, big-endian) and value; tags 03, 07 and 09 hold records, a 0D stands
//! alone and fills up; 02 is the length of the whole header, 0E the file's own name. Read off public files and public
//! tools (BYTES; usecallmanagernz/certutils). 7940/7960 payloads hold the image's name at 0x20 and a universal loader
//! its build at 0x120 (FW812).
//!
//! The signature of a real image can be checked by nobody but the phone. Made-up images carry a check of their own in
//! its place ([`SEAL`]), so that a byte that went wrong is found here as the hardware would find it.

use flate2::Crc;

use super::super::model::LoadId;

/// Begins the signature of a made-up image; four bytes of length and four of CRC-32 of the payload follow, big-endian.
/// Unsigned images have it in the payload, at [`SEAL_AT`], for everything after it.
pub const SEAL: &[u8; 24] = b"made up, signed by none\0";
/// Where the payload of a made-up 7940/7960 image has its seal.
pub const SEAL_AT: usize = 0x140;
/// Where a 7940/7960 payload has its name, and how long that may be.
pub const NAME_AT: std::ops::Range<usize> = 0x20..0x40;
/// Where a universal loader has its build.
pub const BUILD_AT: std::ops::Range<usize> = 0x120..0x128;
/// No loader is larger: the application is linked right after it (FW812, an inference).
pub const LARGEST_LOADER: usize = 131_072;

/// Length and checksum as a seal holds them.
pub fn checksum(bytes: &[u8]) -> [u8; 8] {
    let mut crc = Crc::new();
    crc.update(bytes);
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    (length << 32 | u64::from(crc.sum())).to_be_bytes()
}

/// A signed file, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed<'a> {
    /// The file's own name.
    pub name: &'a str,
    /// What follows the header.
    pub payload: &'a [u8],
}

/// Takes a signed file apart.
///
/// # Errors
/// What is wrong with it, in a few words.
pub fn signed(bytes: &[u8]) -> Result<Signed<'_>, String> {
    if bytes.is_empty() {
        return Err("the file is empty".to_owned());
    }
    let [1, 0, 2, _, _, 2, 0, 2, hi, lo, ..] = bytes else {
        return Err("no signed header".to_owned());
    };
    let length = usize::from(u16::from_be_bytes([*hi, *lo]));
    let (mut header, payload) = bytes
        .split_at_checked(length)
        .ok_or_else(|| format!("the header has {length} bytes, the file {}", bytes.len()))?;
    let (mut name, mut signature) = (None, None);
    while let [tag, rest @ ..] = header {
        if *tag == 0x0D {
            header = rest;
            continue;
        }
        let [a, b, rest @ ..] = rest else { return Err("the header ends inside a record".to_owned()) };
        if matches!(tag, 0x03 | 0x07 | 0x09) {
            header = rest;
            continue;
        }
        let (value, rest) = rest
            .split_at_checked(usize::from(u16::from_be_bytes([*a, *b])))
            .ok_or_else(|| "the header ends inside a record".to_owned())?;
        match tag {
            0x0E => name = value.strip_suffix(b"\0").and_then(|text| std::str::from_utf8(text).ok()),
            0x0C => signature = Some(value),
            _ => {}
        }
        header = rest;
    }
    let name = name.ok_or_else(|| "the header holds no name".to_owned())?;
    if payload.is_empty() {
        return Err("nothing follows the header".to_owned());
    }
    if let Some(seal) = signature.and_then(|signature| signature.strip_prefix(SEAL))
        && seal.get(..8) != Some(&checksum(payload))
    {
        return Err("the signature does not match".to_owned());
    }
    Ok(Signed { name, payload })
}

/// What the payload of a 7940/7960 image says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// The image's name, where one is there.
    pub name: Option<String>,
    /// The build, where it is a universal loader.
    pub build: Option<String>,
}

/// Reads the marks of a 7940/7960 payload.
///
/// # Errors
/// What is wrong with it, in a few words.
pub fn marks(payload: &[u8]) -> Result<Marks, String> {
    let (Some(name), Some(build)) = (payload.get(NAME_AT), payload.get(BUILD_AT)) else {
        return Err(format!("{} bytes are no image", payload.len()));
    };
    let text = |bytes: &[u8]| {
        let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
        let text = std::str::from_utf8(bytes.get(..end)?).ok()?;
        (!text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())).then(|| text.to_owned())
    };
    let build = text(build).filter(|build| build.starts_with("PAS"));
    if build.is_some() && payload.len() > LARGEST_LOADER {
        return Err(format!("{} bytes are too many for a loader", payload.len()));
    }
    if let Some(rest) = payload.get(SEAL_AT..).and_then(|sealed| sealed.strip_prefix(SEAL)) {
        let (seal, rest) = rest.split_at_checked(8).unwrap_or((rest, &[]));
        if seal != checksum(rest) {
            return Err("the checksum is wrong".to_owned());
        }
    }
    Ok(Marks { name: text(name), build })
}

/// The image of a 7940/7960 as its boot checks it: `file` is the name in the request.
///
/// # Errors
/// What is wrong with it, in a few words.
pub fn legacy(bytes: &[u8], file: &str, wants_signed: bool) -> Result<Marks, String> {
    let payload = if wants_signed {
        let image = signed(bytes)?;
        if image.name != file {
            return Err(format!("it is {}", image.name));
        }
        image.payload
    } else {
        bytes
    };
    let marks = marks(payload)?;
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    match &marks.name {
        Some(name) if name == stem || name == file => Ok(marks),
        Some(name) => Err(format!("it is {name}")),
        None => Err("no image of a 7940/7960".to_owned()),
    }
}

/// The image of a Java phone: names are compared without case, as lists and archives disagree (`Jar11sip`, `jar11sip`).
///
/// # Errors
/// What is wrong with it, in a few words.
pub fn java(bytes: &[u8], file: &str) -> Result<(), String> {
    let image = signed(bytes)?;
    if !image.name.eq_ignore_ascii_case(file) {
        return Err(format!("it is {}", image.name));
    }
    if image.payload.starts_with(b"CNU_File_Archive_3.0") { Ok(()) } else { Err("no archive of files".to_owned()) }
}

/// The build of the universal loader that comes with a load: read off the images of 8.12 and SCCP 8.1(2)SR2 (FW812,
/// FWSCCP), made up for the others. `None` = the load has no universal loader, or its release is not in its name.
pub fn build_of(load: &LoadId) -> Option<String> {
    match load.as_str() {
        "P0S3-8-12-00" | "P003-8-12-00" => return Some("PAS30830".to_owned()),
        "P0030801SR02" => return Some("PAS30831".to_owned()),
        _ => {}
    }
    if load.is_before_universal_loader() && !load.as_str().starts_with("P003-") {
        return None;
    }
    // Loader and application of a SIP set differ in the third character.
    let set = load.as_str().replacen("P0S3-", "P003-", 1);
    let [.., a, b] = checksum(set.as_bytes());
    Some(format!("PAS{:05}", u16::from_be_bytes([a, b])))
}
