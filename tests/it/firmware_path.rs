//! `offhook firmware path`, which needs no daemon.

use serde_json::{Value, json};

use crate::support::daemon::offhook;
use crate::support::{run, succeed, text};

fn asked<'a>(model: &'a str, from: &'a str, to: &'a str) -> [&'a str; 8] {
    ["firmware", "path", "--model", model, "--from", from, "--to", to]
}

fn asked_for_json<'a>(model: &'a str, from: &'a str, to: &'a str) -> [&'a str; 9] {
    ["--json", "firmware", "path", "--model", model, "--from", from, "--to", to]
}

#[test]
fn the_steps_are_told_to_people_and_to_programs() {
    let told = succeed(&mut offhook(asked("CP-7960G", "P00303010102", "P0S3-8-12-00")));
    for part in ["3 steps", "1. P00303010102 -> P00305000500", "ONE WAY", "legacy-7", "SEED1", "was not asked"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("MISSING"), "{told}");
    let answer = succeed(&mut offhook(asked_for_json("7960", "P00303010102", "P0S3-8-12-00")));
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["refused"], Value::Null);
    assert_eq!((&answer["one_way"], &answer["store_asked"]), (&json!(true), &json!(false)));
    let steps = answer["steps"].as_array().unwrap();
    let way: Vec<&str> = steps.iter().map(|step| step["to"].as_str().unwrap()).collect();
    assert_eq!(way, ["P00305000500", "P00308000900", "P0S3-8-12-00"]);
    assert_eq!(steps[1]["via"], json!([{ "file": "XMLDefault.cnf.xml", "name": "P00308000900" }]));
    assert_eq!((&steps[1]["rule"], &steps[1]["source"]), (&json!("legacy-7"), &json!("SEED1")));
}

#[test]
fn what_is_impossible_or_mistyped_is_said_in_one_line() {
    for (from, to, part) in [
        ("P0S3-8-12-00", "P00303010102", "no way back below 5.0"),
        ("P0S3-8-12-00", "p0s3-8-12-00", "Did you mean P0S3-8-12-00?"),
        ("unknown", "P003-8-12-00", "Did you mean P0S3-8-12-00?"),
        ("brand-new", "P0S3-8-12-00", "say loader, factory or unknown"),
        ("loader", "SIP42.9-4-2SR3-1S", "no load for a 7960"),
    ] {
        let refused = run(&mut offhook(asked("7960", from, to)));
        assert_eq!(refused.status.code(), Some(1), "{from} {to}");
        let line = text(&refused.stderr);
        assert!(line.contains(part) && line.lines().count() == 1, "{line}");
        let refused = run(&mut offhook(asked_for_json("7960", from, to)));
        assert_eq!(refused.status.code(), Some(1), "{from} {to}");
        let answer: Value = serde_json::from_str(&text(&refused.stdout)).unwrap();
        assert_eq!(answer["steps"], json!([]));
        assert!(answer["refused"]["summary"].is_string() && answer["refused"]["remedy"].is_string(), "{answer}");
    }
}
