//! Which load runs on a phone, and by whose word.
//!
//! Every source says what it saw last and when. The surest one is believed; of equals the latest. Another source that
//! says otherwise, and is not older, lowers the confidence and is named.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::Load;

/// Who says so; surer ones come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Which files it asks for.
    Requests,
    /// The product and version in the `User-Agent` of its REGISTER.
    UserAgent,
    /// A person who started its conversion.
    Admin,
    /// What it announces on its link by CDP or LLDP: its load by name, and anybody there could say so.
    Announcement,
    /// It was told a load, got every part of it, came back and asked for no more.
    Images,
    /// Its own web page.
    WebPage,
}

impl Source {
    /// In a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Requests => "the files it asks for",
            Self::UserAgent => "its User-Agent",
            Self::Admin => "an administrator's word",
            Self::Announcement => "what it announces on its link",
            Self::Images => "the images it fetched",
            Self::WebPage => "its own web page",
        }
    }
}

/// What a source may say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runs {
    /// This load, by its exact name.
    Load(Load),
    /// A load of this protocol and version; its exact name is not known.
    About(Load),
    /// An application older than the universal loader of 7940 and 7960.
    OldBoot,
    /// A universal loader, whatever application there is.
    UniversalLoader,
    /// A Java phone's boot loader, without an application.
    BootLoader,
}

/// One source's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// What it says.
    pub runs: Runs,
    /// When.
    pub at: Timestamp,
}

/// How sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Nobody said.
    None,
    /// A source contradicts, or the exact name is not known.
    Low,
    /// One sure source, nobody contradicts.
    High,
}

/// What is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Belief {
    words: BTreeMap<Source, Word>,
}

impl Belief {
    /// A source says something. Returns whether that is news.
    pub fn note(&mut self, source: Source, runs: Runs, at: Timestamp) -> bool {
        // What a boot loader shows makes what ran before a thing of the past.
        if runs == Runs::BootLoader {
            self.words.retain(|other, _| *other == source);
        }
        // Likewise what was said of its load before it was seen to take a new one; a 7960 that left SCCP has no web page to say
        // so itself.
        if source == Source::Images {
            self.words.retain(|_, word| word.at >= at || !matches!(word.runs, Runs::Load(_) | Runs::About(_)));
        }
        let news = self.words.get(&source).is_none_or(|before| before.runs != runs);
        self.words.insert(source, Word { runs, at });
        news
    }

    /// What each source said last.
    pub fn words(&self) -> impl Iterator<Item = (Source, &Word)> {
        self.words.iter().map(|(source, word)| (*source, word))
    }

    /// The word that counts, and whose it is.
    pub fn word(&self) -> Option<(Source, &Word)> {
        // A reset wipes what every other source said before it.
        let reset = self.words.iter().find(|(_, word)| word.runs == Runs::BootLoader);
        if let Some((source, word)) = reset
            && self.words.values().all(|other| other.at <= word.at)
        {
            return Some((*source, word));
        }
        let names = |word: &&Word| matches!(word.runs, Runs::Load(_) | Runs::About(_));
        let named = self.words.iter().rev().find(|(_, word)| names(word));
        named.or_else(|| self.words.iter().next_back()).map(|(source, word)| (*source, word))
    }

    /// The load that is believed to run.
    pub fn load(&self) -> Option<&Load> {
        match &self.word()?.1.runs {
            Runs::Load(load) | Runs::About(load) => Some(load),
            _ => None,
        }
    }

    /// The load, where its exact name is known and nobody contradicts.
    pub fn certain(&self) -> Option<&Load> {
        match &self.word()?.1.runs {
            Runs::Load(load) if self.confidence() == Confidence::High => Some(load),
            _ => None,
        }
    }

    /// 7940 and 7960: whether the universal loader is there, as far as the phone showed it.
    pub fn universal_loader(&self) -> Option<bool> {
        let said = self.words.values().filter_map(|word| match &word.runs {
            Runs::OldBoot => Some((word.at, false)),
            Runs::UniversalLoader => Some((word.at, true)),
            _ => None,
        });
        said.max_by_key(|(at, _)| *at).map(|(_, there)| there)
    }

    /// Who says otherwise, no earlier than what is believed was said.
    pub fn contradiction(&self) -> Option<(Source, &Load)> {
        let (source, word) = self.word()?;
        let (Runs::Load(load) | Runs::About(load)) = &word.runs else { return None };
        self.words.iter().find_map(|(other, said)| match &said.runs {
            Runs::Load(theirs) | Runs::About(theirs)
                if *other != source && said.at >= word.at && !same(load, theirs, &said.runs) =>
            {
                Some((*other, theirs))
            }
            _ => None,
        })
    }

    /// How sure it is.
    pub fn confidence(&self) -> Confidence {
        match self.word() {
            None => Confidence::None,
            Some((_, Word { runs: Runs::Load(_), .. })) if self.contradiction().is_none() => Confidence::High,
            Some(_) => Confidence::Low,
        }
    }

