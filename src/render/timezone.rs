//! IANA time zones to what the phones know: a short list of codes, and daylight saving as a weekday rule.
//!
//! Offsets and rules come from the IANA database that is compiled in, for one year that the caller names; the files are
//! made anew at every request, so next year's dates come by themselves. Codes: 7940/7960 from the table in load
//! 8.12 [FW812], Java phones from Cisco's list [UCM-SEP]. Mind that `BST` is UTC-3 there and `HST` UTC+8.

use std::sync::LazyLock;

use jiff::civil::{Date, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::domain::Problem;

/// Codes of the 7940/7960 and their minutes east of UTC [FW812].
const LEGACY: [(&str, i32); 32] = [
    ("IDL", -720),
    ("NT", -660),
    ("AHST", -600),
    ("IMT", -570),
    ("YST", -540),
    ("PST", -480),
    ("MST", -420),
    ("CST", -360),
    ("EST", -300),
    ("AST", -240),
    ("NST", -210),
    ("BST", -180),
    ("AT", -120),
    ("WAT", -60),
    ("GMT", 0),
    ("CET", 60),
    ("EET", 120),
    ("BT", 180),
    ("IT", 210),
    ("ZP4", 240),
    ("AFG", 270),
    ("ZP5", 300),
    ("IST", 330),
    ("ZP6", 360),
    ("SUM", 390),
    ("WAST", 420),
    ("HST", 480),
    ("JST", 540),
    ("CAST", 570),
    ("EAST", 600),
    ("EADT", 660),
    ("NZST", 720),
];

/// When a zone name of the Java phones has summer: the rule is inside the firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Summer {
    Never,
    North,
    South,
}

/// Zone names of the Java phones and their minutes east of UTC. Where several fit, the first is taken.
const JAVA: [(&str, i32, Summer); 41] = [
    ("Dateline Standard Time", -720, Summer::Never),
    ("Samoa Standard Time", -660, Summer::Never),
    ("Hawaiian Standard Time", -600, Summer::Never),
    ("Alaskan Standard/Daylight Time", -540, Summer::North),
    ("Pacific Standard/Daylight Time", -480, Summer::North),
    ("Mountain Standard/Daylight Time", -420, Summer::North),
    ("US Mountain Standard Time", -420, Summer::Never),
    ("Central Standard/Daylight Time", -360, Summer::North),
    ("Canada Central Standard Time", -360, Summer::Never),
    ("Eastern Standard/Daylight Time", -300, Summer::North),
    ("SA Pacific Standard Time", -300, Summer::Never),
    ("Atlantic Standard/Daylight Time", -240, Summer::North),
    ("SA Western Standard Time", -240, Summer::Never),
    ("Newfoundland Standard/Daylight Time", -210, Summer::North),
    ("SA Eastern Standard Time", -180, Summer::Never),
    ("Mid-Atlantic Standard/Daylight Time", -120, Summer::North),
    ("Azores Standard/Daylight Time", -60, Summer::North),
    ("GMT Standard/Daylight Time", 0, Summer::North),
    ("Greenwich Standard Time", 0, Summer::Never),
    ("Central Europe Standard/Daylight Time", 60, Summer::North),
    ("E. Europe Standard/Daylight Time", 120, Summer::North),
    ("South Africa Standard Time", 120, Summer::Never),
    ("Saudi Arabia Standard Time", 180, Summer::Never),
    ("Iran Standard/Daylight Time", 210, Summer::North),
    ("Caucasus Standard/Daylight Time", 240, Summer::North),
    ("Arabian Standard Time", 240, Summer::Never),
    ("Afghanistan Standard Time", 270, Summer::Never),
    ("West Asia Standard Time", 300, Summer::Never),
    ("India Standard Time", 330, Summer::Never),
    ("Central Asia Standard Time", 360, Summer::Never),
    ("SE Asia Standard Time", 420, Summer::Never),
    ("Taipei Standard Time", 480, Summer::Never),
    ("Tokyo Standard Time", 540, Summer::Never),
    ("Cen. Australia Standard/Daylight Time", 570, Summer::South),
    ("AUS Central Standard Time", 570, Summer::Never),
    ("AUS Eastern Standard/Daylight Time", 600, Summer::South),
    ("E. Australia Standard Time", 600, Summer::Never),
    ("West Pacific Standard Time", 600, Summer::Never),
    ("Central Pacific Standard Time", 660, Summer::Never),
    ("New Zealand Standard/Daylight Time", 720, Summer::South),
    ("Fiji Standard Time", 720, Summer::Never),
];

