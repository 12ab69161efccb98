#[path = "conversions/tests.rs"]
mod conversion;

use std::collections::BTreeMap;

use super::state::load;
use super::*;
use crate::catalog::Catalog;
use crate::config;
use crate::diagnose::{Tried, Unanswered};
use crate::domain::{Contact, ContactState, Endpoint, LineKind, ModelName, PhoneOptions, Secret, SipTransport};
use crate::files::Answer;
use crate::pbx::ami::client::AmiUpdate;
use crate::pbx::roster::{
    Account, Button, Driver, EndpointSettings, Listeners, NamedTransport, NatFlags, Origin, Registrar, Roster,
    RowProblem,
};

mod access;
mod adopting;
mod contacts;
mod firmware;
mod looking;
mod sighting;

const IP: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 60);
const SERVER: Ipv4Addr = Ipv4Addr::LOCALHOST;
const MAC: &str = "001B54AABB01";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn account(extension: &str) -> Account {
    Account { name: "Front desk".into(), ..Account::sample(extension, "abcdef123456") }
}

fn assignment(model: Option<&str>, extensions: &[&str]) -> Assignment {
    let button = |(button, extension): (u8, &&str)| Button {
        button,
        kind: LineKind::Line,
        extension: (*extension).to_owned(),
        label: String::new(),
    };
    Assignment {
        mac: MAC.parse().unwrap(),
        model: model.map(ModelName::new),
        description: String::new(),
        target_load: None,
        options: PhoneOptions::default(),
        enabled: true,
        buttons: (1..).zip(extensions).map(button).collect(),
        origin: Origin::Pbx,
    }
}

fn roster(extensions: &[&str], assignment: Assignment) -> Roster {
    let both = Listeners { udp: Some(5060), tcp: Some(5060) };
    Roster {
        registrar: Registrar { pjsip: both, chan_sip: Listeners::default() },
        accounts: extensions.iter().map(|e| (e.parse().unwrap(), account(e))).collect(),
        assignments: [(assignment.mac, assignment)].into(),
        ..Roster::default()
    }
}

fn view(roster: Roster) -> PbxView {
    PbxView { roster: Some(Arc::new(roster)), confirmed_at: Some(at(0)), down: None, polls: 1 }
}

fn hub(roster: Roster) -> Hub {
    let (events, _) = mpsc::channel(1);
    let settings = Settings { ntp_here: true, ..Settings::default() };
    let snapshot = Snapshot::empty(Arc::new(settings), Arc::new(Catalog::builtin()), 2026);
    let hub = Hub::new(snapshot, Vec::new(), Vec::new(), events, at(0));
    assert!(hub.pbx(&view(roster), at(0)));
    hub.ami(AmiUpdate::Up, at(0));
    hub.ami(AmiUpdate::Contacts(Vec::new()), at(0));
    hub
}

fn ask(hub: &Hub, name: &str, second: i64) -> Result<(), &'static str> {
    match hub.ask(name, IP, SERVER, Transport::Tftp, at(second)) {
        Answer::Serve(_) => {
            let what = |name| EventKind::FileSent { name, transport: Transport::Tftp, octets: 1, millis: 1, resent: 0 };
            hub.delivered(name, IP, what, at(second));
            Ok(())
        }
        Answer::Image(_) => Err("image"),
        Answer::FallThrough(_) => Err("fall-through"),
        Answer::Refuse(why) => Err(why.code()),
    }
}

fn contact(endpoint: &str, agent: &str, state: ContactState) -> Contact {
    Contact {
        endpoint: Endpoint::new(Driver::Pjsip, endpoint),
        uri: format!("sip:{endpoint}@{IP}:5060"),
        ip: Some(IP.into()),
        user_agent: agent.into(),
        call_id: "x".into(),
        state,
        since: at(0),
        expires: None,
    }
}

fn register(hub: &Hub, endpoint: &str, agent: &str, second: i64) {
    let contacts = vec![contact(endpoint, agent, ContactState::Registered)];
    let endpoint = Endpoint::new(Driver::Pjsip, endpoint);
    hub.ami(AmiUpdate::Endpoint { endpoint, contacts, at: at(second) }, at(second));
}

/// Stage, health and reason.
fn state(hub: &Hub) -> (String, String, String) {
    let phone = hub.phone(MAC.parse().unwrap()).unwrap();
    (phone.stage, phone.health, phone.reason)
}

