//! What the PBX says should exist: accounts, phones, listeners. Pure values; merging and comparing them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{Endpoint, Extension, LineKind, MacAddr, ModelName, PhoneOptions, Problem, Secret, SipTransport};

pub use crate::domain::Driver;

/// One good read of a PBX.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// Ports the registrar listens on.
    pub registrar: Registrar,
    /// SIP accounts by extension. Virtual extensions have none.
    pub accounts: BTreeMap<Extension, Account>,
    /// Phones by MAC.
    pub assignments: BTreeMap<MacAddr, Assignment>,
    /// Rows of accounts that could not be used; each names the extension it belongs to, where known.
    pub problems: Vec<RowProblem>,
    /// Rows of phones and their lines that could not be used; each names the phone, where known.
    pub assignment_problems: Vec<RowProblem>,
    /// Feature code of "my voicemail" (`*97`), if the PBX has one.
    pub voicemail_code: Option<String>,
    /// IANA zone of the PBX, if it says.
    pub time_zone: Option<String>,
    /// False when the PBX has no table of assignments (any more): then nothing is known of them, which is not "none".
    pub assignments_known: bool,
    /// True while the PBX holds saved changes that are not applied (FreePBX's `need_reload`).
    pub apply_pending: bool,
}

/// Listeners of both SIP drivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registrar {
    /// chan_pjsip.
    pub pjsip: Listeners,
    /// chan_sip.
    pub chan_sip: Listeners,
}

/// Ports of one driver; `None` = that transport is off, or unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listeners {
    /// UDP port.
    pub udp: Option<u16>,
    /// TCP port.
    pub tcp: Option<u16>,
}

/// One extension that a phone can register as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The extension.
    pub extension: Extension,
    /// Which channel driver it lives on.
    pub driver: Driver,
    /// Endpoint or peer name: the user part phones register as.
    pub sip_user: String,
    /// Digest user.
    pub auth_user: String,
    /// The password *Asterisk* has; `None` when it cannot be known or is empty (a problem says why).
    pub secret: Option<Secret>,
    /// Display name as the PBX has it.
    pub name: String,
    /// Has a mailbox: its context.
    pub mailbox: Option<String>,
    /// How many phones may register as it at once.
    pub max_contacts: u16,
    /// Endpoint settings that decide whether Cisco phones can be reached.
    pub nat: NatFlags,
    /// Transports over which it takes a registration.
    pub transports: Transports,
    /// Settings that some phones cannot bear.
    pub settings: EndpointSettings,
    /// What is odd about this account; shown as findings of every phone that has it.
    pub problems: Vec<Problem>,
}

/// chan_pjsip `force_rport` / `rewrite_contact`; of chan_sip `nat`, whose part `force_rport` does both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatFlags {
    /// Answers go to the source port of a request even when it did not ask for that.
    pub force_rport: bool,
    /// The contact is replaced by the source address.
    pub rewrite_contact: bool,
}

/// chan_sip `transport`: over another one it answers 403 (measured on Asterisk 16). chan_pjsip refuses none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transports {
    /// UDP.
    pub udp: bool,
    /// TCP.
    pub tcp: bool,
}

/// Settings of an endpoint or peer that some phones cannot bear. The default is what every phone can.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointSettings {
    /// Codecs that it is held to, by Asterisk's names; `None` = the site's, which are not read.
    pub codecs: Option<Vec<String>>,
    /// chan_pjsip `transport`: what goes to the phone goes over this one, whatever the phone registered over.
    pub sent_over: Option<NamedTransport>,
    /// The setting that demands encrypted media, as it stands (`media_encryption = sdes`).
    pub encryption: Option<String>,
    /// How digits are expected, where that is in INFO requests (`info`).
    pub dtmf: Option<String>,
    /// Calls from it begin in a context without a name.
    pub no_context: bool,
    /// With room for several contacts: an old one is kept until it expires, and a new one is refused when all are taken.
    pub keeps_contacts: bool,
    /// The digest algorithm that it is asked for first, where Asterisk says so and it is not MD5.
    pub digest: Option<String>,
}

/// A transport of chan_pjsip that FreePBX made: `0.0.0.0-tcp`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedTransport {
    /// As the extension has it.
    pub name: String,
    /// Its protocol; `None` = one that these phones do not speak (tls, ws, wss).
    pub protocol: Option<SipTransport>,
}

/// A phone and its buttons, as assigned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Hardware address.
    pub mac: MacAddr,
    /// Model; `None` = find out.
    pub model: Option<ModelName>,
    /// Free text.
    pub description: String,
    /// Load the admin wants it to run.
    pub target_load: Option<String>,
    /// Options of this phone.
    pub options: PhoneOptions,
    /// False = treated as if it were not there.
    pub enabled: bool,
    /// Buttons in order.
    pub buttons: Vec<Button>,
    /// Who said so.
    pub origin: Origin,
}

