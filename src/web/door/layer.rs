//! The rule before the router: reads the facts of a request, has them judged, answers or lets it through, and says to every
//! browser how little it may do with the answer.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::forms::Forms;
use super::hosts::{BadHost, Origin};
use super::key::Digest;
use super::rule::{ASSETS, Facts, Place, Shown, Verdict, judge};
use super::{Door, hosts};
use crate::domain::printable;
use crate::web::connections::{Endless, Ends, Peer};
use crate::web::guard::guard;
use crate::web::problem::refuse;
use crate::web::steady::Steady;

/// The cookie of a session, over TLS and without. The prefix has the browser keep it from every other host, and from plain
/// HTTP (RFC 6265bis section 4.1.3).
pub(super) const COOKIES: [(bool, &str); 2] = [(true, "__Host-offhook"), (false, "offhook")];

/// Between two lines of the log about names that are not known.
const FOREIGN: Duration = Duration::from_mins(1);

/// How long nothing of a body may come.
const STEADY: Duration = Duration::from_secs(20);

/// Lets a request through, or not.
pub(super) async fn pass(
    State(door): State<Arc<Door>>,
    ConnectInfo(ends): ConnectInfo<Ends>,
    request: Request,
    next: Next,
) -> Response {
    let asset = request.uri().path().starts_with(ASSETS);
    let (verdict, caller) = door.judge(&request, ends);
    let mut request = request.map(|body| Body::new(Steady::new(body, STEADY)));
    let mut response = match verdict {
        Verdict::Open => next.run(request).await,
        Verdict::Enter => {
            if let Some(peer) = caller.peer {
                request.extensions_mut().insert(peer);
            }
            if let Some(forms) = caller.forms {
                request.extensions_mut().insert(forms);
            }
            next.run(request).await
        }
        verdict => turned_away(verdict, &request, &caller, ends.peer),
    };
    // Who was let in may be let in no more: a stream of events ends with the bound on a whole answer, and its reader comes back.
    response.extensions_mut().remove::<Endless>();
    let headers = response.headers_mut();
    guard(headers);
    if !asset || verdict != Verdict::Open {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Who asks.
#[derive(Default)]
struct Caller {
    shown: Option<Shown>,
    peer: Option<Peer>,
    /// Of a session.
    forms: Option<Forms>,
}

impl Door {
    fn judge(&self, request: &Request, ends: Ends) -> (Verdict, Caller) {
        let headers = request.headers();
        let safe = matches!(*request.method(), Method::GET | Method::HEAD);
        let host = self.hosts.own(request.uri(), headers, ends.local);
        let caller = self.shown(headers, ends.peer);
        let said = |forms: &Forms| forms.said_by(request.uri().query().unwrap_or_default());
        let facts = Facts {
            host: host.as_ref().err().copied(),
            place: Place::of(request.uri().path(), safe),
            safe,
            origin: host.as_ref().map_or(Origin::Unsaid, |host| Origin::of(headers, host)),
            form: caller.forms.as_ref().is_some_and(said),
            shown: caller.shown.unwrap_or(Shown::Nothing),
            account: self.lock().account.is_some(),
        };
        if facts.host == Some(BadHost::Foreign) {
            let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
            let now = Instant::now();
            let told = |at: Instant| now.saturating_duration_since(at) < FOREIGN;
            let mut inside = self.lock();
            if !inside.foreign.is_some_and(told) {
                inside.foreign = Some(now);
                drop(inside);
                let host = printable(host.as_bytes(), 64);
                tracing::warn!(
                    code = "admin-host",
                    "{} asked for the page by the name {host}, which is not known here: if it is yours, add it to admin.hosts and restart",
                    ends.peer
                );
            }
        }
        (judge(facts), caller)
    }

    /// Who asks: by the token where one is shown, else by the session.
    fn shown(&self, headers: &HeaderMap, from: Ipv4Addr) -> Caller {
        let now = (Instant::now(), Timestamp::now());
        if let Some(token) = bearer(headers) {
            let Some(shown) = self.lock().tokens.of(Digest::of(token), now.1) else {
                return Caller { shown: Some(Shown::BadToken), ..Caller::default() };
            };
            if shown.note {
                let (store, name) = (Arc::clone(&self.store), Arc::clone(&shown.name));
                // Nobody waits for it, and nothing depends on it.
                tokio::spawn(async move { store.token_used(&name, now.1).await.is_ok() });
            }
            let peer = Some(Peer::Token { name: shown.name, from });
            return Caller { shown: Some(Shown::Token { read_only: shown.read_only }), peer, forms: None };
        }
        let session = |(tls, id)| Some((self.lock().sessions.of(Digest::of(id), tls, now.0)?, Forms::of(id)));
        let found = sessions(headers).find_map(session).map(|(name, forms)| Caller {
            shown: Some(Shown::Session),
            peer: Some(Peer::Account { name, from }),
            forms: Some(forms),
        });
        found.unwrap_or_default()
    }
}

/// RFC 6750 section 2.1. Another scheme is not for us.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The ids of sessions that the browser shows, the one of TLS first.
pub(super) fn sessions(headers: &HeaderMap) -> impl Iterator<Item = (bool, &str)> {
    COOKIES.into_iter().flat_map(move |(tls, cookie)| cookies(headers, cookie).map(move |id| (tls, id)))
}

/// What a browser shows under that name, as often as it does.
pub(super) fn cookies<'a>(headers: &'a HeaderMap, cookie: &'static str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(move |(name, _)| *name == cookie).map(|(_, value)| value)
}

fn turned_away(verdict: Verdict, request: &Request, caller: &Caller, from: Ipv4Addr) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    // Of strangers anybody could bring about any number of lines.
    let refused = |why: &str| {
        if let Some(peer) = &caller.peer {
            tracing::warn!(code = "admin-refused", who = peer.who(), "{method} {path} was refused: {why}");
        } else {
            tracing::debug!(code = "admin-refused", who = %from, "{method} {path} was refused: {why}");
        }
    };
    match verdict {
        Verdict::Unclear => StatusCode::BAD_REQUEST.into_response(),
        Verdict::Elsewhere => StatusCode::MISDIRECTED_REQUEST.into_response(),
        Verdict::CrossSite => {
            refused("it does not come from a page of this host and this session");
            refuse(
                StatusCode::FORBIDDEN,
                "this was not asked by a page of this host, or by one of a login that ended: open the page anew by the address that it has, and try again; behind a proxy, see docs/admin.md",
            )
        }
        Verdict::Former => {
            refused("its form is of a session that ended");
            let page = hosts::page_of(request.headers());
            let page = page.as_deref().and_then(hosts::own_path).unwrap_or("/");
            let (path, query) = page.split_once('?').unwrap_or((page, ""));
            let kept = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("said="));
            let said = caller.forms.iter().map(|forms| format!("said={}", forms.former()));
            let query: Vec<String> = kept.map(str::to_owned).chain(said).collect();
            Redirect::to(&format!("{path}?{}", query.join("&"))).into_response()
        }
        Verdict::ReadOnly => {
            refused("the token may only look");
            refuse(
                StatusCode::FORBIDDEN,
                "this token may look and change nothing; make one that may: offhook admin tokens add",
            )
        }
        Verdict::Unknown => {
            let said = refuse(
                StatusCode::UNAUTHORIZED,
                "log in at /login, or show a token (Authorization: Bearer …); offhook admin tokens add makes one",
            );
            ([(header::WWW_AUTHENTICATE, "Bearer realm=\"offhook\"")], said).into_response()
        }
        Verdict::LogIn => {
            let asked = request.uri().path_and_query().map_or("/", |asked| asked.as_str());
            // Who wants to leave has left.
            let sent = !matches!(*method, Method::GET | Method::HEAD) && path != "/logout";
            // What was sent cannot be sent again by whoever logs in: back to where it was typed.
            let looked = (*method == Method::GET).then(|| asked.to_owned());
            let page = if sent { hosts::page_of(request.headers()) } else { looked };
            let next = page.as_deref().and_then(hosts::own_path).filter(|next| *next != "/");
            let next = next.map(|next| format!("next={}", utf8_percent_encode(next, NON_ALPHANUMERIC)));
            let query: Vec<String> = sent.then(|| "lost=1".to_owned()).into_iter().chain(next).collect();
            let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
            Redirect::to(&format!("/login{query}")).into_response()
        }
        Verdict::SetUp => Redirect::to("/setup").into_response(),
        // Those are let through.
        Verdict::Open | Verdict::Enter => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_found_wherever_it_stands() {
        let mut headers = HeaderMap::new();
        for line in ["a=b; offhook=one;offhook=two", "x; __Host-offhook=three", "offhook", "=; offhookx=four"] {
            headers.append(header::COOKIE, HeaderValue::from_static(line));
        }
        let all: Vec<(bool, &str)> = sessions(&headers).collect();
        assert_eq!(all, [(true, "three"), (false, "one"), (false, "two")]);
        for (line, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("Basic abc", None),
            ("Bearer", None),
            ("Bearerabc", None),
            ("", None),
        ] {
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(line));
            assert_eq!(bearer(&headers), token, "{line}");
        }
    }
}
