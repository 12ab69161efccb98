//! The fault table, row by row: what goes wrong around the daemon, and that phones are served all the same.
//!
//! Every test bears the id of its row, in its name and in what it says when it fails. [`FAULTS`] is the register: a row
//! counts only when a test of that name is there. Some rows are proved closer to the code, on simulated time or a scripted
//! peer; the register says where.

mod clock;
mod crashes;
mod damage;
mod disk;
mod load;
mod network;
mod pbx;
mod ports;
mod process;
mod transfers;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::support::daemon::{Daemon, Site};
use crate::support::pbx::Pbx;
use crate::support::{in_repository, run, wait_for};

/// A phone of the PBX's tables.
const MAC: &str = "00087D0A0001";

/// Id, promise, and the files whose tests hold us to it.
const FAULTS: &[(&str, &str, &[&str])] = &[
    (
        "F1",
        "kill -9 loses nothing acknowledged and leaves no half file",
        &["tests/it/faults/crashes.rs", "tests/it/dhcp/kept.rs", "tests/it/dhcp/weather.rs"],
    ),
    ("F2", "nor does a power cut", &["tests/it/faults/crashes.rs"]),
    ("F3", "a flush that fails ends acknowledging, not serving", &["tests/it/faults/disk.rs"]),
    (
        "F4",
        "a full disk: phones are served, writes refused, room is noticed",
        &["tests/it/faults/disk.rs", "src/dhcp/server/tests.rs", "tests/it/dhcp/kept.rs"],
    ),
    ("F5", "no inodes, read-only: the same", &["tests/it/faults/disk.rs"]),
    (
        "F6",
        "a damaged database gives way to its newest sound copy",
        &["tests/it/faults/damage.rs", "src/store/tests.rs"],
    ),
    ("F7", "a transfer ends with the bytes it began with", &["tests/it/faults/transfers.rs"]),
    ("F8", "a database that is stopped, hangs or refuses us", &["tests/it/faults/pbx.rs"]),
    ("F9", "a much smaller set is held", &["tests/it/faults/pbx.rs", "src/pbx/shrink.rs"]),
    ("F10", "another schema is named", &["tests/it/faults/pbx.rs"]),
    (
        "F11",
        "a manager that is cut, hangs or refuses us",
        &["tests/it/faults/pbx.rs", "src/pbx/ami/tests.rs", "src/pbx/ami/client.rs"],
    ),
    ("F12", "a flood of events ends with what the list says", &["src/pbx/ami/tests.rs", "src/pbx/ami/outbox.rs"]),
    ("F13", "two rows for one phone, in any order", &["tests/it/faults/pbx.rs", "src/pbx/sources/freepbx_tests.rs"]),
    (
        "F14",
        "the wall clock steps",
        &[
            "tests/it/faults/clock.rs",
            "src/app/parts.rs",
            "src/dhcp/clock.rs",
            "src/dhcp/server/tests.rs",
            "tests/it/dhcp/kept.rs",
        ],
    ),
    ("F15", "the process is stopped and goes on", &["tests/it/faults/clock.rs"]),
    (
        "F16",
        "loss, doubles, reordering, damage, small datagrams",
        &["tests/it/faults/network.rs", "src/tftp/tests.rs", "tests/it/dhcp/weather.rs"],
    ),
    (
        "F17",
        "an interface that comes late or goes away is waited for",
        &["tests/it/dhcp/rivals.rs", "tests/it/dhcp/links.rs", "tests/it/discovery.rs"],
    ),
    (
        "F18",
        "a port that another program holds is waited for, and its holder named",
        &["tests/it/faults/ports.rs", "tests/it/sntp.rs", "src/app/place.rs"],
    ),
    ("F19", "no file descriptors, and no more transfers", &["tests/it/faults/load.rs", "src/tftp/tests/load.rs"]),
    ("F21", "a flood of datagrams", &["tests/it/faults/load.rs", "src/tftp/tests/load.rs"]),
    ("F22", "a boot storm", &["tests/it/faults/load.rs"]),
    ("F23", "a phone that writes flash for long", &["tests/it/faults/transfers.rs", "src/tftp/tests.rs"]),
    ("F24", "a phone that asks again from other ports", &["tests/it/faults/transfers.rs", "src/tftp/tests/load.rs"]),
    (
        "F25",
        "a request that is repeated",
        &["tests/it/faults/transfers.rs", "src/tftp/tests/load.rs", "tests/it/dhcp/weather.rs"],
    ),
    ("F26", "more than 65,535 blocks", &["tests/it/faults/transfers.rs", "src/tftp/tests.rs"]),
    ("F27", "nothing but us comes up", &["tests/it/faults/crashes.rs"]),
    ("F29", "a part panics or hangs", &["tests/it/faults/process.rs", "src/app/stage.rs"]),
    ("F30", "a bad configuration on reload", &["tests/it/faults/process.rs"]),
    (
        "F31",
        "an address that somebody has is found or declined, and given to nobody for a day",
        &["src/dhcp/server/tests.rs", "src/dhcp/lease.rs", "tests/it/dhcp/server.rs", "tests/it/dhcp/networks.rs"],
    ),
    ("F32", "a pool that is full", &["src/dhcp/server/tests.rs"]),
    (
        "F33",
        "a table of neighbours that is nearly full is named",
        &["src/neighbour.rs", "src/check/link.rs", "tests/it/discovery.rs"],
    ),
    ("F34", "nobody reads the log", &["tests/it/faults/process.rs"]),
    ("F35", "the daemon is killed in the middle of a conversion", &["tests/it/convert/interlocks.rs"]),
];

