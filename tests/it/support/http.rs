//! HTTP by hand: what no client would send, and every octet of the answer.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use super::text;

/// How long an answer may take; what a caller gets who stops in the middle comes after twenty seconds at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came back until the other end hung up.
#[derive(Debug)]
pub(crate) struct Answer {
    /// 0 = none came.
    pub(crate) status: u16,
    /// Status line and headers, as they came.
    pub(crate) head: String,
    pub(crate) body: String,
    /// Status lines in all of it: one request has one answer.
    pub(crate) answers: usize,
}

impl Answer {
    /// A header by its name; `None` when it is not there.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut pairs = self.head.lines().filter_map(|line| line.split_once(':'));
        pairs.find(|(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The session that it gives, as the browser sends it back.
    pub(crate) fn cookie(&self) -> Option<String> {
        Some(self.header("set-cookie")?.split(';').next()?.to_owned())
    }
}

/// Sends these octets and takes what comes until the end.
pub(crate) fn say(to: SocketAddr, octets: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    // Whoever is turned away hears of it while writing.
    let _ = stream.write_all(octets);
    read(stream)
}

/// Takes what comes until the end.
pub(crate) fn read(mut stream: TcpStream) -> Answer {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    let all = text(&all);
    let (head, body) = all.split_once("\r\n\r\n").unwrap_or((&all, ""));
    Answer {
        status: head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0),
        head: head.to_owned(),
        body: body.to_owned(),
        answers: all.matches("HTTP/1.").count(),
    }
}

/// A connection from an address of loopback.
pub(crate) fn connect_from(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.into()
}

/// A request with a body of this many octets at its end; `Host` is who is asked unless it is among the headers.
pub(crate) fn request(to: SocketAddr, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{line} HTTP/1.1\r\n");
    let has = |name: &str| headers.iter().any(|(of, _)| of.eq_ignore_ascii_case(name));
    if !has("host") {
        head += &format!("Host: {to}\r\n");
    }
    if !body.is_empty() && !has("content-length") && !has("transfer-encoding") {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// The same, sent, and its answer.
pub(crate) fn ask(to: SocketAddr, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    say(to, &request(to, line, headers, body.as_bytes()))
}
