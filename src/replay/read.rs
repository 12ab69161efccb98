//! A script, read.

use std::time::Duration;

use super::given::transport;
use super::words::Words;
use super::{Differs, Ended, Fetched, Given, Happens, Line, Part, Phone, Says, Script, Set};
use crate::domain::{DhcpStep, Rejection};

/// The agent of a registration that names none.
pub(super) const AGENT: &str = "Cisco/x";

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
        let (mut title, mut about, mut address, mut finds) = (None, None, None, None);
        let (mut answers, mut lines) = (Vec::new(), Vec::new());
        // The last moment with the fault, and without.
        let (mut with, mut without) = (Duration::ZERO, Duration::ZERO);
        for (number, raw) in (1..).zip(text.lines()) {
            let bad = |why: String| BadScript { line: number, why };
            let line = raw.trim();
            if line.is_empty() {
                continue;
            }
            if let Some(remark) = line.strip_prefix('#') {
                lines.push(Line { number, part: Part::Both, says: Says::Remark(remark.trim().to_owned()) });
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
                "about" => {
                    about = Some(words.parsed("a MAC").map_err(bad)?);
                    address = words.behind("at", "an address").map_err(bad)?;
                    words.end().map_err(bad)?;
                }
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
            address,
            lines,
            finds: finds.ok_or_else(|| lacks("line `finds`"))?,
        })
    }
}

fn says(first: &str, words: &mut Words) -> Result<Says, String> {
    Ok(match time(first) {
        Some(at) => Says::Happens(at, happens(words)?),
        None => Says::Given(given(first, words)?),
    })
}

/// `2:05`, `2:05.250`
fn time(word: &str) -> Option<Duration> {
    let (minutes, seconds) = word.split_once(':')?;
    let (seconds, parts) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let digits = |text: &str| (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let seconds: u64 = seconds.parse().ok().filter(|second| *second < 60)?;
    let millis: u64 =
        Some(parts).filter(|parts| digits(parts)).and_then(|parts| format!("{parts:0<3}").parse().ok())?;
    let minutes: u64 = minutes.parse::<u32>().ok()?.into();
    Some(Duration::from_millis((minutes * 60 + seconds) * 1_000 + millis))
}

fn given(first: &str, words: &mut Words) -> Result<Given, String> {
    Ok(match first {
        "phone" => Given::Phone(Phone::read(words)?),
        "extension" => Given::Extension(Differs::read(words)?),
        "firmware" => Given::Firmware(Set::read(words)?),
        "erased" => Given::Erased(words.next("a term file")?, words.next("a load")?),
        "runs" => Given::Runs(words.next("a load")?),
        "option" => Given::Option(words.next("a key of [phones]")?, words.next("its value")?),
        "transport" => Given::Transport(transport(words)?),
        "no-tcp" => Given::NoTcp,
        "tcp-silent" => Given::TcpSilent,
        "no-clock" => Given::NoClock,
        "clock-silent" => Given::ClockSilent(words.next("a time server")?),
        "no-manager" => Given::NoManager,
        "no-pbx" => Given::NoPbx,
        other => {
            return Err(format!(
                "{other:?} is neither a time such as 0:05 nor one of title, answers, about, phone, extension, firmware, erased, \
                 runs, option, transport, no-tcp, tcp-silent, no-clock, clock-silent, no-manager, no-pbx, finds"
            ));
        }
    })
}

fn fetched(words: &mut Words) -> Result<Fetched, String> {
    let name = words.next("a file name")?;
    Ok(Fetched { name, from: words.behind("from", "an address")? })
}

fn ended(words: &mut Words) -> Result<(Fetched, Ended), String> {
    let (name, reason) = (words.next("a file name")?, words.next("the reason")?);
    let said = words.behind("saying", "what the phone said")?;
    Ok((Fetched { name, from: words.behind("from", "an address")? }, Ended { reason, said }))
}

fn happens(words: &mut Words) -> Result<Happens, String> {
    let what = words.next("what happens")?;
    Ok(match what.as_str() {
        "asks" => {
            let name = words.next("a file name")?;
            words.expect("->")?;
            Happens::Asks { name, answer: words.next("the answer")?, from: words.behind("from", "an address")? }
        }
        "gets" => Happens::Gets(fetched(words)?),
        "has" => Happens::Has(fetched(words)?),
        "loses" => {
            let (fetched, ended) = ended(words)?;
            Happens::Loses(fetched, ended)
        }
        "drops" => {
            let (fetched, ended) = ended(words)?;
            Happens::Drops(fetched, ended)
        }
        "denied" => {
            let (name, why) = (words.next("a file name")?, words.next("why")?);
            words.expect("from")?;
            Happens::Denied { name, why, from: words.parsed("an address")? }
        }
        "leases" => Happens::Leases(words.parsed("an address")?),
        "renews" => Happens::Renews(words.parsed("an address")?),
        "discovers" => Happens::Discovers,
        "takes" => Happens::Takes(words.parsed("an address")?, words.behind("of", "a server's address")?),
        "offered" => Happens::Dhcp(DhcpStep::Offered, words.maybe("an address")?),
        "refused" => Happens::Dhcp(DhcpStep::Refused, words.maybe("an address")?),
        "declines" => Happens::Dhcp(DhcpStep::Declined, words.maybe("an address")?),
        "releases" => Happens::Dhcp(DhcpStep::Released, words.maybe("an address")?),
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
        "page" => Happens::Page { load: words.next("a load")?, boot: words.behind("boot", "a boot loader")? },
        "speaks" => Happens::Speaks(words.next("a severity")?),
        "registers" => {
            let (extension, mut at, mut agent) = (words.next("an extension")?, None, AGENT.to_owned());
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
            let why = known.ok_or_else(|| format!("no registration is rejected for {why:?}"))?;
            Happens::Rejects { extension, why, at: words.behind("at", "an address")? }
        }
        "unreachable" => Happens::Unreachable(words.next("an extension")?),
        "gone" => Happens::Gone(words.next("an extension")?),
        "misled" => Happens::Misled(words.parsed("the server's address")?, words.next("what is wrong, in quotes")?),
        "banned" => Happens::Banned(words.maybe("a jail")?),
        "unbanned" => Happens::Unbanned(words.maybe("a jail")?),
        "assigned" => Happens::Assigned,
        "changes" if words.more_if("settings") => Happens::Settings,
        "changes" => Happens::Changes,
        "brings" => Happens::Brings(Set::read(words)?),
        "converts" => {
            let (to, from) = (words.next("a load")?, words.behind("from", "a load")?);
            Happens::Converts { to, from, held: words.more_if("held") }
        }
        "begins" => Happens::Begins,
        "told" => Happens::Told(words.next("what it was told, in quotes")?),
        "does" => Happens::Does(words.next("what somebody does, in quotes")?),
        "waits" => Happens::Waits,
        other => {
            return Err(format!(
                "{other:?} does not happen: asks, gets, has, loses, drops, denied, leases, renews, discovers, takes, offered, \
                 refused, declines, releases, announces, page, speaks, registers, rejects, unreachable, gone, misled, banned, unbanned, \
                 assigned, changes, brings, converts, begins, told, does or waits"
            ));
        }
    })
}
