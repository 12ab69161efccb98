//! What phones say of themselves by syslog, read as far as it is RFC 5424 or RFC 3164; all else is text. Off by default.
//!
//! Whoever writes can write anything: a line is shown and proves nothing, and it is of the phone at the address that it came
//! from, whatever name is in it. [`gate`] bounds how much is kept of whom.

pub mod gate;
pub mod io;

use crate::domain::printable;

/// Octets of a datagram that are read (RFC 5424 section 6.1 wants 2,048); the rest is cut.
pub const LONGEST: usize = 2_048;

/// Characters of a line that are kept.
pub const KEPT: usize = 256;

/// The eight of RFC 5424 section 6.2.1, worst first.
const SEVERITIES: [&str; 8] =
    ["emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"];

/// What a datagram without a priority has (RFC 3164 section 4.3.3: user, notice).
const NOTICE: &str = "notice";

/// A line as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How bad its writer calls it.
    pub severity: &'static str,
    /// Who said it, where that was told, and what: printable, cut.
    pub text: String,
}

impl Line {
    /// In place of lines that were not kept.
    pub(crate) fn rest(count: u32) -> Self {
        Self { severity: NOTICE, text: format!("… {count} more") }
    }
}

/// Reads a datagram. Nothing is refused: what follows neither RFC is text.
pub fn parse(datagram: &[u8]) -> Line {
    let Some((severity, rest)) = priority(datagram) else { return line(NOTICE, original(datagram)) };
    match modern(rest) {
        Some((by, said)) => line(severity, &[by, said.to_vec()].concat()),
        None => line(severity, original(rest)),
    }
}

fn line(severity: &'static str, text: &[u8]) -> Line {
    let blank = |octet: &u8| octet.is_ascii_whitespace() || *octet == 0;
    let end = text.iter().rposition(|octet| !blank(octet)).map_or(0, |last| last + 1);
    let text = text.get(..end).unwrap_or_default();
    let start = text.iter().position(|octet| !blank(octet)).unwrap_or(end);
    let mut text = printable(text.get(start..).unwrap_or_default(), KEPT);
    // Escaped, an octet is four characters, all of them ASCII.
    text.truncate(KEPT);
    Line { severity, text }
}

/// `<0>` to `<191>` (RFC 5424 section 6.2.1), and what follows.
fn priority(datagram: &[u8]) -> Option<(&'static str, &[u8])> {
    let rest = datagram.strip_prefix(b"<")?;
    let digits = rest.iter().take_while(|octet| octet.is_ascii_digit()).count();
    let value: u8 = std::str::from_utf8(rest.get(..digits)?).ok()?.parse().ok().filter(|value| *value < 192)?;
    let rest = rest.get(digits..)?.strip_prefix(b">")?;
    Some((SEVERITIES.get(usize::from(value % 8))?, rest))
}

/// RFC 5424: who said it, as RFC 3164 would write it, and what. Of structured data only what stands alone is shown.
fn modern(rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (stamp, rest) = word(rest.strip_prefix(b"1 ")?)?;
    if stamp != b"-" && !is_iso(stamp) {
        return None;
    }
    let (_host, rest) = word(rest)?;
    let (app, rest) = word(rest)?;
    let (process, rest) = word(rest)?;
    let (_id, rest) = word(rest)?;
    let (data, rest) = structured(rest)?;
    let said = rest.strip_prefix(b" ").unwrap_or(rest);
    let said = said.strip_prefix(b"\xef\xbb\xbf").unwrap_or(said);
    // rsyslog keeps the blank that RFC 3164 has after a tag.
    let said = said.trim_ascii_start();
    let said = if said.is_empty() { data } else { said };
    let by = match (app, process) {
        (b"-", _) => Vec::new(),
        (app, b"-") => [app, b": "].concat(),
        (app, process) => [app, b"[", process, b"]: "].concat(),
    };
    Some((by, said))
}

/// Structured data, `-` or elements in brackets with quoted values (RFC 5424 section 6.3), and what follows.
fn structured(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some(after) = rest.strip_prefix(b"-") {
        return Some((b"", after));
    }
    let (mut quoted, mut escaped, mut open) = (false, false, false);
    for (at, octet) in rest.iter().enumerate() {
        match octet {
            _ if std::mem::take(&mut escaped) => {}
            b'\\' if quoted => escaped = true,
            b'"' if open => quoted = !quoted,
            b'[' if !open => open = true,
            b']' if open && !quoted => {
                open = false;
                if rest.get(at + 1) != Some(&b'[') {
                    return rest.split_at_checked(at + 1);
                }
            }
            _ if !open => return None,
            _ => {}
        }
    }
    None
}

