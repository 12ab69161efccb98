//! `/firmware`: the loads of the store with what they lack, how another archive is brought, and the upgrade ways with every
//! phone's place on them.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::graph::{Graph, Stop, graph};
use super::shown;
use super::visit::{Chrome, Visit};
use super::words::size;
use crate::api::Phone;
use crate::catalog::Model;
use crate::domain::Load;
use crate::firmware::plan::{self, Facts, From, Paths, Stock};
use crate::firmware::set::FirmwareSet;
use crate::hub::Operations;
use crate::status::word;

#[derive(Template)]
#[template(path = "web/firmware.html")]
struct Page {
    chrome: Chrome,
    sets: Vec<SetView>,
    incomplete: usize,
    damaged: usize,
    graphs: Vec<Ways>,
}

struct SetView {
    load: String,
    models: String,
    protocol: String,
    complete: bool,
    missing: Vec<String>,
    problems: Vec<String>,
    archives: Vec<String>,
    files: usize,
    size: String,
    running: usize,
}

/// The ways of the phones of one load family.
pub(super) struct Ways {
    pub id: String,
    pub models: String,
    pub target: String,
    pub graph: Graph,
}

pub(super) async fn page(visit: Visit, State(desk): State<Arc<Operations>>) -> Response {
    let made = tokio::task::spawn_blocking(move || {
        let phones: Vec<Phone> = desk.hub().phones().into_iter().filter(|phone| phone.ownership != "seen").collect();
        let (index, snapshot) = (desk.firmware().index(), desk.hub().snapshot());
        let models = |family: &str| {
            let names = snapshot.catalog.models().filter(|model| model.load_family == family);
            names.map(|model| model.name.to_string()).collect::<Vec<_>>().join(", ")
        };
        let running = |load: &str| phones.iter().filter(|phone| phone.load.as_deref() == Some(load)).count();
        let sets: Vec<SetView> =
            index.sets.values().map(|set| set_view(set, models(&set.family), running(&set.load))).collect();
        (sets, index.damaged.len(), graphs(&desk, &phones))
    });
    let (sets, damaged, graphs) = made.await.unwrap_or_default();
    let incomplete = sets.iter().filter(|set| !set.complete).count();
    shown(&Page { chrome: visit.chrome("Firmware", "/firmware"), sets, incomplete, damaged, graphs })
}

fn set_view(set: &FirmwareSet, models: String, running: usize) -> SetView {
    SetView {
        load: set.load.clone(),
        models,
        protocol: set.protocol.map(word).unwrap_or_default().to_uppercase(),
        complete: set.complete,
        missing: set.missing.clone(),
        problems: set.problems.clone(),
        archives: set.archives.clone(),
        files: set.files.len(),
        size: size(set.files.iter().map(|file| file.size).sum()),
        running,
    }
}

/// One for each load family of which there are phones, or sets.
fn graphs(desk: &Operations, phones: &[Phone]) -> Vec<Ways> {
    // What was brought a moment ago counts.
    desk.hub().firmware_index(desk.firmware().index());
    let snapshot = desk.hub().snapshot();
    let mut families: BTreeMap<&str, Vec<&Model>> = BTreeMap::new();
    snapshot.catalog.models().for_each(|model| families.entry(&model.load_family).or_default().push(model));
    let first = families.values().filter_map(|models| models.first().copied());
    let (stock, targets) = desk.hub().targets(first);
    let families = families.values().zip(targets);
    families.filter_map(|(models, target)| ways(models, target?, phones, &stock)).collect()
}

/// The ways of phones of these models, which run the same loads.
fn ways(models: &[&Model], target: Load, phones: &[Phone], stock: &[Stock]) -> Option<Ways> {
    let model = models.first()?;
    let ours: Vec<&Phone> =
        phones.iter().filter(|phone| models.iter().any(|model| model.name.as_str() == phone.model)).collect();
    let mut at: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for phone in ours {
        let place = phone.load.as_deref().and_then(Load::parse).filter(|load| load.product == model.load_family);
        let place = place.map_or_else(|| "unknown".to_owned(), |load| load.name);
        at.entry(place).or_default().push(phone.mac.to_string());
    }
    let held = stock.iter().filter(|held| held.load.product == model.load_family);
    let starts: Vec<From> = at
        .keys()
        .filter_map(|place| place.parse().ok())
        .chain(held.map(|held| From::Load(held.load.clone())))
        .collect();
    if starts.is_empty() {
        return None;
    }
    let facts = Facts { stock: Some(stock), ..Facts::default() };
    let map = plan::map(Paths::builtin(), model, &starts, &target, &facts);
    let missing = |load: &str| {
        let held = stock.iter().find(|held| held.load.name == load);
        held.map_or_else(|| Some(Vec::new()), |held| Some(held.missing.clone()).filter(|missing| !missing.is_empty()))
    };
    let stop = |place: &plan::Place| Stop {
        name: place.at.clone(),
        lacks: Load::parse(&place.at).and_then(|load| missing(&load.name)),
        phones: at.get(&place.at).cloned().unwrap_or_default(),
        is_target: place.at == target.name,
    };
    Some(Ways {
        id: format!("ways-{}", model.load_family),
        models: models.iter().map(|model| model.name.to_string()).collect::<Vec<_>>().join(", "),
        graph: graph(&map, stop),
        target: target.name,
    })
}
