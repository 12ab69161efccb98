//! What stands in a script of phones, extensions and firmware, in words: read and written here, so that the two are one.

use super::words::{Words, list, word};
use crate::domain::{MacAddr, SipTransport};
use crate::pbx::roster::{EndpointSettings, NamedTransport};

/// A phone that is assigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// Which.
    pub mac: MacAddr,
    /// Its model; `None` = auto.
    pub model: Option<String>,
    /// Extensions, by button; none on a button that is empty here.
    pub lines: Vec<String>,
    /// How many buttons of other kinds it has.
    pub keys: u8,
    /// The load that it is to run.
    pub target: Option<String>,
    /// Codes of what is wrong with its rows in the PBX.
    pub problems: Vec<String>,
    /// It is switched off.
    pub disabled: bool,
    /// It is assigned in the course of the script.
    pub later: bool,
}

/// An extension that differs from the plain one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differs {
    /// Which.
    pub extension: String,
    /// Its SIP user name, where that is another.
    pub user: Option<String>,
    /// Likewise the digest user.
    pub auth: Option<String>,
    /// How long its secret is.
    pub secret: usize,
    /// How many phones may have it at once.
    pub contacts: u16,
    /// The only transport that it takes.
    pub only: Option<SipTransport>,
    /// Settings that some phones cannot bear.
    pub settings: EndpointSettings,
    /// Codes of what is odd about it.
    pub problems: Vec<String>,
    /// What is so or is not.
    pub flags: Vec<Flag>,
}

/// What is so of an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// FreePBX's NAT settings are on.
    Nat,
    /// It is on chan_sip.
    ChanSip,
    /// It is not on the PBX.
    Absent,
    /// It has no secret that is known.
    NoSecret,
    /// Its secret has characters that no file carries.
    OddSecret,
}

impl Flag {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Nat, "nat"),
        (Self::ChanSip, "chan-sip"),
        (Self::Absent, "absent"),
        (Self::NoSecret, "no-secret"),
        (Self::OddSecret, "odd-secret"),
    ];
}

/// A set of firmware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// The load.
    pub load: String,
    /// Its files.
    pub files: Vec<String>,
    /// Files that are missing.
    pub lacks: Vec<String>,
}

/// How long the secret of an extension is of which nothing else is said.
pub(super) const SECRET: usize = 12;

impl Phone {
    /// One that is assigned and has nothing yet.
    pub(super) fn of(mac: MacAddr) -> Self {
        Self {
            mac,
            model: None,
            lines: Vec::new(),
            keys: 0,
            target: None,
            problems: Vec::new(),
            disabled: false,
            later: false,
        }
    }

    pub(super) fn read(words: &mut Words) -> Result<Self, String> {
        let mut phone = Self::of(words.parsed("a MAC")?);
        while let Some(key) = words.more() {
            match key.as_str() {
                "model" => phone.model = Some(words.next("a model")?),
                "lines" => phone.lines = words.list("extensions")?,
                "keys" => phone.keys = words.parsed("how many buttons of other kinds")?,
                "target" => phone.target = Some(words.next("a load")?),
                "problem" => phone.problems.push(words.next("a code")?),
                "disabled" => phone.disabled = true,
                "later" => phone.later = true,
                other => {
                    return Err(format!(
                        "a phone has no {other:?}: model, lines, keys, target, problem, disabled or later"
                    ));
                }
            }
        }
        Ok(phone)
    }

    pub(super) fn write(&self) -> String {
        let mut text = format!("phone {}", self.mac);
        text += &option("model", self.model.as_deref());
        if !self.lines.is_empty() {
            text += &format!(" lines {}", list(&self.lines));
        }
        if self.keys > 0 {
            text += &format!(" keys {}", self.keys);
        }
        text += &option("target", self.target.as_deref());
        text += &all("problem", &self.problems);
        text + &flag("disabled", self.disabled) + &flag("later", self.later)
    }
}

impl Differs {
    /// The plain one.
    pub(super) fn plain(extension: String) -> Self {
        Self {
            extension,
            user: None,
            auth: None,
            secret: SECRET,
            contacts: 1,
            only: None,
            settings: EndpointSettings::default(),
            problems: Vec::new(),
            flags: Vec::new(),
        }
    }

    /// Whether that is so of it.
    pub fn is(&self, flag: Flag) -> bool {
        self.flags.contains(&flag)
    }

