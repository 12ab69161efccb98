//! What taking firmware in costs: a made-up Java set of 9 MB in three forms of archive, from the open file to the index on the
//! disk, through the process that takes archives apart; and how much memory the daemon takes more for one archive of seven
//! sets of twice that. Prints a line for each; the aims are under 1 s and under 32 MiB. Ends with 1 when one is missed.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::panic, clippy::indexing_slicing, dead_code)]

#[path = "../it/support/mod.rs"]
mod support;

mod measure;

use std::fs::File;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use offhook::firmware::import::Unpack;
use offhook::firmware::store::Store;
use offhook::simulate::firmware::archive::{Form, pack};
use offhook::simulate::firmware::{java_families, set_of_size};

use measure::peak_memory;
use support::daemon::Site;
use support::pbx::Pbx;
use support::sql::Database;
use support::{Component, have, text, wait_for};

const LOAD: &str = "SIP42.9-4-2SR3-1S";
const SET: usize = 9_000_000;
const BAR: Duration = Duration::from_secs(1);
/// The set is taken in as often, each time into an empty store; the median counts.
const TIMES: usize = 5;
/// How much more the daemon may take at its peak than before, in KiB. The process that takes the archive apart is held to its
/// own bound by the kernel.
const MEMORY_BAR: u64 = 32 * 1024;

fn main() -> ExitCode {
    let octets = |size: usize| set_of_size(LOAD, size).unwrap().iter().map(|file| file.bytes.len()).sum::<usize>();
    let trial = SET / 8;
    let size = trial * SET / octets(trial);
    let files = set_of_size(LOAD, size).unwrap();
    let mut missed = false;
    for form in [Form::Zip, Form::Tgz, Form::CopSgn] {
        let folder = tempfile::tempdir().unwrap();
        let archive = pack("made-up", &files, form);
        let path = folder.path().join(&archive.name);
        std::fs::write(&path, &archive.bytes).unwrap();
        let mut took: Vec<Duration> = (0..TIMES)
            .map(|time| {
                let program = env!("CARGO_BIN_EXE_offhook").into();
                let store = Store::open(&folder.path().join(time.to_string()), Unpack::Process(program)).unwrap();
                let begun = Instant::now();
                store.import(&archive.name, File::open(&path).unwrap(), false, &|_, _| None).unwrap();
                let took = begun.elapsed();
                assert!(store.index().set(LOAD).is_some_and(|set| set.complete), "{}", archive.name);
                took
            })
            .collect();
        took.sort_unstable();
        let (median, longest) = (took.get(TIMES / 2).unwrap(), took.last().unwrap());
        missed |= *median > BAR;
        println!("import: {} of {} octets, {median:.0?}, longest {longest:.0?}", archive.name, octets(size));
    }
    missed |= large(size);
    if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// One archive of a load of every family, with images twice as large. Returns whether it took too much.
fn large(size: usize) -> bool {
    if !have(&[Component::MariaDb, Component::Program("curl")]) {
        return false;
    }
    let pbx = Pbx { database: Database::mariadb(), asterisk: None };
    let site = Site::new(&pbx);
    let loads: Vec<String> = java_families().map(|family| format!("SIP{family}.9-4-2SR3-1S")).collect();
    let (name, octets) = {
        let files: Vec<_> = loads.iter().flat_map(|load| set_of_size(load, 2 * size).unwrap()).collect();
        let archive = pack("large", &files, Form::Zip);
        std::fs::write(site.folder().join(&archive.name), &archive.bytes).unwrap();
        (archive.name, archive.bytes.len())
    };
    let daemon = site.serve();
    let before = peak_memory(&daemon);
    let begun = Instant::now();
    let added = daemon.cli(&["firmware", "add", site.folder().join(&name).to_str().unwrap()]);
    let took = begun.elapsed();
    assert!(added.status.success(), "{}", text(&added.stderr));
    wait_for("the loads", || {
        let sets = daemon.json(&["firmware", "list"]).as_array().map_or(0, Vec::len);
        if sets == loads.len() { Ok(()) } else { Err(sets.to_string()) }
    });
    let more = peak_memory(&daemon).saturating_sub(before);
    daemon.stop();
    println!("import: {name} of {octets} octets, {took:.0?}, {more} KiB more at the daemon's peak, bar {MEMORY_BAR}");
    more > MEMORY_BAR
}
