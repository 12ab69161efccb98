//! Models, loads and states, as the command line names them.
//!
//! Numbers and names per model come from public configurations and from usecallmanager.nz (device numbers, locale
//! files); load names follow Cisco's naming of 79xx firmware. What nobody confirms: the locale files of 7931 and of the
//! gigabit twins, the term files of the twins, the 24 keys of a 7931 and the 8 of a 7971.

use std::fmt;
use std::str::FromStr;

/// Which of the two firmware families a phone belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// 7940 and 7960: `SIP<MAC>.cnf`, universal loader.
    Legacy,
    /// 7906 … 7975: `SEP<MAC>.cnf.xml`, the firmware is a Java program.
    Java,
}

/// A model that can be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// Name as in the catalogue: `7960`, `7942`, `7941G-GE`.
    pub name: &'static str,
    /// Firmware family.
    pub family: Family,
    /// The number N of `loadInformationN`, also the SCCP device type.
    pub device: u32,
    /// Keys that can carry a line, without add-on modules.
    pub keys: u16,
    /// `NN` of `termNN.default.loads`; empty on 7940/7960.
    pub term: &'static str,
    /// Prefix of the SIP locale file, `mk` of `mk-sip.jar`; empty on 7940/7960.
    pub locale: &'static str,
}

const fn java(name: &'static str, device: u32, keys: u16, term: &'static str, locale: &'static str) -> Model {
    Model { name, family: Family::Java, device, keys, term, locale }
}

const fn legacy(name: &'static str, device: u32, keys: u16) -> Model {
    Model { name, family: Family::Legacy, device, keys, term: "", locale: "" }
}

/// Every model that can be played.
pub const MODELS: &[Model] = &[
    legacy("7940", 8, 2),
    legacy("7960", 7, 6),
    java("7906", 369, 1, "06", "tc"),
    java("7911", 307, 1, "11", "tc"),
    java("7931", 348, 24, "31", "gp"),
    java("7941", 115, 2, "41", "mk"),
    java("7941G-GE", 309, 2, "41", "mk"),
    java("7942", 434, 2, "42", "mk"),
    java("7945", 435, 2, "45", "be"),
    java("7961", 30018, 6, "61", "mk"),
    java("7961G-GE", 308, 6, "61", "mk"),
    java("7962", 404, 6, "62", "mk"),
    java("7965", 436, 6, "65", "be"),
    java("7970", 30006, 8, "70", "td"),
    java("7971G-GE", 119, 8, "71", "td"),
    java("7975", 437, 8, "75", "td"),
];

/// A model that nothing is known about here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no scripted phone for model {0:?}; there are {all}", all = MODELS.iter().map(|m| m.name).collect::<Vec<_>>().join(", "))]
pub struct UnknownModel(String);

impl Model {
    /// The name on the hardware: `7942G`, `7941G-GE`.
    fn printed(&self) -> String {
        if self.name.ends_with("GE") { self.name.to_owned() } else { format!("{}G", self.name) }
    }

    /// The digits in the names of its images, `45` for a 7965: six-line models, twins and the 7906 run those of a sister.
    /// Empty on 7940/7960.
    pub fn images(&self) -> &'static str {
        match self.term {
            "06" => "11",
            "61" => "41",
            "62" => "42",
            "65" => "45",
            "71" => "70",
            own => own,
        }
    }

    /// DHCP option 60 of a phone with an application, its trailing NUL included, as public DHCP server rules for 79xx
    /// phones match it.
    pub fn vendor_class(&self) -> Vec<u8> {
        format!("Cisco Systems, Inc. IP Phone CP-{}\0", self.printed()).into_bytes()
    }

    /// `User-Agent` of its SIP messages with a load of this release: `Cisco-CP7942G/9.4.2`.
    pub fn user_agent(&self, release: &str) -> String {
        format!("Cisco-CP{}/{release}", self.printed())
    }
}

impl FromStr for Model {
    type Err = UnknownModel;

    /// Takes `7960`, `CP-7960G`, `7941G-GE`, `7941-GE`; case does not matter.
    fn from_str(text: &str) -> Result<Self, UnknownModel> {
        let upper = text.trim().to_ascii_uppercase();
        let bare = upper.strip_prefix("CP-").unwrap_or(&upper);
        let plain = |name: &str| name.chars().filter(|c| !matches!(c, 'G' | '-')).collect::<String>();
        // A gigabit model without a plain twin answers to its bare number: there is no other 7971.
        let gigabit = bare.ends_with("GE") || bare == "7971" || bare == "7971G";
        MODELS
            .iter()
            .find(|m| {
                let number = m.name.trim_end_matches("G-GE");
                let wanted = plain(bare);
                number == wanted.trim_end_matches('E') && m.name.ends_with("GE") == gigabit
            })
            .copied()
            .ok_or_else(|| UnknownModel(text.to_owned()))
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What a load speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// SIP.
    Sip,
    /// SCCP.
    Sccp,
    /// MGCP (7940/7960 only).
    Mgcp,
}

/// A load by name, as phones report it: `P0S3-8-12-00`, `P00308000900`, `SIP42.9-4-2SR3-1S`, `term42.default`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadId {
    name: Box<str>,
    protocol: Option<Protocol>,
}

impl LoadId {
    /// Reads the protocol off the name; a name that follows no known pattern has none.
    pub fn new(name: &str) -> Self {
        let upper = name.to_ascii_uppercase();
        let protocol = match upper.as_bytes() {
            [b'P', b'0', b'S', ..] | [b'S', b'I', b'P', ..] => Some(Protocol::Sip),
            [b'P', b'0', b'M', ..] => Some(Protocol::Mgcp),
            [b'P', b'0', b'0', ..] | [b'S', b'C', b'C', b'P', ..] => Some(Protocol::Sccp),
            _ => None,
        };
        Self { name: name.into(), protocol }
    }

