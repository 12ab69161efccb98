//! The catalogue of steps, as `paths.toml` states it.
//!
//! Rows are judged in order: a forbidden row that fits forbids, else the first edge that fits speaks for the step.

use std::fmt;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::pattern::Pattern;
use super::{From, Signs};
use crate::catalog::{Family, Model};
use crate::domain::Load;
use crate::firmware::set::hex;

/// A file by which a phone is told its load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlFile {
    /// Old boots of 7940 and 7960: the name, and nothing else.
    #[serde(rename = "OS79XX.TXT")]
    Os79xx,
    /// `image_version`, in this file and in `SIP<MAC>.cnf`.
    #[serde(rename = "SIPDefault.cnf")]
    SipDefault,
    /// `loadInformation` with the number of the model.
    #[serde(rename = "XMLDefault.cnf.xml")]
    XmlDefault,
    /// `loadInformation`, for one phone.
    #[serde(rename = "SEP<MAC>.cnf.xml")]
    Sep,
    /// What the boot loader of a Java phone asks for: the members of a set, without its name.
    #[serde(rename = "termNN.default.loads")]
    Term,
}

impl ControlFile {
    /// What this model calls it.
    pub fn file(self, model: &Model) -> &str {
        match self {
            Self::Os79xx => "OS79XX.TXT",
            Self::SipDefault => "SIPDefault.cnf",
            Self::XmlDefault => "XMLDefault.cnf.xml",
            Self::Sep => "SEP<MAC>.cnf.xml",
            Self::Term => model.term.as_deref().unwrap_or("termNN.default.loads"),
        }
    }
}

/// How sure a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// Cisco says so.
    Documented,
    /// Somebody did it and wrote it down.
    Reported,
    /// The same way as a known one.
    Inferred,
    /// Nobody says so.
    Unverified,
}

impl fmt::Display for Certainty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Documented => "documented",
            Self::Reported => "reported",
            Self::Inferred => "inferred",
            Self::Unverified => "unverified",
        })
    }
}

/// How the load after a step compares to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Than {
    /// A later release.
    Later,
    /// An earlier one.
    Older,
    /// The same release, or a later one.
    SameOrLater,
}

/// A step that may be taken.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// Its id: the table of the manual and its row.
    pub rule: String,
    family: Family,
    from: Pattern,
    to: Pattern,
    #[serde(default)]
    than: Option<Than>,
    #[serde(default)]
    models: Vec<String>,
    #[serde(default)]
    products: Vec<String>,
    /// What carries the name of the universal loader, until the phone has it.
    #[serde(default)]
    pub loader: Vec<ControlFile>,
    /// What carries the name of the load.
    pub app: Vec<ControlFile>,
    /// Tags of `docs/sources.md`.
    pub source: String,
    /// How sure it is.
    pub certainty: Certainty,
    /// 1 to 8; `paths.toml` says what each means.
    pub risk: u32,
    /// What an administrator should know.
    #[serde(default)]
    pub note: Option<String>,
}

impl Edge {
    fn fits(&self, model: &Model, from: &From, signs: Signs, to: &Load) -> bool {
        let than = |than: Than| match (from, than) {
            (From::Load(from), Than::Later) => to.version > from.version,
            (From::Load(from), Than::Older) => to.version < from.version,
            (From::Load(from), Than::SameOrLater) => to.version >= from.version,
            _ => false,
        };
        self.family == model.family
            && self.to.load(to)
            && self.from.from(from, signs)
            && self.than.is_none_or(than)
            && (self.models.is_empty() || self.models.iter().any(|name| name == model.name.as_str()))
            && (self.products.is_empty() || self.products.contains(&model.load_family))
    }

    /// For the manual: which phones, from, to.
    pub fn told(&self) -> [String; 3] {
        let than = match self.than {
            None => "",
            Some(Than::Later) => ", later than now",
            Some(Than::Older) => ", older than now",
            Some(Than::SameOrLater) => ", the same release or later",
        };
        [whom(self.family, &self.models, &self.products), self.from.to_string(), format!("{}{than}", self.to)]
    }
}

/// A step that must not be tried.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forbidden {
    /// Its id.
    pub rule: String,
    family: Family,
    from: Pattern,
    to: Pattern,
    #[serde(default)]
    products: Vec<String>,
    /// Why, as a sentence.
    pub reason: String,
    /// What to do instead, as a sentence.
    pub remedy: String,
    /// Tags of `docs/sources.md`.
    pub source: String,
    /// How sure it is.
    pub certainty: Certainty,
}

impl Forbidden {
    /// For the manual: which phones, from, to.
    pub fn told(&self) -> [String; 3] {
        [whom(self.family, &[], &self.products), self.from.to_string(), self.to.to_string()]
    }
}

fn whom(family: Family, models: &[String], products: &[String]) -> String {
    match (family, models, products) {
        (Family::Legacy, ..) => "7940, 7960".to_owned(),
        (Family::Java, [], []) => "Java phones".to_owned(),
        (Family::Java, [], products) => format!("load family {}", products.join(", ")),
        (Family::Java, models, _) => models.join(", "),
    }
}

