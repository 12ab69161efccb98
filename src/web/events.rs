//! `GET /api/v1/events`: what happens, as it happens, as server-sent events (WHATWG HTML, section 9.2).
//!
//! An event is `data:` with its JSON under `id:` with its number; `event: lost` says that some are not among them. A browser
//! that comes back says by `Last-Event-ID` what it had last.

use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::stream::unfold;
use serde::Deserialize;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

use super::connections::Endless;
use super::problem::refuse;
use crate::api::Event;
use crate::domain::MacAddr;
use crate::hub::{Live, Operations, Since};

/// Between two comments that keep a quiet connection open, by proxies and by whoever looks whether somebody is there.
const ALIVE: Duration = Duration::from_secs(15);

/// Between two times that something is sent: what happens meanwhile goes together, so that in a storm of requests nobody who watches
/// is woken for each of them. What happens after a while of nothing goes at once.
const GATHER: Duration = Duration::from_millis(100);

/// Most events that are sent at once. More wait for the next time, as long as there is room, and are told as lost beyond that. What
/// a hundred phones bring about that boot in one moment goes at once, or the last of it would come late.
const AT_ONCE: usize = 256;

/// Most events of the past that are asked for.
const MOST: usize = 500;

/// What comes first: how soon a browser comes back, in milliseconds.
const HELLO: Bytes = Bytes::from_static(b"retry: 1000\n\n");

/// A comment.
const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// What somebody wants to see.
#[derive(Deserialize)]
pub(super) struct Wanted {
    /// Phones, with commas; absent = all.
    mac: Option<String>,
    /// Kinds of events, with commas; absent = all.
    kind: Option<String>,
    /// So many of the last events come first.
    last: Option<usize>,
}

/// Which events.
struct Filter {
    macs: BTreeSet<MacAddr>,
    kinds: BTreeSet<String>,
}

impl Filter {
    fn read(wanted: &Wanted) -> Result<Self, String> {
        let words = |list: &Option<String>| -> Vec<String> {
            let list = list.as_deref().unwrap_or_default().split(',');
            list.map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
        };
        let mac = |word: String| word.parse().map_err(|why| format!("{word:?} is no phone: {why}"));
        Ok(Self {
            macs: words(&wanted.mac).into_iter().map(mac).collect::<Result<_, String>>()?,
            kinds: words(&wanted.kind).into_iter().collect(),
        })
    }

    fn takes(&self, live: &Live) -> bool {
        (self.macs.is_empty() || self.macs.contains(&live.event.mac))
            && (self.kinds.is_empty() || self.kinds.contains(live.event.what.word()))
    }
}

/// Somebody who watches.
struct Reader {
    filter: Filter,
    /// What is to be sent before anything else.
    first: VecDeque<Bytes>,
    live: broadcast::Receiver<Arc<Live>>,
    /// When events were last sent.
    sent: Option<Instant>,
    alive: Interval,
}

impl Reader {
    /// What is to be sent next; `None` = the daemon ends.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.pop_front() {
            return Some(first);
        }
        loop {
            tokio::select! {
                live = self.live.recv() => match live {
                    Ok(live) => {
                        if let Some(sent) = self.sent {
                            sleep_until(sent + GATHER).await;
                        }
                        let all = self.gathered(live);
                        self.sent = Some(Instant::now());
                        if !all.is_empty() {
                            return Some(all);
                        }
                    }
                    Err(RecvError::Lagged(missed)) => return Some(lost(Some(missed))),
                    Err(RecvError::Closed) => return None,
                },
                _ = self.alive.tick() => return Some(COMMENT),
            }
        }
    }

    /// What is wanted of this event and of those that came since; nothing is waited for.
    fn gathered(&mut self, first: Arc<Live>) -> Bytes {
        let (mut all, mut wanted, mut next) = (BytesMut::new(), 0, Some(first));
        while let Some(live) = next {
            if self.filter.takes(&live) {
                all.extend_from_slice(&live.text(text));
                wanted += 1;
            }
            if wanted >= AT_ONCE {
                break;
            }
            next = loop {
                match self.live.try_recv() {
                    Ok(live) => break Some(live),
                    Err(TryRecvError::Lagged(missed)) => all.extend_from_slice(&lost(Some(missed))),
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break None,
                }
            };
        }
        all.freeze()
    }
}

pub(super) async fn events(
    State(desk): State<Arc<Operations>>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    let filter = match Filter::read(&wanted) {
        Ok(filter) => filter,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, why),
    };
    let had = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.trim().parse().ok());
    let since = match (had, wanted.last) {
        (Some(id), _) => Since::Event(id),
        (None, Some(last)) => Since::Last(last.min(MOST)),
        (None, None) => Since::Now,
    };
    let Some(watch) = desk.hub().live(since, |live| filter.takes(live)) else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "the daemon ends; ask again once it is back");
    };
    let mut first = VecDeque::from([HELLO]);
    first.extend(watch.lost.then(|| lost(None)));
    first.extend(watch.past.iter().map(|live| live.text(text)));
    let mut alive = interval(ALIVE);
    alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    alive.reset();
    let reader = Reader { filter, first, live: watch.live, sent: None, alive };
    let body = unfold(reader, |mut reader| async move {
        let next = reader.next().await?;
        Some((Ok::<_, Infallible>(next), reader))
    });
    let kind = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    (kind, Extension(Endless), Body::from_stream(body)).into_response()
}

/// An event as it is sent.
fn text(live: &Live) -> Bytes {
    let json = serde_json::to_string(&Event::new(live.id, &live.event)).unwrap_or_default();
    format!("id: {}\ndata: {json}\n\n", live.id).into()
}

/// Some are not among what is sent: that many, where it is known.
fn lost(missed: Option<u64>) -> Bytes {
    format!("event: lost\ndata: {}\n\n", serde_json::json!({ "lost": missed })).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(mac: Option<&str>, kind: Option<&str>) -> Result<Filter, String> {
        Filter::read(&Wanted { mac: mac.map(str::to_owned), kind: kind.map(str::to_owned), last: None })
    }

    #[test]
    fn what_is_wanted() {
        let all = filter(None, None).unwrap();
        assert!(all.macs.is_empty() && all.kinds.is_empty());
        let some = filter(Some("00:1b:54:aa:bb:01, 001B54AABB02,"), Some("told,admin")).unwrap();
        assert_eq!((some.macs.len(), some.kinds.len()), (2, 2));
        assert!(filter(Some("001B54AABB01,x"), None).is_err());
    }
}
