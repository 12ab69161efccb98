//! A NOTIFY out of any dialog and what answers it: text, no socket (RFC 3261 sections 7, 8.1, 17.1.3; RFC 6665 for
//! the method). Two dozen lines of one message each way: no SIP stack is worth its weight here.

use std::net::SocketAddrV4;

use super::Notify;
use crate::domain::SipTransport;

/// Where a contact listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its URI, as registered: the Request-URI, since phones compare it with their own Contact.
    pub uri: String,
    /// Host and port of it.
    pub address: SocketAddrV4,
    /// Its transport.
    pub transport: SipTransport,
}

impl Target {
    /// Reads `sip:1001@10.0.0.5:5060;transport=udp`. `None` where the host is no IPv4 address, the transport is none of
    /// ours, or something in it could end a line.
    pub fn parse(uri: &str) -> Option<Self> {
        if uri.len() > 256 || !uri.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"".contains(&b)) {
            return None;
        }
        let rest = uri.strip_prefix("sip:")?;
        let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        let (host, parameters) = rest.split_once(';').unwrap_or((rest, ""));
        let (host, port) = host.split_once(':').unwrap_or((host, "5060"));
        let address = SocketAddrV4::new(host.parse().ok()?, port.parse().ok().filter(|port| *port != 0)?);
        let named = parameters.split(';').find_map(|parameter| parameter.strip_prefix("transport="));
        let transport = match named.map(str::to_ascii_lowercase).as_deref() {
            None | Some("udp") => SipTransport::Udp,
            Some("tcp") => SipTransport::Tcp,
            Some(_) => return None,
        };
        Some(Self { uri: uri.to_owned(), address, transport })
    }
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// To whom.
    pub target: &'a Target,
    /// Our socket, at the registrar's address: From has that host and no user part.
    pub local: SocketAddrV4,
    /// What it says.
    pub notify: &'a Notify,
    /// Random word of this request: branch, tag and Call-ID are made of it.
    pub id: &'a str,
}

/// Anything but a 2xx.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Status code.
    pub code: u16,
    /// The phone's words.
    pub reason: String,
}

