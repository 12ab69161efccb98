//! A phone's own web page `/DeviceInformationX`, and who may be asked for it.
//!
//! Java phones have it, 7940 and 7960 under SCCP alone [FWSCCP]. Pages of the field are no sound XML: several declarations,
//! ISO 8859-1 and UTF-8, elements that come and go with the release. What is wanted is found by its name, in any case, and
//! nothing else is read.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::belief::Runs;
use crate::domain::{Load, MacAddr};

/// Most octets of a page; real ones have about two thousand.
pub const MOST: usize = 64 * 1024;

/// Longest value that is taken for one.
const LONGEST: usize = 64;

/// What a page says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebPage {
    /// Whose it is.
    pub mac: Option<MacAddr>,
    /// `versionID`: a Java phone's load, or `term65.default` after a recovery [HIP].
    pub version: Option<String>,
    /// `appLoadID`: the load of a 7940 or 7960, a member of a Java phone's (`jar45sip.9-3-1ES26.sbn`) [HIP].
    pub application: Option<String>,
    /// `bootLoadID`.
    pub boot: Option<String>,
    /// `modelNumber`.
    pub model: Option<String>,
}

impl WebPage {
    /// Reads a page. What it does not say, or says in two ways, is not known.
    pub fn read(page: &[u8]) -> Self {
        // What is wanted is ASCII: whatever else an octet is meant to be, it is no part of that.
        let text: String = page.iter().take(MOST).map(|octet| char::from(*octet)).collect();
        let value = |name| the_one(&text, name);
        Self {
            mac: value("MACAddress").and_then(|mac| mac.parse().ok()),
            version: value("versionID"),
            application: value("appLoadID"),
            boot: value("bootLoadID"),
            model: value("modelNumber"),
        }
    }

    /// What that phone runs by it; `None` where the page is another's, or does not say.
    pub fn runs(&self, mac: MacAddr) -> Option<Runs> {
        if self.mac != Some(mac) {
            return None;
        }
        let load = |name: &Option<String>| Load::parse(name.as_deref()?);
        match (load(&self.version), load(&self.application)) {
            (Some(version), Some(application)) => {
                version.name.eq_ignore_ascii_case(&application.name).then_some(Runs::Load(version))
            }
            (Some(load), None) | (None, Some(load)) => Some(Runs::Load(load)),
            (None, None) => of_member(self.application.as_deref()?).map(Runs::About),
        }
    }
}

/// The load that a member of its set is of: `jar45sip.9-3-1ES26.sbn` says protocol and version.
fn of_member(name: &str) -> Option<Load> {
    let (stem, release) = name.strip_suffix(".sbn")?.split_once('.')?;
    let stem = stem.strip_prefix("jar")?;
    let (product, protocol) = stem.split_at_checked(stem.find(|c: char| !c.is_ascii_digit())?)?;
    if !matches!(protocol, "sip" | "sccp") {
        return None;
    }
    let load = Load::parse(&format!("{}{product}.{release}S", protocol.to_ascii_uppercase()))?;
    let [major, minor, maintenance, _] = load.version;
    Load::parse(&format!("{}{product}.{major}-{minor}-{maintenance}S", protocol.to_ascii_uppercase()))
}

/// The value of the elements of that name, where they agree and it is a plain word.
fn the_one(text: &str, name: &str) -> Option<String> {
    let mut values = Elements(text).filter(|(tag, _)| tag.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let first = values.find(|value| !value.is_empty())?;
    let agreed = values.all(|other| other.is_empty() || other == first);
    let plain = first.len() <= LONGEST && first.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-():".contains(&b));
    (agreed && plain).then(|| first.to_owned())
}

/// Names of tags that open, each with the text up to the next tag.
struct Elements<'a>(&'a str);

impl<'a> Iterator for Elements<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (_, rest) = self.0.split_once('<')?;
            let skipped = [("!--", "-->"), ("![CDATA[", "]]>"), ("?", "?>"), ("!", ">"), ("/", ">")];
            if let Some((_, end)) = skipped.iter().find(|(begin, _)| rest.starts_with(begin)) {
                self.0 = rest.split_once(end)?.1;
                continue;
            }
            let (tag, after) = rest.split_once('>')?;
            self.0 = after;
            let name = tag.split(|c: char| c.is_ascii_whitespace() || c == '/').next().unwrap_or_default();
            let value = after.split('<').next().unwrap_or_default().trim();
            if !tag.ends_with('/') {
                return Some((name, value));
            }
        }
    }
}

