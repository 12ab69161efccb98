//! Settings of an extension that some phones cannot bear, as FreePBX writes them into the files of either driver. Pure.
//!
//! FreePBX/core `functions.inc/drivers/PJSip.class.php` and `functions.inc.php`, releases 15 to 17. What a setting does to
//! which phone is no matter of this file: `diagnose` has that as a table.

use std::collections::BTreeMap;

use super::freepbx::{Rows, lossy};
use crate::domain::SipTransport;
use crate::pbx::roster::{Driver, EndpointSettings, Listeners, NamedTransport};

/// Where chan_pjsip listens, as *Asterisk SIP Settings* has it.
#[derive(Debug)]
pub(super) struct Binds {
    settings: BTreeMap<String, String>,
    /// Protocol, address, on; `None` = it does not say.
    binds: Option<serde_json::Value>,
}

impl Binds {
    /// Out of table `kvstore_Sipsettings`.
    pub(super) fn new(rows: &Rows) -> Self {
        let settings: BTreeMap<String, String> =
            rows.sip_settings.iter().map(|[key, value]| (lossy(key), lossy(value))).collect();
        let binds = settings.get("binds").and_then(|json| serde_json::from_str(json).ok());
        Self { settings, binds }
    }

    /// The port of each transport.
    pub(super) fn listeners(&self) -> Listeners {
        let port = |protocol: &str| {
            // PHP writes an empty object as `[]`, so each protocol is looked at by itself.
            let address = match &self.binds {
                Some(binds) => {
                    binds.get(protocol)?.as_object()?.iter().find(|(_, on)| *on == "on").map(|(ip, _)| ip.clone())?
                }
                None => "0.0.0.0".to_owned(),
            };
            self.settings.get(&format!("{protocol}port-{address}"))?.trim().parse::<u16>().ok().filter(|port| *port > 0)
        };
        Listeners { udp: port("udp"), tcp: port("tcp") }
    }

    /// The transport of that name. One that is off is none: FreePBX leaves it out of the endpoint.
    fn named(&self, name: &str) -> Option<NamedTransport> {
        let (address, protocol) = name.rsplit_once('-')?;
        if let Some(binds) = &self.binds {
            binds.get(protocol)?.get(address).filter(|on| *on == "on")?;
        }
        let protocol = match protocol {
            "udp" => Some(SipTransport::Udp),
            "tcp" => Some(SipTransport::Tcp),
            _ => None,
        };
        Some(NamedTransport { name: name.to_owned(), protocol })
    }
}

/// What an extension has; `row` gives a row of table `sip`. A row that is not there says nothing.
pub(super) fn settings(driver: Driver, binds: &Binds, row: impl Fn(&str) -> Option<String>) -> EndpointSettings {
    let get = |keyword: &str| row(keyword).map(|data| data.trim().to_owned()).filter(|data| !data.is_empty());
    let is = |keyword: &str, data: &str| get(keyword).as_deref() == Some(data);
    let one_of = |keyword: &str, those: &[&str]| get(keyword).filter(|data| those.contains(&data.as_str()));
    let common = EndpointSettings { codecs: codecs(driver, get("allow"), get("disallow")), ..Default::default() };
    match driver {
        Driver::Pjsip => EndpointSettings {
            sent_over: get("transport").and_then(|name| binds.named(&name)),
            // Opportunistic encryption takes a phone that has none.
            encryption: one_of("media_encryption", &["sdes", "dtls"])
                .filter(|_| !is("media_encryption_optimistic", "yes"))
                .map(|data| format!("media_encryption = {data}")),
            dtmf: one_of("dtmfmode", &["info"]),
            no_context: row("context").is_some_and(|context| context.trim().is_empty()),
            // With one contact FreePBX writes remove_existing=yes whatever the row says.
            keeps_contacts: is("remove_existing", "no") && get("max_contacts").is_some_and(|most| most != "1"),
            ..common
        },
        Driver::ChanSip => EndpointSettings {
            encryption: one_of("encryption", &["yes"]).map(|data| format!("encryption = {data}")),
            dtmf: one_of("dtmfmode", &["info", "shortinfo"]),
            ..common
        },
    }
}

