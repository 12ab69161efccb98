//! How values are shown: times, sizes, kinds of events.

use jiff::Timestamp;

use crate::api::Event;
use crate::diagnose::explanation;

/// A moment, for a machine and for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct When {
    /// RFC 3339, to the second.
    pub iso: String,
    /// How long ago.
    pub ago: String,
}

pub(super) fn when(at: Timestamp, now: Timestamp) -> When {
    let seconds = now.duration_since(at).as_secs();
    let (long, ahead) = (seconds.unsigned_abs(), seconds < 0);
    let words = match long {
        0..5 => return When { iso: iso(at), ago: if ahead { "now" } else { "just now" }.to_owned() },
        5..120 => format!("{long} s"),
        120..7_200 => format!("{} min", long / 60),
        7_200..172_800 => format!("{} h", long / 3_600),
        _ => format!("{} days", long / 86_400),
    };
    When { iso: iso(at), ago: if ahead { format!("in {words}") } else { format!("{words} ago") } }
}

/// To the second, UTC.
pub(super) fn iso(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Octets as people read them.
pub(super) fn size(octets: u64) -> String {
    match octets {
        0..10_000 => format!("{octets} octets"),
        10_000..10_000_000 => format!("{} kB", octets / 1_000),
        _ => format!("{} MB", octets / 1_000_000),
    }
}

/// The page that tells a code, where there is one to tell.
pub(super) fn explained(code: &str) -> Option<String> {
    explanation(code).map(|_| format!("/explain/{code}"))
}

/// Events of one sort, as the live log is filtered.
pub(super) struct Sort {
    pub key: &'static str,
    pub name: &'static str,
    /// Kinds of events, separated by blanks.
    pub kinds: &'static str,
}

/// All sorts; what is of none is of the last one.
pub(super) const SORTS: &[Sort] = &[
    Sort { key: "files", name: "Files", kinds: "file-asked file-sent file-failed" },
    Sort { key: "registration", name: "Registrations", kinds: "registered unregistered unreachable rejected" },
    Sort { key: "dhcp", name: "DHCP", kinds: "leased dhcp" },
    Sort { key: "discovery", name: "CDP and LLDP", kinds: "sighted" },
    Sort { key: "syslog", name: "Syslog", kinds: "syslog" },
    Sort { key: "firmware", name: "Conversion", kinds: "firmware" },
    Sort { key: "people", name: "People", kinds: "admin assigned told" },
    Sort { key: "access", name: "Access", kinds: "denied banned" },
    Sort { key: "other", name: "Other", kinds: "" },
];

/// The sort of a kind of event.
pub(super) fn sort(kind: &str) -> &'static Sort {
    let has = |sort: &&Sort| sort.kinds.split(' ').any(|known| known == kind);
    SORTS.iter().find(has).unwrap_or(&OTHER)
}

const OTHER: Sort = Sort { key: "other", name: "Other", kinds: "" };

/// An event as a row.
pub(super) struct Row {
    pub iso: String,
    /// The hour of the day, UTC.
    pub clock: String,
    pub mac: String,
    pub kind: String,
    pub sort: &'static str,
    pub summary: String,
}

impl From<Event> for Row {
    fn from(event: Event) -> Self {
        Self {
            iso: iso(event.at),
            clock: event.at.strftime("%H:%M:%S").to_string(),
            mac: event.mac.to_string(),
            sort: sort(&event.kind).key,
            kind: event.kind,
            summary: event.summary,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_by_their_distance() {
        let now: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        for (seconds, ago) in [
            (2, "just now"),
            (119, "119 s ago"),
            (120, "2 min ago"),
            (7_199, "119 min ago"),
            (7_200, "2 h ago"),
            (172_800, "2 days ago"),
            (-60, "in 60 s"),
        ] {
            let at = now.checked_sub(jiff::SignedDuration::from_secs(seconds)).unwrap();
            assert_eq!(when(at, now).ago, ago);
        }
        assert_eq!(when(now, now).iso, "2026-01-02T00:00:00Z");
    }

    #[test]
    fn every_kind_has_a_sort() {
        assert_eq!(sort("file-sent").key, "files");
        assert_eq!(sort("leased").key, "dhcp");
        assert_eq!(sort("never-heard-of").key, "other");
        assert_eq!(sort("").key, "other");
    }
}
