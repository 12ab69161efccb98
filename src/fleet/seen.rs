//! What phones have shown of themselves: address, family, model, generation. Bounded, whoever knocks.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use crate::catalog::Family;
use crate::convert::Offer;
use crate::discover::Announcement;
use crate::domain::{Load, MacAddr, ModelName};
use crate::files::name::{FileRequest, PhoneFile};
use crate::fleet::announced::Announced;

/// Within this a phone does not change its address to and fro, and so often is not by chance: a person with a TFTP client
/// asks once.
pub const TO_AND_FRO: SignedDuration = SignedDuration::from_mins(10);
const OFTEN: u32 = 4;

/// Strangers remembered at most; beyond that the one seen first is forgotten.
pub const STRANGERS: usize = 2_048;

/// How long a stranger is remembered that is not heard any more.
pub const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// What was seen of one phone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its last address.
    pub ip: Option<IpAddr>,
    /// When it was last heard.
    pub at: Option<Timestamp>,
    /// When it was first heard, as far as is remembered.
    pub since: Option<Timestamp>,
    /// The address of ours it last asked: what it is told in `render`.
    pub server: Option<std::net::Ipv4Addr>,
    /// Model named by its User-Agent.
    pub model: Option<ModelName>,
    /// What its User-Agent says of its load: `9.4.2`, `8.0`.
    pub load: Option<String>,
    /// What concerns its firmware; filled in by who knows of conversions.
    pub firmware: Firmware,
    /// What it announces on its link.
    pub announced: Announced,
    /// It was told to restart and has not come back for its file since: what `syncinfo.xml` says.
    pub restart: bool,
    /// Asked for `SIP<MAC>.cnf`: a 7940 or 7960.
    asked_sip: bool,
    /// Asked for `ITLSEP<MAC>.tlv`: a Java phone.
    asked_itl: bool,
    /// How often it asked for `SEP<MAC>.cnf.xml`.
    asked_sep: u32,
    /// Its address before the present one, when that was left, and how often it went to and fro between the two.
    left: Option<(IpAddr, Timestamp, u32)>,
}

/// What a phone's files are to say of firmware.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Firmware {
    /// The load it is believed to run.
    pub runs: Option<Load>,
    /// That load's name, where nobody contradicts and its set is whole: what is named where nothing is offered.
    pub named: Option<String>,
    /// What its conversion offers now.
    pub offer: Option<Offer>,
}

impl Firmware {
    /// The load that reads what is served now: the one on its way, else the one that runs.
    pub fn reads(&self) -> Option<Load> {
        let coming = self.offer.as_ref().and_then(|offer| Load::parse(&offer.set));
        coming.or_else(|| self.runs.clone())
    }
}

/// The 7940/7960 loader asks for the SEP file first and goes on to `SIP<MAC>.cnf`; a phone that comes back to the SEP
/// file this often without ever asking for the other reads only the first.
const SEP_ONLY: u32 = 3;

impl Seen {
    /// Which family the phone's requests show it to be of; `None` = not yet clear.
    pub fn family(&self) -> Option<Family> {
        if self.asked_sip {
            Some(Family::Legacy)
        } else if self.asked_itl || self.asked_sep >= SEP_ONLY {
            Some(Family::Java)
        } else {
            None
        }
    }

    /// When it was last heard of, by whatever it did.
    pub fn last(&self) -> Option<Timestamp> {
        self.at.max(self.announced.at())
    }

    /// The model that it shows: its User-Agent names hardware that registered, and anybody on the link can announce.
    pub fn shown_model(&self) -> Option<ModelName> {
        self.model.clone().or_else(|| self.announced.model())
    }

    fn heard(&mut self, at: Timestamp) {
        self.at = Some(at);
        self.since.get_or_insert(at);
    }

    /// The address of another phone that says that it is this one, and when it last showed.
    pub fn twin(&self, now: Timestamp) -> Option<(IpAddr, Timestamp)> {
        let (ip, at, times) = self.left?;
        (times >= OFTEN && now.duration_since(at) < TO_AND_FRO).then_some((ip, at))
    }

