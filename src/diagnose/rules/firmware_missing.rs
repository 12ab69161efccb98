//! The phone wants a part of a load that is not here.

use crate::convert::text;
use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::domain::{Load, Signalling};
use crate::status::Health;

pub(super) const RULE: Rule = Rule {
    code: "firmware-missing",
    title: "The phone asks for a part of a load that no set here holds",
    text: "Somebody told it that load: its own memory, or a configuration of a former server. It goes on when it finds the file, \
           or is told another load. `offhook firmware list` shows what is here. Bring the archive with that file (`offhook \
           firmware add`), or let the phone be told what is here: `offhook convert start MAC`. A file termNN.default.loads is \
           asked for by a Java phone that was reset and has no application: the conversion gives it one, and firmware.erased \
           those phones that nobody knows by their address.",
    health: Health::NeedsHands,
    check,
    due: None,
    sources: &["LOG", "SYSOP"],
};

pub(super) const NAME_WITH_BLANK: Rule = Rule {
    code: "name-with-blank",
    title: "The phone asks for a load whose name holds a blank",
    text: "OS79XX.TXT of an older 7940 or 7960 is one line with the load's name, and a blank or rubbish after it becomes part of \
           the name (Cisco bug CSCdv19260). No server has such a file. offhook's own has none: the phone read the file of \
           another server. Find that server (option 150 or 66, or Alternate TFTP on the phone) and rewrite the line, or send \
           the phone here and power-cycle it.",
    health: Health::NeedsHands,
    check: blank,
    due: None,
    sources: &["SIP2SCCP"],
};

pub(super) const INCOMPLETE: Rule = Rule {
    code: "set-incomplete",
    title: "The phone asks for a part of a load that is here only in part",
    text: "A load is a set of files: of a Java phone the manifest NAME.loads and the five .sbn files that it lists (jar, cnu, apps, dsp, cvm), \
           and termNN.default.loads for phones that were reset; of a 7940 or 7960 .loads, .sb2 and .sbn, and .bin for phones that run an \
           unsigned load. The phone starts over where one is missing. offhook offers no set that is not whole; this phone was told \
           of it by somebody else, or before a file went. `offhook firmware check LOAD` names what is missing and which archive \
           of the vendor holds it; bring that archive unchanged (`offhook firmware add`): files are never renamed.",
    health: Health::NeedsHands,
    check: incomplete,
    due: None,
    sources: &["BYTES", "SYSOP", "CME-INST"],
};

pub(super) const OTHER_MANAGER: Rule = Rule {
    code: "other-call-manager",
    title: "The phone asks for an SCCP load that nobody here told it",
    text: "A call manager's configuration told it: an XMLDefault.cnf.xml or SEP<MAC>.cnf.xml of another server that its network still \
           reaches, by DHCP (option 150 or 66), or by Alternate TFTP on the phone. It restarts for that load each time. Find that \
           server with `offhook dhcp listen`, and keep it from these phones: another VLAN, or this server's address in its DHCP. Then \
           power-cycle the phone: it reads its own file here, which names no such load.",
    health: Health::NeedsHands,
    check: other_manager,
    due: None,
    sources: &["SINGLE", "SEED1"],
};

/// The name, while the phone neither found it elsewhere nor registered, nor waits for a load of ours.
pub(super) fn missing<'a>(evidence: &Evidence<'a>) -> Option<(jiff::Timestamp, &'a str)> {
    evidence.assignment.filter(|assignment| assignment.enabled)?;
    let (at, name) = evidence.boot.firmware_missing.as_ref()?;
    // What it asked for before its turn came, its turn answers.
    let waits = evidence.converting().is_some_and(|conversion| conversion.armed.is_none_or(|armed| *at <= armed));
    (evidence.contacts.is_empty() && !waits).then_some((*at, name.as_str()))
}

/// Whether it is the manifest of a load that speaks SCCP, and that nobody has here.
fn strange(name: &str) -> bool {
    let load = |name: &str| Load::parse(name.get(..name.len().checked_sub(6)?)?);
    let manifest = name.to_ascii_lowercase().ends_with(".loads");
    manifest && load(name).is_some_and(|load| load.signalling == Signalling::Sccp)
}

fn incomplete(evidence: &Evidence<'_>) -> Option<Finding> {
    let (at, name) = missing(evidence)?;
    let load = evidence.firmware.file(name).lacking?;
    let summary = format!("the phone asks for {name}, which the set {load} here lacks");
    let remedy = format!(
        "`offhook firmware check {load}` names the archive that holds it; bring it with `offhook firmware add`"
    );
    Some(finding(INCOMPLETE.code, summary, at, &remedy))
}

fn other_manager(evidence: &Evidence<'_>) -> Option<Finding> {
    let (at, name) =
        missing(evidence).filter(|(_, name)| strange(name) && evidence.firmware.file(name).lacking.is_none())?;
    let summary = format!("the phone asks for {name}, an SCCP load that nobody here told it: another server did");
    let remedy = format!(
        "find that server (`offhook dhcp listen`; Alternate TFTP on the phone: {}), keep it from the phone, and power-cycle the phone",
        text::network_settings(evidence.family())
    );
    Some(finding(OTHER_MANAGER.code, summary, at, &remedy))
}

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    let other = |name: &str| name.contains(' ') || strange(name) || super::image_damaged::serial(name);
    let (at, name) = missing(evidence).filter(|(_, name)| !other(name))?;
    let file = evidence.firmware.file(name);
    if file.lacking.is_some() {
        return None;
    }
    let meant = file.meant.map(|near| format!("; {near} is here: did you mean that?")).unwrap_or_default();
    let term = name.to_ascii_lowercase().starts_with("term");
    let remedy = if term {
        "`offhook convert start` the phone: it was reset and has no application; see `offhook explain firmware-missing`"
    } else {
        "bring the archive that holds it (`offhook firmware add`), or `offhook convert start` the phone to a load that is here"
    };
    Some(finding(RULE.code, format!("the phone asks for {name}, and no set here holds it{meant}"), at, remedy))
}

fn blank(evidence: &Evidence<'_>) -> Option<Finding> {
    let (at, name) = missing(evidence).filter(|(_, name)| name.contains(' '))?;
    let summary = format!("the phone asks for {name:?}: the line of an OS79XX.TXT that it read ends with a blank");
    let remedy =
        "rewrite OS79XX.TXT of the phone's former server without a blank, or send the phone here and power-cycle it";
    Some(finding(NAME_WITH_BLANK.code, summary, at, remedy))
}

fn finding(code: &str, summary: String, at: jiff::Timestamp, remedy: &str) -> Finding {
    Finding {
        code: code.to_owned(),
        severity: Severity::Error,
        summary,
        evidence: vec![format!("asked for it at {at}")],
        remedy: remedy.to_owned(),
    }
}
