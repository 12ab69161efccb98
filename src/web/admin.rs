//! What the people's side tells whoever asks: health and metrics.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;

use super::metrics::metrics;
use crate::hub::Operations;

/// `/healthz`, `/readyz`, `/metrics`.
pub fn router(desk: Arc<Operations>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(desk)
}

/// Ready = a roster is there to serve, however old.
async fn ready(State(desk): State<Arc<Operations>>) -> impl IntoResponse {
    if desk.hub().snapshot().ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no roster has been read yet\n")
    }
}