impl Registrar {
    /// Ports of that driver.
    pub fn of(&self, driver: Driver) -> Listeners {
        match driver {
            Driver::Pjsip => self.pjsip,
            Driver::ChanSip => self.chan_sip,
        }
    }
}

impl Transports {
    /// Whether a phone may register over it.
    pub fn allow(self, transport: SipTransport) -> bool {
        match transport {
            SipTransport::Udp => self.udp,
            SipTransport::Tcp => self.tcp,
        }
    }
}

impl Default for Transports {
    fn default() -> Self {
        Self { udp: true, tcp: true }
    }
}

impl Account {
    /// What phones register as.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::new(self.driver, &self.sip_user)
    }

    /// Names that its auth section may have, the likelier first.
    pub fn sections(&self) -> [String; 2] {
        [format!("{}-auth", self.sip_user), self.sip_user.clone()]
    }
}

/// What tests begin with.
#[cfg(test)]
impl Account {
    /// A chan_pjsip extension of that number without peculiarities.
    pub(crate) fn sample(extension: &str, secret: &str) -> Self {
        Self {
            extension: extension.parse().unwrap(),
            driver: Driver::Pjsip,
            sip_user: extension.into(),
            auth_user: extension.into(),
            secret: Some(Secret::new(secret)),
            name: String::new(),
            mailbox: None,
            max_contacts: 1,
            nat: NatFlags::default(),
            transports: Transports::default(),
            settings: EndpointSettings::default(),
            problems: Vec::new(),
        }
    }
}

#[cfg(test)]
impl Assignment {
    /// A phone of unknown model without buttons.
    pub(crate) fn sample(mac: &str) -> Self {
        Self {
            mac: mac.parse().unwrap(),
            model: None,
            description: String::new(),
            target_load: None,
            options: PhoneOptions::default(),
            enabled: true,
            buttons: Vec::new(),
            origin: Origin::Pbx,
        }
    }
}

/// One button, as assigned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// 1-based key.
    pub button: u8,
    /// What it does.
    pub kind: LineKind,
    /// Extension, number or URL; unchecked.
    pub extension: String,
    /// Label; empty = none given.
    pub label: String,
}

/// Where an assignment comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A table of the PBX.
    Pbx,
    /// `offhook phones add`.
    Own,
}

/// A row that is not used, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowProblem {
    /// The phone it belongs to, when the MAC is readable.
    pub mac: Option<MacAddr>,
    /// The extension it belongs to, when known; unchecked.
    pub extension: Option<String>,
    /// What is wrong.
    pub problem: Problem,
}

/// Passwords as Asterisk itself has them, and what else it says of them, by name of the auth section; `None` = it does
/// not tell.
///
/// By section and not by user: a trunk's outbound login may use an extension's number as its user.
pub type LiveSecrets = Option<Arc<Sections>>;

/// The code of the problem that [`confirm`] finds.
pub const NOT_LIVE: &str = "secret-not-live";

/// What Asterisk says of auth sections, by their names.
pub type Sections = HashMap<String, Section>;

/// An auth section as Asterisk has it.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its password; empty where it goes by a hash.
    pub secret: Secret,
    /// The digest algorithm that it asks for first, where that is not MD5.
    pub digest: Option<String>,
}

/// The roster with what Asterisk says is live, where that differs from what the database makes one expect; `None` =
/// nothing differs. Another password is a problem of the account. FreePBX names an extension's section
/// `<extension>-auth`; by hand it is often the endpoint's own name.
pub fn confirm(roster: &Roster, live: &LiveSecrets) -> Option<Roster> {
    let live = live.as_ref()?;
    let differs = |account: &Account| {
        let known = account.sections().iter().find_map(|section| live.get(section))?;
        let secret = !known.secret.expose().is_empty() && account.secret.as_ref() != Some(&known.secret);
        let differs = secret || account.settings.digest != known.digest;
        (account.driver == Driver::Pjsip && differs)
            .then(|| (secret.then(|| known.secret.clone()), known.digest.clone()))
    };
    if !roster.accounts.values().any(|account| differs(account).is_some()) {
        return None;
    }
    let mut confirmed = roster.clone();
    for account in confirmed.accounts.values_mut() {
        let Some((secret, digest)) = differs(account) else { continue };
        account.settings.digest = digest;
        if secret.is_some() {
            account.secret = secret;
            account.problems.push(Problem::new(
                NOT_LIVE,
                format!("the secret of extension {} in the PBX database is not the one Asterisk has; phones are given Asterisk's", account.extension),
                "press Apply Config in FreePBX; if this stays, save the extension again",
            ));
        }
    }
    Some(confirmed)
}
