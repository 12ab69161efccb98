//! Which other DHCP servers are there, since when, and what is wrong with what they tell phones. A pure state: an edge asks and
//! listens, and says what it heard.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use jiff::Timestamp;

use super::offer::{Complaint, Offer};

/// Most servers that are kept: whoever forges answers fills no memory.
pub const MOST: usize = 64;

/// Rounds of silence after which a server is gone.
const SILENT: u8 = 3;

/// How a server came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heard {
    /// It answered somebody else.
    Overheard,
    /// It answered our own question.
    Answered,
}

/// Another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rival {
    /// The link that it was heard on.
    pub interface: String,
    /// How; what it once answered is not forgotten.
    pub heard: Heard,
    /// Since when it is known.
    pub since: Timestamp,
    /// When it was last heard.
    pub last: Timestamp,
    /// What it tells.
    pub offer: Offer,
    /// What is wrong with what it answers phones.
    answered: Vec<Complaint>,
    /// What was wrong with what it told others, since our last question.
    overheard: Vec<Complaint>,
    /// Heard since our last question.
    spoke: bool,
    /// News of what was overheard was given since then.
    told: bool,
    /// Rounds without a word.
    silent: u8,
}

impl Rival {
    /// What is wrong with what it tells, the worst first, each once.
    pub fn complaints(&self) -> Vec<Complaint> {
        let mut all = [self.answered.as_slice(), &self.overheard].concat();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// What is worth a line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A server that was not known.
    Appeared(Rival),
    /// What it tells is now right, or wrong, or wrong in another way.
    Changed(Rival),
    /// It has not been heard for three rounds.
    Gone(Rival),
}

/// What is known of one link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Link {
    /// Questions whose time for answers is over, since the link was last looked at anew.
    rounds: u32,
    /// Why nobody listens there.
    trouble: Option<String>,
    /// Servers that clients chose there and that are not known, since the last regular question.
    chosen: BTreeSet<Ipv4Addr>,
    /// One of them came since that was asked.
    news: bool,
}

/// Whether this host may serve addresses on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Serving {
    /// Nobody else does, or that is allowed.
    Allowed,
    /// Nobody asked there yet.
    NotKnown,
    /// This server does.
    Beside(Ipv4Addr),
}

/// All of them, by link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rivals {
    all: BTreeMap<(String, Ipv4Addr), Rival>,
    links: BTreeMap<String, Link>,
}

impl Rivals {
    /// A server was heard on a link, and these things are wrong with what it says.
    pub fn note(
        &mut self,
        interface: &str,
        offer: Offer,
        heard: Heard,
        complaints: Vec<Complaint>,
        now: Timestamp,
    ) -> Option<News> {
        let key = (interface.to_owned(), offer.server);
        let (answered, overheard) = match heard {
            Heard::Answered => (complaints, Vec::new()),
            Heard::Overheard => (Vec::new(), complaints),
        };
        let Some(rival) = self.all.get_mut(&key) else {
            self.make_room(heard)?;
            let rival = Rival {
                interface: interface.to_owned(),
                heard,
                since: now,
                last: now,
                offer,
                answered,
                overheard,
                spoke: true,
                told: heard == Heard::Overheard,
                silent: 0,
            };
            self.all.insert(key, rival.clone());
            return Some(News::Appeared(rival));
        };
        (rival.last, rival.spoke) = (now, true);
        let (before, was) = (rival.complaints(), rival.heard);
        match heard {
            Heard::Answered => {
                (rival.offer, rival.heard, rival.answered) = (offer, heard, answered);
            }
            // One line for each round, however often somebody is misled.
            Heard::Overheard if overheard.is_empty() || rival.told => return None,
            Heard::Overheard => {
                (rival.overheard, rival.told) = (overheard, true);
                if rival.heard == Heard::Overheard {
                    rival.offer = offer;
                }
            }
        }
        (rival.complaints() != before || rival.heard != was).then(|| News::Changed(rival.clone()))
    }

    /// Who answered us has a place before who was only overheard.
    fn make_room(&mut self, heard: Heard) -> Option<()> {
        if self.all.len() < MOST {
            return Some(());
        }
        let weakest = self.all.iter().min_by_key(|(_, rival)| (rival.heard, rival.last))?;
        let (key, weakest) = (weakest.0.clone(), weakest.1.heard);
        (heard > weakest).then(|| self.all.remove(&key)).map(|_| ())
    }

    /// A client on that link was heard to choose this server, which is none of ours.
    pub fn chosen(&mut self, interface: &str, server: Ipv4Addr) {
        let known = self.all.contains_key(&(interface.to_owned(), server));
        let link = self.links.entry(interface.to_owned()).or_default();
        // One that answers nobody but its own is asked for once a round, and whoever makes them up fills no memory.
        if !known && link.chosen.len() < MOST && link.chosen.insert(server) {
            link.news = true;
        }
    }

