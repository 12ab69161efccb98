//! Listeners: who may connect, and what a handler is told of the connection.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use ipnet::Ipv4Net;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

/// The two ends of a phone's connection.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// The phone.
    pub peer: Ipv4Addr,
    /// The address of ours that it asked.
    pub local: Ipv4Addr,
}

/// A TCP listener that hangs up on everybody outside the phones' networks, without a byte.
struct Fenced {
    inner: TcpListener,
    networks: Vec<Ipv4Net>,
}

impl Listener for Fenced {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let (stream, peer) = Listener::accept(&mut self.inner).await;
            if let IpAddr::V4(ip) = peer.ip()
                && self.networks.iter().any(|net| net.contains(&ip))
            {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

impl Connected<IncomingStream<'_, Fenced>> for Ends {
    fn connect_info(stream: IncomingStream<'_, Fenced>) -> Self {
        let v4 = |address: SocketAddr| match address.ip() {
            IpAddr::V4(ip) => ip,
            IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
        };
        Self { peer: v4(*stream.remote_addr()), local: stream.io().local_addr().map_or(Ipv4Addr::UNSPECIFIED, v4) }
    }
}

/// Serves the phones' side until `shutdown`; requests under way are finished.
///
/// # Errors
/// What the listener says.
pub async fn serve_phones(
    listener: TcpListener,
    networks: Vec<Ipv4Net>,
    router: Router,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let service = router.into_make_service_with_connect_info::<Ends>();
    axum::serve(Fenced { inner: listener, networks }, service).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

/// Binds the command line's socket: owner and group may use it. One that is left over from a killed daemon is replaced;
/// one that answers is not.
///
/// # Errors
/// The folder or socket cannot be made, or another daemon answers on it.
pub async fn bind_socket(path: &Path) -> io::Result<UnixListener> {
    if UnixStream::connect(path).await.is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another offhook answers on it"));
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match std::fs::symlink_metadata(path) {
        Ok(left_over) if left_over.file_type().is_socket() => std::fs::remove_file(path)?,
        Ok(_) => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something else than a socket has that name"));
        }
        Err(why) if why.kind() == io::ErrorKind::NotFound => {}
        Err(why) => return Err(why),
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}
