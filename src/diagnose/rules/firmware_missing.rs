//! The phone wants a part of a load that is not here.

use crate::diagnose::{Evidence, Finding, Rule, Severity};
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
};

/// The name, while the phone neither found it elsewhere nor registered, nor waits for a load of ours.
fn missing<'a>(evidence: &Evidence<'a>) -> Option<(jiff::Timestamp, &'a str)> {
    let (at, name) = evidence.boot.firmware_missing.as_ref()?;
    // What it asked for before its turn came, its turn answers.
    let waits = evidence.converting().is_some_and(|conversion| conversion.armed.is_none_or(|armed| *at <= armed));
    (evidence.contacts.is_empty() && !waits).then_some((*at, name.as_str()))
}

fn check(evidence: &Evidence<'_>) -> Option<Finding> {
    let (at, name) = missing(evidence).filter(|(_, name)| !name.contains(' '))?;
    let term = name.to_ascii_lowercase().starts_with("term");
    let remedy = if term {
        "`offhook convert start` the phone: it was reset and has no application; see `offhook explain firmware-missing`"
    } else {
        "bring the archive that holds it (`offhook firmware add`), or `offhook convert start` the phone to a load that is here"
    };
    Some(finding(RULE.code, format!("the phone asks for {name}, and no set here holds it"), at, remedy))
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
