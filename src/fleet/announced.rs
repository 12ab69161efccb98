//! What a phone announces on its link, by each protocol, and which of it is news.

use std::net::Ipv4Addr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::discover::{Announcement, Protocol};
use crate::domain::ModelName;

/// Between two sentences of one phone: phones announce themselves once a minute, and somebody who makes them up does not fill
/// a timeline.
const PAUSE: SignedDuration = SignedDuration::from_secs(10);

/// The last word of each protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    cdp: Option<Arc<Heard>>,
    lldp: Option<Arc<Heard>>,
    dhcp: Option<Arc<Heard>>,
    /// The sentence that was told last, and when.
    told: Option<Arc<(String, Timestamp)>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Heard {
    said: Announcement,
    at: Timestamp,
}

impl Announced {
    /// Takes it in. Returns it as a sentence, where that is another than was told last.
    pub(super) fn note(&mut self, said: Announcement, at: Timestamp) -> Option<String> {
        let of = match said.by {
            Protocol::Cdp => &mut self.cdp,
            Protocol::Lldp => &mut self.lldp,
            Protocol::Dhcp => &mut self.dhcp,
        };
        *of = Some(Arc::new(Heard { said, at }));
        let sentence = self.sentence();
        let pending = |told: &(String, Timestamp)| told.0 != sentence && at.duration_since(told.1) >= PAUSE;
        if !self.told.as_ref().is_none_or(|told| pending(told)) {
            return None;
        }
        self.told = Some(Arc::new((sentence.clone(), at)));
        Some(sentence)
    }

    /// When it was last heard.
    pub fn at(&self) -> Option<Timestamp> {
        self.words().map(|heard| heard.at).max()
    }

    /// The model.
    pub fn model(&self) -> Option<ModelName> {
        self.first(|said| said.model.as_deref()).map(ModelName::new)
    }

    /// The load, by its whole name.
    pub fn load(&self) -> Option<&str> {
        self.first(|said| said.load.as_deref())
    }

    /// Hardware revision.
    pub fn hardware(&self) -> Option<&str> {
        self.first(|said| said.hardware.as_deref())
    }

    /// Serial number.
    pub fn serial(&self) -> Option<&str> {
        self.first(|said| said.serial.as_deref())
    }

    /// Voice VLAN.
    pub fn vlan(&self) -> Option<u16> {
        self.first(|said| said.vlan)
    }

    /// The address that it says it has.
    pub fn ip(&self) -> Option<Ipv4Addr> {
        self.first(|said| said.ip)
    }

    /// By which protocols.
    pub fn by(&self) -> Vec<Protocol> {
        self.words().map(|heard| heard.said.by).collect()
    }

    /// The later word that says it: LLDP has what CDP has not, and the other way round.
    fn first<'a, T>(&'a self, of: impl Fn(&'a Announcement) -> Option<T>) -> Option<T> {
        let mut words: Vec<&Heard> = self.words().collect();
        words.sort_by_key(|heard| std::cmp::Reverse(heard.at));
        words.into_iter().find_map(|heard| of(&heard.said))
    }

    fn words(&self) -> impl Iterator<Item = &Heard> {
        [&self.cdp, &self.lldp, &self.dhcp].into_iter().flatten().map(|heard| &**heard)
    }

    fn sentence(&self) -> String {
        let by: Vec<&str> = self.by().into_iter().map(Protocol::word).collect();
        let model = self.model().map(|model| format!(" a {model}"));
        let load = self.load().map(|load| format!(" load {load}"));
        let vlan = self.vlan().map(|vlan| format!(" voice VLAN {vlan}"));
        let ip = self.ip().map(|ip| format!(" address {ip}"));
        let what: Vec<String> = [model, load, vlan, ip].into_iter().flatten().collect();
        let what = if what.is_empty() { " nothing of itself".to_owned() } else { what.join(",") };
        format!("announces by {}:{what}", by.join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(by: Protocol, load: &str) -> Announcement {
        Announcement {
            mac: "001B54CE0009".parse().unwrap(),
            by,
            model: Some("7945G".into()),
            load: Some(load.into()),
            hardware: None,
            serial: None,
            vlan: (by == Protocol::Lldp).then_some(100),
            ip: None,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn one_sentence_for_each_change() {
        let mut announced = Announced::default();
        let first = announced.note(said(Protocol::Cdp, "SCCP45.8-5-2S"), at(0));
        assert_eq!(first.as_deref(), Some("announces by CDP: a 7945, load SCCP45.8-5-2S"));
        assert_eq!(announced.note(said(Protocol::Cdp, "SCCP45.8-5-2S"), at(60)), None);
        let both = announced.note(said(Protocol::Lldp, "SCCP45.8-5-2S"), at(61));
        assert_eq!(both.as_deref(), Some("announces by CDP and LLDP: a 7945, load SCCP45.8-5-2S, voice VLAN 100"));
        // In turns they say one thing.
        for minute in 2..60 {
            assert_eq!(announced.note(said(Protocol::Cdp, "SCCP45.8-5-2S"), at(minute * 60)), None);
            assert_eq!(announced.note(said(Protocol::Lldp, "SCCP45.8-5-2S"), at(minute * 60 + 1)), None);
        }
        assert_eq!((announced.vlan(), announced.at()), (Some(100), Some(at(59 * 60 + 1))));
        assert!(announced.note(said(Protocol::Cdp, "SIP45.9-4-2SR4-3S"), at(3_660)).is_some());
        assert_eq!(announced.load(), Some("SIP45.9-4-2SR4-3S"), "the later word");
    }

    #[test]
    fn who_changes_all_the_time_is_told_seldom_and_the_last_word_counts() {
        let mut announced = Announced::default();
        let told =
            (0..100).filter(|n| announced.note(said(Protocol::Cdp, &n.to_string()), at(n / 10)).is_some()).count();
        assert_eq!(told, 1);
        let late = announced.note(said(Protocol::Cdp, "99"), at(10));
        assert_eq!(late.as_deref(), Some("announces by CDP: a 7945, load 99"));
    }
}
