//! `/api/v1/firmware`: the store. A body is one archive, streamed to the disk as it comes.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use axum::{Extension, Json, Router};
use hyper::body::Frame;
use serde::Deserialize;

use super::arriving::arriving;
use super::bring::{Bring, NotBrought};
use super::connections::Peer;
use super::problem::refuse;
use crate::api::Done;
use crate::firmware::import::ImportError;
use crate::firmware::store::StoreError;
use crate::hub::Operations;

/// What root and group `offhook` have.
pub(super) fn own() -> Router<Arc<Operations>> {
    Router::new()
        .route("/api/v1/firmware", post(add))
        .route("/api/v1/firmware/check", post(check_all))
        .route("/api/v1/firmware/{load}", delete(remove))
        .route("/api/v1/firmware/{load}/check", post(check))
}

pub(super) async fn list(State(desk): State<Arc<Operations>>) -> Response {
    let index = desk.firmware().index();
    Json(index.sets.values().collect::<Vec<_>>()).into_response()
}

#[derive(Deserialize)]
struct Adding {
    name: String,
    #[serde(default)]
    replace: bool,
}

/// A sender that sends nothing for so long listens.
const SILENCE: Duration = Duration::from_millis(500);

async fn next(body: &mut Body) -> Option<Result<Frame<Bytes>, axum::Error>> {
    std::future::poll_fn(|task| Pin::new(&mut *body).poll_frame(task)).await
}

async fn add(
    State(desk): State<Arc<Operations>>,
    Extension(peer): Extension<Peer>,
    asked: Result<Query<Adding>, QueryRejection>,
    request: Request,
) -> Response {
    let Adding { name, replace } = match asked {
        Ok(Query(asked)) => asked,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, format!("the archive has no name: {why}")),
    };
    let mut body = arriving(request).into_body();
    let stated = body.size_hint().exact();
    let mut bring = Bring::begin(&desk, name, replace, peer.who(), stated.unwrap_or(0));
    loop {
        let frame = tokio::select! {
            frame = next(&mut body) => frame,
            // It is refused already.
            () = bring.refused() => break,
        };
        let octets = match frame {
            None => break,
            Some(Ok(frame)) => match frame.into_data() {
                Ok(octets) => octets,
                Err(_) => continue,
            },
            Some(Err(why)) => {
                drop(bring);
                return refuse(StatusCode::BAD_REQUEST, format!("the archive did not arrive whole: {why}"));
            }
        };
        if !bring.push(octets).await {
            break;
        }
    }
    // A sender that is answered while it sends may not hear it: what comes is taken, and dropped.
    while let Ok(Some(Ok(_))) = tokio::time::timeout(SILENCE, next(&mut body)).await {}
    match bring.end().await {
        Ok(imported) => Json(imported).into_response(),
        Err(NotBrought::Refused(why)) => refuse(status(&why), why.to_string()),
        Err(why @ NotBrought::Early(_)) => refuse(StatusCode::INTERNAL_SERVER_ERROR, why.to_string()),
    }
}

fn status(why: &ImportError) -> StatusCode {
    match why {
        ImportError::Refused { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        ImportError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        ImportError::NoRoom { .. } => StatusCode::INSUFFICIENT_STORAGE,
        ImportError::Clash { .. } | ImportError::InUse { .. } => StatusCode::CONFLICT,
        ImportError::Failed { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

async fn check_all(State(desk): State<Arc<Operations>>) -> Response {
    verified(desk, None).await
}

async fn check(State(desk): State<Arc<Operations>>, Path(load): Path<String>) -> Response {
    verified(desk, Some(load)).await
}

async fn verified(desk: Arc<Operations>, load: Option<String>) -> Response {
    let verify = move || desk.firmware().verify(load.as_deref());
    match tokio::task::spawn_blocking(verify).await {
        Ok(Ok(sets)) => Json(sets).into_response(),
        Ok(Err(why)) => stored(&why),
        Err(why) => refuse(StatusCode::INTERNAL_SERVER_ERROR, format!("the check ended early: {why}; see the log")),
    }
}

async fn remove(
    State(desk): State<Arc<Operations>>,
    Extension(peer): Extension<Peer>,
    Path(load): Path<String>,
) -> Response {
    match tokio::task::spawn_blocking(move || desk.remove_firmware(&load, &peer.who())).await {
        Ok(Ok(set)) => Json(Done { summary: format!("load {} was removed", set.load) }).into_response(),
        Ok(Err(why)) => stored(&why),
        Err(why) => refuse(StatusCode::INTERNAL_SERVER_ERROR, format!("the removal ended early: {why}; see the log")),
    }
}

fn stored(why: &StoreError) -> Response {
    let status = match why {
        StoreError::Unknown(_) => StatusCode::NOT_FOUND,
        StoreError::InUse { .. } => StatusCode::CONFLICT,
        StoreError::Folder { .. } | StoreError::Blob { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    };
    refuse(status, why.to_string())
}
