//! From FreePBX's rows to a roster. Pure: rows are values; one bad row costs that phone or extension alone.
//!
//! Schema and habits: FreePBX/core `module.xml` (releases 15 to 17); chan_pjsip extensions live in table `sip` too.

use std::collections::BTreeMap;

use super::assignments::assignments;
use super::{chan_sip, endpoint};
use crate::domain::{Extension, MacAddr, Problem, Secret};
use crate::pbx::roster::{Account, Driver, NatFlags, Registrar, Roster, RowProblem, Transports};

/// A cell: bytes, because a column may hold what is no UTF-8; `None` = NULL.
pub type Cell = Option<Vec<u8>>;

/// Rows as they were read, in one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// `need_reload` of `admin`.
    pub need_reload: bool,
    /// extension, name, voicemail
    pub users: Vec<[Cell; 3]>,
    /// id, tech, devicetype, user, description
    pub devices: Vec<[Cell; 5]>,
    /// id, keyword, data
    pub sip: Vec<[Cell; 3]>,
    /// key, val
    pub sip_settings: Vec<[Cell; 2]>,
    /// keyword, data of chan_sip's settings; `None` = there is no such table.
    pub chan_sip: Option<Vec<[Cell; 2]>>,
    /// customcode, defaultcode of "my voicemail".
    pub voicemail_code: Option<[Cell; 2]>,
    /// PHPTIMEZONE, where it may be read.
    pub time_zone: Cell,
    /// Phones and their lines.
    pub phones: PhoneRows,
}

/// Rows of our own tables in the PBX.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhoneRows {
    /// mac, model, description, target_load, options, enabled; `None` = there is no such table.
    pub phones: Option<Vec<[Cell; 6]>>,
    /// mac, button, kind, extension, label; `None` = there is no such table.
    pub lines: Option<Vec<[Cell; 5]>>,
}

/// Cells beyond this are no value of a PBX; the row is left out.
pub const CELL_LIMIT: usize = 4_096;

/// What holds for all extensions.
struct Site {
    chan_sip: chan_sip::Settings,
    binds: endpoint::Binds,
}

/// Makes the roster. Never fails: what cannot be used is in its problems.
pub fn roster(rows: &Rows) -> Roster {
    let mut problems = Vec::new();
    let site = Site { chan_sip: chan_sip::Settings::new(rows.chan_sip.as_deref()), binds: endpoint::Binds::new(rows) };
    let accounts = accounts(rows, &site, &mut problems);
    let pbx = Roster {
        registrar: Registrar { pjsip: site.binds.listeners(), chan_sip: site.chan_sip.listeners },
        accounts,
        problems,
        voicemail_code: rows
            .voicemail_code
            .as_ref()
            .and_then(|codes| codes.iter().map(lossy).find(|code| !code.is_empty())),
        // UTC is what FreePBX says where nobody chose: then the system's zone tells more.
        time_zone: Some(lossy(&rows.time_zone)).filter(|zone| !["", "UTC", "Etc/UTC"].contains(&zone.as_str())),
        apply_pending: rows.need_reload,
        ..Roster::default()
    };
    with_phones(with_bad_ports(pbx, rows), &rows.phones)
}

/// Names the ports of chan_pjsip that are none: such a row is not used, and the driver's own default is.
fn with_bad_ports(mut pbx: Roster, rows: &Rows) -> Roster {
    for [key, value] in &rows.sip_settings {
        let (key, value) = (lossy(key), lossy(value));
        let is_port = key.starts_with("udpport-") || key.starts_with("tcpport-");
        if is_port && !value.is_empty() && !value.trim().parse::<u16>().is_ok_and(|port| port > 0) {
            pbx.problems.push(row_problem(
                None,
                None,
                Problem::new(
                    "bad-port",
                    format!(
                        "\"{}\" in kvstore_Sipsettings is no port of {}; 5060 is used",
                        printable(&value),
                        printable(&key)
                    ),
                    "save Asterisk SIP Settings, chan_pjsip, again in FreePBX",
                ),
            ));
        }
    }
    pbx
}

