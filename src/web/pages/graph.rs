//! The upgrade ways as a picture: places in columns by the steps that are left, the target on the right, arrows between
//! them, and each phone as a dot at its place. Pure; the template writes the numbers as SVG.

use crate::firmware::plan::{Map, Place};

/// A place as it is drawn, but for where.
pub(super) struct Stop {
    /// A load, `loader`, `factory` or `unknown`.
    pub name: String,
    /// Files that the store lacks of it; an empty list = all of them, `None` = it is whole, or no load.
    pub lacks: Option<Vec<String>>,
    /// Who is there.
    pub phones: Vec<String>,
    pub is_target: bool,
}

/// The picture, and what it says in words.
pub(super) struct Graph {
    pub width: usize,
    pub height: usize,
    pub boxes: Vec<Boxed>,
    pub lines: Vec<Line>,
    /// Places from which no way leads, and why.
    pub nowhere: Vec<(Stop, String)>,
}

/// A place at its place.
pub(super) struct Boxed {
    pub x: usize,
    pub y: usize,
    pub stop: Stop,
    pub class: &'static str,
    /// In a word: held, lacks 2 files, not in the store.
    pub held: String,
    pub dots: Vec<Dot>,
    /// Phones without a dot of their own.
    pub more: usize,
    /// For who reads: where the ways lead from here.
    pub leads: Vec<(String, String, bool)>,
}

pub(super) struct Dot {
    pub x: usize,
    pub y: usize,
    pub mac: String,
}

pub(super) struct Line {
    /// `d` of a path.
    pub path: String,
    pub rule: String,
    pub one_way: bool,
    pub label_x: usize,
    pub label_y: usize,
}

pub(super) const BOX_WIDTH: usize = 168;
pub(super) const BOX_HEIGHT: usize = 44;
const COLUMN: usize = 250;
const ROW: usize = 86;
const MARGIN: usize = 12;
/// Dots below a box, and the room that each takes.
const DOTS: usize = 12;
const DOT: usize = 12;

/// Draws a map; `stop` says what is known of a place.
pub(super) fn graph(map: &Map, stop: impl Fn(&Place) -> Stop) -> Graph {
    let columns = map.places.iter().filter_map(|place| place.left).max().unwrap_or(0);
    let mut rows = vec![0; columns + 1];
    let mut at: Vec<Option<(usize, usize)>> = Vec::new();
    let (mut boxes, mut nowhere) = (Vec::new(), Vec::new());
    for place in &map.places {
        let Some(left) = place.left else {
            at.push(None);
            nowhere.push((stop(place), place.refused.clone().unwrap_or_default()));
            continue;
        };
        let row = rows.get_mut(left).map_or(0, |row| {
            *row += 1;
            *row - 1
        });
        let (x, y) = (MARGIN + (columns - left) * COLUMN, MARGIN + row * ROW);
        at.push(Some((x, y)));
        boxes.push(boxed(stop(place), x, y));
    }
    let mut lines = Vec::new();
    for arrow in &map.arrows {
        let ends = (at.get(arrow.from).copied().flatten(), at.get(arrow.to).copied().flatten());
        if let (Some(from), Some(to)) = ends {
            lines.push(line(from, to, &arrow.rule, arrow.one_way));
        }
        let names = (map.places.get(arrow.from), map.places.get(arrow.to));
        if let (Some(from), Some(to)) = names
            && let Some(boxed) = boxes.iter_mut().find(|boxed| boxed.stop.name == from.at)
        {
            boxed.leads.push((to.at.clone(), arrow.rule.clone(), arrow.one_way));
        }
    }
    Graph {
        width: 2 * MARGIN + columns * COLUMN + BOX_WIDTH,
        height: MARGIN + rows.into_iter().max().unwrap_or(1) * ROW,
        boxes,
        lines,
        nowhere,
    }
}

fn boxed(stop: Stop, x: usize, y: usize) -> Boxed {
    let (class, held) = match &stop.lacks {
        None if stop.name.contains(|c: char| c.is_ascii_digit()) => ("held", "in the store".to_owned()),
        None => ("place", String::new()),
        Some(missing) if missing.is_empty() => ("absent", "not in the store".to_owned()),
        Some(missing) if missing.len() == 1 => ("lacking", "lacks 1 file".to_owned()),
        Some(missing) => ("lacking", format!("lacks {} files", missing.len())),
    };
    let dot = |(at, mac): (usize, &String)| Dot { x: x + 7 + at * DOT, y: y + BOX_HEIGHT + 11, mac: mac.clone() };
    let dots = stop.phones.iter().take(DOTS).enumerate().map(dot).collect();
    let more = stop.phones.len().saturating_sub(DOTS);
    Boxed { x, y, class, held, dots, more, leads: Vec::new(), stop }
}

/// From the right edge of one box to the left edge of the other, as a slow curve.
fn line((x1, y1): (usize, usize), (x2, y2): (usize, usize), rule: &str, one_way: bool) -> Line {
    let (from, to) = ((x1 + BOX_WIDTH, y1 + BOX_HEIGHT / 2), (x2.saturating_sub(6), y2 + BOX_HEIGHT / 2));
    let bend = from.0.midpoint(to.0);
    Line {
        path: format!("M{} {} C{bend} {} {bend} {} {} {}", from.0, from.1, from.1, to.1, to.0, to.1),
        rule: rule.to_owned(),
        one_way,
        label_x: bend,
        label_y: from.1.midpoint(to.1).saturating_sub(6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firmware::plan::Arrow;

    fn place(at: &str, left: Option<usize>) -> Place {
        Place { at: at.to_owned(), left, refused: left.is_none().then(|| "no way".to_owned()) }
    }

    fn stop(place: &Place) -> Stop {
        let phones = if place.at == "unknown" { (0..20).map(|n| n.to_string()).collect() } else { Vec::new() };
        Stop { name: place.at.clone(), lacks: None, phones, is_target: place.left == Some(0) }
    }

    #[test]
    fn the_target_is_on_the_right_and_nothing_lies_on_another() {
        let arrow = |from, to| Arrow { from, to, rule: "r".into(), one_way: from == 2 };
        let map = Map {
            places: vec![place("A1", Some(0)), place("B1", Some(1)), place("unknown", Some(1)), place("X1", None)],
            arrows: vec![arrow(1, 0), arrow(2, 0)],
        };
        let graph = graph(&map, stop);
        let at = |name: &str| graph.boxes.iter().find(|boxed| boxed.stop.name == name).map(|b| (b.x, b.y)).unwrap();
        assert!(at("A1").0 > at("B1").0);
        assert_eq!(at("B1").0, at("unknown").0);
        assert!(at("unknown").1 >= at("B1").1 + BOX_HEIGHT);
        assert!(graph.boxes.iter().all(|b| b.x + BOX_WIDTH <= graph.width && b.y + BOX_HEIGHT + 17 <= graph.height));
        assert_eq!((graph.lines.len(), graph.nowhere.len()), (2, 1));
        let unknown = graph.boxes.iter().find(|boxed| boxed.stop.name == "unknown").unwrap();
        assert_eq!((unknown.dots.len(), unknown.more, unknown.class), (DOTS, 8, "place"));
        assert_eq!(unknown.leads, [("A1".to_owned(), "r".to_owned(), true)]);
        assert!(unknown.dots.iter().all(|dot| dot.x + 5 <= unknown.x + BOX_WIDTH));
    }
}
