//! `/explain/<code>`: what a code means; `/explain?q=words`: what a phone shows or does. The same texts as everywhere.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::response::Response;

use super::visit::{Chrome, Visit};
use super::{absent, shown};
use crate::diagnose::explanation;
use crate::diagnose::screen::{self, SCREENS, Shown};

#[derive(Template)]
#[template(path = "web/explain.html")]
struct Page {
    chrome: Chrome,
    code: String,
    text: &'static str,
}

/// A code's page; or that of words, where it is typed as the command line has it.
pub(super) async fn page(visit: Visit, Path(code): Path<String>) -> Response {
    let code = code.to_ascii_lowercase();
    match explanation(&code) {
        Some((title, text)) => shown(&Page { chrome: visit.chrome(title, ""), code, text }),
        None => absent(&visit, format!("{code:?} is no code that offhook uses.")),
    }
}

#[derive(Template)]
#[template(path = "web/screen.html")]
struct Search {
    chrome: Chrome,
    q: String,
    found: Vec<&'static Shown>,
}

pub(super) async fn search(visit: Visit, query: Result<Query<BTreeMap<String, String>>, QueryRejection>) -> Response {
    let query = query.map(|Query(pairs)| pairs).unwrap_or_default();
    let q: String = query.get("q").map(|q| q.trim().chars().take(100).collect()).unwrap_or_default();
    let found = if q.is_empty() { SCREENS.all().collect() } else { screen::search(&q) };
    shown(&Search { chrome: visit.chrome("What phones show", ""), q, found })
}
