//! SIP messages as far as registration needs them: start line, headers, body; RFC 3261 section 7.

/// Longest message taken from a stream.
pub(crate) const LARGEST: usize = 64 * 1024;

/// A request or a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Request line or status line.
    pub start: String,
    /// Headers in order; names as they came, compact forms written out.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// A stream that does not carry SIP, or a message beyond all measure: it must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSip;

impl Message {
    /// Reads one message from a datagram; `None` where it is not SIP.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (head_len, body_at) = head_end(bytes)?;
        let head = std::str::from_utf8(bytes.get(..head_len)?).ok()?;
        let mut lines = head.split('\n').map(|l| l.strip_suffix('\r').unwrap_or(l));
        let start = lines.next()?.to_owned();
        if !start.contains("SIP/2.0") {
            return None;
        }
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            if line.starts_with([' ', '\t']) {
                let (_, value) = headers.last_mut()?;
                value.push(' ');
                value.push_str(line.trim());
                continue;
            }
            let (name, value) = line.split_once(':')?;
            headers.push((long_form(name.trim()).to_owned(), value.trim().to_owned()));
        }
        let mut message = Self { start, headers, body: bytes.get(body_at..).unwrap_or_default().to_vec() };
        if let Some(length) = message.header("Content-Length").and_then(|l| l.parse::<usize>().ok()) {
            message.body.truncate(length);
        }
        Some(message)
    }

    /// Takes the first whole message off a stream's buffer. `None` = more bytes are needed.
    ///
    /// # Errors
    /// [`NotSip`]: nothing that follows can be understood.
    pub fn take(buffer: &mut Vec<u8>) -> Result<Option<Self>, NotSip> {
        // Line ends between messages are keep-alives (RFC 5626 section 4.4.1).
        let blank = buffer.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        buffer.drain(..blank);
        let Some((_, body_at)) = head_end(buffer) else {
            return if buffer.len() > LARGEST { Err(NotSip) } else { Ok(None) };
        };
        let head = Self::parse(buffer.get(..body_at).unwrap_or_default()).ok_or(NotSip)?;
        let length = head.header("Content-Length").map_or(Ok(0), |l| l.parse::<usize>().map_err(|_| NotSip))?;
        let total = body_at.checked_add(length).filter(|t| *t <= LARGEST).ok_or(NotSip)?;
        if buffer.len() < total {
            return Ok(None);
        }
        let whole: Vec<u8> = buffer.drain(..total).collect();
        Self::parse(&whole).map(Some).ok_or(NotSip)
    }

    /// The message as bytes, with its Content-Length.
    pub fn emit(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.start);
        for (name, value) in self.headers.iter().filter(|(n, _)| !n.eq_ignore_ascii_case("Content-Length")) {
            text = text + name + ": " + value + "\r\n";
        }
        let mut bytes = format!("{text}Content-Length: {}\r\n\r\n", self.body.len()).into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// Every header of this name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// Status code, for a response.
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// The words after the status code.
    pub fn reason(&self) -> &str {
        self.start.splitn(3, ' ').nth(2).unwrap_or_default()
    }

    /// Method, for a request.
    pub fn method(&self) -> Option<&str> {
        if self.status().is_some() { None } else { self.start.split(' ').next() }
    }

    /// Request URI, for a request.
    pub fn uri(&self) -> Option<&str> {
        if self.status().is_some() { None } else { self.start.split(' ').nth(1) }
    }

    /// The number in CSeq.
    pub fn cseq(&self) -> Option<u32> {
        self.header("CSeq")?.split_whitespace().next()?.parse().ok()
    }

    /// A response to this request with what RFC 3261 8.2.6 copies; `tag` goes into To where it has none.
    #[must_use]
    pub fn answer(&self, code: u16, reason: &str, tag: &str) -> Self {
        let mut headers = Vec::new();
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for value in self.all(name) {
                let bare = name == "To" && !value.contains(";tag=");
                let value = if bare { format!("{value};tag={tag}") } else { value.to_owned() };
                headers.push((name.to_owned(), value));
            }
        }
        Self { start: format!("SIP/2.0 {code} {reason}"), headers, body: Vec::new() }
    }

    /// Adds a header at the end.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// Where the head ends and where the body begins.
