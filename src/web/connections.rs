//! Serving HTTP/1.1 over TCP and unix sockets to callers that owe us nothing: how many at once, how long and how large a request may be.
//!
//! One request per connection: phones fetch a file or two, and a connection that does nothing holds nothing.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower_service::Service as _;

use super::arriving::Patience;

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// Who asks.
    pub peer: Ipv4Addr,
    /// The address of ours that was asked.
    pub local: Ipv4Addr,
}

/// Who asks, as far as somebody vouches for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// On a unix socket, the user that the kernel names (unix(7), SO_PEERCRED); `None` = it does not say.
    User(Option<u32>),
    /// Over TCP, who is logged in to this account.
    Account {
        /// Its name.
        name: Arc<str>,
        /// Where from; behind a proxy, the proxy.
        from: Ipv4Addr,
    },
    /// Over TCP, a program with this token.
    Token {
        /// Its name.
        name: Arc<str>,
        /// Where from.
        from: Ipv4Addr,
    },
}

impl Peer {
    /// For the audit log.
    pub fn who(&self) -> String {
        match self {
            Self::User(Some(0)) => "root".to_owned(),
            Self::User(Some(uid)) => format!("uid {uid}"),
            Self::User(None) => "a user of this host".to_owned(),
            Self::Account { name, from } => format!("{name} ({from})"),
            Self::Token { name, from } => format!("token {name} ({from})"),
        }
    }

    /// Whether it is a user of this host, whom a socket's permissions let in.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::User(_))
    }
}

/// In the extensions of an answer that goes on until its reader leaves or the daemon ends: the bound on a whole answer is not
/// for it. Who does not read is still hung up on over TCP, and the answer has to say something now and then.
#[derive(Clone, Copy, Debug)]
pub struct Endless;

/// What a listener allows.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; more wait in the kernel's queue.
    pub connections: usize,
    /// Connections at once from one address; more are closed.
    pub per_source: usize,
    /// Of all places, those that are kept for this host itself, which has so many and no more; `None` = it is a caller as any
    /// other.
    pub own: Option<usize>,
    /// From the connection to the end of the request's head.
    pub head: Duration,
    /// Octets of the request's head.
    pub head_octets: usize,
    /// Without a word from the caller that it took anything: a place is not held by one who does not read.
    pub stalled: Duration,
    /// From the connection to the end of the answer; an archive that comes holds it up, see [`super::arriving`].
    pub whole: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            per_source: 16,
            own: None,
            head: Duration::from_secs(10),
            head_octets: 16 << 10,
            stalled: Duration::from_mins(1),
            whole: Duration::from_mins(5),
        }
    }
}

impl Limits {
    /// For people: pages that stay open hold a connection each, and behind a proxy all come from this host. Whatever comes from
    /// elsewhere, there is room for who sits here.
    pub fn people() -> Self {
        Self { connections: 512, per_source: 64, own: Some(256), ..Self::default() }
    }
}

/// Pause after the kernel had no descriptor for a caller.
const NO_DESCRIPTOR: Duration = Duration::from_millis(100);

/// Serves callers whom `admit` lets in until `shutdown`; others get no byte. Answers under way are finished.
///
/// # Errors
/// What the listener says.
pub async fn serve(
    listener: TcpListener,
    admit: impl Fn(Ipv4Addr) -> bool,
    router: Router,
    limits: Limits,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(limits.connections));
    let sources = Sources::default();
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
            let (stream, peer) = listener.accept().await?;
            Ok::<_, io::Error>((place, stream, peer))
        };
        let (place, stream, peer) = tokio::select! {
            accepted = accepted => match accepted {
                Ok(accepted) => accepted,
                Err(why) => {
                    tracing::warn!(code = "http-accept", "a caller could not be taken: {why}");
                    tokio::time::sleep(NO_DESCRIPTOR).await;
                    continue;
                }
            },
            () = shutdown.cancelled() => break,
        };
        while connections.try_join_next().is_some() {}
        let ends = Ends { peer: v4(peer), local: stream.local_addr().map_or(Ipv4Addr::UNSPECIFIED, v4) };
        if !admit(ends.peer) {
            continue;
        }
        // Counted by the kernel (tcp(7), TCP_USER_TIMEOUT), which also ends a connection whose other end is switched off.
        let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(limits.stalled));
        if let Some(seat) = sources.sit(ends.peer, &limits) {
            connections.spawn(connection(
                stream,
                ConnectInfo(ends),
                router.clone(),
                limits,
                shutdown.clone(),
                (place, seat),
            ));
        }
    }
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// The same on a unix socket: whoever may open it is let in, and one who says nothing holds up no end.
///
/// # Errors
/// What the listener says.
pub async fn serve_unix(
    listener: UnixListener,
    router: Router,
    limits: Limits,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((place, listener.accept().await?.0))
        };
        tokio::select! {
            accepted = accepted => match accepted {
                Ok((place, stream)) => {
                    let peer = Peer::User(stream.peer_cred().ok().map(|peer| peer.uid()));
                    connections.spawn(connection(stream, peer, router.clone(), limits, shutdown.clone(), place));
                }
                Err(why) => {
                    tracing::warn!(code = "http-accept", "a caller could not be taken: {why}");
                    tokio::time::sleep(NO_DESCRIPTOR).await;
                }
            },
            () = shutdown.cancelled() => break,
        }
        while connections.try_join_next().is_some() {}
    }
    while connections.join_next().await.is_some() {}
    Ok(())
}

