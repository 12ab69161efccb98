//! Languages: POSIX locale names to the folder names of Cisco's locale packages.

use crate::catalog::{Family, Model};
use crate::domain::Problem;

/// A language on the phones. `user` and `network` are folders on the server; a phone that finds no folder keeps English
/// and goes on [W7942].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Locale {
    /// POSIX name, which is also `langCode`.
    pub(super) code: &'static str,
    /// Folder of the menu texts.
    pub(super) user: &'static str,
    /// Folder of the tones.
    pub(super) network: &'static str,
}

const ENGLISH: Locale = Locale { code: "en_US", user: "English_United_States", network: "United_States" };

/// Folder names as in the Unified Communications Manager locale packages.
const LOCALES: [Locale; 14] = [
    ENGLISH,
    Locale { code: "en_GB", user: "English_United_Kingdom", network: "United_Kingdom" },
    Locale { code: "da_DK", user: "Danish_Denmark", network: "Denmark" },
    Locale { code: "de_DE", user: "German_Germany", network: "Germany" },
    Locale { code: "es_ES", user: "Spanish_Spain", network: "Spain" },
    Locale { code: "fi_FI", user: "Finnish_Finland", network: "Finland" },
    Locale { code: "fr_FR", user: "French_France", network: "France" },
    Locale { code: "it_IT", user: "Italian_Italy", network: "Italy" },
    Locale { code: "nl_NL", user: "Dutch_Netherlands", network: "Netherlands" },
    Locale { code: "no_NO", user: "Norwegian_Norway", network: "Norway" },
    Locale { code: "pl_PL", user: "Polish_Poland", network: "Poland" },
    Locale { code: "pt_BR", user: "Portuguese_Brazil", network: "Brazil" },
    Locale { code: "pt_PT", user: "Portuguese_Portugal", network: "Portugal" },
    Locale { code: "sv_SE", user: "Swedish_Sweden", network: "Sweden" },
];

/// The locale of a language such as `de_DE`; English where none is asked for or known.
pub(super) fn locale(language: Option<&str>) -> Locale {
    language.and_then(known).unwrap_or(ENGLISH)
}

/// Are times written as 2:30 PM and dates month first? Only where the language says United States, or nothing is said.
pub(super) fn twelve_hours(language: Option<&str>) -> bool {
    language.is_none_or(|name| name.starts_with("en_US"))
}

/// What of the language this model cannot show.
pub(super) fn problem(model: &Model, language: Option<&str>) -> Option<Problem> {
    let name = language?;
    let spoken = match model.family {
        // `english` is the only word that load 8.12 takes [FW812].
        Family::Legacy => name.starts_with("en"),
        Family::Java => known(name).is_some(),
    };
    (!spoken).then(|| {
        Problem::new(
            "language-unknown",
            format!("A {} has no menus in the language {name:?}; they stay in English.", model.name),
            "Set `phones.language` to one the model has, such as en_US; dates and times still follow the setting.",
        )
    })
}

fn known(language: &str) -> Option<Locale> {
    let name = language.split('.').next().unwrap_or(language);
    LOCALES.into_iter().find(|locale| locale.code == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn languages_map_or_stay_english() {
        for (language, user, twelve) in [
            (None, "English_United_States", true),
            (Some("en_US"), "English_United_States", true),
            (Some("de_DE.UTF-8"), "German_Germany", false),
            (Some("xx_YY"), "English_United_States", false),
        ] {
            assert_eq!(locale(language).user, user);
            assert_eq!(twelve_hours(language), twelve);
        }
        let catalog = Catalog::builtin();
        for (model, language, told) in [
            ("7960", Some("de_DE"), true),
            ("7960", Some("en_GB"), false),
            ("7942", Some("de_DE"), false),
            ("7942", Some("xx_YY"), true),
            ("7942", None, false),
        ] {
            assert_eq!(problem(catalog.find(model).unwrap(), language).is_some(), told, "{model} {language:?}");
        }
    }
}