fn is(hub: &Hub, stage: &str, health: &str, reason: &str) {
    assert_eq!(state(hub), (stage.to_owned(), health.to_owned(), reason.to_owned()));
}

#[test]
fn a_7960_boots_registers_and_goes() {
    let hub = hub(roster(&["1001"], assignment(Some("7960"), &["1001"])));
    is(&hub, "silent", "waiting", "not-seen");
    assert_eq!(ask(&hub, "CTLSEP001B54AABB01.tlv", 1), Err("not-found"));
    is(&hub, "booting", "waiting", "booting");
    assert_eq!(ask(&hub, "SEP001B54AABB01.cnf.xml", 2), Err("other-family"));
    is(&hub, "booting", "waiting", "booting");
    assert_eq!(ask(&hub, "./SIP001B54AABB01.cnf", 3), Ok(()));
    is(&hub, "configured", "waiting", "configured");
    assert_eq!(ask(&hub, "RINGLIST.DAT", 4), Ok(()));
    is(&hub, "registering", "waiting", "registering");
    hub.tick(at(70));
    is(&hub, "registering", "stalled", "not-registering");
    register(&hub, "1001", "Cisco-CP7960G/8.0", 71);
    is(&hub, "registered", "ok", "registered");
    let since = hub.phone(MAC.parse().unwrap()).unwrap().since;
    hub.tick(at(500));
    assert_eq!(hub.phone(MAC.parse().unwrap()).unwrap().since, since, "since stays while the state does");
    let endpoint = Endpoint::new(Driver::Pjsip, "1001");
    hub.ami(AmiUpdate::Endpoint { endpoint, contacts: Vec::new(), at: at(600) }, at(600));
    is(&hub, "unreachable", "waiting", "registration-ended");
    hub.tick(at(779));
    is(&hub, "unreachable", "waiting", "registration-ended");
    hub.tick(at(780));
    is(&hub, "unreachable", "stalled", "registration-ended");
    let kinds: Vec<String> = hub.timeline(MAC.parse().unwrap()).into_iter().map(|event| event.kind).collect();
    assert!(kinds.contains(&"registered".to_owned()) && kinds.contains(&"unregistered".to_owned()), "{kinds:?}");
}

#[test]
fn a_phone_of_unknown_kind_shows_it() {
    let hub = hub(roster(&["1001"], assignment(None, &["1001"])));
    // A 7960's loader asks for the SEP file first and would stop at it.
    assert_eq!(ask(&hub, "SEP001B54AABB01.cnf.xml", 1), Err("other-family"));
    assert_eq!(ask(&hub, "SIP001B54AABB01.cnf", 2), Ok(()));
    let java = self::hub(roster(&["1001"], assignment(None, &["1001"])));
    assert_eq!(ask(&java, "ITLSEP001B54AABB01.tlv", 1), Err("not-found"));
    assert_eq!(ask(&java, "SEP001B54AABB01.cnf.xml", 2), Ok(()));
    register(&java, "1001", "Cisco-CP7962G/9.4.2", 3);
    assert_eq!(java.phone(MAC.parse().unwrap()).unwrap().model, "7962", "its User-Agent names it");
}

#[test]
fn a_deleted_extension_takes_the_file_away_and_says_why() {
    let hub = hub(roster(&["1001"], assignment(Some("7960"), &["1001"])));
    assert_eq!(ask(&hub, "SIP001B54AABB01.cnf", 1), Ok(()));
    assert!(hub.pbx(&view(roster(&[], assignment(Some("7960"), &["1001"]))), at(2)));
    assert_eq!(ask(&hub, "SIP001B54AABB01.cnf", 3), Err("extension-missing"));
    let (_, health, reason) = state(&hub);
    assert_eq!((health.as_str(), reason.as_str()), ("needs-hands", "extension-missing"));
    let gone = Roster { assignments: BTreeMap::new(), ..roster(&["1001"], assignment(None, &[])) };
    assert!(hub.pbx(&view(gone), at(4)));
    assert_eq!(ask(&hub, "SIP001B54AABB01.cnf", 5), Err("not-assigned"));
    assert_eq!(hub.phone(MAC.parse().unwrap()).unwrap().ownership, "seen");
    hub.hand_out();
    assert!(hub.statuses().borrow().is_empty(), "a phone that is not assigned is not published");
}

