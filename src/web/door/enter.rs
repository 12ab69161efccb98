//! `/login`, `/logout` and `/setup`: plain pages and their forms, which work without a script.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRequest as _, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::hosts::own_path;
use super::key::{self, Digest};
use super::password::Busy;
use super::{Door, browsers, check_name, layer, password};
use crate::web::connections::Ends;

/// Octets of a form.
const FORM: usize = 8 << 10;

/// How long a form may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);

/// What is said to who was logged out while a form was filled in.
const LOST: &str = "What you sent was not done: you are logged out. Log in and send it again.";

/// Where somebody without a page to go to goes.
const HOME: &str = "/";

pub(super) fn router() -> Router<Arc<Door>> {
    Router::new()
        .route("/login", get(login_page).post(login))
        .route("/logout", post(logout))
        .route("/setup", get(setup_page).post(setup))
        .layer(DefaultBodyLimit::max(FORM))
}

#[derive(Template)]
#[template(path = "web/login.html")]
struct LoginPage<'a> {
    said: Option<&'a str>,
    name: &'a str,
    next: &'a str,
}

#[derive(Template)]
#[template(path = "web/setup.html")]
struct SetupPage<'a> {
    said: Option<&'a str>,
    name: &'a str,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    next: String,
    /// Something was sent that nobody was let in for.
    lost: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Login {
    name: String,
    password: String,
    next: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Setup {
    token: String,
    name: String,
    password: String,
    again: String,
}

fn page(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A form, if it arrives in time and can be read.
async fn form<T: DeserializeOwned>(request: Request) -> Result<T, StatusCode> {
    match tokio::time::timeout(ARRIVAL, Form::from_request(request, &())).await {
        Ok(Ok(Form(form))) => Ok(form),
        Ok(Err(why)) => Err(why.into_response().status()),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

async fn login_page(State(door): State<Arc<Door>>, asked: Result<Query<Asked>, QueryRejection>) -> Response {
    if door.lock().account.is_none() {
        return Redirect::to("/setup").into_response();
    }
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    let said = asked.lost.map(|_| LOST);
    page(StatusCode::OK, &LoginPage { said, name: "", next: own_path(&asked.next).unwrap_or(HOME) })
}

async fn login(State(door): State<Arc<Door>>, ConnectInfo(ends): ConnectInfo<Ends>, request: Request) -> Response {
    let tls = tls(request.headers());
    let (former, shown) = (former(request.headers()), shown(request.headers()));
    let form: Login = match form(request).await {
        Ok(form) => form,
        Err(status) => return status.into_response(),
    };
    let next = own_path(&form.next).unwrap_or(HOME);
    let again = |status, said: &str| page(status, &LoginPage { said: Some(said), name: &form.name, next });
    let browser = door.lock().browsers.known(shown, Timestamp::now());
    match door.log_in(&form.name, form.password.clone(), ends.peer, browser, tls).await {
        Ok(id) => {
            door.end(&former);
            let known = door.know_browser(browser).await;
            let cookies = [(header::SET_COOKIE, cookie(&id, tls)), (header::SET_COOKIE, known_cookie(&known, tls))];
            (AppendHeaders(cookies), Redirect::to(next)).into_response()
        }
        Err(Refusal::Wrong) => again(StatusCode::UNAUTHORIZED, "That name and that password do not go together."),
        Err(Refusal::Wait(time)) => later(time, |said| again(StatusCode::TOO_MANY_REQUESTS, said)),
        Err(Refusal::Busy) => busy(|said| again(StatusCode::SERVICE_UNAVAILABLE, said)),
    }
}

async fn logout(State(door): State<Arc<Door>>, headers: HeaderMap) -> Response {
    let mut response = Redirect::to("/login").into_response();
    door.end(&former(&headers));
    for (tls, _) in layer::COOKIES {
        if let Ok(gone) = format!("{}; Max-Age=0", cookie("", tls)).parse() {
            response.headers_mut().append(header::SET_COOKIE, gone);
        }
    }
    response
}

/// What a browser shows that got in before. It goes to the login alone.
fn shown(headers: &HeaderMap) -> Vec<Digest> {
    layer::cookies(headers, KNOWN).take(MOST_SHOWN).map(Digest::of).collect()
}

/// The sessions that a browser has.
fn former(headers: &HeaderMap) -> Vec<Digest> {
    layer::sessions(headers).map(|(_, id)| Digest::of(id)).collect()
}

async fn setup_page(State(door): State<Arc<Door>>) -> Response {
    if door.lock().account.is_some() {
        return Redirect::to("/login").into_response();
    }
    page(StatusCode::OK, &SetupPage { said: None, name: "admin" })
}

async fn setup(State(door): State<Arc<Door>>, ConnectInfo(ends): ConnectInfo<Ends>, request: Request) -> Response {
    let tls = tls(request.headers());
    let form: Setup = match form(request).await {
        Ok(form) => form,
        Err(status) => return status.into_response(),
    };
    let again = |status, said: &str| page(status, &SetupPage { said: Some(said), name: &form.name });
    let _alone = door.changing.lock().await;
    if door.lock().account.is_some() {
        return Redirect::to("/login").into_response();
    }
    // Before anything is said of the rest: who has no token learns nothing here, and has nothing computed.
    if let Err(wait) = door.begin_try(FIRST, ends.peer, None) {
        return later(wait, |said| again(StatusCode::TOO_MANY_REQUESTS, said));
    }
    let right = door.lock().token.as_deref().is_some_and(|token| Digest::of(token) == Digest::of(form.token.trim()));
    if !right {
        failed("not the token of the first run", ends.peer);
        return again(StatusCode::UNAUTHORIZED, "That is not the token. On the server, as root: offhook admin token");
    }
    door.lock().limiter.succeeded(FIRST, ends.peer, None);
    let unfit = check_name(&form.name).and_then(|()| password::check(&form.password));
    if let Err(why) = unfit {
        return again(StatusCode::UNPROCESSABLE_ENTITY, &why);
    }
    if form.password != form.again {
        return again(StatusCode::UNPROCESSABLE_ENTITY, "the two passwords are not the same");
    }
    let hash = match door.hashing.hash(form.password.clone()).await {
        Ok(Some(hash)) => hash,
        Ok(None) => return again(StatusCode::INTERNAL_SERVER_ERROR, "the password could not be hashed; see the log"),
        Err(Busy) => return busy(|said| again(StatusCode::SERVICE_UNAVAILABLE, said)),
    };
    let who = format!("{} ({}, by the first-run token)", form.name, ends.peer);
    if let Err(why) = door.set_account(&form.name, hash, &who).await {
        tracing::error!(code = "admin-not-kept", "{why}");
        return again(StatusCode::INTERNAL_SERVER_ERROR, &why);
    }
    let id = key::fresh();
    door.lock().sessions.begin(Digest::of(&id), form.name.as_str().into(), tls, Instant::now());
    let known = door.know_browser(None).await;
    let cookies = [(header::SET_COOKIE, cookie(&id, tls)), (header::SET_COOKIE, known_cookie(&known, tls))];
    (AppendHeaders(cookies), Redirect::to(HOME)).into_response()
}

/// What stands for the token's holder among the names that are counted; no account can be called so.
const FIRST: &str = "/setup";

/// Why nobody was let in.
enum Refusal {
    Wrong,
    Wait(Duration),
    Busy,
}

impl Door {
    /// Returns the id of the session that begins.
    async fn log_in(
        &self,
        name: &str,
        password: String,
        from: Ipv4Addr,
        browser: Option<Digest>,
        tls: bool,
    ) -> Result<String, Refusal> {
        self.begin_try(name, from, browser).map_err(Refusal::Wait)?;
        let account = self.lock().account.clone().filter(|account| *account.name == *name);
        let kept = account.as_ref().map(|account| account.hash.clone());
        // What is too long is no password of anybody's; it takes as long as one.
        let password = if password.len() > password::LONGEST { String::new() } else { password };
        let Ok(right) = self.hashing.verify(password, kept.clone()).await else {
            self.lock().limiter.untried(name, from, browser);
            return Err(Refusal::Busy);
        };
        let mut inside = self.lock();
        // It may have been set anew meanwhile, and what ended its sessions then is to have ended this one.
        let same = inside.account.as_ref().map(|account| &account.hash) == kept.as_ref();
        let Some(account) = account.filter(|_| right && same) else {
            drop(inside);
            failed(if kept.is_some() { "not the password" } else { "no such name" }, from);
            return Err(Refusal::Wrong);
        };
        inside.limiter.succeeded(name, from, browser);
        let id = key::fresh();
        inside.sessions.begin(Digest::of(&id), Arc::clone(&account.name), tls, Instant::now());
        drop(inside);
        tracing::info!(code = "admin-login", who = &*account.name, "{} logged in from {from}", account.name);
        Ok(id)
    }

    /// Ends sessions that a browser gives up.
    fn end(&self, sessions: &[Digest]) {
        let open = &mut self.lock().sessions;
        sessions.iter().for_each(|id| open.end(*id));
    }

    /// Somebody got in: what the browser is to show the next time, in place of what it showed.
    async fn know_browser(&self, former: Option<Digest>) -> String {
        let (id, now) = (key::fresh(), Timestamp::now());
        let gone = self.lock().browsers.used(Digest::of(&id), former, now);
        let gone: Vec<String> = gone.into_iter().map(Digest::text).collect();
        // Where it cannot be kept, the browser waits with the others after a restart.
        let _ = self.store.keep_browser(&Digest::of(&id).text(), now, &gone).await;
        id
    }

    fn begin_try(&self, name: &str, from: Ipv4Addr, browser: Option<Digest>) -> Result<(), Duration> {
        self.lock().limiter.begin(name, from, browser, Instant::now()).map_err(|wait| {
            if wait.news {
                let seconds = wait.time.as_secs() + 1;
                tracing::warn!(code = "admin-login-limited", "src={from} tries too often; it waits for {seconds} s");
            }
            wait.time
        })
    }
}

/// `whom` is a name of ours: what was typed may be a password in the wrong field.
fn failed(whom: &str, from: Ipv4Addr) {
    tracing::warn!(code = "admin-login-failed", "src={from} could not log in: {whom}");
}

fn later(time: Duration, answer: impl FnOnce(&str) -> Response) -> Response {
    let seconds = time.as_secs() + 1;
    let answer = answer(&format!("Too many tries. Try again in {seconds} s."));
    ([(header::RETRY_AFTER, seconds.to_string())], answer).into_response()
}

fn busy(answer: impl FnOnce(&str) -> Response) -> Response {
    ([(header::RETRY_AFTER, "1")], answer("Many log in just now. Try again.")).into_response()
}

/// Whether the browser speaks TLS, to a proxy before us: it says so itself, and no proxy's word is needed.
fn tls(headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    origin.is_some_and(|origin| origin.starts_with("https://"))
}

fn cookie(id: &str, tls: bool) -> String {
    let name = layer::COOKIES.iter().find(|(of, _)| *of == tls).map_or("offhook", |(_, name)| name);
    let secure = if tls { "; Secure" } else { "" };
    format!("{name}={id}; Path=/; HttpOnly; SameSite=Strict{secure}")
}

/// The cookie by which a browser is known that got in before; it opens nothing.
const KNOWN: &str = "offhook-known";

/// Of a browser that shows more, the rest counts for nothing.
const MOST_SHOWN: usize = 4;

fn known_cookie(id: &str, tls: bool) -> String {
    let secure = if tls { "; Secure" } else { "" };
    let age = browsers::KEPT.as_secs();
    format!("{KNOWN}={id}; Path=/login; Max-Age={age}; HttpOnly; SameSite=Strict{secure}")
}
