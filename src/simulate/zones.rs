//! The time zone names that Java phones know: exactly these strings, as listed by usecallmanager.nz for
//! `devicePool/dateTimeSetting/timeZone`. Anything else, an IANA name too, is refused.

/// Zones with summer time: their names end in `Standard/Daylight Time`.
const WITH_DAYLIGHT: &[&str] = &[
    "Alaskan",
    "Pacific",
    "Mountain",
    "Central",
    "Mexico",
    "Eastern",
    "Atlantic",
    "Newfoundland",
    "E. South America",
    "Mid-Atlantic",
    "Azores",
    "GMT",
    "W. Europe",
    "Romance",
    "Central Europe",
    "GTB",
    "Egypt",
    "E. Europe",
    "Jerusalem",
    "Russian",
    "Iran",
    "Caucasus",
    "China",
    "Cen. Australia",
    "AUS Eastern",
    "Tasmania",
    "New Zealand",
];

/// Zones without: their names end in `Standard Time`.
const WITHOUT: &[&str] = &[
    "Dateline",
    "Samoa",
    "Hawaiian",
    "US Mountain",
    "Canada Central",
    "SA Pacific",
    "US Eastern",
    "SA Western",
    "Pacific SA",
    "SA Eastern",
    "Greenwich",
    "South Africa",
    "Saudi Arabia",
    "Arabian",
    "Afghanistan",
    "West Asia",
    "Ekaterinburg",
    "India",
    "Central Asia",
    "SE Asia",
    "Taipei",
    "Tokyo",
    "AUS Central",
    "E. Australia",
    "West Pacific",
    "Central Pacific",
    "Fiji",
];

/// Whether a Java phone knows this zone.
pub fn is_known(name: &str) -> bool {
    match name.strip_suffix(" Standard/Daylight Time") {
        Some(zone) => WITH_DAYLIGHT.contains(&zone),
        None => name.strip_suffix(" Standard Time").is_some_and(|zone| WITHOUT.contains(&zone)),
    }
}

#[cfg(test)]
mod tests {
    use super::is_known;

    #[test]
    fn only_names_of_the_table() {
        for good in ["Central Europe Standard/Daylight Time", "Tokyo Standard Time", "GMT Standard/Daylight Time"] {
            assert!(is_known(good), "{good}");
        }
        for bad in ["Europe/Berlin", "Central Europe Standard Time", "Tokyo Standard/Daylight Time", "CET", ""] {
            assert!(!is_known(bad), "{bad}");
        }
    }
}