/// A boundary that is crossed once.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Door {
    /// Its name.
    pub door: String,
    family: Family,
    from: Pattern,
    to: Pattern,
    /// What cannot be undone, as a sentence.
    pub text: String,
    /// Tags of `docs/sources.md`.
    pub source: String,
}

/// What a phone does that says a step was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// `.sb2` fetched twice and the old application back, or "auth" on the display [STRANGE].
    ImageRejected,
    /// `termNN.default.loads` three times without a member [HIP].
    TermLoop,
    /// The phone asks for its control file and never for the load in it.
    NotTaken,
}

/// What to try once when a step is refused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fallback {
    /// Its id.
    pub fallback: String,
    pub(super) family: Family,
    /// What the phone did.
    pub trigger: Trigger,
    pub(super) from: Pattern,
    instead_of: Pattern,
    /// Names or name patterns of loads, in the order in which they are tried.
    pub(super) to: Vec<String>,
    /// Tags of `docs/sources.md`.
    pub source: String,
}

impl Fallback {
    pub(super) fn fits(&self, model: &Model, from: &From, signs: Signs, refused: &Load, trigger: Trigger) -> bool {
        self.family == model.family
            && self.trigger == trigger
            && self.instead_of.load(refused)
            && self.from.from(from, signs)
    }

    /// For the manual: from, instead of, to.
    pub fn told(&self) -> [String; 3] {
        [self.from.to_string(), self.instead_of.to_string(), self.to.join(", ")]
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    family: Family,
    loads: Vec<String>,
}

/// What the catalogue says of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It may be taken.
    Allowed(&'a Edge),
    /// It must not be tried.
    Forbidden(&'a Forbidden),
    /// No source knows it.
    NotListed,
}

/// The whole catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paths {
    door: Vec<Door>,
    forbidden: Vec<Forbidden>,
    edge: Vec<Edge>,
    fallback: Vec<Fallback>,
    stones: Vec<Names>,
    known: Vec<Names>,
}

/// As it is compiled in.
const TEXT: &str = include_str!("../paths.toml");

impl Paths {
    /// The one that is compiled in; parsed once.
    pub fn builtin() -> &'static Self {
        static PATHS: OnceLock<Paths> = OnceLock::new();
        PATHS.get_or_init(|| toml::from_str(TEXT).expect("the compiled-in paths are proven to parse by a test"))
    }

    /// Which catalogue that is: the first 12 digits of the SHA-256 of `paths.toml`.
    pub fn version() -> &'static str {
        static VERSION: OnceLock<String> = OnceLock::new();
        VERSION.get_or_init(|| hex(&Sha256::digest(TEXT)).chars().take(12).collect())
    }

    /// Whether a phone may go from there to this load in one step. Both are loads of the model's own family.
    pub fn verdict(&self, model: &Model, from: &From, signs: Signs, to: &Load) -> Verdict<'_> {
        let forbids = |row: &&Forbidden| {
            row.family == model.family
                && row.to.load(to)
                && row.from.from(from, signs)
                && (row.products.is_empty() || row.products.contains(&model.load_family))
        };
        if let Some(forbidden) = self.forbidden.iter().find(forbids) {
            return Verdict::Forbidden(forbidden);
        }
        let edge = self.edge.iter().find(|edge| edge.fits(model, from, signs, to));
        edge.map_or(Verdict::NotListed, Verdict::Allowed)
    }

    /// The door that this step goes through, if any.
    pub fn door(&self, model: &Model, from: &From, signs: Signs, to: &Load) -> Option<&Door> {
        self.door.iter().find(|door| door.family == model.family && door.to.load(to) && door.from.from(from, signs))
    }

    /// Loads that a path of this model may pass although the store does not hold them.
    pub fn stones(&self, model: &Model) -> Vec<Load> {
        names(&self.stones, model)
    }

    /// Loads of this model that public sources name, stones included.
    pub fn known(&self, model: &Model) -> Vec<Load> {
        let mut known = self.stones(model);
        known.extend(names(&self.known, model));
        known
    }

    /// Rows, for the manual.
    pub fn edges(&self) -> &[Edge] {
        &self.edge
    }

    /// Rows, for the manual.
    pub fn forbidden(&self) -> &[Forbidden] {
        &self.forbidden
    }

    /// Rows, for the manual.
    pub fn fallbacks(&self) -> &[Fallback] {
        &self.fallback
    }

    /// Rows, for the manual.
    pub fn doors(&self) -> &[Door] {
        &self.door
    }
}

fn names(lists: &[Names], model: &Model) -> Vec<Load> {
    let names = lists.iter().filter(|list| list.family == model.family).flat_map(|list| &list.loads);
    let loads = names.filter_map(|name| Load::parse(&name.replace("<NN>", &model.load_family)));
    loads.filter(|load| load.product == model.load_family).collect()
}