/// The codecs that an extension is held to. FreePBX writes `disallow` before `allow`, with `,` for `&`. An endpoint of
/// chan_pjsip begins with none, so `allow` is all it gets, and the site's where it is empty; a peer of chan_sip begins
/// with the site's, which only `disallow=all` takes away.
fn codecs(driver: Driver, allow: Option<String>, disallow: Option<String>) -> Option<Vec<String>> {
    let names = |list: Option<String>| -> Vec<String> {
        let names = list.unwrap_or_default();
        let names = names.split(['&', ',']).map(|name| name.split(':').next().unwrap_or(name).trim().to_lowercase());
        names.filter(|name| !name.is_empty()).collect()
    };
    let (allow, disallow) = (names(allow), names(disallow));
    let known = match driver {
        Driver::Pjsip => !allow.is_empty(),
        Driver::ChanSip => disallow.iter().any(|name| name == "all"),
    };
    if !known || allow.iter().any(|name| name == "all") {
        return None;
    }
    Some(allow.into_iter().filter(|name| !name.starts_with('!')).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(driver: Driver, rows: &[(&str, &str)]) -> EndpointSettings {
        let cell = |text: &str| Some(text.as_bytes().to_vec());
        let on = r#"{"udp":{"0.0.0.0":"on"},"tcp":{"0.0.0.0":"on"},"tls":{"0.0.0.0":"off"},"ws":{"0.0.0.0":"on"}}"#;
        let binds = Binds::new(&Rows { sip_settings: vec![[cell("binds"), cell(on)]], ..Rows::default() });
        settings(driver, &binds, |keyword| {
            rows.iter().find(|(known, _)| *known == keyword).map(|(_, data)| (*data).to_owned())
        })
    }

    #[test]
    fn what_freepbx_sets_every_phone_can_bear() {
        let common = [("allow", ""), ("disallow", ""), ("context", "from-internal"), ("max_contacts", "1")];
        let pjsip = [
            ("transport", ""),
            ("dtmfmode", "rfc4733"),
            ("media_encryption", "no"),
            ("media_encryption_optimistic", "no"),
            ("remove_existing", "no"),
        ];
        let chan_sip = [("transport", "udp,tcp,tls"), ("dtmfmode", "rfc2833"), ("encryption", "no")];
        for (driver, rows) in [(Driver::Pjsip, &pjsip[..]), (Driver::ChanSip, &chan_sip), (Driver::Pjsip, &[])] {
            assert_eq!(of(driver, &[&common[..], rows].concat()), EndpointSettings::default(), "{rows:?}");
        }
        assert_eq!(of(Driver::Pjsip, &[]), EndpointSettings::default(), "no row at all");
    }

    #[test]
    fn codecs_that_an_extension_is_held_to() {
        for (allow, disallow, pjsip, chan_sip) in [
            ("", "", None, None),
            ("", "all", None, Some(vec![])),
            ("g729", "", Some(vec!["g729"]), None),
            ("g722&ULAW:30,alaw", "all", Some(vec!["g722", "ulaw", "alaw"]), Some(vec!["g722", "ulaw", "alaw"])),
            ("!all&opus", "all", Some(vec!["opus"]), Some(vec!["opus"])),
            ("all&!ulaw", "all", None, None),
            ("opus", "ulaw", Some(vec!["opus"]), None),
        ] {
            let rows = [("allow", allow), ("disallow", disallow)];
            for (driver, expected) in [(Driver::Pjsip, pjsip), (Driver::ChanSip, chan_sip)] {
                let expected = expected.map(|all| all.into_iter().map(str::to_owned).collect::<Vec<_>>());
                assert_eq!(of(driver, &rows).codecs, expected, "{rows:?} {driver:?}");
            }
        }
    }

    #[test]
    fn transports_that_are_on() {
        for (name, protocol) in [
            ("0.0.0.0-udp", Some(Some(SipTransport::Udp))),
            ("0.0.0.0-tcp", Some(Some(SipTransport::Tcp))),
            ("0.0.0.0-ws", Some(None)),
            ("0.0.0.0-tls", None),
            ("192.0.2.1-tcp", None),
            ("nonsense", None),
        ] {
            let expected = protocol.map(|protocol| NamedTransport { name: name.to_owned(), protocol });
            assert_eq!(of(Driver::Pjsip, &[("transport", name)]).sent_over, expected, "{name}");
        }
    }

    #[test]
    fn each_setting_of_each_driver() {
        let none = EndpointSettings::default;
        let encryption = |text: &str| EndpointSettings { encryption: Some(text.to_owned()), ..none() };
        let dtmf = |text: &str| EndpointSettings { dtmf: Some(text.to_owned()), ..none() };
        let (pjsip, chan_sip) = (Driver::Pjsip, Driver::ChanSip);
        for (driver, rows, expected) in [
            (pjsip, &[("media_encryption", "sdes")][..], encryption("media_encryption = sdes")),
            (pjsip, &[("media_encryption", "sdes"), ("media_encryption_optimistic", "yes")], none()),
            (pjsip, &[("encryption", "yes")], none()),
            (chan_sip, &[("encryption", "yes")], encryption("encryption = yes")),
            (pjsip, &[("dtmfmode", "info")], dtmf("info")),
            (pjsip, &[("dtmfmode", "inband")], none()),
            // chan_pjsip does not know it, and FreePBX writes auto.
            (pjsip, &[("dtmfmode", "shortinfo")], none()),
            (chan_sip, &[("dtmfmode", "shortinfo")], dtmf("shortinfo")),
            (pjsip, &[("context", " ")], EndpointSettings { no_context: true, ..none() }),
            (
                pjsip,
                &[("max_contacts", "3"), ("remove_existing", "no")],
                EndpointSettings { keeps_contacts: true, ..none() },
            ),
            (pjsip, &[("max_contacts", "3"), ("remove_existing", "yes")], none()),
            (chan_sip, &[("transport", "tcp")], none()),
        ] {
            assert_eq!(of(driver, rows), expected, "{driver:?} {rows:?}");
        }
    }
}
