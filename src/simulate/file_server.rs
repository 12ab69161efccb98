//! The tests' TFTP server: as small as it can be, one block at a time, in lock step [RFC 1350]. It shares nothing with the
//! program's own, so what a scripted phone fetches here is evidence of the phone alone.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;

/// Content by name.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// What a file server was asked for, and what it serves.
pub(crate) struct Server {
    /// Where it is.
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    /// By name; may change at any time.
    pub(crate) files: Arc<Mutex<Files>>,
}

impl Server {
    /// Serves these, on a free port.
    pub(crate) async fn start(files: Files) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (asked, files) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(files)));
        let (log, served) = (Arc::clone(&asked), Arc::clone(&files));
        tokio::spawn(async move {
            let mut buffer = [0_u8; 600];
            loop {
                let (len, peer) = socket.recv_from(&mut buffer).await.unwrap();
                let fields: Vec<&[u8]> = buffer[2..len].split(|b| *b == 0).collect();
                let name = String::from_utf8(fields[0].to_vec()).unwrap();
                let bytes = served.lock().unwrap().get(name.trim_start_matches("./")).cloned();
                log.lock().unwrap().push(name);
                let transfer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                let Some(bytes) = bytes else {
                    transfer.send_to(b"\0\x05\0\x01File not found\0", peer).await.unwrap();
                    continue;
                };
                tokio::spawn(send(transfer, peer, bytes));
            }
        });
        Self { address, asked, files }
    }

    /// Names that were asked for since somebody looked.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

/// One block at a time; a client that goes away leaves the task waiting for nothing.
async fn send(socket: UdpSocket, peer: SocketAddr, bytes: Vec<u8>) {
    for (n, block) in bytes.chunks(512).chain(bytes.len().is_multiple_of(512).then_some(&[][..])).enumerate() {
        let number = u16::try_from(n + 1).unwrap().to_be_bytes();
        socket.send_to(&[&[0, 3][..], &number, block].concat(), peer).await.unwrap();
        let mut ack = [0_u8; 8];
        if socket.recv_from(&mut ack).await.is_err() || ack[2..4] != number {
            return;
        }
    }
}