/// The same with these phones.
pub fn with_phones(pbx: Roster, rows: &PhoneRows) -> Roster {
    let mut assignment_problems = Vec::new();
    let assignments = assignments(rows, &mut assignment_problems);
    let assignments_known = rows.phones.is_some() && rows.lines.is_some();
    Roster { assignments, assignment_problems, assignments_known, ..pbx }
}

pub(super) fn lossy(cell: &Cell) -> String {
    cell.as_deref().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
}

pub(super) fn row_problem(mac: Option<MacAddr>, extension: Option<&str>, problem: Problem) -> RowProblem {
    RowProblem { mac, extension: extension.map(str::to_owned), problem }
}

fn accounts(rows: &Rows, site: &Site, problems: &mut Vec<RowProblem>) -> BTreeMap<Extension, Account> {
    let users: BTreeMap<String, &[Cell; 3]> = rows.users.iter().map(|row| (lossy(&row[0]), row)).collect();
    let mut settings: BTreeMap<&[u8], BTreeMap<&[u8], &Cell>> = BTreeMap::new();
    for [id, keyword, data] in &rows.sip {
        if let (Some(id), Some(keyword)) = (id, keyword) {
            settings.entry(id).or_default().insert(keyword, data);
        }
    }
    let none = BTreeMap::new();
    let mut accounts = BTreeMap::new();
    for [id, tech, kind, user, description] in &rows.devices {
        let tech = lossy(tech);
        if tech != "pjsip" && tech != "sip" {
            continue;
        }
        let id = lossy(id);
        let Ok(extension) = id.parse::<Extension>() else {
            problems.push(row_problem(
                None,
                Some(&printable(&id)),
                Problem::new(
                    "extension-characters",
                    format!("extension \"{}\" has characters that no phone can carry", printable(&id)),
                    "give it a number out of digits, or letters, digits and _ * + . -",
                ),
            ));
            continue;
        };
        let settings = settings.get(id.as_bytes()).unwrap_or(&none);
        let fixed = lossy(kind) != "adhoc";
        let user = users.get(&lossy(user)).filter(|_| fixed);
        match account(extension, &tech, settings, site, user.copied(), description) {
            Ok(account) => {
                accounts.insert(account.extension.clone(), account);
            }
            Err(problem) => problems.push(row_problem(None, Some(&id), problem)),
        }
    }
    accounts
}

fn account(
    extension: Extension,
    tech: &str,
    settings: &BTreeMap<&[u8], &Cell>,
    site: &Site,
    user: Option<&[Cell; 3]>,
    description: &Cell,
) -> Result<Account, Problem> {
    let get = |keyword: &str| settings.get(keyword.as_bytes()).map(|cell| lossy(cell)).filter(|text| !text.is_empty());
    // A save deletes all rows of a device and writes them back one by one; these two come last.
    let (Some(driver), Some(endpoint)) = (get("sipdriver"), get("account")) else {
        return Err(Problem::new(
            "half-written",
            format!("extension {extension} is half-written in table sip: it has no sipdriver or no account"),
            "open the extension in FreePBX and save it again",
        ));
    };
    if settings.values().any(|cell| cell.as_ref().is_some_and(|bytes| bytes.len() > CELL_LIMIT)) {
        return Err(Problem::new(
            "value-too-large",
            format!("a setting of extension {extension} is over 4 KiB"),
            "save the extension again in FreePBX",
        ));
    }
    let mut problems = Vec::new();
    let driver = if driver == "chan_sip" || tech == "sip" { Driver::ChanSip } else { Driver::Pjsip };
    let secret = secret(&extension, driver, settings, &mut problems);
    let yes = |keyword: &str, default: bool| get(keyword).map_or(default, |text| text == "yes");
    let (nat, transports) = match driver {
        Driver::Pjsip => (
            NatFlags { force_rport: yes("force_rport", true), rewrite_contact: yes("rewrite_contact", true) },
            Transports::default(),
        ),
        Driver::ChanSip => (site.chan_sip.nat(get("nat")), site.chan_sip.transports(get("transport"))),
    };
    // A peer of chan_sip answers to its own name alone: another digest user is refused (measured on Asterisk 16), and
    // it keeps one registration.
    let pjsip = |keyword: &str| get(keyword).filter(|_| driver == Driver::Pjsip);
    let mailbox =
        user.map(|[_, _, voicemail]| lossy(voicemail)).filter(|context| !context.is_empty() && context != "novm");
    let name = user
        .map(|[_, name, _]| lossy(name))
        .filter(|name| !name.trim().is_empty())
        .unwrap_or_else(|| lossy(description));
    Ok(Account {
        auth_user: pjsip("username").unwrap_or_else(|| endpoint.clone()),
        sip_user: endpoint,
        extension,
        driver,
        secret,
        name,
        mailbox,
        max_contacts: pjsip("max_contacts").and_then(|n| n.trim().parse().ok()).unwrap_or(1),
        nat,
        transports,
        settings: endpoint::settings(driver, &site.binds, |keyword| {
            settings.get(keyword.as_bytes()).map(|cell| lossy(cell))
        }),
        problems,
    })
}

