//! A body that takes its time, an archive over a slow line: as long as it comes, the bound on a whole connection waits.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, sleep, sleep_until};

use super::steady::Steady;

/// How long nothing of it may come.
const SILENCE: Duration = Duration::from_mins(1);

/// Octets that a reader of the body may gather before it has made something of them.
const MOST: usize = 1 << 20;

/// After so many the reader has a turn, or it would gather what came in one go.
const BURST: usize = 256 << 10;

/// How long a connection may last. In the extensions of each request.
#[derive(Clone, Debug)]
pub(super) struct Patience(Arc<Bound>);

#[derive(Debug)]
struct Bound {
    holds: AtomicUsize,
    since: Mutex<Instant>,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self(Arc::new(Bound { holds: AtomicUsize::new(0), since: Mutex::new(Instant::now()) }))
    }

    /// From now on there is no bound.
    pub(super) fn endless(&self) {
        self.0.holds.fetch_add(1, Ordering::Relaxed);
    }

    fn hold(&self) -> Hold {
        self.endless();
        Hold(self.clone())
    }

    /// Waits until it has lasted for so long, or so long after the last that held it up.
    pub(super) async fn over(&self, whole: Duration) {
        loop {
            if self.0.holds.load(Ordering::Relaxed) > 0 {
                sleep(whole).await;
                continue;
            }
            let end = *self.0.since.lock().unwrap_or_else(PoisonError::into_inner) + whole;
            if Instant::now() >= end {
                return;
            }
            sleep_until(end).await;
        }
    }
}

/// Holds the bound up.
#[derive(Debug)]
struct Hold(Patience);

impl Drop for Hold {
    fn drop(&mut self) {
        let Bound { holds, since } = &*self.0.0;
        *since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        holds.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What came of a body since its reader last made something of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathered(Arc<AtomicUsize>);

impl Gathered {
    /// Something was made of it.
    pub(super) fn used(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Whether more came than anything is made of.
    pub(super) fn is_too_much(&self) -> bool {
        self.0.load(Ordering::Relaxed) > MOST
    }
}

/// The same request, its body as one that takes its time: whoever asks for this has looked who sends it.
pub(super) fn arriving(request: Request) -> Request {
    let hold = request.extensions().get::<Patience>().map(Patience::hold);
    request.map(|body| Body::new(Arriving { body: Steady::new(body, SILENCE), _hold: hold }))
}

/// The same, and bounded in what its reader gathers.
pub(super) fn arriving_in_parts(request: Request) -> (Request, Gathered) {
    let gathered = Gathered::default();
    let own = gathered.clone();
    let request = arriving(request).map(|body| Body::new(Parts { body, gathered: own, paused: false }));
    (request, gathered)
}

struct Arriving {
    body: Steady,
    _hold: Option<Hold>,
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(task)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

struct Parts {
    body: Body,
    gathered: Gathered,
    paused: bool,
}

impl HttpBody for Parts {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let gathered = self.gathered.0.load(Ordering::Relaxed);
        if gathered > BURST && !self.paused {
            self.paused = true;
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.paused = false;
        if gathered > MOST {
            return Poll::Ready(Some(Err("more came than belongs to any part of the form".into())));
        }
        let frame = Pin::new(&mut self.body).poll_frame(task);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(octets) = frame.data_ref()
        {
            self.gathered.0.fetch_add(octets.len(), Ordering::Relaxed);
        }
        frame.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn the_bound_waits_for_what_comes() {
        let whole = Duration::from_millis(20);
        let over = async |patience: &Patience| tokio::time::timeout(whole * 10, patience.over(whole)).await.is_ok();
        assert!(over(&Patience::new()).await);

        let patience = Patience::new();
        let mut request = Request::new(Body::empty());
        request.extensions_mut().insert(patience.clone());
        let request = arriving(request);
        assert!(!over(&patience).await, "it comes");
        drop(request);
        tokio::time::timeout(Duration::from_secs(30), patience.over(whole)).await.unwrap();

        let patience = Patience::new();
        patience.endless();
        assert!(!over(&patience).await);
    }

    #[tokio::test]
    async fn a_reader_that_makes_nothing_of_what_comes_is_not_fed() {
        let piece = Bytes::from(vec![b'x'; 100_000]);
        let pieces = || futures_util::stream::repeat(piece.clone()).map(Ok::<_, std::io::Error>);
        let next = async |body: &mut Body| std::future::poll_fn(|task| Pin::new(&mut *body).poll_frame(task)).await;
        for uses in [false, true] {
            let (request, gathered) = arriving_in_parts(Request::new(Body::from_stream(pieces())));
            let mut body = request.into_body();
            let mut taken = 0;
            while taken < 50
                && let Some(Ok(_)) = next(&mut body).await
            {
                taken += 1;
                if uses {
                    gathered.used();
                }
            }
            assert_eq!((taken, gathered.is_too_much()), if uses { (50, false) } else { (11, true) });
        }
    }
}
