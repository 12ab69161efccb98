//! The planner against an oracle that is transcribed from the two upgrade tables and reads nothing of `paths.toml`, and
//! against a search of another kind; the chains of the how-to articles and field reports as examples.

use std::collections::BTreeSet;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::catalog::Catalog;
use crate::domain::Signalling::{self, Sccp, Sip};

type Version = [u16; 4];

fn load(name: &str) -> Load {
    Load::parse(name).unwrap_or_else(|| panic!("{name}"))
}

fn from(text: &str) -> From {
    text.parse().unwrap_or_else(|()| panic!("{text}"))
}

fn complete(names: &[&str]) -> Vec<Stock> {
    names.iter().map(|name| Stock { load: load(name), missing: Vec::new(), hardware: None }).collect()
}

/// The loads of a path, start included, or why there is none.
fn way(model: &str, start: &str, to: &str, facts: &Facts<'_>) -> Result<Vec<String>, Refused> {
    let catalog = Catalog::builtin();
    let path = plan(Paths::builtin(), catalog.find(model).unwrap(), &from(start), &load(to), facts)?;
    Ok([start.to_owned()].into_iter().chain(path.steps.into_iter().map(|step| step.to)).collect())
}

fn step(model: &str, start: &str, to: &str) -> PathStep {
    let catalog = Catalog::builtin();
    let path = plan(Paths::builtin(), catalog.find(model).unwrap(), &from(start), &load(to), &Facts::default());
    let mut steps = path.unwrap().steps;
    assert_eq!(steps.len(), 1, "{steps:?}");
    steps.remove(0)
}

// ---- Examples.

const SHOWN: Signs = Signs { universal_loader: Some(true) };
const NOT_SHOWN: Signs = Signs { universal_loader: Some(false) };

#[test]
fn the_chains_of_the_articles_and_reports() {
    for (model, chain) in [
        ("7960", &["P00303010102", "P00305000500", "P00308000900", "P0S3-8-12-00"][..]),
        ("7940", &["P00305000500", "P00308000900", "P0S3-8-12-00"]),
        ("7960", &["P00305000200", "P00308000400", "P0S3-8-12-00"]),
        ("7960", &["P0030801SR02", "P0S3-8-12-00"]),
        ("7960", &["P00308000400", "P0S3-8-12-00"]),
        ("7960", &["P0S30202", "P0S3-04-4-00", "P0S3-05-3-00", "P0S3-06-3-00", "P0S3-07-4-00", "P0S3-8-12-00"]),
        ("7960", &["P0S3-06-3-00", "P0S3-07-4-00", "P0S3-8-12-00"]),
        ("7960", &["P0S3-07-3-00", "P0S3-07-4-00"]),
        ("7960", &["P0S3-08-11-00", "P0S3-8-12-00"]),
        ("7960", &["P0S3-06-3-00", "P0S3-07-4-00", "P00307000000"]),
        ("7960", &["P0S3-8-12-00", "P00308000400"]),
        ("7960", &["P0S3-07-4-00", "P00307020300"]),
        ("7960", &["P0S3-07-4-00", "P0S3-06-3-00"]),
        ("7960", &["loader", "P0S3-8-12-00"]),
        ("7960", &["unknown", "P00305000500", "P00308000900", "P0S3-8-12-00"]),
        ("7960", &["factory", "P00305000500", "P00308000900", "P0S3-8-12-00"]),
        ("7941", &["SCCP41.8-2-1S", "SIP41.8-5-2S", "SIP41.9-4-2SR3-1S"]),
        ("7941", &["SCCP41.8-3-3S", "SIP41.9-4-2SR3-1S"]),
        ("7941", &["SIP41.8-3-3S", "SIP41.8-5-2S", "SIP41.8-5-4S"]),
        ("7941", &["SIP41.8-3-3S", "SIP41.8-5-2S"]),
        ("7942", &["SCCP42.9-4-2SR3-1S", "SIP42.9-4-2SR3-1S"]),
        ("7942", &["SIP42.8-5-2SR1S", "SIP42.9-4-2SR3-1S"]),
        ("7942", &["SIP42.9-4-2SR3-1S", "SCCP42.9-4-2SR3-1S"]),
        ("7970", &["SCCP70.8-3-2S", "SIP70.8-3-3S", "SIP70.8-4-4S"]),
        ("7970", &["SCCP70.8-3-2S", "SIP70.8-5-2S", "SIP70.9-2-1S"]),
        ("7970", &["factory", "SIP70.8-5-2S", "SIP70.8-5-2SR1S"]),
        ("7965", &["factory", "SIP45.9-3-1SR4-1S"]),
        ("7965", &["factory", "SIP45.9-4-2SR3-1S"]),
        ("7965", &["factory", "SIP45.8-5-2S", "SIP45.9-2-1S"]),
        ("7945", &["loader", "SCCP45.9-4-2SR3-1S"]),
        ("7962", &["factory", "SIP42.9-2-1S"]),
        ("7906", &["factory", "SIP11.9-4-2SR3-1S"]),
        ("7942", &["unknown", "SIP42.8-5-2S", "SIP42.9-4-2SR3-1S"]),
    ] {
        let (start, end) = (chain[0], chain[chain.len() - 1]);
        assert_eq!(way(model, start, end, &Facts::default()).unwrap(), chain, "{model}");
    }
}

