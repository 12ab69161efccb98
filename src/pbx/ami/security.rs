//! Events of class `security` (Asterisk main/security_events.c): why somebody does not register. Of what they hold only who,
//! from where and why is read; challenges and answers to them stay where they are.
//!
//! Measured on Asterisk 16 and 22. chan_pjsip: a wrong secret is ChallengeResponseFailed, an endpoint that is not there
//! InvalidAccountID, one whose own list refuses the address FailedACL; after the last two the challenge goes on in the name of
//! nobody, `<unknown>`. chan_sip: InvalidPassword, for a peer that is not there as well; FailedACL. The own login is a
//! SuccessfulAuth, which shows that the class is heard at all.

use jiff::Timestamp;

use super::proto::Message;
use crate::domain::{Driver, Endpoint, Rejected, Rejection};

/// Whether it is of that class.
pub(super) fn is_of_class(message: &Message) -> bool {
    message.text("Privilege").split(',').any(|class| class.trim() == "security")
}

/// A REGISTER, or another request, that was refused.
pub(super) fn rejected(message: &Message, at: Timestamp) -> Option<Rejected> {
    let why = match message.text("Event") {
        "ChallengeResponseFailed" | "InvalidPassword" => Rejection::Secret,
        "InvalidAccountID" => Rejection::Unknown,
        "FailedACL" => Rejection::Acl,
        _ => return None,
    };
    let driver = match message.text("Service") {
        "PJSIP" => Driver::Pjsip,
        "SIP" => Driver::ChanSip,
        _ => return None,
    };
    let account = message.text("AccountID");
    // What comes in is anybody's word: a name that no extension has is nobody's.
    let sound = |b: u8| b.is_ascii_alphanumeric() || b"_*+.-@".contains(&b);
    if account.is_empty() || account.len() > 80 || !account.bytes().all(sound) {
        return None;
    }
    // IPV4/UDP/10.0.0.5/5060
    let address = message.text("RemoteAddress").split('/').nth(2)?.parse().ok()?;
    Some(Rejected { endpoint: Endpoint::new(driver, account), why, address, at })
}

#[cfg(test)]
mod tests {
    use super::super::proto::{Decoder, Item};
    use super::*;

    fn message(event: &str, service: &str, account: &str, remote: &str) -> Message {
        let mut decoder = Decoder::default();
        decoder.push(format!(
            "Asterisk Call Manager/5.0\r\nEvent: {event}\r\nPrivilege: security,all\r\nService: {service}\r\nAccountID: {account}\r\n\
             RemoteAddress: {remote}\r\nResponse: c73b426cd82c98e7f9e7ea42e9b0bef5\r\n\r\n"
        ).as_bytes());
        loop {
            if let Item::Message(message) = decoder.poll().unwrap().unwrap() {
                return message;
            }
        }
    }

    const REMOTE: &str = "IPV4/UDP/10.0.0.5/5060";

    #[test]
    fn who_from_where_and_why() {
        for (event, service, account, expected) in [
            ("ChallengeResponseFailed", "PJSIP", "1001", Some((Driver::Pjsip, Rejection::Secret))),
            ("InvalidPassword", "SIP", "2001", Some((Driver::ChanSip, Rejection::Secret))),
            ("InvalidAccountID", "PJSIP", "7777", Some((Driver::Pjsip, Rejection::Unknown))),
            ("FailedACL", "SIP", "2002", Some((Driver::ChanSip, Rejection::Acl))),
            ("ChallengeResponseFailed", "PJSIP", "<unknown>", None),
            ("ChallengeResponseFailed", "PJSIP", "", None),
            ("ChallengeResponseFailed", "PJSIP", "a\u{1b}[2J", None),
            ("ChallengeSent", "PJSIP", "1001", None),
            ("SuccessfulAuth", "PJSIP", "1001", None),
            ("InvalidPassword", "AMI", "offhook", None),
        ] {
            let message = message(event, service, account, REMOTE);
            assert!(is_of_class(&message));
            let read = rejected(&message, Timestamp::UNIX_EPOCH);
            assert_eq!(
                read.as_ref().map(|read| (read.endpoint.driver, read.why)),
                expected,
                "{event} {service} {account}"
            );
            assert!(read.is_none_or(|read| read.endpoint.name == account && read.address.to_string() == "10.0.0.5"));
        }
        for remote in ["", "IPV4/UDP", "IPV4/UDP/x/5060", "10.0.0.5:5060"] {
            assert_eq!(rejected(&message("FailedACL", "SIP", "1", remote), Timestamp::UNIX_EPOCH), None, "{remote}");
        }
    }
}
