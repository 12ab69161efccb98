//! What changes something is done to its end, also where the asker leaves meanwhile: what the disk has and what is in memory
//! would differ, if it were dropped between the two.

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;

use super::problem::refuse;

/// The same routes; each request that may change something is a task of its own.
pub(super) fn to_the_end(router: Router) -> Router {
    router.layer(middleware::from_fn(run))
}

async fn run(request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    tokio::spawn(next.run(request)).await.unwrap_or_else(|why| {
        refuse(StatusCode::INTERNAL_SERVER_ERROR, format!("this was begun and may not be done: {why}; see the log"))
    })
}
