//! The SIP side of a scripted phone: what it registers and what came of it.
//!
//! A small client of its own, because the point is to behave as these phones do where a full stack would not: over UDP
//! they send from a passing port, write 5060 into Via without `rport` and listen on 5060 alone (public captures of a
//! 7960 on 8.12 and a 7962 on 9.4(2)SR3). Grammar and timers: RFC 3261; digest: RFC 2617.

pub mod agent;
pub mod alive;
pub mod digest;
pub mod message;
mod wire;

use std::fmt;

use serde::Serialize;

use crate::domain::MacAddr;

/// A SIP server as the file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Address or host name.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// One line to register.
#[derive(Clone)]
pub struct Line {
    /// Button, from 1.
    pub button: u16,
    /// User part of the address of record.
    pub user: String,
    /// User name for the digest; the address of record's where it is absent.
    pub auth: Option<String>,
    /// Password for the digest.
    pub password: Option<String>,
    /// User part of the contact.
    pub contact: String,
    /// Servers in the order in which they are tried.
    pub servers: Vec<Server>,
    /// Where requests go instead, while addresses still name the server.
    pub outbound: Option<Server>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("button", &self.button)
            .field("user", &self.user)
            .field("auth", &self.auth)
            .field("servers", &self.servers)
            .finish_non_exhaustive()
    }
}

/// How the phone speaks to its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// UDP, a passing source port per request.
    Udp,
    /// TCP, one connection per server.
    Tcp,
}

/// Everything that a phone needs to register.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) mac: MacAddr,
    /// Device number, for `+u.sip!model.ccm.cisco.com`.
    pub(crate) device: u32,
    /// Address that everything is sent from and received on.
    pub(crate) from: std::net::IpAddr,
    /// Address written into Via and Contact.
    pub(crate) advertised: String,
    /// Port listened on; 0 = any.
    pub(crate) listen: u16,
    pub(crate) transport: Transport,
    pub(crate) user_agent: String,
    /// Reason header of REGISTER (Java phones).
    pub(crate) reason: Option<String>,
    /// Seconds asked for.
    pub(crate) expires: u32,
    /// Seconds before the end at which to register again.
    pub(crate) refresh_before: u32,
    pub(crate) lines: Vec<Line>,
}

/// What came of one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineOutcome {
    /// Button, from 1.
    pub button: u16,
    /// User part of its address of record.
    pub user: String,
    /// How its registration ended.
    pub result: Registration,
}

/// How a registration ended. `Display` is one sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Registration {
    /// The server took the contact.
    Registered {
        /// Seconds granted.
        expires: u32,
    },
    /// The second challenge in a row: Asterisk answers so for a wrong password and for an unknown user alike.
    WrongCredentials,
    /// 403.
    Forbidden,
    /// 404.
    UnknownUser,
    /// The server asks for a password and the file gives none.
    NoPassword,
    /// The server's challenge is beyond the phone.
    Challenge {
        /// What was asked for.
        why: String,
    },
    /// Any other final answer.
    Rejected {
        /// Status code.
        code: u16,
        /// The server's own words.
        reason: String,
    },
    /// Nothing came back where the phone listens.
    NoAnswer {
        /// Where the request went.
        server: String,
    },
    /// The answer went to the port that the request came from, which the hardware does not read.
    AnswerElsewhere {
        /// The port that the phone listens on.
        listens: u16,
    },
    /// The server cannot be reached.
    NoServer {
        /// What was tried and what came of it.
        why: String,
    },
}

impl Registration {
    /// Whether the line is registered.
    pub fn is_registered(&self) -> bool {
        matches!(self, Self::Registered { .. })
    }
}

impl fmt::Display for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registered { expires } => write!(f, "registered for {expires} s"),
            Self::WrongCredentials => f.write_str("wrong password or unknown user"),
            Self::Forbidden => f.write_str("403: wrong password or not allowed from here"),
            Self::UnknownUser => f.write_str("404: unknown user"),
            Self::NoPassword => f.write_str("the server asks for a password and the file gives none"),
            Self::Challenge { why } => write!(f, "the phone cannot answer the challenge: {why}"),
            Self::Rejected { code, reason } => write!(f, "{code} {reason}"),
            Self::NoAnswer { server } => write!(f, "no answer from {server}"),
            Self::AnswerElsewhere { listens } => write!(
                f,
                "the answer went to the request's source port, the phone listens on {listens} only: force_rport must be no"
            ),
            Self::NoServer { why } => f.write_str(why),
        }
    }
}

/// Random hex digits for branches, tags and identifiers.
pub(crate) fn token() -> String {
    format!("{:016x}", rand::random::<u64>())
}
