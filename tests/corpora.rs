//! The corpora of the fuzz targets as plain tests: what was found once, and every row of the catalogue of bad input, is
//! run on every build.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test, and the bodies of fuzz targets, end where they are surprised"
)]

use std::fs;
use std::path::Path;

#[path = "fuzz/bodies/mod.rs"]
mod bodies;

/// Fewest files of each corpus.
const LEAST: &[(&str, usize)] = &[
    ("tftp_packet", 200),
    ("tftp_server", 50),
    ("ami", 50),
    ("cnf_parse_back", 50),
    ("sep_parse_back", 50),
    ("config", 50),
    ("firmware_archive", 40),
    ("firmware_file", 30),
    ("cdp", 20),
    ("lldp", 20),
    ("dhcp_packet", 40),
    ("dhcp_server", 20),
    ("syslog", 30),
];

#[test]
fn every_file_of_every_corpus() {
    assert_eq!(bodies::TARGETS.len(), LEAST.len());
    for (target, least) in LEAST {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= *least, "{target}: {} files, {least} are due", files.len());
        for file in files {
            let data = fs::read(&file).unwrap();
            // The name of a file that fails is on the last line of the output.
            println!("{}", file.display());
            bodies::run(target, &data);
        }
    }
}
