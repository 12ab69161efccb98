//! What a scripted phone holds in flash, and how an image gets there.
//!
//! A 7940/7960 holds a boot part and an application. In loads before the universal loader the two are one image; the
//! universal loader stays when the application changes. A Java phone holds a boot loader, which no public load replaces
//! and which therefore is not told of here, and the images of one load, or none after a factory reset.
//!
//! - [`image`]: headers and payloads; [`manifest`]: `.loads`; [`steps`]: which load may follow which
//! - `legacy` and `java`: fetching and writing

pub mod image;
pub mod java;
pub mod legacy;
pub mod manifest;
pub mod steps;

use std::fmt;

use super::model::{Family, LoadId, Model, State};
use steps::Release;

/// What a phone's flash holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flash {
    /// 7940/7960.
    Legacy {
        /// What starts first.
        boot: Boot,
        /// The application; `None` = the screen says *Protocol Application Invalid*.
        app: Option<LoadId>,
    },
    /// 7906 to 7975.
    Java {
        /// The images of a load; `None` = the boot loader alone.
        app: Option<Installed>,
    },
}

/// What starts first in a 7940/7960.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Boot {
    /// Part of a load before 5.0; takes unsigned images (`.bin`).
    Unsigned,
    /// Part of SCCP 5.x, SIP 5.x or 6.x; takes signed images (`.sbn`) and never an unsigned one again.
    Signed,
    /// The universal loader.
    Universal {
        /// Its build, `PAS30830`; `None` = not known, and so different from any.
        build: Option<String>,
    },
}

/// A load in a Java phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// As the phone reports it: `SIP45.9-3-1SR4-1S`, or `term65.default` after a recovery.
    pub load: LoadId,
    /// Its release, which a recovery load's name does not hold; `None` = not known.
    pub release: Option<Release>,
}

impl Installed {
    /// A load whose release is in its name.
    pub fn named(load: LoadId) -> Self {
        let release = Release::of_load(load.as_str());
        Self { load, release }
    }
}

impl Flash {
    /// What is in flash in a state as a person says it. The factory reset of a 7940/7960 deletes settings only, but the
    /// state does not say which load stays: it counts as none.
    pub fn of(model: &Model, state: &State) -> Self {
        let load = match state {
            State::Sip(load) | State::Sccp(load) => Some(load.clone()),
            State::Loader | State::Factory => None,
        };
        match model.family {
            Family::Java => Self::Java { app: load.map(Installed::named) },
            Family::Legacy => {
                let boot = match &load {
                    Some(load) if !load.is_before_universal_loader() => {
                        Boot::Universal { build: image::build_of(load) }
                    }
                    Some(load) if steps::is_signed(load) => Boot::Signed,
                    Some(_) => Boot::Unsigned,
                    None => Boot::Universal { build: None },
                };
                Self::Legacy { boot, app: load }
            }
        }
    }

    /// The load that runs, if any.
    pub fn load(&self) -> Option<&LoadId> {
        match self {
            Self::Legacy { app, .. } => app.as_ref(),
            Self::Java { app } => app.as_ref().map(|app| &app.load),
        }
    }

    /// The release of a Java phone's load, where it is known.
    pub fn release(&self) -> Option<Release> {
        match self {
            Self::Java { app: Some(app) } => app.release,
            _ => None,
        }
    }

    /// What starts first, on a 7940/7960.
    pub fn boot(&self) -> Option<&Boot> {
        match self {
            Self::Legacy { boot, .. } => Some(boot),
            Self::Java { .. } => None,
        }
    }

    /// Whether the universal loader is in it.
    pub fn has_universal_loader(&self) -> bool {
        matches!(self.boot(), Some(Boot::Universal { .. }))
    }

    /// What an interrupted write leaves. A phone whose boot part was hit would be dead; none is.
    pub(crate) fn without_application(&self) -> Self {
        match self {
            Self::Legacy { boot: boot @ Boot::Universal { .. }, .. } => Self::Legacy { boot: boot.clone(), app: None },
            // In an old load boot and application are one image: nothing is left that could be played on.
            Self::Legacy { .. } => self.clone(),
            Self::Java { .. } => Self::Java { app: None },
        }
    }
}

impl fmt::Display for Flash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Legacy { boot, app } => {
                match boot {
                    Boot::Unsigned => f.write_str("unsigned boot")?,
                    Boot::Signed => f.write_str("signed boot")?,
                    Boot::Universal { build: Some(build) } => write!(f, "universal loader {build}")?,
                    Boot::Universal { build: None } => f.write_str("universal loader")?,
                }
                match app {
                    Some(load) => write!(f, ", {load}"),
                    None => f.write_str(", no application"),
                }
            }
            Self::Java { app: None } => f.write_str("boot loader, no load"),
            Self::Java { app: Some(Installed { load, release: Some(release) }) } if load.version().is_empty() => {
                write!(f, "boot loader, {load} ({release})")
            }
            Self::Java { app: Some(app) } => write!(f, "boot loader, {}", app.load),
        }
    }
}

#[cfg(test)]
mod tests;
