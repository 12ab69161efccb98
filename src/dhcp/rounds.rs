//! When other servers are asked for. Pure: moments are counted from when the link came up.

use std::time::Duration;

/// How often it is asked.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    /// From one question to the next.
    pub every: Duration,
    /// How long answers to one are waited for.
    pub answers: Duration,
    /// When the second one is asked: a switch that runs spanning tree passes nothing on for two forward delays after a link
    /// came up, 30 s by default (IEEE 802.1D section 17.14), and the first question is lost there.
    pub settled: Duration,
    /// Between two questions, where what is overheard asks for one.
    pub least: Duration,
}

impl Default for Rounds {
    /// A server may try for three seconds whether an address is free before it offers it.
    fn default() -> Self {
        Self {
            every: Duration::from_mins(10),
            answers: Duration::from_secs(6),
            settled: Duration::from_secs(45),
            least: Duration::from_mins(1),
        }
    }
}

/// The questions of one link.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    rounds: Rounds,
    regular: Duration,
    settled: Option<Duration>,
    news: Option<Duration>,
    last: Option<Duration>,
}

impl Plan {
    /// The first question is asked at once.
    pub fn new(rounds: Rounds) -> Self {
        Self { rounds, regular: Duration::ZERO, settled: Some(rounds.settled), news: None, last: None }
    }

    /// When the next one is. Not before the time for answers to the one before is over.
    pub fn due(&self) -> Duration {
        let extra = self.settled.into_iter().chain(self.news).min();
        let due = extra.map_or(self.regular, |extra| extra.min(self.regular));
        due.max(self.last.map_or(Duration::ZERO, |last| last.saturating_add(self.rounds.answers)))
    }

    /// It is asked. Returns whether it is one of the regular ones: their silence counts.
    pub fn asked(&mut self, now: Duration) -> bool {
        let regular = self.regular <= now;
        if regular {
            self.regular = now.saturating_add(self.rounds.every);
        }
        self.settled = self.settled.filter(|settled| *settled > now);
        (self.news, self.last) = (None, Some(now));
        regular
    }

    /// Something was overheard that is worth a question.
    pub fn news(&mut self, now: Duration) {
        let least = self.last.map_or(now, |last| last.saturating_add(self.rounds.least).max(now));
        self.news.get_or_insert(least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn second(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// The questions of an hour, where something is overheard in each of these seconds.
    fn questions(news: impl Fn(u64) -> bool) -> Vec<(u64, bool)> {
        let mut plan = Plan::new(Rounds::default());
        let mut all = Vec::new();
        for n in 0..3_600 {
            if news(n) {
                plan.news(second(n));
            }
            if plan.due() <= second(n) {
                all.push((n, plan.asked(second(n))));
            }
        }
        all
    }

    #[test]
    fn once_more_when_the_switch_has_settled() {
        let all = questions(|_| false);
        assert_eq!(
            all,
            [(0, true), (45, false), (600, true), (1_200, true), (1_800, true), (2_400, true), (3_000, true)]
        );
    }

    #[test]
    fn what_is_overheard_is_asked_for_soon_and_once_a_minute() {
        let once = questions(|n| n == 300);
        assert_eq!(once[..4], [(0, true), (45, false), (300, false), (600, true)]);
        let all = questions(|_| true);
        let apart = all.windows(2).skip(1).map(|pair| pair[1].0 - pair[0].0);
        assert!(apart.min() >= Some(15) && all.len() <= 67, "{all:?}");
        assert_eq!(all.iter().filter(|(_, regular)| *regular).count(), 6, "the regular ones are not put off");
    }

    #[test]
    fn one_question_at_a_time() {
        let rounds = Rounds { settled: second(1), ..Rounds::default() };
        let mut plan = Plan::new(rounds);
        assert!(plan.asked(second(0)));
        assert_eq!(plan.due(), second(6), "answers to the first may come until then");
    }
}
