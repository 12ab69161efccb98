//! One catalogue entry, as its TOML states it and as `offhook models show --json` prints it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{Load, ModelName, SipTransport};

/// `featureID` of a line [UCM-LINE].
const LINE: u16 = 9;

/// The kind of configuration a model reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// 7940/7960: `SIP<MAC>.cnf`.
    Legacy,
    /// Java phones: `SEP<MAC>.cnf.xml`.
    Java,
}

/// The NOTIFY that makes a phone read its files again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotifyEvent {
    /// No body; the phone asks `syncinfo.xml` whether to restart [AG80].
    CheckSync,
    /// The body says what to do [UCM-NOTIFY].
    ServiceControl,
}

/// One catalogue entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Catalogue name.
    pub name: ModelName,
    /// Which configuration it reads.
    pub family: Family,
    /// Line keys.
    pub lines: u8,
    /// The number in `loadInformationN` of `XMLDefault.cnf.xml`.
    pub device_number: u32,
    /// [`Load::product`] of the loads it runs: `P0`, `42`.
    pub load_family: String,
    /// How people and labels spell the model, beyond what [`ModelName`] drops by itself.
    #[serde(default)]
    pub spellings: Vec<String>,
    /// DHCP option 60, whole, without a trailing NUL.
    pub vendor_classes: Vec<String>,
    /// The product in SIP `User-Agent`, before the slash.
    pub user_agents: Vec<String>,
    /// What its boot loader asks for after a factory reset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<String>,
    /// The file with the texts of the phone's menus, in the locale's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale_jar: Option<String>,
    /// Keys that open what other models have a fixed key for; a line on the same button goes first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub feature_keys: Vec<FeatureKey>,
    /// Which of these facts no source confirms, by key: known from memory, inferred from a twin, or our choice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unverified: Vec<String>,
    /// Codecs it speaks, by Asterisk's names.
    pub codecs: Vec<String>,
    /// What it asks for, in order.
    pub requests: Vec<Request>,
    /// What makes it read its files again.
    pub notify: NotifyEvent,
    /// How long values may be.
    pub limits: Limits,
    /// What differs by release, ascending.
    pub firmware: Vec<Release>,
    /// What surprises.
    #[serde(default)]
    pub quirks: Vec<Quirk>,
}

/// A line key that is mapped to a function of the phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureKey {
    /// The key, counted as for lines.
    pub button: u8,
    /// `featureID` [UCM-LINE]: 194 messages, 195 directories, 197 applications, 198 headset.
    pub feature: u16,
    /// For whoever reads the file: phones show their own word.
    pub label: String,
}

/// A file that a model asks for. `<MAC>`, `<load>`, `<locale>` and `<network locale>` stand for the phone's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// File name.
    pub file: String,
    /// Which program of the phone asks: boot loader, loader, application.
    pub by: String,
    /// What it does without the file.
    pub missing: String,
}

/// Which characters names may hold on the display.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Charset {
    /// Printable ASCII; the screens are markup inside the firmware, so `& < > "` stay out too.
    Ascii,
    /// UTF-8.
    #[serde(rename = "utf-8")]
    Utf8,
}

/// Limit of a value that is carried exactly or not at all; printable ASCII in any case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextLimit {
    /// Most characters.
    pub max: usize,
    /// More than this is served with a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn_above: Option<usize>,
    /// Printable ASCII that the format cannot carry.
    #[serde(default)]
    pub forbidden: String,
}

/// How long values may be, in characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// What display names and labels may hold.
    pub charset: Charset,
    /// User part of the address of record.
    pub number: TextLimit,
    /// Digest user name.
    pub auth_name: TextLimit,
    /// Digest password.
    pub secret: TextLimit,
    /// What unlocks the local settings menu.
    pub phone_password: TextLimit,
    /// Caller name; shortened to this.
    pub display_name: usize,
    /// Text beside a key; shortened to this.
    pub label: usize,
    /// Text that stands for the whole phone; shortened to this.
    pub phone_label: usize,
    /// Number of the messages key.
    pub voicemail: usize,
    /// Host name or address of registrar and time server.
    pub host: usize,
    /// Name of a firmware load.
    pub load_name: usize,
}

