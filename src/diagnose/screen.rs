//! What phones show, on their screens, by their lamps and by what they do, and which findings that belongs to: data, for `docs/screen.md` and
//! `offhook explain WORDS`.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// What phones show.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Screens {
    /// Words, and what stands for words.
    pub shown: Vec<Shown>,
    /// Lamps.
    pub lamp: Vec<Shown>,
    /// What it does, or leaves undone.
    pub does: Vec<Shown>,
}

impl Screens {
    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Shown> {
        self.shown.iter().chain(&self.lamp).chain(&self.does)
    }
}

/// One thing that a phone shows.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// The words, as the phone writes them.
    pub says: String,
    /// Which phones.
    pub phones: Phones,
    /// What it means, and what to look at.
    pub means: String,
    /// Codes that `explain` knows.
    pub codes: Vec<String>,
    /// Tags of `docs/sources.md`.
    pub source: Vec<String>,
}

/// Which phones show it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phones {
    /// 7940 and 7960.
    Legacy,
    /// 79x1, 79x2, 79x5, 797x.
    Java,
    /// All.
    All,
}

impl Phones {
    /// As people say it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Legacy => "7940, 7960",
            Self::Java => "79x1, 79x2, 79x5, 797x",
            Self::All => "all",
        }
    }
}

/// All that is known.
pub static SCREENS: LazyLock<Screens> =
    LazyLock::new(|| toml::from_str(include_str!("screen.toml")).expect("screen.toml is read by a test"));

/// Things that a phone shows which have all these words, or whose words are all among these; where there are none, words with a
/// slip in them count as well.
pub fn search(text: &str) -> Vec<&'static Shown> {
    let wanted = words(text);
    let by = |same: fn(&str, &str) -> bool| -> Vec<&'static Shown> {
        let within = |some: &[String], all: &[String]| {
            !some.is_empty() && some.iter().all(|word| all.iter().any(|other| same(word, other)))
        };
        let found = |shown: &&Shown| {
            let says = words(&shown.says);
            within(&wanted, &says) || within(&says, &wanted)
        };
        SCREENS.all().filter(found).collect()
    };
    let found = by(|word, other| word == other);
    if found.is_empty() { by(near) } else { found }
}

/// The same word, but for a slip: short ones are too easily another.
fn near(word: &str, other: &str) -> bool {
    let long = (5..=32).contains(&word.len()) && (5..=32).contains(&other.len());
    word == other || (long && strsim::osa_distance(word, other) <= 1)
}

fn words(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    parts.map(str::to_ascii_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::diagnose::explanation;

    #[test]
    fn every_code_is_explained_and_every_source_stands_in_the_list() {
        let sources = include_str!("../../docs/sources.md");
        let tag = |tag: &str| {
            let mut rows = sources.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
            rows.any(|tags| tags.split(", ").any(|known| known == tag))
        };
        for shown in SCREENS.all() {
            assert!(!shown.codes.is_empty() && !shown.source.is_empty(), "{}", shown.says);
            for code in &shown.codes {
                assert!(explanation(code).is_some(), "{}: {code}", shown.says);
            }
            for source in &shown.source {
                assert!(tag(source), "{}: {source} is in no row of docs/sources.md", shown.says);
            }
        }
        for rule in crate::diagnose::RULES {
            for source in rule.sources {
                assert!(tag(source), "{}: {source} is in no row of docs/sources.md", rule.code);
            }
        }
    }

    #[test]
    fn what_somebody_reads_off_a_phone_is_found() {
        let first = |text: &str| search(text).first().map(|shown| shown.says.as_str());
        for (text, says) in [
            ("Protocol Application Invalid", Some("Protocol Application Invalid")),
            ("application protocol INVALID!", Some("Protocol Application Invalid")),
            ("w362", Some("W362 no valid line")),
            ("Phone Unprovisioned", Some("Unprovisioned")),
            ("registering", Some("Registering")),
            ("protocol aplication invalid", Some("Protocol Application Invalid")),
            ("Unprovisionned", Some("Unprovisioned")),
            ("error 2 in system call CreateFile", Some("error 2 in system call CreateFile")),
            ("the phone sings", None),
            ("", None),
        ] {
            assert_eq!(first(text), says, "{text:?}");
        }
    }

    fn table(all: &[Shown], heading: &str) -> String {
        let mut lines = vec![
            format!("| {heading} | phones | what it means | `offhook explain` | sources |"),
            "|---|---|---|---|---|".to_owned(),
        ];
        for shown in all {
            let codes: Vec<String> = shown.codes.iter().map(|code| format!("[`{code}`](#{code})")).collect();
            let says = shown.says.replace('<', "\\<");
            let (phones, means) = (shown.phones.words(), &shown.means);
            lines.push(format!("| {says} | {phones} | {means} | {} | {} |", codes.join(", "), shown.source.join(", ")));
        }
        lines.join("\n") + "\n"
    }

    #[test]
    fn the_manual_is_made_of_it() {
        let codes: BTreeSet<&String> = SCREENS.all().flat_map(|shown| &shown.codes).collect();
        let texts = codes.into_iter().filter_map(|code| {
            let (title, text) = explanation(code)?;
            Some(format!("### {code}\n**{title}.** {}\n", text.replace('<', "\\<").replace("**#", "`**#`")))
        });
        let made = format!(
            "# What the phone shows, and what to do\n\nMade of `src/diagnose/screen.toml` and the texts of the findings \
             (`OFFHOOK_BLESS=1 cargo test the_manual_is_made_of_it`). `offhook explain \"WORDS ON THE SCREEN\"` finds the same;\n\
             `offhook explain MAC` says what is wrong with one phone. Sources: [sources.md](sources.md).\n\n## On the screen\n{}\n\
             ## Lamps\n{}\n## What it does\n{}\n## What the findings mean\n{}",
            table(&SCREENS.shown, "it says"),
            table(&SCREENS.lamp, "it shows"),
            table(&SCREENS.does, "it"),
            texts.collect::<Vec<_>>().join("\n"),
        );
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/screen.md");
        if std::env::var_os("OFFHOOK_BLESS").is_some() {
            std::fs::write(&path, made).unwrap();
        } else {
            let kept = std::fs::read_to_string(&path).unwrap();
            assert!(kept == made, "docs/screen.md is not what is made of its texts; OFFHOOK_BLESS=1 makes it");
        }
    }
}
