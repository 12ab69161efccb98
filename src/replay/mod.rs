//! Boots as scripts: what a phone does, at the level where the daemon hears it, and what is to be found of it.
//!
//! `docs/replays.md` is the manual of the format. Lines that begin with `fault:` make the fault, lines that begin with
//! `sound:` stand in their place where it is removed; a script is played both ways. Pure: here a script is read, the tests
//! play it.

mod words;

use std::net::Ipv4Addr;

use words::Words;

use crate::domain::{MacAddr, Rejection, SipTransport};

/// A script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// One sentence: the situation.
    pub title: String,
    /// Comments of `docs/comments.md` that it answers: `A2`.
    pub answers: Vec<String>,
    /// The phone that it is about.
    pub about: MacAddr,
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
    /// What happens, so many seconds after the beginning.
    Happens(u32, Happens),
}

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// A phone is assigned.
    Phone {
        /// Which.
        mac: MacAddr,
        /// Its model; `None` = auto.
        model: Option<String>,
        /// Extensions, by button.
        lines: Vec<String>,
        /// The load that it is to run.
        target: Option<String>,
    },
    /// An extension that differs from the plain one.
    Extension {
        /// Which.
        extension: String,
        /// Its SIP user name, where that is another.
        user: Option<String>,
        /// How long its secret is.
        secret: usize,
        /// FreePBX's NAT settings are on.
        nat: bool,
        /// It is on chan_sip.
        chan_sip: bool,
        /// The only transport that it takes a registration over.
        only: Option<SipTransport>,
    },
    /// A load in the store.
    Firmware {
        /// Which.
        load: String,
        /// Its files.
        files: Vec<String>,
        /// Files that are missing.
        lacks: Vec<String>,
    },
    /// What phones get that were reset: of that term file, that load.
    Erased(String, String),
    /// The registrar does not listen on TCP.
    NoTcp,
    /// Nothing on this host tells the time.
    NoClock,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happens {
    /// A file is asked for and answered at once: `served`, `image`, or why not, as a code.
    Asks {
        /// Its name.
        name: String,
        /// The answer.
        answer: String,
        /// By whom, where not from the phone's own address.
        from: Option<Ipv4Addr>,
    },
    /// A file is asked for and delivered whole.
    Gets(String),
    /// A file is asked for, and the transfer ends early: for this reason.
    Loses(String, String),
    /// It boots and our DHCP server gives it that address.
    Leases(Ipv4Addr),
    /// It goes on using that address of ours.
    Renews(Ipv4Addr),
    /// It asks for an address.
    Discovers,
    /// It takes another server's offer.
    Takes(Ipv4Addr),
    /// It announces itself by CDP.
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
    Rejects(String, Rejection),
    /// It does not answer the PBX.
    Unreachable(String),
    /// Its registration is gone.
    Gone(String),
    /// A DHCP server sends phones elsewhere: what is wrong with it.
    Misled(Ipv4Addr, String),
    /// The PBX's host shuts its address out.
    Banned,
    /// Its assignment changes in the PBX.
    Changes,
    /// Settings of its extensions that are in no file change there.
    Settings,
    /// Its conversion is started, to that load.
    Converts(String),
    /// Time passes.
    Waits,
}

/// Why a script cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct BadScript {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// The first line that is none, and why.
    pub fn parse(text: &str) -> Result<Self, BadScript> {
        let (mut title, mut about, mut finds) = (None, None, None);
        let (mut answers, mut lines) = (Vec::new(), Vec::new());
        // The last moment with the fault, and without.
        let (mut with, mut without) = (0, 0);
        for (number, raw) in (1..).zip(text.lines()) {
            let bad = |why: String| BadScript { line: number, why };
            let line = raw.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (part, rest) = [("fault:", Part::Fault), ("sound:", Part::Sound)]
                .into_iter()
                .find_map(|(mark, part)| Some((part, line.strip_prefix(mark)?)))
                .unwrap_or((Part::Both, line));
            if let Some(said) = rest.strip_prefix("title ") {
                title = Some(said.trim().to_owned());
                continue;
            }
            let mut words = Words::of(rest, about).map_err(bad)?;
            let first = words.next("a word").map_err(bad)?;
            match first.as_str() {
                "answers" => answers.extend(words.rest()),
                "about" => about = Some(words.parsed("a MAC").map_err(bad)?),
                "finds" => {
                    let mut codes = words.rest();
                    codes.retain(|code| code != "nothing");
                    codes.sort();
                    finds = Some(codes);
                }
                _ => {
                    let says = says(&first, &mut words).map_err(bad)?;
                    words.end().map_err(bad)?;
                    if let Says::Happens(at, _) = says {
                        for (other, last) in [(Part::Sound, &mut with), (Part::Fault, &mut without)] {
                            if part != other && at < std::mem::replace(last, at) {
                                return Err(bad("it is earlier than the line before".to_owned()));
                            }
                        }
                    }
                    lines.push(Line { number, part, says });
                }
            }
        }
        let lacks =
            |what: &str| BadScript { line: text.lines().count().max(1), why: format!("the script has no {what}") };
        Ok(Self {
            title: title.ok_or_else(|| lacks("title"))?,
            answers,
            about: about.ok_or_else(|| lacks("line `about MAC`"))?,
            lines,
            finds: finds.ok_or_else(|| lacks("line `finds`"))?,
        })
    }

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

fn says(first: &str, words: &mut Words) -> Result<Says, String> {
    Ok(match time(first) {
        Some(at) => Says::Happens(at, happens(words)?),
        None => Says::Given(given(first, words)?),
    })
}

