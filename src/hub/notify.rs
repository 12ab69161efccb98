//! Telling a phone to read its files again, to restart or to reset: never during a call, never twice in a row, never
//! many at once.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::state::{State, own_contact};
use super::{Hub, Operations};
use crate::catalog::NotifyEvent;
use crate::domain::{BootEvent, Contact, ContactState, Endpoint, EventKind, MacAddr, SipTransport};
use crate::fleet::Snapshot;
use crate::notify::exchange::{self, Failed};
use crate::notify::{Notify, Target, Verb, Way, device, is_of, way};
use crate::pbx::ami::client::AmiHandle;

/// Between two words to one phone: it boots meanwhile.
const AGAIN: Duration = Duration::from_secs(30);

/// Between two phones: forty that boot at once ask for everything at once, and fall silent at once.
const PACE: Duration = Duration::from_millis(250);

/// Who was told when.
#[derive(Default)]
pub(super) struct Told {
    phones: Mutex<HashMap<MacAddr, Instant>>,
    /// When the next may be told.
    next: Mutex<Option<Instant>>,
}

impl Told {
    /// Notes that it is told now, unless it was of late: then how long ago.
    fn claim(&self, mac: MacAddr, now: Instant) -> Result<(), Duration> {
        let mut phones = self.phones.lock().unwrap_or_else(PoisonError::into_inner);
        phones.retain(|_, at| now.saturating_duration_since(*at) < AGAIN);
        if let Some(at) = phones.get(&mac) {
            return Err(now.saturating_duration_since(*at));
        }
        phones.insert(mac, now);
        Ok(())
    }

    /// It was not told after all.
    fn release(&self, mac: MacAddr) {
        self.phones.lock().unwrap_or_else(PoisonError::into_inner).remove(&mac);
    }

    /// When it is this one's turn.
    fn turn(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let at = next.map_or(now, |next| next.max(now));
        *next = Some(at + PACE);
        at
    }
}

/// Whom a NOTIFY goes to.
struct Addressee {
    event: NotifyEvent,
    /// The first line that is registered.
    endpoint: Endpoint,
    contact: Contact,
    /// The endpoint has no other contact.
    sole: bool,
    /// What all its lines register as: one of them in a call is the phone in a call.
    endpoints: Vec<Endpoint>,
    /// The registrar, as the phone knows it.
    host: String,
}

impl Operations {
    /// Tells a phone, on the word of `who`.
    ///
    /// # Errors
    /// Why it was not told, or what it answered, in one sentence.
    pub async fn notify_for(&self, mac: MacAddr, verb: Verb, who: &str) -> Result<String, String> {
        self.hub.did(who, mac, &format!("asked it to {}", verb.word()), Timestamp::now());
        self.notify(mac, verb).await
    }

    /// Tells a phone.
    ///
    /// # Errors
    /// Why it was not told, or what it answered, in one sentence.
    pub async fn notify(&self, mac: MacAddr, verb: Verb) -> Result<String, String> {
        let not = |why: &str| format!("phone {mac} was not told to {}: {why}", verb.word());
        let to = self.hub.addressee(mac).map_err(|why| not(&why))?;
        let asking = self.around.ami.as_ref().ok_or_else(|| {
            not("whether it is in a call is known to Asterisk alone, and [ami] is off; configure it, or pull the phone's plug")
        })?;
        self.told.claim(mac, Instant::now()).map_err(|ago| {
            not(&format!("it was told something {} s ago; give it {} s", ago.as_secs(), AGAIN.as_secs()))
        })?;
        tokio::time::sleep_until(self.told.turn(Instant::now())).await;
        let outcome = self.tell(&to, mac, verb, asking).await;
        match &outcome {
            Ok(way) => self.hub.told(mac, format!("told to {}: {way}", verb.word())),
            Err(why) => {
                self.told.release(mac);
                self.hub.want_restart(mac, false);
                self.hub.told(mac, format!("not told to {}: {why}", verb.word()));
            }
        }
        outcome.map(|way| format!("phone {mac} was told to {}: {way}", verb.word())).map_err(|why| not(&why))
    }

