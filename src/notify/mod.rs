//! NOTIFY to a phone: what makes it read its files again, restart, or reset. Pure but for [`exchange`].
//!
//! Asterisk can send one itself (manager action `PJSIPNotify` or `SIPnotify`), to every contact of an endpoint, with the
//! endpoint's name in From, and never says what the phone answered. Enough for `check-sync`; `service-control` wants a From without a
//! user part and the Call-ID of the phone's own REGISTER, else a strict phone answers 400 [PJC]. So that one we send
//! from the PBX's address, where the phone is registered over UDP.

pub mod exchange;
mod request;

use crate::catalog::NotifyEvent;
use crate::domain::Driver;

pub use request::{Refused, Request, Target};

/// What a phone is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Read its files again; a 7940 or 7960 does only if they say something new.
    Resync,
    /// Register anew with files read anew; a 7940 or 7960 boots.
    Restart,
    /// Boot.
    Reset,
}

impl Verb {
    /// As typed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Resync => "resync",
            Self::Restart => "restart",
            Self::Reset => "reset",
        }
    }
}

impl std::str::FromStr for Verb {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        [Self::Resync, Self::Restart, Self::Reset].into_iter().find(|verb| verb.word() == word).ok_or(())
    }
}

/// What a NOTIFY says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// `Event`.
    pub event: &'static str,
    /// Lines of a body of type `text/plain`; none = no body.
    pub lines: Vec<String>,
}

/// "What you have cached is stale": all digits zero [UCM-NOTIFY].
const STALE: &str = "{00000000-0000-0000-0000-000000000000}";

impl Notify {
    /// The NOTIFY that means this to such phones. `call_id` is that of the phone's REGISTER; where it is not known, or
    /// could end the value, the braces stay empty, as some servers send it [WAZO-SIP].
    pub fn new(event: NotifyEvent, verb: Verb, call_id: &str) -> Self {
        match event {
            NotifyEvent::CheckSync => Self { event: "check-sync", lines: Vec::new() },
            NotifyEvent::ServiceControl => {
                let action = if verb == Verb::Reset { "reset" } else { "restart" };
                let plain = call_id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.@_~+:".contains(&b));
                let call_id = if plain && call_id.len() <= 200 { call_id } else { "" };
                Self {
                    event: "service-control",
                    lines: vec![
                        format!("action={action}"),
                        format!("RegisterCallId={{{call_id}}}"),
                        format!("ConfigVersionStamp={STALE}"),
                        format!("DialplanVersionStamp={STALE}"),
                        format!("SoftkeyVersionStamp={STALE}"),
                    ],
                }
            }
        }
    }
}

/// Who sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Asterisk, at our request; what the phone answered stays unknown.
    Asterisk,
    /// We, from the PBX's address.
    Direct,
}

/// Who should send it. `sole`: the endpoint has this one contact, so that Asterisk's NOTIFY meets no other phone.
///
/// # Errors
/// Nobody can, and why.
pub fn way(event: NotifyEvent, udp: bool, sole: bool) -> Result<Way, &'static str> {
    match (event, udp, sole) {
        (NotifyEvent::CheckSync, _, true) | (NotifyEvent::ServiceControl, false, true) => Ok(Way::Asterisk),
        (_, true, _) => Ok(Way::Direct),
        (_, false, false) => Err(
            "it shares its extension with other phones, and only Asterisk has a way to it: Asterisk would tell them all",
        ),
    }
}

/// The name of an endpoint's device, with which the names of its channels begin.
pub fn device(driver: Driver, name: &str) -> String {
    match driver {
        Driver::Pjsip => format!("PJSIP/{name}"),
        Driver::ChanSip => format!("SIP/{name}"),
    }
}

/// The device that a channel (`PJSIP/1001-0000002a`) is of: one that it has is a call, in whatever state.
pub fn device_of(channel: &str) -> Option<&str> {
    channel.rsplit_once('-').map(|(device, _)| device)
}

/// Whether a channel is of that device.
pub fn is_of(channel: &str, device: &str) -> bool {
    device_of(channel).is_some_and(|own| own.eq_ignore_ascii_case(device))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said() {
        let notify = Notify::new(NotifyEvent::CheckSync, Verb::Reset, "a@b");
        assert_eq!((notify.event, notify.lines.len()), ("check-sync", 0));
        for (verb, action) in [(Verb::Resync, "restart"), (Verb::Restart, "restart"), (Verb::Reset, "reset")] {
            let notify = Notify::new(NotifyEvent::ServiceControl, verb, "001b54aa-bb01@10.0.0.5");
            assert_eq!(notify.event, "service-control");
            assert_eq!(notify.lines[0], format!("action={action}"));
            assert_eq!(notify.lines[1], "RegisterCallId={001b54aa-bb01@10.0.0.5}");
            assert!(notify.lines[2..].iter().all(|line| line.ends_with("={00000000-0000-0000-0000-000000000000}")));
        }
    }

    /// A Call-ID comes from the network.
    #[test]
    fn a_call_id_that_could_be_more_than_one_is_not_named() {
        for bad in ["a}\r\naction=reset", "a,b", "a\"b", "é", "a b", "${x}", &"a".repeat(201)] {
            let notify = Notify::new(NotifyEvent::ServiceControl, Verb::Restart, bad);
            assert_eq!(notify.lines[1], "RegisterCallId={}", "{bad:?}");
        }
    }

    #[test]
    fn who_sends() {
        use NotifyEvent::{CheckSync, ServiceControl};
        for (event, udp, sole, expected) in [
            (CheckSync, true, true, Some(Way::Asterisk)),
            (CheckSync, false, true, Some(Way::Asterisk)),
            (CheckSync, true, false, Some(Way::Direct)),
            (CheckSync, false, false, None),
            (ServiceControl, true, true, Some(Way::Direct)),
            (ServiceControl, true, false, Some(Way::Direct)),
            (ServiceControl, false, true, Some(Way::Asterisk)),
            (ServiceControl, false, false, None),
        ] {
            assert_eq!(way(event, udp, sole).ok(), expected, "{event:?} {udp} {sole}");
        }
    }

    #[test]
    fn whose_channel() {
        let device = device(Driver::Pjsip, "10-1");
        assert!(is_of("PJSIP/10-1-0000002a", &device));
        for other in ["PJSIP/10-0000002a", "PJSIP/10-12-0000002a", "SIP/10-1-0000002a", "PJSIP/10-1", ""] {
            assert!(!is_of(other, &device), "{other}");
        }
    }
}
