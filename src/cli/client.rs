//! The way to the running daemon: HTTP over its unix socket.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::report::Failure;
use crate::api::{Event, Problem};

/// How long an answer may take that needs no time.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long an archive may take, its import included.
const UPLOAD: Duration = Duration::from_mins(6);

/// What goes on for as long as somebody looks; a time that is no bound any more.
const ENDLESS: Duration = Duration::from_hours(24 * 365);

/// A connection to the daemon's socket.
pub(super) struct Client {
    http: reqwest::Client,
    socket: PathBuf,
}

impl Client {
    pub(super) fn new(socket: PathBuf) -> Result<Self, Failure> {
        let http = reqwest::Client::builder()
            .unix_socket(socket.clone())
            .timeout(PATIENCE)
            .build()
            .map_err(|why| Failure::failed(format!("no HTTP client could be made: {why}")))?;
        Ok(Self { http, socket })
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.json(Method::GET, path, None::<&()>).await
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.json(Method::POST, path, Some(body)).await
    }

    /// The same, where the answer takes so much longer.
    pub(super) async fn post_and_wait<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        longer: Duration,
    ) -> Result<T, Failure> {
        let request = self.http.post(format!("http://offhook{path}")).timeout(PATIENCE + longer).json(body);
        let answer = self.answer(request, path).await?;
        answer.json().await.map_err(|why| self.broken(&why))
    }

    /// What takes so much longer to gather.
    pub(super) async fn get_and_wait<T: DeserializeOwned>(&self, path: &str, longer: Duration) -> Result<T, Failure> {
        let request = self.http.get(format!("http://offhook{path}")).timeout(PATIENCE + longer);
        let answer = self.answer(request, path).await?;
        answer.json().await.map_err(|why| self.broken(&why))
    }

    pub(super) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.json(Method::DELETE, path, None::<&()>).await
    }

    pub(super) async fn bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let answer = self.send(Method::GET, path, None::<&()>).await?;
        answer.bytes().await.map(Into::into).map_err(|why| self.broken(&why))
    }

    /// Sends octets as they come, however long that takes.
    pub(super) async fn send_body<T: DeserializeOwned>(
        &self,
        path: &str,
        body: impl hyper::body::Body<Data = bytes::Bytes, Error = std::io::Error> + Send + Sync + 'static,
    ) -> Result<T, Failure> {
        let request = self.http.post(format!("http://offhook{path}")).timeout(UPLOAD).body(reqwest::Body::wrap(body));
        let answer = self.answer(request, path).await?;
        answer.json().await.map_err(|why| self.broken(&why))
    }

    async fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, Failure> {
        let answer = self.send(method, path, body).await?;
        answer.json().await.map_err(|why| self.broken(&why))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<reqwest::Response, Failure> {
        let mut request = self.http.request(method, format!("http://offhook{path}"));
        if let Some(body) = body {
            request = request.json(body);
        }
        self.answer(request, path).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder, path: &str) -> Result<reqwest::Response, Failure> {
        let answer = request.send().await.map_err(|why| self.unreachable(&why))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let sentence = match answer.json::<Problem>().await.map(Problem::sentence) {
            Ok(sentence) if !sentence.is_empty() => sentence,
            _ => format!("the daemon refused {path}: {status}"),
        };
        Err(match status {
            StatusCode::BAD_REQUEST => Failure::usage(sentence),
            // It is about to end.
            StatusCode::SERVICE_UNAVAILABLE => Failure::unreachable(sentence),
            _ => Failure::failed(sentence),
        })
    }

    async fn stream(&self, path: &str, after: Option<u64>) -> Result<reqwest::Response, Failure> {
        let mut request = self.http.get(format!("http://offhook{path}")).timeout(ENDLESS);
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        self.answer(request, path).await
    }

    fn unreachable(&self, why: &reqwest::Error) -> Failure {
        let socket = self.socket.display();
        let mut source: Option<&(dyn std::error::Error + 'static)> = Some(why);
        let mut kind = None;
        while let Some(error) = source {
            kind = kind.or_else(|| error.downcast_ref::<std::io::Error>().map(std::io::Error::kind));
            source = error.source();
        }
        Failure::unreachable(match kind {
            Some(std::io::ErrorKind::PermissionDenied) => {
                format!("the daemon was not reached on {socket}: not permitted; be root, or in group offhook")
            }
            Some(std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused) => {
                format!(
                    "the daemon was not reached on {socket}: it does not run; systemctl start offhook, then journalctl -u offhook"
                )
            }
            _ => format!("the daemon was not reached on {socket}: {why}; see journalctl -u offhook"),
        })
    }

    fn broken(&self, why: &reqwest::Error) -> Failure {
        Failure::failed(format!(
            "the daemon's answer on {} could not be read: {why}; are both of the same version?",
            self.socket.display()
        ))
    }
}

/// What the stream of events says.
pub(super) enum Said {
    /// Something happened.
    Event(Box<Event>),
    /// So many events are not in it, or nobody knows how many.
    Lost(Option<u64>),
    /// It goes on.
    Nothing,
}

/// The daemon's events, as they come.
pub(super) struct Stream {
    answer: reqwest::Response,
    /// What came and is no whole event yet.
    begun: Vec<u8>,
}

impl Stream {
    /// Events of that path; `after` = what was had last.
    pub(super) async fn open(client: &Client, path: &str, after: Option<u64>) -> Result<Self, Failure> {
        Ok(Self { answer: client.stream(path, after).await?, begun: Vec::new() })
    }

    /// What it says next; `None` = it ended.
    pub(super) async fn next(&mut self) -> Option<Said> {
        loop {
            let end = self.begun.windows(2).position(|two| two == b"\n\n");
            if let Some(end) = end {
                let rest = self.begun.split_off(end + 2);
                let said = std::mem::replace(&mut self.begun, rest);
                return Some(read(&String::from_utf8_lossy(&said)));
            }
            // Where nobody is there any more it ended as well.
            let more = self.answer.chunk().await.ok()??;
            self.begun.extend_from_slice(&more);
        }
    }
}

/// One block of server-sent events; what is of no concern is nothing.
fn read(block: &str) -> Said {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let Some(data) = field("data") else { return Said::Nothing };
    match field("event") {
        None => serde_json::from_str(data).map_or(Said::Nothing, |event| Said::Event(Box::new(event))),
        Some("lost") => {
            let lost = serde_json::from_str(data).unwrap_or(serde_json::Value::Null);
            Said::Lost(lost.get("lost").and_then(serde_json::Value::as_u64))
        }
        Some(_) => Said::Nothing,
    }
}
