//! The events of a timeline, as what happens in a script.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};

use jiff::{SignedDuration, Timestamp};

use super::story::{Moment, What, v4};
use super::{Ended, Fetched, Happens};
use crate::diagnose::Evidence;
use crate::domain::{BootEvent, DhcpStep, EventKind, Rejection};
use crate::files::name::FileRequest;
use crate::timeline::Row;

/// Rounds of a fold that are written: the first, and the last ones.
const ROUNDS: u32 = 8;

/// A request and its end are one line within this.
const AT_ONCE: SignedDuration = SignedDuration::from_millis(1_000);

/// How the timeline says that a phone was assigned which was not before.
const ASSIGNED: &str = "assigned";

/// Of so many events the end of a request may be one.
const NEAR: usize = 6;

/// What became of the events.
pub(super) struct Story {
    pub(super) moments: Vec<Moment>,
    /// It was assigned in the course of them.
    pub(super) later: bool,
}

/// An event, or that it stands for many.
enum Step<'a> {
    Event(&'a BootEvent),
    Again { times: u32, since: Timestamp },
}

/// Rows as single events, in order.
fn expanded(rows: &[Row]) -> VecDeque<(Timestamp, Step<'_>)> {
    let mut steps = VecDeque::new();
    let mut rows = rows.iter().peekable();
    while let Some(first) = rows.next() {
        let Some(since) = first.since.filter(|_| first.times > 1) else {
            steps.push_back((first.event.at, Step::Event(&first.event)));
            continue;
        };
        let mut cycle = vec![first];
        let same = |next: &&Row| (next.times, next.since, next.cycle) == (first.times, first.since, first.cycle);
        while cycle.len() < first.cycle
            && let Some(next) = rows.next_if(|next| same(next))
        {
            cycle.push(next);
        }
        let gaps = i32::try_from(first.times.saturating_sub(1)).unwrap_or(i32::MAX).max(1);
        let all = first.event.at.duration_since(since);
        let pace = all / gaps;
        steps.push_back((since, Step::Again { times: first.times, since }));
        let rounds = first.times.min(ROUNDS);
        for round in 0..rounds {
            let back = if round == 0 { all } else { pace * i32::try_from(rounds - 1 - round).unwrap_or_default() };
            for row in &cycle {
                steps.push_back((row.event.at.checked_sub(back).unwrap_or(since), Step::Event(&row.event)));
            }
        }
    }
    // Where the clock was put back, what came after still comes after.
    let mut last = Timestamp::MIN;
    for (at, _) in &mut steps {
        last = last.max(*at);
        *at = last;
    }
    steps
}

/// What happened to a phone at that address.
pub(super) fn story(rows: &[Row], address: Option<Ipv4Addr>, evidence: &Evidence<'_>) -> Story {
    let mut rest = expanded(rows);
    let Some(first) = rest.front().map(|(at, _)| *at) else { return Story { moments: Vec::new(), later: false } };
    let unassigned = rows.iter().rev().find_map(|row| match &row.event.what {
        EventKind::FileAsked { refused: Some(why), .. } if why == "not-assigned" => Some(row.event.at),
        _ => None,
    });
    let mut teller = Teller {
        address,
        assigned: evidence.assignment.is_some(),
        denied: evidence.denied.is_some(),
        unassigned,
        served: false,
        later: false,
        known: BTreeSet::new(),
        before: Vec::new(),
    };
    let mut moments: Vec<Moment> = Vec::new();
    while let Some((at, step)) = rest.pop_front() {
        let what = match step {
            Step::Again { times, since } => {
                let after = std::time::Duration::try_from(since.duration_since(first)).unwrap_or_default();
                let shown = times.min(ROUNDS);
                let text = format!("{times} times since {}; {shown} of them follow", super::write::time(after));
                Some(What::Remark(text))
            }
            Step::Event(event) => teller.tell(event, at, moments.is_empty(), &mut rest),
        };
        moments.extend(what.map(|what| Moment { at, what }));
    }
    let before = teller.before.into_iter().map(|extension| {
        let agent = super::read::AGENT.to_owned();
        Moment::new(first, Happens::Registers { extension, at: None, agent })
    });
    Story { moments: before.chain(moments).collect(), later: teller.later }
}

struct Teller {
    address: Option<Ipv4Addr>,
    assigned: bool,
    /// That somebody was denied its files is of concern still.
    denied: bool,
    /// Its own configuration was served: then it was assigned.
    served: bool,
    /// When it was last told that nobody assigned it.
    unassigned: Option<Timestamp>,
    later: bool,
    /// Extensions of which a registration stands in the script.
    known: BTreeSet<String>,
    /// Those whose registration is older than what is kept.
    before: Vec<String>,
}