    /// Who said what to whom, or why nobody did.
    async fn tell(&self, to: &Addressee, mac: MacAddr, verb: Verb, asking: &AmiHandle) -> Result<String, String> {
        let channels = asking.channels().await.map_err(|why| {
            format!("whether it is in a call could not be asked ({why}); see `offhook check`, or pull the phone's plug")
        })?;
        for device in to.endpoints.iter().map(|endpoint| device(endpoint.driver, &endpoint.name)) {
            if let Some((_, state)) = channels.iter().find(|(channel, _)| is_of(channel, &device)) {
                return Err(format!("it is in a call ({device}: {state}); try again when it is not"));
            }
        }
        let target = Target::parse(&to.contact.uri);
        let host = address_of(&to.host).await;
        let direct = target.as_ref().filter(|target| target.transport == SipTransport::Udp).zip(host);
        let notify = Notify::new(to.event, verb, &to.contact.call_id);
        let by = way(to.event, direct.is_some(), to.sole)
            .map_err(|why| format!("{why}; pull its plug, or give it an extension of its own"))?;
        if verb != Verb::Resync {
            self.hub.want_restart(mac, true);
        }
        match (by, direct) {
            (Way::Direct, Some((target, host))) => match exchange::send(target, host, &notify).await {
                Ok(()) => Ok(format!("{} sent to {}, and the phone said OK", notify.event, target.address)),
                Err(Failed::NotHere(_)) if to.sole => by_asterisk(to, &notify, asking).await,
                // A phone that refuses the one may know the other.
                Err(Failed::Refused(refused)) if to.sole && to.event == NotifyEvent::ServiceControl => {
                    let second = Notify::new(NotifyEvent::CheckSync, verb, "");
                    let sent = by_asterisk(to, &second, asking).await?;
                    Ok(format!("it answered {} {} to {}, so {sent}", refused.code, refused.reason, notify.event))
                }
                Err(why) => Err(format!("{} to {}: {why}; pull the phone's plug", notify.event, target.address)),
            },
            _ => by_asterisk(to, &notify, asking).await,
        }
    }
}

/// The address that a phone which is told this registrar has for it.
async fn address_of(host: &str) -> Option<Ipv4Addr> {
    let found = tokio::net::lookup_host((host, 0)).await.ok()?;
    found.into_iter().find_map(|address| match address.ip() {
        std::net::IpAddr::V4(ip) => Some(ip),
        std::net::IpAddr::V6(_) => None,
    })
}

async fn by_asterisk(to: &Addressee, notify: &Notify, asking: &AmiHandle) -> Result<String, String> {
    asking.notify(&to.endpoint, notify).await.map_err(|why| format!("{} by Asterisk: {why}", notify.event))?;
    Ok(format!(
        "{} sent by Asterisk to {}, which does not tell the phone's answer; what it asks for next shows in its timeline",
        notify.event,
        device(to.endpoint.driver, &to.endpoint.name)
    ))
}

impl Hub {
    fn addressee(&self, mac: MacAddr) -> Result<Addressee, String> {
        let (state, snapshot) = self.locked();
        let seen = state.seen(mac);
        let Some(desired) = snapshot.desired(mac, &seen) else {
            return Err("it has no extension here; see `offhook phones list`".to_owned());
        };
        if !state.listed {
            return Err(
                "who is registered is not known while Asterisk's manager interface is away; see `offhook check`"
                    .to_owned(),
            );
        }
        let endpoints = super::state::endpoints(&snapshot, &desired);
        let found = endpoints.iter().find_map(|endpoint| registered(&state, &snapshot, mac, endpoint));
        let Some((endpoint, contact, sole)) = found else {
            return Err("none of its lines is registered, so nobody knows where it listens; pull its plug".to_owned());
        };
        let event = desired.model.notify;
        let host = snapshot.site(seen.server.unwrap_or(Ipv4Addr::UNSPECIFIED)).registrar;
        Ok(Addressee { event, endpoint, contact, sole, endpoints, host })
    }

    fn want_restart(&self, mac: MacAddr, wanted: bool) {
        self.lock().directory.want_restart(mac, wanted);
    }

    fn told(&self, mac: MacAddr, what: String) {
        let (mut state, snapshot) = self.locked();
        let ip = state.directory.get(mac).and_then(|seen| seen.ip);
        self.note(&mut state, &snapshot, BootEvent { at: Timestamp::now(), mac, ip, what: EventKind::Told { what } });
    }
}

fn registered(
    state: &State,
    snapshot: &Snapshot,
    mac: MacAddr,
    endpoint: &Endpoint,
) -> Option<(Endpoint, Contact, bool)> {
    let contacts = state.contacts.get(endpoint)?;
    let contact = own_contact(state, snapshot, mac, endpoint, contacts)?;
    (contact.state == ContactState::Registered).then(|| (endpoint.clone(), contact, contacts.len() == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_per_phone_and_time() {
        let told = Told::default();
        let mac: MacAddr = "001B54AABB01".parse().unwrap();
        let now = Instant::now();
        assert_eq!(told.claim(mac, now), Ok(()));
        assert_eq!(told.claim(mac, now + Duration::from_secs(29)), Err(Duration::from_secs(29)));
        assert_eq!(told.claim(mac, now + AGAIN), Ok(()));
        told.release(mac);
        assert_eq!(told.claim(mac, now + AGAIN), Ok(()));
    }

    #[test]
    fn many_are_told_one_after_another() {
        let told = Told::default();
        let start = Instant::now();
        assert_eq!(told.turn(start), start);
        assert_eq!(told.turn(start), start + PACE);
        assert_eq!(told.turn(start), start + PACE * 2);
        assert_eq!(told.turn(start + PACE * 9), start + PACE * 9);
    }
}
