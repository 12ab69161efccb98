//! Commands that the contract names and nothing stands behind yet: refused with a sentence, never silently ignored.

use std::ffi::OsString;

use super::report::Failure;

const NOUNS: &[&str] = &["import"];
const VERBS: &[(&str, &[&str])] = &[("phones", &["ignore", "ring", "import", "export"])];

pub(super) fn refuse(words: &[OsString]) -> Failure {
    sentence("", words, NOUNS)
}

pub(super) fn refuse_verb(noun: &str, words: &[OsString]) -> Failure {
    let planned = VERBS.iter().find(|(of, _)| *of == noun).map_or(&[][..], |(_, verbs)| verbs);
    sentence(&format!("{noun} "), words, planned)
}

fn sentence(noun: &str, words: &[OsString], planned: &[&str]) -> Failure {
    let word = words
        .first()
        .map(|word| word.to_string_lossy().escape_default().take(64).collect::<String>())
        .unwrap_or_default();
    Failure::usage(if planned.contains(&word.as_str()) {
        format!("`offhook {noun}{word}` is not built yet in version {}", env!("CARGO_PKG_VERSION"))
    } else {
        format!("there is no command `offhook {noun}{word}`; see `offhook {noun}--help`")
    })
}
