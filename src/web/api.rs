//! The API. On the unix sockets there is no login, because a socket's permissions are one: root and group `offhook` have all of
//! it; the PBX's own pages have what they show and the few things they do, and nothing that holds a secret. Over TCP it is behind
//! the door.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Json, Router};
use jiff::Timestamp;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Door;
use super::connections::Peer;
use super::openapi::openapi;
use super::problem::{refuse, with_problems};
use super::whole::to_the_end;
use crate::api::{AddPhone, Approve, Done};
use crate::domain::MacAddr;
use crate::hub::Operations;

/// What root and group `offhook` have on the socket: all of it, and who may come in over TCP.
pub fn socket_router(desk: Arc<Operations>, door: Arc<Door>) -> Router {
    to_the_end(router(desk).merge(super::door::own(door)))
}

/// The people's side over TCP: the same, behind the door.
pub fn people_router(desk: Arc<Operations>, door: &Arc<Door>) -> Router {
    to_the_end(door.before(router(desk)))
}

fn router(desk: Arc<Operations>) -> Router {
    let people = super::admin_router(Arc::clone(&desk));
    let own = Router::new()
        .route("/api/v1/events", get(super::events::events))
        .route("/api/v1/phones", post(add))
        .route("/api/v1/phones/{mac}", delete(remove))
        .route("/api/v1/phones/{mac}/approve", post(approve))
        .route("/api/v1/phones/{mac}/diff/{*name}", get(diff))
        .route("/api/v1/phones/{mac}/files", get(files))
        .route("/api/v1/phones/{mac}/files/{*name}", get(file))
        .route("/api/v1/settings", get(settings));
    let api = own.merge(super::firmware::own()).merge(super::conversions::own()).merge(super::dhcp::own());
    let api = api.merge(super::helping::own());
    let pages = super::pages::router().with_state(Arc::clone(&desk));
    with_problems(api.merge(for_the_pbx()).with_state(desk)).merge(pages).merge(people)
}

/// What the PBX's pages have of it.
pub fn pbx_router(desk: Arc<Operations>) -> Router {
    to_the_end(with_problems(for_the_pbx().with_state(desk)))
}

fn for_the_pbx() -> Router<Arc<Operations>> {
    Router::new()
        .route("/api/v1/check", get(check))
        .route("/api/v1/firmware", get(super::firmware::list))
        .route("/api/v1/leases", get(leases))
        .route("/api/v1/openapi.json", get(openapi))
        .route("/api/v1/phones", get(phones))
        .route("/api/v1/phones/{mac}", get(phone))
        .route("/api/v1/phones/{mac}/timeline", get(timeline))
        .route("/api/v1/phones/{mac}/boots", get(boots))
        .route("/api/v1/phones/{mac}/findings", get(findings))
        .route("/api/v1/phones/{mac}/{verb}", post(notify))
        .fallback(|| async { refuse(StatusCode::NOT_FOUND, "this path is not served by this version of offhook") })
}

pub(super) fn mac_of(text: &str) -> Result<MacAddr, Box<Response>> {
    text.parse().map_err(|why| Box::new(refuse(StatusCode::BAD_REQUEST, format!("{text:?} is no phone: {why}"))))
}

pub(super) fn unknown(mac: MacAddr) -> Response {
    refuse(StatusCode::NOT_FOUND, format!("phone {mac} is not assigned and was never seen; see `offhook phones list`"))
}

async fn check(State(desk): State<Arc<Operations>>) -> Response {
    Json(desk.check().await).into_response()
}

async fn settings(State(desk): State<Arc<Operations>>) -> Response {
    Json(desk.shown_settings()).into_response()
}

async fn leases(State(desk): State<Arc<Operations>>) -> Response {
    Json(desk.leases()).into_response()
}

async fn phones(State(desk): State<Arc<Operations>>) -> Response {
    Json(desk.hub().phones()).into_response()
}

async fn phone(State(desk): State<Arc<Operations>>, Path(mac): Path<String>) -> Response {
    match mac_of(&mac) {
        Ok(mac) => desk.hub().phone(mac).map_or_else(|| unknown(mac), |phone| Json(phone).into_response()),
        Err(response) => *response,
    }
}

async fn timeline(State(desk): State<Arc<Operations>>, Path(mac): Path<String>) -> Response {
    match mac_of(&mac) {
        Ok(mac) if desk.hub().phone(mac).is_some() => Json(desk.hub().timeline(mac)).into_response(),
        Ok(mac) => unknown(mac),
        Err(response) => *response,
    }
}

async fn boots(State(desk): State<Arc<Operations>>, Path(mac): Path<String>) -> Response {
    match mac_of(&mac) {
        Ok(mac) if desk.hub().phone(mac).is_some() => Json(desk.hub().boots(mac, Timestamp::now())).into_response(),
        Ok(mac) => unknown(mac),
        Err(response) => *response,
    }
}

