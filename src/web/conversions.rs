//! `/api/v1/conversions` over the unix socket.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};

use super::connections::Peer;
use super::problem::refuse;
use crate::api::{Convert, Done};
use crate::convert::Mode;
use crate::hub::Operations;

/// What root and group `offhook` have.
pub(super) fn own() -> Router<Arc<Operations>> {
    Router::new()
        .route("/api/v1/conversions", get(list).post(start))
        .route("/api/v1/conversions/plan", post(plan))
        .route("/api/v1/conversions/log", get(log))
        .route("/api/v1/conversions/campaign", get(campaign))
        .route("/api/v1/conversions/campaign/{verb}", post(steer))
}

fn outcome<T: serde::Serialize>(outcome: Result<T, String>) -> Response {
    match outcome {
        Ok(value) => Json(value).into_response(),
        Err(why) => refuse(StatusCode::CONFLICT, why),
    }
}

fn body(asked: Result<Json<Convert>, JsonRejection>) -> Result<Convert, Box<Response>> {
    match asked {
        Ok(Json(asked)) => Ok(asked),
        Err(why) => Err(Box::new(refuse(StatusCode::BAD_REQUEST, why.body_text()))),
    }
}

async fn list(State(desk): State<Arc<Operations>>) -> Response {
    Json(desk.hub().conversions()).into_response()
}

async fn plan(State(desk): State<Arc<Operations>>, asked: Result<Json<Convert>, JsonRejection>) -> Response {
    match body(asked) {
        Ok(asked) => outcome(desk.plan(&asked)),
        Err(response) => *response,
    }
}

async fn start(
    State(desk): State<Arc<Operations>>,
    Extension(peer): Extension<Peer>,
    asked: Result<Json<Convert>, JsonRejection>,
) -> Response {
    match body(asked) {
        Ok(asked) => outcome(desk.start(&asked, &peer.who())),
        Err(response) => *response,
    }
}

async fn campaign(State(desk): State<Arc<Operations>>) -> Response {
    Json(desk.hub().campaign()).into_response()
}

async fn steer(
    State(desk): State<Arc<Operations>>,
    Extension(peer): Extension<Peer>,
    Path(verb): Path<String>,
) -> Response {
    let mode = match verb.as_str() {
        "pause" => Mode::Paused,
        "resume" => Mode::Running,
        "abort" => Mode::Aborted,
        _ => return refuse(StatusCode::NOT_FOUND, "a conversion is paused, resumed or aborted"),
    };
    outcome(desk.steer(mode, &peer.who()).map(|summary| Done { summary }))
}

async fn log(State(desk): State<Arc<Operations>>) -> Response {
    outcome(desk.audited().await)
}
