//! Framing of Asterisk's manager protocol: bytes in, messages out, and actions back. Sans-IO.
//!
//! A message is `Key: Value` lines ended by an empty line; lines end in CRLF, a bare LF is accepted (Asterisk,
//! main/manager.c). Output lines of Asterisk have no limit, so ours is 8 KiB; beyond it the stream is not trusted any more.

use std::fmt::{self, Write as _};

use md5::{Digest, Md5};

use crate::domain::Secret;

/// Longest line taken from Asterisk.
const LINE_LIMIT: usize = 8 * 1024;

/// Headers per message; one with more is dropped.
const HEADER_LIMIT: usize = 256;

/// Longest line that Asterisk takes, with its end (AMI input buffer, 1,025 octets).
const ACTION_LINE_LIMIT: usize = 1_000;

/// One message: headers in order.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Message {
    headers: Vec<(String, String)>,
}

/// Lists of Asterisk carry SIP passwords in clear (`AuthList`, `AuthDetail`), so their values are not shown.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = |key: &str| {
            let key = key.to_ascii_lowercase();
            ["password", "secret", "md5cred", "token", "key"].iter().any(|word| key.contains(word))
        };
        let shown = self.headers.iter().map(|(key, value)| (key, if secret(key) { "…" } else { value.as_str() }));
        f.debug_map().entries(shown).finish()
    }
}

impl Message {
    /// The first header of that name, whatever its case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The first header of that name; empty when there is none.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// Whether it is an event of that name.
    pub fn is_event(&self, name: &str) -> bool {
        self.get("Event").is_some_and(|event| event.eq_ignore_ascii_case(name))
    }

    /// Whether it is a response that grants what was asked.
    pub fn is_success(&self) -> bool {
        ["success", "goodbye"].iter().any(|word| self.text("Response").eq_ignore_ascii_case(word))
    }

    /// Whether it refuses because our manager user lacks the class that the action needs.
    pub fn is_denied(&self) -> bool {
        self.text("Message").starts_with("Permission denied")
    }

    /// Whether it refuses because this Asterisk does not have the action (its module is not loaded, or of another release).
    pub fn is_unknown_action(&self) -> bool {
        self.text("Message").starts_with("Invalid/unknown command")
    }

    /// All headers in order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

/// What a stream held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The first line: `Asterisk Call Manager/11.0.0`.
    Banner(String),
    /// A message.
    Message(Message),
}

/// Why a stream is no manager's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The first line is another program's.
    #[error("what answers there is no Asterisk manager interface; see ami.address")]
    NoBanner,
    /// A line over the limit.
    #[error("a line of over 8 KiB came in; connecting anew")]
    LongLine,
}

/// Reads a stream, however it is cut.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    greeted: bool,
    headers: Vec<(String, String)>,
    too_many: bool,
}

const BANNER: &str = "Asterisk Call Manager/";

impl Decoder {
    /// Bytes came in.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next item, if it is whole.
    ///
    /// # Errors
    /// The stream is not to be trusted; connect anew.
    pub fn poll(&mut self) -> Result<Option<Item>, ProtocolError> {
        loop {
            let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') else {
                return if self.buffer.len() > LINE_LIMIT { Err(ProtocolError::LongLine) } else { Ok(None) };
            };
            if end > LINE_LIMIT {
                return Err(ProtocolError::LongLine);
            }
            let line: Vec<u8> = self.buffer.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            if !self.greeted {
                if !line.starts_with(BANNER) {
                    return Err(ProtocolError::NoBanner);
                }
                self.greeted = true;
                return Ok(Some(Item::Banner(line.to_owned())));
            }
            if let Some(message) = self.line(line) {
                return Ok(Some(Item::Message(message)));
            }
        }
    }

    fn line(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let headers = std::mem::take(&mut self.headers);
            let dropped = std::mem::take(&mut self.too_many);
            return (!dropped && !headers.is_empty()).then_some(Message { headers });
        }
        // A line without a colon is none of ours; the rest of the message is.
        if let Some((key, value)) = line.split_once(':') {
            if self.headers.len() >= HEADER_LIMIT {
                self.too_many = true;
            } else {
                self.headers.push((key.trim().to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned()));
            }
        }
        None
    }
}

/// An action to send.
#[derive(Clone)]
pub struct Action {
    text: String,
}

/// A value that no action can carry: it holds a line end or is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value holds a line end or is over 1,000 characters")]
pub struct BadValue;

