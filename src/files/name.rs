//! File names as phones send them, read into what they mean.
//!
//! One leading `/` or `./` is dropped (7960: `./SIP<MAC>.cnf`, `/7960-font.xml`; Java phones: `/g3-tones.xml`), case is
//! ignored (real manifests and phones disagree about it). Nothing here is ever used as a path.

use crate::domain::MacAddr;

/// What a name asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileRequest {
    /// A file of one phone.
    Phone(PhoneFile, MacAddr),
    /// A file all phones share.
    Shared(SharedFile),
    /// Part of a firmware set, by its ending; the name as asked, without prefix.
    Firmware(String),
    /// Anything else, without prefix.
    Other(String),
}

/// Per-phone files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhoneFile {
    /// `SIP<MAC>.cnf`
    SipCnf,
    /// `SEP<MAC>.cnf.xml`
    SepXml,
    /// `SEP<MAC>.cnf.xml.sgn` or `.enc.sgn`: the phone holds a trust list.
    SepXmlSigned,
    /// `CTLSEP<MAC>.tlv`
    Ctl,
    /// `ITLSEP<MAC>.tlv`, which only Java phones ask for.
    Itl,
    /// `MGC<MAC>.cnf`, the MGCP probe of the 7940/7960 loader.
    Mgcp,
}

/// Files without a MAC in their name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedFile {
    /// `SIPDefault.cnf`
    SipDefault,
    /// `XMLDefault.cnf.xml`
    XmlDefault,
    /// `RINGLIST.DAT`
    RingList,
    /// `dialplan.xml`
    DialPlan,
    /// `OS79XX.TXT`
    Os79xx,
    /// `syncinfo.xml`, which a 7940 or 7960 asks for after a NOTIFY `check-sync`.
    SyncInfo,
}

const SHARED: &[(&str, SharedFile)] = &[
    ("SIPDefault.cnf", SharedFile::SipDefault),
    ("XMLDefault.cnf.xml", SharedFile::XmlDefault),
    ("RINGLIST.DAT", SharedFile::RingList),
    ("dialplan.xml", SharedFile::DialPlan),
    ("OS79XX.TXT", SharedFile::Os79xx),
    ("syncinfo.xml", SharedFile::SyncInfo),
];

const PER_PHONE: &[(&str, &str, PhoneFile)] = &[
    ("SIP", ".cnf", PhoneFile::SipCnf),
    ("SEP", ".cnf.xml", PhoneFile::SepXml),
    ("SEP", ".cnf.xml.sgn", PhoneFile::SepXmlSigned),
    ("SEP", ".cnf.xml.enc.sgn", PhoneFile::SepXmlSigned),
    ("CTLSEP", ".tlv", PhoneFile::Ctl),
    ("ITLSEP", ".tlv", PhoneFile::Itl),
    ("MGC", ".cnf", PhoneFile::Mgcp),
];

const FIRMWARE: &[&str] = &[".loads", ".sbn", ".sb2", ".sgn", ".bin", ".zup"];

impl FileRequest {
    /// Reads a name. Every text is some request; that it means nothing to us is [`FileRequest::Other`].
    pub fn parse(name: &str) -> Self {
        let name = bare(name);
        if let Some((_, file)) = SHARED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            return Self::Shared(*file);
        }
        for (prefix, suffix, file) in PER_PHONE {
            if let Some(mac) = between(name, prefix, suffix).and_then(|digits| MacAddr::from_hex(digits).ok()) {
                return Self::Phone(*file, mac);
            }
        }
        if FIRMWARE.iter().any(|ending| ends_with(name, ending)) {
            Self::Firmware(name.to_owned())
        } else {
            Self::Other(name.to_owned())
        }
    }

    /// The phone the name speaks of.
    pub fn mac(&self) -> Option<MacAddr> {
        match self {
            Self::Phone(_, mac) => Some(*mac),
            _ => None,
        }
    }

    /// Whether the name stays below the folder it is looked up in: no empty part, no `.` and no `..`.
    pub fn is_plain(name: &str) -> bool {
        !name.split('/').any(|part| matches!(part, "" | "." | ".."))
    }

    /// Whether we make the file, or refuse it, and never look for it in the fall-through folder.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Phone(..) | Self::Shared(_)) || self.steers()
    }

    /// Whether the name steers firmware or configuration of a phone. Such a file never comes out of the fall-through
    /// folder: a stale one there would reflash a phone, restart it, hand out an old secret or have it believe nobody else.
    pub fn steers(&self) -> bool {
        match self {
            Self::Phone(PhoneFile::SipCnf | PhoneFile::SepXml | PhoneFile::SepXmlSigned, _) => true,
            Self::Phone(..) => false,
            Self::Shared(file) => !matches!(file, SharedFile::RingList | SharedFile::DialPlan),
            // Also in a folder, and with anything where the MAC should be.
            Self::Firmware(name) | Self::Other(name) => {
                let last = name.rsplit('/').next().unwrap_or(name);
                let shared = SHARED.iter().find(|(known, _)| known.eq_ignore_ascii_case(last));
                shared.is_some_and(|(_, file)| Self::Shared(*file).steers())
                    || between(last, "SIP", ".cnf").is_some()
                    || between(last, "SEP", ".cnf.xml").is_some()
                    || between(last, "SEP", ".sgn").is_some()
                    || is_trust_list(last)
                    || is_a_phone_s(last)
            }
        }
    }
}