    pub(super) fn read(words: &mut Words) -> Result<Self, String> {
        let mut differs = Self::plain(words.next("an extension")?);
        while let Some(key) = words.more() {
            let settings = &mut differs.settings;
            match key.as_str() {
                "user" => differs.user = Some(words.next("a user name")?),
                "auth" => differs.auth = Some(words.next("a digest user")?),
                "secret" => differs.secret = words.parsed("the length of the secret")?,
                "contacts" => differs.contacts = words.parsed("how many contacts")?,
                "only" => differs.only = Some(transport(words)?),
                "problem" => differs.problems.push(words.next("a code")?),
                "codecs" => settings.codecs = Some(words.list("codecs")?),
                "over" => settings.sent_over = Some(named(words.next("a transport's name")?)),
                "encryption" => settings.encryption = Some(words.next("the setting")?),
                "dtmf" => settings.dtmf = Some(words.next("the setting")?),
                "digest" => settings.digest = Some(words.next("an algorithm")?),
                "no-context" => settings.no_context = true,
                "keeps-contacts" => settings.keeps_contacts = true,
                other => {
                    let known = Flag::ALL.into_iter().find(|(_, word)| *word == other);
                    let (flag, _) = known.ok_or_else(|| format!(
                        "an extension has no {other:?}: user, auth, secret, contacts, only, problem, codecs, over, encryption, dtmf, \
                         digest, no-context, keeps-contacts, nat, chan-sip, absent, no-secret or odd-secret"
                    ))?;
                    differs.flags.push(flag);
                }
            }
        }
        Ok(differs)
    }

    pub(super) fn write(&self) -> String {
        let settings = &self.settings;
        let mut text = format!("extension {}", word(&self.extension));
        text += &option("user", self.user.as_deref());
        text += &option("auth", self.auth.as_deref());
        if self.secret != SECRET {
            text += &format!(" secret {}", self.secret);
        }
        if self.contacts != 1 {
            text += &format!(" contacts {}", self.contacts);
        }
        text += &option("only", self.only.map(spelled));
        text += &all("problem", &self.problems);
        text += &option("codecs", settings.codecs.as_ref().map(|codecs| codecs.join(",")).as_deref());
        text += &option("over", settings.sent_over.as_ref().map(|over| over.name.as_str()));
        text += &option("encryption", settings.encryption.as_deref());
        text += &option("dtmf", settings.dtmf.as_deref());
        text += &option("digest", settings.digest.as_deref());
        text += &flag("no-context", settings.no_context);
        text += &flag("keeps-contacts", settings.keeps_contacts);
        text + &Flag::ALL.into_iter().map(|(is, word)| flag(word, self.is(is))).collect::<String>()
    }
}

impl Set {
    pub(super) fn read(words: &mut Words) -> Result<Self, String> {
        let (load, files) = (words.next("a load")?, words.list("files")?);
        let lacks = if words.more_if("lacks") { words.list("files that are missing")? } else { Vec::new() };
        Ok(Self { load, files, lacks })
    }

    pub(super) fn write(&self) -> String {
        let lacks = if self.lacks.is_empty() { String::new() } else { format!(" lacks {}", list(&self.lacks)) };
        format!("{} {}{lacks}", word(&self.load), list(&self.files))
    }
}

pub(super) fn transport(words: &mut Words) -> Result<SipTransport, String> {
    match words.next("udp or tcp")?.as_str() {
        "udp" => Ok(SipTransport::Udp),
        "tcp" => Ok(SipTransport::Tcp),
        other => Err(format!("{other:?} is neither udp nor tcp")),
    }
}

pub(super) fn spelled(transport: SipTransport) -> &'static str {
    match transport {
        SipTransport::Udp => "udp",
        SipTransport::Tcp => "tcp",
    }
}

/// FreePBX names them by address and protocol: `0.0.0.0-tcp`.
fn named(name: String) -> NamedTransport {
    let protocol = match name.rsplit_once('-').map(|(_, protocol)| protocol) {
        Some("udp") => Some(SipTransport::Udp),
        Some("tcp") => Some(SipTransport::Tcp),
        _ => None,
    };
    NamedTransport { name, protocol }
}

pub(super) fn option(key: &str, value: Option<&str>) -> String {
    value.map_or_else(String::new, |value| format!(" {key} {}", word(value)))
}

fn all(key: &str, values: &[String]) -> String {
    let each = |value: &String| option(key, Some(value));
    values.iter().map(each).collect()
}

fn flag(word: &str, is: bool) -> String {
    if is { format!(" {word}") } else { String::new() }
}
