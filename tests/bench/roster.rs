//! What watching the PBX costs: processor time of the real daemon for its first read and for one poll that finds nothing
//! new, and how long a changed phone takes to be served, with 1,000, 10,000 and 50,000 extensions (51 rows of settings
//! each, as FreePBX writes them) and a fifth as many phones, 2,000 at most, on a private MariaDB each.
//!
//! Prints a table and, as its last line, the same as JSON; ends with 1 when a bar is missed. `OFFHOOK_BENCH_SECONDS` sets
//! the time watched (15).
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, dead_code)]

#[path = "../it/support/mod.rs"]
mod support;

mod measure;

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use measure::{fetch, fill, peak_memory, processor_time, wait_until_idle, watched};
use support::daemon::{Daemon, Site};
use support::pbx::Pbx;
use support::sql::Database;
use support::{Component, have, text, wait_for};

/// Extensions; the bars are for the second.
const SIZES: [usize; 3] = [1_000, 10_000, 50_000];
const BARRED: usize = 10_000;
/// The bar: processor time of a poll that finds nothing new.
const BAR: Duration = Duration::from_millis(5);
/// A poll that finds nothing new costs with the most extensions at most so many times what it costs with the fewest.
const FLAT: f64 = 2.0;
/// Changes of a phone's row that are timed, and the bar: the poll interval of the tests' configuration and 100 ms.
const CHANGES: usize = 20;
const SERVED_BAR: Duration = Duration::from_millis(200 + 100);

/// What one size came to.
struct Row {
    extensions: usize,
    phones: usize,
    first_read: Duration,
    polls: u32,
    poll: Duration,
    served_median: Duration,
    served_longest: Duration,
    peak_memory_kib: u64,
}

fn main() {
    if !have(&[Component::MariaDb, Component::Program("curl")]) {
        return;
    }
    let rows: Vec<Row> = SIZES.into_iter().map(measured).collect();
    println!(
        "{:>10} {:>7} {:>14} {:>7} {:>14} {:>17} {:>18} {:>9}",
        "extensions",
        "phones",
        "first read ms",
        "polls",
        "one poll ms",
        "served median ms",
        "served longest ms",
        "peak MiB"
    );
    for row in &rows {
        println!(
            "{:>10} {:>7} {:>14} {:>7} {:>14.3} {:>17} {:>18} {:>9}",
            row.extensions,
            row.phones,
            row.first_read.as_millis(),
            row.polls,
            row.poll.as_secs_f64() * 1e3,
            row.served_median.as_millis(),
            row.served_longest.as_millis(),
            row.peak_memory_kib / 1024
        );
    }
    let barred = rows.iter().find(|row| row.extensions == BARRED).unwrap();
    let flat = rows[rows.len() - 1].poll.as_secs_f64() / rows[0].poll.as_secs_f64();
    println!(
        "\nprocessor time is user and system time of the daemon; a row is served within the poll interval and its read\n\
         bars at {BARRED}: one poll {} ms, served {} ms; from {} to {} extensions a poll grows {flat:.2} times, bar {FLAT}",
        BAR.as_millis(),
        SERVED_BAR.as_millis(),
        SIZES[0],
        SIZES[2]
    );
    let json: Vec<serde_json::Value> = rows
        .iter()
        .map(|row| {
            serde_json::json!({
                "extensions": row.extensions, "phones": row.phones, "first_read_cpu_ms": row.first_read.as_millis(),
                "polls": row.polls, "poll_cpu_ms": row.poll.as_secs_f64() * 1e3,
                "served_median_ms": row.served_median.as_millis(), "served_longest_ms": row.served_longest.as_millis(),
                "peak_memory_kib": row.peak_memory_kib,
            })
        })
        .collect();
    println!(
        "{}",
        serde_json::json!({
            "bench": "roster", "rows": json, "bar_ms": BAR.as_millis(), "served_bar_ms": SERVED_BAR.as_millis(),
            "poll_growth": flat, "poll_growth_bar": FLAT,
        })
    );
    assert!(barred.poll < BAR, "a poll costs {:?}, the bar is {BAR:?}", barred.poll);
    let longest = barred.served_longest;
    assert!(longest < SERVED_BAR, "a changed row took {longest:?} to be served, the bar is {SERVED_BAR:?}");
    assert!(flat < FLAT, "a poll that finds nothing new grows {flat:.2} times, the bar is {FLAT}");
}

fn measured(extensions: usize) -> Row {
    eprintln!("roster: {extensions} extensions");
    let phones = (extensions / 5).min(2_000);
    let pbx = Pbx { database: Database::mariadb(), asterisk: None };
    fill(&pbx, extensions, phones);
    let site = Site::new(&pbx);
    let daemon = site.serve();
    wait_for("every phone to be known", || {
        let known = daemon.json(&["phones", "list"]).as_array().map_or(0, Vec::len);
        if known == phones { Ok(()) } else { Err(known.to_string()) }
    });
    let first_read = processor_time(&daemon);
    wait_until_idle(&daemon);

    let watched = watched();
    let (polls_before, spent_before) = (polls(&daemon), processor_time(&daemon));
    thread::sleep(watched);
    let (polls_after, spent_after) = (polls(&daemon), processor_time(&daemon));
    let polls = polls_after - polls_before;
    assert!(polls > 0, "the daemon did not poll in {watched:?}");

    let changes = changes(&pbx, &daemon);
    let row = Row {
        extensions,
        phones,
        first_read,
        polls,
        poll: spent_after.saturating_sub(spent_before) / polls,
        served_median: changes[changes.len() / 2],
        served_longest: changes[changes.len() - 1],
        peak_memory_kib: peak_memory(&daemon),
    };
    daemon.stop();
    row
}

/// How long changes of a phone's row take from before the statement is sent until the phone is served them; sorted.
fn changes(pbx: &Pbx, daemon: &Daemon<'_>) -> Vec<Duration> {
    let mac = "00087D000007";
    let mut all: Vec<Duration> = (0..CHANGES)
        .map(|n| {
            let label = format!("Label{n}x");
            let began = Instant::now();
            pbx.database.execute(&format!("UPDATE offhook_lines SET label = '{label}' WHERE mac = '{mac}'"));
            wait_for("the changed row to be served", || {
                let file = fetch(daemon, &format!("SIP{mac}.cnf"));
                if file.contains(&label) { Ok(began.elapsed()) } else { Err(file) }
            })
        })
        .collect();
    all.sort_unstable();
    all
}

/// How often the daemon has looked at the PBX so far, by its own count.
fn polls(daemon: &Daemon<'_>) -> u32 {
    let output = support::run(Command::new("curl").args(["-sSf", &format!("http://{}/metrics", daemon.admin)]));
    let metrics = text(&output.stdout);
    let line = metrics.lines().find_map(|line| line.strip_prefix("offhook_pbx_polls_total "));
    line.unwrap_or_else(|| panic!("no offhook_pbx_polls_total in:\n{metrics}")).trim().parse().unwrap()
}
