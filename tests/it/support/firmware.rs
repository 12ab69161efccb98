//! Firmware for tests of the store: files of `simulate::firmware`, laid on the disk and packed by the system's own programs.

use std::fs;
use std::path::Path;
use std::process::Command;

use offhook::simulate::firmware::{File, set_of_size, signed};

use super::succeed;

/// SIP 8.12 of a 7940 and 7960: unsigned and signed loader, manifest, application.
pub(crate) fn sip812() -> Vec<File> {
    made("P0S3-8-12-00", 300_000)
}

/// The application in it.
pub(crate) fn sip812_app() -> File {
    sip812().pop().unwrap()
}

/// A load with images of so many octets.
pub(crate) fn made(load: &str, size: usize) -> Vec<File> {
    set_of_size(load, size).unwrap_or_else(|| panic!("{load}"))
}

/// Writes files into a folder, made if absent.
pub(crate) fn lay(folder: &Path, files: &[File]) {
    fs::create_dir_all(folder).unwrap();
    for file in files {
        fs::write(folder.join(&file.name), &file.bytes).unwrap();
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
    fs::write(package, signed(name, &fs::read(archive).unwrap()).bytes).unwrap();
}
