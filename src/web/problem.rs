//! Every error of the API as RFC 9457 has it: `application/problem+json`.

use axum::body::to_bytes;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, middleware};

use crate::api::Problem;

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Octets of an error that is told as it is.
const LONGEST: usize = 1_024;

/// Headers of an error that stay.
const KEPT: [HeaderName; 3] = [header::ALLOW, header::RETRY_AFTER, header::WWW_AUTHENTICATE];

/// A refusal, in one sentence.
pub(super) fn refuse(status: StatusCode, sentence: impl Into<String>) -> Response {
    let detail = sentence.into();
    let problem = Problem {
        kind: "about:blank".to_owned(),
        title: status.canonical_reason().unwrap_or("Error").to_owned(),
        status: status.as_u16(),
        error: detail.clone(),
        detail,
    };
    (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], Json(problem)).into_response()
}

/// A router whose errors are problems, those that axum makes by itself as well.
pub(super) fn with_problems(router: Router) -> Router {
    router.layer(middleware::map_response(as_problem))
}

async fn as_problem(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.headers().get(header::CONTENT_TYPE) == Some(&MEDIA_TYPE) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let said = to_bytes(body, LONGEST).await.ok().and_then(|octets| String::from_utf8(octets.into()).ok());
    let said = said.filter(|said| !said.trim().is_empty()).unwrap_or_else(|| match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            "this path takes no such method; the header Allow names those it takes".to_owned()
        }
        _ => "the request could not be answered; see /api/v1/openapi.json for what is taken".to_owned(),
    });
    let mut answer = refuse(status, said);
    for name in KEPT {
        if let Some(value) = parts.headers.get(&name) {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    answer
}
