//! What is there before anything happens, made of what a script says of it.

use crate::domain::{Driver, LineKind, MacAddr, ModelName, PhoneOptions, Problem, Secret, SipTransport};
use crate::firmware::set::{FirmwareSet, SetFile};
use crate::pbx::roster::{Account, Assignment, Button, NatFlags, Origin, Roster, RowProblem, Transports};
use crate::replay::{Differs, Flag, Phone, Set};

pub(super) fn row(mac: Option<MacAddr>, extension: Option<&str>, code: &str) -> RowProblem {
    RowProblem { mac, extension: extension.map(str::to_owned), problem: Problem::new(code, "it is wrong", "mend it") }
}

pub(super) fn differs_in(roster: &mut Roster, differs: &Differs) {
    let (extension, problem) = (differs.extension.as_str(), |code: &String| Problem::new(code, "it is odd", "mend it"));
    // What is none is on no PBX.
    let key = extension.parse();
    if differs.is(Flag::Absent) {
        key.iter().for_each(|key| drop(roster.accounts.remove(key)));
        roster.problems.extend(differs.problems.iter().map(|code| row(None, Some(extension), code)));
        return;
    }
    let user = differs.user.clone().unwrap_or_else(|| extension.to_owned());
    let mut secret = "x".repeat(differs.secret);
    if differs.is(Flag::OddSecret) {
        secret.replace_range(..1, "\u{e9}");
    }
    let nat = differs.is(Flag::Nat);
    let only = |transport| differs.only.is_none_or(|only| only == transport);
    let account = Account {
        driver: if differs.is(Flag::ChanSip) { Driver::ChanSip } else { Driver::Pjsip },
        auth_user: differs.auth.clone().unwrap_or_else(|| user.clone()),
        sip_user: user,
        secret: (!differs.is(Flag::NoSecret)).then(|| Secret::new(secret)),
        nat: NatFlags { force_rport: nat, rewrite_contact: nat },
        max_contacts: differs.contacts,
        transports: Transports { udp: only(SipTransport::Udp), tcp: only(SipTransport::Tcp) },
        settings: differs.settings.clone(),
        problems: differs.problems.iter().map(problem).collect(),
        ..Account::sample(extension, "")
    };
    roster.accounts.insert(key.unwrap(), account);
}

pub(super) fn firmware(set: &Set) -> FirmwareSet {
    let file = |name: &String| SetFile { name: name.clone(), size: 4, sha256: format!("{}/{name}", set.load) };
    let whole = FirmwareSet::sample(&set.load, set.files.iter().map(file).collect());
    FirmwareSet { complete: set.lacks.is_empty(), missing: set.lacks.clone(), ..whole }
}

pub(super) fn assignment(phone: &Phone) -> Assignment {
    let button =
        |button, extension: &str, kind| Button { button, kind, extension: extension.to_owned(), label: String::new() };
    let lines = (1..).zip(&phone.lines).filter(|(_, extension)| !extension.is_empty());
    let lines = lines.map(|(at, extension)| button(at, extension, LineKind::Line));
    let keys = (0..phone.keys).map(|key| button(100_u8.saturating_add(key), "555", LineKind::SpeedDial));
    Assignment {
        mac: phone.mac,
        model: phone.model.as_deref().map(ModelName::new),
        description: String::new(),
        target_load: phone.target.clone(),
        options: PhoneOptions::default(),
        enabled: !phone.disabled,
        buttons: lines.chain(keys).collect(),
        origin: Origin::Pbx,
    }
}