/// The password that Asterisk has. FreePBX writes the stored one into chan_pjsip's file as it is, and Asterisk's parser
/// ends a value at `;`, takes `\;` for a literal one, and trims (measured on FreePBX 16 with Asterisk 16). Into
/// chan_sip's file it writes `\;` for each `;`, so there only blanks are lost. In both a `>` right after the `=` belongs
/// to that (main/config.c), and FreePBX writes nothing between the two.
fn secret(
    extension: &Extension,
    driver: Driver,
    settings: &BTreeMap<&[u8], &Cell>,
    problems: &mut Vec<Problem>,
) -> Option<Secret> {
    let cell = |key: &[u8]| settings.get(key).and_then(|cell| cell.as_deref()).unwrap_or_default();
    let bytes = cell(b"secret");
    // chan_sip's file gets no hash from FreePBX.
    let md5 = driver == Driver::Pjsip && !cell(b"md5_cred").is_empty();
    if md5 && !bytes.is_empty() {
        problems.push(Problem::new(
            "secret-md5",
            format!("extension {extension} has an MD5 hash beside its secret: Asterisk goes by the hash, and a phone with the secret is refused unless the hash is made of it"),
            "empty md5_cred on the extension, and Apply Config",
        ));
    }
    if bytes.is_empty() {
        problems.push(if md5 {
            Problem::new(
                "secret-md5-only",
                format!("extension {extension} has an MD5 hash and no secret, and a phone needs the secret itself"),
                "set a plain secret on the extension",
            )
        } else {
            Problem::new(
                "no-secret",
                format!("extension {extension} has no secret"),
                "set one on the extension; `offhook phones secret MAC` prints a good one",
            )
        });
        return None;
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        problems.push(Problem::new(
            "secret-characters",
            format!("the secret of extension {extension} is no UTF-8 text"),
            "set a new secret of letters and digits",
        ));
        return None;
    };
    let written = text.strip_prefix('>').unwrap_or(text);
    let effective = match driver {
        Driver::Pjsip => effective(written),
        Driver::ChanSip => written.trim().to_owned(),
    };
    if effective.is_empty() {
        problems.push(Problem::new(
            "secret-not-as-typed",
            format!(
                "the secret of extension {extension} begins with ; or is nothing but > and blanks, so Asterisk has none"
            ),
            "set a new secret of letters and digits",
        ));
        return None;
    }
    if effective != text {
        problems.push(Problem::new(
            "secret-not-as-typed",
            format!("the secret of extension {extension} holds {}: Asterisk has only a part of it, and phones are given that part", lost(driver)),
            "set a new secret of letters and digits",
        ));
    }
    Some(Secret::new(effective))
}

/// What of a secret does not reach Asterisk.
fn lost(driver: Driver) -> &'static str {
    match driver {
        Driver::Pjsip => "a ;, a > at its beginning or blanks at an end",
        Driver::ChanSip => "a > at its beginning or blanks at an end",
    }
}

/// What is left of a value in Asterisk's configuration files (main/config.c).
fn effective(text: &str) -> String {
    let mut out = String::new();
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        match c {
            ';' => break,
            '\\' if letters.peek() == Some(&';') => {
                letters.next();
                out.push(';');
            }
            c => out.push(c),
        }
    }
    out.trim().to_owned()
}

pub(super) fn printable(text: &str) -> String {
    text.escape_debug().take(64).collect()
}

#[cfg(test)]
#[path = "freepbx_tests.rs"]
mod tests;