/// Zones whose summer differs from that of their neighbours at the same offset, with a name of their own.
const JAVA_OWN: [(&str, &str); 5] = [
    ("Africa/Cairo", "Egypt Standard/Daylight Time"),
    ("Asia/Jerusalem", "Jerusalem Standard/Daylight Time"),
    ("Asia/Tel_Aviv", "Jerusalem Standard/Daylight Time"),
    ("Israel", "Jerusalem Standard/Daylight Time"),
    ("Australia/Hobart", "Tasmania Standard/Daylight Time"),
];

/// Only the compiled-in database: what a phone is told does not depend on the host's packages.
static IANA: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone in one year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Minutes east of UTC in winter.
    pub standard: i32,
    /// Daylight saving, where the zone has it.
    pub dst: Option<Dst>,
    /// For 7940/7960.
    pub legacy: Coded,
    /// For Java phones.
    pub java: Coded,
}

/// A name that phones of a family know the zone by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coded {
    /// As it stands in the file.
    pub code: &'static str,
    /// What is not exact about it.
    pub problem: Option<Problem>,
}

/// Daylight saving of a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dst {
    /// Minutes that clocks are put forward.
    pub minutes: i32,
    /// When summer begins.
    pub start: Change,
    /// When it ends.
    pub stop: Change,
}

/// A change of the clocks, as a weekday rule in local time before the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// 1-12.
    pub month: i8,
    /// Weekday.
    pub weekday: Weekday,
    /// Which of that weekday in the month; 8 = the last.
    pub week: i8,
    /// 0-23.
    pub hour: i8,
    /// 0-59.
    pub minute: i8,
}

impl Dst {
    /// `01/00`: hours and minutes.
    pub fn offset_text(&self) -> String {
        format!("{:02}/{:02}", self.minutes / 60, self.minutes % 60)
    }
}

impl Change {
    fn on(date: Date, hour: i8, minute: i8) -> Self {
        let last = date.day() + 7 > date.days_in_month();
        let week = if last { 8 } else { (date.day() - 1) / 7 + 1 };
        Self { month: date.month(), weekday: date.weekday(), week, hour, minute }
    }

    /// English name of the month.
    pub fn month_name(&self) -> &'static str {
        match self.month {
            1 => "January",
            2 => "February",
            3 => "March",
            4 => "April",
            5 => "May",
            6 => "June",
            7 => "July",
            8 => "August",
            9 => "September",
            10 => "October",
            11 => "November",
            _ => "December",
        }
    }

    /// English name of the weekday.
    pub fn weekday_name(&self) -> &'static str {
        match self.weekday {
            Weekday::Monday => "Monday",
            Weekday::Tuesday => "Tuesday",
            Weekday::Wednesday => "Wednesday",
            Weekday::Thursday => "Thursday",
            Weekday::Friday => "Friday",
            Weekday::Saturday => "Saturday",
            Weekday::Sunday => "Sunday",
        }
    }

    /// `02/00`: hours and minutes.
    pub fn time_text(&self) -> String {
        format!("{:02}/{:02}", self.hour, self.minute)
    }
}

