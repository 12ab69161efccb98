//! Settings of an extension that keep a Cisco phone from working, as a table: whom each hurts and how, and which field of
//! FreePBX and which option of plain Asterisk sets it right. `docs/endpoints.md` is made of it.
//!
//! Each is judged by the phones that have the extension: nothing is said of an extension that no such phone has.

use std::collections::BTreeSet;

use super::{Evidence, Finding, Severity};
use crate::catalog::Model;
use crate::domain::{Driver, Phone, SipTransport};
use crate::pbx::roster::Account;
use crate::status::Health;

/// One setting.
pub struct Setting {
    /// Kebab-case code.
    pub code: &'static str,
    /// One line.
    pub title: &'static str,
    /// What it means, for `explain`.
    pub text: &'static str,
    /// Which phones it hurts, for the manual.
    pub whom: &'static str,
    /// What it does to them, as the end of a sentence.
    pub harm: &'static str,
    /// How bad that is.
    pub effect: Effect,
    /// What sets it right on chan_pjsip, where that driver has it.
    pub pjsip: Option<Fix>,
    /// The same on chan_sip.
    pub chan_sip: Option<Fix>,
    /// How the setting stands on an extension, where this phone cannot bear it.
    wrong: fn(&Account, &Phone, &Model) -> Option<String>,
}

/// What sets a setting right.
pub struct Fix {
    /// Field of the extension's *Advanced* tab, and its value; `None` where FreePBX has no field for it.
    pub field: Option<&'static str>,
    /// Option of the endpoint, AOR, auth section or peer.
    pub option: &'static str,
}

/// How bad a wrong setting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The phone does not register, or should not have been able to.
    KeepsOut,
    /// It registers and cannot be used.
    BreaksCalls,
    /// It works, but not always or not wholly.
    Mars,
}

/// The transport that a phone uses.
fn spoken(phone: &Phone) -> &'static str {
    match phone.transport {
        SipTransport::Udp => "UDP",
        SipTransport::Tcp => "TCP",
    }
}

