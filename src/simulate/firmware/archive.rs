//! Firmware in the archives that it is handed out in.
//!
//! Written here byte by byte: ZIP (APPNOTE 4.3), ustar (POSIX.1-1988), gzip (RFC 1952); the forms are those of vendor's
//! packages (cisco-79x1: flat ZIP, plain tar on mirrors, `.cop` = gzip tar, `.cop.sgn` = signed header before it, and
//! locale packages a second tar inside).

use std::io::Write as _;

use flate2::write::{DeflateEncoder, GzEncoder};
use flate2::{Compression, Crc};

use super::{File, signed};

/// A kind of archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Flat ZIP.
    Zip,
    /// Plain tar.
    Tar,
    /// gzip tar.
    Tgz,
    /// gzip tar under the vendor's own name, in the folder of CallManager's TFTP server.
    Cop,
    /// The same behind a signed header.
    CopSgn,
    /// The same again, under the later name.
    CopSha512,
    /// A tar in the gzip tar behind a signed header.
    Nested,
}

impl Form {
    /// Each of them.
    pub const ALL: &[Self] = &[Self::Zip, Self::Tar, Self::Tgz, Self::Cop, Self::CopSgn, Self::CopSha512, Self::Nested];

    /// What a file of this form is called, after its stem.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Zip => ".zip",
            Self::Tar => ".tar",
            Self::Tgz => ".tar.gz",
            Self::Cop => ".cop",
            Self::CopSgn | Self::Nested => ".cop.sgn",
            Self::CopSha512 => ".cop.sha512",
        }
    }
}

/// Where packages for CallManager keep the files.
const FOLDER: &str = "usr/local/cm/tftp/";

/// Packs files as `stem` with the ending of the form.
pub fn pack(stem: &str, files: &[File], form: Form) -> File {
    let name = format!("{stem}{}", form.ending());
    let bytes = match form {
        Form::Zip => zip(files),
        Form::Tar => tar("", files),
        Form::Tgz => gzip(&tar("", files)),
        Form::Cop => gzip(&tar(FOLDER, files)),
        Form::CopSgn | Form::CopSha512 => return signed(&name, &gzip(&tar(FOLDER, files))),
        Form::Nested => {
            let inner = File { name: format!("{stem}.tar"), bytes: tar(FOLDER, files) };
            return signed(&name, &gzip(&tar("", &[inner])));
        }
    };
    File { name, bytes }
}

/// Writing to memory cannot fail.
const MEMORY: &str = "memory takes everything";

/// A gzip stream.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::fast());
    writer.write_all(bytes).expect(MEMORY);
    writer.finish().expect(MEMORY)
}

/// A ustar archive of files below `folder`.
pub fn tar(folder: &str, files: &[File]) -> Vec<u8> {
    let mut archive = Vec::new();
    for file in files {
        archive.extend(tar_header(&format!("{folder}{}", file.name), file.bytes.len()));
        archive.extend_from_slice(&file.bytes);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

fn tar_header(path: &str, size: usize) -> Vec<u8> {
    // Offsets are given by the length of what goes before.
    let mut header = path.as_bytes().get(..100).unwrap_or(path.as_bytes()).to_vec();
    header.resize(100, 0);
    for number in ["0000644", "0000000", "0000000"] {
        header.extend(format!("{number}\0").bytes());
    }
    header.extend(format!("{size:011o}\0").bytes());
    header.extend_from_slice(b"10000000000\0        0");
    header.resize(257, 0);
    header.extend_from_slice(b"ustar\0");
    header.extend_from_slice(b"00");
    header.resize(512, 0);
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    if let Some(place) = header.get_mut(148..156) {
        place.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    header
}

/// A ZIP archive; every entry is deflated.
pub fn zip(files: &[File]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    let short = |n: usize| u16::try_from(n).unwrap_or(u16::MAX).to_le_bytes();
    let long = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    for file in files {
        let mut writer = DeflateEncoder::new(Vec::new(), Compression::fast());
        writer.write_all(&file.bytes).expect(MEMORY);
        let packed = writer.finish().expect(MEMORY);
        let mut crc = Crc::new();
        crc.update(&file.bytes);
        // From "version needed" to the length of the extra field, which both headers have; 1 January 1980.
        let common = [
            &[20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0][..],
            &crc.sum().to_le_bytes(),
            &long(packed.len()),
            &long(file.bytes.len()),
            &short(file.name.len()),
            &[0, 0],
        ]
        .concat();
        let at = archive.len();
        archive.extend([&b"PK\x03\x04"[..], &common, file.name.as_bytes(), &packed].concat());
        directory.extend([&b"PK\x01\x02\x14\x00"[..], &common, &[0; 10], &long(at), file.name.as_bytes()].concat());
    }
    let count = short(files.len());
    let (at, size) = (archive.len(), directory.len());
    archive.extend(directory);
    archive.extend([&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &long(size), &long(at), &[0, 0]].concat());
    archive
}
