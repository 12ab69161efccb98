//! A daily span of wall-clock time in which something may begin.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;

/// From one time of day to another, the second excluded; it may go over midnight. What counts is what a clock on the wall
/// shows: an hour that a change of the clocks leaves out is in no window, and one that comes twice is in it twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    from: Time,
    to: Time,
}

impl Window {
    /// Whether it is open at that moment.
    pub fn open(&self, at: Timestamp, zone: &TimeZone) -> bool {
        let now = zone.to_datetime(at).time();
        if self.from < self.to { self.from <= now && now < self.to } else { self.from <= now || now < self.to }
    }
}

/// `HH:MM`, 00:00 to 23:59.
fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    let number = |digits: &str| {
        let sound = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        sound.then(|| digits.parse::<i8>().ok()).flatten()
    };
    Time::new(number(hour)?, number(minute)?, 0, 0).ok()
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = text.split_once('-').and_then(|(from, to)| Some(Self { from: time(from)?, to: time(to)? }));
        match read {
            Some(window) if window.from == window.to => {
                Err(format!("{text:?} is of no length; leave it empty for always"))
            }
            Some(window) => Ok(window),
            None => Err(format!("{text:?} is no window; one looks like 22:00-05:00")),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from.strftime("%H:%M"), self.to.strftime("%H:%M"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(window: &str, zone: &str, at: &str) -> bool {
        let window: Window = window.parse().unwrap();
        assert_eq!(window.to_string().parse(), Ok(window));
        window.open(at.parse().unwrap(), &TimeZone::get(zone).unwrap())
    }

    /// I17: local time, over midnight, and on the days on which the clocks change.
    #[test]
    fn i17_when_a_window_is_open() {
        for (window, zone, at, expected) in [
            ("08:00-17:00", "UTC", "2026-06-01T07:59:59Z", false),
            ("08:00-17:00", "UTC", "2026-06-01T08:00:00Z", true),
            ("08:00-17:00", "UTC", "2026-06-01T16:59:59Z", true),
            ("08:00-17:00", "UTC", "2026-06-01T17:00:00Z", false),
            ("22:00-05:00", "UTC", "2026-06-01T21:59:59Z", false),
            ("22:00-05:00", "UTC", "2026-06-01T22:00:00Z", true),
            ("22:00-05:00", "UTC", "2026-06-02T00:00:00Z", true),
            ("22:00-05:00", "UTC", "2026-06-02T05:00:00Z", false),
            ("00:00-05:00", "UTC", "2026-06-02T00:00:00Z", true),
            ("22:00-00:00", "UTC", "2026-06-02T23:59:59Z", true),
            ("22:00-00:00", "UTC", "2026-06-02T00:00:00Z", false),
            // 20:00 UTC is 22:00 in summer and 21:00 in winter.
            ("22:00-05:00", "Europe/Berlin", "2026-06-01T20:00:00Z", true),
            ("22:00-05:00", "Europe/Berlin", "2026-12-01T20:00:00Z", false),
            // 2026-03-29: from 02:00 to 03:00, which is 01:00 UTC.
            ("01:00-03:00", "Europe/Berlin", "2026-03-29T00:59:59Z", true),
            ("01:00-03:00", "Europe/Berlin", "2026-03-29T01:00:00Z", false),
            ("02:00-03:00", "Europe/Berlin", "2026-03-29T00:59:59Z", false),
            ("02:00-03:00", "Europe/Berlin", "2026-03-29T01:00:00Z", false),
            ("02:30-05:00", "Europe/Berlin", "2026-03-29T01:00:00Z", true),
            // 2026-10-25: from 03:00 back to 02:00, which is 01:00 UTC.
            ("02:00-02:30", "Europe/Berlin", "2026-10-25T00:29:59Z", true),
            ("02:00-02:30", "Europe/Berlin", "2026-10-25T00:30:00Z", false),
            ("02:00-02:30", "Europe/Berlin", "2026-10-25T01:00:00Z", true),
            ("02:00-02:30", "Europe/Berlin", "2026-10-25T01:30:00Z", false),
        ] {
            assert_eq!(open(window, zone, at), expected, "{window} in {zone} at {at}");
        }
    }

    #[test]
    fn what_is_no_window() {
        for text in [
            "22:00",
            "22-05",
            "22:00-24:00",
            "22:60-05:00",
            "2:00-05:00",
            "+2:00-05:00",
            "22:00-05:00-06:00",
            "22:00-22:00",
            "-",
        ] {
            assert!(text.parse::<Window>().is_err(), "{text}");
        }
        assert_eq!("22:00 - 05:00".parse::<Window>().unwrap().to_string(), "22:00-05:00");
    }
}
