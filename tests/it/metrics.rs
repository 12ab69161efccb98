//! Metrics as Prometheus' own tool reads them, and what is made of them: alerts, dashboard, document.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::clients::scripted;
use crate::support::daemon::{Daemon, Site};
use crate::support::pbx::Pbx;
use crate::support::{Component, have, in_repository, phone_address, succeed, text};

fn metrics(daemon: &Daemon<'_>) -> String {
    succeed(Command::new("curl").args(["-sSf", &format!("http://{}/metrics", daemon.admin)]))
}

/// Names of metrics of ours in a text.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("offhook_")).map(str::to_owned).collect()
}

/// Families that `/metrics` explains.
fn families(page: &str) -> BTreeSet<String> {
    let helps = page.lines().filter_map(|line| line.strip_prefix("# HELP "));
    helps.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

fn value(page: &str, sample: &str) -> u64 {
    let line = page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {sample} in {page}")).parse().unwrap()
}

fn promtool(arguments: &[&str], input: &str) {
    let mut command = Command::new("promtool");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && !said.contains("lint"), "promtool {arguments:?}: {said}");
}

fn read(path: &str) -> String {
    std::fs::read_to_string(in_repository(path)).unwrap()
}

/// Every expression of the dashboard.
fn expressions(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            into.extend(map.get("expr").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| expressions(value, into));
        }
        Value::Array(all) => all.iter().for_each(|value| expressions(value, into)),
        _ => {}
    }
}

#[test]
fn what_is_measured_counts_and_has_few_labels() {
    if !have(&[Component::Program("curl")]) {
        return;
    }
    let pbx = Pbx::tables();
    pbx.add_extension("1001", "Ada Lovelace", "CANARY1001");
    pbx.add_phone("00087D0A0001", "7960", &["1001"]);
    let site = Site::new(&pbx);
    std::fs::write(site.fall_through().join("own.bin"), vec![7; 5_000]).unwrap();
    let daemon = site.serve();
    daemon.wait_for_file("SIP00087D0A0001.cnf", "served", |_| true);
    let before = metrics(&daemon);
    assert_eq!(value(&before, "offhook_phones_assigned"), 1);
    assert_eq!((value(&before, "offhook_lines"), value(&before, "offhook_lines_registered")), (1, 0));
    let timing = offhook::simulate::Timing::default();
    let from = phone_address();
    let asked = "offhook_file_requests_total{transport=\"tftp\",answer=\"fall-through\"}";
    assert!(!before.contains(asked));
    for _ in 0..3 {
        assert_eq!(scripted(from, daemon.tftp, "own.bin", &timing).unwrap().len(), 5_000);
    }
    crate::support::wait_for("three files to be sent", || {
        let page = metrics(&daemon);
        let sent = "offhook_file_transfers_total{transport=\"tftp\",outcome=\"sent\"} 3\n";
        if page.contains(sent) { Ok(()) } else { Err(page) }
    });
    let after = metrics(&daemon);
    assert_eq!(value(&after, asked), 3);
    assert_eq!(value(&after, "offhook_file_sent_bytes_total{transport=\"tftp\"}"), 15_000);
    let people = "offhook_http_answers_total{side=\"people\",status=\"2xx\"}";
    assert!(value(&after, people) > value(&before, people));
    // Names of the network are in no label.
    for n in 0..50 {
        let _ = scripted(from, daemon.tftp, &format!("no-such-\"{n}\".bin"), &timing);
        let _ = scripted(from, daemon.tftp, &format!("SEP00087D0B00{n:02}.cnf.xml"), &timing);
    }
    let flooded = metrics(&daemon);
    assert!(!flooded.contains("no-such") && !flooded.contains("00087D"), "{flooded}");
    assert!(flooded.lines().count() < after.lines().count() + 10, "{flooded}");
    daemon.stop();
}

#[test]
fn promtool_reads_them_and_alerts_dashboard_and_document_name_what_is_there() {
    if !have(&[Component::Program("curl"), Component::Program("promtool")]) {
        return;
    }
    let pbx = Pbx::tables();
    let site = Site::new(&pbx);
    let daemon = site.serve();
    let page = metrics(&daemon);
    promtool(&["check", "metrics"], &page);
    let there = families(&page);
    assert!(there.len() > 25, "{there:?}");
    daemon.stop();

    let rules = "contrib/prometheus/offhook.rules.yml";
    promtool(&["check", "rules", in_repository(rules).to_str().unwrap()], "");
    let tests = in_repository("contrib/prometheus/offhook.rules.test.yml");
    promtool(&["test", "rules", tests.to_str().unwrap()], "");

    let board: Value = serde_json::from_str(&read("contrib/grafana/offhook.json")).unwrap();
    let mut shown = Vec::new();
    expressions(&board, &mut shown);
    assert!(shown.len() > 20, "{shown:?}");
    // As rules they are what Prometheus takes, with Grafana's variables filled in.
    let as_rules: Vec<Value> = shown
        .iter()
        .enumerate()
        .map(|(at, expr)| {
            let expr = expr.replace("$__rate_interval", "5m").replace("$instance", ".*");
            assert!(!expr.contains('$'), "{expr}");
            serde_json::json!({"record": format!("panel:{at}"), "expr": expr})
        })
        .collect();
    let file = tempfile::Builder::new().suffix(".yml").tempfile().unwrap();
    let group = serde_json::json!({"groups": [{"name": "board", "rules": as_rules}]});
    std::fs::write(file.path(), group.to_string()).unwrap();
    promtool(&["check", "rules", file.path().to_str().unwrap()], "");

    for (what, named) in [("alerts", names(&read(rules))), ("dashboard", names(&shown.join(" ")))] {
        let absent: Vec<_> = named.difference(&there).collect();
        assert!(!named.is_empty() && absent.is_empty(), "{what}: {absent:?}");
    }
    let rows = read("docs/metrics.md");
    let rows: String =
        rows.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect::<Vec<_>>().join(" ");
    assert_eq!(names(&rows), there, "the table of docs/metrics.md");
}