fn v4(address: SocketAddr) -> Ipv4Addr {
    match address.ip() {
        IpAddr::V4(ip) => ip,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    }
}

/// One connection to its end; `caller` is for whoever answers. Whoever has not finished the request's head when the daemon
/// ends is hung up on.
async fn connection<S, C, H>(
    stream: S,
    caller: C,
    router: Router,
    limits: Limits,
    shutdown: CancellationToken,
    _held: H,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    C: Clone + Send + Sync + 'static,
{
    let (asked, patience) = (Arc::new(AtomicBool::new(false)), Patience::new());
    let (told, bound) = (Arc::clone(&asked), patience.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        told.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(caller.clone());
        request.extensions_mut().insert(bound.clone());
        let (mut router, bound) = (router.clone(), bound.clone());
        async move {
            let answer = router.call(request).await.unwrap_or_else(|never| match never {});
            if answer.extensions().get::<Endless>().is_some() {
                bound.endless();
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(limits.head_octets)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let served = async move {
        tokio::select! {
            served = served => drop(served),
            () = patience.over(limits.whole) => {}
        }
    };
    tokio::pin!(served);
    tokio::select! {
        // What a caller does wrong is the caller's; hyper has answered what can be answered.
        () = &mut served => {}
        () = shutdown.cancelled() => if asked.load(Ordering::Relaxed) {
            served.await;
        },
    }
}

/// Connections per address.
#[derive(Clone, Default)]
struct Sources(Arc<Mutex<HashMap<Ipv4Addr, usize>>>);

/// A connection that is counted; given back with the value.
struct Seat {
    sources: Sources,
    peer: Ipv4Addr,
}

impl Sources {
    fn sit(&self, peer: Ipv4Addr, limits: &Limits) -> Option<Seat> {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = sources.get(&peer).copied().unwrap_or_default();
        let there_is_room = match limits.own {
            Some(own) => {
                let here = peer.is_loopback();
                let of_the_kind: usize =
                    sources.iter().filter(|(ip, _)| ip.is_loopback() == here).map(|(_, count)| count).sum();
                let most = if here { own } else { limits.connections.saturating_sub(own) };
                of_the_kind < most && (here || count < limits.per_source)
            }
            None => count < limits.per_source,
        };
        if !there_is_room {
            return None;
        }
        sources.insert(peer, count.saturating_add(1));
        Some(Seat { sources: self.clone(), peer })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut sources = self.sources.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = sources.get_mut(&self.peer) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                sources.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpSocket, TcpStream};

    use super::*;
    use crate::web::arriving::arriving;

    /// A server on loopback; what it answers is `hello`.
    async fn start(limits: Limits) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<io::Result<()>>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let archive = |request: Request<axum::body::Body>| async {
            axum::body::to_bytes(arriving(request).into_body(), 10).await.map_err(|_| "broken")
        };
        let router = Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/long", get(|| async { "x".repeat(64 << 20) }))
            .route("/form", post(|form: String| async { form }))
            .route("/archive", post(archive));
        let shutdown = CancellationToken::new();
        let admit = |ip: Ipv4Addr| ip != Ipv4Addr::new(127, 0, 9, 9);
        (address, shutdown.clone(), tokio::spawn(serve(listener, admit, router, limits, shutdown)))
    }

    async fn connect(from: [u8; 4], to: SocketAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::from(from), 0).into()).unwrap();
        socket.connect(to).await.unwrap()
    }

    /// Sends bytes and reads to the end of the connection.
    async fn exchange(mut stream: TcpStream, bytes: &[u8]) -> String {
        // Whoever is hung up on may find that out while writing.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    #[tokio::test]
    async fn strangers_get_no_byte_and_a_caller_one_answer() {
        let (address, ..) = start(Limits::default()).await;
        let answer = exchange(connect([127, 0, 0, 1], address).await, GET).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");
        assert_eq!(exchange(connect([127, 0, 9, 9], address).await, GET).await, "");
    }

    /// W4: a head without end, too large or malformed.
    #[tokio::test]
    async fn w4_large_heads_are_refused() {
        let (address, ..) = start(Limits::default()).await;
        let large = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(100 << 10));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(1_000));
        for (case, bytes) in [("large", large), ("many", many), ("junk", "\0\r\n\r\n".to_owned())] {
            let answer = exchange(connect([127, 0, 0, 1], address).await, bytes.as_bytes()).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{case}: {answer}");
        }
    }

    /// What is meant to take its time is not cut; another body, begun later, is.
    #[tokio::test]
    async fn an_archive_over_a_slow_line_goes_on() {
        let limits = Limits { whole: Duration::from_millis(300), ..Limits::default() };
        let (address, ..) = start(limits).await;
        let half = async |path: &str| {
            let mut stream = connect([127, 0, 0, 1], address).await;
            let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na");
            stream.write_all(head.as_bytes()).await.unwrap();
            stream
        };
        let archive = half("/archive").await;
        for _ in 0..3 {
            assert_eq!(exchange(half("/form").await, b"").await, "", "it took too long");
        }
        let answer = exchange(archive, b"b").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ab"), "{answer}");
    }

    /// W5: connections that never ask end by themselves, and one address cannot take every place.
    /// Who asks for much and reads nothing holds the place for a while only.
    #[tokio::test]
    async fn w5_readers_that_do_not_read() {
        let limits = Limits { connections: 1, stalled: Duration::from_millis(300), ..Limits::default() };
        let (address, ..) = start(limits).await;
        let mut idle = connect([127, 0, 0, 1], address).await;
        idle.write_all(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let other = exchange(connect([127, 0, 0, 2], address).await, GET).await;
        assert!(other.ends_with("hello"), "{other}");
        drop(idle);
    }

    #[tokio::test]
    async fn w5_idle_connections() {
        let (address, ..) = start(Limits { head: Duration::from_millis(50), ..Limits::default() }).await;
        let mut idle = Vec::new();
        for _ in 0..Limits::default().per_source {
            idle.push(connect([127, 0, 0, 1], address).await);
        }
        assert_eq!(exchange(connect([127, 0, 0, 1], address).await, GET).await, "", "one too many");
        let other = exchange(connect([127, 0, 0, 2], address).await, GET).await;
        assert!(other.ends_with("hello"), "{other}");
        for stream in idle {
            exchange(stream, b"GET / HTT").await;
        }
        // Each place is free once its connection has ended.
        loop {
            let answer = exchange(connect([127, 0, 0, 1], address).await, GET).await;
            if answer.ends_with("hello") {
                break;
            }
        }
    }

    /// W5: whoever fills the places from elsewhere, who sits at this host comes in; and the other way round.
    #[test]
    fn w5_there_is_room_for_who_sits_here() {
        let limits = Limits { connections: 6, per_source: 2, own: Some(3), ..Limits::default() };
        let sources = Sources::default();
        let sit = |ip: [u8; 4]| sources.sit(Ipv4Addr::from(ip), &limits);
        let from_elsewhere: Vec<_> = (1..=9).filter_map(|n| sit([192, 0, 2, n / 3])).collect();
        assert_eq!(from_elsewhere.len(), 3);
        let own: Vec<_> = (0..9).filter_map(|_| sit([127, 0, 0, 1])).collect();
        assert_eq!(own.len(), 3);
        drop(from_elsewhere);
        assert!(sit([127, 0, 0, 2]).is_none());
        let one: Vec<_> = (0..9).filter_map(|_| sit([192, 0, 2, 1])).collect();
        assert_eq!(one.len(), 2, "one address has as many as one may");
        drop((own, one));
        assert!(sources.0.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn half_a_request_does_not_hold_the_end_up() {
        let (address, shutdown, task) = start(Limits { head: Duration::from_hours(1), ..Limits::default() }).await;
        let mut half = connect([127, 0, 0, 1], address).await;
        half.write_all(b"GET / HTT").await.unwrap();
        // Whoever comes later is served, so the one before is taken.
        exchange(connect([127, 0, 0, 1], address).await, GET).await;
        shutdown.cancel();
        task.await.unwrap().unwrap();
        assert_eq!(exchange(half, b"").await, "");
    }
}