/// What holds from a major release on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// First major release.
    pub from: u16,
    /// SIP transport to use unless told otherwise.
    pub transport: SipTransport,
    /// Elements directly under the root that only these releases take.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub elements: BTreeMap<String, String>,
}

/// Something that surprises, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quirk {
    /// One sentence.
    pub text: String,
    /// Tags of `docs/sources.md`.
    pub source: String,
}

impl Model {
    /// What holds for this load; for an unknown one the newest release counts.
    pub fn release(&self, load: Option<&Load>) -> Option<&Release> {
        match load {
            Some(load) => self.firmware.iter().rev().find(|release| release.from <= load.major()),
            None => self.firmware.last(),
        }
    }

    /// The SIP transport of this model with this load, where nobody decided otherwise. Unknown load = newest release.
    pub fn default_transport(&self, load: Option<&Load>) -> SipTransport {
        self.release(load).map_or(SipTransport::Udp, |release| release.transport)
    }

    /// What of this model says the same as of another, though it must tell the two apart. Loads and term files may be
    /// the same.
    pub(super) fn mistaken_for(&self, other: &Self) -> Option<String> {
        if self.name == other.name {
            return None;
        }
        let names = |model: &Self| -> Vec<ModelName> {
            model.spellings.iter().map(|text| ModelName::new(text)).chain([model.name.clone()]).collect()
        };
        let theirs = names(other);
        if let Some(name) = names(self).into_iter().find(|name| theirs.contains(name)) {
            return Some(format!("the name {name}"));
        }
        if let Some(class) = self.vendor_classes.iter().find(|class| other.vendor_classes.contains(class)) {
            return Some(format!("the vendor class {class:?}"));
        }
        let known = |agent: &&String| other.user_agents.iter().any(|theirs| theirs.eq_ignore_ascii_case(agent));
        if let Some(agent) = self.user_agents.iter().find(known) {
            return Some(format!("the user agent {agent:?}"));
        }
        (self.device_number == other.device_number).then(|| format!("the device number {}", self.device_number))
    }

    /// Fills the placeholders in `requests`, and says what makes no sense.
    pub(super) fn checked(mut self) -> Result<Self, (ModelName, String)> {
        let element_name = |name: &String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphabetic());
        let buttons: Vec<u8> = self.feature_keys.iter().map(|key| key.button).collect();
        let wrong = if self.name.as_str().is_empty() {
            Some("`name` is empty")
        } else if self.lines == 0 {
            Some("`lines` must be at least 1")
        } else if self.family == Family::Legacy && self.lines > 6 {
            Some("`lines` must be at most 6: the .cnf format has six lines")
        } else if self.firmware.is_empty() || !self.firmware.is_sorted_by(|a, b| a.from < b.from) {
            Some("`firmware` needs at least one entry, ascending by `from`")
        } else if !self.firmware.iter().flat_map(|f| f.elements.keys()).all(element_name) {
            Some("`firmware.elements` holds a name that is no element name")
        } else if self.family == Family::Legacy && !buttons.is_empty() {
            Some("`feature_keys` are for phones that read SEP<MAC>.cnf.xml")
        } else if buttons.iter().any(|button| !(1..=self.lines).contains(button)) {
            Some("`feature_keys` names a button that the model does not have")
        } else if buttons.iter().enumerate().any(|(at, button)| buttons.iter().take(at).any(|other| other == button)) {
            Some("`feature_keys` names a button twice")
        } else if self.feature_keys.iter().any(|key| key.feature == LINE) {
            Some("`feature_keys` holds feature 9, which is a line")
        } else {
            None
        };
        if let Some(wrong) = wrong {
            return Err((self.name, wrong.to_owned()));
        }
        let (term, jar) = (self.term.clone(), self.locale_jar.clone());
        self.requests.retain(|r| term.is_some() || r.file != "<term>");
        self.requests.retain(|r| jar.is_some() || !r.file.contains("<jar>"));
        for request in &mut self.requests {
            request.file = request
                .file
                .replace("<term>", term.as_deref().unwrap_or_default())
                .replace("<jar>", jar.as_deref().unwrap_or_default());
        }
        Ok(self)
    }
}
