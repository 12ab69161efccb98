//! What changes something is done to its end, also where the asker leaves meanwhile: what the disk has and what is in memory
//! would differ, if it were dropped between the two.

use std::panic::resume_unwind;

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::Response;

/// The same routes; each request that may change something is a task of its own.
pub(super) fn to_the_end(router: Router) -> Router {
    router.layer(middleware::from_fn(run))
}

async fn run(request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(why) => match why.try_into_panic() {
            // Who fences panics hears of it.
            Ok(panic) => resume_unwind(panic),
            Err(_) => super::problem::refuse(
                axum::http::StatusCode::SERVICE_UNAVAILABLE,
                "the daemon ends; look whether it was done once it is back",
            ),
        },
    }
}
