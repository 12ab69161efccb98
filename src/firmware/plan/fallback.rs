//! What to try once when a phone refuses a step: another load first, of which it is known that such phones take it.

use super::search::allowed;
use super::{Certainty, Facts, From, Held, PathStep, Paths, Trigger};
use crate::catalog::Model;
use crate::domain::{Load, Signalling};

/// The steps to try instead of one that a phone refused, best first: sets that the store holds before those that it
/// lacks, then in the catalogue's order. From where a fallback leads the way is planned anew.
///
/// Each is an ordinary step of the catalogue too, and one that somebody vouches for: nothing forbidden, nothing that was
/// just refused.
pub fn fallbacks(paths: &Paths, model: &Model, step: &PathStep, trigger: Trigger, facts: &Facts<'_>) -> Vec<PathStep> {
    let (Ok(from), Some(refused)) = (step.from.parse::<From>(), Load::parse(&step.to)) else { return Vec::new() };
    let mut found: Vec<PathStep> = Vec::new();
    for row in paths.fallbacks().iter().filter(|row| row.fits(model, &from, facts.signs, &refused, trigger)) {
        for to in row.to.iter().flat_map(|name| loads(name, model, refused.signalling)) {
            if to.name == refused.name || is_at(&from, &to) || facts.too_old(&to).is_some() {
                continue;
            }
            let edge = allowed(paths, model, &from, &to, facts);
            let Some(edge) = edge.filter(|edge| edge.certainty != Certainty::Unverified) else { continue };
            if found.iter().any(|other| other.to == to.name) {
                continue;
            }
            let step = PathStep::new(edge, paths, model, &from, &to, facts);
            found.push(PathStep { fallback: Some(row.fallback.clone()), ..step });
        }
    }
    let rank = |step: &PathStep| {
        Load::parse(&step.to).is_none_or(|load| !matches!(facts.held(&load), None | Some(Held::Complete)))
    };
    found.sort_by_key(rank);
    found
}

/// The loads that a name of the catalogue stands for; the protocol of what was refused first.
fn loads(name: &str, model: &Model, protocol: Signalling) -> Vec<Load> {
    let protocols = match protocol {
        Signalling::Sip => ["SIP", "SCCP"],
        Signalling::Sccp => ["SCCP", "SIP"],
    };
    let mut loads: Vec<Load> = Vec::new();
    for protocol in protocols {
        let name = name.replace("<P>", protocol).replace("<NN>", &model.load_family);
        loads.extend(Load::parse(&name).filter(|load| loads.iter().all(|other| other.name != load.name)));
    }
    loads
}

/// Whether a phone runs that release already, in either protocol.
fn is_at(from: &From, to: &Load) -> bool {
    matches!(from, From::Load(own) if own.version == to.version)
}