/// Rows of the page that the register may not lose.
const HELD: &[&str] = &[
    "F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10", "F11", "F12", "F13", "F14", "F15", "F16", "F17",
    "F18", "F19", "F21", "F22", "F23", "F24", "F25", "F26", "F29", "F30", "F31", "F32", "F33", "F34", "F35",
];

/// Every row has its tests where the register says, and no test bears an id that is not in the register.
#[test]
fn every_row_of_the_register_has_its_tests() {
    let ids: BTreeSet<&str> = FAULTS.iter().map(|(id, ..)| *id).collect();
    assert_eq!(ids.len(), FAULTS.len(), "an id is in the register twice");
    let lost: Vec<_> = HELD.iter().filter(|id| !ids.contains(*id)).collect();
    assert!(lost.is_empty(), "no longer in the register: {lost:?}");
    let mut missing = Vec::new();
    for (id, promise, files) in FAULTS {
        for file in *files {
            if !borne(&in_repository(file)).contains(*id) {
                missing.push(format!("{id} ({promise}) has no test in {file}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    for folder in ["src", "tests"] {
        for file in sources(&in_repository(folder)) {
            let unknown: Vec<_> = borne(&file).into_iter().filter(|id| !ids.contains(id.as_str())).collect();
            assert!(unknown.is_empty(), "{} has tests of {unknown:?}, which the register has not", file.display());
        }
    }
}

/// The ids that the names of a file's tests begin with: `f24_f25_requests_again` bears two.
fn borne(file: &Path) -> BTreeSet<String> {
    let source = std::fs::read_to_string(file).unwrap();
    let is_id = |word: &&str| word.strip_prefix('f').is_some_and(|number| number.parse::<u8>().is_ok());
    let names = source.lines().filter_map(|line| {
        let line = line.trim_start();
        line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")
    });
    names.flat_map(|name| name.split(['_', '(']).take_while(is_id)).map(str::to_uppercase).collect()
}

/// The sources below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    found.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// A PBX in a file with one extension and one phone.
fn one_phone() -> Pbx {
    let pbx = Pbx::tables();
    with_one_phone(&pbx);
    pbx
}

fn with_one_phone(pbx: &Pbx) {
    pbx.add_extension("1001", "Ada", "CANARY1001");
    pbx.add_phone(MAC, "7960", &["1001"]);
    pbx.apply();
}

/// Assigns a phone on the command line; exit 0 is the acknowledgement.
fn add(site: &Site, mac: &str) -> Output {
    run(&mut site.command(&["phones", "add", mac, "--model", "7960", "--line", "1001"]))
}

/// The phones that are assigned, as the command line lists them.
fn assigned(daemon: &Daemon<'_>) -> BTreeSet<String> {
    let phones = daemon.json(&["phones", "list"]);
    let phones = phones.as_array().expect("a list").iter();
    phones
        .filter(|phone| phone["ownership"] == "adopted")
        .map(|phone| phone["mac"].as_str().unwrap().to_owned())
        .collect()
}

/// Waits until `check` has a line that failed (or warns), speaks of all these words, and names a remedy.
fn wait_for_complaint(daemon: &Daemon<'_>, words: &[&str]) -> Value {
    wait_for(&format!("check to speak of {words:?}"), || {
        let checks = daemon.json(&["check"]);
        let found = checks.as_array().expect("a list").iter().find(|check| {
            let said = check.to_string().to_lowercase();
            check["status"] != "ok" && words.iter().all(|word| said.contains(word))
        });
        let found = found.filter(|check| !check["remedy"].as_str().unwrap_or("").is_empty());
        found.cloned().ok_or_else(|| checks.to_string())
    })
}
