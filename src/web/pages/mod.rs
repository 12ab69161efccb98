//! The people's pages: what the hub shows and [`Operations`] do, as HTML that needs no script.
//!
//! A view struct sits in the handler that fills it; its template is in `templates/web`, escaped by askama: what a phone said
//! of itself is text wherever it stands. A form is a POST that does what the API does, and answers 303 with a sentence
//! ([`notices`]). The script only fetches the same page again when something happened, and swaps the parts of it that are
//! marked as live.
//!
//! - [`visit`]: who asks, and what all pages share; [`words`]: how values are shown
//! - [`overview`], with [`find`] (which phones are meant) and [`lot`] (how a phone is, in one word)
//! - [`phone`], with its files ([`file`]), and what is done to one: [`actions`]
//! - [`firmware`], with [`upload`] and [`graph`] (the upgrade ways as a picture)
//! - [`conversions`], [`leases`], [`live`], [`check`], [`settings`], [`explain`]
//! - [`assets`]: style sheet, script and icon, compiled in

mod actions;
mod assets;
mod check;
mod conversions;
mod explain;
mod file;
mod find;
mod firmware;
mod graph;
mod leases;
mod live;
mod lot;
mod notices;
mod overview;
mod phone;
mod plan;
mod settings;
mod upload;
mod visit;
mod words;

use std::sync::Arc;

use askama::Template;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};

use super::guard::guard;
use crate::hub::Operations;

/// All pages, and what they are made of.
pub fn router() -> Router<Arc<Operations>> {
    Router::new()
        .route("/", get(overview::page))
        .route("/phones/add", post(actions::add))
        .route("/phones/adopt", post(actions::adopt))
        .route("/phones/{mac}", get(phone::page))
        .route("/phones/{mac}/files/{*name}", get(file::page))
        .route("/phones/{mac}/{verb}", post(actions::act))
        .route("/firmware", get(firmware::page).post(upload::add).layer(DefaultBodyLimit::disable()))
        .route("/firmware/{load}/{verb}", post(upload::act))
        .route("/conversions", get(conversions::page))
        .route("/conversions/plan", get(plan::page))
        .route("/conversions/{verb}", post(plan::act))
        .route("/leases", get(leases::page))
        .route("/live", get(live::page))
        .route("/check", get(check::page).post(check::again))
        .route("/settings", get(settings::page))
        .route("/explain", get(explain::search))
        .route("/explain/{code}", get(explain::page))
        .layer(map_response(guarded))
        .route("/assets/{name}", get(assets::asset))
        .layer(Extension(Arc::<notices::Notices>::default()))
        .layer(Extension(Arc::<check::Checked>::default()))
}

async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    guard(headers);
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn shown(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(why) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("this page could not be made: {why}\n")).into_response()
        }
    }
}

/// A page that says what is not there.
#[derive(Template)]
#[template(path = "web/absent.html")]
struct Absent {
    chrome: visit::Chrome,
    why: String,
}

fn absent(visit: &visit::Visit, why: impl Into<String>) -> Response {
    let page = Absent { chrome: visit.chrome("Not found", ""), why: why.into() };
    (StatusCode::NOT_FOUND, shown(&page)).into_response()
}