/// `2:05` in seconds.
fn time(word: &str) -> Option<u32> {
    let (minutes, seconds) = word.split_once(':')?;
    let seconds: u32 = seconds.parse().ok().filter(|second| *second < 60)?;
    minutes.parse::<u32>().ok()?.checked_mul(60)?.checked_add(seconds)
}

fn given(first: &str, words: &mut Words) -> Result<Given, String> {
    Ok(match first {
        "phone" => {
            let (mac, mut model, mut lines, mut target) = (words.parsed("a MAC")?, None, Vec::new(), None);
            while let Some(key) = words.more() {
                match key.as_str() {
                    "model" => model = Some(words.next("a model")?),
                    "lines" => lines = words.list("extensions")?,
                    "target" => target = Some(words.next("a load")?),
                    other => return Err(format!("a phone has no {other:?}: model, lines or target")),
                }
            }
            Given::Phone { mac, model, lines, target }
        }
        "extension" => {
            let (extension, mut user, mut secret, mut nat) = (words.next("an extension")?, None, 12, false);
            let (mut chan_sip, mut only) = (false, None);
            while let Some(key) = words.more() {
                match key.as_str() {
                    "user" => user = Some(words.next("a user name")?),
                    "secret" => secret = words.parsed("the length of the secret")?,
                    "nat" => nat = true,
                    "chan-sip" => chan_sip = true,
                    "only" => only = Some(transport(&words.next("udp or tcp")?)?),
                    other => {
                        return Err(format!("an extension has no {other:?}: user, secret, nat, chan-sip or only"));
                    }
                }
            }
            Given::Extension { extension, user, secret, nat, chan_sip, only }
        }
        "firmware" => {
            let (load, files) = (words.next("a load")?, words.list("files")?);
            let lacks = if words.more_if("lacks") { words.list("files that are missing")? } else { Vec::new() };
            Given::Firmware { load, files, lacks }
        }
        "erased" => Given::Erased(words.next("a term file")?, words.next("a load")?),
        "no-tcp" => Given::NoTcp,
        "no-clock" => Given::NoClock,
        other => {
            return Err(format!(
                "{other:?} is neither a time such as 0:05 nor one of title, answers, about, phone, extension, firmware, erased, \
                 no-tcp, no-clock, finds"
            ));
        }
    })
}

fn transport(word: &str) -> Result<SipTransport, String> {
    match word {
        "udp" => Ok(SipTransport::Udp),
        "tcp" => Ok(SipTransport::Tcp),
        other => Err(format!("{other:?} is neither udp nor tcp")),
    }
}

fn happens(words: &mut Words) -> Result<Happens, String> {
    let what = words.next("what happens")?;
    Ok(match what.as_str() {
        "asks" => {
            let name = words.next("a file name")?;
            words.expect("->")?;
            let answer = words.next("the answer")?;
            let from = if words.more_if("from") { Some(words.parsed("an address")?) } else { None };
            Happens::Asks { name, answer, from }
        }
        "gets" => Happens::Gets(words.next("a file name")?),
        "loses" => Happens::Loses(words.next("a file name")?, words.next("the reason")?),
        "leases" => Happens::Leases(words.parsed("an address")?),
        "renews" => Happens::Renews(words.parsed("an address")?),
        "discovers" => Happens::Discovers,
        "takes" => Happens::Takes(words.parsed("an address")?),
        "announces" => {
            let (mut model, mut load, mut vlan) = (None, None, None);
            while let Some(key) = words.more() {
                match key.as_str() {
                    "model" => model = Some(words.next("a model")?),
                    "load" => load = Some(words.next("a load")?),
                    "vlan" => vlan = Some(words.parsed("a VLAN")?),
                    other => return Err(format!("a phone announces no {other:?}: model, load or vlan")),
                }
            }
            Happens::Announces { model, load, vlan }
        }
        "page" => {
            let load = words.next("a load")?;
            let boot = if words.more_if("boot") { Some(words.next("a boot loader")?) } else { None };
            Happens::Page { load, boot }
        }
        "registers" => {
            let (extension, mut at, mut agent) = (words.next("an extension")?, None, "Cisco/x".to_owned());
            while let Some(key) = words.more() {
                match key.as_str() {
                    "at" => at = Some(words.parsed("an address")?),
                    "agent" => agent = words.next("a User-Agent")?,
                    other => return Err(format!("a registration has no {other:?}: at or agent")),
                }
            }
            Happens::Registers { extension, at, agent }
        }
        "rejects" => {
            let (extension, why) = (words.next("an extension")?, words.next("why")?);
            let known = Rejection::ALL.into_iter().find(|known| known.word() == why);
            Happens::Rejects(extension, known.ok_or_else(|| format!("no registration is rejected for {why:?}"))?)
        }
        "unreachable" => Happens::Unreachable(words.next("an extension")?),
        "gone" => Happens::Gone(words.next("an extension")?),
        "misled" => Happens::Misled(words.parsed("the server's address")?, words.next("what is wrong, in quotes")?),
        "banned" => Happens::Banned,
        "changes" if words.more_if("settings") => Happens::Settings,
        "changes" => Happens::Changes,
        "converts" => Happens::Converts(words.next("a load")?),
        "waits" => Happens::Waits,
        other => {
            return Err(format!(
                "{other:?} does not happen: asks, gets, loses, leases, renews, discovers, takes, announces, page, registers, rejects, \
                 unreachable, gone, misled, banned, changes, converts or waits"
            ));
        }
    })
}

#[cfg(test)]
mod tests;
