//! Steps on the host: port 69, firewall, group. Pure.

use ipnet::Ipv4Net;

use super::networks;
use crate::setup::facts::{Facts, Firewall, Wishes};
use crate::setup::journal::Change;
use crate::setup::port::{Holder, Taking, taking};
use crate::setup::step::{Action, Status, Step, run};

pub(super) fn tftp(facts: &Facts, wishes: &Wishes) -> Step {
    const ID: &str = "tftp";
    let holder = facts.tftp.as_ref().map(Holder::named).unwrap_or_default();
    let why = "phones know TFTP on port 69 only, and two servers cannot have it";
    let undo = "the other server is switched on again";
    let step = match taking(facts.tftp.as_ref()) {
        Taking::Ours => return Step::done(ID, "port 69 is free or offhook's own"),
        Taking::ByHand(note) => {
            return Step::todo(ID, format!("take port 69 from {holder}"), why, Vec::new(), "").by_hand(note);
        }
        Taking::Units(units) => {
            Step::todo(ID, format!("stop {holder}, and serve its files on"), why, vec![Action::StopUnits(units)], undo)
        }
        Taking::Xinetd => {
            let file = facts.paths.at("etc/xinetd.d/tftp");
            let actions = vec![Action::Xinetd(file), run(&["systemctl", "reload", "xinetd"])];
            Step::todo(ID, "switch off xinetd's TFTP service, and serve its files on", why, actions, undo)
        }
    };
    if wishes.take_tftp || wishes.asks {
        step
    } else {
        step.by_hand("TFTP is not served yet: offhook setup --take-tftp")
    }
}

pub(super) fn firewall(facts: &Facts, wishes: &Wishes) -> Step {
    const ID: &str = "firewall";
    let networks = networks(facts, wishes);
    let why = "phones fetch their files on 69/udp and 6970/tcp";
    let commands =
        |form: &dyn Fn(&str) -> Vec<String>| networks.iter().flat_map(|net| form(&net.to_string())).collect();
    if !wishes.firewall {
        let step = Step::done(ID, "let the phones' networks through the firewall, with --firewall");
        return Step { status: Status::NotAsked, ..step };
    }
    if networks.is_empty() {
        return Step::todo(ID, "let the phones through the firewall", why, Vec::new(), "")
            .by_hand("this host has no private network: name the phones' with --phone-network");
    }
    let by_hand = |commands: Vec<String>, note: &str| {
        let step = Step::todo(ID, "let the phones through the firewall", why, Vec::new(), "").by_hand(note);
        Step { commands, ..step }
    };
    match facts.firewall {
        Firewall::FreePbx => {
            let trusted = |net: &&Ipv4Net| {
                let noted =
                    |change: &Change| matches!(change, Change::Trusted { network, .. } if *network == net.to_string());
                match &facts.trusted {
                    Some(trusted) => trusted.iter().any(|trusted| trusted.contains(*net)),
                    None => facts.journal.changes.iter().any(noted),
                }
            };
            let new: Vec<Action> = networks.iter().filter(|net| !trusted(net)).map(|net| Action::Trust(*net)).collect();
            if new.is_empty() {
                return Step::done(ID, "the phones' networks are trusted in FreePBX's firewall");
            }
            Step::todo(
                ID,
                "trust the phones' networks in FreePBX's firewall",
                why,
                new,
                "fwconsole firewall untrust, for each, and back into the zone it was in",
            )
            .noting("a trusted network reaches every port of this host, SSH and FreePBX's pages, too; to open the two ports alone, leave this out and add them in FreePBX: Connectivity, Firewall, Services, Custom Services")
        }
        Firewall::Ufw => by_hand(
            commands(&|net| {
                vec![
                    format!("ufw allow from {net} to any port 69 proto udp"),
                    format!("ufw allow from {net} to any port 6970 proto tcp"),
                ]
            }),
            "setup changes no firewall but FreePBX's; for ufw:",
        ),
        Firewall::Other => by_hand(
            commands(&|net| {
                vec![
                    format!("nft insert rule inet filter input ip saddr {net} udp dport 69 accept"),
                    format!("nft insert rule inet filter input ip saddr {net} tcp dport 6970 accept"),
                ]
            }),
            "setup changes no firewall but FreePBX's; with nftables as Debian sets it up (table inet filter), and in /etc/nftables.conf to last:",
        ),
    }
}

pub(super) fn group(facts: &Facts) -> Option<Step> {
    const ID: &str = "group";
    if facts.in_group? {
        return Some(Step::done(ID, "user offhook is in the group asterisk"));
    }
    let step = Step::todo(
        ID,
        "put user offhook into the group asterisk",
        "that group may read FreePBX's files",
        vec![Action::JoinGroup],
        "deluser offhook asterisk",
    );
    Some(if facts.user { step } else { step.by_hand("there is no user offhook: install the package") })
}
