//! What somebody who helps asks for: a phone's timeline as a script, and all that a support bundle has of the daemon.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Deserialize;

use super::api::{mac_of, unknown};
use super::problem::refuse;
use crate::hub::Operations;

pub(super) fn own() -> Router<Arc<Operations>> {
    Router::new().route("/api/v1/phones/{mac}/replay", get(replay)).route("/api/v1/support", get(support))
}

async fn replay(State(desk): State<Arc<Operations>>, Path(mac): Path<String>) -> Response {
    let mac = match mac_of(&mac) {
        Ok(mac) => mac,
        Err(response) => return *response,
    };
    // To look for every secret of a large site takes a while, in which others are answered.
    let write = move || desk.hub().replay(mac, &desk.hub().mask(), Timestamp::now()).map(|script| script.to_string());
    let script = match tokio::task::spawn_blocking(write).await {
        Ok(Some(script)) => script,
        Ok(None) => return unknown(mac),
        Err(why) => {
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, format!("the script of {mac} was not written: {why}"));
        }
    };
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    ([(header::CONTENT_TYPE, text)], script).into_response()
}

/// Phones whose timelines are written at most.
const MOST: u32 = 2_000;

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    phones: u32,
}

async fn support(State(desk): State<Arc<Operations>>, Query(asked): Query<Asked>) -> Response {
    // Of a large site it takes a while, in which others are answered.
    let gather = move || desk.support(asked.phones.min(MOST) as usize, Timestamp::now());
    match tokio::task::spawn_blocking(gather).await {
        Ok(support) => Json(support).into_response(),
        Err(why) => refuse(StatusCode::INTERNAL_SERVER_ERROR, format!("what the daemon knows was not gathered: {why}")),
    }
}
