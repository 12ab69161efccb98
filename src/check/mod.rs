//! `offhook check`: a list of small checks, each a pure function of facts that the caller gathered.

mod dhcp;
mod link;
mod port;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::api::{Check, CheckStatus};
use crate::diagnose::{Finding, Severity};
use crate::domain::MacAddr;
use crate::neighbour::Fill;
use crate::pbx::roster::RowProblem;
use crate::probe::Clock;
use link::{bans, discovery, neighbours};
pub use port::{HELD, Held, held_at, port_held};
use port::{held, port};

pub use dhcp::Watched;
use dhcp::{told, unheard, watched};

/// What the checks look at.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Things the configuration wants said.
    pub notes: Vec<String>,
    /// What became of a database of our own that was damaged at the start, as the end of a sentence.
    pub damaged: Option<String>,
    /// Why nothing is kept on our own disk at present.
    pub not_kept: Option<String>,
    /// Lines of the log that nobody took.
    pub log_dropped: usize,
    /// Sections of the configuration that were changed and take a restart.
    pub restart: Vec<&'static str>,
    /// When the PBX last confirmed the roster; `None` = never read.
    pub confirmed_at: Option<Timestamp>,
    /// The moment of the check.
    pub now: Option<Timestamp>,
    /// Why the PBX database does not answer.
    pub pbx_down: Option<String>,
    /// Extensions and phones read.
    pub counts: Option<(usize, usize)>,
    /// Saved and not applied.
    pub apply_pending: bool,
    /// Rows not used.
    pub problems: Vec<RowProblem>,
    /// Findings by phone.
    pub findings: Vec<(MacAddr, Finding)>,
    /// Why the manager interface is away; `None` while it is up.
    pub ami_down: Option<String>,
    /// Our manager user does not hear why registrations are rejected.
    pub ami_deaf: bool,
    /// Whether it is configured at all.
    pub ami_configured: bool,
    /// What came of our own TFTP fetch of `SIPDefault.cnf`; `None` where another program would answer.
    pub own_fetch: Option<Result<(), String>>,
    /// What came of a fetch from ourselves over HTTP; `None` where that is off.
    pub own_http: Option<Result<(), String>>,
    /// Keys and addresses listened on that this host does not have.
    pub absent: Vec<(&'static str, std::net::Ipv4Addr)>,
    /// Where phones wait to register over TCP, and somebody answers.
    pub tcp: Vec<String>,
    /// Time servers that phones are told, and what each said.
    pub clocks: BTreeMap<String, Clock>,
    /// Addresses listened on that another program holds.
    pub held: Vec<Held>,
    /// Port that phones would have to use; they know only 69.
    pub tftp_port: u16,
    /// What each destination of the status says: name, and why it is not written.
    pub sinks: Vec<(String, Option<String>)>,
    /// Interfaces where announcements of phones are listened to, and why each is not heard.
    pub discovery: Vec<(String, Option<String>)>,
    /// How many addresses of phones' networks fail2ban blocks, or why its log cannot be read.
    pub bans: Option<Result<usize, String>>,
    /// How full the kernel's table of neighbours is.
    pub neighbours: Option<Fill>,
    /// Names in the fall-through folder that are never served from there.
    pub shadowed: Vec<String>,
    /// Links in the fall-through folder, which are never followed.
    pub links: Vec<String>,
    /// The interfaces that DHCP servers are watched on.
    pub dhcp: Vec<Watched>,
    /// `server.address`, where this host does not have it.
    pub told_absent: Option<std::net::Ipv4Addr>,
    /// Phones are assigned, and no phone was ever heard.
    pub unheard: bool,
}

/// All checks, in the order they are shown.
pub const CHECKS: &[fn(&Facts) -> Vec<Check>] = &[
    restart, state, log, database, pending, manager, absent, held, own_fetch, own_http, port, tcp, clocks, sinks,
    discovery, bans, neighbours, access, shadowed, links, told, watched, unheard, rows, phones,
];

/// Runs them all.
pub fn run(facts: &Facts) -> Vec<Check> {
    CHECKS.iter().flat_map(|check| check(facts)).collect()
}

fn ok(name: &str, summary: impl Into<String>) -> Check {
    Check { name: name.to_owned(), status: CheckStatus::Ok, summary: summary.into(), remedy: String::new() }
}