/// The article's own chain is longer than the planner's, and each step of it is one of the catalogue.
#[test]
fn the_second_article_takes_steps_that_are_listed() {
    let catalog = Catalog::builtin();
    let model = catalog.find("7960").unwrap();
    let chain = ["P00305000500", "P0S3-06-3-00", "P00307000000", "P0S3-08-11-00", "P0S3-8-12-00"];
    for (pair, rule) in chain.windows(2).zip(["legacy-5", "legacy-22", "legacy-11", "legacy-21"]) {
        match Paths::builtin().verdict(model, &from(pair[0]), Signs::default(), &load(pair[1])) {
            Verdict::Allowed(edge) => assert_eq!(edge.rule, rule),
            other => panic!("{pair:?}: {other:?}"),
        }
    }
}

#[test]
fn the_store_decides_between_equals() {
    let held = |names: &[&str], model: &str, start: &str, to: &str| {
        let stock = complete(names);
        way(model, start, to, &Facts { stock: Some(&stock), ..Facts::default() }).unwrap()
    };
    let target = "P0S3-8-12-00";
    // Only what some units refuse is in the store: the other one of the two is taken.
    assert_eq!(
        held(&["P00308000400", target], "7960", "P00305000500", target),
        ["P00305000500", "P00308000400", target]
    );
    assert_eq!(
        held(&["P00308000400", "P00308000900", target], "7960", "P00305000500", target),
        ["P00305000500", "P00308000900", target]
    );
    let target = "SIP41.9-4-2SR3-1S";
    for (owned, stone) in
        [("SIP41.8-3-3S", "SIP41.8-3-3S"), ("SCCP41.8-5-2S", "SCCP41.8-5-2S"), ("SIP41.8-4-4S", "SIP41.8-4-4S")]
    {
        assert_eq!(held(&[owned, target], "7941", "SCCP41.8-2-1S", target), ["SCCP41.8-2-1S", stone, target]);
    }
    assert_eq!(
        held(&["SIP41.8-3-3S", "SIP41.8-5-2S"], "7941", "SCCP41.8-2-1S", target),
        ["SCCP41.8-2-1S", "SIP41.8-5-2S", target]
    );
}

#[test]
fn what_the_store_lacks_is_said_by_name() {
    let mut stock = complete(&["P00305000500"]);
    let lacks = vec!["P00308000900.sb2".to_owned()];
    stock.push(Stock { load: load("P00308000900"), missing: lacks.clone(), hardware: None });
    let catalog = Catalog::builtin();
    let model = catalog.find("7960").unwrap();
    let planned = |facts: &Facts<'_>| {
        let path = plan(Paths::builtin(), model, &from("P00303010102"), &load("P0S3-8-12-00"), facts).unwrap();
        path.steps.into_iter().map(|step| (step.missing, step.lacks)).collect::<Vec<_>>()
    };
    let facts = Facts { stock: Some(&stock), ..Facts::default() };
    assert_eq!(planned(&facts), [(false, vec![]), (true, lacks), (true, vec![])]);
    assert_eq!(planned(&Facts::default()), vec![(false, vec![]); 3], "nobody asked the store");
}

#[test]
fn signs_of_the_universal_loader_shorten_the_way() {
    for (signs, chain) in [
        (SHOWN, &["unknown", "P0S3-8-12-00"][..]),
        (NOT_SHOWN, &["unknown", "P00305000500", "P00308000900", "P0S3-8-12-00"]),
    ] {
        assert_eq!(way("7960", "unknown", "P0S3-8-12-00", &Facts { signs, ..Facts::default() }).unwrap(), chain);
    }
}

#[test]
fn a_step_says_what_to_serve_and_what_is_asked_for() {
    let told = |step: &PathStep| {
        let via: Vec<String> = step.via.iter().map(|via| format!("{}={}", via.file, via.name)).collect();
        (via.join(" "), step.asks.join(" "))
    };
    for (model, start, to, via, asks) in [
        (
            "7960",
            "P00303010102",
            "P00305000500",
            "XMLDefault.cnf.xml=P00305000500 OS79XX.TXT=P00305000500",
            "P00305000500.bin",
        ),
        (
            "7960",
            "P00305000500",
            "P00308000900",
            "XMLDefault.cnf.xml=P00308000900",
            "P00308000900.sbn P00308000900.loads",
        ),
        (
            "7960",
            "P00305000500",
            "P0S3-07-4-00",
            "SEP<MAC>.cnf.xml=P003-07-4-00 XMLDefault.cnf.xml=P003-07-4-00 SEP<MAC>.cnf.xml=P0S3-07-4-00 \
             XMLDefault.cnf.xml=P0S3-07-4-00",
            "P003-07-4-00.sbn P0S3-07-4-00.loads",
        ),
        (
            "7960",
            "P0S3-06-3-00",
            "P0S3-07-4-00",
            "SIPDefault.cnf=P003-07-4-00 SEP<MAC>.cnf.xml=P0S3-07-4-00 XMLDefault.cnf.xml=P0S3-07-4-00",
            "P003-07-4-00.sbn P0S3-07-4-00.loads",
        ),
        (
            "7960",
            "loader",
            "P0S3-8-12-00",
            "SEP<MAC>.cnf.xml=P0S3-8-12-00 XMLDefault.cnf.xml=P0S3-8-12-00 SIPDefault.cnf=P0S3-8-12-00",
            "P0S3-8-12-00.loads",
        ),
        (
            "7965",
            "factory",
            "SIP45.9-4-2SR3-1S",
            "term65.default.loads=SIP45.9-4-2SR3-1S SEP<MAC>.cnf.xml=SIP45.9-4-2SR3-1S",
            "term65.default.loads SIP45.9-4-2SR3-1S.loads",
        ),
    ] {
        assert_eq!(told(&step(model, start, to)), (via.to_owned(), asks.to_owned()), "{start} -> {to}");
    }
}

