//! A script, written: what is written reads the same.

use std::fmt::{self, Display, Formatter};
use std::net::Ipv4Addr;
use std::time::Duration;

use super::given::{option, spelled};
use super::read::AGENT;
use super::words::word;
use super::{Ended, Fetched, Given, Happens, Line, Part, Says, Script};
use crate::domain::DhcpStep;

impl Display for Script {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "title {}", one_line(&self.title))?;
        if !self.answers.is_empty() {
            let answers: Vec<String> = self.answers.iter().map(|answer| word(answer)).collect();
            writeln!(f, "answers {}", answers.join(" "))?;
        }
        writeln!(f, "about {}{}", self.about, behind("at", self.address))?;
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        let codes: Vec<String> = self.finds.iter().map(|code| word(code)).collect();
        writeln!(f, "finds {}", if codes.is_empty() { "nothing".to_owned() } else { codes.join(" ") })
    }
}

impl Display for Line {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.part {
            Part::Both => "",
            Part::Fault => "fault: ",
            Part::Sound => "sound: ",
        })?;
        match &self.says {
            Says::Given(given) => f.write_str(&what_is(given)),
            Says::Happens(at, happens) => write!(f, "{} {}", time(*at), what_happens(happens)),
            Says::Remark(text) => write!(f, "# {}", one_line(text)),
        }
    }
}

/// Text that is a line to its end.
fn one_line(text: &str) -> String {
    let blank = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(blank).collect::<String>().trim().to_owned()
}

/// `2:05`, `2:05.250`
pub(super) fn time(at: Duration) -> String {
    let (seconds, millis) = (at.as_secs(), at.subsec_millis());
    let parts = if millis == 0 { String::new() } else { format!(".{millis:03}") };
    format!("{}:{:02}{parts}", seconds / 60, seconds % 60)
}

fn behind(key: &str, address: Option<Ipv4Addr>) -> String {
    address.map_or_else(String::new, |address| format!(" {key} {address}"))
}

fn what_is(given: &Given) -> String {
    match given {
        Given::Phone(phone) => phone.write(),
        Given::Extension(differs) => differs.write(),
        Given::Firmware(set) => format!("firmware {}", set.write()),
        Given::Erased(term, load) => format!("erased {} {}", word(term), word(load)),
        Given::Runs(load) => format!("runs {}", word(load)),
        Given::Option(key, value) => format!("option {} {}", word(key), word(value)),
        Given::Transport(transport) => format!("transport {}", spelled(*transport)),
        Given::NoTcp => "no-tcp".to_owned(),
        Given::TcpSilent => "tcp-silent".to_owned(),
        Given::NoClock => "no-clock".to_owned(),
        Given::ClockSilent(host) => format!("clock-silent {}", word(host)),
        Given::NoManager => "no-manager".to_owned(),
        Given::NoPbx => "no-pbx".to_owned(),
    }
}

fn fetched(verb: &str, what: &Fetched) -> String {
    format!("{verb} {}{}", word(&what.name), behind("from", what.from))
}

fn ended(verb: &str, what: &Fetched, how: &Ended) -> String {
    let said = option("saying", how.said.as_deref());
    format!("{verb} {} {}{said}{}", word(&what.name), word(&how.reason), behind("from", what.from))
}

fn what_happens(happens: &Happens) -> String {
    match happens {
        Happens::Asks { name, answer, from } => {
            format!("asks {} -> {}{}", word(name), word(answer), behind("from", *from))
        }
        Happens::Gets(what) => fetched("gets", what),
        Happens::Has(what) => fetched("has", what),
        Happens::Loses(what, how) => ended("loses", what, how),
        Happens::Drops(what, how) => ended("drops", what, how),
        Happens::Denied { name, why, from } => format!("denied {} {} from {from}", word(name), word(why)),
        Happens::Leases(address) => format!("leases {address}"),
        Happens::Renews(address) => format!("renews {address}"),
        Happens::Discovers => "discovers".to_owned(),
        Happens::Takes(address, server) => format!("takes {address}{}", behind("of", *server)),
        Happens::Dhcp(step, address) => {
            let verb = match step {
                DhcpStep::Offered => "offered",
                DhcpStep::Refused => "refused",
                DhcpStep::Declined => "declines",
                DhcpStep::Released => "releases",
                DhcpStep::Elsewhere => "takes",
            };
            address.map_or_else(|| verb.to_owned(), |address| format!("{verb} {address}"))
        }
        Happens::Announces { model, load, vlan } => {
            let vlan = vlan.map_or_else(String::new, |vlan| format!(" vlan {vlan}"));
            format!("announces{}{}{vlan}", option("model", model.as_deref()), option("load", load.as_deref()))
        }
        Happens::Page { load, boot } => format!("page {}{}", word(load), option("boot", boot.as_deref())),
        Happens::Speaks(severity) => format!("speaks {}", word(severity)),
        Happens::Registers { extension, at, agent } => {
            let agent = if agent == AGENT { String::new() } else { option("agent", Some(agent)) };
            format!("registers {}{}{agent}", word(extension), behind("at", *at))
        }
        Happens::Rejects { extension, why, at } => {
            format!("rejects {} {}{}", word(extension), why.word(), behind("at", *at))
        }
        Happens::Unreachable(extension) => format!("unreachable {}", word(extension)),
        Happens::Gone(extension) => format!("gone {}", word(extension)),
        Happens::Misled(server, wrong) => format!("misled {server} {}", word(wrong)),
        Happens::Banned(jail) => {
            format!("banned{}", jail.as_ref().map_or_else(String::new, |jail| format!(" {}", word(jail))))
        }
        Happens::Unbanned(jail) => {
            format!("unbanned{}", jail.as_ref().map_or_else(String::new, |jail| format!(" {}", word(jail))))
        }
        Happens::Assigned => "assigned".to_owned(),
        Happens::Changes => "changes".to_owned(),
        Happens::Settings => "changes settings".to_owned(),
        Happens::Brings(set) => format!("brings {}", set.write()),
        Happens::Converts { to, from, held } => {
            let held = if *held { " held" } else { "" };
            format!("converts {}{}{held}", word(to), option("from", from.as_deref()))
        }
        Happens::Begins => "begins".to_owned(),
        Happens::Told(what) => format!("told {}", word(what)),
        Happens::Does(what) => format!("does {}", word(what)),
        Happens::Waits => "waits".to_owned(),
    }
}
