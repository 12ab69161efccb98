//! Firmware load names, as phones report them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The call signalling a load speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Signalling {
    /// SIP.
    Sip,
    /// Cisco's Skinny Client Control Protocol.
    Sccp,
}

/// What the boot code of a 7940 or 7960 is like that a load brings with it: it decides which files carry the next load
/// to the phone. Java phones have no such ages; all their loads are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Era {
    /// One unsigned `.bin`; the old boot asks `OS79XX.TXT`. Before 5.0 [DOC-68244].
    Unsigned,
    /// A signed `.sbn` (and the same as `.bin`), still with the old boot. SCCP 5.x, SIP 5.x and 6.x [5455].
    Signed,
    /// The universal application loader and a signed `.sb2`. SCCP from 6.x, SIP from 7.x on [5455].
    UniversalLoader,
}

/// A load name split into what it says: `P0S3-8-12-00` or `SIP42.9-4-2SR3-1S`.
///
/// `version` compares in order (major, minor, maintenance, service release); parts a name does not state are 0. On 7940
/// and 7960 the fourth is the maintenance subversion, or the service release where the name has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// The name as reported, without an extension.
    pub name: String,
    /// The hardware family the load is for: `P0` (7940/7960) or the digits of a Java load (`42`, `70`).
    pub product: String,
    /// What it speaks.
    pub signalling: Signalling,
    /// Major, minor, maintenance, service release.
    pub version: [u16; 4],
}

/// [`Load::product`] of 7940 and 7960.
const LEGACY: &str = "P0";

impl Load {
    /// Reads a load name; `.loads` and surrounding blanks are dropped. `None` for names of no known shape
    /// (`term42.default` says nothing of its version) and for the universal loader of a SIP set (`P003-8-12-00`), which
    /// is named like an SCCP load and is none.
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.trim();
        let name = name.strip_suffix(".loads").unwrap_or(name);
        if let Some(rest) = name.strip_prefix("P0S3").or_else(|| name.strip_prefix("P003")) {
            let signalling = if name.starts_with("P0S3") { Signalling::Sip } else { Signalling::Sccp };
            if signalling == Signalling::Sccp && rest.starts_with('-') {
                return None;
            }
            return Some(Self {
                name: name.to_owned(),
                product: LEGACY.to_owned(),
                signalling,
                version: legacy_version(rest)?,
            });
        }
        let (signalling, rest) = match (name.strip_prefix("SIP"), name.strip_prefix("SCCP")) {
            (Some(rest), _) => (Signalling::Sip, rest),
            (_, Some(rest)) => (Signalling::Sccp, rest),
            _ => return None,
        };
        let (product, release) = rest.split_once('.')?;
        if product.is_empty() || !product.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some(Self { name: name.to_owned(), product: product.to_owned(), signalling, version: java_version(release)? })
    }

    /// The age of a load for 7940 and 7960; `None` for Java loads.
    pub fn era(&self) -> Option<Era> {
        let universal = match self.signalling {
            Signalling::Sip => 7,
            Signalling::Sccp => 6,
        };
        (self.product == LEGACY).then_some(match self.major() {
            0..5 => Era::Unsigned,
            major if major < universal => Era::Signed,
            _ => Era::UniversalLoader,
        })
    }

    /// The name of the universal loader that comes with this load: `P003-8-12-00` with `P0S3-8-12-00`; SCCP loads share
    /// one name with theirs and differ in extension. `None` for loads that bring none.
    pub fn loader(&self) -> Option<String> {
        (self.era()? == Era::UniversalLoader).then(|| self.name.replacen("P0S3", "P003", 1))
    }

    /// Major version: 8 for `P0S3-8-12-00`, 9 for `SIP42.9-4-2SR3-1S`.
    pub fn major(&self) -> u16 {
        let [major, ..] = self.version;
        major
    }
}