#[test]
fn the_door_is_marked_where_it_is_and_nowhere_else() {
    let catalog = Catalog::builtin();
    for (model, start, to, doors) in [
        ("7960", "P00303010102", "P0S3-8-12-00", vec![true, false, false]),
        ("7960", "unknown", "P0S3-8-12-00", vec![true, false, false]),
        ("7960", "P0S30202", "P0S3-06-3-00", vec![false, true, false]),
        ("7960", "loader", "P0S3-8-12-00", vec![false]),
        ("7960", "P00308000900", "P0S3-8-12-00", vec![false]),
        ("7941", "SCCP41.8-2-1S", "SIP41.9-4-2SR3-1S", vec![false, false]),
    ] {
        let path = plan(Paths::builtin(), catalog.find(model).unwrap(), &from(start), &load(to), &Facts::default());
        let path = path.unwrap();
        assert_eq!(path.steps.iter().map(|step| step.one_way).collect::<Vec<_>>(), doors, "{start}");
        assert!(path.steps.iter().all(|step| step.one_way == step.door.is_some()));
        assert_eq!(path.one_way(), doors.contains(&true));
    }
}

#[test]
fn what_cannot_be_done_is_refused_with_a_reason() {
    for (model, start, to, part, nearest) in [
        ("7960", "P0S3-8-12-00", "P00303010102", "no way back below 5.0", None),
        ("7960", "loader", "P0S3-04-4-00", "no way back below 5.0", None),
        ("7960", "P00308000900", "SIP42.9-4-2SR3-1S", "no load for a 7960", None),
        ("7960", "SIP42.9-4-2SR3-1S", "P0S3-8-12-00", "cannot be running", None),
        ("7942", "SCCP42.8-3-3S", "SIP41.9-4-2SR3-1S", "no load for a 7942", Some("SIP42.9-4-2SR3-1S")),
        ("7960", "P00308000900", "P0S3-8-21-00", "No source knows a way", Some("P0S3-8-12-00")),
    ] {
        let refused = way(model, start, to, &Facts::default()).unwrap_err();
        assert!(refused.summary.contains(part) && !refused.remedy.is_empty(), "{refused:?}");
        assert_eq!(refused.nearest.as_deref(), nearest, "{to}");
    }
    let long = way("7960", "P00308000900", "P0S3-8-12-000000000000", &Facts::default()).unwrap_err();
    assert!(long.summary.contains("22 characters; a 7960 takes 20"), "{long:?}");
}

#[test]
fn the_load_that_runs_needs_no_step_and_the_way_back_is_a_way() {
    assert_eq!(way("7960", "P0S3-8-12-00", "P0S3-8-12-00", &Facts::default()).unwrap(), ["P0S3-8-12-00"]);
    assert_eq!(
        way("7960", "P0S3-8-12-00", "P00305000500", &Facts::default()).unwrap(),
        ["P0S3-8-12-00", "P00305000500"]
    );
    assert_eq!(step("7942", "SIP42.9-4-2SR3-1S", "SCCP42.8-5-2S").rule, "java-16");
}

#[test]
fn nothing_made_for_older_hardware_is_offered() {
    let marked = |name: &str, hardware| Stock { load: load(name), missing: Vec::new(), hardware };
    let stock = [
        marked("SIP42.8-5-2S", Some(1)),
        marked("SIP42.8-4-4S", None),
        marked("SIP42.8-5-4S", Some(1)),
        marked("SIP42.9-4-2SR3-1S", Some(5)),
    ];
    let facts = |arrived_hardware| Facts { arrived_hardware, stock: Some(&stock), ..Facts::default() };
    let old = "SCCP42.8-2-1S";
    assert_eq!(way("7942", old, "SIP42.9-4-2SR3-1S", &facts(None)).unwrap()[1], "SIP42.8-5-2S");
    assert_eq!(way("7942", old, "SIP42.9-4-2SR3-1S", &facts(Some(1))).unwrap()[1], "SIP42.8-5-2S");
    assert_eq!(way("7942", old, "SIP42.9-4-2SR3-1S", &facts(Some(5))).unwrap()[1], "SIP42.8-4-4S");
    let refused = way("7942", "SIP42.9-4-2SR3-1S", "SIP42.8-5-4S", &facts(Some(5))).unwrap_err();
    assert!(refused.summary.contains("hardware mark 1"), "{refused:?}");
}

