//! What FreePBX's rows mean for chan_sip, whose files it writes by other rules than those of chan_pjsip. Pure.
//!
//! FreePBX/core `functions.inc.php` and FreePBX/sipsettings `functions.inc.php`, releases 13 to 17; what the settings do
//! was measured on Asterisk 16.28.

use super::freepbx::{Cell, lossy};
use crate::pbx::roster::{Listeners, NatFlags, Transports};

/// Settings of chan_sip as a whole.
#[derive(Debug)]
pub(super) struct Settings {
    /// Where it listens.
    pub(super) listeners: Listeners,
    /// Transports that are switched off, so that FreePBX takes them off the list of each extension.
    off: Vec<&'static str>,
    /// `nat` of extensions that have none of their own.
    nat: String,
}

/// Where chan_sip listens when `bindport` is empty.
const PORT: u16 = 5060;

impl Settings {
    /// Out of keyword and data of table `sipsettings`; `None` = there is no such table.
    pub(super) fn new(rows: Option<&[[Cell; 2]]>) -> Self {
        let values = |name: &'static str| {
            let named = move |[keyword, _]: &&[Cell; 2]| lossy(keyword) == name;
            rows.unwrap_or_default().iter().filter(named).map(|[_, data]| lossy(data))
        };
        let port = values("bindport").find_map(|port| port.trim().parse().ok()).filter(|port| *port > 0);
        let udp = rows.map(|_| port.unwrap_or(PORT));
        // Releases before 15 kept it among the custom settings, too; chan_sip listens when any of them says yes.
        let on = |name| values(name).any(|on| on == "yes");
        let switches = [("tcpenable", "tcp"), ("tlsenable", "tls")];
        Self {
            listeners: Listeners { udp, tcp: udp.filter(|_| on("tcpenable")) },
            off: switches.into_iter().filter(|(name, _)| !on(name)).map(|(_, transport)| transport).collect(),
            nat: values("nat").find(|nat| !nat.is_empty()).unwrap_or_else(|| "yes".to_owned()),
        }
    }

    /// With `force_rport` answers go to the port that a request came from, and calls to that port, too, whatever Contact
    /// says. FreePBX writes `force_rport` for yes and route, `no` for never. `comedia` is about media alone, and
    /// `auto_force_rport` forces nothing while a phone sends from the address that its Via names.
    pub(super) fn nat(&self, own: Option<String>) -> NatFlags {
        let nat = own.unwrap_or_else(|| self.nat.clone());
        let forced = nat.split(',').any(|part| ["yes", "route", "force_rport"].contains(&part.trim()));
        NatFlags { force_rport: forced, rewrite_contact: forced }
    }

    /// `udp,tcp,tls`: the transports over which a peer may register. A list of which nothing is left means UDP. That TCP
    /// is off altogether is not the extension's matter, so it is not taken off here.
    pub(super) fn transports(&self, list: Option<String>) -> Transports {
        let list = list.unwrap_or_default();
        let named: Vec<&str> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        let nothing_left = named.iter().all(|name| self.off.contains(name));
        Transports { udp: named.contains(&"udp") || nothing_left, tcp: named.contains(&"tcp") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(rows: &[(&str, &str)]) -> Settings {
        let cell = |text: &str| Some(text.as_bytes().to_vec());
        let rows: Vec<_> = rows.iter().map(|(keyword, data)| [cell(keyword), cell(data)]).collect();
        Settings::new(Some(&rows))
    }

    #[test]
    fn listeners() {
        assert_eq!(Settings::new(None).listeners, Listeners::default(), "nothing is known");
        for (rows, udp, tcp) in [
            (&[("bindport", "5160"), ("tlsbindport", "5161")][..], 5160, None),
            (&[("bindport", "5160"), ("tcpenable", "no")], 5160, None),
            (&[("bindport", "5160"), ("tcpenable", "yes")], 5160, Some(5160)),
            (&[("bindport", "5160"), ("tcpenable", "no"), ("tcpenable", "yes")], 5160, Some(5160)),
            (&[("bindport", "")], 5060, None),
            (&[("bindport", "70000"), ("tcpenable", "yes")], 5060, Some(5060)),
            (&[], 5060, None),
        ] {
            assert_eq!(settings(rows).listeners, Listeners { udp: Some(udp), tcp }, "{rows:?}");
        }
    }

    #[test]
    fn nat() {
        for (own, forced) in [
            ("yes", true),
            ("route", true),
            ("force_rport", true),
            ("force_rport,comedia", true),
            ("no", false),
            ("never", false),
            ("comedia", false),
            ("auto_force_rport,auto_comedia", false),
            ("auto_force_rport", false),
        ] {
            let flags = NatFlags { force_rport: forced, rewrite_contact: forced };
            assert_eq!(settings(&[]).nat(Some(own.to_owned())), flags, "{own}");
            assert_eq!(settings(&[("nat", own)]).nat(None), flags, "{own} for all");
        }
        assert!(settings(&[]).nat(None).force_rport, "FreePBX's default");
    }

    #[test]
    fn transports_of_an_extension() {
        let on = settings(&[("tcpenable", "yes"), ("tlsenable", "yes")]);
        let off = settings(&[]);
        for (list, with_all_on, with_all_off) in [
            ("udp,tcp,tls", (true, true), (true, true)),
            ("tcp,udp,tls", (true, true), (true, true)),
            ("udp", (true, false), (true, false)),
            ("tcp", (false, true), (true, true)),
            ("tls", (false, false), (true, false)),
            ("wss,ws", (false, false), (false, false)),
            ("", (true, false), (true, false)),
        ] {
            for (settings, (udp, tcp)) in [(&on, with_all_on), (&off, with_all_off)] {
                let found = settings.transports(Some(list.to_owned()).filter(|list| !list.is_empty()));
                assert_eq!(found, Transports { udp, tcp }, "{list} {settings:?}");
            }
        }
    }
}