#[test]
fn a_line_that_cannot_be_carried_leaves_the_others() {
    let mut both = roster(&["1001", "1002"], assignment(Some("7960"), &["1001", "1002"]));
    let long = both.accounts.get_mut(&"1002".parse().unwrap()).unwrap();
    long.secret = Some(Secret::new("0123456789abcdef0123456789abcdef"));
    let hub = hub(both);
    assert_eq!(ask(&hub, "SIP001B54AABB01.cnf", 1), Ok(()));
    register(&hub, "1001", "Cisco-CP7960G/8.0", 2);
    is(&hub, "partial", "needs-hands", "secret-too-long");
    let finding = hub.findings(MAC.parse().unwrap()).remove(0);
    assert!(finding.summary.contains("32") && finding.summary.contains("31"), "{}", finding.summary);
    assert!(!format!("{finding:?}").contains("0123456789abcdef"));
}

#[test]
fn a_manager_that_is_away_makes_nobody_unregistered() {
    let hub = hub(roster(&["1001"], assignment(Some("7960"), &["1001"])));
    register(&hub, "1001", "Cisco-CP7960G/8.0", 1);
    hub.ami(AmiUpdate::Down { why: "gone".into() }, at(2));
    is(&hub, "registered", "ok", "registered");
    hub.ami(AmiUpdate::Up, at(3));
    hub.ami(AmiUpdate::Contacts(Vec::new()), at(3));
    assert_ne!(state(&hub).0, "registered");
}

#[test]
fn a_phone_that_comes_after_its_registration_has_it() {
    let hub = hub(roster(&["1001"], Assignment { mac: "001B54AABB02".parse().unwrap(), ..assignment(None, &[]) }));
    register(&hub, "1001", "Cisco-CP7942G/9.4.2", 1);
    assert!(hub.pbx(&view(roster(&["1001"], assignment(None, &["1001"]))), at(2)));
    is(&hub, "registered", "ok", "registered");
    let phone = hub.phone(MAC.parse().unwrap()).unwrap();
    assert_eq!((phone.model.as_str(), phone.load.as_deref()), ("7942", Some("9.4.2")));
    assert_eq!(phone.ip, Some(IP.into()));
}

#[test]
fn twins_are_told_apart_by_what_they_say_and_the_stated_model_goes_first() {
    let shown = |stated, agent| {
        let hub = hub(roster(&["1001"], assignment(stated, &["1001"])));
        register(&hub, "1001", agent, 1);
        hub.phone(MAC.parse().unwrap()).unwrap().model
    };
    for (agent, model) in [
        ("Cisco-CP7941G/9.4.2", "7941"),
        ("Cisco-CP7941G-GE/9.4.2", "7941G-GE"),
        ("Cisco-CP7961G-GE/8.5.4", "7961G-GE"),
        ("Cisco-CP7971G-GE/9.2.1", "7971G-GE"),
    ] {
        assert_eq!(shown(None, agent), model);
        assert_eq!(shown(Some("7970"), agent), "7970");
    }
    assert_eq!(
        shown(Some("7971"), "Cisco-CP7970G/9.2.1"),
        "7971G-GE",
        "a stated spelling is shown as the model's name"
    );
}

#[test]
fn what_a_user_agent_says_of_the_load() {
    for (agent, expected) in [
        ("Cisco-CP7960G/8.0", Some("8.0")),
        ("Cisco-CP7942G/9.4.2", Some("9.4.2")),
        ("Cisco-CP7942G/9.4.2 extra", Some("9.4.2")),
        ("Cisco-CP7942G", None),
        ("Cisco-CP7942G/", None),
        ("Cisco-CP7942G/<b>", None),
        ("Cisco-CP7942G/99999999999999999999999999999999999999999", None),
    ] {
        assert_eq!(load(agent).as_deref(), expected, "{agent}");
    }
}

#[test]
fn an_unknown_load_takes_the_rule_for_9x() {
    let options = PhoneOptions { transport_8x: Some(SipTransport::Udp), ..PhoneOptions::default() };
    let hub = hub(roster(&["1001"], Assignment { options, ..assignment(Some("7942"), &["1001"]) }));
    let transport = || hub.desired(MAC.parse().unwrap()).unwrap().phone.transport;
    assert_eq!(transport(), SipTransport::Tcp);
    register(&hub, "1001", "Cisco-CP7942G/8.5.4", 1);
    assert_eq!(transport(), SipTransport::Udp);
}