#[test]
fn a_mistyped_name_is_taken_for_the_nearest_one() {
    let catalog = Catalog::builtin();
    let stock = complete(&["SIP42.9-9-9S"]);
    let facts = Facts { stock: Some(&stock), ..Facts::default() };
    for (model, typed, meant) in [
        ("7960", "P0S3-08-12-00", Some("P0S3-8-12-00")),
        ("7960", "p0s3-8-12-00", Some("P0S3-8-12-00")),
        ("7960", "P003-8-12-00", Some("P0S3-8-12-00")),
        ("7960", "P0S3-8-12-OO", Some("P0S3-8-12-00")),
        ("7960", "P0S3-8-12-00", None),
        ("7960", "hello", None),
        ("7960", "", None),
        ("7942", "SIP42.9-4-2RS3-1S", Some("SIP42.9-4-2SR3-1S")),
        ("7942", "SIP42.9-9-8S", Some("SIP42.9-9-9S")),
    ] {
        assert_eq!(nearest(Paths::builtin(), catalog.find(model).unwrap(), typed, &facts).as_deref(), meant, "{typed}");
    }
    let path =
        plan(Paths::builtin(), catalog.find("7960").unwrap(), &From::Loader, &load("P0S3-08-12-00"), &Facts::default());
    assert_eq!(path.unwrap().nearest.as_deref(), Some("P0S3-8-12-00"));
    assert_eq!(nearest(Paths::builtin(), catalog.find("7960").unwrap(), &"P".repeat(1 << 20), &facts), None);
}

#[test]
fn the_default_target_is_the_configured_one_or_the_newest_whole_sip_set() {
    let catalog = Catalog::builtin();
    let held = |names: &[(&str, bool)]| names.iter().map(|(name, whole)| (load(name), *whole)).collect::<Vec<_>>();
    let sets = held(&[
        ("SIP42.8-5-2S", true),
        ("SIP42.9-3-1SR4-1S", true),
        ("SIP42.9-4-2SR3-1S", false),
        ("SCCP42.9-4-2SR3-1S", true),
        ("SIP45.9-4-2SR3-1S", true),
        ("P0S3-8-12-00", true),
    ]);
    for (model, configured, target) in [
        ("7942", None, Some("SIP42.9-3-1SR4-1S")),
        ("7965", None, Some("SIP45.9-4-2SR3-1S")),
        ("7960", None, Some("P0S3-8-12-00")),
        ("7941", None, None),
        ("7942", Some("SCCP42.8-5-2S"), Some("SCCP42.8-5-2S")),
        ("7942", Some("nonsense"), None),
    ] {
        let target = target.map(load);
        assert_eq!(default_target(catalog.find(model).unwrap(), configured, &sets), target, "{model}");
    }
}

#[test]
fn what_is_refused_has_a_way_around() {
    let catalog = Catalog::builtin();
    let around = |model: &str, start: &str, to: &str, trigger, held: &[&str]| {
        let stock = complete(held);
        let facts = Facts { stock: Some(&stock), ..Facts::default() };
        let model = catalog.find(model).unwrap();
        let paths = Paths::builtin();
        let Verdict::Allowed(edge) = paths.verdict(model, &from(start), facts.signs, &load(to)) else { panic!("{to}") };
        let refused = PathStep::new(edge, paths, model, &from(start), &load(to), &facts);
        let steps = fallbacks(paths, model, &refused, trigger, &facts);
        for step in &steps {
            assert_eq!(step.from, start);
            assert!(step.fallback.is_some() && step.to != to);
        }
        steps.into_iter().map(|step| step.to).collect::<Vec<_>>()
    };
    let image = Trigger::ImageRejected;
    for (model, start, to, trigger, held, expected) in [
        ("7960", "P00305000500", "P00308000900", image, &[][..], &["P00308000400"][..]),
        ("7960", "P0S3-8-12-00", "P00308000500", image, &[], &["P00308000400"]),
        ("7960", "P00308000900", "P0S3-8-12-00", image, &[], &["P00308000400"]),
        ("7960", "loader", "P0S3-8-12-00", image, &[], &["P00308000400"]),
        ("7960", "P00308000400", "P0S3-8-12-00", image, &[], &[]),
        ("7960", "P00305000500", "P00308000400", image, &[], &[]),
        ("7960", "P00303010102", "P00305000500", image, &[], &[]),
        ("7960", "unknown", "P00305000500", Trigger::NotTaken, &[], &["P00303010102"]),
        ("7960", "P00305000500", "P00308000900", Trigger::TermLoop, &[], &[]),
        (
            "7965",
            "factory",
            "SIP45.9-4-2SR3-1S",
            Trigger::TermLoop,
            &[],
            &["SIP45.8-5-2S", "SCCP45.8-5-2S", "SIP45.8-3-3S", "SCCP45.8-3-3S"],
        ),
        (
            "7965",
            "loader",
            "SIP45.8-5-2S",
            Trigger::TermLoop,
            &["SCCP45.8-3-3S"],
            &["SCCP45.8-3-3S", "SCCP45.8-5-2S", "SIP45.8-3-3S"],
        ),
        ("7941", "SIP41.8-5-2S", "SIP41.8-5-3S", image, &[], &["SIP41.8-5-2SR1S", "SCCP41.8-5-2SR1S"]),
        (
            "7941",
            "SCCP41.8-2-1S",
            "SIP41.8-5-2S",
            image,
            &["SIP41.8-3-3S"],
            &["SIP41.8-3-3S", "SCCP41.8-5-2S", "SCCP41.8-3-3S"],
        ),
        ("7941", "SIP41.8-5-2S", "SIP41.9-4-2SR3-1S", image, &[], &[]),
    ] {
        assert_eq!(around(model, start, to, trigger, held), expected, "{model} {start} {to}");
    }
}