    /// In one sentence.
    pub fn sentence(&self) -> String {
        let Some((source, word)) = self.word() else { return "nothing is known of what it runs".to_owned() };
        let what = match &word.runs {
            Runs::Load(load) => format!("runs {}", load.name),
            Runs::About(load) => format!("runs a load of version {}", version(load)),
            Runs::OldBoot => "runs a load older than the universal loader".to_owned(),
            Runs::UniversalLoader => "has the universal loader; its application is not known".to_owned(),
            Runs::BootLoader => "has no application: it was reset".to_owned(),
        };
        let against = self.contradiction().map_or_else(String::new, |(source, load)| {
            format!("; {} speak of version {}", source.words(), version(load))
        });
        format!("{what}, by {}{against}", source.words())
    }
}

/// Whether two sources speak of one load. What a User-Agent says of a 7940 or 7960 is the major version alone [FW812].
fn same(load: &Load, theirs: &Load, said: &Runs) -> bool {
    if load.signalling != theirs.signalling {
        return false;
    }
    match said {
        Runs::About(_) => alike(load, theirs),
        _ => load.name.eq_ignore_ascii_case(&theirs.name),
    }
}

/// Whether a version as told by a User-Agent is that of this load: no service release in it, and of a 7940 or 7960 only
/// the major version.
pub fn alike(load: &Load, told: &Load) -> bool {
    let parts = if load.product == "P0" { 1 } else { 3 };
    let version = |load: &Load| load.version.into_iter().take(parts).collect::<Vec<_>>();
    load.signalling == told.signalling && version(load) == version(told)
}

fn version(load: &Load) -> String {
    let [major, minor, maintenance, service] = load.version;
    let service = if service == 0 { String::new() } else { format!("SR{service}") };
    format!("{major}.{minor}({maintenance}){service}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn load(name: &str) -> Load {
        Load::parse(name).unwrap()
    }

    #[test]
    fn the_surest_source_is_believed() {
        let mut belief = Belief::default();
        assert_eq!((belief.load(), belief.confidence()), (None, Confidence::None));
        belief.note(Source::UserAgent, Runs::About(load("SIP42.8-5-4S")), at(5));
        assert_eq!((belief.certain(), belief.confidence()), (None, Confidence::Low));
        belief.note(Source::Images, Runs::Load(load("SIP42.9-4-2SR3-1S")), at(9));
        assert_eq!(belief.certain().unwrap().name, "SIP42.9-4-2SR3-1S", "the User-Agent spoke before");
    }

    #[test]
    fn a_contradiction_lowers_confidence_and_is_shown() {
        let mut belief = Belief::default();
        belief.note(Source::Images, Runs::Load(load("SIP42.9-4-2SR3-1S")), at(5));
        belief.note(Source::UserAgent, Runs::About(load("SIP42.9-4-2S")), at(9));
        assert_eq!(belief.confidence(), Confidence::High, "a User-Agent knows no service release");
        belief.note(Source::UserAgent, Runs::About(load("SIP42.8-5-4S")), at(10));
        assert_eq!(belief.confidence(), Confidence::Low);
        assert!(belief.sentence().contains("8.5(4)"), "{}", belief.sentence());
        assert_eq!(belief.certain(), None);
    }

    #[test]
    fn what_is_announced_names_a_load_and_is_less_than_images() {
        let mut belief = Belief::default();
        belief.note(Source::UserAgent, Runs::About(load("SIP45.8-5-2S")), at(5));
        belief.note(Source::Announcement, Runs::Load(load("SIP45.8-5-2S")), at(9));
        assert_eq!(belief.certain().unwrap().name, "SIP45.8-5-2S");
        belief.note(Source::Images, Runs::Load(load("SIP45.9-4-2SR4-3S")), at(20));
        assert_eq!(belief.certain().unwrap().name, "SIP45.9-4-2SR4-3S");
        belief.note(Source::Announcement, Runs::Load(load("SIP45.8-5-2S")), at(30));
        assert_eq!((belief.certain(), belief.load().unwrap().name.as_str()), (None, "SIP45.9-4-2SR4-3S"));
    }

    #[test]
    fn a_reset_ends_what_was_said() {
        let mut belief = Belief::default();
        belief.note(Source::Images, Runs::Load(load("SIP45.9-3-1SR4-1S")), at(5));
        belief.note(Source::Requests, Runs::BootLoader, at(9));
        assert_eq!(belief.load(), None);
        assert!(belief.sentence().contains("reset"));
        belief.note(Source::Images, Runs::Load(load("SIP45.9-3-1SR4-1S")), at(10));
        assert!(belief.certain().is_some());
    }

    #[test]
    fn a_page_of_before_a_step_is_past() {
        let mut belief = Belief::default();
        belief.note(Source::WebPage, Runs::Load(load("P00308000500")), at(5));
        belief.note(Source::Images, Runs::Load(load("P0S3-8-12-00")), at(9));
        assert_eq!(belief.certain().unwrap().name, "P0S3-8-12-00");
        belief.note(Source::WebPage, Runs::Load(load("P00308000500")), at(10));
        assert_eq!(belief.load().unwrap().name, "P00308000500", "it went back since");
    }

    #[test]
    fn the_loader_shows_by_the_latest_boot() {
        let mut belief = Belief::default();
        belief.note(Source::Requests, Runs::OldBoot, at(1));
        assert_eq!(belief.universal_loader(), Some(false));
        belief.note(Source::Requests, Runs::UniversalLoader, at(2));
        assert_eq!(belief.universal_loader(), Some(true));
    }
}
