//! The watching of the links that the configuration names: questions by [`Plan`], and an ear between them. An edge; what it
//! hears is kept by [`Rivals`], and said in the log once.

use std::collections::VecDeque;
use std::future::pending;
use std::net::Ipv4Addr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::link::Link;
use super::listen::{AGAIN, Ear, judge, ours};
use super::offer::{Offer, overheard};
use super::rivals::{Heard, MOST, News, Rival, Rivals, Serving};
use super::rounds::{Plan, Rounds};

/// How often a link that is not there is looked for, and one that is there looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Looks for which an address that this host had is its own: its server speaks from there until it has looked, too.
const RECENT: usize = 3;

/// What is known of other servers, and who keeps it.
#[derive(Debug)]
pub struct Watch {
    rivals: Mutex<Rivals>,
    changes: watch::Sender<u64>,
    /// The address that phones are told, where one is set.
    told: Option<Ipv4Addr>,
    /// Whether this daemon serves addresses: then what comes from this host is its own.
    serves: bool,
}

impl Watch {
    /// Nothing is known yet. `told`: the address that phones are told, where one is set; `serves`: this daemon is to serve
    /// addresses itself.
    pub fn new(told: Option<Ipv4Addr>, serves: bool) -> Self {
        Self { rivals: Mutex::default(), changes: watch::Sender::new(0), told, serves }
    }

    fn lock(&self) -> MutexGuard<'_, Rivals> {
        // Each change leaves it whole.
        self.rivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known now.
    pub fn rivals(&self) -> Rivals {
        self.lock().clone()
    }

    /// A server that answers on that link, besides our own.
    pub fn other_server(&self, interface: &str) -> Option<Rival> {
        self.lock().other_server(interface).cloned()
    }

    /// T12: whether this host may serve addresses on that link.
    pub fn serving(&self, interface: &str, beside: bool) -> Serving {
        self.lock().serving(interface, beside)
    }

    /// A client on that link was heard to choose this server, which is none of ours. One that is not known is asked for soon.
    pub fn chosen(&self, interface: &str, server: Ipv4Addr) {
        self.lock().chosen(interface, server);
    }

    /// Counts what became known: for who waits for a first answer.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Watches one link until the end; F17: one that is not there, or down, is waited for.
    pub async fn keep(&self, interface: &str, rounds: Rounds, ending: &CancellationToken) {
        loop {
            tokio::select! {
                why = self.listen(interface, rounds) => self.lost(interface, &why),
                () = ending.cancelled() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = ending.cancelled() => return,
            }
        }
    }

    /// Returns why it ended.
    async fn listen(&self, interface: &str, rounds: Rounds) -> String {
        let link = match Link::ready(interface) {
            Ok(link) => link,
            Err(why) => return why,
        };
        let mut ear = match Ear::open(&link) {
            Ok(ear) => ear,
            Err(why) => return unheard(&why),
        };
        if self.lock().trouble(interface).is_some() {
            tracing::info!(code = "dhcp-watched", interface, "{interface} is there: DHCP servers are watched on it");
        }
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (mut plan, began) = (Plan::new(rounds), Instant::now());
        // The end of the present question's time, whether its silence counts, and when it is asked once more.
        let (mut end, mut counts, mut again): (Option<Instant>, bool, Option<Instant>) = (None, true, None);
        let (mut mine, mut judged) = (ours(self.told), 0);
        let mut recent = VecDeque::from([mine.clone()]);
        loop {
            let asking = tokio::select! {
                heard = ear.next() => match heard {
                    Ok((offer, heard)) => {
                        // Whoever forges answers is not to have DNS asked without end.
                        judged += usize::from(heard == Heard::Answered);
                        let own = self.serves && recent.iter().any(|were| were.contains(&offer.server));
                        let looked_at = heard == Heard::Overheard || judged <= MOST;
                        if !own && looked_at && self.heard(interface, offer, heard, &mine).await {
                            plan.news(began.elapsed());
                        }
                        false
                    }
                    Err(why) => return unheard(&why),
                },
                _ = look.tick() => match Link::ready(interface) {
                    Ok(now) if now.index == link.index => {
                        mine = ours(self.told);
                        recent.truncate(RECENT - 1);
                        recent.push_front(mine.clone());
                        if self.lock().is_news(interface) {
                            plan.news(began.elapsed());
                        }
                        false
                    }
                    Ok(_) => return "it was made anew".to_owned(),
                    Err(why) => return why,
                },
                () = sleep_until(began + plan.due()) => {
                    if end.is_some() {
                        self.over(interface, counts);
                    }
                    counts = plan.asked(began.elapsed());
                    ear.begin();
                    judged = 0;
                    end = Some(Instant::now() + rounds.answers);
                    true
                }
                () = until(again) => true,
                () = until(end) => {
                    (end, again) = (None, None);
                    self.over(interface, counts);
                    false
                }
            };
            if asking {
                if let Err(why) = ear.ask().await {
                    return unheard(&why);
                }
                again = Some(Instant::now() + AGAIN).filter(|again| end.is_some_and(|end| *again < end));
            }
        }
    }

