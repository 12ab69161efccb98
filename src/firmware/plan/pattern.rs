//! What a row of the catalogue is about: releases of either protocol, or a phone that runs no load we know.

use std::fmt;

use serde::Deserialize;

use super::range::Range;
use super::{From, Signs};
use crate::domain::{Load, Signalling};

/// What a phone is known to be in when it runs no load that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// 7940 and 7960: the universal loader without an application. Java: the boot loader.
    Loader,
    /// After a factory reset.
    Factory,
    /// Nothing is known.
    Unknown,
}

/// What a phone has to run, or be in, for a row to fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    #[serde(default)]
    sip: Option<Range>,
    #[serde(default)]
    sccp: Option<Range>,
    #[serde(default)]
    any: Option<Range>,
    #[serde(default)]
    state: Vec<State>,
    /// Of `state`: whether the phone shows that it has the universal loader.
    #[serde(default)]
    universal_loader: Option<bool>,
}

impl Pattern {
    /// Whether a load is meant.
    pub(super) fn load(&self, load: &Load) -> bool {
        let own = match load.signalling {
            Signalling::Sip => &self.sip,
            Signalling::Sccp => &self.sccp,
        };
        own.iter().chain(&self.any).any(|range| range.contains(load.version))
    }

    /// Whether what a phone runs, or is in, is meant.
    pub(super) fn from(&self, from: &From, signs: Signs) -> bool {
        let state = match from {
            From::Load(load) => return self.load(load),
            From::Loader => State::Loader,
            From::Factory => State::Factory,
            From::Unknown => State::Unknown,
        };
        // Only what a phone has shown counts as shown.
        let shown = signs.universal_loader.unwrap_or(false);
        self.state.contains(&state)
            && (state == State::Loader || self.universal_loader.is_none_or(|asked| asked == shown))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranges = [("SIP ", &self.sip), ("SCCP ", &self.sccp), ("", &self.any)];
        let mut parts: Vec<String> =
            ranges.iter().filter_map(|(of, range)| Some(format!("{of}{}", range.as_ref()?))).collect();
        let state = self.state.iter().map(|state| match state {
            State::Loader => "loader only",
            State::Factory => "after a factory reset",
            State::Unknown => "unknown",
        });
        parts.extend(state.map(str::to_owned));
        let loader = match self.universal_loader {
            Some(true) => " (universal loader)",
            Some(false) => " (old boot)",
            None => "",
        };
        write!(f, "{}{loader}", parts.join(", "))
    }
}
