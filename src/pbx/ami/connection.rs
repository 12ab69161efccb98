//! A connection to the manager interface: bytes both ways, and the login.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::client::AmiConfig;
use super::proto::{Action, Decoder, Item, Message, ProtocolError, challenge_key};
use crate::domain::Secret;

/// Octets read at once.
const READ: usize = 8 * 1024;

/// How a session ended.
pub(super) struct Ended {
    /// One sentence, with what to do.
    pub(super) why: String,
    /// The login was refused.
    pub(super) refused: bool,
    /// It had come up before.
    pub(super) was_up: bool,
}

/// An open connection.
pub(super) struct Connection<'a> {
    config: &'a AmiConfig,
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    decoder: Decoder,
    bytes: Vec<u8>,
    next: u64,
}

impl<'a> Connection<'a> {
    /// Connects.
    pub(super) async fn open(config: &'a AmiConfig) -> Result<Self, Ended> {
        let end = |why: String| Ended { why, refused: false, was_up: false };
        let stream = match timeout(config.timing.patience, TcpStream::connect(&config.address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(why)) => {
                return Err(end(format!(
                    "Asterisk's manager interface on {} was not reached: {why}; see that Asterisk runs and ami.address",
                    config.address
                )));
            }
            Err(_) => {
                return Err(end(format!(
                    "Asterisk's manager interface on {} did not answer; see ami.address",
                    config.address
                )));
            }
        };
        // Actions are small and wait for their answer.
        let _ = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        Ok(Self { config, reader, writer, decoder: Decoder::default(), bytes: vec![0; READ], next: 1 })
    }

    /// An end of this connection, for a reason that says what to do.
    pub(super) fn ended(&self, why: &str) -> Ended {
        Ended {
            why: format!("Asterisk's manager interface on {}: {why}", self.config.address),
            refused: false,
            was_up: false,
        }
    }

    /// Banner, then challenge and key; the secret itself goes out only where no challenge is offered.
    pub(super) async fn login(&mut self, secret: &Secret) -> Result<(), Ended> {
        let patience = self.config.timing.patience;
        match timeout(patience, self.item()).await {
            Ok(Ok(Item::Banner(_))) => {}
            Ok(Ok(Item::Message(_))) | Err(_) => {
                return Err(self.ended(&ProtocolError::NoBanner.to_string()));
            }
            Ok(Err(ended)) => return Err(ended),
        }
        let challenge = self.ask(Action::new("Challenge").with("AuthType", "MD5")).await?;
        let login = Action::new("Login").with("Username", &self.config.username);
        let login = match challenge.get("Challenge") {
            Some(nonce) => {
                let key = challenge_key(nonce, secret);
                login.and_then(|login| login.with("AuthType", "MD5")?.with("Key", &key))
            }
            None => login.and_then(|login| login.with("Secret", secret.expose())),
        };
        let answer = self.ask(login.and_then(|login| login.with("Events", "on"))).await?;
        if answer.is_success() {
            return Ok(());
        }
        let user = &self.config.username;
        let why = format!(
            "the login as {user} was refused ({}): see the secret, and that [{user}] with this secret is in manager_custom.conf and permits this host",
            answer.text("Message")
        );
        Err(Ended { refused: true, ..self.ended(&why) })
    }

    /// Before the login: one action, its answer, nothing between.
    async fn ask(&mut self, action: Result<Action, super::proto::BadValue>) -> Result<Message, Ended> {
        let action = action.map_err(|why| self.ended(&format!("user or secret cannot be sent: {why}")))?;
        let id = self.send(&action).await?;
        let patience = self.config.timing.patience;
        let answer = async {
            loop {
                match self.item().await? {
                    Item::Message(message) if message.get("ActionID") == Some(id.to_string().as_str()) => {
                        return Ok(message);
                    }
                    _ => {}
                }
            }
        };
        match timeout(patience, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(self.ended("it did not answer; see whether Asterisk hangs")),
        }
    }

    /// Sends an action; returns the number that its answers carry.
    pub(super) async fn send(&mut self, action: &Action) -> Result<u64, Ended> {
        let id = self.next;
        self.next += 1;
        let bytes = action.emit(id);
        match timeout(self.config.timing.patience, self.writer.write_all(&bytes)).await {
            Ok(Ok(())) => Ok(id),
            Ok(Err(why)) => Err(self.ended(&format!("the connection broke: {why}"))),
            Err(_) => Err(self.ended("it takes nothing any more; see whether Asterisk hangs")),
        }
    }

    /// The next item. May be given up at any point; nothing is lost.
    pub(super) async fn item(&mut self) -> Result<Item, Ended> {
        loop {
            match self.decoder.poll() {
                Ok(Some(item)) => return Ok(item),
                Ok(None) => {}
                Err(why) => return Err(self.ended(&why.to_string())),
            }
            match self.reader.read(&mut self.bytes).await {
                Ok(0) => return Err(self.ended("Asterisk closed the connection")),
                Ok(n) => self.decoder.push(self.bytes.get(..n).unwrap_or_default()),
                Err(why) => return Err(self.ended(&format!("the connection broke: {why}"))),
            }
        }
    }
}