/// Addresses that decide who may be asked for its page.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    /// `server.phone_networks`.
    pub phones: Vec<Ipv4Net>,
    /// Those that this host has.
    pub ours: Vec<Ipv4Addr>,
    /// Those of the PBX: its registrar, its manager, its database.
    pub pbx: Vec<Ipv4Addr>,
}

impl Hosts {
    /// Whether a phone may be asked at that address. The network says where a phone is, so this is what keeps somebody
    /// from making us ask another.
    pub fn may_be_asked(&self, ip: Ipv4Addr) -> bool {
        let nobody = ip.is_loopback()
            || ip.is_unspecified()
            || ip.is_link_local()
            || ip.is_multicast()
            || ip.is_broadcast()
            || ip.octets().starts_with(&[0]);
        let a_host = |net: &Ipv4Net| {
            net.contains(&ip) && (net.prefix_len() > 30 || (ip != net.network() && ip != net.broadcast()))
        };
        !nobody && self.phones.iter().any(a_host) && !self.ours.contains(&ip) && !self.pbx.contains(&ip)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A 7965 as [HIP] describes its page; the values are made up.
    const JAVA: &[u8] = b"<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<DeviceInformation>\r\n<MACAddress>001B54AABB01</MACAddress>\r\n\
        <HostName>SEP001B54AABB01</HostName>\r\n<phoneDN>1001</phoneDN>\r\n<appLoadID>jar45sip.9-4-2ES28.sbn</appLoadID>\r\n\
        <bootLoadID>tnp65.9-3-1-CR17.bin</bootLoadID>\r\n<versionID>SIP45.9-4-2SR3-1S</versionID>\r\n\
        <addonModule1></addonModule1>\r\n<hardwareRevision>2.0</hardwareRevision>\r\n<modelNumber>CP-7965G</modelNumber>\r\n\
        <codec>ADLCodec</codec>\r\n</DeviceInformation>\r\n";

    /// A 7960 under SCCP as [FWSCCP] has its page: ISO 8859-1, a declaration in the middle, an unknown element.
    const LEGACY: &[u8] =
        b"<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><DeviceInformation>\n<?xml version=\"1.0\"?>\n\
        <MacAddress> 00087D0A0001 </MacAddress><HostName>SEP00087D0A0001</HostName><phoneDN>K\xfcche & <b/></phoneDN>\
        <appLoadID>P0030801SR02</appLoadID><bootLoadID>PC0303010200</bootLoadID><versionID>8.1(2.0)</versionID>\
        <DSPLoadID>PS03AT46</DSPLoadID><modelNumber>CP-7960G</modelNumber><unheard of=\"x\">y</unheard>";

    fn runs(page: &[u8], mac: &str) -> Option<Runs> {
        WebPage::read(page).runs(mac.parse().unwrap())
    }

    fn load(name: &str) -> Runs {
        Runs::Load(Load::parse(name).unwrap())
    }

    #[test]
    fn pages_of_both_generations() {
        assert_eq!(runs(JAVA, "001B54AABB01"), Some(load("SIP45.9-4-2SR3-1S")));
        assert_eq!(runs(LEGACY, "00087D0A0001"), Some(load("P0030801SR02")));
        let page = WebPage::read(LEGACY);
        assert_eq!((page.boot.as_deref(), page.model.as_deref()), (Some("PC0303010200"), Some("CP-7960G")));
        assert_eq!(page.version.as_deref(), Some("8.1(2.0)"));
    }

    #[test]
    fn a_page_of_another_phone_says_nothing() {
        assert_eq!(runs(JAVA, "001B54AABB02"), None);
        let nameless = String::from_utf8_lossy(JAVA).replace("MACAddress", "Address");
        assert_eq!(runs(nameless.as_bytes(), "001B54AABB01"), None);
    }

    #[test]
    fn after_a_recovery_the_member_says_the_version() {
        let page = String::from_utf8_lossy(JAVA).replace("SIP45.9-4-2SR3-1S", "term65.default");
        let about = Runs::About(Load::parse("SIP45.9-4-2S").unwrap());
        assert_eq!(runs(page.as_bytes(), "001B54AABB01"), Some(about));
        let page = page.replace("jar45sip.9-4-2ES28.sbn", "cnu45.9-4-2ES28.sbn");
        assert_eq!(runs(page.as_bytes(), "001B54AABB01"), None);
    }

    #[test]
    fn what_is_said_in_two_ways_or_oddly_is_not_known() {
        let with = |what: &str| {
            let page = format!("<a><MACAddress>001B54AABB01</MACAddress>{what}</a>");
            runs(page.as_bytes(), "001B54AABB01")
        };
        let one = "<versionID>SIP45.9-4-2SR3-1S</versionID>";
        assert_eq!(with(one), Some(load("SIP45.9-4-2SR3-1S")));
        assert_eq!(with(&format!("{one}{one}<versionID/><versionid></versionid>")), Some(load("SIP45.9-4-2SR3-1S")));
        for what in [
            "<versionID>SIP45.9-4-2SR3-1S</versionID><versionID>SIP45.8-5-2S</versionID>",
            "<versionID>SIP45.9-4-2SR3-1S</versionID><appLoadID>SIP45.8-5-2S</appLoadID>",
            "<MACAddress>001B54AABB02</MACAddress><versionID>SIP45.9-4-2SR3-1S</versionID>",
            "<!-- <versionID>SIP45.9-4-2SR3-1S</versionID> -->",
            "<![CDATA[<versionID>SIP45.9-4-2SR3-1S</versionID>]]>",
            "<versionID>SIP45.9-4-2\u{fc}S</versionID>",
            "<versionID>SIP45.9-4-2/../S</versionID>",
            "<versionID>../../etc/passwd</versionID>",
            "<versionID",
            "<versionID>",
            "<!-- ",
            "<<<<>>>",
        ] {
            assert_eq!(with(what), None, "{what}");
        }
        let long = format!("<versionID>SIP45.9-4-2{}S</versionID>", "0".repeat(LONGEST));
        assert_eq!(with(&long), None);
        assert_eq!(WebPage::read(b""), WebPage::default());
        let late = [vec![b' '; MOST], JAVA.to_vec()].concat();
        assert_eq!(WebPage::read(&late), WebPage::default(), "what is beyond the limit is not read");
    }

    proptest! {
        /// Whatever comes, nothing but a plain word of a page with the phone's own address is believed.
        #[test]
        fn any_octets_are_read(page in prop::collection::vec(any::<u8>(), 0..512), at in 0..600_usize, octet: u8) {
            let mac = "001B54AABB01".parse().unwrap();
            let _ = WebPage::read(&page).runs(mac);
            let mut broken = JAVA.to_vec();
            if let Some(there) = broken.get_mut(at) {
                *there = octet;
            }
            if let Some(Runs::Load(load) | Runs::About(load)) = WebPage::read(&broken).runs(mac) {
                prop_assert!(load.name.bytes().all(|b| b.is_ascii_graphic()), "{}", load.name);
            }
        }
    }

    #[test]
    fn only_phones_are_asked() {
        let net = |net: &str| net.parse().unwrap();
        let ip = |ip: &str| ip.parse::<Ipv4Addr>().unwrap();
        let hosts = Hosts {
            phones: vec![net("10.1.0.0/16"), net("127.0.0.0/8"), net("169.254.0.0/16"), net("0.0.0.0/8")],
            ours: vec![ip("10.1.0.2")],
            pbx: vec![ip("10.1.0.3")],
        };
        for (address, may) in [
            ("10.1.7.9", true),
            ("10.1.0.0", false),
            ("10.1.255.255", false),
            ("10.1.0.2", false),
            ("10.1.0.3", false),
            ("10.2.0.1", false),
            ("127.0.0.1", false),
            ("127.9.9.9", false),
            ("169.254.169.254", false),
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("8.8.8.8", false),
        ] {
            assert_eq!(hosts.may_be_asked(ip(address)), may, "{address}");
        }
        let everywhere = Hosts { phones: vec![net("0.0.0.0/0")], ..Hosts::default() };
        for address in ["127.0.0.1", "169.254.169.254", "224.0.0.1", "255.255.255.255", "0.0.0.0"] {
            assert!(!everywhere.may_be_asked(ip(address)), "{address}");
        }
        let one = Hosts { phones: vec![net("10.1.7.9/32"), net("10.1.8.0/31")], ..Hosts::default() };
        assert!(one.may_be_asked(ip("10.1.7.9")) && one.may_be_asked(ip("10.1.8.0")));
    }
}
