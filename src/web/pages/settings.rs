//! `/settings`: the configuration in force, and which layer said so. Passwords are dots; nothing is changed here.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::shown;
use super::visit::{Chrome, Visit};
use crate::config::{DEFAULT, Shown};
use crate::hub::Operations;

#[derive(Template)]
#[template(path = "web/settings.html")]
struct Page {
    chrome: Chrome,
    sections: Vec<Section>,
}

struct Section {
    name: String,
    /// It was changed since and takes a restart.
    restart: bool,
    keys: Vec<Key>,
}

struct Key {
    name: String,
    value: String,
    source: String,
    is_default: bool,
}

pub(super) async fn page(visit: Visit, State(desk): State<Arc<Operations>>) -> Response {
    let (settings, restart) = desk.settings();
    let mut sections: Vec<Section> = Vec::new();
    for shown in settings.iter() {
        if sections.last().is_none_or(|last| last.name != shown.section()) {
            let name = shown.section().to_owned();
            sections.push(Section { restart: restart.contains(&name.as_str()), name, keys: Vec::new() });
        }
        if let Some(section) = sections.last_mut() {
            section.keys.push(key(shown));
        }
    }
    shown(&Page { chrome: visit.chrome("Settings", "/settings"), sections })
}

fn key(shown: &Shown) -> Key {
    Key {
        name: shown.key.clone(),
        value: shown.value.clone(),
        source: shown.source.clone(),
        is_default: shown.source == DEFAULT,
    }
}
