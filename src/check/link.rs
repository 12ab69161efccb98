//! What is wrong on the links of this host.

use super::{Facts, bad, ok};
use crate::api::{Check, CheckStatus};

pub(super) fn discovery(facts: &Facts) -> Vec<Check> {
    let one = |(interface, why): &(String, Option<String>)| match why {
        None => ok("discovery", format!("phones' announcements are listened to on {interface}")),
        Some(why) => {
            bad("discovery", CheckStatus::Warning, why, "see discovery.interfaces, `ip link` and docs/discovery.md")
        }
    };
    facts.discovery.iter().map(one).collect()
}

/// Nothing to say where there is no fail2ban, or it blocks nobody.
pub(super) fn bans(facts: &Facts) -> Vec<Check> {
    match &facts.bans {
        None | Some(Ok(0)) => Vec::new(),
        Some(Ok(addresses)) => {
            let is =
                if *addresses == 1 { "address of phones' networks is" } else { "addresses of phones' networks are" };
            vec![bad(
                "fail2ban",
                CheckStatus::Warning,
                format!("{addresses} {is} blocked by fail2ban"),
                "`fail2ban-client banned` lists them; `offhook explain banned` says what to do",
            )]
        }
        Some(Err(why)) => vec![bad(
            "fail2ban",
            CheckStatus::Warning,
            format!("the log of fail2ban cannot be read: {why}; a phone whose address it blocks is not told of"),
            "/usr/share/offhook/systemd/fail2ban.conf lets offhook read it, or set pbx.fail2ban_log = \"\"",
        )],
    }
}

/// F33: beyond its limit the kernel reaches no further phone, and nobody says why.
pub(super) fn neighbours(facts: &Facts) -> Vec<Check> {
    let Some(fill) = facts.neighbours.filter(|fill| fill.nearly_full()) else { return Vec::new() };
    let room = fill.entries.saturating_mul(2).max(4_096).checked_next_power_of_two().unwrap_or(u32::MAX);
    vec![bad(
        "neighbours",
        CheckStatus::Warning,
        format!(
            "the kernel's table of neighbours has {} entries of {}: once it is full, phones beyond are not reached",
            fill.entries, fill.limit
        ),
        format!(
            "sysctl -w net.ipv4.neigh.default.gc_thresh3={room} net.ipv4.neigh.default.gc_thresh2={}, and the same lines in \
             /etc/sysctl.d",
            room / 2
        ),
    )]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neighbour::Fill;

    /// F33.
    #[test]
    fn f33_the_sysctl_to_set_is_named() {
        let facts = |entries, limit| Facts { neighbours: Some(Fill { entries, limit }), ..Facts::default() };
        assert_eq!(neighbours(&facts(819, 1_024)), []);
        assert_eq!(neighbours(&Facts::default()), []);
        let [check] = &neighbours(&facts(900, 1_024))[..] else { panic!() };
        assert_eq!(check.status, CheckStatus::Warning);
        assert!(check.remedy.contains("gc_thresh3=4096 ") && check.remedy.contains("gc_thresh2=2048"), "{check:?}");
        let [check] = &neighbours(&facts(8_000, 8_192))[..] else { panic!() };
        assert!(check.remedy.contains("gc_thresh3=16384 "), "{check:?}");
        assert_eq!(neighbours(&facts(u32::MAX, u32::MAX)).len(), 1);
    }

    #[test]
    fn each_interface_says_how_it_is() {
        let interfaces = vec![("eth0".to_owned(), None), ("eth1".to_owned(), Some("it is down".to_owned()))];
        let said = discovery(&Facts { discovery: interfaces, ..Facts::default() });
        let said: Vec<_> = said.iter().map(|check| (check.status, check.summary.as_str())).collect();
        assert_eq!(
            said,
            [(CheckStatus::Ok, "phones' announcements are listened to on eth0"), (CheckStatus::Warning, "it is down")]
        );
    }
}