/// Every setting, those that keep a phone from registering first.
pub const SETTINGS: &[Setting] = &[
    Setting {
        code: "transport-refused",
        title: "The extension does not take the transport that its phone uses",
        text: "An extension on chan_sip has a list of transports, and chan_sip answers 403 to a phone that registers over another \
               one. 7940 and 7960 speak UDP only; phones on 9.x firmware are told to use TCP. Set, on the extension's Advanced tab, \
               Transport: All - UDP Primary, which is FreePBX's default, and Apply Config; by hand, transport=udp,tcp in the \
               peer.",
        whom: "phones that register over what the list lacks",
        harm: "this phone registers over it and is refused",
        effect: Effect::KeepsOut,
        pjsip: None,
        chan_sip: Some(Fix { field: Some("Transport: All - UDP Primary"), option: "transport=udp,tcp" }),
        wrong: |account, phone, _| {
            (!account.transports.allow(phone.transport)).then(|| format!("transport lacks {}", spoken(phone)))
        },
    },
    Setting {
        code: "digest-algorithm",
        title: "Asterisk asks first for a digest algorithm that these phones do not know",
        text: "These phones know MD5 alone (RFC 2617). Asterisk 20.12, 21.7, 22.2 and later can ask for SHA-256 or SHA-512-256, \
               too, and offers the algorithms in the order of supported_algorithms_uas. FreePBX has no field for it, so it \
               stands in a file of your own, pjsip.auth_custom_post.conf for example: put MD5 first there, or take the \
               line out, and Apply Config.",
        whom: "all",
        harm: "this phone knows MD5 alone and cannot answer",
        effect: Effect::KeepsOut,
        pjsip: Some(Fix { field: None, option: "supported_algorithms_uas=MD5" }),
        chan_sip: None,
        wrong: |account, _, _| account.settings.digest.as_ref().map(|first| format!("{first} is asked for first")),
    },
    Setting {
        code: "endpoint-nat",
        title: "force_rport or rewrite_contact, or chan_sip's nat, is on for a phone that cannot bear it",
        text: "These phones send from a high port, put 5060 into Via and Contact, and listen only on 5060. With \
               force_rport=yes Asterisk answers to the port the request came from: the phone never hears it and never \
               registers. With rewrite_contact=yes the phone registers, and calls to it go to a port that is closed. FreePBX has \
               both on by default. For the extensions of such phones set, on the extension's Advanced tab, Force rport: No and Rewrite \
               Contact: No, and Apply Config; by hand, force_rport=no and rewrite_contact=no in the endpoint. An extension on \
               chan_sip has one setting for both, NAT Mode: No; by hand, nat=no in the peer. A phone on TCP may keep rewrite_contact=yes.",
        whom: "7940 and 7960; others that register over UDP",
        harm: "this phone listens on 5060 only and needs that off",
        effect: Effect::KeepsOut,
        pjsip: Some(Fix {
            field: Some("Force rport: No, Rewrite Contact: No"),
            option: "force_rport=no, rewrite_contact=no",
        }),
        chan_sip: Some(Fix { field: Some("NAT Mode: No"), option: "nat=no" }),
        wrong: |account, phone, _| {
            let flags = [("force_rport", account.nat.force_rport), ("rewrite_contact", account.nat.rewrite_contact)];
            let on: Vec<_> = flags.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
            (phone.transport == SipTransport::Udp && !on.is_empty()).then(|| match account.driver {
                Driver::Pjsip => format!("{} = yes", on.join(" and ")),
                Driver::ChanSip => "nat has force_rport".to_owned(),
            })
        },
    },
    Setting {
        code: "transport-other",
        title: "Asterisk is told to use a transport towards the phone that the phone does not use",
        text: "With transport in an endpoint of chan_pjsip, everything that goes to the phone goes over that transport, \
               whatever the phone registered over. The phone registers; calls to it, answers to its own calls and Asterisk's \
               questions whether it is there do not reach it (measured on Asterisk 22). 7940 and 7960 speak UDP only; phones on 9.x \
               firmware are told to use TCP; none of them is told to use TLS. Set, on the extension's Advanced tab, Transport: Auto, \
               and Apply Config; by hand, take transport out of the endpoint.",
        whom: "phones that register over another one",
        harm: "this phone does not use that one, and calls fail both ways",
        effect: Effect::BreaksCalls,
        pjsip: Some(Fix { field: Some("Transport: Auto"), option: "no transport" }),
        chan_sip: None,
        wrong: |account, phone, _| {
            let named = account.settings.sent_over.as_ref()?;
            (named.protocol != Some(phone.transport)).then(|| format!("transport = {}", named.name))
        },
    },
    Setting {
        code: "no-common-codec",
        title: "The extension is held to codecs that its phone does not speak",
        text: "Allowed Codecs on the extension's Advanced tab names none that this model speaks, so every call ends as it \
               begins. 7940 and 7960 speak ulaw, alaw and g729, the others g722, too. Set Allowed Codecs: ulaw&alaw, or leave it empty \
               to have the codecs of Asterisk SIP Settings; on chan_sip Disallowed Codecs: all takes those away, so name ulaw&alaw \
               beside it. By hand, allow=ulaw,alaw. Asterisk speaks g729 only with a module for it.",
        whom: "models that speak none of those allowed",
        harm: "this phone speaks none of these, and its calls fail",
        effect: Effect::BreaksCalls,
        pjsip: Some(Fix { field: Some("Allowed Codecs: ulaw&alaw"), option: "allow=ulaw,alaw" }),
        chan_sip: Some(Fix { field: Some("Allowed Codecs: ulaw&alaw"), option: "allow=ulaw,alaw" }),
        wrong: |account, _, model| {
            let held = account.settings.codecs.as_ref()?;
            let none = !held.iter().any(|codec| model.codecs.contains(codec));
            none.then(|| {
                if held.is_empty() { "no codec is allowed".to_owned() } else { format!("allow = {}", held.join("&")) }
            })
        },
    },
    Setting {
        code: "media-encrypted",
        title: "The extension demands encrypted media, which these phones do not have as they are provisioned",
        text: "SRTP on these phones takes certificates that only Cisco's own call manager hands out; offhook tells them to use \
               none (deviceSecurityMode 1), and 7940 and 7960 have none at all. With media encryption demanded, Asterisk refuses \
               their calls. Set, on the extension's Advanced tab, Media Encryption: None (on chan_sip, Enable Encryption: No), and \
               Apply Config; by hand, media_encryption=no, or encryption=no in the peer. With Allow Non-Encrypted Media it may stay.",
        whom: "all",
        harm: "this phone has no encrypted media, and its calls fail",
        effect: Effect::BreaksCalls,
        pjsip: Some(Fix { field: Some("Media Encryption: None"), option: "media_encryption=no" }),
        chan_sip: Some(Fix { field: Some("Enable Encryption: No"), option: "encryption=no" }),
        wrong: |account, _, _| account.settings.encryption.clone(),
    },
    Setting {
        code: "context-empty",
        title: "Calls from the extension begin nowhere",
        text: "The extension has no dialplan context, so Asterisk answers 404 to whatever its phone dials. Set, on the extension's \
               Advanced tab, Context: from-internal, which is FreePBX's default, and Apply Config; by hand, context in the \
               endpoint.",
        whom: "all",
        harm: "this phone can call nobody",
        effect: Effect::BreaksCalls,
        pjsip: Some(Fix { field: Some("Context: from-internal"), option: "context=from-internal" }),
        chan_sip: None,
        wrong: |account, _, _| account.settings.no_context.then(|| "context is empty".to_owned()),
    },
    Setting {
        code: "dtmf-info",
        title: "Asterisk expects digits in a form that these phones do not send",
        text: "These phones send the digits that are pressed during a call as RFC 4733 events (dtmf_outofband avt) or as tones, \
               never in INFO requests. An extension that expects INFO does not hear them: voicemail and menus get no key. Set, \
               on the extension's Advanced tab, DTMF Signaling: RFC 4733 (RFC 2833 on chan_sip), and Apply Config; by hand, \
               dtmf_mode=rfc4733, or dtmfmode=rfc2833 in the peer.",
        whom: "all",
        harm: "this phone sends digits as RFC 4733 events, so voicemail and menus do not hear its keys",
        effect: Effect::Mars,
        pjsip: Some(Fix { field: Some("DTMF Signaling: RFC 4733"), option: "dtmf_mode=rfc4733" }),
        chan_sip: Some(Fix { field: Some("DTMF Signaling: RFC 2833"), option: "dtmfmode=rfc2833" }),
        wrong: |account, _, _| account.settings.dtmf.as_ref().map(|mode| format!("dtmfmode = {mode}")),
    },
    Setting {
        code: "contacts-kept",
        title: "A phone that comes back from another address may be refused",
        text: "With room for several contacts and remove_existing=no, Asterisk keeps the contact of a phone that restarted or got \
               another address until it expires, and refuses a new one with 403 when all places are taken: the phone registers, and \
               after a restart or two it does not. Calls ring at the old contacts, too. Set, on the extension's Advanced tab, \
               Remove Existing: Yes, or Max Contacts: 1 where one phone has the extension, and Apply Config; by hand, \
               remove_existing=yes in the AOR.",
        whom: "all",
        harm: "old contacts stay, and a phone that restarts may be refused until they expire",
        effect: Effect::Mars,
        pjsip: Some(Fix { field: Some("Remove Existing: Yes"), option: "remove_existing=yes" }),
        chan_sip: None,
        wrong: |account, _, _| {
            let kept = account.settings.keeps_contacts;
            kept.then(|| format!("remove_existing = no with max_contacts = {}", account.max_contacts))
        },
    },
];