/// `SIP<MAC>.cnf.bak`, `.SEP<MAC>.cnf.xml.swp` and the like: what people and editors leave of a phone's file beside it.
fn is_a_phone_s(name: &str) -> bool {
    let name = name.trim_start_matches('.').as_bytes();
    let prefix = name
        .get(..3)
        .is_some_and(|first| ["SIP", "SEP", "MGC"].iter().any(|p| first.eq_ignore_ascii_case(p.as_bytes())));
    prefix && name.get(3..15).is_some_and(|mac| mac.iter().all(u8::is_ascii_hexdigit))
}

/// `CTLFile.tlv`, `ITLSEP<MAC>.tlv` and the like. A phone that takes one takes signed files only, and no other list, until
/// somebody erases it at the phone: none is ever served, wherever it lies (I18).
fn is_trust_list(name: &str) -> bool {
    let list = |prefix: &str| between(name, prefix, ".tlv").is_some() || between(name, prefix, ".tlv.sgn").is_some();
    list("CTL") || list("ITL")
}

/// The name without the one prefix that some phones set before it.
pub fn bare(name: &str) -> &str {
    name.strip_prefix("./").or_else(|| name.strip_prefix('/')).unwrap_or(name)
}

fn ends_with(name: &str, ending: &str) -> bool {
    name.len()
        .checked_sub(ending.len())
        .and_then(|at| name.get(at..))
        .is_some_and(|end| end.eq_ignore_ascii_case(ending))
}

fn between<'a>(name: &'a str, prefix: &str, suffix: &str) -> Option<&'a str> {
    let start = name.get(..prefix.len())?;
    let end = name.len().checked_sub(suffix.len())?;
    if start.eq_ignore_ascii_case(prefix) && ends_with(name, suffix) { name.get(prefix.len()..end) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_phones_send_them() {
        let mac: MacAddr = "001B54AABB01".parse().unwrap();
        for (name, request) in [
            ("SIP001B54AABB01.cnf", FileRequest::Phone(PhoneFile::SipCnf, mac)),
            ("./SIP001B54AABB01.cnf", FileRequest::Phone(PhoneFile::SipCnf, mac)),
            ("/SEP001B54AABB01.cnf.xml", FileRequest::Phone(PhoneFile::SepXml, mac)),
            ("sep001b54aabb01.CNF.XML", FileRequest::Phone(PhoneFile::SepXml, mac)),
            ("SEP001B54AABB01.cnf.xml.sgn", FileRequest::Phone(PhoneFile::SepXmlSigned, mac)),
            ("CTLSEP001B54AABB01.tlv", FileRequest::Phone(PhoneFile::Ctl, mac)),
            ("ITLSEP001B54AABB01.tlv", FileRequest::Phone(PhoneFile::Itl, mac)),
            ("sipdefault.CNF", FileRequest::Shared(SharedFile::SipDefault)),
            ("/XmlDefault.cnf.xml", FileRequest::Shared(SharedFile::XmlDefault)),
            ("term42.default.loads", FileRequest::Firmware("term42.default.loads".into())),
            ("/g3-tones.xml", FileRequest::Other("g3-tones.xml".into())),
        ] {
            assert_eq!(FileRequest::parse(name), request, "{name}");
        }
    }

    /// Rows A19, A24 and A25 of the bad-input catalogue, and the prefixes that are dropped once only.
    #[test]
    fn names_of_no_phone() {
        for name in [
            "",
            "/",
            "//SIP001B54AABB01.cnf",
            "././SIP001B54AABB01.cnf",
            "../SIP001B54AABB01.cnf",
            "SIP001B54AABB0.cnf",
            "SIP001B54AABB011.cnf",
            "SIPZZ1B54AABB01.cnf",
            "SIP000000000000.cnf",
            "SIPFFFFFFFFFFFF.cnf",
            "SIP01005E000001.cnf",
            "SIPé01B54AABB01.cnf",
            "SEP001B54AABB01.cnf",
        ] {
            assert_eq!(FileRequest::parse(name).mac(), None, "{name}");
        }
    }

    #[test]
    fn names_that_wander() {
        for name in ["./x", "a//b", "a/../b", "..", "a/", "/a"] {
            assert!(!FileRequest::is_plain(name), "{name}");
        }
        assert!(FileRequest::is_plain("English_United_States/mk-sip.jar") && FileRequest::is_plain("..a"));
    }

    #[test]
    fn what_steers_a_phone_stays_ours() {
        for name in [
            "OS79XX.TXT",
            "os79xx.txt",
            "XMLDefault.cnf.xml",
            "SIPDefault.cnf",
            "syncinfo.xml",
            "SIP001B54AABB01.cnf",
            "SEPx.cnf.xml",
            "SIPX.cnf",
            "CTLFile.tlv",
            "folder/itlfile.TLV",
            "SIP001B54AABB01.cnf.bak",
            "old/.SEP001b54aabb01.cnf.xml.swp",
            "sep001B54AABB01.xml",
        ] {
            assert!(FileRequest::parse(name).steers(), "{name}");
        }
        for name in ["spa504g.cfg", "y000000000028.cfg", "SIP42.9-4-2SR3-1S.loads", "RINGLIST.DAT", "g3-tones.xml"] {
            assert!(!FileRequest::parse(name).steers(), "{name}");
        }
    }
}
