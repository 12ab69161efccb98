//! How fast passwords may be tried. After five failures each try waits twice as long as the one before, by the address that it
//! comes from and by the name that it is for, and never longer than a bound: whoever knows the password gets in.
//!
//! The delay for a name is short, as anybody can bring it about for anybody; an address from which that name has got in before
//! is spared it. Names that there are and names that there are not are counted alike. A browser that got in before has a count of
//! its own, and waits for nobody else.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::key::Digest;

/// Failures that cost nothing: people mistype.
const FREE: u32 = 5;

/// Longest wait for an address.
const ADDRESS: Duration = Duration::from_mins(1);

/// Longest wait for a name.
const NAME: Duration = Duration::from_secs(10);

/// After so long without a try all is forgotten.
const FORGOTTEN: Duration = Duration::from_mins(15);

/// Addresses and names that are counted at once.
const MOST: usize = 1_024;

/// Pairs of a name and an address from which it got in.
const KNOWN: usize = 64;

/// Octets of a name that count.
const NAMED: usize = 64;

#[derive(Clone, Copy)]
struct Tries {
    failed: u32,
    last: Instant,
    /// It was said that somebody waits.
    said: bool,
}

/// Who has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    /// How long.
    pub(super) time: Duration,
    /// Nobody had to since the last try that counted: worth a line in the log.
    pub(super) news: bool,
}

/// The tries of late.
#[derive(Default)]
pub(super) struct Limiter {
    addresses: Book<Ipv4Addr>,
    names: Book<String>,
    browsers: Book<Digest>,
    known: Vec<(String, Ipv4Addr)>,
}

impl Limiter {
    /// Somebody tries: counted as a failure until [`Limiter::succeeded`], so that a thousand at once are not one.
    ///
    /// # Errors
    /// Who has to wait. Such a try is not counted.
    pub(super) fn begin(
        &mut self,
        name: &str,
        from: Ipv4Addr,
        browser: Option<Digest>,
        now: Instant,
    ) -> Result<(), Wait> {
        if let Some(browser) = browser {
            if let Some(wait) = self.browsers.wait(&browser, ADDRESS, now) {
                return Err(wait);
            }
            self.browsers.count(browser, now);
            return Ok(());
        }
        let name = cut(name);
        // Who comes by this host itself (a login by SSH) waits for nobody elsewhere.
        let known = from.is_loopback() || self.known.iter().any(|(other, ip)| other == name && *ip == from);
        let address = self.addresses.wait(&from, ADDRESS, now);
        let by_name = if known { None } else { self.names.wait(&name.to_owned(), NAME, now) };
        if let Some(wait) = address.into_iter().chain(by_name).max_by_key(|wait| wait.time) {
            return Err(wait);
        }
        self.addresses.count(from, now);
        self.names.count(name.to_owned(), now);
        Ok(())
    }

    /// The password was right.
    pub(super) fn succeeded(&mut self, name: &str, from: Ipv4Addr, browser: Option<Digest>) {
        if let Some(browser) = browser {
            self.browsers.0.remove(&browser);
            return;
        }
        let name = cut(name);
        self.addresses.0.remove(&from);
        self.names.0.remove(name);
        self.known.retain(|(other, ip)| other != name || *ip != from);
        if self.known.len() >= KNOWN {
            self.known.remove(0);
        }
        self.known.push((name.to_owned(), from));
    }

    /// Nobody looked at the password after all.
    pub(super) fn untried(&mut self, name: &str, from: Ipv4Addr, browser: Option<Digest>) {
        if let Some(browser) = browser {
            return self.browsers.uncount(&browser);
        }
        self.addresses.uncount(&from);
        self.names.uncount(&cut(name).to_owned());
    }

    /// Begins anew: an admin of the host has said who gets in.
    pub(super) fn forget(&mut self) {
        *self = Self { known: std::mem::take(&mut self.known), ..Self::default() };
    }
}

fn cut(name: &str) -> &str {
    name.get(..name.floor_char_boundary(NAMED)).unwrap_or(name)
}

struct Book<K>(HashMap<K, Tries>);

impl<K> Default for Book<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Clone + Eq + Hash> Book<K> {
    fn wait(&mut self, key: &K, longest: Duration, now: Instant) -> Option<Wait> {
        let tries = self.0.get_mut(key)?;
        let doubled = tries.failed.checked_sub(FREE)?;
        let pause = Duration::from_secs(1_u64.checked_shl(doubled).unwrap_or(u64::MAX)).min(longest);
        let time = pause.checked_sub(now.saturating_duration_since(tries.last)).filter(|time| !time.is_zero())?;
        let news = !tries.said;
        tries.said = true;
        Some(Wait { time, news })
    }

    fn count(&mut self, key: K, now: Instant) {
        if self.0.len() >= MOST && !self.0.contains_key(&key) {
            self.0.retain(|_, tries| now.saturating_duration_since(tries.last) < FORGOTTEN);
        }
        // Who tries many keys pushes out those others, not the one that was tried most.
        if self.0.len() >= MOST
            && !self.0.contains_key(&key)
            && let Some(least) =
                self.0.iter().min_by_key(|(_, tries)| (tries.failed, tries.last)).map(|(key, _)| key.clone())
        {
            self.0.remove(&least);
        }
        let tries = self.0.entry(key).or_insert(Tries { failed: 0, last: now, said: false });
        let before = if now.saturating_duration_since(tries.last) < FORGOTTEN { tries.failed } else { 0 };
        *tries = Tries { failed: before.saturating_add(1), last: now, said: false };
    }