    /// Whether a client chose a server that is not known, since the last call.
    pub fn is_news(&mut self, interface: &str) -> bool {
        self.links.get_mut(interface).is_some_and(|link| std::mem::take(&mut link.news))
    }

    /// The time for answers to a question between two regular ones is over: who was silent may be heard in the next.
    pub fn asked_once_more(&mut self, interface: &str) -> Vec<News> {
        let link = self.links.entry(interface.to_owned()).or_default();
        (link.rounds, link.trouble) = (link.rounds.saturating_add(1), None);
        Vec::new()
    }

    /// The time for answers to a regular question on that link is over.
    pub fn round(&mut self, interface: &str) -> Vec<News> {
        let mut news = self.asked_once_more(interface);
        self.links.entry(interface.to_owned()).or_default().chosen.clear();
        self.all.retain(|_, rival| {
            if rival.interface != interface {
                return true;
            }
            rival.silent = if std::mem::take(&mut rival.spoke) { 0 } else { rival.silent.saturating_add(1) };
            if rival.silent >= SILENT {
                news.push(News::Gone(rival.clone()));
                return false;
            }
            // What was overheard holds until a round passes without it.
            if !std::mem::take(&mut rival.told) && !rival.overheard.is_empty() {
                rival.overheard.clear();
                news.push(News::Changed(rival.clone()));
            }
            true
        });
        news
    }

    /// Why nobody can listen on that link. What was known of it is not known any more. Returns whether that is new.
    pub fn lost(&mut self, interface: &str, why: &str) -> bool {
        self.all.retain(|_, rival| rival.interface != interface);
        let link = Link { trouble: Some(why.to_owned()), ..Link::default() };
        let before = self.links.insert(interface.to_owned(), link);
        before.is_none_or(|before| before.trouble.as_deref() != Some(why))
    }

    /// All servers on a link, by address.
    pub fn on(&self, interface: &str) -> impl Iterator<Item = &Rival> {
        self.all.values().filter(move |rival| rival.interface == interface)
    }

    /// Why nobody listens on a link, where that is so.
    pub fn trouble(&self, interface: &str) -> Option<&str> {
        self.links.get(interface)?.trouble.as_deref()
    }

    /// Whether a question was asked on a link, and the time for answers is over.
    pub fn asked(&self, interface: &str) -> bool {
        self.links.get(interface).is_some_and(|link| link.rounds > 0)
    }

    /// A server that answered our question on that link. Who was only overheard does not count: anybody can forge that, and
    /// whoever serves phones there answers one that asks.
    pub fn other_server(&self, interface: &str) -> Option<&Rival> {
        self.on(interface).find(|rival| rival.heard == Heard::Answered)
    }