// ---- The oracle: the two tables, row by row, from the reference alone.

fn is_signed(version: Version) -> bool {
    version[0] >= 5
}

/// Rows 18 and 30, and SCCP 5.x to SIP 8.x.
fn legacy_forbids(from: (Signalling, Version), to: (Signalling, Version)) -> bool {
    let ((p, v), (q, w)) = (from, to);
    (is_signed(v) && !is_signed(w))
        || (p == Sip && v[0] <= 4 && q == Sip && w[0] >= 7)
        || (p == Sccp && v[0] == 5 && q == Sip && w[0] >= 8)
}

/// Rows 1 to 29, and what is settled beside them.
#[allow(clippy::many_single_char_names)]
fn legacy_lists(from: (Signalling, Version), to: (Signalling, Version)) -> bool {
    let ((p, [a, b, c, _]), (q, [x, y, z, _])) = (from, to);
    match (p, q) {
        (Sccp, Sccp) => {
            (a <= 2 && x == 3)
                || (a == 3 && (x, y, z) == (5, 0, 5))
                || (a == 5 && (x, y, z) >= (8, 0, 4))
                || (a >= 6 && (5..=8).contains(&x))
        }
        (Sccp, Sip) => {
            (a <= 3 && x <= 7) || (a == 5 && (5..=7).contains(&x)) || (a >= 6 && x >= 7 && (x, y) <= (8, 12))
        }
        (Sip, Sip) => {
            ((a == 2 || a == 3) && (x, y) == (4, 4))
                || ((a, b) == (4, 4) && (x, y) == (5, 3))
                || ((a, b) == (5, 3) && x == 6)
                || (a == 6 && x == 7)
                || (a == 7 && x >= 5 && (x, y, z) < (a, b, c))
                // 19 to 21, and by the same mechanism any later one.
                || (a >= 7 && (x, y, z) > (a, b, c) && (x, y) <= (8, 12))
        }
        (Sip, Sccp) => a <= 4 || x >= 5,
    }
}

const STONE: [Version; 2] = [[8, 3, 3, 0], [8, 5, 2, 0]];

/// Rows 2 and 6, with 8.5(2)SR1 as settled.
fn java_forbids(from: Version, to: Version) -> bool {
    from < STONE[0] && to > STONE[1]
}

/// Rows 1 and 3 to 16, and what is settled beside them.
fn java_lists(from: Version, to: Version) -> bool {
    let stone = (STONE[0]..=STONE[1]).contains(&to);
    from >= STONE[0] || stone || to < from
}

/// What the oracle says of one step of a path.
fn check(model: &Model, step: &PathStep, signs: Signs) {
    let to = load(&step.to);
    let end = (to.signalling, to.version);
    let shown = signs.universal_loader == Some(true);
    let (legal, door) = match (model.family, from(&step.from)) {
        (Family::Legacy, From::Load(own)) => {
            let start = (own.signalling, own.version);
            (!legacy_forbids(start, end) && legacy_lists(start, end), !is_signed(own.version) && is_signed(to.version))
        }
        (Family::Legacy, From::Loader) => (to.version[0] >= if to.signalling == Sip { 7 } else { 6 }, false),
        (Family::Legacy, From::Factory | From::Unknown) if shown => {
            (to.version[0] >= if to.signalling == Sip { 7 } else { 6 }, false)
        }
        (Family::Legacy, From::Factory | From::Unknown) => (
            to.signalling == Sccp && (to.version[..3] == [5, 0, 5] || to.version[..2] == [3, 1]),
            is_signed(to.version),
        ),
        (Family::Java, From::Load(own)) => {
            (!java_forbids(own.version, to.version) && java_lists(own.version, to.version), false)
        }
        (Family::Java, From::Loader | From::Factory) => (true, false),
        (Family::Java, From::Unknown) => ((STONE[0]..=STONE[1]).contains(&to.version), false),
    };
    assert!(legal, "{}: {} -> {} by {}", model.name, step.from, step.to, step.rule);
    assert_eq!(step.one_way, door, "{} -> {}", step.from, step.to);
    assert_eq!(to.product, model.load_family);
}

// ---- Properties.

