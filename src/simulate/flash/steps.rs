//! Which load may follow which: the two upgrade tables of the references, transcribed for the phones alone.
//!
//! 7940/7960: Cisco's conversion note (5455) and installation guide (CME-INST), how-tos (SEED1, SEED2, STRANGE, LOG).
//! Java phones: Cisco's 9.2 release notes and field reports (SYSOP, QSOL, HIP). What no row allows is refused: a way that
//! nobody went is not one to be sent.

use std::fmt;

use super::super::model::{LoadId, Protocol};

/// Loads that single 7940/7960 were seen to refuse: SCCP 8.0(5) and what follows (STRANGE).
pub const REJECTED_BY_SOME: &[&str] = &[
    "P00308000500",
    "P00308000600",
    "P00308000700",
    "P00308000800",
    "P00308000900",
    "P00308001000",
    "P00308010100",
    "P00308010200",
    "P0030801SR01",
    "P0030801SR02",
];

/// Major and minor release.
type Version = (u32, u32);

/// One way between loads of a 7940/7960: from these releases to those, both ends included.
struct Way {
    /// Rows of the reference's table.
    rows: &'static str,
    from: (Protocol, Version, Version),
    to: (Protocol, Version, Version),
}

const fn way(rows: &'static str, from: (Protocol, Version, Version), to: (Protocol, Version, Version)) -> Way {
    Way { rows, from, to }
}

use Protocol::{Sccp, Sip};

/// Last minor release of any major one.
const END: u32 = 99;

const WAYS: &[Way] = &[
    way("1", (Sccp, (0, 0), (2, END)), (Sccp, (3, 0), (3, END))),
    way("2", (Sccp, (3, 0), (4, END)), (Sccp, (5, 0), (5, END))),
    way("3", (Sccp, (0, 0), (4, END)), (Sip, (0, 0), (6, END))),
    // By the loader of the SIP set, in OS79XX.TXT (TEO and others name that of 8.12).
    way("4", (Sccp, (0, 0), (4, END)), (Sip, (7, 0), (8, END))),
    way("5", (Sccp, (5, 0), (5, END)), (Sip, (5, 0), (6, END))),
    way("6", (Sccp, (5, 0), (5, END)), (Sip, (7, 0), (7, END))),
    // 8.0(4) and 8.0(9) are reported; between two signed SCCP loads nothing stands in the way.
    way("7-9", (Sccp, (5, 0), (8, END)), (Sccp, (5, 0), (8, END))),
    way("10-13", (Sccp, (6, 0), (8, END)), (Sip, (7, 0), (8, END))),
    way("14", (Sip, (2, 0), (4, 3)), (Sip, (2, 0), (4, 4))),
    way("15", (Sip, (4, 4), (4, END)), (Sip, (5, 0), (5, END))),
    way("16", (Sip, (5, 0), (5, END)), (Sip, (5, 0), (6, END))),
    // 2.x to 4.x straight to 7.x is forbidden (row 18), and so 5.x and 6.x to 8.x have no row either.
    way("17", (Sip, (6, 0), (6, END)), (Sip, (6, 0), (7, END))),
    way("19-21, 29", (Sip, (7, 0), (8, END)), (Sip, (5, 0), (8, END))),
    way("22, 24", (Sip, (5, 0), (6, END)), (Sccp, (5, 0), (8, END))),
    way("23", (Sip, (0, 0), (4, END)), (Sccp, (0, 0), (8, END))),
    way("25-28", (Sip, (7, 0), (8, END)), (Sccp, (5, 0), (8, END))),
];

/// Whether a 7940/7960 load is signed: from 5.0 on (DOC-68244).
pub fn is_signed(load: &LoadId) -> bool {
    load.version().first().is_some_and(|major| *major >= 5)
}

/// What a 7940/7960 load is for the table: `P003-8-12-00` is the loader of a SIP set although its name begins as SCCP's.
fn place(load: &LoadId) -> Option<(Protocol, Version)> {
    let protocol = if load.as_str().starts_with("P003-") { Sip } else { load.protocol()? };
    let version = load.version();
    Some((protocol, (version.first().copied()?, version.get(1).copied().unwrap_or_default())))
}

/// Whether a 7940/7960 goes from one load to another; `None` = it has nothing but the universal loader (row 31). Gives
/// the rows of the table that say so.
///
/// # Errors
/// Why not.
pub fn legacy(from: Option<&LoadId>, to: &LoadId) -> Result<&'static str, String> {
    let Some((protocol, version)) = place(to) else { return Err(format!("{to} is no load of a 7940/7960")) };
    let Some(from) = from else {
        let universal = match protocol {
            Sccp => version >= (6, 0),
            Sip | Protocol::Mgcp => version >= (7, 0),
        };
        return if universal { Ok("31") } else { Err(format!("the universal loader cannot start {to}")) };
    };
    if is_signed(from) && !is_signed(to) {
        return Err(format!("auth error: {from} is signed and takes no unsigned load again"));
    }
    let within = |range: &(Protocol, Version, Version), protocol: Protocol, version: Version| {
        range.0 == protocol && (range.1..=range.2).contains(&version)
    };
    let found = place(from)
        .and_then(|(was, at)| WAYS.iter().find(|way| within(&way.from, was, at) && within(&way.to, protocol, version)));
    found.map(|way| way.rows).ok_or_else(|| format!("auth error: no way leads from {from} to {to}"))
}

/// Release of a Java load: major, minor, maintenance, service release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release(pub [u32; 4]);

impl Release {
    /// Reads `9-4-2SR3-1S`, `8-5-2S`, and what images are built as: `9-2-1TH1-13`, `9-4-2ES26`. An engineering special
    /// (`ES`) is later than the release it is named after.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?.parse().ok()?;
        let third = parts.next()?;
        let (digits, rest) = third.split_at(third.find(|c: char| !c.is_ascii_digit()).unwrap_or(third.len()));
        let service = match rest.strip_prefix("SR") {
            Some(rest) => rest.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok()?,
            None => u32::from(rest.starts_with("ES")),
        };
        Some(Self([major, minor, digits.parse().ok()?, service]))
    }

    /// The release in the name of a Java load: what follows the first dot.
    pub fn of_load(name: &str) -> Option<Self> {
        Self::parse(name.split_once('.')?.1)
    }
}

impl fmt::Display for Release {
    /// As in a User-Agent header: `9.4.2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([major, minor, maintenance, _]) = self;
        write!(f, "{major}.{minor}.{maintenance}")
    }
}

/// Last release before which a Java phone needs a stepping stone.
const BEFORE_STONES: Release = Release([8, 3, 3, 0]);
/// The last stepping stone: 8.5(2), and not its service release.
const LAST_STONE: Release = Release([8, 5, 2, 0]);

/// Whether a Java phone goes from one release to another; `None` = the boot loader alone, or a release that is not known.
///
/// # Errors
/// Why not.
pub fn java(from: Option<Release>, to: Option<Release>) -> Result<(), String> {
    match (from, to) {
        (Some(from), Some(to)) if from < BEFORE_STONES && to > LAST_STONE => {
            Err(format!("no acceptable firmware: {from} takes nothing later than 8.5(2)"))
        }
        _ => Ok(()),
    }
}