impl Request<'_> {
    fn branch(&self) -> String {
        format!("z9hG4bK{}", self.id)
    }

    fn call_id(&self) -> String {
        format!("{}@{}", self.id, self.local.ip())
    }

    /// The datagram.
    pub fn emit(&self) -> Vec<u8> {
        let Self { target, local, notify, id } = self;
        let host = local.ip();
        let body = notify.lines.iter().fold(String::new(), |body, line| body + line + "\r\n");
        let content_type = if body.is_empty() { "" } else { "Content-Type: text/plain\r\n" };
        let state = if body.is_empty() { "terminated" } else { "active" };
        format!(
            "NOTIFY {uri} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {local};branch={branch};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:{host}>;tag={id}\r\n\
             To: <{uri}>\r\n\
             Call-ID: {call_id}\r\n\
             CSeq: 1 NOTIFY\r\n\
             Contact: <sip:{local}>\r\n\
             Event: {event}\r\n\
             Subscription-State: {state}\r\n\
             {content_type}Content-Length: {length}\r\n\r\n{body}",
            uri = target.uri,
            branch = self.branch(),
            call_id = self.call_id(),
            event = notify.event,
            length = body.len(),
        )
        .into_bytes()
    }

    /// What a datagram means to this request: `None` = nothing, or not yet (1xx); `Ok` = a 2xx.
    pub fn answer(&self, datagram: &[u8]) -> Option<Result<(), Refused>> {
        let text = String::from_utf8_lossy(datagram);
        let mut lines = text.split("\r\n");
        let (code, reason) = lines.next()?.strip_prefix("SIP/2.0 ")?.split_once(' ')?;
        let code: u16 = code.parse().ok().filter(|code| (100..700).contains(code))?;
        let (mut ours, mut branch) = (false, false);
        for (name, value) in lines.take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(':')) {
            match name.trim().to_ascii_lowercase().as_str() {
                "call-id" | "i" => ours = value.trim() == self.call_id(),
                "via" | "v" => {
                    let own = self.branch();
                    branch |= value.split(';').any(|parameter| parameter.trim().strip_prefix("branch=") == Some(&own));
                }
                _ => {}
            }
        }
        match code {
            _ if !ours || !branch => None,
            100..200 => None,
            200..300 => Some(Ok(())),
            code => Some(Err(Refused { code, reason: crate::domain::printable(reason.as_bytes(), 64) })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::NotifyEvent;
    use crate::notify::Verb;

    #[test]
    fn contacts() {
        let target = |uri: &str| Target::parse(uri).map(|t| (t.address.to_string(), t.transport));
        let udp = |address: &str| Some((address.to_owned(), SipTransport::Udp));
        assert_eq!(target("sip:1001@10.0.0.5:5061"), udp("10.0.0.5:5061"));
        assert_eq!(target("sip:1001@10.0.0.5"), udp("10.0.0.5:5060"));
        assert_eq!(target("sip:10.0.0.5"), udp("10.0.0.5:5060"));
        assert_eq!(target("sip:a@b@10.0.0.5:5060;user=phone;transport=UDP"), udp("10.0.0.5:5060"));
        assert_eq!(
            target("sip:1001@10.0.0.5:50612;transport=tcp;x-ast-orig-host=1"),
            Some(("10.0.0.5:50612".to_owned(), SipTransport::Tcp))
        );
        for bad in [
            "",
            "sip:",
            "tel:1001",
            "sips:1001@10.0.0.5",
            "sip:1001@phone.example",
            "sip:1001@[::1]:5060",
            "sip:1001@10.0.0.5:0",
            "sip:1001@10.0.0.5:99999",
            "sip:1001@10.0.0.5;transport=ws",
            "sip:1001@10.0.0.5\r\nX: y",
            "sip:1001@10.0.0.5>",
            "sip:1 1@10.0.0.5",
        ] {
            assert_eq!(Target::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn what_is_sent_and_what_answers_it() {
        let target = Target::parse("sip:1001@10.0.0.5:5060").unwrap();
        let notify = Notify::new(NotifyEvent::ServiceControl, Verb::Restart, "abc@10.0.0.5");
        let local = "10.0.0.1:40000".parse().unwrap();
        let request = Request { target: &target, local, notify: &notify, id: "x1" };
        let sent = String::from_utf8(request.emit()).unwrap();
        let (head, body) = sent.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with(
                "NOTIFY sip:1001@10.0.0.5:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:40000;branch=z9hG4bKx1"
            )
        );
        assert!(
            head.contains("\r\nFrom: <sip:10.0.0.1>;tag=x1\r\n") && head.contains("\r\nSubscription-State: active\r\n")
        );
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())));
        assert!(body.starts_with("action=restart\r\nRegisterCallId={abc@10.0.0.5}\r\n") && body.ends_with("}\r\n"));

        let answer = |status: &str, branch: &str, call: &str| {
            request.answer(
                format!("SIP/2.0 {status}\r\nv: SIP/2.0/UDP 10.0.0.1:40000;branch={branch};rport=40000\r\nCall-ID: {call}\r\n\r\n")
                    .as_bytes(),
            )
        };
        let (branch, call) = ("z9hG4bKx1", "x1@10.0.0.1");
        assert_eq!(answer("200 OK", branch, call), Some(Ok(())));
        assert_eq!(answer("202 Accepted", branch, call), Some(Ok(())));
        assert_eq!(answer("100 Trying", branch, call), None);
        let refused = Refused { code: 400, reason: "Bad Request".to_owned() };
        assert_eq!(answer("400 Bad Request", branch, call), Some(Err(refused)));
        assert_eq!(answer("200 OK", "z9hG4bKx2", call), None);
        assert_eq!(answer("200 OK", branch, "x2@10.0.0.1"), None);
        for noise in [&b""[..], b"\xff\xfe", b"SIP/2.0 ", b"SIP/2.0 99999 x\r\n", b"NOTIFY a SIP/2.0\r\n\r\n"] {
            assert_eq!(request.answer(noise), None);
        }
    }
}