#[test]
fn at_new_year_files_are_made_for_the_new_year() {
    let hub = hub(roster(&["1001"], assignment(Some("7960"), &["1001"])));
    let year = |hub: &Hub| hub.snapshot().year;
    hub.tick("2026-12-31T23:59:59Z".parse().unwrap());
    assert_eq!(year(&hub), 2026);
    hub.tick("2027-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(year(&hub), 2027);
}

#[test]
fn a_zone_that_phones_cannot_say_is_a_finding() {
    let options = PhoneOptions { time_zone: Some("Nowhere/Land".into()), ..PhoneOptions::default() };
    let hub = hub(roster(&["1001"], Assignment { options, ..assignment(Some("7960"), &["1001"]) }));
    let codes: Vec<String> = hub.findings(MAC.parse().unwrap()).into_iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["time-zone-unknown"]);
}

#[test]
fn a_phone_that_rejects_its_file_is_refused() {
    let hub = hub(roster(&["1001"], assignment(Some("7942"), &["1001"])));
    for n in 0..3 {
        assert_eq!(ask(&hub, "SEP001B54AABB01.cnf.xml", n * 15), Ok(()));
    }
    is(&hub, "configured", "refused", "config-refused");
    assert_eq!(ask(&hub, "SEP001B54AABB01.cnf.xml.sgn", 46), Err("not-found"));
    is(&hub, "configured", "needs-hands", "trust-list");
}

#[test]
fn what_cisco_phones_need_of_an_endpoint_is_found() {
    let mut natted = roster(&["1001"], assignment(Some("7960"), &["1001"]));
    natted.accounts.get_mut(&"1001".parse().unwrap()).unwrap().nat =
        NatFlags { force_rport: true, rewrite_contact: true };
    let first = hub(natted.clone()).findings(MAC.parse().unwrap()).remove(0);
    assert_eq!(first.code, "endpoint-nat");
    assert!(first.remedy.contains("Rewrite Contact: No") && !first.remedy.contains("NAT Mode"), "{first:?}");
    let mut udp_only = roster(&["1001"], assignment(Some("7942"), &["1001"]));
    udp_only.registrar.pjsip.tcp = None;
    let hub = hub(udp_only);
    is(&hub, "silent", "needs-hands", "tcp-off");
}

/// The phone's extension, on chan_sip.
fn on_chan_sip(model: &str, change: impl FnOnce(&mut Roster, &mut Account)) -> Hub {
    let mut roster = roster(&["1001"], assignment(Some(model), &["1001"]));
    let mut account = roster.accounts.remove(&"1001".parse().unwrap()).unwrap();
    account.driver = Driver::ChanSip;
    roster.registrar.chan_sip = Listeners { udp: Some(5160), tcp: Some(5160) };
    change(&mut roster, &mut account);
    roster.accounts.insert(account.extension.clone(), account);
    hub(roster)
}

/// What is wrong on chan_sip is said in the words of chan_sip.
#[test]
fn what_cisco_phones_need_of_chan_sip_is_found() {
    let first = |hub: Hub| hub.findings(MAC.parse().unwrap()).into_iter().next();
    for model in ["7960", "7942"] {
        assert_eq!(first(on_chan_sip(model, |_, _| ())), None, "{model}");
    }
    let forced = NatFlags { force_rport: true, rewrite_contact: true };
    let natted = first(on_chan_sip("7960", |_, account| account.nat = forced)).unwrap();
    let no_tcp = first(on_chan_sip("7942", |roster, _| roster.registrar.chan_sip.tcp = None)).unwrap();
    let udp_only = first(on_chan_sip("7942", |_, account| account.transports.tcp = false)).unwrap();
    let tcp_only = first(on_chan_sip("7960", |_, account| account.transports.udp = false)).unwrap();
    for (finding, code, word) in [
        (natted, "endpoint-nat", "NAT Mode: No"),
        (no_tcp, "tcp-off", "SIP Legacy Settings [chan_sip], Enable TCP: Yes"),
        (udp_only, "transport-refused", "Transport: All - UDP Primary"),
        (tcp_only, "transport-refused", "Transport: All - UDP Primary"),
    ] {
        let said = format!("{} {} {:?}", finding.summary, finding.remedy, finding.evidence).to_lowercase();
        assert_eq!(finding.code, code);
        assert!(finding.remedy.contains(word), "{finding:?}");
        assert!(!["pjsip", "rewrite", "restart"].iter().any(|word| said.contains(word)), "{said}");
    }
    // chan_pjsip's TCP is no matter of an extension on chan_sip, and the other way round.
    assert_eq!(first(on_chan_sip("7942", |roster, _| roster.registrar.pjsip.tcp = None)), None);
}

