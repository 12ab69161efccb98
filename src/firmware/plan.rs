//! The legal way from what a phone runs to what it should run.
//!
//! Pure: the catalogue of steps is data ([`Paths`]), what the store holds is handed in, and a path is a shortest way
//! by risk, then by number of steps. Nothing here serves a file or knows a clock.
//!
//! *Risk* of a path is the sum of its steps' risks. Of equals the one with fewer missing sets is taken, then the one that
//! changes the protocol late or never, then the one over newer loads.

mod fallback;
mod map;
mod paths;
mod pattern;
mod range;
mod search;
mod target;
#[cfg(test)]
mod tests;

use std::convert;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::catalog::{Family, Model};
use crate::domain::{Era, Load};

pub use fallback::fallbacks;
pub use map::{Arrow, Map, Place, map};
pub use paths::{Certainty, ControlFile, Door, Edge, Fallback, Forbidden, Paths, Trigger, Verdict};
pub use search::plan;
pub use target::{default_target, nearest, newest};

/// What a phone is known to run, or to be in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// This load.
    Load(Load),
    /// No application: the universal loader alone on 7940 and 7960, the boot loader on Java phones.
    Loader,
    /// A factory reset. It empties a Java phone; a 7940 or 7960 keeps its images, and nothing is known of them.
    Factory,
    /// Nothing.
    Unknown,
}

impl FromStr for From {
    type Err = ();

    /// A load's name, or `loader`, `factory`, `unknown`.
    fn from_str(text: &str) -> Result<Self, ()> {
        match text.trim() {
            "loader" => Ok(Self::Loader),
            "factory" => Ok(Self::Factory),
            "unknown" => Ok(Self::Unknown),
            name => Load::parse(name).map(Self::Load).ok_or(()),
        }
    }
}

impl convert::From<Load> for From {
    fn from(load: Load) -> Self {
        Self::Load(load)
    }
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Load(load) => &load.name,
            Self::Loader => "loader",
            Self::Factory => "factory",
            Self::Unknown => "unknown",
        })
    }
}

/// What a phone has shown of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// 7940 and 7960: it asks for `CTLSEP<MAC>.tlv`, or names its model in DHCP option 60; `None` = not seen yet, which
    /// counts as no [SINGLE].
    pub universal_loader: Option<bool>,
}

/// A set that the store holds, whole or in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stock {
    /// Its load.
    pub load: Load,
    /// Names of files that it lacks; empty = complete.
    pub missing: Vec<String>,
    /// `HARDWARE_COMP_1` of its manifest, where it has one.
    pub hardware: Option<u32>,
}

/// What a plan goes by, beside the catalogue.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// What the phone has shown.
    pub signs: Signs,
    /// `HARDWARE_COMP_1` of the load that the phone arrived with, if known: nothing with a lower mark is offered [BYTES].
    pub arrived_hardware: Option<u32>,
    /// What the store holds; `None` = it was not asked, and nothing is said to be missing.
    pub stock: Option<&'a [Stock]>,
}

impl Facts<'_> {
    fn held(&self, load: &Load) -> Option<Held> {
        let stock = self.stock?;
        Some(match stock.iter().find(|held| held.load.name == load.name) {
            None => Held::Absent,
            Some(held) if held.missing.is_empty() => Held::Complete,
            Some(held) => Held::Incomplete(held.missing.clone()),
        })
    }

    /// Whether the load is known to be made for hardware older than the phone's.
    fn too_old(&self, load: &Load) -> Option<(u32, u32)> {
        let arrived = self.arrived_hardware?;
        let own = self.stock?.iter().find(|held| held.load.name == load.name)?.hardware?;
        (own < arrived).then_some((own, arrived))
    }
}

/// What the store holds of a load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Held {
    /// All of it.
    Complete,
    /// All but these files.
    Incomplete(Vec<String>),
    /// Nothing.
    Absent,
}

