//! Which archive of the vendor holds a load: the answer to "where do I get the file". Data, and nothing that downloads.

use std::sync::LazyLock;

use serde::Deserialize;

/// An archive as the vendor published it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// File name.
    pub name: String,
    /// Loads in it.
    pub loads: Vec<String>,
    /// Octets, where a source states them.
    pub size: Option<u64>,
    /// SHA-1, 40 hex digits, where a source states it.
    pub sha1: Option<String>,
    /// Tag of `docs/sources.md`.
    pub source: String,
    /// Whether the name is made by the vendor's pattern and no source was seen that lists it.
    #[serde(default)]
    pub inferred: bool,
}

impl Archive {
    /// What to look for.
    pub fn sentence(&self) -> String {
        let mut facts = Vec::new();
        if self.inferred {
            facts.push("by the vendor's naming pattern".to_owned());
        }
        facts.extend(self.size.map(|size| format!("{size} octets")));
        facts.extend(self.sha1.as_ref().map(|sha1| format!("SHA-1 {sha1}")));
        if facts.is_empty() { self.name.clone() } else { format!("{} ({})", self.name, facts.join(", ")) }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    archive: Vec<Archive>,
}

static ARCHIVES: LazyLock<Vec<Archive>> = LazyLock::new(|| {
    toml::from_str::<Data>(include_str!("archives.toml")).expect("archives.toml is checked by its test").archive
});

/// Every archive that is known.
pub fn all() -> &'static [Archive] {
    &ARCHIVES
}

/// Those that hold a load.
pub fn holding(load: &str) -> impl Iterator<Item = &'static Archive> {
    all().iter().filter(move |archive| archive.loads.iter().any(|held| held == load))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Load;

    #[test]
    fn the_data_is_sound() {
        let tags = include_str!("../../docs/sources.md");
        for archive in all() {
            let name = &archive.name;
            assert!(!archive.loads.is_empty(), "{name}");
            for load in &archive.loads {
                assert!(Load::parse(load).is_some(), "{name}: {load}");
            }
            assert!(archive.sha1.as_ref().is_none_or(|sha1| sha1.len() == 40), "{name}");
            assert!(tags.contains(&format!("| {} |", archive.source)), "{name}: {} is no tag", archive.source);
            assert!(!name.contains('/') && !name.contains(':'), "{name}: a name, and no address");
        }
    }

    /// What the front door of the product names has an answer.
    #[test]
    fn the_loads_of_the_usual_ways_are_known() {
        let java = ["11", "41", "42", "45", "70", "75"]
            .iter()
            .flat_map(|family| ["8-5-2S", "9-4-2SR3-1S"].iter().map(move |release| format!("SIP{family}.{release}")));
        let legacy = ["P00305000500", "P00308000400", "P00308000900", "P0S3-8-12-00"].map(str::to_owned);
        for load in java.chain(legacy) {
            assert!(holding(&load).next().is_some(), "{load}");
        }
        assert_eq!(holding("P0S3-99-0-00").next(), None);
    }
}
