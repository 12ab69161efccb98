//! Medians, the table, the JSON, and which bars are missed.

use std::time::Duration;

use serde_json::{Value, json};

use crate::Workload;
use crate::load::Outcome;
use crate::watched::WATCHED;

/// Every run of every server.
#[derive(Default)]
pub(crate) struct Figures {
    runs: Vec<(Workload, String, Outcome, Option<Duration>, u64)>,
}

/// Medians of one server at one workload.
struct Row {
    workload: Workload,
    server: String,
    runs: usize,
    seconds: f64,
    megabytes_per_second: f64,
    files_per_second: f64,
    p99: f64,
    /// `None` where it cannot be told.
    cpu_per_gigabyte: Option<f64>,
    asked_again: f64,
    doubled: f64,
    failed: f64,
    memory_mib: f64,
}

impl Figures {
    pub(crate) fn add(
        &mut self,
        workload: Workload,
        server: &str,
        outcome: Outcome,
        spent: Option<Duration>,
        memory: u64,
    ) {
        self.runs.push((workload, server.to_owned(), outcome, spent, memory));
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        for (workload, server, ..) in &self.runs {
            if rows.iter().any(|row| row.workload == *workload && row.server == *server) {
                continue;
            }
            let mine = || self.runs.iter().filter(|run| run.0 == *workload && run.1 == *server);
            let of = |figure: &dyn Fn(&Outcome) -> f64| median(mine().map(|run| figure(&run.2)).collect());
            let per_gigabyte = |run: &(Workload, String, Outcome, Option<Duration>, u64)| {
                run.3.map(|spent| spent.as_secs_f64() * 1e9 / run.2.octets as f64)
            };
            rows.push(Row {
                workload: *workload,
                server: server.clone(),
                runs: mine().count(),
                seconds: of(&|outcome| outcome.took.as_secs_f64()),
                megabytes_per_second: of(&|outcome| outcome.octets as f64 / 1e6 / outcome.took.as_secs_f64()),
                files_per_second: of(&|outcome| outcome.files as f64 / outcome.took.as_secs_f64()),
                p99: of(&|outcome| outcome.quantile(0.99).as_secs_f64()),
                cpu_per_gigabyte: mine().map(per_gigabyte).collect::<Option<Vec<f64>>>().map(median),
                asked_again: of(&|outcome| outcome.asked_again as f64),
                doubled: of(&|outcome| outcome.doubled as f64),
                failed: of(&|outcome| outcome.failed as f64),
                memory_mib: mine().map(|run| run.4).max().unwrap_or(0) as f64 / 1_024.0,
            });
        }
        rows
    }

    /// The table and the JSON; what is missed of what must be reached.
    pub(crate) fn print(&self, versions: &[String]) -> Vec<String> {
        let rows = self.rows();
        let mut shown = None;
        for row in &rows {
            if shown != Some(row.workload) {
                shown = Some(row.workload);
                println!("\n{} (medians of {} runs)", row.workload.what, row.runs);
                println!(
                    "  {:<10} {:>9} {:>8} {:>9} {:>9} {:>9} {:>8} {:>8} {:>7} {:>8}",
                    "", "s", "MB/s", "files/s", "p99 ms", "CPU s/GB", "asked 2x", "sent 2x", "failed", "peak MiB"
                );
            }
            println!(
                "  {:<10} {:>9.3} {:>8.1} {:>9.0} {:>9.1} {:>9} {:>8} {:>8} {:>7} {:>8.1}",
                row.server,
                row.seconds,
                row.megabytes_per_second,
                row.files_per_second,
                row.p99 * 1e3,
                row.cpu_per_gigabyte.map_or("-".to_owned(), |cpu| format!("{cpu:.2}")),
                row.asked_again,
                row.doubled,
                row.failed,
                row.memory_mib
            );
        }
        let bars = bars(&rows);
        println!("\n{:<66} {:>9} {:>9}", "what must be reached", "bar", "reached");
        for bar in &bars {
            let mark = if bar.met() { "" } else { "  MISSED" };
            println!("{:<66} {:>9} {:>9.3}{mark}", bar.what, bar.shown(), bar.reached);
        }
        let rows: Vec<Value> = rows.iter().map(Row::json).collect();
        let listed: Vec<Value> = bars
            .iter()
            .map(|bar| json!({ "what": bar.what, "bar": bar.limit, "at_least": bar.at_least, "reached": bar.reached, "met": bar.met() }))
            .collect();
        println!("\n{}", json!({ "bench": "tftp", "peers": versions, "rows": rows, "bars": listed }));
        bars.iter().filter(|bar| !bar.met()).map(|bar| bar.what.clone()).collect()
    }
}

