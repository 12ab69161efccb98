//! `/api/v1/dhcp` over the unix socket.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};

use super::problem::refuse;
use crate::api::DhcpListen;
use crate::hub::Operations;

/// What root and group `offhook` have.
pub(super) fn own() -> Router<Arc<Operations>> {
    Router::new().route("/api/v1/dhcp/listen", post(listen))
}

async fn listen(State(desk): State<Arc<Operations>>, asked: Result<Json<DhcpListen>, JsonRejection>) -> Response {
    match asked {
        Ok(Json(asked)) => match desk.listen_dhcp(asked).await {
            Ok(heard) => Json(heard).into_response(),
            Err(why) => refuse(StatusCode::BAD_REQUEST, why),
        },
        Err(why) => refuse(StatusCode::BAD_REQUEST, why.body_text()),
    }
}