impl Setting {
    /// What it makes of a phone's health.
    pub(super) fn health(&self) -> Health {
        match self.effect {
            Effect::KeepsOut | Effect::BreaksCalls => Health::NeedsHands,
            Effect::Mars => Health::Ok,
        }
    }

    /// What sets it right on that driver.
    pub fn fix(&self, driver: Driver) -> Option<&Fix> {
        match driver {
            Driver::Pjsip => self.pjsip.as_ref(),
            Driver::ChanSip => self.chan_sip.as_ref(),
        }
    }

    /// Looks at every line of a phone.
    pub(super) fn check(&self, evidence: &Evidence<'_>) -> Option<Finding> {
        let desired = evidence.desired?;
        let roster = evidence.roster?;
        let mut wrong = Vec::new();
        for line in &desired.phone.lines {
            let Some(account) = roster.accounts.get(&line.extension) else { continue };
            if let (Some(fix), Some(how)) =
                (self.fix(account.driver), (self.wrong)(account, &desired.phone, &desired.model))
            {
                wrong.push((account.driver, fix, format!("extension {}: {how}", line.extension)));
            }
        }
        let (_, _, first) = wrong.first()?;
        let registered = !evidence.contacts.is_empty();
        let severity = match self.effect {
            // It is registered all the same: then this is what may go wrong, and not what does.
            Effect::KeepsOut if registered => Severity::Warning,
            Effect::KeepsOut | Effect::BreaksCalls => Severity::Error,
            Effect::Mars => Severity::Warning,
        };
        let mut drivers = BTreeSet::new();
        let fixes = wrong.iter().filter(|(driver, ..)| drivers.insert(*driver)).map(|(driver, fix, _)| {
            let on = if *driver == Driver::ChanSip { "on chan_sip, " } else { "" };
            match fix.field {
                Some(field) => format!("{on}{field} (by hand: {})", fix.option),
                None => format!("{on}no field; where it is set by hand: {}", fix.option),
            }
        });
        let fixes = fixes.collect::<Vec<_>>().join("; ");
        Some(Finding {
            code: self.code.to_owned(),
            severity,
            summary: format!("{first}; {}", self.harm),
            remedy: format!("in FreePBX, on the extension's Advanced tab: {fixes}; then Apply Config"),
            evidence: wrong.into_iter().map(|(.., line)| line).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// What stands before and after the table in the manual.
    const BEFORE: &str = "cargo test the_manual_has_the_table -->\n\n";
    const AFTER: &str = "\n<!-- end of the table -->";

    fn table() -> String {
        let mut lines = vec![
            "| code | for whom | why | FreePBX, tab *Advanced* | `pjsip.conf` | on chan_sip | `sip.conf` |".to_owned(),
            "|---|---|---|---|---|---|---|".to_owned(),
        ];
        let part = |fix: &Option<Fix>, of: fn(&Fix) -> &'static str| fix.as_ref().map_or("-", of);
        for setting in SETTINGS {
            lines.push(format!(
                "| `{}` | {} | {} | {} | {} | {} | {} |",
                setting.code,
                setting.whom,
                setting.harm,
                part(&setting.pjsip, |fix| fix.field.unwrap_or("no field")),
                part(&setting.pjsip, |fix| fix.option),
                part(&setting.chan_sip, |fix| fix.field.unwrap_or("no field")),
                part(&setting.chan_sip, |fix| fix.option),
            ));
        }
        lines.join("\n") + "\n"
    }

    #[test]
    fn the_manual_has_the_table() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/endpoints.md");
        let manual = std::fs::read_to_string(&path).unwrap();
        let (before, rest) = manual.split_once(BEFORE).unwrap();
        let (kept, after) = rest.split_once(AFTER).unwrap();
        if std::env::var_os("OFFHOOK_BLESS").is_some() {
            std::fs::write(&path, format!("{before}{BEFORE}{}{AFTER}{after}", table())).unwrap();
        } else {
            assert_eq!(kept, table(), "docs/endpoints.md; OFFHOOK_BLESS=1 makes it");
        }
    }

    #[test]
    fn every_setting_can_be_set_right_and_explains_itself() {
        let mut codes: Vec<_> = super::super::RULES.iter().map(|rule| rule.code).collect();
        codes.extend(SETTINGS.iter().map(|setting| setting.code));
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count, "two have one code");
        for setting in SETTINGS {
            assert!(setting.pjsip.is_some() || setting.chan_sip.is_some(), "{}", setting.code);
            let (title, text) = super::super::explanation(setting.code).unwrap();
            assert!(!title.is_empty() && text.len() > title.len(), "{}", setting.code);
            for fix in [&setting.pjsip, &setting.chan_sip].into_iter().flatten() {
                for field in fix.field.into_iter().flat_map(|field| field.split(", ")) {
                    let name = field.split(':').next().unwrap_or(field);
                    assert!(text.contains(name), "{}: explain does not name {name}", setting.code);
                }
            }
        }
    }
}
