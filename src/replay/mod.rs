//! Boots as scripts: what a phone does, at the level where the daemon hears it, and what is to be found of it.
//!
//! `docs/replays.md` is the manual of the format. Lines that begin with `fault:` make the fault, lines that begin with
//! `sound:` stand in their place where it is removed; a script is played both ways. Pure: here a script is read, written, and
//! made of what the daemon knows of a phone; the tests play it.
//!
//! - [`Script::parse`] reads, `Display` writes: what is written reads the same.
//! - [`Told`]: what is known of a phone, as a script. So a report from the field becomes a test.

mod events;
mod facts;
mod given;
mod mask;
mod read;
mod story;
mod words;
mod write;

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::domain::{DhcpStep, MacAddr, Rejection, SipTransport};
pub use given::{Differs, Flag, Phone, Set};
pub use mask::Mask;
pub use read::BadScript;
pub use story::Told;

/// A script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// One sentence: the situation.
    pub title: String,
    /// Comments of `docs/comments.md` that it answers: `A2`.
    pub answers: Vec<String>,
    /// The phone that it is about.
    pub about: MacAddr,
    /// Its address, where that is of concern.
    pub address: Option<Ipv4Addr>,
    /// What is there, and what happens, in order.
    pub lines: Vec<Line>,
    /// Codes of the findings at the end, sorted.
    pub finds: Vec<String>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it stands in the file, from 1.
    pub number: usize,
    /// With the fault, without, or both.
    pub part: Part,
    /// What it says.
    pub says: Says,
}

/// When a line is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Always.
    Both,
    /// With the fault.
    Fault,
    /// Without it.
    Sound,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// What is there before anything happens.
    Given(Given),
    /// What happens, so long after the beginning.
    Happens(Duration, Happens),
    /// What is for who reads it.
    Remark(String),
}

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// A phone is assigned.
    Phone(Phone),
    /// An extension that differs from the plain one.
    Extension(Differs),
    /// A load in the store.
    Firmware(Set),
    /// What phones get that were reset: of that term file, that load.
    Erased(String, String),
    /// It is known to run that load.
    Runs(String),
    /// A key of `[phones]`, and its value.
    Option(String, String),
    /// `pbx.transport`.
    Transport(SipTransport),
    /// The registrar does not listen on TCP.
    NoTcp,
    /// It says that it does, and nobody answers there.
    TcpSilent,
    /// Nothing on this host tells the time.
    NoClock,
    /// That time server tells no time.
    ClockSilent(String),
    /// Registrations are not known.
    NoManager,
    /// The PBX was never read.
    NoPbx,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happens {
    /// A file is asked for and answered at once: `served`, `image`, `sent` (either, or another's), or why not, as a code.
    Asks {
        /// Its name.
        name: String,
        /// The answer.
        answer: String,
        /// By whom, where not from the phone's own address.
        from: Option<Ipv4Addr>,
    },
    /// A file is asked for and delivered whole.
    Gets(Fetched),
    /// A file is asked for, and the transfer ends early.
    Loses(Fetched, Ended),
    /// A file that was asked for before is delivered whole.
    Has(Fetched),
    /// The transfer of one that was asked for before ends early.
    Drops(Fetched, Ended),
    /// Somebody is denied a file, who is not known to be the phone.
    Denied {
        /// Its name.
        name: String,
        /// Why, one word.
        why: String,
        /// Who asked.
        from: Ipv4Addr,
    },
    /// It boots and our DHCP server gives it that address.
    Leases(Ipv4Addr),
    /// It goes on using that address of ours.
    Renews(Ipv4Addr),
    /// It asks for an address.
    Discovers,
    /// It takes the offer of another server, this one where it is named.
    Takes(Ipv4Addr, Option<Ipv4Addr>),
    /// DHCP says something else of its address.
    Dhcp(DhcpStep, Option<Ipv4Addr>),
    /// It announces itself.
    Announces {
        /// Model.
        model: Option<String>,
        /// Load.
        load: Option<String>,
        /// Voice VLAN.
        vlan: Option<u16>,
    },
    /// Its own web page is read.
    Page {
        /// `versionID`.
        load: String,
        /// `bootLoadID`.
        boot: Option<String>,
    },
    /// It writes a line to the syslog receiver, of that severity.
    Speaks(String),
    /// An extension is registered, or is again.
    Registers {
        /// Which.
        extension: String,
        /// The address in its contact, where not the phone's own.
        at: Option<Ipv4Addr>,
        /// User-Agent.
        agent: String,
    },
    /// The PBX rejects it as that extension.
    Rejects {
        /// Which.
        extension: String,
        /// Why.
        why: Rejection,
        /// From where, where not the phone's own address.
        at: Option<Ipv4Addr>,
    },
    /// It does not answer the PBX.
    Unreachable(String),
    /// Its registration is gone.
    Gone(String),
    /// A DHCP server sends phones elsewhere: what is wrong with it.
    Misled(Ipv4Addr, String),
    /// The PBX's host shuts its address out, by that jail.
    Banned(Option<String>),
    /// It does so no more.
    Unbanned(Option<String>),
    /// It is assigned, and was not before.
    Assigned,
    /// Its assignment changes in the PBX.
    Changes,
    /// Settings of its extensions that are in no file change there.
    Settings,
    /// Firmware is brought.
    Brings(Set),
    /// Its conversion is started.
    Converts {
        /// To that load.
        to: String,
        /// From this one.
        from: Option<String>,
        /// Its turn comes later.
        held: bool,
    },
    /// The turn of its conversion comes.
    Begins,
    /// It is told something by NOTIFY.
    Told(String),
    /// Somebody does something with it.
    Does(String),
    /// Time passes.
    Waits,
}

/// A file that travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its name.
    pub name: String,
    /// To whom, where not to the phone's own address.
    pub from: Option<Ipv4Addr>,
}

/// How a transfer ends early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// `no-answer`, `peer-error`, ….
    pub reason: String,
    /// In the phone's own words.
    pub said: Option<String>,
}

impl Script {
    /// The lines that are played with the fault, or without it.
    pub fn with(&self, fault: bool) -> impl Iterator<Item = &Line> {
        let other = if fault { Part::Sound } else { Part::Fault };
        self.lines.iter().filter(move |line| line.part != other)
    }

    /// Whether it has a fault at all.
    pub fn has_fault(&self) -> bool {
        self.lines.iter().any(|line| line.part != Part::Both)
    }
}

#[cfg(test)]
mod tests;
