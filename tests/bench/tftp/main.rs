//! TFTP storms against tftpd-hpa, atftpd and dnsmasq, side by side in one run: the server under measure on the first
//! core, the phones on the second, the runs of all servers in turn, medians of each. Ours comes a second time with pages
//! open on its events (`watched`).
//!
//! Prints a table and, as its last line, the same as JSON; ends with 1 when a bar is missed. `OFFHOOK_BENCH_RUNS` sets
//! how many runs are made of each workload; `OFFHOOK_BENCH_ONLY` names one workload; `OFFHOOK_BENCH_ALONE=1` leaves
//! the peers out, for work on the engine.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::cast_precision_loss, dead_code)]

#[path = "../../it/support/mod.rs"]
mod support;

mod load;
mod report;
mod servers;
mod watched;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use load::{Fetch, Options, Outcome, play};
use report::Figures;
use servers::{Meter, Peer, Running};
use support::daemon::Site;
use support::pbx::Pbx;
use support::wait_for;
use watched::{Pages, WATCHED};

const PHONES: usize = 1_000;

/// A core each.
const SERVER_CORE: usize = 0;
const LOAD_CORE: usize = 1;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    phones: usize,
    kind: Kind,
    /// Share of datagrams lost each way, in percent.
    loss: u8,
    /// Runs: more where one is short and its wake-ups come by chance, fewer where a peer takes a minute.
    runs: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Its configuration, then a megabyte of firmware.
    Boot,
    /// The trust list that is missing, then its configuration.
    Configuration,
    /// 128 kB.
    Small,
    /// A megabyte in windows of 8 blocks of 1,428 octets.
    Windows,
}

const WORKLOADS: [Workload; 5] = [
    Workload {
        name: "lone",
        what: "1 phone, config + 1 MB, 512-byte blocks",
        phones: 1,
        kind: Kind::Boot,
        loss: 0,
        runs: 21,
    },
    Workload {
        name: "boot",
        what: "100 phones, config + 1 MB, 512-byte blocks",
        phones: 100,
        kind: Kind::Boot,
        loss: 0,
        runs: 5,
    },
    Workload {
        name: "configs",
        what: "1,000 phones, missing CTLSEP + config",
        phones: PHONES,
        kind: Kind::Configuration,
        loss: 0,
        runs: 5,
    },
    Workload {
        name: "loss",
        what: "100 phones, 128 kB, 2 % lost each way",
        phones: 100,
        kind: Kind::Small,
        loss: 2,
        runs: 3,
    },
    Workload {
        name: "windows",
        what: "100 phones, 1 MB, blksize 1428, windowsize 8",
        phones: 100,
        kind: Kind::Windows,
        loss: 0,
        runs: 5,
    },
];

impl Workload {
    fn lists(self, configurations: &[Arc<[u8]>], image: &Arc<[u8]>, small: &Arc<[u8]>) -> Vec<Vec<Fetch>> {
        let fetch = |name: &str, file: Option<&Arc<[u8]>>, options| Fetch {
            name: name.to_owned(),
            file: file.cloned(),
            options,
        };
        let list = |at: usize| {
            let mac = mac(at);
            let configuration = fetch(&format!("SEP{mac}.cnf.xml"), configurations.get(at), Options::NONE);
            match self.kind {
                Kind::Boot => vec![configuration, fetch(IMAGE, Some(image), Options::NONE)],
                Kind::Configuration => vec![fetch(&format!("CTLSEP{mac}.tlv"), None, Options::NONE), configuration],
                Kind::Small => vec![fetch(SMALL, Some(small), Options::NONE)],
                Kind::Windows => vec![fetch(IMAGE, Some(image), Options { block: 1_428, window: 8 })],
            }
        };
        (0..self.phones).map(list).collect()
    }
}

const IMAGE: &str = "bench-image.sbn";
const SMALL: &str = "bench-small.sbn";

fn mac(at: usize) -> String {
    format!("001B54{at:06X}")
}

