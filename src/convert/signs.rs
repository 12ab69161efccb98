//! What a request says of the phone that makes it.
//!
//! Which program of a phone asks shows by the file: the loader hunts for configurations, only an application asks for
//! rings, dial plans and texts of menus [LOG][W7942][FWSCCP].

use crate::domain::Signalling;
use crate::files::name::{FileRequest, PhoneFile, SharedFile};

/// What a request says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign<'a> {
    /// `OS79XX.TXT`: a 7940 or 7960 whose boot is older than the universal loader [MATRIXQ].
    OldBoot,
    /// `CTLSEP<MAC>.tlv`: a universal loader, or a Java phone's application.
    TrustList,
    /// `SEP<MAC>.cnf.xml.sgn`: the phone believes the call manager of its former life only.
    SignedOnly,
    /// A file that may name a load.
    Control,
    /// A file that only an application of that protocol asks for.
    Application(Signalling),
    /// `termNN.default.loads`: a Java phone without an application.
    Term(&'a str),
    /// A load's manifest, by the load's name.
    Manifest(&'a str),
    /// Another part of a set, by its name.
    Image(&'a str),
}

/// Texts of menus and rings of SCCP applications, by the end of the name; any case.
const SCCP: &[&str] = &[
    "-sccp.jar",
    "sccp-dictionary.xml",
    "sccp-dictionary-ext.xml",
    "7960-dictionary.xml",
    "7960-font.xml",
    "sepdefault.cnf",
];

/// Likewise of SIP applications.
const SIP: &[&str] = &["-sip.jar"];

impl<'a> Sign<'a> {
    /// Reads a request; `None` = it says nothing of loads.
    pub fn of(request: &'a FileRequest) -> Option<Self> {
        Some(match request {
            FileRequest::Phone(PhoneFile::Ctl, _) => Self::TrustList,
            FileRequest::Phone(PhoneFile::SepXmlSigned, _) => Self::SignedOnly,
            FileRequest::Phone(PhoneFile::SipCnf | PhoneFile::SepXml, _)
            | FileRequest::Shared(SharedFile::SipDefault | SharedFile::XmlDefault) => Self::Control,
            FileRequest::Phone(PhoneFile::Itl | PhoneFile::Mgcp, _) | FileRequest::Shared(SharedFile::SyncInfo) => {
                return None;
            }
            FileRequest::Shared(SharedFile::Os79xx) => Self::OldBoot,
            FileRequest::Shared(SharedFile::RingList | SharedFile::DialPlan) => Self::Application(Signalling::Sip),
            FileRequest::Firmware(name) | FileRequest::Other(name) => return Self::of_name(name),
        })
    }

    fn of_name(name: &'a str) -> Option<Self> {
        let name = name.rsplit('/').next().unwrap_or(name);
        let lower = name.to_ascii_lowercase();
        if let Some(stem) = lower.strip_suffix(".loads") {
            let load = name.get(..stem.len())?;
            let digits = stem.strip_prefix("term").and_then(|rest| rest.strip_suffix(".default"));
            let term = digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
            return Some(if term { Self::Term(name) } else { Self::Manifest(load) });
        }
        let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
        if ends(SCCP) {
            Some(Self::Application(Signalling::Sccp))
        } else if ends(SIP) {
            Some(Self::Application(Signalling::Sip))
        } else if ends(&[".sbn", ".sb2", ".bin", ".sgn", ".zup"]) {
            Some(Self::Image(name))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_real_logs() {
        for (name, sign) in [
            ("OS79XX.TXT", Some(Sign::OldBoot)),
            ("CTLSEP001B54AABB01.tlv", Some(Sign::TrustList)),
            ("SEP001B54AABB01.cnf.xml", Some(Sign::Control)),
            ("SEP001B54AABB01.cnf.xml.sgn", Some(Sign::SignedOnly)),
            ("./SIP001B54AABB01.cnf", Some(Sign::Control)),
            ("SIPDefault.cnf", Some(Sign::Control)),
            ("RINGLIST.DAT", Some(Sign::Application(Signalling::Sip))),
            ("/mk-sip.jar", Some(Sign::Application(Signalling::Sip))),
            ("/7960-font.xml", Some(Sign::Application(Signalling::Sccp))),
            ("English_United_States/be-sccp.jar", Some(Sign::Application(Signalling::Sccp))),
            ("SEPDefault.cnf", Some(Sign::Application(Signalling::Sccp))),
            ("term65.default.loads", Some(Sign::Term("term65.default.loads"))),
            ("P0S3-8-12-00.loads", Some(Sign::Manifest("P0S3-8-12-00"))),
            ("SIP42.9-4-2SR3-1S.LOADS", Some(Sign::Manifest("SIP42.9-4-2SR3-1S"))),
            ("terminal.loads", Some(Sign::Manifest("terminal"))),
            ("P003-8-12-00.sbn", Some(Sign::Image("P003-8-12-00.sbn"))),
            ("MGC001B54AABB01.cnf", None),
            ("Desktops/320x196x4/List.xml", None),
            (".loads", Some(Sign::Manifest(""))),
        ] {
            assert_eq!(Sign::of(&FileRequest::parse(name)), sign, "{name}");
        }
    }
}