    fn uncount(&mut self, key: &K) {
        if let Some(tries) = self.0.get_mut(key) {
            tries.failed = tries.failed.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    const B: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

    /// Tries as often as it may within so long, each after the wait that it was told. Returns how often that was.
    fn tries(limiter: &mut Limiter, name: &str, from: Ipv4Addr, start: Instant, span: Duration) -> (u32, Instant) {
        let (mut now, mut tried) = (start, 0);
        while now < start + span {
            match limiter.begin(name, from, None, now) {
                Ok(()) => tried += 1,
                Err(wait) => now += wait.time,
            }
        }
        (tried, now)
    }

    /// W11: five, then after 1, 2, 4, 8 s and so on; from many addresses one in ten seconds for a name.
    #[test]
    fn w11_tries_get_rare() {
        let start = Instant::now();
        let mut limiter = Limiter::default();
        let waits: Vec<u64> = (0..12)
            .scan(start, |now, _| {
                let wait = limiter.begin("", A, None, *now).err().map_or(Duration::ZERO, |wait| wait.time);
                *now += wait;
                if !wait.is_zero() {
                    limiter.begin("", A, None, *now).unwrap();
                }
                // The name is not what is looked at here.
                limiter.names = Book::default();
                Some(wait.as_secs())
            })
            .collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60]);

        let mut limiter = Limiter::default();
        let mut tried = 0;
        for n in 0..200_u8 {
            let now = start + Duration::from_millis(500 * u64::from(n));
            tried += u32::from(limiter.begin("ada", Ipv4Addr::new(10, 0, 0, n), None, now).is_ok());
        }
        assert!(tried < 25, "{tried} tries for one name within 100 s");
        assert_eq!(limiter.begin("bob", B, None, start), Ok(()), "another name from another address waits for nobody");
    }

    #[test]
    fn nobody_is_locked_out() {
        let start = Instant::now();
        let mut limiter = Limiter::default();
        // She got in from B once. From A it is tried for a day.
        limiter.begin("ada", B, None, start).unwrap();
        limiter.succeeded("ada", B, None);
        let (tried, now) = tries(&mut limiter, "ada", A, start, Duration::from_hours(24));
        assert!((1_300..1_500).contains(&tried), "{tried}");
        assert_eq!(limiter.begin("ada", B, None, now), Ok(()));
        // From where she never was she waits for ten seconds at most, and from A itself for a minute.
        let other = Ipv4Addr::new(192, 0, 2, 3);
        limiter.begin("ada", A, None, now).unwrap_err();
        let wait = limiter.begin("ada", other, None, now).map_or_else(|wait| wait.time, |()| Duration::ZERO);
        assert!(wait <= NAME, "{wait:?}");
        assert_eq!(limiter.begin("ada", A, None, now + ADDRESS), Ok(()));
        limiter.forget();
        assert_eq!(limiter.begin("ada", A, None, now), Ok(()));
    }

    #[test]
    fn a_thousand_at_once_are_not_one() {
        let (mut limiter, now) = (Limiter::default(), Instant::now());
        let begun = (0..1_000).filter(|_| limiter.begin("ada", A, None, now).is_ok()).count();
        assert_eq!(begun, 5);
        assert_eq!(limiter.begin("ada", A, None, now).map_err(|wait| wait.news), Err(false), "it was said");
        // Those at whose password nobody looked do not count.
        (0..5).for_each(|_| limiter.untried("ada", A, None));
        assert_eq!(limiter.begin("ada", A, None, now), Ok(()));
    }

    #[test]
    fn names_and_addresses_are_bounded_and_the_most_tried_stays() {
        let (mut limiter, now) = (Limiter::default(), Instant::now());
        for _ in 0..5 {
            limiter.begin("ada", A, None, now).unwrap();
        }
        for n in 0..5_000_u32 {
            let _ = limiter.begin(&format!("{n}{}", "ü".repeat(100)), Ipv4Addr::from(0x0a00_0000 + n), None, now);
            let _ = limiter.begin("ada", A, None, now);
        }
        assert!(limiter.addresses.0.len() <= MOST && limiter.names.0.len() <= MOST);
        assert!(limiter.names.0.keys().all(|name| name.len() <= NAMED));
        limiter.begin("ada", A, None, now).unwrap_err();
        // After a while of nothing it begins anew.
        let later = now + FORGOTTEN;
        assert_eq!((0..6).filter(|_| limiter.begin("ada", A, None, later).is_ok()).count(), 5);
    }

    #[test]
    fn a_browser_that_got_in_before_has_turns_of_its_own() {
        let (mut limiter, now, browser) = (Limiter::default(), Instant::now(), Digest::of("known"));
        for n in 0..200_u8 {
            let _ = limiter.begin("ada", Ipv4Addr::new(10, 0, 0, n), None, now);
        }
        limiter.begin("ada", A, None, now).unwrap_err();
        for _ in 0..5 {
            limiter.begin("ada", A, Some(browser), now).unwrap();
        }
        let wait = limiter.begin("ada", A, Some(browser), now).unwrap_err();
        assert!(wait.time <= ADDRESS);
        // What it tries is no try of anybody else's.
        assert_eq!(limiter.begin("bob", A, None, now), Ok(()));
        limiter.untried("ada", A, Some(browser));
        assert_eq!(limiter.begin("ada", A, Some(browser), now), Ok(()));
        limiter.succeeded("ada", A, Some(browser));
        assert_eq!((0..9).filter(|_| limiter.begin("ada", A, Some(browser), now).is_ok()).count(), 5);
        limiter.begin("ada", A, None, now).unwrap_err();
    }
}
