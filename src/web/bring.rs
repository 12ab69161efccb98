//! An archive on its way to the store: octets as they come, to the disk without a stop in memory, whoever carries them.

use std::sync::Arc;

use axum::body::Bytes;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use crate::firmware::import::{ImportError, Imported};
use crate::hub::Operations;

/// Pieces of a body that wait for the disk.
const PIECES: usize = 8;

/// What the disk is told of a body.
enum Piece {
    Octets(Bytes),
    /// It was whole: an archive whose sender left half-way is dropped.
    End,
}

/// An archive that is being brought. Dropped before its end, nothing of it is kept.
pub(super) struct Bring {
    pieces: mpsc::Sender<Piece>,
    import: JoinHandle<Result<Imported, ImportError>>,
}

/// Why an archive was not taken in.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotBrought {
    /// The store says so.
    #[error(transparent)]
    Refused(#[from] ImportError),
    /// Nobody does.
    #[error("the import ended early: {0}; see the log")]
    Early(#[from] JoinError),
}

impl Bring {
    /// An archive of this name begins, on the word of `who`; `stated` octets, 0 = its sender does not say.
    pub fn begin(desk: &Arc<Operations>, name: String, replace: bool, who: String, stated: u64) -> Self {
        let (pieces, taken) = mpsc::channel(PIECES);
        let desk = Arc::clone(desk);
        // To the end, also where the sender leaves after the last octet.
        let import = tokio::task::spawn_blocking(move || take(&desk, &name, replace, &who, stated, taken));
        Self { pieces, import }
    }

    /// The next octets; false = it is refused already, and more is of no use.
    pub async fn push(&mut self, octets: Bytes) -> bool {
        self.pieces.send(Piece::Octets(octets)).await.is_ok()
    }

    /// Waits until it is refused while it comes.
    pub async fn refused(&self) {
        self.pieces.closed().await;
    }

    /// It was whole, or is refused; says which.
    pub async fn end(self) -> Result<Imported, NotBrought> {
        let _ = self.pieces.send(Piece::End).await;
        Ok(self.import.await??)
    }
}

fn take(
    desk: &Operations,
    name: &str,
    replace: bool,
    who: &str,
    stated: u64,
    mut pieces: mpsc::Receiver<Piece>,
) -> Result<Imported, ImportError> {
    let mut spool = desk.firmware().spool(name, stated)?;
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Octets(octets)) => spool.push(&octets)?,
            Some(Piece::End) => break,
            None => {
                let (archive, why) = (name.to_owned(), "its sender left before it was whole".to_owned());
                return Err(ImportError::Refused { archive, why });
            }
        }
    }
    desk.add_firmware(name, spool.archive()?, replace, who)
}
