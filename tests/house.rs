//! The invariants of `src/lib.rs`, checked as absences in the source. A rule that has to give way is changed here and
//! there in the same commit.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// What reaches out of the process, or asks it for time or chance.
const WORLD: &[&str] = &[
    "tokio::",
    "sqlx::",
    "reqwest::",
    "std::fs",
    "std::net::UdpSocket",
    "UdpSocket::",
    "TcpStream::",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "rand::",
    "std::env",
    "thread::spawn",
];

/// Longest file, in lines before its tests.
const LINES: usize = 400;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder of the repository, by name relative to the root; nothing when the folder is not there.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The Rust sources below a folder, or one file, with their code.
fn sources(under: &str) -> Vec<(String, String)> {
    let all = if root().join(under).is_file() { vec![PathBuf::from(under)] } else { files(under) };
    let rust = all.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    rust.filter_map(|path| Some((path.display().to_string(), code(&fs::read_to_string(root().join(&path)).ok()?))))
        // Files that hold only tests are no code of the program.
        .filter(|(path, _)| !path.ends_with("/tests.rs") && !path.contains("/tests/"))
        .collect()
}

/// The lines of a source before its tests.
fn before_tests(source: &str) -> impl Iterator<Item = &str> {
    let mut lines = source.lines().peekable();
    std::iter::from_fn(move || {
        let line = lines.next()?;
        let tests_follow = line.trim() == "#[cfg(test)]" && lines.peek().is_some_and(|next| next.contains("mod "));
        (!tests_follow).then_some(line)
    })
}