fn main() {
    let alone = std::env::var_os("OFFHOOK_BENCH_ALONE").is_some();
    if !alone && let Some(absent) = servers::absent() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "CI=true and {absent} is absent; tests/env/peers install brings it"
        );
        println!("SKIPPED: {absent} is absent; tests/env/peers install brings it");
        return;
    }
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        println!("SKIPPED: server and load need a core each");
        return;
    }
    let pbx = Pbx::tables();
    for at in 0..PHONES {
        let extension = (20_000 + at).to_string();
        pbx.add_extension(&extension, &format!("Phone {extension}"), &format!("secret{extension}"));
        pbx.add_phone(&mac(at), "7962", &[&extension]);
    }
    let site = Site::new(&pbx);
    // The usual pace of looking at the PBX, not that of tests.
    site.configure(&site.configuration().replace("poll_interval = \"200ms\"", "poll_interval = \"2s\""));
    let image = random(&site.fall_through().join(IMAGE), 1 << 20);
    let small = random(&site.fall_through().join(SMALL), 128 << 10);
    let daemon = site.serve();
    wait_for("every phone to be known", || {
        let known = daemon.json(&["phones", "list"]).as_array().map_or(0, Vec::len);
        if known == PHONES { Ok(()) } else { Err(known.to_string()) }
    });
    // What the first read of the PBX makes to be written is no part of what is measured.
    wait_for("every phone's state to be in the PBX", || {
        let told = pbx.database.rows(&["mac"], "FROM offhook_status").len();
        if told == PHONES { Ok(()) } else { Err(told.to_string()) }
    });
    let configurations: Vec<Arc<[u8]>> = (0..PHONES)
        .map(|at| {
            let name = format!("SEP{}.cnf.xml", mac(at));
            let file: Arc<[u8]> = daemon.file(&name).unwrap().into_bytes().into();
            std::fs::write(site.fall_through().join(&name), &file).unwrap();
            file
        })
        .collect();
    // The peers serve the same bytes; ours come from its own making, never from the folder.
    let peers: Vec<Running> = if alone {
        Vec::new()
    } else {
        Peer::ALL.iter().map(|peer| Running::start(*peer, &site.fall_through())).collect()
    };

    let mut servers: Vec<(&str, u32, SocketAddr)> =
        vec![("offhook", daemon.process(), daemon.tftp), (WATCHED, daemon.process(), daemon.tftp)];
    servers
        .extend(Peer::ALL.iter().zip(&peers).map(|(peer, running)| (peer.name(), running.process(), running.address)));
    for (_, process, _) in &servers {
        servers::pin(*process, SERVER_CORE);
    }
    servers::pin(std::process::id(), LOAD_CORE);
    let mut meters: BTreeMap<u32, Meter> = BTreeMap::new();
    for (name, process, _) in &servers {
        meters.entry(*process).or_insert_with(|| Meter::new(name, *process));
    }

    let only = std::env::var("OFFHOOK_BENCH_ONLY").ok();
    let runs: Option<usize> = std::env::var("OFFHOOK_BENCH_RUNS").ok().and_then(|text| text.parse().ok());
    let mut figures = Figures::default();
    for workload in WORKLOADS.iter().filter(|workload| only.as_deref().is_none_or(|name| name == workload.name)) {
        for run in 0..runs.unwrap_or(workload.runs) {
            for (name, process, address) in &servers {
                let meter = &meters[process];
                eprintln!("{}: run {}, {name}", workload.name, run + 1);
                let lists = workload.lists(&configurations, &image, &small);
                let pages = (*name == WATCHED).then(|| Pages::open(&site.folder().join("api.sock")));
                let before = meter.settled();
                let outcome = play(*address, lists, f64::from(workload.loss) / 100.0, run as u64);
                let spent = meter.settled().zip(before).map(|(after, before)| after.saturating_sub(before));
                if let Some(octets) = pages.map(Pages::close) {
                    eprintln!("  {} pages read {:.1} MB", watched::PAGES, octets as f64 / 1e6);
                }
                told(name, &outcome);
                figures.add(*workload, name, outcome, spent, servers::peak_memory(*process));
            }
        }
    }
    let missed = figures.print(&if alone { Vec::new() } else { servers::versions() });
    drop(peers);
    daemon.stop();
    assert!(missed.is_empty(), "bars missed: {}", missed.join("; "));
}

fn told(name: &str, outcome: &Outcome) {
    if let Some(why) = &outcome.why {
        eprintln!("  {name}: {} fetches failed, such as {why}", outcome.failed);
    }
}

fn random(path: &Path, size: usize) -> Arc<[u8]> {
    // Not a multiple of any block size.
    support::daemon::make_file(path, size + 77).into()
}
