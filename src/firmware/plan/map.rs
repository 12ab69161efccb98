//! The ways from several places to one load, laid together: what an administrator sees of a catalogue that is mostly about
//! other phones.

use std::collections::BTreeMap;

use super::{Facts, From, Paths, plan};
use crate::catalog::Model;
use crate::domain::Load;

/// Where a phone can be on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// A load, `loader`, `factory` or `unknown`.
    pub at: String,
    /// Steps from here to the end; `None` = there is no way.
    pub left: Option<usize>,
    /// Why not, where there is none.
    pub refused: Option<String>,
}

/// A step that some way takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrow {
    /// From this place of [`Map::places`].
    pub from: usize,
    /// To this one.
    pub to: usize,
    /// Row of the catalogue.
    pub rule: String,
    /// It cannot be undone.
    pub one_way: bool,
}

/// All ways to one load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Map {
    /// By their names.
    pub places: Vec<Place>,
    /// Each once.
    pub arrows: Vec<Arrow>,
}

/// The ways from each of these places to a load.
pub fn map<'a>(
    paths: &Paths,
    model: &Model,
    starts: impl IntoIterator<Item = &'a From>,
    to: &Load,
    facts: &Facts<'_>,
) -> Map {
    let end = Place { at: to.name.clone(), left: Some(0), refused: None };
    let mut places = BTreeMap::from([(to.name.clone(), end)]);
    let mut arrows = BTreeMap::new();
    for start in starts {
        let at = start.to_string();
        let path = match plan(paths, model, start, to, facts) {
            Ok(path) => path,
            Err(why) => {
                let refused = Some(format!("{} {}", why.summary, why.remedy));
                places.entry(at.clone()).or_insert(Place { at, left: None, refused });
                continue;
            }
        };
        for (done, step) in path.steps.into_iter().rev().enumerate() {
            let mut note = |at: &str, left: usize| {
                let fresh = Place { at: at.to_owned(), left: Some(left), refused: None };
                let place = places.entry(at.to_owned()).or_insert(fresh);
                // By another's way it may be further than by its own.
                place.left = place.left.max(Some(left));
            };
            note(&step.to, done);
            note(&step.from, done + 1);
            arrows.entry((step.from, step.to)).or_insert((step.rule, step.one_way));
        }
    }
    let names: BTreeMap<&String, usize> = places.keys().zip(0..).collect();
    let arrow = |((from, to), (rule, one_way)): ((String, String), (String, bool))| {
        Some(Arrow { from: *names.get(&from)?, to: *names.get(&to)?, rule, one_way })
    };
    let arrows = arrows.into_iter().filter_map(arrow).collect();
    Map { arrows, places: places.values().cloned().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::domain::ModelName;

    #[test]
    fn ways_are_laid_together_and_end_at_one_place() {
        let catalog = Catalog::builtin();
        let model = catalog.get(&ModelName::new("7960")).unwrap();
        let starts: Vec<From> =
            ["unknown", "P00303010102", "P0S3-8-12-00"].map(|name| name.parse().unwrap()).into_iter().collect();
        let to = Load::parse("P0S3-8-12-00").unwrap();
        let map = map(Paths::builtin(), model, &starts, &to, &Facts::default());
        let end = map.places.iter().position(|place| place.left == Some(0)).unwrap();
        assert_eq!(map.places[end].at, "P0S3-8-12-00");
        for (at, place) in map.places.iter().enumerate() {
            let leads_on = map.arrows.iter().filter(|arrow| arrow.from == at);
            assert_eq!(leads_on.count() == 0, at == end, "{place:?}");
        }
        for arrow in &map.arrows {
            assert!(map.places[arrow.from].left > map.places[arrow.to].left, "{arrow:?}");
        }
        assert!(map.arrows.iter().any(|arrow| arrow.one_way), "{map:?}");
    }

    #[test]
    fn a_place_without_a_way_says_why() {
        let catalog = Catalog::builtin();
        let model = catalog.get(&ModelName::new("7960")).unwrap();
        let strange: From = "SIP42.9-4-2SR3-1S".parse().unwrap();
        let to = Load::parse("P0S3-8-12-00").unwrap();
        let map = map(Paths::builtin(), model, [&strange], &to, &Facts::default());
        let place = map.places.iter().find(|place| place.at == "SIP42.9-4-2SR3-1S").unwrap();
        assert_eq!(place.left, None);
        assert!(place.refused.as_ref().unwrap().contains("cannot be running"), "{place:?}");
        assert!(map.arrows.is_empty());
    }
}
