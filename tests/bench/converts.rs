//! What conversions cost that do nothing: processor time of the real daemon, and how long a configuration takes to come,
//! with 5,000 phones of which none is to be converted, then with as many that all wait for somebody to plug them in.
//!
//! Prints a table and, as its last line, the same as JSON; ends with 1 when a bar is missed. `OFFHOOK_BENCH_SECONDS` sets
//! the time watched (15).
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, dead_code)]

#[path = "../it/support/mod.rs"]
mod support;

mod measure;

use std::thread;
use std::time::{Duration, Instant};

use measure::{fetch, fill, processor_time, wait_until_idle, watched};
use offhook::simulate::firmware::archive::{Form, pack};
use offhook::simulate::firmware::set;
use support::daemon::{Daemon, Site};
use support::pbx::Pbx;
use support::sql::Database;
use support::{Component, have, text, wait_for};

const PHONES: usize = 5_000;
const RUNS: &str = "P00308000900";
const TARGET: &str = "P0S3-8-12-00";
/// Configurations that are fetched, one after another.
const FETCHES: u32 = 500;
/// The bar: with conversions the daemon's idle second costs at most so much more processor time, in milliseconds.
const BAR: f64 = 10.0;

struct Row {
    conversions: usize,
    /// Processor time of a second, in milliseconds.
    second: f64,
    median: Duration,
    longest: Duration,
}

fn main() {
    if !have(&[Component::MariaDb, Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx { database: Database::mariadb(), asterisk: None };
    fill(&pbx, PHONES, PHONES);
    let site = Site::new(&pbx);
    let daemon = site.serve();
    wait_for("every phone to be known", || {
        let known = daemon.json(&["phones", "list"]).as_array().map_or(0, Vec::len);
        if known == PHONES { Ok(()) } else { Err(known.to_string()) }
    });
    let archive = pack(TARGET, &set(TARGET).unwrap(), Form::Zip);
    let path = site.folder().join(&archive.name);
    std::fs::write(&path, &archive.bytes).unwrap();
    let added = daemon.cli(&["firmware", "add", path.to_str().unwrap()]);
    assert!(added.status.success(), "{}", text(&added.stderr));

    let without = measured(&daemon, 0);
    let began = Instant::now();
    let started = daemon.cli(&["convert", "start", "--all", "--running", RUNS]);
    assert!(started.status.success(), "{}", text(&started.stderr));
    let start = began.elapsed();
    let with = measured(&daemon, PHONES);
    daemon.stop();

    println!("{:>11} {:>17} {:>15} {:>16}", "conversions", "idle second ms", "fetch median µs", "fetch longest µs");
    for row in [&without, &with] {
        println!(
            "{:>11} {:>17.2} {:>15} {:>16}",
            row.conversions,
            row.second,
            row.median.as_micros(),
            row.longest.as_micros()
        );
    }
    let more = with.second - without.second;
    println!(
        "\n`convert start --all` of {PHONES} phones took {} ms; an idle second costs {more:.2} ms more, bar {BAR}",
        start.as_millis()
    );
    let json: Vec<serde_json::Value> = [&without, &with]
        .map(|row| {
            serde_json::json!({
                "conversions": row.conversions, "idle_second_cpu_ms": row.second,
                "fetch_median_us": row.median.as_micros(), "fetch_longest_us": row.longest.as_micros(),
            })
        })
        .into();
    println!(
        "{}",
        serde_json::json!({
            "bench": "converts", "rows": json, "start_ms": start.as_millis(), "more_ms": more, "bar_ms": BAR,
        })
    );
    assert!(more < BAR, "conversions that wait cost {more:.2} ms a second, the bar is {BAR}");
}

fn measured(daemon: &Daemon<'_>, conversions: usize) -> Row {
    wait_until_idle(daemon);
    let watched = watched();
    let before = processor_time(daemon);
    thread::sleep(watched);
    let spent = processor_time(daemon).saturating_sub(before);
    let mut took: Vec<Duration> = (0..FETCHES)
        .map(|_| {
            let began = Instant::now();
            // A phone that is assigned to nobody: what waits is to go on waiting.
            let file = fetch(daemon, "XMLDefault.cnf.xml");
            assert!(file.contains("Default"), "{file}");
            began.elapsed()
        })
        .collect();
    took.sort_unstable();
    Row {
        conversions,
        second: spent.as_secs_f64() * 1e3 / watched.as_secs_f64(),
        median: took[took.len() / 2],
        longest: took[took.len() - 1],
    }
}