    /// Returns whether that is a server which was overheard for the first time.
    async fn heard(&self, interface: &str, offer: Offer, heard: Heard, mine: &[Ipv4Addr]) -> bool {
        let wrong = match heard {
            Heard::Answered => judge(&offer, mine).await,
            Heard::Overheard => overheard(&offer, mine),
        };
        let news = self.lock().note(interface, offer, heard, wrong, Timestamp::now());
        let first = heard == Heard::Overheard && matches!(news, Some(News::Appeared(_)));
        if news.is_some() {
            self.tell(news);
        }
        first
    }

    fn over(&self, interface: &str, counts: bool) {
        let news = if counts { self.lock().round(interface) } else { self.lock().asked_once_more(interface) };
        self.tell(news);
    }

    fn tell(&self, news: impl IntoIterator<Item = News>) {
        news.into_iter().for_each(|news| say(&news, self.serves));
        self.changes.send_modify(|n| *n = n.wrapping_add(1));
    }

    fn lost(&self, interface: &str, why: &str) {
        if self.lock().lost(interface, why) {
            tracing::warn!(
                code = "dhcp-not-watched",
                interface,
                "DHCP servers on {interface} are not watched: {why}; it is tried every second"
            );
        }
        self.changes.send_modify(|n| *n = n.wrapping_add(1));
    }
}

fn unheard(why: &std::io::Error) -> String {
    format!("UDP port 68 of it could not be used: {why}")
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}

fn say(news: &News, serves: bool) {
    let (News::Appeared(rival) | News::Changed(rival) | News::Gone(rival)) = news;
    let (interface, server) = (rival.interface.as_str(), rival.offer.server);
    let complaints = rival.complaints();
    let wrong: Vec<String> = complaints.iter().map(ToString::to_string).collect();
    let wrong = wrong.join("; ");
    match news {
        News::Gone(_) => tracing::info!(
            code = "dhcp-server-gone",
            interface,
            %server,
            "DHCP server {server} on {interface} has not been heard for three rounds"
        ),
        _ if !wrong.is_empty() => tracing::warn!(
            code = "dhcp-server-wrong",
            interface,
            %server,
            "DHCP server {server} on {interface}: {wrong}; `offhook check` says what to do"
        ),
        _ if serves => tracing::warn!(
            code = "dhcp-server-beside",
            interface,
            %server,
            "DHCP server {server} on {interface} serves addresses beside this host; `offhook check` says what to do"
        ),
        News::Appeared(rival) if rival.heard == Heard::Overheard => tracing::info!(
            code = "dhcp-server",
            interface,
            %server,
            "DHCP server {server} on {interface} was overheard"
        ),
        _ => tracing::info!(
            code = "dhcp-server",
            interface,
            %server,
            "DHCP server {server} on {interface} sends phones to this host"
        ),
    }
}
