//! The shortest path: Dijkstra over what the phone runs, the sets in the store and the stepping stones.

use super::target::{model_loads, nearest_of};
use super::{Edge, Facts, From, Held, PathStep, Paths, Refused, UpgradePath, Verdict};
use crate::catalog::{Family, Model};
use crate::domain::Load;

/// What a path costs, in the order in which it counts. Each part adds up over the steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Cost {
    risk: u32,
    steps: u32,
    missing: u32,
    other_protocol: u32,
    age: u32,
}

impl Cost {
    fn plus(self, other: Self) -> Self {
        Self {
            risk: self.risk + other.risk,
            steps: self.steps + other.steps,
            missing: self.missing + other.missing,
            other_protocol: self.other_protocol + other.other_protocol,
            age: self.age + other.age,
        }
    }
}

/// A place on the way: what the phone runs there, and the cheapest way to it that is known so far.
struct Place {
    at: From,
    /// What being here adds to the cost of a path, beside the edge that leads to it.
    own: Cost,
    way: Option<Way>,
    settled: bool,
}

#[derive(Clone, Copy)]
struct Way {
    cost: Cost,
    /// Where from; `None` for the start.
    before: Option<usize>,
}

/// The steps from what a phone runs to the load it should run: shortest by risk, then by number of steps. It passes only
/// complete sets of the store and the catalogue's stepping stones, and says what of them is missing.
///
/// # Errors
/// Why there is no path, and what to do.
pub fn plan(paths: &Paths, model: &Model, from: &From, to: &Load, facts: &Facts<'_>) -> Result<UpgradePath, Refused> {
    let known = known(paths, model, facts);
    let known_name = known.contains(&to.name);
    let alike = |name: &String| {
        to.product != model.load_family || Load::parse(name).is_some_and(|load| load.signalling == to.signalling)
    };
    // A load that is only rare is not taken for one that speaks something else.
    let nearest = nearest_of(&to.name, &known).filter(|name| !known_name && alike(name));
    refuse_target(model, from, to, facts, nearest.as_deref())?;
    if let From::Load(load) = from
        && load.name == to.name
    {
        return Ok(UpgradePath::default());
    }
    let mut places = places(paths, model, from, to, facts);
    while let Some(here) = cheapest(&places) {
        if let Some(place) = places.get_mut(here) {
            place.settled = true;
        }
        if places.get(here).is_some_and(|place| runs(&place.at, to)) {
            return Ok(UpgradePath { steps: steps(paths, model, &places, here, facts), nearest });
        }
        relax(paths, model, &mut places, here, facts);
    }
    Err(no_path(paths, model, from, to, facts, nearest))
}

/// What can be refused before any path is looked for.
fn refuse_target(
    model: &Model,
    from: &From,
    to: &Load,
    facts: &Facts<'_>,
    nearest: Option<&str>,
) -> Result<(), Refused> {
    let refused =
        |summary: String, remedy: String| Err(Refused { summary, remedy, nearest: nearest.map(str::to_owned) });
    let strange = |load: &Load| load.product != model.load_family;
    if strange(to) {
        return refused(
            format!("{} is no load for a {}.", to.name, model.name),
            format!("Choose one of {}.", model_loads(model)),
        );
    }
    if let From::Load(load) = from
        && strange(load)
    {
        return refused(
            format!("A {} cannot be running {}.", model.name, load.name),
            format!("It runs {}; check the model, or say `--from unknown`.", model_loads(model)),
        );
    }
    if to.name.len() > model.limits.load_name {
        return refused(
            format!("{} has {} characters; a {} takes {}.", to.name, to.name.len(), model.name, model.limits.load_name),
            "Check the name; it is written without an extension.".to_owned(),
        );
    }
    if let Some((own, arrived)) = facts.too_old(to) {
        return refused(
            format!("{} has the hardware mark {own}, and the phone came with a load marked {arrived}.", to.name),
            "Choose a load with the same mark or a higher one; this phone's hardware may refuse an older one."
                .to_owned(),
        );
    }
    Ok(())
}

/// Names that a typed one may have meant.
fn known(paths: &Paths, model: &Model, facts: &Facts<'_>) -> Vec<String> {
    let held =
        facts.stock.into_iter().flatten().map(|held| &held.load).filter(|load| load.product == model.load_family);
    let mut known: Vec<String> = held.map(|load| load.name.clone()).collect();
    known.extend(paths.known(model).into_iter().map(|load| load.name));
    known
}