/// The zone of that IANA name in that year.
///
/// # Errors
/// `time-zone-unknown`: no such name. A zone that phones know only nearly is no error: see [`Coded::problem`].
pub fn resolve(name: &str, year: i16) -> Result<Zone, Problem> {
    let unknown = || {
        Problem::new(
            "time-zone-unknown",
            format!("{name:?} is no time zone of the IANA database, or {year} is out of its range."),
            "Set `phones.time_zone` to an IANA name such as Europe/Berlin; until then the phone is told no zone.",
        )
    };
    let zone = IANA.get(name).map_err(|_| unknown())?;
    let (standard, dst, told) = rule(&zone, year).ok_or_else(unknown)?;
    let strange = (!told).then(|| {
        Problem::new(
            "time-zone-inexact",
            format!("{name} changes its clocks in {year} in a way that a phone's rule cannot say."),
            "Expect the clock to be wrong after such a change.",
        )
    });
    let mut legacy = legacy_code(name, standard);
    let mut java = java_code(name, standard, dst.as_ref());
    legacy.problem = legacy.problem.or_else(|| strange.clone());
    java.problem = java.problem.or(strange);
    Ok(Zone { standard, dst, legacy, java })
}

/// Winter offset and summer rule of a year; the flag is false where the year's changes are neither none nor a pair.
fn rule(zone: &TimeZone, year: i16) -> Option<(i32, Option<Dst>, bool)> {
    let begin = Date::new(year, 1, 1).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    let end = Date::new(year.checked_add(1)?, 1, 1).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    let mut before = zone.to_offset(begin);
    let mut changes = Vec::new();
    for transition in zone.following(begin).take_while(|t| t.timestamp() < end) {
        let after = transition.offset();
        if after != before {
            let local = before.to_datetime(transition.timestamp());
            let forward = (after.seconds() - before.seconds()) / 60;
            changes.push((forward, Change::on(local.date(), local.hour(), local.minute())));
        }
        before = after;
    }
    let december = before.seconds() / 60;
    match *changes.as_slice() {
        [] => Some((december, None, true)),
        [(a, start), (b, stop)] if a > 0 && b == -a => Some((december, Some(Dst { minutes: a, start, stop }), true)),
        // South of the equator, or a pause in the middle of the year: summer spans the year's end.
        [(b, stop), (a, start)] if a > 0 && b == -a => {
            Some((december - a, Some(Dst { minutes: a, start, stop }), true))
        }
        _ => Some((december, None, false)),
    }
}

fn legacy_code(name: &str, standard: i32) -> Coded {
    let nearest = LEGACY.into_iter().min_by_key(|(_, minutes)| (minutes - standard).abs());
    let (code, minutes) = nearest.unwrap_or(("GMT", 0));
    let problem = (minutes != standard).then(|| inexact(name, standard, code, minutes));
    Coded { code, problem }
}

fn java_code(name: &str, standard: i32, dst: Option<&Dst>) -> Coded {
    let summer = match dst {
        None => Summer::Never,
        Some(dst) if dst.start.month <= 6 => Summer::North,
        Some(_) => Summer::South,
    };
    if summer != Summer::Never
        && let Some((_, code)) = JAVA_OWN.into_iter().find(|(zone, _)| *zone == name)
    {
        return Coded { code, problem: None };
    }
    // Right all the year, else right in winter, else the nearest.
    let nearest = JAVA
        .into_iter()
        .min_by_key(|(_, minutes, when)| ((minutes - standard).abs(), *when != summer, *when != Summer::Never));
    let (code, minutes, when) = nearest.unwrap_or(("Greenwich Standard Time", 0, Summer::Never));
    let problem = if minutes != standard {
        Some(inexact(name, standard, code, minutes))
    } else if when != summer {
        Some(Problem::new(
            "time-zone-inexact",
            format!("{name} is told as {code:?}, which has another daylight saving rule."),
            "Expect the clock to be an hour off in summer.",
        ))
    } else {
        None
    };
    Coded { code, problem }
}