    /// It asks from that address. Returns the one before.
    fn asks_from(&mut self, ip: IpAddr, at: Timestamp) -> Option<IpAddr> {
        let before = self.ip.replace(ip);
        if let Some(before) = before.filter(|before| *before != ip) {
            let back =
                |(left, when, _): &(IpAddr, Timestamp, u32)| *left == ip && at.duration_since(*when) < TO_AND_FRO;
            let times = self.left.filter(back).map_or(0, |(.., times)| times.saturating_add(1));
            self.left = Some((before, at, times));
        }
        before
    }

    /// Somebody elsewhere asks in its name, who is not shown to be it. Where both go on it is two phones.
    fn strange(&mut self, ip: IpAddr, at: Timestamp) {
        let again = |(left, when, _): &(IpAddr, Timestamp, u32)| *left == ip && at.duration_since(*when) < TO_AND_FRO;
        let times = self.left.filter(again).map_or(0, |(_, when, times)| {
            // There and back.
            let back = self.at.is_some_and(|heard| heard >= when);
            if back { times.saturating_add(2) } else { times }
        });
        self.left = Some((ip, at, times));
    }

    /// Major version of the load that reads its files.
    pub fn major(&self) -> Option<u16> {
        if let Some(load) = self.firmware.reads() {
            return Some(load.major());
        }
        self.load.as_ref()?.split('.').next()?.parse().ok()
    }

    fn note(&mut self, file: PhoneFile) {
        match file {
            // The later of two contradicting requests counts: a person with a TFTP client asks for anything once.
            PhoneFile::SipCnf => {
                (self.asked_sip, self.asked_itl, self.asked_sep, self.restart) = (true, false, 0, false);
            }
            PhoneFile::Itl | PhoneFile::SepXmlSigned => (self.asked_sip, self.asked_itl) = (false, true),
            PhoneFile::SepXml => self.asked_sep = self.asked_sep.saturating_add(1),
            PhoneFile::Ctl | PhoneFile::Mgcp => {}
        }
    }
}

/// All that were seen. Assigned phones are always kept; of strangers only the last 2,048, for a day.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    phones: BTreeMap<MacAddr, Seen>,
    by_ip: HashMap<IpAddr, MacAddr>,
    strangers: VecDeque<MacAddr>,
}

impl Directory {
    /// A request came in. Returns the phone it is from: the one in the name, else the one last seen at that address.
    pub fn note_request(
        &mut self,
        request: &FileRequest,
        ip: IpAddr,
        server: std::net::Ipv4Addr,
        at: Timestamp,
        assigned: impl Fn(MacAddr) -> bool,
    ) -> Option<MacAddr> {
        let Some(mac) = request.mac() else {
            let mac = self.by_ip.get(&ip).copied()?;
            if let Some(seen) = self.phones.get_mut(&mac) {
                seen.heard(at);
            }
            return Some(mac);
        };
        let seen = self.entry(mac, assigned);
        if let FileRequest::Phone(file, _) = request {
            seen.note(*file);
        }
        seen.heard(at);
        seen.server = Some(server);
        let before = seen.asks_from(ip, at);
        self.move_to(mac, before, ip);
        Some(mac)
    }

    /// Somebody asks in an assigned phone's name who is not shown to be it, while the phone was served elsewhere.
    pub fn note_strange(&mut self, mac: MacAddr, ip: IpAddr, at: Timestamp) {
        if let Some(seen) = self.phones.get_mut(&mac) {
            seen.strange(ip, at);
        }
    }

    /// A request of an earlier life. At which address of ours it came in is not known any more.
    pub fn recall(&mut self, mac: MacAddr, request: &FileRequest, ip: IpAddr, at: Timestamp) {
        let seen = self.entry(mac, |_| true);
        if let FileRequest::Phone(file, named) = request
            && *named == mac
        {
            seen.note(*file);
        }
        seen.heard(at);
        let before = seen.ip.replace(ip);
        self.move_to(mac, before, ip);
    }

    /// The PBX saw the phone register.
    pub fn note_contact(
        &mut self,
        mac: MacAddr,
        ip: Option<IpAddr>,
        model: Option<ModelName>,
        load: Option<String>,
        at: Timestamp,
    ) {
        let seen = self.entry(mac, |_| true);
        seen.heard(at);
        seen.model = model.or(seen.model.take());
        seen.load = load.or(seen.load.take());
        if let Some(ip) = ip {
            let before = seen.ip.replace(ip);
            self.move_to(mac, before, ip);
        }
    }

