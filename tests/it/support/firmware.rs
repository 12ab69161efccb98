//! Firmware made for tests: the right headers and manifests, made-up payload. Knows the formats by itself and shares
//! nothing with the program under test.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::succeed;

/// A file of firmware.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) name: String,
    pub(crate) content: Vec<u8>,
}

/// Octets that hardly shrink, other ones for each seed.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut octets = Vec::with_capacity(len + 8);
    while octets.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        octets.extend(state.to_le_bytes());
    }
    octets.truncate(len);
    octets
}

/// A header of tags as 404-octet ones are, and the payload.
pub(crate) fn signed(name: &str, payload: &[u8]) -> Made {
    let mut header = vec![0x01, 0, 2, 1, 1, 0x02, 0, 2, 0x01, 0x94];
    let signer = [
        &[0x04, 0, 14][..],
        b"CN=someSigner\0",
        &[0x05, 0, 8, 0x12, 0x34, 0x56, 0x78, 0x90, 0xAB, 0xCD, 0xEF, 0x06, 0, 10],
        b"CN=someCA\0",
    ]
    .concat();
    header.extend([0x03, 0, u8::try_from(signer.len()).unwrap()]);
    header.extend(signer);
    header.extend([0x07, 0, 15, 0x08, 0, 1, 1, 0x09, 0, 8, 0x0A, 0, 1, 0, 0x0B, 0, 1, 2]);
    header.extend([0x0C, 1, 0]);
    header.extend([0x5A; 256]);
    header.extend([0x0E, 0, u8::try_from(name.len() + 1).unwrap()]);
    header.extend(name.as_bytes());
    header.push(0);
    assert!(header.len() <= 404, "{name} has no room");
    header.resize(404, 0x0D);
    header.extend(payload);
    Made { name: name.to_owned(), content: header }
}

/// SIP 8.12 of a 7940 and 7960: manifest, signed and unsigned loader, application.
pub(crate) fn sip812() -> Vec<Made> {
    let loader = noise(1, 130_552);
    vec![
        signed("P0S3-8-12-00.loads", b"P003-8-12-00.sbn\nP0S3-8-12-00.sb2\nLA_VERSION=PAS30830\n"),
        signed("P003-8-12-00.sbn", &loader),
        signed("P0S3-8-12-00.sb2", &noise(2, 300_000)),
        Made { name: "P003-8-12-00.bin".to_owned(), content: loader },
    ]
}

/// A Java set: `SIP` or `SCCP`, family, release, build, term files, octets of each of its five members.
pub(crate) fn java(protocol: &str, family: &str, release: &str, build: &str, terms: &[&str], size: usize) -> Vec<Made> {
    let small = protocol.to_ascii_lowercase();
    let names = [
        format!("jar{family}{small}.{build}.sbn"),
        format!("cnu{family}.{build}.sbn"),
        format!("apps{family}.{build}.sbn"),
        format!("dsp{family}.{build}.sbn"),
        format!("cvm{family}{small}.{build}.sbn"),
    ];
    // As the vendor writes them, blanks behind two of the names included.
    let list = format!(
        "# RELEASE load version {build}\r\n#HARDWARE_COMP_1 15\r\n{}\r\n{}\r\n{}\r\n{} \r\n{} \r\n",
        names[0], names[1], names[2], names[3], names[4]
    );
    let load = format!("{protocol}{family}.{release}.loads");
    let terms = terms.iter().map(|term| format!("{term}.default.loads"));
    let manifests = std::iter::once(load).chain(terms).map(|name| signed(&name, list.as_bytes()));
    let members = names.iter().zip(10..).map(|(name, seed)| {
        signed(name, &[&b"CNU_File_Archive_3.0"[..], &noise(seed + u64::try_from(build.len()).unwrap(), size)].concat())
    });
    manifests.chain(members).collect()
}

/// Writes files into a folder, made if absent.
pub(crate) fn lay(folder: &Path, files: &[Made]) {
    fs::create_dir_all(folder).unwrap();
    for file in files {
        fs::write(folder.join(&file.name), &file.content).unwrap();
    }
}

/// Packs the content of a folder by the system's own program; the name of the archive says how.
pub(crate) fn pack(folder: &Path, archive: &Path) {
    let mut command = match archive.extension().unwrap().to_str().unwrap() {
        "zip" => {
            let mut zip = Command::new("zip");
            zip.args(["-q", "-r"]).arg(archive).arg(".");
            zip
        }
        "tar" => {
            let mut tar = Command::new("tar");
            tar.arg("-cf").arg(archive).arg(".");
            tar
        }
        _ => {
            let mut tar = Command::new("tar");
            tar.arg("-czf").arg(archive).arg(".");
            tar
        }
    };
    succeed(command.current_dir(folder));
}

/// Puts a signed header before an archive, as `.cop.sgn` has it.
pub(crate) fn sign(archive: &Path, package: &Path) {
    let name = package.file_name().unwrap().to_str().unwrap();
    fs::write(package, signed(name, &fs::read(archive).unwrap()).content).unwrap();
}
