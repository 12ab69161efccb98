//! `/api/v1/admin`: what `offhook admin` asks for. On the socket alone: who may open that is root or in group offhook.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Json, Router};
use jiff::{SignedDuration, Timestamp};

use super::key::{self, Digest};
use super::password::Busy;
use super::{Door, check_name, password};
use crate::api::{AddToken, Done, FirstRun, MadeToken, SetPassword, Token};
use crate::web::connections::Peer;
use crate::web::problem::refuse;

/// The name of an account that was given none.
const UNNAMED: &str = "admin";

/// What tokens begin with, so that one that lies about is known for what it is.
const PREFIX: &str = "offhook_";

/// Longest that a token counts, where it is said how long.
const LONGEST: u64 = 10 * 366 * 24 * 3_600;

/// For root and group `offhook`.
pub(in crate::web) fn own(door: Arc<Door>) -> Router {
    Router::new()
        .route("/api/v1/admin/token", get(first_run))
        .route("/api/v1/admin/password", post(set_password))
        .route("/api/v1/admin/tokens", get(tokens).post(add))
        .route("/api/v1/admin/tokens/{name}", delete(remove))
        .with_state(door)
}

async fn first_run(State(door): State<Arc<Door>>, Extension(peer): Extension<Peer>) -> Response {
    if peer != Peer::User(Some(0)) {
        return refuse(
            StatusCode::FORBIDDEN,
            "the token of the first run is shown to root alone: sudo offhook admin token",
        );
    }
    match door.first_run() {
        Some(token) => {
            door.hub.audit(&peer.who(), "was shown the token of the first run", Timestamp::now());
            Json(FirstRun { token }).into_response()
        }
        None => refuse(
            StatusCode::CONFLICT,
            "there is an account already, so there is no token of the first run; offhook admin password sets a new password",
        ),
    }
}

async fn set_password(
    State(door): State<Arc<Door>>,
    Extension(peer): Extension<Peer>,
    asked: Result<Json<SetPassword>, JsonRejection>,
) -> Response {
    let asked = match asked {
        Ok(Json(asked)) => asked,
        // serde would tell the password.
        Err(why) => return refuse(why.status(), "the password was not sent as {\"name\":…,\"password\":…}"),
    };
    let _alone = door.changing.lock().await;
    let there = door.lock().account.as_ref().map(|account| account.name.to_string());
    let name = asked.name.or(there).unwrap_or_else(|| UNNAMED.to_owned());
    if let Err(why) = check_name(&name).and_then(|()| password::check(&asked.password)) {
        return refuse(StatusCode::BAD_REQUEST, format!("the password was not set: {why}"));
    }
    let hash = match door.hashing.hash(asked.password).await {
        Ok(Some(hash)) => hash,
        Ok(None) | Err(Busy) => {
            return refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                "the password was not set: many log in just now; try again",
            );
        }
    };
    match door.set_account(&name, hash, &peer.who()).await {
        Ok(()) => {
            let summary =
                format!("account {name} has this password; who was logged in is not any more, and tokens stay");
            Json(Done { summary }).into_response()
        }
        Err(why) => refuse(StatusCode::INTERNAL_SERVER_ERROR, why),
    }
}

async fn tokens(State(door): State<Arc<Door>>) -> Response {
    Json(door.lock().tokens.list()).into_response()
}

async fn add(
    State(door): State<Arc<Door>>,
    Extension(peer): Extension<Peer>,
    asked: Result<Json<AddToken>, JsonRejection>,
) -> Response {
    let asked = match asked {
        Ok(Json(asked)) => asked,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, why.body_text()),
    };
    let now = Timestamp::now();
    let _alone = door.changing.lock().await;
    let fits = check_name(&asked.name).and_then(|()| door.lock().tokens.has_room_for(&asked.name));
    let expires = fits.and_then(|()| asked.seconds.map(|seconds| end(now, seconds)).transpose());
    let expires = match expires {
        Ok(expires) => expires,
        Err(why) => return refuse(StatusCode::CONFLICT, format!("token {:?} was not made: {why}", asked.name)),
    };
    let shown = format!("{PREFIX}{}", key::fresh());
    let digest = Digest::of(&shown);
    let token = Token { name: asked.name, read_only: asked.read_only, since: now, expires, used: None };
    if let Err(why) = door.store.keep_token(&digest.text(), &token).await {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, format!("token {} could not be kept: {why}", token.name));
    }
    let may = if token.read_only { "may look" } else { "may do all that the page does" };
    let until = expires.map_or_else(|| "until it is removed".to_owned(), |at| format!("until {at}"));
    door.hub.audit(&peer.who(), format!("made token {}, which {may}, {until}", token.name), now);
    let made = MadeToken { name: token.name.clone(), token: shown, expires };
    door.lock().tokens.add(digest, token);
    Json(made).into_response()
}

fn end(now: Timestamp, seconds: u64) -> Result<Timestamp, String> {
    let seconds = i64::try_from(seconds.min(LONGEST)).ok().filter(|seconds| *seconds >= 60);
    let span = seconds.map(SignedDuration::from_secs).ok_or("it would count for less than a minute")?;
    now.checked_add(span).map_err(|why| why.to_string())
}

async fn remove(State(door): State<Arc<Door>>, Extension(peer): Extension<Peer>, Path(name): Path<String>) -> Response {
    let _alone = door.changing.lock().await;
    if !door.lock().tokens.list().iter().any(|token| token.name == name) {
        return refuse(StatusCode::NOT_FOUND, format!("there is no token {name:?}; see offhook admin tokens list"));
    }
    // It counts no more even where that cannot be written: better gone until the next start than there against its owner's word.
    door.lock().tokens.remove(&name);
    door.hub.audit(&peer.who(), format!("removed token {name}"), Timestamp::now());
    match door.store.drop_token(&name).await {
        Ok(()) => Json(Done { summary: format!("token {name} opens nothing any more") }).into_response(),
        Err(why) => refuse(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!(
                "token {name} opens nothing until the next start, and that could not be written: {why}; remove it again once the disk is sound"
            ),
        ),
    }
}
