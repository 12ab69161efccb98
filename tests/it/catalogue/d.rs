//! Catalogue D: the configuration and the command line. Where the page's exit codes differ from the contract's, the
//! contract counts: 2 for usage and for a configuration that cannot be loaded (64 on the page), 4 for a daemon that is not
//! reachable (69, 77), 1 for a second daemon (75).

use super::{d_command_line, d_configuration};
use crate::support::text;

/// The rows that are here.
pub(super) fn ids() -> Vec<&'static str> {
    let files = d_configuration::files().into_iter().map(|row| row.id);
    let values = d_configuration::values().into_iter().map(|row| row.id);
    let typed = d_command_line::typed().into_iter().map(|row| row.id);
    files.chain(values).chain(typed).chain(d_command_line::SCENES.iter().map(|row| row.id)).collect()
}

/// What a refusal looks like: its exit code, lines of the program's own on standard error only, each of these words in one
/// of them, no secret.
pub(super) fn assert_refused(what: &str, output: &std::process::Output, exit: i32, words: &[&str]) {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(exit), "{what}: {out:.500}{err:.500}");
    let own: Vec<&str> = err.lines().filter(|line| line.starts_with("offhook: ")).collect();
    assert!(!own.is_empty() && out.is_empty(), "{what}: on stdout {out:.500} on stderr {err:.500}");
    assert!(own.iter().all(|line| line.len() <= 512), "{what}: {err:.2000}");
    for word in words {
        assert!(own.iter().any(|line| line.contains(word)), "{what}: nothing says {word:?}: {err:.2000}");
    }
    assert!(!err.contains("CANARY") && !err.contains("panicked"), "{what}: {err:.2000}");
    assert!(!err.contains(|c: char| c.is_control() && c != '\n'), "{what}: {err:?}");
}