async fn findings(State(desk): State<Arc<Operations>>, Path(mac): Path<String>) -> Response {
    match mac_of(&mac) {
        Ok(mac) if desk.hub().phone(mac).is_some() => Json(desk.hub().findings(mac)).into_response(),
        Ok(mac) => unknown(mac),
        Err(response) => *response,
    }
}

/// A body that is an object, in which no key stands twice. serde takes a list for one, value by value.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Visit<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        from.deserialize_map(Visit(PhantomData)).map(Self)
    }
}

async fn add(
    State(desk): State<Arc<Operations>>,
    Extension(peer): Extension<Peer>,
    body: Result<Json<Object<AddPhone>>, JsonRejection>,
) -> Response {
    let add = match body {
        Ok(Json(Object(add))) => add,
        Err(why) => {
            let large = why.status() == StatusCode::PAYLOAD_TOO_LARGE;
            let status = if large { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST };
            return refuse(status, format!("the phone to add cannot be read: {}", why.body_text()));
        }
    };
    match desk.add(&add, &peer.who()).await {
        Ok(summary) => Json(Done { summary }).into_response(),
        Err(why) => refuse(StatusCode::CONFLICT, why),
    }
}

async fn remove(
    State(desk): State<Arc<Operations>>,
    Extension(peer): Extension<Peer>,
    Path(mac): Path<String>,
) -> Response {
    match mac_of(&mac) {
        Ok(mac) => match desk.remove(mac, &peer.who()).await {
            Ok(summary) => Json(Done { summary }).into_response(),
            Err(why) => refuse(StatusCode::CONFLICT, why),
        },
        Err(response) => *response,
    }
}

async fn approve(
    State(desk): State<Arc<Operations>>,
    Extension(peer): Extension<Peer>,
    Path(mac): Path<String>,
    body: Result<Json<Approve>, JsonRejection>,
) -> Response {
    let mac = match mac_of(&mac) {
        Ok(mac) => mac,
        Err(response) => return *response,
    };
    let address = match body {
        Ok(Json(approve)) => approve.address,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, why.body_text()),
    };
    match desk.approve(mac, address, &peer.who(), Timestamp::now()) {
        Ok(summary) => Json(Done { summary }).into_response(),
        Err(why) => refuse(StatusCode::CONFLICT, why),
    }
}

async fn notify(
    State(desk): State<Arc<Operations>>,
    Extension(peer): Extension<Peer>,
    Path((mac, verb)): Path<(String, String)>,
) -> Response {
    let mac = match mac_of(&mac) {
        Ok(mac) => mac,
        Err(response) => return *response,
    };
    let Ok(verb) = verb.parse() else {
        return refuse(StatusCode::NOT_FOUND, format!("a phone is told to resync, restart or reset, not to {verb:?}"));
    };
    if desk.hub().phone(mac).is_none() {
        return unknown(mac);
    }
    match desk.notify_for(mac, verb, &peer.who()).await {
        Ok(summary) => Json(Done { summary }).into_response(),
        Err(why) => refuse(StatusCode::CONFLICT, why),
    }
}

async fn files(State(desk): State<Arc<Operations>>, Path(mac): Path<String>) -> Response {
    let mac = match mac_of(&mac) {
        Ok(mac) => mac,
        Err(response) => return *response,
    };
    desk.files(mac).await.map_or_else(|| unknown(mac), |files| Json(files).into_response())
}

async fn diff(State(desk): State<Arc<Operations>>, Path((mac, name)): Path<(String, String)>) -> Response {
    match mac_of(&mac) {
        Ok(mac) => match desk.diff(mac, &name).await {
            Ok(diff) => Json(diff).into_response(),
            Err(why) => refuse(StatusCode::NOT_FOUND, why),
        },
        Err(response) => *response,
    }
}

#[derive(Deserialize)]
struct Reveal {
    #[serde(default)]
    reveal: bool,
}

async fn file(
    State(desk): State<Arc<Operations>>,
    Extension(peer): Extension<Peer>,
    Path((mac, name)): Path<(String, String)>,
    Query(how): Query<Reveal>,
) -> Response {
    let mac = match mac_of(&mac) {
        Ok(mac) => mac,
        Err(response) => return *response,
    };
    if how.reveal && !peer.is_local() {
        return refuse(
            StatusCode::FORBIDDEN,
            format!("secrets are not shown over the network; on the server: offhook render {mac} {name} --reveal"),
        );
    }
    match desk.rendered(mac, &name, how.reveal, &peer.who()) {
        Ok(bytes) => bytes.into_response(),
        Err(why) => refuse(StatusCode::NOT_FOUND, why),
    }
}
