//! Plays every script of `tests/boots` on a hub, with its fault and without.

mod given;
mod play;
mod written;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;
use crate::diagnose;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every script, by its name.
fn scripts() -> BTreeMap<String, Script> {
    let folder = root().join("tests/boots");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        assert!(path.extension().is_some_and(|extension| extension == "boot"), "{}", path.display());
        let text = std::fs::read_to_string(path).unwrap();
        let script = Script::parse(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), script)
    };
    paths.iter().map(read).collect()
}

#[test]
fn each_fault_is_found_and_nothing_else_and_nothing_without_it() {
    let mut wrong = Vec::new();
    for (name, script) in scripts() {
        assert_eq!(
            script.finds.is_empty(),
            !script.has_fault(),
            "{name}: a fault is found, and what is found has a fault"
        );
        for (fault, finds) in [(true, script.finds.as_slice()), (false, &[])] {
            match play::play(&script, fault) {
                Err(why) => wrong.push(format!("{name}, fault {fault}: {why}")),
                Ok(found) => {
                    let codes: Vec<&str> = found.iter().map(|finding| finding.code.as_str()).collect();
                    if codes != finds {
                        let told: Vec<&str> = found.iter().map(|finding| finding.summary.as_str()).collect();
                        wrong.push(format!("{name}, fault {fault}: finds {codes:?}, not {finds:?}: {told:?}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What the daemon knows of the phone of each script, written as a script, is read and finds the same.
#[test]
fn what_is_known_of_a_phone_is_a_script_that_finds_the_same() {
    let mut wrong = Vec::new();
    for (name, script) in scripts() {
        for fault in [true, false] {
            let finds = if fault { script.finds.clone() } else { Vec::new() };
            let again = play::told(&script, fault).and_then(|told| {
                let text = told.to_string();
                let read = Script::parse(&text).map_err(|why| format!("{why}\n{text}"))?;
                let says = |script: &Script| script.lines.iter().map(|line| line.says.clone()).collect::<Vec<_>>();
                if says(&read) != says(&told) || read.title != told.title || read.finds != told.finds {
                    return Err(format!("it reads otherwise\n{text}"));
                }
                let found = play::play(&read, true).map_err(|why| format!("{why}\n{text}"))?;
                let found: Vec<String> = found.into_iter().map(|finding| finding.code).collect();
                if (&found, &read.finds) == (&finds, &finds) {
                    Ok(())
                } else {
                    Err(format!("finds {found:?} and says {:?}, not {finds:?}\n{text}", read.finds))
                }
            });
            wrong.extend(again.err().map(|why| format!("{name}, fault {fault}: {why}")));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Scripts of a support bundle, as they came: what is found of them here is what was found there.
#[test]
#[ignore = "OFFHOOK_REPLAYS=FOLDER names the scripts"]
fn reports_find_what_they_say() {
    let folder = std::env::var_os("OFFHOOK_REPLAYS").expect("OFFHOOK_REPLAYS names a folder with scripts");
    let mut wrong = Vec::new();
    let paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!paths.is_empty(), "there is no script");
    for path in paths {
        let script = Script::parse(&std::fs::read_to_string(&path).unwrap());
        let script = script.unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let found = play::play(&script, true);
        let found = found.map(|found| found.into_iter().map(|finding| finding.code).collect::<Vec<_>>());
        if found.as_ref() != Ok(&script.finds) {
            wrong.push(format!("{}: {found:?}, and it says {:?}", path.display(), script.finds));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_a_replay() {
    let scripts = scripts();
    let found: Vec<&String> = scripts.values().flat_map(|script| &script.finds).collect();
    for (code, ..) in diagnose::found() {
        assert!(found.iter().any(|found| *found == code), "{code}: no script finds it");
    }
}

/// `| A1 | what was wrong | by what it is answered | replay |`
#[test]
fn each_comment_has_a_row_and_its_replay_says_so() {
    let manual = std::fs::read_to_string(root().join("docs/comments.md")).unwrap();
    let rows: Vec<Vec<&str>> = manual
        .lines()
        .filter(|line| line.starts_with("| A") || line.starts_with("| B"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let numbers: Vec<String> = (1..=29).map(|n| format!("A{n}")).chain((1..=6).map(|n| format!("B{n}"))).collect();
    assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), numbers);
    let scripts = scripts();
    for row in rows {
        let [number, _, answer, replay] = row[..] else { panic!("{row:?}") };
        let name = replay.trim_matches('`');
        let script = scripts.get(name).unwrap_or_else(|| panic!("{number}: there is no tests/boots/{name}.boot"));
        assert!(
            script.answers.iter().any(|answers| answers == number),
            "{name}.boot does not say that it answers {number}"
        );
        for code in &script.finds {
            assert!(answer.contains(&format!("`{code}`")), "{number}: {code} is not in its row");
        }
    }
    for (name, script) in &scripts {
        for number in &script.answers {
            assert!(numbers.contains(number), "{name}.boot answers {number}, which is no comment");
        }
    }
}

/// `| L1 | what is seen | what answers it | replay, or where a test stands |`
#[test]
fn each_known_symptom_has_a_row_and_its_replay_or_test_is_there() {
    let manual = std::fs::read_to_string(root().join("docs/symptoms.md")).unwrap();
    let row = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let is_row = |line: &&str| ["| L", "| J", "| T"].iter().any(|first| line.starts_with(first));
    let rows: Vec<Vec<String>> = manual.lines().filter(is_row).map(row).collect();
    let series = |letter, last| (1..=last).map(move |number| format!("{letter}{number}"));
    let numbers: Vec<String> = series('L', 18).chain(series('J', 26)).chain(series('T', 9)).collect();
    assert_eq!(rows.iter().map(|row| row[0].clone()).collect::<Vec<_>>(), numbers);
    let scripts = scripts();
    for row in rows {
        let [number, _, answer, shown] = &row[..] else { panic!("{row:?}") };
        for code in answer.split('`').skip(1).step_by(2) {
            assert!(crate::diagnose::explanation(code).is_some(), "{number}: nothing explains {code}");
        }
        let name = shown.trim_matches('`');
        if let Some((place, test)) = name.rsplit_once("::") {
            assert!(holds(place, test), "{number}: there is no test {name}");
            continue;
        }
        let script = scripts.get(name).unwrap_or_else(|| panic!("{number}: there is no tests/boots/{name}.boot"));
        for code in &script.finds {
            assert!(answer.contains(&format!("`{code}`")), "{number}: {code} is not in its row");
        }
    }
}

/// Whether the file of that module, or of that path, has that test.
fn holds(place: &str, test: &str) -> bool {
    let module = place.trim_end_matches("::tests").replace("::", "/");
    let paths = [
        format!("src/{module}.rs"),
        format!("src/{module}/mod.rs"),
        format!("src/{module}/tests.rs"),
        place.to_owned(),
    ];
    let text = |path: &String| std::fs::read_to_string(root().join(path)).unwrap_or_default();
    paths.iter().any(|path| text(path).contains(&format!("fn {test}()")))
}

const WHOLE: &str = "title A phone\nabout 001B54AABB01\nphone {MAC} model 7960 lines 1001,1002\n\
                     0:05 asks \"a b\" -> not-found\nfault: 1:00 waits\nfinds x y\n";

#[test]
fn a_script_is_read() {
    let script = Script::parse(WHOLE).unwrap();
    assert_eq!((script.title.as_str(), script.finds.len(), script.lines.len()), ("A phone", 2, 3));
    assert_eq!(
        script.lines[1].says,
        Says::Happens(
            Duration::from_secs(5),
            Happens::Asks { name: "a b".into(), answer: "not-found".into(), from: None }
        )
    );
    assert_eq!((script.with(true).count(), script.with(false).count()), (3, 2));
}

#[test]
fn what_cannot_be_read_is_named_by_its_line() {
    for (change, to, line, why) in [
        ("title A phone", "# none", 6, "the script has no title"),
        ("0:05 asks", "0:05 sings", 4, "\"sings\" does not happen"),
        ("0:05 asks", "5 asks", 4, "\"5\" is neither a time"),
        ("-> not-found", "not-found", 4, "-> is expected"),
        ("\"a b\"", "\"a b", 4, "a quote is not closed"),
        ("fault: 1:00", "fault: 0:01", 5, "earlier than the line before"),
        ("waits", "waits long", 5, "\"long\" is too much"),
        ("001B54AABB01", "001B54AABB", 2, "is not a MAC"),
        ("model 7960", "colour red", 3, "a phone has no \"colour\""),
        ("finds x y", "", 6, "the script has no line `finds`"),
        ("about 001B54AABB01", "", 3, "{MAC} stands before"),
    ] {
        let bad = Script::parse(&WHOLE.replace(change, to)).unwrap_err();
        assert!(bad.line == line && bad.why.contains(why), "{change}: {bad}");
    }
}
