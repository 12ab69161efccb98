//! What taking firmware in costs: a made-up Java set of 9 MB in three forms of archive, from the open file to the index on the
//! disk, through the process that takes archives apart. Prints a line for each; the aim is under 1 s. Ends with 1 when it is
//! missed.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs::File;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use offhook::firmware::import::Unpack;
use offhook::firmware::store::Store;
use offhook::simulate::firmware::archive::{Form, pack};
use offhook::simulate::firmware::set_of_size;

const LOAD: &str = "SIP42.9-4-2SR3-1S";
const SET: usize = 9_000_000;
const BAR: Duration = Duration::from_secs(1);
/// The set is taken in as often, each time into an empty store; the median counts.
const TIMES: usize = 5;

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
                store.import(&archive.name, File::open(&path).unwrap(), false, &|_| false).unwrap();
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
    if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