fn head_end(bytes: &[u8]) -> Option<(usize, usize)> {
    let find = |pattern: &[u8]| bytes.windows(pattern.len()).position(|w| w == pattern);
    find(b"\r\n\r\n").map(|at| (at, at + 4)).or_else(|| find(b"\n\n").map(|at| (at, at + 2)))
}

fn long_form(name: &str) -> &str {
    match name {
        "v" => "Via",
        "f" => "From",
        "t" => "To",
        "i" => "Call-ID",
        "m" => "Contact",
        "l" => "Content-Length",
        "c" => "Content-Type",
        "o" => "Event",
        other => other,
    }
}

/// The user part of a `sip:` URI, also inside a name-addr (`"A" <sip:u@h>;tag=x`); `None` where there is none.
pub fn user_of(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("sip:")?;
    let end = rest.find(['>', ';', '?']).unwrap_or(rest.len());
    let (user, _) = rest.get(..end)?.rsplit_once('@')?;
    Some(user.split_once(':').map_or(user, |(u, _)| u)).filter(|u| !u.is_empty())
}

/// A `;name=value` parameter of a header value; quotes are taken off. Empty where the parameter has no value.
pub fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    // Parameters of the URI inside <> are not the header's.
    let tail = value.rsplit_once('>').map_or(value, |(_, tail)| tail);
    tail.split(';').skip(1).find_map(|part| {
        let (key, text) = part.split_once('=').unwrap_or((part, ""));
        key.trim().eq_ignore_ascii_case(name).then(|| text.trim().trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTIFY: &[u8] =
        b"NOTIFY sip:1001@192.0.2.7:5060 SIP/2.0\r\nv: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport\r\n\
        f: \"x\" <sip:192.0.2.1>;tag=1\r\nTo: <sip:1001@192.0.2.7>\r\ni: abc\r\nCSeq: 7 NOTIFY\r\no: check-sync\r\n\
        Subject: one\r\n two\r\nl: 3\r\n\r\nabcdef";

    #[test]
    fn reads_what_is_there() {
        let message = Message::parse(NOTIFY).unwrap();
        assert_eq!(message.method(), Some("NOTIFY"));
        assert_eq!(message.uri().and_then(user_of), Some("1001"));
        assert_eq!(message.header("from").and_then(user_of), None);
        assert_eq!(message.header("Event"), Some("check-sync"));
        assert_eq!(message.header("Subject"), Some("one two"));
        assert_eq!(message.cseq(), Some(7));
        assert_eq!(message.body, b"abc");
        assert_eq!(parameter(message.header("Via").unwrap(), "rport"), Some(""));
        let answer = Message::parse(&message.answer(200, "OK", "t1").emit()).unwrap();
        assert_eq!((answer.status(), answer.reason()), (Some(200), "OK"));
        assert_eq!(answer.header("To"), Some("<sip:1001@192.0.2.7>;tag=t1"));
    }

    #[test]
    fn streams_are_cut_at_content_length() {
        let mut buffer = b"\r\n\r\n".to_vec();
        buffer.extend_from_slice(NOTIFY);
        assert_eq!(Message::take(&mut buffer).unwrap().unwrap().body, b"abc");
        assert_eq!(buffer, b"def");
        let mut half = NOTIFY[..60].to_vec();
        assert_eq!(Message::take(&mut half), Ok(None));
        assert_eq!(Message::take(&mut b"GET / HTTP/1.1\r\n\r\n".to_vec()), Err(NotSip));
        let huge = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 18446744073709551615\r\n\r\n";
        assert_eq!(Message::take(&mut huge.to_vec()), Err(NotSip));
    }

    #[test]
    fn no_bytes_panic() {
        for cut in 0..NOTIFY.len() {
            let _ = Message::parse(&NOTIFY[..cut]);
            let _ = Message::parse(&NOTIFY[cut..]);
        }
        assert_eq!(Message::parse(b""), None);
        assert_eq!(Message::parse(b"\r\n\r\n"), None);
    }
}