const LEGACY_SCCP: [&str; 18] = [
    "P0030201",
    "P00302000000",
    "P00303000000",
    "P00303010102",
    "P00303030300",
    "P00305000200",
    "P00305000500",
    "P00305010000",
    "P00306000100",
    "P00307000000",
    "P00307020300",
    "P00308000300",
    "P00308000400",
    "P00308000500",
    "P00308000900",
    "P00308001000",
    "P00308010200",
    "P0030801SR02",
];
const LEGACY_SIP: [&str; 21] = [
    "P0S30202",
    "P0S3-03-0-00",
    "P0S3-04-0-00",
    "P0S3-04-3-00",
    "P0S3-04-4-00",
    "P0S3-05-2-00",
    "P0S3-05-3-00",
    "P0S3-06-0-00",
    "P0S3-06-3-00",
    "P0S3-07-0-00",
    "P0S3-07-2-00",
    "P0S3-07-3-00",
    "P0S3-07-4-00",
    "P0S3-07-5-00",
    "P0S3-08-0-00",
    "P0S3-08-4-00",
    "P0S3-08-9-00",
    "P0S3-08-11-00",
    "P0S3-8-12-00",
    "P0S3-8-13-00",
    "P0S3-09-0-00",
];
const JAVA: [&str; 20] = [
    "7-0-1S",
    "8-0-4S",
    "8-2-1S",
    "8-2-2SR4S",
    "8-3-2S",
    "8-3-3S",
    "8-3-3SR2S",
    "8-3-5S",
    "8-4-4S",
    "8-5-2S",
    "8-5-2SR1S",
    "8-5-3S",
    "8-5-4S",
    "9-0-3S",
    "9-2-1S",
    "9-3-1S",
    "9-3-1SR4-1S",
    "9-4-2SR1-1S",
    "9-4-2SR3-1S",
    "9-4-2SR4-3S",
];

/// Loads of a model from before the first to after the last that the tables name.
fn loads_of(model: &Model) -> Vec<String> {
    match model.family {
        Family::Legacy => LEGACY_SCCP.iter().chain(&LEGACY_SIP).map(ToString::to_string).collect(),
        Family::Java => {
            let both = |release: &&str| ["SIP", "SCCP"].map(|p| format!("{p}{}.{release}", model.load_family));
            JAVA.iter().flat_map(both).collect()
        }
    }
}

/// A question: model, from, to, what the phone has shown, what the store holds (missing files, mark), the mark it came with.
#[derive(Clone, Debug)]
struct Question {
    model: String,
    from: String,
    to: String,
    signs: Signs,
    arrived: Option<u32>,
    stock: Vec<Stock>,
}

fn question() -> impl Strategy<Value = Question> {
    let models: Vec<String> = Catalog::builtin().models().map(|model| model.name.to_string()).collect();
    // The legacy table is the richer one.
    let model = prop_oneof![Just("7960".to_owned()), select(models)];
    model.prop_flat_map(|name| {
        let catalog = Catalog::builtin();
        let loads = loads_of(catalog.find(&name).unwrap());
        let starts: Vec<String> =
            loads.iter().cloned().chain(["loader", "factory", "unknown"].map(str::to_owned)).collect();
        let mark = prop_oneof![3 => Just(None), 1 => (0..3_u32).prop_map(Some)];
        let held = (select(loads.clone()), prop::bool::ANY, mark.clone()).prop_map(|(name, whole, hardware)| Stock {
            load: load(&name),
            missing: if whole { Vec::new() } else { vec!["x".to_owned()] },
            hardware,
        });
        let shown = select(vec![None, Some(false), Some(true)]);
        (select(starts), select(loads), shown, mark, vec(held, 0..12)).prop_map(
            move |(from, to, shown, arrived, stock)| {
                let mut stock = stock;
                stock.sort_by(|a, b| a.load.name.cmp(&b.load.name));
                stock.dedup_by(|a, b| a.load.name == b.load.name);
                let signs = Signs { universal_loader: shown };
                Question { model: name.clone(), from, to, signs, arrived, stock }
            },
        )
    })
}

/// The best risk and number of steps over every walk of at most eight steps; no path that is shortest is longer.
fn brute_force(model: &Model, question: &Question, facts: &Facts<'_>) -> Option<(u32, usize)> {
    let fits = |held: &&Stock| held.hardware.is_none_or(|own| question.arrived.is_none_or(|arrived| own >= arrived));
    let mark = |name: &str| question.stock.iter().find(|held| held.load.name == name).is_none_or(|held| fits(&held));
    let whole = question.stock.iter().filter(|held| held.missing.is_empty()).map(|held| held.load.name.clone());
    let stones = Paths::builtin().stones(model).into_iter().map(|stone| stone.name);
    let names: BTreeSet<String> = whole.chain(stones).chain([question.to.clone()]).filter(|name| mark(name)).collect();
    let names: Vec<Load> = names.iter().map(|name| load(name)).collect();
    let risk = |from: &From, to: &Load| match Paths::builtin().verdict(model, from, facts.signs, to) {
        Verdict::Allowed(edge) => Some(edge.risk),
        _ => None,
    };
    let between: Vec<Vec<Option<u32>>> =
        names.iter().map(|a| names.iter().map(|b| risk(&From::Load(a.clone()), b)).collect()).collect();
    let start = from(&question.from);
    let mut best: Vec<Option<u32>> = names.iter().map(|to| risk(&start, to)).collect();
    let target = names.iter().position(|name| name.name == question.to)?;
    let mut found = best[target].map(|risk| (risk, 1));
    for steps in 2..=8 {
        best = (0..names.len())
            .map(|to| (0..names.len()).filter_map(|by| Some(best[by]? + between[by][to]?)).min())
            .collect();
        found = [found, best[target].map(|risk| (risk, steps))].into_iter().flatten().min();
    }
    found
}