/// A control file and the name in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Via {
    /// Which file.
    #[serde(skip)]
    pub control: ControlFile,
    /// Its name; `<MAC>` stands for the phone's.
    pub file: String,
    /// What it names: the universal loader until the phone has it, else the load. A term file names neither and holds the
    /// members of this load.
    pub name: String,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PathStep {
    /// What the phone runs before: a load, `loader`, `factory` or `unknown`.
    pub from: String,
    /// The load it runs after.
    pub to: String,
    /// What to serve, the loader's name before the load's.
    pub via: Vec<Via>,
    /// What the control files carry in the end: the load's name.
    pub name: String,
    /// What the phone asks for then, in order; members of a manifest follow.
    pub asks: Vec<String>,
    /// The row of the catalogue that allows it.
    pub rule: String,
    /// Who says so: tags of `docs/sources.md`.
    pub source: String,
    /// How sure that is.
    pub certainty: Certainty,
    /// 1 to 8; `paths.toml` says what each means.
    pub risk: u32,
    /// Whether it cannot be undone.
    pub one_way: bool,
    /// What cannot be undone, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub door: Option<String>,
    /// What an administrator should know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The store lacks the load, or part of it. Never true where the store was not asked.
    pub missing: bool,
    /// What of it the store lacks, by name; empty where all of it is missing.
    pub lacks: Vec<String>,
    /// The fallback that proposes it, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
}

/// Steps from what runs to what is wanted; none where the phone runs it already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UpgradePath {
    /// In order.
    pub steps: Vec<PathStep>,
    /// Where neither catalogue nor store knows the target: a name that is nearly the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
}

impl UpgradePath {
    /// Sum of the steps' risks.
    pub fn risk(&self) -> u32 {
        self.steps.iter().map(|step| step.risk).sum()
    }

    /// Whether a step cannot be undone.
    pub fn one_way(&self) -> bool {
        self.steps.iter().any(|step| step.one_way)
    }
}

/// Why there is no path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{summary}")]
pub struct Refused {
    /// One sentence.
    pub summary: String,
    /// What to do, one sentence.
    pub remedy: String,
    /// A load whose name is nearly the same as the target's.
    pub nearest: Option<String>,
}

impl PathStep {
    fn new(edge: &Edge, paths: &Paths, model: &Model, from: &From, to: &Load, facts: &Facts<'_>) -> Self {
        // SCCP sets share one name between loader and load, and a phone that has the loader needs no other name.
        let loader = to.loader().filter(|_| !edge.loader.is_empty());
        let via = |control: &ControlFile, name: &str| Via {
            control: *control,
            file: control.file(model).to_owned(),
            name: name.to_owned(),
        };
        let of_loader = edge.loader.iter().filter_map(|control| loader.as_deref().map(|name| via(control, name)));
        let of_load = edge.app.iter().map(|control| via(control, &to.name));
        let door = paths.door(model, from, facts.signs, to);
        let held = facts.held(to);
        Self {
            from: from.to_string(),
            to: to.name.clone(),
            via: of_loader.chain(of_load).collect(),
            name: to.name.clone(),
            asks: asks(edge, model, from, to, facts.signs),
            rule: edge.rule.clone(),
            source: edge.source.clone(),
            certainty: edge.certainty,
            risk: edge.risk,
            one_way: door.is_some(),
            door: door.map(|door| door.text.clone()),
            note: edge.note.clone(),
            missing: matches!(held, Some(Held::Absent | Held::Incomplete(_))),
            lacks: if let Some(Held::Incomplete(lacks)) = held { lacks } else { Vec::new() },
            fallback: None,
        }
    }
}

/// The files that a phone asks for by the names it was told: `.bin` while it runs an unsigned load, `.sbn` on a signed
/// old boot, then the manifest of the universal loader's time; Java phones ask for manifests alone.
fn asks(edge: &Edge, model: &Model, from: &From, to: &Load, signs: Signs) -> Vec<String> {
    let manifest = format!("{}.loads", to.name);
    if model.family == Family::Java {
        let term = edge.app.iter().filter(|control| **control == ControlFile::Term);
        return term.map(|control| control.file(model).to_owned()).chain([manifest]).collect();
    }
    let before = match from {
        From::Load(load) => load.era(),
        From::Loader => Some(Era::UniversalLoader),
        From::Factory | From::Unknown if signs.universal_loader == Some(true) => Some(Era::UniversalLoader),
        From::Factory | From::Unknown => Some(Era::Unsigned),
    };
    let universal = to.era() == Some(Era::UniversalLoader);
    let first = to.loader().unwrap_or_else(|| to.name.clone());
    let mut asks = Vec::new();
    match before {
        Some(Era::Unsigned) => asks.push(format!("{first}.bin")),
        Some(Era::UniversalLoader) if universal => {}
        _ => asks.push(format!("{first}.sbn")),
    }
    asks.extend(universal.then_some(manifest));
    asks
}