fn bad(name: &str, status: CheckStatus, summary: impl Into<String>, remedy: impl Into<String>) -> Check {
    Check { name: name.to_owned(), status, summary: summary.into(), remedy: remedy.into() }
}

fn restart(facts: &Facts) -> Vec<Check> {
    if facts.restart.is_empty() {
        return Vec::new();
    }
    vec![bad(
        "restart",
        CheckStatus::Warning,
        format!(
            "these sections of the configuration were changed and are not in use yet: {}",
            facts.restart.join(", ")
        ),
        "systemctl restart offhook",
    )]
}

fn state(facts: &Facts) -> Vec<Check> {
    let damaged = facts.damaged.iter().map(|outcome| {
        bad(
            "state",
            CheckStatus::Warning,
            format!("the database in server.state_dir was damaged at the start: {outcome}"),
            "compare `offhook phones list` with what you assigned, see that the disk is sound, remove what was set aside, and restart",
        )
    });
    let not_kept = facts.not_kept.iter().map(|why| {
        bad(
            "state",
            CheckStatus::Failed,
            format!("{why}; phones are served from memory"),
            "see `df -h` and `dmesg`; room or rights are noticed by themselves, a failing disk after a restart",
        )
    });
    damaged.chain(not_kept).collect()
}

fn log(facts: &Facts) -> Vec<Check> {
    if facts.log_dropped == 0 {
        return Vec::new();
    }
    vec![bad(
        "log",
        CheckStatus::Warning,
        format!("{} lines of the log were dropped, because whoever reads it did not take them", facts.log_dropped),
        "see `systemctl status systemd-journald` and the disk that the journal is on",
    )]
}

fn database(facts: &Facts) -> Vec<Check> {
    let age = match (facts.confirmed_at, facts.now) {
        (Some(at), Some(now)) => format!("the roster serving is {} s old", now.duration_since(at).as_secs().max(0)),
        _ => "no roster was ever read, so no phone gets a file".to_owned(),
    };
    vec![match (&facts.pbx_down, facts.counts) {
        (Some(why), _) => bad(
            "pbx-database",
            CheckStatus::Failed,
            format!("{why}; {age}"),
            "see the sentence; offhook tries again by itself",
        ),
        (None, Some((extensions, phones))) => {
            ok("pbx-database", format!("{extensions} extensions and {phones} phones read"))
        }
        (None, None) => {
            bad("pbx-database", CheckStatus::Failed, "the PBX has not been read yet", "wait a moment and check again")
        }
    }]
}

fn pending(facts: &Facts) -> Vec<Check> {
    if facts.apply_pending {
        vec![bad(
            "apply-pending",
            CheckStatus::Warning,
            "the PBX holds saved changes that are not live",
            "press Apply Config in FreePBX",
        )]
    } else {
        Vec::new()
    }
}

fn manager(facts: &Facts) -> Vec<Check> {
    vec![match (&facts.ami_down, facts.ami_configured) {
        (_, false) => bad(
            "manager",
            CheckStatus::Warning,
            "Asterisk's manager interface is not configured: registrations are unknown",
            "run `offhook setup`, which makes a manager user; or set [ami], and add one in /etc/asterisk/manager_custom.conf (read = system,security, write = system)",
        ),
        (Some(why), true) => {
            bad("manager", CheckStatus::Failed, why.clone(), "see the sentence; offhook tries again by itself")
        }
        (None, true) if facts.ami_deaf => bad(
            "manager",
            CheckStatus::Warning,
            "logged in to Asterisk's manager interface, which does not tell our user why a registration is rejected",
            "run `offhook setup`; or write read = system,security for that user in manager_custom.conf and run asterisk -rx 'manager reload'; then systemctl restart offhook",
        ),
        (None, true) => ok("manager", "logged in to Asterisk's manager interface"),
    }]
}

fn own_fetch(facts: &Facts) -> Vec<Check> {
    let one = |outcome: &Result<(), String>| match outcome {
        Ok(()) => ok("own-tftp-fetch", "SIPDefault.cnf came over TFTP"),
        Err(why) => bad(
            "own-tftp-fetch",
            CheckStatus::Failed,
            format!("SIPDefault.cnf did not come over TFTP: {why}"),
            "see that tftp.listen has the address phones use, and that no firewall drops UDP 69 and the high ports",
        ),
    };
    facts.own_fetch.iter().map(one).collect()
}

