//! Who asks for a page, and what all pages share.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};

use super::notices::{Notice, Notices};
use crate::web::connections::Peer;
use crate::web::door::Forms;

/// What a page says whose form could not be known as one of its session.
const OF_A_FORMER_SESSION: &str =
    "Nothing was done: that page was of a login that ended. This one is of yours; do it again.";

/// Somebody asks for a page, or sends a form.
pub(super) struct Visit {
    /// Who, for the audit log.
    pub who: String,
    /// Somebody is logged in.
    leaves: bool,
    /// What the actions of its forms end with.
    form: String,
    said: Vec<Notice>,
    notices: Arc<Notices>,
}

/// What the frame of a page shows.
pub(super) struct Chrome {
    pub title: String,
    /// The entry of the navigation that this is; empty = none.
    pub here: &'static str,
    pub who: String,
    /// There is a session to end.
    pub leaves: bool,
    /// What the action of each form that changes something ends with: it shows that the form is of a page of this session.
    pub form: String,
    pub said: Vec<Notice>,
    pub version: &'static str,
    pub entries: &'static [Entry],
}

/// An entry of the navigation.
pub(super) struct Entry {
    pub name: &'static str,
    pub path: &'static str,
}

const ENTRIES: &[Entry] = &[
    Entry { name: "Phones", path: "/" },
    Entry { name: "Firmware", path: "/firmware" },
    Entry { name: "Conversions", path: "/conversions" },
    Entry { name: "Leases", path: "/leases" },
    Entry { name: "Live", path: "/live" },
    Entry { name: "Check", path: "/check" },
    Entry { name: "Settings", path: "/settings" },
];

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<Peer>();
        let who = peer.map_or_else(|| "somebody".to_owned(), Peer::who);
        let leaves = matches!(peer, Some(Peer::Account { .. }));
        let forms = parts.extensions.get::<Forms>();
        let form = forms.map(Forms::query).unwrap_or_default();
        let notices = parts.extensions.get::<Arc<Notices>>().cloned().unwrap_or_default();
        let query = parts.uri.query().unwrap_or_default();
        let id = query.split('&').find_map(|pair| pair.strip_prefix("said="));
        let said = match id {
            Some(id) if forms.is_some_and(|forms| forms.former() == id) => {
                vec![Notice { done: false, text: OF_A_FORMER_SESSION.to_owned() }]
            }
            Some(id) => notices.of(id),
            None => Vec::new(),
        };
        Ok(Self { who, leaves, form, said, notices })
    }
}

impl Visit {
    /// The frame of a page of this title.
    pub fn chrome(&self, title: impl Into<String>, here: &'static str) -> Chrome {
        Chrome {
            title: title.into(),
            here,
            who: self.who.clone(),
            leaves: self.leaves,
            form: self.form.clone(),
            said: self.said.clone(),
            version: env!("CARGO_PKG_VERSION"),
            entries: ENTRIES,
        }
    }

    /// Back to a page of ours, which says what came of it.
    pub fn back(&self, path: &str, said: Vec<Notice>) -> Response {
        let id = self.notices.leave(said);
        let mark = if path.contains('?') { '&' } else { '?' };
        Redirect::to(&format!("{path}{mark}said={id}")).into_response()
    }

    /// The same with one sentence.
    pub fn told(&self, path: &str, outcome: Result<String, String>) -> Response {
        self.back(path, vec![outcome.into()])
    }
}