/// Each setting that a phone cannot bear is found with the phones that cannot, and with no other.
#[test]
fn settings_hurt_those_phones_that_cannot_bear_them() {
    let settings = EndpointSettings::default;
    let held = |codecs: &[&str]| EndpointSettings {
        codecs: Some(codecs.iter().map(|codec| (*codec).to_owned()).collect()),
        ..settings()
    };
    let over = |name: &str, protocol| EndpointSettings {
        sent_over: Some(NamedTransport { name: name.to_owned(), protocol }),
        ..settings()
    };
    let text = |text: &str| Some(text.to_owned());
    let (pjsip, chan_sip) = (Driver::Pjsip, Driver::ChanSip);
    for (driver, settings, code, (of_7960, of_7942), fix) in [
        (pjsip, settings(), "", (false, false), ""),
        (pjsip, held(&["g729", "opus"]), "", (false, false), ""),
        (pjsip, held(&["g722"]), "no-common-codec", (true, false), "Allowed Codecs: ulaw&alaw"),
        (pjsip, held(&["opus", "gsm"]), "no-common-codec", (true, true), "allow=ulaw,alaw"),
        (chan_sip, held(&[]), "no-common-codec", (true, true), "Allowed Codecs: ulaw&alaw"),
        (pjsip, over("0.0.0.0-udp", Some(SipTransport::Udp)), "transport-other", (false, true), "Transport: Auto"),
        (pjsip, over("0.0.0.0-tcp", Some(SipTransport::Tcp)), "transport-other", (true, false), "Transport: Auto"),
        (pjsip, over("0.0.0.0-tls", None), "transport-other", (true, true), "Transport: Auto"),
        (
            pjsip,
            EndpointSettings { encryption: text("media_encryption = dtls"), ..settings() },
            "media-encrypted",
            (true, true),
            "Media Encryption: None (by hand: media_encryption=no)",
        ),
        (
            chan_sip,
            EndpointSettings { encryption: text("encryption = yes"), ..settings() },
            "media-encrypted",
            (true, true),
            "Enable Encryption: No (by hand: encryption=no)",
        ),
        (
            pjsip,
            EndpointSettings { no_context: true, ..settings() },
            "context-empty",
            (true, true),
            "Context: from-internal",
        ),
        (
            pjsip,
            EndpointSettings { digest: text("SHA-256"), ..settings() },
            "digest-algorithm",
            (true, true),
            "supported_algorithms_uas=MD5",
        ),
        (pjsip, EndpointSettings { dtmf: text("info"), ..settings() }, "dtmf-info", (true, true), "RFC 4733"),
        (chan_sip, EndpointSettings { dtmf: text("info"), ..settings() }, "dtmf-info", (true, true), "RFC 2833"),
        (
            pjsip,
            EndpointSettings { keeps_contacts: true, ..settings() },
            "contacts-kept",
            (true, true),
            "Remove Existing: Yes",
        ),
    ] {
        for (model, hurt) in [("7960", of_7960), ("7942", of_7942)] {
            let hub = on_chan_sip(model, |_, account| {
                (account.driver, account.settings) = (driver, settings.clone());
            });
            let findings = hub.findings(MAC.parse().unwrap());
            let codes: Vec<&str> = findings.iter().map(|finding| finding.code.as_str()).collect();
            assert_eq!(codes, if hurt { vec![code] } else { Vec::new() }, "{model} {settings:?}");
            for finding in &findings {
                assert!(finding.remedy.contains(fix), "{finding:?}");
                assert!(finding.summary.starts_with("extension 1001: "), "{finding:?}");
            }
            let warned_only = ["dtmf-info", "contacts-kept"].contains(&code);
            let health = hub.phone(MAC.parse().unwrap()).unwrap().health;
            assert_eq!(health, if hurt && !warned_only { "needs-hands" } else { "waiting" }, "{model} {settings:?}");
        }
    }
}

fn tried(outcome: Result<(), Unanswered>) -> BTreeMap<Driver, Tried> {
    [(Driver::Pjsip, Tried { address: "192.0.2.1:5060".to_owned(), outcome })].into()
}

