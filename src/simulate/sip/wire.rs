//! The phone's sockets: tasks that read them and post whole messages to the user agent.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::Server;
use super::message::{Message, NotSip};

/// Messages that may wait for the phone; beyond that its sockets are not read, as a busy phone would.
pub(super) const INBOX: usize = 64;

/// The writing half of a connection.
pub(super) type Writer = Arc<Mutex<OwnedWriteHalf>>;

/// Where a request came from, which is where its answer goes.
pub(super) enum Path {
    Udp(SocketAddr),
    Tcp(Writer),
}

/// What a reading task posts.
pub(super) enum Inbound {
    Message(Message, Path),
    Closed(SocketAddr),
}

/// Waits for an answer at the passing port, which no phone reads; true when one came. Never ends over TCP.
pub(super) async fn receive(socket: Option<&UdpSocket>, buffer: &mut [u8]) -> bool {
    let Some(socket) = socket else { return std::future::pending().await };
    match socket.recv_from(buffer).await {
        Ok((len, _)) => buffer.get(..len).and_then(Message::parse).is_some_and(|m| m.status().is_some()),
        // A refused datagram is reported once per send: wait for the next.
        Err(_) => false,
    }
}

pub(super) async fn resolve(server: &Server) -> Result<SocketAddr, String> {
    let found = tokio::net::lookup_host((server.host.as_str(), server.port)).await;
    let found = found.map_err(|error| format!("the name {} does not resolve: {error}", server.host))?;
    found.into_iter().find(SocketAddr::is_ipv4).ok_or_else(|| format!("the name {} has no IPv4 address", server.host))
}

pub(super) async fn read_datagrams(socket: Arc<UdpSocket>, post: mpsc::Sender<Inbound>) {
    let mut buffer = vec![0_u8; 65535];
    loop {
        let Ok((len, peer)) = socket.recv_from(&mut buffer).await else { continue };
        if let Some(message) = buffer.get(..len).and_then(Message::parse)
            && post.send(Inbound::Message(message, Path::Udp(peer))).await.is_err()
        {
            return;
        }
    }
}

pub(super) async fn read_stream(
    mut read: OwnedReadHalf,
    peer: SocketAddr,
    writer: Writer,
    post: mpsc::Sender<Inbound>,
) {
    let mut buffer = Vec::new();
    loop {
        match Message::take(&mut buffer) {
            Ok(Some(message)) => {
                if post.send(Inbound::Message(message, Path::Tcp(Arc::clone(&writer)))).await.is_err() {
                    return;
                }
            }
            Ok(None) => match read.read_buf(&mut buffer).await {
                Ok(n) if n > 0 => {}
                _ => break,
            },
            Err(NotSip) => break,
        }
    }
    // Nobody left to tell is the normal end.
    let _ = post.send(Inbound::Closed(peer)).await;
}

/// Connections that the PBX opens to the phone's contact.
pub(super) async fn accept(listener: TcpListener, post: mpsc::Sender<Inbound>) {
    let mut readers = JoinSet::new();
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        while readers.try_join_next().is_some() {}
        let (read, write) = stream.into_split();
        readers.spawn(read_stream(read, peer, Arc::new(Mutex::new(write)), post.clone()));
    }
}
