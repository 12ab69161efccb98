//! `GET /<file name>` on the phones' side: same answers as TFTP, from the same place.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderValue, Method, Response, StatusCode, Uri, header};
use axum::routing::get;
use bytes::Bytes;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use super::Ends;
use crate::domain::{EventKind, Transport};
use crate::files::{Answer, Shelves};
use crate::hub::Hub;

/// The phones' side. Anything but GET and HEAD is 405, every absent name the same 404.
pub fn router(hub: Arc<Hub>, shelves: Shelves) -> Router {
    Router::new().fallback_service(get(answer).with_state((hub, shelves)))
}

/// The longest name a phone sends is well below; TFTP has the same limit.
const NAME_LIMIT: usize = 128;

async fn answer(
    State((hub, shelves)): State<(Arc<Hub>, Shelves)>,
    ConnectInfo(ends): ConnectInfo<Ends>,
    method: Method,
    uri: Uri,
) -> Response<Body> {
    let path = uri.path().strip_prefix('/').unwrap_or(uri.path());
    let name = percent_decode_str(path).decode_utf8();
    let Some(name) = name.ok().filter(|name| name.len() <= NAME_LIMIT && !name.contains(char::is_control)) else {
        return absent();
    };
    let answer = hub.ask(&name, ends.peer, ends.local, Transport::Http, Timestamp::now());
    let on_disk = matches!(answer, Answer::Image(_) | Answer::FallThrough(_));
    let (rendering, bytes) = match answer {
        Answer::Serve(rendering) => (Some(Arc::clone(&rendering)), Some(rendering.bytes().clone())),
        answer => (None, shelves.read(answer).await),
    };
    let Some(bytes) = bytes else {
        if on_disk {
            hub.absent(&name, ends.peer, Transport::Http, Timestamp::now());
        }
        return absent();
    };
    let octets = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let what = |name| EventKind::FileSent { name, transport: Transport::Http, octets, millis: 0, resent: 0 };
    if method == Method::GET {
        hub.delivered(&name, ends.peer, what, Timestamp::now());
        if let Some(rendering) = rendering {
            hub.has_taken(rendering, Timestamp::now());
        }
    }
    present(&name, bytes)
}

fn present(name: &str, bytes: Bytes) -> Response<Body> {
    let xml = name.len() >= 4 && name.get(name.len() - 4..).is_some_and(|end| end.eq_ignore_ascii_case(".xml"));
    let kind = if xml { "text/xml; charset=utf-8" } else { "application/octet-stream" };
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn absent() -> Response<Body> {
    let mut response = Response::new(Body::from("File not found\n"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