/// What the tables say and what was found by connecting, together.
#[test]
fn a_port_that_a_phone_waits_for() {
    let refused = || Some(Err(Unanswered::Refused));
    let lost = || Some(Err(Unanswered::Unreached("no answer within 2 s".to_owned())));
    for (udp, tcp, pending, outcome, code, word) in [
        (Some(5060), None, false, None, "tcp-off", "tcp: Yes"),
        (Some(5060), None, false, refused(), "tcp-off", "tcp: Yes"),
        (Some(5060), None, false, Some(Ok(())), "", ""),
        (Some(5060), Some(5060), false, None, "", ""),
        (Some(5060), Some(5060), false, Some(Ok(())), "", ""),
        (Some(5060), Some(5060), false, refused(), "tcp-silent", "restart Asterisk"),
        (Some(5060), Some(5060), true, refused(), "tcp-silent", "press Apply Config"),
        (Some(5060), Some(5060), false, lost(), "tcp-silent", "firewall"),
        (None, None, false, None, "", ""),
        (None, None, false, refused(), "tcp-silent", "restart Asterisk"),
    ] {
        for (model, hurt) in [("7942", !code.is_empty()), ("7960", false)] {
            let mut roster = roster(&["1001"], assignment(Some(model), &["1001"]));
            roster.registrar.pjsip = Listeners { udp, tcp };
            roster.apply_pending = pending;
            let hub = hub(roster);
            let awaited: Vec<Driver> = hub.awaited_over_tcp().into_iter().collect();
            assert_eq!(awaited, if model == "7942" { vec![Driver::Pjsip] } else { Vec::new() });
            if let Some(outcome) = outcome.clone() {
                hub.tried_tcp(tried(outcome), at(1));
            }
            let findings = hub.findings(MAC.parse().unwrap());
            let codes: Vec<&str> = findings.iter().map(|finding| finding.code.as_str()).collect();
            assert_eq!(codes, if hurt { vec![code] } else { Vec::new() }, "{model} {udp:?} {tcp:?} {outcome:?}");
            assert!(findings.iter().all(|finding| finding.remedy.contains(word)), "{findings:?}");
        }
    }
}

/// Asterisk that is away is not told to restart, and a phone that registered is no matter of ports.
#[test]
fn a_refused_port_where_asterisk_is_away_or_the_phone_there() {
    let hub = hub(roster(&["1001"], assignment(Some("7942"), &["1001"])));
    hub.tried_tcp(tried(Err(Unanswered::Refused)), at(1));
    is(&hub, "silent", "needs-hands", "tcp-silent");
    hub.ami(AmiUpdate::Down { why: "gone".to_owned() }, at(2));
    let finding = hub.findings(MAC.parse().unwrap()).remove(0);
    assert!(finding.remedy.starts_with("see that Asterisk runs"), "{finding:?}");
    hub.ami(AmiUpdate::Up, at(3));
    hub.ami(AmiUpdate::Contacts(vec![contact("1001", "Cisco-CP7942G/9.4.2", ContactState::Registered)]), at(3));
    is(&hub, "registered", "ok", "registered");
    assert!(hub.awaited_over_tcp().is_empty());
}

#[test]
fn phones_that_get_no_time() {
    let findings = |hub: &Hub| {
        let findings = hub.findings(MAC.parse().unwrap());
        findings.into_iter().map(|finding| (finding.code, finding.summary)).collect::<Vec<_>>()
    };
    let said = |host: &str, outcome: Result<(), String>| BTreeMap::from([(host.to_owned(), outcome)]);
    let mut roster = roster(&["1001"], assignment(Some("7960"), &["1001"]));
    let hub_here = hub(roster.clone());
    assert!(hub_here.snapshot().time_servers().is_empty() && findings(&hub_here).is_empty());
    hub_here.settings(Settings::default(), at(1));
    let [(code, summary)] = findings(&hub_here).try_into().unwrap();
    assert!(code == "no-clock" && summary.contains("no time server"), "{summary}");
    is(&hub_here, "silent", "waiting", "not-seen");

    roster.assignments.values_mut().next().unwrap().options.ntp = Some("192.0.2.123".to_owned());
    let hub = hub(roster);
    assert_eq!(hub.snapshot().time_servers(), ["192.0.2.123".to_owned()].into());
    assert!(findings(&hub).is_empty(), "it was not asked yet");
    hub.asked_clocks(said("192.0.2.123", Err("it is not synchronised itself".to_owned())), at(1));
    let [(code, summary)] = findings(&hub).try_into().unwrap();
    assert!(code == "no-clock" && summary.contains("192.0.2.123") && summary.contains("not synchronised"), "{summary}");
    hub.asked_clocks(said("192.0.2.123", Ok(())), at(2));
    assert!(findings(&hub).is_empty());
}

