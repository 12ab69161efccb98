//! The phone is expected, and nothing at all was heard of it.

use jiff::{SignedDuration, Timestamp};

use crate::convert::text::{self, unlocked};
use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::status::Health;

/// A phone asks for its first file within two minutes of getting power.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

pub(super) const RULE: Rule = Rule {
    code: "not-seen",
    title: "Nothing was heard of an assigned phone",
    text: concat!(
        "It has no power, no network, or asks another server. Look at the phone. Dark, no lamp: no power; it takes 48 V over the \
           cable (a switch with power, Cisco's own or IEEE 802.3af) or its power supply, and a 7970 or 7971 that was reset takes its \
           supply only. Dark for minutes after the keys of a reset: it erases its flash; give it ten minutes. \"Configuring IP\" \
           for ever: it gets no address. \"Configuring VLAN\" for long: the switch tells it no voice VLAN, which is no harm, or one \
           where nothing answers. A clock, a number, \"Registering\" or \"Unprovisioned\": it asks another server. Then the \
           DHCP server must send option 150 and 66 with this server's address (`offhook dhcp snippet`, `offhook dhcp listen`), \
           and the phone must be in one of server.phone_networks. A phone with Alternate TFTP = YES from its former life asks \
           elsewhere whatever DHCP says: Settings, Network Configuration, Alternate TFTP: No (",
        unlocked!(),
        "). And see that the MAC \
           in the PBX is the one on its label: `offhook phones list` shows phones that nobody assigned."
    ),
    // The same as the stage says: a phone that is not plugged in is no fault of anybody.
    health: Health::Waiting,
    check,
    due: Some(|evidence| if unheard(evidence) { evidence.told.silent?.checked_add(PATIENCE).ok() } else { None }),
    sources: &["TAC7970", "SEED1"],
};

/// Nothing it did and nothing it announced is remembered.
fn unheard(evidence: &Evidence<'_>) -> bool {
    evidence.contacts.is_empty() && evidence.boot.last.is_none() && evidence.seen.last().is_none()
}

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    evidence.wanted()?;
    let since: Timestamp = evidence.told.silent?;
    let waiting = evidence.now.duration_since(since) < PATIENCE;
    if !unheard(evidence) || waiting || !evidence.told.misleading.is_empty() || evidence.told.asking.is_some() {
        return None;
    }
    let summary = "nothing was heard of this phone: it has no power or network, or asks another server".to_owned();
    let remedy = format!(
        "look at the phone: dark means no power; if it shows text, Alternate TFTP is on ({}), or its DHCP server sends no \
         option 150 and 66; compare the MAC on its label with the PBX",
        text::network_settings(evidence.family())
    );
    Some(Finding::new(&RULE, Severity::Warning, summary, remedy).because([format!("silent since {since} at least")]))
}
