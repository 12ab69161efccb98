//! What others than the phone and the PBX's tables say of a phone. Values; the hub gathers them.

use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};

/// A phone that asks DHCP servers for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asking {
    /// Since when, without having got one.
    pub since: Timestamp,
    /// How often it was heard.
    pub times: u32,
    /// The last time.
    pub last: Timestamp,
}

impl Asking {
    /// When it has stopped asking, unless it is heard again: it is without power then, or has an address.
    pub fn until(&self) -> Timestamp {
        self.last.checked_add(STILL).unwrap_or(self.last)
    }
}

/// How long after it was heard a phone still asks.
const STILL: SignedDuration = SignedDuration::from_mins(3);

/// Another DHCP server on a link of phones, that does not send them here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misleading {
    /// Who answers.
    pub server: Ipv4Addr,
    /// What is wrong with what it says, a sentence each, the worst first.
    pub wrong: Vec<String>,
    /// What to do.
    pub remedy: String,
}

/// What is told of one phone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// It asks for an address and gets none.
    pub asking: Option<Asking>,
    /// DHCP servers that send phones elsewhere.
    pub misleading: &'a [Misleading],
    /// Its boot loader, by its own web page.
    pub boot_loader: Option<&'a str>,
    /// Of a phone that nobody assigned: an assigned one that was never heard, whose MAC differs in one digit.
    pub near: Option<crate::domain::MacAddr>,
    /// Its conversion failed and was given up, and it is not back: it may need what it is offered still.
    pub given_up: bool,
    /// Since when nothing at all was heard of it.
    pub silent: Option<Timestamp>,
}