/// A Java phone has one registrar; a 7960 has one for each line.
#[test]
fn a_phone_on_two_drivers() {
    for (model, warned) in [("7942", true), ("7960", false)] {
        let mut roster = roster(&["1001", "1002"], assignment(Some(model), &["1001", "1002"]));
        roster.registrar.chan_sip = Listeners { udp: Some(5160), tcp: Some(5160) };
        roster.accounts.get_mut(&"1002".parse().unwrap()).unwrap().driver = Driver::ChanSip;
        let findings = hub(roster).findings(MAC.parse().unwrap());
        assert_eq!(findings.iter().any(|finding| finding.code == "port-not-shared"), warned, "{model}: {findings:?}");
    }
}

/// Only a registration with the driver that the extension is on counts, wherever it was before.
#[test]
fn the_driver_that_the_extension_is_on_counts() {
    let hub = on_chan_sip("7960", |_, _| ());
    let on = |driver| {
        let contact = contact("1001", "Cisco-CP7960G/8.0", ContactState::Registered);
        Contact { endpoint: Endpoint::new(driver, "1001"), ..contact }
    };
    hub.ami(AmiUpdate::Contacts(vec![on(Driver::Pjsip)]), at(1));
    is(&hub, "silent", "waiting", "not-seen");
    hub.ami(AmiUpdate::Contacts(vec![on(Driver::Pjsip), on(Driver::ChanSip)]), at(2));
    is(&hub, "registered", "ok", "registered");
    // The other driver's registration ends.
    let other = Endpoint::new(Driver::Pjsip, "1001");
    hub.ami(AmiUpdate::Endpoint { endpoint: other.clone(), contacts: Vec::new(), at: at(3) }, at(3));
    is(&hub, "registered", "ok", "registered");
    // Moved: the phone registers with the old driver till it has fetched its file anew.
    let moved = roster(&["1001"], assignment(Some("7960"), &["1001"]));
    hub.pbx(&view(moved), at(4));
    assert_eq!(state(&hub).0, "registering");
    assert!(hub.is_phones(&other) && !hub.is_phones(&Endpoint::new(Driver::ChanSip, "1001")));
    hub.ami(AmiUpdate::Endpoint { endpoint: other, contacts: vec![on(Driver::Pjsip)], at: at(5) }, at(5));
    is(&hub, "registered", "ok", "registered");
    hub.ami(AmiUpdate::Contacts(vec![on(Driver::ChanSip)]), at(6));
    is(&hub, "unreachable", "waiting", "registration-ended");
}

/// A line that ends while the others are there may be the first of a phone that restarts.
#[test]
fn a_line_that_ends_is_given_time() {
    let hub = hub(roster(&["1001", "1002"], assignment(Some("7960"), &["1001", "1002"])));
    register(&hub, "1001", "Cisco-CP7960G/8.0", 0);
    register(&hub, "1002", "Cisco-CP7960G/8.0", 1);
    let codes = || hub.findings(MAC.parse().unwrap()).into_iter().map(|finding| finding.code).collect::<Vec<_>>();
    let endpoint = Endpoint::new(Driver::Pjsip, "1002");
    hub.ami(AmiUpdate::Endpoint { endpoint, contacts: Vec::new(), at: at(500) }, at(500));
    is(&hub, "partial", "waiting", "some-lines");
    hub.tick(at(679));
    assert_eq!(codes(), [""; 0]);
    hub.tick(at(680));
    assert_eq!(codes(), ["line-missing"]);
}

