//! `/explain/<code>`: what a code means, the same text as everywhere.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;

use super::visit::{Chrome, Visit};
use super::{absent, shown};
use crate::diagnose::explanation;

#[derive(Template)]
#[template(path = "web/explain.html")]
struct Page {
    chrome: Chrome,
    code: String,
    text: &'static str,
}

pub(super) async fn page(visit: Visit, Path(code): Path<String>) -> Response {
    match explanation(&code) {
        Some((title, text)) => shown(&Page { chrome: visit.chrome(title, ""), code, text }),
        None => absent(&visit, format!("{code:?} is no code that offhook uses.")),
    }
}