/// RFC 3164: what follows the time and the host, as far as those are there. Many leave them out.
fn original(rest: &[u8]) -> &[u8] {
    let Some(rest) = after_time(rest) else { return rest };
    let Some((host, said)) = word(rest) else { return rest };
    // A host is an address, or stands before a tag: it is no word of the sentence.
    let tagged = word(said).is_some_and(|(tag, _)| tag.ends_with(b":"));
    let is_address = std::str::from_utf8(host).is_ok_and(|host| host.parse::<std::net::IpAddr>().is_ok());
    if is_address || (tagged && !host.ends_with(b":")) { said } else { rest }
}

/// What follows a time: `Oct 11 22:14:15 `, or as RFC 3339 has it.
fn after_time(rest: &[u8]) -> Option<&[u8]> {
    if let Some((stamp, rest)) = word(rest)
        && is_iso(stamp)
    {
        return Some(rest);
    }
    let months = [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    let (month, rest) = word(rest)?;
    let (day, rest) = word(rest.strip_prefix(b" ").unwrap_or(rest))?;
    let (clock, rest) = word(rest)?;
    let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let clock_like = clock.get(..8).is_some_and(|clock| {
        let mut parts = clock.split(|octet| *octet == b':');
        parts.by_ref().take(3).filter(|part| part.len() == 2 && digits(part)).count() == 3 && parts.next().is_none()
    });
    (months.iter().any(|name| month == *name) && day.len() <= 2 && digits(day) && clock_like).then_some(rest)
}

/// Begins as RFC 3339 writes a day and an hour.
fn is_iso(stamp: &[u8]) -> bool {
    let shape = b"0000-00-00T00:00:00";
    stamp.get(..shape.len()).is_some_and(|stamp| {
        stamp.iter().zip(shape).all(|(is, as_in)| if *as_in == b'0' { is.is_ascii_digit() } else { is == as_in })
    })
}

/// What stands before the next blank, and what follows that; `None` where there is no blank or nothing before it.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|octet| *octet == b' ').filter(|at| *at > 0)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 3164 section 5.4 and RFC 5424 section 6.5, and what senders make of them.
    #[test]
    fn lines_of_all_kinds() {
        for (datagram, severity, text) in [
            (
                &b"<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8"[..],
                "critical",
                "su: 'su root' failed for lonvick on /dev/pts/8",
            ),
            (b"Use the BFG!", "notice", "Use the BFG!"),
            (b"<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!", "notice", "Use the BFG!"),
            (
                b"<165>Aug 24 05:34:00 CST 1987 mymachine myproc[10]: %% It's time",
                "notice",
                "CST 1987 mymachine myproc[10]: %% It's time",
            ),
            (
                b"<0>1990 Oct 22 10:52:01 TZ-6 scapegoat.dmz.example.org 10.1.2.3 sched[0]: That's All Folks!",
                "emergency",
                "1990 Oct 22 10:52:01 TZ-6 scapegoat.dmz.example.org 10.1.2.3 sched[0]: That's All Folks!",
            ),
            (
                b"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed",
                "critical",
                "su: 'su root' failed",
            ),
            (
                b"<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
                "notice",
                "myproc[8710]: %% It's time to make the do-nuts.",
            ),
            (
                b"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut=\"3\" eventSource=\"A\\\"]p\" eventID=\"1011\"] An application event",
                "notice",
                "evntslog: An application event",
            ),
            (
                b"<165>1 2003-10-11T22:14:15.003Z m evntslog - ID47 [a@1 iut=\"3\"][b@1 class=\"high\"]",
                "notice",
                "evntslog: [a@1 iut=\"3\"][b@1 class=\"high\"]",
            ),
            // Sent on by rsyslog: the time of one RFC, the form of the other.
            (b"<13>2026-11-22T10:13:16.123456+00:00 desk app: up", "notice", "app: up"),
            (b"<13>1 2026-11-22T10:13:16Z desk app - - -  up", "notice", "app: up"),
            (b"<13>Oct 11 22:14:15 app: no host", "notice", "app: no host"),
            (b"<13>Oct 11 22:14:15 phone rebooted", "notice", "phone rebooted"),
            (b"<191>a\n\0", "debug", "a"),
            (b"<192>a", "notice", "<192>a"),
            (b"<>a", "notice", "<>a"),
            (b"<13", "notice", "<13"),
            (b"<13>1 yesterday a b c d - e", "notice", "1 yesterday a b c d - e"),
            (b"<13>1 - - - - - [broken", "notice", "1 - - - - - [broken"),
            (b"<13>1 - - - - - -", "notice", ""),
            (b"<27>a\x1b[2J<b>\xff", "error", "a\\x1b[2J<b>\\xff"),
            (b"", "notice", ""),
        ] {
            assert_eq!(parse(datagram), Line { severity, text: text.to_owned() }, "{}", datagram.escape_ascii());
        }
    }

    #[test]
    fn a_line_is_cut() {
        for octet in [b'a', 0xff] {
            assert_eq!(parse(&[octet; LONGEST]).text.len(), KEPT);
        }
    }
}
