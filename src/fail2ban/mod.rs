//! Addresses that fail2ban blocks, as its log tells of them: a phone whose address is blocked registers nowhere, and nothing
//! on the wire says so. Pure; [`log`] reads the file.
//!
//! The lines are those of fail2ban 1.0 (`fail2ban.actions [PID]: NOTICE [JAIL] Ban IP`, `Restore Ban`, `Unban`, `IP already
//! banned`; `fail2ban.server [PID]: INFO Starting Fail2ban v1.0.2`) and of 0.8, which says neither the process nor NOTICE, and
//! tells of its start before it opens the file [F2B].

pub mod log;

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::domain::printable;

/// Addresses kept at most, and jails of each.
const ADDRESSES: usize = 4_096;
const JAILS: usize = 16;

/// Longest name of a jail that is shown, in octets.
const NAME: usize = 64;

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Something of an address.
    Says(Word),
    /// It starts. One that ended in order has said of each address that it is blocked no more, and one that did not says which
    /// are blocked again.
    Starts,
}

/// What it says of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// When, by the log.
    pub at: Timestamp,
    /// Which jail.
    pub jail: String,
    /// The address.
    pub ip: Ipv4Addr,
    /// Whether it is blocked from now on.
    pub banned: bool,
}

/// Reads a line; `None` = it says nothing of who is blocked. `zone` is that of the log's times.
pub fn read(line: &str, zone: &TimeZone) -> Option<Line> {
    let mut words = line.split_ascii_whitespace();
    let (date, time) = (words.next()?, words.next()?);
    let at: DateTime = format!("{date} {}", time.replace(',', ".")).parse().ok()?;
    let at = at.to_zoned(zone.clone()).ok()?.timestamp();
    // What was matched in other programs' logs may be quoted after another part's name.
    match words.next()?.trim_end_matches(':') {
        "fail2ban.actions" => {}
        "fail2ban.server" => {
            let said: Vec<&str> = words.skip_while(|word| is_process(word)).collect();
            return matches!(said[..], ["INFO", "Starting", "Fail2ban", _]).then_some(Line::Starts);
        }
        _ => return None,
    }
    let jail = words.by_ref().take(3).find(|word| !is_process(word) && word.starts_with('['))?;
    let jail = jail.strip_prefix('[')?.strip_suffix(']')?;
    let (ip, banned) = match words.collect::<Vec<_>>()[..] {
        ["Ban", ip] | ["Restore", "Ban", ip] | [ip, "already", "banned"] => (ip, true),
        ["Unban", ip] => (ip, false),
        _ => return None,
    };
    Some(Line::Says(Word { at, jail: printable(jail.as_bytes(), NAME), ip: ip.parse().ok()?, banned }))
}

/// `[1284]:`
fn is_process(word: &str) -> bool {
    word.ends_with("]:")
}

/// An address that is blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    /// The jail that blocked it first, of those that do.
    pub jail: String,
    /// Since when, by the log.
    pub since: Timestamp,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Bans(HashMap<Ipv4Addr, BTreeMap<String, Timestamp>>);

impl Bans {
    /// Takes it in. Returns whether it says something new.
    pub fn take(&mut self, word: &Word) -> bool {
        let jails = self.0.get(&word.ip);
        let known = jails.is_some_and(|jails| jails.contains_key(&word.jail));
        if known == word.banned {
            return false;
        }
        if word.banned {
            let room = jails.map_or(self.0.len() < ADDRESSES, |jails| jails.len() < JAILS);
            if room {
                self.0.entry(word.ip).or_default().insert(word.jail.clone(), word.at);
            }
            return room;
        }
        if let Some(jails) = self.0.get_mut(&word.ip) {
            jails.remove(&word.jail);
            if jails.is_empty() {
                self.0.remove(&word.ip);
            }
        }
        true
    }

    /// None is blocked any more. Returns those that were.
    pub fn end(&mut self) -> Vec<(Ipv4Addr, Ban)> {
        let all: Vec<Ipv4Addr> = self.0.keys().copied().collect();
        let were = all.into_iter().filter_map(|ip| Some((ip, self.of(ip)?))).collect();
        self.0.clear();
        were
    }

    /// Who blocks an address.
    pub fn of(&self, ip: Ipv4Addr) -> Option<Ban> {
        let (jail, since) = self.0.get(&ip)?.iter().min_by_key(|(_, since)| **since)?;
        Some(Ban { jail: jail.clone(), since: *since })
    }

