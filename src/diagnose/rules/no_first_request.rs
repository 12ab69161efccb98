//! The phone is there, and asks for no file.

use jiff::{SignedDuration, Timestamp};

use crate::convert::text::{self, unlocked};
use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::status::Health;

/// A phone asks for its first file some seconds after it has an address.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);

/// What a boot loader without an application announces [R7945].
const BOOT_LOADER: &str = "default_load";

/// Their boot loader goes into low power on inline power, and fetches nothing then [TAC7970].
const WANT_THEIR_SUPPLY: [&str; 2] = ["7970", "7971G-GE"];

pub(super) const RULE: Rule = Rule {
    code: "no-first-request",
    title: "The phone is on the network and asks for no file",
    text: concat!(
        "It has an address of ours, or announces itself on the link, and did not ask this server for anything. It goes by another \
           server: Alternate TFTP = YES from its former life beats DHCP (",
        unlocked!(),
        "; Settings, Network Configuration), or \
           another DHCP server told it where to go (`offhook dhcp listen`). Or its requests do not arrive: a firewall on this \
           host, another VLAN. A phone whose flash was erased stays dark while it loads; a 7970 or 7971 then takes its power supply: on \
           power over the cable its boot loader fetches nothing."
    ),
    health: Health::Stalled,
    check,
    due: Some(|evidence| there(evidence)?.checked_add(PATIENCE).ok()),
    sources: &["TAC7970", "R7945", "PBX8851"],
};

/// Since when it is there without a request.
fn there(evidence: &Evidence<'_>) -> Option<Timestamp> {
    let boot = evidence.boot;
    let leased = boot.leased.filter(|leased| boot.last.is_none_or(|last| last < *leased));
    let announced = || evidence.seen.announced.at().and(evidence.seen.since).filter(|_| boot.last.is_none());
    leased.or_else(announced)
}

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    let desired = evidence.wanted()?;
    let since = there(evidence)?;
    if !evidence.contacts.is_empty()
        || !evidence.registrations_known
        || evidence.told.asking.is_some()
        // A lease that is renewed says nothing of one that had its files here.
        || evidence.boot.config_sent.is_some()
        || !evidence.told.misleading.is_empty()
        || evidence.speaks_sccp()
        || evidence.now.duration_since(since) < PATIENCE
    {
        return None;
    }
    let announced = &evidence.seen.announced;
    let erased = announced.load().is_some_and(|load| load.contains(BOOT_LOADER));
    let supply = WANT_THEIR_SUPPLY.iter().any(|model| *model == desired.model.name.as_str());
    let summary = match (evidence.boot.leased, erased) {
        (_, true) => {
            "the phone has no application and is in its boot loader, and asks this server for no file".to_owned()
        }
        (Some(_), false) => "the phone has an address from us and asks this server for no file".to_owned(),
        (None, false) => "the phone is on the link and asks this server for no file".to_owned(),
    };
    let settings = text::network_settings(evidence.family());
    let remedy = if supply {
        format!(
            "give it its power supply: on power over the cable the boot loader of a 7970 or 7971 fetches nothing; else see \
             Alternate TFTP ({settings}) and what DHCP tells it (`offhook dhcp listen`)"
        )
    } else {
        format!(
            "see that Alternate TFTP is off on the phone ({settings}), and what DHCP tells it (`offhook dhcp listen`)"
        )
    };
    let vlan = announced.vlan().map(|vlan| format!("it announces voice VLAN {vlan}"));
    let load = announced.load().map(|load| format!("it announces the load {load}"));
    let facts = [Some(format!("there since {since}")), load, vlan];
    Some(Finding::new(&RULE, Severity::Error, summary, remedy).because(facts.into_iter().flatten()))
}
