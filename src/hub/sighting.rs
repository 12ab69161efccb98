//! What phones announce on their links, and strangers that are heard no more.

use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp};

use super::Hub;
use crate::convert::Conversion;
use crate::convert::belief::{Runs, Source};
use crate::dhcp::asked::Asked;
use crate::dhcp::vendor::Vendor;
use crate::discover::{Announcement, Protocol};
use crate::domain::{BootEvent, DhcpStep, EventKind, Load};

/// Between two looks at strangers.
const SWEEP: SignedDuration = SignedDuration::from_mins(1);

/// In the first octet: a hardware address that nobody was given (IEEE 802). Phones have none such; who asks as a phone asks, to
/// hear what servers say, does ([`crate::dhcp::listen`]).
const LOCAL: u8 = 0x02;

impl Hub {
    /// A phone announces itself: noted where it is news. What it says of its load counts for its conversion, but not while it
    /// may be writing one.
    pub fn announced(&self, said: Announcement, now: Timestamp) {
        let (mut state, snapshot) = self.locked();
        let mac = said.mac;
        let load = said.load.as_deref().and_then(Load::parse);
        let assigned = snapshot.assignment(mac).is_some();
        let told = state.directory.note_announcement(said, now, |mac| snapshot.assignment(mac).is_some());
        if let Some(what) = told {
            let ip = state.directory.get(mac).and_then(|seen| seen.ip);
            self.note(&mut state, &snapshot, BootEvent { at: now, mac, ip, what: EventKind::Sighted { what } });
        }
        let in_flash = state.converting.conversions.get(&mac).is_some_and(Conversion::in_flash);
        if let Some(load) = load.filter(|_| assigned && !in_flash) {
            let said = state.converting.learned(mac, Source::Announcement, Runs::Load(load), now);
            self.converted(&mut state, &snapshot, mac, said, now);
        }
    }

    /// A client asked DHCP servers on a link with these networks: who has which address there, and which phones are there.
    pub fn asked_dhcp(&self, asked: Asked, networks: &[Ipv4Net], now: Timestamp) {
        self.asks_for_an_address(&asked, now);
        let Asked { mac, vendor, address, server } = asked;
        // Of other networks nobody there can say anything.
        let ip = address.filter(|ip| networks.iter().any(|network| network.contains(ip)));
        if let Some(ip) = ip {
            self.overheard(ip, mac, now);
        }
        let burnt_in = mac.octets().first().is_some_and(|first| first & LOCAL == 0);
        if let Vendor::Phone(model) = vendor
            && burnt_in
        {
            let model = model.map(|model| model.to_string());
            let (load, hardware, serial, vlan) = Default::default();
            self.announced(Announcement { mac, by: Protocol::Dhcp, model, load, hardware, serial, vlan, ip }, now);
        }
        if server.is_some() && ip.is_some() && burnt_in {
            self.dhcp_said(mac, DhcpStep::Elsewhere, ip, server, now);
        }
    }

    fn asks_for_an_address(&self, asked: &Asked, now: Timestamp) {
        let (mut state, snapshot) = self.locked();
        if snapshot.assignment(asked.mac).is_some() && state.told.asked_dhcp(asked, now) {
            state.judge(&snapshot, asked.mac, now);
        }
    }

    pub(super) fn forget_strangers(&self, now: Timestamp) {
        let (mut state, snapshot) = self.locked();
        // By the clock of the wall, which may be put back.
        if now.duration_since(state.swept).abs() >= SWEEP {
            state.swept = now;
            state.directory.forget_strangers(now, |mac| snapshot.assignment(mac).is_some());
        }
    }
}
