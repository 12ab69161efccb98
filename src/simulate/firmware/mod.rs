//! Made-up firmware: right names, headers and lists, payloads that mean nothing. For the scripted phones, the
//! demonstration and the tests; a real phone refuses it, since nobody signed it.
//!
//! Which files a load consists of and how the headers look is read off public files (BYTES, FW812, FWSCCP; see
//! `super::flash::image`). The build of a Java load's images is not its release and stands in no rule: `BUILDS`.

pub mod archive;

use super::flash::image::{self, BUILD_AT, NAME_AT, SEAL, SEAL_AT};
use super::flash::steps::is_signed;
use super::model::LoadId;

/// A file.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// Name, without a folder.
    pub name: String,
    /// Content.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.bytes.len())
    }
}

/// Bytes of one image, where nothing else is asked for. Real ones have 0.1 to 4 MB.
pub const SIZE: usize = 24 * 1024;

/// Loads of 7940/7960 that are of use: the stations of the known chains and what bears on them.
pub const LEGACY: &[&str] = &[
    "P00303010102",
    "P00305000500",
    "P00307000100",
    "P00308000400",
    "P00308000500",
    "P00308000900",
    "P00308010200",
    "P0S30202",
    "P0S3-04-4-00",
    "P0S3-05-3-00",
    "P0S3-06-3-00",
    "P0S3-07-4-00",
    "P0S3-08-11-00",
    "P0S3-8-12-00",
];

/// Families of Java images: their digits, the term files of their models, and from which release (major, minor) on which
/// `HARDWARE_COMP_1` stands in the list (BYTES; between two that were read, the older mark).
const FAMILIES: &[Family] = &[
    ("11", &["06", "11"], &[(0, 0, 1)]),
    ("31", &["31"], &[]),
    ("41", &["41", "61"], &[]),
    ("42", &["42", "62"], &[(0, 0, 1), (9, 4, 5)]),
    ("45", &["45", "65"], &[(9, 3, 7), (9, 4, 15)]),
    ("70", &["70", "71"], &[]),
    ("75", &["75"], &[(0, 0, 5)]),
];

type Family = (&'static str, &'static [&'static str], &'static [(u32, u32, u32)]);

/// Digits of the families of Java images.
pub fn java_families() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().map(|(digits, ..)| *digits)
}

/// Releases of Java loads as they stand in load names, and the build of their images. Those of 8.3(3) and 8.5(2) are made
/// up; the others are those of the real images.
pub const BUILDS: &[(&str, &str)] = &[
    ("8-2-1S", "8-2-0-52"),
    ("8-3-3S", "8-3-3TH1-1"),
    ("8-5-2S", "8-5-2TH1-1"),
    ("8-5-2SR1S", "8-5-2ES1"),
    ("8-5-4S", "8-5-4TH1-6"),
    ("9-2-1S", "9-2-1TH1-13"),
    ("9-3-1SR4-1S", "9-3-1ES26"),
    ("9-4-2SR1-1S", "9-4-2ES9"),
    ("9-4-2SR3-1S", "9-4-2ES26"),
];

/// The files of a load with images of [`SIZE`] bytes. A Java load comes with the term files of its family. `None` =
/// which files such a load has is not known here.
pub fn set(load: &str) -> Option<Vec<File>> {
    set_of_size(load, SIZE)
}

/// The files of a load with images of about this many bytes (at least 1 KiB; a universal loader has at most 60 KiB).
pub fn set_of_size(load: &str, size: usize) -> Option<Vec<File>> {
    let size = size.max(1024);
    let id = LoadId::new(load);
    if load.starts_with("P0") {
        return (!id.version().is_empty() && !load.starts_with("P003-")).then(|| legacy(&id, size));
    }
    let (family, release) = load.split_once('.')?;
    let protocol = if family.starts_with("SIP") { "sip" } else { "sccp" };
    let family = family.strip_prefix("SIP").or_else(|| family.strip_prefix("SCCP"))?;
    let family = FAMILIES.iter().find(|(digits, ..)| *digits == family)?;
    let build = BUILDS.iter().find(|(name, _)| *name == release).map(|(_, build)| *build)?;
    Some(java(load, family, protocol, build, &id.version(), size))
}

fn legacy(load: &LoadId, size: usize) -> Vec<File> {
    let name = load.as_str();
    let Some(build) = image::build_of(load) else {
        let image = legacy_payload(name, None, size);
        let mut files = vec![File { name: format!("{name}.bin"), bytes: image.clone() }];
        if is_signed(load) {
            files.push(signed(&format!("{name}.sbn"), &image));
        }
        return files;
    };
    let loader_name = name.replacen("P0S3-", "P003-", 1);
    let loader = legacy_payload(&loader_name, Some(&build), size.min(60 * 1024));
    let (sbn, sb2) = (format!("{loader_name}.sbn"), format!("{name}.sb2"));
    let list = format!("{sbn}\n{sb2}\nLA_VERSION={build}\n");
    vec![
        File { name: format!("{loader_name}.bin"), bytes: loader.clone() },
        signed(&sbn, &loader),
        signed(&format!("{name}.loads"), list.as_bytes()),
        signed(&sb2, &legacy_payload(name, None, size)),
    ]
}