    /// The link says which phone is at that address, which asked `server`.
    pub fn note_neighbour(&mut self, mac: MacAddr, ip: IpAddr, server: std::net::Ipv4Addr, at: Timestamp) {
        let seen = self.entry(mac, |_| true);
        seen.heard(at);
        seen.server = Some(server);
        let before = seen.ip.replace(ip);
        self.move_to(mac, before, ip);
    }

    /// A phone got an address from us. Returns whether it is another than before.
    pub fn note_lease(
        &mut self,
        mac: MacAddr,
        ip: IpAddr,
        model: Option<ModelName>,
        at: Timestamp,
        assigned: impl Fn(MacAddr) -> bool,
    ) -> bool {
        let seen = self.entry(mac, assigned);
        seen.since.get_or_insert(at);
        seen.at = Some(at);
        seen.model = seen.model.take().or(model);
        let before = seen.ip.replace(ip);
        self.move_to(mac, before, ip);
        before != Some(ip)
    }

    /// A phone announces itself. Where it announces else than was told last, returns that as a sentence. That it is heard does
    /// not say that it is at the address where it last asked.
    pub fn note_announcement(
        &mut self,
        said: Announcement,
        at: Timestamp,
        assigned: impl Fn(MacAddr) -> bool,
    ) -> Option<String> {
        let seen = self.entry(said.mac, assigned);
        seen.since.get_or_insert(at);
        seen.announced.note(said, at)
    }

    /// Forgets strangers that were not heard of for a day.
    pub fn forget_strangers(&mut self, now: Timestamp, assigned: impl Fn(MacAddr) -> bool) {
        let Self { phones, by_ip, strangers } = self;
        let stays = |seen: &Seen| seen.last().is_some_and(|at| now.duration_since(at) < REMEMBERED);
        strangers.retain(|mac| {
            let Some(seen) = phones.get(mac) else { return false };
            if assigned(*mac) {
                return true;
            }
            let stays = stays(seen);
            if !stays && let Some(gone) = phones.remove(mac) {
                leave(by_ip, gone.ip, *mac);
            }
            stays
        });
    }

    /// Whether the phone is told to restart: then, once it asks whether it should, it should.
    pub fn want_restart(&mut self, mac: MacAddr, wanted: bool) {
        self.entry(mac, |_| true).restart = wanted;
    }

    /// What was seen of that phone.
    pub fn get(&self, mac: MacAddr) -> Option<&Seen> {
        self.phones.get(&mac)
    }

    /// The phone last seen at that address.
    pub fn at_address(&self, ip: IpAddr) -> Option<MacAddr> {
        self.by_ip.get(&ip).copied()
    }

    /// All phones seen, by MAC.
    pub fn iter(&self) -> impl Iterator<Item = (MacAddr, &Seen)> {
        self.phones.iter().map(|(mac, seen)| (*mac, seen))
    }

    fn entry(&mut self, mac: MacAddr, assigned: impl Fn(MacAddr) -> bool) -> &mut Seen {
        if !self.phones.contains_key(&mac) && !assigned(mac) {
            if self.strangers.len() >= STRANGERS
                && let Some(oldest) = self.strangers.pop_front()
                && !assigned(oldest)
                && let Some(seen) = self.phones.remove(&oldest)
            {
                leave(&mut self.by_ip, seen.ip, oldest);
            }
            self.strangers.push_back(mac);
        }
        self.phones.entry(mac).or_default()
    }

    fn move_to(&mut self, mac: MacAddr, before: Option<IpAddr>, ip: IpAddr) {
        leave(&mut self.by_ip, before.filter(|before| *before != ip), mac);
        self.by_ip.insert(ip, mac);
    }
}

