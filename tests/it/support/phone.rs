//! A phone that registers and does nothing else.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, UdpSocket};

use md5::{Digest, Md5};

use super::manager::PATIENCE;

/// A phone that registers over UDP with a digest (RFC 3261 section 22, RFC 2617) and does nothing else.
pub(crate) struct Phone {
    socket: UdpSocket,
    user: &'static str,
    secret: &'static str,
    registrar: u16,
    sequence: u32,
    agent: &'static str,
}

impl Phone {
    /// With this user and secret, towards a registrar on 127.0.0.1.
    pub(crate) fn new(user: &'static str, secret: &'static str, registrar: u16) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, user, secret, registrar, sequence: 0, agent: "Cisco-CP7960G/8.0" }
    }

    /// The same that calls itself this.
    pub(crate) fn called(self, agent: &'static str) -> Self {
        Self { agent, ..self }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    /// Registers for so many seconds; 0 = takes the registration away.
    pub(crate) fn register(&mut self, expires: u32) {
        let done = self.try_to_register(expires);
        assert!(done.starts_with("SIP/2.0 200"), "{done}");
    }

    /// What the registrar says to a REGISTER with the right answer to its challenge.
    pub(crate) fn try_to_register(&mut self, expires: u32) -> String {
        let challenge = self.send(expires, "");
        assert!(challenge.starts_with("SIP/2.0 401"), "{challenge}");
        let line = challenge.lines().find(|line| line.starts_with("WWW-Authenticate:")).unwrap();
        let value = |key: &str| line.split_once(&format!("{key}=\"")).unwrap().1.split('"').next().unwrap();
        let (realm, nonce) = (value("realm"), value("nonce"));
        let uri = format!("sip:127.0.0.1:{}", self.registrar);
        let md5 = |text: String| {
            Md5::digest(text).iter().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            })
        };
        let name = self.user;
        let (user, method) = (md5(format!("{}:{realm}:{}", self.user, self.secret)), md5(format!("REGISTER:{uri}")));
        // chan_sip offers no quality of protection; then the digest is that of RFC 2069.
        let (middle, quality) = if line.contains("qop=") {
            (":00000001:cafe:auth", ", qop=auth, nc=00000001, cnonce=\"cafe\"")
        } else {
            ("", "")
        };
        let response = md5(format!("{user}:{nonce}{middle}:{method}"));
        let opaque =
            if line.contains("opaque=\"") { format!(", opaque=\"{}\"", value("opaque")) } else { String::new() };
        self.send(
            expires,
            &format!(
                "Authorization: Digest username=\"{name}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
                 response=\"{response}\", algorithm=MD5{quality}{opaque}\r\n"
            ),
        )
    }

    fn send(&mut self, expires: u32, authorization: &str) -> String {
        self.sequence += 1;
        let (port, sip, sequence) = (self.port(), self.registrar, self.sequence);
        let (user, agent) = (self.user, self.agent);
        let request = format!(
            "REGISTER sip:127.0.0.1:{sip} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{port}{sequence}\r\n\
             From: <sip:{user}@127.0.0.1>;tag=t{port}\r\nTo: <sip:{user}@127.0.0.1>\r\nCall-ID: call-{port}\r\nCSeq: {sequence} REGISTER\r\n\
             Contact: <sip:{user}@127.0.0.1:{port}>\r\nExpires: {expires}\r\nUser-Agent: {agent}\r\nMax-Forwards: 70\r\n\
             {authorization}Content-Length: 0\r\n\r\n"
        );
        self.socket.send_to(request.as_bytes(), (Ipv4Addr::LOCALHOST, sip)).unwrap();
        let mut packet = [0; 4_096];
        loop {
            let octets = self.socket.recv(&mut packet).unwrap();
            let text = String::from_utf8_lossy(&packet[..octets]).into_owned();
            // Asterisk also asks OPTIONS of the contact; only answers to this request are wanted.
            if text.starts_with("SIP/2.0") && text.contains(&format!("CSeq: {sequence} REGISTER")) {
                return text;
            }
        }
    }
}