    /// The load of a recovery manifest; its protocol is in the names of its members.
    pub(crate) fn term(name: &str, sip: bool) -> Self {
        Self { name: name.into(), protocol: Some(if sip { Protocol::Sip } else { Protocol::Sccp }) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// What it speaks, where the name says so.
    pub fn protocol(&self) -> Option<Protocol> {
        self.protocol
    }

    /// Whether this load comes before the universal loader (SCCP up to 5.x, SIP up to 6.x) and so asks for `OS79XX.TXT`.
    pub fn is_before_universal_loader(&self) -> bool {
        match (self.protocol, self.version().first()) {
            (Some(Protocol::Sip), Some(major)) => *major < 7,
            (Some(Protocol::Sccp), Some(major)) => *major < 6,
            _ => false,
        }
    }

    /// The release as numbers, most significant first; empty where the name holds none. Service releases are dropped.
    pub fn version(&self) -> Vec<u32> {
        let name: &str = &self.name;
        let digits = |part: &str| {
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part.get(..end).and_then(|d| d.parse::<u32>().ok())
        };
        if let Some((_, release)) = name.split_once('.') {
            release.split('-').take(3).map_while(digits).collect()
        } else if let Some((_, release)) = name.split_once('-') {
            release.split('-').take(3).map_while(digits).collect()
        } else {
            // P0030801SR02, P00308000900, P0S30202: two digits per part after the first four characters.
            let tail = name.get(4..).unwrap_or_default();
            tail.as_bytes().chunks_exact(2).take(3).map_while(|p| std::str::from_utf8(p).ok()?.parse().ok()).collect()
        }
    }

    /// The release with dots, as in a User-Agent header: `9.4.2`, `8.0`.
    pub fn release(&self) -> String {
        self.version().iter().map(u32::to_string).collect::<Vec<_>>().join(".")
    }
}

impl fmt::Display for LoadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// What runs in the phone when it is switched on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// An SCCP load.
    Sccp(LoadId),
    /// A SIP load.
    Sip(LoadId),
    /// Nothing but the loader: the application is missing or damaged.
    Loader,
    /// After a factory reset.
    Factory,
}

/// A state that is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no state: use sccp:LOAD, sip:LOAD, loader or factory")]
pub struct UnknownState(String);

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        let load = |name: &str, wanted| {
            let id = LoadId::new(name.trim());
            (id.protocol == Some(wanted)).then_some(id).ok_or_else(|| UnknownState(text.to_owned()))
        };
        match text.split_once(':') {
            Some(("sip", name)) => Ok(Self::Sip(load(name, Protocol::Sip)?)),
            Some(("sccp", name)) => Ok(Self::Sccp(load(name, Protocol::Sccp)?)),
            None if text == "loader" => Ok(Self::Loader),
            None if text == "factory" => Ok(Self::Factory),
            _ => Err(UnknownState(text.to_owned())),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sccp(load) => write!(f, "sccp:{load}"),
            Self::Sip(load) => write!(f, "sip:{load}"),
            Self::Loader => f.write_str("loader"),
            Self::Factory => f.write_str("factory"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_by_name() {
        for (text, name) in [
            ("7960", "7960"),
            ("CP-7940G", "7940"),
            ("cp-7942g", "7942"),
            ("7941G-GE", "7941G-GE"),
            ("7941-GE", "7941G-GE"),
            ("7941G", "7941"),
            ("7971", "7971G-GE"),
            ("CP-7971G-GE", "7971G-GE"),
        ] {
            assert_eq!(text.parse::<Model>().unwrap().name, name, "{text}");
        }
        for text in ["", "7905", "8851", "796", "7942G-GE", "7960G-GE"] {
            assert!(text.parse::<Model>().is_err(), "{text}");
        }
    }

    #[test]
    fn loads_by_name() {
        for (name, protocol, version, old) in [
            ("P0S3-8-12-00", Protocol::Sip, vec![8, 12, 0], false),
            ("P0S3-07-4-00", Protocol::Sip, vec![7, 4, 0], false),
            ("P0S3-06-3-00", Protocol::Sip, vec![6, 3, 0], true),
            ("P0S30202", Protocol::Sip, vec![2, 2], true),
            ("P00308000900", Protocol::Sccp, vec![8, 0, 9], false),
            ("P00305000200", Protocol::Sccp, vec![5, 0, 2], true),
            ("P0030801SR02", Protocol::Sccp, vec![8, 1], false),
            ("SIP42.9-4-2SR3-1S", Protocol::Sip, vec![9, 4, 2], false),
            ("SCCP41.8-2-1S", Protocol::Sccp, vec![8, 2, 1], false),
        ] {
            let load = LoadId::new(name);
            assert_eq!(load.protocol(), Some(protocol), "{name}");
            assert_eq!(load.version(), version, "{name}");
            assert_eq!(load.is_before_universal_loader(), old, "{name}");
        }
        assert_eq!(LoadId::new("SIP42.9-4-2SR3-1S").release(), "9.4.2");
    }

    #[test]
    fn states() {
        for text in ["sip:P0S3-8-12-00", "sccp:SCCP42.9-3-1SR4-1S", "loader", "factory"] {
            assert_eq!(text.parse::<State>().unwrap().to_string(), text);
        }
        for text in ["", "sip", "sip:", "sip:P00308000900", "sccp:SIP42.9-4-2S", "Loader", "mgcp:P0M3-8-12-00"] {
            assert!(text.parse::<State>().is_err(), "{text}");
        }
    }
}
