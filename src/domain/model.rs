//! Names of phone models.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A model name in the catalogue's spelling: `7960`, `7942`, `7941G-GE`.
///
/// People and phones write `CP-7960G`, `7960G`, `cp-7960`: the prefix and the plain `G` are decoration and are dropped,
/// `-GE` is not (gigabit hardware) and is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct ModelName(Box<str>);

impl ModelName {
    /// The catalogue's spelling of `text`. Whether the catalogue has such a model is another question.
    pub fn new(text: &str) -> Self {
        let upper = text.trim().to_ascii_uppercase();
        let name = upper.strip_prefix("CP-").unwrap_or(&upper);
        let name = match name.strip_suffix("G-GE").or_else(|| name.strip_suffix("-GE")) {
            Some(number) => format!("{number}G-GE"),
            None => name.strip_suffix('G').unwrap_or(name).to_owned(),
        };
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for ModelName {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<ModelName> for String {
    fn from(name: ModelName) -> Self {
        name.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_meet() {
        for (text, name) in [
            ("7960", "7960"),
            ("CP-7960G", "7960"),
            ("cp-7942g", "7942"),
            (" 7941G-GE ", "7941G-GE"),
            ("7941-GE", "7941G-GE"),
            ("CP-7971G-GE", "7971G-GE"),
        ] {
            assert_eq!(ModelName::new(text).as_str(), name, "{text}");
        }
    }
}