    /// How many addresses are blocked.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(line: &str) -> Option<Word> {
        match read(line, &TimeZone::UTC)? {
            Line::Says(word) => Some(word),
            Line::Starts => None,
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn lines_of_either_generation() {
        let say = |at: &str, last, banned| {
            Some(Word { at: self::at(at), jail: "asterisk-iptables".to_owned(), ip: [192, 0, 2, last].into(), banned })
        };
        for (line, expected) in [
            (
                "2026-11-22 10:23:44,273 fail2ban.actions        [1284]: NOTICE  [asterisk-iptables] Ban 192.0.2.7",
                say("2026-11-22T10:23:44.273Z", 7, true),
            ),
            (
                "2026-11-22 10:23:44,510 fail2ban.actions        [1284]: NOTICE  [asterisk-iptables] Unban 192.0.2.8",
                say("2026-11-22T10:23:44.510Z", 8, false),
            ),
            (
                "2026-11-22 10:23:51,413 fail2ban.actions        [1284]: NOTICE  [asterisk-iptables] Restore Ban 192.0.2.9",
                say("2026-11-22T10:23:51.413Z", 9, true),
            ),
            (
                "2026-11-22 10:23:51,413 fail2ban.actions        [1284]: WARNING [asterisk-iptables] 192.0.2.9 already banned",
                say("2026-11-22T10:23:51.413Z", 9, true),
            ),
            (
                "2013-10-10 10:00:00,000 fail2ban.actions: WARNING [asterisk-iptables] Ban 192.0.2.9",
                say("2013-10-10T10:00:00Z", 9, true),
            ),
        ] {
            assert_eq!(word(line), expected, "{line}");
        }
    }

    /// What others put into that log blocks nobody.
    #[test]
    fn other_lines_say_nothing() {
        for line in [
            "",
            "2026-11-22",
            "2026-11-22 10:23:43,984 fail2ban.actions        [1284]: INFO      banTime: 3",
            "2026-11-22 10:23:43,984 fail2ban.filter         [1284]: INFO    [asterisk] Found 192.0.2.7 - 2026-11-22 10:23:43",
            "2026-11-22 10:23:43,984 fail2ban.filter         [1284]: WARNING [asterisk] Ban 192.0.2.7",
            "2026-11-22 10:23:43,984 fail2ban.filter [1]: ERROR fail2ban.actions [1]: NOTICE [x] Ban 192.0.2.7",
            "2026-11-22 10:23:44,273 fail2ban.actions [1284]: NOTICE [asterisk] Ban 192.0.2.7 and more",
            "2026-11-22 10:23:44,273 fail2ban.actions [1284]: NOTICE [asterisk] Ban 2001:db8::7",
            "2026-11-22 10:23:44,273 fail2ban.actions [1284]: NOTICE [asterisk] Ban 192.0.2.700",
            "2026-11-22 10:23:44,273 fail2ban.actions [1284]: NOTICE [as terisk] Ban 192.0.2.7",
            "2026-13-22 10:23:44,273 fail2ban.actions [1284]: NOTICE [asterisk] Ban 192.0.2.7",
            "fail2ban.actions [1284]: NOTICE [asterisk] Ban 192.0.2.7",
        ] {
            assert_eq!(read(line, &TimeZone::UTC), None, "{line}");
        }
    }

    #[test]
    fn its_start_is_known_from_what_resembles_it() {
        let start = "2026-11-22 10:23:43,966 fail2ban.server         [1284]: INFO    ";
        for (said, starts) in [
            ("Starting Fail2ban v1.0.2", true),
            ("Starting Fail2ban v0.11.2", true),
            // A log that is opened elsewhere, by a running one.
            ("Start Fail2ban v1.0.2", false),
            ("Changed logging target to /var/log/fail2ban.log for Fail2ban v1.0.2", false),
            ("Reload all jails", false),
            ("Starting in daemon mode", false),
            ("Found 192.0.2.7 Starting Fail2ban v1.0.2", false),
            ("--------------------------------------------------", false),
        ] {
            let read = read(&format!("{start}{said}"), &TimeZone::UTC);
            assert_eq!(read, starts.then_some(Line::Starts), "{said}");
        }
        let other = "2026-11-22 10:23:43,966 fail2ban.filter         [1284]: INFO    Starting Fail2ban v1.0.2";
        assert_eq!(read(other, &TimeZone::UTC), None);
    }

    #[test]
    fn an_address_is_blocked_while_one_jail_does() {
        let mut bans = Bans::default();
        let say = |jail: &str, second, banned| Word {
            at: Timestamp::from_second(second).unwrap(),
            jail: jail.to_owned(),
            ip: [192, 0, 2, 7].into(),
            banned,
        };
        assert!(!bans.take(&say("asterisk", 1, false)), "its ban is in a log that is gone");
        assert!(bans.take(&say("asterisk", 2, true)) && bans.take(&say("recidive", 3, true)));
        assert!(!bans.take(&say("asterisk", 4, true)), "restored");
        let ban = |bans: &Bans| bans.of([192, 0, 2, 7].into()).map(|ban| (ban.jail, ban.since.as_second()));
        assert_eq!(ban(&bans), Some(("asterisk".to_owned(), 2)));
        assert!(bans.take(&say("asterisk", 5, false)));
        assert_eq!(ban(&bans), Some(("recidive".to_owned(), 3)));
        assert!(bans.take(&say("recidive", 6, false)));
        assert!(ban(&bans).is_none() && bans.is_empty());
        assert!(bans.take(&say("asterisk", 7, true)) && bans.take(&say("recidive", 8, true)));
        let were: Vec<_> = bans.end().into_iter().map(|(ip, ban)| (ip.octets()[3], ban.jail)).collect();
        assert_eq!((were, bans.len()), (vec![(7, "asterisk".to_owned())], 0));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut bans = Bans::default();
        for n in 0..20_000_u32 {
            let word =
                Word { at: Timestamp::UNIX_EPOCH, jail: format!("jail{}", n % 3), ip: Ipv4Addr::from(n), banned: true };
            bans.take(&word);
            bans.take(&Word { ip: Ipv4Addr::from(1), jail: format!("jail{n}"), ..word });
        }
        assert_eq!((bans.len(), bans.0[&Ipv4Addr::from(1)].len()), (ADDRESSES, JAILS));
    }
}
