//! What the network's DHCP servers tell phones, and whether this host stands on the links that the configuration names.

use std::net::Ipv4Addr;

use super::{Facts, bad, ok};
use crate::api::{Check, CheckStatus};
use crate::dhcp::offer::{Complaint, status};
use crate::dhcp::rivals::{Heard, Rival};

/// One of `dhcp.interfaces`.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    /// Its name.
    pub interface: String,
    /// Why it is of no use now, as the end of a sentence.
    pub absent: Option<String>,
    /// The addresses that this host has there.
    pub addresses: Vec<Ipv4Addr>,
    /// The address that phones are told, where one is set.
    pub told: Option<Ipv4Addr>,
    /// Why nobody listens there, as the end of a sentence.
    pub trouble: Option<String>,
    /// A question was asked there, and the time for answers is over.
    pub asked: bool,
    /// How many leases there are of the addresses that this daemon serves there, or why it does not now, as the end of a sentence;
    /// `None` = it is not to.
    pub served: Option<Result<usize, String>>,
    /// It may do so beside another.
    pub beside: bool,
    /// Other servers there.
    pub rivals: Vec<Rival>,
}

/// Whether phones are told an address of this host.
pub(super) fn told(facts: &Facts) -> Vec<Check> {
    let one = |ip: &Ipv4Addr| {
        bad(
            "server-address",
            CheckStatus::Warning,
            format!("phones are told {ip} by server.address, which this host does not have"),
            "correct the key, or see that what has that address leads phones here",
        )
    };
    facts.told_absent.iter().map(one).collect()
}

/// Every line that the links are worth.
pub(super) fn watched(facts: &Facts) -> Vec<Check> {
    facts
        .dhcp
        .iter()
        .flat_map(|one| link(one).into_iter().chain(served(one)).chain(offers(one)).chain(several(one)))
        .collect()
}

/// This host serves, DHCP sends phones here, and none asks: what a host asks itself passes no firewall.
pub(super) fn unheard(facts: &Facts) -> Vec<Check> {
    let right = |rival: &&Rival| rival.heard == Heard::Answered && rival.complaints().is_empty();
    let sent = facts.dhcp.iter().flat_map(|one| &one.rivals).find(right);
    let Some(rival) = sent.filter(|_| facts.unheard && facts.own_fetch == Some(Ok(()))) else { return Vec::new() };
    vec![bad(
        "no-phone-heard",
        CheckStatus::Warning,
        format!(
            "no phone has ever asked for a file, although TFTP answers and DHCP server {} sends phones here",
            rival.offer.server
        ),
        format!(
            "plug one in, or restart it; where `tcpdump -ni {} udp port 69` shows that it asks, a firewall of this host is in the \
             way: let UDP 69 and the high ports in from the phones, `offhook setup --firewall` does it in FreePBX's",
            rival.interface
        ),
    )]
}

fn link(one: &Watched) -> Option<Check> {
    let Watched { interface, .. } = one;
    let failed = |summary, remedy| Some(bad("dhcp-interface", CheckStatus::Failed, summary, remedy));
    if let Some(why) = &one.absent {
        return failed(
            format!("dhcp.interfaces names {interface}: {why}"),
            "correct the key, or bring the interface up; it is looked for every second",
        );
    }
    if one.addresses.is_empty() {
        return failed(
            format!("{interface} has no IPv4 address, so no phone there reaches this host"),
            "give it one in the network of the phones; see `ip address`",
        );
    }
    let why = one.trouble.as_ref()?;
    Some(bad(
        "dhcp-interface",
        CheckStatus::Warning,
        format!("DHCP servers on {interface} are not watched: {why}"),
        "see `ss -ulnp sport = :68` for who has that port, and that offhook.service has the right to ports below 1024",
    ))
}

/// What keeps it from serving and has a line of its own is not said twice.
fn served(one: &Watched) -> Option<Check> {
    let Watched { interface, .. } = one;
    let beside = !one.beside && one.rivals.iter().any(|rival| rival.heard == Heard::Answered);
    let said = one.absent.is_some() || one.addresses.is_empty() || beside;
    match one.served.as_ref()? {
        Ok(leases) => {
            let plural = if *leases == 1 { "" } else { "s" };
            Some(ok("dhcp-server", format!("addresses are served on {interface}: {leases} lease{plural}")))
        }
        Err(_) if said => None,
        Err(why) => Some(bad(
            "dhcp-server",
            CheckStatus::Warning,
            format!("no address is served on {interface}: {why}"),
            "it is looked at every second; `offhook explain dhcp-waits` says what to do",
        )),
    }
}