impl Row {
    fn json(&self) -> Value {
        json!({
            "workload": self.workload.name, "server": self.server, "runs": self.runs, "seconds": self.seconds,
            "mb_per_s": self.megabytes_per_second, "files_per_s": self.files_per_second, "p99_ms": self.p99 * 1e3,
            "cpu_s_per_gb": self.cpu_per_gigabyte, "asked_again": self.asked_again, "doubled": self.doubled,
            "failed": self.failed, "peak_memory_mib": self.memory_mib,
        })
    }
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A figure of ours, mostly as a ratio to the best peer of the same run.
struct Bar {
    what: String,
    limit: f64,
    at_least: bool,
    reached: f64,
}

impl Bar {
    fn met(&self) -> bool {
        if self.at_least { self.reached >= self.limit } else { self.reached <= self.limit }
    }

    fn shown(&self) -> String {
        format!("{} {}", if self.at_least { ">=" } else { "<=" }, self.limit)
    }
}

fn bars(rows: &[Row]) -> Vec<Bar> {
    let mut bars = Vec::new();
    let ours = |name: &str| rows.iter().find(|row| row.workload.name == name && row.server == "offhook");
    let theirs = |name: &str, figure: fn(&Row) -> f64, best: fn(f64, f64) -> f64| {
        // A peer that lost files sets no mark.
        let ours = |row: &&Row| matches!(row.server.as_str(), "offhook" | WATCHED);
        let peers = rows.iter().filter(|row| row.workload.name == name && !ours(row) && row.failed == 0.0);
        peers.map(figure).reduce(best)
    };
    let mut ratio =
        |name: &str, what: &str, figure: fn(&Row) -> f64, best: fn(f64, f64) -> f64, limit: f64, at_least: bool| {
            if let (Some(own), Some(peer)) = (ours(name), theirs(name, figure, best)) {
                bars.push(Bar {
                    what: format!("{name}: {what}, to the best peer's"),
                    limit,
                    at_least,
                    reached: figure(own) / peer,
                });
            }
        };
    // Bounded by waking up, whoever serves: nobody is ahead of nobody, and a tenth is chance.
    ratio("lone", "MB/s", |row| row.megabytes_per_second, f64::max, 0.9, true);
    ratio("boot", "MB/s", |row| row.megabytes_per_second, f64::max, 1.2, true);
    ratio("boot", "CPU seconds per GB", |row| row.cpu_per_gigabyte.unwrap_or(f64::INFINITY), f64::min, 0.85, false);
    ratio("configs", "files/s", |row| row.files_per_second, f64::max, 8.0, true);
    ratio("configs", "p99", |row| row.p99, f64::min, 0.1, false);
    ratio("loss", "time", |row| row.seconds, f64::min, 1.0 / 3.0, false);
    ratio("windows", "MB/s", |row| row.megabytes_per_second, f64::max, 1.2, true);
    // Who watches costs phones nothing; a tenth is chance.
    for name in ["boot", "configs"] {
        let watched = rows.iter().find(|row| row.workload.name == name && row.server == WATCHED);
        if let Some((alone, watched)) = ours(name).zip(watched) {
            bars.push(Bar {
                what: format!("{name}: time with {} pages open, to that with none", crate::watched::PAGES),
                limit: 1.1,
                at_least: false,
                reached: watched.seconds / alone.seconds,
            });
        }
    }
    let mut own = |name: &str, what: &str, figure: fn(&Row) -> f64, limit: f64| {
        if let Some(row) = ours(name) {
            bars.push(Bar { what: format!("{name}: {what}"), limit, at_least: false, reached: figure(row) });
        }
    };
    for name in ["lone", "boot", "configs", "loss", "windows"] {
        own(name, "fetches failed", |row| row.failed, 0.0);
    }
    own("configs", "asked again", |row| row.asked_again, 0.0);
    own("configs", "sent twice", |row| row.doubled, 0.0);
    // Of which a third is what a thousand timelines hold after ten storms.
    own("configs", "peak memory, MiB", |row| row.memory_mib, 96.0);
    bars
}
