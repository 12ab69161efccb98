//! What can be said of one phone by its owner.

use serde::{Deserialize, Serialize};

use super::{LeftOut, Line, Load, MacAddr, ModelName};

/// The options of a phone: the keys of `[phones]` in the configuration, each absent unless stated. Site, phone and
/// line options are this one shape, the narrower one winning ([`PhoneOptions::or`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhoneOptions {
    /// IANA time zone name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Time server, name or address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ntp: Option<String>,
    /// `en_US` style locale name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Unlocks the phone's local settings menu; never a SIP secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_password: Option<String>,
    /// What the messages key dials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voicemail: Option<String>,
    /// Numbers the dial plan sends at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emergency: Option<Vec<String>>,
    /// SIP transport on 8.x loads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport_8x: Option<SipTransport>,
    /// SIP transport on 9.x loads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport_9x: Option<SipTransport>,
}

impl PhoneOptions {
    /// These options, with what they leave open taken from `wider`.
    #[must_use]
    pub fn or(self, wider: &Self) -> Self {
        Self {
            time_zone: self.time_zone.or_else(|| wider.time_zone.clone()),
            ntp: self.ntp.or_else(|| wider.ntp.clone()),
            language: self.language.or_else(|| wider.language.clone()),
            phone_password: self.phone_password.or_else(|| wider.phone_password.clone()),
            voicemail: self.voicemail.or_else(|| wider.voicemail.clone()),
            emergency: self.emergency.or_else(|| wider.emergency.clone()),
            transport_8x: self.transport_8x.or(wider.transport_8x),
            transport_9x: self.transport_9x.or(wider.transport_9x),
        }
    }
}

/// What a button does (column `kind` of `offhook_lines`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// Registers an extension.
    #[default]
    Line,
    /// Dials a number.
    SpeedDial,
    /// Shows an extension's state and dials it.
    Blf,
    /// Opens a service URL.
    Service,
}

impl std::fmt::Display for LineKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Line => "line",
            Self::SpeedDial => "speed_dial",
            Self::Blf => "blf",
            Self::Service => "service",
        })
    }
}

impl std::str::FromStr for LineKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "line" => Ok(Self::Line),
            "speed_dial" => Ok(Self::SpeedDial),
            "blf" => Ok(Self::Blf),
            "service" => Ok(Self::Service),
            _ => Err(()),
        }
    }
}

/// A desired device, ready to be rendered: who it is, what it runs, its lines. Made by `fleet`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// Hardware address.
    pub mac: MacAddr,
    /// The model that its files are made for.
    pub model: ModelName,
    /// Free text of the admin; never in a file.
    pub description: String,
    /// Lines in order of button, only those that this model can carry.
    pub lines: Vec<Line>,
    /// Lines that had to be left out, and why.
    pub left_out: Vec<LeftOut>,
    /// Site and phone options merged; what is still `None` has no value anywhere.
    pub options: PhoneOptions,
    /// The load the phone is known to run, if any.
    pub load: Option<Load>,
    /// The load to name in its files (`image_version`, `loadInformation`): `None` leaves the element out, and the phone
    /// keeps what it has.
    pub offered_load: Option<String>,
    /// How its lines are to reach the registrar.
    pub transport: SipTransport,
}

/// SIP transport of a phone's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SipTransport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}