fn own_http(facts: &Facts) -> Vec<Check> {
    let one = |outcome: &Result<(), String>| match outcome {
        Ok(()) => ok("own-http-fetch", "SIPDefault.cnf came over HTTP"),
        Err(why) => bad(
            "own-http-fetch",
            CheckStatus::Failed,
            format!("SIPDefault.cnf did not come over HTTP: {why}"),
            "see that http.listen has the address phones use; where the daemon answers nobody, see who holds its connections: `ss -tn`",
        ),
    };
    facts.own_http.iter().map(one).collect()
}

fn absent(facts: &Facts) -> Vec<Check> {
    let one = |(key, ip): &(&str, std::net::Ipv4Addr)| {
        bad(
            "listen",
            CheckStatus::Failed,
            format!("{key} names {ip}, which this host does not have: nobody is served there"),
            "correct the key, or bring the interface up; it is served once it is there",
        )
    };
    facts.absent.iter().map(one).collect()
}

fn tcp(facts: &Facts) -> Vec<Check> {
    // Where nobody answers, that is a finding of the phones that wait.
    facts.tcp.iter().map(|address| ok("registrar-tcp", format!("somebody answers on TCP at {address}"))).collect()
}

/// A phone's display shows minutes.
const APART: SignedDuration = SignedDuration::from_secs(60);

fn clocks(facts: &Facts) -> Vec<Check> {
    let one = |(host, clock): (&String, &Clock)| match clock {
        Clock::Tells(ahead) if ahead.abs() > APART => Some(bad(
            "time-server",
            CheckStatus::Warning,
            format!("{host} tells phones a time that is {} s off this host's", ahead.as_secs()),
            "see which of the two is wrong: `timedatectl`, and set phones.ntp to a server that is right",
        )),
        Clock::Tells(_) => Some(ok("time-server", format!("{host} tells the time"))),
        // The phones that are told so have a finding.
        Clock::Unsynchronised | Clock::Silent(_) => None,
    };
    facts.clocks.iter().filter_map(one).collect()
}

fn sinks(facts: &Facts) -> Vec<Check> {
    let one = |(name, why): &(String, Option<String>)| match why {
        None => ok(&format!("publish-{name}"), "status is written"),
        Some(why) => bad(
            &format!("publish-{name}"),
            CheckStatus::Warning,
            why.clone(),
            "see the sentence; the latest state is written once it works",
        ),
    };
    facts.sinks.iter().map(one).collect()
}

fn access(facts: &Facts) -> Vec<Check> {
    facts
        .notes
        .iter()
        .map(|note| bad("access", CheckStatus::Warning, note.clone(), "keep the phones in a network of their own"))
        .collect()
}

fn shadowed(facts: &Facts) -> Vec<Check> {
    if facts.shadowed.is_empty() {
        return Vec::new();
    }
    vec![bad(
        "fall-through",
        CheckStatus::Warning,
        format!(
            "{} in tftp.fall_through are never served from there: {}",
            facts.shadowed.len(),
            facts.shadowed.join(", ")
        ),
        "offhook makes these files itself, or phones go on without them; remove those so that nobody is misled",
    )]
}

fn links(facts: &Facts) -> Vec<Check> {
    if facts.links.is_empty() {
        return Vec::new();
    }
    vec![bad(
        "fall-through",
        CheckStatus::Warning,
        format!(
            "{} in tftp.fall_through are links, which are never followed: {}",
            facts.links.len(),
            facts.links.join(", ")
        ),
        "see who made them; put the files themselves there, or remove the links",
    )]
}

fn rows(facts: &Facts) -> Vec<Check> {
    let one = |row: &RowProblem| {
        bad(&row.problem.code, CheckStatus::Warning, row.problem.summary.clone(), row.problem.remedy.clone())
    };
    // What belongs to a phone is among its findings.
    let told = |row: &&RowProblem| {
        let of = |(mac, finding): &(MacAddr, Finding)| row.mac == Some(*mac) && finding.code == row.problem.code;
        !facts.findings.iter().any(of)
    };
    facts.problems.iter().filter(told).map(one).collect()
}