/// A source without its tests and comments: words in prose break no rule.
fn code(source: &str) -> String {
    let lines = before_tests(source).filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Asserts that none of these words is in these sources, except in files whose name ends so.
fn assert_absent(under: &[&str], words: &[&str], except: &[&str]) {
    let mut broken = Vec::new();
    for (path, code) in under.iter().flat_map(|under| sources(under)) {
        if except.iter().any(|end| path.ends_with(end) || path.contains(&format!("{end}/"))) {
            continue;
        }
        for word in words {
            if let Some(line) = code.lines().find(|line| has_word(line, word)) {
                broken.push(format!("{path}: {word}: {}", line.trim()));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// Whether a word stands in a line and not as the end of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let inside =
        |at: usize| line[..at].chars().next_back().is_some_and(|before| before.is_alphanumeric() || before == '_');
    line.match_indices(word).any(|(at, _)| !inside(at))
}

#[test]
fn words_are_found_and_ends_of_words_are_not() {
    assert!(has_word("use rand::random;", "rand::"));
    assert!(!has_word("use operand::x;", "rand::"));
    assert_eq!(code("a\n// tokio::\n#[cfg(test)]\nmod tests {\nb"), "a");
    assert_eq!(code("#[cfg(test)]\nfn only_here() {}\nb"), "#[cfg(test)]\nfn only_here() {}\nb");
}

#[test]
fn the_cores_touch_nothing_of_the_world() {
    let cores = [
        "src/access",
        "src/catalog",
        "src/convert",
        "src/dhcp",
        "src/discover",
        "src/domain",
        "src/diagnose",
        "src/files",
        "src/firmware/plan.rs",
        "src/firmware/plan",
        "src/firmware/archives.rs",
        "src/firmware/container.rs",
        "src/firmware/manifest.rs",
        "src/firmware/set.rs",
        "src/fleet",
        "src/render",
        "src/simulate/dhcp/client.rs",
        "src/simulate/dhcp/habits.rs",
        "src/simulate/dhcp/lease.rs",
        "src/simulate/dhcp/message.rs",
        "src/sntp",
        "src/syslog",
        "src/status",
        "src/tftp",
        "src/timeline",
        "src/pbx/roster.rs",
        "src/pbx/ami/proto.rs",
        "src/web/door/browsers.rs",
        "src/web/door/hosts.rs",
        "src/web/door/limiter.rs",
        "src/web/door/rule.rs",
        "src/web/door/sessions.rs",
        "src/web/door/tokens.rs",
        "src/setup/conf.rs",
        "src/setup/fence.rs",
        "src/setup/grants.rs",
        "src/setup/journal.rs",
        "src/setup/plan.rs",
        "src/setup/port.rs",
        "src/setup/step.rs",
    ];
    let edges = [
        "src/dhcp/io",
        "src/dhcp/link.rs",
        "src/dhcp/listen.rs",
        "src/dhcp/watch.rs",
        "src/discover/listen.rs",
        "src/sntp/io.rs",
        "src/syslog/io.rs",
        "src/tftp/io",
        "src/files/fall_through.rs",
        "src/files/shelves.rs",
        "src/status/publish.rs",
        "src/status/sinks",
    ];
    assert_absent(&cores, WORLD, &edges);
}

#[test]
fn tftp_raises_requests_and_knows_nobody() {
    let others =
        ["crate::pbx", "crate::render", "crate::files", "crate::fleet", "crate::catalog", "crate::status", "askama"];
    assert_absent(&["src/tftp"], &others, &[]);
}

#[test]
fn render_sees_a_phone_a_model_and_a_site() {
    assert_absent(&["src/render"], &["crate::pbx", "crate::files", "crate::store", "crate::status", "roxmltree"], &[]);
}

#[test]
fn the_floor_knows_no_storey_above() {
    let above = [
        "catalog", "diagnose", "files", "fleet", "pbx", "render", "status", "store", "tftp", "timeline", "web", "app",
        "cli",
    ];
    let above: Vec<String> = above.iter().map(|name| format!("crate::{name}")).collect();
    let above: Vec<&str> = above.iter().map(String::as_str).collect();
    assert_absent(&["src/domain"], &above, &[]);
    let above: Vec<&str> = above.into_iter().filter(|word| *word != "crate::catalog").collect();
    assert_absent(&["src/catalog"], &above, &[]);
}

#[test]
fn the_scripted_phones_share_nothing_but_the_domain() {
    let mut broken = Vec::new();
    for (path, code) in sources("src/simulate") {
        for line in code.lines() {
            for (at, _) in line.match_indices("crate::") {
                let rest = &line[at + "crate::".len()..];
                if !rest.starts_with("domain") && !rest.starts_with("simulate") {
                    broken.push(format!("{path}: {}", line.trim()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
    // And what renders does not read with the phones' own reader.
    assert_absent(&["src/render", "src/files", "src/fleet"], &["crate::simulate"], &[]);
}

#[test]
fn only_sinks_write_to_a_pbx_and_say_so_first() {
    assert_absent(
        &["src/pbx"],
        &["INSERT INTO", "UPDATE ", "DELETE FROM", "REPLACE INTO", "ALTER TABLE", "DROP TABLE"],
        &[],
    );
    for path in files("src/status/sinks").iter().filter(|path| !path.ends_with("mod.rs")) {
        let source = fs::read_to_string(root().join(path)).unwrap();
        let first = source.lines().next().unwrap_or_default().to_lowercase();
        assert!(
            first.starts_with("//!") && first.contains("write"),
            "{}: its first line does not say what it writes",
            path.display()
        );
    }
}

#[test]
fn only_the_command_line_sets_up() {
    assert_absent(&["src"], &["crate::setup", "super::setup"], &["src/cli/setup.rs", "src/setup"]);
}

#[test]
fn no_statement_is_put_together_from_text() {
    assert_absent(&["src"], &["AssertSqlSafe"], &[]);
}

#[test]
fn no_secret_prints_itself() {
    for (path, code) in sources("src") {
        for line in code.lines().filter(|line| line.contains("for Secret")) {
            let prints = ["Display", "Serialize", "LowerHex", "ToString"].iter().any(|word| has_word(line, word));
            assert!(!prints, "{path}: {}", line.trim());
        }
        assert!(!code.contains("struct Secret(pub"), "{path}");
    }
    let domain: String = sources("src/domain").into_iter().map(|(_, code)| code).collect();
    assert!(domain.contains("Secret"), "the type that this test is about has gone");
}

#[test]
fn every_code_of_the_log_is_explained() {
    let mut codes = 0;
    for (name, source) in sources("src") {
        for code in source.split("code = \"").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(offhook::diagnose::explanation(code).is_some(), "{name}: {code} is not explained");
            codes += 1;
        }
    }
    assert!(codes > 20, "{codes} codes were found");
}

#[test]
fn files_are_short_and_open_with_what_they_are_for() {
    let mut broken = Vec::new();
    for path in files("src").into_iter().chain(files("tests")) {
        if path.extension().is_none_or(|extension| extension != "rs") || path.ends_with("tests.rs") {
            continue;
        }
        let source = fs::read_to_string(root().join(&path)).unwrap();
        let lines = before_tests(&source).count();
        if path.starts_with("src") && lines > LINES {
            broken.push(format!("{}: {lines} lines before its tests, {LINES} at most", path.display()));
        }
        if !source.starts_with("//!") {
            broken.push(format!("{}: does not open with //!", path.display()));
        }
    }
    let main = fs::read_to_string(root().join("src/main.rs")).unwrap().lines().count();
    if main > 50 {
        broken.push(format!("src/main.rs: {main} lines, 50 at most"));
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn nothing_names_a_machine_or_is_left_for_later() {
    // Put together here, so that this file does not break its own rule.
    let words: Vec<String> = [
        ("/ho", "me/"),
        ("/ro", "ot/"),
        ("/wo", "rk/"),
        ("/tmp/", "w/"),
        ("../sha", "red"),
        ("TO", "DO"),
        ("FIX", "ME"),
        ("XX", "X:"),
    ]
    .iter()
    .map(|(start, end)| format!("{start}{end}"))
    .collect();
    let tops = [
        "Cargo.toml",
        "build.rs",
        "Makefile",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "deny.toml",
        "clippy.toml",
        "rustfmt.toml",
        ".ci/run",
        ".config/nextest.toml",
    ];
    let folders = ["src", "tests", "templates", "contrib", "packaging", "docs"];
    let all = tops.iter().map(PathBuf::from).chain(folders.iter().flat_map(|folder| files(folder)));
    let mut broken = Vec::new();
    for path in all {
        // What is not text (a captured image, say) names nothing.
        let Ok(content) = fs::read_to_string(root().join(&path)) else { continue };
        for word in &words {
            if let Some((at, line)) = content.lines().enumerate().find(|(_, line)| line.contains(word.as_str())) {
                broken.push(format!("{}:{}: {}", path.display(), at + 1, line.trim()));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn each_source_stands_in_one_row() {
    let sources = fs::read_to_string(root().join("docs/sources.md")).unwrap();
    let rows = sources.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let is_tag = |tag: &&str| tag.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-');
    let tags: Vec<&str> = rows.flat_map(|tags| tags.split(", ")).filter(is_tag).collect();
    assert!(tags.len() > 50, "{tags:?}");
    let twice: Vec<&&str> =
        tags.iter().enumerate().filter(|(at, tag)| tags[..*at].contains(tag)).map(|(_, t)| t).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn the_repository_has_what_a_stranger_looks_for() {
    for path in [
        "LICENSE",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "README.md",
        "CHANGELOG.md",
        "Makefile",
        "Cargo.lock",
        "deny.toml",
        ".ci/run",
    ] {
        assert!(root().join(path).is_file(), "{path} is missing");
    }
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    assert!(changelog.contains(env!("CARGO_PKG_VERSION")), "CHANGELOG.md does not name {}", env!("CARGO_PKG_VERSION"));
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    for target in ["demo", "test", "test-all", "lint", "bench", "deb"] {
        assert!(makefile.lines().any(|line| line.starts_with(&format!("{target}:"))), "make {target} is missing");
    }
}