fn offers(one: &Watched) -> Vec<Check> {
    let Watched { interface, .. } = one;
    let useless = one.absent.is_some() || one.trouble.is_some();
    let answers = one.rivals.iter().filter(|rival| rival.heard == Heard::Answered).count();
    if answers == 0 && one.asked && one.served.is_none() && !useless {
        return vec![bad(
            "dhcp-offer",
            CheckStatus::Warning,
            format!("no DHCP server answered on {interface}: phones there get no address"),
            "see that a server serves that network; one that answers only whom it knows is not heard",
        )];
    }
    let here = one.told.or(one.addresses.first().copied());
    one.rivals.iter().map(|rival| offer(rival, here)).collect()
}

fn offer(rival: &Rival, here: Option<Ipv4Addr>) -> Check {
    let who = format!("DHCP server {} on {}", rival.offer.server, rival.interface);
    let wrong = rival.complaints();
    if let Some(worst) = wrong.first() {
        let said: Vec<String> = wrong.iter().map(Complaint::to_string).collect();
        return bad("dhcp-offer", status(&wrong), format!("{who}: {}", said.join("; ")), worst.remedy(here));
    }
    ok(
        "dhcp-offer",
        match rival.heard {
            Heard::Answered => format!("{who} sends phones to this host"),
            Heard::Overheard => format!("{who} was overheard, and did not answer when it was asked as a phone asks"),
        },
    )
}