impl Action {
    /// An action of that name.
    pub fn new(name: &'static str) -> Self {
        Self { text: format!("Action: {name}\r\n") }
    }

    /// With a header.
    ///
    /// # Errors
    /// See [`BadValue`].
    pub fn with(mut self, key: &str, value: &str) -> Result<Self, BadValue> {
        let clean = |text: &str| !text.contains(['\r', '\n', '\0']);
        if !clean(key) || !clean(value) || key.len() + value.len() + 4 > ACTION_LINE_LIMIT {
            return Err(BadValue);
        }
        self.text.push_str(key);
        self.text.push_str(": ");
        self.text.push_str(value);
        self.text.push_str("\r\n");
        Ok(self)
    }

    /// The bytes, with the number that the answer will carry.
    pub fn emit(&self, id: u64) -> Vec<u8> {
        format!("{}ActionID: {id}\r\n\r\n", self.text).into_bytes()
    }
}

/// The key that answers a challenge: MD5 of challenge and secret, in hex (main/manager.c, `authenticate`).
pub fn challenge_key(challenge: &str, secret: &Secret) -> String {
    let mut hash = Md5::new();
    hash.update(challenge.as_bytes());
    hash.update(secret.expose().as_bytes());
    hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b"Asterisk Call Manager/11.0.0\r\nResponse: Success\r\nActionID: 1\r\nMessage: a: b\r\n\r\nEvent: FullyBooted\nStatus: Fully Booted\n\n";

    fn all(decoder: &mut Decoder) -> Vec<Item> {
        std::iter::from_fn(|| decoder.poll().unwrap()).collect()
    }

    /// N4: cut anywhere, the same comes out.
    #[test]
    fn n4_split_at_each_byte() {
        let mut whole = Decoder::default();
        whole.push(STREAM);
        let expected = all(&mut whole);
        assert_eq!(expected.len(), 3);
        for cut in 0..STREAM.len() {
            let mut decoder = Decoder::default();
            decoder.push(&STREAM[..cut]);
            let mut items = all(&mut decoder);
            decoder.push(&STREAM[cut..]);
            items.extend(all(&mut decoder));
            assert_eq!(items, expected, "cut at {cut}");
        }
        let Item::Message(answer) = &expected[1] else { panic!("a message") };
        assert_eq!((answer.text("actionid"), answer.text("Message")), ("1", "a: b"));
    }

    /// N1: whoever else listens there.
    #[test]
    fn n1_another_program() {
        for bytes in [&b"HTTP/1.1 400 Bad Request\r\n"[..], b"\x16\x03\x01\n", b"\r\n"] {
            let mut decoder = Decoder::default();
            decoder.push(bytes);
            assert_eq!(decoder.poll(), Err(ProtocolError::NoBanner), "{bytes:?}");
        }
    }

    /// N2: lines that are none cost themselves; a line without end costs the connection.
    #[test]
    fn n2_odd_lines() {
        let odd = |key: &str, text: &[u8]| {
            let mut decoder = Decoder::default();
            decoder.push(b"Asterisk Call Manager/5.0\r\n");
            decoder.push(text);
            assert!(matches!(decoder.poll(), Ok(Some(Item::Banner(_)))));
            match decoder.poll() {
                Ok(Some(Item::Message(message))) => message.get(key).map(str::to_owned),
                Ok(other) => other.map(|item| format!("{item:?}")),
                Err(why) => Some(why.to_string()),
            }
        };
        let long = ProtocolError::LongLine.to_string();
        let million = vec![b'a'; 1_000_000];
        let fits = [b"Event: ", "x".repeat(LINE_LIMIT - 8).as_bytes(), b"\n\n"].concat();
        for (case, key, text, expected) in [
            ("no colon", "Event", &b"no colon here\r\nEvent: X\r\n\r\n"[..], Some("X")),
            ("LF only", "Event", b"Event: X\n\n", Some("X")),
            ("empty lines before", "Event", b"\r\n\n\r\nEvent: X\r\n\r\n", Some("X")),
            ("NUL", "\0", b"\0: y\r\n\r\n", Some("y")),
            ("no UTF-8", "Event", b"Event: \xff\r\n\r\n", Some("\u{fffd}")),
            ("no blank after the colon", "event", b"Event:X\r\n\r\n", Some("X")),
            ("empty value", "Val", b"Val: \r\n\r\n", Some("")),
            ("repeated", "Output", b"Output: a\r\nOutput: b\r\n\r\n", Some("a")),
            ("CR only", "Event", b"Event: X\r\r", None),
            ("a megabyte", "Event", &million, Some(long.as_str())),
            ("a megabyte of CR", "Event", &vec![b'\r'; 1_000_000], Some(long.as_str())),
            ("just short enough", "Missing", &fits, None),
        ] {
            assert_eq!(odd(key, text).as_deref(), expected, "{case}");
        }
    }

    /// N2: 8,192 octets of a line are taken, one more costs the connection, with its end or without.
    #[test]
    fn n2_a_line_has_8192_octets() {
        let poll = |octets: usize, end: &[u8]| {
            let mut decoder = Decoder::default();
            decoder.push(b"Asterisk Call Manager/5.0\r\n");
            decoder.push(&[b"Value: ", "x".repeat(octets - 7).as_bytes(), end].concat());
            assert!(matches!(decoder.poll(), Ok(Some(Item::Banner(_)))));
            decoder.poll()
        };
        let taken = poll(8_192, b"\n\n");
        assert!(
            matches!(&taken, Ok(Some(Item::Message(message))) if message.text("Value").len() == 8_185),
            "{taken:?}"
        );
        // Its end may be still to come.
        assert_eq!(poll(8_192, b""), Ok(None));
        // A carriage return is an octet of the line.
        assert!(matches!(poll(8_191, b"\r\n\r\n"), Ok(Some(Item::Message(_)))));
        for (octets, end) in [(8_193, &b"\n\n"[..]), (8_193, b""), (8_192, b"\r\n\r\n")] {
            assert_eq!(poll(octets, end), Err(ProtocolError::LongLine), "{octets} {end:?}");
        }
    }

    /// `Output` comes once per line; all are there, in order.
    #[test]
    fn headers_keep_their_order() {
        let mut decoder = Decoder::default();
        decoder.push(b"Asterisk Call Manager/5.0\r\nOutput: a\r\nX: 1\r\nOutput: b\r\n\r\n");
        let items = all(&mut decoder);
        let Item::Message(message) = &items[1] else { panic!("a message") };
        assert_eq!(message.headers().collect::<Vec<_>>(), [("Output", "a"), ("X", "1"), ("Output", "b")]);
    }

    #[test]
    fn passwords_are_not_shown() {
        let mut decoder = Decoder::default();
        decoder.push(b"Asterisk Call Manager/5.0\r\nUsername: 1001\r\nPassword: CANARY\r\nMd5Cred: CANARY\r\n\r\n");
        let shown = format!("{:?}", all(&mut decoder));
        assert!(shown.contains("1001") && !shown.contains("CANARY"), "{shown}");
    }

    /// N3: 256 headers are taken; one more costs that message, and that alone.
    #[test]
    fn n3_too_many_headers() {
        let mut decoder = Decoder::default();
        decoder.push(b"Asterisk Call Manager/5.0\n");
        assert!(matches!(all(&mut decoder).as_slice(), [Item::Banner(_)]));
        for (headers, taken) in [(256, true), (257, false), (10_000, false), (256, true)] {
            decoder.push("K: v\n".repeat(headers).as_bytes());
            decoder.push(b"\nEvent: Next\n\n");
            let counts: Vec<usize> = all(&mut decoder)
                .iter()
                .map(|item| match item {
                    Item::Message(message) => message.headers().count(),
                    Item::Banner(banner) => panic!("{banner}"),
                })
                .collect();
            assert_eq!(counts, if taken { vec![256, 1] } else { vec![1] }, "{headers} headers");
        }
    }

    /// T19: nothing can be smuggled into an action.
    #[test]
    fn t19_values_with_line_ends_are_refused() {
        let long = "x".repeat(1_000);
        for bad in ["100\r\nAction: Originate", "a\nb", "a\0b", long.as_str()] {
            assert!(Action::new("DBPut").with("Val", bad).is_err());
        }
        let action = Action::new("Ping").with("X", "y").unwrap();
        assert_eq!(action.emit(7), b"Action: Ping\r\nX: y\r\nActionID: 7\r\n\r\n");
    }

    #[test]
    fn the_challenge_is_answered() {
        assert_eq!(challenge_key("123456789", &Secret::new("secret")), "7ccde16e862dfe7681297713e9e9cadb");
    }
}