impl Teller {
    fn tell(
        &mut self,
        event: &BootEvent,
        at: Timestamp,
        first: bool,
        rest: &mut VecDeque<(Timestamp, Step<'_>)>,
    ) -> Option<What> {
        let from = |ip: Option<IpAddr>| ip.and_then(v4).filter(|ip| Some(*ip) != self.address);
        let fetched = |name: &String| Fetched { name: name.clone(), from: from(event.ip) };
        let happens = match &event.what {
            EventKind::FileAsked { name, refused: Some(why), .. } => {
                Happens::Asks { name: name.clone(), answer: why.clone(), from: from(event.ip) }
            }
            EventKind::FileAsked { name, refused: None, .. } => {
                self.served |= matches!(FileRequest::parse(name), FileRequest::Phone(..));
                asked(fetched(name), at, rest)
            }
            EventKind::FileSent { name, .. } => Happens::Has(fetched(name)),
            EventKind::FileFailed { name, reason, said, .. } => {
                Happens::Drops(fetched(name), end(reason, said.as_ref()))
            }
            EventKind::Registered { extension, uri, user_agent, .. } => {
                self.known.insert(extension.clone());
                let host = uri.rsplit('@').next().and_then(|host| host.split([':', ';', '>']).next());
                let host = host.and_then(|host| host.parse().ok()).filter(|ip| Some(*ip) != self.address);
                Happens::Registers { extension: extension.clone(), at: host, agent: user_agent.clone() }
            }
            EventKind::Unregistered { extension } => {
                self.registered_before(extension);
                self.known.remove(extension);
                Happens::Gone(extension.clone())
            }
            EventKind::Unreachable { extension } => {
                self.registered_before(extension);
                Happens::Unreachable(extension.clone())
            }
            EventKind::Rejected { extension, why, address } => {
                let known = Rejection::ALL.into_iter().find(|known| known.word() == why);
                let Some(why) = known else { return Some(What::Remark(format!("rejected as {extension}: {why}"))) };
                Happens::Rejects { extension: extension.clone(), why, at: from(Some(*address)) }
            }
            EventKind::Banned { jail, banned: true } => Happens::Banned(Some(jail.clone())),
            EventKind::Banned { jail, banned: false } => Happens::Unbanned(Some(jail.clone())),
            EventKind::Leased { address } => Happens::Leases(*address),
            EventKind::Dhcp { step: DhcpStep::Elsewhere, address: Some(address), server } => {
                Happens::Takes(*address, *server)
            }
            EventKind::Dhcp { step: DhcpStep::Elsewhere, address: None, .. } => {
                return Some(What::Remark("it took the address of another server".to_owned()));
            }
            EventKind::Dhcp { step, address, .. } => Happens::Dhcp(*step, *address),
            EventKind::Denied { name, from, why } if !self.denied => {
                return Some(What::Remark(format!("{from} was denied {name} ({why}), which is over")));
            }
            EventKind::Denied { name, from, why } => {
                Happens::Denied { name: name.clone(), why: why.clone(), from: *from }
            }
            EventKind::Syslog { severity, .. } => Happens::Speaks(severity.clone()),
            EventKind::Told { what } => Happens::Told(what.clone()),
            EventKind::Admin { what, .. } => Happens::Does(what.clone()),
            // Follows from what else stands in the script.
            EventKind::Firmware { what } => return Some(What::Remark(format!("its conversion: {what}"))),
            EventKind::Sighted { what } => return Some(What::Remark(format!("it {what}"))),
            EventKind::Assigned { what, same_file } => {
                if !self.assigned {
                    return Some(What::Remark(what.clone()));
                }
                let refused = self.unassigned.is_some_and(|last| last <= at);
                let anew = what == ASSIGNED && self.unassigned.is_none() && !self.served;
                if first && !refused {
                    // It is what the script begins with.
                    return None;
                }
                if *same_file {
                    return Some(What::Happens(Happens::Settings));
                }
                if !self.later && (refused || anew) {
                    self.later = true;
                    Happens::Assigned
                } else {
                    Happens::Changes
                }
            }
        };
        Some(What::Happens(happens))
    }

    fn registered_before(&mut self, extension: &str) {
        if self.known.insert(extension.to_owned()) {
            self.before.push(extension.to_owned());
        }
    }
}

/// A request that was not refused, with its end where that follows at once.
fn asked(what: Fetched, at: Timestamp, rest: &mut VecDeque<(Timestamp, Step<'_>)>) -> Happens {
    let of = |step: &Step<'_>| match step {
        Step::Event(event) => match &event.what {
            EventKind::FileSent { name, .. } if *name == what.name => Some(None),
            EventKind::FileFailed { name, reason, said, .. } if *name == what.name => {
                Some(Some(end(reason, said.as_ref())))
            }
            _ => None,
        },
        Step::Again { .. } => None,
    };
    // In the folder of others, where nobody had it.
    let absent = |step: &Step<'_>| of(step).flatten().is_some_and(|end| end.reason == "not-found");
    if let Some(absent) = rest.iter().take(NEAR).position(|(_, step)| absent(step)) {
        rest.remove(absent);
        return Happens::Asks { name: what.name, answer: "not-found".to_owned(), from: what.from };
    }
    // What is not made here may be of the store, or of the folder of others.
    let made = matches!(FileRequest::parse(&what.name), FileRequest::Phone(..) | FileRequest::Shared(_));
    let soon = |then: &Timestamp| made && then.duration_since(at) <= AT_ONCE;
    let next = rest.front().filter(|(then, _)| soon(then)).and_then(|(_, step)| of(step));
    if next.is_some() {
        rest.pop_front();
    }
    match next {
        Some(None) => Happens::Gets(what),
        Some(Some(end)) => Happens::Loses(what, end),
        None => Happens::Asks { name: what.name, answer: "sent".to_owned(), from: what.from },
    }
}

fn end(reason: &str, said: Option<&String>) -> Ended {
    Ended { reason: reason.to_owned(), said: said.cloned() }
}