/// Phones of which the sentence is said, of those that have one finding in common, and of which the MAC is: forty phones with
/// one cause are one line.
const NAMED: usize = 3;
const LISTED: usize = 40;

/// Phones, and what is said of each.
type Said<'a> = Vec<(MacAddr, &'a str)>;

fn phones(facts: &Facts) -> Vec<Check> {
    let mut groups: BTreeMap<(Severity, &str, &str), Said<'_>> = BTreeMap::new();
    for (mac, finding) in &facts.findings {
        let group = groups.entry((finding.severity, &finding.code, &finding.remedy)).or_default();
        group.push((*mac, finding.summary.trim_end_matches('.')));
    }
    let one = |((severity, code, remedy), phones): ((Severity, &str, &str), Said<'_>)| {
        let status = if severity == Severity::Error { CheckStatus::Failed } else { CheckStatus::Warning };
        let (named, rest) = phones.split_at(phones.len().min(NAMED));
        let mut summary = named.iter().map(|(mac, said)| format!("{mac}: {said}")).collect::<Vec<_>>().join("; ");
        if !rest.is_empty() {
            let macs: Vec<String> = rest.iter().take(LISTED).map(|(mac, _)| mac.to_string()).collect();
            let all = if rest.len() > LISTED { " …" } else { "" };
            summary += &format!("; and {} more: {}{all}", rest.len(), macs.join(" "));
        }
        bad(code, status, summary, remedy)
    };
    groups.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Listen;
    use crate::domain::Problem;

    /// F18: what is not served there, and what to do, by the role.
    #[test]
    fn f18_the_remedy_is_the_role_s() {
        for (key, nobody, remedy) in [
            ("tftp.listen", "no phone gets a file over TFTP", "`offhook setup` takes the port over"),
            ("dhcp.interfaces", "no phone gets an address from this host", "set dhcp.mode to off"),
            ("http.listen", "nobody is served there", "give offhook another port"),
        ] {
            let protocol = crate::config::Protocol::Udp;
            let listen = Listen { key, protocol, address: crate::config::DHCP };
            let check = port_held(&Held { listen, holder: Some("dnsmasq (pid 1)".to_owned()) });
            assert!(
                check.summary.starts_with(&held_at(&listen)) && check.summary.contains("dnsmasq (pid 1)"),
                "{check:?}"
            );
            assert!(check.summary.contains(nobody) && check.remedy.contains(remedy), "{check:?}");
        }
    }

    fn finding(mac: &str, code: &str, summary: &str) -> (MacAddr, Finding) {
        (mac.parse().unwrap(), Finding::of(Severity::Error, &Problem::new(code, summary, "do this")))
    }

    #[test]
    fn one_cause_is_one_line_however_many_phones() {
        let findings = (1..=40).map(|n| finding(&format!("001B54AABB{n:02X}"), "tcp-off", "TCP is off.")).collect();
        let checks = phones(&Facts { findings, ..Facts::default() });
        let [only] = checks.as_slice() else { panic!("{checks:?}") };
        assert_eq!((only.name.as_str(), only.status), ("tcp-off", CheckStatus::Failed));
        assert!(only.summary.starts_with("001B54AABB01: TCP is off; 001B54AABB02: "), "{}", only.summary);
        assert!(only.summary.contains("; and 37 more: 001B54AABB04 001B54AABB05 "), "{}", only.summary);
        assert!(only.summary.ends_with(" 001B54AABB28"), "{}", only.summary);
    }

    #[test]
    fn what_is_a_phone_s_finding_is_not_said_twice() {
        let mac = "001B54AABB01";
        let row = |mac: Option<&str>, code: &str| RowProblem {
            mac: mac.map(|mac| mac.parse().unwrap()),
            extension: None,
            problem: Problem::new(code, "x", "y"),
        };
        let facts = Facts {
            problems: vec![row(Some(mac), "assigned-twice"), row(Some(mac), "bad-line"), row(None, "bad-mac")],
            findings: vec![finding(mac, "assigned-twice", "x")],
            ..Facts::default()
        };
        let names: Vec<String> = rows(&facts).into_iter().map(|check| check.name).collect();
        assert_eq!(names, ["bad-line", "bad-mac"]);
    }
}