/// That phone is not at that address any more.
fn leave(by_ip: &mut HashMap<IpAddr, MacAddr>, ip: Option<IpAddr>, mac: MacAddr) {
    if let Some(ip) = ip
        && by_ip.get(&ip) == Some(&mac)
    {
        by_ip.remove(&ip);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn ask(directory: &mut Directory, name: &str, last: u8) -> Option<MacAddr> {
        let ip = IpAddr::V4(Ipv4Addr::new(127, 0, 1, last));
        directory.note_request(&FileRequest::parse(name), ip, Ipv4Addr::LOCALHOST, Timestamp::UNIX_EPOCH, |_| false)
    }

    #[test]
    fn requests_show_the_family() {
        let mac: MacAddr = "001B54AABB01".parse().unwrap();
        let family = |names: &[&str]| {
            let mut directory = Directory::default();
            for name in names {
                ask(&mut directory, name, 1);
            }
            directory.get(mac).unwrap().family()
        };
        assert_eq!(family(&["CTLSEP001B54AABB01.tlv", "SEP001B54AABB01.cnf.xml"]), None);
        assert_eq!(family(&["SEP001B54AABB01.cnf.xml", "SIP001B54AABB01.cnf"]), Some(Family::Legacy));
        assert_eq!(family(&["CTLSEP001B54AABB01.tlv", "ITLSEP001B54AABB01.tlv"]), Some(Family::Java));
        assert_eq!(family(&["SEP001B54AABB01.cnf.xml"; 3]), Some(Family::Java));
    }

    #[test]
    fn a_name_without_mac_belongs_to_the_phone_at_that_address() {
        let mut directory = Directory::default();
        assert_eq!(ask(&mut directory, "SIPDefault.cnf", 1), None);
        let mac = ask(&mut directory, "SIP001B54AABB01.cnf", 1);
        assert_eq!(ask(&mut directory, "RINGLIST.DAT", 1), mac);
        ask(&mut directory, "SIP001B54AABB01.cnf", 2);
        assert_eq!(ask(&mut directory, "RINGLIST.DAT", 1), None, "it moved");
    }

    fn announced(mac: u32, load: &str) -> Announcement {
        let [_, a, b, c] = mac.to_be_bytes();
        Announcement {
            mac: MacAddr::new([0, 0x1b, 0x54, a, b, c]).unwrap(),
            by: crate::discover::Protocol::Cdp,
            model: Some("7960".into()),
            load: Some(load.into()),
            hardware: None,
            serial: None,
            vlan: None,
            ip: None,
        }
    }

    #[test]
    fn strangers_are_forgotten_after_a_day_without_a_word() {
        let mut directory = Directory::default();
        let at = |hours| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        ask(&mut directory, "SEP001B54000001.cnf.xml", 1);
        ask(&mut directory, "SEP001B54000002.cnf.xml", 2);
        ask(&mut directory, "SEP001B54000003.cnf.xml", 3);
        // What it announces counts as well.
        directory.note_announcement(announced(2, "P0S3-8-12-00"), at(1), |_| false);
        let kept: MacAddr = "001B54000003".parse().unwrap();
        directory.forget_strangers(at(23), |mac| mac == kept);
        assert_eq!(directory.iter().count(), 3);
        directory.forget_strangers(at(24), |mac| mac == kept);
        let left: Vec<String> = directory.iter().map(|(mac, _)| mac.to_string()).collect();
        assert_eq!(left, ["001B54000002", "001B54000003"]);
        assert_eq!(directory.by_ip.len(), 2);
        directory.forget_strangers(at(25), |mac| mac == kept);
        assert_eq!((directory.iter().count(), directory.strangers.len()), (1, 1));
        directory.forget_strangers(at(26), |_| false);
        assert_eq!(directory.iter().count(), 0, "it is assigned no more");
    }

    #[test]
    fn a_model_that_is_announced_is_less_than_one_that_registered() {
        let mut directory = Directory::default();
        let (mac, at) = ("001B54000001".parse().unwrap(), Timestamp::UNIX_EPOCH);
        let model = |name| Some(ModelName::new(name));
        directory.note_announcement(announced(1, "x"), at, |_| true);
        assert_eq!(directory.get(mac).unwrap().shown_model(), model("7960"));
        directory.note_contact(mac, None, model("7940"), None, at);
        directory.note_announcement(announced(1, "x"), at, |_| true);
        let seen = directory.get(mac).unwrap();
        assert_eq!((seen.shown_model(), seen.ip), (model("7940"), None));
    }

    #[test]
    fn strangers_are_bounded() {
        let mut directory = Directory::default();
        for n in 0..10_000_u32 {
            let [_, a, b, c] = n.to_be_bytes();
            ask(&mut directory, &format!("SEP001B54{a:02X}{b:02X}{c:02X}.cnf.xml"), c);
        }
        assert_eq!(directory.iter().count(), STRANGERS);
        assert!(directory.by_ip.len() <= STRANGERS);
    }
}