/// Where a path may pass: the start, then the target, the complete sets of the store and the stones, each once.
fn places(paths: &Paths, model: &Model, from: &From, to: &Load, facts: &Facts<'_>) -> Vec<Place> {
    let complete =
        facts.stock.into_iter().flatten().filter(|held| held.missing.is_empty()).map(|held| held.load.clone());
    let mut loads: Vec<Load> = complete.chain(paths.stones(model)).chain([to.clone()]).collect();
    loads.retain(|load| load.product == model.load_family && !runs(from, load) && facts.too_old(load).is_none());
    // Newer first: of equal paths the one over newer loads is taken.
    loads.sort_by(|a, b| b.version.cmp(&a.version).then_with(|| a.name.cmp(&b.name)));
    loads.dedup_by(|a, b| a.name == b.name);
    let start = Place {
        at: from.clone(),
        own: Cost::default(),
        way: Some(Way { cost: Cost::default(), before: None }),
        settled: false,
    };
    let others = (0..).zip(loads).map(|(age, load)| Place {
        own: Cost {
            risk: 0,
            steps: 1,
            missing: u32::from(!matches!(facts.held(&load), None | Some(Held::Complete))),
            other_protocol: u32::from(load.signalling != to.signalling),
            age,
        },
        at: From::Load(load),
        way: None,
        settled: false,
    });
    [start].into_iter().chain(others).collect()
}

fn runs(at: &From, load: &Load) -> bool {
    matches!(at, From::Load(own) if own.name == load.name)
}

fn cheapest(places: &[Place]) -> Option<usize> {
    let open = places.iter().enumerate().filter(|(_, place)| !place.settled);
    open.filter_map(|(at, place)| Some((place.way?.cost, at))).min().map(|(_, at)| at)
}

/// Looks at every step from a place whose cheapest way is known.
fn relax(paths: &Paths, model: &Model, places: &mut [Place], here: usize, facts: &Facts<'_>) {
    let Some((at, Some(way))) = places.get(here).map(|place| (place.at.clone(), place.way)) else { return };
    for place in places.iter_mut().filter(|place| !place.settled) {
        let From::Load(to) = &place.at else { continue };
        let Some(edge) = allowed(paths, model, &at, to, facts) else { continue };
        let cost = way.cost.plus(place.own).plus(Cost { risk: edge.risk, ..Cost::default() });
        if place.way.is_none_or(|known| cost < known.cost) {
            place.way = Some(Way { cost, before: Some(here) });
        }
    }
}

pub(super) fn allowed<'a>(
    paths: &'a Paths,
    model: &Model,
    from: &From,
    to: &Load,
    facts: &Facts<'_>,
) -> Option<&'a Edge> {
    match paths.verdict(model, from, facts.signs, to) {
        Verdict::Allowed(edge) => Some(edge),
        Verdict::Forbidden(_) | Verdict::NotListed => None,
    }
}

/// The way to a place, from the start on.
fn steps(paths: &Paths, model: &Model, places: &[Place], end: usize, facts: &Facts<'_>) -> Vec<PathStep> {
    let mut steps = Vec::new();
    let mut here = places.get(end);
    while let Some(place) = here {
        let before = place.way.and_then(|way| way.before).and_then(|before| places.get(before));
        if let (From::Load(to), Some(before)) = (&place.at, before)
            && let Some(edge) = allowed(paths, model, &before.at, to, facts)
        {
            steps.push(PathStep::new(edge, paths, model, &before.at, to, facts));
        }
        here = before;
    }
    steps.reverse();
    steps
}

fn no_path(
    paths: &Paths,
    model: &Model,
    from: &From,
    to: &Load,
    facts: &Facts<'_>,
    nearest: Option<String>,
) -> Refused {
    if let Verdict::Forbidden(row) = paths.verdict(model, from, facts.signs, to) {
        return Refused { summary: row.reason.clone(), remedy: row.remedy.clone(), nearest };
    }
    let what = match (from, model.family) {
        (From::Load(load), _) => format!("a {} that runs {}", model.name, load.name),
        (From::Loader, Family::Legacy) => format!("a {} that has its loader only", model.name),
        (From::Loader, Family::Java) => format!("a {} that has its boot loader only", model.name),
        (From::Factory, _) => format!("a {} after a factory reset", model.name),
        (From::Unknown, _) => format!("a {} of which nothing is known", model.name),
    };
    Refused {
        summary: format!("No source knows a way to {} for {what}.", to.name),
        remedy: "Check both names, or choose another target; docs/firmware-paths.md lists every step.".to_owned(),
        nearest,
    }
}