fn several(one: &Watched) -> Option<Check> {
    let servers: Vec<String> = one
        .rivals
        .iter()
        .filter(|rival| rival.heard == Heard::Answered)
        .map(|rival| rival.offer.server.to_string())
        .collect();
    let Watched { interface, .. } = one;
    if one.served.is_some() && !servers.is_empty() {
        let status = if one.beside { CheckStatus::Warning } else { CheckStatus::Failed };
        return Some(bad(
            "dhcp-servers",
            status,
            format!(
                "beside this host {} serves addresses on {interface}: whoever answers first wins",
                servers.join(", ")
            ),
            "stop that server, or set dhcp.mode to off here and let that one tell phones: `offhook dhcp snippet`",
        ));
    }
    (servers.len() > 1).then(|| {
        bad(
            "dhcp-servers",
            CheckStatus::Warning,
            format!("{} serve addresses on {interface}: whoever answers first wins", servers.join(", ")),
            "see that they share the network on purpose, and tell phones the same",
        )
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::dhcp::offer::Offer;
    use crate::dhcp::rivals::Rivals;

    fn sound() -> Watched {
        Watched {
            interface: "eth1".to_owned(),
            addresses: vec![[10, 0, 0, 1].into()],
            asked: true,
            ..Watched::default()
        }
    }

    /// These servers, and what is wrong with each.
    fn rivals(servers: &[(u8, Heard, &[Complaint])]) -> Vec<Rival> {
        let mut all = Rivals::default();
        for (last, heard, wrong) in servers {
            let offer = Offer {
                server: [10, 0, 0, *last].into(),
                address: [10, 0, 0, 100].into(),
                next_server: None,
                mask: None,
                router: None,
                lease: None,
                tftp_servers: None,
                tftp_name: None,
            };
            all.note("eth1", offer, *heard, wrong.to_vec(), Timestamp::UNIX_EPOCH);
        }
        all.on("eth1").cloned().collect()
    }

    #[test]
    fn what_a_link_is_worth() {
        use Complaint::{Missing66, Nobody};
        use Heard::{Answered, Overheard};
        let text = |text: &str| Some(text.to_owned());
        let right: &[(u8, Heard, &[Complaint])] = &[(2, Answered, &[])];
        for (one, expected) in [
            (sound(), &[("dhcp-offer", CheckStatus::Warning, "no DHCP server answered on eth1")][..]),
            (Watched { asked: false, ..sound() }, &[]),
            (
                Watched { served: Some(Ok(1)), ..sound() },
                &[("dhcp-server", CheckStatus::Ok, "addresses are served on eth1: 1 lease")],
            ),
            (
                Watched { served: Some(Err("port 67 is in use".to_owned())), ..sound() },
                &[("dhcp-server", CheckStatus::Warning, "no address is served on eth1: port 67 is in use")],
            ),
            (
                Watched { absent: text("it is down"), asked: false, ..sound() },
                &[("dhcp-interface", CheckStatus::Failed, "dhcp.interfaces names eth1: it is down")],
            ),
            (
                Watched { addresses: vec![], asked: false, ..sound() },
                &[("dhcp-interface", CheckStatus::Failed, "eth1 has no IPv4 address")],
            ),
            (
                Watched { trouble: text("in use"), ..sound() },
                &[("dhcp-interface", CheckStatus::Warning, "are not watched: in use")],
            ),
            (
                Watched { rivals: rivals(right), ..sound() },
                &[("dhcp-offer", CheckStatus::Ok, "10.0.0.2 on eth1 sends phones to this host")],
            ),
            (
                Watched { rivals: rivals(&[(2, Answered, &[Missing66])]), ..sound() },
                &[("dhcp-offer", CheckStatus::Warning, "10.0.0.2 on eth1: there is no option 66")],
            ),
            (
                Watched { rivals: rivals(&[(2, Answered, &[Nobody]), (3, Overheard, &[])]), ..sound() },
                &[
                    ("dhcp-offer", CheckStatus::Failed, "10.0.0.2 on eth1: there is no option 150"),
                    ("dhcp-offer", CheckStatus::Ok, "10.0.0.3 on eth1 was overheard"),
                ],
            ),
            (
                Watched { rivals: rivals(right), served: Some(Err("beside".to_owned())), ..sound() },
                &[
                    ("dhcp-offer", CheckStatus::Ok, "sends phones"),
                    ("dhcp-servers", CheckStatus::Failed, "beside this host 10.0.0.2"),
                ],
            ),
            (
                Watched { rivals: rivals(right), served: Some(Ok(2)), beside: true, ..sound() },
                &[
                    ("dhcp-server", CheckStatus::Ok, "on eth1: 2 leases"),
                    ("dhcp-offer", CheckStatus::Ok, "sends phones"),
                    ("dhcp-servers", CheckStatus::Warning, "beside this host 10.0.0.2"),
                ],
            ),
            (
                Watched { rivals: rivals(&[(2, Answered, &[]), (3, Answered, &[])]), ..sound() },
                &[
                    ("dhcp-offer", CheckStatus::Ok, "10.0.0.2"),
                    ("dhcp-offer", CheckStatus::Ok, "10.0.0.3"),
                    ("dhcp-servers", CheckStatus::Warning, "10.0.0.2, 10.0.0.3 serve"),
                ],
            ),
        ] {
            let checks = watched(&Facts { dhcp: vec![one], ..Facts::default() });
            assert_eq!(checks.len(), expected.len(), "{checks:#?}");
            for (check, (name, status, words)) in checks.iter().zip(expected) {
                assert_eq!((check.name.as_str(), check.status), (*name, *status), "{check:?}");
                assert!(check.summary.contains(words), "{check:?}");
                assert_eq!(check.remedy.is_empty(), *status == CheckStatus::Ok, "{check:?}");
            }
        }
    }

    /// What phones are told is what the snippet is to say, else the address on that link.
    #[test]
    fn the_remedy_names_the_address() {
        let one = Watched { rivals: rivals(&[(2, Heard::Answered, &[Complaint::Nobody])]), ..sound() };
        let remedy = |one| watched(&Facts { dhcp: vec![one], ..Facts::default() }).pop().unwrap().remedy;
        assert!(remedy(one.clone()).contains("--server 10.0.0.1`"));
        assert!(remedy(Watched { told: Some([10, 9, 9, 9].into()), ..one }).contains("--server 10.9.9.9`"));
    }

    #[test]
    fn a_firewall_is_thought_of_where_all_else_is_right() {
        let dhcp = |wrong: &[Complaint]| vec![Watched { rivals: rivals(&[(2, Heard::Answered, wrong)]), ..sound() }];
        let facts = || Facts { unheard: true, own_fetch: Some(Ok(())), dhcp: dhcp(&[]), ..Facts::default() };
        let [check] = unheard(&facts()).try_into().unwrap();
        assert!(check.summary.contains("10.0.0.2") && check.remedy.contains("tcpdump -ni eth1"), "{check:?}");
        for other in [
            Facts { unheard: false, ..facts() },
            Facts { own_fetch: Some(Err("no answer".to_owned())), ..facts() },
            Facts { own_fetch: None, ..facts() },
            Facts { dhcp: dhcp(&[Complaint::Missing66]), ..facts() },
            Facts { dhcp: vec![sound()], ..facts() },
        ] {
            assert_eq!(unheard(&other), []);
        }
    }

    #[test]
    fn an_address_that_is_another_s_is_named() {
        let told = |told_absent| told(&Facts { told_absent, ..Facts::default() });
        assert_eq!(told(None), []);
        assert!(told(Some([10, 9, 9, 9].into()))[0].summary.contains("10.9.9.9"));
    }
}