proptest! {
    #[test]
    fn a_plan_is_legal_whole_and_shortest(question in question()) {
        let catalog = Catalog::builtin();
        let model = catalog.find(&question.model).unwrap();
        let facts = Facts { signs: question.signs, arrived_hardware: question.arrived, stock: Some(&question.stock) };
        let to = load(&question.to);
        let planned = plan(Paths::builtin(), model, &from(&question.from), &to, &facts);
        let own = question.stock.iter().find(|held| held.load == to);
        let too_old = own.and_then(|held| Some(held.hardware? < question.arrived?)).unwrap_or(false);
        if question.from == question.to && !too_old {
            prop_assert_eq!(planned.unwrap().steps.len(), 0);
            return Ok(());
        }
        let best = if too_old { None } else { brute_force(model, &question, &facts) };
        match planned {
            Err(refused) => {
                prop_assert_eq!(best, None, "{:?}", refused);
                for sentence in [&refused.summary, &refused.remedy] {
                    prop_assert!(sentence.ends_with('.') && sentence.len() > 20, "{:?}", sentence);
                }
            }
            Ok(path) => {
                prop_assert_eq!(Some((path.risk(), path.steps.len())), best);
                let mut here = question.from.clone();
                for step in &path.steps {
                    prop_assert_eq!(&step.from, &here);
                    here.clone_from(&step.to);
                    check(model, step, question.signs);
                    prop_assert!(!step.via.is_empty() && !step.asks.is_empty());
                    prop_assert_eq!(&step.name, &step.to);
                    let held = question.stock.iter().find(|held| held.load.name == step.to);
                    prop_assert_eq!(step.missing, held.is_none_or(|held| !held.missing.is_empty()));
                    let mark = held.and_then(|held| held.hardware);
                    prop_assert!(mark.is_none_or(|own| question.arrived.is_none_or(|arrived| own >= arrived)));
                }
                prop_assert_eq!(here, question.to);
            }
        }
    }

    #[test]
    fn a_fallback_is_a_legal_step_too(question in question(), trigger in select(vec![
        Trigger::ImageRejected, Trigger::TermLoop, Trigger::NotTaken,
    ])) {
        let catalog = Catalog::builtin();
        let model = catalog.find(&question.model).unwrap();
        let facts = Facts { signs: question.signs, arrived_hardware: question.arrived, stock: Some(&question.stock) };
        let Ok(path) = plan(Paths::builtin(), model, &from(&question.from), &load(&question.to), &facts) else {
            return Ok(());
        };
        for step in &path.steps {
            for other in fallbacks(Paths::builtin(), model, step, trigger, &facts) {
                check(model, &other, question.signs);
                prop_assert_ne!(&other.to, &step.to);
                prop_assert_eq!(&other.from, &step.from);
            }
        }
    }

    #[test]
    fn any_text_is_a_load_or_none(text in ".{0,40}", stem in "(P0S3|P003|SIP42\\.|SCCP42\\.)[-0-9SR]{0,20}") {
        let catalog = Catalog::builtin();
        for text in [&text, &stem] {
            if let Ok(start) = text.parse::<From>() {
                let _ = plan(Paths::builtin(), catalog.find("7960").unwrap(), &start, &load("P0S3-8-12-00"), &Facts::default());
            }
            if let Some(to) = Load::parse(text) {
                let _ = plan(Paths::builtin(), catalog.find("7942").unwrap(), &From::Factory, &to, &Facts::default());
            }
            let _ = nearest(Paths::builtin(), catalog.find("7942").unwrap(), text, &Facts::default());
        }
    }
}

// ---- The data.

/// Every pair of loads is judged as the tables judge it, and no row stands where an earlier one hides it.
#[test]
fn each_pair_is_judged_as_in_the_tables() {
    let catalog = Catalog::builtin();
    let mut spoke = BTreeSet::new();
    for model in catalog.models() {
        let names = loads_of(model);
        for to in names.iter().map(|name| load(name)) {
            for own in names.iter().map(|name| load(name)).filter(|own| own.name != to.name) {
                let verdict = Paths::builtin().verdict(model, &From::Load(own.clone()), Signs::default(), &to);
                let (start, end) = ((own.signalling, own.version), (to.signalling, to.version));
                let (forbids, lists) = match model.family {
                    Family::Legacy => (legacy_forbids(start, end), legacy_lists(start, end)),
                    Family::Java => (java_forbids(start.1, end.1), java_lists(start.1, end.1)),
                };
                match verdict {
                    Verdict::Forbidden(row) => {
                        assert!(forbids, "{} {} -> {}: {}", model.name, own.name, to.name, row.rule);
                        spoke.insert(row.rule.clone());
                    }
                    Verdict::Allowed(edge) => {
                        assert!(lists && !forbids, "{} {} -> {}: {}", model.name, own.name, to.name, edge.rule);
                        spoke.insert(edge.rule.clone());
                    }
                    Verdict::NotListed => assert!(!lists && !forbids, "{} {} -> {}", model.name, own.name, to.name),
                }
            }
            for start in [From::Loader, From::Factory, From::Unknown] {
                for signs in [Signs::default(), SHOWN, NOT_SHOWN] {
                    if let Verdict::Allowed(edge) = Paths::builtin().verdict(model, &start, signs, &to) {
                        spoke.insert(edge.rule.clone());
                    }
                }
            }
        }
    }
    let paths = Paths::builtin();
    let rules: Vec<&String> =
        paths.edges().iter().map(|edge| &edge.rule).chain(paths.forbidden().iter().map(|row| &row.rule)).collect();
    let hidden: Vec<&&String> = rules.iter().filter(|rule| !spoke.contains(**rule)).collect();
    assert!(hidden.is_empty(), "{hidden:?}");
    assert_eq!(rules.iter().collect::<BTreeSet<_>>().len(), rules.len(), "two rows have one id");
    for row in (1..=31).map(|n| format!("legacy-{n}")).chain((1..=16).map(|n| format!("java-{n}"))) {
        assert!(rules.contains(&&row), "{row} of the table is not here");
    }
}