/// A phone that is away is waited for, from the first sign on; from when it asks for its configuration, anew.
#[test]
fn a_phone_that_restarts_is_given_time() {
    let hub = hub(roster(&["1001"], assignment(Some("7960"), &["1001"])));
    let says = |state: Option<ContactState>, second| {
        let contacts = Vec::from_iter(state.map(|state| contact("1001", "Cisco-CP7960G/8.0", state)));
        let endpoint = Endpoint::new(Driver::Pjsip, "1001");
        hub.ami(AmiUpdate::Endpoint { endpoint, contacts, at: at(second) }, at(second));
    };
    says(Some(ContactState::Registered), 0);
    says(Some(ContactState::Unreachable), 100);
    is(&hub, "unreachable", "waiting", "unreachable");
    assert_eq!(hub.findings(MAC.parse().unwrap()), []);
    // The contact's end is no other beginning.
    says(None, 200);
    hub.tick(at(279));
    is(&hub, "unreachable", "waiting", "registration-ended");
    hub.tick(at(280));
    is(&hub, "unreachable", "stalled", "registration-ended");
    says(Some(ContactState::Registered), 300);
    is(&hub, "registered", "ok", "registered");

    says(Some(ContactState::Unreachable), 400);
    hub.tick(at(600));
    is(&hub, "unreachable", "stalled", "unreachable");
    assert_eq!(hub.findings(MAC.parse().unwrap())[0].code, "unreachable");
    assert_eq!(ask(&hub, "SIP001B54AABB01.cnf", 1_000), Ok(()));
    hub.tick(at(1_001));
    is(&hub, "unreachable", "waiting", "unreachable");
    hub.tick(at(1_180));
    is(&hub, "unreachable", "stalled", "unreachable");
    // Again and again is no restart.
    assert_eq!(ask(&hub, "SIP001B54AABB01.cnf", 2_000), Ok(()));
    is(&hub, "unreachable", "waiting", "unreachable");
    assert_eq!(ask(&hub, "SIP001B54AABB01.cnf", 2_020), Ok(()));
    is(&hub, "unreachable", "stalled", "unreachable");
}

#[test]
fn strangers_are_named_and_get_nothing() {
    let hub = hub(roster(&["1001"], assignment(Some("7960"), &["1001"])));
    assert_eq!(ask(&hub, "SIP001B54AABBFF.cnf", 1), Err("not-assigned"));
    let stranger = hub.phone("001B54AABBFF".parse().unwrap()).unwrap();
    assert_eq!((stranger.ownership.as_str(), stranger.reason.as_str()), ("seen", "not-assigned"));
}

#[test]
fn nobody_is_told_anything_before_the_first_roster() {
    let (events, _) = mpsc::channel(1);
    let hub = Hub::new(
        Snapshot::empty(Arc::default(), Arc::new(Catalog::builtin()), 2026),
        Vec::new(),
        Vec::new(),
        events,
        at(0),
    );
    for name in ["SIP001B54AABB01.cnf", "SIPDefault.cnf"] {
        assert_eq!(ask(&hub, name, 1), Err("no-roster"));
    }
}

#[test]
fn our_own_assignment_yields_to_the_pbx_s() {
    let hub = hub(roster(&["1001", "1002"], assignment(Some("7960"), &["1001"])));
    let own = Assignment { origin: Origin::Own, ..assignment(Some("7942"), &["1002"]) };
    hub.own(vec![own], at(1));
    let phone = hub.phone(MAC.parse().unwrap()).unwrap();
    assert_eq!((phone.model.as_str(), phone.lines[0].extension.as_str()), ("7960", "1001"));
    let clash = |row: &RowProblem| row.problem.code == "assigned-twice";
    assert!(hub.snapshot().problems.iter().any(clash));
}

#[test]
fn two_phones_with_one_extension_are_told_apart_by_address() {
    let mut shared = roster(&["1001"], assignment(Some("7960"), &["1001"]));
    let other = Assignment { mac: "001B54AABB02".parse().unwrap(), ..assignment(Some("7960"), &["1001"]) };
    shared.assignments.insert(other.mac, other);
    let hub = hub(shared);
    assert_eq!(ask(&hub, "SIP001B54AABB01.cnf", 1), Ok(()));
    register(&hub, "1001", "Cisco-CP7960G/8.0", 2);
    is(&hub, "registered", "ok", "registered");
    assert_eq!(hub.phone("001B54AABB02".parse().unwrap()).unwrap().stage, "silent");
    assert!(hub.snapshot().problems.iter().any(|row| row.problem.code == "assigned-twice"));
}

#[test]
fn names_from_the_network_are_escaped() {
    let hub = hub(roster(&["1001"], assignment(Some("7960"), &["1001"])));
    let _ = ask(&hub, "SIP001B54AABB01.cnf", 1);
    let _ = ask(&hub, "a\n[alarm]\x1b[2J", 2);
    let last = hub.timeline(MAC.parse().unwrap()).pop().unwrap();
    assert!(!last.summary.contains(char::is_control), "{}", last.summary);
}
