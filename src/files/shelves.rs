//! Where the bytes of files lie that are not made: the firmware store, and the folder of others. An edge: reads the disk.

use std::sync::Arc;

use bytes::Bytes;

use super::Answer;
use super::fall_through::FallThrough;
use crate::firmware::store::Store;

/// Both.
#[derive(Clone, Debug, Default)]
pub struct Shelves {
    /// Files of others.
    pub fall_through: Option<FallThrough>,
    /// Firmware.
    pub firmware: Option<Arc<Store>>,
}

impl Shelves {
    /// The bytes that an answer speaks of; `None` = they are not there. Waits for the disk.
    pub async fn read(&self, answer: Answer) -> Option<Bytes> {
        let shelves = self.clone();
        let read = move || match answer {
            Answer::Serve(rendering) => Some(rendering.bytes().clone()),
            Answer::Image(file) => {
                let bytes = shelves.firmware?.read(&file.sha256);
                bytes.map_err(|why| tracing::error!(code = "firmware-unreadable", file = file.name, "{why}")).ok()
            }
            Answer::FallThrough(name) => shelves.fall_through?.read(&name).ok(),
            Answer::Refuse(_) => None,
        };
        tokio::task::spawn_blocking(read).await.ok().flatten()
    }
}
