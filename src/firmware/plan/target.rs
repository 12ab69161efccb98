//! Which load is meant: the default target, and the name that a mistyped one is nearest to.

use super::{Facts, Paths};
use crate::catalog::{Family, Model};
use crate::domain::{Load, Signalling};

/// Most edits between a mistyped name and the one it is taken for.
const EDITS: usize = 3;

/// The load a model should run where nobody named one for the phone: the configured one, else the newest complete SIP set
/// of its family. `held` is what the store has, and whether each is complete. `None` where there is none, or where the
/// configured name is no load name.
pub fn default_target(model: &Model, configured: Option<&str>, held: &[(Load, bool)]) -> Option<Load> {
    if let Some(name) = configured {
        return Load::parse(name);
    }
    newest(&model.load_family, held.iter().filter(|(_, complete)| *complete).map(|(load, _)| load.clone()))
}

/// The newest SIP load of a family.
pub fn newest(family: &str, loads: impl Iterator<Item = Load>) -> Option<Load> {
    let fits = |load: &Load| load.product == family && load.signalling == Signalling::Sip;
    loads.filter(fits).max_by(|a, b| a.version.cmp(&b.version).then_with(|| a.name.cmp(&b.name)))
}

/// The load of this model that a name was meant for, if one is near enough: of those in the catalogue and in the store.
pub fn nearest(paths: &Paths, model: &Model, name: &str, facts: &Facts<'_>) -> Option<String> {
    let held = facts.stock.into_iter().flatten().map(|held| held.load.clone());
    let loads = held.filter(|load| load.product == model.load_family).chain(paths.known(model));
    let names: Vec<String> = loads.map(|load| load.name).collect();
    nearest_of(name, &names)
}

/// The name with the fewest edits, whatever the case. The first of equals.
pub(super) fn nearest_of(name: &str, names: &[String]) -> Option<String> {
    // Longer than any load's name is no slip, and the distance costs their product.
    if name.len() > 64 {
        return None;
    }
    let wanted = name.to_ascii_uppercase();
    let near = names.iter().map(|other| (strsim::osa_distance(&wanted, &other.to_ascii_uppercase()), other));
    let (edits, nearest) = near.min_by_key(|(edits, _)| *edits)?;
    (edits <= EDITS && nearest != name).then(|| nearest.clone())
}

/// How the loads of a model are called, for a sentence.
pub(super) fn model_loads(model: &Model) -> String {
    match model.family {
        Family::Legacy => "P0S3… (SIP) or P003… (SCCP)".to_owned(),
        Family::Java => format!("SIP{0}… or SCCP{0}…", model.load_family),
    }
}
