//! A body that stops coming ends: a place is not held by one who says how much will come and sends nothing.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// A body, and how long it may say nothing.
pub(super) struct Steady {
    body: Body,
    patience: Duration,
    alarm: Pin<Box<Sleep>>,
}

impl Steady {
    pub(super) fn new(body: Body, patience: Duration) -> Self {
        Self { body, patience, alarm: Box::pin(sleep(patience)) }
    }
}

impl HttpBody for Steady {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(task) {
            let next = Instant::now() + self.patience;
            self.alarm.as_mut().reset(next);
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let late = |()| Some(Err(io::Error::new(io::ErrorKind::TimedOut, "the rest of it did not come").into()));
        self.alarm.as_mut().poll(task).map(late)
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
    use tokio::sync::mpsc;

    use super::*;

    struct Pieces(mpsc::UnboundedReceiver<&'static str>);

    impl HttpBody for Pieces {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            task: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
            self.0.poll_recv(task).map(|piece| piece.map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes())))))
        }
    }

    #[tokio::test]
    async fn what_comes_bit_by_bit_is_whole_and_what_stops_is_an_error() {
        for ends in [true, false] {
            let (pieces, taken) = mpsc::unbounded_channel();
            let body = Body::new(Steady::new(Body::new(Pieces(taken)), Duration::from_millis(50)));
            pieces.send("a").unwrap();
            pieces.send("b").unwrap();
            // Not ended, and nothing more is said.
            let open = if ends {
                drop(pieces);
                None
            } else {
                Some(pieces)
            };
            let whole = axum::body::to_bytes(body, 10).await;
            assert_eq!(whole.is_ok_and(|octets| octets == "ab"), ends);
            drop(open);
        }
    }
}
