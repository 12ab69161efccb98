//! What is done to the store from its page: an archive is brought as a form brings it, streamed to the disk as it comes; a
//! load is looked at or removed.

use std::sync::Arc;

use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::header;
use axum::response::Response;

use super::notices::Notice;
use super::visit::Visit;
use crate::firmware::import::Imported;
use crate::hub::Operations;
use crate::web::arriving::{Gathered, arriving_in_parts};
use crate::web::bring::Bring;

/// Longer than the name of any archive.
const LONGEST_NAME: usize = 255;

/// `POST /firmware`: fields `replace`, then `archive`, as often as there are files.
pub(super) async fn add(visit: Visit, State(desk): State<Arc<Operations>>, request: Request) -> Response {
    // The disk has to have room for all that the form says it brings.
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let (request, gathered) = arriving_in_parts(request);
    let said = match Multipart::from_request(request, &()).await {
        Ok(form) => {
            let form = Form { parts: form, gathered, stated: length.unwrap_or(0) };
            brought(&desk, form, &visit.who).await
        }
        Err(why) => vec![Err(format!("the archive did not arrive: {}", why.body_text())).into()],
    };
    visit.back("/firmware", said)
}

/// Parts of a form: each archive is a process of its own, and a word of what came of it.
const MOST_PARTS: usize = 64;

/// A form that comes.
struct Form {
    parts: Multipart,
    /// What of it is in memory.
    gathered: Gathered,
    /// Octets that it says it has; 0 = it does not.
    stated: u64,
}

impl Form {
    async fn next(&mut self) -> Result<Option<Field<'_>>, String> {
        let field = self.parts.next_field().await;
        let field = field.map_err(|why| not_whole(&self.gathered, &why));
        if field.is_ok() {
            self.gathered.used();
        }
        field
    }
}

fn not_whole(gathered: &Gathered, why: &MultipartError) -> String {
    if gathered.is_too_much() {
        "the form cannot be read: more than 1 MiB came of it that belongs to no part".to_owned()
    } else {
        format!("the archive did not arrive whole: {}", why.body_text())
    }
}

async fn brought(desk: &Arc<Operations>, mut form: Form, who: &str) -> Vec<Notice> {
    let (gathered, stated) = (form.gathered.clone(), form.stated);
    let (mut said, mut replace) = (Vec::new(), false);
    for part in 0.. {
        if part == MOST_PARTS {
            said.push(
                Err(format!("no more than {MOST_PARTS} archives are taken at once; bring the rest after these")).into(),
            );
            break;
        }
        match form.next().await {
            Ok(None) => break,
            Ok(Some(field)) if field.name() == Some("replace") => replace = true,
            Ok(Some(field)) if field.file_name().is_some_and(|name| !name.is_empty()) => {
                match one(desk, field, &gathered, replace, who, stated).await {
                    Ok(imported) => said.extend(told(imported)),
                    Err(why) => said.push(Err(why).into()),
                }
            }
            Ok(Some(_)) => {}
            Err(why) => {
                said.push(Err(why).into());
                break;
            }
        }
    }
    if said.is_empty() {
        said.push(Err("nothing was brought: choose an archive first".to_owned()).into());
    }
    said
}

async fn one(
    desk: &Arc<Operations>,
    mut field: Field<'_>,
    gathered: &Gathered,
    replace: bool,
    who: &str,
    stated: u64,
) -> Result<Imported, String> {
    // A browser on another system may send the whole path.
    let name = field.file_name().unwrap_or_default();
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default().chars().take(LONGEST_NAME).collect();
    let mut bring = Bring::begin(desk, name, replace, who.to_owned(), stated);
    let mut refused = false;
    loop {
        let chunk = field.chunk().await;
        if chunk.is_ok() {
            gathered.used();
        }
        match chunk {
            // Who is answered while he sends may not hear it: what comes is taken, and dropped.
            Ok(Some(_)) if refused => {}
            Ok(Some(octets)) => refused = !bring.push(octets).await,
            Ok(None) => break,
            Err(why) => return Err(not_whole(gathered, &why)),
        }
    }
    bring.end().await.map_err(|why| why.to_string())
}

fn told(imported: Imported) -> Vec<Notice> {
    let refused = imported.refused.into_iter().map(|left| Err(format!("{}: {}", left.name, left.why)));
    let notes = imported.notes.into_iter().map(Ok);
    [Ok(imported.summary)].into_iter().chain(refused).chain(notes).map(Notice::from).collect()
}

/// `POST /firmware/<load>/<verb>`
pub(super) async fn act(
    visit: Visit,
    State(desk): State<Arc<Operations>>,
    Path((load, verb)): Path<(String, String)>,
) -> Response {
    let who = visit.who.clone();
    let work = move || match verb.as_str() {
        "remove" => {
            let removed = desk.remove_firmware(&load, &who).map_err(|why| why.to_string())?;
            Ok(format!("load {} was removed", removed.load))
        }
        "check" => {
            let sets = desk.firmware().verify(Some(&load)).map_err(|why| why.to_string())?;
            match sets.iter().find(|set| !set.complete) {
                None => Ok(format!("every file of {load} is as it was brought")),
                Some(set) => {
                    Err(format!("{} is not whole: {}", set.load, [&*set.missing, &*set.problems].concat().join(", ")))
                }
            }
        }
        _ => Err(format!("a load is checked or removed, not {verb:?}")),
    };
    let outcome = tokio::task::spawn_blocking(work).await;
    visit.told("/firmware", outcome.unwrap_or_else(|why| Err(format!("it ended early: {why}; see the log"))))
}