fn inexact(name: &str, standard: i32, code: &str, minutes: i32) -> Problem {
    Problem::new(
        "time-zone-inexact",
        format!(
            "{name} is {standard} minutes east of UTC; the nearest the phone knows is {code} with {minutes}, \
             so its clock is {} minutes off.",
            (standard - minutes).abs()
        ),
        "Nothing helps on this phone; choose another zone if a neighbour's time suits better.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_have_codes() {
        for (name, standard, legacy, java) in [
            ("Europe/Berlin", 60, "CET", "Central Europe Standard/Daylight Time"),
            ("Europe/London", 0, "GMT", "GMT Standard/Daylight Time"),
            ("Europe/Dublin", 0, "GMT", "GMT Standard/Daylight Time"),
            ("Europe/Athens", 120, "EET", "E. Europe Standard/Daylight Time"),
            ("US/Eastern", -300, "EST", "Eastern Standard/Daylight Time"),
            ("America/Phoenix", -420, "MST", "US Mountain Standard Time"),
            ("America/Sao_Paulo", -180, "BST", "SA Eastern Standard Time"),
            ("Asia/Kolkata", 330, "IST", "India Standard Time"),
            ("Asia/Jerusalem", 120, "EET", "Jerusalem Standard/Daylight Time"),
            ("Asia/Tokyo", 540, "JST", "Tokyo Standard Time"),
            ("Australia/Sydney", 600, "EAST", "AUS Eastern Standard/Daylight Time"),
            ("Australia/Brisbane", 600, "EAST", "E. Australia Standard Time"),
            ("Pacific/Auckland", 720, "NZST", "New Zealand Standard/Daylight Time"),
            ("Pacific/Honolulu", -600, "AHST", "Hawaiian Standard Time"),
            ("UTC", 0, "GMT", "Greenwich Standard Time"),
        ] {
            let zone = resolve(name, 2026).unwrap();
            assert_eq!((zone.standard, zone.legacy.code, zone.java.code), (standard, legacy, java), "{name}");
            assert_eq!((zone.legacy.problem, zone.java.problem), (None, None), "{name}");
        }
    }

    #[test]
    fn changes_are_weekday_rules_in_the_time_before() {
        let text = |c: Change| format!("{} {} {} {}", c.month_name(), c.weekday_name(), c.week, c.time_text());
        for (name, start, stop, offset) in [
            ("Europe/Berlin", "March Sunday 8 02/00", "October Sunday 8 03/00", "01/00"),
            ("Europe/London", "March Sunday 8 01/00", "October Sunday 8 02/00", "01/00"),
            ("America/New_York", "March Sunday 2 02/00", "November Sunday 1 02/00", "01/00"),
            ("Pacific/Auckland", "September Sunday 8 02/00", "April Sunday 1 03/00", "01/00"),
            ("Australia/Lord_Howe", "October Sunday 1 02/00", "April Sunday 1 02/00", "00/30"),
        ] {
            let dst = resolve(name, 2026).unwrap().dst.unwrap();
            assert_eq!((text(dst.start).as_str(), text(dst.stop).as_str()), (start, stop), "{name}");
            assert_eq!(dst.offset_text(), offset);
        }
        assert_eq!(resolve("Asia/Tokyo", 2026).unwrap().dst, None);
    }

    #[test]
    fn what_phones_do_not_know_is_near_and_told() {
        for (name, legacy, java) in [
            ("Asia/Kathmandu", "IST", "India Standard Time"),
            ("Pacific/Tongatapu", "NZST", "Fiji Standard Time"),
            ("Pacific/Chatham", "NZST", "New Zealand Standard/Daylight Time"),
        ] {
            let zone = resolve(name, 2026).unwrap();
            assert_eq!((zone.legacy.code, zone.java.code), (legacy, java), "{name}");
            for problem in [zone.legacy.problem.unwrap(), zone.java.problem.unwrap()] {
                assert_eq!(problem.code, "time-zone-inexact");
            }
        }
        let lagos = resolve("Africa/Lagos", 2026).unwrap();
        assert_eq!(lagos.legacy.problem, None);
        assert_eq!(lagos.java.problem.unwrap().code, "time-zone-inexact");
        for name in ["Europe/Bern1", "", "PST8PDT; rm", "../../etc/passwd", "Central Europe Standard Time"] {
            assert_eq!(resolve(name, 2026).unwrap_err().code, "time-zone-unknown", "{name}");
        }
        assert!(resolve("Europe/Berlin", i16::MAX).is_err());
    }

    #[test]
    fn every_zone_of_the_database_has_an_answer() {
        let mut seen = 0;
        for name in IANA.available() {
            assert!(resolve(name.as_str(), 2026).is_ok(), "{name}");
            seen += 1;
        }
        assert!(seen > 400, "{seen}");
    }
}