    /// T12: whether this host may serve addresses on a link; `beside` = also beside another server.
    pub fn serving(&self, interface: &str, beside: bool) -> Serving {
        match self.other_server(interface) {
            _ if beside => Serving::Allowed,
            Some(other) => Serving::Beside(other.offer.server),
            None if self.asked(interface) => Serving::Allowed,
            None => Serving::NotKnown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(last: u8) -> Offer {
        Offer {
            server: Ipv4Addr::new(10, 0, 0, last),
            address: Ipv4Addr::new(10, 0, 1, 1),
            next_server: None,
            mask: None,
            router: None,
            lease: None,
            tftp_servers: None,
            tftp_name: None,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn wrong() -> Vec<Complaint> {
        vec![Complaint::Missing150]
    }

    fn names(news: Vec<News>) -> Vec<String> {
        let name = |news: News| match news {
            News::Appeared(rival) => format!("+{}", rival.offer.server),
            News::Changed(rival) => format!("~{} {}", rival.offer.server, rival.complaints().len()),
            News::Gone(rival) => format!("-{}", rival.offer.server),
        };
        news.into_iter().map(name).collect()
    }

    #[test]
    fn a_server_comes_changes_and_goes() {
        let mut rivals = Rivals::default();
        let note = |rivals: &mut Rivals, complaints, second| {
            names(rivals.note("eth1", offer(1), Heard::Answered, complaints, at(second)).into_iter().collect())
        };
        assert_eq!(note(&mut rivals, vec![], 1), ["+10.0.0.1"]);
        assert_eq!(note(&mut rivals, vec![], 2), [""; 0]);
        assert_eq!(note(&mut rivals, wrong(), 3), ["~10.0.0.1 1"]);
        assert_eq!(names(rivals.round("eth1")), [""; 0]);
        // Another link's rounds are not this one's.
        for _ in 0..9 {
            assert_eq!(names(rivals.round("eth2")), [""; 0]);
        }
        for _ in 0..2 {
            assert_eq!(names(rivals.round("eth1")), [""; 0]);
        }
        assert_eq!(note(&mut rivals, wrong(), 4), [""; 0], "it speaks before the third");
        for expected in [vec![], vec![], vec![], vec!["-10.0.0.1"]] {
            assert_eq!(names(rivals.round("eth1")), expected);
        }
        assert_eq!(rivals.on("eth1").count(), 0);
        assert_eq!(note(&mut rivals, vec![], 5), ["+10.0.0.1"]);
    }

    /// T12.
    #[test]
    fn t12_no_serving_beside_another_server() {
        let mut rivals = Rivals::default();
        assert_eq!(rivals.serving("eth1", false), Serving::NotKnown);
        rivals.round("eth1");
        assert_eq!(rivals.serving("eth1", false), Serving::Allowed);
        rivals.note("eth1", offer(7), Heard::Overheard, vec![], at(1));
        assert_eq!(rivals.serving("eth1", false), Serving::Allowed, "anybody can forge that");
        let answers = rivals.note("eth1", offer(7), Heard::Answered, vec![], at(2));
        assert!(matches!(answers, Some(News::Changed(_))), "{answers:?}");
        assert_eq!(rivals.serving("eth1", false), Serving::Beside(Ipv4Addr::new(10, 0, 0, 7)));
        assert_eq!(rivals.serving("eth1", true), Serving::Allowed);
        assert_eq!(rivals.serving("eth2", false), Serving::NotKnown);
        rivals.note("eth1", offer(7), Heard::Overheard, vec![], at(3));
        assert!(rivals.other_server("eth1").is_some(), "what it once answered is not forgotten");
        assert!(rivals.lost("eth1", "it is down") && !rivals.lost("eth1", "it is down"));
        assert_eq!(rivals.serving("eth1", false), Serving::NotKnown);
        assert_eq!(rivals.trouble("eth1"), Some("it is down"));
        rivals.round("eth1");
        assert_eq!(rivals.trouble("eth1"), None);
    }

    /// A question out of turn makes nobody silent; a server that clients choose is asked for once a round.
    #[test]
    fn what_clients_choose_is_asked_for_once() {
        let mut rivals = Rivals::default();
        rivals.note("eth1", offer(1), Heard::Answered, vec![], at(1));
        for _ in 0..9 {
            assert_eq!(names(rivals.asked_once_more("eth1")), [""; 0]);
        }
        assert_eq!(rivals.serving("eth1", false), Serving::Beside(Ipv4Addr::new(10, 0, 0, 1)));
        let mut news = |last| {
            rivals.chosen("eth1", Ipv4Addr::new(10, 0, 0, last));
            rivals.is_news("eth1")
        };
        assert_eq!([news(1), news(2), news(2), news(3)], [false, true, false, true]);
        assert_eq!((4..=255).filter(|last| news(*last)).count(), MOST - 2);
        assert!(!rivals.is_news("eth1") && !rivals.is_news("eth2"));
        rivals.round("eth1");
        rivals.chosen("eth1", Ipv4Addr::new(10, 0, 0, 2));
        assert!(rivals.is_news("eth1"));
    }

    /// T13: a known server's address does not hide a forged answer, and forging many is one line for each round.
    #[test]
    fn t13_what_is_overheard_is_told_once_each_round() {
        let mut rivals = Rivals::default();
        rivals.note("eth1", offer(1), Heard::Answered, vec![], at(1));
        let forged = |last| vec![Complaint::Other150(Ipv4Addr::new(10, 9, 9, last))];
        let note = |rivals: &mut Rivals, last| {
            rivals.note("eth1", offer(1), Heard::Overheard, forged(last), at(2)).into_iter()
        };
        assert_eq!(names(note(&mut rivals, 1).collect()), ["~10.0.0.1 1"]);
        for last in 2..200 {
            assert_eq!(names(note(&mut rivals, last).collect()), [""; 0]);
        }
        assert_eq!(names(rivals.round("eth1")), [""; 0], "a moment ago it was so");
        assert_eq!(names(rivals.round("eth1")), ["~10.0.0.1 0"]);
        assert_eq!(names(note(&mut rivals, 1).collect()), ["~10.0.0.1 1"]);
        rivals.note("eth1", offer(1), Heard::Answered, vec![], at(3));
        assert_eq!(rivals.on("eth1").next().map(|rival| rival.complaints().len()), Some(1), "both are told");
    }

    #[test]
    fn forged_servers_fill_no_memory() {
        let mut rivals = Rivals::default();
        for last in 0..=255 {
            rivals.note("eth1", offer(last), Heard::Overheard, vec![], at(last.into()));
        }
        assert_eq!(rivals.on("eth1").count(), MOST);
        let real = Offer { server: Ipv4Addr::new(192, 0, 2, 1), ..offer(0) };
        assert!(rivals.note("eth1", real.clone(), Heard::Answered, vec![], at(300)).is_some());
        assert!(rivals.note("eth1", offer(200), Heard::Overheard, vec![], at(301)).is_none());
        assert_eq!(rivals.on("eth1").count(), MOST);
        assert_eq!(rivals.other_server("eth1").map(|rival| &rival.offer), Some(&real));
    }
}
