//! Catalogue D: the configuration and the command line. Where the page's exit codes differ from the contract's, the
//! contract counts: 2 for usage and for a configuration that cannot be loaded (64 on the page), 4 for a daemon that is not
//! reachable (69, 77), 1 for a second daemon (75).

use super::{d_command_line, d_configuration};
use crate::support::daemon::offhook;
use crate::support::{run, text};

/// The rows that are here.
pub(super) fn ids() -> Vec<&'static str> {
    let files = d_configuration::files().into_iter().map(|row| row.id);
    let values = d_configuration::values().into_iter().map(|row| row.id);
    let typed = d_command_line::typed().into_iter().map(|row| row.id);
    files.chain(values).chain(typed).chain(d_command_line::SCENES.iter().map(|row| row.id)).collect()
}

/// D10: 1 MB of arguments. One alone never gets past the kernel (MAX_ARG_STRLEN); eight of 128 KiB do.
#[test]
fn d10_a_megabyte_of_arguments() {
    let longest = "a".repeat(128 * 1024 - 1);
    let megabyte = [longest.as_str(); 8];
    for (before, words) in [
        (&[][..], &["no command", "--help"][..]),
        (&["phones"], &["no command", "phones aaaa", "--help"]),
        (&["phones", "show"], &["aaaa", "--help"]),
        (&["phones", "remove", "--"], &["aaaa", "--help"]),
        (&["phones", "add", "00087D0C1001", "--line"], &["aaaa", "--help"]),
    ] {
        let output = run(offhook([]).args(before).args(megabyte));
        assert_refused(&format!("D10 (1 MB behind {before:?})"), &output, 2, words);
    }
}

/// What a refusal looks like: its exit code, lines of the program's own on standard error only, each of these words in one
/// of them, no secret.
pub(super) fn assert_refused(what: &str, output: &std::process::Output, exit: i32, words: &[&str]) {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(exit), "{what}: {out:.500}{err:.500}");
    let own: Vec<&str> = err.lines().filter(|line| line.starts_with("offhook: ")).collect();
    assert!(!own.is_empty() && out.is_empty(), "{what}: on stdout {out:.500} on stderr {err:.500}");
    // D12: a daemon that is not reachable is one line, and nothing beside it.
    assert!(exit != 4 || err.lines().count() == 1, "{what}: {err:.500}");
    assert!(own.iter().all(|line| line.len() <= 512), "{what}: {err:.2000}");
    for word in words {
        assert!(own.iter().any(|line| line.contains(word)), "{what}: nothing says {word:?}: {err:.2000}");
    }
    assert!(!err.contains("CANARY") && !err.contains("panicked"), "{what}: {err:.2000}");
    assert!(!err.contains(|c: char| c.is_control() && c != '\n'), "{what}: {err:?}");
}
