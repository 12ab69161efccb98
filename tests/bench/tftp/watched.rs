//! People who look: so many pages that are open on the daemon's events while phones boot.

use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Pages that are open.
pub(crate) const PAGES: usize = 200;

/// The daemon, while they are.
pub(crate) const WATCHED: &str = "watched";

/// Open pages; closed with the value.
pub(crate) struct Pages {
    closing: CancellationToken,
    reading: Option<JoinHandle<u64>>,
}

impl Pages {
    /// Opens them on the daemon's socket; each is answered when this returns.
    pub(crate) fn open(socket: &Path) -> Self {
        let (closing, socket) = (CancellationToken::new(), socket.to_owned());
        let (ready, opened) = mpsc::channel();
        let ending = closing.clone();
        let reading = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
            runtime.block_on(read(&socket, &ready, &ending))
        });
        for _ in 0..PAGES {
            opened.recv().expect("each page is answered");
        }
        Self { closing, reading: Some(reading) }
    }

    /// Closes them; the octets that all of them read.
    pub(crate) fn close(mut self) -> u64 {
        self.closing.cancel();
        self.reading.take().map_or(0, |reading| reading.join().unwrap())
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

async fn read(socket: &Path, ready: &mpsc::Sender<()>, closing: &CancellationToken) -> u64 {
    let mut pages = JoinSet::new();
    for _ in 0..PAGES {
        let mut stream = UnixStream::connect(socket).await.unwrap();
        stream.write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let (ready, closing) = (ready.clone(), closing.clone());
        pages.spawn(async move {
            let (mut octets, mut buffer, mut told) = (0, vec![0; 64 << 10], false);
            loop {
                let got = tokio::select! {
                    got = stream.read(&mut buffer) => got.unwrap(),
                    () = closing.cancelled() => return octets,
                };
                assert!(got > 0, "the daemon goes on");
                octets += got as u64;
                if !std::mem::replace(&mut told, true) {
                    ready.send(()).unwrap();
                }
            }
        });
    }
    pages.join_all().await.into_iter().sum()
}
