//! How a phone is, in one of seven words: what the overview counts.

use serde::Serialize;

use crate::status::{Health, PhoneStatus, Stage, word};

/// What a phone's stage and health come to for who looks at all of them. The worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Lot {
    NeedsHands,
    Stalled,
    Unreachable,
    Partial,
    OnItsWay,
    Silent,
    Registered,
}

impl Lot {
    pub const ALL: [Self; 7] = [
        Self::NeedsHands,
        Self::Stalled,
        Self::Unreachable,
        Self::Partial,
        Self::OnItsWay,
        Self::Silent,
        Self::Registered,
    ];

    pub fn of(stage: Stage, health: Health, reason: &str) -> Self {
        match (health, stage) {
            (Health::NeedsHands | Health::Refused | Health::Banned, _) => Self::NeedsHands,
            // It may be restarting; whether it is back nobody may know.
            (Health::Waiting, Stage::Unreachable) if reason != "registration-unknown" => Self::OnItsWay,
            (_, Stage::Unreachable) => Self::Unreachable,
            (Health::Stalled | Health::Looping, _) => Self::Stalled,
            (_, Stage::Registered) => Self::Registered,
            (_, Stage::Partial) => Self::Partial,
            (_, Stage::Silent) => Self::Silent,
            (_, Stage::Leased | Stage::Booting | Stage::Loading | Stage::Configured | Stage::Registering) => {
                Self::OnItsWay
            }
        }
    }

    pub fn of_status(status: &PhoneStatus) -> Self {
        Self::of(status.stage, status.health, &status.reason)
    }

    /// From the words of the contract.
    pub fn of_words(stage: &str, health: &str, reason: &str) -> Self {
        let read = |text: &str| serde_json::Value::String(text.to_owned());
        let stage = serde_json::from_value(read(stage)).unwrap_or(Stage::Silent);
        let health = serde_json::from_value(read(health)).unwrap_or(Health::Ok);
        Self::of(stage, health, reason)
    }

    /// As an address and a style have it.
    pub fn key(self) -> String {
        word(self)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::NeedsHands => "needs hands",
            Self::Stalled => "stalled",
            Self::Unreachable => "unreachable",
            Self::Partial => "some lines",
            Self::OnItsWay => "on its way",
            Self::Silent => "silent",
            Self::Registered => "registered",
        }
    }

    /// Whether somebody should look at it.
    pub fn is_trouble(self) -> bool {
        matches!(self, Self::NeedsHands | Self::Stalled | Self::Unreachable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_outranks_the_stage() {
        for (stage, health, lot) in [
            ("registered", "ok", Lot::Registered),
            ("registered", "needs-hands", Lot::NeedsHands),
            ("loading", "refused", Lot::NeedsHands),
            ("silent", "banned", Lot::NeedsHands),
            ("booting", "looping", Lot::Stalled),
            ("unreachable", "stalled", Lot::Unreachable),
            ("unreachable", "waiting", Lot::OnItsWay),
            ("partial", "waiting", Lot::Partial),
            ("leased", "waiting", Lot::OnItsWay),
            ("silent", "waiting", Lot::Silent),
        ] {
            assert_eq!(Lot::of_words(stage, health, "x"), lot, "{stage} {health}");
        }
        assert_eq!(Lot::of_words("unreachable", "waiting", "registration-unknown"), Lot::Unreachable);
        assert!(Lot::ALL.is_sorted());
    }
}