/// `-8-12-00`, `-08-11-00`, `08000900`, `0801SR02`, `0202`: two digits a part, or parts between dashes. The name of a
/// service release does not hold the maintenance number, which is 0 here.
fn legacy_version(rest: &str) -> Option<[u16; 4]> {
    let mut version = [0; 4];
    if let Some(dashed) = rest.strip_prefix('-') {
        for (slot, part) in version.iter_mut().zip(dashed.split('-')) {
            *slot = part.parse().ok()?;
        }
        return Some(version);
    }
    let (digits, service) = rest.split_once("SR").map_or((rest, None), |(d, s)| (d, Some(s)));
    if digits.len() < 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut parts = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok()?.parse::<u16>().ok());
    for slot in &mut version {
        *slot = parts.next().flatten().unwrap_or(0);
    }
    if let (Some(service), [_, _, _, last]) = (service, &mut version) {
        *last = service.parse().ok()?;
    }
    Some(version)
}

/// `9-4-2SR3-1S` is 9.4(2)SR3, `8-5-2SR1S` is 8.5(2)SR1; the trailing `-rS` or `S` is the signed build.
fn java_version(release: &str) -> Option<[u16; 4]> {
    let mut parts = release.split('-');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    let third = parts.next()?;
    let end = third.find(|c: char| !c.is_ascii_digit()).unwrap_or(third.len());
    let maintenance = third.get(..end)?.parse().ok()?;
    let service = third.get(end..).and_then(|rest| rest.strip_prefix("SR")).map_or(Some(0), |rest| {
        // `8-5-2SR1S`: here the signed build follows without a dash.
        rest.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok()
    })?;
    Some([major, minor, maintenance, service])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_names_split() {
        for (name, product, signalling, version) in [
            ("P0S3-8-12-00", "P0", Signalling::Sip, [8, 12, 0, 0]),
            ("P0S3-08-11-00", "P0", Signalling::Sip, [8, 11, 0, 0]),
            ("P0S30202", "P0", Signalling::Sip, [2, 2, 0, 0]),
            ("P00308000900", "P0", Signalling::Sccp, [8, 0, 9, 0]),
            ("P0030801SR02", "P0", Signalling::Sccp, [8, 1, 0, 2]),
            ("P00303010102", "P0", Signalling::Sccp, [3, 1, 1, 2]),
            ("SIP42.9-4-2SR3-1S", "42", Signalling::Sip, [9, 4, 2, 3]),
            ("SIP41.8-5-2SR1S", "41", Signalling::Sip, [8, 5, 2, 1]),
            ("SCCP70.8-3-3SR2S", "70", Signalling::Sccp, [8, 3, 3, 2]),
            ("SIP42.8-5-4S.loads", "42", Signalling::Sip, [8, 5, 4, 0]),
            ("SCCP41.8-2-1S", "41", Signalling::Sccp, [8, 2, 1, 0]),
        ] {
            let load = Load::parse(name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(
                (load.product.as_str(), load.signalling, load.version),
                (product, signalling, version),
                "{name}"
            );
        }
    }

    #[test]
    fn other_names_say_nothing() {
        for name in
            ["", "term42.default", "sip88xx.12-5-1", "P0S3", "SIP.9-4", "P003\u{e9}1", "SIP42.x", "P003-8-12-00"]
        {
            assert_eq!(Load::parse(name), None, "{name}");
        }
    }
    #[test]
    fn the_age_of_a_legacy_load_says_how_it_boots() {
        for (name, era, loader) in [
            ("P0S30202", Some(Era::Unsigned), None),
            ("P00303010102", Some(Era::Unsigned), None),
            ("P0S3-04-4-00", Some(Era::Unsigned), None),
            ("P00305000500", Some(Era::Signed), None),
            ("P0S3-06-3-00", Some(Era::Signed), None),
            ("P00306000100", Some(Era::UniversalLoader), Some("P00306000100")),
            ("P0S3-07-4-00", Some(Era::UniversalLoader), Some("P003-07-4-00")),
            ("P0030801SR02", Some(Era::UniversalLoader), Some("P0030801SR02")),
            ("P0S3-8-12-00", Some(Era::UniversalLoader), Some("P003-8-12-00")),
            ("SIP42.8-5-4S", None, None),
        ] {
            let load = Load::parse(name).unwrap();
            assert_eq!((load.era(), load.loader().as_deref()), (era, loader), "{name}");
        }
    }
}