/// A 7940/7960 image with its marks and its own seal.
fn legacy_payload(name: &str, build: Option<&str>, size: usize) -> Vec<u8> {
    let mut bytes = noise(name, size);
    let mut put = |at: usize, room: usize, text: &[u8]| {
        if let Some(place) = bytes.get_mut(at..at + room) {
            place.fill(0);
            place.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
        }
    };
    put(NAME_AT.start, NAME_AT.len(), name.as_bytes());
    put(BUILD_AT.start, BUILD_AT.len(), build.unwrap_or_default().as_bytes());
    let sealed = SEAL_AT + SEAL.len() + 8;
    let seal = [&SEAL[..], &image::checksum(bytes.get(sealed..).unwrap_or_default())].concat();
    if let Some(place) = bytes.get_mut(SEAL_AT..sealed) {
        place.copy_from_slice(&seal);
    }
    bytes
}

fn java(load: &str, family: &Family, protocol: &str, build: &str, version: &[u32], size: usize) -> Vec<File> {
    let (digits, terms, marks) = *family;
    let at = (version.first().copied().unwrap_or_default(), version.get(1).copied().unwrap_or_default());
    let mark = marks.iter().rev().find(|(major, minor, _)| (*major, *minor) <= at).map(|(.., mark)| *mark);
    let members = [
        format!("jar{digits}{protocol}.{build}.sbn"),
        format!("cnu{digits}.{build}.sbn"),
        format!("apps{digits}.{build}.sbn"),
        format!("dsp{digits}.{build}.sbn"),
        format!("cvm{digits}{protocol}.{build}.sbn"),
    ];
    let mut list = format!("# RELEASE load version {build}\r\n");
    if let Some(mark) = mark {
        list += &format!("#HARDWARE_COMP_1 {mark}\r\n");
    }
    for member in &members {
        // In real lists a blank follows these two.
        let blank = if member.starts_with("dsp") || member.starts_with("cvm") { " " } else { "" };
        list += &format!("{member}{blank}\r\n");
    }
    let names =
        [format!("{load}.loads")].into_iter().chain(terms.iter().map(|term| format!("term{term}.default.loads")));
    let mut files: Vec<File> = names.map(|name| signed(&name, list.as_bytes())).collect();
    files.extend(members.iter().map(|member| {
        let mut payload = b"CNU_File_Archive_3.0".to_vec();
        payload.extend(noise(member, size));
        signed(member, &payload)
    }));
    files
}

/// A signed file of this name: the header of the real ones, with a seal in place of the signature.
pub fn signed(name: &str, payload: &[u8]) -> File {
    let record = |tag: u8, value: &[u8]| {
        let [hi, lo] = u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes();
        [&[tag, hi, lo][..], value].concat()
    };
    let signer = [
        record(4, b"CN=someSigner;OU=someOrgUnit;O=someOrg\0"),
        record(5, &[0x12, 0x34, 0x56, 0x78, 0x90, 0xAB, 0xCD, 0xEF]),
        record(6, b"CN=someCA;OU=someOrgUnit;O=someOrg\0"),
    ];
    let algorithm = [record(0x0A, &[0]), record(0x0B, &[2])];
    let information = [record(8, &[1]), record(9, &algorithm.concat())];
    let mut signature = [&SEAL[..], &image::checksum(payload)].concat();
    signature.resize(256, 0);
    let tail = [
        record(3, &signer.concat()),
        record(7, &information.concat()),
        record(0x0C, &signature),
        record(0x0E, &[name.as_bytes(), b"\0"].concat()),
    ]
    .concat();
    let length = (10 + tail.len()).next_multiple_of(4);
    let mut bytes = record(1, &[1, 1]);
    bytes.extend(record(2, &u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()));
    bytes.extend(tail);
    bytes.resize(length, 0x0D);
    bytes.extend_from_slice(payload);
    File { name: name.to_owned(), bytes }
}

/// Bytes that do not compress, always the same for the same name (xorshift).
fn noise(name: &str, size: usize) -> Vec<u8> {
    let mut state = u64::from_be_bytes(image::checksum(name.as_bytes())).rotate_left(32) | 1;
    let next = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()
    });
    next.flatten().take(size).collect()
}

/// What happens to files on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The right size, and nothing but zeros.
    Zeros,
    /// A page that says something else.
    Html,
    /// The second half is missing.
    Truncated,
    /// One bit of the payload is another.
    Flipped,
    /// No byte is left.
    Empty,
    /// The content of a file of another name.
    Renamed,
}

impl Damage {
    /// Each of them.
    pub const ALL: &[Self] = &[Self::Zeros, Self::Html, Self::Truncated, Self::Flipped, Self::Empty, Self::Renamed];

    /// The file after this has happened to it. Its name stays.
    #[must_use]
    pub fn done_to(self, file: &File) -> File {
        let mut bytes = file.bytes.clone();
        match self {
            Self::Zeros => bytes.fill(0),
            Self::Html => bytes = b"<!DOCTYPE html><html><head><title>Log in</title></head></html>\n".to_vec(),
            Self::Truncated => bytes.truncate(bytes.len() / 2),
            Self::Flipped => bytes.last_mut().into_iter().for_each(|byte| *byte ^= 1),
            Self::Empty => bytes.clear(),
            Self::Renamed => bytes = signed("other.sbn", b"CNU_File_Archive_3.0 of another file").bytes,
        }
        File { name: file.name.clone(), bytes }
    }
}

#[cfg(test)]
mod tests;