fn manual(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap()
}

#[test]
fn every_row_has_sources_that_are_listed_and_a_risk_that_is_explained() {
    let paths = Paths::builtin();
    let listed = manual("sources.md");
    let listed: BTreeSet<&str> = listed
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .flat_map(|tags| tags.split(", "))
        .chain(["settled"])
        .collect();
    let sources = paths.edges().iter().map(|row| (&row.rule, &row.source));
    let sources = sources.chain(paths.forbidden().iter().map(|row| (&row.rule, &row.source)));
    let sources = sources.chain(paths.fallbacks().iter().map(|row| (&row.fallback, &row.source)));
    for (rule, source) in sources.chain(paths.doors().iter().map(|row| (&row.door, &row.source))) {
        for tag in source.split(", ") {
            assert!(listed.contains(tag), "{rule}: {tag} is not in docs/sources.md");
        }
    }
    for edge in paths.edges() {
        assert!([1, 2, 3, 4, 6, 8].contains(&edge.risk) && !edge.app.is_empty(), "{}", edge.rule);
    }
}

const BEFORE: &str =
    "<!-- made from src/firmware/paths.toml: OFFHOOK_BLESS=1 cargo test the_manual_has_the_steps -->\n\n";
const AFTER: &str = "\n<!-- end of what is made -->";

fn tables() -> String {
    let paths = Paths::builtin();
    let files = |files: &[ControlFile]| {
        let catalog = Catalog::builtin();
        let legacy = catalog.find("7960").unwrap();
        let names: Vec<String> = files.iter().map(|file| format!("`{}`", file.file(legacy))).collect();
        names.join(", ")
    };
    let mut text = "## Steps\n\n| rule | phones | from | to | served in | certainty | risk | source | note |\n|---|---|---|---|---|---|---|---|---|\n".to_owned();
    for edge in paths.edges() {
        let [whom, from, to] = edge.told();
        let via = match edge.loader.as_slice() {
            [] => files(&edge.app),
            loader => format!("loader {}, then {}", files(loader), files(&edge.app)),
        };
        let note = edge.note.as_deref().unwrap_or_default().replace('<', "&lt;");
        text += &format!(
            "| `{}` | {whom} | {from} | {to} | {via} | {} | {} | {} | {note} |\n",
            edge.rule, edge.certainty, edge.risk, edge.source
        );
    }
    text += "\n## Forbidden\n\n| rule | phones | from | to | why | instead | certainty | source |\n|---|---|---|---|---|---|---|---|\n";
    for row in paths.forbidden() {
        let [whom, from, to] = row.told();
        text += &format!(
            "| `{}` | {whom} | {from} | {to} | {} | {} | {} | {} |\n",
            row.rule, row.reason, row.remedy, row.certainty, row.source
        );
    }
    text += "\n## One way\n\n| door | what cannot be undone | source |\n|---|---|---|\n";
    for door in paths.doors() {
        text += &format!("| `{}` | {} | {} |\n", door.door, door.text, door.source);
    }
    text += "\n## When a step is refused\n\n| fallback | the phone | from | instead of | take | source |\n|---|---|---|---|---|---|\n";
    for row in paths.fallbacks() {
        let [from, instead, to] = row.told();
        let phone = match row.trigger {
            Trigger::ImageRejected => {
                "fetches the image twice and comes back with the old load, or shows an auth error"
            }
            Trigger::TermLoop => "asks for its term file three times and for no member",
            Trigger::NotTaken => "reads its control file and never asks for the load",
        };
        text += &format!(
            "| `{}` | {phone} | {from} | {instead} | {} | {} |\n",
            row.fallback,
            to.replace('<', "&lt;"),
            row.source
        );
    }
    text
}

#[test]
fn the_manual_has_the_steps() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/firmware-paths.md");
    let manual = manual("firmware-paths.md");
    let (before, rest) = manual.split_once(BEFORE).unwrap();
    let (kept, after) = rest.split_once(AFTER).unwrap();
    if std::env::var_os("OFFHOOK_BLESS").is_some() {
        std::fs::write(&path, format!("{before}{BEFORE}{}{AFTER}{after}", tables())).unwrap();
    } else {
        assert_eq!(kept, tables(), "docs/firmware-paths.md; OFFHOOK_BLESS=1 makes it");
    }
}
